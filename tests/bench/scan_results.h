/* SPDX-License-Identifier: MIT */
/* What bench_scan measures, and what it makes of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SCAN_MAX_ROUNDS 25

enum scan_population {
	SCAN_200,
	SCAN_1000,
	SCAN_4000,
	_SCAN_POPULATION_COUNT,
};

enum scan_set {
	SCAN_FILES_1,
	SCAN_FILES_100,
	SCAN_FILES_5000,
	_SCAN_SET_COUNT,
};

/* One duration each, in ms. */
enum scan_figure {
	SCAN_FUSER,	/* the whole command `fuser FILE...` */
	SCAN_LSOF,	/* `lsof FILE...` */
	SCAN_COLD,	/* rm_session_list(), the first after the broker's start */
	SCAN_COLD_TEXT, /* the same with [Scan] Maps=text, as on older kernels */
	SCAN_IDLE,	/* asked again, nothing ran in between */
	SCAN_TENTH,	/* asked again, 10 % of the processes ran in between */
	SCAN_WHO,	/* the whole command `rmctl who FILE...`, warm */
	SCAN_REGISTER,	/* rm_session_register() before the cold question */
	_SCAN_FIGURE_COUNT,
};

/* How long other clients' calls take, in us. */
struct scan_latency {
	double p50;
	double p99;
	double max;
};

struct scan_results {
	bool has[_SCAN_POPULATION_COUNT];
	size_t n_rounds[_SCAN_POPULATION_COUNT];
	double ms[_SCAN_POPULATION_COUNT][_SCAN_SET_COUNT][_SCAN_FIGURE_COUNT][SCAN_MAX_ROUNDS];

	size_t n_others; /* rounds of the following */
	unsigned int n_threads;
	struct scan_latency alone[SCAN_MAX_ROUNDS];
	struct scan_latency during_scan[SCAN_MAX_ROUNDS];
	struct scan_latency during_registration[SCAN_MAX_ROUNDS];
	double register_ms[SCAN_MAX_ROUNDS]; /* of 10,000 files */
	double statx_ms[SCAN_MAX_ROUNDS];    /* a bare loop over the same */
};

long scan_population_size(enum scan_population population);
size_t scan_set_size(enum scan_set set);

void scan_report_print(const struct scan_results *results);
