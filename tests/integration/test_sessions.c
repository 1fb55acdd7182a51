/* SPDX-License-Identifier: MIT */
/*
 * Sessions of real processes: how many, who owns them, who may act for them, and when they end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/programs.h"
#include "tests/support/testing.h"

#define KEY_CHARACTERS (CCH_RM_SESSION_KEY + 1)

static void narrow(const WCHAR *key, char ret_key[KEY_CHARACTERS])
{
	for (size_t i = 0; i < KEY_CHARACTERS; i++) {
		ret_key[i] = (char)key[i];
	}
}

static DWORD start(DWORD *ret_handle)
{
	WCHAR key[KEY_CHARACTERS];

	return RmStartSession(ret_handle, 0, key);
}

static size_t count_sessions(void)
{
	struct rm_session_infos *infos;
	size_t n;

	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	n = infos->n_sessions;
	rm_session_infos_free(infos);
	return n;
}

static uint32_t count_joins(uint32_t session)
{
	struct rm_session_infos *infos;
	uint32_t n;

	ck_assert_int_eq(rm_broker_session(session, &infos), 0);
	n = infos->sessions[0].n_joined;
	rm_session_infos_free(infos);
	return n;
}

static uint32_t first_session(void)
{
	struct rm_session_infos *infos;
	uint32_t id;

	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	ck_assert_uint_ge(infos->n_sessions, 1);
	id = infos->sessions[0].id;
	rm_session_infos_free(infos);
	return id;
}

static bool has_count(void *n)
{
	return count_sessions() == *(size_t *)n;
}

/* A slot is free within a second of its owner's death. */
static void wait_for_sessions(size_t n)
{
	ck_assert_msg(testing_wait(has_count, &n, 1000), "there are %zu sessions, not %zu",
		      count_sessions(), n);
}

START_TEST(test_limit)
{
	DWORD handles[64];
	DWORD handle = 4711;
	char holder[64];

	broker_start();
	for (DWORD i = 0; i < 64; i++) {
		ck_assert_uint_eq(start(&handles[i]), 0);
		ck_assert_uint_eq(handles[i], i + 1);
	}
	ck_assert_uint_eq(start(&handle), ERROR_MAX_SESSIONS_REACHED);
	ck_assert_uint_eq(handle, 4711);
	(void)snprintf(holder, sizeof(holder), "[%d]: 64", getpid());
	ck_assert(log_has("session refused: the limit of one login session"));
	ck_assert(log_has("holders="));
	ck_assert(log_has(holder));
	ck_assert_uint_eq(RmEndSession(handles[20]), 0);
	ck_assert_uint_eq(start(&handle), 0);
	ck_assert_uint_eq(handle, handles[20]); /* the lowest that is free */
	ck_assert_uint_eq(start(&handle), ERROR_MAX_SESSIONS_REACHED);
}
END_TEST

START_TEST(test_limit_over_processes)
{
	struct installer installers[4];
	char key[KEY_CHARACTERS];
	char holder[64];
	DWORD handle;

	broker_start();
	for (size_t i = 0; i < ARRAY_SIZE(installers); i++) {
		installer_start(&installers[i]);
		for (int j = 0; j < 16; j++) {
			(void)installer_session(&installers[i], "start", key);
		}
	}
	ck_assert_uint_eq(start(&handle), ERROR_MAX_SESSIONS_REACHED);
	(void)snprintf(holder, sizeof(holder), "installer[%d]: 16", installers[2].pid);
	ck_assert(log_has(holder));
	installer_quit(&installers[0]);
	wait_for_sessions(48);
	ck_assert_uint_eq(start(&handle), 0);
	for (size_t i = 1; i < ARRAY_SIZE(installers); i++) {
		installer_kill(&installers[i]);
	}
	wait_for_sessions(1);
}
END_TEST

START_TEST(test_max_sessions)
{
	DWORD handle;

	fixture_set_config("[Limits]\nMaxSessions=2\n");
	broker_start();
	ck_assert_uint_eq(start(&handle), 0);
	ck_assert_uint_eq(start(&handle), 0);
	ck_assert_uint_eq(start(&handle), ERROR_MAX_SESSIONS_REACHED);
}
END_TEST

/* A8: the last 4 of the broker's 512 are kept for processes that hold none. */
START_TEST(test_limit_of_the_broker)
{
	struct installer stranger;
	char key[KEY_CHARACTERS];
	DWORD handle;

	fixture_set_config("[Limits]\nMaxSessions=512\n");
	broker_start();
	for (int i = 0; i < 508; i++) {
		ck_assert_uint_eq(start(&handle), 0);
	}
	ck_assert_uint_eq(start(&handle), ERROR_MAX_SESSIONS_REACHED);
	ck_assert(log_has("kept for processes that hold none"));
	installer_start(&stranger);
	(void)installer_session(&stranger, "start", key);
	ck_assert_int_eq(installer_ask(&stranger, "start"), ERROR_MAX_SESSIONS_REACHED);
	installer_quit(&stranger);
}
END_TEST

START_TEST(test_owner_killed)
{
	struct installer owner, secondary;
	char key[KEY_CHARACTERS];

	broker_start();
	installer_start(&owner);
	installer_start(&secondary);
	for (int i = 0; i < 63; i++) {
		(void)installer_session(&owner, "start", key);
	}
	(void)installer_session(&owner, "start", key);
	ck_assert_int_eq(installer_ask(&secondary, "join %s", key), 0);
	ck_assert_uint_eq(count_sessions(), 64);
	installer_kill(&owner);
	wait_for_sessions(0); /* whoever is joined */
	ck_assert_int_eq(installer_ask(&secondary, "join %s", key), 1219);
	ck_assert_int_eq(installer_ask(&secondary, "end 1"), 0);
	ck_assert_int_eq(installer_ask(&secondary, "end 1"), 6);
	installer_quit(&secondary);
}
END_TEST

START_TEST(test_join_from_another_process)
{
	struct installer primary, secondary;
	char key[KEY_CHARACTERS];
	uint32_t session;

	broker_start();
	installer_start(&primary);
	installer_start(&secondary);
	(void)installer_session(&primary, "start", key);
	session = first_session();
	ck_assert_int_eq(installer_ask(&secondary, "join %s", key), 0);
	ck_assert_str_eq(secondary.line, "0 1"); /* a handle of its own */
	ck_assert_uint_eq(count_joins(session), 1);
	ck_assert_int_eq(installer_ask(&secondary, "end 1"), 0);
	ck_assert_uint_eq(count_joins(session), 0);
	ck_assert_int_eq(installer_ask(&secondary, "end 1"), 6);
	ck_assert_int_eq(installer_ask(&primary, "end 1"), 0);
	ck_assert_int_eq(installer_ask(&secondary, "join %s", key), 1219);
	installer_quit(&secondary);
	installer_quit(&primary);
}
END_TEST

START_TEST(test_secondary_after_the_end)
{
	struct installer secondary;
	WCHAR wide[KEY_CHARACTERS];
	char key[KEY_CHARACTERS];
	DWORD handle;

	broker_start();
	installer_start(&secondary);
	ck_assert_uint_eq(RmStartSession(&handle, 0, wide), 0);
	narrow(wide, key);
	ck_assert_int_eq(installer_ask(&secondary, "join %s", key), 0);
	ck_assert_uint_eq(RmEndSession(handle), 0);
	ck_assert_int_eq(installer_ask(&secondary, "end 1"), 0);
	ck_assert_int_eq(installer_ask(&secondary, "end 1"), 6);
	installer_quit(&secondary);
}
END_TEST

static bool has_no_joins(void *session)
{
	return count_joins(*(uint32_t *)session) == 0;
}

START_TEST(test_secondary_dies)
{
	struct installer secondary;
	WCHAR wide[KEY_CHARACTERS];
	char key[KEY_CHARACTERS];
	uint32_t session;
	DWORD handle;

	broker_start();
	installer_start(&secondary);
	ck_assert_uint_eq(RmStartSession(&handle, 0, wide), 0);
	narrow(wide, key);
	session = first_session();
	ck_assert_int_eq(installer_ask(&secondary, "join %s", key), 0);
	ck_assert_int_eq(installer_ask(&secondary, "join %s", key), 0);
	ck_assert_uint_eq(count_joins(session), 2);
	installer_kill(&secondary);
	ck_assert(testing_wait(has_no_joins, &session, 1000));
	ck_assert_uint_eq(RmEndSession(handle), 0);
}
END_TEST

START_TEST(test_joins_of_a_session)
{
	WCHAR key[KEY_CHARACTERS];
	DWORD handle, joined = 0, refused = 4711;

	broker_start();
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
	for (DWORD i = 0; i < 256; i++) {
		ck_assert_uint_eq(RmJoinSession(&joined, key), 0);
		ck_assert_uint_eq(joined, i + 2);
	}
	ck_assert_uint_eq(RmJoinSession(&refused, key), ERROR_MAX_SESSIONS_REACHED);
	ck_assert_uint_eq(refused, 4711);
	ck_assert_uint_eq(RmEndSession(joined), 0);
	ck_assert_uint_eq(RmJoinSession(&refused, key), 0);
	ck_assert_uint_eq(refused, joined);
	ck_assert_uint_eq(RmEndSession(handle), 0);
	ck_assert_uint_eq(RmEndSession(2), 0); /* the session is gone: 0 once */
	ck_assert_uint_eq(RmEndSession(2), 6);
}
END_TEST

START_TEST(test_exec_keeps_the_session)
{
	struct installer owner;
	char key[KEY_CHARACTERS];
	uint32_t session;

	broker_start();
	installer_start(&owner);
	session = installer_session(&owner, "start-for 0", key);
	installer_tell(&owner, "exec");
	ck_assert_str_eq(installer_answer(&owner), "ready");
	ck_assert_uint_eq(count_sessions(), 1);
	ck_assert_int_eq(installer_ask(&owner, "end 1"), 6); /* handles were memory */
	ck_assert_int_eq(installer_ask(&owner, "attach %" PRIu32 " %s", session, key), 0);
	ck_assert_int_eq(installer_ask(&owner, "end-native"), 0);
	ck_assert_uint_eq(count_sessions(), 0);
	installer_quit(&owner);
}
END_TEST

START_TEST(test_connections_mean_nothing)
{
	struct installer owner;
	char key[KEY_CHARACTERS];
	uint32_t handle;

	broker_start();
	installer_start(&owner);
	handle = installer_session(&owner, "start", key);
	ck_assert_int_eq(installer_ask(&owner, "close-all"), 0);
	ck_assert_uint_eq(count_sessions(), 1);
	ck_assert_int_eq(installer_ask(&owner, "join %s", key), 0);
	ck_assert_int_eq(installer_ask(&owner, "close-all"), 0);
	ck_assert_int_eq(installer_ask(&owner, "end %" PRIu32, handle), 0);
	ck_assert_uint_eq(count_sessions(), 0);
	installer_quit(&owner);
}
END_TEST

START_TEST(test_administrator_ends)
{
	DWORD handle;

	broker_start();
	ck_assert_uint_eq(start(&handle), 0);
	ck_assert_int_eq(rm_broker_end_session(first_session()), 0);
	ck_assert_int_eq(rm_broker_end_session(4711), 6);
	ck_assert_uint_eq(count_sessions(), 0);
	ck_assert_uint_eq(RmEndSession(handle), 6);
	ck_assert(log_has("session ended by an administrator"));
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_limit},
		{.test = test_limit_over_processes},
		{.test = test_max_sessions},
		{.test = test_limit_of_the_broker},
		{.test = test_owner_killed},
		{.test = test_join_from_another_process},
		{.test = test_secondary_after_the_end},
		{.test = test_secondary_dies},
		{.test = test_joins_of_a_session},
		{.test = test_exec_keeps_the_session},
		{.test = test_connections_mean_nothing},
		{.test = test_administrator_ends},
	};

	return testing_run("sessions", cases, ARRAY_SIZE(cases));
}
