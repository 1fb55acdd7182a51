/* SPDX-License-Identifier: MIT */
/* One question of the broker answered: refresh, match, classify, group, sort, send. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/scan.pb-c.h"
#include "broker/scan/link.h"
#include "broker/scan/scan_loop.h"
#include "proto/base.h"

/* A question as it came in: owned messages. */
struct scan_question {
	uint64_t token;
	Rmscan__WorkerRequest *first; /* ScanBegin or PolicyQuery */
	Rmscan__WorkerRequest **targets;
	size_t n_targets;
};

struct scan_question *scan_question_new(Rmscan__WorkerRequest *first);
/* Takes the message over. -ENOMEM: it is freed. */
int scan_question_add(struct scan_question *question, Rmscan__WorkerRequest *targets) _warn_unused_;
void scan_question_free(struct scan_question *question);

struct answerer; /* the index and all else that outlives a question */

int answerer_new(const struct scan_loop_options *options, struct answerer **ret_answerer)
	_warn_unused_;
void answerer_free(struct answerer *answerer);

/* Sends the whole answer, or why there is none. 0, or -errno: the link is broken. */
int answerer_run(struct answerer *answerer, struct worker_link *link,
		 const struct scan_question *question, const atomic_bool *cancelled) _warn_unused_;
