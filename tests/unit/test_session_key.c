/* SPDX-License-Identifier: MIT */
/*
 * Session keys: as text and back, texts that are none, the pool they come from, and sources that
 * repeat themselves or fail.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/session_key.h"
#include "tests/unit/fixture.h"

static const struct {
	const char *text;
	struct session_key key;
} formatted[] = {
	{"00000000000000000000000000000000", {{0}}},
	{"ffffffffffffffffffffffffffffffff",
	 {{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}}},
	{"0123456789abcdef0f1e2d3c4b5a6978",
	 {{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x69,
	   0x78}}},
	{"10000000000000000000000000000000", {{0x10}}},
	{"00000000000000000000000000000001", {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}},
};

START_TEST(test_format)
{
	char text[SESSION_KEY_DIGITS + 2];
	struct session_key key;

	memset(text, '#', sizeof(text));
	session_key_format(&formatted[_i].key, text);
	ck_assert_int_eq(text[SESSION_KEY_DIGITS], '\0');
	ck_assert_int_eq(text[SESSION_KEY_DIGITS + 1], '#');
	ck_assert_str_eq(text, formatted[_i].text);
	ck_assert_int_eq(session_key_parse(text, SESSION_KEY_DIGITS, &key), true);
	ck_assert_mem_eq(&key, &formatted[_i].key, sizeof(key));
}
END_TEST

START_TEST(test_either_case)
{
	static const char *const texts[] = {
		"0123456789ABCDEF0123456789ABCDEF",
		"0123456789abcdef0123456789abcdef",
		"0123456789aBcDeF0123456789AbCdEf",
	};
	static const uint8_t bytes[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
	struct session_key key;

	ck_assert_int_eq(session_key_parse(texts[_i], SESSION_KEY_DIGITS, &key), true);
	ck_assert_mem_eq(key.bytes, bytes, sizeof(bytes));
	ck_assert_mem_eq(key.bytes + sizeof(bytes), bytes, sizeof(bytes));
}
END_TEST

/* Loop: every byte as a digit, at every place. */
START_TEST(test_digit)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	bool is_digit = _i && strchr(digits, _i);
	char text[SESSION_KEY_DIGITS];
	struct session_key before;
	struct session_key key;

	memset(&before, 0x5A, sizeof(before));
	for (size_t at = 0; at < SESSION_KEY_DIGITS; at++) {
		memset(text, '7', sizeof(text));
		text[at] = (char)_i;
		key = before;
		ck_assert_int_eq(session_key_parse(text, sizeof(text), &key), is_digit);
		if (!is_digit) {
			ck_assert_mem_eq(&key, &before, sizeof(key));
		}
	}
}
END_TEST

/* Loop: every length but the right one. */
START_TEST(test_length)
{
	size_t size = (size_t)_i;
	struct session_key before;
	struct session_key key;
	char *text = malloc(size + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, 'a', size);
	memset(&before, 0x5A, sizeof(before));
	key = before;
	ck_assert_int_eq(session_key_parse(text, size, &key), size == SESSION_KEY_DIGITS);
	ck_assert_int_eq(memcmp(&key, &before, sizeof(key)) == 0, size != SESSION_KEY_DIGITS);
	free(text);
}
END_TEST

START_TEST(test_absurd_length)
{
	static const char text[] = "0123456789abcdef0123456789abcdef";
	struct session_key key;

	ck_assert_int_eq(session_key_parse(NULL, 0, &key), false);
	ck_assert_int_eq(session_key_parse(text, SIZE_MAX, &key), false);
	ck_assert_int_eq(session_key_parse(text, sizeof(text), &key), false);
}
END_TEST

/* Loop: keys that differ in one bit are different. */
START_TEST(test_equal)
{
	struct session_key a = formatted[2].key;
	struct session_key b = a;

	ck_assert_int_eq(session_key_equal(&a, &b), true);
	ck_assert_int_eq(session_key_equal(&a, &a), true);
	b.bytes[_i / 8] ^= (uint8_t)(1 << _i % 8);
	ck_assert_int_eq(session_key_equal(&a, &b), false);
	ck_assert_int_eq(session_key_equal(&b, &a), false);
}
END_TEST

/* Differences that cancel each other out when they are summed up. */
START_TEST(test_equal_looks_at_each_byte)
{
	struct session_key a = {{1, 1}};
	struct session_key b = {{0, 2}};
	struct session_key c = {{0, 0}};

	ck_assert_int_eq(session_key_equal(&a, &b), false);
	ck_assert_int_eq(session_key_equal(&a, &c), false);
}
END_TEST

/* ---- sources ---- */

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct session_key));
}

START_TEST(test_distinct)
{
	enum {
		N_KEYS = 10000
	};
	struct session_key *all = calloc(N_KEYS, sizeof(*all));
	unsigned int n_ones[8 * SESSION_KEY_BYTES] = {0};
	struct key_source source;

	ck_assert_ptr_nonnull(all);
	key_source_init(&source);
	for (unsigned int i = 0; i < N_KEYS; i++) {
		ck_assert_int_eq(session_key_generate(&source, &all[i]), 0);
		for (unsigned int bit = 0; bit < ARRAY_SIZE(n_ones); bit++) {
			n_ones[bit] += all[i].bytes[bit / 8] >> bit % 8 & 1;
		}
	}
	qsort(all, N_KEYS, sizeof(*all), compare_keys);
	for (unsigned int i = 1; i < N_KEYS; i++) {
		ck_assert_int_ne(compare_keys(&all[i - 1], &all[i]), 0);
	}
	/* Half of all keys has each bit; ten standard deviations are 500. */
	for (unsigned int bit = 0; bit < ARRAY_SIZE(n_ones); bit++) {
		ck_assert_uint_ge(n_ones[bit], N_KEYS / 2 - 500);
		ck_assert_uint_le(n_ones[bit], N_KEYS / 2 + 500);
	}
	free(all);
}
END_TEST

/* A key that was handed out is nowhere in the pool any more. */
START_TEST(test_wiped)
{
	static const struct session_key zero;
	struct key_source source;
	struct session_key key;

	key_source_init(&source);
	ck_assert_uint_eq(source.left, 0);
	for (size_t n = 1; n <= 2 * ARRAY_SIZE(source.pool); n++) {
		ck_assert_int_eq(session_key_generate(&source, &key), 0);
		ck_assert_uint_eq(source.left,
				  (2 * ARRAY_SIZE(source.pool) - n) % ARRAY_SIZE(source.pool));
		for (size_t i = 0; i < ARRAY_SIZE(source.pool); i++) {
			ck_assert_int_eq(session_key_equal(&source.pool[i], &key), false);
			ck_assert_int_eq(session_key_equal(&source.pool[i], &zero),
					 i >= source.left);
		}
	}
}
END_TEST

static int next_repeated(struct key_source *source, struct session_key *ret_key)
{
	*ret_key = source->pool[source->left / 2];
	source->left++;
	return 0;
}

START_TEST(test_injected)
{
	struct key_source source = {.next = next_repeated};
	struct session_key keys[3];

	source.pool[0] = formatted[1].key;
	source.pool[1] = formatted[2].key;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		ck_assert_int_eq(session_key_generate(&source, &keys[i]), 0);
	}
	ck_assert_mem_eq(&keys[0], &formatted[1].key, sizeof(keys[0]));
	ck_assert_mem_eq(&keys[1], &formatted[1].key, sizeof(keys[1]));
	ck_assert_mem_eq(&keys[2], &formatted[2].key, sizeof(keys[2]));
}
END_TEST

static int next_fails(struct key_source *source, struct session_key *ret_key)
{
	(void)source;
	(void)ret_key;
	return -EIO;
}

START_TEST(test_failing)
{
	struct key_source source = {.next = next_fails};
	struct session_key key = formatted[2].key;

	ck_assert_int_eq(session_key_generate(&source, &key), -EIO);
	ck_assert_mem_eq(&key, &formatted[2].key, sizeof(key));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session_key");
	TCase *tcase = fixture_case(suite, "text");

	tcase_add_loop_test(tcase, test_format, 0, ARRAY_SIZE(formatted));
	tcase_add_loop_test(tcase, test_either_case, 0, 3);
	tcase_add_loop_test(tcase, test_digit, 0, 256);
	tcase_add_loop_test(tcase, test_length, 0, 70);
	tcase_add_test(tcase, test_absurd_length);
	tcase_add_loop_test(tcase, test_equal, 0, 8 * SESSION_KEY_BYTES);
	tcase_add_test(tcase, test_equal_looks_at_each_byte);

	tcase = fixture_case(suite, "sources");
	tcase_add_test(tcase, test_distinct);
	tcase_add_test(tcase, test_wiped);
	tcase_add_test(tcase, test_injected);
	tcase_add_test(tcase, test_failing);
	return fixture_run(suite);
}
