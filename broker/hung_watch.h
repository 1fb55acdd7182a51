/* SPDX-License-Identifier: MIT */
/*
 * Which processes the scan worker hangs in. One that hangs in a file system can keep the lock of
 * its memory, for which all who read its /proc wait; the worker is then replaced by one that
 * leaves that process out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/scan/types.h"
#include "proto/base.h"

/* Look that often, while a question is being answered. */
#define HUNG_LOOK_MS 500u

struct hung_process {
	struct skipped_process process;
	uint64_t until; /* uv_now(): then it is tried again */
};

/* All zero at first. */
struct hung_watch {
	struct {
		uint64_t sequence;
		uint64_t start_time;
		uint64_t pid;
		unsigned int n_looks; /* that found just this */
	} seen[N_READING_SLOTS];
	struct hung_process processes[MAX_SKIPPED_PROCESSES];
	size_t n_processes;
};

/* Another worker, or this one did not run meanwhile. */
void hung_watch_restart(struct hung_watch *watch);

/* Whether the worker hangs in a process that is new in the list. */
bool hung_watch_look(struct hung_watch *watch, struct reading_board *board, uint64_t now)
	_warn_unused_;

/* Forgets those whose time is over. Whether there were any. */
bool hung_watch_expire(struct hung_watch *watch, uint64_t now) _warn_unused_;
