/* SPDX-License-Identifier: MIT */
/*
 * Replaying a journal. A session whose end was read is gone; one that a lost record may have
 * been about is kept but marked, because its end may be what was lost: nothing may be invented.
 * A record that is whole but makes no sense (an unknown event, a key that exists already, a
 * join to a session that never was) changes nothing but what it says is then counted as lost.
 */
#include "broker/replay.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "broker/record.pb-c.h"

/* Answers are kept for living processes only; while reading, nobody knows who lives. */
#define MAX_ANSWERS_READ 65536u

static struct replayed_session *find_session(const struct replay *replay, uint32_t id)
{
	struct replayed_session *session;

	DL_FOREACH(replay->sessions, session) {
		if (session->id == id) {
			return session;
		}
	}
	return NULL;
}

static void free_session(struct replay *replay, struct replayed_session *session)
{
	struct replayed_join *join;
	struct replayed_join *next;

	DL_FOREACH_SAFE(session->joins, join, next) {
		free(join);
	}
	DL_DELETE(replay->sessions, session);
	replayed_resources_done(&session->resources);
	explicit_bzero(&session->key, sizeof(session->key));
	free(session);
}

static int add_loss(struct replay *replay, uint64_t first, uint64_t last, uint32_t session)
{
	struct replayed_loss *loss = calloc(1, sizeof(*loss));

	if (!loss) {
		return -ENOMEM;
	}
	loss->first = first;
	loss->last = last;
	loss->session = session;
	DL_APPEND(replay->losses, loss);
	return 0;
}

static bool copy_process(uint32_t pid, uint64_t start_time, struct process_id *ret_id)
{
	*ret_id = (struct process_id){.pid = (pid_t)pid, .start_time = start_time};
	return pid > 0 && pid <= INT32_MAX;
}

static bool copy_request_id(const ProtobufCBinaryData *from, uint8_t ret_id[REQUEST_ID_BYTES])
{
	if (from->len != REQUEST_ID_BYTES) {
		return false;
	}
	memcpy(ret_id, from->data, REQUEST_ID_BYTES);
	return true;
}

static bool has_key(const struct replay *replay, const struct session_key *key)
{
	const struct replayed_session *session;

	DL_FOREACH(replay->sessions, session) {
		if (session_key_equal(&session->key, key)) {
			return true;
		}
	}
	return false;
}

/* All on_*(): 0; -EBADMSG: the record makes no sense; -ENOMEM. */

static int on_started(struct replay *replay, const Rmrecord__SessionStarted *record)
{
	_cleanup_(freep) struct replayed_session *session = calloc(1, sizeof(*session));

	if (!session) {
		return -ENOMEM;
	}
	if (record->session == 0 || record->key.len != SESSION_KEY_BYTES ||
	    !copy_request_id(&record->request_id, session->request_id) ||
	    !copy_process(record->owner_pid, record->owner_start_time, &session->owner) ||
	    find_session(replay, record->session)) {
		return -EBADMSG;
	}
	session->id = record->session;
	session->started_us = record->started_us;
	memcpy(session->key.bytes, record->key.data, SESSION_KEY_BYTES);
	if (record->session >= replay->next_session_id) {
		replay->next_session_id = record->session + 1;
	}
	if (has_key(replay, &session->key)) {
		replay->n_refused++;
		return -EBADMSG;
	}
	DL_APPEND(replay->sessions, session);
	(void)TAKE_PTR(session);
	return 0;
}

static int on_joined(struct replay *replay, const Rmrecord__SessionJoined *record)
{
	struct replayed_session *session = find_session(replay, record->session);
	_cleanup_(freep) struct replayed_join *join = calloc(1, sizeof(*join));

	if (!join) {
		return -ENOMEM;
	}
	if (!session || record->join == 0 ||
	    !copy_request_id(&record->request_id, join->request_id) ||
	    !copy_process(record->pid, record->start_time, &join->process)) {
		return -EBADMSG;
	}
	join->id = record->join;
	join->joined_us = record->joined_us;
	if (record->join >= replay->next_join_id) {
		replay->next_join_id = record->join + 1;
	}
	DL_APPEND(session->joins, join);
	(void)TAKE_PTR(join);
	return 0;
}

static int add_answer(struct replay *replay, const struct process_id *process,
		      const ProtobufCBinaryData *request_id)
{
	_cleanup_(freep) struct replayed_answer *answer = calloc(1, sizeof(*answer));

	if (!answer) {
		return -ENOMEM;
	}
	if (!copy_request_id(request_id, answer->request_id)) {
		return -EBADMSG;
	}
	answer->process = *process;
	if (replay->n_answers == MAX_ANSWERS_READ) {
		struct replayed_answer *oldest = replay->answers;

		DL_DELETE(replay->answers, oldest);
		free(oldest);
		replay->n_answers--;
	}
	DL_APPEND(replay->answers, answer);
	replay->n_answers++;
	(void)TAKE_PTR(answer);
	return 0;
}

/* The request that an end or a leave answered, if there was one. */
static int note_answer(struct replay *replay, uint32_t pid, uint64_t start_time,
		       const ProtobufCBinaryData *request_id)
{
	struct process_id id;

	if (request_id->len == 0) {
		return 0;
	}
	return copy_process(pid, start_time, &id) ? add_answer(replay, &id, request_id) : -EBADMSG;
}

static void remove_join(struct replayed_session *session, uint32_t id)
{
	struct replayed_join *join;

	DL_FOREACH(session->joins, join) {
		if (join->id == id) {
			DL_DELETE(session->joins, join);
			free(join);
			return;
		}
	}
}

static int on_left(struct replay *replay, const Rmrecord__SessionLeft *record)
{
	struct replayed_session *session = find_session(replay, record->session);

	if (session) {
		remove_join(session, record->join);
	}
	return note_answer(replay, record->pid, record->start_time, &record->request_id);
}

static int on_ended(struct replay *replay, const Rmrecord__SessionEnded *record)
{
	struct replayed_session *session = find_session(replay, record->session);

	if (session) {
		free_session(replay, session);
	}
	return note_answer(replay, record->pid, record->start_time, &record->request_id);
}

static int on_answered(struct replay *replay, const Rmrecord__Answered *record)
{
	struct process_id process;
	int r = copy_process(record->pid, record->start_time, &process) ? 0 : -EBADMSG;

	for (size_t i = 0; r == 0 && i < record->n_request_ids; i++) {
		r = add_answer(replay, &process, &record->request_ids[i]);
	}
	return r;
}

static void on_numbers(struct replay *replay, const Rmrecord__Base *record)
{
	if (record->next_session > replay->next_session_id) {
		replay->next_session_id = record->next_session;
	}
	if (record->next_join > replay->next_join_id) {
		replay->next_join_id = record->next_join;
	}
	if (!replay->boot_filetime) {
		replay->boot_filetime = record->boot_filetime;
	}
}

/* What is about a session that there is none of makes no sense. */
static int on_resources(struct replay *replay, const Rmrecord__Resources *record)
{
	struct replayed_session *session = find_session(replay, record->session);

	return session ? replay_resources(&session->resources, record) : -EBADMSG;
}

static int on_seen(struct replay *replay, const Rmrecord__FilesSeen *record)
{
	struct replayed_session *session = find_session(replay, record->session);

	return session ? replay_seen(&session->resources, record) : -EBADMSG;
}

static int on_filter_set(struct replay *replay, const Rmrecord__FilterSet *record)
{
	struct replayed_session *session = find_session(replay, record->session);

	return session ? replay_filter_set(&session->resources, record) : -EBADMSG;
}

static int on_filter_removed(struct replay *replay, const Rmrecord__FilterRemoved *record)
{
	struct replayed_session *session = find_session(replay, record->session);
	int r = session ? replay_filter_removed(&session->resources, record) : -EBADMSG;

	return r < 0 ? r
		     : note_answer(replay, record->pid, record->start_time, &record->request_id);
}

static int on_event(struct replay *replay, const Rmrecord__Record *record)
{
	switch (record->event_case) {
	case RMRECORD__RECORD__EVENT_NUMBERS:
		on_numbers(replay, record->numbers);
		return 0;
	case RMRECORD__RECORD__EVENT_STARTED:
		return on_started(replay, record->started);
	case RMRECORD__RECORD__EVENT_JOINED:
		return on_joined(replay, record->joined);
	case RMRECORD__RECORD__EVENT_LEFT:
		return on_left(replay, record->left);
	case RMRECORD__RECORD__EVENT_ENDED:
		return on_ended(replay, record->ended);
	case RMRECORD__RECORD__EVENT_ANSWERED:
		return on_answered(replay, record->answered);
	case RMRECORD__RECORD__EVENT_RESOURCES:
		return on_resources(replay, record->resources);
	case RMRECORD__RECORD__EVENT_SEEN:
		return on_seen(replay, record->seen);
	case RMRECORD__RECORD__EVENT_FILTER_SET:
		return on_filter_set(replay, record->filter_set);
	case RMRECORD__RECORD__EVENT_FILTER_REMOVED:
		return on_filter_removed(replay, record->filter_removed);
	case RMRECORD__RECORD__EVENT__NOT_SET:
	case _RMRECORD__RECORD__EVENT__CASE_IS_INT_SIZE:
		break;
	}
	return -EBADMSG;
}

/* 0 in `session` touches all that are open. */
static void mark_touched(struct replay *replay, uint32_t session)
{
	struct replayed_session *at;

	DL_FOREACH(replay->sessions, at) {
		at->is_touched |= session == 0 || at->id == session;
	}
}

static int on_record(void *userdata, uint32_t session, const uint8_t *payload, size_t size)
{
	struct replay *replay = userdata;
	Rmrecord__Record *record = rmrecord__record__unpack(NULL, size, payload);
	int r = record ? on_event(replay, record) : -EBADMSG;

	if (record) {
		rmrecord__record__free_unpacked(record, NULL);
	}
	if (r != -EBADMSG) {
		return r;
	}
	mark_touched(replay, session);
	return add_loss(replay, 0, 0, session);
}

static void on_lost(void *userdata, uint64_t first, uint64_t last, uint32_t session)
{
	struct replay *replay = userdata;

	mark_touched(replay, session);
	if (add_loss(replay, first, last, session) < 0) {
		replay->has_unnamed_loss = true;
	}
}

int replay_run(const uint8_t *data, size_t size, const struct journal_identity *identity,
	       struct replay *ret_replay)
{
	struct replay replay = {.next_session_id = 1, .next_join_id = 1};
	struct journal_reader reader = {
		.on_record = on_record, .on_lost = on_lost, .userdata = &replay};
	int r;

	r = journal_parse(data, size, identity, &reader, &replay.scan);
	if (r < 0) {
		replay_done(&replay);
		return r;
	}
	/* Whole records that make no sense: the file is to be kept for a look at it. */
	if (replay.losses && replay.scan.verdict == JOURNAL_CLEAN) {
		replay.scan.verdict = JOURNAL_DAMAGED;
	}
	*ret_replay = replay;
	return 0;
}

void replay_done(struct replay *replay)
{
	struct replayed_answer *answer;
	struct replayed_answer *next_answer;
	struct replayed_loss *loss;
	struct replayed_loss *next_loss;

	while (replay->sessions) {
		free_session(replay, replay->sessions);
	}
	DL_FOREACH_SAFE(replay->answers, answer, next_answer) {
		free(answer);
	}
	DL_FOREACH_SAFE(replay->losses, loss, next_loss) {
		free(loss);
	}
	*replay = (struct replay){0};
}
