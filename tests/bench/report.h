/* SPDX-License-Identifier: MIT */
/* What a reader sees: tables, ratios, and the targets that were set. All on stdout. */
#pragma once

#include "tests/bench/memory.h"
#include "tests/bench/results.h"
#include "tests/bench/syscalls.h"

/* Everything that was measured; what was not is NAN, or absent in `results`. */
struct report {
	struct results results;
	bool has_syscalls;
	struct syscall_counts server;
	struct syscall_counts client;
	bool has_memory;
	struct memory_use fresh; /* of the broker, right after its start */
	struct memory_use used;	 /* after the runs, idle */
	struct idle_use idle;
};

void report_print_tables(const struct report *report);
void report_print_syscalls(const struct report *report);
void report_print_memory(const struct report *report);

/* One line for each target: the figure, the limit, and whether it holds. */
void report_print_targets(const struct report *report);
