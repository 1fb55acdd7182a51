/* SPDX-License-Identifier: MIT */
/*
 * Restoring sessions after the broker's restart. The identity in the journal is pid and start
 * time; the pidfd is opened anew and the start time read after that, so a stranger with the
 * same pid is never taken for the owner. An owner that is gone ends its session as it would
 * have while the broker ran (A9).
 */
#include "broker/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "broker/log.h"

struct restorer {
	struct session_table *sessions;
	struct process_table *processes;
	const struct clock_base *clock;
	struct event_log *events;
};

static void tell_lost(const struct restorer *restorer, uint32_t session,
		      const struct process_id *owner, const char *why)
{
	log_warning("a session ends because the journal was damaged: %s session=%u owner=%d", why,
		    session, owner ? owner->pid : 0);
	event_log_add(restorer->events, EVENT_SESSION_LOST, session,
		      owner ? (uint32_t)owner->pid : 0, NULL, why);
}

static bool is_replayed(const struct replay *replay, uint32_t id)
{
	const struct replayed_session *session;

	DL_FOREACH(replay->sessions, session) {
		if (session->id == id) {
			return true;
		}
	}
	return false;
}

/* The first of the losses about its session. */
static bool is_first(const struct replay *replay, const struct replayed_loss *loss)
{
	const struct replayed_loss *at;

	DL_FOREACH(replay->losses, at) {
		if (at->session == loss->session) {
			return at == loss;
		}
	}
	return true;
}

static void tell_loss(const struct restorer *restorer, const struct replay *replay,
		      const struct replayed_loss *loss)
{
	char last[32] = "the end";

	if (loss->last != JOURNAL_LOST_UNKNOWN) {
		(void)snprintf(last, sizeof(last), "%" PRIu64, loss->last);
	}
	log_warning("journal records lost: first=%" PRIu64 " last=%s session=%u", loss->first, last,
		    loss->session);
	/* One that was read as well is told when it is its turn. */
	if (loss->session && !is_replayed(replay, loss->session) && is_first(replay, loss)) {
		tell_lost(restorer, loss->session, NULL, "its start or its end is lost");
	}
}

static void tell_losses(const struct restorer *restorer, const struct replay *replay)
{
	const struct replayed_loss *loss;

	DL_FOREACH(replay->losses, loss) {
		tell_loss(restorer, replay, loss);
	}
	if (replay->has_unnamed_loss) {
		log_warning("further journal records are lost");
	}
	if (replay->n_refused) {
		log_error("the journal has %u sessions with another session's key: the machine's "
			  "random source repeats itself; they are not restored",
			  replay->n_refused);
	}
}

static int restore_join(const struct restorer *restorer, struct session *session,
			const struct replayed_join *from)
{
	struct process *process;
	struct join *join;
	int r;

	r = process_find_or_open(restorer->processes, &from->process, &process);
	if (r < 0) {
		return r == -ESRCH ? 0 : r; /* gone: it has left (A11) */
	}
	r = join_new(session, from->id, process, &join);
	if (r) {
		process_settle(process);
		return r < 0 ? r : 0;
	}
	memcpy(join->request_id, from->request_id, REQUEST_ID_BYTES);
	join->joined_us = from->joined_us;
	join_add(restorer->sessions, join);
	return 0;
}

/* Registered processes are found again by their start time; who has gone is dead from now on. */
static int restore_resources(const struct restorer *restorer, struct session *session,
			     struct replayed_session *from)
{
	struct process_resolver resolver = {restorer->processes->proc_fd, restorer->clock,
					    &restorer->sessions->registrations.pidfds};
	uint32_t n;
	int r = 0;

	session->resources = TAKE_PTR(from->resources.set);
	session->filters = from->resources.filters;
	from->resources.filters = (struct filter_list){0};
	n = resource_count(session->resources, RESOURCE_PROCESS);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = resource_process_resolve(session->resources, i, &resolver, 0);
	}
	return r;
}

static int restore_session(const struct restorer *restorer, struct replayed_session *from)
{
	const struct replayed_join *join;
	struct session *session;
	struct process *owner;
	int r;

	r = process_find_or_open(restorer->processes, &from->owner, &owner);
	if (r < 0 && r != -ESRCH) {
		return r;
	}
	if (r == -ESRCH) {
		log_info("session ended: its owner has gone while no broker ran session=%u pid=%d",
			 from->id, from->owner.pid);
		event_log_add(restorer->events, EVENT_SESSION_ENDED, from->id,
			      (uint32_t)from->owner.pid, NULL, "its owner has gone");
		return 0;
	}
	r = session_new(from->id, &from->key, owner, &session);
	if (r < 0) {
		process_settle(owner);
		return r;
	}
	memcpy(session->request_id, from->request_id, REQUEST_ID_BYTES);
	session->started_us = from->started_us;
	session_add(restorer->sessions, session);
	r = restore_resources(restorer, session, from);
	if (r < 0) {
		return r;
	}
	event_log_add(restorer->events, EVENT_SESSION_RESTORED, session->id,
		      (uint32_t)owner->id.pid, owner->name, NULL);
	DL_FOREACH(from->joins, join) {
		r = restore_join(restorer, session, join);
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

/* What living processes were answered, so that a re-sent end is known (A63). */
static int restore_answer(const struct restorer *restorer, const struct replayed_answer *answer)
{
	struct process *process;
	int r = process_find_or_open(restorer->processes, &answer->process, &process);

	if (r < 0) {
		return r == -ESRCH ? 0 : r;
	}
	/* A file compacted while the broker ran may have an answer twice. */
	r = process_has_answered(process, answer->request_id)
		    ? 0
		    : process_add_answered(process, answer->request_id);
	process_settle(process);
	return r;
}

int restore_sessions(struct replay *replay, struct session_table *sessions,
		     struct process_table *processes, const struct clock_base *clock,
		     struct event_log *events)
{
	struct restorer restorer = {sessions, processes, clock, events};
	struct replayed_session *session;
	const struct replayed_answer *answer;
	int r = 0;

	tell_losses(&restorer, replay);
	DL_FOREACH(replay->sessions, session) {
		if (session->is_touched) {
			tell_lost(&restorer, session->id, &session->owner,
				  "a lost record may have been about it");
		} else {
			r = restore_session(&restorer, session);
		}
		if (r < 0) {
			return r;
		}
	}
	DL_FOREACH(replay->answers, answer) {
		r = restore_answer(&restorer, answer);
		if (r < 0) {
			return r;
		}
	}
	return 0;
}
