/* SPDX-License-Identifier: MIT */
/*
 * The stream of events: one request on a connection of its own, then notifications for as long
 * as the caller reads. What has been received and not yet returned waits in a buffer; the
 * texts of an event lie in the watch and live until the next one.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "client/session.h"
#include "proto/clock.h"
#include "proto/status.h"

#define READ_BYTES 16384u

struct rm_watch {
	int fd;			/* owned */
	struct frame_buffer in; /* owned */
	char kind[MAX_NAME_BYTES + 1];
	char name[MAX_NAME_BYTES + 1];
	char detail[MAX_DETAIL_BYTES + 1];
};

static void watch_freep(struct rm_watch **watch)
{
	rm_watch_close(*watch);
}

int rm_watch_open(int history, struct rm_watch **ret_watch)
{
	_cleanup_(watch_freep) struct rm_watch *watch = NULL;
	Rm__Request request = RM__REQUEST__INIT;
	Rm__WatchEvents message = RM__WATCH_EVENTS__INIT;
	int r;

	if (!ret_watch) {
		return STATUS_BAD_ARGUMENTS;
	}
	watch = calloc(1, sizeof(*watch));
	if (!watch) {
		return STATUS_OUTOFMEMORY;
	}
	watch->fd = -1;
	message.history = history != 0;
	request.call_case = RM__REQUEST__CALL_WATCH_EVENTS;
	request.watch_events = &message;
	r = transport_open(&request, &watch->fd);
	if (r < 0) {
		return (int)status_from_errno(r);
	}
	*ret_watch = TAKE_PTR(watch);
	return 0;
}

static void fill_event(struct rm_watch *watch, const Rm__Event *from, struct rm_event *ret_event)
{
	codec_copy_text(&from->kind, watch->kind, sizeof(watch->kind));
	codec_copy_text(&from->name, watch->name, sizeof(watch->name));
	codec_copy_text(&from->detail, watch->detail, sizeof(watch->detail));
	*ret_event = (struct rm_event){
		.number = from->number,
		.time_us = from->time_us,
		.kind = watch->kind,
		.session = from->session,
		.pid = from->pid,
		.name = watch->name,
		.detail = watch->detail,
	};
}

/* One frame's event. */
static int read_event(struct rm_watch *watch, const uint8_t *payload, size_t size,
		      struct rm_event *ret_event)
{
	struct transport_reply reply;
	int r;

	reply.message = NULL;
	if (codec_unpack_reply(&reply.arena, payload, size, &reply.message) < 0 ||
	    (!reply.message->status && reply.message->result_case != RM__REPLY__RESULT_EVENT)) {
		r = STATUS_SERVER_UNAVAILABLE;
	} else {
		r = (int)reply.message->status;
	}
	if (r == 0) {
		fill_event(watch, reply.message->event, ret_event);
	}
	transport_reply_done(&reply);
	return r;
}

/* 0; ERROR_MORE_DATA: no whole frame is there yet. */
static int take_event(struct rm_watch *watch, struct rm_event *ret_event)
{
	const uint8_t *payload;
	size_t size;
	int r = frame_next(watch->in.data, watch->in.size, &payload, &size);

	if (r < 0) {
		return STATUS_SERVER_UNAVAILABLE;
	}
	if (r == 0) {
		return STATUS_MORE_DATA;
	}
	r = read_event(watch, payload, size, ret_event);
	frame_buffer_consume(&watch->in, FRAME_HEADER_BYTES + size);
	return r;
}

static int read_more(struct rm_watch *watch)
{
	uint8_t *to = frame_buffer_reserve(&watch->in, READ_BYTES);
	ssize_t n;

	if (!to) {
		return STATUS_OUTOFMEMORY;
	}
	n = recv(watch->fd, to, READ_BYTES, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		return STATUS_SERVER_UNAVAILABLE;
	}
	watch->in.size += n > 0 ? (size_t)n : 0;
	return 0;
}

/* Waits and reads. 121: the time is over. */
static int wait_more(struct rm_watch *watch, int timeout_ms, uint64_t end_ms)
{
	struct pollfd poll_fd = {.fd = watch->fd, .events = POLLIN};
	uint64_t now = clock_monotonic_ms();
	int left = timeout_ms < 0 ? -1 : now < end_ms ? (int)(end_ms - now) : 0;
	int n = poll(&poll_fd, 1, left);

	if (n < 0 && errno != EINTR) {
		return STATUS_SERVER_UNAVAILABLE;
	}
	if (n == 0) {
		return STATUS_SEM_TIMEOUT;
	}
	return n < 0 ? 0 : read_more(watch);
}

int rm_watch_next(struct rm_watch *watch, int timeout_ms, struct rm_event *ret_event)
{
	uint64_t end_ms;
	int r;

	if (!watch || !ret_event) {
		return STATUS_BAD_ARGUMENTS;
	}
	end_ms = clock_monotonic_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);
	while ((r = take_event(watch, ret_event)) == STATUS_MORE_DATA) {
		r = wait_more(watch, timeout_ms, end_ms);
		if (r) {
			break;
		}
	}
	return r;
}

int rm_watch_fd(const struct rm_watch *watch)
{
	return watch->fd;
}

void rm_watch_close(struct rm_watch *watch)
{
	if (watch) {
		closep(&watch->fd);
		frame_buffer_done(&watch->in);
		free(watch);
	}
}
