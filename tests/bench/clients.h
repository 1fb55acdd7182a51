/* SPDX-License-Identifier: MIT */
/* One measurement: so many clients of one subject that call for some time, all at once. */
#pragma once

#include <stdbool.h>

#include "tests/bench/process.h"
#include "tests/bench/subject.h"

#define MAX_CLIENTS 64u /* as many as there may be sessions in one login */

struct load {
	enum subject_id subject;
	enum placement placement; /* of the clients; the servers have theirs already */
	unsigned n_clients;	  /* 1..MAX_CLIENTS */
	bool threads;		  /* of one process, instead of as many processes */
	double seconds;
};

/* Microseconds. */
struct percentiles {
	double p50;
	double p99;
};

struct numbers {
	struct percentiles start;
	struct percentiles end;
	struct percentiles call; /* both */
	struct percentiles pair; /* a start and its end together */
	double calls_per_s;	 /* of all clients together; a pair is two calls */
};

/* Runs the clients and waits for their end; dies when a call fails. */
void clients_run(const struct load *load, struct numbers *ret_numbers);
