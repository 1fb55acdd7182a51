/* SPDX-License-Identifier: MIT */
/*
 * Replaying a journal: what each record leaves, the records that make no sense, and which
 * sessions a lost record touches. tests/unit/test_damage.c does it at random.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/replay.h"
#include "tests/unit/fixture.h"
#include "tests/unit/records.h"

static const struct process_id alice = {.pid = 100, .start_time = 11};
static const struct process_id bob = {.pid = 200, .start_time = 22};

static struct replayed_session session_of(uint32_t id, uint8_t key)
{
	struct replayed_session session = {
		.id = id, .owner = alice, .started_us = UINT64_C(1700000000000000) + id};

	memset(session.key.bytes, key, sizeof(session.key.bytes));
	memset(session.request_id, 0x40 + key, sizeof(session.request_id));
	return session;
}

static struct replayed_join join_of(uint32_t id)
{
	struct replayed_join join = {.id = id, .process = bob, .joined_us = id};

	memset(join.request_id, (int)(0x80 + id), sizeof(join.request_id));
	return join;
}

static void append_session(struct journal *journal, uint32_t id, uint8_t key)
{
	struct replayed_session session = session_of(id, key);

	record_append_started(journal, &session);
}

static void append_join(struct journal *journal, uint32_t session, uint32_t id)
{
	struct replayed_join join = join_of(id);

	record_append_joined(journal, session, &join);
}

/* Closes the journal and replays its file, with the bytes from `from` on flipped. */
static void replay_damaged(struct journal *journal, uint64_t from, size_t n_flipped,
			   struct replay *ret_replay)
{
	uint8_t *data;
	size_t size;

	ck_assert_int_eq(journal_read_file(journal->path, &data, &size), 0);
	journal_close(journal);
	for (size_t i = 0; i < n_flipped; i++) {
		data[from + i] ^= 0xff;
	}
	ck_assert_int_eq(replay_run(data, size, &record_identity, ret_replay), 0);
	free(data);
}

static void replay(struct journal *journal, struct replay *ret_replay)
{
	replay_damaged(journal, 0, 0, ret_replay);
}

static unsigned int count_sessions(const struct replay *replay)
{
	unsigned int n = 0;

	for (const struct replayed_session *at = replay->sessions; at; at = at->next) {
		n++;
	}
	return n;
}

START_TEST(test_empty)
{
	struct journal journal;
	struct replay result;

	records_create(fixture_path("journal"), &journal);
	replay(&journal, &result);
	ck_assert_int_eq(result.scan.verdict, JOURNAL_CLEAN);
	ck_assert_ptr_null(result.sessions);
	ck_assert_uint_eq(result.next_session_id, 1);
	ck_assert_uint_eq(result.next_join_id, 1);
	replay_done(&result);
}
END_TEST

START_TEST(test_all_fields)
{
	struct replayed_session session = session_of(7, 1);
	struct replayed_join join = join_of(3);
	uint8_t request_id[REQUEST_ID_BYTES] = {9};
	struct journal journal;
	struct replay result;

	records_create(fixture_path("journal"), &journal);
	record_append_base(&journal, 5, 2);
	record_append_started(&journal, &session);
	record_append_joined(&journal, 7, &join);
	append_join(&journal, 7, 4);
	record_append_left(&journal, 7, 4, &bob, request_id);
	append_session(&journal, 8, 2);
	record_append_ended(&journal, 8, NULL, NULL);
	replay(&journal, &result);

	ck_assert_uint_eq(count_sessions(&result), 1);
	ck_assert_uint_eq(result.sessions->id, 7);
	ck_assert_mem_eq(&result.sessions->key, &session.key, sizeof(session.key));
	ck_assert_mem_eq(result.sessions->request_id, session.request_id, REQUEST_ID_BYTES);
	ck_assert_int_eq(process_id_equal(&result.sessions->owner, &alice), true);
	ck_assert_uint_eq(result.sessions->started_us, session.started_us);
	ck_assert_int_eq(result.sessions->is_touched, false);
	ck_assert_ptr_nonnull(result.sessions->joins);
	ck_assert_ptr_null(result.sessions->joins->next);
	ck_assert_uint_eq(result.sessions->joins->id, 3);
	ck_assert_mem_eq(result.sessions->joins->request_id, join.request_id, REQUEST_ID_BYTES);
	ck_assert_int_eq(process_id_equal(&result.sessions->joins->process, &bob), true);
	ck_assert_uint_eq(result.sessions->joins->joined_us, join.joined_us);
	ck_assert_uint_eq(result.n_answers, 1);
	ck_assert_mem_eq(result.answers->request_id, request_id, REQUEST_ID_BYTES);
	ck_assert_int_eq(process_id_equal(&result.answers->process, &bob), true);
	ck_assert_uint_eq(result.next_session_id, 9);
	ck_assert_uint_eq(result.next_join_id, 5);
	ck_assert_ptr_null(result.losses);
	replay_done(&result);
}
END_TEST

/* A compacted file begins with the numbers of sessions that are in no record of it any more. */
START_TEST(test_numbers_are_not_used_again)
{
	struct journal journal;
	struct replay result;

	records_create(fixture_path("journal"), &journal);
	record_append_base(&journal, 1000, 2000);
	append_session(&journal, 17, 1);
	append_join(&journal, 17, 18);
	record_append_base(&journal, 3, 3);
	replay(&journal, &result);
	ck_assert_uint_eq(result.next_session_id, 1000);
	ck_assert_uint_eq(result.next_join_id, 2000);
	replay_done(&result);
}
END_TEST

START_TEST(test_answers_in_order)
{
	uint8_t request_ids[MAX_ANSWERED][REQUEST_ID_BYTES] = {{0}};
	struct journal journal;
	struct replay result;
	unsigned int n = 0;

	for (unsigned int i = 0; i < MAX_ANSWERED; i++) {
		request_ids[i][0] = (uint8_t)(i + 1);
	}
	records_create(fixture_path("journal"), &journal);
	record_append_answered(&journal, &alice, (const uint8_t(*)[REQUEST_ID_BYTES])request_ids,
			       MAX_ANSWERED);
	record_append_ended(&journal, 1, &alice, request_ids[0]);
	replay(&journal, &result);
	ck_assert_uint_eq(result.n_answers, MAX_ANSWERED + 1);
	for (const struct replayed_answer *at = result.answers; at; at = at->next) {
		ck_assert_uint_eq(at->request_id[0], n < MAX_ANSWERED ? n + 1 : 1);
		n++;
	}
	replay_done(&result);
}
END_TEST

/* A2 at replay: the second session with a living one's key is refused, the first stays. */
START_TEST(test_duplicate_key)
{
	struct journal journal;
	struct replay result;

	records_create(fixture_path("journal"), &journal);
	append_session(&journal, 1, 1);
	append_session(&journal, 2, 1);
	append_session(&journal, 3, 3);
	replay(&journal, &result);
	ck_assert_uint_eq(result.n_refused, 1);
	ck_assert_uint_eq(count_sessions(&result), 2);
	ck_assert_uint_eq(result.sessions->id, 1);
	ck_assert_int_eq(result.sessions->is_touched, false);
	ck_assert_uint_eq(result.sessions->next->id, 3);
	ck_assert_ptr_nonnull(result.losses);
	ck_assert_uint_eq(result.losses->session, 2);
	ck_assert_uint_eq(result.next_session_id, 4);
	replay_done(&result);
}
END_TEST

START_TEST(test_key_of_an_ended_session)
{
	struct journal journal;
	struct replay result;

	records_create(fixture_path("journal"), &journal);
	append_session(&journal, 1, 1);
	record_append_ended(&journal, 1, NULL, NULL);
	append_session(&journal, 2, 1);
	replay(&journal, &result);
	ck_assert_uint_eq(result.n_refused, 0);
	ck_assert_uint_eq(count_sessions(&result), 1);
	ck_assert_uint_eq(result.sessions->id, 2);
	replay_done(&result);
}
END_TEST

/* ---- whole records that make no sense ---- */

static void start_number_0(struct journal *journal)
{
	append_session(journal, 0, 5);
}

static void start_twice(struct journal *journal)
{
	append_session(journal, 1, 5);
}

static void start_owned_by_nobody(struct journal *journal)
{
	struct replayed_session session = session_of(9, 5);

	session.owner.pid = 0;
	record_append_started(journal, &session);
}

static void start_owned_by_a_negative(struct journal *journal)
{
	struct replayed_session session = session_of(9, 5);

	session.owner.pid = -1;
	record_append_started(journal, &session);
}

static void join_number_0(struct journal *journal)
{
	append_join(journal, 1, 0);
}

static void join_of_no_session(struct journal *journal)
{
	append_join(journal, 9, 1);
}

static void join_by_nobody(struct journal *journal)
{
	struct replayed_join join = join_of(1);

	join.process.pid = 0;
	record_append_joined(journal, 1, &join);
}

static void end_asked_by_nobody(struct journal *journal)
{
	static const uint8_t request_id[REQUEST_ID_BYTES] = {1};
	static const struct process_id nobody = {0};

	record_append_ended(journal, 9, &nobody, request_id);
}

static void answered_nobody(struct journal *journal)
{
	static const uint8_t request_ids[1][REQUEST_ID_BYTES] = {{1}};
	static const struct process_id nobody = {0};

	record_append_answered(journal, &nobody, request_ids, 1);
}

static void no_event(struct journal *journal)
{
	record_append_bytes(journal, 1, "", 0);
}

static void unknown_event(struct journal *journal)
{
	record_append_bytes(journal, 1, "\x7a\x02hi", 4); /* field 15 */
}

static void no_protobuf(struct journal *journal)
{
	record_append_bytes(journal, 1, "\xff\xff\xff\xff", 4);
}

static void short_key(struct journal *journal)
{
	record_append_bytes(journal, 9, "\x12\x06\x08\x09\x12\x02hi", 8);
}

static void append_slice(struct journal *journal, uint32_t session, uint64_t number, uint32_t slice,
			 bool is_last, const char *service)
{
	_cleanup_(resource_set_freep) struct resource_set *set = NULL;
	uint32_t i;

	ck_assert_int_eq(resource_set_new(&set), 0);
	ck_assert_int_eq(resource_add_service(set, service, strlen(service), &i), 0);
	record_append_resources(journal, session, number, slice, is_last, set);
}

static void slice_of_no_session(struct journal *journal)
{
	append_slice(journal, 9, 1, 0, true, "a");
}

static void slice_without_the_first(struct journal *journal)
{
	append_slice(journal, 1, 1, 1, true, "a");
}

static void slice_left_out(struct journal *journal)
{
	append_slice(journal, 1, 1, 0, false, "a");
	append_slice(journal, 1, 1, 2, true, "a");
}

static void slice_of_another(struct journal *journal)
{
	append_slice(journal, 1, 1, 0, false, "a");
	append_slice(journal, 1, 2, 1, true, "a");
}

static void seen_of_no_session(struct journal *journal)
{
	record_append_seen(journal, 9, "/a", false, &(struct file_identity){.kind = FILE_REGULAR});
}

static void seen_relative(struct journal *journal)
{
	record_append_seen(journal, 1, "a", false, &(struct file_identity){.kind = FILE_REGULAR});
}

static void filter_of_no_session(struct journal *journal)
{
	record_append_filter_set(journal, 9,
				 &(struct filter_target){.kind = FILTER_SERVICE, .text = "a"}, 1);
}

static void filter_with_no_action(struct journal *journal)
{
	record_append_filter_set(journal, 1,
				 &(struct filter_target){.kind = FILTER_SERVICE, .text = "a"}, 3);
}

static void filter_of_no_kind(struct journal *journal)
{
	record_append_filter_set(
		journal, 1,
		&(struct filter_target){.kind = (enum filter_kind)_FILTER_KIND_COUNT, .text = "a"},
		1);
}

static void filter_without_text(struct journal *journal)
{
	record_append_filter_set(journal, 1, &(struct filter_target){.kind = FILTER_EXECUTABLE}, 1);
}

static void filter_of_process_0(struct journal *journal)
{
	record_append_filter_set(journal, 1, &(struct filter_target){.kind = FILTER_PROCESS}, 1);
}

static void removed_by_nobody(struct journal *journal)
{
	static const uint8_t request_id[REQUEST_ID_BYTES] = {1};

	record_append_filter_removed(journal, 1,
				     &(struct filter_target){.kind = FILTER_SERVICE, .text = "a"},
				     &(struct process_id){0}, request_id);
}

static void target_missing(struct journal *journal)
{
	record_append_bytes(journal, 1, "\x4a\x04\x08\x01\x18\x01", 6);
}

static const struct {
	const char *name;
	void (*append)(struct journal *journal);
	uint32_t session; /* that the loss is about */
} nonsense[] = {
	{"start number 0", start_number_0, 0},
	{"start twice", start_twice, 1},
	{"start owned by nobody", start_owned_by_nobody, 9},
	{"start owned by a negative", start_owned_by_a_negative, 9},
	{"join number 0", join_number_0, 1},
	{"join of no session", join_of_no_session, 9},
	{"join by nobody", join_by_nobody, 1},
	{"end asked by nobody", end_asked_by_nobody, 9},
	{"answered nobody", answered_nobody, 0},
	{"no event", no_event, 1},
	{"unknown event", unknown_event, 1},
	{"no protobuf", no_protobuf, 1},
	{"short key", short_key, 9},
	{"slice of no session", slice_of_no_session, 9},
	{"slice without the first", slice_without_the_first, 1},
	{"slice left out", slice_left_out, 1},
	{"slice of another", slice_of_another, 1},
	{"seen of no session", seen_of_no_session, 9},
	{"seen relative", seen_relative, 1},
	{"filter of no session", filter_of_no_session, 9},
	{"filter with no action", filter_with_no_action, 1},
	{"filter of no kind", filter_of_no_kind, 1},
	{"filter without text", filter_without_text, 1},
	{"filter of process 0", filter_of_process_0, 1},
	{"removed by nobody", removed_by_nobody, 1},
	{"target missing", target_missing, 1},
};

START_TEST(test_nonsense)
{
	uint32_t about = nonsense[_i].session;
	struct journal journal;
	struct replay result;

	records_create(fixture_path("journal"), &journal);
	append_session(&journal, 1, 1);
	append_session(&journal, 2, 2);
	nonsense[_i].append(&journal);
	replay(&journal, &result);
	ck_assert_ptr_nonnull(result.losses);
	ck_assert_ptr_null(result.losses->next);
	ck_assert_uint_eq(result.losses->session, about);
	ck_assert_uint_eq(count_sessions(&result), 2);
	ck_assert_int_eq(result.sessions->is_touched, about == 1 || about == 0);
	ck_assert_int_eq(result.sessions->next->is_touched, about == 0);
	ck_assert_ptr_null(result.sessions->joins);
	ck_assert_uint_eq(resource_count(result.sessions->resources.set, RESOURCE_SERVICE), 0);
	ck_assert_uint_eq(result.sessions->resources.filters.n, 0);
	replay_done(&result);
}
END_TEST

/* ---- resources ---- */

/* What was given up says nothing; a registration that stands alone does not disturb another. */
START_TEST(test_slices)
{
	struct journal journal;
	struct replay result;
	const struct resource_set *set;

	records_create(fixture_path("journal"), &journal);
	append_session(&journal, 1, 1);
	append_session(&journal, 2, 2);
	append_slice(&journal, 1, 10, 0, false, "given-up");
	append_slice(&journal, 1, 11, 0, false, "b");
	append_slice(&journal, 2, 11, 0, false, "never-finished");
	append_slice(&journal, 1, 0, 0, true, "alone");
	append_slice(&journal, 1, 11, 1, false, "c");
	append_slice(&journal, 1, 11, 2, true, "alone");
	replay(&journal, &result);
	ck_assert_int_eq(result.scan.verdict, JOURNAL_CLEAN);
	set = result.sessions->resources.set;
	ck_assert_uint_eq(resource_count(set, RESOURCE_SERVICE), 3);
	ck_assert_str_eq(resource_service_name(set, 0), "alone");
	ck_assert_str_eq(resource_service_name(set, 1), "b");
	ck_assert_str_eq(resource_service_name(set, 2), "c");
	ck_assert_uint_eq(resource_count(result.sessions->next->resources.set, RESOURCE_SERVICE),
			  0);
	replay_done(&result);
}
END_TEST

/* Said of what is not there (yet): it changes nothing, and is no damage. */
START_TEST(test_said_too_early)
{
	struct filter_target target = {.kind = FILTER_SERVICE, .text = "a.service"};
	uint8_t request_id[REQUEST_ID_BYTES] = {9};
	struct journal journal;
	struct replay result;

	records_create(fixture_path("journal"), &journal);
	append_session(&journal, 1, 1);
	record_append_seen(&journal, 1, "/a", false, &(struct file_identity){.kind = FILE_REGULAR});
	record_append_filter_removed(&journal, 1, &target, &alice, request_id);
	replay(&journal, &result);
	ck_assert_int_eq(result.scan.verdict, JOURNAL_CLEAN);
	ck_assert_uint_eq(result.sessions->resources.filters.n, 0);
	ck_assert_uint_eq(result.n_answers, 1);
	ck_assert_int_eq(process_id_equal(&result.answers->process, &alice), true);
	replay_done(&result);
}
END_TEST

/* ---- what a lost record touches ---- */

/* The end of session 2 is lost: it must not come back; the others do. */
START_TEST(test_lost_end)
{
	struct journal journal;
	struct replay result;
	uint64_t at;

	records_create(fixture_path("journal"), &journal);
	append_session(&journal, 1, 1);
	append_session(&journal, 2, 2);
	at = journal.tail;
	record_append_ended(&journal, 2, NULL, NULL);
	append_session(&journal, 3, 3);
	replay_damaged(&journal, at + (_i ? JOURNAL_RECORD_HEADER_BYTES : 0), 1, &result);
	ck_assert_int_eq(result.scan.verdict, JOURNAL_DAMAGED);
	ck_assert_uint_eq(count_sessions(&result), 3);
	ck_assert_int_eq(result.sessions->is_touched, false);
	ck_assert_int_eq(result.sessions->next->is_touched, true);
	ck_assert_int_eq(result.sessions->next->next->is_touched, false);
	ck_assert_ptr_nonnull(result.losses);
	ck_assert_uint_eq(result.losses->session, 2);
	ck_assert_uint_eq(result.losses->first, 3);
	ck_assert_uint_eq(result.losses->last, 3);
	replay_done(&result);
}
END_TEST

/* The start is lost: what follows about that session is lost with it, and named. */
START_TEST(test_lost_start)
{
	struct journal journal;
	struct replay result;
	uint64_t at;

	records_create(fixture_path("journal"), &journal);
	append_session(&journal, 1, 1);
	at = journal.tail;
	append_session(&journal, 2, 2);
	append_join(&journal, 2, 1);
	replay_damaged(&journal, at, 1, &result);
	ck_assert_uint_eq(count_sessions(&result), 1);
	ck_assert_int_eq(result.sessions->is_touched, false);
	ck_assert_ptr_nonnull(result.losses);
	ck_assert_uint_eq(result.losses->session, 2);
	ck_assert_uint_eq(result.losses->next->session, 2);
	replay_done(&result);
}
END_TEST

/* The last record is lost: it may have been about any session that was open. */
START_TEST(test_lost_last)
{
	struct journal journal;
	struct replay result;
	uint64_t at;

	records_create(fixture_path("journal"), &journal);
	append_session(&journal, 1, 1);
	append_session(&journal, 2, 2);
	at = journal.tail;
	append_session(&journal, 3, 3);
	replay_damaged(&journal, at, 1, &result);
	ck_assert_uint_eq(count_sessions(&result), 2);
	ck_assert_int_eq(result.sessions->is_touched, true);
	ck_assert_int_eq(result.sessions->next->is_touched, true);
	ck_assert_uint_eq(result.losses->last, JOURNAL_LOST_UNKNOWN);
	replay_done(&result);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replay");
	TCase *tcase = fixture_case(suite, "records");

	tcase_add_test(tcase, test_empty);
	tcase_add_test(tcase, test_all_fields);
	tcase_add_test(tcase, test_numbers_are_not_used_again);
	tcase_add_test(tcase, test_answers_in_order);
	tcase_add_test(tcase, test_duplicate_key);
	tcase_add_test(tcase, test_key_of_an_ended_session);
	tcase_add_loop_test(tcase, test_nonsense, 0, ARRAY_SIZE(nonsense));

	tcase_add_test(tcase, test_slices);
	tcase_add_test(tcase, test_said_too_early);

	tcase = fixture_case(suite, "losses");
	tcase_add_loop_test(tcase, test_lost_end, 0, 2);
	tcase_add_test(tcase, test_lost_start);
	tcase_add_test(tcase, test_lost_last);
	return fixture_run(suite);
}
