/* SPDX-License-Identifier: MIT */
/*
 * The tables of medians and ratios. Microseconds and calls per second depend on the machine and
 * its mood; the ratios are what to compare between runs.
 */
#include "tests/bench/report.h"

#include <math.h>
#include <stdio.h>

static const char *const placement_titles[] = {
	[PLACEMENT_ONE_CORE] = "one-core: servers and clients on one CPU",
	[PLACEMENT_TWO_CORES] = "two-cores: servers on one CPU, clients on another",
	[PLACEMENT_FREE] = "free: wherever the kernel puts them",
	[PLACEMENT_RARE] = "rare: one call every 5 ms, free, caches cold",
};

static void print_percentiles(struct percentiles percentiles)
{
	printf("  %8.1f %8.1f", percentiles.p50, percentiles.p99);
}

static void print_numbers(const struct results *results, enum placement placement)
{
	struct numbers numbers;

	printf("\n%s\nus, median of %3d rounds   start p50      p99    end p50      p99   "
	       "pair p50      p99   calls/s\n",
	       placement_titles[placement], results->n_rounds[placement]);
	for (enum shape shape = 0; shape < _SHAPE_COUNT; shape++) {
		if (!results_has(results, placement, shape)) {
			continue;
		}
		for (enum subject_id subject = 0; subject < _SUBJECT_COUNT; subject++) {
			numbers = results_find_medians(results, placement, shape, subject);
			printf("%-13s %-5s", subject == 0 ? shape_get(shape)->name : "",
			       subject_get(subject)->name);
			print_percentiles(numbers.start);
			print_percentiles(numbers.end);
			print_percentiles(numbers.pair);
			printf("  %8.0f\n", numbers.calls_per_s);
		}
	}
}

static void print_ratios(const struct results *results, enum placement placement)
{
	/* In the order of the columns; the time says nothing where clients wait. */
	static const struct {
		metric_fn *metric;
		bool is_rate;
	} columns[] = {
		{metric_start_p50, false}, {metric_end_p50, false},  {metric_call_p50, false},
		{metric_call_p99, false},  {metric_time, true},	     {metric_pair_p50, false},
		{metric_dbus_time, true},  {metric_dbus_p50, false},
	};

	printf("                   rm / raw                                   pair / raw   "
	       "dbus / rm\n"
	       "ratios          start p50  end p50 call p50 call p99     time        p50   "
	       "    time  call p50\n");
	for (enum shape shape = 0; shape < _SHAPE_COUNT; shape++) {
		if (!results_has(results, placement, shape)) {
			continue;
		}
		printf("%-16s", shape_get(shape)->name);
		for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
			printf(i >= 5 ? "  " : "");
			if (columns[i].is_rate && placement == PLACEMENT_RARE) {
				printf("%9s", "-");
			} else {
				printf("%9.2f", results_find_median(results, placement, shape,
								    columns[i].metric));
			}
		}
		printf("\n");
	}
}

static void print_threads(const struct results *results, enum placement placement)
{
	printf("8 threads / 8 processes, calls per second: raw %.2f, dbus %.2f, rm %.2f\n",
	       results_find_median(results, placement, SHAPE_8_THREADS, metric_threads_raw),
	       results_find_median(results, placement, SHAPE_8_THREADS, metric_threads_dbus),
	       results_find_median(results, placement, SHAPE_8_THREADS, metric_threads_rm));
}

void report_print_tables(const struct report *report)
{
	const struct results *results = &report->results;

	for (enum placement placement = 0; placement < _PLACEMENT_COUNT; placement++) {
		if (results->has[placement]) {
			print_numbers(results, placement);
			print_ratios(results, placement);
		}
		if (results_has(results, placement, SHAPE_8_THREADS)) {
			print_threads(results, placement);
		}
	}
}

static void print_side(const char *side, const struct syscall_counts *counts)
{
	if (isnan(counts->per_call)) {
		printf("%s: not counted\n", side);
		return;
	}
	printf("%s: %.2f =", side, counts->per_call);
	for (size_t i = 0; i < counts->n; i++) {
		if (fabs(counts->of[i].per_call) >= 0.0005) {
			printf(" %s %.3f", counts->of[i].name, counts->of[i].per_call);
		}
	}
	printf("\n");
}

void report_print_syscalls(const struct report *report)
{
	if (!report->has_syscalls) {
		return;
	}
	printf("\nsystem calls per call, RmStartSession and RmEndSession in turn\n");
	print_side("server", &report->server);
	print_side("client", &report->client);
}

static void print_memory_use(const char *when, const struct memory_use *use)
{
	printf("%-24s RSS %6.0f KiB, of it its own %6.0f KiB\n", when,
	       (double)use->rss_bytes / 1024, (double)use->anonymous_bytes / 1024);
}

void report_print_memory(const struct report *report)
{
	if (!report->has_memory) {
		return;
	}
	printf("\nthe broker's memory\n");
	print_memory_use("just started", &report->fresh);
	print_memory_use("idle after all runs", &report->used);
	print_memory_use("with idle connections", &report->idle.after);
	printf("%u idle connections: %.0f bytes of user memory each\n", report->idle.n_connections,
	       report->idle.bytes_per_connection);
	printf("wake-ups while idle: %ld, with the connections open: %ld\n", report->idle.wakeups,
	       report->idle.connected_wakeups);
}
