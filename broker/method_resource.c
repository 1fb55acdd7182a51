/* SPDX-License-Identifier: MIT */
/* Registering: a part's entries into the registration that they belong to, and the whole of it
 * on its way. */
#include <errno.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/log.h"
#include "broker/methods.h"
#include "broker/registering.h"
#include "broker/registration.h"
#include "broker/services.h"
#include "proto/procfs.h"
#include "proto/status.h"

/* A path means another file in another mount namespace: better no answer than a wrong one. */
static int check_namespace(struct call *call, const Rm__Register *request)
{
	uint64_t theirs;
	int r;

	if (request->n_files == 0 && request->n_trees == 0) {
		return 0;
	}
	r = procfs_read_namespace(call->broker->processes.proc_fd, call->peer->id.pid, "mnt",
				  &theirs);
	if (r < 0) {
		return r;
	}
	return theirs == call->broker->mount_namespace
		       ? 0
		       : call_explain(call, STATUS_NOT_SUPPORTED,
				      "process %d is in another mount namespace than the broker: "
				      "its paths may be other files",
				      call->peer->id.pid);
}

static int add_paths(struct call *call, struct registration *registration, size_t n,
		     const ProtobufCBinaryData *paths, bool is_tree)
{
	const char *reason = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = registration_add_file(registration, (const char *)paths[i].data, paths[i].len,
					  is_tree, &reason);
	}
	return r > 0 ? call_explain(call, r, "%s", reason) : r;
}

static int add_processes(struct call *call, struct registration *registration,
			 const Rm__Register *request)
{
	const char *reason = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < request->n_processes; i++) {
		const Rm__ProcessRef *process = request->processes[i];

		r = registration_add_process(registration, process->pid, process->start_time,
					     process->by_filetime, &reason);
	}
	return r > 0 ? call_explain(call, r, "%s", reason) : r;
}

static int add_service(struct call *call, struct registration *registration,
		       const ProtobufCBinaryData *text)
{
	struct service_name name;
	char normal[SERVICES_NAME_BYTES];
	const char *reason = NULL;
	int r;

	if (services_parse_name((const char *)text->data, text->len, &name) < 0) {
		return call_explain(call, STATUS_BAD_ARGUMENTS,
				    "a service name is empty or longer than %u bytes",
				    MAX_UNIT_BYTES);
	}
	services_format_name(&name, normal);
	r = registration_add_service(registration, normal, strlen(normal), &reason);
	return r > 0 ? call_explain(call, r, "%s", reason) : r;
}

static int add_entries(struct call *call, struct registration *registration,
		       const Rm__Register *request)
{
	int r = add_paths(call, registration, request->n_files, request->files, false);

	if (r == 0) {
		r = add_paths(call, registration, request->n_trees, request->trees, true);
	}
	if (r == 0) {
		r = add_processes(call, registration, request);
	}
	for (size_t i = 0; r == 0 && i < request->n_services; i++) {
		r = add_service(call, registration, &request->services[i]);
	}
	return r;
}

static int begin_part(struct call *call, struct session *session, const Rm__Register *request,
		      struct registration **ret_registration)
{
	struct broker *broker = call->broker;
	int r = registration_begin_part(&broker->sessions.registrations, session, &call->peer->id,
					request->request_id.data, request->part,
					clock_base_now(&broker->store.clock), ret_registration);

	return r > 0 ? call_explain(
			       call, r,
			       r == STATUS_REQUEST_OUT_OF_SEQUENCE
				       ? "part %u of a registration is not the one that is next"
				       : "too many registrations are begun (part %u)",
			       request->part)
		     : r;
}

int method_register(struct call *call)
{
	const Rm__Register *request = call->request->register_resources;
	struct registration *registration = NULL;
	struct session *session = NULL;
	int r = method_find_entered(call, request->session, request->join, &request->key, &session);

	if (r == 0) {
		r = check_namespace(call, request);
	}
	if (r == 0) {
		r = begin_part(call, session, request, &registration);
	}
	if (r) {
		return r;
	}
	r = add_entries(call, registration, request);
	if (r) {
		registration_free(registration);
		return r;
	}
	if (request->skipped) {
		log_info("a registration has %u NULL entries, which are left out session=%u pid=%d",
			 request->skipped, session->id, call->peer->id.pid);
	}
	registration_end_part(registration, request->last);
	if (request->last) {
		return registering_start(call, registration);
	}
	call_fail(call, STATUS_SUCCESS, NULL);
	return 0;
}
