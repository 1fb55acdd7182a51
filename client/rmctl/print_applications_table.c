/* SPDX-License-Identifier: MIT */
/*
 * Who uses what, as a table with a line for each application, and as plain process ids. Below the
 * table: why a reboot would be needed, and what is not known; "nobody" is said only when everything
 * was inspected (A73).
 */
#include <inttypes.h>
#include <stdio.h>

#include "client/rmctl/application_text.h"
#include "client/rmctl/completeness.h"
#include "client/rmctl/output.h"
#include "client/rmctl/print_applications.h"
#include "client/rmctl/print_parts.h"
#include "client/rmctl/table.h"

static void set_taken(struct libscols_line *line, size_t column, char *text)
{
	_cleanup_(freep) char *taken = text;

	table_check(taken);
	table_set(line, column, "%s", taken);
}

static void add_application(struct libscols_table *table, const struct rm_application *application)
{
	struct libscols_line *line = table_line(table);
	bool is_utf8 = output_is_utf8();
	size_t i = 0;

	table_set(line, i++, "%s", application->name);
	set_taken(line, i++, application_format_pids(application));
	table_set_user(line, i++, application->process.uid);
	table_set(line, i++, "%s",
		  application->container[0] ? application->container : application->unit);
	set_taken(line, i++, application_format_uses(application, is_utf8));
	set_taken(line, i, application_format_restart(application));
	if (application->reasons) {
		scols_cell_set_color(scols_line_get_cell(line, i), "red");
	} else if (!application->is_restartable) {
		scols_cell_set_color(scols_line_get_cell(line, i), "yellow");
	}
}

void print_applications_table(const struct rm_application_list *list, bool colors)
{
	static const struct table_column columns[] = {
		{"APPLICATION", SCOLS_FL_TRUNC, 0.22},
		{"PID", 0, 0},
		{"USER", 0, 0},
		{"UNIT", SCOLS_FL_TRUNC, 0.16},
		{"USES", SCOLS_FL_TRUNC, 0.28},
		{"RESTART", SCOLS_FL_TRUNC, 0.18},
	};
	_cleanup_(table_unrefp) struct libscols_table *table = NULL;

	if (list->n_applications > 0) {
		table = table_new(columns, ARRAY_SIZE(columns), colors);
		for (size_t i = 0; i < list->n_applications; i++) {
			add_application(table, &list->applications[i]);
		}
		table_print(table);
	}
	print_reboot_reasons(list, colors);
	print_completeness(list);
}

void print_applications_pids(const struct rm_application_list *list, bool null_separated)
{
	const char end = null_separated ? '\0' : '\n';

	for (size_t i = 0; i < list->n_applications; i++) {
		const struct rm_application *application = &list->applications[i];

		if (application->n_processes_listed == 0) {
			printf("%" PRIu32 "%c", application->process.pid, end);
		}
		for (size_t j = 0; j < application->n_processes_listed; j++) {
			printf("%" PRIu32 "%c", application->processes[j].process.pid, end);
		}
	}
}
