/* SPDX-License-Identifier: MIT */
/* One look over all processes, for questions that no single one answers: which terminals are
 * somebody's, and who else is in an application's scope. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/cgroup.h"
#include "proto/base.h"

/* The pseudo-terminals that a living process has as its controlling terminal. */
struct terminals {
	int *ptys; /* owned, in order */
	size_t n_ptys;
};

int terminals_read(int proc_fd, struct terminals *ret_terminals) _warn_unused_;
bool terminals_has(const struct terminals *terminals, int pty);
void terminals_done(struct terminals *terminals);

/* The processes in app scopes. */
struct scopes {
	struct scope_member {
		uint64_t scope; /* scopes_key() */
		pid_t pid;
		uint64_t start_time;
	} * members; /* owned */
	size_t n_members;
};

int scopes_read(int proc_fd, struct scopes *ret_scopes) _warn_unused_;
void scopes_done(struct scopes *scopes);
/* Which scope of which user. */
uint64_t scopes_key(const struct cgroup_facts *cgroup);
/* Whether it holds the master of a pty; true as well when it can't be seen. */
bool scopes_member_has_pty_master(int proc_fd, const struct scope_member *member);
