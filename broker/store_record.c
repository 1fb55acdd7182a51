/* SPDX-License-Identifier: MIT */
/*
 * The store's records. Small ones are packed without being measured first, into room for the
 * largest of them, which is there from the start: an end needs no memory. During a compaction the
 * journal is written first; when the new file can't be, it is given up and nothing is lost.
 */
#include "broker/store_record.h"

#include <errno.h>

#include "broker/compaction.h"
#include "broker/log.h"

/* The largest SessionEnded or SessionLeft: two 32-bit ids, a request id, pid and start time. */
#define MAX_END_PAYLOAD_BYTES 64u

uint64_t store_record_reserve(const struct store *store, int more)
{
	uint64_t n = (uint64_t)store->sessions->n_sessions + store->sessions->n_joins;

	return (n + (uint64_t)more) * journal_record_bytes(MAX_END_PAYLOAD_BYTES);
}

static bool is_small(const Rmrecord__Record *record)
{
	return record->event_case < RMRECORD__RECORD__EVENT_RESOURCES;
}

/* Into the store's buffer, which grows as needed. */
static int pack(struct store *store, const Rmrecord__Record *record, size_t *ret_size)
{
	size_t size = is_small(record) ? 0 : rmrecord__record__get_packed_size(record);

	if (size > store->payload_size) {
		uint8_t *grown = realloc(store->payload, size);

		if (!grown) {
			return -ENOMEM;
		}
		store->payload = grown;
		store->payload_size = size;
	}
	*ret_size = rmrecord__record__pack(record, store->payload);
	return 0;
}

int store_record_append(struct store *store, const struct session *session, uint32_t id,
			const Rmrecord__Record *record, uint64_t keep)
{
	size_t size = 0;
	int r = pack(store, record, &size);

	if (r < 0) {
		return r;
	}
	r = journal_append(&store->journal, id, store->payload, size, keep);
	if (r < 0 || !compaction_covers(store, session)) {
		return r;
	}
	r = journal_append(&store->compaction.fresh, id, store->payload, size, 0);
	if (r < 0) {
		(void)log_errno(LOG_DEBUG, r, "the journal could not be compacted");
		compaction_cancel(store);
	}
	return 0;
}

/* Into the new file alone. */
static int copy(struct store *store, uint32_t id, const Rmrecord__Record *record)
{
	size_t size = 0;
	int r = pack(store, record, &size);

	return r < 0 ? r : journal_append(&store->compaction.fresh, id, store->payload, size, 0);
}

static void fill_started(const struct session *session, Rmrecord__SessionStarted *started)
{
	started->session = session->id;
	started->key = store_record_bytes(session->key.bytes, SESSION_KEY_BYTES);
	started->request_id = store_record_bytes(session->request_id, REQUEST_ID_BYTES);
	started->owner_pid = (uint32_t)session->owner->id.pid;
	started->owner_start_time = session->owner->id.start_time;
	started->started_us = session->started_us;
}

static void fill_joined(const struct join *join, Rmrecord__SessionJoined *joined)
{
	joined->session = join->session->id;
	joined->join = join->id;
	joined->request_id = store_record_bytes(join->request_id, REQUEST_ID_BYTES);
	joined->pid = (uint32_t)join->process->id.pid;
	joined->start_time = join->process->id.start_time;
	joined->joined_us = join->joined_us;
}

static void fill_base(const struct store *store, Rmrecord__Base *base)
{
	base->next_session = store->sessions->next_session_id;
	base->next_join = store->sessions->next_join_id;
	base->boot_filetime = store->clock.boot_filetime;
}

int store_record_append_started(struct store *store, const struct session *session)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionStarted started = RMRECORD__SESSION_STARTED__INIT;

	fill_started(session, &started);
	record.event_case = RMRECORD__RECORD__EVENT_STARTED;
	record.started = &started;
	return store_record_append(store, NULL, session->id, &record,
				   store_record_reserve(store, 1));
}

int store_record_copy_started(struct store *store, const struct session *session)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionStarted started = RMRECORD__SESSION_STARTED__INIT;

	fill_started(session, &started);
	record.event_case = RMRECORD__RECORD__EVENT_STARTED;
	record.started = &started;
	return copy(store, session->id, &record);
}

int store_record_append_joined(struct store *store, const struct join *join)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionJoined joined = RMRECORD__SESSION_JOINED__INIT;

	fill_joined(join, &joined);
	record.event_case = RMRECORD__RECORD__EVENT_JOINED;
	record.joined = &joined;
	return store_record_append(store, join->session, join->session->id, &record,
				   store_record_reserve(store, 1));
}

int store_record_copy_joined(struct store *store, const struct join *join)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionJoined joined = RMRECORD__SESSION_JOINED__INIT;

	fill_joined(join, &joined);
	record.event_case = RMRECORD__RECORD__EVENT_JOINED;
	record.joined = &joined;
	return copy(store, join->session->id, &record);
}

int store_record_append_base(struct store *store)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__Base base = RMRECORD__BASE__INIT;

	fill_base(store, &base);
	record.event_case = RMRECORD__RECORD__EVENT_NUMBERS;
	record.numbers = &base;
	return store_record_append(store, NULL, 0, &record, store_record_reserve(store, 0));
}

int store_record_copy_base(struct store *store)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__Base base = RMRECORD__BASE__INIT;

	fill_base(store, &base);
	record.event_case = RMRECORD__RECORD__EVENT_NUMBERS;
	record.numbers = &base;
	return copy(store, 0, &record);
}

int store_record_copy_answered(struct store *store, const struct process *process)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__Answered answered = RMRECORD__ANSWERED__INIT;
	ProtobufCBinaryData request_ids[MAX_ANSWERED];
	unsigned int first = process->n_answered < MAX_ANSWERED ? 0 : process->next_answered;

	for (unsigned int i = 0; i < process->n_answered; i++) {
		const struct answered *from = &process->answered[(first + i) % MAX_ANSWERED];

		request_ids[i] = store_record_bytes(from->id, REQUEST_ID_BYTES);
	}
	answered.pid = (uint32_t)process->id.pid;
	answered.start_time = process->id.start_time;
	answered.request_ids = request_ids;
	answered.n_request_ids = process->n_answered;
	record.event_case = RMRECORD__RECORD__EVENT_ANSWERED;
	record.answered = &answered;
	return copy(store, 0, &record);
}

void store_record_fill_target(const struct filter_target *target,
			      Rmrecord__FilterTarget *ret_target)
{
	ret_target->kind = target->kind;
	ret_target->pid = target->pid;
	ret_target->start_filetime = target->start_filetime;
	if (target->text) {
		ret_target->text = store_record_bytes(target->text, strlen(target->text));
	}
}

void store_record_fill_filter(const struct session *session, const struct filter *filter,
			      Rmrecord__FilterTarget *target, Rmrecord__FilterSet *set,
			      Rmrecord__Record *record)
{
	rmrecord__record__init(record);
	rmrecord__filter_set__init(set);
	rmrecord__filter_target__init(target);
	store_record_fill_target(&filter->target, target);
	set->session = session->id;
	set->target = target;
	set->action = filter->action;
	record->event_case = RMRECORD__RECORD__EVENT_FILTER_SET;
	record->filter_set = set;
}

int store_record_copy_filter(struct store *store, const struct session *session,
			     const struct filter *filter)
{
	Rmrecord__Record record;
	Rmrecord__FilterSet set;
	Rmrecord__FilterTarget target;

	store_record_fill_filter(session, filter, &target, &set, &record);
	return copy(store, session->id, &record);
}

int store_record_copy_slice(struct store *store, const struct session *session)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__Resources resources = RMRECORD__RESOURCES__INIT;

	resources.session = session->id;
	resources.last = true;
	slice_fill(&store->slice, &resources);
	record.event_case = RMRECORD__RECORD__EVENT_RESOURCES;
	record.resources = &resources;
	return copy(store, session->id, &record);
}
