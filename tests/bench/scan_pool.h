/* SPDX-License-Identifier: MIT */
/* The processes that are looked at (tests/support/workload_pool.h), and the files to ask about. */
#pragma once

#include <stddef.h>

#define SCAN_MAX_FILES 10000

/* The files of one question. */
struct scan_files {
	size_t n;
	unsigned int n_tenths_using; /* how many tenths of the processes use one of them */
	const char *paths[SCAN_MAX_FILES + 1]; /* the pool's; ends with NULL */
};

/* Makes the pool's files, and others that nobody uses. */
void scan_pool_make_files(void);

/* 1 file is used by a tenth of the processes; 100, of which 90 are unused, by half of them; 5000,
 * of which 4980 are, by all. Another number: nobody uses one. */
void scan_files_fill(struct scan_files *files, size_t n);

void scan_pool_start(long n_processes);
/* Lets so many of them run for a moment. */
void scan_pool_run(long n);
void scan_pool_stop(void);
