/* SPDX-License-Identifier: MIT */
/* One call: a request and its one reply. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/codec.h"

struct broker;
struct process;

/* Where replies go: a connection, or memory in tests. */
struct call_sink {
	/* Takes a copy of the reply. -errno: the connection is about to be closed. */
	int (*send)(struct call_sink *sink, const Rm__Reply *reply);
	/* Whether all that was sent before has been taken by the peer. */
	bool (*is_clear)(const struct call_sink *sink);
};

enum call_state {
	CALL_IDLE, /* no call: the connection may bring the next */
	CALL_RUNNING,
	CALL_DEFERRED, /* the handler has returned and replies later */
	CALL_ENDING,   /* a deferred one is being replied to */
};

/* Owned by its connection. A handler replies before it returns 0, or calls call_defer(). */
struct call {
	struct broker *broker;	    /* borrowed */
	struct process *peer;	    /* borrowed: who calls */
	struct call_sink *sink;	    /* borrowed */
	const Rm__Request *request; /* borrowed; only while the handler runs */
	uint64_t id;
	enum call_state state;
	/* Of a deferred call; the owner frees `deferred` in on_gone. */
	void (*on_gone)(struct call *call, void *deferred);
	void (*on_clear)(struct call *call, void *deferred);
	void *deferred;
};

/* Sends the one reply; the call is over. `reply` has its result set, nothing else. */
void call_reply(struct call *call, Rm__Reply *reply);

/* Replies with a Win32 code and a sentence (NULL: none). */
void call_fail(struct call *call, uint32_t status, const char *detail);

/* Keeps the sentence that dispatch() will give to call_fail(). */
void call_explain_text(struct call *call, const char *format, ...) _printf_(2, 3);
/* The same and is `status`, for `return call_explain(call, status, …)`. */
#define call_explain(call, status, ...) (call_explain_text(call, __VA_ARGS__), (status))

/* Sends a notification; the call goes on. */
void call_notify(struct call *call, Rm__Reply *reply);

/* Leaves the call open. `on_clear` is called when the peer has taken all notifications, and
 * `on_gone` once, when the peer has gone. */
void call_defer(struct call *call, void (*on_gone)(struct call *call, void *deferred),
		void (*on_clear)(struct call *call, void *deferred), void *deferred);

/* The connection says: the peer has taken everything / has gone. */
void call_clear(struct call *call);
void call_gone(struct call *call);
