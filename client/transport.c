/* SPDX-License-Identifier: MIT */
/*
 * A call. The warm path is three system calls: fstat(2) in pool_take(), send(2), recv(2); the
 * deadline is SO_RCVTIMEO, set once a connection as long as it stays the same. A connection that
 * breaks is replaced and the request sent again, every 20 ms until the deadline (A50): the broker
 * may just be starting.
 *
 * What cannot be retried: a socket that is not safe, a broker of another protocol, no memory.
 */
#include "client/transport.h"

#include <errno.h>
#include <time.h>

#include "client/endpoint.h"
#include "client/exchange.h"
#include "client/state.h"
#include "proto/limits.h"

uint32_t transport_timeout_ms(void)
{
	const char *text = secure_getenv("RSTRTMGR_TIMEOUT_MS");
	uint64_t value = 0;

	for (const char *at = text; at && *at; at++) {
		if (*at < '0' || *at > '9' || value > MAX_CALL_TIMEOUT_MS) {
			return DEFAULT_CALL_TIMEOUT_MS;
		}
		value = value * 10 + (uint64_t)(*at - '0');
	}
	return value > 0 && value <= MAX_CALL_TIMEOUT_MS ? (uint32_t)value
							 : DEFAULT_CALL_TIMEOUT_MS;
}

/* A new connection to a broker that is to be trusted. */
static int open_connection(const struct deadline *deadline, struct pooled *ret_connection)
{
	struct endpoint endpoint;
	uint32_t left = deadline_left_ms(deadline);
	_cleanup_(closep) int fd = -1;
	int r;

	if (!left) {
		return -ETIMEDOUT;
	}
	r = endpoint_find(&endpoint, NULL, 0);
	if (r < 0) {
		return r;
	}
	r = endpoint_connect(&endpoint, (int)left, &fd);
	if (r < 0) {
		return r;
	}
	r = pool_identify(fd, ret_connection);
	if (r < 0) {
		return r;
	}
	r = exchange_set_timeout(ret_connection, left);
	if (r < 0) {
		return r;
	}
	(void)TAKE_FD(fd);
	pool_add(ret_connection);
	return 0;
}

static int pack(Rm__Request *request, struct frame_buffer *buffer)
{
	request->version = PROTOCOL_VERSION;
	request->id = 1; /* one call at a time on each connection */
	return codec_pack_request(request, buffer);
}

static int exchange_request(struct pooled *connection, const struct deadline *deadline,
			    Rm__Request *request, struct transport_reply *ret_reply)
{
	struct frame_buffer frame = {0};
	int r = pack(request, &frame);

	if (r == 0) {
		r = exchange(connection, &frame, request->id, deadline, NULL, ret_reply);
	}
	frame_buffer_done(&frame);
	return r;
}

static int send_end(struct pooled *connection, const struct deadline *deadline,
		    const struct pending *end)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__EndSession message = RM__END_SESSION__INIT;
	struct transport_reply reply;
	int r;

	reply.message = NULL;
	message.request_id = codec_bytes(end->request_id, REQUEST_ID_BYTES);
	message.session = end->session;
	message.join = end->join;
	message.key = codec_text(end->key);
	request.call_case = RM__REQUEST__CALL_END_SESSION;
	request.end_session = &message;
	r = exchange_request(connection, deadline, &request, &reply);
	transport_reply_done(&reply);
	return r;
}

/* What a start or a join made, from its reply. false: nothing. */
static bool read_made(const Rm__Reply *reply, struct pending *made)
{
	if (reply->status) {
		return false;
	}
	if (reply->result_case == RM__REPLY__RESULT_START_SESSION) {
		made->session = reply->start_session->session;
		codec_copy_text(&reply->start_session->key, made->key, sizeof(made->key));
		return true;
	}
	if (reply->result_case == RM__REPLY__RESULT_JOIN_SESSION) {
		made->session = reply->join_session->session;
		made->join = reply->join_session->join;
		return true;
	}
	return false;
}

/* A start or a join whose answer never came: sent again it has the same answer (A63), and what
 * it made is ended, since nobody has a handle for it. */
static int undo(struct pooled *connection, const struct deadline *deadline, struct pending *made)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__StartSession start = RM__START_SESSION__INIT;
	Rm__JoinSession join = RM__JOIN_SESSION__INIT;
	Rm__ProcessId owner = RM__PROCESS_ID__INIT;
	struct transport_reply reply;
	int r;

	reply.message = NULL;
	owner.pid = made->owner_pid;
	owner.start_time = made->owner_start_time;
	if (made->kind == PENDING_START) {
		start.request_id = codec_bytes(made->request_id, REQUEST_ID_BYTES);
		start.owner = made->owner_pid ? &owner : NULL;
		request.call_case = RM__REQUEST__CALL_START_SESSION;
		request.start_session = &start;
	} else {
		join.request_id = codec_bytes(made->request_id, REQUEST_ID_BYTES);
		join.key = codec_text(made->key);
		join.owner = made->owner_pid ? &owner : NULL;
		request.call_case = RM__REQUEST__CALL_JOIN_SESSION;
		request.join_session = &join;
	}
	r = exchange_request(connection, deadline, &request, &reply);
	if (r == 0 && read_made(reply.message, made)) {
		r = state_make_request_id(made->request_id);
		made->kind = PENDING_END;
		r = r < 0 ? r : send_end(connection, deadline, made);
	}
	transport_reply_done(&reply);
	return r;
}

/* What could not be told the broker before it went away is told it first (A10). */
static int send_all_pending(struct pooled *connection, const struct deadline *deadline)
{
	struct pending pending;

	while (pool_take_pending(&pending)) {
		int r = pending.kind == PENDING_END ? send_end(connection, deadline, &pending)
						    : undo(connection, deadline, &pending);

		if (r < 0) {
			pool_add_pending(&pending);
			return r;
		}
	}
	return 0;
}

/* A connection to make a call on: a kept one, else a new one. */
static int get_connection(const struct deadline *deadline, bool want_new,
			  struct pooled *ret_connection)
{
	int r = 0;

	ret_connection->fd = -1;
	if (!want_new) {
		r = pool_take(ret_connection);
	}
	if (r == 0 && ret_connection->fd < 0) {
		r = open_connection(deadline, ret_connection);
	}
	if (r < 0) {
		return r;
	}
	r = send_all_pending(ret_connection, deadline);
	if (r < 0) {
		pool_close(ret_connection);
	}
	return r;
}

/* Whether trying once more can help. */
static bool is_passing(int error)
{
	switch (error) {
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -EPIPE:
	case -EAGAIN:
		return true;
	case -ENOENT:
		return state_had_answer(); /* it was there: it is being replaced */
	default:
		return false;
	}
}

static int try_call(const struct frame_buffer *frame, uint64_t id, const struct deadline *deadline,
		    bool want_new, struct transport_gather *gather,
		    struct transport_reply *ret_reply)
{
	struct pooled connection;
	int r = get_connection(deadline, want_new, &connection);

	if (r < 0) {
		return r;
	}
	r = exchange(&connection, frame, id, deadline, gather, ret_reply);
	if (r || !ret_reply->message || ret_reply->message->id == 0) {
		pool_close(&connection);
	} else {
		pool_put(&connection);
	}
	return r;
}

static void pause_before_retry(const struct deadline *deadline)
{
	uint32_t left = deadline_left_ms(deadline);
	uint32_t ms = left < RECONNECT_INTERVAL_MS ? left : RECONNECT_INTERVAL_MS;
	struct timespec pause = {.tv_nsec = (long)ms * 1000000};

	(void)nanosleep(&pause, NULL); /* a signal only makes it shorter */
}

static int call_until(const struct frame_buffer *frame, uint64_t id,
		      const struct deadline *deadline, struct transport_gather *gather,
		      struct transport_reply *ret_reply)
{
	bool want_new = false;
	int r;

	for (;;) {
		r = try_call(frame, id, deadline, want_new, gather, ret_reply);
		if (r == 0) {
			state_set_had_answer();
			return 0;
		}
		transport_reply_done(ret_reply);
		if (!is_passing(r)) {
			return r;
		}
		if (want_new) {
			pause_before_retry(deadline);
		}
		if (!deadline_left_ms(deadline)) {
			return -ETIMEDOUT;
		}
		if (gather) {
			gather->on_again(gather);
		}
		want_new = true; /* kept ones of the same broker are as dead */
	}
}

int transport_call_with(Rm__Request *request, const struct deadline *deadline,
			struct transport_gather *gather, struct transport_reply *ret_reply)
{
	struct deadline own = deadline ? *deadline : deadline_begin();
	struct frame_buffer frame = {0};
	int r = pack(request, &frame);

	if (r == 0) {
		r = call_until(&frame, request->id, &own, gather, ret_reply);
	}
	frame_buffer_done(&frame);
	return r;
}

int transport_call(Rm__Request *request, struct transport_reply *ret_reply)
{
	return transport_call_with(request, NULL, NULL, ret_reply);
}

static int open_and_send(const struct frame_buffer *frame, const struct deadline *deadline,
			 int *ret_fd)
{
	struct endpoint endpoint;
	_cleanup_(closep) int fd = -1;
	uint32_t left = deadline_left_ms(deadline);
	int r;

	if (!left) {
		return -ETIMEDOUT;
	}
	r = endpoint_find(&endpoint, NULL, 0);
	if (r < 0) {
		return r;
	}
	r = endpoint_connect(&endpoint, (int)left, &fd);
	if (r < 0) {
		return r;
	}
	r = exchange_send(fd, frame->data, frame->size, deadline);
	if (r == 0) {
		*ret_fd = TAKE_FD(fd);
	}
	return r;
}

int transport_open(Rm__Request *request, int *ret_fd)
{
	struct deadline deadline = deadline_begin();
	struct frame_buffer frame = {0};
	int r = pack(request, &frame);

	if (r == 0) {
		while ((r = open_and_send(&frame, &deadline, ret_fd)) < 0 && is_passing(r)) {
			pause_before_retry(&deadline);
		}
	}
	frame_buffer_done(&frame);
	return r;
}
