/* SPDX-License-Identifier: MIT */
/*
 * The verb register: adds resources to a session that goes on.
 * With --join it takes part as any secondary would: it joins by the key alone, registers and leaves;
 * what it registered stays with the session.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "client/rmctl/attach.h"
#include "client/rmctl/cleanup.h"
#include "client/rmctl/commands.h"
#include "client/rmctl/patience.h"
#include "client/rmctl/print_json.h"
#include "client/rmctl/report.h"
#include "client/rmctl/selection.h"
#include "client/rstrtmgr.h"

static enum exit_code register_as_primary(const struct rm_resources *resources,
					  const struct options *options, uint32_t *ret_id)
{
	_cleanup_(session_freep) struct rm_session *session = NULL;
	struct target target;
	enum exit_code code = target_find_option("register", options, &target);
	int r;

	if (code == EXIT_DONE) {
		code = attach_session("register", &target, &session);
	}
	if (code != EXIT_DONE) {
		return code;
	}
	r = rm_session_register(session, resources);
	*ret_id = target.id;
	return r ? attach_report(r, &target) : EXIT_DONE;
}

static enum exit_code register_as_secondary(const struct rm_resources *resources,
					    const struct options *options, uint32_t *ret_id)
{
	_cleanup_(session_endp) struct rm_session *session = NULL;
	const char *key = getenv("RM_SESSION_KEY");
	int r;

	if (!key || !key[0]) {
		return report_usage("register", "register --join needs $RM_SESSION_KEY");
	}
	if (options->session) {
		return report_usage("register", "--join finds the session by its key, not by "
						"--session");
	}
	r = rm_session_join(key, -1, &session);
	if (r) {
		return report_failure(r, "cannot join");
	}
	patience_restore();
	r = rm_session_register(session, resources);
	*ret_id = rm_session_id(session);
	return r ? report_failure(r, "cannot register") : EXIT_DONE;
}

enum exit_code cmd_register(const struct options *options)
{
	_cleanup_(selection_done) struct selection selection = {0};
	enum exit_code code = selection_read("register", options, &selection);
	struct rm_resources resources;
	uint32_t id = 0;

	if (code != EXIT_DONE) {
		return code;
	}
	resources = selection_get_resources(&selection);
	code = options->join ? register_as_secondary(&resources, options, &id)
			     : register_as_primary(&resources, options, &id);
	if (code == EXIT_DONE && options->json) {
		print_json_registered(id, &resources);
	}
	return code;
}
