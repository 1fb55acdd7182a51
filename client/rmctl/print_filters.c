/* SPDX-License-Identifier: MIT */
/* Filters as a table and as JSON, in the order in which they were set. */
#include "client/rmctl/print_filters.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/rmctl/document.h"
#include "client/rmctl/escape.h"
#include "client/rmctl/output.h"
#include "client/rmctl/table.h"

static const char *action_name(int action)
{
	switch (action) {
	case 1:
		return "no-restart";
	case 2:
		return "no-shutdown";
	default:
		return "unknown";
	}
}

static void add_filter(struct libscols_table *table, const struct rm_filter *filter)
{
	struct libscols_line *line = table_line(table);

	table_set(line, 2, "%s", action_name(filter->action));
	if (filter->executable) {
		_cleanup_(freep) char *path = escape_path(filter->executable, output_is_utf8());

		table_check(path);
		table_set(line, 0, "executable");
		table_set(line, 1, "%s", path);
	} else if (filter->process) {
		table_set(line, 0, "process");
		table_set(line, 1, "%" PRIu32, filter->process->pid);
	} else {
		table_set(line, 0, "service");
		table_set(line, 1, "%s", filter->service ? filter->service : "");
	}
}

void print_filters_table(const struct rm_filters *filters, bool colors)
{
	static const struct table_column columns[] = {
		{"TARGET", 0, 0}, {"NAME", SCOLS_FL_TRUNC, 0}, {"ACTION", 0, 0}};
	_cleanup_(table_unrefp) struct libscols_table *table = NULL;

	if (filters->n_filters == 0) {
		puts("no filters");
		return;
	}
	table = table_new(columns, ARRAY_SIZE(columns), colors);
	for (size_t i = 0; i < filters->n_filters; i++) {
		add_filter(table, &filters->filters[i]);
	}
	table_print(table);
}

static struct json_object *build_process(const struct rm_process_id *process)
{
	struct json_object *object;

	if (!process) {
		return NULL;
	}
	object = document_object();
	document_add_number(object, "pid", process->pid);
	document_add_number(object, "start_time", process->start_time);
	return object;
}

void print_filters_json(const struct rm_filters *filters)
{
	struct json_object *document = document_object();
	struct json_object *list = document_array();

	for (size_t i = 0; i < filters->n_filters; i++) {
		const struct rm_filter *filter = &filters->filters[i];
		struct json_object *object = document_object();

		document_add_path(object, "executable", "executable_bytes",
				  filter->executable ? filter->executable : "");
		document_add(object, "process", build_process(filter->process));
		document_add_text_or_null(object, "service",
					  filter->service ? filter->service : "");
		document_add_text(object, "action", action_name(filter->action));
		document_append(list, object);
	}
	document_add(document, "filters", list);
	document_print(document);
}
