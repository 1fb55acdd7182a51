/* SPDX-License-Identifier: MIT */
/* A whole registration becomes part of its session, in steps that each take well under 1 ms. */
#pragma once

#include <stdbool.h>

#include "broker/registration.h"
#include "broker/store.h"
#include "proto/base.h"

/*
 * One step, for an idle callback: to be called again until it fails or is done. Everything is
 * visible and durable at once when it is done, and nothing before. Registrations of one session
 * go one after the other; one that waits for its turn does nothing.
 *
 * 0; 6, 29 with a reason: the session has ended, a limit (A13); -errno. The caller frees the
 * registration in any case.
 */
int commit_step(struct store *store, struct registration *registration, bool *ret_done,
		const char **ret_reason) _warn_unused_;
