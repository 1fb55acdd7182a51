/* SPDX-License-Identifier: MIT */
/* The members of the population as owners of relatives. */
#pragma once

#include <stdbool.h>

#include "broker/scan/population.h"
#include "broker/scan/relatives.h"
#include "proto/base.h"

extern const struct relatives_user member_relatives;

/* Whether both readings have the same threads to stand for tables and memory. */
bool member_has_same_threads(const struct process_reading *a, const struct process_reading *b);

/* Whether it has to be added. One that may not be looked at can't be compared either. */
bool member_lacks_relatives(const struct member *member);

/* Adds it to both kinds. 0 or -ENOMEM. */
int member_add_relatives(struct member *member, struct relatives relatives[_RELATIVE_KIND_COUNT])
	_warn_unused_;
