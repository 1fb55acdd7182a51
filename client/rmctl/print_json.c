/* SPDX-License-Identifier: MIT */
/*
 * Builds and prints the JSON documents.
 * Fields are only ever added: docs/rmctl-json.md promises that. The broker's texts are UTF-8
 * without controls, so JSON can carry them all. Out of memory ends the program, as half of a
 * document would be taken for a whole one.
 */
#include "client/rmctl/print_json.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/rmctl/exit_code.h"
#include "client/rmctl/format.h"
#include "client/rmctl/report.h"

static _Noreturn void out_of_memory(void)
{
	report_notice("out of memory");
	exit(EXIT_ERROR);
}

static struct json_object *not_null(struct json_object *object)
{
	if (!object) {
		out_of_memory();
	}
	return object;
}

static struct json_object *new_object(void)
{
	return not_null(json_object_new_object());
}

static struct json_object *new_array(void)
{
	return not_null(json_object_new_array());
}

/* Takes `value`, which may be NULL for JSON's null. */
static void add(struct json_object *object, const char *name, struct json_object *value)
{
	if (json_object_object_add_ex(object, name, value, JSON_C_OBJECT_ADD_CONSTANT_KEY)) {
		out_of_memory();
	}
}

static void add_number(struct json_object *object, const char *name, uint64_t number)
{
	add(object, name, not_null(json_object_new_uint64(number)));
}

static void add_text(struct json_object *object, const char *name, const char *text)
{
	add(object, name, not_null(json_object_new_string(text)));
}

static void add_time(struct json_object *object, const char *name, uint64_t us)
{
	char text[FORMAT_SIZE];

	format_time_utc(us, text, sizeof(text));
	add_text(object, name, text);
}

static void append(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value)) {
		out_of_memory();
	}
}

/* Prints and frees the document. */
static void print(struct json_object *document)
{
	const char *text = json_object_to_json_string_ext(
		document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text) {
		out_of_memory();
	}
	puts(text);
	json_object_put(document);
}

static void add_process(struct json_object *object, const struct rm_process *process)
{
	add_number(object, "pid", process->pid);
	add_text(object, "name", process->name);
	add_number(object, "uid", process->uid);
	add_number(object, "start_time", process->start_time);
}

static struct json_object *build_joins(const struct rm_session_info *info)
{
	struct json_object *joins = new_array();

	for (uint32_t i = 0; info->joins && i < info->n_joined; i++) {
		struct json_object *join = new_object();

		add_number(join, "id", info->joins[i].id);
		add_process(join, &info->joins[i].process);
		add_time(join, "joined", info->joins[i].joined_us);
		append(joins, join);
	}
	return joins;
}

static struct json_object *build_session(const struct rm_session_info *info, bool with_joins)
{
	struct json_object *session = new_object();
	struct json_object *owner = new_object();

	add_process(owner, &info->owner);
	add_number(session, "id", info->id);
	add_text(session, "key_prefix", info->key_prefix);
	add(session, "owner", owner);
	add_text(session, "login", info->login);
	add_text(session, "state", info->state);
	add_time(session, "started", info->started_us);
	add_number(session, "age_ms", info->age_us / 1000);
	add_number(session, "joined", info->n_joined);
	if (with_joins) {
		add(session, "joins", build_joins(info));
	}
	return session;
}

void print_json_session_id(uint32_t id, const char *key)
{
	struct json_object *document = new_object();

	add_number(document, "id", id);
	if (key) {
		add_text(document, "key", key);
	}
	print(document);
}

void print_json_sessions(const struct rm_session_infos *infos, bool with_joins)
{
	struct json_object *document = new_object();
	struct json_object *sessions = new_array();

	for (size_t i = 0; i < infos->n_sessions; i++) {
		append(sessions, build_session(&infos->sessions[i], with_joins));
	}
	add(document, "sessions", sessions);
	print(document);
}

static struct json_object *build_limits(const struct rm_broker_info *status)
{
	struct json_object *limits = new_object();

	add_number(limits, "sessions_per_login", status->max_sessions);
	add_number(limits, "sessions", status->max_sessions_all);
	add_number(limits, "joins_per_session", status->max_joins);
	add_number(limits, "connections", status->max_connections);
	return limits;
}

static struct json_object *build_journal(const struct rm_broker_info *status)
{
	struct json_object *journal = new_object();

	add_text(journal, "path", status->journal);
	add_number(journal, "bytes", status->journal_bytes);
	add_number(journal, "reserved", status->journal_reserved);
	return journal;
}

void print_json_status(const struct rm_broker_info *status)
{
	struct json_object *document = new_object();
	struct json_object *broker = new_object();

	add_text(broker, "version", status->version);
	add_text(broker, "mode", status->mode);
	add_number(broker, "pid", status->pid);
	add_number(broker, "uptime_ms", status->uptime_us / 1000);
	add_number(broker, "sessions", status->n_sessions);
	add_number(broker, "joins", status->n_joins);
	add_number(broker, "processes", status->n_processes);
	add_number(broker, "connections", status->n_connections);
	add_number(broker, "calls", status->n_calls);
	add_number(broker, "restored", status->n_restored);
	add(broker, "limits", build_limits(status));
	add(broker, "journal", build_journal(status));
	add(broker, "config",
	    status->config[0] ? not_null(json_object_new_string(status->config)) : NULL);
	add(document, "broker", broker);
	print(document);
}

void print_json_event(const struct rm_event *event)
{
	struct json_object *document = new_object();

	add_number(document, "number", event->number);
	add_time(document, "time", event->time_us);
	add_text(document, "kind", event->kind);
	add_number(document, "session", event->session);
	add_number(document, "pid", event->pid);
	add_text(document, "name", event->name);
	add_text(document, "detail", event->detail);
	print(document);
}
