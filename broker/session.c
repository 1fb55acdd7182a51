/* SPDX-License-Identifier: MIT */
/*
 * The session table. Everything that can fail (memory, limits) happens in the *_new() and
 * *_may_*() functions before the change is stored; *_add() and *_remove() cannot fail, so what
 * the journal has is what the memory has. A key is looked up by going through all sessions and
 * comparing in constant time; there are at most 512.
 */
#include "broker/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "proto/status.h"

const char *session_state_name(enum session_state state)
{
	static const char *const names[_SESSION_STATE_COUNT] = {
		[SESSION_OPEN] = "open",
	};

	return names[state];
}

void session_table_init(struct session_table *table, unsigned int max_per_login)
{
	*table = (struct session_table){
		.max_per_login = max_per_login, .next_session_id = 1, .next_join_id = 1};
	registration_list_init(&table->registrations);
}

void session_table_done(struct session_table *table)
{
	struct session *session;
	struct session *next;

	HASH_ITER(hh, table->by_id, session, next) {
		session_remove(table, session);
	}
	registration_list_done(&table->registrations);
}

static unsigned int count_login(const struct session_table *table, const char *login)
{
	unsigned int n = 0;

	for (const struct session *s = table->by_id; s; s = s->hh.next) {
		n += strcmp(s->owner->login, login) == 0;
	}
	return n;
}

int session_may_start(const struct session_table *table, const struct process *owner,
		      const char **ret_reason)
{
	unsigned int kept = owner->n_sessions ? SESSIONS_KEPT_FOR_NEW : 0;

	if (table->n_sessions >= table->max_per_login &&
	    count_login(table, owner->login) >= table->max_per_login) {
		*ret_reason = "the limit of one login session (MaxSessions) is reached";
		return STATUS_MAX_SESSIONS_REACHED;
	}
	if (table->n_sessions >= MAX_SESSIONS_ALL - kept) {
		*ret_reason = kept ? "the last sessions are kept for processes that hold none"
				   : "the broker's limit is reached";
		return STATUS_MAX_SESSIONS_REACHED;
	}
	return 0;
}

/* The process after `last` that holds most; ties go by the session table's order. */
static const struct process *next_holder(const struct session_table *table, const char *login,
					 const struct process **seen, size_t n_seen)
{
	const struct process *most = NULL;

	for (const struct session *s = table->by_id; s; s = s->hh.next) {
		bool is_seen = false;

		for (size_t i = 0; i < n_seen; i++) {
			is_seen |= seen[i] == s->owner;
		}
		if (!is_seen && (!login || strcmp(s->owner->login, login) == 0) &&
		    (!most || s->owner->n_sessions > most->n_sessions)) {
			most = s->owner;
		}
	}
	return most;
}

void session_describe_holders(const struct session_table *table, const char *login, char *ret_text,
			      size_t size)
{
	const struct process *seen[8];
	size_t used = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(seen) && used < size; i++) {
		seen[i] = next_holder(table, login, seen, i);
		if (!seen[i]) {
			return;
		}
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s[%d]: %u",
					 i ? ", " : "", seen[i]->name, seen[i]->id.pid,
					 seen[i]->n_sessions);
	}
}

int session_check_key(const struct session_table *table, const struct session_key *key)
{
	return session_find_by_key(table, key) ? STATUS_ALREADY_EXISTS : 0;
}

int session_new(uint32_t id, const struct session_key *key, struct process *owner,
		struct session **ret_session)
{
	struct session *session = malloc(sizeof(*session)); /* calloc(3) is slower with glibc */

	if (!session) {
		return -ENOMEM;
	}
	*session = (struct session){.id = id, .key = *key, .owner = owner, .state = SESSION_OPEN};
	*ret_session = session;
	return 0;
}

void session_free(struct session *session)
{
	if (session) {
		explicit_bzero(&session->key, sizeof(session->key));
		filter_list_done(&session->filters);
		resource_set_free(session->resources);
		free(session);
	}
}

void session_add(struct session_table *table, struct session *session)
{
	HASH_ADD(hh, table->by_id, id, sizeof(session->id), session);
	DL_APPEND2(session->owner->sessions, session, owner_prev, owner_next);
	session->owner->n_sessions++;
	table->n_sessions++;
	if (session->id >= table->next_session_id) {
		table->next_session_id = session->id + 1;
	}
}

void session_remove(struct session_table *table, struct session *session)
{
	struct join *join;
	struct join *next;

	DL_FOREACH_SAFE(session->joins, join, next) {
		join_remove(table, join);
	}
	HASH_DEL(table->by_id, session);
	table->n_sessions--;
	DL_DELETE2(session->owner->sessions, session, owner_prev, owner_next);
	session->owner->n_sessions--;
	process_settle(session->owner);
	registration_drop_session(&table->registrations, session);
	registration_retire(&table->registrations, TAKE_PTR(session->resources));
	session_free(session);
}

struct session *session_find(const struct session_table *table, uint32_t id)
{
	struct session *session;

	HASH_FIND(hh, table->by_id, &id, sizeof(id), session);
	return session;
}

struct session *session_find_by_key(const struct session_table *table,
				    const struct session_key *key)
{
	struct session *found = NULL;

	for (struct session *s = table->by_id; s; s = s->hh.next) {
		if (session_key_equal(&s->key, key)) {
			found = s; /* and on to the end: the time tells nothing */
		}
	}
	return found;
}

uint64_t session_count_bytes(const struct session *session)
{
	return session->filters.bytes + (session->resources ? session->resources->bytes : 0);
}

uint64_t session_table_count_bytes(const struct session_table *table)
{
	uint64_t bytes = 0;

	for (const struct session *s = table->by_id; s; s = s->hh.next) {
		bytes += session_count_bytes(s);
	}
	return bytes;
}

struct session *session_find_started(const struct process *owner,
				     const uint8_t request_id[REQUEST_ID_BYTES])
{
	struct session *session;

	DL_FOREACH2(owner->sessions, session, owner_next) {
		if (memcmp(session->request_id, request_id, REQUEST_ID_BYTES) == 0) {
			return session;
		}
	}
	return NULL;
}

int join_new(struct session *session, uint32_t id, struct process *process, struct join **ret_join)
{
	struct join *join;

	if (session->n_joins >= MAX_JOINS) {
		return STATUS_MAX_SESSIONS_REACHED;
	}
	join = calloc(1, sizeof(*join));
	if (!join) {
		return -ENOMEM;
	}
	join->id = id;
	join->session = session;
	join->process = process;
	*ret_join = join;
	return 0;
}

void join_add(struct session_table *table, struct join *join)
{
	DL_APPEND(join->session->joins, join);
	join->session->n_joins++;
	DL_APPEND2(join->process->joins, join, process_prev, process_next);
	join->process->n_joins++;
	table->n_joins++;
	if (join->id >= table->next_join_id) {
		table->next_join_id = join->id + 1;
	}
}

void join_remove(struct session_table *table, struct join *join)
{
	DL_DELETE(join->session->joins, join);
	join->session->n_joins--;
	DL_DELETE2(join->process->joins, join, process_prev, process_next);
	join->process->n_joins--;
	table->n_joins--;
	process_settle(join->process);
	free(join);
}

struct join *join_find(const struct session *session, uint32_t id)
{
	struct join *join;

	DL_FOREACH(session->joins, join) {
		if (join->id == id) {
			return join;
		}
	}
	return NULL;
}

struct join *join_find_made(const struct process *process,
			    const uint8_t request_id[REQUEST_ID_BYTES])
{
	struct join *join;

	DL_FOREACH2(process->joins, join, process_next) {
		if (memcmp(join->request_id, request_id, REQUEST_ID_BYTES) == 0) {
			return join;
		}
	}
	return NULL;
}
