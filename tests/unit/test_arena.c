/* SPDX-License-Identifier: MIT */
/* Memory for one answer: pieces of all sizes apart from each other, and the end of it. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/arena.h"
#include "tests/unit/fixture.h"

#define MIB ((size_t)1024 * 1024)

/* Each piece is zeroed, aligned, and keeps what was written to it. */
START_TEST(test_pieces)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 8191, 8192, 8193, 40000, 3, 32768, 5};
	struct arena arena = {0};
	uint8_t *pieces[200];

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		size_t size = sizes[i % ARRAY_SIZE(sizes)];

		pieces[i] = arena_take(&arena, size, 1);
		ck_assert_ptr_nonnull(pieces[i]);
		ck_assert_uint_eq((uintptr_t)pieces[i] % 16, 0);
		for (size_t k = 0; k < size; k++) {
			if (pieces[i][k] != 0) {
				ck_abort_msg("byte %zu of piece %zu is not 0", k, i);
			}
		}
		memset(pieces[i], (int)i + 1, size);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		for (size_t k = 0; k < sizes[i % ARRAY_SIZE(sizes)]; k++) {
			if (pieces[i][k] != (uint8_t)(i + 1)) {
				ck_abort_msg("byte %zu of piece %zu was written over", k, i);
			}
		}
	}
	arena_done(&arena);
	ck_assert_ptr_null(arena.chunks);
	ck_assert_ptr_nonnull(arena_take(&arena, 1, 1));
	arena_done(&arena);
}
END_TEST

START_TEST(test_text)
{
	struct arena arena = {0};
	ProtobufCBinaryData empty = {0};
	ProtobufCBinaryData text = {.len = 3, .data = (uint8_t *)(uintptr_t) "abcdef"};

	ck_assert_str_eq(arena_text(&arena, &empty), "");
	ck_assert_str_eq(arena_text(&arena, &text), "abc");
	arena_done(&arena);
}
END_TEST

/* A count that overflows, a size beyond all, and pieces without end. */
START_TEST(test_bounds)
{
	struct arena arena = {0};
	unsigned int n = 0;

	ck_assert_ptr_null(arena_take(&arena, SIZE_MAX, 1));
	ck_assert_ptr_null(arena_take(&arena, SIZE_MAX / 8, 16));
	ck_assert_ptr_null(arena_take(&arena, 513, MIB));
	while (n < 100 && arena_take(&arena, 64, MIB)) {
		n++;
	}
	ck_assert_uint_eq(n, 8);
	ck_assert_ptr_null(arena_take(&arena, 1, 1));
	arena_done(&arena);
	ck_assert_ptr_nonnull(arena_take(&arena, 64, MIB));
	arena_done(&arena);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arena");
	TCase *tcase = fixture_case(suite, "arena");

	tcase_add_test(tcase, test_pieces);
	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_bounds);
	return fixture_run(suite);
}
