/* SPDX-License-Identifier: MIT */
/* The session table: sessions, their joins, their limits. In memory only; the store makes it
 * durable by writing each change before it is applied here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/filter.h"
#include "broker/process.h"
#include "broker/registration.h"
#include "broker/resource.h"
#include "broker/session_key.h"
#include "proto/base.h"
#include "proto/limits.h"

enum session_state {
	SESSION_OPEN,
	_SESSION_STATE_COUNT,
};

const char *session_state_name(enum session_state state);

/* One secondary installer's membership. */
struct join {
	uint32_t id; /* of this broker's journal, never used again */
	uint8_t request_id[REQUEST_ID_BYTES];
	uint64_t joined_us;	 /* CLOCK_REALTIME */
	struct session *session; /* borrowed: the session owns the join */
	struct process *process; /* borrowed: owned by the process table */
	struct join *prev;	 /* in the session's list */
	struct join *next;
	struct join *process_prev; /* in the process's list */
	struct join *process_next;
};

struct session {
	uint32_t id; /* of this broker's journal, never 0, never used again */
	struct session_key key;
	uint8_t request_id[REQUEST_ID_BYTES]; /* of the start that made it */
	uint64_t started_us;		      /* CLOCK_REALTIME */
	enum session_state state;
	struct process *owner; /* borrowed: owned by the process table */
	struct join *joins;    /* owned, oldest first */
	unsigned int n_joins;
	struct resource_set *resources; /* owned; NULL: nothing was registered yet */
	struct filter_list filters;
	uint32_t compaction;	    /* the last one of the journal that has written it */
	struct session *owner_prev; /* in the owner's list */
	struct session *owner_next;
	UT_hash_handle hh; /* by id, oldest first */
};

struct session_table {
	struct session *by_id; /* owned */
	unsigned int n_sessions;
	unsigned int n_joins;
	unsigned int max_per_login; /* MaxSessions */
	uint32_t next_session_id;
	uint32_t next_join_id;
	struct registration_list registrations; /* under way */
};

void session_table_init(struct session_table *table, unsigned int max_per_login);
void session_table_done(struct session_table *table);

/* Whether `owner` may have one more session: 0 or 353 (A8). `ret_reason` says which limit. */
int session_may_start(const struct session_table *table, const struct process *owner,
		      const char **ret_reason);

/* The holders of the login's sessions, most first, as "name[pid]: n, …", for the log. */
void session_describe_holders(const struct session_table *table, const char *login, char *ret_text,
			      size_t size);

/* 0, or 183 when a session has this key already (A2). */
int session_check_key(const struct session_table *table, const struct session_key *key);

/* Prepares a session that is in no list yet. Free it with session_free() or hand it to
 * session_add(), which cannot fail. -ENOMEM. */
int session_new(uint32_t id, const struct session_key *key, struct process *owner,
		struct session **ret_session) _warn_unused_;
void session_free(struct session *session);
static inline void session_freep(struct session **session)
{
	session_free(*session);
}
/* Takes the session over. */
void session_add(struct session_table *table, struct session *session);
/* Ends it: out of all lists, joins freed, itself freed. */
void session_remove(struct session_table *table, struct session *session);

/* Borrowed, or NULL. */
struct session *session_find(const struct session_table *table, uint32_t id);
struct session *session_find_by_key(const struct session_table *table,
				    const struct session_key *key);
/* The paths and names that it has, filters included, as the limits count them (A13). */
uint64_t session_count_bytes(const struct session *session);
/* Those of all sessions: they are one uid's. */
uint64_t session_table_count_bytes(const struct session_table *table);

/* The session that this owner's start `request_id` has made already (A63). */
struct session *session_find_started(const struct process *owner,
				     const uint8_t request_id[REQUEST_ID_BYTES]);

/* Joins, alike. */
int join_new(struct session *session, uint32_t id, struct process *process, struct join **ret_join)
	_warn_unused_;
static inline void join_freep(struct join **join)
{
	free(*join);
}
void join_add(struct session_table *table, struct join *join);
void join_remove(struct session_table *table, struct join *join);
struct join *join_find(const struct session *session, uint32_t id);
struct join *join_find_made(const struct process *process,
			    const uint8_t request_id[REQUEST_ID_BYTES]);
