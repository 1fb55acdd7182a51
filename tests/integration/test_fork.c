/* SPDX-License-Identifier: MIT */
/*
 * fork(): the child has no sessions and a connection of its own; the parent notices nothing,
 * also when other threads were in the middle of a call (A12).
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"

#define KEY_CHARACTERS (CCH_RM_SESSION_KEY + 1)

/* What the parent leaves to its child. */
struct inheritance {
	DWORD handle;
	DWORD joined;
	WCHAR key[KEY_CHARACTERS];
	struct rm_session *native;
};

static unsigned int count_library_connections(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 256; fd++) {
		struct sockaddr_un peer;
		socklen_t size = sizeof(peer);

		memset(&peer, 0, sizeof(peer));
		n += getpeername(fd, (struct sockaddr *)&peer, &size) == 0 &&
		     strncmp(peer.sun_path, fixture.directory, strlen(fixture.directory)) == 0;
	}
	return n;
}

/* Exit codes of children tell the line. */
#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			(void)fprintf(stderr, "# child: line %d\n", __LINE__);                     \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static int run_child(void *arg)
{
	const struct inheritance *from = arg;
	WCHAR key[KEY_CHARACTERS];
	DWORD handle;
	DWORD joined;

	EXPECT(RmEndSession(from->handle) == 6);
	EXPECT(RmEndSession(from->joined) == 6);
	EXPECT(rm_session_end(from->native) == 6);
	EXPECT(RmStartSession(&handle, 0, key) == 0);
	EXPECT(handle == 1);
	EXPECT(memcmp(key, from->key, sizeof(key)) != 0);
	EXPECT(count_library_connections() == 1); /* the parent's is closed here */
	EXPECT(RmJoinSession(&joined, from->key) == 0);
	EXPECT(joined == 2);
	EXPECT(RmEndSession(joined) == 0);
	EXPECT(RmEndSession(handle) == 0);
	return 0;
}

static void open_all(struct inheritance *ret)
{
	ck_assert_uint_eq(RmStartSession(&ret->handle, 0, ret->key), 0);
	ck_assert_uint_eq(RmJoinSession(&ret->joined, ret->key), 0);
	ck_assert_int_eq(rm_session_start(-1, &ret->native), 0);
}

static void end_all(const struct inheritance *inheritance)
{
	ck_assert_uint_eq(RmEndSession(inheritance->joined), 0);
	ck_assert_uint_eq(RmEndSession(inheritance->handle), 0);
	ck_assert_int_eq(rm_session_end(inheritance->native), 0);
}

START_TEST(test_child)
{
	struct inheritance inheritance;

	broker_start();
	open_all(&inheritance);
	ck_assert_uint_eq(count_library_connections(), 1);
	ck_assert_int_eq(testing_in_child(run_child, &inheritance, 10000), 0);
	end_all(&inheritance);
}
END_TEST

static int run_grandchild(void *arg)
{
	DWORD mine;
	WCHAR key[KEY_CHARACTERS];

	EXPECT(RmStartSession(&mine, 0, key) == 0);
	EXPECT(testing_in_child(run_child, arg, 10000) == 0);
	EXPECT(RmEndSession(mine) == 0);
	return 0;
}

START_TEST(test_grandchild)
{
	struct inheritance inheritance;

	broker_start();
	open_all(&inheritance);
	ck_assert_int_eq(testing_in_child(run_grandchild, &inheritance, 20000), 0);
	end_all(&inheritance);
}
END_TEST

static int only_exit(void *arg)
{
	(void)arg;
	return 0;
}

/* A child that never calls changes nothing; its end is not the owner's. */
START_TEST(test_idle_child)
{
	struct inheritance inheritance;

	broker_start();
	open_all(&inheritance);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(testing_in_child(only_exit, NULL, 10000), 0);
	}
	end_all(&inheritance);
}
END_TEST

static atomic_bool is_over;
static atomic_uint n_errors;

static void *call(void *arg)
{
	WCHAR key[KEY_CHARACTERS];
	DWORD handle;

	(void)arg;
	while (!is_over) {
		n_errors += RmStartSession(&handle, 0, key) != 0;
		n_errors += RmEndSession(handle) != 0;
	}
	return NULL;
}

static int start_and_end(void *arg)
{
	WCHAR key[KEY_CHARACTERS];
	DWORD handle;

	EXPECT(RmEndSession(*(DWORD *)arg) == 6);
	EXPECT(RmStartSession(&handle, 0, key) == 0);
	EXPECT(handle == 1);
	EXPECT(RmEndSession(handle) == 0);
	return 0;
}

/* The child of a process with threads may only call what is safe then: our calls take malloc(),
 * which glibc makes safe. */
START_TEST(test_fork_during_calls)
{
	pthread_t threads[4];
	WCHAR key[KEY_CHARACTERS];
	DWORD handle;

	broker_start();
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, call, NULL), 0);
	}
	for (int i = 0; i < (testing_is_slow() ? 20 : 200); i++) {
		ck_assert_int_eq(testing_in_child(start_and_end, &handle, 10000), 0);
	}
	is_over = true;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	}
	ck_assert_uint_eq(n_errors, 0);
	ck_assert_uint_eq(RmEndSession(handle), 0);
}
END_TEST

/* The parent dies, the child lives: a session belongs to the process, not to its descriptors. */
static int leave_a_child(void *arg)
{
	const int *fds = arg;
	WCHAR key[KEY_CHARACTERS];
	DWORD handle;
	char byte;
	pid_t pid;

	EXPECT(RmStartSession(&handle, 0, key) == 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		/* Keeps the connection until the test says so by closing its end. */
		(void)close(fds[1]);
		_exit((int)read(fds[0], &byte, 1));
	}
	return 0;
}

static bool has_none(void *arg)
{
	struct rm_session_infos *infos;
	size_t n;

	(void)arg;
	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	n = infos->n_sessions;
	rm_session_infos_free(infos);
	return n == 0;
}

START_TEST(test_child_outlives)
{
	int fds[2];

	broker_start();
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(testing_in_child(leave_a_child, fds, 10000), 0);
	ck_assert(testing_wait(has_none, NULL, 1000));
	ck_assert_int_eq(close(fds[0]), 0);
	ck_assert_int_eq(close(fds[1]), 0);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_child},	       {.test = test_grandchild},
		{.test = test_idle_child},     {.test = test_fork_during_calls, .timeout_s = 60},
		{.test = test_child_outlives},
	};

	return testing_run("fork", cases, ARRAY_SIZE(cases));
}
