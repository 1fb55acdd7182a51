/* SPDX-License-Identifier: MIT */
/*
 * Framing. The first byte says in what pieces the rest arrives. A stream read piece by piece,
 * as a connection reads it, must give the same frames and end the same way as one read at once.
 */
#include <string.h>

#include "proto/base.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"

struct frames {
	int end; /* frame_next()'s last answer */
	size_t n_frames;
	size_t n_bytes;	  /* that the frames took */
	uint64_t payload; /* all payloads, summed up in order */
};

/* frame_next(), held to what it promises. */
static int next(const uint8_t *data, size_t size, const uint8_t **ret_payload,
		size_t *ret_payload_size)
{
	const uint8_t *payload = NULL;
	size_t payload_size = SIZE_MAX;
	uint8_t header[FRAME_HEADER_BYTES];
	int r = frame_next(data, size, &payload, &payload_size);

	if (r != 1) {
		require(r == 0 || r == -EMSGSIZE || r == -EBADMSG);
		require(!payload && payload_size == SIZE_MAX);
		require(r == 0 || size >= FRAME_HEADER_BYTES);
		require(r != 0 || size < FRAME_HEADER_BYTES + MAX_FRAME_BYTES);
		return r;
	}
	require(payload == data + FRAME_HEADER_BYTES);
	require(payload_size > 0 && payload_size <= MAX_FRAME_BYTES);
	require(payload_size <= size - FRAME_HEADER_BYTES);
	frame_write_header(header, (uint32_t)payload_size);
	require(memcmp(header, data, sizeof(header)) == 0);
	*ret_payload = payload;
	*ret_payload_size = payload_size;
	return 1;
}

/* Returns how many bytes the frame takes, or 0 when there is none. */
static size_t take(struct frames *frames, const uint8_t *data, size_t size)
{
	const uint8_t *payload;
	size_t payload_size;

	frames->end = next(data, size, &payload, &payload_size);
	if (frames->end != 1) {
		return 0;
	}
	frames->n_frames++;
	frames->n_bytes += FRAME_HEADER_BYTES + payload_size;
	for (size_t i = 0; i < payload_size; i++) {
		frames->payload = frames->payload * 31 + payload[i];
	}
	return FRAME_HEADER_BYTES + payload_size;
}

static struct frames read_at_once(const uint8_t *data, size_t size)
{
	struct frames frames = {0};
	size_t n;

	while ((n = take(&frames, data, size))) {
		data += n;
		size -= n;
	}
	return frames;
}

/* Appends a piece and requires that what was there is still there. */
static void append(struct frame_buffer *buffer, const uint8_t *data, size_t size)
{
	size_t before = buffer->size;
	uint8_t last = before ? buffer->data[before - 1] : 0;

	require(frame_buffer_append(buffer, data, size) == 0);
	require(buffer->size == before + size && buffer->capacity >= buffer->size);
	require(before == 0 || buffer->data[before - 1] == last);
	require(size == 0 || memcmp(buffer->data + before, data, size) == 0);
}

static void consume(struct frame_buffer *buffer, size_t size)
{
	size_t before = buffer->size;
	uint8_t next_byte = size < before ? buffer->data[size] : 0;
	uint8_t last = before ? buffer->data[before - 1] : 0;

	frame_buffer_consume(buffer, size);
	require(buffer->size == (size < before ? before - size : 0));
	require(buffer->size == 0 ||
		(buffer->data[0] == next_byte && buffer->data[buffer->size - 1] == last));
}

static struct frames read_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
	struct frames frames = {0};
	struct frame_buffer buffer = {0};

	while (size && frames.end >= 0) {
		size_t n = piece < size ? piece : size;

		append(&buffer, data, n);
		data += n;
		size -= n;
		while ((n = take(&frames, buffer.data, buffer.size))) {
			consume(&buffer, n);
		}
	}
	consume(&buffer, buffer.size + piece);
	frame_buffer_done(&buffer);
	require(!buffer.data && !buffer.size && !buffer.capacity);
	return frames;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frames at_once;
	struct frames in_pieces;

	if (size == 0) {
		return 0;
	}
	at_once = read_at_once(data + 1, size - 1);
	in_pieces = read_in_pieces(data + 1, size - 1, (size_t)data[0] + 1);
	require(at_once.end == in_pieces.end);
	require(at_once.n_frames == in_pieces.n_frames && at_once.n_bytes == in_pieces.n_bytes);
	require(at_once.payload == in_pieces.payload);
	return 0;
}
