/* SPDX-License-Identifier: MIT */
/*
 * Sessions that belong to another process than the one that opened them, and acting for them
 * (A61). Loops: _i 0 as whoever runs the tests, 1 as the user nobody, for whom the rules about
 * ancestors hold; root may name any process.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/programs.h"
#include "tests/support/testing.h"

#define KEY_BYTES (RM_KEY_DIGITS + 1)

/* Whether the case can be run as it is meant: nobody can't run our programs from everywhere. */
static bool begin(int as_nobody)
{
	if (as_nobody && !testing_is_root()) {
		return false; /* it is the same as the other one */
	}
	if (as_nobody) {
		fixture_become_nobody();
		if (access(testing_installer(), X_OK) < 0 || testing_is_valgrind()) {
			return false;
		}
	}
	broker_start();
	return true;
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

static bool has_none(void *arg)
{
	(void)arg;
	return count_sessions() == 0;
}

static void check_owner(uint32_t session, pid_t pid)
{
	struct rm_session_infos *infos;

	ck_assert_int_eq(rm_broker_session(session, &infos), 0);
	ck_assert_uint_eq(infos->sessions[0].owner.pid, (uint32_t)pid);
	ck_assert_uint_eq(infos->sessions[0].owner.uid, geteuid());
	rm_session_infos_free(infos);
}

/* Lets a grandchild open a session for the installer; returns its id. */
static uint32_t start_by_grandchild(struct installer *owner, pid_t pid, char ret_key[KEY_BYTES])
{
	char command[64];

	(void)snprintf(command, sizeof(command), "sub start-for %d", pid);
	return installer_session(owner, command, ret_key);
}

START_TEST(test_owner_is_an_ancestor)
{
	struct installer owner;
	char key[KEY_BYTES];
	uint32_t session;

	if (!begin(_i)) {
		return;
	}
	installer_start(&owner);
	session = start_by_grandchild(&owner, owner.pid, key);
	check_owner(session, owner.pid);
	ck_assert_uint_eq(count_sessions(), 1); /* though who opened it has gone */
	ck_assert_int_eq(installer_ask(&owner, "attach %" PRIu32 " %s", session, key), 0);
	ck_assert_int_eq(installer_ask(&owner, "end-native"), 0);
	ck_assert_uint_eq(count_sessions(), 0);
	(void)start_by_grandchild(&owner, owner.pid, key);
	installer_quit(&owner);
	ck_assert(testing_wait(has_none, NULL, 1000));
}
END_TEST

START_TEST(test_owner_is_the_test)
{
	struct installer installer;
	char key[KEY_BYTES];
	uint32_t session;

	if (!begin(_i)) {
		return;
	}
	installer_start(&installer);
	session = start_by_grandchild(&installer, getpid(), key);
	installer_quit(&installer);
	check_owner(session, getpid());
	ck_assert_int_eq(rm_broker_end_session(session), 0);
}
END_TEST

START_TEST(test_owner_is_a_stranger)
{
	struct installer installer, stranger;
	int code;

	if (!begin(_i)) {
		return;
	}
	installer_start(&installer);
	installer_start(&stranger);
	code = installer_ask(&installer, "start-for %d", stranger.pid);
	ck_assert_int_eq(code, geteuid() == 0 ? 0 : 5);
	ck_assert_uint_eq(count_sessions(), geteuid() == 0);
	installer_quit(&stranger);
	ck_assert(testing_wait(has_none, NULL, 1000));
	installer_quit(&installer);
}
END_TEST

START_TEST(test_owner_of_another_user)
{
	struct rm_session *session = NULL;
	int pidfd = pidfd_open(1, 0); /* init is everybody's ancestor, but root's */

	if (testing_is_valgrind()) {
		return; /* which does not know pidfds */
	}
	ck_assert_int_ge(pidfd, 0);
	if (begin(1)) {
		ck_assert_int_eq(rm_session_start(pidfd, &session), 5);
		ck_assert_ptr_null(session);
	}
	ck_assert_int_eq(close(pidfd), 0);
}
END_TEST

START_TEST(test_owner_has_gone)
{
	struct installer installer;
	struct rm_session *session = NULL;
	int pidfd;

	if (testing_is_valgrind()) {
		return; /* which does not know pidfds */
	}
	broker_start();
	installer_start(&installer);
	pidfd = pidfd_open(installer.pid, 0);
	ck_assert_int_ge(pidfd, 0);
	installer_kill(&installer);
	ck_assert_int_eq(rm_session_start(pidfd, &session), 160);
	ck_assert_int_eq(rm_session_start(STDERR_FILENO, &session), 160);
	ck_assert_int_eq(rm_session_start(-2, &session), 160);
	ck_assert_int_eq(rm_session_start(-1, NULL), 160);
	ck_assert_ptr_null(session);
	ck_assert_int_eq(close(pidfd), 0);
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

START_TEST(test_attach)
{
	struct installer owner, stranger;
	char key[KEY_BYTES], wrong[KEY_BYTES];
	uint32_t session;

	if (!begin(_i)) {
		return;
	}
	installer_start(&owner);
	installer_start(&stranger);
	session = installer_session(&owner, "start-for 0", key);
	memcpy(wrong, key, sizeof(key));
	wrong[31] = wrong[31] == '0' ? '1' : '0';

	ck_assert_int_eq(installer_ask(&owner, "sub attach %" PRIu32 " %s", session, key), 0);
	ck_assert_int_eq(installer_ask(&owner, "sub attach %" PRIu32 " %s", session, wrong), 1219);
	ck_assert_int_eq(installer_ask(&owner, "sub attach %" PRIu32 " %s", session, "abc"), 1219);
	ck_assert_int_eq(installer_ask(&owner, "sub attach %" PRIu32 " %s", session + 1, key), 6);
	ck_assert_int_eq(installer_ask(&stranger, "attach %" PRIu32 " %s", session, key),
			 geteuid() == 0 ? 0 : 1219);
	ck_assert_int_eq(installer_ask(&stranger, "attach %" PRIu32 " %s", session, wrong), 1219);
	ck_assert_uint_eq(count_sessions(), 1);
	installer_quit(&stranger);
	installer_quit(&owner);
}
END_TEST

START_TEST(test_attach_arguments)
{
	struct rm_session *session = NULL;

	broker_start();
	ck_assert_int_eq(rm_session_attach(1, NULL, &session), 160);
	ck_assert_int_eq(rm_session_attach(1, "0123", NULL), 160);
	ck_assert_int_eq(rm_session_join(NULL, -1, &session), 160);
	ck_assert_int_eq(rm_session_join("0123", -1, NULL), 160);
	ck_assert_ptr_null(session);
}
END_TEST

/* Attached in a child, ended there: the owner's own handle is then of no session. */
START_TEST(test_attached_end)
{
	struct rm_session *mine, *attached;

	broker_start();
	ck_assert_int_eq(rm_session_start(-1, &mine), 0);
	ck_assert_int_eq(rm_session_attach(rm_session_id(mine), rm_session_key(mine), &attached),
			 0);
	ck_assert_int_eq(rm_session_end(attached), 0);
	ck_assert_uint_eq(count_sessions(), 0);
	ck_assert_int_eq(rm_session_end(mine), 6);
	ck_assert_int_eq(rm_session_end(NULL), 0);
}
END_TEST

START_TEST(test_join_for_an_ancestor)
{
	struct installer owner, secondary;
	struct rm_session_infos *infos;
	char key[KEY_BYTES];
	uint32_t session;

	if (!begin(_i)) {
		return;
	}
	installer_start(&owner);
	installer_start(&secondary);
	session = installer_session(&owner, "start-for 0", key);
	ck_assert_int_eq(installer_ask(&secondary, "sub join-for %d %s", secondary.pid, key), 0);
	ck_assert_int_eq(rm_broker_session(session, &infos), 0);
	ck_assert_uint_eq(infos->sessions[0].n_joined, 1);
	ck_assert_uint_eq(infos->sessions[0].joins[0].process.pid, (uint32_t)secondary.pid);
	rm_session_infos_free(infos);
	installer_quit(&secondary);
	installer_quit(&owner);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_owner_is_an_ancestor, .n_loops = 2},
		{.test = test_owner_is_the_test, .n_loops = 2},
		{.test = test_owner_is_a_stranger, .n_loops = 2},
		{.test = test_owner_of_another_user},
		{.test = test_owner_has_gone},
		{.test = test_attach, .n_loops = 2},
		{.test = test_attach_arguments},
		{.test = test_attached_end},
		{.test = test_join_for_an_ancestor, .n_loops = 2},
	};

	return testing_run("owners", cases, ARRAY_SIZE(cases));
}
