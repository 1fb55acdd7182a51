/* SPDX-License-Identifier: MIT */
/*
 * Compaction. A session is copied as a whole story of its own: its start and joins at once, then
 * its filters and resources bit by bit. From its start on it is covered: its changes are written
 * to both files. So a change may stand in the new file before what it is about is copied, or
 * twice; the records are such that replaying them again changes nothing, and what they say of
 * something that is not there yet is said again by the copy. A session in the middle of a
 * registration is left for later, as the slices before would be missing.
 *
 * Answers come last, in parts by pid: whatever is answered in between is in both files already.
 */
#include "broker/compaction.h"

#include <errno.h>
#include <sys/stat.h>

#include "broker/log.h"
#include "broker/store_record.h"

/* Processes whose answers are copied at once. */
#define ANSWERS_AT_ONCE 64u
/* Of a file that is no longer used, with each change: about 0.2 ms on a tmpfs. */
#define GIVEN_BACK_BYTES (2u * 1024u * 1024u)

int compaction_begin(struct store *store, const char *path, uint64_t first_sequence)
{
	struct compaction *compaction = &store->compaction;
	uint32_t number = compaction->number + 1 ? compaction->number + 1 : 1;
	struct journal fresh;
	int r = journal_create(path, &store->identity, first_sequence, &fresh);

	if (r < 0) {
		return r;
	}
	compaction->is_running = true;
	compaction->fresh = fresh;
	compaction->number = number;
	compaction->session = 0;
	compaction->has_sessions = false;
	compaction->answers = 0;
	r = store_record_copy_base(store);
	if (r < 0) {
		compaction_cancel(store);
	}
	return r;
}

void compaction_cancel(struct store *store)
{
	if (store->compaction.is_running) {
		journal_discard(&store->compaction.fresh);
		store->compaction.is_running = false;
	}
}

static void forget_old(struct compaction *compaction)
{
	if (compaction->has_old) {
		closep(&compaction->old_fd);
		compaction->has_old = false;
	}
}

void compaction_close(struct store *store)
{
	compaction_cancel(store);
	forget_old(&store->compaction);
}

/* Closing a large file that has no name any more would free all of it at once. */
static void keep_old(struct compaction *compaction, struct journal *journal)
{
	struct stat st;

	forget_old(compaction);
	if (journal->fd >= 0 && fstat(journal->fd, &st) == 0 && st.st_nlink == 0) {
		compaction->has_old = true;
		compaction->old_fd = TAKE_FD(journal->fd);
		compaction->old_bytes = journal->reserved;
	}
	journal_close(journal);
}

static void give_back(struct compaction *compaction)
{
	uint64_t n =
		compaction->old_bytes < GIVEN_BACK_BYTES ? compaction->old_bytes : GIVEN_BACK_BYTES;

	if (!compaction->has_old) {
		return;
	}
	compaction->old_bytes -= n;
	if (compaction->old_bytes == 0 ||
	    ftruncate(compaction->old_fd, (off_t)compaction->old_bytes) < 0) {
		forget_old(compaction);
	}
}

bool compaction_covers(const struct store *store, const struct session *session)
{
	const struct compaction *compaction = &store->compaction;

	return compaction->is_running &&
	       (compaction->has_sessions || (session && session->compaction == compaction->number));
}

static bool is_left(const struct compaction *compaction, const struct session *session)
{
	return session->compaction != compaction->number &&
	       !(session->resources && session->resources->is_writing);
}

/* A session that is to be copied and can be: mostly the one behind the last. */
static struct session *find_next(const struct store *store)
{
	const struct compaction *compaction = &store->compaction;
	const struct session *last = session_find(store->sessions, compaction->session);
	struct session *at = last ? last->hh.next : NULL;

	while (at && !is_left(compaction, at)) {
		at = at->hh.next;
	}
	for (at = at ? at : store->sessions->by_id; at && !is_left(compaction, at);
	     at = at->hh.next) {
	}
	return at;
}

static bool is_any_uncovered(const struct store *store)
{
	const struct session *at = store->sessions->by_id;

	while (at && at->compaction == store->compaction.number) {
		at = at->hh.next;
	}
	return at != NULL;
}

static int copy_start(struct store *store, struct session *session)
{
	struct compaction *compaction = &store->compaction;
	int r = store_record_copy_started(store, session);

	for (const struct join *join = session->joins; r == 0 && join; join = join->next) {
		r = store_record_copy_joined(store, join);
	}
	session->compaction = compaction->number;
	compaction->session = session->id;
	compaction->filter = 0;
	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		compaction->at[kind] = 0;
		compaction->end[kind] =
			resource_count(session->resources, (enum resource_kind)kind);
	}
	return r;
}

/* The next filter; whether there was one. What is set meanwhile moves to the end, and is written
 * again there. */
static bool copy_filter(struct store *store, const struct session *session, int *ret_r)
{
	const struct filter *filter = session->filters.filters;

	while (filter && filter->number <= store->compaction.filter) {
		filter = filter->next;
	}
	if (!filter) {
		return false;
	}
	store->compaction.filter = filter->number;
	*ret_r = store_record_copy_filter(store, session, filter);
	return true;
}

/* The next slice of resources; whether there was something. */
static bool copy_resources(struct store *store, const struct session *session, int *ret_r)
{
	struct compaction *compaction = &store->compaction;
	int r = 0;

	slice_reset(&store->slice);
	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		while (r == 0 && compaction->at[kind] < compaction->end[kind] &&
		       !slice_is_full(&store->slice)) {
			r = slice_add(&store->slice, session->resources, (enum resource_kind)kind,
				      compaction->at[kind]++);
		}
	}
	if (r == 0 && store->slice.n == 0) {
		return false;
	}
	*ret_r = r < 0 ? r : store_record_copy_slice(store, session);
	return true;
}

/* One piece of work on the sessions. Whether there is more that can be done now. */
static bool copy_sessions(struct store *store, int *ret_r)
{
	struct session *session = session_find(store->sessions, store->compaction.session);

	*ret_r = 0;
	if (session && session->compaction == store->compaction.number &&
	    (copy_filter(store, session, ret_r) || copy_resources(store, session, ret_r))) {
		return true;
	}
	session = find_next(store);
	if (session) {
		*ret_r = copy_start(store, session);
		return true;
	}
	return false;
}

static void begin_answers(struct store *store)
{
	store->compaction.has_sessions = true;
	store->compaction.n_answers_parts =
		1 + HASH_COUNT(store->processes->by_pid) / ANSWERS_AT_ONCE;
}

static int copy_answers(struct store *store)
{
	struct compaction *compaction = &store->compaction;
	uint32_t part = compaction->answers++;
	int r = 0;

	for (const struct process *p = store->processes->by_pid; r == 0 && p; p = p->hh.next) {
		if (p->n_answered && (uint32_t)p->id.pid % compaction->n_answers_parts == part) {
			r = store_record_copy_answered(store, p);
		}
	}
	return r;
}

/* The new file takes the old one's place. */
static int publish(struct store *store)
{
	struct journal *fresh = &store->compaction.fresh;
	int r = journal_reserve(fresh, store_record_reserve(store, 0));

	if (r < 0) {
		return r;
	}
	r = journal_publish(fresh);
	if (r < 0) {
		return r;
	}
	keep_old(&store->compaction, &store->journal);
	store->journal = *fresh;
	store->compaction.is_running = false;
	store->compact_at = 2 * store->journal.tail + COMPACTION_GROWN_BYTES;
	return 0;
}

static int step(struct store *store, uint64_t max_bytes, bool *ret_done)
{
	struct compaction *compaction = &store->compaction;
	uint64_t until = compaction->fresh.tail + max_bytes;
	int r = 0;

	*ret_done = false;
	while (r == 0 && !compaction->has_sessions && compaction->fresh.tail < until) {
		if (!copy_sessions(store, &r)) {
			if (is_any_uncovered(store)) {
				return 0; /* in the middle of a registration: later */
			}
			begin_answers(store);
		}
	}
	while (r == 0 && compaction->has_sessions &&
	       compaction->answers < compaction->n_answers_parts &&
	       compaction->fresh.tail < until) {
		r = copy_answers(store);
	}
	if (r < 0 || !compaction->has_sessions ||
	    compaction->answers < compaction->n_answers_parts) {
		return r;
	}
	r = publish(store);
	*ret_done = r == 0;
	return r;
}

int compaction_step(struct store *store, uint64_t max_bytes, bool *ret_done)
{
	int r = step(store, max_bytes, ret_done);

	if (r < 0) {
		compaction_cancel(store);
	}
	return r;
}

static bool is_due(const struct store *store)
{
	return store->journal.tail >= store->compact_at || store->journal.is_broken;
}

bool compaction_maintain(struct store *store)
{
	struct compaction *compaction = &store->compaction;
	bool is_left = registration_sweep(&store->sessions->registrations);
	bool is_done;
	int r = 0;

	give_back(compaction);
	if (!compaction->is_running && is_due(store)) {
		r = compaction_begin(store, store->journal.path, store->journal.next_sequence);
	}
	if (r == 0 && compaction->is_running) {
		r = compaction_step(store, store->step_bytes, &is_done);
	}
	if (r < 0) {
		(void)log_errno(LOG_DEBUG, r, "the journal could not be compacted");
		store->compact_at = store->journal.tail + COMPACTION_GROWN_BYTES;
	}
	return is_left || compaction->is_running || compaction->has_old;
}

void compaction_reconsider(struct store *store, const struct session *ending)
{
	/* With what stands beside the texts, a record takes at most twice as much. */
	uint64_t left = session_table_count_bytes(store->sessions) - session_count_bytes(ending);
	uint64_t at = 4 * left + COMPACTION_GROWN_BYTES;

	if (at < store->compact_at) {
		store->compact_at = at;
	}
}
