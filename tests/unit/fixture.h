/* SPDX-License-Identifier: MIT */
/* What every unit test stands on: a directory of its own, descriptors that are given back,
 * seeded random numbers, files, and real child processes. */
#pragma once

#include <check.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"

/* Runs a suite as Check is told by the environment; the exit status of main(). */
int fixture_run(Suite *suite);

/* Makes a case whose tests each have an empty directory and are held to give back every
 * descriptor. The directories go when the case ends, after a failure as well. */
TCase *fixture_case(Suite *suite, const char *name);

/* To be called by a test that opens what the process then keeps for good (libuv's signal pipe):
 * counts the descriptors anew. */
void fixture_count_descriptors(void);

/* "DIRECTORY/NAME" in this test's directory. Static, of the last four calls. */
const char *fixture_path(const char *name);

/* Seeded random numbers (splitmix64): the same on every machine. */
struct random {
	uint64_t state;
};

uint64_t random_next(struct random *random);
/* 0 to `limit` - 1; `limit` is not 0. */
uint32_t random_below(struct random *random, uint32_t limit);
void random_fill(struct random *random, void *bytes, size_t size);

/* Whole files. The content is the caller's to free. */
uint8_t *file_get(const char *path, size_t *ret_size);
void file_put(const char *path, const void *bytes, size_t size);
bool file_exists(const char *path);

/* Limits the size of files, so that a disk is "full" there (SIGXFSZ is ignored), or lifts the
 * limit again with RLIM_INFINITY. */
void disk_limit(uint64_t bytes);

/* A child that runs `function` (NULL: nothing), keeps what that has opened, and waits to be killed;
 * it dies with the test at the latest. Returns when the function has. */
pid_t child_start(void (*function)(void));
/* Kills it and waits for its end. */
void child_end(pid_t pid);
