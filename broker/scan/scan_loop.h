/* SPDX-License-Identifier: MIT */
/* The scan worker: questions in, one after the other, answers out; a Cancel is heard meanwhile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "broker/scan/link.h"
#include "broker/scan/types.h"
#include "proto/base.h"

struct scan_loop_options {
	int proc_fd;		/* borrowed: an open /proc */
	unsigned int n_threads; /* 0: one a CPU */
	bool text_maps;
	bool is_system; /* of the machine's broker */
	struct skipped_process skipped[MAX_SKIPPED_PROCESSES];
	size_t n_skipped;
};

/* Serves until the broker has gone. 0 or -errno. */
int scan_loop_run(struct worker_link *link, const struct scan_loop_options *options) _warn_unused_;
