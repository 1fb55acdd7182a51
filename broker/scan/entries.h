/* SPDX-License-Identifier: MIT */
/* From hits to what RmGetList counts: classified, grouped (A66), in the order of A17. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/scan.pb-c.h"
#include "broker/scan/application.h"
#include "broker/scan/machine_facts.h"
#include "broker/scan/match.h"
#include "broker/scan/notes.h"
#include "broker/scan/policy.h"
#include "broker/scan/pool.h"
#include "broker/scan/self.h"
#include "proto/base.h"

/* Where entries come from; all borrowed. */
struct entries_context {
	struct scan_index *index;
	int proc_fd;
	struct scan_pool *pool; /* reads facts */
	struct machine_facts *machine;
	struct policy *policy;
	uint64_t policy_reading; /* counts up each time its files were read again */
	const struct application_context *application;
	const struct self_set *self;
	const Rmscan__ScanBegin *begin; /* who is never shown */
	const Rmscan__FilterRule *const *filters;
	size_t n_filters;
	const atomic_bool *cancelled;
};

/* One affected process. */
struct member {
	const struct hit *hit;		   /* borrowed */
	const struct process_facts *facts; /* borrowed from its notes */
	struct application application;
	bool is_first_of_scope; /* which is then the entry's main one */
	char key[APPLICATION_KEY_BYTES];
};

struct entry {
	const struct member *main;	     /* the one to show */
	const struct member *const *members; /* by start time, then pid */
	size_t n_members;
	struct application application; /* of all members together */
	uint32_t status;		/* RM_APP_STATUS bits */
};

struct entries {
	struct member *members;	      /* owned */
	const struct member **by_key; /* owned */
	struct entry *entries;	      /* owned, in order */
	size_t n_members;
	size_t n_entries;
	uint32_t reasons;     /* of all */
	uint32_t n_gone;      /* processes that ended meanwhile */
	bool broker_is_stale; /* one that is never shown runs an old version */
};

/* 0, -ENOMEM, -ECANCELED. Free in any case. The hits must live as long. */
int entries_build(const struct entries_context *context, const struct hits *hits,
		  struct entries *ret_entries) _warn_unused_;
void entries_done(struct entries *entries);
