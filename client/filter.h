/* SPDX-License-Identifier: MIT */
/* Filters, for both faces. */
#pragma once

#include <stdint.h>

#include "client/arena.h"
#include "client/session.h"

/* One filter of the broker's answer; exactly one of executable, pid and service is set. */
struct filter_entry {
	const char *executable; /* bytes; NULL: not by this */
	const char *service;
	uint32_t pid;
	uint64_t start_time; /* as `is_by_filetime` says */
	bool is_by_filetime;
	int action;
};

struct filter_answer {
	struct rm_filters filters; /* first: the caller frees it by its address */
	struct transport_gather gather;
	struct arena arena;
	struct filter_entry *entries; /* owned */
	size_t n_entries;
};

/* Exactly one target, and one that the broker will take (A39). 0 or 160. */
int filter_check_target(const Rm__FilterTarget *target) _warn_unused_;

/* 0 or a Win32 code; the target and the action are to be checked before. */
int filter_add(const struct rm_session *session, Rm__FilterTarget *target, uint32_t action)
	_warn_unused_;
int filter_remove(const struct rm_session *session, Rm__FilterTarget *target) _warn_unused_;
/* To be freed with filter_answer_free(). `filters` is still empty. */
int filter_list(const struct rm_session *session, struct filter_answer **ret_answer) _warn_unused_;
void filter_answer_free(struct filter_answer *answer);
