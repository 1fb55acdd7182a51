/* SPDX-License-Identifier: MIT */
/*
 * Strings of 16 and 32 bits: every character there and back, what is no text, room that ends
 * anywhere, and memory that ends with it.
 */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "client/utf16.h"
#include "tests/unit/fixture.h"

static void put16(char32_t c, char16_t text[3])
{
	if (c < 0x10000) {
		text[0] = (char16_t)c;
		text[1] = 0;
	} else {
		text[0] = (char16_t)(0xD7C0 + (c >> 10));
		text[1] = (char16_t)(0xDC00 | (c & 0x3FF));
		text[2] = 0;
	}
}

/* There and back; the two widths make the same bytes. */
static bool makes_round_trip(char32_t c)
{
	ssize_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	size_t n_units = c < 0x10000 ? 1 : 2;
	char32_t wide[2] = {c, 0};
	char32_t wide_again[2];
	char16_t text[3];
	char16_t text_again[3];
	char bytes[8];
	char bytes_of_wide[8];

	put16(c, text);
	return utf16_to_bytes(text, bytes, sizeof(bytes)) == length &&
	       utf32_to_bytes(wide, bytes_of_wide, sizeof(bytes_of_wide)) == length &&
	       strcmp(bytes, bytes_of_wide) == 0 &&
	       utf16_from_bytes(bytes, text_again, 3) == n_units &&
	       memcmp(text, text_again, (n_units + 1) * sizeof(*text)) == 0 &&
	       utf32_from_bytes(bytes, wide_again, 2) == 1 &&
	       memcmp(wide, wide_again, sizeof(wide)) == 0;
}

START_TEST(test_all_characters)
{
	for (char32_t c = 1; c <= 0x10FFFF; c++) {
		bool is_surrogate = c >= 0xD800 && c <= 0xDFFF;

		/* An assertion for each would take seconds. */
		if (!is_surrogate && !makes_round_trip(c)) {
			ck_abort_msg("U+%04X", (unsigned int)c);
		}
	}
}
END_TEST

START_TEST(test_bytes)
{
	char bytes[16];

	ck_assert_int_eq(utf16_to_bytes(u"a\u00e4\u20ac\U0001F600", bytes, sizeof(bytes)), 10);
	ck_assert_str_eq(bytes, "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
	ck_assert_int_eq(utf32_to_bytes(U"a\u00e4\u20ac\U0001F600", bytes, sizeof(bytes)), 10);
	ck_assert_str_eq(bytes, "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
	ck_assert_int_eq(utf16_to_bytes(u"", bytes, 1), 0);
	ck_assert_str_eq(bytes, "");
	ck_assert_int_eq(utf32_to_bytes(U"", bytes, 1), 0);
}
END_TEST

START_TEST(test_no_text_of_16)
{
	static const char16_t texts[][5] = {
		{0xD800, 0},		     /* high alone */
		{0xDC00, 0},		     /* low alone */
		{'a', 0xDBFF, 'b', 0},	     /* high before another */
		{0xDC00, 0xD800, 0},	     /* turned round */
		{0xD800, 0xD800, 0xDC00, 0}, /* one too many */
		{0xD800, 0xDC00, 0xDFFF, 0},
	};
	char bytes[32];

	ck_assert_int_eq(utf16_to_bytes(texts[_i], bytes, sizeof(bytes)), -EINVAL);
}
END_TEST

START_TEST(test_no_text_of_32)
{
	static const char32_t texts[][3] = {
		{0xD800, 0},   {0xDFFF, 0},	   {0xD800, 0xDC00, 0},
		{0x110000, 0}, {'a', 0x80000000u}, {0xFFFFFFFFu, 0},
	};
	char bytes[32];

	ck_assert_int_eq(utf32_to_bytes(texts[_i], bytes, sizeof(bytes)), -EINVAL);
}
END_TEST

/* Loop over the room: what fits has its NUL, what does not is refused and not written over. */
START_TEST(test_room_for_bytes)
{
	char bytes[16];
	size_t size = (size_t)_i;

	memset(bytes, 'x', sizeof(bytes));
	ck_assert_int_eq(utf16_to_bytes(u"ab\u20ac\U0001F600", bytes, size),
			 size >= 10 ? 9 : -ENAMETOOLONG);
	ck_assert_int_eq(bytes[size], 'x');
	memset(bytes, 'x', sizeof(bytes));
	ck_assert_int_eq(utf32_to_bytes(U"ab\u20ac\U0001F600", bytes, size),
			 size >= 10 ? 9 : -ENAMETOOLONG);
	ck_assert_int_eq(bytes[size], 'x');
}
END_TEST

/* A text without an end, up to where memory ends: it is read no further than it fits. */
START_TEST(test_no_end)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char16_t *narrow;
	char32_t *wide;
	char bytes[64];

	ck_assert_ptr_ne(pages, MAP_FAILED);
	ck_assert_int_eq(mprotect(pages + page, page, PROT_NONE), 0);
	narrow = (char16_t *)(void *)(pages + page) - sizeof(bytes);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		narrow[i] = 'a';
	}
	ck_assert_int_eq(utf16_to_bytes(narrow, bytes, sizeof(bytes)), -ENAMETOOLONG);
	narrow[sizeof(bytes) - 2] = 0xD800; /* and half a character where the room ends */
	ck_assert_int_eq(utf16_to_bytes(narrow, bytes, sizeof(bytes)), -EINVAL);
	wide = (char32_t *)(void *)(pages + page) - sizeof(bytes);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		wide[i] = 'a';
	}
	ck_assert_int_eq(utf32_to_bytes(wide, bytes, sizeof(bytes)), -ENAMETOOLONG);
	ck_assert_int_eq(munmap(pages, 2 * page), 0);
}
END_TEST

/* ---- back ---- */

START_TEST(test_no_utf8)
{
	static const struct {
		const char *bytes;
		const char32_t *text;
	} rows[] = {
		{"a\xFF\xFE"
		 "b",
		 U"a\uFFFD\uFFFDb"},
		{"\xC3", U"\uFFFD"},
		{"\xE2\x82", U"\uFFFD\uFFFD"},
		{"\xED\xA0\x80", U"\uFFFD\uFFFD\uFFFD"}, /* a surrogate */
		{"\xC0\xAF", U"\uFFFD\uFFFD"},		 /* overlong */
		{"\xF4\x90\x80\x80", U"\uFFFD\uFFFD\uFFFD\uFFFD"},
		{"\xF0\x9F\x98\x80\x80", U"\U0001F600\uFFFD"},
	};
	char32_t wide[16];
	char16_t text[16];
	char16_t wanted[16];
	size_t n = 0;

	for (const char32_t *at = rows[_i].text; *at; at++) {
		put16(*at, wanted + n);
		n += *at < 0x10000 ? 1 : 2;
	}
	ck_assert_uint_eq(utf16_from_bytes(rows[_i].bytes, text, 16), n);
	ck_assert_mem_eq(text, wanted, (n + 1) * sizeof(*text));
	for (n = 0; rows[_i].text[n]; n++) {
	}
	ck_assert_uint_eq(utf32_from_bytes(rows[_i].bytes, wide, 16), n);
	ck_assert_mem_eq(wide, rows[_i].text, (n + 1) * sizeof(*wide));
}
END_TEST

/* Loop over the room: no pair is split, the NUL is always there, nothing is written behind it. */
START_TEST(test_room_for_units)
{
	static const char bytes[] = "a\xF0\x9F\x98\x80"
				    "b\xF0\x9F\x98\x80";
	static const size_t lengths[] = {0, 0, 1, 1, 3, 4, 4, 6, 6};
	char16_t text[10];
	char32_t wide[10];
	size_t size = (size_t)_i;

	memset(text, 0x77, sizeof(text));
	memset(wide, 0x77, sizeof(wide));
	ck_assert_uint_eq(utf16_from_bytes(bytes, text, size), 6);
	ck_assert_uint_eq(utf32_from_bytes(bytes, wide, size), 4);
	if (size) {
		ck_assert_uint_eq(text[lengths[size]], 0);
		ck_assert_uint_eq(wide[size - 1 < 4 ? size - 1 : 4], 0);
	}
	ck_assert_uint_eq(text[size], 0x7777);
	ck_assert_uint_eq(wide[size], 0x77777777);
	for (size_t i = 1; size && i < lengths[size]; i++) {
		ck_assert_uint_ne(text[i], 0);
	}
}
END_TEST

/* Once something was left out, nothing shorter that comes later is put in its place. */
START_TEST(test_left_out)
{
	char16_t text[3];

	ck_assert_uint_eq(utf16_from_bytes("a\xF0\x9F\x98\x80"
					   "b",
					   text, 3),
			  4);
	ck_assert_uint_eq(text[0], 'a');
	ck_assert_uint_eq(text[1], 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("utf16");
	TCase *tcase = fixture_case(suite, "to bytes");

	tcase_add_test(tcase, test_all_characters);
	tcase_add_test(tcase, test_bytes);
	tcase_add_loop_test(tcase, test_no_text_of_16, 0, 6);
	tcase_add_loop_test(tcase, test_no_text_of_32, 0, 6);
	tcase_add_loop_test(tcase, test_room_for_bytes, 1, 12);
	tcase_add_test(tcase, test_no_end);

	tcase = fixture_case(suite, "from bytes");
	tcase_add_loop_test(tcase, test_no_utf8, 0, 7);
	tcase_add_loop_test(tcase, test_room_for_units, 0, 9);
	tcase_add_test(tcase, test_left_out);
	return fixture_run(suite);
}
