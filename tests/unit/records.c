/* SPDX-License-Identifier: MIT */
/*
 * Records for the journal's tests. They go through the generated code and journal_append(), not
 * through the store, so that a test can write what a broker never would.
 */
#include "tests/unit/records.h"

#include <check.h>
#include <string.h>

#include "broker/record.pb-c.h"
#include "broker/slice.h"

const struct journal_identity record_identity = {
	.boot_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	.pid_namespace = 4026531836,
};

void records_create(const char *path, struct journal *ret_journal)
{
	ck_assert_int_eq(journal_create(path, &record_identity, 1, ret_journal), 0);
	ck_assert_int_eq(journal_publish(ret_journal), 0);
}

void record_append_bytes(struct journal *journal, uint32_t session, const void *bytes, size_t size)
{
	ck_assert_int_eq(journal_append(journal, session, bytes, size, 0), 0);
}

static void append(struct journal *journal, uint32_t session, const Rmrecord__Record *record)
{
	size_t size = rmrecord__record__get_packed_size(record);
	_cleanup_(freep) uint8_t *payload = malloc(size + 1);

	ck_assert_ptr_nonnull(payload);
	ck_assert_uint_eq(rmrecord__record__pack(record, payload), size);
	record_append_bytes(journal, session, payload, size);
}

static ProtobufCBinaryData bytes_of(const void *bytes, size_t size)
{
	return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)bytes};
}

void record_append_base(struct journal *journal, uint32_t next_session, uint32_t next_join)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__Base base = RMRECORD__BASE__INIT;

	base.next_session = next_session;
	base.next_join = next_join;
	record.event_case = RMRECORD__RECORD__EVENT_NUMBERS;
	record.numbers = &base;
	append(journal, 0, &record);
}

void record_append_started(struct journal *journal, const struct replayed_session *session)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionStarted started = RMRECORD__SESSION_STARTED__INIT;

	started.session = session->id;
	started.key = bytes_of(session->key.bytes, SESSION_KEY_BYTES);
	started.request_id = bytes_of(session->request_id, REQUEST_ID_BYTES);
	started.owner_pid = (uint32_t)session->owner.pid;
	started.owner_start_time = session->owner.start_time;
	started.started_us = session->started_us;
	record.event_case = RMRECORD__RECORD__EVENT_STARTED;
	record.started = &started;
	append(journal, session->id, &record);
}

void record_append_joined(struct journal *journal, uint32_t session,
			  const struct replayed_join *join)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionJoined joined = RMRECORD__SESSION_JOINED__INIT;

	joined.session = session;
	joined.join = join->id;
	joined.request_id = bytes_of(join->request_id, REQUEST_ID_BYTES);
	joined.pid = (uint32_t)join->process.pid;
	joined.start_time = join->process.start_time;
	joined.joined_us = join->joined_us;
	record.event_case = RMRECORD__RECORD__EVENT_JOINED;
	record.joined = &joined;
	append(journal, session, &record);
}

void record_append_left(struct journal *journal, uint32_t session, uint32_t join,
			const struct process_id *by, const uint8_t *request_id)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionLeft left = RMRECORD__SESSION_LEFT__INIT;

	left.session = session;
	left.join = join;
	if (by) {
		left.request_id = bytes_of(request_id, REQUEST_ID_BYTES);
		left.pid = (uint32_t)by->pid;
		left.start_time = by->start_time;
	}
	record.event_case = RMRECORD__RECORD__EVENT_LEFT;
	record.left = &left;
	append(journal, session, &record);
}

void record_append_ended(struct journal *journal, uint32_t session, const struct process_id *by,
			 const uint8_t *request_id)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionEnded ended = RMRECORD__SESSION_ENDED__INIT;

	ended.session = session;
	if (by) {
		ended.request_id = bytes_of(request_id, REQUEST_ID_BYTES);
		ended.pid = (uint32_t)by->pid;
		ended.start_time = by->start_time;
	}
	record.event_case = RMRECORD__RECORD__EVENT_ENDED;
	record.ended = &ended;
	append(journal, session, &record);
}

void record_append_answered(struct journal *journal, const struct process_id *by,
			    const uint8_t (*request_ids)[REQUEST_ID_BYTES], size_t n)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__Answered answered = RMRECORD__ANSWERED__INIT;
	ProtobufCBinaryData fields[MAX_ANSWERED];

	ck_assert_uint_le(n, MAX_ANSWERED);
	for (size_t i = 0; i < n; i++) {
		fields[i] = bytes_of(request_ids[i], REQUEST_ID_BYTES);
	}
	answered.pid = (uint32_t)by->pid;
	answered.start_time = by->start_time;
	answered.request_ids = fields;
	answered.n_request_ids = n;
	record.event_case = RMRECORD__RECORD__EVENT_ANSWERED;
	record.answered = &answered;
	append(journal, 0, &record);
}

void record_append_resources(struct journal *journal, uint32_t session, uint64_t number,
			     uint32_t slice_number, bool is_last, const struct resource_set *set)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__Resources resources = RMRECORD__RESOURCES__INIT;
	_cleanup_(slice_done) struct slice slice = {0};

	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		for (uint32_t i = 0; i < resource_count_all(set, (enum resource_kind)kind); i++) {
			ck_assert_int_eq(slice_add(&slice, set, (enum resource_kind)kind, i), 0);
		}
	}
	slice_fill(&slice, &resources);
	resources.session = session;
	resources.number = number;
	resources.slice = slice_number;
	resources.last = is_last;
	record.event_case = RMRECORD__RECORD__EVENT_RESOURCES;
	record.resources = &resources;
	append(journal, session, &record);
}

void record_append_seen(struct journal *journal, uint32_t session, const char *path, bool is_tree,
			const struct file_identity *identity)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__FilesSeen seen = RMRECORD__FILES_SEEN__INIT;
	_cleanup_(slice_done) struct slice slice = {0};

	ck_assert_int_eq(slice_add_path(&slice, path, is_tree, identity), 0);
	slice_fill_seen(&slice, &seen);
	seen.session = session;
	record.event_case = RMRECORD__RECORD__EVENT_SEEN;
	record.seen = &seen;
	append(journal, session, &record);
}

static void fill_target(const struct filter_target *target, Rmrecord__FilterTarget *ret_target)
{
	ret_target->kind = target->kind;
	ret_target->pid = target->pid;
	ret_target->start_filetime = target->start_filetime;
	if (target->text) {
		ret_target->text = bytes_of(target->text, strlen(target->text));
	}
}

void record_append_filter_set(struct journal *journal, uint32_t session,
			      const struct filter_target *target, uint32_t action)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__FilterSet set = RMRECORD__FILTER_SET__INIT;
	Rmrecord__FilterTarget stored = RMRECORD__FILTER_TARGET__INIT;

	fill_target(target, &stored);
	set.session = session;
	set.target = &stored;
	set.action = action;
	record.event_case = RMRECORD__RECORD__EVENT_FILTER_SET;
	record.filter_set = &set;
	append(journal, session, &record);
}

void record_append_filter_removed(struct journal *journal, uint32_t session,
				  const struct filter_target *target, const struct process_id *by,
				  const uint8_t *request_id)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__FilterRemoved removed = RMRECORD__FILTER_REMOVED__INIT;
	Rmrecord__FilterTarget stored = RMRECORD__FILTER_TARGET__INIT;

	fill_target(target, &stored);
	removed.session = session;
	removed.target = &stored;
	removed.request_id = bytes_of(request_id, REQUEST_ID_BYTES);
	removed.pid = (uint32_t)by->pid;
	removed.start_time = by->start_time;
	record.event_case = RMRECORD__RECORD__EVENT_FILTER_REMOVED;
	record.filter_removed = &removed;
	append(journal, session, &record);
}
