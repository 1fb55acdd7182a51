/* SPDX-License-Identifier: MIT */
/*
 * The ring of session events. It is written on every change, so an event is a fixed struct and
 * adding one allocates nothing. Readers keep the number of the last event they saw; a reader
 * that was too slow sees a gap in the numbers, and no other reader and no session waits for it.
 */
#include "broker/event_log.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "proto/clock.h"

const char *event_kind_name(enum event_kind kind)
{
	static const char *const names[_EVENT_KIND_COUNT] = {
		[EVENT_BROKER_STARTED] = "broker-started",
		[EVENT_SESSION_STARTED] = "started",
		[EVENT_SESSION_JOINED] = "joined",
		[EVENT_SESSION_LEFT] = "left",
		[EVENT_SESSION_ENDED] = "ended",
		[EVENT_SESSION_RESTORED] = "restored",
		[EVENT_SESSION_LOST] = "lost",
		[EVENT_SESSION_REFUSED] = "refused",
		[EVENT_SESSION_REGISTERED] = "registered",
		[EVENT_SESSION_FILTERED] = "filtered",
	};

	return names[kind];
}

int event_log_init(struct event_log *log)
{
	*log = (struct event_log){0};
	log->ring = calloc(MAX_EVENTS, sizeof(*log->ring));
	return log->ring ? 0 : -ENOMEM;
}

void event_log_done(struct event_log *log)
{
	free(log->ring);
	*log = (struct event_log){0};
}

/* Cuts at a character's border. */
static void copy_text(const char *text, char *ret_text, size_t size)
{
	size_t n = text ? strnlen(text, size) : 0;

	if (n == size) {
		n--;
		while (n && ((unsigned char)text[n] & 0xC0) == 0x80) {
			n--;
		}
	}
	if (n) {
		memcpy(ret_text, text, n);
	}
	ret_text[n] = '\0';
}

void event_log_add(struct event_log *log, enum event_kind kind, uint32_t session, uint32_t pid,
		   const char *name, const char *detail)
{
	struct event *event = &log->ring[log->last_number % MAX_EVENTS];
	struct event_listener *listener;
	struct event_listener *next;

	event->number = ++log->last_number;
	event->time_us = clock_real_us();
	event->kind = kind;
	event->session = session;
	event->pid = pid;
	copy_text(name, event->name, sizeof(event->name));
	copy_text(detail, event->detail, sizeof(event->detail));
	DL_FOREACH_SAFE(log->listeners, listener, next) {
		listener->on_event(listener);
	}
}

const struct event *event_log_next(const struct event_log *log, uint64_t number)
{
	uint64_t oldest = log->last_number < MAX_EVENTS ? 1 : log->last_number - MAX_EVENTS + 1;

	if (number >= log->last_number) {
		return NULL;
	}
	number = number + 1 < oldest ? oldest : number + 1;
	return &log->ring[(number - 1) % MAX_EVENTS];
}

void event_log_listen(struct event_log *log, struct event_listener *listener)
{
	DL_APPEND(log->listeners, listener);
}

void event_log_unlisten(struct event_log *log, struct event_listener *listener)
{
	DL_DELETE(log->listeners, listener);
}
