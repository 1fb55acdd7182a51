/* SPDX-License-Identifier: MIT */
/* What the machine's broker may do itself, and what only its workers may (A72). */
#pragma once

#include <stdint.h>

#include "proto/base.h"

/* A set of capabilities, by 1 << CAP_...; all that are used are below 64. */
#define PRIVILEGE(capability) ((uint64_t)1 << (capability))

/* Takes all others out of the effective set. They stay permitted, so a program that is run has
 * them. 0 or -errno. */
int privileges_lower(uint64_t kept) _warn_unused_;

/* Takes all others out of every set, for good. 0 or -errno. */
int privileges_drop(uint64_t kept) _warn_unused_;
