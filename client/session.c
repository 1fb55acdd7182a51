/* SPDX-License-Identifier: MIT */
/*
 * The native face's sessions: fills requests, reads replies. A session knows its id and key and
 * nothing about connections; the broker knows this process by its pidfd.
 */
#include "client/session.h"

#include <errno.h>
#include <string.h>

#include "client/state.h"
#include "proto/status.h"

const char *rm_code_name(int code)
{
	return status_name((uint32_t)code);
}

const char *rm_strerror(int code)
{
	return status_text((uint32_t)code);
}

int session_check(const struct rm_session *session)
{
	if (!session) {
		return STATUS_BAD_ARGUMENTS;
	}
	return session->epoch == state_epoch() ? 0 : STATUS_INVALID_HANDLE;
}

ProtobufCBinaryData session_key_field(const struct rm_session *session)
{
	return codec_text(session->is_attached ? session->key : "");
}

int session_call_with(Rm__Request *request, const struct deadline *deadline,
		      struct transport_gather *gather, struct transport_reply *ret_reply)
{
	int r;

	ret_reply->message = NULL;
	r = transport_call_with(request, deadline, gather, ret_reply);
	return (int)(r < 0 ? status_from_errno(r) : ret_reply->message->status);
}

int session_call(Rm__Request *request, struct transport_reply *ret_reply)
{
	return session_call_with(request, NULL, NULL, ret_reply);
}

static void session_freep(struct rm_session **session)
{
	rm_session_free(*session);
}

static int session_new(struct rm_session **ret_session)
{
	struct rm_session *session = malloc(sizeof(*session)); /* calloc(3) is slower with glibc */

	if (!session) {
		return STATUS_OUTOFMEMORY;
	}
	*session = (struct rm_session){.epoch = state_epoch()};
	*ret_session = session;
	return 0;
}

/* `owner` stays unset when the caller itself is meant. */
static int fill_owner(int owner_pidfd, Rm__ProcessId *storage, Rm__ProcessId **ret_owner)
{
	struct rm_process_id id;
	int r;

	rm__process_id__init(storage);
	if (owner_pidfd == -1) {
		return 0;
	}
	r = rm_process_id_from_pidfd(owner_pidfd, &id);
	if (r == 0) {
		storage->pid = id.pid;
		storage->start_time = id.start_time;
		*ret_owner = storage;
	}
	return r;
}

/* Whether the answer is that of a broker that is not there. */
static bool is_away(int error)
{
	return error == -ETIMEDOUT || error == -ENOENT || error == -ECONNREFUSED;
}

/* session_call() for a start or a join. When its time is over the broker may have made it all
 * the same, now or when it goes on; so it is undone on the next call. */
static int make_call(Rm__Request *request, enum pending_kind kind, const uint8_t *request_id,
		     const char *key, const Rm__ProcessId *owner, struct transport_reply *ret_reply)
{
	struct pending pending = {.kind = kind};
	int r;

	ret_reply->message = NULL;
	r = transport_call(request, ret_reply);
	if (r == -ETIMEDOUT) {
		memcpy(pending.request_id, request_id, REQUEST_ID_BYTES);
		memcpy(pending.key, key, sizeof(pending.key));
		pending.owner_pid = owner ? owner->pid : 0;
		pending.owner_start_time = owner ? owner->start_time : 0;
		pool_add_pending(&pending);
	}
	return (int)(r < 0 ? status_from_errno(r) : ret_reply->message->status);
}

static int start(struct rm_session *session, int owner_pidfd)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__StartSession message = RM__START_SESSION__INIT;
	Rm__ProcessId owner;
	uint8_t request_id[REQUEST_ID_BYTES];
	struct transport_reply reply;
	int r;

	if (state_make_request_id(request_id) < 0) {
		return STATUS_OUTOFMEMORY;
	}
	r = fill_owner(owner_pidfd, &owner, &message.owner);
	if (r) {
		return r;
	}
	message.request_id = codec_bytes(request_id, sizeof(request_id));
	request.call_case = RM__REQUEST__CALL_START_SESSION;
	request.start_session = &message;
	r = make_call(&request, PENDING_START, request_id, session->key, message.owner, &reply);
	if (r == 0 && reply.message->result_case != RM__REPLY__RESULT_START_SESSION) {
		r = STATUS_SERVER_UNAVAILABLE;
	}
	if (r == 0) {
		session->id = reply.message->start_session->session;
		memcpy(session->key, reply.message->start_session->key.data, SESSION_KEY_DIGITS);
	}
	transport_reply_done(&reply);
	return r;
}

int rm_session_start(int owner_pidfd, struct rm_session **ret_session)
{
	_cleanup_(session_freep) struct rm_session *session = NULL;
	int r;

	if (!ret_session) {
		return STATUS_BAD_ARGUMENTS;
	}
	r = session_new(&session);
	if (r == 0) {
		r = start(session, owner_pidfd);
	}
	if (r == 0) {
		session->epoch = state_epoch(); /* the first call has begun it */
		session->is_attached = owner_pidfd != -1;
		*ret_session = TAKE_PTR(session);
	}
	return r;
}

static int join(struct rm_session *session, int owner_pidfd)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__JoinSession message = RM__JOIN_SESSION__INIT;
	Rm__ProcessId owner;
	uint8_t request_id[REQUEST_ID_BYTES];
	struct transport_reply reply;
	int r;

	if (state_make_request_id(request_id) < 0) {
		return STATUS_OUTOFMEMORY;
	}
	r = fill_owner(owner_pidfd, &owner, &message.owner);
	if (r) {
		return r;
	}
	message.request_id = codec_bytes(request_id, sizeof(request_id));
	message.key = codec_text(session->key);
	request.call_case = RM__REQUEST__CALL_JOIN_SESSION;
	request.join_session = &message;
	r = make_call(&request, PENDING_JOIN, request_id, session->key, message.owner, &reply);
	if (r == 0 && reply.message->result_case != RM__REPLY__RESULT_JOIN_SESSION) {
		r = STATUS_SERVER_UNAVAILABLE;
	}
	if (r == 0) {
		session->id = reply.message->join_session->session;
		session->join = reply.message->join_session->join;
	}
	transport_reply_done(&reply);
	return r;
}

/* 32 hex digits, made lower case. */
static int copy_key(const char *key, char ret_key[SESSION_KEY_DIGITS + 1])
{
	size_t n = strnlen(key, SESSION_KEY_DIGITS + 1);

	if (n != SESSION_KEY_DIGITS || strspn(key, "0123456789abcdefABCDEF") < n) {
		return STATUS_SESSION_CREDENTIAL_CONFLICT;
	}
	for (size_t i = 0; i < n; i++) {
		ret_key[i] = (char)(key[i] >= 'A' && key[i] <= 'F' ? key[i] | 0x20 : key[i]);
	}
	ret_key[n] = '\0';
	return 0;
}

int rm_session_join(const char *key, int owner_pidfd, struct rm_session **ret_session)
{
	_cleanup_(session_freep) struct rm_session *session = NULL;
	int r;

	if (!key || !ret_session) {
		return STATUS_BAD_ARGUMENTS;
	}
	r = session_new(&session);
	if (r == 0) {
		r = copy_key(key, session->key);
	}
	if (r == 0) {
		r = join(session, owner_pidfd);
	}
	if (r == 0) {
		session->epoch = state_epoch();
		session->is_attached = owner_pidfd != -1;
		*ret_session = TAKE_PTR(session);
	}
	return r;
}

int rm_session_attach(uint32_t id, const char *key, struct rm_session **ret_session)
{
	_cleanup_(session_freep) struct rm_session *session = NULL;
	Rm__Request request = RM__REQUEST__INIT;
	Rm__AttachSession message = RM__ATTACH_SESSION__INIT;
	struct transport_reply reply;
	int r;

	if (!key || !ret_session) {
		return STATUS_BAD_ARGUMENTS;
	}
	r = session_new(&session);
	if (r == 0) {
		r = copy_key(key, session->key);
	}
	if (r) {
		return r;
	}
	message.session = id;
	message.key = codec_text(session->key);
	request.call_case = RM__REQUEST__CALL_ATTACH_SESSION;
	request.attach_session = &message;
	r = session_call(&request, &reply);
	transport_reply_done(&reply);
	if (r == 0) {
		session->id = id;
		session->epoch = state_epoch();
		session->is_attached = true;
		*ret_session = TAKE_PTR(session);
	}
	return r;
}

static void keep_end(const struct rm_session *session, const uint8_t *request_id)
{
	struct pending end = {.kind = PENDING_END, .session = session->id, .join = session->join};

	memcpy(end.request_id, request_id, REQUEST_ID_BYTES);
	if (session->is_attached) {
		memcpy(end.key, session->key, sizeof(end.key));
	}
	pool_add_pending(&end);
}

static int end(const struct rm_session *session)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__EndSession message = RM__END_SESSION__INIT;
	uint8_t request_id[REQUEST_ID_BYTES];
	struct transport_reply reply;
	int r;

	if (state_make_request_id(request_id) < 0) {
		return STATUS_OUTOFMEMORY;
	}
	message.request_id = codec_bytes(request_id, sizeof(request_id));
	message.session = session->id;
	message.join = session->join;
	message.key = session_key_field(session);
	request.call_case = RM__REQUEST__CALL_END_SESSION;
	request.end_session = &message;
	reply.message = NULL;
	r = transport_call(&request, &reply);
	if (r < 0 && is_away(r)) {
		keep_end(session, request_id); /* said later (A10) */
		return 0;
	}
	r = (int)(r < 0 ? status_from_errno(r) : reply.message->status);
	transport_reply_done(&reply);
	/* The session may have ended under a secondary: for it that is no error (A10). */
	return r == STATUS_INVALID_HANDLE && session->join ? 0 : r;
}

int rm_session_end(struct rm_session *session)
{
	int r;

	if (!session) {
		return 0;
	}
	r = session->epoch == state_epoch() ? end(session) : STATUS_INVALID_HANDLE;
	if (r == 0 || r == STATUS_INVALID_HANDLE) {
		rm_session_free(session);
	}
	return r;
}

void rm_session_free(struct rm_session *session)
{
	if (session) {
		explicit_bzero(session->key, sizeof(session->key));
		free(session);
	}
}

uint32_t rm_session_id(const struct rm_session *session)
{
	return session->id;
}

const char *rm_session_key(const struct rm_session *session)
{
	return session->key;
}
