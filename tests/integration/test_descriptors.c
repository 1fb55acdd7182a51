/* SPDX-License-Identifier: MIT */
/*
 * The library as a guest in its caller's process: its descriptors are few, close-on-exec and its
 * own; it touches nobody else's, raises no signal and writes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"

#define KEY_CHARACTERS (CCH_RM_SESSION_KEY + 1)
#define MAX_FD 64

static bool is_connection(int fd)
{
	struct sockaddr_un peer;
	socklen_t size = sizeof(peer);

	memset(&peer, 0, sizeof(peer));
	return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 &&
	       strncmp(peer.sun_path, fixture.directory, strlen(fixture.directory)) == 0;
}

/* The only connection of the library; fails when there is none or another one. */
static int find_connection(void)
{
	int found = -1;

	for (int fd = 0; fd < MAX_FD; fd++) {
		if (is_connection(fd)) {
			ck_assert_int_eq(found, -1);
			found = fd;
		}
	}
	ck_assert_int_ge(found, 3);
	return found;
}

static DWORD start(DWORD *ret_handle)
{
	WCHAR key[KEY_CHARACTERS];

	return RmStartSession(ret_handle, 0, key);
}

START_TEST(test_one_and_close_on_exec)
{
	struct rm_session *sessions[20];
	unsigned int n_before;

	broker_start();
	n_before = testing_count_fds();
	for (size_t i = 0; i < ARRAY_SIZE(sessions); i++) {
		ck_assert_int_eq(rm_session_start(-1, &sessions[i]), 0);
	}
	ck_assert_int_eq(fcntl(find_connection(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_uint_eq(testing_count_fds(), n_before);
	for (size_t i = 0; i < ARRAY_SIZE(sessions); i++) {
		ck_assert_int_eq(rm_session_end(sessions[i]), 0);
	}
	(void)find_connection();
}
END_TEST

START_TEST(test_watch_is_close_on_exec)
{
	struct rm_watch *watch;
	struct rm_event event;
	DWORD handle;

	broker_start();
	ck_assert_int_eq(rm_watch_open(0, &watch), 0);
	ck_assert_int_eq(fcntl(rm_watch_fd(watch), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(rm_watch_next(watch, 0, &event), 121);
	ck_assert_uint_eq(start(&handle), 0);
	ck_assert_int_eq(rm_watch_next(watch, testing_scale_ms(5000), &event), 0);
	ck_assert_str_eq(event.kind, "started");
	ck_assert_uint_eq(event.pid, (uint32_t)getpid());
	broker_stop();
	ck_assert_int_eq(rm_watch_next(watch, testing_scale_ms(5000), &event), 1722);
	rm_watch_close(watch);
}
END_TEST

/* A connection that was closed behind the library's back is replaced. */
START_TEST(test_closed_by_the_caller)
{
	DWORD handle;

	broker_start();
	ck_assert_uint_eq(start(&handle), 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(close(find_connection()), 0);
		ck_assert_uint_eq(start(&handle), 0);
		ck_assert_uint_eq(RmEndSession(handle), 0);
	}
}
END_TEST

/* Its number now is the caller's file: nothing is written to it, and it stays open. */
START_TEST(test_number_used_by_a_file)
{
	const char *path = fixture_path("file");
	_cleanup_(freep) char *text = NULL;
	DWORD handle, other;
	int fd, file;

	broker_start();
	ck_assert_uint_eq(start(&handle), 0);
	fd = find_connection();
	testing_write_file(path, "precious");
	file = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(dup2(file, fd), fd);
	ck_assert_uint_eq(start(&other), 0);
	ck_assert_uint_eq(RmEndSession(other), 0);
	ck_assert_uint_eq(RmEndSession(handle), 0);
	broker_restart();
	ck_assert_uint_eq(start(&handle), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 0);
	ck_assert_int_eq(close(fd), 0); /* it was still open */
	ck_assert_int_eq(close(file), 0);
	text = testing_read_file(path);
	ck_assert_str_eq(text, "precious");
}
END_TEST

/* The worst case: another socket, of the same broker even, that the caller talks on. */
START_TEST(test_number_used_by_a_socket)
{
	DWORD handle, other;
	int pair[2], fd;
	char byte;

	broker_start();
	ck_assert_uint_eq(start(&handle), 0);
	fd = find_connection();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(dup2(pair[0], fd), fd);
	ck_assert_uint_eq(start(&other), 0);
	ck_assert_uint_eq(RmEndSession(other), 0);
	ck_assert_int_eq(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(close(pair[0]), 0);
	ck_assert_int_eq(close(pair[1]), 0);
}
END_TEST

/* Everything closed, standard descriptors too: the library's next one may have the number 0. */
static int run_without_descriptors(void *arg)
{
	DWORD handle = *(DWORD *)arg;
	DWORD other;

	if (close_range(0, ~0U, 0) < 0) {
		return 2;
	}
	if (start(&other) != 0 || RmEndSession(other) != 0) {
		return 3;
	}
	return RmEndSession(handle) == 6 && other == 1 ? 0 : 4; /* we are a child */
}

START_TEST(test_all_closed)
{
	DWORD handle;

	broker_start();
	ck_assert_uint_eq(start(&handle), 0);
	ck_assert_int_eq(testing_in_child(run_without_descriptors, &handle, 10000), 0);
	ck_assert_uint_eq(RmEndSession(handle), 0);
}
END_TEST

static volatile sig_atomic_t n_signals;

static void on_signal(int signal)
{
	(void)signal;
	n_signals = n_signals + 1;
}

START_TEST(test_no_sigpipe)
{
	DWORD handle;

	ck_assert_ptr_ne(signal(SIGPIPE, on_signal), SIG_ERR);
	broker_start();
	ck_assert_uint_eq(start(&handle), 0);
	broker_kill(); /* the connection that is kept is dead now */
	ck_assert_int_eq(setenv("RSTRTMGR_TIMEOUT_MS", "100", 1), 0);
	ck_assert_uint_eq(start(&handle), 121);
	ck_assert_uint_eq(RmEndSession(handle), 0);
	ck_assert_int_eq(n_signals, 0);
}
END_TEST

/* A handler of the caller's that interrupts calls is no error. */
START_TEST(test_interrupted_calls)
{
	struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART */
	const struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
	DWORD handle;

	broker_start();
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (int i = 0; i < (testing_is_slow() ? 200 : 5000) || n_signals < 20; i++) {
		ck_assert_uint_eq(start(&handle), 0);
		ck_assert_uint_eq(RmEndSession(handle), 0);
	}
	ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
}
END_TEST

/* Whatever goes wrong, standard error is the caller's. */
START_TEST(test_silence)
{
	const char *path = fixture_path("err");
	_cleanup_(freep) char *text = NULL;
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	DWORD handle;

	ck_assert_int_ge(saved, 0);
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	ck_assert_uint_eq(start(&handle), 1722);
	ck_assert_uint_eq(RmEndSession(4711), 6);
	ck_assert_int_eq(setenv("RSTRTMGR_SOCKET", "nonsense", 1), 0);
	ck_assert_uint_eq(start(&handle), 5);
	ck_assert_int_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(close(saved), 0);
	ck_assert_int_eq(close(fd), 0);
	text = testing_read_file(path);
	ck_assert_str_eq(text, "");
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_one_and_close_on_exec},
		{.test = test_watch_is_close_on_exec},
		{.test = test_closed_by_the_caller},
		{.test = test_number_used_by_a_file},
		{.test = test_number_used_by_a_socket},
		{.test = test_all_closed},
		{.test = test_no_sigpipe},
		{.test = test_interrupted_calls},
		{.test = test_silence},
	};

	return testing_run("descriptors", cases, ARRAY_SIZE(cases));
}
