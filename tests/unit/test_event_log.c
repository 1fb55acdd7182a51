/* SPDX-License-Identifier: MIT */
/*
 * The ring of events: numbers without gaps, what a slow reader still finds, texts cut at a
 * character's border, listeners that leave while they are told; and every table of names.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "broker/config.h"
#include "broker/event_log.h"
#include "broker/journal.h"
#include "broker/session.h"
#include "proto/text.h"
#include "tests/unit/fixture.h"

/* ---- names of enums ---- */

static const char *orphan_name(int value)
{
	return restart_on_orphan_name((enum restart_on_orphan)value);
}

static const char *kind_name(int value)
{
	return event_kind_name((enum event_kind)value);
}

static const char *state_name(int value)
{
	return session_state_name((enum session_state)value);
}

static const char *verdict_name(int value)
{
	return journal_verdict_name((enum journal_verdict)value);
}

static const struct {
	const char *(*name)(int value);
	int count;
} name_tables[] = {
	{orphan_name, _RESTART_ON_ORPHAN_COUNT},
	{kind_name, _EVENT_KIND_COUNT},
	{state_name, _SESSION_STATE_COUNT},
	{verdict_name, _JOURNAL_VERDICT_COUNT},
};

START_TEST(test_names)
{
	for (int value = 0; value < name_tables[_i].count; value++) {
		const char *name = name_tables[_i].name(value);

		ck_assert_ptr_nonnull(name);
		ck_assert_str_ne(name, "");
		for (int other = 0; other < value; other++) {
			ck_assert_str_ne(name, name_tables[_i].name(other));
		}
	}
}
END_TEST

/* ---- the ring ---- */

static void add_numbered(struct event_log *log, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		event_log_add(log, EVENT_SESSION_STARTED, (uint32_t)log->last_number + 1, 7, NULL,
			      NULL);
	}
}

static uint64_t now_us(void)
{
	struct timespec now;

	ck_assert_int_eq(clock_gettime(CLOCK_REALTIME, &now), 0);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

START_TEST(test_no_event)
{
	struct event_log log;

	ck_assert_int_eq(event_log_init(&log), 0);
	ck_assert_ptr_null(event_log_next(&log, 0));
	ck_assert_ptr_null(event_log_next(&log, 1));
	ck_assert_ptr_null(event_log_next(&log, UINT64_MAX));
	event_log_done(&log);
	ck_assert_ptr_null(log.ring);
}
END_TEST

START_TEST(test_fields)
{
	uint64_t before = now_us();
	const struct event *event;
	struct event_log log;

	ck_assert_int_eq(event_log_init(&log), 0);
	event_log_add(&log, EVENT_SESSION_REFUSED, 12, 4711, "setup", "a limit");
	event_log_add(&log, EVENT_BROKER_STARTED, 0, 0, NULL, NULL);

	event = event_log_next(&log, 0);
	ck_assert_ptr_nonnull(event);
	ck_assert_uint_eq(event->number, 1);
	ck_assert_int_eq(event->kind, EVENT_SESSION_REFUSED);
	ck_assert_uint_eq(event->session, 12);
	ck_assert_uint_eq(event->pid, 4711);
	ck_assert_str_eq(event->name, "setup");
	ck_assert_str_eq(event->detail, "a limit");
	ck_assert_uint_ge(event->time_us, before);
	ck_assert_uint_le(event->time_us, now_us());

	event = event_log_next(&log, 1);
	ck_assert_ptr_nonnull(event);
	ck_assert_uint_eq(event->number, 2);
	ck_assert_int_eq(event->kind, EVENT_BROKER_STARTED);
	ck_assert_uint_eq(event->session, 0);
	ck_assert_uint_eq(event->pid, 0);
	ck_assert_str_eq(event->name, "");
	ck_assert_str_eq(event->detail, "");
	ck_assert_ptr_null(event_log_next(&log, 2));
	event_log_done(&log);
}
END_TEST

/* A place that is used again keeps nothing of the event that was there. */
START_TEST(test_reused_place)
{
	const struct event *event;
	struct event_log log;

	ck_assert_int_eq(event_log_init(&log), 0);
	event_log_add(&log, EVENT_SESSION_LOST, 1, 1, "a longer name", "a longer detail");
	add_numbered(&log, MAX_EVENTS - 1);
	event_log_add(&log, EVENT_SESSION_LEFT, 2, 0, "x", NULL);
	event = event_log_next(&log, MAX_EVENTS);
	ck_assert_ptr_nonnull(event);
	ck_assert_ptr_eq(event, &log.ring[0]);
	ck_assert_uint_eq(event->number, MAX_EVENTS + 1);
	ck_assert_str_eq(event->name, "x");
	ck_assert_str_eq(event->detail, "");
	ck_assert_uint_eq(event->pid, 0);
	event_log_done(&log);
}
END_TEST

/* How many events come, and from which number on there are some. */
static const struct {
	unsigned int n_added;
	uint64_t oldest;
} fills[] = {
	{1, 1},
	{MAX_EVENTS - 1, 1},
	{MAX_EVENTS, 1},
	{MAX_EVENTS + 1, 2},
	{2 * MAX_EVENTS, MAX_EVENTS + 1},
	{2 * MAX_EVENTS + 1, MAX_EVENTS + 2},
	{5 * MAX_EVENTS + 77, 4 * MAX_EVENTS + 78},
};

START_TEST(test_read_all)
{
	uint64_t expected = fills[_i].oldest;
	const struct event *event;
	struct event_log log;
	uint64_t last = 0;

	ck_assert_int_eq(event_log_init(&log), 0);
	add_numbered(&log, fills[_i].n_added);
	while ((event = event_log_next(&log, last))) {
		ck_assert_uint_eq(event->number, expected);
		ck_assert_uint_eq(event->session, expected);
		last = event->number;
		expected++;
	}
	ck_assert_uint_eq(last, fills[_i].n_added);
	ck_assert_ptr_null(event_log_next(&log, UINT64_MAX));
	event_log_done(&log);
}
END_TEST

/* A reader that stopped just before, at and behind the oldest that is left. */
START_TEST(test_slow_reader)
{
	struct event_log log;

	ck_assert_int_eq(event_log_init(&log), 0);
	add_numbered(&log, MAX_EVENTS + 100); /* the oldest is number 101 */
	ck_assert_uint_eq(event_log_next(&log, 0)->number, 101);
	ck_assert_uint_eq(event_log_next(&log, 99)->number, 101);
	ck_assert_uint_eq(event_log_next(&log, 100)->number, 101);
	ck_assert_uint_eq(event_log_next(&log, 101)->number, 102);
	event_log_done(&log);
}
END_TEST

/* ---- texts ---- */

/* Loop: so many bytes of ASCII before a character of four bytes. */
START_TEST(test_cut)
{
	static const char character[] = "\xF0\x9F\x98\x80";
	size_t n_before = (size_t)_i;
	size_t n_whole = n_before + 4 <= 63 ? n_before + 4 : n_before < 63 ? n_before : 63;
	const struct event *event;
	struct event_log log;
	char text[128];

	memset(text, 'n', n_before);
	memcpy(text + n_before, character, sizeof(character));
	ck_assert_int_eq(event_log_init(&log), 0);
	event_log_add(&log, EVENT_SESSION_JOINED, 1, 1, text, text);
	event = event_log_next(&log, 0);
	ck_assert_uint_eq(strlen(event->name), n_whole);
	ck_assert_mem_eq(event->name, text, n_whole);
	ck_assert_int_eq(text_is_clean(event->name, n_whole), true);
	ck_assert_str_eq(event->detail, event->name);
	event_log_done(&log);
}
END_TEST

/* Not UTF-8 at all: nothing but continuations. It ends somewhere, and within its room. */
START_TEST(test_cut_without_a_border)
{
	struct event_log log;
	char text[200];

	memset(text, 0x80, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(event_log_init(&log), 0);
	event_log_add(&log, EVENT_SESSION_JOINED, 1, 1, text, "detail");
	ck_assert_str_eq(event_log_next(&log, 0)->name, "");
	ck_assert_str_eq(event_log_next(&log, 0)->detail, "detail");
	event_log_done(&log);
}
END_TEST

/* ---- listeners ---- */

struct counter {
	struct event_listener listener;
	struct event_log *log;
	unsigned int n_told;
	uint64_t last_number; /* of the ring, when it was told last */
	bool leaves;
};

static void on_event(struct event_listener *listener)
{
	struct counter *counter = container_of(listener, struct counter, listener);

	counter->n_told++;
	counter->last_number = counter->log->last_number;
	ck_assert_uint_eq(event_log_next(counter->log, counter->last_number - 1)->number,
			  counter->last_number);
	if (counter->leaves) {
		event_log_unlisten(counter->log, listener);
	}
}

START_TEST(test_listeners)
{
	struct event_log log;
	struct counter counters[3];

	ck_assert_int_eq(event_log_init(&log), 0);
	add_numbered(&log, 3); /* nobody listens yet */
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		counters[i] = (struct counter){.listener = {.on_event = on_event}, .log = &log};
		counters[i].leaves = (int)i == _i; /* Loop: the first, the middle, the last */
		event_log_listen(&log, &counters[i].listener);
	}
	add_numbered(&log, 2);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		ck_assert_uint_eq(counters[i].n_told, counters[i].leaves ? 1 : 2);
		ck_assert_uint_eq(counters[i].last_number, counters[i].leaves ? 4 : 5);
	}
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		if (!counters[i].leaves) {
			event_log_unlisten(&log, &counters[i].listener);
		}
	}
	ck_assert_ptr_null(log.listeners);
	add_numbered(&log, 1);
	ck_assert_uint_eq(log.last_number, 6);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		ck_assert_uint_le(counters[i].last_number, 5);
	}
	event_log_done(&log);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("event_log");
	TCase *tcase = fixture_case(suite, "names");

	tcase_add_loop_test(tcase, test_names, 0, ARRAY_SIZE(name_tables));

	tcase = fixture_case(suite, "ring");
	tcase_add_test(tcase, test_no_event);
	tcase_add_test(tcase, test_fields);
	tcase_add_test(tcase, test_reused_place);
	tcase_add_loop_test(tcase, test_read_all, 0, ARRAY_SIZE(fills));
	tcase_add_test(tcase, test_slow_reader);

	tcase = fixture_case(suite, "texts");
	tcase_add_loop_test(tcase, test_cut, 0, 70);
	tcase_add_test(tcase, test_cut_without_a_border);

	tcase = fixture_case(suite, "listeners");
	tcase_add_loop_test(tcase, test_listeners, 0, 4); /* and nobody leaves */
	return fixture_run(suite);
}
