/* SPDX-License-Identifier: MIT */
/* The broker: one loop, and everything it owns. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "broker/config.h"
#include "broker/event_log.h"
#include "broker/process.h"
#include "broker/scanner.h"
#include "broker/session.h"
#include "broker/session_key.h"
#include "broker/store.h"

struct listing;
struct policy_query;
struct registering;
struct server;
struct snapshot;

struct broker {
	uv_loop_t *loop; /* borrowed */
	bool is_system;
	struct config config;
	const char *config_path; /* borrowed: --config, NULL: the usual places */
	struct process_table processes;
	struct session_table sessions;
	struct event_log events;
	struct store store;
	struct key_source keys;
	struct scanner scanner;
	uint64_t mount_namespace; /* its own: where paths are what they say */
	struct listing *listings; /* owned by their calls, as the next two */
	struct registering *registerings;
	struct policy_query *policy_queries;
	struct snapshot *snapshots;    /* owned */
	bool is_stale;		       /* its own files were replaced (A23) */
	void (*renew)(void *userdata); /* runs the new version in our place; NULL: can't */
	void *renew_data;
	struct server *server; /* borrowed: NULL in tests without a socket */
	uint64_t started_ns;   /* uv_hrtime() */
	uint64_t n_calls;
	uint64_t refusal_logged_ns; /* the last log line about a limit */
	char detail[2048];	    /* of the reply being made: why it fails */
};

/* Builds everything but the server on `loop`, with the journal at `journal_path`; the
 * configuration is taken over. 0 or -errno, logged. After a failure broker_done() alone. */
int broker_init(struct broker *broker, uv_loop_t *loop, bool is_system, struct config *config,
		const char *journal_path) _warn_unused_;

/* Starts to close what is on the loop; then run it until it has nothing left. */
void broker_close(struct broker *broker);
void broker_done(struct broker *broker);

/* Something that was under way has ended: a broker whose own files were replaced is renewed when
 * nothing is. */
void broker_settle(struct broker *broker);

/* Reads the configuration again; a wrong one is logged and the old one stays. */
void broker_reload(struct broker *broker);

/* Ends a session durably, if that is possible: its owner has gone or an administrator says so.
 * `by` and `request_id` as in store_session_ended(). 0 or -errno. */
int broker_end_session(struct broker *broker, struct session *session, const struct process *by,
		       const uint8_t *request_id, const char *why) _warn_unused_;
int broker_leave_session(struct broker *broker, struct join *join, const struct process *by,
			 const uint8_t *request_id, const char *why) _warn_unused_;
