/* SPDX-License-Identifier: MIT */
/*
 * Victims. Each serves its commands over a socket: a pointer to a function of this program, which
 * all of them have at the same place, and a text.
 */
#include "tests/unit/scan_victim.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PLACE ((void *)(uintptr_t)UINT64_C(0x200000000000))
#define PLACE_BYTES 4096u
#define STACK_BYTES (64u * 1024u)

struct command {
	victim_fn function;
	char argument[512];
};

static int proc_fd = -1;

/* Returns when the test has gone. */
static int serve(void *userdata)
{
	int fd = (int)(intptr_t)userdata;
	struct command command;

	while (recv(fd, &command, sizeof(command), 0) == sizeof(command)) {
		int answer = command.function(command.argument);

		if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer)) {
			break;
		}
	}
	(void)syscall(SYS_exit_group, 0);
	return 0;
}

static void make_pair(int ret_fds[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds), 0);
}

struct victim victim_start(void)
{
	struct victim victim;
	pid_t parent = getpid();
	int fds[2];

	make_pair(fds);
	victim.pid = fork();
	ck_assert_int_ge(victim.pid, 0);
	if (victim.pid == 0) {
		(void)close(fds[0]);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent) {
			(void)serve((void *)(intptr_t)fds[1]);
		}
		_exit(1);
	}
	ck_assert_int_eq(close(fds[1]), 0);
	victim.fd = fds[0];
	ck_assert_int_eq(victim_do(&victim, victim_nothing, ""), 0);
	return victim;
}

void victim_begin(const struct victim *victim, victim_fn function, const char *argument)
{
	struct command command = {.function = function};

	ck_assert_uint_lt(strlen(argument), sizeof(command.argument));
	strcpy(command.argument, argument);
	ck_assert_int_eq(send(victim->fd, &command, sizeof(command), MSG_NOSIGNAL),
			 sizeof(command));
}

int victim_do(const struct victim *victim, victim_fn function, const char *argument)
{
	int answer;

	victim_begin(victim, function, argument);
	ck_assert_int_eq(recv(victim->fd, &answer, sizeof(answer), 0), sizeof(answer));
	return answer;
}

/* In the victim: takes the socket that comes by its own, and has the child serve it. */
static int make_clone(const char *argument)
{
	int flags = (int)strtol(argument, NULL, 10);
	int fd = 80;
	char *stack;

	while (fcntl(fd, F_GETFD) >= 0) {
		fd++; /* the last one that victim_give() put there */
	}
	fd--;
	if (!flags) {
		pid_t pid = fork();

		return pid == 0 ? serve((void *)(intptr_t)fd) : pid;
	}
	stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return stack == MAP_FAILED
		       ? -errno
		       : clone(serve, stack + STACK_BYTES, flags | SIGCHLD, (void *)(intptr_t)fd);
}

/* In the victim: reaches for the test's descriptor. */
static int take_descriptor(const char *argument)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, (int)strtol(argument, NULL, 10), 0);
	int to = fd < 0 ? -1 : fcntl(fd, F_DUPFD, 80);

	(void)close(pidfd);
	(void)close(fd);
	return to;
}

struct victim victim_clone(const struct victim *victim, int flags)
{
	struct victim made;
	char number[16];
	int fds[2];

	make_pair(fds);
	(void)snprintf(number, sizeof(number), "%d", fds[1]);
	ck_assert_int_ge(victim_do(victim, take_descriptor, number), 80);
	(void)snprintf(number, sizeof(number), "%d", flags);
	made.pid = victim_do(victim, make_clone, number);
	ck_assert_int_gt(made.pid, 0);
	ck_assert_int_eq(close(fds[1]), 0);
	made.fd = fds[0];
	ck_assert_int_eq(victim_do(&made, victim_nothing, ""), 0);
	return made;
}

void victim_end(struct victim *victim)
{
	ck_assert_int_eq(kill(victim->pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(victim->pid, NULL, 0), victim->pid);
	ck_assert_int_eq(close(victim->fd), 0);
}

void victim_end_clone(struct victim *victim)
{
	struct pollfd poll_fd = {.fd = (int)syscall(SYS_pidfd_open, victim->pid, 0),
				 .events = POLLIN};

	ck_assert_int_ge(poll_fd.fd, 0);
	ck_assert_int_eq(kill(victim->pid, SIGKILL), 0);
	while (poll(&poll_fd, 1, -1) < 0) {
		ck_assert_int_eq(errno, EINTR);
	}
	ck_assert_int_eq(close(poll_fd.fd), 0);
	ck_assert_int_eq(close(victim->fd), 0);
}

int victim_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : dup3(fd, VICTIM_FD, O_CLOEXEC) == VICTIM_FD ? 0 : -errno;

	(void)close(fd);
	return r;
}

int victim_close(const char *unused)
{
	(void)unused;
	return close(VICTIM_FD);
}

int victim_map(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map = mmap(PLACE, PLACE_BYTES, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);

	(void)close(fd);
	return map == MAP_FAILED ? -errno : 0;
}

int victim_unmap(const char *unused)
{
	(void)unused;
	return munmap(PLACE, PLACE_BYTES);
}

int victim_nothing(const char *unused)
{
	(void)unused;
	return 0;
}

struct scan_index *index_make(struct index_options options)
{
	struct scan_index *index;

	if (proc_fd < 0) {
		proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	options.proc_fd = proc_fd;
	options.n_threads = options.n_threads ? options.n_threads : 2;
	ck_assert_int_eq(scan_index_new(&options, &index), 0);
	return index;
}

void index_end(struct scan_index *index)
{
	index = scan_index_free(index);
	closep(&proc_fd);
	proc_fd = -1;
}

struct index_counts index_refresh(struct scan_index *index)
{
	struct index_counts counts;

	ck_assert_int_eq(scan_index_refresh(index, false, NULL, &counts), 0);
	return counts;
}

const struct index_process *index_get(struct scan_index *index, pid_t pid)
{
	return scan_index_find(index, pid);
}

static bool has(struct scan_index *index, pid_t pid, enum hold_kind kind, const struct stat *st,
		bool by_device)
{
	const struct index_process *process = scan_index_find(index, pid);
	size_t n_files;
	const struct index_file *files = scan_index_files(index, &n_files);

	for (size_t i = 0; process && i < process->n_holds; i++) {
		const struct index_file *file = &files[process->holds[i].file];

		ck_assert_uint_lt(process->holds[i].file, n_files);
		ck_assert_uint_gt(file->n_holders, 0);
		if (process->holds[i].kind == (uint32_t)kind && file->inode == st->st_ino &&
		    (!by_device || file->device == st->st_dev)) {
			ck_assert_int_eq(file->by_maps, kind == HOLD_MAPPING);
			return true;
		}
	}
	return false;
}

bool index_has(struct scan_index *index, pid_t pid, enum hold_kind kind, const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return has(index, pid, kind, &st, kind != HOLD_MAPPING);
}

bool index_has_inode(struct scan_index *index, pid_t pid, enum hold_kind kind, ino_t inode)
{
	struct stat st = {.st_ino = inode};

	return has(index, pid, kind, &st, false);
}
