/* SPDX-License-Identifier: MIT */
/* Each application as a block of lines: what it is, what may be done with it and why, and each
 * process with each thing that it uses. */
#include <inttypes.h>
#include <stdio.h>

#include "client/rmctl/application_text.h"
#include "client/rmctl/output.h"
#include "client/rmctl/print_applications.h"
#include "client/rmctl/print_parts.h"
#include "client/rmctl/table.h"
#include "client/rmctl/user_name.h"

static void print_named(const char *name, const char *text)
{
	if (text[0]) {
		printf("  %-11s ", name);
		print_text(text);
		putchar('\n');
	}
}

static void print_named_path(const char *name, const char *path)
{
	if (path[0]) {
		printf("  %-11s ", name);
		print_path(path);
		putchar('\n');
	}
}

static void print_reasons(uint32_t reasons)
{
	if (reasons) {
		printf("  %-11s", "Reboot");
		for (unsigned int bit = 0; bit < APPLICATION_N_REASON_BITS; bit++) {
			if (reasons & 1u << bit) {
				printf(" %s", application_reason_name(bit));
			}
		}
		putchar('\n');
	}
}

static void print_process(const struct rm_application_process *process)
{
	char user[USER_NAME_SIZE];

	user_name_find(process->process.uid, user);
	printf("  %-11s %" PRIu32 " ", "Process", process->process.pid);
	print_text(process->process.name);
	printf(", ");
	print_text(user);
	putchar('\n');
	for (size_t i = 0; i < process->n_uses_listed; i++) {
		_cleanup_(freep) char *use =
			application_format_use(&process->uses[i], output_is_utf8());

		table_check(use);
		printf("    %s\n", use);
	}
	if (process->n_uses > process->n_uses_listed) {
		printf("    and %zu more uses\n", process->n_uses - process->n_uses_listed);
	}
}

static void print_application(const struct rm_application *application, bool colors)
{
	_cleanup_(freep) char *restart = application_format_restart(application);

	table_check(restart);
	fputs(colors ? TABLE_BOLD : "", stdout);
	print_text(application->name);
	puts(colors ? TABLE_PLAIN : "");
	print_named("Kind", application_type_name(application->type));
	print_named("Unit", application->unit);
	print_named("Container", application->container);
	print_named_path("Executable", application->executable);
	print_named("Restart", restart);
	print_reasons(application->reasons);
	print_named("Why", application->why);
	print_named_path("Policy", application->policy);
	for (size_t i = 0; i < application->n_processes_listed; i++) {
		print_process(&application->processes[i]);
	}
	if (application->n_processes > application->n_processes_listed) {
		printf("  and %zu more processes\n",
		       application->n_processes - application->n_processes_listed);
	}
}

void print_applications_long(const struct rm_application_list *list, bool colors)
{
	for (size_t i = 0; i < list->n_applications; i++) {
		if (i > 0) {
			putchar('\n');
		}
		print_application(&list->applications[i], colors);
	}
	print_completeness(list);
}
