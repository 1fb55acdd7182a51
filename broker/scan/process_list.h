/* SPDX-License-Identifier: MIT */
/* The numbers of all processes, and the sign that there is none new. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"

struct process_list {
	int directory_fd; /* owned: /proc, its position is ours */
	int stat_fd;	  /* owned: /proc/stat; -1: there is none */
	pid_t *pids;	  /* owned, ascending */
	size_t n_pids;
	size_t capacity;
};

int process_list_init(struct process_list *list, int proc_fd) _warn_unused_;
void process_list_done(struct process_list *list);

/* What the kernel counts of all processes and threads of the machine. */
struct process_counts {
	/* Ever started; 0: unknown. While it is the same nobody can have a number that was free
	 * before. Read it before the list. */
	uint64_t n_forks;
	uint64_t n_running; /* on a CPU or waiting for one, the caller included; 0: unknown */
};

void process_list_count(const struct process_list *list, struct process_counts *ret_counts);

/* Waits until all that processes have done up to now shows in their CPU clocks, which the kernel
 * brings up to date only when a thread leaves its CPU, and at every tick: at once when nobody else
 * runs, for one tick at most (4 ms with most kernels). */
void process_list_await_clocks(const struct process_list *list,
			       const struct process_counts *counts);

/* Reads all numbers. 0, -ENOMEM or -errno: the list is empty. */
int process_list_read(struct process_list *list) _warn_unused_;
