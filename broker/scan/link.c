/* SPDX-License-Identifier: MIT */
/*
 * The worker's end of its connection. The broker never waits for a worker, so a worker may wait
 * for the broker: to be asked, and for room to answer. A half frame or an end in the middle of one
 * means that the broker has gone.
 */
#include "broker/scan/link.h"

#include <errno.h>
#include <sys/socket.h>

#include "proto/limits.h"

#define READ_BYTES 65536u
/* Requests that are read ahead while a question is answered; the others wait in the socket. */
#define MAX_AHEAD_BYTES (2u * (FRAME_HEADER_BYTES + MAX_FRAME_BYTES))

void worker_link_done(struct worker_link *link)
{
	closep(&link->fd);
	link->fd = -1;
	frame_buffer_done(&link->in);
	frame_buffer_done(&link->out);
}

/* Bytes read; -EAGAIN: none are there; -EPIPE: the end. */
static int read_more(struct worker_link *link, int flags)
{
	uint8_t *place = frame_buffer_reserve(&link->in, READ_BYTES);
	ssize_t n;

	if (!place) {
		return -ENOMEM;
	}
	do {
		n = recv(link->fd, place, READ_BYTES, flags);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return errno == ECONNRESET ? -EPIPE : negative_errno();
	}
	link->in.size += (size_t)n;
	return n ? (int)n : -EPIPE;
}

int worker_link_receive(struct worker_link *link, Rmscan__WorkerRequest **ret_request)
{
	const uint8_t *payload;
	size_t size;
	int r;

	while ((r = frame_next(link->in.data, link->in.size, &payload, &size)) == 0) {
		r = read_more(link, 0);
		if (r < 0) {
			return r;
		}
	}
	if (r < 0) {
		return -EBADMSG;
	}
	*ret_request = rmscan__worker_request__unpack(NULL, size, payload);
	frame_buffer_consume(&link->in, FRAME_HEADER_BYTES + size);
	return *ret_request ? 0 : -EBADMSG;
}

static bool is_cancel(const uint8_t *payload, size_t size, uint64_t token)
{
	Rmscan__WorkerRequest *request = rmscan__worker_request__unpack(NULL, size, payload);
	bool is = request && request->token == token &&
		  request->call_case == RMSCAN__WORKER_REQUEST__CALL_CANCEL;

	rmscan__worker_request__free_unpacked(request, NULL);
	return is;
}

bool worker_link_is_cancelled(struct worker_link *link, uint64_t token)
{
	const uint8_t *payload;
	size_t at = 0;
	size_t size;
	int r = 1;

	while (r > 0 && link->in.size < MAX_AHEAD_BYTES) {
		r = read_more(link, MSG_DONTWAIT);
	}
	if (r == -EPIPE) {
		return true;
	}
	while (frame_next(link->in.data + at, link->in.size - at, &payload, &size) > 0) {
		if (is_cancel(payload, size, token)) {
			return true;
		}
		at += FRAME_HEADER_BYTES + size;
	}
	return false;
}

int worker_link_send(struct worker_link *link, const Rmscan__WorkerReply *reply)
{
	size_t size = rmscan__worker_reply__get_packed_size(reply);
	size_t sent = 0;
	uint8_t *frame;
	ssize_t n;

	if (size > MAX_FRAME_BYTES) {
		return -EMSGSIZE;
	}
	link->out.size = 0;
	frame = frame_buffer_reserve(&link->out, FRAME_HEADER_BYTES + size);
	if (!frame) {
		return -ENOMEM;
	}
	frame_write_header(frame, (uint32_t)size);
	(void)rmscan__worker_reply__pack(reply, frame + FRAME_HEADER_BYTES);
	while (sent < FRAME_HEADER_BYTES + size) {
		n = send(link->fd, frame + sent, FRAME_HEADER_BYTES + size - sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR) {
			return negative_errno();
		}
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int worker_link_fail(struct worker_link *link, uint64_t token, int error)
{
	Rmscan__WorkerReply reply = RMSCAN__WORKER_REPLY__INIT;

	reply.token = token;
	reply.error = (uint32_t)(error < 0 ? -error : error);
	return worker_link_send(link, &reply);
}
