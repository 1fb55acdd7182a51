/* SPDX-License-Identifier: MIT */
/*
 * What an answer could not look at, and why. The totals are the truth; the list of causes may be
 * shorter, and what it leaves unexplained is said too.
 */
#include "client/rmctl/completeness.h"

#include <inttypes.h>
#include <unistd.h>

#include "client/rmctl/escape.h"
#include "client/rmctl/output.h"
#include "proto/base.h"

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "es";
}

static void print_processes(uint32_t n, const char *why, const char *prefix, FILE *file)
{
	_cleanup_(freep) char *shown = escape_text(why, output_is_utf8());

	fprintf(file, "%s%" PRIu32 " process%s could not be inspected", prefix, n, plural(n));
	if (why[0] && shown) {
		fprintf(file, " (%s)", shown);
	}
	fputs(geteuid() != 0 ? "; run as root, to ask the machine's broker\n" : "\n", file);
}

static void print_file(const struct rm_unchecked *file_left, const char *what, const char *prefix,
		       FILE *file)
{
	_cleanup_(freep) char *path = escape_path(file_left->path, output_is_utf8());
	_cleanup_(freep) char *why = escape_text(file_left->why, output_is_utf8());

	fprintf(file, "%s%s %s", prefix, path ? path : "?", what);
	fprintf(file, "%s%s\n", file_left->why[0] && why ? ": " : "", why ? why : "");
}

static void print_unread_processes(const struct rm_application_list *list, const char *prefix,
				   FILE *file)
{
	uint32_t n_told = 0;

	for (size_t i = 0; i < list->n_unchecked; i++) {
		const struct rm_unchecked *left = &list->unchecked[i];

		if (!left->path[0]) {
			print_processes(left->count, left->why, prefix, file);
			n_told += left->count;
		}
	}
	if (list->n_not_inspected > n_told) {
		print_processes(list->n_not_inspected - n_told, "", prefix, file);
	}
}

void completeness_print(const struct rm_application_list *list, const char *prefix, FILE *file)
{
	uint32_t n_files = 0;

	print_unread_processes(list, prefix, file);
	for (size_t i = 0; i < list->n_unchecked; i++) {
		const struct rm_unchecked *left = &list->unchecked[i];

		if (left->path[0]) {
			print_file(left, "was not checked", prefix, file);
			n_files += left->count ? left->count : 1;
		}
	}
	if (list->n_files_unchecked > n_files) {
		fprintf(file, "%s%" PRIu32 " %sfiles were not checked\n", prefix,
			list->n_files_unchecked - n_files, n_files ? "more " : "");
	}
	for (size_t i = 0; i < list->n_unseen; i++) {
		print_file(&list->unseen[i], "is in use by nobody who can be seen", prefix, file);
	}
}
