/* SPDX-License-Identifier: MIT */
/*
 * Starting, joining and ending sessions. Every change goes the same way: what was asked before
 * gets the same answer again; check; prepare in memory; store; apply, which cannot fail; reply.
 */
#include <errno.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/log.h"
#include "broker/methods.h"
#include "broker/peer.h"
#include "proto/clock.h"
#include "proto/status.h"

/* The process that a session or join is to belong to: the caller, or the one it names. */
static int find_owner(struct call *call, const Rm__ProcessId *owner, struct process **ret_owner)
{
	struct process_id id;
	struct process *process;
	int r;

	if (!owner) {
		*ret_owner = call->peer;
		return 0;
	}
	id = (struct process_id){.pid = (pid_t)owner->pid, .start_time = owner->start_time};
	r = process_find_or_open(&call->broker->processes, &id, &process);
	if (r == -ESRCH) {
		return call_explain(call, STATUS_BAD_ARGUMENTS, "there is no process %d to own it",
				    id.pid);
	}
	if (r < 0) {
		return r;
	}
	r = peer_may_give(call->peer, process);
	if (r) {
		process_settle(process);
		return call_explain(call, r,
				    "process %d is no ancestor of %d with the same user: it can't "
				    "be made the owner",
				    id.pid, call->peer->id.pid);
	}
	*ret_owner = process;
	return 0;
}

static void reply_started(struct call *call, const struct session *session)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__StartSessionReply started = RM__START_SESSION_REPLY__INIT;
	char key[SESSION_KEY_DIGITS + 1];

	session_key_format(&session->key, key);
	started.session = session->id;
	started.key = codec_bytes(key, SESSION_KEY_DIGITS);
	reply.result_case = RM__REPLY__RESULT_START_SESSION;
	reply.start_session = &started;
	call_reply(call, &reply);
}

/* A program that does not stop asking must not fill the log. */
static void log_refusal(struct broker *broker, const struct process *owner, const char *reason)
{
	char holders[512];

	event_log_add(&broker->events, EVENT_SESSION_REFUSED, 0, (uint32_t)owner->id.pid,
		      owner->name, reason);
	if (!log_limit(&broker->refusal_logged_ns)) {
		return;
	}
	session_describe_holders(&broker->sessions,
				 broker->sessions.n_sessions >=
						 MAX_SESSIONS_ALL - SESSIONS_KEPT_FOR_NEW
					 ? NULL
					 : owner->login,
				 holders, sizeof(holders));
	log_warning("session refused: %s pid=%d name=%s login=%s holders=%s", reason, owner->id.pid,
		    owner->name, owner->login, holders);
}

static int prepare_session(struct call *call, struct process *owner, struct session **ret_session)
{
	struct broker *broker = call->broker;
	const char *reason;
	struct session_key key;
	int r;

	r = session_may_start(&broker->sessions, owner, &reason);
	if (r) {
		log_refusal(broker, owner, reason);
		return call_explain(call, r, "%s; `rmctl sessions` shows who holds them", reason);
	}
	r = session_key_generate(&broker->keys, &key);
	if (r < 0) {
		return r;
	}
	r = session_check_key(&broker->sessions, &key);
	if (r) {
		log_error("a new session key belongs to a session already: the machine's random "
			  "source repeats itself");
		return call_explain(call, r, "the new key belongs to a session already");
	}
	return session_new(broker->sessions.next_session_id, &key, owner, ret_session);
}

static int start_session(struct call *call, struct process *owner)
{
	struct broker *broker = call->broker;
	const Rm__StartSession *request = call->request->start_session;
	_cleanup_(session_freep) struct session *session = NULL;
	const struct session *known;
	int r;

	known = session_find_started(owner, request->request_id.data);
	if (known) {
		reply_started(call, known);
		return 0;
	}
	r = prepare_session(call, owner, &session);
	if (r) {
		return r;
	}
	memcpy(session->request_id, request->request_id.data, REQUEST_ID_BYTES);
	session->started_us = clock_real_us();
	r = store_session_started(&broker->store, session);
	if (r < 0) {
		return r;
	}
	known = session;
	session_add(&broker->sessions, TAKE_PTR(session));
	event_log_add(&broker->events, EVENT_SESSION_STARTED, known->id, (uint32_t)owner->id.pid,
		      owner->name, NULL);
	log_debug("session started session=%u owner=%d name=%s", known->id, owner->id.pid,
		  owner->name);
	reply_started(call, known);
	return 0;
}

int method_start_session(struct call *call)
{
	struct process *owner = NULL;
	int r = find_owner(call, call->request->start_session->owner, &owner);

	if (r) {
		return r;
	}
	r = start_session(call, owner);
	process_settle(owner);
	return r;
}

static void reply_joined(struct call *call, const struct join *join)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__JoinSessionReply joined = RM__JOIN_SESSION_REPLY__INIT;

	joined.session = join->session->id;
	joined.join = join->id;
	reply.result_case = RM__REPLY__RESULT_JOIN_SESSION;
	reply.join_session = &joined;
	call_reply(call, &reply);
}

static int find_by_key(struct call *call, const ProtobufCBinaryData *text,
		       struct session **ret_session)
{
	struct session_key key;
	struct session *session = NULL;

	if (session_key_parse(text->data, text->len, &key)) {
		session = session_find_by_key(&call->broker->sessions, &key);
	}
	if (!session) {
		return call_explain(call, STATUS_SESSION_CREDENTIAL_CONFLICT,
				    "no open session has this key");
	}
	*ret_session = session;
	return 0;
}

static int join_session(struct call *call, struct process *process)
{
	struct broker *broker = call->broker;
	const Rm__JoinSession *request = call->request->join_session;
	_cleanup_(join_freep) struct join *join = NULL;
	const struct join *known;
	struct session *session = NULL;
	int r;

	known = join_find_made(process, request->request_id.data);
	if (known) {
		reply_joined(call, known);
		return 0;
	}
	r = find_by_key(call, &request->key, &session);
	if (r) {
		return r;
	}
	r = join_new(session, broker->sessions.next_join_id, process, &join);
	if (r) {
		return r > 0 ? call_explain(call, r, "%u processes have joined session %u already",
					    session->n_joins, session->id)
			     : r;
	}
	memcpy(join->request_id, request->request_id.data, REQUEST_ID_BYTES);
	join->joined_us = clock_real_us();
	r = store_session_joined(&broker->store, join);
	if (r < 0) {
		return r;
	}
	known = join;
	join_add(&broker->sessions, TAKE_PTR(join));
	event_log_add(&broker->events, EVENT_SESSION_JOINED, session->id, (uint32_t)process->id.pid,
		      process->name, NULL);
	log_debug("session joined session=%u join=%u pid=%d", session->id, known->id,
		  process->id.pid);
	reply_joined(call, known);
	return 0;
}

int method_join_session(struct call *call)
{
	struct process *process = NULL;
	int r = find_owner(call, call->request->join_session->owner, &process);

	if (r) {
		return r;
	}
	r = join_session(call, process);
	process_settle(process);
	return r;
}

int method_find_session(struct call *call, uint32_t id, struct session **ret_session)
{
	*ret_session = session_find(&call->broker->sessions, id);
	return *ret_session ? 0
			    : call_explain(call, STATUS_INVALID_HANDLE,
					   "there is no session %u; it may have ended", id);
}

int method_find_led(struct call *call, uint32_t id, uint32_t join, const ProtobufCBinaryData *key,
		    struct session **ret_session)
{
	struct session *session = NULL;
	int r = method_find_session(call, id, &session);

	if (r) {
		return r;
	}
	if (join) {
		return call_explain(call, STATUS_SESSION_CREDENTIAL_CONFLICT,
				    "only the primary installer of session %u may do that, and "
				    "this one has joined it",
				    id);
	}
	r = peer_may_lead(call->peer, session, key->data, key->len);
	if (r) {
		return call_explain(call, r,
				    "session %u belongs to process %d; others need its key", id,
				    session->owner->id.pid);
	}
	*ret_session = session;
	return 0;
}

int method_find_entered(struct call *call, uint32_t id, uint32_t join_id,
			const ProtobufCBinaryData *key, struct session **ret_session)
{
	struct session *session = NULL;
	struct join *join;
	int r;

	if (!join_id) {
		return method_find_led(call, id, 0, key, ret_session);
	}
	r = method_find_session(call, id, &session);
	if (r) {
		return r;
	}
	join = join_find(session, join_id);
	if (!join) {
		return call_explain(call, STATUS_INVALID_HANDLE,
				    "there is no join %u; it may have ended", join_id);
	}
	r = peer_may_leave(call->peer, join, key->data, key->len);
	if (r) {
		return call_explain(call, r, "join %u belongs to process %d", join_id,
				    join->process->id.pid);
	}
	*ret_session = session;
	return 0;
}

int method_attach_session(struct call *call)
{
	const Rm__AttachSession *request = call->request->attach_session;
	struct session *session = NULL;
	int r = method_find_session(call, request->session, &session);

	if (r) {
		return r;
	}
	r = peer_may_lead(call->peer, session, request->key.data, request->key.len);
	if (r) {
		return call_explain(call, r,
				    "the key is not session %u's, or process %d does not descend "
				    "from its owner %d",
				    session->id, call->peer->id.pid, session->owner->id.pid);
	}
	call_fail(call, STATUS_SUCCESS, NULL);
	return 0;
}

/* What is there no longer may have been ended by this very request, sent before (A63). */
static int answer_again(struct call *call, const char *what, uint32_t id)
{
	const Rm__EndSession *request = call->request->end_session;

	return process_has_answered(call->peer, request->request_id.data)
		       ? 0
		       : call_explain(call, STATUS_INVALID_HANDLE,
				      "there is no %s %u; it may have ended", what, id);
}

static int end_as_primary(struct call *call, struct session *session)
{
	const Rm__EndSession *request = call->request->end_session;
	int r = peer_may_lead(call->peer, session, request->key.data, request->key.len);

	if (r) {
		return call_explain(call, r, "session %u belongs to process %d", session->id,
				    session->owner->id.pid);
	}
	return broker_end_session(call->broker, session, call->peer, request->request_id.data,
				  NULL);
}

static int leave(struct call *call, struct join *join)
{
	const Rm__EndSession *request = call->request->end_session;
	int r = peer_may_leave(call->peer, join, request->key.data, request->key.len);

	if (r) {
		return call_explain(call, r, "join %u belongs to process %d", join->id,
				    join->process->id.pid);
	}
	return broker_leave_session(call->broker, join, call->peer, request->request_id.data, NULL);
}

static int end_session(struct call *call)
{
	const Rm__EndSession *request = call->request->end_session;
	struct session *session = session_find(&call->broker->sessions, request->session);
	struct join *join = NULL;
	int r;

	if (!session) {
		return answer_again(call, "session", request->session);
	}
	if (request->join) {
		join = join_find(session, request->join);
		if (!join) {
			return answer_again(call, "join", request->join);
		}
	}
	r = process_prepare_answered(call->peer);
	if (r < 0) {
		return r;
	}
	r = join ? leave(call, join) : end_as_primary(call, session);
	return r ? r : process_add_answered(call->peer, request->request_id.data);
}

int method_end_session(struct call *call)
{
	int r = end_session(call);

	if (r == 0) {
		call_fail(call, STATUS_SUCCESS, NULL);
	}
	return r;
}
