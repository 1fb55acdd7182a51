/* SPDX-License-Identifier: MIT */
/*
 * The store: opened, and the events of sessions written.
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
#include "broker/store_record.h"

/* The largest record of a fixed bound, Answered: 64 request ids of 18 bytes, pid and start time. */
#define MAX_SMALL_PAYLOAD_BYTES (MAX_ANSWERED * (REQUEST_ID_BYTES + 2) + 64)

int store_session_started(struct store *store, const struct session *session)
{
	(void)compaction_maintain(store);
	return store_record_append_started(store, session);
}

int store_session_joined(struct store *store, const struct join *join)
{
	(void)compaction_maintain(store);
	return store_record_append_joined(store, join);
}

int store_session_left(struct store *store, const struct join *join, const struct process *by,
		       const uint8_t *request_id)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionLeft left = RMRECORD__SESSION_LEFT__INIT;

	left.session = join->session->id;
	left.join = join->id;
	if (by) {
		left.request_id = store_record_bytes(request_id, REQUEST_ID_BYTES);
		left.pid = (uint32_t)by->id.pid;
		left.start_time = by->id.start_time;
	}
	record.event_case = RMRECORD__RECORD__EVENT_LEFT;
	record.left = &left;
	return store_record_append(store, join->session, join->session->id, &record,
				   store_record_reserve(store, -1));
}

int store_session_ended(struct store *store, const struct session *session,
			const struct process *by, const uint8_t *request_id)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__SessionEnded ended = RMRECORD__SESSION_ENDED__INIT;
	int r;

	ended.session = session->id;
	if (by) {
		ended.request_id = store_record_bytes(request_id, REQUEST_ID_BYTES);
		ended.pid = (uint32_t)by->id.pid;
		ended.start_time = by->id.start_time;
	}
	record.event_case = RMRECORD__RECORD__EVENT_ENDED;
	record.ended = &ended;
	r = store_record_append(store, session, session->id, &record,
				store_record_reserve(store, -1 - (int)session->n_joins));
	if (r == 0 && session->resources) {
		compaction_reconsider(store, session);
	}
	return r;
}

/* Sessions that lost records may have named get numbers that nobody has seen. */
#define NUMBERS_SKIPPED_AFTER_DAMAGE 65536u

static void take_numbers(struct store *store, const struct replay *replay)
{
	uint32_t skip =
		replay->losses || replay->has_unnamed_loss ? NUMBERS_SKIPPED_AFTER_DAMAGE : 0;

	store->sessions->next_session_id = replay->next_session_id + skip;
	store->sessions->next_join_id = replay->next_join_id + skip;
	if (replay->boot_filetime) {
		clock_base_restore(replay->boot_filetime, &store->clock);
	}
}

/* All at once, as nobody waits yet. */
static int compact(struct store *store, const char *path, uint64_t first_sequence)
{
	bool is_done = false;
	int r = compaction_begin(store, path, first_sequence);

	while (r == 0 && !is_done) {
		r = compaction_step(store, UINT64_MAX / 2, &is_done);
	}
	return r;
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

static int open_replayed(struct store *store, const char *path, struct replay *replay)
{
	int r;

	take_numbers(store, replay);
	r = restore_sessions(replay, store->sessions, store->processes, &store->clock,
			     store->events);
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
	if (r < 0) {
		return log_errno(LOG_ERR, r, "%s: can't be opened", path);
	}
	if (!replay->boot_filetime && store_record_append_base(store) < 0) {
		log_warning("%s: the time of the boot can't be kept", path);
	}
	store->compact_at = store->journal.tail + COMPACTION_GROWN_BYTES;
	return 0;
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
				.step_bytes = COMPACTION_STEP_BYTES,
				.sessions = sessions,
				.processes = processes,
				.events = events};
	store->payload = malloc(MAX_SMALL_PAYLOAD_BYTES);
	if (!store->payload) {
		return log_errno(LOG_ERR, -ENOMEM, "no memory for the journal's records");
	}
	store->payload_size = MAX_SMALL_PAYLOAD_BYTES;
	clock_base_take(&store->clock);
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
	compaction_close(store);
	journal_close(&store->journal);
	slice_done(&store->slice);
	free(store->payload);
	store->payload = NULL;
}
