/* SPDX-License-Identifier: MIT */
/*
 * Who may do what, through dispatch(): owners of another process or user, attaching with and
 * without the key, ends of what belongs to somebody else. The tests of ordinary users give up
 * root first, so they hold under both.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/peer.h"
#include "proto/procfs.h"
#include "proto/status.h"
#include "tests/unit/call_fixture.h"

static struct broker_fixture fixture;
static struct caller self;
static struct caller child; /* a child of ours */
static pid_t child_pid;

static void open_fixture(void)
{
	uv_loop_t loop;

	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	fixture_count_descriptors();
	broker_fixture_open(&fixture, 0);
	caller_init(&self, &fixture, getpid());
	child_pid = child_start(NULL);
	caller_init(&child, &fixture, child_pid);
}

static void set_up_nobody(void)
{
	become_nobody();
	open_fixture();
}

static void tear_down(void)
{
	caller_done(&child);
	caller_done(&self);
	broker_fixture_close(&fixture);
	child_end(child_pid);
}

static unsigned int count_sessions(void)
{
	return fixture.broker.sessions.n_sessions;
}

/* ---- owners ---- */

/* An ancestor with the same uid: what `rmctl start` does. */
START_TEST(test_give_to_an_ancestor)
{
	struct started started;

	ck_assert_uint_eq(ask_start_owned(&child, 1, getpid(), 0, &started), 0);
	ck_assert_int_eq(session_find(&fixture.broker.sessions, started.session)->owner->id.pid,
			 getpid());
	ck_assert_uint_eq(ask_start_owned(&child, 2, child_pid, 0, &started), 0);
	ck_assert_int_eq(session_find(&fixture.broker.sessions, started.session)->owner->id.pid,
			 child_pid);
}
END_TEST

START_TEST(test_give_to_a_descendant)
{
	struct started started;

	ck_assert_uint_eq(ask_start_owned(&self, 1, child_pid, 0, &started), STATUS_ACCESS_DENIED);
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

START_TEST(test_give_to_a_sibling)
{
	struct started started;
	pid_t pid = child_start(NULL);

	ck_assert_uint_eq(ask_start_owned(&child, 1, pid, 0, &started), STATUS_ACCESS_DENIED);
	ck_assert_uint_eq(count_sessions(), 0);
	child_end(pid);
}
END_TEST

/* Process 1 is everybody's ancestor, but root's. */
START_TEST(test_give_to_another_user)
{
	struct started started;

	ck_assert_uint_eq(ask_start_owned(&self, 1, 1, 0, &started), STATUS_ACCESS_DENIED);
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

START_TEST(test_join_for_another)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__JoinSession join = RM__JOIN_SESSION__INIT;
	Rm__ProcessId owner = RM__PROCESS_ID__INIT;
	static uint8_t request_id[REQUEST_ID_BYTES];
	struct started started;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	join.request_id = codec_bytes(request_id, sizeof(request_id));
	join.key = codec_text(started.key);
	join.owner = &owner;
	request.call_case = RM__REQUEST__CALL_JOIN_SESSION;
	request.join_session = &join;
	owner.pid = (uint32_t)child_pid;
	ck_assert_uint_eq(caller_ask(&self, &request)->status, STATUS_ACCESS_DENIED);
	owner.pid = (uint32_t)getpid();
	ck_assert_uint_eq(caller_ask(&child, &request)->status, 0);
	ck_assert_uint_eq(self.call.peer->n_joins, 1);
	owner.pid = INT32_MAX;
	ck_assert_uint_eq(caller_ask(&child, &request)->status, STATUS_BAD_ARGUMENTS);
}
END_TEST

/* Root may give a session to anybody. */
START_TEST(test_root_gives_to_anybody)
{
	struct started started;

	if (geteuid() == 0) {
		ck_assert_uint_eq(ask_start_owned(&self, 1, child_pid, 0, &started), 0);
		ck_assert_uint_eq(ask_start_owned(&self, 2, 1, 0, &started), 0);
	}
}
END_TEST

/* ---- primaries ---- */

static const char other_key[] = "00112233445566778899aabbccddeeff";

START_TEST(test_attach)
{
	struct started started;
	pid_t pid = child_start(NULL);
	struct caller stranger;

	caller_init(&stranger, &fixture, pid);
	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	/* The owner needs no key. */
	ck_assert_uint_eq(ask_attach(&self, started.session, ""), 0);
	ck_assert_uint_eq(ask_attach(&self, started.session, other_key), 0);
	/* A descendant does. */
	ck_assert_uint_eq(ask_attach(&child, started.session, started.key), 0);
	ck_assert_uint_eq(ask_attach(&child, started.session, ""),
			  STATUS_SESSION_CREDENTIAL_CONFLICT);
	ck_assert_uint_eq(ask_attach(&child, started.session, other_key),
			  STATUS_SESSION_CREDENTIAL_CONFLICT);
	ck_assert_uint_eq(ask_attach(&child, started.session + 1, started.key),
			  STATUS_INVALID_HANDLE);
	/* Nobody else, not with the key either: keys travel in environments. */
	ck_assert_uint_eq(ask_start(&child, 2, &started), 0);
	ck_assert_uint_eq(ask_attach(&stranger, started.session, started.key),
			  STATUS_SESSION_CREDENTIAL_CONFLICT);
	ck_assert_uint_eq(ask_attach(&self, started.session, started.key),
			  STATUS_SESSION_CREDENTIAL_CONFLICT);
	caller_done(&stranger);
	child_end(pid);
}
END_TEST

/* Root needs the key, but not the family. */
START_TEST(test_root_attaches_with_the_key)
{
	struct started started;

	if (geteuid() == 0) {
		ck_assert_uint_eq(ask_start(&child, 1, &started), 0);
		ck_assert_uint_eq(ask_attach(&self, started.session, started.key), 0);
		ck_assert_uint_eq(ask_attach(&self, started.session, other_key),
				  STATUS_SESSION_CREDENTIAL_CONFLICT);
		ck_assert_uint_eq(ask_attach(&self, started.session, ""),
				  STATUS_SESSION_CREDENTIAL_CONFLICT);
	}
}
END_TEST

START_TEST(test_end_by_others)
{
	struct started started;

	ck_assert_uint_eq(ask_start(&child, 1, &started), 0);
	ck_assert_uint_eq(ask_end(&self, 2, started.session, 0, ""),
			  STATUS_SESSION_CREDENTIAL_CONFLICT);
	ck_assert_uint_eq(ask_end(&self, 2, started.session, 0, started.key),
			  STATUS_SESSION_CREDENTIAL_CONFLICT);
	ck_assert_uint_eq(count_sessions(), 1);

	ck_assert_uint_eq(ask_start(&self, 3, &started), 0);
	ck_assert_uint_eq(ask_end(&child, 4, started.session, 0, other_key),
			  STATUS_SESSION_CREDENTIAL_CONFLICT);
	ck_assert_uint_eq(ask_end(&child, 4, started.session, 0, started.key), 0);
	ck_assert_uint_eq(ask_end(&child, 4, started.session, 0, started.key), 0);
	ck_assert_uint_eq(count_sessions(), 1);
}
END_TEST

START_TEST(test_leave_by_others)
{
	struct started started;
	uint32_t join;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(ask_join(&child, 2, started.key, &join), 0);
	/* The primary is no descendant of the one that joined. */
	ck_assert_uint_eq(ask_end(&self, 3, started.session, join, started.key),
			  STATUS_SESSION_CREDENTIAL_CONFLICT);
	ck_assert_uint_eq(ask_end(&child, 3, started.session, join, ""), 0);
	ck_assert_uint_eq(ask_join(&self, 4, started.key, &join), 0);
	ck_assert_uint_eq(ask_end(&child, 5, started.session, join, ""),
			  STATUS_SESSION_CREDENTIAL_CONFLICT);
	ck_assert_uint_eq(ask_end(&child, 5, started.session, join, started.key), 0);
	ck_assert_uint_eq(fixture.broker.sessions.n_joins, 0);
}
END_TEST

/* An answer is the asking process's own: another's equal request id is a request of its own. */
START_TEST(test_answer_of_another)
{
	struct started started;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(ask_end(&self, 2, started.session, 0, ""), 0);
	ck_assert_uint_eq(ask_end(&child, 2, started.session, 0, ""), STATUS_INVALID_HANDLE);
}
END_TEST

/* ---- at the door ---- */

START_TEST(test_may_connect)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(peer_may_connect(pair[0]), true);
	if (geteuid() == 0) {
		/* The peer's uid is that of the pair's making; the broker has another now. */
		ck_assert_int_eq(seteuid(65534), 0);
		ck_assert_int_eq(peer_may_connect(pair[0]), false);
		ck_assert_int_eq(seteuid(0), 0);
	}
	ck_assert_int_eq(close(pair[0]), 0);
	ck_assert_int_eq(close(pair[1]), 0);
	ck_assert_int_eq(peer_may_connect(-1), false);
}
END_TEST

static bool has_cap_kill(void)
{
	struct procfs_status status;

	return procfs_read_status(self.call.peer->table->proc_fd, getpid(), &status) == 0 &&
	       (status.effective_capabilities >> 5 & 1);
}

/* The machine's broker is for root with CAP_KILL. */
START_TEST(test_may_use_system)
{
	ck_assert_int_eq(peer_may_use_system(self.call.peer), geteuid() == 0 && has_cap_kill());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("peer");
	TCase *tcase = fixture_case(suite, "user");

	tcase_add_checked_fixture(tcase, set_up_nobody, tear_down);
	tcase_add_test(tcase, test_give_to_an_ancestor);
	tcase_add_test(tcase, test_give_to_a_descendant);
	tcase_add_test(tcase, test_give_to_a_sibling);
	tcase_add_test(tcase, test_give_to_another_user);
	tcase_add_test(tcase, test_join_for_another);
	tcase_add_test(tcase, test_attach);
	tcase_add_test(tcase, test_end_by_others);
	tcase_add_test(tcase, test_leave_by_others);
	tcase_add_test(tcase, test_answer_of_another);
	tcase_add_test(tcase, test_may_use_system);

	tcase = fixture_case(suite, "root");
	tcase_add_checked_fixture(tcase, open_fixture, tear_down);
	tcase_add_test(tcase, test_root_gives_to_anybody);
	tcase_add_test(tcase, test_root_attaches_with_the_key);
	tcase_add_test(tcase, test_may_connect);
	tcase_add_test(tcase, test_may_use_system);
	return fixture_run(suite);
}
