/* SPDX-License-Identifier: MIT */
/* Filters: what may not be done with an application (A39 to A41). */
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "broker/broker.h"
#include "broker/clock_base.h"
#include "broker/log.h"
#include "broker/methods.h"
#include "broker/services.h"
#include "broker/snapshot.h"
#include "broker/store_resource.h"
#include "proto/status.h"

/* A target and the text that it points to. */
struct named_target {
	struct filter_target target;
	char text[MAX_PATH_BYTES];
};

static int set_service(struct call *call, const ProtobufCBinaryData *service,
		       struct named_target *named)
{
	struct service_name name;

	if (services_parse_name((const char *)service->data, service->len, &name) < 0) {
		return call_explain(call, STATUS_BAD_ARGUMENTS,
				    "a service name is empty or longer than %u bytes",
				    MAX_UNIT_BYTES);
	}
	services_format_name(&name, named->text);
	named->target.kind = FILTER_SERVICE;
	return 0;
}

static void set_process(const struct call *call, const Rm__ProcessRef *process,
			struct named_target *named)
{
	named->target.kind = FILTER_PROCESS;
	named->target.text = NULL;
	named->target.pid = process->pid;
	named->target.start_filetime =
		process->by_filetime
			? process->start_time
			: clock_base_to_filetime(&call->broker->store.clock, process->start_time);
}

static int read_target(struct call *call, const Rm__FilterTarget *target,
		       struct named_target *ret_named)
{
	int n = (target->executable.len > 0) + (target->process != NULL) +
		(target->service.len > 0);

	if (n != 1) {
		return call_explain(call, STATUS_BAD_ARGUMENTS,
				    "a filter is about an executable, a process or a service: "
				    "exactly one");
	}
	*ret_named = (struct named_target){.target = {.kind = FILTER_EXECUTABLE}};
	ret_named->target.text = ret_named->text;
	if (target->service.len) {
		return set_service(call, &target->service, ret_named);
	}
	if (target->process) {
		set_process(call, target->process, ret_named);
		return 0;
	}
	memcpy(ret_named->text, target->executable.data, target->executable.len);
	return 0;
}

static void tell(struct call *call, const struct session *session, const char *what)
{
	event_log_add(&call->broker->events, EVENT_SESSION_FILTERED, session->id,
		      (uint32_t)call->peer->id.pid, call->peer->name, what);
	log_debug("filter %s session=%u pid=%d", what, session->id, call->peer->id.pid);
	snapshot_drop(call->broker, session);
}

static int add_filter(struct call *call, struct session *session, const Rm__Filter *request)
{
	_cleanup_(freep) struct filter *filter = NULL;
	struct store *store = &call->broker->store;
	struct named_target named;
	const char *reason = NULL;
	int r;

	if (request->action != FILTER_NO_RESTART && request->action != FILTER_NO_SHUTDOWN) {
		return call_explain(
			call, STATUS_BAD_ARGUMENTS,
			"a filter's action is 1 (no restart) or 2 (no shutdown), not %u",
			request->action);
	}
	r = read_target(call, request->target, &named);
	if (r == 0) {
		r = filter_new(&named.target, (enum filter_action)request->action, &filter);
	}
	if (r == 0) {
		r = store_may_filter(store, session, filter, &reason);
	}
	if (r) {
		return r > 0 && reason ? call_explain(call, r, "%s", reason) : r;
	}
	r = store_filter_set(store, session, filter);
	if (r < 0) {
		return r;
	}
	filter_add(&session->filters, TAKE_PTR(filter));
	tell(call, session, "set");
	call_fail(call, STATUS_SUCCESS, NULL);
	return 0;
}

int method_add_filter(struct call *call)
{
	const Rm__AddFilter *request = call->request->add_filter;
	struct session *session = NULL;
	int r = method_find_led(call, request->session, request->join, &request->key, &session);

	return r ? r : add_filter(call, session, request->filter);
}

static int remove_filter(struct call *call, struct session *session,
			 const Rm__RemoveFilter *request)
{
	struct named_target named;
	struct filter *filter;
	int r = read_target(call, request->target, &named);

	if (r) {
		return r;
	}
	filter = filter_find(&session->filters, &named.target);
	if (!filter) {
		/* It may be gone by this very request, sent before (A63). */
		return process_has_answered(call->peer, request->request_id.data)
			       ? 0
			       : call_explain(call, STATUS_FILE_NOT_FOUND,
					      "the session has no filter of this target");
	}
	r = process_prepare_answered(call->peer);
	if (r == 0) {
		r = store_filter_removed(&call->broker->store, session, filter, call->peer,
					 request->request_id.data);
	}
	if (r < 0) {
		return r;
	}
	filter_remove(&session->filters, filter);
	tell(call, session, "removed");
	return process_add_answered(call->peer, request->request_id.data);
}

int method_remove_filter(struct call *call)
{
	const Rm__RemoveFilter *request = call->request->remove_filter;
	struct session *session = NULL;
	int r = method_find_led(call, request->session, request->join, &request->key, &session);

	if (r == 0) {
		r = remove_filter(call, session, request);
	}
	if (r == 0) {
		call_fail(call, STATUS_SUCCESS, NULL);
	}
	return r;
}

struct filter_message {
	Rm__Filter filter;
	Rm__FilterTarget target;
	Rm__ProcessRef process;
};

static void fill(const struct filter *filter, struct filter_message *message)
{
	rm__filter__init(&message->filter);
	rm__filter_target__init(&message->target);
	rm__process_ref__init(&message->process);
	message->filter.target = &message->target;
	message->filter.action = filter->action;
	switch (filter->target.kind) {
	case FILTER_EXECUTABLE:
		message->target.executable = codec_text(filter->target.text);
		break;
	case FILTER_SERVICE:
		message->target.service = codec_text(filter->target.text);
		break;
	case FILTER_PROCESS:
		message->process.pid = filter->target.pid;
		message->process.start_time = filter->target.start_filetime;
		message->process.by_filetime = true;
		message->target.process = &message->process;
		break;
	case _FILTER_KIND_COUNT:
		break;
	}
}

/* In notifications, as many as a frame takes, and then an empty reply. */
#define MAX_FILTERS_SENT 128u

static void send_filters(struct call *call, const struct filter_list *list,
			 struct filter_message *messages)
{
	Rm__Filter *pointers[MAX_FILTERS_SENT];
	const struct filter *filter = list->filters;
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__FilterList message = RM__FILTER_LIST__INIT;

	message.filters = pointers;
	reply.result_case = RM__REPLY__RESULT_FILTERS;
	reply.filters = &message;
	while (filter) {
		message.n_filters = 0;
		for (; filter && message.n_filters < MAX_FILTERS_SENT; filter = filter->next) {
			fill(filter, &messages[message.n_filters]);
			pointers[message.n_filters] = &messages[message.n_filters].filter;
			message.n_filters++;
		}
		call_notify(call, &reply);
	}
	reply.more = false;
	message.n_filters = 0;
	call_reply(call, &reply);
}

int method_list_filters(struct call *call)
{
	const Rm__ListFilters *request = call->request->list_filters;
	_cleanup_(freep) struct filter_message *messages = NULL;
	struct session *session = NULL;
	int r = method_find_led(call, request->session, request->join, &request->key, &session);

	if (r) {
		return r;
	}
	messages = calloc(MAX_FILTERS_SENT, sizeof(*messages));
	if (!messages) {
		return -ENOMEM;
	}
	send_filters(call, &session->filters, messages);
	return 0;
}
