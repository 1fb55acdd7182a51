/* SPDX-License-Identifier: MIT */
/*
 * One table row a request. dispatch() is the only place that turns a result into a reply:
 * positive is the code that the caller is owed, negative is the world's failure, logged here
 * once and told as the Win32 code that status_from_errno() gives.
 */
#include "broker/dispatch.h"

#include <assert.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/log.h"
#include "broker/methods.h"
#include "proto/status.h"

struct method {
	Rm__Request__CallCase call_case;
	const char *name;
	int (*run)(struct call *call);
};

static const struct method methods[] = {
	{RM__REQUEST__CALL_START_SESSION, "StartSession", method_start_session},
	{RM__REQUEST__CALL_JOIN_SESSION, "JoinSession", method_join_session},
	{RM__REQUEST__CALL_ATTACH_SESSION, "AttachSession", method_attach_session},
	{RM__REQUEST__CALL_END_SESSION, "EndSession", method_end_session},
	{RM__REQUEST__CALL_LIST_SESSIONS, "ListSessions", method_list_sessions},
	{RM__REQUEST__CALL_SHOW_SESSION, "ShowSession", method_show_session},
	{RM__REQUEST__CALL_CLOSE_SESSION, "CloseSession", method_close_session},
	{RM__REQUEST__CALL_WATCH_EVENTS, "WatchEvents", method_watch_events},
	{RM__REQUEST__CALL_GET_STATUS, "GetStatus", method_get_status},
	{RM__REQUEST__CALL_REGISTER_RESOURCES, "Register", method_register},
	{RM__REQUEST__CALL_LIST_APPLICATIONS, "ListApplications", method_list_applications},
	{RM__REQUEST__CALL_ADD_FILTER, "AddFilter", method_add_filter},
	{RM__REQUEST__CALL_REMOVE_FILTER, "RemoveFilter", method_remove_filter},
	{RM__REQUEST__CALL_LIST_FILTERS, "ListFilters", method_list_filters},
	{RM__REQUEST__CALL_LIST_STALE, "ListStale", method_list_stale},
	{RM__REQUEST__CALL_GET_POLICY, "GetPolicy", method_get_policy},
	{RM__REQUEST__CALL_CANCEL_TASK, "CancelTask", method_cancel_task},
};

static const struct method *find_method(const Rm__Request *request)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (methods[i].call_case == request->call_case) {
			return &methods[i];
		}
	}
	return NULL;
}

static void finish(struct call *call, const struct method *method, int r)
{
	const char *detail = call->broker->detail;

	if (r > 0) {
		call_fail(call, (uint32_t)r, *detail ? detail : NULL);
	} else if (r < 0) {
		(void)log_errno(LOG_WARNING, r, "request failed request=%s pid=%d name=%s",
				method->name, call->peer->id.pid, call->peer->name);
		call_explain_text(call, "the broker failed: %s", strerror(-r));
		call_fail(call, status_from_errno(r), detail);
	}
}

void dispatch(struct call *call, const Rm__Request *request)
{
	const struct method *method = find_method(request);

	call->broker->n_calls++;
	call->broker->detail[0] = '\0';
	call->id = request->id;
	call->request = request;
	call->state = CALL_RUNNING;
	if (!method) {
		call_fail(call, STATUS_NOT_SUPPORTED,
			  "this broker (" RM_VERSION ") does not know the request");
	} else {
		finish(call, method, method->run(call));
	}
	call->request = NULL;
	assert(call->state != CALL_RUNNING);
}
