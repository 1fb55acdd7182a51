/* SPDX-License-Identifier: MIT */
/*
 * Floods of connections. A process may have 1024; the broker keeps one pidfd for a process and
 * not one for each connection; others are served as before.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"
#include "tests/support/wire.h"

#define MAX_OF_A_PROCESS 1024u
#define N_CHILDREN 3

static unsigned int raise_limit(void)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur > 100000 ? 100000 : (unsigned int)limit.rlim_cur;
}

static void get_status(struct rm_broker_info *ret_status)
{
	struct rm_broker_info *status;

	ck_assert_int_eq(rm_broker_status(&status), 0);
	*ret_status = *status;
	ret_status->version = ret_status->mode = ret_status->journal = ret_status->config = NULL;
	rm_broker_status_free(status);
}

static unsigned int count_connections(void)
{
	struct rm_broker_info status;

	get_status(&status);
	return status.n_connections;
}

static bool has_at_most(void *n)
{
	return count_connections() <= *(unsigned int *)n;
}

static void check_others(void)
{
	struct rm_session *session;
	uint64_t began = testing_now_ms();

	ck_assert_int_eq(rm_session_start(-1, &session), 0);
	ck_assert_int_eq(rm_session_end(session), 0);
	ck_assert_uint_lt(testing_now_ms() - began, (uint64_t)testing_scale_ms(1000));
}

START_TEST(test_connections_of_a_process)
{
	struct rm_broker_info status;
	int fds[MAX_OF_A_PROCESS];
	char detail[256];
	unsigned int n = MAX_OF_A_PROCESS - 1; /* and the library's own */
	unsigned int few = 1;
	int fd;

	if (raise_limit() < MAX_OF_A_PROCESS + 64) {
		return; /* this machine does not let us */
	}
	broker_start();
	get_status(&status);
	if (status.max_connections <= MAX_OF_A_PROCESS) {
		return; /* nor the broker */
	}
	for (unsigned int i = 0; i < n; i++) {
		fds[i] = wire_connect();
	}
	ck_assert_uint_eq(wire_get_status(fds[n - 1]), 0);
	fd = wire_connect();
	ck_assert_uint_eq(wire_receive_status(fd, detail), 14);
	ck_assert_str_eq(detail, "the process has 1024 connections already");
	wire_expect_closed(fd);
	ck_assert_int_eq(close(fd), 0);
	check_others();
	ck_assert_uint_eq(testing_count_pidfds_of(fixture.pid), 1);
	for (unsigned int i = 0; i < n; i++) {
		ck_assert_int_eq(close(fds[i]), 0);
	}
	ck_assert(testing_wait(has_at_most, &few, 5000));
	fd = wire_connect();
	ck_assert_uint_eq(wire_get_status(fd), 0);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* In a child: opens its share, says so, and stays until it is killed. */
static void flood(unsigned int n, int told)
{
	for (unsigned int i = 0; i < n; i++) {
		int fd = wire_try_connect();

		if (fd < 0 || (i == n - 1 && wire_get_status(fd) != 0)) {
			_exit(1);
		}
	}
	if (write(told, "x", 1) != 1) {
		_exit(1);
	}
	for (;;) {
		(void)pause();
	}
}

START_TEST(test_connections_of_many)
{
	struct rm_broker_info status;
	pid_t pids[N_CHILDREN];
	int told[2];
	unsigned int n, few = 8;
	char byte;

	if (raise_limit() < MAX_OF_A_PROCESS + 64) {
		return;
	}
	broker_start();
	get_status(&status);
	n = status.max_connections / 4 < 1000 ? status.max_connections / 4 : 1000;
	ck_assert_int_eq(pipe(told), 0);
	for (size_t i = 0; i < N_CHILDREN; i++) {
		pids[i] = fork();
		ck_assert_int_ge(pids[i], 0);
		if (pids[i] == 0) {
			flood(n, told[1]);
		}
		ck_assert_int_eq(read(told[0], &byte, 1), 1);
		check_others();
	}
	get_status(&status);
	ck_assert_uint_ge(status.n_connections, N_CHILDREN * n);
	ck_assert_uint_eq(testing_count_pidfds_of(fixture.pid), N_CHILDREN + 1);
	for (size_t i = 0; i < N_CHILDREN; i++) {
		ck_assert_int_eq(kill(pids[i], SIGKILL), 0);
		ck_assert_int_eq(testing_wait_child(pids[i], 10000), 128 + SIGKILL);
	}
	ck_assert(testing_wait(has_at_most, &few, 5000));
	check_others();
	ck_assert_uint_eq(testing_count_pidfds_of(fixture.pid), 1);
	ck_assert_int_eq(close(told[0]), 0);
	ck_assert_int_eq(close(told[1]), 0);
}
END_TEST

/* Connecting and leaving at once, thousands of times, leaves nothing. */
START_TEST(test_come_and_go)
{
	int n = testing_is_slow() ? 500 : 5000;
	unsigned int few = 2;
	unsigned int before;

	broker_start();
	check_others();
	before = testing_count_fds_of(fixture.pid);
	for (int i = 0; i < n; i++) {
		int fd = wire_connect();

		ck_assert_int_eq(close(fd), 0);
	}
	ck_assert(testing_wait(has_at_most, &few, 5000));
	ck_assert_uint_le(testing_count_fds_of(fixture.pid), before + 1);
	check_others();
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_connections_of_a_process},
		{.test = test_connections_of_many},
		{.test = test_come_and_go},
	};

	return testing_run("flood", cases, ARRAY_SIZE(cases));
}
