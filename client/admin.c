/* SPDX-License-Identifier: MIT */
/*
 * The native face's questions about the broker. Each answer is one piece of memory with the
 * structs first and a copy of the reply behind them, so that one free() is enough.
 */
#include <errno.h>
#include <string.h>

#include "client/endpoint.h"
#include "client/session.h"
#include "client/state.h"
#include "proto/status.h"

/* rm_broker_locate() looks only: a broker that is busy for longer is there as well. */
#define LOCATE_TIMEOUT_MS 50

/* The texts of an answer, one after another, each with its NUL. */
struct text_pool {
	char *at;
};

static const char *add_text(struct text_pool *pool, const ProtobufCBinaryData *field)
{
	char *text = pool->at;

	if (field->len) {
		memcpy(text, field->data, field->len);
	}
	text[field->len] = '\0';
	pool->at += field->len + 1;
	return text;
}

static void fill_process(struct text_pool *pool, const Rm__ProcessInfo *from,
			 struct rm_process *ret_process)
{
	*ret_process = (struct rm_process){
		.pid = from->id->pid,
		.uid = from->uid,
		.start_time = from->id->start_time,
		.name = add_text(pool, &from->name),
	};
}

struct list_size {
	size_t n_joins;
	size_t text_bytes;
};

static struct list_size measure(const Rm__SessionList *list)
{
	struct list_size size = {0};

	for (size_t i = 0; i < list->n_sessions; i++) {
		const Rm__SessionInfo *info = list->sessions[i];

		size.text_bytes += info->key_prefix.len + info->owner->name.len + info->login.len +
				   info->state.len + 4;
		size.n_joins += info->n_joins;
		for (size_t j = 0; j < info->n_joins; j++) {
			size.text_bytes += info->joins[j]->process->name.len + 1;
		}
	}
	return size;
}

static void fill_joins(struct text_pool *pool, const Rm__SessionInfo *from,
		       struct rm_join_info *joins)
{
	for (size_t i = 0; i < from->n_joins; i++) {
		joins[i].id = from->joins[i]->id;
		joins[i].joined_us = from->joins[i]->joined_us;
		fill_process(pool, from->joins[i]->process, &joins[i].process);
	}
}

static void fill_session(struct text_pool *pool, const Rm__SessionInfo *from,
			 struct rm_join_info *joins, struct rm_session_info *ret_info)
{
	*ret_info = (struct rm_session_info){
		.id = from->id,
		.key_prefix = add_text(pool, &from->key_prefix),
		.login = add_text(pool, &from->login),
		.state = add_text(pool, &from->state),
		.started_us = from->started_us,
		.age_us = from->age_us,
		.n_joined = from->joined,
		.joins = from->n_joins ? joins : NULL,
	};
	fill_process(pool, from->owner, &ret_info->owner);
	fill_joins(pool, from, joins);
}

static int copy_list(const Rm__SessionList *list, struct rm_session_infos **ret_infos)
{
	struct list_size size = measure(list);
	struct rm_session_infos *infos;
	struct rm_session_info *sessions;
	struct rm_join_info *joins;
	struct text_pool pool;

	infos = calloc(1, sizeof(*infos) + list->n_sessions * sizeof(*sessions) +
				  size.n_joins * sizeof(*joins) + size.text_bytes);
	if (!infos) {
		return STATUS_OUTOFMEMORY;
	}
	sessions = (struct rm_session_info *)(infos + 1);
	joins = (struct rm_join_info *)(sessions + list->n_sessions);
	pool.at = (char *)(joins + size.n_joins);
	for (size_t i = 0; i < list->n_sessions; i++) {
		fill_session(&pool, list->sessions[i], joins, &sessions[i]);
		joins += list->sessions[i]->n_joins;
	}
	infos->n_sessions = list->n_sessions;
	infos->sessions = sessions;
	*ret_infos = infos;
	return 0;
}

static int ask_sessions(Rm__Request *request, struct rm_session_infos **ret_infos)
{
	struct transport_reply reply;
	int r;

	if (!ret_infos) {
		return STATUS_BAD_ARGUMENTS;
	}
	r = session_call(request, &reply);
	if (r == 0) {
		r = reply.message->result_case == RM__REPLY__RESULT_SESSIONS
			    ? copy_list(reply.message->sessions, ret_infos)
			    : STATUS_SERVER_UNAVAILABLE;
	}
	transport_reply_done(&reply);
	return r;
}

int rm_broker_sessions(struct rm_session_infos **ret_infos)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__ListSessions message = RM__LIST_SESSIONS__INIT;

	request.call_case = RM__REQUEST__CALL_LIST_SESSIONS;
	request.list_sessions = &message;
	return ask_sessions(&request, ret_infos);
}

int rm_broker_session(uint32_t id, struct rm_session_infos **ret_infos)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__ShowSession message = RM__SHOW_SESSION__INIT;

	message.session = id;
	request.call_case = RM__REQUEST__CALL_SHOW_SESSION;
	request.show_session = &message;
	return ask_sessions(&request, ret_infos);
}

void rm_session_infos_free(struct rm_session_infos *infos)
{
	free(infos);
}

int rm_broker_end_session(uint32_t id)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__CloseSession message = RM__CLOSE_SESSION__INIT;
	uint8_t request_id[REQUEST_ID_BYTES];
	struct transport_reply reply;
	int r;

	if (state_make_request_id(request_id) < 0) {
		return STATUS_OUTOFMEMORY;
	}
	message.request_id = codec_bytes(request_id, sizeof(request_id));
	message.session = id;
	request.call_case = RM__REQUEST__CALL_CLOSE_SESSION;
	request.close_session = &message;
	r = session_call(&request, &reply);
	transport_reply_done(&reply);
	return r;
}

static int copy_status(const Rm__Status *from, struct rm_broker_info **ret_status)
{
	struct rm_broker_info *status;
	struct text_pool pool;

	status = calloc(1, sizeof(*status) + from->version.len + from->mode.len +
				   from->journal.len + from->config.len + 4);
	if (!status) {
		return STATUS_OUTOFMEMORY;
	}
	pool.at = (char *)(status + 1);
	*status = (struct rm_broker_info){
		.version = add_text(&pool, &from->version),
		.mode = add_text(&pool, &from->mode),
		.journal = add_text(&pool, &from->journal),
		.config = add_text(&pool, &from->config),
		.pid = from->pid,
		.uptime_us = from->uptime_us,
		.n_sessions = from->n_sessions,
		.n_joins = from->n_joins,
		.n_processes = from->n_processes,
		.n_connections = from->n_connections,
		.max_sessions = from->max_sessions,
		.max_sessions_all = from->max_sessions_all,
		.max_joins = from->max_joins,
		.max_connections = from->max_connections,
		.n_calls = from->calls,
		.journal_bytes = from->journal_bytes,
		.journal_reserved = from->journal_reserved,
		.n_restored = from->restored,
	};
	*ret_status = status;
	return 0;
}

int rm_broker_status(struct rm_broker_info **ret_status)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__GetStatus message = RM__GET_STATUS__INIT;
	struct transport_reply reply;
	int r;

	if (!ret_status) {
		return STATUS_BAD_ARGUMENTS;
	}
	request.call_case = RM__REQUEST__CALL_GET_STATUS;
	request.get_status = &message;
	r = session_call(&request, &reply);
	if (r == 0) {
		r = reply.message->result_case == RM__REPLY__RESULT_BROKER
			    ? copy_status(reply.message->broker, ret_status)
			    : STATUS_SERVER_UNAVAILABLE;
	}
	transport_reply_done(&reply);
	return r;
}

void rm_broker_status_free(struct rm_broker_info *status)
{
	free(status);
}

static void copy_out(const char *from, char *to, size_t size)
{
	size_t n = strlen(from);

	if (to && size) {
		n = n < size ? n : size - 1;
		memcpy(to, from, n);
		to[n] = '\0';
	}
}

int rm_broker_locate(char *path, size_t path_size, char *why, size_t why_size)
{
	struct endpoint endpoint;
	char reason[512] = "";
	_cleanup_(closep) int fd = -1;
	int r = endpoint_find(&endpoint, reason, sizeof(reason));

	if (r == 0) {
		r = endpoint_connect(&endpoint, LOCATE_TIMEOUT_MS, &fd);
		if (r == -EPERM) {
			copy_out("the process that listens there is another user's", reason,
				 sizeof(reason));
		} else if (r == -EAGAIN) {
			copy_out("a broker is there but does not take connections", reason,
				 sizeof(reason));
		} else if (r < 0) {
			copy_out("nothing listens on the socket", reason, sizeof(reason));
		}
	}
	copy_out(endpoint.path, path, path_size);
	copy_out(reason, why, why_size);
	return (int)status_from_errno(r);
}
