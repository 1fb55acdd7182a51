/* SPDX-License-Identifier: MIT */
/*
 * A session's filters. The broker's list can be longer than a frame and then comes in several;
 * each entry says a process's start time as it was given, in ticks or as a FILETIME.
 */
#include "client/filter.h"

#include <errno.h>
#include <string.h>

#include "client/process_id.h"
#include "client/state.h"
#include "proto/status.h"
#include "proto/text.h"

#define NO_RESTART 1u
#define NO_SHUTDOWN 2u

int filter_check_target(const Rm__FilterTarget *target)
{
	const ProtobufCBinaryData *path = &target->executable;
	const ProtobufCBinaryData *unit = &target->service;
	bool is_good = false;

	if ((path->data != NULL) + (unit->data != NULL) + (target->process != NULL) != 1) {
		return STATUS_BAD_ARGUMENTS;
	}
	if (path->data) {
		is_good = path->len > 0 && path->len < MAX_PATH_BYTES && path->data[0] == '/';
	} else if (unit->data) {
		is_good = unit->len > 0 && unit->len <= MAX_UNIT_BYTES &&
			  text_is_clean(unit->data, unit->len);
	} else {
		is_good = target->process->pid > 0 && target->process->pid < UINT32_MAX;
	}
	return is_good ? 0 : STATUS_BAD_ARGUMENTS;
}

int filter_add(const struct rm_session *session, Rm__FilterTarget *target, uint32_t action)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__AddFilter message = RM__ADD_FILTER__INIT;
	Rm__Filter filter = RM__FILTER__INIT;
	struct transport_reply reply;
	int r = session_check(session);

	if (r) {
		return r;
	}
	filter.target = target;
	filter.action = action;
	message.session = session->id;
	message.join = session->join;
	message.key = session_key_field(session);
	message.filter = &filter;
	request.call_case = RM__REQUEST__CALL_ADD_FILTER;
	request.add_filter = &message;
	r = session_call(&request, &reply);
	transport_reply_done(&reply);
	return r;
}

int filter_remove(const struct rm_session *session, Rm__FilterTarget *target)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__RemoveFilter message = RM__REMOVE_FILTER__INIT;
	uint8_t request_id[REQUEST_ID_BYTES];
	struct transport_reply reply;
	int r = session_check(session);

	if (r) {
		return r;
	}
	if (state_make_request_id(request_id) < 0) {
		return STATUS_OUTOFMEMORY;
	}
	message.request_id = codec_bytes(request_id, sizeof(request_id));
	message.session = session->id;
	message.join = session->join;
	message.key = session_key_field(session);
	message.target = target;
	request.call_case = RM__REQUEST__CALL_REMOVE_FILTER;
	request.remove_filter = &message;
	r = session_call(&request, &reply);
	transport_reply_done(&reply);
	return r;
}

/* ---- the list ---- */

static int copy_entry(struct filter_answer *answer, const Rm__Filter *from,
		      struct filter_entry *ret_entry)
{
	const Rm__FilterTarget *target = from->target;

	*ret_entry = (struct filter_entry){.action = (int)from->action};
	if (target->process) {
		ret_entry->pid = target->process->pid;
		ret_entry->start_time = target->process->start_time;
		ret_entry->is_by_filetime = target->process->by_filetime != 0;
		return 0;
	}
	if (target->executable.len) {
		ret_entry->executable = arena_text(&answer->arena, &target->executable);
		return ret_entry->executable ? 0 : -ENOMEM;
	}
	ret_entry->service = arena_text(&answer->arena, &target->service);
	return ret_entry->service ? 0 : -ENOMEM;
}

static int add_part(struct filter_answer *answer, const Rm__FilterList *part)
{
	size_t n = answer->n_entries;
	struct filter_entry *entries;
	int r = 0;

	if (part->n_filters > MAX_FILTERS - n) {
		return -EPROTO;
	}
	if (part->n_filters == 0) {
		return 0;
	}
	entries = reallocarray(answer->entries, n + part->n_filters, sizeof(*entries));
	if (!entries) {
		return -ENOMEM;
	}
	answer->entries = entries;
	for (size_t i = 0; r == 0 && i < part->n_filters; i++) {
		r = copy_entry(answer, part->filters[i], &entries[n + i]);
	}
	answer->n_entries = n + part->n_filters;
	return r;
}

static int on_part(struct transport_gather *gather, const Rm__Reply *part)
{
	struct filter_answer *answer = container_of(gather, struct filter_answer, gather);

	return part->result_case == RM__REPLY__RESULT_FILTERS ? add_part(answer, part->filters)
							      : -EPROTO;
}

static void on_again(struct transport_gather *gather)
{
	struct filter_answer *answer = container_of(gather, struct filter_answer, gather);

	arena_done(&answer->arena);
	answer->n_entries = 0;
}

void filter_answer_free(struct filter_answer *answer)
{
	if (answer) {
		arena_done(&answer->arena);
		free(answer->entries);
		free(answer);
	}
}

static void filter_answer_freep(struct filter_answer **answer)
{
	filter_answer_free(*answer);
}

int filter_list(const struct rm_session *session, struct filter_answer **ret_answer)
{
	_cleanup_(filter_answer_freep) struct filter_answer *answer = NULL;
	Rm__Request request = RM__REQUEST__INIT;
	Rm__ListFilters message = RM__LIST_FILTERS__INIT;
	struct transport_reply reply;
	int r = session_check(session);

	if (r) {
		return r;
	}
	answer = calloc(1, sizeof(*answer));
	if (!answer) {
		return STATUS_OUTOFMEMORY;
	}
	answer->gather = (struct transport_gather){.on_part = on_part, .on_again = on_again};
	message.session = session->id;
	message.join = session->join;
	message.key = session_key_field(session);
	request.call_case = RM__REQUEST__CALL_LIST_FILTERS;
	request.list_filters = &message;
	r = session_call_with(&request, NULL, &answer->gather, &reply);
	if (r == 0) {
		r = reply.message->result_case == RM__REPLY__RESULT_FILTERS
			    ? add_part(answer, reply.message->filters)
			    : -EPROTO;
		r = (int)status_from_errno(r);
	}
	transport_reply_done(&reply);
	if (r == 0) {
		*ret_answer = TAKE_PTR(answer);
	}
	return r;
}

/* ---- the native face ---- */

/* The target as a message, which borrows the filter; `process` is its storage. 0 or 160. */
static int read_target(const struct rm_filter *filter, Rm__ProcessRef *process,
		       Rm__FilterTarget *ret_target)
{
	rm__process_ref__init(process);
	rm__filter_target__init(ret_target);
	if (!filter) {
		return STATUS_BAD_ARGUMENTS;
	}
	if (filter->executable) {
		ret_target->executable = codec_bytes(filter->executable,
						     strnlen(filter->executable, MAX_PATH_BYTES));
	}
	if (filter->service) {
		ret_target->service =
			codec_bytes(filter->service, strnlen(filter->service, MAX_PATH_BYTES));
	}
	if (filter->process) {
		process->pid = filter->process->pid;
		process->start_time = filter->process->start_time;
		ret_target->process = process;
	}
	return filter_check_target(ret_target);
}

int rm_session_add_filter(struct rm_session *session, const struct rm_filter *filter)
{
	Rm__FilterTarget target;
	Rm__ProcessRef process;
	int r = read_target(filter, &process, &target);

	if (r || filter->action < (int)NO_RESTART || filter->action > (int)NO_SHUTDOWN) {
		return STATUS_BAD_ARGUMENTS;
	}
	return filter_add(session, &target, (uint32_t)filter->action);
}

int rm_session_remove_filter(struct rm_session *session, const struct rm_filter *filter)
{
	Rm__FilterTarget target;
	Rm__ProcessRef process;
	int r = read_target(filter, &process, &target);

	return r ? r : filter_remove(session, &target);
}

/* The entries as the native face has them, behind them in the same memory. */
static int fill_filters(struct filter_answer *answer)
{
	size_t n = answer->n_entries;
	struct rm_filter *filters = arena_take(&answer->arena, n, sizeof(*filters));
	struct rm_process_id *ids = arena_take(&answer->arena, n, sizeof(*ids));

	if (!filters || !ids) {
		return STATUS_OUTOFMEMORY;
	}
	for (size_t i = 0; i < n; i++) {
		const struct filter_entry *entry = &answer->entries[i];

		filters[i] = (struct rm_filter){
			.executable = entry->executable,
			.process = entry->pid ? &ids[i] : NULL,
			.service = entry->service,
			.action = entry->action,
		};
		ids[i].pid = entry->pid;
		ids[i].start_time = entry->is_by_filetime
					    ? process_id_filetime_to_ticks(entry->start_time)
					    : entry->start_time;
	}
	answer->filters.n_filters = n;
	answer->filters.filters = filters;
	return 0;
}

int rm_session_filters(struct rm_session *session, struct rm_filters **ret_filters)
{
	_cleanup_(filter_answer_freep) struct filter_answer *answer = NULL;
	int r;

	if (!ret_filters) {
		return STATUS_BAD_ARGUMENTS;
	}
	r = filter_list(session, &answer);
	if (r == 0) {
		r = fill_filters(answer);
	}
	if (r == 0) {
		*ret_filters = &answer->filters;
		answer = NULL; /* the caller's, as its first member */
	}
	return r;
}

void rm_filters_free(struct rm_filters *filters)
{
	filter_answer_free((struct filter_answer *)filters);
}
