/* SPDX-License-Identifier: MIT */
/*
 * Registered processes: who was meant (A19), and whether they still live. A pidfd is kept of a
 * few of them, for as long as they are seen to live; of the others the pid and the start time
 * tell, which are looked at each time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/clock_base.h"
#include "broker/resource.h"
#include "proto/base.h"
#include "proto/limits.h"

/* The pidfds that are kept, of all sets together. */
struct pidfd_pool {
	struct {
		struct resource_set *set; /* borrowed: whose process it is; NULL: free */
		uint32_t i;
		int fd; /* owned */
	} slots[MAX_REGISTERED_PIDFDS];
	unsigned int n;
};

/* What is needed to look at processes. */
struct process_resolver {
	int proc_fd;			/* borrowed */
	const struct clock_base *clock; /* borrowed */
	struct pidfd_pool *pool;	/* borrowed */
};

/* Finds who entry `i` means: it becomes that process, or dead. `arrived`: when the registration
 * came, in clock ticks after boot. 0; -EMFILE and the like: nobody could look. */
int resource_process_resolve(struct resource_set *set, uint32_t i,
			     const struct process_resolver *resolver, uint64_t arrived)
	_warn_unused_;

/* Whether it lives; one that has died is dead for good, and its pidfd is closed. */
bool resource_process_is_alive(struct resource_set *set, uint32_t i,
			       const struct process_resolver *resolver);

/* A pidfd of its own for the caller, of this very process. -ESRCH: it has gone; other -errno. */
int resource_process_open(struct resource_set *set, uint32_t i,
			  const struct process_resolver *resolver, int *ret_pidfd) _warn_unused_;

/* The pidfd that is kept of one entry is kept of another from now on. */
void pidfd_pool_move(struct pidfd_pool *pool, struct resource_set *from, uint32_t i,
		     struct resource_set *to, uint32_t to_i);
/* Closes all of this set; NULL: all. */
void pidfd_pool_drop(struct pidfd_pool *pool, const struct resource_set *set);
