/* SPDX-License-Identifier: MIT */
/* One line after the other. */
#include "broker/ini_lines.h"

#include <stddef.h>
#include <string.h>

char *ini_lines_next(struct ini_lines *lines, char *ret_line, int size)
{
	const char *line = lines->rest;
	size_t length = strcspn(line, "\n");

	if (!*line) {
		return NULL;
	}
	lines->line++;
	if (length > INI_MAX_LINE_BYTES || length >= (size_t)size) {
		lines->is_too_long = true;
		return NULL;
	}
	if (line[strspn(line, " \t")] == '[') {
		lines->section_line = lines->line;
	}
	memcpy(ret_line, line, length);
	ret_line[length] = '\0';
	lines->rest = line + length + (line[length] == '\n');
	return ret_line;
}
