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
	size_t at; /* in struct options: of its flag, or of its list where one is kept */
};

#define AT(member) offsetof(struct options, member)

/* Those that may be given many times. */
#define LISTS OPTIONS_RESOURCES

static const struct option_row rows[] = {
	{OPTION_RECURSIVE, "recursive", 'r', "DIR", "everything below DIR", AT(trees)},
	{OPTION_PACKAGE, "package", 0, "NAME", "the files of a Debian package", AT(packages)},
	{OPTION_PID, "pid", 0, "PID", "a process", AT(pids_given)},
	{OPTION_SERVICE, "service", 0, "UNIT", "a service", AT(services)},
	{OPTION_EXECUTABLE, "executable", 0, "PATH", "what runs this program", AT(executable)},
	{OPTION_NO_RESTART, "no-restart", 0, NULL, "must not be restarted", AT(no_restart)},
	{OPTION_NO_SHUTDOWN, "no-shutdown", 0, NULL, "must not be stopped", AT(no_shutdown)},
	{OPTION_JOIN, "join", 0, NULL, "as a secondary, with the key alone", AT(join)},
	{OPTION_LONG, "long", 'l', NULL, "tell every use, and why", AT(long_form)},
	{OPTION_PIDS, "pids", 0, NULL, "print process ids only, one a line", AT(pids)},
	{OPTION_NULL, "null", '0', NULL, "end each id with NUL, for xargs -0", AT(null_separated)},
	{OPTION_ANEW, "anew", 0, NULL, "read every process again", AT(anew)},
	{OPTION_OWNER, "owner", 0, "PID", "the session's owner (default: the parent of rmctl)", 0},
	{OPTION_SESSION, "session", 0, "ID", "the session (default: $RM_SESSION)", 0},
	{OPTION_HISTORY, "history", 0, NULL, "begin with the events that the broker still holds",
	 AT(history)},
	{OPTION_COUNT, "count", 0, "N", "stop after N events", 0},
	{OPTION_FOLLOW, "follow", 0, NULL, "wait for a broker, and for it to come back",
	 AT(follow)},
	{OPTION_JSON, "json", 0, NULL, "print JSON, see docs/rmctl-json.md", AT(json)},
	{OPTION_WAIT, "wait", 0, NULL, "wait up to 30 s for the broker instead of 1 s", AT(wait)},
	{OPTION_COLOR, "color", 0, "WHEN", "auto (default), always or never", 0},
	{OPTION_HELP, "help", 'h', NULL, "print this help", AT(help)},
	{OPTION_VERSION, "version", 'V', NULL, "print the version", AT(version)},
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

static int add_value(struct option_values *values, const char *value)
{
	const char **more = reallocarray(values->values, values->n + 1, sizeof(*more));

	if (!more) {
		fputs("rmctl: out of memory\n", stderr);
		return -1;
	}
	more[values->n++] = value;
	values->values = more;
	return 0;
}

static int set_option(struct options *options, const struct option_row *row, const char *value)
{
	void *at = (char *)options + row->at;

	if (!row->value) {
		*(bool *)at = true;
		return 0;
	}
	if (row->bit & LISTS) {
		return add_value(at, value);
	}
	switch ((int)row->bit) {
	case OPTION_EXECUTABLE:
		options->executable = value;
		return 0;
	case OPTION_COLOR:
		return parse_color(value, &options->color);
	case OPTION_OWNER:
		return parse_number(row, value, MAX_PID, &options->owner);
	case OPTION_SESSION:
		return parse_number(row, value, MAX_SESSION_ID, &options->session);
	case OPTION_COUNT:
		return parse_number(row, value, UINT32_MAX, &options->count);
	default:
		return -1;
	}
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

/* What getopt_long() is to know: both lists end with the last row that is allowed. */
struct grammar {
	struct option names[ARRAY_SIZE(rows) + 1];
	char letters[2 * ARRAY_SIZE(rows) + 2];
};

static void build_grammar(unsigned allowed, bool stop_at_argument, struct grammar *grammar)
{
	size_t n = 0, n_letters = 0;

	*grammar = (struct grammar){0};
	if (stop_at_argument) {
		grammar->letters[n_letters++] = '+';
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!(rows[i].bit & allowed)) {
			continue;
		}
		grammar->names[n].name = rows[i].name;
		grammar->names[n].has_arg = rows[i].value ? required_argument : no_argument;
		grammar->names[n++].val = FIRST_ROW + (int)i;
		if (rows[i].letter) {
			grammar->letters[n_letters++] = rows[i].letter;
		}
		if (rows[i].letter && rows[i].value) {
			grammar->letters[n_letters++] = ':';
		}
	}
}

static int parse(int argc, char **argv, unsigned allowed, bool stop_at_argument,
		 struct options *options)
{
	static char name[] = "rmctl"; /* begins getopt_long()'s messages */
	struct grammar grammar;
	int found;

	build_grammar(allowed, stop_at_argument, &grammar);
	argv[0] = name;
	optind = 0; /* start anew, also glibc's own state */
	while ((found = getopt_long(argc, argv, grammar.letters, grammar.names, NULL)) != -1) {
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
	return parse(argc, argv, OPTIONS_COMMON, true, options) ? -1 : optind;
}

int options_parse_after(int argc, char **argv, unsigned allowed, struct options *options)
{
	if (parse(argc, argv, allowed, false, options)) {
		return -1;
	}
	options->arguments = argv + optind;
	options->n_arguments = argc - optind;
	return 0;
}

void options_done(struct options *options)
{
	free(options->trees.values);
	free(options->packages.values);
	free(options->pids_given.values);
	free(options->services.values);
	*options = (struct options){0};
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
			fprintf(file, "  %s%-17s %s\n", letter, form, row->help);
		}
	}
}
