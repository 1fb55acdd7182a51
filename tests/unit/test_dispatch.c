/* SPDX-License-Identifier: MIT */
/*
 * Requests about sessions, answered in memory: what happens when all is well, every code that
 * methods.h names, and that a request sent again changes nothing (A63). Who may do what is in
 * test_peer.c, administration in test_admin.c.
 */
#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/log.h"
#include "proto/status.h"
#include "tests/unit/call_fixture.h"

static struct broker_fixture fixture;
static struct caller self;

static void set_up(void)
{
	uv_loop_t loop;

	/* libuv keeps two descriptors for signals: before the descriptors are counted. */
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	fixture_count_descriptors();
	broker_fixture_open(&fixture, 0);
	caller_init(&self, &fixture, getpid());
}

static void tear_down(void)
{
	caller_done(&self);
	broker_fixture_close(&fixture);
}

/* What must not change when a request is refused. */
struct snapshot {
	unsigned int n_sessions;
	unsigned int n_joins;
	uint32_t next_session_id;
	uint32_t next_join_id;
	uint64_t tail;
	uint64_t n_events;
};

static struct snapshot snap(void)
{
	return (struct snapshot){
		.n_sessions = fixture.broker.sessions.n_sessions,
		.n_joins = fixture.broker.sessions.n_joins,
		.next_session_id = fixture.broker.sessions.next_session_id,
		.next_join_id = fixture.broker.sessions.next_join_id,
		.tail = fixture.broker.store.journal.tail,
		.n_events = fixture.broker.events.last_number,
	};
}

static void assert_unchanged(const struct snapshot *before)
{
	struct snapshot now = snap();

	ck_assert_mem_eq(&now, before, sizeof(now));
}

static const struct event *last_event(void)
{
	return event_log_next(&fixture.broker.events, fixture.broker.events.last_number - 1);
}

/* Restarts the broker on its journal. */
static void restart(void)
{
	tear_down();
	broker_fixture_open(&fixture, 0);
	caller_init(&self, &fixture, getpid());
}

/* ---- start ---- */

START_TEST(test_start)
{
	struct started started;
	const struct session *session;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(started.session, 1);
	for (const char *at = started.key; *at; at++) {
		ck_assert_int_ne(isdigit(*at) || (*at >= 'a' && *at <= 'f'), 0);
	}
	session = session_find(&fixture.broker.sessions, started.session);
	ck_assert_ptr_nonnull(session);
	ck_assert_int_eq(session->owner->id.pid, getpid());
	ck_assert_int_eq(session->state, SESSION_OPEN);
	ck_assert_uint_gt(session->started_us, 0);
	ck_assert_int_eq(last_event()->kind, EVENT_SESSION_STARTED);
	ck_assert_uint_eq(last_event()->session, 1);
	ck_assert_uint_eq(last_event()->pid, (uint32_t)getpid());
}
END_TEST

START_TEST(test_start_again)
{
	struct started first;
	struct started second;
	struct snapshot before;

	ck_assert_uint_eq(ask_start(&self, 1, &first), 0);
	before = snap();
	ck_assert_uint_eq(ask_start(&self, 1, &second), 0);
	ck_assert_uint_eq(second.session, first.session);
	ck_assert_str_eq(second.key, first.key);
	assert_unchanged(&before);

	restart();
	ck_assert_uint_eq(ask_start(&self, 1, &second), 0);
	ck_assert_uint_eq(second.session, first.session);
	ck_assert_str_eq(second.key, first.key);
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 1);

	ck_assert_uint_eq(ask_start(&self, 2, &second), 0);
	ck_assert_uint_ne(second.session, first.session);
	ck_assert_str_ne(second.key, first.key);
}
END_TEST

/* A request id is the process's own: another one's equal id is another request. */
START_TEST(test_same_request_of_another)
{
	pid_t pid = child_start(NULL);
	struct caller other;
	struct started first;
	struct started second;

	caller_init(&other, &fixture, pid);
	ck_assert_uint_eq(ask_start(&self, 1, &first), 0);
	ck_assert_uint_eq(ask_start(&other, 1, &second), 0);
	ck_assert_uint_ne(second.session, first.session);
	caller_done(&other);
	child_end(pid);
}
END_TEST

START_TEST(test_start_for_another)
{
	pid_t pid = child_start(NULL);
	struct started started;
	struct process *owner;

	ck_assert_int_eq(process_find_or_open(&fixture.broker.processes,
					      &(struct process_id){.pid = pid}, &owner),
			 0);
	ck_assert_uint_eq(
		geteuid() == 0 ? ask_start_owned(&self, 1, pid, owner->id.start_time, &started) : 0,
		0);
	if (geteuid() == 0) {
		ck_assert_uint_eq(owner->n_sessions, 1);
		ck_assert_uint_eq(self.call.peer->n_sessions, 0);
		ck_assert_uint_eq(ask_start_owned(&self, 1, pid, 0, &started), 0);
		ck_assert_uint_eq(owner->n_sessions, 1);
	} else {
		process_settle(owner);
	}
	child_end(pid);
}
END_TEST

START_TEST(test_start_for_the_dead)
{
	pid_t pid = child_start(NULL);
	struct started started;
	struct snapshot before = snap();

	child_end(pid);
	ck_assert_uint_eq(ask_start_owned(&self, 1, pid, 0, &started), STATUS_BAD_ARGUMENTS);
	ck_assert_uint_eq(ask_start_owned(&self, 2, getpid(), 1, &started), STATUS_BAD_ARGUMENTS);
	ck_assert_uint_eq(ask_start_owned(&self, 3, INT32_MAX, 0, &started), STATUS_BAD_ARGUMENTS);
	assert_unchanged(&before);
}
END_TEST

static int repeat_key(struct key_source *source, struct session_key *ret_key)
{
	source->left++; /* counts how often it was asked */
	memset(ret_key, 0xab, sizeof(*ret_key));
	return 0;
}

/* A2: refused, nothing is created, and there is no silent second try. */
START_TEST(test_start_with_a_known_key)
{
	struct started started;
	struct snapshot before;

	fixture.broker.keys = (struct key_source){.next = repeat_key};
	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_str_eq(started.key, "abababababababababababababababab");
	before = snap();
	ck_assert_uint_eq(ask_start(&self, 2, &started), STATUS_ALREADY_EXISTS);
	assert_unchanged(&before);
	ck_assert_uint_eq(fixture.broker.keys.left, 2);

	ck_assert_uint_eq(ask_end(&self, 3, 1, 0, ""), 0);
	ck_assert_uint_eq(ask_start(&self, 4, &started), 0);
}
END_TEST

static int fail_key(struct key_source *source, struct session_key *ret_key)
{
	(void)source;
	(void)ret_key;
	return -EIO;
}

START_TEST(test_start_without_keys)
{
	struct started started;
	struct snapshot before = snap();

	fixture.broker.keys.next = fail_key;
	ck_assert_uint_eq(ask_start(&self, 1, &started), STATUS_WRITE_FAULT);
	assert_unchanged(&before);
}
END_TEST

START_TEST(test_65th_start)
{
	struct started started;
	struct started again;
	struct snapshot before;

	for (uint32_t i = 1; i <= DEFAULT_MAX_SESSIONS; i++) {
		ck_assert_uint_eq(ask_start(&self, i, &started), 0);
	}
	before = snap();
	ck_assert_uint_eq(ask_start(&self, 100, &again), STATUS_MAX_SESSIONS_REACHED);
	before.n_events++;
	assert_unchanged(&before);
	ck_assert_int_eq(last_event()->kind, EVENT_SESSION_REFUSED);
	ck_assert_uint_eq(last_event()->pid, (uint32_t)getpid());

	/* One that was made already is still answered; an end frees a place at once. */
	ck_assert_uint_eq(ask_start(&self, DEFAULT_MAX_SESSIONS, &again), 0);
	ck_assert_uint_eq(again.session, started.session);
	ck_assert_uint_eq(ask_end(&self, 101, started.session, 0, ""), 0);
	ck_assert_uint_eq(ask_start(&self, 102, &again), 0);
	ck_assert_uint_eq(ask_start(&self, 103, &again), STATUS_MAX_SESSIONS_REACHED);
}
END_TEST

/* Of the broker's 512, the last 4 are for processes that hold none. */
START_TEST(test_last_sessions_are_kept)
{
	const unsigned int n = MAX_SESSIONS_ALL - SESSIONS_KEPT_FOR_NEW;
	struct started started;
	pid_t pids[SESSIONS_KEPT_FOR_NEW + 1];

	tear_down();
	broker_fixture_open(&fixture, MAX_SESSIONS_ALL);
	caller_init(&self, &fixture, getpid());
	for (uint32_t i = 1; i <= n; i++) {
		ck_assert_uint_eq(ask_start(&self, i, &started), 0);
	}
	ck_assert_uint_eq(ask_start(&self, 1000, &started), STATUS_MAX_SESSIONS_REACHED);
	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
		struct caller other;

		pids[i] = child_start(NULL);
		caller_init(&other, &fixture, pids[i]);
		ck_assert_uint_eq(ask_start(&other, 1, &started),
				  i < SESSIONS_KEPT_FOR_NEW ? 0 : STATUS_MAX_SESSIONS_REACHED);
		if (i < SESSIONS_KEPT_FOR_NEW) {
			ck_assert_uint_eq(ask_start(&other, 2, &started),
					  STATUS_MAX_SESSIONS_REACHED);
		}
		caller_done(&other);
	}
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, MAX_SESSIONS_ALL);
	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
		child_end(pids[i]);
	}
}
END_TEST

/* ---- join ---- */

START_TEST(test_join)
{
	struct started started;
	uint32_t join = 0;
	uint32_t again = 0;
	struct snapshot before;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(ask_join(&self, 2, started.key, &join), 0);
	ck_assert_uint_eq(join, 1);
	ck_assert_uint_eq(session_find(&fixture.broker.sessions, 1)->n_joins, 1);
	ck_assert_int_eq(last_event()->kind, EVENT_SESSION_JOINED);
	before = snap();
	ck_assert_uint_eq(ask_join(&self, 2, started.key, &again), 0);
	ck_assert_uint_eq(again, join);
	assert_unchanged(&before);

	restart();
	ck_assert_uint_eq(ask_join(&self, 2, started.key, &again), 0);
	ck_assert_uint_eq(again, join);
	ck_assert_uint_eq(fixture.broker.sessions.n_joins, 1);
	ck_assert_uint_eq(ask_join(&self, 3, started.key, &again), 0);
	ck_assert_uint_eq(again, 2);
}
END_TEST

START_TEST(test_join_in_capitals)
{
	struct started started;
	uint32_t join;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	for (char *at = started.key; *at; at++) {
		*at = (char)toupper(*at);
	}
	ck_assert_uint_eq(ask_join(&self, 2, started.key, &join), 0);
}
END_TEST

static const char *const no_keys[] = {
	"",
	"0",
	"0123456789abcdef0123456789abcde",
	"0123456789abcdef0123456789abcdef",
	"0123456789abcdef0123456789abcdeff",
	"0123456789abcdef0123456789abcdeg",
	"0123456789abcdef 123456789abcdef",
	"0x23456789abcdef0123456789abcdef",
	"\xD9\xA1\xD9\xA1\xD9\xA1\xD9\xA1\xD9\xA1\xD9\xA1\xD9\xA1\xD9\xA1"
	"\xD9\xA1\xD9\xA1\xD9\xA1\xD9\xA1\xD9\xA1\xD9\xA1\xD9\xA1\xD9\xA1",
};

START_TEST(test_join_without_key)
{
	struct started started;
	uint32_t join;
	struct snapshot before;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	before = snap();
	ck_assert_uint_eq(ask_join(&self, 2, no_keys[_i], &join),
			  STATUS_SESSION_CREDENTIAL_CONFLICT);
	assert_unchanged(&before);
}
END_TEST

START_TEST(test_join_of_an_ended_one)
{
	struct started started;
	uint32_t join;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(ask_end(&self, 2, started.session, 0, ""), 0);
	ck_assert_uint_eq(ask_join(&self, 3, started.key, &join),
			  STATUS_SESSION_CREDENTIAL_CONFLICT);
}
END_TEST

START_TEST(test_257th_join)
{
	struct started started;
	struct started other;
	uint32_t join;
	struct snapshot before;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(ask_start(&self, 2, &other), 0);
	for (uint32_t i = 0; i < MAX_JOINS; i++) {
		ck_assert_uint_eq(ask_join(&self, 100 + i, started.key, &join), 0);
	}
	before = snap();
	ck_assert_uint_eq(ask_join(&self, 1000, started.key, &join), STATUS_MAX_SESSIONS_REACHED);
	assert_unchanged(&before);
	ck_assert_uint_eq(ask_join(&self, 1001, other.key, &join), 0);
}
END_TEST

/* ---- end ---- */

START_TEST(test_end)
{
	struct started started;
	uint32_t join;
	struct snapshot before;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(ask_join(&self, 2, started.key, &join), 0);
	ck_assert_uint_eq(ask_end(&self, 3, started.session, 0, ""), 0);
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 0);
	ck_assert_uint_eq(fixture.broker.sessions.n_joins, 0);
	ck_assert_int_eq(last_event()->kind, EVENT_SESSION_ENDED);
	ck_assert_str_eq(last_event()->detail, "");

	before = snap();
	ck_assert_uint_eq(ask_end(&self, 3, started.session, 0, ""), 0);
	ck_assert_uint_eq(ask_end(&self, 4, started.session, 0, ""), STATUS_INVALID_HANDLE);
	ck_assert_uint_eq(ask_end(&self, 5, started.session, join, ""), STATUS_INVALID_HANDLE);
	assert_unchanged(&before);

	restart();
	ck_assert_uint_eq(ask_end(&self, 3, started.session, 0, ""), 0);
	ck_assert_uint_eq(ask_end(&self, 4, started.session, 0, ""), STATUS_INVALID_HANDLE);
}
END_TEST

START_TEST(test_leave)
{
	struct started started;
	uint32_t join;
	struct snapshot before;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(ask_join(&self, 2, started.key, &join), 0);
	ck_assert_uint_eq(ask_end(&self, 3, started.session, join + 1, ""), STATUS_INVALID_HANDLE);
	ck_assert_uint_eq(ask_end(&self, 4, started.session, join, ""), 0);
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 1);
	ck_assert_uint_eq(fixture.broker.sessions.n_joins, 0);
	ck_assert_int_eq(last_event()->kind, EVENT_SESSION_LEFT);

	before = snap();
	ck_assert_uint_eq(ask_end(&self, 4, started.session, join, ""), 0);
	ck_assert_uint_eq(ask_end(&self, 5, started.session, join, ""), STATUS_INVALID_HANDLE);
	assert_unchanged(&before);

	restart();
	ck_assert_uint_eq(ask_end(&self, 4, started.session, join, ""), 0);
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 1);
	ck_assert_uint_eq(fixture.broker.sessions.n_joins, 0);
}
END_TEST

START_TEST(test_end_of_nothing)
{
	struct snapshot before = snap();

	ck_assert_uint_eq(ask_end(&self, 1, 0, 0, ""), STATUS_INVALID_HANDLE);
	ck_assert_uint_eq(ask_end(&self, 1, 1, 0, ""), STATUS_INVALID_HANDLE);
	ck_assert_uint_eq(ask_end(&self, 1, UINT32_MAX, UINT32_MAX, ""), STATUS_INVALID_HANDLE);
	assert_unchanged(&before);
}
END_TEST

/* The last 64 ends of a process are known again, and not one more. */
START_TEST(test_answers_are_bounded)
{
	struct started started;

	for (uint32_t i = 0; i <= MAX_ANSWERED; i++) {
		ck_assert_uint_eq(ask_start(&self, 1000 + i, &started), 0);
		ck_assert_uint_eq(ask_end(&self, i, started.session, 0, ""), 0);
	}
	for (uint32_t i = 1; i <= MAX_ANSWERED; i++) {
		ck_assert_uint_eq(ask_end(&self, i, started.session, 0, ""), 0);
	}
	ck_assert_uint_eq(ask_end(&self, 0, started.session, 0, ""), STATUS_INVALID_HANDLE);
}
END_TEST

/* ---- the world fails ---- */

/* The disk takes nothing: 29, and nothing has changed, in memory or for the next broker. */
START_TEST(test_full_disk)
{
	struct started started;
	struct started kept;
	uint32_t join;
	struct snapshot before;

	ck_assert_uint_eq(ask_start(&self, 1, &kept), 0);
	ck_assert_uint_eq(ask_join(&self, 2, kept.key, &join), 0);
	before = snap();
	self.disk_bytes = 1;
	ck_assert_uint_eq(ask_start(&self, 3, &started), STATUS_WRITE_FAULT);
	assert_unchanged(&before);
	ck_assert_uint_eq(ask_join(&self, 4, kept.key, &join), STATUS_WRITE_FAULT);
	ck_assert_uint_eq(ask_end(&self, 5, kept.session, join, ""), STATUS_WRITE_FAULT);
	ck_assert_uint_eq(ask_end(&self, 6, kept.session, 0, ""), STATUS_WRITE_FAULT);
	ck_assert_uint_eq(ask_close(&self, 7, kept.session), STATUS_WRITE_FAULT);
	assert_unchanged(&before);

	/* The disk is well again: the same requests, sent again, are done. */
	self.disk_bytes = 0;
	ck_assert_uint_eq(ask_end(&self, 5, kept.session, join, ""), 0);
	ck_assert_uint_eq(ask_start(&self, 3, &started), 0);
	restart();
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 2);
	ck_assert_uint_eq(fixture.broker.sessions.n_joins, 0);
}
END_TEST

/* The disk has no room beyond what is reserved: starts are refused, every end is done. */
START_TEST(test_ends_fit_on_a_full_disk)
{
	static struct started started[MAX_SESSIONS_ALL];
	uint32_t join;
	uint32_t n_started = 0;
	uint32_t n_joined = 0;
	uint32_t status = 0;

	tear_down();
	broker_fixture_open(&fixture, MAX_SESSIONS_ALL);
	caller_init(&self, &fixture, getpid());
	self.disk_bytes = JOURNAL_PIECE_BYTES;
	while (n_started < 500 && ask_start(&self, n_started, &started[n_started]) == 0) {
		n_started++;
	}
	while (status == 0 && n_joined < 2000) {
		status =
			ask_join(&self, 10000 + n_joined, started[n_joined / MAX_JOINS].key, &join);
		n_joined += status == 0;
	}
	ck_assert_uint_eq(status, STATUS_WRITE_FAULT);
	ck_assert_uint_eq(ask_start(&self, 5000, &started[n_started]), STATUS_WRITE_FAULT);
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, n_started);
	ck_assert_uint_eq(fixture.broker.sessions.n_joins, n_joined);
	for (uint32_t i = 0; i < n_joined; i++) {
		ck_assert_uint_eq(
			ask_end(&self, 20000 + i, started[i / MAX_JOINS].session, i + 1, ""), 0);
	}
	for (uint32_t i = 0; i < n_started; i++) {
		ck_assert_uint_eq(ask_end(&self, 30000 + i, started[i].session, 0, ""), 0);
	}
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 0);
	restart();
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 0);
}
END_TEST

/* ---- processes end ---- */

START_TEST(test_owner_goes)
{
	pid_t pid = child_start(NULL);
	struct caller other;
	struct started started;
	struct started own;
	uint32_t join;

	caller_init(&other, &fixture, pid);
	ck_assert_uint_eq(ask_start(&other, 1, &started), 0);
	ck_assert_uint_eq(ask_start(&other, 2, &started), 0);
	ck_assert_uint_eq(ask_join(&self, 3, started.key, &join), 0);
	ck_assert_uint_eq(ask_start(&self, 4, &own), 0);
	child_end(pid);
	broker_fixture_await_gone(&fixture, pid);
	caller_lost(&other);
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 1);
	ck_assert_uint_eq(fixture.broker.sessions.n_joins, 0);
	ck_assert_int_eq(last_event()->kind, EVENT_SESSION_ENDED);
	ck_assert_uint_eq(last_event()->pid, (uint32_t)pid);
	ck_assert_str_eq(last_event()->detail, "its owner has gone");
	ck_assert_uint_eq(ask_end(&self, 5, started.session, join, ""), STATUS_INVALID_HANDLE);
	restart();
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 1);
	ck_assert_ptr_nonnull(session_find(&fixture.broker.sessions, own.session));
}
END_TEST

START_TEST(test_joined_process_goes)
{
	pid_t pid = child_start(NULL);
	struct caller other;
	struct started started;
	uint32_t join;

	caller_init(&other, &fixture, pid);
	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(ask_join(&other, 2, started.key, &join), 0);
	child_end(pid);
	broker_fixture_await_gone(&fixture, pid);
	caller_lost(&other);
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 1);
	ck_assert_uint_eq(fixture.broker.sessions.n_joins, 0);
	ck_assert_int_eq(last_event()->kind, EVENT_SESSION_LEFT);
	ck_assert_uint_eq(last_event()->pid, (uint32_t)pid);
}
END_TEST

/* A connection that closes means nothing: the session is the process's (A61). */
START_TEST(test_connection_goes)
{
	pid_t pid = child_start(NULL);
	struct caller other;
	struct started started;

	caller_init(&other, &fixture, pid);
	ck_assert_uint_eq(ask_start(&other, 1, &started), 0);
	caller_done(&other);
	(void)uv_run(&fixture.loop, UV_RUN_NOWAIT);
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 1);
	caller_init(&other, &fixture, pid);
	ck_assert_uint_eq(ask_end(&other, 2, started.session, 0, ""), 0);
	caller_done(&other);
	child_end(pid);
}
END_TEST

/* ---- order and form ---- */

/* A6: handle before role, role before execution; the owner before the limits. */
START_TEST(test_order_of_checks)
{
	struct started started;
	pid_t pid = child_start(NULL);

	for (uint32_t i = 1; i <= DEFAULT_MAX_SESSIONS; i++) {
		ck_assert_uint_eq(ask_start(&self, i, &started), 0);
	}
	child_end(pid);
	ck_assert_uint_eq(ask_attach(&self, 4711, "no key"), STATUS_INVALID_HANDLE);
	ck_assert_uint_eq(ask_end(&self, 101, 4711, 1, "no key"), STATUS_INVALID_HANDLE);
	ck_assert_uint_eq(ask_start_owned(&self, 100, pid, 0, &started), STATUS_BAD_ARGUMENTS);
	self.disk_bytes = 1;
	ck_assert_uint_eq(ask_start(&self, 102, &started), STATUS_MAX_SESSIONS_REACHED);
	ck_assert_uint_eq(ask_end(&self, 103, 4711, 0, ""), STATUS_INVALID_HANDLE);
}
END_TEST

START_TEST(test_unknown_call)
{
	Rm__Request request = RM__REQUEST__INIT;
	uint64_t n_calls = fixture.broker.n_calls;

	ck_assert_uint_eq(caller_ask(&self, &request)->status, STATUS_NOT_SUPPORTED);
	ck_assert_uint_eq(fixture.broker.n_calls, n_calls + 1);
}
END_TEST

/* The sink fails: the change is made all the same, and the call is over. */
static int refuse_reply(struct call_sink *sink, const Rm__Reply *reply)
{
	(void)sink;
	(void)reply;
	return -ENOMEM;
}

START_TEST(test_reply_is_lost)
{
	struct call_sink sink = self.sink;
	Rm__Request request = RM__REQUEST__INIT;
	Rm__StartSession start = RM__START_SESSION__INIT;
	struct started started;
	static uint8_t request_id[REQUEST_ID_BYTES];

	start.request_id = codec_bytes(request_id, sizeof(request_id));
	request.call_case = RM__REQUEST__CALL_START_SESSION;
	request.start_session = &start;
	self.sink.send = refuse_reply;
	caller_send(&self, &request);
	self.sink = sink;
	ck_assert_int_eq(self.call.state, CALL_IDLE);
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 1);
	ck_assert_uint_eq(caller_ask(&self, &request)->status, 0);
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 1);
	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
}
END_TEST

/* Keys are in no line of the log, however much is logged. */
START_TEST(test_keys_are_not_logged)
{
	const char *path = fixture_path("log");
	FILE *log = fopen(path, "we");
	int err = dup(STDERR_FILENO);
	struct started started;
	uint32_t join;
	uint8_t *text;
	size_t size;

	ck_assert_ptr_nonnull(log);
	log_init(LOG_DEBUG);
	ck_assert_int_eq(dup2(fileno(log), STDERR_FILENO), STDERR_FILENO);
	(void)ask_start(&self, 1, &started);
	(void)ask_join(&self, 2, started.key, &join);
	(void)ask_attach(&self, started.session, started.key);
	(void)ask_show(&self, started.session);
	(void)ask_end(&self, 3, started.session, join, started.key);
	self.disk_bytes = 1;
	(void)ask_end(&self, 4, started.session, 0, started.key);
	self.disk_bytes = 0;
	(void)ask_close(&self, 5, started.session);
	fixture.broker.keys.next = repeat_key;
	(void)ask_start(&self, 6, &started);
	(void)ask_start(&self, 7, &started);
	ck_assert_int_eq(dup2(err, STDERR_FILENO), STDERR_FILENO);
	log_init(-1);
	ck_assert_int_eq(close(err), 0);
	ck_assert_int_eq(fclose(log), 0);
	text = file_get(path, &size);
	text[size] = '\0';
	ck_assert_ptr_nonnull(strstr((char *)text, "session started"));
	ck_assert_ptr_nonnull(strstr((char *)text, "random source repeats itself"));
	ck_assert_ptr_null(strstr((char *)text, "abab"));
	started.key[8] = '\0';
	ck_assert_ptr_null(strstr((char *)text, started.key));
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dispatch");
	TCase *tcase = fixture_case(suite, "start");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_start);
	tcase_add_test(tcase, test_start_again);
	tcase_add_test(tcase, test_same_request_of_another);
	tcase_add_test(tcase, test_start_for_another);
	tcase_add_test(tcase, test_start_for_the_dead);
	tcase_add_test(tcase, test_start_with_a_known_key);
	tcase_add_test(tcase, test_start_without_keys);
	tcase_add_test(tcase, test_65th_start);
	tcase_add_test(tcase, test_last_sessions_are_kept);

	tcase = fixture_case(suite, "join");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_join);
	tcase_add_test(tcase, test_join_in_capitals);
	tcase_add_loop_test(tcase, test_join_without_key, 0, ARRAY_SIZE(no_keys));
	tcase_add_test(tcase, test_join_of_an_ended_one);
	tcase_add_test(tcase, test_257th_join);

	tcase = fixture_case(suite, "end");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_end);
	tcase_add_test(tcase, test_leave);
	tcase_add_test(tcase, test_end_of_nothing);
	tcase_add_test(tcase, test_answers_are_bounded);

	tcase = fixture_case(suite, "world");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_full_disk);
	tcase_add_test(tcase, test_ends_fit_on_a_full_disk);
	tcase_add_test(tcase, test_owner_goes);
	tcase_add_test(tcase, test_joined_process_goes);
	tcase_add_test(tcase, test_connection_goes);

	tcase = fixture_case(suite, "form");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_order_of_checks);
	tcase_add_test(tcase, test_unknown_call);
	tcase_add_test(tcase, test_reply_is_lost);
	tcase_add_test(tcase, test_keys_are_not_logged);
	return fixture_run(suite);
}
