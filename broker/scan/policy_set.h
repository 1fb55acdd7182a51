/* SPDX-License-Identifier: MIT */
/* The policy files of some directories, read together. Used by policy.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "broker/scan/policy_file.h"
#include "proto/base.h"

/* When a path was last changed; all zero when it is not there. */
struct policy_stamp {
	char *path;
	struct timespec modified;
	struct timespec changed;
	uint64_t inode;
};

void policy_stamp_take(struct policy_stamp *stamp);
bool policy_stamp_is_current(const struct policy_stamp *stamp);

struct policy_set {
	struct policy_stamp *stamps; /* owned, their paths too: directories and files */
	size_t n_stamps;
	struct policy_rule *rules; /* owned, by name */
	size_t n_rules;
	char **names; /* owned: seen, masked ones too */
	size_t n_names;
	char **warnings; /* owned */
	size_t n_warnings;
};

/* The first of the directories (NULL-terminated) masks the others. 0 or -ENOMEM. */
int policy_set_read(const char *const *directories, struct policy_set *ret_set) _warn_unused_;
bool policy_set_is_current(const struct policy_set *set);
void policy_set_done(struct policy_set *set);
