/* SPDX-License-Identifier: MIT */
/*
 * Which script an interpreter runs, by its argv: pure. Argv is what the process says of itself,
 * so the answer is compared as text with registered paths and never opened (A71).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proto/base.h"

/* Whether a program of this name (base name of its executable) runs scripts. */
bool script_is_interpreter(const char *name);

/*
 * The script in `argv`, `size` bytes of /proc/PID/cmdline with their NULs (the last may be
 * missing when it was cut). `name` is the interpreter's. Borrowed from `argv`, NUL-terminated
 * inside it; NULL: it runs none, or reads it from elsewhere.
 */
const char *script_find(const char *name, const char *argv, size_t size);

/* `script` made absolute against `directory` and without "." and ".." and doubled slashes, by its
 * text alone. 0, or -ENAMETOOLONG. */
int script_resolve(const char *directory, const char *script, char *ret_path, size_t size)
	_warn_unused_;
