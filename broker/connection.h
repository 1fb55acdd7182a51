/* SPDX-License-Identifier: MIT */
/* One connection: bytes to requests, replies to bytes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "broker/broker.h"
#include "broker/call.h"
#include "broker/process.h"
#include "proto/base.h"

/* Memory that all connections share; each uses it only inside one event. */
struct connection_shared {
	uint8_t read_buffer[16384];
	struct frame_buffer replies;	  /* owned: of the connection's event being served */
	struct frame_buffer notification; /* owned: to any connection, sent at once */
	struct codec_arena arena;
	size_t buffered; /* bytes of half frames and unsent replies, of all connections */
};

struct connection {
	struct server *server;		  /* borrowed: owns the connection */
	struct connection_shared *shared; /* borrowed: the server's */
	struct process *peer;		  /* borrowed; NULL once it has gone or we are closing */
	struct call call;
	struct call_sink sink;
	uv_poll_t poll;
	int fd;	    /* owned */
	int events; /* that `poll` waits for */
	bool is_closing;
	struct frame_buffer in;	 /* owned: received, not yet served */
	struct frame_buffer out; /* owned: to be sent when the peer reads again */
	size_t buffered;	 /* what this one has added to the counts */
	uint64_t half_since_ms;	 /* uv_now() of the half frame in `in`, 0: none */
	struct connection *prev; /* in the server's list */
	struct connection *next;
};

/* Takes `fd` over. */
int connection_new(struct server *server, struct connection_shared *shared, struct broker *broker,
		   struct process *peer, int fd, struct connection **ret_connection) _warn_unused_;

/* Closes it; it is freed later in the loop. May be called again. */
void connection_close(struct connection *connection);

/* Says why, as far as the socket takes it at once, and closes. */
void connection_refuse(struct connection *connection, uint32_t status, const char *detail);

void connection_shared_done(struct connection_shared *shared);
