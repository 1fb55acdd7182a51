/* SPDX-License-Identifier: MIT */
/* Kept connections: a free list, so that no lock is held across a call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"
#include "proto/limits.h"

/* One connection, in the hands of one thread between take and put. */
struct pooled {
	int fd;	      /* -1: none */
	dev_t device; /* of the socket: the descriptor may become something else */
	ino_t inode;
	uint32_t timeout_ms; /* that SO_RCVTIMEO was set to */
	int slot;	     /* in the list of all, -1: none was free */
};

/* A kept connection that still is one; `fd` is -1 when there is none. 0 or -ENOMEM. */
int pool_take(struct pooled *ret_connection) _warn_unused_;

/* A new connection, in the caller's hands; gets its slot. */
void pool_add(struct pooled *connection);

/* Gives a connection back after a call that went well; closes it when there are enough. */
void pool_put(const struct pooled *connection);

/* Closes a connection, if the descriptor is still its. */
void pool_close(const struct pooled *connection);

/* Fills in what pool_take() recognises the socket by. 0 or -errno. */
int pool_identify(int fd, struct pooled *ret_connection) _warn_unused_;

/* What could not be told a broker that stayed away, to be told it first when it is back (A10). */
enum pending_kind {
	PENDING_END,   /* this end */
	PENDING_START, /* the end of what this start made, if the broker got it at all */
	PENDING_JOIN,  /* alike */
};

struct pending {
	enum pending_kind kind;
	uint8_t request_id[REQUEST_ID_BYTES];
	uint32_t session; /* of an end */
	uint32_t join;
	char key[SESSION_KEY_DIGITS + 1]; /* of a join or an attached session, else "" */
	uint32_t owner_pid;		  /* of a start or a join, 0: this process */
	uint64_t owner_start_time;
};

/* Keeps one; the oldest goes when there are too many. */
void pool_add_pending(const struct pending *pending);
/* Takes the oldest out. false: there is none. */
bool pool_take_pending(struct pending *ret_pending);

/* For state.c, with the lock held: in a forked child, closes the parent's connections. */
void pool_reset(void);
