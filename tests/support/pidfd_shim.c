/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a broker that valgrind runs: valgrind 3.19 (Debian 12) does not know
 * pidfd_open(2) and says ENOSYS. The descriptor is opened by a program of its own, which
 * valgrind does not follow, and comes back through a socket. RM_PIDFD_HELPER names the program
 * (installer.c).
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef long syscall_fn(long number, ...);

/* -1: the helper has ended without one, which means that there is no such process. */
static int receive_fd(int from)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control = {{0}};
	char byte;
	struct iovec piece = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	int fd = -1;

	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message)) {
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	}
	return fd;
}

static void run_helper(int to, int pid)
{
	const char *helper = getenv("RM_PIDFD_HELPER");
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", pid);
	if (helper && dup2(to, STDIN_FILENO) == STDIN_FILENO) {
		(void)unsetenv("LD_PRELOAD");
		(void)execl(helper, helper, "send-pidfd", text, (char *)NULL);
	}
	_exit(1);
}

static long open_elsewhere(int pid)
{
	int pair[2];
	pid_t child;
	int fd = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		return -1;
	}
	child = fork();
	if (child == 0) {
		run_helper(pair[1], pid);
	}
	(void)close(pair[1]);
	if (child > 0) {
		fd = receive_fd(pair[0]);
		(void)waitpid(child, NULL, 0);
	}
	(void)close(pair[0]);
	if (fd < 0) {
		errno = ESRCH;
	}
	return fd;
}

__attribute__((visibility("default"))) long syscall(long number, ...)
{
	static syscall_fn *real;
	long arguments[6];
	va_list list;
	void *symbol;

	va_start(list, number);
	for (int i = 0; i < 6; i++) {
		arguments[i] = va_arg(list, long);
	}
	va_end(list);
	if (number == SYS_pidfd_open) {
		return open_elsewhere((int)arguments[0]);
	}
	if (!real) {
		symbol = dlsym(RTLD_NEXT, "syscall");
		memcpy(&real, &symbol, sizeof(real));
	}
	return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
		    arguments[5]);
}
