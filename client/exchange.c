/* SPDX-License-Identifier: MIT */
/*
 * One call on one connection. SO_RCVTIMEO is the deadline, so that waiting is one recv(2); a
 * signal or a shorter deadline makes it wait again for what is left. A reply mostly comes whole
 * with one recv(2) into a buffer on the stack.
 */
#include "client/exchange.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "proto/clock.h"

#define FIRST_READ_BYTES 512u

struct deadline deadline_begin(void)
{
	uint32_t ms = transport_timeout_ms();

	return (struct deadline){.at_ms = clock_monotonic_ms() + ms, .total_ms = ms};
}

uint32_t deadline_left_ms(const struct deadline *deadline)
{
	uint64_t now = clock_monotonic_ms();

	return now >= deadline->at_ms ? 0 : (uint32_t)(deadline->at_ms - now);
}

int exchange_set_timeout(struct pooled *connection, uint32_t ms)
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
	left = deadline_left_ms(deadline);
	return left ? exchange_set_timeout(connection, left) : -ETIMEDOUT;
}

int exchange_send(int fd, const uint8_t *data, size_t size, const struct deadline *deadline)
{
	while (size) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			return -ECONNRESET;
		}
		if (n < 0 && !deadline_left_ms(deadline)) {
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
		left = deadline_left_ms(deadline);
		if (!left) {
			return -ETIMEDOUT;
		}
		r = exchange_set_timeout(connection, left);
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

/* One frame from the start of `buffer`. */
static int unpack_first(struct transport_reply *reply, struct frame_buffer *buffer)
{
	const uint8_t *payload;
	size_t size;
	int r = frame_next(buffer->data, buffer->size, &payload, &size);

	if (r != 1) {
		return -EPROTO;
	}
	r = unpack(reply, payload, size);
	frame_buffer_consume(buffer, FRAME_HEADER_BYTES + size);
	return r;
}

/* Receives one reply: mostly with one recv(2) into a buffer on the stack. What came behind it
 * (a notification is followed by others) stays in `rest`. */
static int receive_reply(struct pooled *connection, const struct deadline *deadline,
			 struct frame_buffer *rest, struct transport_reply *ret_reply)
{
	uint8_t first[FIRST_READ_BYTES];
	const uint8_t *payload;
	size_t size;
	ssize_t n;
	int r;

	if (rest->size == 0) {
		n = receive_some(connection, first, sizeof(first), deadline);
		if (n < 0) {
			return (int)n;
		}
		r = frame_next(first, (size_t)n, &payload, &size);
		if (r == 1 && size + FRAME_HEADER_BYTES == (size_t)n) {
			return unpack(ret_reply, payload, size);
		}
		if (r < 0) {
			return -EPROTO;
		}
		r = frame_buffer_append(rest, first, (size_t)n);
		if (r < 0) {
			return r;
		}
	}
	r = receive_rest(connection, rest, deadline);
	return r < 0 ? r : unpack_first(ret_reply, rest);
}

void transport_reply_done(struct transport_reply *reply)
{
	codec_free_reply(&reply->arena, reply->message);
	reply->message = NULL;
}

/* A notification. Progress tells only that the broker is at it. */
static int take_part(struct transport_gather *gather, const Rm__Reply *part)
{
	bool has_content = part->result_case != RM__REPLY__RESULT__NOT_SET &&
			   part->result_case != RM__REPLY__RESULT_PROGRESS;

	return gather && has_content ? gather->on_part(gather, part) : 0;
}

/* Reads replies until the one that ends the call. The deadline begins anew with each sign of
 * progress. */
static int receive_last(struct pooled *connection, uint64_t id, struct deadline deadline,
			struct transport_gather *gather, struct frame_buffer *rest,
			struct transport_reply *ret_reply)
{
	for (;;) {
		int r = receive_reply(connection, &deadline, rest, ret_reply);

		if (r || !ret_reply->message) {
			return r;
		}
		if (ret_reply->message->id != id && ret_reply->message->id != 0) {
			return -EPROTO;
		}
		if (!ret_reply->message->more) {
			return rest->size ? -EPROTO : 0;
		}
		r = take_part(gather, ret_reply->message);
		transport_reply_done(ret_reply);
		if (r < 0) {
			return r;
		}
		deadline = deadline_begin();
	}
}

int exchange(struct pooled *connection, const struct frame_buffer *frame, uint64_t id,
	     const struct deadline *deadline, struct transport_gather *gather,
	     struct transport_reply *ret_reply)
{
	struct frame_buffer rest = {0};
	int r = shorten_timeout(connection, deadline);

	if (r == 0) {
		r = exchange_send(connection->fd, frame->data, frame->size, deadline);
	}
	if (r == 0) {
		r = receive_last(connection, id, *deadline, gather, &rest, ret_reply);
	}
	frame_buffer_done(&rest);
	return r;
}
