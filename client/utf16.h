/* SPDX-License-Identifier: MIT */
/* The Win32 face's strings, of 16 and of 32 bits, to bytes and back (A1). Pure. */
#pragma once

#include <stddef.h>
#include <sys/types.h>
#include <uchar.h>

#include "proto/base.h"

/* Writes the text as UTF-8 with its NUL. Returns the length without it; -EINVAL: a lone
 * surrogate or no character; -ENAMETOOLONG: it does not fit. Never reads on behind what fits. */
ssize_t utf16_to_bytes(const char16_t *text, char *ret_bytes, size_t ret_size) _warn_unused_;
ssize_t utf32_to_bytes(const char32_t *text, char *ret_bytes, size_t ret_size) _warn_unused_;

/* Writes as many whole characters as fit, and a NUL (`ret_size` counts units; 0: writes
 * nothing). What is no UTF-8 becomes U+FFFD, byte by byte. Returns how many units all of it has,
 * without the NUL. */
size_t utf16_from_bytes(const char *bytes, char16_t *ret_text, size_t ret_size);
size_t utf32_from_bytes(const char *bytes, char32_t *ret_text, size_t ret_size);
