/* SPDX-License-Identifier: MIT */
/* Text made clean, into as much room as the first byte says and into room enough. */
#include <string.h>

#include "proto/base.h"
#include "proto/text.h"
#include "tests/fuzz/fuzz.h"

#define REPLACEMENT_BYTES 3u /* U+FFFD, the longest that one byte can become */
#define LONGEST_BYTES 4u

static void check_clean(const uint8_t *bytes, size_t size, size_t room)
{
	_cleanup_(freep) char *clean = malloc(room);
	_cleanup_(freep) char *again = malloc(room);
	size_t length;

	require(clean && again);
	length = text_clean(bytes, size, clean, room);
	require(length < room && clean[length] == '\0' && strlen(clean) == length);
	require(text_is_clean(clean, length));
	require(length <= size * REPLACEMENT_BYTES);
	require(text_clean(clean, length, again, room) == length);
	require(memcmp(clean, again, length + 1) == 0);
	if (text_is_clean(bytes, size)) {
		/* It stays as it is, and is cut only where the next character has no room. */
		require(length <= size && memcmp(clean, bytes, length) == 0);
		require(length == size || length + LONGEST_BYTES >= room);
	} else if (room > size * REPLACEMENT_BYTES) {
		require(length != size || memcmp(clean, bytes, length) != 0);
	}
}

/* The character's only encoding, so that decoding it has no second one. */
static size_t encode(char32_t c, unsigned char ret_bytes[LONGEST_BYTES])
{
	static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
	size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = length; i-- > 1; c >>= 6) {
		ret_bytes[i] = (unsigned char)(0x80 | (c & 0x3F));
	}
	ret_bytes[0] = (unsigned char)(first[length] | c);
	return length;
}

static void check_decode(const uint8_t *bytes, size_t size)
{
	while (size) {
		unsigned char encoded[LONGEST_BYTES];
		char32_t character = 0xFFFFFFFF;
		size_t length = text_decode(bytes, size, &character);

		require(length <= size && length <= LONGEST_BYTES);
		if (length) {
			require(character <= 0x10FFFF);
			require(character < 0xD800 || character > 0xDFFF);
			require(encode(character, encoded) == length);
			require(memcmp(encoded, bytes, length) == 0);
		} else {
			require(character == 0xFFFFFFFF);
			require(bytes[0] >= 0x80);
			length = 1;
		}
		bytes += length;
		size -= length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	check_decode(data + 1, size - 1);
	check_clean(data + 1, size - 1, (size_t)data[0] + 1);
	check_clean(data + 1, size - 1, (size - 1) * REPLACEMENT_BYTES + 1);
	return 0;
}
