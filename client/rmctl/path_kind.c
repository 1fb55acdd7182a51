/* SPDX-License-Identifier: MIT */
/*
 * stat(2) of a file on a dead file system may never return, and a process that waits in it cannot
 * even be killed. So a child asks, which tells what it learns byte by byte; when it falls silent it
 * is left behind, and another one goes on behind the path that stopped it. It holds nothing of
 * ours, in particular not the pipe that somebody reads our output from.
 */
#include "client/rmctl/path_kind.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SILENCE_MS 500
/* Children that may be left behind. */
#define MAX_SILENCES 4

static uint8_t read_kind(const char *path)
{
	struct statx about;
	int flags = AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;

	if (statx(AT_FDCWD, path, flags, STATX_TYPE, &about)) {
		return errno == ENOENT || errno == ENOTDIR ? PATH_MISSING : PATH_UNKNOWN;
	}
	return S_ISDIR(about.stx_mode) ? PATH_DIRECTORY : PATH_PRESENT;
}

static _Noreturn void run_child(char *const *paths, size_t n, int out)
{
	if (dup2(out, STDIN_FILENO) < 0 || close_range(STDOUT_FILENO, ~0u, 0)) {
		_exit(1);
	}
	for (size_t i = 0; i < n; i++) {
		uint8_t kind = read_kind(paths[i]);

		if (write(STDIN_FILENO, &kind, 1) != 1) {
			_exit(1);
		}
	}
	_exit(0);
}

/* Reads what the child tells, until it has told all, ends or falls silent. Returns how much. */
static size_t read_answers(int in, uint8_t *kinds, size_t n)
{
	size_t n_read = 0;

	while (n_read < n) {
		struct pollfd answer = {.fd = in, .events = POLLIN};
		int r = poll(&answer, 1, SILENCE_MS);
		ssize_t got;

		if (r < 0 && errno == EINTR) {
			continue;
		}
		got = r > 0 ? read(in, kinds + n_read, n - n_read) : 0;
		if (got <= 0) {
			break;
		}
		n_read += (size_t)got;
	}
	return n_read;
}

/* One child's work from `paths` on. Returns how many it told, or -errno. */
static ssize_t ask_child(char *const *paths, size_t n, uint8_t *kinds)
{
	_cleanup_(closep) int in = -1, out = -1;
	int fds[2];
	size_t n_read;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC)) {
		return negative_errno();
	}
	in = fds[0];
	out = fds[1];
	pid = fork();
	if (pid < 0) {
		return negative_errno();
	}
	if (pid == 0) {
		run_child(paths, n, out);
	}
	(void)close(TAKE_FD(out));
	n_read = read_answers(in, kinds, n);
	if (n_read < n) {
		(void)kill(pid, SIGKILL);
	}
	/* One that hangs in the kernel is init's after us. */
	(void)waitpid(pid, NULL, n_read < n ? WNOHANG : 0);
	return (ssize_t)n_read;
}

int path_kinds_read(char *const *paths, size_t n, uint8_t *ret_kinds)
{
	size_t at = 0;

	memset(ret_kinds, PATH_UNKNOWN, n);
	for (int silences = 0; at < n && silences < MAX_SILENCES; silences++) {
		ssize_t told = ask_child(paths + at, n - at, ret_kinds + at);

		if (told < 0) {
			return (int)told;
		}
		at += (size_t)told + 1; /* that one stays unknown */
	}
	return 0;
}
