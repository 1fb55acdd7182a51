/* SPDX-License-Identifier: MIT */
/*
 * Medians over rounds. The machine's speed drifts from round to round by more than what is to
 * be shown, so that a ratio is made of two neighbours in time and never of two medians.
 */
#include "tests/bench/results.h"

#include <math.h>

const struct shape_info *shape_get(enum shape shape)
{
	static const struct shape_info shapes[] = {
		[SHAPE_1] = {"1", 1, false},
		[SHAPE_8_PROCESSES] = {"8 processes", 8, false},
		[SHAPE_8_THREADS] = {"8 threads", 8, true},
		[SHAPE_64_PROCESSES] = {"64 processes", 64, false},
		[SHAPE_64_THREADS] = {"64 threads", 64, true},
	};

	return &shapes[shape];
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double values[], size_t n)
{
	if (n == 0) {
		return NAN;
	}
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

bool results_has(const struct results *results, enum placement placement, enum shape shape)
{
	return results->has[placement] && results->has_shape[shape] &&
	       (placement != PLACEMENT_RARE || shape == SHAPE_1);
}

double results_find_median(const struct results *results, enum placement placement,
			   enum shape shape, metric_fn *metric)
{
	double values[MAX_ROUNDS];
	size_t n =
		results_has(results, placement, shape) ? (size_t)results->n_rounds[placement] : 0;

	for (size_t i = 0; i < n; i++) {
		values[i] = metric(&results->rounds[i][placement], shape);
	}
	return median(values, n);
}

struct numbers results_find_medians(const struct results *results, enum placement placement,
				    enum shape shape, enum subject_id subject)
{
	/* All members are of the same type. */
	const size_t n_members = sizeof(struct numbers) / sizeof(double);
	double values[MAX_ROUNDS];
	struct numbers medians;

	for (size_t member = 0; member < n_members; member++) {
		for (int i = 0; i < results->n_rounds[placement]; i++) {
			values[i] = ((const double *)&results->rounds[i][placement]
					     .of[shape][subject])[member];
		}
		((double *)&medians)[member] = median(values, (size_t)results->n_rounds[placement]);
	}
	return medians;
}

#define RAW of[shape][SUBJECT_RAW]
#define DBUS of[shape][SUBJECT_DBUS]
#define RM of[shape][SUBJECT_RM]

double metric_start_p50(const struct round *round, enum shape shape)
{
	return round->RM.start.p50 / round->RAW.start.p50;
}

double metric_end_p50(const struct round *round, enum shape shape)
{
	return round->RM.end.p50 / round->RAW.end.p50;
}

double metric_call_p50(const struct round *round, enum shape shape)
{
	return round->RM.call.p50 / round->RAW.call.p50;
}

double metric_call_p99(const struct round *round, enum shape shape)
{
	return round->RM.call.p99 / round->RAW.call.p99;
}

double metric_time(const struct round *round, enum shape shape)
{
	return round->RAW.calls_per_s / round->RM.calls_per_s;
}

double metric_pair_p50(const struct round *round, enum shape shape)
{
	return round->RM.pair.p50 / round->RAW.call.p50;
}

double metric_dbus_time(const struct round *round, enum shape shape)
{
	return round->RM.calls_per_s / round->DBUS.calls_per_s;
}

double metric_dbus_p50(const struct round *round, enum shape shape)
{
	return round->DBUS.call.p50 / round->RM.call.p50;
}

static double threads_over_processes(const struct round *round, enum subject_id subject)
{
	return round->of[SHAPE_8_THREADS][subject].calls_per_s /
	       round->of[SHAPE_8_PROCESSES][subject].calls_per_s;
}

double metric_threads_raw(const struct round *round, enum shape shape)
{
	(void)shape;
	return threads_over_processes(round, SUBJECT_RAW);
}

double metric_threads_dbus(const struct round *round, enum shape shape)
{
	(void)shape;
	return threads_over_processes(round, SUBJECT_DBUS);
}

double metric_threads_rm(const struct round *round, enum shape shape)
{
	(void)shape;
	return threads_over_processes(round, SUBJECT_RM);
}
