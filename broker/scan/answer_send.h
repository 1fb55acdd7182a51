/* SPDX-License-Identifier: MIT */
/* A finished answer to the broker: entries in parts, then the totals. */
#pragma once

#include <stdint.h>

#include "broker/scan.pb-c.h"
#include "broker/scan/display_name.h"
#include "broker/scan/entries.h"
#include "broker/scan/link.h"
#include "broker/scan/match.h"
#include "proto/base.h"

/* All borrowed. */
struct answer_parts {
	uint64_t token;
	const Rmscan__ScanBegin *begin;
	struct scan_index *index;
	struct machine_facts *machine;
	const struct display_places *places;
	const struct match_targets *targets;
	const struct hits *hits;
	const struct entries *entries;
	struct index_counts counts;
	uint64_t started_us;
};

/* 0, or -errno: the link is broken. */
int answer_send(struct worker_link *link, const struct answer_parts *parts) _warn_unused_;
