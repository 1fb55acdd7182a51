/* SPDX-License-Identifier: MIT */
/*
 * Commits. What is new is added to the session's set behind what is visible, which can fail and
 * then is taken out again by the next commit; then it is written, slice by slice; and the write
 * that makes it valid in the journal is the moment in which it becomes visible. So memory and
 * journal are never apart, and nothing has to be done after the write.
 */
#include "broker/commit.h"

#include <errno.h>

#include "broker/store_resource.h"
#include "proto/status.h"

/* Of one step, each about 0.2 ms at most: a process is a file of /proc that is opened. */
#define RESOLVED_AT_ONCE 16u
#define TRIMMED_AT_ONCE 1024u
#define MERGED_AT_ONCE 512u
#define SEEN_AT_ONCE 32u

struct commit {
	struct store *store;
	struct registration *registration;
	const char *reason;
};

static struct process_resolver resolver_of(const struct commit *commit)
{
	return (struct process_resolver){commit->store->processes->proc_fd, &commit->store->clock,
					 &commit->registration->list->pidfds};
}

static void go_on(struct registration *registration, enum commit_phase phase)
{
	registration->phase = phase;
	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		registration->at[kind] = 0;
	}
}

static int resolve(struct commit *commit)
{
	struct registration *registration = commit->registration;
	struct process_resolver resolver = resolver_of(commit);
	uint32_t *at = &registration->at[RESOURCE_PROCESS];
	uint32_t n = resource_count_all(registration->set, RESOURCE_PROCESS);

	for (uint32_t i = 0; i < RESOLVED_AT_ONCE && *at < n; i++) {
		int r = resource_process_resolve(registration->set, (*at)++, &resolver,
						 registration->arrived);

		if (r < 0) {
			return r;
		}
	}
	if (*at == n) {
		go_on(registration, COMMIT_WAIT);
	}
	return 0;
}

static int wait_turn(struct commit *commit)
{
	struct registration *registration = commit->registration;
	struct session *session = registration->session;
	int r = session->resources ? 0 : resource_set_new(&session->resources);

	if (r < 0 || session->resources->writer) {
		return r;
	}
	registration->target = session->resources;
	registration->target->writer = registration;
	go_on(registration, COMMIT_TRIM);
	return 0;
}

static int trim(struct commit *commit)
{
	if (!resource_trim(commit->registration->target, TRIMMED_AT_ONCE)) {
		go_on(commit->registration, COMMIT_MERGE);
	}
	return 0;
}

/* A file that was registered before may be another one by now. */
static bool note_seen(const struct commit *commit, uint32_t i, uint32_t to,
		      struct file_seen *ret_seen)
{
	const struct registration *registration = commit->registration;
	struct file_identity identities[MAX_FILE_IDENTITIES];

	(void)resource_file_identities(registration->set, i, identities);
	*ret_seen = (struct file_seen){.i = to, .identity = identities[0]};
	return to < resource_count(registration->target, RESOURCE_FILE) &&
	       resource_file_is_news(registration->target, to, &identities[0]);
}

/* Copies some of one kind. Whether all of it is done goes to `ret_done`. */
static int merge_kind(struct commit *commit, enum resource_kind kind, unsigned int *left,
		      bool *ret_done)
{
	struct registration *registration = commit->registration;
	struct file_seen seen[SEEN_AT_ONCE];
	uint32_t *at = &registration->at[kind];
	uint32_t n = resource_count_all(registration->set, kind);
	size_t n_seen = 0;

	while (*at<n && * left> 0 && n_seen < SEEN_AT_ONCE) {
		uint32_t i = (*at)++;
		uint32_t to;
		int r = resource_copy(registration->target, registration->set, kind, i, &to);

		if (r < 0) {
			return r;
		}
		if (kind == RESOURCE_PROCESS) {
			pidfd_pool_move(&registration->list->pidfds, registration->set, i,
					registration->target, to);
		}
		n_seen += kind == RESOURCE_FILE && note_seen(commit, i, to, &seen[n_seen]);
		(*left)--;
	}
	*ret_done = *at == n;
	return n_seen ? store_files_seen(commit->store, registration->session, seen, n_seen) : 0;
}

static int merge(struct commit *commit)
{
	struct registration *registration = commit->registration;
	unsigned int left = MERGED_AT_ONCE;

	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		bool is_done = false;
		int r = merge_kind(commit, (enum resource_kind)kind, &left, &is_done);

		if (r < 0) {
			return r;
		}
		if (resource_count_all(registration->target, (enum resource_kind)kind) >
		    MAX_RESOURCES) {
			commit->reason =
				"a session takes 1048576 files, processes or services, each";
			return STATUS_WRITE_FAULT;
		}
		if (!is_done) {
			return 0;
		}
	}
	go_on(registration, COMMIT_CHECK);
	return 0;
}

static void finish(struct registration *registration)
{
	registration->target->writer = NULL;
	registration->target->is_writing = false;
	registration->target = NULL;
	registration->phase = COMMIT_DONE;
}

static int check(struct commit *commit)
{
	struct registration *registration = commit->registration;
	const struct resource_set *target = registration->target;
	uint64_t n_files =
		resource_count_all(target, RESOURCE_FILE) - resource_count(target, RESOURCE_FILE);

	if (target->bytes_pending == 0) {
		finish(registration); /* all was there already */
		return 0;
	}
	registration->number = commit->store->journal.next_sequence;
	registration->n_slices = 0;
	registration->phase = COMMIT_WRITE;
	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		registration->at[kind] = resource_count(target, (enum resource_kind)kind);
	}
	return store_may_grow(commit->store, registration->session, target->bytes_pending, n_files,
			      &commit->reason);
}

/* The next slice into `store->slice`. */
static int fill_slice(struct commit *commit, bool *ret_last)
{
	struct registration *registration = commit->registration;
	const struct resource_set *target = registration->target;
	struct slice *slice = &commit->store->slice;

	*ret_last = true;
	slice_reset(slice);
	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		uint32_t *at = &registration->at[kind];
		uint32_t n = resource_count_all(target, (enum resource_kind)kind);

		while (*at < n && !slice_is_full(slice)) {
			int r = slice_add(slice, target, (enum resource_kind)kind, (*at)++);

			if (r < 0) {
				return r;
			}
		}
		*ret_last &= *at == n;
	}
	return 0;
}

static int write_slice(struct commit *commit)
{
	struct registration *registration = commit->registration;
	bool is_last = false;
	int r;

	(void)compaction_maintain(
		commit->store); /* it may copy this session: before the first slice */
	r = fill_slice(commit, &is_last);
	if (r < 0) {
		return r;
	}
	r = store_slice(commit->store, registration->session, registration->number,
			registration->n_slices++, is_last);
	if (r < 0) {
		return r;
	}
	registration->target->is_writing = true;
	if (is_last) {
		resource_publish(registration->target);
		finish(registration);
	}
	return 0;
}

int commit_step(struct store *store, struct registration *registration, bool *ret_done,
		const char **ret_reason)
{
	static int (*const steps[COMMIT_DONE])(struct commit *) = {
		[COMMIT_RESOLVE] = resolve, [COMMIT_WAIT] = wait_turn, [COMMIT_TRIM] = trim,
		[COMMIT_MERGE] = merge,	    [COMMIT_CHECK] = check,    [COMMIT_WRITE] = write_slice,
	};
	struct commit commit = {.store = store, .registration = registration, .reason = ""};
	int r = 0;

	if (registration->phase != COMMIT_DONE && !registration->session) {
		*ret_reason = "the session has ended";
		return STATUS_INVALID_HANDLE;
	}
	/* A small one needs a single step: on, until a phase has more to do. */
	while (r == 0 && registration->phase != COMMIT_DONE) {
		enum commit_phase phase = registration->phase;

		r = steps[phase](&commit);
		if (registration->phase == phase) {
			break;
		}
	}
	*ret_reason = commit.reason;
	*ret_done = r == 0 && registration->phase == COMMIT_DONE;
	return r;
}
