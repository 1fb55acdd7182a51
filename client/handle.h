/* SPDX-License-Identifier: MIT */
/* The Win32 face's handles: numbers of this process for its sessions (A3). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"

struct rm_session;

/* Gives the session the lowest free number from 1. 0 or -ENOMEM; the session becomes the table's
 * on success. */
int handle_add(struct rm_session *session, uint32_t *ret_handle) _warn_unused_;

/* Takes the handle for its end: nobody else can use it now. NULL: no such handle. */
struct rm_session *handle_claim(uint32_t handle) _warn_unused_;

/* Copies the session behind the handle, for a call that another thread's end may overtake.
 * false: no such handle, or it is being ended. Its key is to be wiped afterwards. */
bool handle_copy(uint32_t handle, struct rm_session *ret_session) _warn_unused_;

/* After a claim: the number is free again and the session the caller's; or, when the end has
 * failed, the handle is as it was. */
void handle_release(uint32_t handle);
void handle_restore(uint32_t handle);

/* For state.c, with the lock held: in a forked child, forgets the parent's. */
void handle_reset(void);
