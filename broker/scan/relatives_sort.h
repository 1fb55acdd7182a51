/* SPDX-License-Identifier: MIT */
/* Sorting by kcmp(2). */
#pragma once

#include <stddef.h>

#include "broker/scan/pool.h"
#include "broker/scan/relatives.h"
#include "proto/base.h"

/* <0, 0, >0. One that cannot be compared is marked as lost, and its place means nothing. */
int relative_compare(enum relative_kind kind, struct relative *a, struct relative *b);

/* Sorts `n` in place; `spare` has room for them. */
void relatives_sort(enum relative_kind kind, struct relative *all, struct relative *spare,
		    size_t n);

/* Sorts what was added to both kinds, in place; `spare` has room for each. */
void relatives_sort_added(struct relatives relatives[_RELATIVE_KIND_COUNT],
			  struct relative *spare[_RELATIVE_KIND_COUNT], struct scan_pool *pool);
