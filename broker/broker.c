/* SPDX-License-Identifier: MIT */
/*
 * The broker's parts put together, and what happens when a process has gone: its sessions end
 * (nothing can have been stopped in them), its joins are left, its connections are closed.
 */
#include "broker/broker.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "broker/listing.h"
#include "broker/log.h"
#include "broker/methods.h"
#include "broker/registering.h"
#include "broker/server.h"
#include "broker/snapshot.h"
#include "proto/procfs.h"
#include "proto/status.h"

/* What is under way for a session that is about to go. */
static void abort_session(struct broker *broker, const struct session *session)
{
	(void)listing_cancel(broker, session, STATUS_CANCELLED);
	snapshot_drop(broker, session);
}

/* The change may not be durable then: the owner is dead, which the next replay finds as well. */
static void end_sessions_of(struct broker *broker, struct process *process)
{
	struct session *session;
	struct session *next;

	DL_FOREACH_SAFE2(process->sessions, session, next, owner_next) {
		if (broker_end_session(broker, session, NULL, NULL, "its owner has gone") < 0) {
			abort_session(broker, session);
			session_remove(&broker->sessions, session);
		}
	}
}

static void leave_sessions_of(struct broker *broker, struct process *process)
{
	struct join *join;
	struct join *next;

	DL_FOREACH_SAFE2(process->joins, join, next, process_next) {
		if (broker_leave_session(broker, join, NULL, NULL, "it has gone") < 0) {
			join_remove(&broker->sessions, join);
		}
	}
}

static void on_process_gone(struct process *process, void *userdata)
{
	struct broker *broker = userdata;

	log_debug("process has gone pid=%d name=%s", process->id.pid, process->name);
	if (broker->server) {
		server_drop_process(broker->server, process);
	}
	registration_drop_process(&broker->sessions.registrations, &process->id);
	end_sessions_of(broker, process);
	leave_sessions_of(broker, process);
}

int broker_end_session(struct broker *broker, struct session *session, const struct process *by,
		       const uint8_t *request_id, const char *why)
{
	uint32_t id = session->id;
	int r = store_session_ended(&broker->store, session, by, request_id);

	if (r < 0) {
		return r;
	}
	event_log_add(&broker->events, EVENT_SESSION_ENDED, id, (uint32_t)session->owner->id.pid,
		      session->owner->name, why);
	log_debug("session ended session=%u owner=%d why=%s", id, session->owner->id.pid,
		  why ? why : "asked");
	abort_session(broker, session);
	session_remove(&broker->sessions, session);
	return 0;
}

int broker_leave_session(struct broker *broker, struct join *join, const struct process *by,
			 const uint8_t *request_id, const char *why)
{
	int r = store_session_left(&broker->store, join, by, request_id);

	if (r < 0) {
		return r;
	}
	event_log_add(&broker->events, EVENT_SESSION_LEFT, join->session->id,
		      (uint32_t)join->process->id.pid, join->process->name, why);
	log_debug("session left session=%u join=%u pid=%d", join->session->id, join->id,
		  join->process->id.pid);
	join_remove(&broker->sessions, join);
	return 0;
}

int broker_init(struct broker *broker, uv_loop_t *loop, bool is_system, struct config *config,
		const char *journal_path)
{
	int r;

	*broker = (struct broker){.loop = loop, .is_system = is_system, .config = *config};
	*config = (struct config){0};
	broker->started_ns = uv_hrtime();
	key_source_init(&broker->keys);
	session_table_init(&broker->sessions, broker->config.max_sessions);
	r = event_log_init(&broker->events);
	if (r < 0) {
		return log_errno(LOG_ERR, r, "the event ring can't be made");
	}
	event_log_add(&broker->events, EVENT_BROKER_STARTED, 0, (uint32_t)getpid(), "rmbrokerd",
		      NULL);
	r = process_table_init(&broker->processes, loop, on_process_gone, broker);
	if (r < 0) {
		return log_errno(LOG_ERR, r, "/proc can't be opened");
	}
	r = procfs_read_namespace(broker->processes.proc_fd, getpid(), "mnt",
				  &broker->mount_namespace);
	if (r == 0) {
		r = scanner_init(&broker->scanner, loop, is_system, &broker->config.scan);
	}
	if (r < 0) {
		return log_errno(LOG_ERR, r, "workers can't be prepared");
	}
	return store_open(&broker->store, journal_path, &broker->sessions, &broker->processes,
			  &broker->events);
}

void broker_close(struct broker *broker)
{
	listing_close_all(broker);
	registering_close_all(broker);
	method_list_close_all(broker);
	scanner_close(&broker->scanner);
	session_table_done(&broker->sessions); /* before the processes that it points to */
	process_table_close(&broker->processes);
}

void broker_done(struct broker *broker)
{
	process_table_done(&broker->processes);
	scanner_done(&broker->scanner);
	store_close(&broker->store);
	event_log_done(&broker->events);
	config_done(&broker->config);
	explicit_bzero(&broker->keys, sizeof(broker->keys));
}

void broker_settle(struct broker *broker)
{
	if (broker->is_stale && broker->renew && !broker->listings && !broker->registerings &&
	    !broker->policy_queries) {
		broker->is_stale = false; /* once: if it can't be run we go on as we are */
		broker->renew(broker->renew_data);
	}
}

void broker_reload(struct broker *broker)
{
	struct config config;
	struct config_error error;

	if (config_load(broker->config_path, !broker->is_system, &config, &error) < 0) {
		log_error("%s; the configuration stays as it was", error.text);
		return;
	}
	config_done(&broker->config);
	broker->config = config;
	broker->sessions.max_per_login = config.max_sessions;
	scanner_configure(&broker->scanner, &config.scan);
	log_info("configuration read files=%s", config.path ? config.path : "(none)");
}
