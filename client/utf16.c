/* SPDX-License-Identifier: MIT */
/*
 * Both widths share all but the reading and the writing of one character. A text is read no
 * further than its bytes fit, since each unit makes at least one: so one without an end is not
 * run off.
 */
#include "client/utf16.h"

#include <errno.h>
#include <string.h>

#include "proto/text.h"

#define REPLACEMENT U'\uFFFD'

static bool is_surrogate(char32_t c)
{
	return c >= 0xD800 && c <= 0xDFFF;
}

/* One character as UTF-8, or 0 when it is none. */
static size_t encode(char32_t c, char ret_bytes[4])
{
	if (c < 0x80) {
		ret_bytes[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret_bytes[0] = (char)(0xC0 | c >> 6);
		ret_bytes[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		ret_bytes[0] = (char)(0xE0 | c >> 12);
		ret_bytes[1] = (char)(0x80 | (c >> 6 & 0x3F));
		ret_bytes[2] = (char)(0x80 | (c & 0x3F));
		return is_surrogate(c) ? 0 : 3;
	}
	if (c <= 0x10FFFF) {
		ret_bytes[0] = (char)(0xF0 | c >> 18);
		ret_bytes[1] = (char)(0x80 | (c >> 12 & 0x3F));
		ret_bytes[2] = (char)(0x80 | (c >> 6 & 0x3F));
		ret_bytes[3] = (char)(0x80 | (c & 0x3F));
		return 4;
	}
	return 0;
}

/* Adds one character to `ret_bytes`, of which `*length` are used. */
static int add(char32_t c, char *ret_bytes, size_t ret_size, size_t *length)
{
	char bytes[4];
	size_t n = encode(c, bytes);

	if (n == 0) {
		return -EINVAL;
	}
	if (n >= ret_size - *length) {
		return -ENAMETOOLONG;
	}
	memcpy(ret_bytes + *length, bytes, n);
	*length += n;
	return 0;
}

/* The character at `text` and how many units it has. A lone surrogate comes out as itself. */
static size_t next16(const char16_t *text, char32_t *ret_character)
{
	char32_t first = text[0];

	if (first >= 0xD800 && first <= 0xDBFF && text[1] >= 0xDC00 && text[1] <= 0xDFFF) {
		*ret_character = 0x10000 + ((first - 0xD800) << 10) + (text[1] - 0xDC00u);
		return 2;
	}
	*ret_character = first;
	return 1;
}

ssize_t utf16_to_bytes(const char16_t *text, char *ret_bytes, size_t ret_size)
{
	size_t length = 0;

	while (*text) {
		char32_t c;
		size_t n = next16(text, &c);
		int r = add(c, ret_bytes, ret_size, &length);

		if (r < 0) {
			return r;
		}
		text += n;
	}
	ret_bytes[length] = '\0';
	return (ssize_t)length;
}

ssize_t utf32_to_bytes(const char32_t *text, char *ret_bytes, size_t ret_size)
{
	size_t length = 0;

	for (; *text; text++) {
		int r = add(*text, ret_bytes, ret_size, &length);

		if (r < 0) {
			return r;
		}
	}
	ret_bytes[length] = '\0';
	return (ssize_t)length;
}

/* The character at `*bytes`, which is moved behind it. */
static char32_t take(const char **bytes, size_t *left)
{
	char32_t c;
	size_t n = text_decode((const unsigned char *)*bytes, *left, &c);

	if (n == 0) {
		c = REPLACEMENT;
		n = 1;
	}
	*bytes += n;
	*left -= n;
	return c;
}

size_t utf16_from_bytes(const char *bytes, char16_t *ret_text, size_t ret_size)
{
	size_t left = strlen(bytes);
	size_t all = 0;
	size_t written = 0;

	while (left) {
		char32_t c = take(&bytes, &left);
		size_t n = c < 0x10000 ? 1 : 2;

		if (written == all && all + n < ret_size) { /* nothing was left out yet */
			if (n == 1) {
				ret_text[written] = (char16_t)c;
			} else {
				ret_text[written] = (char16_t)(0xD800 + ((c - 0x10000) >> 10));
				ret_text[written + 1] = (char16_t)(0xDC00 + (c & 0x3FF));
			}
			written += n;
		}
		all += n;
	}
	if (ret_size) {
		ret_text[written] = 0;
	}
	return all;
}

size_t utf32_from_bytes(const char *bytes, char32_t *ret_text, size_t ret_size)
{
	size_t left = strlen(bytes);
	size_t all = 0;

	while (left) {
		char32_t c = take(&bytes, &left);

		if (all + 1 < ret_size) {
			ret_text[all] = c;
		}
		all++;
	}
	if (ret_size) {
		ret_text[all < ret_size ? all : ret_size - 1] = 0;
	}
	return all;
}
