/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the broker as people and programs read them.
 * Everything is rounded down, so that an age is never ahead of the truth. A time beyond what the
 * C library can take apart shows as its number of microseconds.
 */
#include "client/rmctl/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "proto/base.h"

#define US_PER_MS 1000
#define US_PER_S (1000 * US_PER_MS)

static const struct {
	uint64_t seconds;
	char name;
} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};

void format_age(uint64_t us, char *ret_text, size_t size)
{
	uint64_t seconds = us / US_PER_S;

	if (seconds == 0) {
		snprintf(ret_text, size, "%" PRIu64 "ms", us / US_PER_MS);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		uint64_t rest = seconds % units[i].seconds;

		if (seconds >= units[i].seconds && i + 1 == ARRAY_SIZE(units)) {
			snprintf(ret_text, size, "%" PRIu64 "%c", seconds, units[i].name);
			return;
		}
		if (seconds >= units[i].seconds) {
			snprintf(ret_text, size, "%" PRIu64 "%c %" PRIu64 "%c",
				 seconds / units[i].seconds, units[i].name,
				 rest / units[i + 1].seconds, units[i + 1].name);
			return;
		}
	}
}

void format_time_utc(uint64_t us, char *ret_text, size_t size)
{
	time_t seconds = (time_t)(us / US_PER_S);
	struct tm tm;
	char date[FORMAT_SIZE];

	if (!gmtime_r(&seconds, &tm) || !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm)) {
		snprintf(ret_text, size, "%" PRIu64, us);
		return;
	}
	snprintf(ret_text, size, "%s.%03" PRIu64 "Z", date, us / US_PER_MS % 1000);
}

void format_time_local(uint64_t us, char *ret_text, size_t size)
{
	time_t seconds = (time_t)(us / US_PER_S);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(ret_text, size, "%Y-%m-%d %H:%M:%S", &tm)) {
		snprintf(ret_text, size, "%" PRIu64, us);
	}
}

void format_bytes(uint64_t bytes, char *ret_text, size_t size)
{
	static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	uint64_t unit = 1024;
	size_t i = 0;

	if (bytes < unit) {
		snprintf(ret_text, size, "%" PRIu64 " bytes", bytes);
		return;
	}
	for (; bytes / unit >= 1024; i++) {
		unit *= 1024;
	}
	snprintf(ret_text, size, "%" PRIu64 ".%" PRIu64 " %s", bytes / unit,
		 bytes % unit / (unit / 1024) * 10 / 1024, names[i]);
}
