/* SPDX-License-Identifier: MIT */
/* What the broker takes while it does nothing: memory, and wake-ups. */
#pragma once

#include <stdint.h>

struct memory_use {
	uint64_t rss_bytes;
	uint64_t anonymous_bytes; /* of its own, not of files or libraries */
};

struct idle_use {
	struct memory_use before;
	struct memory_use after; /* with the connections open */
	unsigned n_connections;
	double bytes_per_connection;
	long wakeups;		/* without a connection */
	long connected_wakeups; /* with all of them */
};

/* Exact: the sums in /proc/PID/status may be some hundred KiB off. */
struct memory_use memory_read(void);

/* Opens idle connections from several processes, waits twice `idle_seconds` in all, and closes
 * them. */
void memory_measure_idle(double idle_seconds, struct idle_use *ret_use);
