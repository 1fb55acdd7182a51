/* SPDX-License-Identifier: MIT */
/* What happened to sessions lately: a bounded ring that `rmctl watch` reads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/limits.h"

enum event_kind {
	EVENT_BROKER_STARTED,
	EVENT_SESSION_STARTED,
	EVENT_SESSION_JOINED,
	EVENT_SESSION_LEFT,
	EVENT_SESSION_ENDED,
	EVENT_SESSION_RESTORED,	  /* read back from the journal */
	EVENT_SESSION_LOST,	  /* the journal was damaged where it stood */
	EVENT_SESSION_REFUSED,	  /* a limit was reached */
	EVENT_SESSION_REGISTERED, /* resources were added */
	EVENT_SESSION_FILTERED,	  /* a filter was set or removed */
	_EVENT_KIND_COUNT,
};

/* "started", "joined", … as `rmctl watch` prints them. */
const char *event_kind_name(enum event_kind kind);

struct event {
	uint64_t number;  /* from 1, without gaps */
	uint64_t time_us; /* CLOCK_REALTIME */
	enum event_kind kind;
	uint32_t session; /* 0: about the broker */
	uint32_t pid;	  /* 0: no process */
	char name[64];	  /* the process's name, clean text, cut */
	char detail[64];  /* why, clean text, cut; a veto's words come with later events */
};

/* Told of every new event, after it is in the ring. */
struct event_listener {
	void (*on_event)(struct event_listener *listener);
	struct event_listener *prev;
	struct event_listener *next;
};

struct event_log {
	struct event *ring; /* owned; MAX_EVENTS of them; memory is taken as it fills */
	uint64_t last_number;
	struct event_listener *listeners; /* each owned by who added it */
};

int event_log_init(struct event_log *log) _warn_unused_;
void event_log_done(struct event_log *log);

/* Adds one event and tells the listeners. `name` and `detail` are clean texts or NULL. */
void event_log_add(struct event_log *log, enum event_kind kind, uint32_t session, uint32_t pid,
		   const char *name, const char *detail);

/* The oldest event still held whose number is above `number`; NULL: none yet. Borrowed, until
 * the next event_log_add(). */
const struct event *event_log_next(const struct event_log *log, uint64_t number);

void event_log_listen(struct event_log *log, struct event_listener *listener);
void event_log_unlisten(struct event_log *log, struct event_listener *listener);
