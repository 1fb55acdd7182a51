/* SPDX-License-Identifier: MIT */
/*
 * rmctl: the Restart Manager's command line.
 *
 * main() reads the options before the verb, finds the verb, reads its options and runs it; the
 * verbs are in the cmd_ files. A verb prints its own errors and returns the exit code; whether
 * its output arrived is checked here.
 */
#include <errno.h>
#include <locale.h>

#include "client/rmctl/commands.h"
#include "client/rmctl/output.h"
#include "client/rmctl/patience.h"
#include "client/rmctl/report.h"

static enum exit_code unknown_verb(const char *name)
{
	const char *meant = command_suggest(name);

	if (meant) {
		return report_usage(NULL, "there is no verb '%s'; did you mean '%s'?", name, meant);
	}
	return report_usage(NULL, "there is no verb '%s'", name);
}

static enum exit_code print_version(void)
{
	puts("rmctl " RM_VERSION);
	return EXIT_DONE;
}

static enum exit_code print_help(const struct command *command)
{
	command_print_help(command, stdout);
	return EXIT_DONE;
}

static enum exit_code run_verb(const struct command *command, const struct options *options)
{
	if (options->help) {
		return print_help(command);
	}
	if (options->version) {
		return print_version();
	}
	if (options->n_arguments < command->min_arguments) {
		return report_usage(command->name, "%s needs %s", command->name, command->usage);
	}
	if (options->n_arguments > command->max_arguments) {
		return report_usage(command->name, "%s takes no more than %d arguments",
				    command->name, command->max_arguments);
	}
	if (patience_limit(options) < 0) {
		return report_errno(ENOMEM, "cannot set the deadline");
	}
	return command->run(options);
}

static enum exit_code run(int argc, char **argv)
{
	_cleanup_(options_done) struct options options = {0};
	const struct command *command;
	int at = options_parse_before(argc, argv, &options);

	if (at < 0) {
		return report_usage(NULL, NULL);
	}
	if (options.help) {
		return print_help(NULL);
	}
	if (options.version) {
		return print_version();
	}
	if (at >= argc) {
		return report_usage(NULL, "no verb");
	}
	command = command_find(argv[at]);
	if (!command) {
		return unknown_verb(argv[at]);
	}
	if (options_parse_after(argc - at, argv + at, command->options | OPTIONS_COMMON,
				&options)) {
		return report_usage(command->name, NULL);
	}
	return run_verb(command, &options);
}

int main(int argc, char **argv)
{
	enum exit_code code;

	output_secure_descriptors();
	(void)setlocale(LC_CTYPE, ""); /* a locale that does not exist leaves "C" */
	code = run(argc, argv);
	if (code == EXIT_DONE) {
		code = output_flush();
	}
	return (int)code;
}
