/* SPDX-License-Identifier: MIT */
/* A worker's end of the socketpair: blocking frames in, frames out. One thread at a time for each
 * direction. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/scan.pb-c.h"
#include "proto/base.h"
#include "proto/frame.h"

struct worker_link {
	int fd; /* owned */
	struct frame_buffer in;
	struct frame_buffer out;
};

/* Reads the next request; blocks. Free it with rmscan__worker_request__free_unpacked(…, NULL).
 * 0; -EPIPE: the broker has gone; -EBADMSG: not a message; other -errno. */
int worker_link_receive(struct worker_link *link, Rmscan__WorkerRequest **ret_request)
	_warn_unused_;

/* Whether a Cancel of this question has come, or the broker has gone. Reads what is there without
 * blocking and takes nothing: worker_link_receive() returns it all the same. */
bool worker_link_is_cancelled(struct worker_link *link, uint64_t token);

/* Sends a reply; blocks. 0, -EMSGSIZE or -errno. */
int worker_link_send(struct worker_link *link, const Rmscan__WorkerReply *reply) _warn_unused_;

/* Sends a reply without a result that says why: `error` as errno, its sign does not matter. */
int worker_link_fail(struct worker_link *link, uint64_t token, int error) _warn_unused_;

void worker_link_done(struct worker_link *link);
