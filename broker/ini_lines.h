/* SPDX-License-Identifier: MIT */
/* The lines of an INI text one after the other, for inih, which is told to read them from here: so
 * the line of an error is known, and one that is too long is not taken for two. Pure. */
#pragma once

#include <stdbool.h>

#define INI_MAX_LINE_BYTES 199 /* INI_MAX_LINE of the library, less the NUL */

/* Begin with `text` and `rest` at the start of a NUL-terminated text. */
struct ini_lines {
	const char *text;	   /* borrowed: the whole */
	const char *rest;	   /* what was not read yet */
	unsigned int line;	   /* the one that was read last, from 1 */
	unsigned int section_line; /* the last header's, 0: none yet */
	bool is_too_long;	   /* this last line is */
};

/* The next line without its newline, in `ret_line` of `size` bytes. NULL: there is none, or it is
 * too long. */
char *ini_lines_next(struct ini_lines *lines, char *ret_line, int size);
