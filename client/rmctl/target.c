/* SPDX-License-Identifier: MIT */
/*
 * Finds out which session is meant, from the argument, the option and the environment (A61).
 * A key in the environment is used only for the session that it was given for: somebody who ends
 * another session by its number does so as the administrator.
 */
#include "client/rmctl/target.h"

#include <stdbool.h>
#include <stdlib.h>

#include "client/rmctl/report.h"

static enum exit_code parse_id(const char *verb, const char *source, const char *text,
			       uint32_t *ret_id)
{
	if (!number_parse(text, MAX_SESSION_ID, ret_id)) {
		return report_usage(verb, "%s: '%s' is not the number of a session", source, text);
	}
	return EXIT_DONE;
}

static enum exit_code find_id(const char *verb, const struct options *options, bool takes_id,
			      const char *environment, uint32_t *ret_id)
{
	if (takes_id && options->n_arguments > 0) {
		return parse_id(verb, verb, options->arguments[0], ret_id);
	}
	if (options->session) {
		*ret_id = options->session;
		return EXIT_DONE;
	}
	if (environment && environment[0]) {
		return parse_id(verb, "RM_SESSION", environment, ret_id);
	}
	return report_usage(verb, "%s needs %s--session or $RM_SESSION", verb,
			    takes_id ? "ID, " : "");
}

static enum exit_code find(const char *verb, const struct options *options, bool takes_id,
			   struct target *ret_target)
{
	const char *environment = getenv("RM_SESSION");
	const char *key = getenv("RM_SESSION_KEY");
	struct target target = {0};
	uint32_t of_key = options->session;
	enum exit_code code = find_id(verb, options, takes_id, environment, &target.id);

	if (code != EXIT_DONE) {
		return code;
	}
	if (options->session && options->session != target.id) {
		return report_usage(verb, "the argument and --session name two sessions");
	}
	if (!of_key && environment && !number_parse(environment, MAX_SESSION_ID, &of_key)) {
		of_key = 0;
	}
	if (key && key[0] && of_key == target.id) {
		target.key = key;
	}
	*ret_target = target;
	return EXIT_DONE;
}

enum exit_code target_find(const char *verb, const struct options *options,
			   struct target *ret_target)
{
	return find(verb, options, true, ret_target);
}

enum exit_code target_find_option(const char *verb, const struct options *options,
				  struct target *ret_target)
{
	return find(verb, options, false, ret_target);
}
