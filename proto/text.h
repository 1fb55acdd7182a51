/* SPDX-License-Identifier: MIT */
/* Text that came from somebody else, made fit for terminals, logs and the wire (A74). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uchar.h>

/* Whether the bytes are what text_clean() would leave as they are: valid UTF-8 without NUL,
 * C0 and C1 controls, DEL and bidirectional controls. The empty text is clean. */
bool text_is_clean(const void *bytes, size_t size);

/* Copies the bytes as clean UTF-8 into `ret_text` (`ret_size` >= 1, always NUL-terminated):
 * each byte that is not part of valid UTF-8 and each forbidden character becomes U+FFFD; a
 * text that does not fit ends at a character's border. Returns the length written. */
size_t text_clean(const void *bytes, size_t size, char *ret_text, size_t ret_size);

/* Reads one character at `bytes` (size >= 1). Returns how many bytes it has and stores it, or
 * 0 when they do not begin valid UTF-8 (RFC 3629: no overlong forms, no surrogates). */
size_t text_decode(const unsigned char *bytes, size_t size, char32_t *ret_character);
