/* SPDX-License-Identifier: MIT */
/*
 * The verbs that open and close sessions: start, join, end.
 *
 * rmctl is gone at once, so what it opens belongs to another process: its parent or the one that
 * --owner names, held by a pidfd from here on. It frees its own end of the session and leaves the
 * session alone. Only what could not be told to the caller is ended again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "client/rmctl/cleanup.h"
#include "client/rmctl/commands.h"
#include "client/rmctl/output.h"
#include "client/rmctl/print_json.h"
#include "client/rmctl/report.h"
#include "client/rmctl/target.h"
#include "client/rstrtmgr.h"

/* Opens the owner-to-be into `*fd`, which stays the caller's to close in any case. */
static enum exit_code open_owner(const struct options *options, int *fd)
{
	pid_t pid = options->owner ? (pid_t)options->owner : getppid();

	*fd = pidfd_open(pid, 0);
	if (*fd < 0) {
		return report_errno(errno, "cannot open process %d as the owner", (int)pid);
	}
	if (!options->owner && getppid() != pid) {
		/* The number may be another process's by now. */
		return report_errno(ESRCH, "the parent, which would be the owner, has ended");
	}
	return EXIT_DONE;
}

/* Prints what the caller needs to know; undoes the session when that does not work. */
static enum exit_code hand_over(struct rm_session **session, bool with_key,
				const struct options *options)
{
	uint32_t id = rm_session_id(*session);
	const char *key = with_key ? rm_session_key(*session) : NULL;
	enum exit_code code;

	if (options->json) {
		print_json_session_id(id, key);
	} else if (key) {
		printf("%" PRIu32 " %s\n", id, key);
	} else {
		printf("%" PRIu32 "\n", id);
	}
	code = output_flush();
	if (code != EXIT_DONE && rm_session_end(*session) == 0) {
		*session = NULL;
	}
	return code;
}

enum exit_code cmd_start(const struct options *options)
{
	_cleanup_(session_freep) struct rm_session *session = NULL;
	_cleanup_(closep) int owner = -1;
	enum exit_code code = open_owner(options, &owner);
	int r;

	if (code != EXIT_DONE) {
		return code;
	}
	r = rm_session_start(owner, &session);
	if (r) {
		return report_failure(r, "cannot start a session");
	}
	return hand_over(&session, true, options);
}

enum exit_code cmd_join(const struct options *options)
{
	_cleanup_(session_freep) struct rm_session *session = NULL;
	_cleanup_(closep) int owner = -1;
	const char *key = options->n_arguments ? options->arguments[0] : getenv("RM_SESSION_KEY");
	enum exit_code code;
	int r;

	if (!key || !key[0]) {
		return report_usage("join", "join needs KEY or $RM_SESSION_KEY");
	}
	code = open_owner(options, &owner);
	if (code != EXIT_DONE) {
		return code;
	}
	r = rm_session_join(key, owner, &session);
	if (r) {
		return report_failure(r, "cannot join");
	}
	return hand_over(&session, false, options);
}

/*
 * The library promises to say an unanswered end again on the process's next call. There is none
 * after this verb, so one is made: it finds no session, if all is well.
 */
static int confirm_end(uint32_t id)
{
	_cleanup_(infos_freep) struct rm_session_infos *infos = NULL;
	int r = rm_broker_session(id, &infos);

	return r == CODE_INVALID_HANDLE ? CODE_SUCCESS : r;
}

static int end_as_primary(uint32_t id, const char *key)
{
	_cleanup_(session_freep) struct rm_session *session = NULL;
	int r = rm_session_attach(id, key, &session);

	if (r) {
		return r;
	}
	r = rm_session_end(session);
	if (r == CODE_SUCCESS || r == CODE_INVALID_HANDLE) {
		session = NULL; /* freed */
	}
	return r ? r : confirm_end(id);
}

enum exit_code cmd_end(const struct options *options)
{
	struct target target;
	enum exit_code code = target_find("end", options, &target);
	int r;

	if (code != EXIT_DONE) {
		return code;
	}
	r = target.key ? end_as_primary(target.id, target.key) : rm_broker_end_session(target.id);
	if (r) {
		code = report_failure(r, "session %" PRIu32, target.id);
	} else if (options->json) {
		print_json_session_id(target.id, NULL);
	}
	if (r == CODE_CREDENTIAL_CONFLICT) {
		report_notice("without RM_SESSION_KEY the administrator would end it");
	}
	return code;
}
