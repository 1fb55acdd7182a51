/* SPDX-License-Identifier: MIT */
/*
 * The contents of dpkg's files, as bytes. They are the machine's own, but a torn or foreign one must
 * do no harm: a line that is no absolute path of a bearable length is counted and left out.
 */
#include <limits.h>
#include <string.h>

#include "client/rmctl/package.h"

struct line {
	const char *text; /* borrowed, not NUL-terminated */
	size_t length;
};

/* Takes the next line, with or without a newline at its end. */
static bool next_line(const char **text, size_t *size, struct line *ret_line)
{
	const char *end = *size > 0 ? memchr(*text, '\n', *size) : NULL;
	size_t length = end ? (size_t)(end - *text) : *size;

	if (*size == 0) {
		return false;
	}
	*ret_line = (struct line){.text = *text, .length = length};
	*text += length + (end ? 1 : 0);
	*size -= length + (end ? 1 : 0);
	return true;
}

static bool is_text(const struct line *line, const char *text)
{
	return line->length == strlen(text) && memcmp(line->text, text, line->length) == 0;
}

static bool is_path(const struct line *line)
{
	return line->length > 0 && line->length < PATH_MAX && line->text[0] == '/' &&
	       !memchr(line->text, '\0', line->length);
}

/* "/." and "/": the list's way of naming the root. */
static bool is_root(const struct line *line)
{
	return is_text(line, "/.") || is_text(line, "/");
}

void diversions_done(struct diversions *diversions)
{
	path_list_done(&diversions->from);
	path_list_done(&diversions->to);
}

static int add_diversion(struct diversions *diversions, const struct line *from,
			 const struct line *to)
{
	int r = path_list_add(&diversions->from, from->text, from->length);

	return r < 0 ? r : path_list_add(&diversions->to, to->text, to->length);
}

int diversions_parse(const char *text, size_t size, const char *package,
		     struct diversions *ret_diversions)
{
	_cleanup_(diversions_done) struct diversions diversions = {0};
	struct line from, to, by;

	while (next_line(&text, &size, &from) && next_line(&text, &size, &to) &&
	       next_line(&text, &size, &by)) {
		int r;

		if (is_text(&by, package) || !is_path(&from) || !is_path(&to)) {
			continue;
		}
		r = add_diversion(&diversions, &from, &to);
		if (r < 0) {
			return r;
		}
	}
	*ret_diversions = diversions;
	diversions = (struct diversions){0};
	return 0;
}

static int add_file(const struct diversions *diversions, const struct line *line,
		    struct path_list *files)
{
	for (size_t i = 0; i < diversions->from.n; i++) {
		if (is_text(line, diversions->from.paths[i])) {
			const char *to = diversions->to.paths[i];

			return path_list_add(files, to, strlen(to));
		}
	}
	return path_list_add(files, line->text, line->length);
}

int package_list_parse(const char *text, size_t size, const struct diversions *diversions,
		       struct path_list *files, size_t *n_ignored)
{
	struct line line;

	while (next_line(&text, &size, &line)) {
		int r;

		if (line.length == 0 || is_root(&line)) {
			continue;
		}
		if (!is_path(&line)) {
			(*n_ignored)++;
			continue;
		}
		r = add_file(diversions, &line, files);
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

/* Whether the line is "NAME: VALUE". */
static bool is_field(const struct line *line, const char *name, const char *value)
{
	size_t n = strlen(name);
	struct line rest;

	if (line->length < n + 2 || memcmp(line->text, name, n) != 0 || line->text[n] != ':' ||
	    line->text[n + 1] != ' ') {
		return false;
	}
	rest = (struct line){.text = line->text + n + 2, .length = line->length - n - 2};
	return is_text(&rest, value);
}

bool package_status_has(const char *text, size_t size, const char *package,
			const char *architecture)
{
	bool is_package = false, is_architecture = false;
	struct line line;

	while (next_line(&text, &size, &line)) {
		if (line.length == 0) { /* between two packages */
			is_package = is_architecture = false;
		}
		is_package = is_package || is_field(&line, "Package", package);
		is_architecture = is_architecture || is_field(&line, "Architecture", "all") ||
				  is_field(&line, "Architecture", architecture);
		if (is_package && is_architecture) {
			return true;
		}
	}
	return false;
}
