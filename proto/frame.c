/* SPDX-License-Identifier: MIT */
/*
 * Length framing and the byte buffer that both ends use for it.
 * A frame is judged by its header alone, so an oversized one is refused after four bytes
 * and never collected.
 */
#include "proto/frame.h"

#include <errno.h>
#include <string.h>

#include "proto/limits.h"

#define FIRST_CAPACITY 512u

void frame_buffer_done(struct frame_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct frame_buffer){0};
}

uint8_t *frame_buffer_reserve(struct frame_buffer *buffer, size_t size)
{
	size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
	uint8_t *data;

	if (size > SIZE_MAX / 2 - buffer->size) {
		return NULL;
	}
	while (capacity < buffer->size + size) {
		capacity *= 2;
	}
	if (capacity != buffer->capacity) {
		data = realloc(buffer->data, capacity);
		if (!data) {
			return NULL;
		}
		buffer->data = data;
		buffer->capacity = capacity;
	}
	return buffer->data + buffer->size;
}

int frame_buffer_append(struct frame_buffer *buffer, const void *data, size_t size)
{
	uint8_t *to = frame_buffer_reserve(buffer, size);

	if (!to) {
		return -ENOMEM;
	}
	if (size) {
		memcpy(to, data, size);
	}
	buffer->size += size;
	return 0;
}

void frame_buffer_consume(struct frame_buffer *buffer, size_t size)
{
	if (size >= buffer->size) {
		buffer->size = 0;
		return;
	}
	buffer->size -= size;
	memmove(buffer->data, buffer->data + size, buffer->size);
}

void frame_write_header(uint8_t header[FRAME_HEADER_BYTES], uint32_t payload_size)
{
	for (unsigned int i = 0; i < FRAME_HEADER_BYTES; i++) {
		header[i] = (uint8_t)(payload_size >> (8 * i));
	}
}

static uint32_t read_header(const uint8_t header[FRAME_HEADER_BYTES])
{
	uint32_t size = 0;

	for (unsigned int i = 0; i < FRAME_HEADER_BYTES; i++) {
		size |= (uint32_t)header[i] << (8 * i);
	}
	return size;
}

int frame_next(const uint8_t *data, size_t size, const uint8_t **ret_payload,
	       size_t *ret_payload_size)
{
	uint32_t payload_size;

	if (size < FRAME_HEADER_BYTES) {
		return 0;
	}
	payload_size = read_header(data);
	if (payload_size > MAX_FRAME_BYTES) {
		return -EMSGSIZE;
	}
	if (payload_size == 0) {
		return -EBADMSG;
	}
	if (size - FRAME_HEADER_BYTES < payload_size) {
		return 0;
	}
	*ret_payload = data + FRAME_HEADER_BYTES;
	*ret_payload_size = payload_size;
	return 1;
}
