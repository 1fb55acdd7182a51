/* SPDX-License-Identifier: MIT */
/* The lines below a list of applications, and texts on their way to the terminal. */
#include "client/rmctl/print_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/rmctl/application_text.h"
#include "client/rmctl/completeness.h"
#include "client/rmctl/escape.h"
#include "client/rmctl/output.h"
#include "client/rmctl/table.h"

/* A library that everybody uses makes every critical process a reason. */
#define MAX_REASON_LINES 10

static void print_taken(char *text)
{
	_cleanup_(freep) char *taken = text;

	table_check(taken);
	fputs(taken, stdout);
}

void print_path(const char *path)
{
	print_taken(escape_path(path, output_is_utf8()));
}

void print_text(const char *text)
{
	print_taken(escape_text(text, output_is_utf8()));
}

static void print_reason(const struct rm_application *application)
{
	printf("  ");
	print_text(application->name);
	printf(" (%" PRIu32 ")", application->process.pid);
	for (unsigned int bit = 0; bit < APPLICATION_N_REASON_BITS; bit++) {
		if (application->reasons & 1u << bit) {
			printf(" %s", application_reason_name(bit));
		}
	}
	printf("%s", application->why[0] ? ": " : "");
	print_text(application->why);
	putchar('\n');
}

void print_reboot_reasons(const struct rm_application_list *list, bool colors)
{
	size_t n = 0;

	if (!list->reasons) {
		return;
	}
	printf("\n%sA reboot is needed, because these cannot be stopped:%s\n",
	       colors ? TABLE_BOLD : "", colors ? TABLE_PLAIN : "");
	for (size_t i = 0; i < list->n_applications; i++) {
		if (list->applications[i].reasons && ++n <= MAX_REASON_LINES) {
			print_reason(&list->applications[i]);
		}
	}
	if (n > MAX_REASON_LINES) {
		printf("  and %zu more; --long tells of all\n", n - MAX_REASON_LINES);
	}
}

void print_completeness(const struct rm_application_list *list)
{
	bool is_complete = application_list_is_complete(list);

	if (list->n_applications > 0) {
		putchar('\n');
	}
	if (is_complete && list->n_applications == 0) {
		puts(list->n_files ? "Nobody uses these files." : "Nothing of this is running.");
	} else if (is_complete) {
		printf("%" PRIu32 " processes were inspected, all there are.\n", list->n_processes);
	} else if (list->n_applications == 0) {
		puts("No use was found, but not everything could be inspected:");
	} else {
		puts("Not everything could be inspected:");
	}
	completeness_print(list, "  ", stdout);
}
