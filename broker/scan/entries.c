/* SPDX-License-Identifier: MIT */
/*
 * Entries. Each affected process is classified by itself; then those of one service, one scope or
 * one container become one entry, which is as critical as its worst member. A process that ended
 * in the meantime is left out: its facts are read by pid and start time.
 */
#include "broker/scan/entries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/scan/filter_match.h"
#include "broker/scan/login.h"
#include "broker/scan/never_stop.h"

#define STATUS_RUNNING 0x01u	     /* RmStatusRunning */
#define STATUS_SHUTDOWN_MASKED 0x40u /* RmStatusShutdownMasked */

static bool is_hidden(const Rmscan__ScanBegin *begin, const struct index_process *process)
{
	for (size_t i = 0; i < begin->n_hidden; i++) {
		if (begin->hidden[i]->pid == (uint32_t)process->pid &&
		    (begin->hidden[i]->start_time == 0 ||
		     begin->hidden[i]->start_time == process->start_time)) {
			return true;
		}
	}
	return false;
}

static bool runs_old_version(const struct hit *hit)
{
	for (size_t i = 0; i < hit->n_uses; i++) {
		if (hit->uses[i].is_deleted &&
		    (hit->uses[i].kind == USE_EXECUTABLE || hit->uses[i].kind == USE_MAPPING)) {
			return true;
		}
	}
	return false;
}

static bool is_hit(const struct hits *hits, pid_t pid, uint64_t start_time)
{
	for (size_t i = 0; i < hits->n_hits; i++) {
		if (hits->hits[i].process->pid == pid) {
			return hits->hits[i].process->start_time == start_time;
		}
	}
	return false;
}

/* Whether its app scope is taken for one application (A69). */
static int look_at_scope(const struct entries_context *context, const struct hits *hits,
			 struct member *member, bool *ret_is_one)
{
	struct machine_scope scope;
	int r;

	*ret_is_one = false;
	if (!member->facts->cgroup.is_app_scope) {
		return 0;
	}
	r = machine_find_scope(context->machine, member->facts, &scope);
	if (r < 0) {
		return r == -ENOMEM ? r : 0;
	}
	*ret_is_one =
		!scope.has_pty_master && is_hit(hits, scope.first_pid, scope.first_start_time);
	member->is_first_of_scope = *ret_is_one && scope.first_pid == member->facts->pid;
	return 0;
}

/* What the policy files say of it, decided once for each reading of them. */
static const struct policy_decision *decide(const struct entries_context *context,
					    struct notes *notes)
{
	const struct process_facts *facts = notes->facts;
	const struct cgroup_facts *cgroup = &facts->cgroup;
	struct policy_subject subject = {
		.unit = cgroup->service[0] ? cgroup->service : cgroup->scope,
		.is_user = cgroup->is_user,
		.executable = facts->exe ? facts->exe : facts->comm,
	};

	if (notes->decided_by != context->policy_reading) {
		policy_decide(context->policy, &subject, &notes->decision);
		notes->decided_by = context->policy_reading;
	}
	return &notes->decision;
}

/* Its notes have the facts already. */
static void classify(const struct entries_context *context, const struct machine_view *view,
		     struct member *member)
{
	const struct process_facts *facts = member->facts;
	struct application_input input = {
		.facts = facts,
		.view = view,
		.policy = decide(context, notes_of(member->hit->process)),
		.self = self_set_find(context->self, facts->pid, facts->start_time, view),
		.ts_session = login_find(facts, LOGIN_USERS_DIRECTORY),
	};

	application_classify(context->application, &input, &member->application);
}

static int build_member(const struct entries_context *context, const struct hits *hits,
			const struct hit *hit, struct member *member)
{
	const struct machine_view *view;
	bool is_one_scope;
	int r;

	*member = (struct member){.hit = hit};
	r = notes_read_facts(hit->process, context->proc_fd, &member->facts);
	if (r < 0) {
		return r;
	}
	r = notes_read_view(context->index, hit->process, context->machine, &view);
	if (r < 0) {
		return r;
	}
	classify(context, view, member);
	r = look_at_scope(context, hits, member, &is_one_scope);
	if (r < 0) {
		return r;
	}
	application_format_key(member->facts, &member->application, is_one_scope, member->key);
	return 0;
}

struct reading {
	const struct entries_context *context;
	const struct hits *hits;
};

/* Each process has notes of its own, so several threads may read at once. */
static void read_facts(void *userdata, size_t begin, size_t end)
{
	const struct reading *reading = userdata;
	const struct process_facts *facts;

	for (size_t i = begin; i < end; i++) {
		if (atomic_load_explicit(reading->context->cancelled, memory_order_relaxed)) {
			return;
		}
		/* What goes wrong is found again when the facts are wanted. */
		(void)!notes_read_facts(reading->hits->hits[i].process, reading->context->proc_fd,
					&facts);
	}
}

#define FACTS_AT_ONCE 8u

static int build_members(const struct entries_context *context, const struct hits *hits,
			 struct entries *entries)
{
	struct reading reading = {context, hits};

	scan_pool_run(context->pool, hits->n_hits, FACTS_AT_ONCE, read_facts, &reading);
	entries->members = calloc(hits->n_hits + 1, sizeof(*entries->members));
	if (!entries->members) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < hits->n_hits; i++) {
		const struct hit *hit = &hits->hits[i];
		int r;

		if (is_hidden(context->begin, hit->process)) {
			entries->broker_is_stale |= runs_old_version(hit);
			continue;
		}
		if (atomic_load_explicit(context->cancelled, memory_order_relaxed)) {
			return -ECANCELED;
		}
		r = build_member(context, hits, hit, &entries->members[entries->n_members]);
		if (r == 0) {
			entries->n_members++;
		} else if (r == -ENOMEM) {
			return r;
		} else {
			entries->n_gone++;
		}
	}
	return 0;
}

static int compare_age(const struct member *a, const struct member *b)
{
	const struct process_facts *x = a->facts;
	const struct process_facts *y = b->facts;

	if (x->start_time != y->start_time) {
		return x->start_time < y->start_time ? -1 : 1;
	}
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int compare_key(const void *a, const void *b)
{
	const struct member *x = *(const struct member *const *)a;
	const struct member *y = *(const struct member *const *)b;
	int order = strcmp(x->key, y->key);

	return order ? order : compare_age(x, y);
}

static int compare_entry(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;
	unsigned int order_x = application_order(x->application.type);
	unsigned int order_y = application_order(y->application.type);

	return order_x != order_y ? (order_x < order_y ? -1 : 1) : compare_age(x->main, y->main);
}

/* The configuration's word is as good as a filter, and told (A76). */
static void apply_never_stop(const struct entries_context *context, struct entry *entry)
{
	char word[128];

	if (never_stop_find(context, entry, word, sizeof(word))) {
		entry->status |= STATUS_SHUTDOWN_MASKED;
		(void)snprintf(entry->application.why, sizeof(entry->application.why),
			       "the configuration says NeverStop=%s", word);
	}
}

static void fill_entry(const struct entries_context *context, struct entry *entry)
{
	entry->main = entry->members[0];
	entry->application = entry->members[0]->application;
	for (size_t i = 0; i < entry->n_members; i++) {
		if (entry->members[i]->is_first_of_scope) {
			entry->main = entry->members[i];
			entry->application = entry->main->application;
		}
	}
	for (size_t i = 0; i < entry->n_members; i++) {
		if (entry->members[i] != entry->main) {
			application_merge(&entry->application, &entry->members[i]->application);
		}
	}
	entry->status = STATUS_RUNNING | filter_match_status(context, entry);
	apply_never_stop(context, entry);
}

static int group(const struct entries_context *context, struct entries *entries)
{
	entries->by_key = calloc(entries->n_members + 1, sizeof(*entries->by_key));
	entries->entries = calloc(entries->n_members + 1, sizeof(*entries->entries));
	if (!entries->by_key || !entries->entries) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < entries->n_members; i++) {
		entries->by_key[i] = &entries->members[i];
	}
	qsort(entries->by_key, entries->n_members, sizeof(*entries->by_key), compare_key);
	for (size_t i = 0; i < entries->n_members;) {
		struct entry *entry = &entries->entries[entries->n_entries++];

		entry->members = &entries->by_key[i];
		do {
			entry->n_members++;
			i++;
		} while (i < entries->n_members &&
			 strcmp(entries->by_key[i]->key, entry->members[0]->key) == 0);
		fill_entry(context, entry);
		entries->reasons |= entry->application.reasons;
	}
	qsort(entries->entries, entries->n_entries, sizeof(*entries->entries), compare_entry);
	return 0;
}

int entries_build(const struct entries_context *context, const struct hits *hits,
		  struct entries *ret_entries)
{
	int r;

	*ret_entries = (struct entries){0};
	r = build_members(context, hits, ret_entries);
	return r < 0 ? r : group(context, ret_entries);
}

void entries_done(struct entries *entries)
{
	free(entries->members);
	free(entries->by_key);
	free(entries->entries);
	*entries = (struct entries){0};
}
