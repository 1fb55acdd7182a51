/* SPDX-License-Identifier: MIT */
/* System calls per call of the API, on both sides, counted by strace. */
#pragma once

#include <stddef.h>

#define MAX_SYSCALLS 40

struct syscall_count {
	char name[32];
	double per_call;
};

struct syscall_counts {
	size_t n;
	struct syscall_count of[MAX_SYSCALLS]; /* the most frequent first */
	double per_call;		       /* all of them; NAN when not counted */
};

/* Counts both sides, untimed, with one client. Without strace, or when it may not trace, says
 * so on stderr. */
void syscalls_measure(struct syscall_counts *ret_server, struct syscall_counts *ret_client);

/* The traced client: pairs of RmStartSession and RmEndSession, and nothing else. */
void syscalls_run_pairs(unsigned n_pairs);
