/* SPDX-License-Identifier: MIT */
/*
 * Marks. Numbers come first: two tables, because mappings show the superblock's device and
 * everything else st_dev. Names are asked for once a distinct file and question, as they change
 * without the process running: the deleted version of a registered path (A14), and what lies
 * below a tree but was not there when it was walked.
 */
#include "broker/scan/marks.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/scan/link_path.h"
#include "broker/scan/mapped_file.h"
#include "broker/scan/namespaces.h"

/* Targets by number: open addressing, a slot holds the target's index plus 1. */
struct number_table {
	uint32_t *slots; /* owned */
	size_t mask;
	bool by_maps; /* by the superblock's device */
};

static uint64_t device_of(const struct number_table *table, const struct file_identity *file)
{
	return table->by_maps ? file->superblock : file->device;
}

static size_t hash_number(uint64_t device, uint64_t inode)
{
	uint64_t hash = (inode ^ (device << 40) ^ (device >> 24)) * 0x9E3779B97F4A7C15u;

	return (size_t)(hash ^ (hash >> 32));
}

static bool is_there(const struct scan_target *target)
{
	return target->file.kind != FILE_MISSING && target->file.kind != FILE_UNCHECKED;
}

static int number_table_init(struct number_table *table, const struct match_targets *targets,
			     bool by_maps)
{
	size_t capacity = 16;

	while (capacity < targets->n_targets * 2) {
		capacity *= 2;
	}
	*table = (struct number_table){.mask = capacity - 1, .by_maps = by_maps};
	table->slots = calloc(capacity, sizeof(*table->slots));
	if (!table->slots) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < targets->n_targets; i++) {
		const struct file_identity *file = &targets->targets[i].file;
		size_t at;

		if (!is_there(&targets->targets[i])) {
			continue;
		}
		at = hash_number(device_of(table, file), file->inode) & table->mask;
		while (table->slots[at]) {
			at = (at + 1) & table->mask;
		}
		table->slots[at] = (uint32_t)i + 1;
	}
	return 0;
}

static int add_mark(struct marks *marks, size_t file, const struct mark *mark)
{
	int r = array_reserve(&marks->marks, &marks->capacity, marks->n_marks, 64, sizeof(*mark));

	if (r < 0) {
		return r;
	}
	marks->marks[marks->n_marks] = *mark;
	marks->marks[marks->n_marks].next = marks->first[file];
	marks->first[file] = (uint32_t)++marks->n_marks;
	return 0;
}

/* Where maps collide, files of one number and one path may be several. */
static bool has_target(const struct marks *marks, const struct match_targets *targets, size_t file,
		       const struct scan_target *target)
{
	bool is_ambiguous = target->file.flags & FILE_MAPS_DIFFER;

	for (uint32_t at = marks->first[file]; at; at = marks->marks[at - 1].next) {
		const struct mark *mark = &marks->marks[at - 1];

		if (mark->path == target->path &&
		    (!is_ambiguous ||
		     targets->targets[mark->target].file.device == target->file.device)) {
			return true;
		}
	}
	return false;
}

static bool has_mark(const struct marks *marks, size_t file, uint32_t path)
{
	for (uint32_t at = marks->first[file]; at; at = marks->marks[at - 1].next) {
		if (marks->marks[at - 1].path == path) {
			return true;
		}
	}
	return false;
}

static int mark_number(struct marks *marks, const struct match_targets *targets,
		       const struct number_table *table, size_t file, const struct index_file *held)
{
	int r = 0;

	for (size_t at = hash_number(held->device, held->inode) & table->mask;
	     r == 0 && table->slots[at]; at = (at + 1) & table->mask) {
		const struct scan_target *target = &targets->targets[table->slots[at] - 1];
		struct mark mark = {
			.path = target->path,
			.target = table->slots[at] - 1,
			.is_deleted = !(target->flags & TARGET_CURRENT),
			.is_below = target->flags & TARGET_TREE,
		};

		if (target->file.inode == held->inode &&
		    device_of(table, &target->file) == held->device &&
		    !has_target(marks, targets, file, target)) {
			r = add_mark(marks, file, &mark);
		}
	}
	return r;
}

static void number_table_done(struct number_table *table)
{
	free(table->slots);
}

static int mark_numbers(const struct match_context *context, const struct match_targets *targets,
			struct marks *marks)
{
	_cleanup_(number_table_done) struct number_table maps = {0};
	_cleanup_(number_table_done) struct number_table stats = {0};
	const struct index_file *files;
	size_t n_files;
	int r = number_table_init(&maps, targets, true);

	if (r == 0) {
		r = number_table_init(&stats, targets, false);
	}
	files = scan_index_files(context->index, &n_files);
	for (size_t i = 0; r == 0 && i < n_files; i++) {
		if (files[i].n_holders) {
			r = mark_number(marks, targets, files[i].by_maps ? &maps : &stats, i,
					&files[i]);
		}
	}
	return r;
}

static bool may_witness(const struct hold *hold, bool only_run)
{
	return !only_run || hold->kind == HOLD_MAPPING || hold->kind == HOLD_EXECUTABLE;
}

struct witness *witnesses_find(const struct match_context *context, bool only_run)
{
	size_t n_files;
	size_t n_processes;
	const struct index_process *processes;
	struct witness *witnesses;

	(void)scan_index_files(context->index, &n_files);
	witnesses = calloc(n_files + 1, sizeof(*witnesses));
	if (!witnesses) {
		return NULL;
	}
	processes = scan_index_processes(context->index, &n_processes);
	for (size_t p = 0; p < n_processes; p++) {
		bool is_here = !context->mount_namespace ||
			       processes[p].mount_namespace == context->mount_namespace;

		for (size_t h = 0; h < processes[p].n_holds; h++) {
			const struct hold *hold = &processes[p].holds[h];
			struct witness *witness = &witnesses[hold->file];

			if (may_witness(hold, only_run) &&
			    (!witness->process || (is_here && !witness->is_here) ||
			     (is_here == witness->is_here && witness->hold->task && !hold->task))) {
				*witness = (struct witness){
					.process = &processes[p], .hold = hold, .is_here = is_here};
			}
		}
	}
	return witnesses;
}

static ssize_t read_link_of(const struct match_context *context, const struct witness *witness,
			    char *ret_path, size_t size)
{
	return hold_read_path(context, witness->process, witness->hold, ret_path, size);
}

ssize_t witness_read_path(const struct match_context *context, bool only_run, size_t file,
			  struct witness *witness, char *ret_path, size_t size)
{
	size_t n_processes;
	const struct index_process *processes = scan_index_processes(context->index, &n_processes);
	ssize_t n = read_link_of(context, witness, ret_path, size);

	for (size_t p = 0; (n == -ENOENT || n == -ESRCH) && p < n_processes; p++) {
		for (size_t h = 0; h < processes[p].n_holds; h++) {
			const struct hold *hold = &processes[p].holds[h];

			if (hold->file == file && may_witness(hold, only_run)) {
				witness->process = &processes[p];
				witness->hold = hold;
				n = read_link_of(context, witness, ret_path, size);
				break; /* the same process has let go of all or of none */
			}
		}
	}
	return n;
}

/* A file may really be called "x (deleted)". Nothing on a file system that may hang is asked. */
static bool is_literal_name(const struct match_context *context, const char *stripped,
			    const struct index_file *file)
{
	char literal[PATH_MAX + sizeof(" (deleted)")];
	struct stat st;

	if (namespaces_is_barred(context, stripped)) {
		return false;
	}
	(void)stpcpy(stpcpy(literal, stripped), " (deleted)");
	return lstat(literal, &st) == 0 && st.st_ino == file->inode;
}

/* The search for what one file's name makes it. */
struct name_search {
	const struct match_context *context;
	const struct path_table *paths;
	struct marks *marks;
	size_t file;
	const struct index_file *held;
	bool is_run;
	bool is_deleted;
	const char *path; /* in this mount namespace, without " (deleted)" */
	int error;
};

static void on_old_version(uint32_t path, void *userdata)
{
	struct name_search *search = userdata;
	struct mark mark = {.path = path, .target = MARK_BY_NAME, .is_deleted = true};

	if (search->error < 0 || has_mark(search->marks, search->file, path) ||
	    is_literal_name(search->context, search->path, search->held)) {
		return;
	}
	search->error = add_mark(search->marks, search->file, &mark);
}

static void on_host_path(const char *path, void *userdata)
{
	struct name_search *search = userdata;
	struct mark mark = {
		.target = MARK_BY_NAME, .is_deleted = search->is_deleted, .is_below = true};

	search->path = path;
	if (search->is_deleted && search->is_run) {
		path_table_find(search->paths, path, on_old_version, search);
	}
	mark.path = path_table_find_tree(search->paths, path);
	if (search->error == 0 && mark.path != UINT32_MAX &&
	    !has_mark(search->marks, search->file, mark.path)) {
		search->error = add_mark(search->marks, search->file, &mark);
	}
}

static int mark_name(const struct match_context *context, struct namespaces *namespaces,
		     struct witness *witness, struct name_search *search)
{
	bool only_run = search->paths->n_trees == 0;
	char path[PATH_MAX];
	ssize_t n;
	size_t length;
	int r;

	n = witness_read_path(context, only_run, search->file, witness, path, sizeof(path));
	if (n <= 0 || path[0] != '/') {
		return 0; /* gone meanwhile, or no file of a file system */
	}
	length = (size_t)n;
	search->is_deleted = link_path_strip_deleted(path, &length);
	search->is_run =
		witness->hold->kind == HOLD_MAPPING || witness->hold->kind == HOLD_EXECUTABLE;
	if (!search->paths->n_trees && !search->is_deleted) {
		return 0;
	}
	r = namespaces_translate(namespaces, context, witness->process, path, on_host_path, search);
	return r < 0 ? r : search->error;
}

static int mark_names(const struct match_context *context, const struct path_table *paths,
		      struct marks *marks)
{
	_cleanup_(freep) struct witness *witnesses = witnesses_find(context, paths->n_trees == 0);
	_cleanup_(namespaces_done) struct namespaces namespaces = {0};
	size_t n_files;
	const struct index_file *files = scan_index_files(context->index, &n_files);
	int r = 0;

	if (!witnesses) {
		return -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < n_files; i++) {
		struct name_search search = {.context = context,
					     .paths = paths,
					     .marks = marks,
					     .file = i,
					     .held = &files[i]};

		if (witnesses[i].process) {
			r = mark_name(context, &namespaces, &witnesses[i], &search);
		}
		if (atomic_load_explicit(context->cancelled, memory_order_relaxed)) {
			return -ECANCELED;
		}
	}
	return r;
}

int marks_find(const struct match_context *context, const struct match_targets *targets,
	       const struct path_table *paths, struct marks *ret_marks)
{
	size_t n_files;
	int r;

	*ret_marks = (struct marks){0};
	(void)scan_index_files(context->index, &n_files);
	ret_marks->first = calloc(n_files + 1, sizeof(*ret_marks->first));
	if (!ret_marks->first) {
		return -ENOMEM;
	}
	r = mark_numbers(context, targets, ret_marks);
	return r < 0 ? r : mark_names(context, paths, ret_marks);
}

void marks_done(struct marks *marks)
{
	free(marks->first);
	free(marks->marks);
	*marks = (struct marks){0};
}
