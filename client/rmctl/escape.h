/* SPDX-License-Identifier: MIT */
/* What other people's bytes look like on a terminal (A74). Pure; NULL: out of memory. */
#pragma once

#include <stdbool.h>

#include "proto/base.h"

/*
 * A path, so that it can be told from every other: \n, \t, \\, and \xNN for each byte of what is
 * neither clean nor UTF-8. Without `is_utf8`, the terminal's locale, for all that is not ASCII.
 */
char *escape_path(const char *path, bool is_utf8) _warn_unused_;

/* A text that is clean already, for the locale: its backslashes stay as they are. */
char *escape_text(const char *text, bool is_utf8) _warn_unused_;

/* The last part of a path, borrowed from it: all behind its last slash that is not its end. */
const char *escape_base_name(const char *path);
