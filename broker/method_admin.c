/* SPDX-License-Identifier: MIT */
/*
 * What an administrator asks: the sessions, one session, the events, the broker itself; and the
 * end of any session of this user. Only the first four digits of a key ever leave here.
 */
#include <errno.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/log.h"
#include "broker/methods.h"
#include "broker/server.h"
#include "proto/clock.h"
#include "proto/status.h"

#define KEY_PREFIX_DIGITS 4

/* One session's answer with all that it points to. */
struct session_answer {
	Rm__SessionInfo info;
	Rm__ProcessInfo owner;
	Rm__ProcessId owner_id;
	char key[SESSION_KEY_DIGITS + 1];
};

struct join_answer {
	Rm__JoinInfo info;
	Rm__ProcessInfo process;
	Rm__ProcessId id;
};

static void fill_process(const struct process *process, Rm__ProcessInfo *ret_info,
			 Rm__ProcessId *ret_id)
{
	rm__process_id__init(ret_id);
	ret_id->pid = (uint32_t)process->id.pid;
	ret_id->start_time = process->id.start_time;
	rm__process_info__init(ret_info);
	ret_info->id = ret_id;
	ret_info->uid = process->uid;
	ret_info->name = codec_text(process->name);
}

static void fill_session(const struct session *session, struct session_answer *ret_answer)
{
	uint64_t now = clock_real_us();

	rm__session_info__init(&ret_answer->info);
	fill_process(session->owner, &ret_answer->owner, &ret_answer->owner_id);
	session_key_format(&session->key, ret_answer->key);
	explicit_bzero(ret_answer->key + KEY_PREFIX_DIGITS, SESSION_KEY_DIGITS - KEY_PREFIX_DIGITS);
	ret_answer->info.id = session->id;
	ret_answer->info.key_prefix = codec_bytes(ret_answer->key, KEY_PREFIX_DIGITS);
	ret_answer->info.owner = &ret_answer->owner;
	ret_answer->info.login = codec_text(session->owner->login);
	ret_answer->info.state = codec_text(session_state_name(session->state));
	ret_answer->info.started_us = session->started_us;
	ret_answer->info.age_us = now > session->started_us ? now - session->started_us : 0;
	ret_answer->info.joined = session->n_joins;
}

static void reply_sessions(struct call *call, Rm__SessionInfo **infos, size_t n_infos)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__SessionList list = RM__SESSION_LIST__INIT;

	list.sessions = infos;
	list.n_sessions = n_infos;
	reply.result_case = RM__REPLY__RESULT_SESSIONS;
	reply.sessions = &list;
	call_reply(call, &reply);
}

int method_list_sessions(struct call *call)
{
	const struct session_table *table = &call->broker->sessions;
	_cleanup_(freep) struct session_answer *answers = NULL;
	_cleanup_(freep) Rm__SessionInfo **infos = NULL;
	size_t n = 0;

	answers = calloc(table->n_sessions + 1, sizeof(*answers));
	infos = calloc(table->n_sessions + 1, sizeof(*infos));
	if (!answers || !infos) {
		return -ENOMEM;
	}
	for (const struct session *session = table->by_id; session; session = session->hh.next) {
		fill_session(session, &answers[n]);
		infos[n] = &answers[n].info;
		n++;
	}
	reply_sessions(call, infos, n);
	return 0;
}

static void fill_joins(const struct session *session, struct join_answer *answers,
		       Rm__JoinInfo **infos)
{
	size_t n = 0;

	for (const struct join *join = session->joins; join; join = join->next, n++) {
		rm__join_info__init(&answers[n].info);
		fill_process(join->process, &answers[n].process, &answers[n].id);
		answers[n].info.id = join->id;
		answers[n].info.process = &answers[n].process;
		answers[n].info.joined_us = join->joined_us;
		infos[n] = &answers[n].info;
	}
}

int method_show_session(struct call *call)
{
	struct session_answer answer;
	struct session *session;
	_cleanup_(freep) struct join_answer *joins = NULL;
	_cleanup_(freep) Rm__JoinInfo **infos = NULL;
	Rm__SessionInfo *info = &answer.info;
	int r;

	r = method_find_session(call, call->request->show_session->session, &session);
	if (r) {
		return r;
	}
	joins = calloc(session->n_joins + 1, sizeof(*joins));
	infos = calloc(session->n_joins + 1, sizeof(*infos));
	if (!joins || !infos) {
		return -ENOMEM;
	}
	fill_session(session, &answer);
	fill_joins(session, joins, infos);
	answer.info.joins = infos;
	answer.info.n_joins = session->n_joins;
	reply_sessions(call, &info, 1);
	return 0;
}

int method_close_session(struct call *call)
{
	const Rm__CloseSession *request = call->request->close_session;
	struct process *peer = call->peer;
	struct session *session;
	int r;

	if (!process_has_answered(peer, request->request_id.data)) {
		r = method_find_session(call, request->session, &session);
		if (r) {
			return r;
		}
		r = process_prepare_answered(peer);
		if (r < 0) {
			return r;
		}
		log_info("session ended by an administrator session=%u owner=%d by=%d name=%s",
			 session->id, session->owner->id.pid, peer->id.pid, peer->name);
		r = broker_end_session(call->broker, session, peer, request->request_id.data,
				       "by an administrator");
		if (r < 0) {
			return r;
		}
		r = process_add_answered(peer, request->request_id.data);
		if (r < 0) {
			return r; /* cannot be: its memory was prepared */
		}
	}
	call_fail(call, STATUS_SUCCESS, NULL);
	return 0;
}

int method_get_status(struct call *call)
{
	const struct broker *broker = call->broker;
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__Status status = RM__STATUS__INIT;

	status.version = codec_text(RM_VERSION);
	status.mode = codec_text(broker->is_system ? "system" : "user");
	status.pid = (uint32_t)getpid();
	status.uptime_us = (uv_hrtime() - broker->started_ns) / 1000;
	status.n_sessions = broker->sessions.n_sessions;
	status.n_joins = broker->sessions.n_joins;
	status.n_processes = HASH_COUNT(broker->processes.by_pid);
	status.n_connections = broker->server ? server_count_connections(broker->server) : 0;
	status.max_sessions = broker->sessions.max_per_login;
	status.max_sessions_all = MAX_SESSIONS_ALL;
	status.max_joins = MAX_JOINS;
	status.max_connections = broker->server ? server_max_connections(broker->server) : 0;
	status.calls = broker->n_calls;
	status.journal_bytes = broker->store.journal.tail;
	status.journal_reserved = broker->store.journal.reserved;
	status.journal = codec_text(broker->store.journal.path);
	status.config = codec_text(broker->config.path ? broker->config.path : "");
	status.restored = broker->store.n_restored;
	reply.result_case = RM__REPLY__RESULT_BROKER;
	reply.broker = &status;
	call_reply(call, &reply);
	return 0;
}
