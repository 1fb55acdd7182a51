/* SPDX-License-Identifier: MIT */
/*
 * The one function through which bytes of strangers reach a terminal. A terminal that does not
 * expect UTF-8 may take its bytes for controls (0x9B begins an escape sequence), which is why the
 * locale matters.
 */
#include "client/rmctl/escape.h"

#include <stdint.h>
#include <string.h>

#include "proto/text.h"

static char *put_byte(char *at, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";

	*at++ = '\\';
	*at++ = 'x';
	*at++ = digits[byte >> 4];
	*at++ = digits[byte & 15];
	return at;
}

/* How many bytes at `from` can be shown as they are; 0: the first can't. */
static size_t count_plain(const unsigned char *from, size_t size, bool is_utf8)
{
	char32_t character;
	size_t n = text_decode(from, size, &character);

	if (n == 0 || !text_is_clean(from, n) || (n > 1 && !is_utf8)) {
		return 0;
	}
	return n;
}

static char *put_escaped(char *at, unsigned char byte)
{
	if (byte == '\n' || byte == '\t' || byte == '\\') {
		*at++ = '\\';
		*at++ = byte == '\n' ? 'n' : byte == '\t' ? 't' : '\\';
		return at;
	}
	return put_byte(at, byte);
}

static char *escape(const char *bytes, bool is_path, bool is_utf8)
{
	const unsigned char *from = (const unsigned char *)bytes;
	size_t size = strlen(bytes);
	char *escaped = size < SIZE_MAX / 4 ? malloc(4 * size + 1) : NULL;
	char *at = escaped;

	if (!escaped) {
		return NULL;
	}
	while (size > 0) {
		size_t n = is_path && *from == '\\' ? 0 : count_plain(from, size, is_utf8);

		if (n == 0) {
			at = put_escaped(at, *from);
			n = 1;
		} else {
			memcpy(at, from, n);
			at += n;
		}
		from += n;
		size -= n;
	}
	*at = '\0';
	return escaped;
}

char *escape_path(const char *path, bool is_utf8)
{
	return escape(path, true, is_utf8);
}

char *escape_text(const char *text, bool is_utf8)
{
	return escape(text, false, is_utf8);
}

const char *escape_base_name(const char *path)
{
	const char *base = path;

	for (const char *at = path; *at; at++) {
		if (at[0] == '/' && at[1] != '\0' && at[1] != '/') {
			base = at + 1;
		}
	}
	return base;
}
