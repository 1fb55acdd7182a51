/* SPDX-License-Identifier: MIT */
/*
 * Cgroup paths. With the unified hierarchy there is one, "0::PATH"; before it systemd kept its
 * units in "name=systemd", and on hybrid machines in both. Containers of programs that do not
 * ask systemd are found in any hierarchy.
 *
 * A path is walked from the root: slices, then one .service or .scope, and there it ends, unless
 * that was user@UID.service: then the walk goes on once more below it. What lies deeper was made
 * by whom the group was delegated to.
 */
#include "broker/scan/cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/services.h"

#define MAX_PATH_LENGTH 4096 /* the kernel's, of a cgroup path */
#define MAX_COMPONENTS 64

struct path {
	size_t n_names;
	char *names[MAX_COMPONENTS]; /* into `text` */
	char text[MAX_PATH_LENGTH];
};

const char *container_kind_name(enum container_kind kind)
{
	static const char *const names[_CONTAINER_KIND_COUNT] = {
		[CONTAINER_NONE] = "none",
		[CONTAINER_NSPAWN] = "nspawn",
		[CONTAINER_MACHINE] = "machine",
		[CONTAINER_PODMAN] = "podman",
		[CONTAINER_DOCKER] = "docker",
		[CONTAINER_KUBERNETES] = "kubernetes",
		[CONTAINER_CONTAINERD] = "containerd",
		[CONTAINER_CRIO] = "crio",
		[CONTAINER_LXC] = "lxc",
		[CONTAINER_NAMESPACE] = "namespace",
	};

	return names[kind];
}

const char *sandbox_kind_name(enum sandbox_kind kind)
{
	static const char *const names[_SANDBOX_KIND_COUNT] = {
		[SANDBOX_NONE] = "none",
		[SANDBOX_FLATPAK] = "flatpak",
		[SANDBOX_SNAP] = "snap",
	};

	return names[kind];
}

/* False: too long, or nothing that a path is. */
static bool split_path(const char *text, size_t size, struct path *ret_path)
{
	static const char deleted[] = " (deleted)"; /* the group was removed under the process */
	struct path *path = ret_path;
	char *rest = path->text;
	char *name;

	path->n_names = 0;
	if (size == 0 || size >= sizeof(path->text) || text[0] != '/' || memchr(text, '\0', size)) {
		return false;
	}
	memcpy(path->text, text, size);
	path->text[size] = '\0';
	if (size > sizeof(deleted) - 1 &&
	    strcmp(path->text + size - (sizeof(deleted) - 1), deleted) == 0) {
		path->text[size - (sizeof(deleted) - 1)] = '\0';
	}
	while ((name = strsep(&rest, "/"))) {
		/* ".." stands for what is above this process's own cgroup namespace. */
		if (!*name || strcmp(name, "..") == 0) {
			continue;
		}
		if (path->n_names == MAX_COMPONENTS) {
			return false;
		}
		path->names[path->n_names++] = name[0] == '_' ? name + 1 : name; /* systemd's */
	}
	return true;
}

static bool starts_with(const char *text, const char *prefix, const char **ret_rest)
{
	size_t length = strlen(prefix);

	if (strncmp(text, prefix, length) != 0) {
		return false;
	}
	*ret_rest = text + length;
	return true;
}

/* Text up to the suffix; false when it is not there or nothing is before it. */
static bool ends_with(const char *text, const char *suffix, size_t *ret_length)
{
	size_t suffix_length = strlen(suffix);

	if (!services_unit_has_suffix(text, suffix)) {
		return false;
	}
	*ret_length = strlen(text) - suffix_length;
	return true;
}

/* ---- containers ---- */

static void set_container(struct cgroup_facts *facts, enum container_kind kind, const char *name,
			  size_t length)
{
	facts->container = kind;
	if (services_unescape(name, length, facts->container_name, sizeof(facts->container_name)) <=
	    0) {
		if (length >= sizeof(facts->container_name)) {
			length = sizeof(facts->container_name) - 1;
		}
		memcpy(facts->container_name, name, length);
		facts->container_name[length] = '\0';
	}
}

/* Long hexadecimal ids are known by their first 12 digits. */
static size_t id_length(const char *id, size_t length)
{
	return length == 64 && strspn(id, "0123456789abcdef") >= length ? 12 : length;
}

static const struct {
	const char *prefix;
	enum container_kind kind;
} id_prefixes[] = {
	{"libpod-conmon-", CONTAINER_PODMAN}, /* its monitor ends with it */
	{"libpod-payload-", CONTAINER_PODMAN},
	{"libpod-", CONTAINER_PODMAN},
	{"docker-", CONTAINER_DOCKER},
	{"cri-containerd-", CONTAINER_CONTAINERD},
	{"nerdctl-", CONTAINER_CONTAINERD},
	{"crio-conmon-", CONTAINER_CRIO},
	{"crio-", CONTAINER_CRIO},
};

/* "libpod-ID.scope", "docker-ID.scope", "libpod-ID" of podman without systemd. */
static bool find_id(const char *name, struct cgroup_facts *facts)
{
	const char *id;

	for (size_t i = 0; i < ARRAY_SIZE(id_prefixes); i++) {
		if (starts_with(name, id_prefixes[i].prefix, &id)) {
			size_t length = strlen(id);
			bool is_scope = ends_with(id, ".scope", &length);

			/* "docker-proxy.service" and the like are services of the host. */
			if (length == 0 || (!is_scope && strchr(id, '.'))) {
				return false;
			}
			set_container(facts, id_prefixes[i].kind, id, id_length(id, length));
			return true;
		}
	}
	return false;
}

static bool is_kubernetes(const struct path *path)
{
	const char *rest;

	for (size_t i = 0; i < path->n_names; i++) {
		if (starts_with(path->names[i], "kubepods", &rest) &&
		    (!*rest || strcmp(rest, ".slice") == 0 || *rest == '-')) {
			return true;
		}
	}
	return false;
}

/* A name in machine.slice. */
static bool find_machine(const char *name, struct cgroup_facts *facts)
{
	const char *rest;
	size_t length;

	if (starts_with(name, "systemd-nspawn@", &rest) && ends_with(rest, ".service", &length)) {
		set_container(facts, CONTAINER_NSPAWN, rest, length);
		return true;
	}
	if (starts_with(name, "machine-", &rest) && ends_with(rest, ".scope", &length)) {
		set_container(facts, CONTAINER_MACHINE, rest, length);
		return true;
	}
	return false;
}

/* "lxc.payload.NAME", "lxc.monitor.NAME", "lxc.payload/NAME", "lxc/NAME"; "docker/ID". */
static bool find_named(const char *name, const char *next, struct cgroup_facts *facts)
{
	const char *rest;

	if (starts_with(name, "lxc.payload", &rest) || starts_with(name, "lxc.monitor", &rest)) {
		if (*rest == '.' && rest[1]) {
			set_container(facts, CONTAINER_LXC, rest + 1, strlen(rest + 1));
			return true;
		}
		rest = *rest ? NULL : next;
	} else {
		rest = strcmp(name, "lxc") == 0 ? next : NULL;
	}
	if (rest) {
		set_container(facts, CONTAINER_LXC, rest, strlen(rest));
		return true;
	}
	if (next && strcmp(name, "docker") == 0) {
		set_container(facts, CONTAINER_DOCKER, next, id_length(next, strlen(next)));
		return true;
	}
	return false;
}

/* The outermost container of the path. */
static void find_container(const struct path *path, struct cgroup_facts *facts)
{
	bool in_pod = is_kubernetes(path);
	bool in_machines = false;

	for (size_t i = 0; i < path->n_names && !facts->container; i++) {
		const char *name = path->names[i];
		const char *next = i + 1 < path->n_names ? path->names[i + 1] : NULL;

		/* A user may call a group below their manager what they like, but then it is
		 * their own processes that are left alone. */
		in_machines = in_machines || strcmp(name, "machine.slice") == 0;
		if (!find_id(name, facts) && !(in_machines && find_machine(name, facts)) &&
		    !find_named(name, next, facts) && in_machines &&
		    services_unit_has_suffix(name, ".scope")) {
			set_container(facts, CONTAINER_MACHINE, name, strlen(name) - 6);
		}
	}
	if (in_pod && !facts->container) {
		const char *last = path->names[path->n_names - 1];

		set_container(facts, CONTAINER_KUBERNETES, last, id_length(last, strlen(last)));
	}
}

/* ---- units ---- */

static void copy_unit(const char *unit, char ret_unit[MAX_UNIT_BYTES + 1])
{
	(void)snprintf(ret_unit, MAX_UNIT_BYTES + 1, "%s", unit); /* a valid name fits */
}

static void unescape_id(const char *id, size_t length, struct cgroup_facts *facts)
{
	if (services_unescape(id, length, facts->desktop_id, sizeof(facts->desktop_id)) <= 0) {
		facts->desktop_id[0] = '\0';
	}
}

static const char *last_dash(const char *text, size_t length)
{
	return memrchr(text, '-', length);
}

/*
 * What follows "app-": "[LAUNCHER-]ID-RANDOM.scope" or "[LAUNCHER-]ID[@RANDOM].service", where
 * "-" in an id is escaped (XDG: desktop environments with systemd).
 */
static void find_desktop_id(const char *rest, bool is_scope, struct cgroup_facts *facts)
{
	size_t length = strlen(rest) - strlen(is_scope ? ".scope" : ".service");
	const char *end = is_scope ? last_dash(rest, length) : memchr(rest, '@', length);
	const char *launcher;

	if (end) {
		length = (size_t)(end - rest);
	} else if (is_scope) {
		return; /* without its random part: not made by these rules */
	}
	launcher = last_dash(rest, length);
	if (launcher) {
		if (strncmp(rest, "flatpak-", 8) == 0) {
			facts->sandbox = SANDBOX_FLATPAK;
		}
		length -= (size_t)(launcher + 1 - rest);
		rest = launcher + 1;
	}
	unescape_id(rest, length, facts);
}

/* "snap.NAME.APP-UUID.scope", "snap.NAME.APP.UUID.scope": the entry is NAME_APP. */
static void find_snap(const char *rest, bool is_scope, struct cgroup_facts *facts)
{
	const char *name_end = strchr(rest, '.');
	const char *app = name_end ? name_end + 1 : NULL;
	size_t length = app ? strcspn(app, ".-") : 0;

	facts->sandbox = SANDBOX_SNAP;
	if (!is_scope || !length) {
		return;
	}
	/* A "-" may be in the name of the program; the UUID has four of its own. */
	if (app[length] == '-') {
		const char *end = strrchr(app, '.');

		length = (size_t)(end - app) > 37 ? (size_t)(end - app) - 37 : length;
	}
	(void)snprintf(facts->desktop_id, sizeof(facts->desktop_id), "%.*s_%.*s",
		       (int)(name_end - rest), rest, (int)length, app);
}

static void describe_unit(const char *unit, struct cgroup_facts *facts)
{
	bool is_scope = services_unit_has_suffix(unit, ".scope");
	const char *rest;

	copy_unit(unit, is_scope ? facts->scope : facts->service);
	if (starts_with(unit, "snap.", &rest)) {
		find_snap(rest, is_scope, facts);
		facts->is_app_scope = is_scope && facts->is_user;
	}
	if (facts->is_user && starts_with(unit, "app-", &rest)) {
		*(is_scope ? &facts->is_app_scope : &facts->is_app_service) = true;
		find_desktop_id(rest, is_scope, facts);
	}
}

/* "user@1000.service". */
static bool parse_manager(const char *unit, uid_t *ret_uid)
{
	const char *rest;
	uint64_t uid = 0;
	size_t n = 0;

	if (!starts_with(unit, "user@", &rest)) {
		return false;
	}
	for (; rest[n] >= '0' && rest[n] <= '9' && n < 10; n++) {
		uid = uid * 10 + (uint64_t)(rest[n] - '0');
	}
	if (n == 0 || uid >= UINT32_MAX || strcmp(rest + n, ".service") != 0) {
		return false;
	}
	*ret_uid = (uid_t)uid;
	return true;
}

static void find_login(const char *scope, struct cgroup_facts *facts)
{
	const char *rest;
	size_t length;

	if (!facts->is_user && strncmp(facts->slice, "user-", 5) == 0 &&
	    starts_with(scope, "session-", &rest) && ends_with(rest, ".scope", &length)) {
		memcpy(facts->login_session, rest, length);
		facts->login_session[length] = '\0';
	}
}

/* From name number `at` on. Returns whether a unit was found. */
static bool find_unit(const struct path *path, size_t at, struct cgroup_facts *facts)
{
	for (; at < path->n_names; at++) {
		const char *name = path->names[at];

		if (!services_unit_is_valid(name)) {
			return false;
		}
		if (services_unit_has_suffix(name, ".slice")) {
			copy_unit(name, facts->slice);
			continue;
		}
		if (strcmp(name, "init.scope") == 0 && !*facts->slice) {
			facts->is_manager = true;
		}
		if (!facts->is_user && parse_manager(name, &facts->manager_uid)) {
			facts->is_user = true;
			facts->slice[0] = '\0';
			if (at + 1 == path->n_names) {
				facts->is_manager = true; /* before it had a group of its own */
			} else {
				(void)find_unit(path, at + 1, facts);
			}
			return true;
		}
		if (services_unit_has_suffix(name, ".scope")) {
			find_login(name, facts);
		} else if (!services_unit_has_suffix(name, ".service")) {
			return false;
		}
		describe_unit(name, facts);
		return true;
	}
	return false;
}

/* ---- the text ---- */

enum hierarchy {
	HIERARCHY_UNIFIED,
	HIERARCHY_SYSTEMD,
	HIERARCHY_OTHER,
};

/* Splits "ID:CONTROLLERS:PATH"; the path may have colons. */
static bool split_line(const char *line, size_t size, enum hierarchy *ret_hierarchy,
		       struct path *ret_path)
{
	const char *first = memchr(line, ':', size);
	const char *second;

	if (!first) {
		return false;
	}
	second = memchr(first + 1, ':', size - (size_t)(first + 1 - line));
	if (!second) {
		return false;
	}
	if (second == first + 1 && first == line + 1 && line[0] == '0') {
		*ret_hierarchy = HIERARCHY_UNIFIED;
	} else if (second - first == 13 && memcmp(first + 1, "name=systemd", 12) == 0) {
		*ret_hierarchy = HIERARCHY_SYSTEMD;
	} else {
		*ret_hierarchy = HIERARCHY_OTHER;
	}
	return split_path(second + 1, size - (size_t)(second + 1 - line), ret_path);
}

static void forget_unit(struct cgroup_facts *facts)
{
	struct cgroup_facts kept = {.container = facts->container};

	memcpy(kept.container_name, facts->container_name, sizeof(kept.container_name));
	*facts = kept;
}

void cgroup_parse(const char *text, size_t size, struct cgroup_facts *ret_facts)
{
	struct cgroup_facts facts = {0};
	struct path path;
	bool is_known = false;
	bool has_unit = false;

	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;
		enum hierarchy hierarchy;

		if (split_line(text, length, &hierarchy, &path)) {
			is_known = true;
			if (!facts.container) {
				find_container(&path, &facts);
			}
			/* On hybrid machines either may be the one where the units are. */
			if (hierarchy != HIERARCHY_OTHER && !has_unit) {
				forget_unit(&facts);
				has_unit = find_unit(&path, 0, &facts);
			}
		}
		text += end ? length + 1 : length;
		size -= end ? length + 1 : length;
	}
	facts.is_known = is_known;
	*ret_facts = facts;
}
