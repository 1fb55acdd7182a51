/* SPDX-License-Identifier: MIT */
/*
 * Parents are followed by number, and a number may be given away between two looks; so a parent
 * that began after its child is not believed.
 */
#include "broker/scan/self.h"

#include <errno.h>

#include "broker/scan/process_facts.h"
#include "proto/limits.h"

const char *self_relation_name(enum self_relation relation)
{
	static const char *const names[_SELF_RELATION_COUNT] = {
		[SELF_NONE] = "none",	      [SELF_PRIMARY] = "primary",
		[SELF_JOINED] = "joined",     [SELF_ANCESTOR] = "ancestor",
		[SELF_TERMINAL] = "terminal",
	};

	return names[relation];
}

static int add_member(struct self_set *set, pid_t pid, uint64_t start_time,
		      enum self_relation relation)
{
	struct self_member *grown = reallocarray(set->members, set->n_members + 1, sizeof(*grown));

	if (!grown) {
		return -ENOMEM;
	}
	set->members = grown;
	grown[set->n_members++] = (struct self_member){pid, start_time, relation};
	return 0;
}

static bool has_pty(const struct self_set *set, int pty)
{
	for (size_t i = 0; i < set->n_ptys; i++) {
		if (set->ptys[i] == pty) {
			return true;
		}
	}
	return false;
}

static int add_pty(struct self_set *set, int pty)
{
	int *grown;

	if (pty < 0 || has_pty(set, pty)) {
		return 0;
	}
	grown = reallocarray(set->ptys, set->n_ptys + 1, sizeof(*grown));
	if (!grown) {
		return -ENOMEM;
	}
	set->ptys = grown;
	grown[set->n_ptys++] = pty;
	return 0;
}

static const struct self_member *find_member(const struct self_set *set, pid_t pid,
					     uint64_t start_time)
{
	for (size_t i = 0; i < set->n_members; i++) {
		if (set->members[i].pid == pid && set->members[i].start_time == start_time) {
			return &set->members[i];
		}
	}
	return NULL;
}

/* Just the texts that are needed: a full look costs ten times as much. 0, or -errno. */
static int read_process(int proc_fd, pid_t pid, struct process_facts *ret_facts)
{
	char text[8192];
	ssize_t n = process_facts_read_text(proc_fd, pid, "stat", text, sizeof(text));
	int r;

	*ret_facts = (struct process_facts){.pid = pid};
	r = n < 0 ? (int)n : process_facts_parse_stat(text, (size_t)n, ret_facts);
	if (r < 0) {
		return r;
	}
	n = process_facts_read_text(proc_fd, pid, "cgroup", text, sizeof(text));
	if (n > 0) {
		cgroup_parse(text, (size_t)n, &ret_facts->cgroup);
	}
	return 0;
}

/* The caller and everything above it. */
static int add_chain(struct self_set *set, int proc_fd, const struct self_member *caller)
{
	uint64_t child_start = UINT64_MAX;
	pid_t pid = caller->pid;

	for (unsigned int depth = 0; depth < MAX_ANCESTORS; depth++) {
		struct process_facts facts;
		int r = read_process(proc_fd, pid, &facts);
		int pty;

		if (r < 0 || facts.start_time > child_start ||
		    (depth == 0 && facts.start_time != caller->start_time)) {
			set->is_complete = set->is_complete && depth == 0;
			return 0; /* a caller that has gone has nothing to lose */
		}
		if (depth > 0 && facts.cgroup.is_manager) {
			return 0;
		}
		r = find_member(set, pid, facts.start_time)
			    ? 0
			    : add_member(set, pid, facts.start_time, SELF_ANCESTOR);
		if (r == 0 && process_facts_has_terminal(&facts, &pty)) {
			r = add_pty(set, pty);
		}
		if (r < 0 || facts.parent <= 1) {
			return r;
		}
		child_start = facts.start_time;
		pid = facts.parent;
	}
	return 0;
}

int self_set_build(int proc_fd, const struct self_member *callers, size_t n,
		   struct self_set *ret_set)
{
	struct self_set set = {.is_complete = true};

	/* The callers first: one may be the ancestor of another. Those that have gone do no harm. */
	for (size_t i = 0; i < n; i++) {
		enum self_relation relation = i == 0 ? SELF_PRIMARY : SELF_JOINED;
		int r = callers[i].pid <= 0 ||
					find_member(&set, callers[i].pid, callers[i].start_time)
				? 0
				: add_member(&set, callers[i].pid, callers[i].start_time, relation);

		if (r < 0) {
			self_set_done(&set);
			return r;
		}
	}
	for (size_t i = 0; i < n; i++) {
		int r = callers[i].pid <= 0 ? 0 : add_chain(&set, proc_fd, &callers[i]);

		if (r < 0) {
			self_set_done(&set);
			return r;
		}
	}
	*ret_set = set;
	return 0;
}

void self_set_done(struct self_set *set)
{
	free(TAKE_PTR(set->members));
	free(TAKE_PTR(set->ptys));
	set->n_members = set->n_ptys = 0;
}

enum self_relation self_set_find(const struct self_set *set, pid_t pid, uint64_t start_time,
				 const struct machine_view *view)
{
	const struct self_member *member = find_member(set, pid, start_time);

	if (member) {
		return member->relation;
	}
	for (uint32_t i = 0; view && i < view->n_ptys; i++) {
		if (has_pty(set, view->ptys[i])) {
			return SELF_TERMINAL;
		}
	}
	return SELF_NONE;
}
