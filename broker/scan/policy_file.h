/* SPDX-License-Identifier: MIT */
/* One policy file: bytes to a rule. Pure, used by policy.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proto/base.h"

#define POLICY_MAX_FILE_BYTES (64u * 1024u)
#define POLICY_MAX_REASON_BYTES 200 /* a line has no more */
#define POLICY_ERROR_BYTES 600

enum policy_key {
	POLICY_UNIT,
	POLICY_EXECUTABLE,
	POLICY_PACKAGE,
	_POLICY_KEY_COUNT,
};

struct policy_pattern {
	enum policy_key key;
	char *text;	  /* owned: "Unit=getty@*.service" */
	const char *glob; /* into it */
};

struct policy_rule {
	char *path;			 /* owned; set by whoever owns the rule */
	const char *name;		 /* into it: behind the last slash */
	struct policy_pattern *patterns; /* owned */
	size_t n_patterns;
	bool is_critical;
	char reason[POLICY_MAX_REASON_BYTES]; /* clean text */
};

/* Parses `size` bytes, behind which is a NUL. 0; -EINVAL with "PATH:LINE:COLUMN: WHY" in
 * `ret_error` (clean text); -ENOMEM. Call policy_rule_done() in any case. */
int policy_file_parse(struct policy_rule *rule, const char *text, size_t size,
		      char ret_error[POLICY_ERROR_BYTES]) _warn_unused_;
void policy_rule_done(struct policy_rule *rule);
