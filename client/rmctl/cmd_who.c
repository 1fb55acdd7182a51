/* SPDX-License-Identifier: MIT */
/*
 * The verbs that ask who uses something: who, list, stale.
 *
 * `who` has a session of its own, whose owner is this process: however rmctl ends, by an error or
 * by a signal, the session ends with it, and a listing that runs is given up.
 */
#include <unistd.h>

#include "client/rmctl/attach.h"
#include "client/rmctl/cleanup.h"
#include "client/rmctl/commands.h"
#include "client/rmctl/completeness.h"
#include "client/rmctl/output.h"
#include "client/rmctl/patience.h"
#include "client/rmctl/print_applications.h"
#include "client/rmctl/report.h"
#include "client/rmctl/selection.h"
#include "client/rstrtmgr.h"

/* Options that contradict each other. */
static enum exit_code check_form(const char *verb, const struct options *options)
{
	if (options->null_separated && !options->pids) {
		return report_usage(verb, "-0 is for --pids only");
	}
	if (options->json + options->pids + options->long_form > 1) {
		return report_usage(verb, "--json, --pids and --long are three forms; name one");
	}
	return EXIT_DONE;
}

static unsigned int find_flags(const struct options *options)
{
	return (options->anew ? RM_LIST_ANEW : 0) | (options->pids ? RM_LIST_NO_USES : 0);
}

/* Process ids alone can't tell what is not among them; stderr does (A73). */
static void print_pids(const struct rm_application_list *list, const struct options *options)
{
	print_applications_pids(list, options->null_separated);
	completeness_print(list, "rmctl: ", stderr);
	for (size_t i = 0; i < list->n_applications; i++) {
		const struct rm_application *application = &list->applications[i];

		if (application->n_processes > application->n_processes_listed) {
			report_notice("%s: %zu processes more than are told of", application->name,
				      application->n_processes - application->n_processes_listed);
		}
	}
}

/* How the three verbs print an answer where no option names a form. */
typedef void (*print_fn)(const struct rm_application_list *list, bool colors);

static bool is_ourselves(const struct rm_application *application)
{
	return application->n_processes <= 1 && application->process.pid == (uint32_t)getpid();
}

static void print_form(const struct rm_application_list *list, const struct options *options,
		       print_fn print)
{
	if (options->json) {
		print_applications_json(list);
	} else if (options->pids) {
		print_pids(list, options);
	} else if (options->long_form) {
		print_applications_long(list, output_has_colors(options));
	} else {
		print(list, output_has_colors(options));
	}
}

/* Prints the answer without this process: it uses its libraries until it has told, and whoever
 * asks is not whom an update has to wait for. */
static enum exit_code print_list(const struct rm_application_list *list,
				 const struct options *options, print_fn print)
{
	_cleanup_(freep) struct rm_application *others =
		calloc(list->n_applications + 1, sizeof(*others));
	struct rm_application_list copy = *list;

	if (!others) {
		return report_errno(ENOMEM, "cannot print the answer");
	}
	copy.applications = others;
	copy.n_applications = 0;
	copy.reasons = 0;
	for (size_t i = 0; i < list->n_applications; i++) {
		if (!is_ourselves(&list->applications[i])) {
			others[copy.n_applications++] = list->applications[i];
			copy.reasons |= list->applications[i].reasons;
		}
	}
	print_form(&copy, options, print);
	return EXIT_DONE;
}

static enum exit_code list_of_own_session(const struct selection *selection,
					  const struct options *options,
					  struct rm_application_list **ret_list)
{
	_cleanup_(session_endp) struct rm_session *session = NULL;
	const struct rm_resources resources = selection_get_resources(selection);
	int r = rm_session_start(-1, &session);

	if (r) {
		return report_failure(r, NULL);
	}
	patience_restore();
	r = rm_session_register(session, &resources);
	if (r) {
		return report_failure(r, "cannot register");
	}
	r = rm_session_list(session, find_flags(options), ret_list);
	return r ? report_failure(r, "cannot list") : EXIT_DONE;
}

enum exit_code cmd_who(const struct options *options)
{
	_cleanup_(selection_done) struct selection selection = {0};
	_cleanup_(list_freep) struct rm_application_list *list = NULL;
	enum exit_code code = check_form("who", options);

	if (code == EXIT_DONE) {
		code = selection_read("who", options, &selection);
	}
	if (code == EXIT_DONE) {
		code = list_of_own_session(&selection, options, &list);
	}
	return code == EXIT_DONE ? print_list(list, options, print_applications_table) : code;
}

enum exit_code cmd_list(const struct options *options)
{
	_cleanup_(session_freep) struct rm_session *session = NULL;
	_cleanup_(list_freep) struct rm_application_list *list = NULL;
	struct target target;
	enum exit_code code = check_form("list", options);
	int r;

	if (code == EXIT_DONE) {
		code = target_find("list", options, &target);
	}
	if (code == EXIT_DONE) {
		code = attach_session("list", &target, &session);
	}
	if (code != EXIT_DONE) {
		return code;
	}
	r = rm_session_list(session, find_flags(options), &list);
	return r ? attach_report(r, &target) : print_list(list, options, print_applications_table);
}

enum exit_code cmd_stale(const struct options *options)
{
	_cleanup_(list_freep) struct rm_application_list *list = NULL;
	enum exit_code code = check_form("stale", options);
	int r;

	if (code == EXIT_DONE) {
		code = attach_find_broker();
	}
	if (code != EXIT_DONE) {
		return code;
	}
	r = rm_broker_stale(find_flags(options), &list);
	if (r) {
		return report_failure(r, "cannot list");
	}
	return print_list(list, options, print_applications_stale);
}
