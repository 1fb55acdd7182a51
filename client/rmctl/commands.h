/* SPDX-License-Identifier: MIT */
/* rmctl's verbs. */
#pragma once

#include <stdio.h>

#include "client/rmctl/exit_code.h"
#include "client/rmctl/options.h"

struct command {
	const char *name;
	const char *usage; /* what may follow the name */
	const char *summary;
	const char *explanation; /* for its own help, wrapped by hand */
	unsigned options;	 /* bits of enum option_bit, beside the common ones */
	int min_arguments;
	int max_arguments;
	enum exit_code (*run)(const struct options *options);
};

/* NULL when there is no such verb. */
const struct command *command_find(const char *name);

/* The verb that was probably meant, or NULL. */
const char *command_suggest(const char *name);

/* The help of one verb, or of all (`command` is NULL). */
void command_print_help(const struct command *command, FILE *file);

/* cmd_session.c */
enum exit_code cmd_start(const struct options *options);
enum exit_code cmd_join(const struct options *options);
enum exit_code cmd_end(const struct options *options);

/* cmd_query.c */
enum exit_code cmd_sessions(const struct options *options);
enum exit_code cmd_show(const struct options *options);
enum exit_code cmd_status(const struct options *options);

/* cmd_watch.c */
enum exit_code cmd_watch(const struct options *options);

/* cmd_who.c */
enum exit_code cmd_who(const struct options *options);
enum exit_code cmd_list(const struct options *options);
enum exit_code cmd_stale(const struct options *options);

/* cmd_resource.c */
enum exit_code cmd_register(const struct options *options);

/* cmd_filter.c */
enum exit_code cmd_filter(const struct options *options);

/* cmd_policy.c */
enum exit_code cmd_policy(const struct options *options);
