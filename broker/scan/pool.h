/* SPDX-License-Identifier: MIT */
/* Threads that share a list of work. Made once; idle between two runs. */
#pragma once

#include <stddef.h>

#include "proto/base.h"
#include "proto/limits.h"

struct scan_pool; /* opaque */

/* Does the items from `begin` up to `end`, not included. Called by several threads at once. */
typedef void (*scan_pool_fn)(void *userdata, size_t begin, size_t end);

/* `n_threads` 0: one for each CPU that this process may use. The caller of scan_pool_run() is one
 * of them. The threads take no signals. Fewer when they cannot be had. 0 or -ENOMEM. */
int scan_pool_new(unsigned int n_threads, struct scan_pool **ret_pool) _warn_unused_;
struct scan_pool *scan_pool_free(struct scan_pool *pool);

unsigned int scan_pool_n_threads(const struct scan_pool *pool);

/* Has `n_items` items done, `chunk` at a time, and returns when all are. */
void scan_pool_run(struct scan_pool *pool, size_t n_items, size_t chunk, scan_pool_fn work,
		   void *userdata);
