/* SPDX-License-Identifier: MIT */
/*
 * Session keys. A pool saves a system call for each start: 32 keys come in one getrandom(2) of
 * 512 bytes, and each leaves the pool wiped, so a key is in memory only where its session is.
 */
#include "broker/session_key.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static int fill_pool(struct key_source *source)
{
	ssize_t n = getrandom(source->pool, sizeof(source->pool), 0);

	/* The kernel interrupts no request of up to 256 bytes; a larger one may come short. */
	while (n >= 0 && n < (ssize_t)sizeof(source->pool)) {
		ssize_t more =
			getrandom((char *)source->pool + n, sizeof(source->pool) - (size_t)n, 0);

		n = more < 0 ? more : n + more;
	}
	if (n < 0) {
		return negative_errno();
	}
	source->left = ARRAY_SIZE(source->pool);
	return 0;
}

static int next_random(struct key_source *source, struct session_key *ret_key)
{
	if (!source->left) {
		int r = fill_pool(source);

		if (r < 0) {
			return r;
		}
	}
	source->left--;
	*ret_key = source->pool[source->left];
	explicit_bzero(&source->pool[source->left], sizeof(source->pool[0]));
	return 0;
}

void key_source_init(struct key_source *source)
{
	*source = (struct key_source){.next = next_random};
}

int session_key_generate(struct key_source *source, struct session_key *ret_key)
{
	return source->next(source, ret_key);
}

bool session_key_equal(const struct session_key *a, const struct session_key *b)
{
	uint8_t difference = 0;

	for (size_t i = 0; i < SESSION_KEY_BYTES; i++) {
		difference |= a->bytes[i] ^ b->bytes[i];
	}
	return difference == 0;
}

void session_key_format(const struct session_key *key, char ret_text[SESSION_KEY_DIGITS + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SESSION_KEY_BYTES; i++) {
		ret_text[2 * i] = digits[key->bytes[i] >> 4];
		ret_text[2 * i + 1] = digits[key->bytes[i] & 15];
	}
	ret_text[SESSION_KEY_DIGITS] = '\0';
}

static int digit_value(unsigned char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20; /* lower case */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool session_key_parse(const void *text, size_t size, struct session_key *ret_key)
{
	const unsigned char *digits = text;
	struct session_key key;

	if (size != SESSION_KEY_DIGITS) {
		return false;
	}
	for (size_t i = 0; i < SESSION_KEY_BYTES; i++) {
		int high = digit_value(digits[2 * i]);
		int low = digit_value(digits[2 * i + 1]);

		if (high < 0 || low < 0) {
			return false;
		}
		key.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret_key = key;
	return true;
}
