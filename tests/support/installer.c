/* SPDX-License-Identifier: MIT */
/*
 * A small installer for tests: a process of its own that does what it is told, by the public API
 * alone. With arguments it runs that one command and ends with its code (at most 255); else it
 * reads one command a line and answers each with one line, "CODE" or "CODE VALUE...".
 *
 *   start                   RmStartSession: handle and key
 *   join KEY                RmJoinSession: handle
 *   end HANDLE              RmEndSession
 *   start-for PID           rm_session_start() with an owner, 0: itself: id and key
 *   join-for PID KEY        rm_session_join() with an owner: id
 *   attach ID KEY           rm_session_attach(); `end-native` ends what was attached
 *   end-native              rm_session_end() of the last native session
 *   sub ARGUMENTS...        runs another installer with these arguments: its code
 *   exec                    executes itself anew; answers as after the start
 *   close-all               closes every descriptor from 3 up
 *   send-pidfd PID          opens a pidfd and sends it through its stdin (pidfd_shim.c)
 *   quit
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"

#define MAX_WORDS 8
#define SELF "/proc/self/exe"

static struct rm_session *native;

static int fail(const char *what)
{
	printf("-1 %s: %s\n", what, strerror(errno));
	return 255;
}

static int answer(int code)
{
	printf("%d\n", code);
	return code;
}

static int run_start(char **words)
{
	WCHAR key[CCH_RM_SESSION_KEY + 1] = L"";
	DWORD handle = 0;
	DWORD code = RmStartSession(&handle, 0, key);

	(void)words;
	printf("%" PRIu32 " %" PRIu32 " %ls\n", code, handle, key);
	return (int)code;
}

static int run_join(char **words)
{
	WCHAR key[64];
	DWORD handle = 0;
	DWORD code;

	(void)swprintf(key, sizeof(key) / sizeof(key[0]), L"%s", words[1]);
	code = RmJoinSession(&handle, key);
	printf("%" PRIu32 " %" PRIu32 "\n", code, handle);
	return (int)code;
}

static int run_end(char **words)
{
	return answer((int)RmEndSession((DWORD)strtoul(words[1], NULL, 0)));
}

/* -1 for "0": this process. */
static int open_owner(const char *pid)
{
	return strcmp(pid, "0") == 0 ? -1 : pidfd_open(atoi(pid), 0);
}

static int run_start_for(char **words)
{
	int owner = open_owner(words[1]);
	int code = rm_session_start(owner, &native);

	if (code == 0) {
		printf("0 %" PRIu32 " %s\n", rm_session_id(native), rm_session_key(native));
	} else {
		printf("%d\n", code);
	}
	if (owner >= 0) {
		(void)close(owner);
	}
	return code;
}

static int run_join_for(char **words)
{
	int owner = open_owner(words[1]);
	int code = rm_session_join(words[2], owner, &native);

	if (owner >= 0) {
		(void)close(owner);
	}
	return answer(code);
}

static int run_attach(char **words)
{
	return answer(rm_session_attach((uint32_t)strtoul(words[1], NULL, 10), words[2], &native));
}

static int run_end_native(char **words)
{
	struct rm_session *session = native;

	(void)words;
	native = NULL;
	return answer(rm_session_end(session));
}

static int run_sub(char **words)
{
	pid_t pid;
	int status;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execv(SELF, words); /* "sub" is its name */
		_exit(254);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		return fail("sub");
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 253; /* it has answered for us */
}

static int run_exec(char **words)
{
	char *const anew[] = {words[0], NULL};

	(void)fflush(stdout);
	execv(SELF, anew);
	return fail("exec");
}

static int run_close_all(char **words)
{
	(void)words;
	return answer(close_range(3, ~0U, 0));
}

static int run_send_pidfd(char **words)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control = {{0}};
	char byte = 0;
	struct iovec piece = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd = pidfd_open(atoi(words[1]), 0);

	if (fd < 0) {
		return 1;
	}
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(STDIN_FILENO, &message, MSG_NOSIGNAL) == 1 ? 0 : 1;
}

static const struct {
	const char *name;
	int n_words;
	int (*run)(char **words);
} commands[] = {
	{"start", 1, run_start},
	{"join", 2, run_join},
	{"end", 2, run_end},
	{"start-for", 2, run_start_for},
	{"join-for", 3, run_join_for},
	{"attach", 3, run_attach},
	{"end-native", 1, run_end_native},
	{"sub", 2, run_sub},
	{"exec", 1, run_exec},
	{"close-all", 1, run_close_all},
	{"send-pidfd", 2, run_send_pidfd},
};

static int run(char **words, int n_words)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(words[0], commands[i].name) == 0 && n_words >= commands[i].n_words) {
			return commands[i].run(words);
		}
	}
	errno = EINVAL;
	return fail(words[0]);
}

static int split(char *line, char **words)
{
	int n = 0;
	char *rest = NULL;

	for (char *word = strtok_r(line, " \n", &rest); word && n < MAX_WORDS;
	     word = strtok_r(NULL, " \n", &rest)) {
		words[n++] = word;
	}
	words[n] = NULL;
	return n;
}

int main(int argc, char **argv)
{
	char *words[MAX_WORDS + 1];
	char line[512];

	if (argc > 1) {
		int code = run(argv + 1, argc - 1);

		rm_session_free(native);
		return code > 255 ? 255 : code;
	}
	printf("ready\n");
	(void)fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		int n = split(line, words);

		if (n && strcmp(words[0], "quit") == 0) {
			break;
		}
		if (n) {
			(void)run(words, n);
			(void)fflush(stdout);
		}
	}
	rm_session_free(native);
	return 0;
}
