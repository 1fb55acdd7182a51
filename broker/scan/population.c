/* SPDX-License-Identifier: MIT */
/*
 * Who lives. A member's number is its own as long as its pidfd has not fired, so after the clocks
 * were read one look at the epoll set proves all of them; a member without pidfd (no descriptors
 * left, Linux before 5.3) is compared by its start time whenever anybody was started at all.
 *
 * The order of a look matters. The count of forks is read first: whoever is started later makes
 * the next look list again. Exits are told next, so that a number that is used again is a new
 * member. The clocks come before the second telling of exits, which proves them.
 *
 * The clock of a process that is on a CPU this moment is a little old: see
 * process_list_await_clocks(). On CPUs without a tick (nohz_full=) it can be a second old.
 */
#include "broker/scan/population.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "broker/scan/reading_board.h"

/* Descriptors that are left to the rest of the process. */
#define DESCRIPTORS_LEFT 512u
#define MAX_PIDFDS (UINT32_C(1) << 18)
#define CLOCKS_A_CHUNK 64u

/* Pidfds take descriptors: as many as this process may have. */
static size_t raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return 0;
	}
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};

		limit = setrlimit(RLIMIT_NOFILE, &raised) < 0 ? limit : raised;
	}
	return limit.rlim_cur > MAX_PIDFDS ? MAX_PIDFDS : (size_t)limit.rlim_cur;
}

int population_init(struct population *population, int proc_fd, bool has_neighbours)
{
	size_t limit = has_neighbours ? raise_limit() : 0;

	*population = (struct population){.proc_fd = proc_fd, .epoll_fd = -1};
	population->no_clock = !has_neighbours;
	if (limit > DESCRIPTORS_LEFT) {
		population->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
		population->hidden = calloc(limit, sizeof(*population->hidden));
	}
	if (population->epoll_fd >= 0 && population->hidden) {
		population->n_hidden = limit;
		population->max_pidfds = limit - DESCRIPTORS_LEFT;
	}
	return process_list_init(&population->list, proc_fd);
}

static void close_pidfd(struct population *population, struct member *member)
{
	if (member->pidfd >= 0) {
		atomic_store_explicit(&population->hidden[member->pidfd], 0, memory_order_relaxed);
		closep(&member->pidfd);
		member->pidfd = -1;
		(void)atomic_fetch_sub(&population->n_pidfds, 1);
	}
}

static void free_member(struct population *population, struct member *member,
			struct file_table *files, void (*free_cached)(void *cached))
{
	if (member->process.cached && free_cached) {
		free_cached(member->process.cached);
	}
	close_pidfd(population, member);
	process_reading_done(&member->reading, files);
	process_reading_done(&member->next, files);
	free(member);
}

void population_done(struct population *population, struct file_table *files,
		     void (*free_cached)(void *cached))
{
	for (size_t i = 0; i < population->n_members; i++) {
		free_member(population, population->members[i], files, free_cached);
	}
	free(population->members);
	free(population->hidden);
	closep(&population->epoll_fd);
	process_list_done(&population->list);
}

void population_bury(struct population *population, struct file_table *files,
		     void (*free_cached)(void *cached))
{
	size_t n = 0;

	for (size_t i = 0; i < population->n_members; i++) {
		struct member *member = population->members[i];

		if (member->is_gone) {
			free_member(population, member, files, free_cached);
		} else {
			population->members[n++] = member;
		}
	}
	population->n_members = n;
}

/* A pidfd can fire too early as well, when another thread than the main one executes a program
 * (before Linux 6.16): whoever still is there is listed as a new one. */
static void tell_exits(struct population *population)
{
	struct epoll_event events[64];
	int n = ARRAY_SIZE(events);

	while (population->epoll_fd >= 0 && n == ARRAY_SIZE(events)) {
		n = epoll_wait(population->epoll_fd, events, ARRAY_SIZE(events), 0);
		for (int i = 0; i < n; i++) {
			struct member *member = events[i].data.ptr;

			close_pidfd(population, member);
			member->is_gone = true;
			population->must_list = true;
		}
	}
}

/* "PID/NAME" below /proc. */
static void format_path(char ret_path[32], pid_t pid, const char *name)
{
	(void)snprintf(ret_path, 32, "%d/%s", pid, name);
}

struct look {
	struct population *population;
	bool is_listing;
	bool anew;
	int list_result;
};

static void check_member(const struct look *look, struct member *member)
{
	struct process_stat stat;
	char path[32];

	if (member->is_gone) {
		return;
	}
	member->has_moved = look->anew || look->population->no_clock ||
			    process_clock_read(member->process.pid, &member->clock_now) < 0 ||
			    member->clock_now != member->clock;
	if (member->pidfd < 0 && look->is_listing) {
		format_path(path, member->process.pid, "stat");
		member->is_gone = process_stat_read(look->population->proc_fd, path, &stat) < 0 ||
				  stat.start_time != member->process.start_time;
	}
}

/* Item 0 is the list, which one thread reads while others read clocks. */
static void look_at(void *userdata, size_t begin, size_t end)
{
	struct look *look = userdata;
	const struct population *population = look->population;

	for (size_t item = begin; item < end; item++) {
		size_t first = (item - 1) * CLOCKS_A_CHUNK;

		if (item == 0) {
			look->list_result =
				look->is_listing ? process_list_read(&look->population->list) : 0;
			continue;
		}
		for (size_t i = first; i < population->n_members && i < first + CLOCKS_A_CHUNK;
		     i++) {
			check_member(look, population->members[i]);
		}
	}
}

static struct member *new_member(pid_t pid)
{
	struct member *member = calloc(1, sizeof(*member));

	if (member) {
		member->process.pid = pid;
		member->reading.task = pid; /* until it is known better */
		member->pidfd = -1;
		member->must_read = true;
		member->has_moved = true;
	}
	return member;
}

static size_t merge_member(struct population *population, struct member **merged, size_t n,
			   size_t *at, pid_t pid, int *r)
{
	struct member **old = population->members;
	struct member *member;

	/* Whoever is not in the list has gone. */
	for (; *at < population->n_members && old[*at]->process.pid < pid; (*at)++) {
		old[*at]->is_gone = true;
		merged[n++] = old[*at];
	}
	if (*at < population->n_members && old[*at]->process.pid == pid) {
		bool is_gone = old[*at]->is_gone;

		merged[n++] = old[(*at)++];
		if (!is_gone) {
			return n;
		}
	}
	member = new_member(pid);
	if (!member) {
		*r = -ENOMEM;
		return n;
	}
	merged[n++] = member;
	return n;
}

/* Brings the members in line with the list. */
static int merge_list(struct population *population)
{
	const struct process_list *list = &population->list;
	size_t capacity = population->n_members + list->n_pids + 1;
	struct member **merged = reallocarray(NULL, capacity, sizeof(struct member *));
	size_t at = 0;
	size_t n = 0;
	int r = 0;

	if (!merged) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < list->n_pids; i++) {
		n = merge_member(population, merged, n, &at, list->pids[i], &r);
	}
	for (; at < population->n_members; at++) {
		population->members[at]->is_gone = true;
		merged[n++] = population->members[at];
	}
	free(population->members);
	population->members = merged;
	population->n_members = n;
	population->capacity = capacity;
	return r;
}

int population_look(struct population *population, struct scan_pool *pool, bool anew)
{
	struct process_counts counts;
	struct look look = {.population = population, .anew = anew};
	size_t n_chunks = (population->n_members + CLOCKS_A_CHUNK - 1) / CLOCKS_A_CHUNK;
	int r;

	process_list_count(&population->list, &counts);
	if (!population->no_clock && !anew) {
		process_list_await_clocks(&population->list, &counts);
	}
	tell_exits(population);
	look.is_listing = population->must_list || counts.n_forks == 0 ||
			  counts.n_forks != population->n_forks;
	scan_pool_run(pool, n_chunks + 1, 1, look_at, &look);
	r = look.list_result;
	population->must_list = false;
	if (look.is_listing && r == 0) {
		r = merge_list(population);
	}
	population->n_forks = r == 0 ? counts.n_forks : 0;
	tell_exits(population);
	return r;
}

/* Opens the pidfd of a new one. Without one it is known by its start time alone. */
static void open_pidfd(struct population *population, struct member *member)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};
	int fd;

	if (atomic_fetch_add(&population->n_pidfds, 1) >= population->max_pidfds) {
		(void)atomic_fetch_sub(&population->n_pidfds, 1);
		return;
	}
	fd = (int)syscall(SYS_pidfd_open, member->process.pid, 0);
	if (fd < 0 || (size_t)fd >= population->n_hidden) {
		closep(&fd);
		(void)atomic_fetch_sub(&population->n_pidfds, 1);
		return;
	}
	atomic_store_explicit(&population->hidden[fd], 1, memory_order_relaxed);
	member->pidfd = fd;
	if (epoll_ctl(population->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		close_pidfd(population, member);
	}
}

static void learn_identity(struct population *population, struct member *member)
{
	struct process_stat stat;
	char path[32];
	int r;

	if (member->pidfd < 0) {
		open_pidfd(population, member);
	}
	if (!population->no_clock &&
	    process_clock_read(member->process.pid, &member->clock_now) < 0) {
		member->clock_now = UINT64_MAX;
	}
	format_path(path, member->process.pid, "stat");
	r = process_stat_read(population->proc_fd, path, &stat);
	if (r == -ESRCH) {
		member->is_gone = true;
		return;
	}
	if (r < 0) { /* hidden, or out of descriptors: known by its number until it can be read */
		member->kind = PROCESS_UNREAD;
		return;
	}
	member->process.start_time = stat.start_time;
	member->kind = process_stat_kind(&stat);
	if (member->kind == PROCESS_ZOMBIE) {
		close_pidfd(population, member); /* it has fired, and always will */
	}
}

/* One of the kernel's threads can become a program: it starts helpers so. */
static void learn_kind(const struct population *population, struct member *member)
{
	struct process_stat stat;
	char path[32];
	char byte;

	format_path(path, member->process.pid, "exe");
	if (readlinkat(population->proc_fd, path, &byte, 1) < 0 && errno == ENOENT) {
		return;
	}
	format_path(path, member->process.pid, "stat");
	if (process_stat_read(population->proc_fd, path, &stat) == 0 &&
	    stat.start_time == member->process.start_time) {
		member->kind = process_stat_kind(&stat);
	}
}

/* The link's text has the number: its inode, which stat(2) would have to make. 0: unknown. */
static uint64_t read_namespace_link(int fd, const char *path)
{
	static const char prefix[] = "mnt:[";
	char text[32];
	ssize_t n = readlinkat(fd, path, text, sizeof(text) - 1);

	if (n < (ssize_t)sizeof(prefix) || memcmp(text, prefix, sizeof(prefix) - 1) != 0) {
		return 0;
	}
	text[n] = '\0';
	return strtoull(text + sizeof(prefix) - 1, NULL, 10);
}

static uint64_t read_mount_namespace(const struct population *population, pid_t pid)
{
	_cleanup_(closep) int fd = -1;
	char path[32];
	uint64_t id;
	pid_t task;

	format_path(path, pid, "ns/mnt");
	id = read_namespace_link(population->proc_fd, path);
	if (id || errno != ENOENT) {
		return id;
	}
	/* Its main thread has gone, and is in none any more. */
	format_path(path, pid, "");
	fd = openat(population->proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	task = fd < 0 ? 0 : process_find_living_thread(fd);
	if (!task) {
		return 0;
	}
	(void)snprintf(path, sizeof(path), "task/%d/ns/mnt", task);
	return read_namespace_link(fd, path);
}

static bool is_skipped(const struct population *population, const struct index_process *process)
{
	for (size_t i = 0; i < population->n_skipped; i++) {
		if (population->skipped[i].pid == process->pid &&
		    population->skipped[i].start_time == process->start_time) {
			return true;
		}
	}
	return false;
}

/* One that hangs while it executes a program keeps a lock that kcmp(2) waits for, for both that
 * it compares: here it is known who it is. */
static void await_execution(const struct member *member)
{
	reading_begin(member->process.pid, member->process.start_time);
	(void)syscall(SYS_kcmp, member->process.pid, member->process.pid, KCMP_VM, 0, 0);
	reading_end();
}

void member_meet(struct population *population, struct member *member)
{
	if (member->kind == PROCESS_UNREAD) {
		learn_identity(population, member);
	} else if (member->kind == PROCESS_KERNEL) {
		learn_kind(population, member);
	}
	if (member->is_gone || member->kind != PROCESS_USER) {
		return;
	}
	member->is_skipped = is_skipped(population, &member->process);
	if (member->is_skipped) {
		return;
	}
	member->process.mount_namespace = read_mount_namespace(population, member->process.pid);
	if (population->has_kcmp) {
		await_execution(member);
	}
}
