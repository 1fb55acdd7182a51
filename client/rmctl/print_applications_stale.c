/* SPDX-License-Identifier: MIT */
/*
 * What is out of date, by who renews it: the kernel by a reboot, a service and an application by
 * its restart, and the rest by what application_needs says.
 */
#include <inttypes.h>
#include <stdio.h>

#include "client/rmctl/application_text.h"
#include "client/rmctl/completeness.h"
#include "client/rmctl/output.h"
#include "client/rmctl/print_applications.h"
#include "client/rmctl/print_parts.h"
#include "client/rmctl/table.h"

enum group {
	GROUP_SERVICES,
	GROUP_APPLICATIONS,
	GROUP_OTHERS,
	_GROUP_COUNT,
};

static enum group find_group(const struct rm_application *application)
{
	if (application_find_needs(application) != NEEDS_RESTART) {
		return GROUP_OTHERS;
	}
	return application->service[0] ? GROUP_SERVICES : GROUP_APPLICATIONS;
}

static const char *describe_needs(const struct rm_application *application)
{
	static const char *const texts[] = {
		[NEEDS_RESTART] = "its restart",
		[NEEDS_REEXEC] = "systemctl daemon-reexec",
		[NEEDS_CONTAINER] = "restart of the container",
		[NEEDS_LOGOUT] = "logout",
		[NEEDS_REBOOT] = "reboot",
	};
	enum application_needs needs = application_find_needs(application);

	if (needs == NEEDS_REEXEC && application->process.pid != 1) {
		return "systemctl --user daemon-reexec";
	}
	return texts[needs];
}

static void print_heading(const char *text, bool colors)
{
	printf("%s%s%s\n", colors ? TABLE_BOLD : "", text, colors ? TABLE_PLAIN : "");
}

static void add_line(struct libscols_table *table, const struct rm_application *application,
		     enum group group)
{
	_cleanup_(freep) char *pids = application_format_pids(application);
	_cleanup_(freep) char *old = application_format_old(application, output_is_utf8());
	struct libscols_line *line = table_line(table);

	table_check(pids && old);
	table_set(line, 0, "  %s",
		  group == GROUP_SERVICES ? application->service : application->name);
	table_set(line, 1, "%s", pids);
	table_set_user(line, 2, application->process.uid);
	table_set(line, 3, "%s", old);
	if (group == GROUP_OTHERS) {
		table_set(line, 4, "%s", describe_needs(application));
	}
}

static void print_group(const struct rm_application_list *list, enum group group, bool colors)
{
	static const char *const headings[] = {
		[GROUP_SERVICES] = "Services to restart",
		[GROUP_APPLICATIONS] = "Applications to restart",
		[GROUP_OTHERS] = "Renewed by something else",
	};
	static const struct table_column columns[] = {
		{"NAME", SCOLS_FL_TRUNC, 0.35}, {"PID", 0, 0},	 {"USER", 0, 0},
		{"OLD", SCOLS_FL_TRUNC, 0.35},	{"NEEDS", 0, 0},
	};
	size_t n_columns = ARRAY_SIZE(columns) - (group == GROUP_OTHERS ? 0 : 1), n = 0;
	_cleanup_(table_unrefp) struct libscols_table *table =
		table_new(columns, n_columns, colors);

	scols_table_enable_noheadings(table, 1);
	for (size_t i = 0; i < list->n_applications; i++) {
		if (find_group(&list->applications[i]) == group) {
			add_line(table, &list->applications[i], group);
			n++;
		}
	}
	if (n > 0) {
		print_heading(headings[group], colors);
		table_print(table);
	}
}

static void print_kernel(const struct rm_application_list *list, bool colors)
{
	print_heading("Kernel", colors);
	printf("  ");
	print_text(list->kernel_running);
	if (list->kernel_is_stale) {
		printf(" runs, ");
		print_text(list->kernel_installed[0] ? list->kernel_installed : "another one");
		puts(" is installed: reboot");
	} else {
		puts(list->kernel_installed[0] ? " runs, the newest that is installed"
					       : " runs; which one is installed is not known");
	}
}

void print_applications_stale(const struct rm_application_list *list, bool colors)
{
	bool is_complete = application_list_is_complete(list);

	print_kernel(list, colors);
	for (enum group group = 0; group < _GROUP_COUNT; group++) {
		print_group(list, group, colors);
	}
	if (!is_complete) {
		puts(list->n_applications ? "Not everything could be inspected:"
					  : "No program of an old version was found, but not "
					    "everything could be inspected:");
		completeness_print(list, "  ", stdout);
	} else if (list->n_applications == 0) {
		puts("Nobody runs a deleted or replaced file.");
	}
}
