/* SPDX-License-Identifier: MIT */
/* A broker without a socket: real journal, real processes, replies kept in memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "broker/broker.h"
#include "broker/call.h"
#include "tests/unit/fixture.h"

struct broker_fixture {
	uv_loop_t loop;
	struct broker broker;
};

/* A broker on the journal "journal" of the test's directory, whose limit for one login is
 * `max_sessions`; 0 for the built-in one. */
void broker_fixture_open(struct broker_fixture *fixture, uint32_t max_sessions);
/* Asserts that nothing stays on the loop. */
void broker_fixture_close(struct broker_fixture *fixture);
/* Runs the loop until a child that was killed is known to have gone. */
void broker_fixture_await_gone(struct broker_fixture *fixture, pid_t pid);

/* One connection of one process. */
struct caller {
	struct call_sink sink;
	struct call call;
	struct broker_fixture *fixture;
	bool is_clear;	      /* what the sink answers */
	uint64_t disk_bytes;  /* files may not be larger during a call; 0: no limit */
	void (*before)(void); /* called right before dispatch(), and after it; or NULL */
	void (*after)(void);
	struct frame_buffer sent; /* replies that nobody has looked at yet */
	struct codec_arena arena; /* of `reply` */
	Rm__Reply *reply;	  /* the last that was looked at */
};

void caller_init(struct caller *caller, struct broker_fixture *fixture, pid_t pid);
/* Its connection is closed. */
void caller_done(struct caller *caller);
/* The same after its process has gone: that took the connection's share with it. */
void caller_lost(struct caller *caller);

/* The next reply, through the codec's checks; NULL: none. Valid until the next one. */
const Rm__Reply *caller_next(struct caller *caller);

/* Asks through the codec and returns the one reply. */
const Rm__Reply *caller_ask(struct caller *caller, Rm__Request *request);
/* The same without waiting for a reply: for calls that are deferred. */
void caller_send(struct caller *caller, Rm__Request *request);

/* The usual requests; a request id is made of the number. They return the reply's status. */
struct started {
	uint32_t session;
	char key[SESSION_KEY_DIGITS + 1];
};

uint32_t ask_start(struct caller *caller, uint32_t request_id, struct started *ret_started);
/* `start_time` 0: whoever has the pid now. */
uint32_t ask_start_owned(struct caller *caller, uint32_t request_id, pid_t owner,
			 uint64_t start_time, struct started *ret_started);
uint32_t ask_join(struct caller *caller, uint32_t request_id, const char *key, uint32_t *ret_join);
uint32_t ask_attach(struct caller *caller, uint32_t session, const char *key);
/* `join` 0: as the primary; `key` may be "". */
uint32_t ask_end(struct caller *caller, uint32_t request_id, uint32_t session, uint32_t join,
		 const char *key);
uint32_t ask_close(struct caller *caller, uint32_t request_id, uint32_t session);
const Rm__Reply *ask_list(struct caller *caller);
const Rm__Reply *ask_show(struct caller *caller, uint32_t session);
void send_watch(struct caller *caller, uint64_t after, bool history);

/* Gives up root for good, when there is root to give up; files in the test's directory can still
 * be made. */
void become_nobody(void);
