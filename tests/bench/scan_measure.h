/* SPDX-License-Identifier: MIT */
/* The measurements, each one round of it. All die when an answer is not the expected one. */
#pragma once

#include "tests/bench/scan_results.h"

/* With the pool of this population running. */
void scan_measure_round(enum scan_population population, size_t i_round,
			struct scan_results *results);

/* Other clients while a pool of 4000 is scanned over and over, and while 10,000 files are
 * registered. */
void scan_measure_others(size_t i_round, double seconds, struct scan_results *results);
