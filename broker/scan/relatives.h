/* SPDX-License-Identifier: MIT */
/*
 * Which processes share memory, or a table of descriptors, without being one process
 * (CLONE_VM or CLONE_FILES without CLONE_THREAD). What one of them does shows in all, but only
 * its own clock moves.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/pool.h"
#include "proto/base.h"

enum relative_kind {
	RELATIVE_MEMORY,
	RELATIVE_DESCRIPTORS,
	_RELATIVE_KIND_COUNT,
};

/* A thread that stands for all that share its memory or table. */
struct relative {
	void *owner; /* borrowed: the process, as the user of this module has it */
	pid_t task;
	uint32_t round;	     /* of the owner's: which of its times to be added */
	bool is_new;	     /* its place is not sure: it has to be compared */
	bool is_lost;	     /* it could not be compared */
	bool is_as_previous; /* shares with the one before it */
};

/* All threads of one kind, in the order that kcmp(2) gives them. */
struct relatives {
	enum relative_kind kind;
	struct relative *sorted; /* owned */
	size_t n_sorted;
	struct relative *added; /* owned: not sorted in yet */
	size_t n_added;
	size_t capacity_added;
	size_t n_shared; /* of those that share with the one before */
};

/* What has become of an owner since it was sorted in. */
enum relative_state {
	RELATIVE_KEPT,
	RELATIVE_CHANGED, /* it ran: it may share with others now */
	RELATIVE_GONE,
	RELATIVE_LEFT, /* it was added again since */
};

struct relatives_user {
	enum relative_state (*state)(const struct relative *relative, enum relative_kind kind);
	/* Shares with one that is not RELATIVE_KEPT. */
	void (*on_touched)(struct relative *relative);
	/* Has relatives at all. */
	void (*on_shared)(struct relative *relative);
	/* Could not be compared, and is out: add it again another time. Called by one thread for
	 * each kind. */
	void (*on_lost)(struct relative *relative, enum relative_kind kind);
};

/* Whether kcmp(2) works here. */
bool relatives_are_known(void);

void relatives_init(struct relatives *relatives, enum relative_kind kind);
void relatives_done(struct relatives *relatives);

/* 0 or -ENOMEM. */
int relatives_add(struct relatives *relatives, void *owner, pid_t task, uint32_t round)
	_warn_unused_;

/* Calls on_touched() for all that share with one that has changed or gone, by what was known at
 * the last update. */
void relatives_tell_touched(const struct relatives *relatives, const struct relatives_user *user);

/* Takes out what has gone, sorts in what was added, and looks at the places of what changed; both
 * kinds at once. 0, or -ENOMEM: nothing is known any more, all are lost. */
int relatives_update(struct relatives relatives[_RELATIVE_KIND_COUNT], struct scan_pool *pool,
		     const struct relatives_user *user) _warn_unused_;
