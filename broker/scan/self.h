/* SPDX-License-Identifier: MIT */
/*
 * Who must not be stopped because the question comes from there (A23): the primary, its ancestors
 * up to PID 1 or the user's manager, joined secondaries, and whoever holds the other end of their
 * terminals.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/machine_facts.h"
#include "proto/base.h"

enum self_relation {
	SELF_NONE,
	SELF_PRIMARY,
	SELF_JOINED,
	SELF_ANCESTOR, /* of the primary or of a joined one */
	SELF_TERMINAL, /* holds the master of a pty that one of the above has as its terminal */
	_SELF_RELATION_COUNT,
};

const char *self_relation_name(enum self_relation relation);

struct self_member {
	pid_t pid;
	uint64_t start_time;
	enum self_relation relation;
};

struct self_set {
	struct self_member *members; /* owned */
	size_t n_members;
	int *ptys; /* owned: the N of /dev/pts/N */
	size_t n_ptys;
	bool is_complete; /* all ancestors could be read */
};

/* `n` processes, pid and start time; the first is the primary, pid 0: there is none (a question
 * without a session). 0 or -ENOMEM; free with done. */
int self_set_build(int proc_fd, const struct self_member *callers, size_t n,
		   struct self_set *ret_set) _warn_unused_;
void self_set_done(struct self_set *set);

/* `view` may be NULL: then nothing is said about terminals. */
enum self_relation self_set_find(const struct self_set *set, pid_t pid, uint64_t start_time,
				 const struct machine_view *view);
