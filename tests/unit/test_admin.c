/* SPDX-License-Identifier: MIT */
/*
 * What an administrator asks, through dispatch(): lists that show no key, the end of any session,
 * the broker's status, and events that neither a slow watcher nor a gone one holds up.
 */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "proto/status.h"
#include "tests/unit/call_fixture.h"

static struct broker_fixture fixture;
static struct caller self;
static struct caller child;
static pid_t child_pid;

static void set_up(void)
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

static void tear_down(void)
{
	caller_done(&child);
	caller_done(&self);
	broker_fixture_close(&fixture);
	child_end(child_pid);
}

static void assert_text(const ProtobufCBinaryData *field, const char *text)
{
	ck_assert_uint_eq(field->len, strlen(text));
	if (field->len) {
		ck_assert_mem_eq(field->data, text, field->len);
	}
}

/* ---- lists ---- */

START_TEST(test_empty_list)
{
	const Rm__Reply *reply = ask_list(&self);

	ck_assert_uint_eq(reply->status, 0);
	ck_assert_int_eq(reply->result_case, RM__REPLY__RESULT_SESSIONS);
	ck_assert_uint_eq(reply->sessions->n_sessions, 0);
}
END_TEST

START_TEST(test_list)
{
	struct started first;
	struct started second;
	uint32_t join;
	const Rm__Reply *reply;
	const Rm__SessionInfo *info;

	ck_assert_uint_eq(ask_start(&self, 1, &first), 0);
	ck_assert_uint_eq(ask_start(&child, 2, &second), 0);
	ck_assert_uint_eq(ask_join(&self, 3, second.key, &join), 0);
	reply = ask_list(&self);
	ck_assert_uint_eq(reply->sessions->n_sessions, 2);
	info = reply->sessions->sessions[0];
	ck_assert_uint_eq(info->id, first.session);
	ck_assert_uint_eq(info->owner->id->pid, (uint32_t)getpid());
	ck_assert_uint_eq(info->owner->id->start_time, self.call.peer->id.start_time);
	ck_assert_uint_eq(info->owner->uid, geteuid());
	assert_text(&info->owner->name, self.call.peer->name);
	assert_text(&info->login, self.call.peer->login);
	assert_text(&info->state, "open");
	ck_assert_uint_gt(info->started_us, 0);
	ck_assert_uint_lt(info->age_us, 60000000);
	ck_assert_uint_eq(info->joined, 0);
	info = reply->sessions->sessions[1];
	ck_assert_uint_eq(info->id, second.session);
	ck_assert_uint_eq(info->owner->id->pid, (uint32_t)child_pid);
	ck_assert_uint_eq(info->joined, 1);
	ck_assert_uint_eq(info->n_joins, 0); /* only ShowSession tells them */
}
END_TEST

/* Four digits of a key, in the field as in all bytes of the reply. */
START_TEST(test_lists_show_no_key)
{
	struct started started;
	struct frame_buffer bytes = {0};
	const Rm__Reply *reply;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	for (int i = 0; i < 2; i++) {
		reply = i ? ask_show(&self, started.session) : ask_list(&self);
		ck_assert_uint_eq(reply->sessions->sessions[0]->key_prefix.len, 4);
		ck_assert_mem_eq(reply->sessions->sessions[0]->key_prefix.data, started.key, 4);
		ck_assert_int_eq(codec_pack_reply(reply, &bytes), 0);
	}
	ck_assert_ptr_nonnull(memmem(bytes.data, bytes.size, started.key, 4));
	ck_assert_ptr_null(memmem(bytes.data, bytes.size, started.key, 5));
	frame_buffer_done(&bytes);
}
END_TEST

START_TEST(test_show)
{
	struct started started;
	uint32_t join;
	const Rm__Reply *reply;
	const Rm__SessionInfo *info;

	ck_assert_uint_eq(ask_start(&child, 1, &started), 0);
	ck_assert_uint_eq(ask_join(&self, 2, started.key, &join), 0);
	ck_assert_uint_eq(ask_join(&child, 3, started.key, &join), 0);
	reply = ask_show(&self, started.session);
	ck_assert_uint_eq(reply->sessions->n_sessions, 1);
	info = reply->sessions->sessions[0];
	ck_assert_uint_eq(info->id, started.session);
	ck_assert_uint_eq(info->joined, 2);
	ck_assert_uint_eq(info->n_joins, 2);
	ck_assert_uint_eq(info->joins[0]->process->id->pid, (uint32_t)getpid());
	ck_assert_uint_eq(info->joins[1]->process->id->pid, (uint32_t)child_pid);
	ck_assert_uint_eq(info->joins[1]->id, join);
	ck_assert_uint_gt(info->joins[1]->joined_us, 0);
	ck_assert_uint_eq(ask_show(&self, started.session + 1)->status, STATUS_INVALID_HANDLE);
	ck_assert_uint_eq(ask_show(&self, 0)->status, STATUS_INVALID_HANDLE);
}
END_TEST

/* All 512 sessions fit into one reply. */
START_TEST(test_longest_list)
{
	struct started started;

	tear_down();
	broker_fixture_open(&fixture, MAX_SESSIONS_ALL);
	caller_init(&self, &fixture, getpid());
	child_pid = child_start(NULL);
	caller_init(&child, &fixture, child_pid);
	for (uint32_t i = 0; i < MAX_SESSIONS_ALL - 1; i++) {
		ck_assert_uint_eq(ask_start(i < 500 ? &self : &child, i, &started), 0);
		if (fixture.broker.sessions.n_sessions == MAX_SESSIONS_ALL - 4) {
			break;
		}
	}
	ck_assert_uint_eq(ask_list(&self)->sessions->n_sessions, MAX_SESSIONS_ALL - 4);
}
END_TEST

/* ---- close ---- */

START_TEST(test_close)
{
	struct started started;
	const struct event *event;

	ck_assert_uint_eq(ask_start(&child, 1, &started), 0);
	ck_assert_uint_eq(ask_close(&self, 2, started.session), 0);
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, 0);
	event = event_log_next(&fixture.broker.events, fixture.broker.events.last_number - 1);
	ck_assert_int_eq(event->kind, EVENT_SESSION_ENDED);
	ck_assert_str_eq(event->detail, "by an administrator");
	ck_assert_uint_eq(ask_close(&self, 2, started.session), 0);
	ck_assert_uint_eq(ask_close(&self, 3, started.session), STATUS_INVALID_HANDLE);
	ck_assert_uint_eq(ask_close(&self, 4, 0), STATUS_INVALID_HANDLE);
	ck_assert_uint_eq(ask_end(&child, 5, started.session, 0, ""), STATUS_INVALID_HANDLE);

	tear_down();
	broker_fixture_open(&fixture, 0);
	caller_init(&self, &fixture, getpid());
	child_pid = child_start(NULL);
	caller_init(&child, &fixture, child_pid);
	ck_assert_uint_eq(ask_close(&self, 2, started.session), 0);
}
END_TEST

/* ---- status ---- */

static const Rm__Status *ask_status(void)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__GetStatus get = RM__GET_STATUS__INIT;
	const Rm__Reply *reply;

	request.call_case = RM__REQUEST__CALL_GET_STATUS;
	request.get_status = &get;
	reply = caller_ask(&self, &request);
	ck_assert_uint_eq(reply->status, 0);
	ck_assert_int_eq(reply->result_case, RM__REPLY__RESULT_BROKER);
	return reply->broker;
}

START_TEST(test_status)
{
	const Rm__Status *status;
	struct started started;
	uint32_t join;
	uint64_t n_calls = ask_status()->calls;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(ask_join(&child, 2, started.key, &join), 0);
	status = ask_status();
	assert_text(&status->version, RM_VERSION);
	assert_text(&status->mode, "user");
	assert_text(&status->journal, fixture_path("journal"));
	assert_text(&status->config, "");
	ck_assert_uint_eq(status->pid, (uint32_t)getpid());
	ck_assert_uint_lt(status->uptime_us, 60000000);
	ck_assert_uint_eq(status->n_sessions, 1);
	ck_assert_uint_eq(status->n_joins, 1);
	ck_assert_uint_eq(status->n_processes, 2);
	ck_assert_uint_eq(status->n_connections, 0); /* there is no server here */
	ck_assert_uint_eq(status->max_sessions, DEFAULT_MAX_SESSIONS);
	ck_assert_uint_eq(status->max_sessions_all, MAX_SESSIONS_ALL);
	ck_assert_uint_eq(status->max_joins, MAX_JOINS);
	ck_assert_uint_eq(status->calls, n_calls + 3);
	ck_assert_uint_eq(status->journal_bytes, fixture.broker.store.journal.tail);
	ck_assert_uint_eq(status->journal_reserved, JOURNAL_PIECE_BYTES);
	ck_assert_uint_eq(status->restored, 0);

	caller_done(&self);
	caller_done(&child);
	broker_fixture_close(&fixture);
	broker_fixture_open(&fixture, 0);
	caller_init(&self, &fixture, getpid());
	caller_init(&child, &fixture, child_pid);
	ck_assert_uint_eq(ask_status()->restored, 1);
}
END_TEST

/* ---- watch ---- */

/* The next notification, as its kind and session; "" when there is none. */
static const char *next_event(struct caller *caller, uint32_t *ret_session, uint64_t *ret_number)
{
	static char kind[64];
	const Rm__Reply *reply = caller_next(caller);

	if (!reply) {
		return "";
	}
	ck_assert_uint_eq(reply->status, 0);
	ck_assert_int_eq(reply->more, true);
	ck_assert_int_eq(reply->result_case, RM__REPLY__RESULT_EVENT);
	ck_assert_uint_gt(reply->event->time_us, 0);
	codec_copy_text(&reply->event->kind, kind, sizeof(kind));
	*ret_session = reply->event->session;
	*ret_number = reply->event->number;
	return kind;
}

START_TEST(test_watch_from_now)
{
	struct started started;
	uint32_t session;
	uint64_t number;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	send_watch(&child, 0, false);
	ck_assert_int_eq(child.call.state, CALL_DEFERRED);
	ck_assert_str_eq(next_event(&child, &session, &number), "");
	ck_assert_uint_eq(ask_start(&self, 2, &started), 0);
	ck_assert_str_eq(next_event(&child, &session, &number), "started");
	ck_assert_uint_eq(session, started.session);
	ck_assert_uint_eq(number, fixture.broker.events.last_number);
	ck_assert_uint_eq(ask_end(&self, 3, started.session, 0, ""), 0);
	ck_assert_str_eq(next_event(&child, &session, &number), "ended");
	ck_assert_str_eq(next_event(&child, &session, &number), "");
}
END_TEST

START_TEST(test_watch_with_history)
{
	struct started started;
	uint32_t session;
	uint64_t number;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	send_watch(&child, 0, true);
	ck_assert_str_eq(next_event(&child, &session, &number), "broker-started");
	ck_assert_uint_eq(number, 1);
	ck_assert_str_eq(next_event(&child, &session, &number), "started");
	ck_assert_uint_eq(number, 2);
	ck_assert_str_eq(next_event(&child, &session, &number), "");
}
END_TEST

START_TEST(test_watch_after_a_number)
{
	struct started started;
	uint32_t session;
	uint64_t number;

	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(ask_start(&self, 2, &started), 0);
	send_watch(&child, 2, false);
	ck_assert_str_eq(next_event(&child, &session, &number), "started");
	ck_assert_uint_eq(number, 3);
	ck_assert_str_eq(next_event(&child, &session, &number), "");
}
END_TEST

/* A number from an earlier broker's run, larger than any of this one's. */
START_TEST(test_watch_after_the_future)
{
	struct started started;
	uint32_t session;
	uint64_t number;

	send_watch(&child, UINT64_MAX, true);
	ck_assert_str_eq(next_event(&child, &session, &number), "");
	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_str_eq(next_event(&child, &session, &number), "");
}
END_TEST

/* A watcher that does not read gets nothing more, and goes on where it was. */
START_TEST(test_slow_watcher)
{
	struct started started;
	uint32_t session;
	uint64_t number;

	send_watch(&child, 0, false);
	child.is_clear = false;
	for (uint32_t i = 0; i < 10; i++) {
		ck_assert_uint_eq(ask_start(&self, i, &started), 0);
	}
	ck_assert_uint_eq(child.sent.size, 0);
	child.is_clear = true;
	call_clear(&child.call);
	for (uint32_t i = 0; i < 10; i++) {
		ck_assert_str_eq(next_event(&child, &session, &number), "started");
		ck_assert_uint_eq(session, i + 1);
	}
	ck_assert_str_eq(next_event(&child, &session, &number), "");
}
END_TEST

/* One that slept through more than the ring holds sees a gap in the numbers. */
START_TEST(test_watcher_misses_events)
{
	struct started started;
	uint32_t session;
	uint64_t number;
	uint64_t expected;
	unsigned int n = 0;

	send_watch(&child, 0, false);
	child.is_clear = false;
	for (uint32_t i = 0; i < MAX_EVENTS; i++) {
		ck_assert_uint_eq(ask_start(&self, i, &started), 0);
		ck_assert_uint_eq(ask_end(&self, MAX_EVENTS + i, started.session, 0, ""), 0);
	}
	child.is_clear = true;
	call_clear(&child.call);
	expected = fixture.broker.events.last_number - MAX_EVENTS + 1;
	while (*next_event(&child, &session, &number)) {
		ck_assert_uint_eq(number, expected + n);
		n++;
	}
	ck_assert_uint_eq(n, MAX_EVENTS);
}
END_TEST

START_TEST(test_watcher_goes)
{
	struct started started;

	send_watch(&child, 0, false);
	ck_assert_ptr_nonnull(fixture.broker.events.listeners);
	call_gone(&child.call);
	ck_assert_ptr_null(fixture.broker.events.listeners);
	ck_assert_int_eq(child.call.state, CALL_IDLE);
	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(child.sent.size, 0);
	call_gone(&child.call);	 /* once is enough; a second time is nothing */
	call_clear(&child.call); /* nor this */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("admin");
	TCase *tcase = fixture_case(suite, "lists");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_empty_list);
	tcase_add_test(tcase, test_list);
	tcase_add_test(tcase, test_lists_show_no_key);
	tcase_add_test(tcase, test_show);
	tcase_add_test(tcase, test_longest_list);
	tcase_add_test(tcase, test_close);
	tcase_add_test(tcase, test_status);

	tcase = fixture_case(suite, "watch");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_watch_from_now);
	tcase_add_test(tcase, test_watch_with_history);
	tcase_add_test(tcase, test_watch_after_a_number);
	tcase_add_test(tcase, test_watch_after_the_future);
	tcase_add_test(tcase, test_slow_watcher);
	tcase_add_test(tcase, test_watcher_misses_events);
	tcase_add_test(tcase, test_watcher_goes);
	return fixture_run(suite);
}
