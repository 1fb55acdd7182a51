/* SPDX-License-Identifier: MIT */
/*
 * rmctl's options, all in one table: getopt_long()'s list, the help and the meaning come from it.
 *
 * Before the verb stand common options only; after it those that the verb takes, so that an
 * option which would be ignored is an error instead. getopt_long() words its own errors, which is
 * why argv[0] is set to a short name here. No library of the project is needed, for the tests.
 */
#include "client/rmctl/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

struct option_row {
	enum option_bit bit;
	const char *name;
	char letter;	   /* '\0': no short form */
	const char *value; /* how the help calls it; NULL: takes none */
	const char *help;
};

static const struct option_row rows[] = {
	{OPTION_OWNER, "owner", 0, "PID", "the session's owner (default: the parent of rmctl)"},
	{OPTION_SESSION, "session", 0, "ID", "the session (default: $RM_SESSION)"},
	{OPTION_HISTORY, "history", 0, NULL, "begin with the events that the broker still holds"},
	{OPTION_COUNT, "count", 0, "N", "stop after N events"},
	{OPTION_FOLLOW, "follow", 0, NULL, "wait for a broker, and for it to come back"},
	{OPTION_JSON, "json", 0, NULL, "print JSON, see docs/rmctl-json.md"},
	{OPTION_WAIT, "wait", 0, NULL, "wait up to 30 s for the broker instead of 1 s"},
	{OPTION_COLOR, "color", 0, "WHEN", "auto (default), always or never"},
	{OPTION_HELP, "help", 'h', NULL, "print this help"},
	{OPTION_VERSION, "version", 'V', NULL, "print the version"},
};

/* getopt_long() returns this, plus the row, so that no letter is in its way. */
#define FIRST_ROW 1000

bool number_parse(const char *text, uint32_t max, uint32_t *ret_number)
{
	unsigned long long number;

	if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') {
		return false;
	}
	errno = 0;
	number = strtoull(text, NULL, 10);
	if (errno || number < 1 || number > max) {
		return false;
	}
	*ret_number = (uint32_t)number;
	return true;
}

static int parse_number(const struct option_row *row, const char *text, uint32_t max,
			uint32_t *ret_number)
{
	if (!number_parse(text, max, ret_number)) {
		fprintf(stderr, "rmctl: --%s: '%s' is not a number from 1 to %lu\n", row->name,
			text, (unsigned long)max);
		return -1;
	}
	return 0;
}

static int parse_color(const char *text, enum color_when *ret_color)
{
	static const char *const names[] = {
		[COLOR_AUTO] = "auto",
		[COLOR_ALWAYS] = "always",
		[COLOR_NEVER] = "never",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_color = (enum color_when)i;
			return 0;
		}
	}
	fprintf(stderr, "rmctl: --color: '%s' is none of auto, always, never\n", text);
	return -1;
}

static int set_option(struct options *options, const struct option_row *row, const char *value)
{
	switch (row->bit) {
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_WAIT:
		options->wait = true;
		return 0;
	case OPTION_HELP:
		options->help = true;
		return 0;
	case OPTION_VERSION:
		options->version = true;
		return 0;
	case OPTION_HISTORY:
		options->history = true;
		return 0;
	case OPTION_FOLLOW:
		options->follow = true;
		return 0;
	case OPTION_COLOR:
		return parse_color(value, &options->color);
	case OPTION_OWNER:
		return parse_number(row, value, MAX_PID, &options->owner);
	case OPTION_SESSION:
		return parse_number(row, value, MAX_SESSION_ID, &options->session);
	case OPTION_COUNT:
		return parse_number(row, value, UINT32_MAX, &options->count);
	}
	return -1;
}

static const struct option_row *find_row(int found)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (found == FIRST_ROW + (int)i || found == rows[i].letter) {
			return &rows[i];
		}
	}
	return NULL;
}

/* `letters` says where getopt_long() stops: "+hV" at the first argument, "hV" at the end. */
static int parse(int argc, char **argv, unsigned allowed, const char *letters,
		 struct options *options)
{
	static char name[] = "rmctl"; /* begins getopt_long()'s messages */
	struct option list[ARRAY_SIZE(rows) + 1] = {0};
	size_t n = 0;
	int found;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].bit & allowed) {
			list[n].name = rows[i].name;
			list[n].has_arg = rows[i].value ? required_argument : no_argument;
			list[n++].val = FIRST_ROW + (int)i;
		}
	}
	argv[0] = name;
	optind = 0; /* start anew, also glibc's own state */
	while ((found = getopt_long(argc, argv, letters, list, NULL)) != -1) {
		const struct option_row *row = find_row(found);

		if (!row || set_option(options, row, optarg)) {
			return -1;
		}
	}
	return 0;
}

int options_parse_before(int argc, char **argv, struct options *options)
{
	if (argc < 1) {
		return 0; /* execve() allows it */
	}
	return parse(argc, argv, OPTIONS_COMMON, "+hV", options) ? -1 : optind;
}

int options_parse_after(int argc, char **argv, unsigned allowed, struct options *options)
{
	if (parse(argc, argv, allowed, "hV", options)) {
		return -1;
	}
	options->arguments = argv + optind;
	options->n_arguments = argc - optind;
	return 0;
}

void options_print_help(unsigned allowed, FILE *file)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct option_row *row = &rows[i];
		char letter[] = "    ";
		char form[32];

		if (row->bit & allowed) {
			if (row->letter) {
				snprintf(letter, sizeof(letter), "-%c, ", row->letter);
			}
			snprintf(form, sizeof(form), "--%s%s%s", row->name, row->value ? "=" : "",
				 row->value ? row->value : "");
			fprintf(file, "  %s%-13s %s\n", letter, form, row->help);
		}
	}
}
