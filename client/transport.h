/* SPDX-License-Identifier: MIT */
/* One call to the broker: a frame out, its reply in, within the deadline, whatever happens to
 * the broker meanwhile. Bytes and protobuf only. */
#pragma once

#include "client/pool.h"
#include "proto/base.h"
#include "proto/codec.h"

/* The reply of one call. `message` is NULL before, transport_reply_done() after. */
struct transport_reply {
	Rm__Reply *message; /* lives in `arena` */
	struct codec_arena arena;
};

void transport_reply_done(struct transport_reply *reply);

/* Sends the request, again and again over new connections if need be, until it is answered or
 * the deadline has passed: it must be safe to send twice (A63). `request` has its call set,
 * version and id are filled in here.
 * 0: `ret_reply` has the broker's answer, whose status may be an error;
 * -ENOENT: no broker runs; -ETIMEDOUT; -EPERM: not a broker to be trusted; -EPROTO: it does not
 * speak our protocol; -ENOMEM; -EMSGSIZE; other -errno of socket(2). */
int transport_call(Rm__Request *request, struct transport_reply *ret_reply) _warn_unused_;

/* Takes what the broker sends in several notifications, part by part, before the reply. */
struct transport_gather {
	/* Keeps what is in `part`, which is gone afterwards. 0, or -errno, which ends the call. */
	int (*on_part)(struct transport_gather *gather, const Rm__Reply *part);
	/* The connection broke and the request is sent again: what was kept is void. */
	void (*on_again)(struct transport_gather *gather);
};

struct deadline; /* exchange.h */

/* transport_call() with a deadline that spans several calls, and one that takes notifications.
 * Either may be NULL. */
int transport_call_with(Rm__Request *request, const struct deadline *deadline,
			struct transport_gather *gather, struct transport_reply *ret_reply)
	_warn_unused_;

/* Opens a connection of its own, in nobody's list, and sends the request: for a stream of
 * notifications. The caller closes the descriptor. Errors as above. */
int transport_open(Rm__Request *request, int *ret_fd) _warn_unused_;

/* The milliseconds that a call may take: RSTRTMGR_TIMEOUT_MS, else 30 s. */
uint32_t transport_timeout_ms(void);
