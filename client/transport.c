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
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "client/endpoint.h"
#include "client/state.h"
#include "proto/limits.h"

#define FIRST_READ_BYTES 512u

struct deadline {
	uint64_t at_ms;	   /* CLOCK_MONOTONIC */
	uint32_t total_ms; /* from the start of the call */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* this clock always exists */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

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

static struct deadline begin_deadline(void)
{
	uint32_t ms = transport_timeout_ms();

	return (struct deadline){.at_ms = now_ms() + ms, .total_ms = ms};
}

/* Milliseconds left, at least 1; 0: it has passed. */
static uint32_t left_ms(const struct deadline *deadline)
{
	uint64_t now = now_ms();

	return now >= deadline->at_ms ? 0 : (uint32_t)(deadline->at_ms - now);
}

static int set_receive_timeout(struct pooled *connection, uint32_t ms)
{
	struct timeval timeout = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	if (connection->timeout_ms == ms) {
		return 0;
	}
	if (setsockopt(connection->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		return negative_errno();
	}
	connection->timeout_ms = ms;
	return 0;
}

/* A kept connection has the time-out of the call that opened it, and this one may have less time:
 * RSTRTMGR_TIMEOUT_MS was changed, or some of it is spent. A little too long does not matter. */
static int shorten_timeout(struct pooled *connection, const struct deadline *deadline)
{
	uint32_t left;

	if (connection->timeout_ms <= deadline->total_ms) {
		return 0; /* receive_some() sees to what is left, should it run out */
	}
	left = left_ms(deadline);
	return left ? set_receive_timeout(connection, left) : -ETIMEDOUT;
}

static int send_all(int fd, const uint8_t *data, size_t size, const struct deadline *deadline)
{
	while (size) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			return -ECONNRESET;
		}
		if (n < 0 && !left_ms(deadline)) {
			return -ETIMEDOUT;
		}
		data += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Receives some bytes. -ECONNRESET: the broker has gone. A signal or a shortened time-out makes
 * us wait for what is left of the deadline. */
static ssize_t receive_some(struct pooled *connection, uint8_t *data, size_t size,
			    const struct deadline *deadline)
{
	for (;;) {
		ssize_t n = recv(connection->fd, data, size, 0);
		uint32_t left;
		int r;

		if (n > 0) {
			return n;
		}
		if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
			return -ECONNRESET;
		}
		left = left_ms(deadline);
		if (!left) {
			return -ETIMEDOUT;
		}
		r = set_receive_timeout(connection, left);
		if (r < 0) {
			return r;
		}
	}
}

/* Reads on until `buffer` holds a whole frame. */
static int receive_rest(struct pooled *connection, struct frame_buffer *buffer,
			const struct deadline *deadline)
{
	const uint8_t *payload;
	size_t size;
	int r;

	while ((r = frame_next(buffer->data, buffer->size, &payload, &size)) == 0) {
		uint8_t *to = frame_buffer_reserve(buffer, 65536);
		ssize_t n;

		if (!to) {
			return -ENOMEM;
		}
		n = receive_some(connection, to, 65536, deadline);
		if (n < 0) {
			return (int)n;
		}
		buffer->size += (size_t)n;
	}
	return r < 0 ? -EPROTO : 0;
}

static int unpack(struct transport_reply *reply, const uint8_t *payload, size_t size)
{
	int r = codec_unpack_reply(&reply->arena, payload, size, &reply->message);

	if (r == -ENOMEM) {
		return r;
	}
	return r < 0 || !reply->message ? -EPROTO : 0;
}

/* Receives one reply: mostly with one recv(2) into a buffer on the stack. */
static int receive_reply(struct pooled *connection, const struct deadline *deadline,
			 struct transport_reply *ret_reply)
{
	uint8_t first[FIRST_READ_BYTES];
	struct frame_buffer buffer = {0};
	const uint8_t *payload;
	size_t size;
	ssize_t n = receive_some(connection, first, sizeof(first), deadline);
	int r;

	if (n < 0) {
		return (int)n;
	}
	r = frame_next(first, (size_t)n, &payload, &size);
	if (r == 1) {
		return size + FRAME_HEADER_BYTES == (size_t)n ? unpack(ret_reply, payload, size)
							      : -EPROTO;
	}
	if (r < 0) {
		return -EPROTO;
	}
	r = frame_buffer_append(&buffer, first, (size_t)n);
	if (r == 0) {
		r = receive_rest(connection, &buffer, deadline);
	}
	if (r == 0) {
		r = unpack(ret_reply, buffer.data + FRAME_HEADER_BYTES,
			   buffer.size - FRAME_HEADER_BYTES);
	}
	frame_buffer_done(&buffer);
	return r;
}

void transport_reply_done(struct transport_reply *reply)
{
	codec_free_reply(&reply->arena, reply->message);
	reply->message = NULL;
}

/* One frame out and its reply in. The deadline begins anew with each sign of progress. */
static int exchange(struct pooled *connection, const struct frame_buffer *frame, uint64_t id,
		    const struct deadline *call_deadline, struct transport_reply *ret_reply)
{
	struct deadline deadline = *call_deadline;
	int r = shorten_timeout(connection, &deadline);

	if (r == 0) {
		r = send_all(connection->fd, frame->data, frame->size, &deadline);
	}

	while (r == 0) {
		transport_reply_done(ret_reply);
		r = receive_reply(connection, &deadline, ret_reply);
		if (r || !ret_reply->message) {
			break;
		}
		if (ret_reply->message->id != id && ret_reply->message->id != 0) {
			return -EPROTO;
		}
		if (!ret_reply->message->more) {
			return 0;
		}
		deadline.at_ms = now_ms() + transport_timeout_ms();
	}
	return r;
}

/* A new connection to a broker that is to be trusted. */
static int open_connection(const struct deadline *deadline, struct pooled *ret_connection)
{
	struct endpoint endpoint;
	uint32_t left = left_ms(deadline);
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
	r = set_receive_timeout(ret_connection, left);
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

static int send_pending(struct pooled *connection, const struct deadline *deadline,
			const struct pending_end *end)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__EndSession message = RM__END_SESSION__INIT;
	struct frame_buffer frame = {0};
	struct transport_reply reply;
	int r;

	reply.message = NULL;
	message.request_id = codec_bytes(end->request_id, REQUEST_ID_BYTES);
	message.session = end->session;
	message.join = end->join;
	message.key = codec_text(end->key);
	request.call_case = RM__REQUEST__CALL_END_SESSION;
	request.end_session = &message;
	r = pack(&request, &frame);
	if (r == 0) {
		r = exchange(connection, &frame, request.id, deadline, &reply);
	}
	transport_reply_done(&reply);
	frame_buffer_done(&frame);
	return r;
}

/* What could not be told the broker before it went away is told it first (A10). */
static int send_all_pending(struct pooled *connection, const struct deadline *deadline)
{
	struct pending_end end;

	while (pool_take_pending(&end)) {
		int r = send_pending(connection, deadline, &end);

		if (r < 0) {
			pool_add_pending(&end);
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
		    bool want_new, struct transport_reply *ret_reply)
{
	struct pooled connection;
	int r = get_connection(deadline, want_new, &connection);

	if (r < 0) {
		return r;
	}
	r = exchange(&connection, frame, id, deadline, ret_reply);
	if (r || !ret_reply->message || ret_reply->message->id == 0) {
		pool_close(&connection);
	} else {
		pool_put(&connection);
	}
	return r;
}

static void pause_before_retry(const struct deadline *deadline)
{
	uint32_t left = left_ms(deadline);
	uint32_t ms = left < RECONNECT_INTERVAL_MS ? left : RECONNECT_INTERVAL_MS;
	struct timespec pause = {.tv_nsec = (long)ms * 1000000};

	(void)nanosleep(&pause, NULL); /* a signal only makes it shorter */
}

static int call_until(const struct frame_buffer *frame, uint64_t id,
		      const struct deadline *deadline, struct transport_reply *ret_reply)
{
	bool want_new = false;
	int r;

	for (;;) {
		r = try_call(frame, id, deadline, want_new, ret_reply);
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
		if (!left_ms(deadline)) {
			return -ETIMEDOUT;
		}
		want_new = true; /* kept ones of the same broker are as dead */
	}
}

int transport_call(Rm__Request *request, struct transport_reply *ret_reply)
{
	struct deadline deadline = begin_deadline();
	struct frame_buffer frame = {0};
	int r = pack(request, &frame);

	if (r == 0) {
		r = call_until(&frame, request->id, &deadline, ret_reply);
	}
	frame_buffer_done(&frame);
	return r;
}

int transport_open(Rm__Request *request, int *ret_fd)
{
	struct deadline deadline = begin_deadline();
	struct endpoint endpoint;
	struct frame_buffer frame = {0};
	_cleanup_(closep) int fd = -1;
	int r;

	r = endpoint_find(&endpoint, NULL, 0);
	if (r < 0) {
		return r;
	}
	r = endpoint_connect(&endpoint, (int)transport_timeout_ms(), &fd);
	if (r < 0) {
		return r;
	}
	r = pack(request, &frame);
	if (r == 0) {
		r = send_all(fd, frame.data, frame.size, &deadline);
	}
	frame_buffer_done(&frame);
	if (r == 0) {
		*ret_fd = TAKE_FD(fd);
	}
	return r;
}
