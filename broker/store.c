/* SPDX-License-Identifier: MIT */
/*
 * The store: session events into the journal, and the journal compacted when it has grown.
 * Behind every record so much stays reserved that all open sessions and joins can end on a full
 * disk; what a start or a join may take is what is left beyond that. So on a full disk starts
 * are refused, ends never.
 */
#include "broker/store.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "broker/log.h"
#include "broker/record.pb-c.h"
#include "broker/restore.h"

/* The largest SessionEnded or SessionLeft: two 32-bit ids, a request id, pid and start time. */
#define MAX_END_PAYLOAD_BYTES 64u
/* The largest of all, Answered: 64 request ids of 18 bytes, pid and start time. */
#define MAX_RECORD_PAYLOAD_BYTES (MAX_ANSWERED * (REQUEST_ID_BYTES + 2) + 64)
/* A file is written anew when it has this much, or four times what it had when it was new. */
#define MIN_COMPACT_BYTES (480u * 1024u)

static ProtobufCBinaryData pack_bytes(const void *bytes, size_t size)
{
	return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)bytes};
}

/* What must stay reserved for `n_ends` ends. */
static uint64_t reserve_for(unsigned int n_ends)
{
	return (uint64_t)n_ends * journal_record_bytes(MAX_END_PAYLOAD_BYTES);
}

static unsigned int count_ends(const struct store *store)
{
	return store->sessions->n_sessions + store->sessions->n_joins;
}

/* Records are packed without being measured first, into room for the largest. */
static int append(struct journal *journal, uint32_t session, const Rmrecord__Record *record,
		  uint64_t keep)
{
	uint8_t payload[MAX_RECORD_PAYLOAD_BYTES];
	size_t size = rmrecord__record__pack(record, payload);

	return journal_append(journal, session, payload, size, keep);
}

static int append_started(struct journal *journal, const struct session *session, uint64_t keep)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionStarted started = RMRECORD__SESSION_STARTED__INIT;

	started.session = session->id;
	started.key = pack_bytes(session->key.bytes, SESSION_KEY_BYTES);
	started.request_id = pack_bytes(session->request_id, REQUEST_ID_BYTES);
	started.owner_pid = (uint32_t)session->owner->id.pid;
	started.owner_start_time = session->owner->id.start_time;
	started.started_us = session->started_us;
	record.event_case = RMRECORD__RECORD__EVENT_STARTED;
	record.started = &started;
	return append(journal, session->id, &record, keep);
}

static int append_joined(struct journal *journal, const struct join *join, uint64_t keep)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionJoined joined = RMRECORD__SESSION_JOINED__INIT;

	joined.session = join->session->id;
	joined.join = join->id;
	joined.request_id = pack_bytes(join->request_id, REQUEST_ID_BYTES);
	joined.pid = (uint32_t)join->process->id.pid;
	joined.start_time = join->process->id.start_time;
	joined.joined_us = join->joined_us;
	record.event_case = RMRECORD__RECORD__EVENT_JOINED;
	record.joined = &joined;
	return append(journal, join->session->id, &record, keep);
}

static int append_base(struct journal *journal, const struct session_table *sessions)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__Base base = RMRECORD__BASE__INIT;

	base.next_session = sessions->next_session_id;
	base.next_join = sessions->next_join_id;
	record.event_case = RMRECORD__RECORD__EVENT_NUMBERS;
	record.numbers = &base;
	return append(journal, 0, &record, 0);
}

static int append_answered(struct journal *journal, const struct process *process)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__Answered answered = RMRECORD__ANSWERED__INIT;
	ProtobufCBinaryData request_ids[MAX_ANSWERED];
	unsigned int first = process->n_answered < MAX_ANSWERED ? 0 : process->next_answered;

	for (unsigned int i = 0; i < process->n_answered; i++) {
		const struct answered *from = &process->answered[(first + i) % MAX_ANSWERED];

		request_ids[i] = pack_bytes(from->id, REQUEST_ID_BYTES);
	}
	answered.pid = (uint32_t)process->id.pid;
	answered.start_time = process->id.start_time;
	answered.request_ids = request_ids;
	answered.n_request_ids = process->n_answered;
	record.event_case = RMRECORD__RECORD__EVENT_ANSWERED;
	record.answered = &answered;
	return append(journal, 0, &record, 0);
}

static int append_session(struct journal *journal, const struct session *session)
{
	int r = append_started(journal, session, 0);

	for (const struct join *join = session->joins; r == 0 && join; join = join->next) {
		r = append_joined(journal, join, 0);
	}
	return r;
}

/* All that has to be kept, into a new file. */
static int write_snapshot(const struct store *store, struct journal *journal)
{
	int r = append_base(journal, store->sessions);

	for (const struct session *s = store->sessions->by_id; r == 0 && s; s = s->hh.next) {
		r = append_session(journal, s);
	}
	for (const struct process *p = store->processes->by_pid; r == 0 && p; p = p->hh.next) {
		r = p->n_answered ? append_answered(journal, p) : 0;
	}
	return r;
}

static void journal_discardp(struct journal *journal)
{
	journal_discard(journal);
}

/* Writes the journal anew: the old file is replaced in one step, or kept as it is. */
static int compact(struct store *store, const char *path, uint64_t next_sequence)
{
	_cleanup_(journal_discardp) struct journal fresh = {.fd = -1};
	int r;

	r = journal_create(path, &store->identity, next_sequence, &fresh);
	if (r < 0) {
		return r;
	}
	r = write_snapshot(store, &fresh);
	if (r < 0) {
		return r;
	}
	r = journal_reserve(&fresh, reserve_for(count_ends(store)));
	if (r < 0) {
		return r;
	}
	r = journal_publish(&fresh);
	if (r < 0) {
		return r;
	}
	journal_close(&store->journal);
	store->journal = fresh;
	fresh = (struct journal){.fd = -1};
	store->compact_at = 4 * store->journal.tail;
	if (store->compact_at < MIN_COMPACT_BYTES) {
		store->compact_at = MIN_COMPACT_BYTES;
	}
	return 0;
}

/* After a change was applied; a failure leaves the old file, which is whole. */
static void compact_if_grown(struct store *store)
{
	int r;

	if (store->journal.tail < store->compact_at && !store->journal.is_broken) {
		return;
	}
	r = compact(store, store->journal.path, store->journal.next_sequence);
	if (r < 0) {
		(void)log_errno(LOG_DEBUG, r, "the journal could not be compacted");
		store->compact_at = store->journal.tail + MIN_COMPACT_BYTES;
	}
}

int store_session_started(struct store *store, const struct session *session)
{
	compact_if_grown(store);
	return append_started(&store->journal, session, reserve_for(count_ends(store) + 1));
}

int store_session_joined(struct store *store, const struct join *join)
{
	compact_if_grown(store);
	return append_joined(&store->journal, join, reserve_for(count_ends(store) + 1));
}

int store_session_left(struct store *store, const struct join *join, const struct process *by,
		       const uint8_t *request_id)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionLeft left = RMRECORD__SESSION_LEFT__INIT;

	left.session = join->session->id;
	left.join = join->id;
	if (by) {
		left.request_id = pack_bytes(request_id, REQUEST_ID_BYTES);
		left.pid = (uint32_t)by->id.pid;
		left.start_time = by->id.start_time;
	}
	record.event_case = RMRECORD__RECORD__EVENT_LEFT;
	record.left = &left;
	return append(&store->journal, join->session->id, &record,
		      reserve_for(count_ends(store) - 1));
}

int store_session_ended(struct store *store, const struct session *session,
			const struct process *by, const uint8_t *request_id)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionEnded ended = RMRECORD__SESSION_ENDED__INIT;

	ended.session = session->id;
	if (by) {
		ended.request_id = pack_bytes(request_id, REQUEST_ID_BYTES);
		ended.pid = (uint32_t)by->id.pid;
		ended.start_time = by->id.start_time;
	}
	record.event_case = RMRECORD__RECORD__EVENT_ENDED;
	record.ended = &ended;
	return append(&store->journal, session->id, &record,
		      reserve_for(count_ends(store) - 1 - session->n_joins));
}

/* Sessions that lost records may have named get numbers that nobody has seen. */
#define NUMBERS_SKIPPED_AFTER_DAMAGE 65536u

static void take_numbers(struct store *store, const struct replay *replay)
{
	uint32_t skip =
		replay->losses || replay->has_unnamed_loss ? NUMBERS_SKIPPED_AFTER_DAMAGE : 0;

	store->sessions->next_session_id = replay->next_session_id + skip;
	store->sessions->next_join_id = replay->next_join_id + skip;
}

/* The file is of no use as it is: it keeps a name of its own, and a new one takes its place. */
static int replace_file(struct store *store, const char *path, const struct replay *replay)
{
	char aside[PATH_MAX];
	const char *why = journal_verdict_name(replay->scan.verdict);
	int r = journal_set_aside(path, why, aside, sizeof(aside));

	if (r < 0) {
		return log_errno(LOG_ERR, r, "%s: this %s journal can't be set aside", path, why);
	}
	log_warning("%s: a %s journal was set aside as %s", path, why, aside);
	r = compact(store, path, replay->scan.next_sequence + 1);
	return r < 0 ? log_errno(LOG_ERR, r, "%s: no new journal can be written", path) : r;
}

static int open_replayed(struct store *store, const char *path, const struct replay *replay)
{
	int r;

	take_numbers(store, replay);
	r = restore_sessions(replay, store->sessions, store->processes, store->events);
	if (r < 0) {
		return log_errno(LOG_ERR, r, "%s: the sessions can't be restored", path);
	}
	store->n_restored = store->sessions->n_sessions;
	if (replay->scan.verdict != JOURNAL_CLEAN) {
		return replace_file(store, path, replay);
	}
	if (compact(store, path, replay->scan.next_sequence) == 0) {
		return 0;
	}
	/* Most likely a full disk: go on with the old file and its reserve. */
	r = journal_open(path, &replay->scan, &store->journal);
	store->compact_at = store->journal.tail + MIN_COMPACT_BYTES;
	return r < 0 ? log_errno(LOG_ERR, r, "%s: can't be opened", path) : 0;
}

static void replay_donep(struct replay *replay)
{
	replay_done(replay);
}

int store_open(struct store *store, const char *path, struct session_table *sessions,
	       struct process_table *processes, struct event_log *events)
{
	_cleanup_(freep) uint8_t *data = NULL;
	_cleanup_(replay_donep) struct replay replay = {0};
	size_t size = 0;
	int r;

	*store = (struct store){.journal = {.fd = -1},
				.sessions = sessions,
				.processes = processes,
				.events = events};
	r = journal_identity_get(&store->identity);
	if (r < 0) {
		return log_errno(LOG_ERR, r, "the boot id or the pid namespace can't be read");
	}
	r = journal_read_file(path, &data, &size);
	if (r == -ENOENT) {
		r = compact(store, path, 1);
		return r < 0 ? log_errno(LOG_ERR, r, "%s: can't be created", path) : 0;
	}
	if (r == 0) {
		r = replay_run(data, size, &store->identity, &replay);
	}
	return r < 0 ? log_errno(LOG_ERR, r, "%s: can't be read", path)
		     : open_replayed(store, path, &replay);
}

void store_close(struct store *store)
{
	journal_close(&store->journal);
}
