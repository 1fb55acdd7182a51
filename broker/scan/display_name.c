/* SPDX-License-Identifier: MIT */
/*
 * Names from files. A unit's name and a desktop id come from a cgroup path, which below a user's
 * manager that user chose; so they are only ever a last part of a path, without a slash, below
 * directories of root's, or of the user this process runs as. Other files than regular ones are
 * not read. Drop-ins of units are not looked at.
 */
#include "broker/scan/display_name.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/services.h"
#include "proto/text.h"

#define MAX_FILE_BYTES (64u * 1024u)
#define VALUE_BYTES 2048

/* In the order in which systemd looks, the first that has a file wins. */
static const char *const system_directories[] = {
	"/etc/systemd/system.control", "/run/systemd/system.control",
	"/run/systemd/transient",      "/run/systemd/generator.early",
	"/etc/systemd/system",	       "/etc/systemd/system.attached",
	"/run/systemd/system",	       "/run/systemd/system.attached",
	"/run/systemd/generator",      "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system",     "/lib/systemd/system",
	"/run/systemd/generator.late",
};

static const char *const user_directories[] = {
	"/etc/systemd/user",	 "/run/systemd/user", "/usr/local/lib/systemd/user",
	"/usr/lib/systemd/user", "/lib/systemd/user",
};

/* Below the user's own directories. */
static const struct {
	bool in_runtime; /* else in the configuration's, or the data's */
	bool in_data;
	const char *path;
} own_directories[] = {
	{true, false, "systemd/transient"}, {false, false, "systemd/user"},
	{true, false, "systemd/user"},	    {true, false, "systemd/generator"},
	{false, true, "systemd/user"},	    {true, false, "systemd/generator.late"},
};

static const char default_data[] =
	"/usr/local/share:/usr/share:/var/lib/flatpak/exports/share:/var/lib/snapd/desktop";

/* $VARIABLE, else $HOME/REST; "" when neither is an absolute path. */
static void find_home(const char *variable, const char *rest, char ret_path[PATH_MAX])
{
	const char *base = secure_getenv(variable);
	int n;

	if (base && *base == '/') {
		n = snprintf(ret_path, PATH_MAX, "%s", base);
	} else {
		base = secure_getenv("HOME");
		n = snprintf(ret_path, PATH_MAX, "%s/%s", base ? base : "", rest);
	}
	if (!base || *base != '/' || n >= PATH_MAX) {
		ret_path[0] = '\0';
	}
}

void display_places_init(struct display_places *places, bool is_system)
{
	*places = (struct display_places){.root = "", .own_uid = geteuid()};
	if (!is_system) {
		find_home("XDG_CONFIG_HOME", ".config", places->config_home);
		find_home("XDG_DATA_HOME", ".local/share", places->data_home);
		places->runtime_directory = secure_getenv("XDG_RUNTIME_DIR");
		places->data_directories = secure_getenv("XDG_DATA_DIRS");
	}
}

/* ---- key files ---- */

/* Copies a line without the blanks around it. */
static void trim(const char **line, size_t *length)
{
	while (*length && strchr(" \t\r", **line)) {
		(*line)++;
		(*length)--;
	}
	while (*length && strchr(" \t\r", (*line)[*length - 1])) {
		(*length)--;
	}
}

/*
 * The last value of a key of one section; empty ones take it back. Lines that end in a backslash
 * go on (`joins`).
 */
static bool find_value(const char *text, size_t size, const char *section, const char *key,
		       bool joins, char ret_value[VALUE_BYTES])
{
	size_t key_length = strlen(key);
	size_t used = 0;
	bool is_section = false;
	bool goes_on = false;

	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t whole = end ? (size_t)(end - text) + 1 : size;
		size_t length = end ? whole - 1 : whole;
		const char *line = text;
		bool is_value = goes_on;

		text += whole;
		size -= whole;
		trim(&line, &length);
		if (!goes_on && length && line[0] == '[') {
			is_section = length == strlen(section) && !memcmp(line, section, length);
		} else if (!goes_on && is_section && length > key_length &&
			   !memcmp(line, key, key_length)) {
			line += key_length;
			length -= key_length;
			trim(&line, &length);
			if (length && line[0] == '=') {
				line++;
				length--;
				trim(&line, &length);
				used = 0;
				is_value = true;
			}
		}
		goes_on = is_value && joins && length && line[length - 1] == '\\';
		length -= goes_on ? 1 : 0;
		if (is_value && length < VALUE_BYTES - 1 - used) {
			memcpy(ret_value + used, line, length);
			used += length;
			if (goes_on) {
				ret_value[used++] = ' ';
			}
		}
	}
	ret_value[used] = '\0';
	return used != 0 && !memchr(ret_value, '\0', used);
}

/* ---- units ---- */

struct text {
	size_t used;
	char bytes[VALUE_BYTES];
};

static void append(struct text *to, const char *bytes, size_t length)
{
	if (length < sizeof(to->bytes) - to->used) {
		memcpy(to->bytes + to->used, bytes, length);
		to->used += length;
	}
}

static void append_unescaped(struct text *to, const char *bytes, size_t length)
{
	char plain[MAX_UNIT_BYTES + 1];
	char dashes[MAX_UNIT_BYTES + 1];
	ssize_t n;

	if (length > MAX_UNIT_BYTES) {
		return;
	}
	for (size_t i = 0; i < length; i++) {
		dashes[i] = bytes[i] == '-' ? '/' : bytes[i]; /* systemd's escape of a path */
	}
	n = services_unescape(dashes, length, plain, sizeof(plain));
	if (n >= 0) {
		append(to, plain, (size_t)n);
	} else {
		append(to, bytes, length);
	}
}

/* One specifier of a unit's name; what depends on more than that stays as it is. */
static void append_specifier(struct text *to, char specifier, const char *unit)
{
	size_t length = strlen(unit);
	size_t stem = length - strlen(services_unit_suffix(unit));
	const char *at = memchr(unit, '@', stem);
	size_t prefix = at ? (size_t)(at - unit) : stem;
	const char *instance = at ? at + 1 : "";
	size_t instance_length = at ? stem - prefix - 1 : 0;
	const char *dash = memrchr(unit, '-', prefix);
	char unknown[2] = {'%', specifier};

	switch (specifier) {
	case '%':
		append(to, "%", 1);
		break;
	case 'i':
		append(to, instance, instance_length);
		break;
	case 'I':
		append_unescaped(to, instance, instance_length);
		break;
	case 'n':
		append(to, unit, length);
		break;
	case 'N':
		append(to, unit, stem);
		break;
	case 'p':
		append(to, unit, prefix);
		break;
	case 'P':
		append_unescaped(to, unit, prefix);
		break;
	case 'j':
		append(to, dash ? dash + 1 : unit, prefix - (dash ? (size_t)(dash + 1 - unit) : 0));
		break;
	default:
		append(to, unknown, sizeof(unknown));
	}
}

bool display_name_parse_unit(const char *text, size_t size, const char *unit,
			     char ret_name[MAX_NAME_BYTES + 1])
{
	char value[VALUE_BYTES];
	struct text name = {0};

	if (!find_value(text, size, "[Unit]", "Description", true, value)) {
		return false;
	}
	for (const char *at = value; *at; at++) {
		if (*at == '%' && at[1]) {
			append_specifier(&name, *++at, unit);
		} else {
			append(&name, at, 1);
		}
	}
	return text_clean(name.bytes, name.used, ret_name, MAX_NAME_BYTES + 1) != 0;
}

bool display_name_parse_entry(const char *text, size_t size, char ret_name[MAX_NAME_BYTES + 1])
{
	char value[VALUE_BYTES];
	char *to = value;

	if (!find_value(text, size, "[Desktop Entry]", "Name", false, value)) {
		return false;
	}
	for (const char *at = value; *at; at++) {
		char c = *at;

		if (c == '\\' && at[1]) {
			at++;
			c = strchr("sntr", *at) ? ' ' : *at;
		}
		*to++ = c;
	}
	return text_clean(value, (size_t)(to - value), ret_name, MAX_NAME_BYTES + 1) != 0;
}

/* ---- files ---- */

enum found {
	FOUND_NOTHING, /* no such file: look on */
	FOUND_FILE,
	FOUND_MASK, /* it is there and has no name: look no further */
};

static enum found read_file(const char *path, char **ret_text, size_t *ret_size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	char *text;
	ssize_t n;

	if (fd < 0) {
		return FOUND_NOTHING;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		return FOUND_MASK;
	}
	text = malloc(MAX_FILE_BYTES);
	n = text ? read(fd, text, MAX_FILE_BYTES) : -1;
	if (n < 0) {
		free(text);
		return FOUND_MASK;
	}
	*ret_text = text;
	*ret_size = (size_t)n;
	return FOUND_FILE;
}

static enum found look_at_unit(const char *root, const char *directory, const char *file_name,
			       const char *unit, char ret_name[MAX_NAME_BYTES + 1])
{
	_cleanup_(freep) char *text = NULL;
	char path[PATH_MAX];
	enum found found;
	size_t size = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s%s/%s", root, directory, file_name) >=
	    sizeof(path)) {
		return FOUND_NOTHING;
	}
	found = read_file(path, &text, &size);
	if (found == FOUND_FILE && !display_name_parse_unit(text, size, unit, ret_name)) {
		return FOUND_MASK;
	}
	return found;
}

static enum found look_at_own(const struct display_places *places, const char *file_name,
			      const char *unit, char ret_name[MAX_NAME_BYTES + 1])
{
	enum found found = FOUND_NOTHING;

	for (size_t i = 0; found == FOUND_NOTHING && i < ARRAY_SIZE(own_directories); i++) {
		const char *base = own_directories[i].in_runtime ? places->runtime_directory
				   : own_directories[i].in_data	 ? places->data_home
								 : places->config_home;
		char directory[PATH_MAX];

		if (base && *base == '/' &&
		    (size_t)snprintf(directory, sizeof(directory), "%s/%s", base,
				     own_directories[i].path) < sizeof(directory)) {
			found = look_at_unit("", directory, file_name, unit, ret_name);
		}
	}
	return found;
}

/* Looks for one file name in all directories of a manager. */
static enum found look_for_file(const struct display_places *places,
				const struct cgroup_facts *cgroup, const char *file_name,
				char ret_name[MAX_NAME_BYTES + 1])
{
	const char *const *directories = cgroup->is_user ? user_directories : system_directories;
	size_t n = cgroup->is_user ? ARRAY_SIZE(user_directories) : ARRAY_SIZE(system_directories);
	enum found found = FOUND_NOTHING;

	if (cgroup->is_user && cgroup->manager_uid == places->own_uid) {
		found = look_at_own(places, file_name, cgroup->service, ret_name);
	}
	for (size_t i = 0; found == FOUND_NOTHING && i < n; i++) {
		found = look_at_unit(places->root, directories[i], file_name, cgroup->service,
				     ret_name);
	}
	return found;
}

static bool find_unit_name(const struct display_places *places, const struct cgroup_facts *cgroup,
			   char ret_name[MAX_NAME_BYTES + 1])
{
	const char *at = strchr(cgroup->service, '@');
	char template[MAX_UNIT_BYTES + sizeof(".service")];
	enum found found;

	/* A valid unit name has no slash; one that begins with a dot could be "..", less ".service". */
	if (!*cgroup->service || cgroup->service[0] == '.') {
		return false;
	}
	found = look_for_file(places, cgroup, cgroup->service, ret_name);
	if (found == FOUND_NOTHING && at) {
		(void)snprintf(template, sizeof(template), "%.*s@%s", (int)(at - cgroup->service),
			       cgroup->service, services_unit_suffix(cgroup->service));
		found = look_for_file(places, cgroup, template, ret_name);
	}
	return found == FOUND_FILE;
}

static bool look_at_entry(const char *root, const char *base, size_t length, const char *id,
			  char ret_name[MAX_NAME_BYTES + 1])
{
	_cleanup_(freep) char *text = NULL;
	char path[PATH_MAX];
	size_t size = 0;

	return length && base[0] == '/' &&
	       (size_t)snprintf(path, sizeof(path), "%s%.*s/applications/%s.desktop", root,
				(int)length, base, id) < sizeof(path) &&
	       read_file(path, &text, &size) == FOUND_FILE &&
	       display_name_parse_entry(text, size, ret_name);
}

static bool find_entry_name(const struct display_places *places, const struct cgroup_facts *cgroup,
			    char ret_name[MAX_NAME_BYTES + 1])
{
	const char *id = cgroup->desktop_id;
	bool is_own = cgroup->is_user && cgroup->manager_uid == places->own_uid;
	const char *list = is_own && places->data_directories && *places->data_directories
				   ? places->data_directories
				   : default_data;
	bool is_found = false;

	if (!*id || id[0] == '.' || strchr(id, '/')) {
		return false;
	}
	if (is_own) {
		is_found = look_at_entry("", places->data_home, strlen(places->data_home), id,
					 ret_name);
	}
	while (!is_found && *list) {
		size_t length = strcspn(list, ":");

		is_found = look_at_entry(places->root, list, length, id, ret_name);
		list += length + (list[length] == ':');
	}
	return is_found;
}

void display_name_find(const struct display_places *places, const struct process_facts *facts,
		       char ret_name[MAX_NAME_BYTES + 1])
{
	const struct cgroup_facts *cgroup = &facts->cgroup;
	const char *name = process_facts_name(facts);

	if (process_facts_know(facts, FACT_CGROUP)) {
		if (find_entry_name(places, cgroup, ret_name) ||
		    find_unit_name(places, cgroup, ret_name)) {
			return;
		}
		/* systemd shows a unit without a description by its name. */
		if (*cgroup->service && !cgroup->is_app_service) {
			name = cgroup->service;
		}
	}
	(void)text_clean(name, strlen(name), ret_name, MAX_NAME_BYTES + 1);
}
