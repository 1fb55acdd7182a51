/* SPDX-License-Identifier: MIT */
/* Which session a verb is about. */
#pragma once

#include <stdint.h>

#include "client/rmctl/exit_code.h"
#include "client/rmctl/options.h"

struct target {
	uint32_t id;
	const char *key; /* borrowed from the environment; NULL: none is known for this session */
};

/*
 * The session of the verb's argument, else of --session, else of RM_SESSION. Its key is
 * RM_SESSION_KEY, when --session (or without it RM_SESSION) names this same session.
 * Returns EXIT_DONE, or EXIT_USAGE after a message.
 */
enum exit_code target_find(const char *verb, const struct options *options,
			   struct target *ret_target) _warn_unused_;

/* The same for verbs whose arguments are something else. */
enum exit_code target_find_option(const char *verb, const struct options *options,
				  struct target *ret_target) _warn_unused_;
