/* SPDX-License-Identifier: MIT */
/* How long rmctl waits for the broker (A50). */
#pragma once

#include "client/rmctl/options.h"
#include "proto/base.h"

/* Makes the library wait less than a second, unless --wait or the environment says otherwise.
 * 0 or -ENOMEM. */
int patience_limit(const struct options *options) _warn_unused_;

/* A broker has answered: from now on calls that take their time may have it. */
void patience_restore(void);
