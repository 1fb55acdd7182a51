/* SPDX-License-Identifier: MIT */
/*
 * Tables by libsmartcols, which knows the terminal's width and how wide each character is. Columns
 * that may be cut are cut on a terminal that is too narrow; in a pipe nothing is.
 * libsmartcols would encode what it can't print, and its backslashes once more; whoever fills a
 * cell has done that already (A74), so it is told to leave the texts alone.
 */
#include "client/rmctl/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/rmctl/escape.h"
#include "client/rmctl/exit_code.h"
#include "client/rmctl/output.h"
#include "client/rmctl/report.h"
#include "client/rmctl/user_name.h"

void table_check(bool worked)
{
	if (!worked) {
		exit(report_errno(ENOMEM, "cannot make a table"));
	}
}

struct libscols_table *table_new(const struct table_column *columns, size_t n_columns, bool colors)
{
	struct libscols_table *table = scols_new_table();

	table_check(table);
	scols_table_enable_colors(table, colors);
	scols_table_enable_noencoding(table, 1);
	for (size_t i = 0; i < n_columns; i++) {
		struct libscols_column *column = scols_table_new_column(
			table, columns[i].name, columns[i].part, columns[i].flags);

		table_check(column);
		scols_cell_set_color(scols_column_get_header(column), TABLE_BOLD);
	}
	return table;
}

struct libscols_line *table_line(struct libscols_table *table)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	table_check(line);
	return line;
}

/* The formatted text, as this locale can show it. Free it. */
static char *format_shown(const char *format, va_list values) _printf_(1, 0);

static char *format_shown(const char *format, va_list values)
{
	_cleanup_(freep) char *text = NULL;
	char *shown;

	table_check(vasprintf(&text, format, values) >= 0);
	if (output_is_utf8()) {
		return TAKE_PTR(text);
	}
	shown = escape_text(text, false);
	table_check(shown);
	return shown;
}

void table_set(struct libscols_line *line, size_t column, const char *format, ...)
{
	va_list values;
	char *text;

	va_start(values, format);
	text = format_shown(format, values);
	va_end(values);
	table_check(scols_line_refer_data(line, column, text) == 0); /* `text` is the line's now */
}

void table_set_user(struct libscols_line *line, size_t column, uint32_t uid)
{
	char name[USER_NAME_SIZE];

	user_name_find(uid, name);
	table_set(line, column, "%s", name);
}

void table_print(struct libscols_table *table)
{
	table_check(scols_print_table(table) == 0);
}

void table_field(const char *name, bool colors, const char *format, ...)
{
	_cleanup_(freep) char *text = NULL;
	va_list values;

	va_start(values, format);
	text = format_shown(format, values);
	va_end(values);
	printf("%s%-12s%s %s\n", colors ? TABLE_BOLD : "", name, colors ? TABLE_PLAIN : "", text);
}
