/* SPDX-License-Identifier: MIT */
/*
 * What every test of real processes shares: how test cases are run, time, descriptors, and what
 * /proc tells of a process.
 *
 * Each case runs in a process of its own, with a runtime directory of its own (0700), and fails
 * when it ends with more or fewer descriptors than it began with. Whatever is left of a failed
 * case is killed with its process group, by Check, and removed with the directory of the whole
 * run, by testing_run().
 */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"

struct test_case {
	const TTest *test;
	int timeout_s; /* 0: 30; multiplied where everything is slow */
	int n_loops;   /* 0: once; else with _i from 0 */
};

/* Runs the cases and reports them as Check is told to (CK_ENV). Returns main()'s exit code. */
int testing_run(const char *suite, const struct test_case *cases, size_t n_cases);

/* The programs under test: as RM_BROKERD, RM_RMCTL and RM_INSTALLER say, else as they are built
 * with these tests. */
const char *testing_brokerd(void);
const char *testing_rmctl(void);
const char *testing_installer(void);

/* Under valgrind or a sanitizer: fewer rounds are enough, and limits of time mean less. */
bool testing_is_slow(void);
/* RM_TEST_VALGRIND is set: brokers are run by valgrind. */
bool testing_is_valgrind(void);
/* Milliseconds that would do on a machine of its own, stretched for this one. */
int testing_scale_ms(int ms);

uint64_t testing_now_ms(void);

/* Waits until `is_true(arg)`, at most `ms` (scaled); returns whether it was. */
bool testing_wait(bool (*is_true)(void *arg), void *arg, int ms);

/* Reads a small file, NUL-terminated; fails the test when it can't. Free it. */
char *testing_read_file(const char *path);
void testing_write_file(const char *path, const char *text);

/* Open descriptors of this process, but for connections of the library to this case's broker,
 * which stay for its next call. */
unsigned int testing_count_fds(void);
/* Open descriptors of another process. */
unsigned int testing_count_fds_of(pid_t pid);
/* How many of a process's descriptors are pidfds. */
unsigned int testing_count_pidfds_of(pid_t pid);

/* The number behind `name` ("VmRSS:", kB) in /proc/PID/status. */
unsigned long testing_read_status(pid_t pid, const char *name);

/* Runs `run(arg)` in a child and returns its exit code; the child leaves by _exit(run(arg)).
 * A child that is killed or takes longer than `ms` (scaled) fails the test. */
int testing_in_child(int (*run)(void *arg), void *arg, int ms);

/* Waits for a child to end; kills it and fails the test after `ms` (scaled). Returns its exit
 * code, or 128 + the signal that killed it. */
int testing_wait_child(pid_t pid, int ms);

/* An unprivileged user, for root's tests. */
#define TESTING_NOBODY 65534
bool testing_is_root(void);
/* For good: all three user ids and no groups. Exits the process on failure. */
void testing_become_nobody(void);
