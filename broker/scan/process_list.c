/* SPDX-License-Identifier: MIT */
/*
 * The numbers in /proc, and what the kernel counts. Listing them costs a microsecond each, more than all else that a refresh
 * without news does; the kernel's count of forks says without it that no process is new. Not the
 * last number given (/proc/loadavg): that comes round, and clone3(2) can choose another.
 */
#include "broker/scan/process_list.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#define LISTING_BYTES (32u * 1024u)
/* Longer, on machines with thousands of interrupts, it costs more than the list. */
#define STAT_BYTES (32u * 1024u)

#define LONGEST_TICK_NS 10000000 /* HZ=100 */
/* Looks whether others still run before a tick is waited for: a tenth of one. */
#define MAX_LOOKS 30u

int process_list_init(struct process_list *list, int proc_fd)
{
	*list = (struct process_list){.directory_fd = -1, .stat_fd = -1};
	list->directory_fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (list->directory_fd < 0) {
		return negative_errno();
	}
	list->stat_fd = openat(proc_fd, "stat", O_RDONLY | O_CLOEXEC);
	return 0;
}

void process_list_done(struct process_list *list)
{
	closep(&list->directory_fd);
	closep(&list->stat_fd);
	free(list->pids);
}

/* The number in the line "NAME number"; 0: there is none. */
static uint64_t find_number(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	/* Cut off in the middle of the number it would be another one. */
	return line && strchr(line + 1, '\n') ? strtoull(line + strlen(name), NULL, 10) : 0;
}

void process_list_count(const struct process_list *list, struct process_counts *ret_counts)
{
	char text[STAT_BYTES];
	ssize_t n = list->stat_fd < 0 ? -1 : pread(list->stat_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	*ret_counts = (struct process_counts){
		.n_forks = find_number(text, "\nprocesses "),
		.n_running = find_number(text, "\nprocs_running "),
	};
}

void process_list_await_clocks(const struct process_list *list, const struct process_counts *counts)
{
	struct process_counts now = *counts;
	struct timespec tick = {.tv_nsec = LONGEST_TICK_NS};

	/* Whoever asked us mostly goes to sleep just now. */
	for (unsigned int i = 0; now.n_running > 1 && i < MAX_LOOKS; i++) {
		(void)sched_yield();
		process_list_count(list, &now);
	}
	if (now.n_running == 1) {
		return; /* all others have left their CPUs since */
	}
	(void)clock_getres(CLOCK_MONOTONIC_COARSE, &tick); /* it is made by the tick */
	(void)nanosleep(&tick, NULL);
}

static int add_pid(struct process_list *list, pid_t pid)
{
	if (list->n_pids == list->capacity) {
		size_t capacity = 2 * list->capacity + 512;
		pid_t *grown = reallocarray(list->pids, capacity, sizeof(*grown));

		if (!grown) {
			return -ENOMEM;
		}
		list->pids = grown;
		list->capacity = capacity;
	}
	list->pids[list->n_pids++] = pid;
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	const pid_t *left = a;
	const pid_t *right = b;

	return (*left > *right) - (*left < *right);
}

/* The kernel lists them in ascending order; that it must is written nowhere. */
static void sort_pids(struct process_list *list)
{
	size_t n = 0;

	for (size_t i = 1; i < list->n_pids; i++) {
		if (list->pids[i] <= list->pids[i - 1]) {
			qsort(list->pids, list->n_pids, sizeof(*list->pids), compare_pids);
			break;
		}
	}
	for (size_t i = 0; i < list->n_pids; i++) {
		if (n == 0 || list->pids[n - 1] != list->pids[i]) {
			list->pids[n++] = list->pids[i];
		}
	}
	list->n_pids = n;
}

static int read_pids(struct process_list *list)
{
	_Alignas(struct dirent64) char entries[LISTING_BYTES];
	int r = 0;

	if (lseek(list->directory_fd, 0, SEEK_SET) < 0) {
		return negative_errno();
	}
	for (;;) {
		ssize_t n = getdents64(list->directory_fd, entries, sizeof(entries));

		if (n <= 0) {
			return n < 0 ? negative_errno() : 0;
		}
		for (ssize_t at = 0; r == 0 && at < n;) {
			const struct dirent64 *entry = (const void *)(entries + at);
			unsigned long pid;

			at += entry->d_reclen;
			if (entry->d_name[0] < '1' || entry->d_name[0] > '9') {
				continue;
			}
			pid = strtoul(entry->d_name, NULL, 10);
			r = pid <= INT_MAX ? add_pid(list, (pid_t)pid) : 0;
		}
		if (r < 0) {
			return r;
		}
	}
}

int process_list_read(struct process_list *list)
{
	int r;

	list->n_pids = 0;
	r = read_pids(list);
	if (r < 0) {
		list->n_pids = 0;
		return r;
	}
	sort_pids(list);
	return 0;
}
