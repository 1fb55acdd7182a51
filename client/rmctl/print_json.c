/* SPDX-License-Identifier: MIT */
/*
 * The JSON documents about sessions, the broker and its events.
 * Fields are only ever added: docs/rmctl-json.md promises that.
 */
#include "client/rmctl/print_json.h"

#include "client/rmctl/document.h"

static struct json_object *build_joins(const struct rm_session_info *info)
{
	struct json_object *joins = document_array();

	for (uint32_t i = 0; info->joins && i < info->n_joined; i++) {
		struct json_object *join = document_object();

		document_add_number(join, "id", info->joins[i].id);
		document_add_process(join, &info->joins[i].process);
		document_add_time(join, "joined", info->joins[i].joined_us);
		document_append(joins, join);
	}
	return joins;
}

static struct json_object *build_session(const struct rm_session_info *info, bool with_joins)
{
	struct json_object *session = document_object();
	struct json_object *owner = document_object();

	document_add_process(owner, &info->owner);
	document_add_number(session, "id", info->id);
	document_add_text(session, "key_prefix", info->key_prefix);
	document_add(session, "owner", owner);
	document_add_text(session, "login", info->login);
	document_add_text(session, "state", info->state);
	document_add_time(session, "started", info->started_us);
	document_add_number(session, "age_ms", info->age_us / 1000);
	document_add_number(session, "joined", info->n_joined);
	if (with_joins) {
		document_add(session, "joins", build_joins(info));
	}
	return session;
}

void print_json_session_id(uint32_t id, const char *key)
{
	struct json_object *document = document_object();

	document_add_number(document, "id", id);
	if (key) {
		document_add_text(document, "key", key);
	}
	document_print(document);
}

void print_json_registered(uint32_t id, const struct rm_resources *resources)
{
	struct json_object *document = document_object();

	document_add_number(document, "id", id);
	document_add_number(document, "files", resources->n_files);
	document_add_number(document, "trees", resources->n_trees);
	document_add_number(document, "processes", resources->n_processes);
	document_add_number(document, "services", resources->n_services);
	document_print(document);
}

void print_json_sessions(const struct rm_session_infos *infos, bool with_joins)
{
	struct json_object *document = document_object();
	struct json_object *sessions = document_array();

	for (size_t i = 0; i < infos->n_sessions; i++) {
		document_append(sessions, build_session(&infos->sessions[i], with_joins));
	}
	document_add(document, "sessions", sessions);
	document_print(document);
}

static struct json_object *build_limits(const struct rm_broker_info *status)
{
	struct json_object *limits = document_object();

	document_add_number(limits, "sessions_per_login", status->max_sessions);
	document_add_number(limits, "sessions", status->max_sessions_all);
	document_add_number(limits, "joins_per_session", status->max_joins);
	document_add_number(limits, "connections", status->max_connections);
	return limits;
}

static struct json_object *build_journal(const struct rm_broker_info *status)
{
	struct json_object *journal = document_object();

	document_add_text(journal, "path", status->journal);
	document_add_number(journal, "bytes", status->journal_bytes);
	document_add_number(journal, "reserved", status->journal_reserved);
	return journal;
}

void print_json_status(const struct rm_broker_info *status)
{
	struct json_object *document = document_object();
	struct json_object *broker = document_object();

	document_add_text(broker, "version", status->version);
	document_add_text(broker, "mode", status->mode);
	document_add_number(broker, "pid", status->pid);
	document_add_number(broker, "uptime_ms", status->uptime_us / 1000);
	document_add_number(broker, "sessions", status->n_sessions);
	document_add_number(broker, "joins", status->n_joins);
	document_add_number(broker, "processes", status->n_processes);
	document_add_number(broker, "connections", status->n_connections);
	document_add_number(broker, "calls", status->n_calls);
	document_add_number(broker, "restored", status->n_restored);
	document_add(broker, "limits", build_limits(status));
	document_add(broker, "journal", build_journal(status));
	document_add(broker, "config", status->config[0] ? document_text(status->config) : NULL);
	document_add(document, "broker", broker);
	document_print(document);
}

void print_json_event(const struct rm_event *event)
{
	struct json_object *document = document_object();

	document_add_number(document, "number", event->number);
	document_add_time(document, "time", event->time_us);
	document_add_text(document, "kind", event->kind);
	document_add_number(document, "session", event->session);
	document_add_number(document, "pid", event->pid);
	document_add_text(document, "name", event->name);
	document_add_text(document, "detail", event->detail);
	document_print(document);
}
