/* SPDX-License-Identifier: MIT */
/*
 * The bounds of the wire's messages. protobuf-c checks neither UTF-8 nor embedded NULs nor sizes;
 * that is done here, right after unpacking, and nowhere else. A test walks the descriptors and
 * gives every byte field of every message a bad value, so a new field without its check is found.
 *
 * Texts are clean UTF-8; bytes that name a file may be anything but hold no NUL, so that both
 * become C strings without a loss. An absent message is valid where the protocol says so.
 */
#include "proto/codec_check.h"

#include <string.h>

#include "proto/limits.h"
#include "proto/text.h"

/* "system:", the longest that stands in front of a unit's name. */
#define MANAGER_BYTES 7u

/* ---- fields ---- */

static bool is_text(const ProtobufCBinaryData *field, size_t max)
{
	return field->len <= max && text_is_clean(field->data, field->len);
}

static bool is_name(const ProtobufCBinaryData *field)
{
	return is_text(field, MAX_NAME_BYTES);
}

static bool is_detail(const ProtobufCBinaryData *field)
{
	return is_text(field, MAX_DETAIL_BYTES);
}

static bool is_request_id(const ProtobufCBinaryData *field)
{
	return field->len == REQUEST_ID_BYTES;
}

/* A file's name where one may be missing. */
static bool is_bytes(const ProtobufCBinaryData *field)
{
	return field->len < MAX_PATH_BYTES &&
	       (field->len == 0 || !memchr(field->data, '\0', field->len));
}

static bool is_path(const ProtobufCBinaryData *field)
{
	return field->len > 0 && field->data[0] == '/' && is_bytes(field);
}

/* As a caller names it, "user:" or "system:" included. */
static bool is_unit(const ProtobufCBinaryData *field)
{
	return field->len > 0 && is_text(field, MAX_UNIT_BYTES);
}

static bool is_process_id(const Rm__ProcessId *id)
{
	return id->pid > 0 && id->pid <= INT32_MAX;
}

/* An absent owner is the caller itself. */
static bool is_owner(const Rm__ProcessId *id)
{
	return !id || is_process_id(id);
}

static bool is_process_ref(const Rm__ProcessRef *ref)
{
	return ref->pid > 0 && ref->pid < UINT32_MAX;
}

/* ---- requests ---- */

static bool check_paths(size_t n, const ProtobufCBinaryData *paths, size_t *bytes)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_path(&paths[i])) {
			return false;
		}
		*bytes += paths[i].len;
	}
	return true;
}

static bool check_register(const Rm__Register *part)
{
	size_t n = part->n_files + part->n_trees + part->n_processes + part->n_services;
	size_t bytes = 0;

	if (n > MAX_PART_ENTRIES || !is_request_id(&part->request_id) || !is_name(&part->key) ||
	    !check_paths(part->n_files, part->files, &bytes) ||
	    !check_paths(part->n_trees, part->trees, &bytes)) {
		return false;
	}
	for (size_t i = 0; i < part->n_processes; i++) {
		if (!is_process_ref(part->processes[i])) {
			return false;
		}
	}
	for (size_t i = 0; i < part->n_services; i++) {
		if (!is_unit(&part->services[i])) {
			return false;
		}
		bytes += part->services[i].len;
	}
	return bytes <= MAX_PART_BYTES;
}

/* Exactly one of the three. */
static bool check_target(const Rm__FilterTarget *target)
{
	int n = (target->executable.len > 0) + (target->process != NULL) +
		(target->service.len > 0);

	return n == 1 && (target->executable.len == 0 || is_path(&target->executable)) &&
	       (!target->process || is_process_ref(target->process)) &&
	       (target->service.len == 0 || is_unit(&target->service));
}

static bool check_filter(const Rm__Filter *filter)
{
	return filter->target && check_target(filter->target) && filter->action >= 1 &&
	       filter->action <= 2;
}

static bool check_add_filter(const Rm__AddFilter *add)
{
	return is_name(&add->key) && add->filter && check_filter(add->filter);
}

static bool check_remove_filter(const Rm__RemoveFilter *removal)
{
	return is_request_id(&removal->request_id) && is_name(&removal->key) && removal->target &&
	       check_target(removal->target);
}

/* A key of a wrong length or with other digits is a wrong key (1219) and for the broker to
 * answer; a message is bad only when it is no short, clean text. */
static bool check_session_request(const Rm__Request *request)
{
	switch ((int)request->call_case) {
	case RM__REQUEST__CALL_START_SESSION:
		return is_request_id(&request->start_session->request_id) &&
		       is_owner(request->start_session->owner);
	case RM__REQUEST__CALL_JOIN_SESSION:
		return is_request_id(&request->join_session->request_id) &&
		       is_name(&request->join_session->key) &&
		       is_owner(request->join_session->owner);
	case RM__REQUEST__CALL_ATTACH_SESSION:
		return is_name(&request->attach_session->key);
	case RM__REQUEST__CALL_END_SESSION:
		return is_request_id(&request->end_session->request_id) &&
		       is_name(&request->end_session->key);
	case RM__REQUEST__CALL_CLOSE_SESSION:
		return is_request_id(&request->close_session->request_id);
	default:
		return true;
	}
}

bool codec_check_request(const Rm__Request *request)
{
	switch (request->call_case) {
	case RM__REQUEST__CALL_REGISTER_RESOURCES:
		return check_register(request->register_resources);
	case RM__REQUEST__CALL_LIST_APPLICATIONS:
		return is_name(&request->list_applications->key);
	case RM__REQUEST__CALL_ADD_FILTER:
		return check_add_filter(request->add_filter);
	case RM__REQUEST__CALL_REMOVE_FILTER:
		return check_remove_filter(request->remove_filter);
	case RM__REQUEST__CALL_LIST_FILTERS:
		return is_name(&request->list_filters->key);
	case RM__REQUEST__CALL_GET_POLICY:
		return request->get_policy->name.len > 0 && is_name(&request->get_policy->name);
	case RM__REQUEST__CALL_CANCEL_TASK:
		return is_name(&request->cancel_task->key);
	case RM__REQUEST__CALL_START_SESSION:
	case RM__REQUEST__CALL_JOIN_SESSION:
	case RM__REQUEST__CALL_ATTACH_SESSION:
	case RM__REQUEST__CALL_END_SESSION:
	case RM__REQUEST__CALL_CLOSE_SESSION:
		return check_session_request(request);
	case RM__REQUEST__CALL__NOT_SET:
	case RM__REQUEST__CALL_LIST_SESSIONS:
	case RM__REQUEST__CALL_SHOW_SESSION:
	case RM__REQUEST__CALL_WATCH_EVENTS:
	case RM__REQUEST__CALL_GET_STATUS:
	case RM__REQUEST__CALL_LIST_STALE:
	case _RM__REQUEST__CALL__CASE_IS_INT_SIZE:
		break;
	}
	return true;
}

/* ---- replies ---- */

static bool check_process_info(const Rm__ProcessInfo *info)
{
	return info && info->id && is_process_id(info->id) && is_name(&info->name);
}

static bool check_session_info(const Rm__SessionInfo *info)
{
	for (size_t i = 0; i < info->n_joins; i++) {
		if (!check_process_info(info->joins[i]->process)) {
			return false;
		}
	}
	return check_process_info(info->owner) && is_name(&info->key_prefix) &&
	       is_name(&info->login) && is_name(&info->state) &&
	       (info->n_joins == 0 || info->n_joins == info->joined) && info->n_joins <= MAX_JOINS;
}

static bool check_session_list(const Rm__SessionList *list)
{
	for (size_t i = 0; i < list->n_sessions; i++) {
		if (!check_session_info(list->sessions[i])) {
			return false;
		}
	}
	return list->n_sessions <= MAX_SESSIONS_ALL;
}

static bool check_application_process(const Rm__ApplicationProcess *process)
{
	if (!check_process_info(process->process) || process->n_uses > MAX_LISTED_USES ||
	    process->n_uses > process->total_uses) {
		return false;
	}
	for (size_t i = 0; i < process->n_uses; i++) {
		if (!is_bytes(&process->uses[i]->path) || !is_bytes(&process->uses[i]->actual)) {
			return false;
		}
	}
	return true;
}

bool codec_check_application(const Rm__Application *application)
{
	if (application->n_processes > MAX_LISTED_PROCESSES ||
	    application->n_processes > application->total_processes) {
		return false;
	}
	for (size_t i = 0; i < application->n_processes; i++) {
		if (!check_application_process(application->processes[i])) {
			return false;
		}
	}
	return check_process_info(application->process) && is_detail(&application->name) &&
	       is_text(&application->service, MAX_UNIT_BYTES + MANAGER_BYTES) &&
	       is_text(&application->unit, MAX_UNIT_BYTES + MANAGER_BYTES) &&
	       is_bytes(&application->executable) && is_detail(&application->why) &&
	       is_detail(&application->why_not_restartable) && is_name(&application->container) &&
	       is_bytes(&application->policy);
}

static bool check_unchecked(size_t n, Rm__Unchecked *const *rows)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_bytes(&rows[i]->path) || !is_detail(&rows[i]->why)) {
			return false;
		}
	}
	return n <= MAX_LISTED_UNCHECKED;
}

bool codec_check_inspection(const Rm__Inspection *inspection)
{
	return check_unchecked(inspection->n_unchecked, inspection->unchecked) &&
	       check_unchecked(inspection->n_unseen, inspection->unseen);
}

bool codec_check_kernel(const Rm__KernelState *kernel)
{
	return is_name(&kernel->running) && is_name(&kernel->installed);
}

static bool check_application_list(const Rm__ApplicationList *list)
{
	if (list->n_applications > MAX_PART_APPLICATIONS) {
		return false;
	}
	for (size_t i = 0; i < list->n_applications; i++) {
		if (!codec_check_application(list->applications[i])) {
			return false;
		}
	}
	return (!list->inspection || codec_check_inspection(list->inspection)) &&
	       (!list->kernel || codec_check_kernel(list->kernel));
}

static bool check_filter_list(const Rm__FilterList *list)
{
	for (size_t i = 0; i < list->n_filters; i++) {
		if (!check_filter(list->filters[i])) {
			return false;
		}
	}
	return list->n_filters <= MAX_FILTERS;
}

bool codec_check_reply(const Rm__Reply *reply)
{
	if (!is_detail(&reply->detail)) {
		return false;
	}
	switch (reply->result_case) {
	case RM__REPLY__RESULT_START_SESSION:
		return reply->start_session->key.len == SESSION_KEY_DIGITS &&
		       is_name(&reply->start_session->key);
	case RM__REPLY__RESULT_SESSIONS:
		return check_session_list(reply->sessions);
	case RM__REPLY__RESULT_BROKER:
		return is_name(&reply->broker->version) && is_name(&reply->broker->mode) &&
		       is_detail(&reply->broker->journal) && is_detail(&reply->broker->config);
	case RM__REPLY__RESULT_EVENT:
		return is_name(&reply->event->kind) && is_name(&reply->event->name) &&
		       is_detail(&reply->event->detail);
	case RM__REPLY__RESULT_PROGRESS:
		return reply->progress->percent <= 100;
	case RM__REPLY__RESULT_APPLICATIONS:
		return check_application_list(reply->applications);
	case RM__REPLY__RESULT_FILTERS:
		return check_filter_list(reply->filters);
	case RM__REPLY__RESULT_POLICY:
		return is_bytes(&reply->policy->file) && is_detail(&reply->policy->rule) &&
		       is_name(&reply->policy->effect);
	case RM__REPLY__RESULT__NOT_SET:
	case RM__REPLY__RESULT_JOIN_SESSION:
	case _RM__REPLY__RESULT__CASE_IS_INT_SIZE:
		break;
	}
	return true;
}
