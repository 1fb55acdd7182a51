/* SPDX-License-Identifier: MIT */
/*
 * The library in many threads at once, also while the broker is replaced. The thread sanitizer
 * runs this.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"

#define MAX_THREADS 32

struct worker {
	pthread_t thread;
	int n_rounds;
	DWORD handle; /* of the race */
	DWORD code;
};

static pthread_barrier_t barrier;
static atomic_uint n_errors;

static size_t count_sessions(void)
{
	struct rm_session_infos *infos;
	size_t n;

	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	n = infos->n_sessions;
	rm_session_infos_free(infos);
	return n;
}

static void run_workers(struct worker *workers, size_t n, void *(*run)(void *worker))
{
	ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, (unsigned int)n), 0);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, run, &workers[i]), 0);
	}
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
	}
	ck_assert_int_eq(pthread_barrier_destroy(&barrier), 0);
}

static void *start_join_end(void *arg)
{
	struct worker *worker = arg;
	WCHAR key[CCH_RM_SESSION_KEY + 1];
	DWORD handle, joined;

	(void)pthread_barrier_wait(&barrier);
	for (int i = 0; i < worker->n_rounds; i++) {
		if (RmStartSession(&handle, 0, key) != 0) {
			n_errors++;
			continue;
		}
		n_errors += RmJoinSession(&joined, key) != 0;
		n_errors += joined == handle;
		n_errors += RmEndSession(joined) != 0;
		n_errors += RmEndSession(handle) != 0;
	}
	return NULL;
}

/* Loop: how many threads. */
START_TEST(test_all_at_once)
{
	static const size_t n_threads[] = {8, 32};
	struct worker workers[MAX_THREADS] = {0};

	broker_start();
	for (size_t i = 0; i < n_threads[_i]; i++) {
		workers[i].n_rounds = testing_is_slow() ? 30 : 200;
	}
	run_workers(workers, n_threads[_i], start_join_end);
	ck_assert_uint_eq(n_errors, 0);
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

/* The first calls of a process, which make the library's state, race too. */
START_TEST(test_first_calls)
{
	struct worker workers[16] = {0};

	broker_start();
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i].n_rounds = 1;
	}
	run_workers(workers, ARRAY_SIZE(workers), start_join_end);
	ck_assert_uint_eq(n_errors, 0);
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

static void *end_once(void *arg)
{
	struct worker *worker = arg;

	(void)pthread_barrier_wait(&barrier);
	worker->code = RmEndSession(worker->handle);
	return NULL;
}

START_TEST(test_two_end_one_handle)
{
	WCHAR key[CCH_RM_SESSION_KEY + 1];

	broker_start();
	for (int i = 0; i < 50; i++) {
		struct worker workers[2] = {0};

		ck_assert_uint_eq(RmStartSession(&workers[0].handle, 0, key), 0);
		workers[1].handle = workers[0].handle;
		run_workers(workers, 2, end_once);
		ck_assert_uint_eq(workers[0].code + workers[1].code, 6); /* one 0, one 6 */
	}
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

static void *restart_broker(void *arg)
{
	struct worker *worker = arg;

	(void)pthread_barrier_wait(&barrier);
	for (int i = 0; i < worker->n_rounds; i++) {
		broker_restart();
	}
	return NULL;
}

static void *work(void *arg)
{
	const struct worker *worker = arg;

	return worker->handle ? restart_broker(arg) : start_join_end(arg);
}

START_TEST(test_while_the_broker_restarts)
{
	struct worker workers[9] = {0};

	broker_start();
	for (size_t i = 0; i < 8; i++) {
		workers[i].n_rounds = testing_is_slow() ? 40 : 400;
	}
	workers[8].handle = 1; /* the one who restarts it */
	workers[8].n_rounds = 3;
	run_workers(workers, ARRAY_SIZE(workers), work);
	ck_assert_uint_eq(n_errors, 0);
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

static void *list(void *arg)
{
	struct worker *worker = arg;

	(void)pthread_barrier_wait(&barrier);
	for (int i = 0; i < worker->n_rounds; i++) {
		struct rm_session_infos *infos = NULL;
		struct rm_broker_info *status = NULL;

		n_errors += rm_broker_sessions(&infos) != 0;
		n_errors += rm_broker_status(&status) != 0;
		rm_session_infos_free(infos);
		rm_broker_status_free(status);
	}
	return NULL;
}

static void *list_or_start(void *arg)
{
	const struct worker *worker = arg;

	return worker->handle ? list(arg) : start_join_end(arg);
}

START_TEST(test_lists_meanwhile)
{
	struct worker workers[8] = {0};

	broker_start();
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i].n_rounds = testing_is_slow() ? 20 : 200;
		workers[i].handle = i % 2;
	}
	run_workers(workers, ARRAY_SIZE(workers), list_or_start);
	ck_assert_uint_eq(n_errors, 0);
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_all_at_once, .n_loops = 2}, {.test = test_first_calls},
		{.test = test_two_end_one_handle},	  {.test = test_while_the_broker_restarts},
		{.test = test_lists_meanwhile},
	};

	return testing_run("threads", cases, ARRAY_SIZE(cases));
}
