/* SPDX-License-Identifier: MIT */
/*
 * What applications, their uses and their states are called. Short forms name files by the last
 * part of their path; a use is told once however many processes share it.
 */
#include "client/rmctl/application_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/rmctl/escape.h"

/* RM_APP_TYPE, which the native face does not define. */
#define TYPE_CRITICAL 1000
#define STATUS_SHUTDOWN_MASKED 0x40
#define NO_LOGIN_SESSION 0xFFFFFFFFu

/* Of the things that one line tells of. */
#define MAX_SHOWN 3
#define MAX_DISTINCT 64

const char *application_type_name(uint32_t type)
{
	static const char *const names[] = {"unknown", "main-window", "other-window",
					    "service", "explorer",    "console"};

	if (type == TYPE_CRITICAL) {
		return "critical";
	}
	return type < ARRAY_SIZE(names) ? names[type] : "unknown";
}

const char *application_status_name(unsigned int bit)
{
	static const char *const names[APPLICATION_N_STATUS_BITS] = {
		"running",	 "stopped",	     "stopped-other",	"restarted",
		"error-on-stop", "error-on-restart", "shutdown-masked", "restart-masked",
	};

	return bit < ARRAY_SIZE(names) ? names[bit] : NULL;
}

const char *application_reason_name(unsigned int bit)
{
	static const char *const names[APPLICATION_N_REASON_BITS] = {
		"permission-denied", "session-mismatch", "critical-process",
		"critical-service",  "detected-self",
	};

	return bit < ARRAY_SIZE(names) ? names[bit] : NULL;
}

uint32_t application_count_processes(const struct rm_application *application)
{
	return application->n_processes > 0 ? application->n_processes : 1;
}

char *application_format_pids(const struct rm_application *application)
{
	uint32_t n = application_count_processes(application);
	char *text;

	if (n == 1) {
		return asprintf(&text, "%" PRIu32, application->process.pid) < 0 ? NULL : text;
	}
	if (asprintf(&text, "%" PRIu32 " +%" PRIu32, application->process.pid, n - 1) < 0) {
		return NULL;
	}
	return text;
}

/* ---- uses ---- */

struct distinct {
	const struct rm_use *uses[MAX_DISTINCT]; /* borrowed */
	size_t n;
	bool has_more; /* than fit here, or than the answer told of */
};

/* The path that a use is about: what is in use rather than what was registered. */
static const char *find_path(const struct rm_use *use)
{
	return use->actual[0] ? use->actual : use->path;
}

/* Whatever the descriptor's number: processes of one program have many for the same file. */
static bool is_same_use(const struct rm_use *a, const struct rm_use *b)
{
	return a->kind == b->kind && a->is_deleted == b->is_deleted &&
	       a->is_claimed == b->is_claimed && strcmp(find_path(a), find_path(b)) == 0;
}

static bool is_same_path(const struct rm_use *a, const struct rm_use *b)
{
	return strcmp(find_path(a), find_path(b)) == 0;
}

static void add_distinct(struct distinct *distinct, const struct rm_use *use,
			 bool (*is_same)(const struct rm_use *a, const struct rm_use *b))
{
	for (size_t i = 0; i < distinct->n; i++) {
		if (is_same(distinct->uses[i], use)) {
			return;
		}
	}
	if (distinct->n == MAX_DISTINCT) {
		distinct->has_more = true;
		return;
	}
	distinct->uses[distinct->n++] = use;
}

static void find_distinct(const struct rm_application *application, bool only_old,
			  bool (*is_same)(const struct rm_use *a, const struct rm_use *b),
			  struct distinct *ret_distinct)
{
	*ret_distinct = (struct distinct){.has_more = application->n_processes >
						      application->n_processes_listed};
	for (size_t i = 0; i < application->n_processes_listed; i++) {
		const struct rm_application_process *process = &application->processes[i];

		ret_distinct->has_more |= process->n_uses > process->n_uses_listed;
		for (size_t j = 0; j < process->n_uses_listed; j++) {
			if (!only_old || process->uses[j].is_deleted) {
				add_distinct(ret_distinct, &process->uses[j], is_same);
			}
		}
	}
}

static const char *short_kind(int kind)
{
	switch (kind) {
	case RM_USE_EXECUTABLE:
		return "exe";
	case RM_USE_MAPPING:
		return "maps";
	case RM_USE_WORKING_DIRECTORY:
		return "cwd";
	case RM_USE_ROOT:
		return "root";
	case RM_USE_SCRIPT:
		return "script";
	case RM_USE_REGISTERED:
		return "named itself";
	case RM_USE_SERVICE:
		return "service";
	default:
		return "uses";
	}
}

/* Whether `path` says where; else the kind says it all. */
static bool has_path(const struct rm_use *use)
{
	return find_path(use)[0] != '\0' && use->kind != RM_USE_REGISTERED;
}

static void put_short_use(FILE *file, const struct rm_use *use, bool is_utf8)
{
	_cleanup_(freep) char *name = escape_path(escape_base_name(find_path(use)), is_utf8);

	if (use->kind == RM_USE_DESCRIPTOR) {
		fprintf(file, "fd %" PRIu32, use->fd);
	} else {
		fputs(short_kind(use->kind), file);
	}
	if (has_path(use)) {
		fprintf(file, " %s", name ? name : "?");
	}
	fputs(use->is_deleted ? " (old)" : "", file);
	fputs(use->is_claimed ? " (claimed)" : "", file);
}

static void put_old_name(FILE *file, const struct rm_use *use, bool is_utf8)
{
	_cleanup_(freep) char *name = escape_path(escape_base_name(find_path(use)), is_utf8);

	fputs(name ? name : "?", file);
}

/* Closes a memory stream whose text is `*text`; NULL when it could not hold everything. */
static char *finish(FILE *file, char **text)
{
	bool failed = ferror(file) != 0;

	if (fclose(file) || failed) {
		free(*text);
		return NULL;
	}
	return *text;
}

static char *format_distinct(const struct distinct *distinct, bool is_utf8,
			     void (*put)(FILE *file, const struct rm_use *use, bool is_utf8))
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file) {
		return NULL;
	}
	for (size_t i = 0; i < distinct->n && i < MAX_SHOWN; i++) {
		fputs(i > 0 ? ", " : "", file);
		put(file, distinct->uses[i], is_utf8);
	}
	if (distinct->n > MAX_SHOWN) {
		fprintf(file, ", +%zu%s", distinct->n - MAX_SHOWN,
			distinct->has_more ? " or more" : "");
	} else if (distinct->n > 0 && distinct->has_more) {
		fputs(", more", file);
	}
	return finish(file, &text);
}

char *application_format_uses(const struct rm_application *application, bool is_utf8)
{
	struct distinct distinct;

	find_distinct(application, false, is_same_use, &distinct);
	return format_distinct(&distinct, is_utf8, put_short_use);
}

char *application_format_old(const struct rm_application *application, bool is_utf8)
{
	struct distinct distinct;

	find_distinct(application, true, is_same_path, &distinct);
	return format_distinct(&distinct, is_utf8, put_old_name);
}

char *application_format_use(const struct rm_use *use, bool is_utf8)
{
	_cleanup_(freep) char *path = escape_path(use->path, is_utf8);
	_cleanup_(freep) char *actual = escape_path(use->actual, is_utf8);
	const char *old = use->is_deleted ? " (old version)" : "";
	const char *claimed = use->is_claimed ? " (claimed by the process)" : "";
	char kind[32], *text;
	int r;

	if (!path || !actual) {
		return NULL;
	}
	snprintf(kind, sizeof(kind), "%s", rm_use_kind_name(use->kind));
	if (use->kind == RM_USE_DESCRIPTOR) {
		snprintf(kind, sizeof(kind), "fd %" PRIu32, use->fd);
	}
	if (!path[0] && !actual[0]) {
		r = asprintf(&text, "%s%s%s", kind, old, claimed);
	} else if (path[0] && actual[0]) {
		r = asprintf(&text, "%-17s %s, as %s%s%s", kind, path, actual, old, claimed);
	} else {
		r = asprintf(&text, "%-17s %s%s%s", kind, path[0] ? path : actual, old, claimed);
	}
	return r < 0 ? NULL : text;
}

/* ---- what may be done with it ---- */

char *application_format_restart(const struct rm_application *application)
{
	const char *why_not = application->why_not_restartable;
	bool is_masked = application->status & STATUS_SHUTDOWN_MASKED;
	char *text;

	if (application->is_restartable) {
		why_not = "yes";
	} else if (!why_not[0]) {
		why_not = "no";
	}
	if (asprintf(&text, "%s%s", why_not, is_masked ? "; a filter keeps it running" : "") < 0) {
		return NULL;
	}
	return text;
}

static bool is_service_manager(const struct rm_application *application)
{
	return strcmp(application->process.name, "systemd") == 0 &&
	       (application->process.pid == 1 || strncmp(application->unit, "user@", 5) == 0 ||
		strcmp(application->unit, "user:init.scope") == 0);
}

/* Whether it ends with somebody's login. Session 0 is the system's (A57). */
static bool is_of_login(const struct rm_application *application)
{
	return strncmp(application->unit, "user:", 5) == 0 ||
	       strncmp(application->unit, "session-", 8) == 0 ||
	       (application->ts_session != 0 && application->ts_session != NO_LOGIN_SESSION);
}

enum application_needs application_find_needs(const struct rm_application *application)
{
	if (application->container[0]) {
		return NEEDS_CONTAINER;
	}
	if (application->type != TYPE_CRITICAL && application->reasons == 0) {
		return NEEDS_RESTART;
	}
	if (is_service_manager(application)) {
		return NEEDS_REEXEC;
	}
	return is_of_login(application) ? NEEDS_LOGOUT : NEEDS_REBOOT;
}

const char *application_needs_name(enum application_needs needs)
{
	static const char *const names[] = {
		[NEEDS_RESTART] = "restart",	 [NEEDS_REEXEC] = "reexec",
		[NEEDS_CONTAINER] = "container", [NEEDS_LOGOUT] = "logout",
		[NEEDS_REBOOT] = "reboot",
	};

	return names[needs];
}

bool application_list_is_complete(const struct rm_application_list *list)
{
	return list->n_not_inspected == 0 && list->n_files_unchecked == 0 && list->n_unseen == 0;
}
