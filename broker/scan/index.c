/* SPDX-License-Identifier: MIT */
/*
 * The resident index. Between two refreshes a process is taken as unchanged when its CPU clock
 * stands still and those of all its relatives do. Every clock is read before anything else is
 * read in the same refresh, so whoever runs while it is being read is read again by the next one:
 * what is kept is at most as old as the last refresh that read it, and nothing that happened
 * before a refresh began is missed by it, but for this:
 *
 * - a relative that is born, maps or opens something in what it shares, and has gone, all between
 *   two refreshes. Its parent ran for the birth, and is read by the refresh after that; what the
 *   relative did after a refresh listed the processes and before the next one shows with the
 *   parent's next run. (One that a refresh has seen is no hole: when it has gone its relatives are
 *   read.)
 * - a relative that shares only root and working directory (CLONE_FS alone), and pivot_root(2),
 *   which moves those of others; so these two can be late.
 * - descriptors that wait in a socket (SCM_RIGHTS) or in an io_uring: nobody has them, no clock
 *   tells. Before Linux 5.12 an io_uring's threads were the kernel's, and could open files for a
 *   process that sleeps.
 *
 * No hole: descriptors given by a seccomp supervisor (SECCOMP_IOCTL_NOTIF_ADDFD) are installed by
 * the process itself, which wakes up for it; pidfd_getfd(2) gives to its caller; ptrace(2) has the
 * process do it.
 *
 * Without kcmp(2) relatives are not known. Then no clock is trusted.
 */
#include "broker/scan/index.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "broker/scan/mappings.h"
#include "broker/scan/member_relatives.h"
#include "broker/scan/pool.h"
#include "broker/scan/population.h"
#include "broker/scan/reading_board.h"

struct scan_index {
	struct index_options options;
	struct scan_pool *pool; /* owned */
	struct reader reader;
	struct population population;
	struct relatives relatives[_RELATIVE_KIND_COUNT];
	struct index_process *processes; /* owned, by pid */
	struct member **listed;		 /* owned: the member of each */
	size_t n_processes;
	struct member **due; /* owned: to be read now */
	size_t n_due;
	size_t capacity; /* of the three */
};

/* Whether pids of this /proc are those of this process's namespace. */
static bool is_own_proc(int proc_fd)
{
	char text[16];
	ssize_t n = readlinkat(proc_fd, "self", text, sizeof(text) - 1);

	if (n <= 0) {
		return false;
	}
	text[n] = '\0';
	return strtol(text, NULL, 10) == getpid();
}

static int init_reader(struct scan_index *index)
{
	struct reader *reader = &index->reader;
	int proc_fd = index->options.proc_fd;
	int r = file_table_init(&reader->files);

	if (r < 0) {
		return r;
	}
	reader->proc_fd = proc_fd;
	reader->by_text = index->options.text_maps || !mappings_have_query(proc_fd);
	reader->has_neighbours = is_own_proc(proc_fd);
	reader->has_kcmp = reader->has_neighbours && relatives_are_known();
	kernel_devices_find(&reader->kernel, proc_fd);
	return mount_tables_init(&reader->mounts, proc_fd);
}

int scan_index_new(const struct index_options *options, struct scan_index **ret_index)
{
	struct scan_index *index = calloc(1, sizeof(*index));
	int r;

	if (!index) {
		return -ENOMEM;
	}
	index->options = *options;
	index->reader.mounts.own.fd = -1;
	index->population.epoll_fd = -1;
	index->population.list = (struct process_list){.directory_fd = -1, .stat_fd = -1};
	for (size_t kind = 0; kind < _RELATIVE_KIND_COUNT; kind++) {
		relatives_init(&index->relatives[kind], (enum relative_kind)kind);
	}
	r = init_reader(index);
	r = r < 0 ? r
		  : population_init(&index->population, options->proc_fd,
				    index->reader.has_neighbours);
	r = r < 0 ? r : scan_pool_new(options->n_threads, &index->pool);
	if (r < 0) {
		(void)scan_index_free(index);
		return r;
	}
	index->population.has_kcmp = index->reader.has_kcmp;
	index->population.skipped = options->skipped;
	index->population.n_skipped = options->n_skipped;
	index->population.no_clock |= options->no_clock || !index->reader.has_kcmp;
	index->reader.hidden = index->population.hidden;
	index->reader.n_hidden = index->population.n_hidden;
	*ret_index = index;
	return 0;
}

struct scan_index *scan_index_free(struct scan_index *index)
{
	if (!index) {
		return NULL;
	}
	index->pool = scan_pool_free(index->pool);
	for (size_t i = 0; i < index->n_processes; i++) {
		index->listed[i]->process.cached = index->processes[i].cached;
	}
	population_done(&index->population, &index->reader.files, index->options.free_cached);
	for (size_t kind = 0; kind < _RELATIVE_KIND_COUNT; kind++) {
		relatives_done(&index->relatives[kind]);
	}
	mount_tables_done(&index->reader.mounts);
	file_table_done(&index->reader.files);
	free(index->processes);
	free(index->listed);
	free(index->due);
	free(index);
	return NULL;
}

/* Relatives of those who ran or went are to be read. */
static void tell_touched(const struct scan_index *index)
{
	for (size_t kind = 0; kind < _RELATIVE_KIND_COUNT; kind++) {
		relatives_tell_touched(&index->relatives[kind], &member_relatives);
	}
}

/* ---- reading ---- */

static bool lacks_relatives(const struct scan_index *index, const struct member *member)
{
	return !index->population.no_clock && member_lacks_relatives(member);
}

static bool is_cancelled(const struct scan_index *index)
{
	const atomic_bool *cancelled = index->reader.cancelled;

	return cancelled && atomic_load_explicit(cancelled, memory_order_relaxed);
}

static void meet_due(void *userdata, size_t begin, size_t end)
{
	struct scan_index *index = userdata;

	for (size_t i = begin; i < end && !is_cancelled(index); i++) {
		member_meet(&index->population, index->due[i]);
	}
}

static int read_member(const struct scan_index *index, struct member *member)
{
	struct subject subject = {
		.pid = member->process.pid,
		.pidfd = member->pidfd,
		.start_time = member->process.start_time,
		.mount_namespace = member->process.mount_namespace,
	};
	int r;

	if (member->is_skipped) {
		member->next = (struct process_reading){
			.kind = PROCESS_USER,
			.flags = INDEX_INCOMPLETE | INDEX_SKIPPED,
			.error = ETIMEDOUT,
			.uid = (uid_t)-1, /* unknown */
			.task = subject.pid,
		};
		return 0;
	}
	reading_begin(subject.pid, subject.start_time);
	r = reader_read(&index->reader, &subject, &member->next);
	reading_end();
	return r;
}

static void read_due(void *userdata, size_t begin, size_t end)
{
	struct scan_index *index = userdata;

	for (size_t i = begin; i < end && !is_cancelled(index); i++) {
		struct member *member = index->due[i];

		if (!member->is_gone && member->kind == PROCESS_USER) {
			member->result = read_member(index, member);
		}
	}
}

static void keep_reading(struct scan_index *index, struct member *member)
{
	struct process_reading before = member->reading;

	if (member->process.cached && index->options.free_cached) {
		index->options.free_cached(member->process.cached);
	}
	member->process.cached = NULL;
	member->kind = member->next.kind;
	member->reading = member->next;
	member->next = (struct process_reading){0};
	if (!member_has_same_threads(&before, &member->reading)) {
		memset(member->sorted, 0, sizeof(member->sorted));
	}
	process_reading_done(&before, &index->reader.files);
	member->is_read = true;
	member->is_known = true;
}

/* Takes over what was read of one. 0 or -ENOMEM. */
static int take_result(struct scan_index *index, struct member *member)
{
	if (member->is_gone || member->kind == PROCESS_UNREAD) {
		return 0;
	}
	if (member->kind == PROCESS_USER) {
		if (member->result == -ESRCH) {
			member->is_gone = true;
			index->population.must_list = true; /* in case it is only another one */
			return 0;
		}
		if (member->result < 0) {
			member->must_read = true;
			return member->result == -ENOMEM ? -ENOMEM : 0;
		}
		keep_reading(index, member);
	}
	if (member->kind == PROCESS_KERNEL && is_cancelled(index)) {
		return 0; /* perhaps it was not looked at */
	}
	member->clock = member->clock_now;
	member->must_read = false;
	return 0;
}

static void choose_due(struct scan_index *index)
{
	index->n_due = 0;
	for (size_t i = 0; i < index->population.n_members; i++) {
		struct member *member = index->population.members[i];

		if (!member->is_gone && !member->is_read &&
		    (member->has_moved || member->must_read)) {
			member->result = -ECANCELED;
			index->due[index->n_due++] = member;
		}
	}
}

/* Learns about those who are to be read what must be known before. 0 or -ENOMEM. */
static int meet_members(struct scan_index *index)
{
	int r = 0;

	choose_due(index);
	scan_pool_run(index->pool, index->n_due, 4, meet_due, index);
	for (size_t i = 0; r == 0 && i < index->n_due; i++) {
		struct member *member = index->due[i];

		if (member->is_gone || member->kind != PROCESS_USER || member->is_skipped) {
			continue;
		}
		r = mount_tables_add(&index->reader.mounts, member->process.mount_namespace,
				     member->process.pid);
		if (r == 0 && lacks_relatives(index, member)) {
			r = member_add_relatives(member, index->relatives);
		}
	}
	return r;
}

/* Finds the relatives of those who came or ran, and forgets who has gone. 0 or -ENOMEM. */
static int find_relatives(struct scan_index *index)
{
	struct population *population = &index->population;
	int r;

	for (size_t i = 0; i < population->n_members; i++) {
		population->members[i]->has_relatives = false;
	}
	r = relatives_update(index->relatives, index->pool, &member_relatives);
	if (r < 0) {
		return r;
	}
	tell_touched(index);
	population_bury(population, &index->reader.files, index->options.free_cached);
	return 0;
}

/* Reads all that have to be. 0, -ENOMEM, -ECANCELED. */
static int read_members(struct scan_index *index)
{
	int r = 0;

	choose_due(index);
	scan_pool_run(index->pool, index->n_due, 1, read_due, index);
	for (size_t i = 0; i < index->n_due; i++) {
		int taken = take_result(index, index->due[i]);

		r = taken < 0 ? taken : r;
	}
	return r == 0 && is_cancelled(index) ? -ECANCELED : r;
}

/* ---- the refresh ---- */

static void begin_refresh(struct scan_index *index, const atomic_bool *cancelled)
{
	index->reader.cancelled = cancelled;
	mount_tables_begin(&index->reader.mounts);
	for (size_t i = 0; i < index->n_processes; i++) {
		index->listed[i]->process.cached = index->processes[i].cached;
	}
	for (size_t i = 0; i < index->population.n_members; i++) {
		struct member *member = index->population.members[i];

		member->is_read = false;
		member->must_read |= lacks_relatives(index, member);
	}
}

static int make_room(struct scan_index *index)
{
	size_t n = index->population.n_members;
	struct index_process *processes;
	struct member **members;

	if (n <= index->capacity) {
		return 0;
	}
	processes = reallocarray(index->processes, n, sizeof(*processes));
	index->processes = processes ? processes : index->processes;
	members = reallocarray(index->listed, n, sizeof(struct member *));
	index->listed = members ? members : index->listed;
	if (!processes || !members) {
		return -ENOMEM;
	}
	members = reallocarray(index->due, n, sizeof(struct member *));
	if (!members) {
		return -ENOMEM;
	}
	index->due = members;
	index->capacity = n;
	return 0;
}

/*
 * Relatives are found before anybody is read: whatever one of them does to what they share
 * afterwards, or did and has gone, the next refresh knows whom it concerns. A thread that was seen
 * only in the reading to have a table of its own is sorted in after it.
 */
static int read_all(struct scan_index *index)
{
	struct population *population = &index->population;
	bool has_added = false;
	int r = meet_members(index);

	r = r < 0 ? r : find_relatives(index);
	r = r < 0 ? r : read_members(index);
	if (r < 0) {
		return r;
	}
	for (size_t i = 0; i < index->n_due; i++) {
		struct member *member = index->due[i];

		if (!member->is_gone && lacks_relatives(index, member)) {
			r = member_add_relatives(member, index->relatives);
			has_added = true;
		}
	}
	if (r == 0 && has_added) {
		r = find_relatives(index);
		r = r < 0 ? r : read_members(index);
	}
	for (size_t i = 0; r == 0 && i < population->n_members; i++) {
		population->members[i]->is_unsettled = false;
	}
	return r;
}

static void list_member(struct scan_index *index, struct member *member)
{
	const struct process_reading *reading = &member->reading;
	struct index_process *process = &member->process;

	process->uid = reading->uid;
	process->error = reading->error;
	process->holds = reading->holds;
	process->n_holds = reading->n_holds;
	process->flags = reading->flags | (member->is_read ? INDEX_REREAD : 0) |
			 (member->has_relatives ? INDEX_SHARES : 0);
	index->listed[index->n_processes] = member;
	index->processes[index->n_processes++] = *process;
}

/* Makes the list that is shown. */
static struct index_counts list_members(struct scan_index *index)
{
	struct index_counts counts = {0};

	index->n_processes = 0;
	for (size_t i = 0; i < index->population.n_members; i++) {
		struct member *member = index->population.members[i];

		if (member->is_gone || member->kind == PROCESS_KERNEL ||
		    member->kind == PROCESS_ZOMBIE) {
			continue;
		}
		counts.n_processes++;
		if (!member->is_known) {
			counts.n_not_inspected++;
			continue;
		}
		mount_tables_see(&index->reader.mounts, member->process.mount_namespace);
		list_member(index, member);
		counts.n_not_inspected +=
			(member->reading.flags & (INDEX_DENIED | INDEX_INCOMPLETE)) != 0;
		counts.n_reread += member->is_read;
	}
	mount_tables_forget_unseen(&index->reader.mounts);
	return counts;
}

int scan_index_refresh(struct scan_index *index, bool anew, const atomic_bool *cancelled,
		       struct index_counts *ret_counts)
{
	struct population *population = &index->population;
	struct index_counts counts;
	int r;

	begin_refresh(index, cancelled);
	index->n_processes = 0;
	r = population_look(population, index->pool, anew);
	r = r < 0 ? r : make_room(index);
	if (r < 0) {
		return r;
	}
	for (size_t i = 0; i < population->n_members; i++) {
		population->members[i]->is_unsettled |= population->members[i]->has_moved;
	}
	tell_touched(index);
	r = read_all(index);
	counts = list_members(index);
	if (r == 0) {
		*ret_counts = counts;
	}
	return r;
}

struct index_process *scan_index_processes(struct scan_index *index, size_t *ret_n)
{
	*ret_n = index->n_processes;
	return index->processes;
}

struct index_process *scan_index_find(struct scan_index *index, pid_t pid)
{
	size_t low = 0;
	size_t high = index->n_processes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->processes[middle].pid == pid) {
			return &index->processes[middle];
		}
		if (index->processes[middle].pid < pid) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

const struct index_file *scan_index_files(const struct scan_index *index, size_t *ret_n)
{
	*ret_n = index->reader.files.n_files;
	return index->reader.files.files;
}
