/* SPDX-License-Identifier: MIT */
/* The verbs that work on somebody's session: only who has its key and is of its owner's family may
 * (A61), so that both can be said when it is refused. */
#include "client/rmctl/attach.h"

#include <inttypes.h>

#include "client/rmctl/cleanup.h"
#include "client/rmctl/patience.h"
#include "client/rmctl/report.h"

enum exit_code attach_report(int code, const struct target *target)
{
	enum exit_code exit_code = report_failure(code, "session %" PRIu32, target->id);

	if (code == CODE_CREDENTIAL_CONFLICT) {
		report_notice("RM_SESSION_KEY must be its key, and rmctl run by the session's "
			      "owner or a descendant of it");
	}
	return exit_code;
}

enum exit_code attach_session(const char *verb, const struct target *target,
			      struct rm_session **ret_session)
{
	int r;

	if (!target->key) {
		return report_usage(verb, "%s needs $RM_SESSION_KEY, the key of session %" PRIu32,
				    verb, target->id);
	}
	r = rm_session_attach(target->id, target->key, ret_session);
	if (r) {
		return attach_report(r, target);
	}
	patience_restore();
	return EXIT_DONE;
}

enum exit_code attach_find_broker(void)
{
	_cleanup_(status_freep) struct rm_broker_info *status = NULL;
	int r = rm_broker_status(&status);

	if (r) {
		return report_failure(r, NULL);
	}
	patience_restore();
	return EXIT_DONE;
}
