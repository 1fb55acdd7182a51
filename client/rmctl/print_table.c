/* SPDX-License-Identifier: MIT */
/*
 * What the verbs about sessions print for people: tables, and single things as one line for each
 * field. On a terminal too narrow for a table the program's name is cut.
 */
#include "client/rmctl/print_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/rmctl/format.h"
#include "client/rmctl/output.h"
#include "client/rmctl/table.h"
#include "proto/base.h"

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
	struct libscols_line *line = table_line(table);
	char age[FORMAT_SIZE];
	size_t i = 0;

	format_age(info->age_us, age, sizeof(age));
	table_set(line, i++, "%" PRIu32, info->id);
	table_set(line, i++, "%s%s", info->key_prefix, ellipsis());
	table_set(line, i++, "%" PRIu32, info->owner.pid);
	table_set(line, i++, "%s", info->owner.name);
	table_set_user(line, i++, info->owner.uid);
	table_set(line, i++, "%s", age);
	table_set(line, i++, "%" PRIu32, info->n_joined);
	table_set(line, i, "%s", info->state);
	scols_cell_set_color(scols_line_get_cell(line, i), state_color(info->state));
}

void print_table_sessions(const struct rm_session_infos *infos, bool colors)
{
	static const struct table_column columns[] = {
		{"ID", SCOLS_FL_RIGHT, 0},	{"KEY", 0, 0},	 {"OWNER", SCOLS_FL_RIGHT, 0},
		{"PROGRAM", SCOLS_FL_TRUNC, 0}, {"USER", 0, 0},	 {"AGE", SCOLS_FL_RIGHT, 0},
		{"JOINED", SCOLS_FL_RIGHT, 0},	{"STATE", 0, 0},
	};
	_cleanup_(table_unrefp) struct libscols_table *table = NULL;

	if (infos->n_sessions == 0) {
		puts("no sessions");
		return;
	}
	table = table_new(columns, ARRAY_SIZE(columns), colors);
	for (size_t i = 0; i < infos->n_sessions; i++) {
		add_session(table, &infos->sessions[i]);
	}
	table_print(table);
}

static void print_joins(const struct rm_session_info *info, bool colors)
{
	static const struct table_column columns[] = {
		{"ID", SCOLS_FL_RIGHT, 0},
		{"PID", SCOLS_FL_RIGHT, 0},
		{"PROGRAM", SCOLS_FL_TRUNC, 0},
		{"USER", 0, 0},
		{"JOINED", 0, 0},
	};
	_cleanup_(table_unrefp) struct libscols_table *table =
		table_new(columns, ARRAY_SIZE(columns), colors);

	for (uint32_t i = 0; i < info->n_joined; i++) {
		const struct rm_join_info *join = &info->joins[i];
		struct libscols_line *line = table_line(table);
		char joined[FORMAT_SIZE];

		format_time_local(join->joined_us, joined, sizeof(joined));
		table_set(line, 0, "%" PRIu32, join->id);
		table_set(line, 1, "%" PRIu32, join->process.pid);
		table_set(line, 2, "%s", join->process.name);
		table_set_user(line, 3, join->process.uid);
		table_set(line, 4, "%s", joined);
	}
	table_print(table);
}

void print_table_session(const struct rm_session_info *info, bool colors)
{
	char started[FORMAT_SIZE], age[FORMAT_SIZE];

	format_time_local(info->started_us, started, sizeof(started));
	format_age(info->age_us, age, sizeof(age));
	table_field("Session", colors, "%" PRIu32, info->id);
	table_field("Key", colors, "%s%s", info->key_prefix, ellipsis());
	table_field("State", colors, "%s", info->state);
	table_field("Owner", colors, "%s, pid %" PRIu32 ", uid %" PRIu32, info->owner.name,
		    info->owner.pid, info->owner.uid);
	table_field("Login", colors, "%s", info->login);
	table_field("Started", colors, "%s, %s ago", started, age);
	table_field("Joined", colors, "%" PRIu32, info->n_joined);
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
	table_field("Journal", colors, "%s, %s in use of %s", status->journal, used, reserved);
}

void print_table_status(const struct rm_broker_info *status, bool colors)
{
	char uptime[FORMAT_SIZE];

	format_age(status->uptime_us, uptime, sizeof(uptime));
	table_field("Broker", colors, "rmbrokerd %s, --%s, pid %" PRIu32, status->version,
		    status->mode, status->pid);
	table_field("Up", colors, "%s, %" PRIu64 " calls answered", uptime, status->n_calls);
	table_field("Sessions", colors,
		    "%" PRIu32 " of %" PRIu32 ", at most %" PRIu32 " for one login",
		    status->n_sessions, status->max_sessions_all, status->max_sessions);
	table_field("Restored", colors, "%" PRIu32 " when the broker started", status->n_restored);
	table_field("Joins", colors, "%" PRIu32 ", at most %" PRIu32 " for one session",
		    status->n_joins, status->max_joins);
	table_field("Processes", colors, "%" PRIu32, status->n_processes);
	table_field("Connections", colors, "%" PRIu32 " of %" PRIu32, status->n_connections,
		    status->max_connections);
	print_journal(status, colors);
	table_field("Config", colors, "%s", status->config[0] ? status->config : "none");
}

void print_table_event(const struct rm_event *event, bool colors)
{
	char time[FORMAT_SIZE];

	format_time_local(event->time_us, time, sizeof(time));
	printf("%s  %s%-14s%s", time, colors ? TABLE_BOLD : "", event->kind,
	       colors ? TABLE_PLAIN : "");
	if (event->session) {
		printf("  session %" PRIu32, event->session);
	}
	if (event->pid) {
		printf("  %s[%" PRIu32 "]", event->name, event->pid);
	}
	printf("%s%s\n", event->detail[0] ? "  " : "", event->detail);
}
