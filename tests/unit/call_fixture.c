/* SPDX-License-Identifier: MIT */
/*
 * dispatch() in memory. Requests and replies go through the codec, so that a handler is given
 * only what a connection would give it, and answers only what a client would accept.
 */
#include "tests/unit/call_fixture.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/dispatch.h"
#include "broker/log.h"

#define NOBODY 65534

void broker_fixture_open(struct broker_fixture *fixture, uint32_t max_sessions)
{
	struct config config;

	log_init(-1);
	ck_assert_int_eq(uv_loop_init(&fixture->loop), 0);
	config_init(&config);
	if (max_sessions) {
		config.max_sessions = max_sessions;
	}
	ck_assert_int_eq(broker_init(&fixture->broker, &fixture->loop, false, &config,
				     fixture_path("journal")),
			 0);
}

void broker_fixture_close(struct broker_fixture *fixture)
{
	broker_close(&fixture->broker);
	ck_assert_int_eq(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&fixture->loop), 0);
	broker_done(&fixture->broker);
}

void broker_fixture_await_gone(struct broker_fixture *fixture, pid_t pid)
{
	struct process *process;

	do {
		(void)uv_run(&fixture->loop, UV_RUN_ONCE);
		HASH_FIND(hh, fixture->broker.processes.by_pid, &pid, sizeof(pid), process);
	} while (process);
	(void)uv_run(&fixture->loop, UV_RUN_NOWAIT); /* its handle closes */
}

static int on_send(struct call_sink *sink, const Rm__Reply *reply)
{
	return codec_pack_reply(reply, &container_of(sink, struct caller, sink)->sent);
}

static bool on_is_clear(const struct call_sink *sink)
{
	return container_of(sink, struct caller, sink)->is_clear;
}

void caller_init(struct caller *caller, struct broker_fixture *fixture, pid_t pid)
{
	struct process_id id = {.pid = pid};
	struct process *process;

	*caller = (struct caller){.sink = {.send = on_send, .is_clear = on_is_clear},
				  .fixture = fixture,
				  .is_clear = true};
	ck_assert_int_eq(process_find_or_open(&fixture->broker.processes, &id, &process), 0);
	process->n_connections++;
	caller->call.broker = &fixture->broker;
	caller->call.peer = process;
	caller->call.sink = &caller->sink;
}

void caller_lost(struct caller *caller)
{
	codec_free_reply(&caller->arena, caller->reply);
	frame_buffer_done(&caller->sent);
}

void caller_done(struct caller *caller)
{
	call_gone(&caller->call);
	caller->call.peer->n_connections--;
	process_settle(caller->call.peer);
	caller_lost(caller);
}

const Rm__Reply *caller_next(struct caller *caller)
{
	const uint8_t *payload;
	size_t size;

	codec_free_reply(&caller->arena, caller->reply);
	caller->reply = NULL;
	if (frame_next(caller->sent.data, caller->sent.size, &payload, &size) == 0) {
		return NULL;
	}
	ck_assert_int_eq(codec_unpack_reply(&caller->arena, payload, size, &caller->reply), 0);
	frame_buffer_consume(&caller->sent, FRAME_HEADER_BYTES + size);
	return caller->reply;
}

/* Nothing may be asserted while the disk is limited: Check writes to a file of its own. */
static void serve(struct caller *caller, const Rm__Request *request)
{
	if (caller->disk_bytes) {
		disk_limit(caller->disk_bytes);
	}
	if (caller->before) {
		caller->before();
	}
	dispatch(&caller->call, request);
	if (caller->after) {
		caller->after();
	}
	if (caller->disk_bytes) {
		disk_limit(RLIM_INFINITY);
	}
}

void caller_send(struct caller *caller, Rm__Request *request)
{
	static uint64_t last_id;
	struct codec_arena arena;
	struct frame_buffer frame = {0};
	Rm__Request *unpacked;
	const uint8_t *payload;
	size_t size;

	request->version = PROTOCOL_VERSION;
	request->id = ++last_id;
	ck_assert_int_eq(codec_pack_request(request, &frame), 0);
	ck_assert_int_eq(frame_next(frame.data, frame.size, &payload, &size), 1);
	ck_assert_int_eq(codec_unpack_request(&arena, payload, size, &unpacked), 0);
	frame_buffer_done(&frame);
	serve(caller, unpacked);
	codec_free_request(&arena, unpacked);
}

const Rm__Reply *caller_ask(struct caller *caller, Rm__Request *request)
{
	const Rm__Reply *reply;

	ck_assert_uint_eq(caller->sent.size, 0);
	caller_send(caller, request);
	reply = caller_next(caller);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(caller->sent.size, 0);
	ck_assert_uint_eq(reply->id, request->id);
	ck_assert_int_eq(reply->more, false);
	ck_assert_int_eq(caller->call.state, CALL_IDLE);
	if (reply->status) {
		ck_assert_uint_gt(reply->detail.len, 0);
		ck_assert_int_eq(reply->result_case, RM__REPLY__RESULT__NOT_SET);
	}
	return reply;
}

/* Static, of the last call. */
static ProtobufCBinaryData request_id_of(uint32_t number)
{
	static uint8_t id[REQUEST_ID_BYTES];

	memset(id, 0x5c, sizeof(id));
	memcpy(id + 3, &number, sizeof(number));
	return codec_bytes(id, sizeof(id));
}

static uint32_t start(struct caller *caller, uint32_t request_id, Rm__ProcessId *owner,
		      struct started *ret_started)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__StartSession start = RM__START_SESSION__INIT;
	const Rm__Reply *reply;

	start.request_id = request_id_of(request_id);
	start.owner = owner;
	request.call_case = RM__REQUEST__CALL_START_SESSION;
	request.start_session = &start;
	reply = caller_ask(caller, &request);
	if (!reply->status) {
		ck_assert_int_eq(reply->result_case, RM__REPLY__RESULT_START_SESSION);
		ret_started->session = reply->start_session->session;
		codec_copy_text(&reply->start_session->key, ret_started->key,
				sizeof(ret_started->key));
		ck_assert_uint_eq(strlen(ret_started->key), SESSION_KEY_DIGITS);
	}
	return reply->status;
}

uint32_t ask_start(struct caller *caller, uint32_t request_id, struct started *ret_started)
{
	return start(caller, request_id, NULL, ret_started);
}

uint32_t ask_start_owned(struct caller *caller, uint32_t request_id, pid_t owner,
			 uint64_t start_time, struct started *ret_started)
{
	Rm__ProcessId id = RM__PROCESS_ID__INIT;

	id.pid = (uint32_t)owner;
	id.start_time = start_time;
	return start(caller, request_id, &id, ret_started);
}

uint32_t ask_join(struct caller *caller, uint32_t request_id, const char *key, uint32_t *ret_join)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__JoinSession join = RM__JOIN_SESSION__INIT;
	const Rm__Reply *reply;

	join.request_id = request_id_of(request_id);
	join.key = codec_text(key);
	request.call_case = RM__REQUEST__CALL_JOIN_SESSION;
	request.join_session = &join;
	reply = caller_ask(caller, &request);
	if (!reply->status) {
		ck_assert_int_eq(reply->result_case, RM__REPLY__RESULT_JOIN_SESSION);
		*ret_join = reply->join_session->join;
	}
	return reply->status;
}

uint32_t ask_attach(struct caller *caller, uint32_t session, const char *key)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__AttachSession attach = RM__ATTACH_SESSION__INIT;

	attach.session = session;
	attach.key = codec_text(key);
	request.call_case = RM__REQUEST__CALL_ATTACH_SESSION;
	request.attach_session = &attach;
	return caller_ask(caller, &request)->status;
}

uint32_t ask_end(struct caller *caller, uint32_t request_id, uint32_t session, uint32_t join,
		 const char *key)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__EndSession end = RM__END_SESSION__INIT;

	end.request_id = request_id_of(request_id);
	end.session = session;
	end.join = join;
	end.key = codec_text(key);
	request.call_case = RM__REQUEST__CALL_END_SESSION;
	request.end_session = &end;
	return caller_ask(caller, &request)->status;
}

uint32_t ask_close(struct caller *caller, uint32_t request_id, uint32_t session)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__CloseSession close_session = RM__CLOSE_SESSION__INIT;

	close_session.request_id = request_id_of(request_id);
	close_session.session = session;
	request.call_case = RM__REQUEST__CALL_CLOSE_SESSION;
	request.close_session = &close_session;
	return caller_ask(caller, &request)->status;
}

const Rm__Reply *ask_list(struct caller *caller)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__ListSessions list = RM__LIST_SESSIONS__INIT;

	request.call_case = RM__REQUEST__CALL_LIST_SESSIONS;
	request.list_sessions = &list;
	return caller_ask(caller, &request);
}

const Rm__Reply *ask_show(struct caller *caller, uint32_t session)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__ShowSession show = RM__SHOW_SESSION__INIT;

	show.session = session;
	request.call_case = RM__REQUEST__CALL_SHOW_SESSION;
	request.show_session = &show;
	return caller_ask(caller, &request);
}

void send_watch(struct caller *caller, uint64_t after, bool history)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__WatchEvents watch = RM__WATCH_EVENTS__INIT;

	watch.after = after;
	watch.history = history;
	request.call_case = RM__REQUEST__CALL_WATCH_EVENTS;
	request.watch_events = &watch;
	caller_send(caller, &request);
}

void become_nobody(void)
{
	char directory[PATH_MAX];

	if (geteuid() != 0) {
		return;
	}
	(void)strcpy(directory, fixture_path("."));
	ck_assert_int_eq(chown(directory, NOBODY, NOBODY), 0);
	ck_assert_int_eq(chmod(fixture_path("../."), 0711), 0);
	ck_assert_int_eq(setresgid(NOBODY, NOBODY, NOBODY), 0);
	ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0); /* its own /proc/self is its own again */
}
