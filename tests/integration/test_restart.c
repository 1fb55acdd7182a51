/* SPDX-License-Identifier: MIT */
/*
 * The broker goes away and comes back: what it acknowledged is still there, calls that it
 * interrupted are made once, and what could not be told it is told first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/programs.h"
#include "tests/support/testing.h"
#include "tests/support/wire.h"

#define KEY_CHARACTERS (CCH_RM_SESSION_KEY + 1)

static size_t count_sessions(void)
{
	struct rm_session_infos *infos;
	size_t n;

	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	n = infos->n_sessions;
	rm_session_infos_free(infos);
	return n;
}

/* Both lists have the same sessions in the same order. */
static void check_same(const struct rm_session_infos *before, const struct rm_session_infos *after)
{
	ck_assert_uint_eq(before->n_sessions, after->n_sessions);
	for (size_t i = 0; i < before->n_sessions; i++) {
		const struct rm_session_info *a = &before->sessions[i];
		const struct rm_session_info *b = &after->sessions[i];

		ck_assert_uint_eq(a->id, b->id);
		ck_assert_str_eq(a->key_prefix, b->key_prefix);
		ck_assert_uint_eq(a->owner.pid, b->owner.pid);
		ck_assert_uint_eq(a->owner.start_time, b->owner.start_time);
		ck_assert_str_eq(a->owner.name, b->owner.name);
		ck_assert_uint_eq(a->started_us, b->started_us);
		ck_assert_uint_eq(a->n_joined, b->n_joined);
	}
}

START_TEST(test_everything_survives)
{
	struct rm_session_infos *before, *after;
	struct installer primary, secondary;
	char key[KEY_CHARACTERS];
	WCHAR wide[KEY_CHARACTERS];
	DWORD mine, joined;

	broker_start();
	installer_start(&primary);
	installer_start(&secondary);
	ck_assert_uint_eq(RmStartSession(&mine, 0, wide), 0);
	ck_assert_uint_eq(RmJoinSession(&joined, wide), 0);
	for (int i = 0; i < 10; i++) {
		(void)installer_session(&primary, "start", key);
		ck_assert_int_eq(installer_ask(&secondary, "join %s", key), 0);
	}
	ck_assert_int_eq(rm_broker_sessions(&before), 0);
	for (int i = 0; i < 3; i++) {
		broker_restart();
		ck_assert_int_eq(rm_broker_sessions(&after), 0);
		check_same(before, after);
		rm_session_infos_free(after);
	}
	rm_session_infos_free(before);
	for (int i = 1; i <= 10; i++) {
		ck_assert_int_eq(installer_ask(&secondary, "end %d", i), 0);
		ck_assert_int_eq(installer_ask(&primary, "end %d", i), 0);
	}
	ck_assert_uint_eq(RmEndSession(joined), 0);
	ck_assert_uint_eq(RmJoinSession(&joined, wide), 0); /* the key as well */
	ck_assert_uint_eq(RmEndSession(mine), 0);
	ck_assert_uint_eq(count_sessions(), 0);
	installer_quit(&secondary);
	installer_quit(&primary);
}
END_TEST

/* Ids are not used again, so that nobody ends a stranger's session. */
START_TEST(test_ids_go_on)
{
	struct rm_session *first, *second;
	uint32_t id;

	broker_start();
	ck_assert_int_eq(rm_session_start(-1, &first), 0);
	id = rm_session_id(first);
	ck_assert_int_eq(rm_session_end(first), 0);
	broker_restart();
	ck_assert_int_eq(rm_session_start(-1, &second), 0);
	ck_assert_uint_gt(rm_session_id(second), id);
	ck_assert_int_eq(rm_session_end(second), 0);
}
END_TEST

/* The broker dies with the request in its socket: the caller sees but a delay. */
START_TEST(test_blocked_caller)
{
	struct installer caller;
	DWORD handle;
	char key[KEY_CHARACTERS];
	int code;

	broker_start();
	installer_start(&caller);
	(void)installer_session(&caller, "start", key);
	broker_signal(SIGSTOP);
	installer_tell(&caller, "start");
	broker_kill();
	broker_start();
	ck_assert_int_eq(sscanf(installer_answer(&caller), "%d %" SCNu32, &code, &handle), 2);
	ck_assert_int_eq(code, 0);
	ck_assert_uint_eq(count_sessions(), 2);
	ck_assert_int_eq(installer_ask(&caller, "end %" PRIu32, handle), 0);
	installer_quit(&caller);
}
END_TEST

/* Loop: where the second request comes from: the same connection, another one, after a restart. */
START_TEST(test_start_sent_again)
{
	int fd;
	uint32_t session;

	broker_start();
	fd = wire_connect();
	session = wire_start(fd, 7, NULL);
	if (_i > 0) {
		ck_assert_int_eq(close(fd), 0);
		if (_i > 1) {
			broker_restart();
		}
		fd = wire_connect();
	}
	ck_assert_uint_eq(wire_start(fd, 7, NULL), session);
	ck_assert_uint_eq(count_sessions(), 1);
	ck_assert_uint_ne(wire_start(fd, 8, NULL), session);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(test_join_sent_again)
{
	struct rm_session *session;
	uint32_t first, again, other;
	int fd;

	broker_start();
	ck_assert_int_eq(rm_session_start(-1, &session), 0);
	fd = wire_connect();
	(void)wire_join(fd, 1, rm_session_key(session), &first);
	(void)wire_join(fd, 1, rm_session_key(session), &again);
	ck_assert_uint_eq(again, first);
	ck_assert_int_eq(close(fd), 0);
	broker_restart();
	fd = wire_connect();
	(void)wire_join(fd, 1, rm_session_key(session), &again);
	ck_assert_uint_eq(again, first);
	(void)wire_join(fd, 2, rm_session_key(session), &other);
	ck_assert_uint_ne(other, first);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(rm_session_end(session), 0);
}
END_TEST

/* An end whose reply was lost is answered with 0 again; another one of the same session not. */
START_TEST(test_end_sent_again)
{
	struct rm_session *lead;
	uint32_t session, join, joined;
	int fd;

	broker_start();
	fd = wire_connect();
	session = wire_start(fd, 1, NULL);
	ck_assert_int_eq(rm_session_start(-1, &lead), 0);
	joined = wire_join(fd, 2, rm_session_key(lead), &join);
	ck_assert_uint_eq(wire_end(fd, 3, session, 0), 0);
	ck_assert_uint_eq(wire_end(fd, 4, joined, join), 0);
	ck_assert_uint_eq(wire_end(fd, 3, session, 0), 0);
	ck_assert_int_eq(close(fd), 0);
	for (int i = 0; i < 2; i++) { /* the second one from a journal written anew */
		broker_restart();
		fd = wire_connect();
		ck_assert_uint_eq(wire_end(fd, 3, session, 0), 0);
		ck_assert_uint_eq(wire_end(fd, 4, joined, join), 0);
		ck_assert_uint_eq(wire_end(fd, 5, session, 0), 6);
		ck_assert_uint_eq(wire_end(fd, 6, joined, join), 6);
		ck_assert_int_eq(close(fd), 0);
	}
	ck_assert_int_eq(rm_session_end(lead), 0);
}
END_TEST

START_TEST(test_owner_dies_meanwhile)
{
	struct installer owner, secondary;
	struct rm_session *session;
	struct rm_session_infos *infos;
	char key[KEY_CHARACTERS];

	broker_start();
	installer_start(&owner);
	installer_start(&secondary);
	(void)installer_session(&owner, "start", key);
	ck_assert_int_eq(installer_ask(&secondary, "join %s", key), 0);
	ck_assert_int_eq(rm_session_start(-1, &session), 0);
	ck_assert_int_eq(installer_ask(&secondary, "join %s", rm_session_key(session)), 0);
	broker_kill();
	installer_kill(&owner);
	installer_kill(&secondary);
	broker_start();
	ck_assert(log_has("session ended: its owner has gone while no broker ran"));
	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	ck_assert_uint_eq(infos->n_sessions, 1);
	ck_assert_uint_eq(infos->sessions[0].id, rm_session_id(session));
	ck_assert_uint_eq(infos->sessions[0].n_joined, 0);
	rm_session_infos_free(infos);
	broker_restart();
	ck_assert(!log_has("its owner has gone")); /* told once */
	ck_assert_int_eq(rm_session_end(session), 0);
}
END_TEST

/* Loop: as primary, as secondary. What is seen from outside is asked by another process, as our
 * own question would say the end first. */
START_TEST(test_end_without_a_broker)
{
	struct installer other;
	struct program_output output;
	WCHAR key[KEY_CHARACTERS];
	DWORD handle, joined;
	uint64_t began;

	broker_start();
	installer_start(&other);
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
	ck_assert_uint_eq(RmJoinSession(&joined, key), 0);
	broker_kill();
	ck_assert_int_eq(setenv("RSTRTMGR_TIMEOUT_MS", "200", 1), 0);
	began = testing_now_ms();
	ck_assert_uint_eq(RmEndSession(_i ? joined : handle), 0);
	ck_assert_uint_ge(testing_now_ms() - began, 190);
	ck_assert_uint_eq(RmEndSession(_i ? joined : handle), 6);
	ck_assert_int_eq(setenv("RSTRTMGR_TIMEOUT_MS", "60000", 1), 0);

	broker_start();
	output = rmctl_run("sessions", "--json", NULL);
	ck_assert_ptr_nonnull(strstr(output.out, "\"joined\":1"));
	program_output_done(&output);
	ck_assert_uint_eq(count_sessions(), _i ? 1 : 0);
	output = rmctl_run("sessions", "--json", NULL);
	ck_assert_ptr_null(strstr(output.out, "\"joined\":1"));
	program_output_done(&output);
	if (_i) {
		ck_assert_uint_eq(RmEndSession(handle), 0);
	}
	installer_quit(&other);
}
END_TEST

/* Ends that were kept are many and the sessions of others stay. */
START_TEST(test_many_ends_without_a_broker)
{
	struct rm_session *sessions[60];

	broker_start();
	for (size_t i = 0; i < ARRAY_SIZE(sessions); i++) {
		ck_assert_int_eq(rm_session_start(-1, &sessions[i]), 0);
	}
	broker_kill();
	ck_assert_int_eq(setenv("RSTRTMGR_TIMEOUT_MS", "20", 1), 0);
	for (size_t i = 1; i < ARRAY_SIZE(sessions); i++) {
		ck_assert_int_eq(rm_session_end(sessions[i]), 0);
	}
	ck_assert_int_eq(setenv("RSTRTMGR_TIMEOUT_MS", "60000", 1), 0);
	broker_start();
	ck_assert_uint_eq(count_sessions(), 1);
	ck_assert_int_eq(rm_session_end(sessions[0]), 0);
}
END_TEST

/* Asks by another process until the answer has the text. */
static void wait_for_listed(const char *text)
{
	bool is_there = false;

	for (uint64_t end = testing_now_ms() + 10000; !is_there && testing_now_ms() < end;) {
		struct program_output output = rmctl_run("sessions", "--json", NULL);

		is_there = strstr(output.out, text) != NULL;
		program_output_done(&output);
	}
	ck_assert_msg(is_there, "%s was never listed", text);
}

/* Loop: a start, a join. The broker gets it, but goes on only when the caller's time is over:
 * what it made has no handle, and is undone before this process's next call. */
START_TEST(test_answer_that_came_too_late)
{
	struct rm_session *kept;
	struct rm_session *late;
	struct rm_session_infos *infos;

	broker_start();
	ck_assert_int_eq(rm_session_start(-1, &kept), 0);
	broker_signal(SIGSTOP);
	ck_assert_int_eq(setenv("RSTRTMGR_TIMEOUT_MS", "100", 1), 0);
	ck_assert_int_eq(_i ? rm_session_join(rm_session_key(kept), -1, &late)
			    : rm_session_start(-1, &late),
			 121);
	ck_assert_int_eq(setenv("RSTRTMGR_TIMEOUT_MS", "60000", 1), 0);
	broker_signal(SIGCONT);
	wait_for_listed(_i ? "\"joined\":1" : "\"id\":2");
	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	ck_assert_uint_eq(infos->n_sessions, 1);
	ck_assert_uint_eq(infos->sessions[0].id, rm_session_id(kept));
	ck_assert_uint_eq(infos->sessions[0].n_joined, 0);
	rm_session_infos_free(infos);
	ck_assert_int_eq(rm_session_end(kept), 0);
}
END_TEST

/* A journal of many changes is written anew while it is used. */
START_TEST(test_after_many_changes)
{
	int n = testing_is_slow() ? 1000 : 5000;
	struct rm_session *kept, *session;

	broker_start();
	ck_assert_int_eq(rm_session_start(-1, &kept), 0);
	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(rm_session_start(-1, &session), 0);
		ck_assert_int_eq(rm_session_end(session), 0);
	}
	broker_restart();
	ck_assert_uint_eq(count_sessions(), 1);
	ck_assert_int_eq(rm_session_end(kept), 0);
	broker_restart();
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_everything_survives},
		{.test = test_ids_go_on},
		{.test = test_blocked_caller},
		{.test = test_start_sent_again, .n_loops = 3},
		{.test = test_join_sent_again},
		{.test = test_end_sent_again},
		{.test = test_owner_dies_meanwhile},
		{.test = test_end_without_a_broker, .n_loops = 2},
		{.test = test_many_ends_without_a_broker},
		{.test = test_answer_that_came_too_late, .n_loops = 2},
		{.test = test_after_many_changes},
	};

	return testing_run("restart", cases, ARRAY_SIZE(cases));
}
