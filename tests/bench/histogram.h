/* SPDX-License-Identifier: MIT */
/* Counts of durations in buckets at most 1/128 wide, so that a percentile is exact to 0.8 %. */
#pragma once

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7
#define HISTOGRAM_MAX_BITS 36 /* 68 s: longer than any call may take */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

/* Zeroed is empty. */
struct histogram {
	uint64_t n;
	uint32_t count[HISTOGRAM_BUCKETS];
};

/* Counts one duration; what is too long counts as the longest. */
void histogram_add(struct histogram *histogram, uint64_t ns);

/* Adds all counts of `other`. */
void histogram_add_all(struct histogram *histogram, const struct histogram *other);

/* The duration in ns below which `share` (0..1) of all lie; 0 when empty. */
double histogram_find_percentile(const struct histogram *histogram, double share);
