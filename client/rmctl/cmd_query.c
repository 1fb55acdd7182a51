/* SPDX-License-Identifier: MIT */
/*
 * The verbs that ask and change nothing: sessions, show, status.
 * Each gets a copy of the broker's state from the library and gives it to one of two printers.
 */
#include <inttypes.h>

#include "client/rmctl/cleanup.h"
#include "client/rmctl/commands.h"
#include "client/rmctl/output.h"
#include "client/rmctl/print_json.h"
#include "client/rmctl/print_table.h"
#include "client/rmctl/report.h"
#include "client/rmctl/target.h"
#include "client/rstrtmgr.h"

enum exit_code cmd_sessions(const struct options *options)
{
	_cleanup_(infos_freep) struct rm_session_infos *infos = NULL;
	int r = rm_broker_sessions(&infos);

	if (r) {
		return report_failure(r, NULL);
	}
	if (options->json) {
		print_json_sessions(infos, false);
	} else {
		print_table_sessions(infos, output_has_colors(options));
	}
	return EXIT_DONE;
}

enum exit_code cmd_show(const struct options *options)
{
	_cleanup_(infos_freep) struct rm_session_infos *infos = NULL;
	struct target target;
	enum exit_code code = target_find("show", options, &target);
	int r;

	if (code != EXIT_DONE) {
		return code;
	}
	r = rm_broker_session(target.id, &infos);
	if (r) {
		return report_failure(r, "session %" PRIu32, target.id);
	}
	if (options->json) {
		print_json_sessions(infos, true);
	} else {
		print_table_session(&infos->sessions[0], output_has_colors(options));
	}
	return EXIT_DONE;
}

enum exit_code cmd_status(const struct options *options)
{
	_cleanup_(status_freep) struct rm_broker_info *status = NULL;
	int r = rm_broker_status(&status);

	if (r) {
		return report_failure(r, NULL);
	}
	if (options->json) {
		print_json_status(status);
	} else {
		print_table_status(status, output_has_colors(options));
	}
	return EXIT_DONE;
}
