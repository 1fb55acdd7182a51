/* SPDX-License-Identifier: MIT */
/* FILETIME and clock ticks. Everything is unsigned and saturates: callers send any number. */
#include "broker/clock_base.h"

#include <time.h>

#include "proto/limits.h"

#define FILETIMES_PER_SECOND UINT64_C(10000000)
/* From 1601 to 1970: 134,774 days. */
#define FILETIME_1970 (UINT64_C(134774) * 86400 * FILETIMES_PER_SECOND)
#define TOLERANCE (START_TIME_TOLERANCE_MS * (FILETIMES_PER_SECOND / 1000))

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now); /* these clocks always exist */
	return (uint64_t)now.tv_sec * FILETIMES_PER_SECOND + (uint64_t)now.tv_nsec / 100;
}

static uint64_t read_ticks_per_second(void)
{
	long n = sysconf(_SC_CLK_TCK);

	return n > 0 ? (uint64_t)n : 100;
}

void clock_base_take(struct clock_base *ret_base)
{
	uint64_t best = UINT64_MAX;

	/* The shortest of some tries: this process may be put aside between two readings. */
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t before = read_clock(CLOCK_BOOTTIME);
		uint64_t real = read_clock(CLOCK_REALTIME);
		uint64_t after = read_clock(CLOCK_BOOTTIME);

		if (after - before < best) {
			best = after - before;
			clock_base_restore(FILETIME_1970 + real - before - (after - before) / 2,
					   ret_base);
		}
	}
}

void clock_base_restore(uint64_t boot_filetime, struct clock_base *ret_base)
{
	*ret_base = (struct clock_base){.boot_filetime = boot_filetime,
					.ticks_per_second = read_ticks_per_second()};
}

uint64_t clock_base_to_filetime(const struct clock_base *base, uint64_t ticks)
{
	uint64_t seconds = ticks / base->ticks_per_second;
	uint64_t rest = ticks % base->ticks_per_second;
	uint64_t filetime;

	if (__builtin_mul_overflow(seconds, FILETIMES_PER_SECOND, &filetime) ||
	    __builtin_add_overflow(filetime, rest * FILETIMES_PER_SECOND / base->ticks_per_second,
				   &filetime) ||
	    __builtin_add_overflow(filetime, base->boot_filetime, &filetime)) {
		return UINT64_MAX;
	}
	return filetime;
}

bool clock_base_to_ticks(const struct clock_base *base, uint64_t filetime, uint64_t *ret_ticks)
{
	uint64_t since_boot = filetime - base->boot_filetime;
	uint64_t ticks;

	if (filetime < base->boot_filetime || filetime == UINT64_MAX) {
		return false;
	}
	ticks = since_boot / FILETIMES_PER_SECOND * base->ticks_per_second +
		(since_boot % FILETIMES_PER_SECOND * base->ticks_per_second + FILETIMES_PER_SECOND -
		 1) / FILETIMES_PER_SECOND;
	if (clock_base_to_filetime(base, ticks) != filetime) {
		return false;
	}
	*ret_ticks = ticks;
	return true;
}

uint64_t clock_base_now(const struct clock_base *base)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now); /* this clock always exists */
	return (uint64_t)now.tv_sec * base->ticks_per_second +
	       (uint64_t)now.tv_nsec * base->ticks_per_second / 1000000000;
}

bool clock_base_matches(const struct clock_base *base, uint64_t filetime, uint64_t started,
			uint64_t arrived)
{
	uint64_t ours = clock_base_to_filetime(base, started);
	uint64_t apart = ours > filetime ? ours - filetime : filetime - ours;

	return apart == 0 || (apart <= TOLERANCE && started <= arrived);
}
