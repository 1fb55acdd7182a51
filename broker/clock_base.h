/* SPDX-License-Identifier: MIT */
/*
 * Start times, which the kernel counts in clock ticks after boot, as Windows' FILETIME: 100 ns
 * since 1601. What is between the two is taken once a boot and kept in the journal, so that a
 * process has the same time for as long as it lives, whoever sets the clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"

struct clock_base {
	uint64_t boot_filetime;	   /* the boot, 100 ns since 1601; never 0 */
	uint64_t ticks_per_second; /* never 0 */
};

/* From the clocks as they are now. */
void clock_base_take(struct clock_base *ret_base);
/* As it was taken before. */
void clock_base_restore(uint64_t boot_filetime, struct clock_base *ret_base);

/* Exact; a time that no FILETIME can say is the last one that can be said. */
uint64_t clock_base_to_filetime(const struct clock_base *base, uint64_t ticks);

/* The tick that clock_base_to_filetime() makes this of. false: there is none. */
bool clock_base_to_ticks(const struct clock_base *base, uint64_t filetime, uint64_t *ret_ticks);

/* Clock ticks after boot, now. */
uint64_t clock_base_now(const struct clock_base *base);

/* Whether a caller that gives `filetime` means a process that has started at `started` ticks
 * (A19): the same time, or near it if the process was there when the call came, at `arrived`. */
bool clock_base_matches(const struct clock_base *base, uint64_t filetime, uint64_t started,
			uint64_t arrived);
