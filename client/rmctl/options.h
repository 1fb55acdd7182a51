/* SPDX-License-Identifier: MIT */
/* rmctl's command line: which options there are, and what they were set to. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/base.h"

/* One bit for each option; a verb names the ones it takes. */
enum option_bit {
	OPTION_JSON = 1 << 0,
	OPTION_WAIT = 1 << 1,
	OPTION_COLOR = 1 << 2,
	OPTION_HELP = 1 << 3,
	OPTION_VERSION = 1 << 4,
	OPTION_OWNER = 1 << 5,
	OPTION_SESSION = 1 << 6,
	OPTION_HISTORY = 1 << 7,
	OPTION_COUNT = 1 << 8,
	OPTION_FOLLOW = 1 << 9,
	OPTION_RECURSIVE = 1 << 10,
	OPTION_PACKAGE = 1 << 11,
	OPTION_PID = 1 << 12,
	OPTION_SERVICE = 1 << 13,
	OPTION_EXECUTABLE = 1 << 14,
	OPTION_NO_RESTART = 1 << 15,
	OPTION_NO_SHUTDOWN = 1 << 16,
	OPTION_JOIN = 1 << 17,
	OPTION_LONG = 1 << 18,
	OPTION_PIDS = 1 << 19,
	OPTION_NULL = 1 << 20,
	OPTION_ANEW = 1 << 21,
};

#define OPTIONS_COMMON (OPTION_JSON | OPTION_WAIT | OPTION_COLOR | OPTION_HELP | OPTION_VERSION)
/* What names resources, beside files. */
#define OPTIONS_RESOURCES (OPTION_RECURSIVE | OPTION_PACKAGE | OPTION_PID | OPTION_SERVICE)
/* How applications are printed. */
#define OPTIONS_LISTING (OPTION_LONG | OPTION_PIDS | OPTION_NULL)

enum color_when {
	COLOR_AUTO,
	COLOR_ALWAYS,
	COLOR_NEVER,
};

/* The values of an option that may be given many times. */
struct option_values {
	const char **values; /* owned; the texts are borrowed from argv */
	size_t n;
};

struct options {
	bool json;
	bool wait;
	bool help;
	bool version;
	bool history;
	bool follow;
	bool join;
	bool no_restart;
	bool no_shutdown;
	bool long_form;
	bool pids;
	bool null_separated;
	bool anew;
	struct option_values trees;
	struct option_values packages;
	struct option_values pids_given;
	struct option_values services;
	const char *executable; /* borrowed from argv; NULL: not given */
	enum color_when color;
	uint32_t owner;	  /* pid; 0: not given */
	uint32_t session; /* id; 0: not given */
	uint32_t count;	  /* 0: no limit */
	char **arguments; /* borrowed from argv: what is left, without the verb */
	int n_arguments;
};

/*
 * Reads the options before the verb. Returns where in `argv` the verb stands (`argc` without
 * one), or -1 after a message on stderr. `options` is filled on top of what it holds.
 */
int options_parse_before(int argc, char **argv, struct options *options) _warn_unused_;

/*
 * Reads the options after the verb `argv[0]`, which is replaced by the program's name; only those
 * in `allowed` exist. Options and arguments may be mixed; the arguments are left in `options`.
 * Returns 0, or -1 after a message on stderr.
 */
int options_parse_after(int argc, char **argv, unsigned allowed, struct options *options)
	_warn_unused_;

void options_done(struct options *options);

/* Lists the options of `allowed`, one or two lines each. */
void options_print_help(unsigned allowed, FILE *file);

/* A decimal number of digits only, from 1 to `max`. Returns false, and no number, otherwise. */
bool number_parse(const char *text, uint32_t max, uint32_t *ret_number) _warn_unused_;

/* Process ids and session ids: what number_parse() may give for them. */
#define MAX_PID ((uint32_t)INT32_MAX)
#define MAX_SESSION_ID UINT32_MAX
