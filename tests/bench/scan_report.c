/* SPDX-License-Identifier: MIT */
/*
 * The tables and targets of bench_scan. A ratio is made within each round, and then its median
 * taken. A missed target is for a reader to judge and never an error.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base.h"
#include "tests/bench/scan_results.h"

long scan_population_size(enum scan_population population)
{
	static const long sizes[] = {200, 1000, 4000};

	return sizes[population];
}

size_t scan_set_size(enum scan_set set)
{
	static const size_t sizes[] = {1, 100, 5000};

	return sizes[set];
}

/* ---- medians -------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double find_median(double *values, size_t n)
{
	if (n == 0) {
		return NAN;
	}
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* One figure in one cell of the table. */
struct cell {
	enum scan_population population;
	enum scan_set set;
	enum scan_figure figure;
};

static const double *get_values(const struct scan_results *results, struct cell cell)
{
	return results->ms[cell.population][cell.set][cell.figure];
}

static double find_ms(const struct scan_results *results, struct cell cell)
{
	double values[SCAN_MAX_ROUNDS];
	size_t n = results->n_rounds[cell.population];

	for (size_t i = 0; i < n; i++) {
		values[i] = get_values(results, cell)[i];
	}
	return find_median(values, n);
}

/* a / b; NAN when either was not measured. */
static double find_ratio(const struct scan_results *results, struct cell a, struct cell b)
{
	double values[SCAN_MAX_ROUNDS];
	size_t n = results->n_rounds[a.population];

	n = n < results->n_rounds[b.population] ? n : results->n_rounds[b.population];
	for (size_t i = 0; i < n; i++) {
		values[i] = get_values(results, a)[i] / get_values(results, b)[i];
	}
	return find_median(values, n);
}

static double find_latency_ratio(const struct scan_results *results, size_t offset)
{
	double values[SCAN_MAX_ROUNDS];

	for (size_t i = 0; i < results->n_others; i++) {
		values[i] =
			*(const double *)(const void *)((const char *)&results->during_scan[i] +
							offset) /
			*(const double *)(const void *)((const char *)&results->alone[i] + offset);
	}
	return find_median(values, results->n_others);
}

static double find_latency(const struct scan_results *results, const struct scan_latency *of,
			   size_t offset)
{
	double values[SCAN_MAX_ROUNDS];

	for (size_t i = 0; i < results->n_others; i++) {
		values[i] = *(const double *)(const void *)((const char *)&of[i] + offset);
	}
	return find_median(values, results->n_others);
}

/* ---- tables --------------------------------------------------------------------------------- */

static const struct {
	enum scan_figure figure;
	const char *title;
} columns[] = {
	{SCAN_FUSER, "fuser"},	  {SCAN_LSOF, "lsof"},	       {SCAN_COLD, "cold"},
	{SCAN_COLD_TEXT, "text"}, {SCAN_TENTH, "10% ran"},     {SCAN_IDLE, "idle"},
	{SCAN_WHO, "rmctl who"},  {SCAN_REGISTER, "register"},
};

static void print_cells(const struct scan_results *results, enum scan_population population)
{
	printf("\n%ld processes, ms, medians of %zu rounds\n%5s", scan_population_size(population),
	       results->n_rounds[population], "files");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		printf(" %9s", columns[i].title);
	}
	printf("   times faster than fuser: cold  10%% ran   idle\n");
	for (enum scan_set set = 0; set < _SCAN_SET_COUNT; set++) {
		const struct cell fuser = {population, set, SCAN_FUSER};

		printf("%5zu", scan_set_size(set));
		for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
			printf(" %9.2f",
			       find_ms(results, (struct cell){population, set, columns[i].figure}));
		}
		printf("   %29.1f %8.1f %6.1f\n",
		       find_ratio(results, fuser, (struct cell){population, set, SCAN_COLD}),
		       find_ratio(results, fuser, (struct cell){population, set, SCAN_TENTH}),
		       find_ratio(results, fuser, (struct cell){population, set, SCAN_IDLE}));
	}
}

static void print_latency(const struct scan_results *results, const char *title,
			  const struct scan_latency *of)
{
	printf("%-36s %8.1f %8.1f %8.1f\n", title,
	       find_latency(results, of, offsetof(struct scan_latency, p50)),
	       find_latency(results, of, offsetof(struct scan_latency, p99)),
	       find_latency(results, of, offsetof(struct scan_latency, max)));
}

static void print_others(const struct scan_results *results)
{
	double register_ms[SCAN_MAX_ROUNDS], statx_ms[SCAN_MAX_ROUNDS];

	for (size_t i = 0; i < results->n_others; i++) {
		register_ms[i] = results->register_ms[i];
		statx_ms[i] = results->statx_ms[i];
	}
	printf("\nanother client's RmStartSession, us, Threads=%u %9s %8s %8s\n",
	       results->n_threads, "p50", "p99", "longest");
	print_latency(results, "alone", results->alone);
	print_latency(results, "while the processes are scanned", results->during_scan);
	print_latency(results, "while 10,000 files are registered", results->during_registration);
	printf("\n10,000 files: registered in %.2f ms; a bare loop of statx takes %.2f ms\n",
	       find_median(register_ms, results->n_others),
	       find_median(statx_ms, results->n_others));
}

/* ---- targets -------------------------------------------------------------------------------- */

enum bound {
	AT_MOST,
	AT_LEAST
};

static void print_target(const char *text, double value, enum bound bound, double limit)
{
	bool is_met = bound == AT_MOST ? value <= limit : value >= limit;

	if (!isnan(value)) {
		printf("  %-62s %8.2f  %s %6.1f  %s\n", text, value,
		       bound == AT_MOST ? "at most " : "at least", limit,
		       is_met ? "met" : "missed");
	}
}

#define CELL(population, set, figure)                                                              \
	{                                                                                          \
		SCAN_##population, SCAN_FILES_##set, SCAN_##figure                                 \
	}

static const struct {
	const char *text;
	struct cell a, b; /* a / b */
	double factor;
	enum bound bound;
	double limit;
} ratio_targets[] = {
	{"1000 processes, 100 files: cold, times faster than fuser", CELL(1000, 100, FUSER),
	 CELL(1000, 100, COLD), 1, AT_LEAST, 3},
	{"1000 processes, 100 files: cold, times faster than lsof", CELL(1000, 100, LSOF),
	 CELL(1000, 100, COLD), 1, AT_LEAST, 6},
	{"1000 processes, 100 files: cold, texts only, over fuser", CELL(1000, 100, COLD_TEXT),
	 CELL(1000, 100, FUSER), 1, AT_MOST, 1},
	{"1000 processes, 100 files: idle, times faster than fuser", CELL(1000, 100, FUSER),
	 CELL(1000, 100, IDLE), 1, AT_LEAST, 50},
	{"1000 processes, 100 files: idle, the aim", CELL(1000, 100, FUSER), CELL(1000, 100, IDLE),
	 1, AT_LEAST, 200},
	{"1000 processes, 100 files: 10 % ran, times faster than fuser", CELL(1000, 100, FUSER),
	 CELL(1000, 100, TENTH), 1, AT_LEAST, 10},
	{"100 files, cold: a process of 4000 over one of 1000", CELL(4000, 100, COLD),
	 CELL(1000, 100, COLD), 0.25, AT_MOST, 1.25},
	{"1000 processes, cold: 5000 files over 1", CELL(1000, 5000, COLD), CELL(1000, 1, COLD), 1,
	 AT_MOST, 1.5},
	{"4000 processes, cold: 5000 files over 1", CELL(4000, 5000, COLD), CELL(4000, 1, COLD), 1,
	 AT_MOST, 1.5},
};

static void print_other_targets(const struct scan_results *results)
{
	const size_t longest = offsetof(struct scan_latency, max);
	double ratios[SCAN_MAX_ROUNDS];
	char text[80];

	for (size_t i = 0; i < results->n_others; i++) {
		ratios[i] = results->register_ms[i] / results->statx_ms[i];
	}
	print_target("RmStartSession p50 during scans, over alone",
		     find_latency_ratio(results, offsetof(struct scan_latency, p50)), AT_MOST, 1.5);
	print_target("RmStartSession p99 during scans, over alone",
		     find_latency_ratio(results, offsetof(struct scan_latency, p99)), AT_MOST, 4);
	print_target("10,000 files: registering over a loop of statx",
		     find_median(ratios, results->n_others), AT_MOST, 2);
	/* It bounds the time that the loop was away from above, no closer than when nothing runs. */
	(void)snprintf(text, sizeof(text),
		       "ms: longest call while files are registered (alone: %.2f)",
		       find_latency(results, results->alone, longest) / 1000);
	print_target(text, find_latency(results, results->during_registration, longest) / 1000,
		     AT_MOST, 2);
}

void scan_report_print(const struct scan_results *results)
{
	for (enum scan_population i = 0; i < _SCAN_POPULATION_COUNT; i++) {
		if (results->n_rounds[i] > 0) {
			print_cells(results, i);
		}
	}
	if (results->n_others > 0) {
		print_others(results);
	}
	printf("\ntargets\n");
	for (size_t i = 0; i < ARRAY_SIZE(ratio_targets); i++) {
		print_target(ratio_targets[i].text,
			     ratio_targets[i].factor *
				     find_ratio(results, ratio_targets[i].a, ratio_targets[i].b),
			     ratio_targets[i].bound, ratio_targets[i].limit);
	}
	if (results->n_others > 0) {
		print_other_targets(results);
	}
}
