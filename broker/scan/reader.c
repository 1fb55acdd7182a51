/* SPDX-License-Identifier: MIT */
/*
 * One process. Everything is read through one open /proc/PID, so all answers are of the same
 * process, however its number is used afterwards; its pidfd, opened first and alive at the end,
 * proves that the number was its own as well.
 *
 * A process that executes another program meanwhile would show the executable of one and the
 * mappings of the other. Its maps file, which belongs to the old memory, tells at the end whether
 * it has another now; so does its executable, where the old memory is also a relative's. Then it is
 * read again. One that goes on like that is taken as it is; its clock moves, so the next refresh
 * reads it once more.
 *
 * When the main thread has exited while others run, /proc/PID shows nothing: the same is read
 * from one of the others. A thread can have a descriptor table or a working directory of its
 * own; kcmp(2) tells which do. Without kcmp every thread is asked for all.
 */
#include "broker/scan/reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "broker/scan/mapping_holds.h"
#include "broker/scan/mappings.h"
#include "broker/scan/reading_board.h"

/* Of the kernel's task flags: a thread of its own. */
#define TASK_FLAG_KTHREAD 0x00200000u
/* Readings of a process that keeps executing programs. */
#define MAX_ATTEMPTS 8u
/* Descriptor tables that threads of one process made for themselves, remembered as relatives. */
#define MAX_TABLES 4096u

static bool read_field(const char **text, uint64_t *ret_number)
{
	char *end;

	*ret_number = strtoull(*text, &end, 10);
	if (end == *text) {
		return false;
	}
	*text = end;
	return true;
}

int process_stat_parse(const char *text, size_t size, struct process_stat *ret_stat)
{
	char copy[1024];
	uint64_t fields[23]; /* numbered as in proc(5), from the fourth */
	const char *at;

	size = size < sizeof(copy) ? size : sizeof(copy) - 1;
	memcpy(copy, text, size);
	copy[size] = '\0';
	at = strrchr(copy, ')');
	if (!at || at[1] != ' ' || !at[2] || at[3] != ' ') {
		return -EBADMSG;
	}
	ret_stat->state = at[2];
	at += 3;
	for (size_t i = 4; i < ARRAY_SIZE(fields); i++) {
		if (!read_field(&at, &fields[i])) {
			return -EBADMSG;
		}
	}
	ret_stat->is_kernel = fields[9] & TASK_FLAG_KTHREAD;
	ret_stat->n_threads = fields[20];
	ret_stat->start_time = fields[22];
	return 0;
}

int process_stat_read(int directory_fd, const char *name, struct process_stat *ret_stat)
{
	_cleanup_(closep) int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
	char text[1024];
	ssize_t n;

	if (fd < 0) {
		return errno == ENOENT ? -ESRCH : negative_errno();
	}
	n = read(fd, text, sizeof(text));
	return n < 0 ? negative_errno() : process_stat_parse(text, (size_t)n, ret_stat);
}

enum process_kind process_stat_kind(const struct process_stat *stat)
{
	if (stat->is_kernel) {
		return PROCESS_KERNEL;
	}
	/* A main thread that has exited is a zombie, too, until its last thread goes. */
	if (stat->state == 'X' || (stat->state == 'Z' && stat->n_threads <= 1)) {
		return PROCESS_ZOMBIE;
	}
	return PROCESS_USER;
}

int process_clock_read(pid_t pid, uint64_t *ret_clock)
{
	/* As clock_getcpuclockid(3) makes it, less a system call: CPUCLOCK_SCHED of the process. */
	clockid_t clock = (clockid_t)(~(unsigned int)pid << 3 | 2u);
	struct timespec time;

	if (clock_gettime(clock, &time) < 0) {
		return negative_errno();
	}
	*ret_clock = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
	return 0;
}

void process_reading_done(struct process_reading *reading, struct file_table *files)
{
	holds_free(files, reading->holds, reading->n_holds);
	free(reading->tables);
	*reading = (struct process_reading){0};
}

/* ---- threads ---- */

static int compare_tasks(pid_t a, pid_t b, int what)
{
	return (int)syscall(SYS_kcmp, a, b, what, 0, 0);
}

static bool has_table(const struct reader *reader, const struct process_reading *reading,
		      pid_t task)
{
	if (!reader->has_kcmp) {
		return false;
	}
	if (compare_tasks(reading->task, task, KCMP_FILES) == 0) {
		return true;
	}
	for (uint32_t i = 0; i < reading->n_tables; i++) {
		if (compare_tasks(reading->tables[i], task, KCMP_FILES) == 0) {
			return true;
		}
	}
	return false;
}

static int remember_table(struct process_reading *reading, pid_t task)
{
	if (reading->n_tables == MAX_TABLES) {
		reading->flags |= INDEX_INCOMPLETE;
		reading->error = E2BIG;
		return 0;
	}
	/* Grown at powers of two. */
	if ((reading->n_tables & (reading->n_tables - 1)) == 0) {
		size_t capacity = reading->n_tables ? 2 * (size_t)reading->n_tables : 1;
		pid_t *grown = reallocarray(reading->tables, capacity, sizeof(*grown));

		if (!grown) {
			return -ENOMEM;
		}
		reading->tables = grown;
	}
	reading->tables[reading->n_tables++] = task;
	return 0;
}

static int read_thread(const struct reader *reader, const struct link_reader *main, pid_t task,
		       struct process_reading *reading)
{
	_cleanup_(closep) int fd = -1;
	struct link_reader links = *main;
	char path[32];
	bool is_known = has_table(reader, reading, task);
	bool stands_apart = !reader->has_kcmp || compare_tasks(reading->task, task, KCMP_FS) > 0;
	int r = 0;

	if (is_known && !stands_apart) {
		return 0;
	}
	(void)snprintf(path, sizeof(path), "task/%d", task);
	fd = openat(main->fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return 0; /* it has gone */
	}
	links.fd = fd;
	links.task = (uint32_t)task;
	links.error = 0;
	if (!is_known) {
		r = descriptors_read(&links);
		r = r == 0 && reader->has_kcmp ? remember_table(reading, task) : r;
	}
	if (r == 0 && stands_apart) {
		r = link_read(&links, "cwd", HOLD_WORKING_DIRECTORY, NULL);
		r = r >= 0 ? link_read(&links, "root", HOLD_ROOT, NULL) : r;
	}
	/* Of a thread that has gone meanwhile nothing is missing. */
	if (links.error && faccessat(fd, "fd", F_OK, 0) == 0) {
		reading->error = reading->error ? reading->error : links.error;
	}
	return r == -ENOMEM || r == -ECANCELED ? r : 0;
}

static void close_directory(DIR **directory)
{
	if (*directory) {
		(void)closedir(*directory);
	}
}

static DIR *open_tasks(int process_fd)
{
	int fd = openat(process_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory) {
		closep(&fd);
	}
	return directory;
}

/* `links` is of /proc/PID itself. */
static int read_threads(const struct reader *reader, const struct link_reader *links,
			struct process_reading *reading)
{
	_cleanup_(close_directory) DIR *directory = open_tasks(links->fd);
	const struct dirent *entry;
	int r = 0;

	while (directory && r == 0 && (entry = readdir(directory))) {
		pid_t task = (pid_t)strtol(entry->d_name, NULL, 10);

		reading_step();
		if (links->cancelled &&
		    atomic_load_explicit(links->cancelled, memory_order_relaxed)) {
			return -ECANCELED;
		}
		if (task > 0 && task != reading->task) {
			r = read_thread(reader, links, task, reading);
		}
	}
	return r;
}

pid_t process_find_living_thread(int process_fd)
{
	_cleanup_(close_directory) DIR *directory = open_tasks(process_fd);
	const struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		char path[300];
		char byte;

		if (entry->d_name[0] == '.') {
			continue;
		}
		(void)snprintf(path, sizeof(path), "%s/exe", entry->d_name);
		if (readlinkat(dirfd(directory), path, &byte, 1) > 0) {
			return (pid_t)strtol(entry->d_name, NULL, 10);
		}
	}
	return 0;
}

/* ---- the whole ---- */

static uint64_t count_threads(int process_fd)
{
	struct stat st;

	/* A directory's links: two, and one for each below it. */
	return fstatat(process_fd, "task", &st, 0) < 0 || st.st_nlink < 3 ? 1 : st.st_nlink - 2;
}

/* Whether it runs another program than what was read. */
static bool has_executed(const struct reader *reader, struct link_reader *links, int maps_fd,
			 const struct found_hold *exe)
{
	struct found_hold now;

	if (maps_fd >= 0 && !mappings_are_alive(maps_fd, reader->by_text)) {
		return true;
	}
	return link_read(links, "exe", HOLD_EXECUTABLE, &now) == 1 &&
	       (now.device != exe->device || now.inode != exe->inode);
}

/* What stands in one directory: of the process, or of the thread that stands for it. */
static int read_links(const struct reader *reader, struct link_reader *links, int *ret_maps_fd)
{
	int r = link_read(links, "cwd", HOLD_WORKING_DIRECTORY, NULL);

	r = r >= 0 ? link_read(links, "root", HOLD_ROOT, NULL) : r;
	r = r >= 0 ? mapping_holds_read(reader, links, ret_maps_fd) : r;
	return r >= 0 ? descriptors_read(links) : r;
}

/* Finds out what a process without an executable is. 1: it is to be read as `links` says now. */
static int choose_thread(struct link_reader *links, struct process_reading *reading,
			 int *ret_task_fd)
{
	struct process_stat stat;
	char path[32];
	int r = process_stat_read(links->fd, "stat", &stat);

	if (r < 0) {
		return r;
	}
	reading->kind = process_stat_kind(&stat);
	if (reading->kind != PROCESS_USER) {
		return 0;
	}
	if (stat.n_threads > 1) {
		pid_t task = process_find_living_thread(links->fd);

		(void)snprintf(path, sizeof(path), "task/%d", task);
		*ret_task_fd =
			task ? openat(links->fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
		if (*ret_task_fd >= 0) {
			reading->task = task;
			reading->flags |= INDEX_LEADER_GONE;
			links->fd = *ret_task_fd;
			links->task = (uint32_t)task;
		}
	}
	return 1;
}

static void tell_error(struct process_reading *reading, int error)
{
	reading->error = reading->error ? reading->error : error;
	if (reading->error == EACCES || reading->error == EPERM) {
		reading->flags |= INDEX_DENIED;
	} else if (reading->error) {
		reading->flags |= INDEX_INCOMPLETE;
	}
}

/* 0; -EAGAIN: it executed another program meanwhile; other -errno. */
static int read_once(const struct reader *reader, const struct subject *subject, int process_fd,
		     struct hold_list *list, struct process_reading *reading)
{
	_cleanup_(closep) int maps_fd = -1;
	_cleanup_(closep) int task_fd = -1;
	bool is_self = subject->pid == getpid();
	struct found_hold exe = {0};
	struct link_reader links = {
		.fd = process_fd,
		.is_careful = reader->mounts.is_careful || !subject->mount_namespace,
		.mount_namespace = subject->mount_namespace,
		.mounts = &reader->mounts,
		.kernel = &reader->kernel,
		.hidden = is_self ? reader->hidden : NULL,
		.n_hidden = is_self ? reader->n_hidden : 0,
		.cancelled = reader->cancelled,
		.list = list,
	};
	int r = link_read(&links, "exe", HOLD_EXECUTABLE, &exe);

	if (r == 0 && !links.error) {
		r = choose_thread(&links, reading, &task_fd);
		if (r <= 0) {
			return r;
		}
		r = link_read(&links, "exe", HOLD_EXECUTABLE, &exe);
	}
	if (r == 1 && found_hold_is_file(&links, &exe)) {
		r = hold_list_add(list, &exe);
	}
	r = r >= 0 ? read_links(reader, &links, &maps_fd) : r;
	if (r == 0 && count_threads(process_fd) > 1) {
		links.fd = process_fd;
		links.task = 0;
		r = read_threads(reader, &links, reading);
	}
	if (r < 0) {
		return r;
	}
	tell_error(reading, links.error);
	links.fd = task_fd >= 0 ? task_fd : process_fd;
	return has_executed(reader, &links, maps_fd, &exe) ? -EAGAIN : 0;
}

/* Whether the number still is that of the process whose pidfd or start time is known. */
static bool is_alive(const struct subject *subject, int process_fd)
{
	struct pollfd poll_fd = {.fd = subject->pidfd, .events = POLLIN};
	struct process_stat stat;

	if (subject->pidfd >= 0) {
		return poll(&poll_fd, 1, 0) == 0;
	}
	return process_stat_read(process_fd, "stat", &stat) == 0 &&
	       stat.start_time == subject->start_time && process_stat_kind(&stat) != PROCESS_ZOMBIE;
}

int reader_read(const struct reader *reader, const struct subject *subject,
		struct process_reading *ret_reading)
{
	_cleanup_(closep) int fd = -1;
	_cleanup_(hold_list_done) struct hold_list list;
	struct process_reading reading = {0};
	char path[16];
	struct stat st;
	int r = -EAGAIN;

	hold_list_init(&list, (struct file_table *)&reader->files);
	(void)snprintf(path, sizeof(path), "%d", subject->pid);
	fd = openat(reader->proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		return errno == ENOMEM ? -ENOMEM : -ESRCH;
	}
	for (unsigned int i = 0; r == -EAGAIN && i < MAX_ATTEMPTS; i++) {
		hold_list_done(&list);
		process_reading_done(&reading, list.table);
		reading.kind = PROCESS_USER;
		reading.task = subject->pid;
		reading.uid = st.st_uid;
		r = read_once(reader, subject, fd, &list, &reading);
	}
	if (r != -ENOMEM && r != -ECANCELED && !is_alive(subject, fd)) {
		r = -ESRCH;
	}
	if (r == 0 || r == -EAGAIN) {
		r = hold_list_finish(&list, &reading.holds, &reading.n_holds);
	}
	if (r < 0) {
		process_reading_done(&reading, list.table);
		return r;
	}
	*ret_reading = reading;
	return 0;
}
