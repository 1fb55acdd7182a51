/* SPDX-License-Identifier: MIT */
/*
 * Text of others made clean: every byte, every character at a border of UTF-8's ranges, every
 * forbidden one, and texts that do not fit.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"
#include "tests/unit/fixture.h"

#define BAD "\xEF\xBF\xBD" /* U+FFFD */

/* As UTF-8 in the general form: surrogates and numbers above U+10FFFF too, which are refused. */
static size_t encode(char32_t c, char ret_bytes[5])
{
	size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};

	for (size_t i = length - 1; i > 0; i--) {
		ret_bytes[i] = (char)(0x80 | (c & 0x3F));
		c >>= 6;
	}
	ret_bytes[0] = (char)(first[length] | c);
	ret_bytes[length] = '\0';
	return length;
}

/* What the header promises, in other words. */
static bool is_allowed(char32_t c)
{
	static const struct {
		char32_t first;
		char32_t last;
	} forbidden[] = {
		{0, 0x1F},	  {0x7F, 0x7F},		  {0x80, 0x9F},	    {0x061C, 0x061C},
		{0x200E, 0x200F}, {0x2028, 0x2029},	  {0x202A, 0x202E}, {0x2066, 0x2069},
		{0xD800, 0xDFFF}, {0x110000, UINT32_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
		if (c >= forbidden[i].first && c <= forbidden[i].last) {
			return false;
		}
	}
	return true;
}

/* Loop: every single byte. */
START_TEST(test_single_byte)
{
	unsigned char byte = (unsigned char)_i;
	bool is_clean = byte >= 0x20 && byte < 0x7F;
	char expected[2] = {(char)byte, '\0'};
	char32_t character = 0xABCDEF;
	char text[8];

	ck_assert_uint_eq(text_decode(&byte, 1, &character), byte < 0x80);
	ck_assert_uint_eq(character, byte < 0x80 ? byte : 0xABCDEF);
	ck_assert_int_eq(text_is_clean(&byte, 1), is_clean);
	ck_assert_uint_eq(text_clean(&byte, 1, text, sizeof(text)), is_clean ? 1 : 3);
	ck_assert_str_eq(text, is_clean ? expected : BAD);
}
END_TEST

/* Every number that four bytes can hold, surrogates and those above U+10FFFF too. */
START_TEST(test_every_character)
{
	for (char32_t c = 0x80; c < 0x200000; c++) {
		bool is_character = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
		char32_t character = 0;
		char bytes[5];
		size_t length = encode(c, bytes);

		if (text_decode((const unsigned char *)bytes, length, &character) !=
			    (is_character ? length : 0) ||
		    character != (is_character ? c : 0) ||
		    text_is_clean(bytes, length) != is_allowed(c)) {
			ck_abort_msg("U+%X is judged wrongly", (unsigned int)c);
		}
	}
}
END_TEST

static const struct {
	const char *name;
	const char *bytes;
	size_t size;
	const char *clean;
} cleaned[] = {
#define ROW(name, bytes, clean)                                                                    \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1, clean                                              \
	}
	ROW("empty", "", ""),
	ROW("plain", "Firefox (stable) ~!", "Firefox (stable) ~!"),
	ROW("other scripts", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
	    "\xC3\xA9\xE2\x82\xAC\xF0\x9F"
	    "\x98\x80"),
	ROW("NUL within", "a\0b", "a" BAD "b"),
	ROW("terminal sequence", "\x1B[2Jx", BAD "[2Jx"),
	ROW("forged line", "a\nb\r\tc", "a" BAD "b" BAD BAD "c"),
	ROW("DEL", "a\x7F", "a" BAD),
	ROW("C1 as UTF-8",
	    "a\xC2\x9B"
	    "b",
	    "a" BAD "b"),
	ROW("C1 as a byte",
	    "a\x9B"
	    "b",
	    "a" BAD "b"),
	ROW("no-break space is no C1", "\xC2\xA0", "\xC2\xA0"),
	ROW("lowest of two", "\xC2\x80", BAD),
	ROW("overlong NUL", "\xC0\x80", BAD BAD),
	ROW("overlong slash of two", "\xC0\xAF", BAD BAD),
	ROW("overlong, last of two", "\xC1\xBF", BAD BAD),
	ROW("overlong slash of three", "\xE0\x80\xAF", BAD BAD BAD),
	ROW("overlong, last of three", "\xE0\x9F\xBF", BAD BAD BAD),
	ROW("overlong slash of four", "\xF0\x80\x80\xAF", BAD BAD BAD BAD),
	ROW("overlong, last of four", "\xF0\x8F\xBF\xBF", BAD BAD BAD BAD),
	ROW("five bytes", "\xF8\x88\x80\x80\x80", BAD BAD BAD BAD BAD),
	ROW("six bytes", "\xFC\x84\x80\x80\x80\x80", BAD BAD BAD BAD BAD BAD),
	ROW("before the surrogates", "\xED\x9F\xBF", "\xED\x9F\xBF"),
	ROW("first surrogate", "\xED\xA0\x80", BAD BAD BAD),
	ROW("last surrogate", "\xED\xBF\xBF", BAD BAD BAD),
	ROW("behind the surrogates", "\xEE\x80\x80", "\xEE\x80\x80"),
	ROW("surrogate pair", "\xED\xA0\xBD\xED\xB8\x80", BAD BAD BAD BAD BAD BAD),
	ROW("last character", "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"),
	ROW("above the last", "\xF4\x90\x80\x80", BAD BAD BAD BAD),
	ROW("far above the last", "\xF7\xBF\xBF\xBF", BAD BAD BAD BAD),
	ROW("FE FF", "\xFE\xFF", BAD BAD),
	ROW("continuations alone", "\x80\xBF", BAD BAD),
	ROW("cut two", "a\xC3", "a" BAD),
	ROW("cut three", "a\xE2\x82", "a" BAD BAD),
	ROW("cut four", "a\xF0\x9F\x98", "a" BAD BAD BAD),
	ROW("broken by ASCII", "\xE2\x82zz", BAD BAD "zz"),
	ROW("broken by a newline", "\xF0\x9F\n\x98", BAD BAD BAD BAD),
	ROW("broken by a start", "\xE2\xC3\xA9", BAD "\xC3\xA9"),
	ROW("Arabic letter mark", "\xD8\x9C", BAD),
	ROW("beside it", "\xD8\x9B\xD8\x9D", "\xD8\x9B\xD8\x9D"),
	ROW("marks of direction", "\xE2\x80\x8E\xE2\x80\x8F", BAD BAD),
	ROW("beside them", "\xE2\x80\x8D\xE2\x80\x90", "\xE2\x80\x8D\xE2\x80\x90"),
	ROW("line separators", "\xE2\x80\xA8\xE2\x80\xA9", BAD BAD),
	ROW("embeddings", "\xE2\x80\xAA\xE2\x80\xAB\xE2\x80\xAC", BAD BAD BAD),
	ROW("overrides",
	    "\xE2\x80\xAD"
	    "exe.txt\xE2\x80\xAE",
	    BAD "exe.txt" BAD),
	ROW("beside the overrides", "\xE2\x80\xA7\xE2\x80\xAF", "\xE2\x80\xA7\xE2\x80\xAF"),
	ROW("isolates", "\xE2\x81\xA6\xE2\x81\xA7\xE2\x81\xA8\xE2\x81\xA9", BAD BAD BAD BAD),
	ROW("beside the isolates", "\xE2\x81\xA5\xE2\x81\xAA", "\xE2\x81\xA5\xE2\x81\xAA"),
	ROW("the sign itself", BAD, BAD),
#undef ROW
};

START_TEST(test_clean)
{
	const char *clean = cleaned[_i].clean;
	bool is_same = strlen(clean) == cleaned[_i].size &&
		       memcmp(clean, cleaned[_i].bytes, cleaned[_i].size) == 0;
	char text[64];

	ck_assert_msg(text_is_clean(cleaned[_i].bytes, cleaned[_i].size) == is_same, "%s",
		      cleaned[_i].name);
	ck_assert_uint_eq(text_clean(cleaned[_i].bytes, cleaned[_i].size, text, sizeof(text)),
			  strlen(clean));
	ck_assert_str_eq(text, clean);
	ck_assert_int_eq(text_is_clean(text, strlen(text)), true);
}
END_TEST

/* A forbidden character is found wherever it stands. */
START_TEST(test_at_every_place)
{
	enum {
		SIZE = 40
	};
	char text[SIZE + 1];

	for (size_t at = 0; at < SIZE; at++) {
		memset(text, 'a', SIZE);
		ck_assert_int_eq(text_is_clean(text, SIZE), true);
		text[at] = '\n';
		ck_assert_int_eq(text_is_clean(text, SIZE), false);
		text[at] = (char)0xE2;
		ck_assert_int_eq(text_is_clean(text, SIZE), false);
		ck_assert_int_eq(text_is_clean(text, at), true);
	}
}
END_TEST

/* Reads no byte behind the text: each is in memory of exactly its size. */
START_TEST(test_decode_cut)
{
	static const char characters[][5] = {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
	const char *bytes = characters[_i];
	char32_t character = 7;

	for (size_t size = 1; size <= strlen(bytes); size++) {
		unsigned char *exact = malloc(size);
		bool is_whole = size == strlen(bytes);

		ck_assert_ptr_nonnull(exact);
		memcpy(exact, bytes, size);
		ck_assert_uint_eq(text_decode(exact, size, &character), is_whole ? size : 0);
		ck_assert_int_eq(character != 7, is_whole);
		ck_assert_int_eq(text_is_clean(exact, size), is_whole);
		free(exact);
	}
}
END_TEST

/* Loop: room for this many bytes and the NUL. */
START_TEST(test_cut)
{
	/* Borders after 0, 1, 3, 6, 10, 13 (U+FFFD for the newline) and 14 bytes. */
	static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\nb";
	static const char whole[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80" BAD "b";
	static const size_t borders[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10, 10, 13, 14, 14};
	size_t length = borders[_i];
	char cut[32];

	memset(cut, '#', sizeof(cut));
	ck_assert_uint_eq(text_clean(text, sizeof(text) - 1, cut, (size_t)_i + 1), length);
	ck_assert_mem_eq(cut, whole, length);
	ck_assert_int_eq(cut[length], '\0');
	ck_assert_int_eq(cut[_i + 1], '#');
	ck_assert_int_eq(text_is_clean(cut, length), true);
}
END_TEST

/* Whatever comes: what is made of it is clean, and clean text stays as it is. */
START_TEST(test_random_bytes)
{
	struct random random = {.state = 42};

	for (unsigned int round = 0; round < 20000; round++) {
		unsigned char bytes[24];
		char once[3 * sizeof(bytes) + 1];
		char twice[sizeof(once)];
		size_t size = random_below(&random, sizeof(bytes) + 1);
		size_t length;

		random_fill(&random, bytes, size);
		for (size_t i = 0; i < size; i++) {
			/* More continuations than chance would give. */
			bytes[i] = random_below(&random, 2) ? bytes[i] : 0x80 | (bytes[i] & 0x3F);
		}
		length = text_clean(bytes, size, once, sizeof(once));
		ck_assert_uint_eq(strlen(once), length);
		ck_assert_int_eq(text_is_clean(once, length), true);
		ck_assert_uint_eq(text_clean(once, length, twice, sizeof(twice)), length);
		ck_assert_mem_eq(once, twice, length);
		ck_assert_int_eq(text_is_clean(bytes, size),
				 length == size && memcmp(once, bytes, size) == 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = fixture_case(suite, "text");

	tcase_add_loop_test(tcase, test_single_byte, 0, 256);
	tcase_add_test(tcase, test_every_character);
	tcase_add_loop_test(tcase, test_clean, 0, ARRAY_SIZE(cleaned));
	tcase_add_test(tcase, test_at_every_place);
	tcase_add_loop_test(tcase, test_decode_cut, 0, 3);
	tcase_add_loop_test(tcase, test_cut, 0, 16);
	tcase_add_test(tcase, test_random_bytes);
	return fixture_run(suite);
}
