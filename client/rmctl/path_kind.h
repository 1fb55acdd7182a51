/* SPDX-License-Identifier: MIT */
/* What paths are, asked without being caught by a file system that does not answer. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

enum path_kind {
	PATH_UNKNOWN, /* not permitted, an error, or no answer */
	PATH_MISSING,
	PATH_DIRECTORY,
	PATH_PRESENT, /* anything else */
	_PATH_KIND_COUNT,
};

/*
 * Asks for all the paths; links are followed. Takes at most two seconds longer than the file
 * systems that answer.
 *
 * ret_kinds   n bytes, enum path_kind
 *
 * 0 or -errno: no process or pipe could be made. Call before there are other threads.
 */
int path_kinds_read(char *const *paths, size_t n, uint8_t *ret_kinds) _warn_unused_;
