/* SPDX-License-Identifier: MIT */
/* One call on one connection: a frame out, its reply in, within a deadline. */
#pragma once

#include "client/pool.h"
#include "client/transport.h"
#include "proto/base.h"
#include "proto/frame.h"

struct deadline {
	uint64_t at_ms;	   /* CLOCK_MONOTONIC */
	uint32_t total_ms; /* from the start of the call */
};

/* From now on, for as long as transport_timeout_ms() says. */
struct deadline deadline_begin(void);
/* Milliseconds left, at least 1; 0: it has passed. */
uint32_t deadline_left_ms(const struct deadline *deadline);

/* Bounds each recv(2) on a connection. 0 or -errno. */
int exchange_set_timeout(struct pooled *connection, uint32_t ms) _warn_unused_;

/* Sends all bytes. -ECONNRESET: the broker has gone; -ETIMEDOUT. */
int exchange_send(int fd, const uint8_t *data, size_t size, const struct deadline *deadline)
	_warn_unused_;

/* Sends the frame of request `id` and waits for its last reply; of the notifications before it
 * those with content are given to `gather` (may be NULL), and each begins the deadline anew.
 * -ECONNRESET, -ETIMEDOUT as above; -EPROTO: what came is no reply to this; -ENOMEM; what
 * `gather` returned. The connection is of no more use after a failure. */
int exchange(struct pooled *connection, const struct frame_buffer *frame, uint64_t id,
	     const struct deadline *deadline, struct transport_gather *gather,
	     struct transport_reply *ret_reply) _warn_unused_;
