/* SPDX-License-Identifier: MIT */
/* A question's messages put together to what they ask for. Pure. */
#pragma once

#include "broker/scan/answer.h"
#include "broker/scan/match.h"
#include "proto/base.h"

/* Owns its arrays; what they point to is borrowed from the question's messages, but for the
 * targets, which may lie anywhere there and are copied. */
struct question_targets {
	struct match_targets match;
	const Rmscan__Identity **processes;
	size_t n_processes;
	const ProtobufCBinaryData **services;
	size_t n_services;
	const Rmscan__FilterRule **filters;
	size_t n_filters;
	const char **paths;
	const char **real_paths;
	const char **final_paths;
	uint8_t *is_tree;
	struct scan_target *targets;
};

/* 0; -ENOMEM; -EBADMSG: the messages do not fit together. */
int question_targets_build(const struct scan_question *question,
			   struct question_targets *ret_targets) _warn_unused_;
void question_targets_done(struct question_targets *targets);
