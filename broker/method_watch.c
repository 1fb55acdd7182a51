/* SPDX-License-Identifier: MIT */
/*
 * `rmctl watch`: a deferred call that sends events as notifications. A watcher keeps only the
 * number of the last event it was sent; when its peer is slow it waits for call_clear() and
 * goes on from the ring, so a watcher that never reads costs nothing but its one notification.
 */
#include <errno.h>

#include "broker/broker.h"
#include "broker/methods.h"

struct watcher {
	struct event_listener listener;
	struct call *call; /* borrowed: its connection frees us in on_gone */
	uint64_t seen;	   /* number of the last event sent */
};

static void send_event(struct call *call, const struct event *event)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__Event message = RM__EVENT__INIT;

	message.number = event->number;
	message.time_us = event->time_us;
	message.kind = codec_text(event_kind_name(event->kind));
	message.session = event->session;
	message.pid = event->pid;
	message.name = codec_text(event->name);
	message.detail = codec_text(event->detail);
	reply.result_case = RM__REPLY__RESULT_EVENT;
	reply.event = &message;
	call_notify(call, &reply);
}

static void send_events(struct watcher *watcher)
{
	const struct event_log *log = &watcher->call->broker->events;
	const struct event *event;

	while (watcher->call->state != CALL_IDLE &&
	       watcher->call->sink->is_clear(watcher->call->sink) &&
	       (event = event_log_next(log, watcher->seen))) {
		watcher->seen = event->number;
		send_event(watcher->call, event);
	}
}

static void on_event(struct event_listener *listener)
{
	send_events(container_of(listener, struct watcher, listener));
}

static void on_clear(struct call *call, void *deferred)
{
	(void)call;
	send_events(deferred);
}

static void on_gone(struct call *call, void *deferred)
{
	struct watcher *watcher = deferred;

	event_log_unlisten(&call->broker->events, &watcher->listener);
	free(watcher);
}

int method_watch_events(struct call *call)
{
	const Rm__WatchEvents *request = call->request->watch_events;
	struct event_log *log = &call->broker->events;
	struct watcher *watcher = calloc(1, sizeof(*watcher));

	if (!watcher) {
		return -ENOMEM;
	}
	watcher->call = call;
	watcher->listener.on_event = on_event;
	watcher->seen = request->history || request->after ? request->after : log->last_number;
	event_log_listen(log, &watcher->listener);
	call_defer(call, on_gone, on_clear, watcher);
	send_events(watcher);
	return 0;
}
