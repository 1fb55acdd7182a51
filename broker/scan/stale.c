/* SPDX-License-Identifier: MIT */
/*
 * Deleted and replaced files that somebody runs. A deleted file counts when it was a program or a
 * library: not what was made to be deleted (memfd, shared memory, devices) and not what lies
 * where programs unpack libraries for themselves and remove them at once, unless another file
 * has its name now.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/scan/link_path.h"
#include "broker/scan/mapped_file.h"
#include "broker/scan/marks.h"
#include "broker/scan/match.h"
#include "broker/scan/namespaces.h"
#include "broker/scan/reading_board.h"

/* Never a file of a file system that is replaced. */
static const char *const never[] = {
	"/memfd:", "/SYSV", "/dev/", "/[aio]", "/drm", "/i915", "/anon_hugepage", "/proc/", "/sys/",
};

/* Made to be deleted (JNA, JIT compilers), unless something took the name. */
static const char *const temporary[] = {"/tmp/", "/var/tmp/", "/run/", "/var/run/"};

static bool has_prefix(const char *path, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0) {
			return true;
		}
	}
	return false;
}

static bool exists(const struct match_context *context, const char *path)
{
	struct stat st;

	return !namespaces_is_barred(context, path) && lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* "/tmp/#1234": what O_TMPFILE shows. */
static bool is_nameless(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && name[1] == '#' && strspn(name + 2, "0123456789") == strlen(name + 2);
}

static bool is_literal_name(const struct match_context *context, const char *path,
			    const struct index_file *file)
{
	char literal[PATH_MAX + sizeof(" (deleted)")];
	struct stat st;

	(void)stpcpy(stpcpy(literal, path), " (deleted)");
	return !namespaces_is_barred(context, path) && lstat(literal, &st) == 0 &&
	       st.st_ino == file->inode;
}

static void keep_first(const char *host_path, void *userdata)
{
	char **path = userdata;

	if (!*path) {
		*path = strdup(host_path);
	}
}

/* The old path, if this file is one that counts: 0 and NULL when not; -ENOMEM. */
static int read_stale_path(const struct match_context *context, struct namespaces *namespaces,
			   struct witness *witness, size_t number, const struct index_file *file,
			   char **ret_path)
{
	_cleanup_(freep) char *host_path = NULL;
	char path[PATH_MAX];
	size_t length;
	ssize_t n;
	int r;

	*ret_path = NULL;
	n = witness_read_path(context, true, number, witness, path, sizeof(path));
	if (n <= 0 || path[0] != '/') {
		return 0;
	}
	length = (size_t)n;
	if (!link_path_strip_deleted(path, &length) || is_nameless(path) ||
	    has_prefix(path, never, ARRAY_SIZE(never))) {
		return 0;
	}
	r = namespaces_translate(namespaces, context, witness->process, path, keep_first,
				 &host_path);
	if (r < 0 || !host_path) {
		return r;
	}
	if (!(has_prefix(host_path, temporary, ARRAY_SIZE(temporary)) &&
	      !exists(context, host_path)) &&
	    !is_literal_name(context, host_path, file)) {
		*ret_path = TAKE_PTR(host_path);
	}
	return 0;
}

static void free_paths(char ***paths)
{
	for (char **at = *paths; at && *at; at++) {
		free(*at);
	}
	free(*paths);
}

/* By file of the index, an index into `paths` plus 1. */
struct stale_files {
	uint32_t *path_of; /* owned */
	char **paths;	   /* owned, NULL-terminated */
	size_t n_paths;
};

static void stale_files_done(struct stale_files *stale)
{
	free(stale->path_of);
	free_paths(&stale->paths);
}

static int find_files(const struct match_context *context, struct stale_files *stale)
{
	_cleanup_(freep) struct witness *witnesses = witnesses_find(context, true);
	_cleanup_(namespaces_done) struct namespaces namespaces = {0};
	size_t n_files;
	const struct index_file *files = scan_index_files(context->index, &n_files);

	stale->path_of = calloc(n_files + 1, sizeof(*stale->path_of));
	stale->paths = calloc(n_files + 1, sizeof(*stale->paths));
	if (!witnesses || !stale->path_of || !stale->paths) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < n_files; i++) {
		char *path = NULL;

		if (witnesses[i].process) {
			int r;

			reading_begin(witnesses[i].process->pid, witnesses[i].process->start_time);
			r = read_stale_path(context, &namespaces, &witnesses[i], i, &files[i],
					    &path);
			reading_end();
			if (r < 0) {
				return -ENOMEM;
			}
		}
		if (path) {
			stale->paths[stale->n_paths++] = path;
			stale->path_of[i] = (uint32_t)stale->n_paths;
		}
		if (atomic_load_explicit(context->cancelled, memory_order_relaxed)) {
			return -ECANCELED;
		}
	}
	return 0;
}

static int add_uses(const struct stale_files *stale, struct index_process *process,
		    enum hold_kind kind, struct hits *hits)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < process->n_holds; i++) {
		const struct hold *hold = &process->holds[i];
		uint32_t path = stale->path_of[hold->file];
		struct use use = {
			.kind = kind == HOLD_EXECUTABLE ? USE_EXECUTABLE : USE_MAPPING,
			.path = USE_NO_PATH,
			.is_deleted = true,
		};

		if (hold->kind != (uint32_t)kind || !path) {
			continue;
		}
		use.actual = strdup(stale->paths[path - 1]);
		r = use.actual ? hits_add_use(hits, process, &use) : -ENOMEM;
	}
	return r;
}

int match_find_stale(const struct match_context *context, struct hits *ret_hits)
{
	_cleanup_(stale_files_done) struct stale_files stale = {0};
	unsigned int n_texts_left = MAX_MAPS_TEXTS;
	struct match_context bounded = *context;
	struct index_process *processes;
	size_t n;
	int r;

	*ret_hits = (struct hits){0};
	bounded.n_maps_texts_left = &n_texts_left;
	r = find_files(&bounded, &stale);
	if (r < 0) {
		return r;
	}
	processes = scan_index_processes(context->index, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct index_process *process = &processes[i];

		r = add_uses(&stale, process, HOLD_EXECUTABLE, ret_hits);
		if (r == 0) {
			r = add_uses(&stale, process, HOLD_MAPPING, ret_hits);
		}
	}
	return r;
}
