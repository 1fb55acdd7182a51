/* SPDX-License-Identifier: MIT */
/*
 * Tables by libsmartcols, which knows the terminal's width and how wide each character is; single
 * things as one line for each field. On a terminal too narrow for a table the program's name is
 * cut; in a pipe nothing is.
 */
#include "client/rmctl/print_table.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/rmctl/exit_code.h"
#include "client/rmctl/format.h"
#include "client/rmctl/output.h"
#include "client/rmctl/report.h"
#include "proto/base.h"
#include "proto/text.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct column {
	const char *name;
	int flags; /* SCOLS_FL_* */
};

static void table_unrefp(struct libscols_table **table)
{
	scols_unref_table(*table);
}

static void check(bool worked)
{
	if (!worked) {
		exit(report_errno(ENOMEM, "cannot make a table"));
	}
}

static struct libscols_table *new_table(const struct column *columns, size_t n_columns, bool colors)
{
	struct libscols_table *table = scols_new_table();

	check(table);
	scols_table_enable_colors(table, colors);
	for (size_t i = 0; i < n_columns; i++) {
		struct libscols_column *column =
			scols_table_new_column(table, columns[i].name, 0, columns[i].flags);

		check(column);
		scols_cell_set_color(scols_column_get_header(column), BOLD);
	}
	return table;
}

static _printf_(3, 4) void set(struct libscols_line *line, size_t column, const char *format, ...)
{
	va_list values;
	char *text;

	va_start(values, format);
	check(vasprintf(&text, format, values) >= 0);
	va_end(values);
	check(scols_line_refer_data(line, column, text) == 0); /* `text` is the line's now */
}

static struct libscols_line *new_line(struct libscols_table *table)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	check(line);
	return line;
}

/* The user's name, or the number when the uid has none. */
static void set_user(struct libscols_line *line, size_t column, uint32_t uid)
{
	struct passwd entry, *user = NULL;
	char buffer[4096], name[256];

	if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &user) == 0 && user) {
		text_clean(user->pw_name, strlen(user->pw_name), name, sizeof(name));
		set(line, column, "%s", name);
	} else {
		set(line, column, "%" PRIu32, uid);
	}
}

static const char *ellipsis(void)
{
	return output_is_utf8() ? "…" : "...";
}

static const char *state_color(const char *state)
{
	return strcmp(state, "open") == 0 ? "green" : "yellow";
}

static void add_session(struct libscols_table *table, const struct rm_session_info *info)
{
	struct libscols_line *line = new_line(table);
	char age[FORMAT_SIZE];
	size_t i = 0;

	format_age(info->age_us, age, sizeof(age));
	set(line, i++, "%" PRIu32, info->id);
	set(line, i++, "%s%s", info->key_prefix, ellipsis());
	set(line, i++, "%" PRIu32, info->owner.pid);
	set(line, i++, "%s", info->owner.name);
	set_user(line, i++, info->owner.uid);
	set(line, i++, "%s", age);
	set(line, i++, "%" PRIu32, info->n_joined);
	set(line, i, "%s", info->state);
	scols_cell_set_color(scols_line_get_cell(line, i), state_color(info->state));
}

void print_table_sessions(const struct rm_session_infos *infos, bool colors)
{
	static const struct column columns[] = {
		{"ID", SCOLS_FL_RIGHT},	     {"KEY", 0},   {"OWNER", SCOLS_FL_RIGHT},
		{"PROGRAM", SCOLS_FL_TRUNC}, {"USER", 0},  {"AGE", SCOLS_FL_RIGHT},
		{"JOINED", SCOLS_FL_RIGHT},  {"STATE", 0},
	};
	_cleanup_(table_unrefp) struct libscols_table *table = NULL;

	if (infos->n_sessions == 0) {
		puts("no sessions");
		return;
	}
	table = new_table(columns, ARRAY_SIZE(columns), colors);
	for (size_t i = 0; i < infos->n_sessions; i++) {
		add_session(table, &infos->sessions[i]);
	}
	check(scols_print_table(table) == 0);
}

static void print_joins(const struct rm_session_info *info, bool colors)
{
	static const struct column columns[] = {
		{"ID", SCOLS_FL_RIGHT},
		{"PID", SCOLS_FL_RIGHT},
		{"PROGRAM", SCOLS_FL_TRUNC},
		{"USER", 0},
		{"JOINED", 0},
	};
	_cleanup_(table_unrefp) struct libscols_table *table =
		new_table(columns, ARRAY_SIZE(columns), colors);

	for (uint32_t i = 0; i < info->n_joined; i++) {
		const struct rm_join_info *join = &info->joins[i];
		struct libscols_line *line = new_line(table);
		char joined[FORMAT_SIZE];

		format_time_local(join->joined_us, joined, sizeof(joined));
		set(line, 0, "%" PRIu32, join->id);
		set(line, 1, "%" PRIu32, join->process.pid);
		set(line, 2, "%s", join->process.name);
		set_user(line, 3, join->process.uid);
		set(line, 4, "%s", joined);
	}
	check(scols_print_table(table) == 0);
}

static _printf_(3, 4) void print_field(const char *name, bool colors, const char *format, ...)
{
	va_list values;

	printf("%s%-12s%s ", colors ? BOLD : "", name, colors ? PLAIN : "");
	va_start(values, format);
	vprintf(format, values);
	va_end(values);
	putchar('\n');
}

void print_table_session(const struct rm_session_info *info, bool colors)
{
	char started[FORMAT_SIZE], age[FORMAT_SIZE];

	format_time_local(info->started_us, started, sizeof(started));
	format_age(info->age_us, age, sizeof(age));
	print_field("Session", colors, "%" PRIu32, info->id);
	print_field("Key", colors, "%s%s", info->key_prefix, ellipsis());
	print_field("State", colors, "%s", info->state);
	print_field("Owner", colors, "%s, pid %" PRIu32 ", uid %" PRIu32, info->owner.name,
		    info->owner.pid, info->owner.uid);
	print_field("Login", colors, "%s", info->login);
	print_field("Started", colors, "%s, %s ago", started, age);
	print_field("Joined", colors, "%" PRIu32, info->n_joined);
	if (info->n_joined > 0 && info->joins) {
		putchar('\n');
		print_joins(info, colors);
	}
}

static void print_journal(const struct rm_broker_info *status, bool colors)
{
	char used[FORMAT_SIZE], reserved[FORMAT_SIZE];

	format_bytes(status->journal_bytes, used, sizeof(used));
	format_bytes(status->journal_reserved, reserved, sizeof(reserved));
	print_field("Journal", colors, "%s, %s in use of %s", status->journal, used, reserved);
}

void print_table_status(const struct rm_broker_info *status, bool colors)
{
	char uptime[FORMAT_SIZE];

	format_age(status->uptime_us, uptime, sizeof(uptime));
	print_field("Broker", colors, "rmbrokerd %s, --%s, pid %" PRIu32, status->version,
		    status->mode, status->pid);
	print_field("Up", colors, "%s, %" PRIu64 " calls answered", uptime, status->n_calls);
	print_field("Sessions", colors,
		    "%" PRIu32 " of %" PRIu32 ", at most %" PRIu32 " for one login",
		    status->n_sessions, status->max_sessions_all, status->max_sessions);
	print_field("Restored", colors, "%" PRIu32 " when the broker started", status->n_restored);
	print_field("Joins", colors, "%" PRIu32 ", at most %" PRIu32 " for one session",
		    status->n_joins, status->max_joins);
	print_field("Processes", colors, "%" PRIu32, status->n_processes);
	print_field("Connections", colors, "%" PRIu32 " of %" PRIu32, status->n_connections,
		    status->max_connections);
	print_journal(status, colors);
	print_field("Config", colors, "%s", status->config[0] ? status->config : "none");
}

void print_table_event(const struct rm_event *event, bool colors)
{
	char time[FORMAT_SIZE];

	format_time_local(event->time_us, time, sizeof(time));
	printf("%s  %s%-14s%s", time, colors ? BOLD : "", event->kind, colors ? PLAIN : "");
	if (event->session) {
		printf("  session %" PRIu32, event->session);
	}
	if (event->pid) {
		printf("  %s[%" PRIu32 "]", event->name, event->pid);
	}
	printf("%s%s\n", event->detail[0] ? "  " : "", event->detail);
}
