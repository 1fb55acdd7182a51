/* SPDX-License-Identifier: MIT */
/* What a listing has found: kept as the worker packed it, sent in pieces. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/call.h"
#include "broker/scan.pb-c.h"
#include "proto/base.h"

struct list_answer {
	ProtobufCBinaryData *applications; /* owned: packed rm.Application each */
	size_t n_applications;
	size_t capacity;
	size_t bytes;
	uint32_t n_entries; /* those that were only counted, too */
	bool with_uses;
	uint32_t reasons;
	Rm__Inspection *inspection; /* owned, allocated by protobuf-c */
	Rm__KernelState *kernel;    /* owned; NULL: not asked for */
	/* What is added to the inspection. */
	uint32_t n_files;
	uint32_t n_files_unchecked;
	Rm__Unchecked **unchecked; /* owned, with their texts; at most MAX_LISTED_UNCHECKED */
	size_t n_unchecked;
	Rm__Unchecked **unseen; /* owned */
	size_t n_unseen;
};

struct list_answer *list_answer_new(bool with_uses);
void list_answer_free(struct list_answer *answer);

/* Takes the entries of a part / the totals. -EPROTO: not valid; -ENOMEM. */
int list_answer_add(struct list_answer *answer, const Rmscan__ScanPart *part) _warn_unused_;
int list_answer_finish(struct list_answer *answer, const Rmscan__ScanDone *done) _warn_unused_;

/* Forgets what the worker said; what is known about files stays. */
void list_answer_forget(struct list_answer *answer);

/* A registered file that could not be looked at / that somebody unseen uses. Without memory only
 * the count is kept. */
void list_answer_add_unchecked(struct list_answer *answer, const char *path, int error);
/* Something else that makes the answer less than complete. */
void list_answer_add_note(struct list_answer *answer, const char *why);
void list_answer_add_unseen(struct list_answer *answer, const char *path);

/* Calls `found` with each process that is listed; false: some are only counted. */
bool list_answer_for_processes(const struct list_answer *answer,
			       void (*found)(pid_t pid, uint64_t start_time, void *userdata),
			       void *userdata);

/* Sends the entries from `*at` on that fit into one notification, at most `max_entries` in all;
 * 1: there are more, 0: that was the last, -ENOMEM: none could be sent. */
int list_answer_send_part(const struct list_answer *answer, struct call *call, size_t *at,
			  uint32_t max_entries) _warn_unused_;
/* Sends the totals: the call is over. */
void list_answer_send_totals(const struct list_answer *answer, struct call *call);
