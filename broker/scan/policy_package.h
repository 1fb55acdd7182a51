/* SPDX-License-Identifier: MIT */
/* Which files belong to packages, as dpkg has it written down. Used by policy.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "proto/base.h"

/* The files of all packages whose name matches one of some globs. */
struct policy_packages {
	char **texts; /* owned: the lists, their lines ended by NUL */
	size_t n_texts;
	const char **paths; /* owned: into the texts, sorted */
	size_t n_paths;
};

/* Reads DIRECTORY/NAME.list and NAME:ARCH.list for every name that one of the `n` globs matches.
 * Without the directory there is none. 0 or -ENOMEM. */
int policy_packages_read(const char *directory, const char *const *globs, size_t n,
			 struct policy_packages *ret_packages) _warn_unused_;
void policy_packages_done(struct policy_packages *packages);

/* Whether an executable is among them; also when one of the two names it by /bin, /sbin or /lib
 * and the other by what these link to. */
bool policy_packages_have(const struct policy_packages *packages, const char *executable);
