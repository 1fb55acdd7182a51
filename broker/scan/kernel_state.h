/* SPDX-License-Identifier: MIT */
/* The running kernel against the installed ones: the kernel's part of what is out of date. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

struct kernel_state {
	char running[128];   /* release, clean text */
	char installed[128]; /* newest release that is installed, "": unknown */
	bool is_stale;	     /* another one would run after a reboot */
};

/* Reads uname(2) and the images in `boot` ("/boot"). */
void kernel_state_read(const char *boot, struct kernel_state *ret_state);

/* The version text of a kernel image, from its first bytes (x86's boot protocol, field
 * kernel_version): "6.1.0-18-amd64 (…) #1 SMP …". NULL: it has none. Pure; borrowed from `image`. */
const char *kernel_state_find_version(const uint8_t *image, size_t size);

/* Whether two releases are builds for the same purpose: "6.1.0-18-amd64" and "6.1.0-20-amd64" are,
 * "6.1.0-18-rt-amd64" is not. Pure. */
bool kernel_state_is_same_sort(const char *a, const char *b) _warn_unused_;
