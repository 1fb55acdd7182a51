/* SPDX-License-Identifier: MIT */
/*
 * Frames and the buffer under them: headers of every kind, frames that come in pieces of any
 * length, and sizes that no memory has.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/limits.h"
#include "tests/unit/fixture.h"

/* ---- headers ---- */

static const struct {
	uint32_t size;
	uint8_t header[FRAME_HEADER_BYTES];
} headers[] = {
	{0, {0, 0, 0, 0}},
	{1, {1, 0, 0, 0}},
	{255, {255, 0, 0, 0}},
	{256, {0, 1, 0, 0}},
	{0x12345678, {0x78, 0x56, 0x34, 0x12}},
	{MAX_FRAME_BYTES, {0, 0, 0x10, 0}},
	{UINT32_MAX, {255, 255, 255, 255}},
};

START_TEST(test_write_header)
{
	uint8_t header[FRAME_HEADER_BYTES + 1] = {0, 0, 0, 0, 0xA5};

	frame_write_header(header, headers[_i].size);
	ck_assert_mem_eq(header, headers[_i].header, FRAME_HEADER_BYTES);
	ck_assert_uint_eq(header[FRAME_HEADER_BYTES], 0xA5);
}
END_TEST

/* A header alone decides what is refused: nothing of the payload is waited for. */
static const struct {
	uint32_t payload_size;
	int result;
} judged[] = {
	{0, -EBADMSG},
	{1, 0},
	{MAX_FRAME_BYTES - 1, 0},
	{MAX_FRAME_BYTES, 0},
	{MAX_FRAME_BYTES + 1, -EMSGSIZE},
	{INT32_MAX, -EMSGSIZE},
	{UINT32_C(1) << 31, -EMSGSIZE},
	{UINT32_MAX, -EMSGSIZE},
};

START_TEST(test_judged_by_header)
{
	uint8_t header[FRAME_HEADER_BYTES];
	const uint8_t *payload = NULL;
	size_t size = 77;

	frame_write_header(header, judged[_i].payload_size);
	for (size_t n = 0; n < FRAME_HEADER_BYTES; n++) {
		ck_assert_int_eq(frame_next(header, n, &payload, &size), 0);
	}
	ck_assert_int_eq(frame_next(header, sizeof(header), &payload, &size), judged[_i].result);
	ck_assert_ptr_null(payload);
	ck_assert_uint_eq(size, 77);
}
END_TEST

START_TEST(test_nothing_there)
{
	const uint8_t *payload = NULL;
	size_t size = 77;

	ck_assert_int_eq(frame_next(NULL, 0, &payload, &size), 0);
	ck_assert_ptr_null(payload);
	ck_assert_uint_eq(size, 77);
}
END_TEST

static const size_t payload_sizes[] = {1, 2, 511, 512, 513, MAX_FRAME_BYTES};

START_TEST(test_whole_frame)
{
	size_t n = payload_sizes[_i];
	uint8_t *frame = calloc(1, FRAME_HEADER_BYTES + n + 1);
	const uint8_t *payload = NULL;
	size_t size = 0;

	ck_assert_ptr_nonnull(frame);
	frame_write_header(frame, (uint32_t)n);
	ck_assert_int_eq(frame_next(frame, FRAME_HEADER_BYTES + n - 1, &payload, &size), 0);
	ck_assert_ptr_null(payload);
	ck_assert_int_eq(frame_next(frame, FRAME_HEADER_BYTES + n, &payload, &size), 1);
	ck_assert_ptr_eq(payload, frame + FRAME_HEADER_BYTES);
	ck_assert_uint_eq(size, n);
	/* What comes behind does not matter. */
	ck_assert_int_eq(frame_next(frame, FRAME_HEADER_BYTES + n + 1, &payload, &size), 1);
	ck_assert_uint_eq(size, n);
	free(frame);
}
END_TEST

/* Appends a frame of `size` bytes that can be told from its neighbours. */
static void append_frame(struct frame_buffer *buffer, uint8_t first, size_t size)
{
	uint8_t header[FRAME_HEADER_BYTES];
	uint8_t *payload;

	frame_write_header(header, (uint32_t)size);
	ck_assert_int_eq(frame_buffer_append(buffer, header, sizeof(header)), 0);
	payload = frame_buffer_reserve(buffer, size);
	ck_assert_ptr_nonnull(payload);
	for (size_t i = 0; i < size; i++) {
		payload[i] = (uint8_t)(first + i);
	}
	buffer->size += size;
}

/* Takes whole frames off the buffer and compares them with the ones that were sent. */
static unsigned int take_frames(struct frame_buffer *buffer, unsigned int n_taken,
				const size_t *sizes)
{
	const uint8_t *payload;
	size_t size;
	int r;

	while ((r = frame_next(buffer->data, buffer->size, &payload, &size)) == 1) {
		ck_assert_uint_eq(size, sizes[n_taken]);
		for (size_t i = 0; i < size; i++) {
			if (payload[i] != (uint8_t)(n_taken + i)) {
				ck_abort_msg("frame %u differs at %zu", n_taken, i);
			}
		}
		frame_buffer_consume(buffer, FRAME_HEADER_BYTES + size);
		n_taken++;
	}
	ck_assert_int_eq(r, 0);
	return n_taken;
}

/* Loop: up to this many bytes come at a time. */
START_TEST(test_in_pieces)
{
	enum {
		N_FRAMES = 100
	};
	struct random random = {.state = (uint64_t)_i + 1};
	struct frame_buffer sent = {0};
	struct frame_buffer received = {0};
	size_t sizes[N_FRAMES];
	unsigned int n_taken = 0;

	for (unsigned int i = 0; i < N_FRAMES; i++) {
		sizes[i] = 1 + random_below(&random, 1500);
		append_frame(&sent, (uint8_t)i, sizes[i]);
	}
	while (sent.size) {
		size_t n = 1 + random_below(&random, UINT32_C(1) << _i);

		n = n < sent.size ? n : sent.size;
		ck_assert_int_eq(frame_buffer_append(&received, sent.data, n), 0);
		frame_buffer_consume(&sent, n);
		n_taken = take_frames(&received, n_taken, sizes);
	}
	ck_assert_uint_eq(n_taken, N_FRAMES);
	ck_assert_uint_eq(received.size, 0);
	frame_buffer_done(&sent);
	frame_buffer_done(&received);
}
END_TEST

/* ---- the buffer ---- */

START_TEST(test_append_and_consume)
{
	struct frame_buffer buffer = {0};

	ck_assert_int_eq(frame_buffer_append(&buffer, "hello", 5), 0);
	ck_assert_int_eq(frame_buffer_append(&buffer, ", world", 7), 0);
	ck_assert_uint_eq(buffer.size, 12);
	ck_assert_mem_eq(buffer.data, "hello, world", 12);
	frame_buffer_consume(&buffer, 0);
	ck_assert_uint_eq(buffer.size, 12);
	frame_buffer_consume(&buffer, 7);
	ck_assert_uint_eq(buffer.size, 5);
	ck_assert_mem_eq(buffer.data, "world", 5);
	frame_buffer_consume(&buffer, 5);
	ck_assert_uint_eq(buffer.size, 0);
	ck_assert_int_eq(frame_buffer_append(&buffer, "again", 5), 0);
	ck_assert_mem_eq(buffer.data, "again", 5);
	frame_buffer_consume(&buffer, SIZE_MAX);
	ck_assert_uint_eq(buffer.size, 0);
	frame_buffer_done(&buffer);
}
END_TEST

START_TEST(test_empty_buffer)
{
	struct frame_buffer buffer = {0};

	frame_buffer_consume(&buffer, 1);
	ck_assert_uint_eq(buffer.size, 0);
	ck_assert_int_eq(frame_buffer_append(&buffer, NULL, 0), 0);
	ck_assert_uint_eq(buffer.size, 0);
	frame_buffer_done(&buffer);
	frame_buffer_done(&buffer);
	ck_assert_ptr_null(buffer.data);
	ck_assert_uint_eq(buffer.capacity, 0);
	ck_assert_int_eq(frame_buffer_append(&buffer, "x", 1), 0);
	ck_assert_uint_eq(buffer.size, 1);
	frame_buffer_done(&buffer);
	ck_assert_uint_eq(buffer.size, 0);
}
END_TEST

/* Growing doubles the room, so that a frame which comes byte by byte is not copied each time. */
START_TEST(test_growth)
{
	struct frame_buffer buffer = {0};
	unsigned int n_grown = 0;

	for (unsigned int i = 0; i < 100000; i++) {
		size_t capacity = buffer.capacity;
		uint8_t byte = (uint8_t)(i * 7);

		ck_assert_int_eq(frame_buffer_append(&buffer, &byte, 1), 0);
		n_grown += buffer.capacity != capacity;
	}
	ck_assert_uint_eq(buffer.size, 100000);
	ck_assert_uint_le(n_grown, 10);
	for (unsigned int i = 0; i < 100000; i++) {
		if (buffer.data[i] != (uint8_t)(i * 7)) {
			ck_abort_msg("byte %u differs", i);
		}
	}
	frame_buffer_done(&buffer);
}
END_TEST

START_TEST(test_reserve)
{
	struct frame_buffer buffer = {0};
	uint8_t *room = frame_buffer_reserve(&buffer, 5000);

	ck_assert_ptr_nonnull(room);
	ck_assert_uint_eq(buffer.size, 0);
	ck_assert_uint_ge(buffer.capacity, 5000);
	memset(room, 'x', 5000);
	buffer.size += 3;
	ck_assert_ptr_eq(frame_buffer_reserve(&buffer, 1), buffer.data + 3);
	frame_buffer_done(&buffer);
}
END_TEST

static const size_t huge[] = {SIZE_MAX, SIZE_MAX - 2, SIZE_MAX / 2 + 1, SIZE_MAX / 2 - 2};

START_TEST(test_more_than_any_memory)
{
	struct frame_buffer buffer = {0};
	uint8_t *data;
	size_t capacity;

	ck_assert_int_eq(frame_buffer_append(&buffer, "abc", 3), 0);
	data = buffer.data;
	capacity = buffer.capacity;
	ck_assert_ptr_null(frame_buffer_reserve(&buffer, huge[_i]));
	ck_assert_int_eq(frame_buffer_append(&buffer, "abc", huge[_i]), -ENOMEM);
	ck_assert_ptr_eq(buffer.data, data);
	ck_assert_uint_eq(buffer.capacity, capacity);
	ck_assert_uint_eq(buffer.size, 3);
	ck_assert_mem_eq(buffer.data, "abc", 3);
	frame_buffer_done(&buffer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("frame");
	TCase *tcase = fixture_case(suite, "frames");

	tcase_add_loop_test(tcase, test_write_header, 0, ARRAY_SIZE(headers));
	tcase_add_loop_test(tcase, test_judged_by_header, 0, ARRAY_SIZE(judged));
	tcase_add_test(tcase, test_nothing_there);
	tcase_add_loop_test(tcase, test_whole_frame, 0, ARRAY_SIZE(payload_sizes));
	tcase_add_loop_test(tcase, test_in_pieces, 0, 13);

	tcase = fixture_case(suite, "buffer");
	tcase_add_test(tcase, test_append_and_consume);
	tcase_add_test(tcase, test_empty_buffer);
	tcase_add_test(tcase, test_growth);
	tcase_add_test(tcase, test_reserve);
	tcase_add_loop_test(tcase, test_more_than_any_memory, 0, ARRAY_SIZE(huge));
	return fixture_run(suite);
}
