/* SPDX-License-Identifier: MIT */
/* What was measured in all rounds, and the ratios: each within a round, then their median. */
#pragma once

#include <stdbool.h>

#include "tests/bench/clients.h"

#define MAX_ROUNDS 150

enum shape {
	SHAPE_1,
	SHAPE_8_PROCESSES,
	SHAPE_8_THREADS,
	SHAPE_64_PROCESSES,
	SHAPE_64_THREADS,
	_SHAPE_COUNT,
};

struct shape_info {
	const char *name; /* "8 threads" */
	unsigned n_clients;
	bool threads;
};

const struct shape_info *shape_get(enum shape shape);

/* One placement in one round. */
struct round {
	struct numbers of[_SHAPE_COUNT][_SUBJECT_COUNT];
};

struct results {
	int n_rounds[_PLACEMENT_COUNT]; /* complete ones */
	bool has[_PLACEMENT_COUNT];
	bool has_shape[_SHAPE_COUNT];
	struct round rounds[MAX_ROUNDS][_PLACEMENT_COUNT];
};

/* One figure of a round; `shape` is the one it is wanted for. */
typedef double metric_fn(const struct round *round, enum shape shape);

/* Whether the two were measured together. */
bool results_has(const struct results *results, enum placement placement, enum shape shape);

/* The median over all rounds; NAN when there is none. */
double results_find_median(const struct results *results, enum placement placement,
			   enum shape shape, metric_fn *metric);

/* The same for each member, of one subject. */
struct numbers results_find_medians(const struct results *results, enum placement placement,
				    enum shape shape, enum subject_id subject);

/* rm over raw */
metric_fn metric_start_p50, metric_end_p50, metric_call_p50, metric_call_p99, metric_time;
/* rm's pair over one raw call */
metric_fn metric_pair_p50;
/* dbus over rm */
metric_fn metric_dbus_time, metric_dbus_p50;
/* calls per second, eight threads over eight processes, for SHAPE_8_THREADS */
metric_fn metric_threads_raw, metric_threads_dbus, metric_threads_rm;
