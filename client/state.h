/* SPDX-License-Identifier: MIT */
/* What one client process shares between its threads, and loses when it forks (A12). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/limits.h"

/* Locks the state. 0 or -ENOMEM. In a process that was forked since the last lock, everything
 * is reset first: its handles and connections were its parent's. Never held across a call. */
int state_lock(void) _warn_unused_;
void state_unlock(void);

/* A number that differs from every ancestor's: a session made under another one is not ours.
 * 0 before the first state_lock(), and after a fork until the next. */
uint64_t state_epoch(void);

/* A new request id (A63). 0 or -ENOMEM. */
int state_make_request_id(uint8_t ret_id[REQUEST_ID_BYTES]) _warn_unused_;

/* Whether a broker has ever answered this process (A50); reading and setting need no lock. */
bool state_had_answer(void);
void state_set_had_answer(void);
