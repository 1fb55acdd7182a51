/* SPDX-License-Identifier: MIT */
/* The wire without the library: raw connections to the fixture's broker. Failures of the test's
 * own side fail the test. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codec.h"

struct wire_reply {
	struct codec_arena arena;
	Rm__Reply *message;
};

enum wire_result {
	WIRE_REPLY,
	WIRE_CLOSED,
	WIRE_SILENT, /* nothing came in time */
};

/* Connects to the fixture's socket, or -errno. */
int wire_try_connect(void);
int wire_connect(void);

/* Sends all the bytes; false when the other end has closed. */
bool wire_send(int fd, const void *data, size_t size);

/* One request as a frame. Its version and, when 0, its id are filled in. */
void wire_send_request(int fd, Rm__Request *request);
/* The frame of a request, for those who send it their own way. Free `data`. */
struct frame_buffer wire_pack(Rm__Request *request);

/* Reads one reply (ms is scaled). WIRE_REPLY: free it with wire_reply_done(). */
enum wire_result wire_receive(int fd, int ms, struct wire_reply *ret_reply);
void wire_reply_done(struct wire_reply *reply);

/* Reads one reply and returns its status; `ret_detail` (256 bytes) may be NULL. */
uint32_t wire_receive_status(int fd, char *ret_detail);
/* The other end must close now. */
void wire_expect_closed(int fd);

/* Requests without arguments and their status. */
uint32_t wire_get_status(int fd);

/* Starts a session with the request id made of `byte`; returns its id, or 0 and the status. */
uint32_t wire_start(int fd, uint8_t byte, uint32_t *ret_status);
uint32_t wire_join(int fd, uint8_t byte, const char *key, uint32_t *ret_join);
/* Ends the session (`join` 0) or leaves it; returns the status. */
uint32_t wire_end(int fd, uint8_t byte, uint32_t session, uint32_t join);
