/* SPDX-License-Identifier: MIT */
/*
 * The verb filter: what may not be done with an application of a session, set, taken back, listed.
 * What it is about is named by exactly one of --executable, --pid and --service (A39).
 */
#include <string.h>

#include "client/rmctl/attach.h"
#include "client/rmctl/cleanup.h"
#include "client/rmctl/commands.h"
#include "client/rmctl/output.h"
#include "client/rmctl/print_filters.h"
#include "client/rmctl/print_json.h"
#include "client/rmctl/report.h"
#include "client/rmctl/selection.h"
#include "client/rstrtmgr.h"

#define ACTION_NO_RESTART 1
#define ACTION_NO_SHUTDOWN 2

enum what {
	WHAT_ADD,
	WHAT_REMOVE,
	WHAT_LIST,
};

/* A filter and what it points to. */
struct subject {
	struct rm_filter filter;
	struct rm_process_id process;
	char *executable; /* owned */
};

static void subject_done(struct subject *subject)
{
	free(subject->executable);
}

static size_t count_targets(const struct options *options)
{
	return (options->executable ? 1 : 0) + options->pids_given.n + options->services.n;
}

static enum exit_code parse_what(const struct options *options, enum what *ret_what)
{
	static const char *const names[] = {
		[WHAT_ADD] = "add", [WHAT_REMOVE] = "remove", [WHAT_LIST] = "list"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(options->arguments[0], names[i]) == 0) {
			*ret_what = (enum what)i;
			return EXIT_DONE;
		}
	}
	return report_usage("filter", "'%s' is none of add, remove, list", options->arguments[0]);
}

/* Which options each of the three needs and must not have. */
static enum exit_code check_options(enum what what, const struct options *options)
{
	int n_actions = options->no_restart + options->no_shutdown;

	if (what == WHAT_ADD && n_actions != 1) {
		return report_usage("filter", "filter add needs one of --no-restart and "
					      "--no-shutdown");
	}
	if (what != WHAT_ADD && n_actions != 0) {
		return report_usage("filter", "--no-restart and --no-shutdown are for filter add");
	}
	if (what == WHAT_LIST && count_targets(options) != 0) {
		return report_usage("filter", "filter list lists all");
	}
	if (what != WHAT_LIST && count_targets(options) != 1) {
		return report_usage("filter",
				    "filter %s needs one of --executable, --pid and "
				    "--service",
				    options->arguments[0]);
	}
	return EXIT_DONE;
}

static enum exit_code read_process(const char *text, struct subject *subject)
{
	uint32_t pid;

	if (!number_parse(text, MAX_PID, &pid)) {
		return report_usage("filter", "--pid: '%s' is not the number of a process", text);
	}
	if (rm_process_id_from_pid(pid, &subject->process)) {
		report_notice("--pid: there is no process %s", text);
		return EXIT_ERROR;
	}
	subject->filter.process = &subject->process;
	return EXIT_DONE;
}

static enum exit_code read_subject(const struct options *options, struct subject *subject)
{
	enum exit_code code = EXIT_DONE;

	subject->filter.action = options->no_restart ? ACTION_NO_RESTART : ACTION_NO_SHUTDOWN;
	if (options->executable) {
		code = selection_make_absolute("filter", options->executable, &subject->executable);
		subject->filter.executable = subject->executable;
	} else if (options->pids_given.n > 0) {
		code = read_process(options->pids_given.values[0], subject);
	} else if (options->services.values[0][0] == '\0') {
		code = report_usage("filter", "--service: the name of a unit is empty");
	} else {
		subject->filter.service = options->services.values[0];
	}
	return code;
}

static enum exit_code change(enum what what, const struct options *options,
			     const struct target *target, struct rm_session *session)
{
	_cleanup_(subject_done) struct subject subject = {0};
	enum exit_code code = read_subject(options, &subject);
	int r;

	if (code != EXIT_DONE) {
		return code;
	}
	r = what == WHAT_ADD ? rm_session_add_filter(session, &subject.filter)
			     : rm_session_remove_filter(session, &subject.filter);
	if (r == CODE_FILE_NOT_FOUND) {
		code = report_failure(r, "no such filter");
		report_notice("`rmctl filter list` lists those that there are");
		return code;
	}
	if (r) {
		return attach_report(r, target);
	}
	if (options->json) {
		print_json_session_id(target->id, NULL);
	}
	return EXIT_DONE;
}

static enum exit_code print_all(const struct options *options, const struct target *target,
				struct rm_session *session)
{
	_cleanup_(filters_freep) struct rm_filters *filters = NULL;
	int r = rm_session_filters(session, &filters);

	if (r) {
		return attach_report(r, target);
	}
	if (options->json) {
		print_filters_json(filters);
	} else {
		print_filters_table(filters, output_has_colors(options));
	}
	return EXIT_DONE;
}

enum exit_code cmd_filter(const struct options *options)
{
	_cleanup_(session_freep) struct rm_session *session = NULL;
	struct target target;
	enum what what;
	enum exit_code code = parse_what(options, &what);

	if (code == EXIT_DONE) {
		code = check_options(what, options);
	}
	if (code == EXIT_DONE) {
		code = target_find_option("filter", options, &target);
	}
	if (code == EXIT_DONE) {
		code = attach_session("filter", &target, &session);
	}
	if (code != EXIT_DONE) {
		return code;
	}
	return what == WHAT_LIST ? print_all(options, &target, session)
				 : change(what, options, &target, session);
}
