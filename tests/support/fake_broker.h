/* SPDX-License-Identifier: MIT */
/*
 * A broker made of a script: it listens where the fixture's would, and answers each request with
 * what a function of the test appends. One connection at a time; the test is its only client.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/codec.h"

struct fake_broker {
	/* Appends the frames that answer the request, with fake_broker_reply() and its like.
	 * Returns false to close the connection behind them. Runs in a thread of its own, while the
	 * test waits in its call. StartSession is answered without it. */
	bool (*answer)(const Rm__Request *request, struct frame_buffer *frames);
	size_t step; /* bytes that are sent at a time, 0: all */
	/* Of what came, for the test to look at between its calls. */
	unsigned int n_requests; /* without StartSession */
	unsigned int n_connections;
};

extern struct fake_broker fake_broker;

/* Listens and serves from now on, until fake_broker_stop(). */
void fake_broker_start(bool (*answer)(const Rm__Request *request, struct frame_buffer *frames));
void fake_broker_stop(void);

/* Append a reply to `request`: without a result, and with one. */
void fake_broker_reply(const Rm__Request *request, struct frame_buffer *frames, uint32_t status);
void fake_broker_applications(const Rm__Request *request, struct frame_buffer *frames, bool more,
			      Rm__ApplicationList *list);
void fake_broker_filters(const Rm__Request *request, struct frame_buffer *frames, bool more,
			 Rm__FilterList *list);
void fake_broker_progress(const Rm__Request *request, struct frame_buffer *frames);
void fake_broker_send(const Rm__Request *request, struct frame_buffer *frames, Rm__Reply *reply);
