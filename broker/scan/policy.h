/* SPDX-License-Identifier: MIT */
/*
 * The administrators' and packages' word on what is critical: drop-in files policy.d/NAME.conf,
 * merged and masked as systemd's are (rmpolicy.d(5)).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

struct policy; /* opaque */

struct policy_options {
	/* Where files are, the one that masks the others first; NULL-terminated. NULL: /etc, /run,
	 * /usr/local/lib, /usr/lib. Borrowed until policy_free(). */
	const char *const *directories;
	const char *dpkg_info; /* NULL: /var/lib/dpkg/info. Borrowed as well */
};

/* Reads all files. 0 or -ENOMEM: a file that is wrong is left out as a whole, with a warning. */
int policy_new(const struct policy_options *options, struct policy **ret_policy) _warn_unused_;
struct policy *policy_free(struct policy *policy);

/* Reads them again if a directory or a file has changed. 1 it did, 0 nothing has changed, -ENOMEM:
 * the old ones hold. What was decided points into the old ones. */
int policy_refresh(struct policy *policy) _warn_unused_;

/* "FILE:LINE:COLUMN: WHY", clean text, of the files that were left out. */
const char *const *policy_warnings(const struct policy *policy, size_t *ret_n);

struct policy_subject {
	const char *unit;	/* "" or NULL: none */
	bool is_user;		/* of a user's manager */
	const char *executable; /* path, else the comm; "" or NULL: unknown */
	const char *package;	/* NULL: the one that the executable belongs to */
};

/* Texts are borrowed from the policy until it is refreshed or freed. */
struct policy_decision {
	const char *file;   /* path of the file that decides, NULL: none does */
	const char *name;   /* its last part */
	const char *rule;   /* the match as it stands there: "Unit=getty@*.service" */
	const char *reason; /* clean text for people, "" when the file gives none */
	bool is_critical;
};

/* The last file that matches decides. */
void policy_decide(struct policy *policy, const struct policy_subject *subject,
		   struct policy_decision *ret_decision);

/* The same for a name as a person types it: a path, a unit ("ssh", "user:x.service"), the base
 * name of a program, or a package. */
void policy_find_name(struct policy *policy, const char *name,
		      struct policy_decision *ret_decision);
