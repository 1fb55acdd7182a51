/* SPDX-License-Identifier: MIT */
/*
 * The targets that were set before the system was built, each with what was measured.
 *
 * A missed target is for a reader to judge: the machine may be busy, or of another kind than
 * the one that the limits came from. So it is reported and never an error.
 */
#include <math.h>
#include <stdio.h>

#include "tests/bench/report.h"

enum bound {
	AT_MOST,
	AT_LEAST
};

/* On top of a limit of system calls: a pool of keys is filled and a journal compacted only now
 * and then, and what is meant is what each call does. Shown as part of the limit. */
#define NOW_AND_THEN 0.05

struct ratio_target {
	enum placement placement;
	enum shape shape;
	metric_fn *metric;
	const char *text;
	enum bound bound;
	double limit;
};

static const struct ratio_target ratio_targets[] = {
	{PLACEMENT_ONE_CORE, SHAPE_1, metric_start_p50, "RmStartSession p50 / raw p50", AT_MOST,
	 1.5},
	{PLACEMENT_ONE_CORE, SHAPE_1, metric_end_p50, "RmEndSession p50 / raw p50", AT_MOST, 1.5},
	{PLACEMENT_ONE_CORE, SHAPE_1, metric_call_p50, "any call's p50 / raw p50", AT_MOST, 1.5},
	{PLACEMENT_ONE_CORE, SHAPE_1, metric_pair_p50, "pair's p50 / raw p50", AT_MOST, 3.0},
	{PLACEMENT_ONE_CORE, SHAPE_1, metric_call_p99, "any call's p99 / raw p99", AT_MOST, 1.8},
	{PLACEMENT_ONE_CORE, SHAPE_1, metric_dbus_time, "times faster than D-Bus", AT_LEAST, 2.6},
	{PLACEMENT_ONE_CORE, SHAPE_64_PROCESSES, metric_dbus_time, "times faster than D-Bus",
	 AT_LEAST, 1.8},
	{PLACEMENT_ONE_CORE, SHAPE_64_THREADS, metric_dbus_time, "times faster than D-Bus",
	 AT_LEAST, 1.8},
	{PLACEMENT_ONE_CORE, SHAPE_8_THREADS, metric_threads_rm, "calls/s, threads / processes",
	 AT_LEAST, 0.9},
	{PLACEMENT_TWO_CORES, SHAPE_8_THREADS, metric_threads_rm, "calls/s, threads / processes",
	 AT_LEAST, 0.9},
	{PLACEMENT_FREE, SHAPE_8_THREADS, metric_threads_rm, "calls/s, threads / processes",
	 AT_LEAST, 0.9},
	{PLACEMENT_RARE, SHAPE_1, metric_call_p50, "any call's p50 / raw p50", AT_MOST, 1.6},
	{PLACEMENT_RARE, SHAPE_1, metric_dbus_p50, "times faster than D-Bus (p50)", AT_LEAST, 3.3},
};

static void print_target(const char *place, const char *shape, const char *text, double value,
			 enum bound bound, double limit)
{
	bool ok = bound == AT_MOST ? value <= limit : value >= limit;

	printf("  %-10s %-13s %-32s %8.2f  %s %8.2f  %s\n", place, shape, text, value,
	       bound == AT_MOST ? "at most " : "at least", limit, ok ? "ok" : "missed");
}

static void print_syscall_target(const char *side, double per_call, double limit)
{
	if (isnan(per_call)) {
		printf("  %-10s system calls per call: not counted\n", side);
		return;
	}
	print_target(side, "", "system calls per call", per_call, AT_MOST, limit + NOW_AND_THEN);
}

static void print_memory_targets(const struct report *report)
{
	print_target("server", "just started", "KiB of RSS", (double)report->fresh.rss_bytes / 1024,
		     AT_MOST, 4096);
	print_target("server", "after the runs", "KiB of RSS",
		     (double)report->used.rss_bytes / 1024, AT_MOST, 4096);
	print_target("server", "idle", "bytes per connection", report->idle.bytes_per_connection,
		     AT_MOST, 1023);
	print_target("server", "idle", "wake-ups", (double)report->idle.wakeups, AT_MOST, 0);
	print_target("server", "connected", "wake-ups", (double)report->idle.connected_wakeups,
		     AT_MOST, 0);
}

void report_print_targets(const struct report *report)
{
	const struct ratio_target *target;
	double value;

	printf("\ntargets\n");
	for (size_t i = 0; i < ARRAY_SIZE(ratio_targets); i++) {
		target = &ratio_targets[i];
		value = results_find_median(&report->results, target->placement, target->shape,
					    target->metric);
		if (!isnan(value)) {
			print_target(placement_name(target->placement),
				     shape_get(target->shape)->name, target->text, value,
				     target->bound, target->limit);
		}
	}
	if (report->has_syscalls) {
		print_syscall_target("server", report->server.per_call, 4);
		print_syscall_target("client", report->client.per_call, 3);
	}
	if (report->has_memory) {
		print_memory_targets(report);
	}
}
