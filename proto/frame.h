/* SPDX-License-Identifier: MIT */
/* Length framing: u32 little endian, then that many bytes. Pure: bytes in, bytes out. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

#define FRAME_HEADER_BYTES 4u

/* A growing run of bytes, e.g. frames to send or a half frame received. Zeroed is empty. */
struct frame_buffer {
	uint8_t *data; /* owned */
	size_t size;
	size_t capacity;
};

/* Frees the bytes; the buffer is empty and usable again. */
void frame_buffer_done(struct frame_buffer *buffer);

/* Appends `size` bytes. -ENOMEM: nothing was changed. */
int frame_buffer_append(struct frame_buffer *buffer, const void *data, size_t size) _warn_unused_;

/* Makes room for `size` more bytes and returns where they go, or NULL without memory.
 * The caller adds to `buffer->size` what it wrote. */
uint8_t *frame_buffer_reserve(struct frame_buffer *buffer, size_t size) _warn_unused_;

/* Drops the first `size` bytes (at most what there is). */
void frame_buffer_consume(struct frame_buffer *buffer, size_t size);

/* Writes the header of a frame whose payload has `payload_size` bytes. */
void frame_write_header(uint8_t header[FRAME_HEADER_BYTES], uint32_t payload_size);

/* Looks for a whole frame at the start of `data`.
 * 1: there is one, `*ret_payload` points into `data`, and header and payload are
 *    FRAME_HEADER_BYTES + `*ret_payload_size` bytes;
 * 0: not yet whole; -EMSGSIZE: larger than MAX_FRAME_BYTES; -EBADMSG: empty. */
int frame_next(const uint8_t *data, size_t size, const uint8_t **ret_payload,
	       size_t *ret_payload_size) _warn_unused_;
