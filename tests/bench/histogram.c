/* SPDX-License-Identifier: MIT */
/*
 * A log-linear histogram: below 128 ns one bucket each, above it 128 buckets for every power of
 * two. Adding touches one counter, so measuring disturbs the caches of what is measured little.
 */
#include "tests/bench/histogram.h"

#include <stddef.h>

#define SUB_BUCKETS (1u << HISTOGRAM_SUB_BITS)

static size_t bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < SUB_BUCKETS) {
		return (size_t)ns;
	}
	if (ns >> HISTOGRAM_MAX_BITS) {
		return HISTOGRAM_BUCKETS - 1;
	}
	shift = 63 - (unsigned)__builtin_clzll(ns) - HISTOGRAM_SUB_BITS;
	return ((size_t)shift << HISTOGRAM_SUB_BITS) + (size_t)(ns >> shift);
}

static double middle_of(size_t bucket)
{
	unsigned shift;
	uint64_t first;

	if (bucket < SUB_BUCKETS) {
		return (double)bucket;
	}
	shift = (unsigned)(bucket >> HISTOGRAM_SUB_BITS) - 1;
	first = (SUB_BUCKETS + (bucket & (SUB_BUCKETS - 1))) << shift;
	return (double)first + (double)((uint64_t)1 << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	histogram->n++;
	histogram->count[bucket_of(ns)]++;
}

void histogram_add_all(struct histogram *histogram, const struct histogram *other)
{
	histogram->n += other->n;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		histogram->count[i] += other->count[i];
	}
}

double histogram_find_percentile(const struct histogram *histogram, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)histogram->n);
	uint64_t seen = 0;

	if (histogram->n == 0) {
		return 0;
	}
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->count[i];
		if (seen > wanted) {
			return middle_of(i);
		}
	}
	return middle_of(HISTOGRAM_BUCKETS - 1);
}
