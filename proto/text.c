/* SPDX-License-Identifier: MIT */
/*
 * One function at the edge for text that a process, a unit or a file chose itself.
 * It must not be able to move a cursor, forge a log line or turn a terminal's writing
 * direction round; so the controls go, and what is not UTF-8 shows as U+FFFD.
 */
#include "proto/text.h"

#include <stdint.h>
#include <string.h>

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

size_t text_decode(const unsigned char *bytes, size_t size, char32_t *ret_character)
{
	static const char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	char32_t character = bytes[0];
	size_t length;

	if (character < 0x80) {
		*ret_character = character;
		return 1;
	}
	if ((character & 0xE0) == 0xC0) {
		length = 2;
		character &= 0x1F;
	} else if ((character & 0xF0) == 0xE0) {
		length = 3;
		character &= 0x0F;
	} else if ((character & 0xF8) == 0xF0) {
		length = 4;
		character &= 0x07;
	} else {
		return 0;
	}
	if (size < length) {
		return 0;
	}
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xC0) != 0x80) {
			return 0;
		}
		character = character << 6 | (bytes[i] & 0x3F);
	}
	if (character < smallest[length] || character > 0x10FFFF ||
	    (character >= 0xD800 && character <= 0xDFFF)) {
		return 0;
	}
	*ret_character = character;
	return length;
}

static bool is_forbidden(char32_t c)
{
	return c < 0x20 || (c >= 0x7F && c <= 0x9F) ||	    /* C0, DEL, C1 */
	       c == 0x061C || c == 0x200E || c == 0x200F || /* bidi marks */
	       (c >= 0x2028 && c <= 0x202E) || /* line separators, embeddings, overrides */
	       (c >= 0x2066 && c <= 0x2069);   /* isolates */
}

/* How many bytes at the start are printable ASCII: all of them, mostly. */
static size_t count_plain(const unsigned char *bytes, size_t size)
{
	size_t n = 0;

	while (n < size && bytes[n] >= 0x20 && bytes[n] < 0x7F) {
		n++;
	}
	return n;
}

bool text_is_clean(const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	char32_t character;
	size_t length;

	if (!size) {
		return true; /* an empty field has no bytes to point to */
	}
	length = count_plain(at, size);
	at += length;
	size -= length;
	for (; size; at += length, size -= length) {
		length = text_decode(at, size, &character);
		if (!length || is_forbidden(character)) {
			return false;
		}
	}
	return true;
}

size_t text_clean(const void *bytes, size_t size, char *ret_text, size_t ret_size)
{
	const unsigned char *at = bytes;
	size_t written = 0;

	while (size) {
		char32_t character;
		size_t length = text_decode(at, size, &character);
		bool keep = length && !is_forbidden(character);
		const void *from = keep ? (const void *)at : replacement;
		size_t n = keep ? length : sizeof(replacement) - 1;

		if (n > ret_size - 1 - written) {
			break;
		}
		memcpy(ret_text + written, from, n);
		written += n;
		if (!length) {
			length = 1;
		}
		at += length;
		size -= length;
	}
	ret_text[written] = '\0';
	return written;
}
