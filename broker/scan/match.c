/* SPDX-License-Identifier: MIT */
/*
 * From marks to hits: every process's holds are looked up in the marks, and a mark that can lie
 * is confirmed at the link through which this very process holds the file. What can neither be
 * confirmed nor refuted is counted and told, not listed.
 */
#include "broker/scan/match.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/scan/confirm.h"
#include "broker/scan/link_path.h"
#include "broker/scan/mapped_file.h"
#include "broker/scan/marks.h"
#include "broker/scan/namespaces.h"
#include "broker/scan/notes.h"
#include "broker/scan/path_table.h"
#include "broker/scan/reading_board.h"
#include "broker/scan/script.h"

/* Of a command line; scripts stand at its beginning. */
#define MAX_ARGV_BYTES 4096u

/* Doubles are looked for among this many: executables, which come first. */
#define MAX_COMPARED_USES 64u

struct search {
	const struct match_context *context;
	const struct match_targets *targets;
	struct path_table paths;
	struct marks marks;
	struct namespaces namespaces;
	struct hits *hits;
};

static void search_done(struct search *search)
{
	path_table_done(&search->paths);
	marks_done(&search->marks);
	namespaces_done(&search->namespaces);
}

static void use_done(struct use *use)
{
	free(use->actual);
}

/* Those who use files come one after the other; those who were registered may be any. */
static struct hit *find_hit(const struct hits *hits, const struct index_process *process)
{
	size_t i = hits->n_hits;

	if (i && hits->hits[i - 1].process->pid < process->pid && !hits->is_unordered) {
		return NULL;
	}
	while (i) {
		if (hits->hits[--i].process == process) {
			return &hits->hits[i];
		}
	}
	return NULL;
}

static struct hit *hit_of(struct hits *hits, struct index_process *process)
{
	struct hit *known = find_hit(hits, process);

	if (known) {
		return known;
	}
	if (array_reserve(&hits->hits, &hits->capacity, hits->n_hits, 32, sizeof(*known)) < 0) {
		return NULL;
	}
	hits->is_unordered |=
		hits->n_hits && hits->hits[hits->n_hits - 1].process->pid > process->pid;
	hits->hits[hits->n_hits] = (struct hit){.process = process};
	return &hits->hits[hits->n_hits++];
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* A program that runs a file has it mapped as well: that is said once. */
static bool is_said(const struct hit *hit, const struct use *use)
{
	/* Descriptors are different ones in any case; the others' doubles come soon after. */
	size_t n = use->kind == USE_DESCRIPTOR ? 0 : hit->n_uses;

	for (size_t i = 0; i < n && i < MAX_COMPARED_USES; i++) {
		const struct use *other = &hit->uses[i];

		if (other->path == use->path && is_same_text(other->actual, use->actual) &&
		    (other->kind == use->kind ||
		     (other->kind == USE_EXECUTABLE && use->kind == USE_MAPPING)) &&
		    other->fd == use->fd && other->is_deleted == use->is_deleted) {
			return true;
		}
	}
	return false;
}

int hits_add_use(struct hits *hits, struct index_process *process, const struct use *use)
{
	struct hit *hit = hit_of(hits, process);
	struct use *grown;

	if (!hit) {
		free(use->actual);
		return -ENOMEM;
	}
	if (is_said(hit, use)) {
		free(use->actual);
		return 0;
	}
	/* Grown at powers of two. */
	if ((hit->n_uses & (hit->n_uses - 1)) == 0) {
		size_t capacity = hit->n_uses ? 2 * hit->n_uses : 1;

		grown = reallocarray(hit->uses, capacity, sizeof(*grown));
		if (!grown) {
			free(use->actual);
			return -ENOMEM;
		}
		hit->uses = grown;
	}
	hit->uses[hit->n_uses++] = *use;
	return 0;
}

void hits_done(struct hits *hits)
{
	for (size_t i = 0; i < hits->n_hits; i++) {
		for (size_t k = 0; k < hits->hits[i].n_uses; k++) {
			use_done(&hits->hits[i].uses[k]);
		}
		free(hits->hits[i].uses);
	}
	free(hits->hits);
	*hits = (struct hits){0};
}

static uint32_t use_kind(const struct hold *hold)
{
	static const uint32_t kinds[_HOLD_KIND_COUNT] = {
		[HOLD_MAPPING] = USE_MAPPING,
		[HOLD_EXECUTABLE] = USE_EXECUTABLE,
		[HOLD_DESCRIPTOR] = USE_DESCRIPTOR,
		[HOLD_WORKING_DIRECTORY] = USE_WORKING_DIRECTORY,
		[HOLD_ROOT] = USE_ROOT,
	};

	return kinds[hold->kind];
}

/* The path in use, where it is not the registered one. NULL also without memory: it is only for
 * people. */
static char *read_actual(const struct search *search, const struct index_process *process,
			 const struct hold *hold, const struct mark *mark)
{
	char path[PATH_MAX];
	size_t length;
	ssize_t n;

	if (!mark->is_below && !mark->is_deleted) {
		return NULL;
	}
	n = hold_read_path(search->context, process, hold, path, sizeof(path));
	if (n < 0) {
		return NULL;
	}
	length = (size_t)n;
	(void)link_path_strip_deleted(path, &length);
	return strcmp(path, search->targets->paths[mark->path]) == 0 ? NULL : strdup(path);
}

static int add_hold(const struct search *search, struct index_process *process,
		    const struct hold *hold, const struct mark *mark)
{
	struct use use = {
		.kind = use_kind(hold),
		.path = mark->path,
		.fd = hold->kind == HOLD_DESCRIPTOR ? hold->where : 0,
		.is_deleted = mark->is_deleted,
		.actual = read_actual(search, process, hold, mark),
	};

	return hits_add_use(search->hits, process, &use);
}

/* Mappings of one number may be several files; any other hold stands for itself. */
static size_t count_alike(const struct index_process *process, size_t first)
{
	const struct hold *holds = process->holds;
	size_t n = 1;

	while (holds[first].kind == HOLD_MAPPING && first + n < process->n_holds &&
	       holds[first + n].file == holds[first].file &&
	       holds[first + n].kind == HOLD_MAPPING) {
		n++;
	}
	return n;
}

/* One of them is enough; what none of them tells is counted once. */
static int match_alike(const struct search *search, struct index_process *process,
		       const struct hold *holds, size_t n, const struct mark *mark)
{
	bool is_unknown = false;

	for (size_t i = 0; i < n; i++) {
		enum answer answer =
			mark_confirm(search->context, search->targets, process, &holds[i], mark);

		if (answer == ANSWER_YES) {
			return add_hold(search, process, &holds[i], mark);
		}
		is_unknown |= answer == ANSWER_UNKNOWN;
	}
	search->hits->n_unconfirmed += is_unknown;
	return 0;
}

/* Executables first, so that their mappings are not said as well. */
static int match_holds(const struct search *search, struct index_process *process, bool executables)
{
	size_t n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < process->n_holds; i += n) {
		const struct hold *hold = &process->holds[i];
		uint32_t at = search->marks.first[hold->file];

		n = count_alike(process, i);
		if ((hold->kind == HOLD_EXECUTABLE) != executables) {
			continue;
		}
		for (; r == 0 && at; at = search->marks.marks[at - 1].next) {
			r = match_alike(search, process, hold, n, &search->marks.marks[at - 1]);
		}
	}
	return r;
}

static ssize_t read_argv(int proc_fd, pid_t pid, char *ret_argv, size_t size)
{
	_cleanup_(closep) int fd = -1;
	char path[32];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%d/cmdline", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return negative_errno();
	}
	n = read(fd, ret_argv, size);
	return n < 0 ? negative_errno() : n;
}

static const struct hold *find_hold(const struct index_process *process, enum hold_kind kind)
{
	for (size_t i = 0; i < process->n_holds; i++) {
		if (process->holds[i].kind == kind) {
			return &process->holds[i];
		}
	}
	return NULL;
}

/* The base name of what it runs, or false. */
static bool read_interpreter(const struct match_context *context,
			     const struct index_process *process, char ret_name[PATH_MAX])
{
	const struct hold *exe = find_hold(process, HOLD_EXECUTABLE);
	char link[LINK_PATH_BYTES];
	char path[PATH_MAX];
	const char *name;
	size_t length;
	ssize_t n;

	if (!exe) {
		return false;
	}
	link_path_format(process, exe, link);
	n = link_path_read(context->proc_fd, link, path, sizeof(path));
	if (n <= 0) {
		return false;
	}
	length = (size_t)n;
	(void)link_path_strip_deleted(path, &length);
	name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	(void)strcpy(ret_name, name);
	return script_is_interpreter(name);
}

/* Relative ones begin where the process stands; absolute ones at its root, which may be another
 * than ours (chroot). Both links are seen from our root. */
static char *resolve_script(const struct match_context *context,
			    const struct index_process *process, const char *argument)
{
	bool is_absolute = argument[0] == '/';
	char link[LINK_PATH_BYTES];
	char base[PATH_MAX];
	char script[PATH_MAX];

	(void)snprintf(link, sizeof(link), "%d/%s", process->pid, is_absolute ? "root" : "cwd");
	if (link_path_read(context->proc_fd, link, base, sizeof(base)) < 0) {
		return NULL;
	}
	while (*argument == '/') {
		argument++;
	}
	return script_resolve(base, argument, script, sizeof(script)) == 0 ? strdup(script) : NULL;
}

/* What the process says it runs, absolute; NULL: nothing, or nothing that could be read. */
static char *read_script(const struct match_context *context, const struct index_process *process)
{
	char name[PATH_MAX];
	char argv[MAX_ARGV_BYTES];
	const char *argument;
	ssize_t n;

	if (!read_interpreter(context, process, name)) {
		return NULL;
	}
	n = read_argv(context->proc_fd, process->pid, argv, sizeof(argv));
	argument = n > 0 ? script_find(name, argv, (size_t)n) : NULL;
	return argument ? resolve_script(context, process, argument) : NULL;
}

struct script_search {
	struct search *search;
	struct index_process *process;
	int error;
};

static void add_script(struct script_search *found, uint32_t path, const char *actual)
{
	struct use use = {
		.kind = USE_SCRIPT,
		.path = path,
		.is_claimed = found->process->uid != found->search->context->uid,
		.actual = actual ? strdup(actual) : NULL,
	};

	if (found->error == 0) {
		found->error = hits_add_use(found->search->hits, found->process, &use);
	} else {
		free(use.actual);
	}
}

static void on_script(uint32_t path, void *userdata)
{
	add_script(userdata, path, NULL);
}

static void on_host_script(const char *script, void *userdata)
{
	struct script_search *found = userdata;
	uint32_t tree = path_table_find_tree(&found->search->paths, script);

	path_table_find(&found->search->paths, script, on_script, found);
	if (tree != UINT32_MAX) {
		add_script(found, tree, script);
	}
}

static int match_script(struct search *search, struct index_process *process)
{
	struct script_search found = {.search = search, .process = process};
	struct notes *notes = notes_of(process);
	int r;

	if (!notes) {
		return -ENOMEM;
	}
	if (!notes->has_script) {
		notes->script = read_script(search->context, process);
		notes->has_script = true;
	}
	if (!notes->script) {
		return 0;
	}
	r = namespaces_translate(&search->namespaces, search->context, process, notes->script,
				 on_host_script, &found);
	return r < 0 ? r : found.error;
}

static int match_processes(struct search *search)
{
	const struct match_context *context = search->context;
	size_t n;
	struct index_process *processes = scan_index_processes(context->index, &n);
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct index_process *process = &processes[i];

		if (atomic_load_explicit(context->cancelled, memory_order_relaxed)) {
			return -ECANCELED;
		}
		if (process->flags & INDEX_SKIPPED) {
			continue;
		}
		reading_begin(process->pid, process->start_time);
		r = match_holds(search, process, true);
		if (r == 0) {
			r = match_holds(search, process, false);
		}
		if (r == 0) {
			r = match_script(search, process);
		}
		reading_end();
	}
	return r;
}

int match_find(const struct match_context *context, const struct match_targets *targets,
	       struct hits *ret_hits)
{
	unsigned int n_texts_left = MAX_MAPS_TEXTS;
	struct match_context bounded = *context;
	_cleanup_(search_done) struct search search = {
		.context = &bounded, .targets = targets, .hits = ret_hits};
	int r;

	*ret_hits = (struct hits){0};
	bounded.n_maps_texts_left = &n_texts_left;
	if (targets->n_paths == 0) {
		return 0;
	}
	r = path_table_init(&search.paths, targets);
	if (r == 0) {
		r = marks_find(&bounded, targets, &search.paths, &search.marks);
	}
	return r < 0 ? r : match_processes(&search);
}
