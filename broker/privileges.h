/* SPDX-License-Identifier: MIT */
/* What the machine's broker may do itself, and what only its workers may (A72). */
#pragma once

#include "proto/base.h"

/* Takes all capabilities out of the effective set but CAP_KILL and CAP_SYS_PTRACE. They stay
 * permitted, so a worker, which is a program run anew, has them. 0 or -errno. */
int privileges_lower(void) _warn_unused_;
