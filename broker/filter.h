/* SPDX-License-Identifier: MIT */
/*
 * The filters of a session (A39 to A41): an ordered list, the latest last. Only the list; whom a
 * filter concerns is found out when applications are listed. In memory only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

enum filter_kind {
	FILTER_EXECUTABLE, /* `text` is its path */
	FILTER_PROCESS,
	FILTER_SERVICE, /* `text` is its name, normalised */
	_FILTER_KIND_COUNT,
};

enum filter_action {
	FILTER_NO_RESTART = 1, /* as RM_FILTER_ACTION has them */
	FILTER_NO_SHUTDOWN = 2,
};

/* What a filter is about. */
struct filter_target {
	enum filter_kind kind;
	const char *text; /* borrowed; not of a process */
	uint32_t pid;
	uint64_t start_filetime; /* as the caller gave it; ticks are made one (clock_base.h), so
				  * that both faces mean the same process by the same number */
};

struct filter {
	struct filter_target target; /* `text` is the filter's own, behind it */
	enum filter_action action;
	uint64_t number; /* counts up along the list; never used again in it */
	struct filter *prev;
	struct filter *next;
};

struct filter_list {
	struct filter *filters; /* owned, oldest first */
	unsigned int n;
	uint64_t next_number;
	uint64_t bytes; /* as the limits count them */
};

void filter_list_done(struct filter_list *list);

/* Prepares a filter that is in no list yet: free(3) it, or hand it to filter_add(). -ENOMEM. */
int filter_new(const struct filter_target *target, enum filter_action action,
	       struct filter **ret_filter) _warn_unused_;

/* What it counts towards the limits of bytes. */
uint64_t filter_cost(const struct filter *filter);

/* Whether the list takes it: 0, or 29 beyond MAX_FILTERS. One that replaces another is taken. */
int filter_may_add(const struct filter_list *list, const struct filter *filter);

/* Takes it over, as the last; one with the same target goes. */
void filter_add(struct filter_list *list, struct filter *filter);

/* Borrowed, or NULL. */
struct filter *filter_find(const struct filter_list *list, const struct filter_target *target);

/* Takes it out and frees it. */
void filter_remove(struct filter_list *list, struct filter *filter);
