/* SPDX-License-Identifier: MIT */
/* A reply's payload as a broker may send it: what codec_unpack_reply() lets through. */
#include <string.h>

#include "proto/codec.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/message.h"

/* What unpacked packs again, and unpacks to the same. */
static void check_again(const Rm__Reply *reply)
{
	struct codec_arena arena;
	struct frame_buffer buffer = {0};
	Rm__Reply *again = NULL;
	const uint8_t *payload;
	size_t size;

	require(codec_pack_reply(reply, &buffer) == 0);
	payload = message_payload(&reply->base, &buffer, &size);
	if (message_is_readable(&reply->base)) {
		require(codec_unpack_reply(&arena, payload, size, &again) == 0 && again);
		require(message_equal(&reply->base, &again->base));
		codec_free_reply(&arena, again);
	}
	frame_buffer_done(&buffer);
}

static void check_text(const ProtobufCBinaryData *text, size_t max)
{
	char copy[MAX_DETAIL_BYTES + 1];

	require(text->len <= max);
	codec_copy_text(text, copy, sizeof(copy));
	require(strlen(copy) == text->len);
	require(text->len == 0 || memcmp(copy, text->data, text->len) == 0);
}

static void check_process(const Rm__ProcessInfo *info)
{
	require(info && info->id && info->id->pid > 0 && info->id->pid <= INT32_MAX);
	check_text(&info->name, MAX_NAME_BYTES);
}

static void check_session(const Rm__SessionInfo *session)
{
	check_process(session->owner);
	check_text(&session->key_prefix, MAX_NAME_BYTES);
	check_text(&session->login, MAX_NAME_BYTES);
	check_text(&session->state, MAX_NAME_BYTES);
	require(session->n_joins <= MAX_JOINS);
	for (size_t i = 0; i < session->n_joins; i++) {
		check_process(session->joins[i]->process);
	}
}

static void check_file(const ProtobufCBinaryData *file)
{
	require(file->len < MAX_PATH_BYTES);
	require(file->len == 0 || !memchr(file->data, '\0', file->len));
}

static void check_application(const Rm__Application *application)
{
	check_process(application->process);
	check_text(&application->name, MAX_DETAIL_BYTES);
	check_text(&application->service, MAX_UNIT_BYTES + 7);
	check_text(&application->unit, MAX_UNIT_BYTES + 7);
	check_text(&application->why, MAX_DETAIL_BYTES);
	check_text(&application->why_not_restartable, MAX_DETAIL_BYTES);
	check_text(&application->container, MAX_NAME_BYTES);
	check_file(&application->executable);
	check_file(&application->policy);
	require(application->n_processes <= MAX_LISTED_PROCESSES);
	require(application->n_processes <= application->total_processes);
	for (size_t i = 0; i < application->n_processes; i++) {
		const Rm__ApplicationProcess *process = application->processes[i];

		check_process(process->process);
		require(process->n_uses <= MAX_LISTED_USES &&
			process->n_uses <= process->total_uses);
		for (size_t j = 0; j < process->n_uses; j++) {
			check_file(&process->uses[j]->path);
			check_file(&process->uses[j]->actual);
		}
	}
}

static void check_inspection(const Rm__Inspection *inspection)
{
	require(inspection->n_unchecked <= MAX_LISTED_UNCHECKED);
	require(inspection->n_unseen <= MAX_LISTED_UNCHECKED);
	for (size_t i = 0; i < inspection->n_unchecked; i++) {
		check_file(&inspection->unchecked[i]->path);
		check_text(&inspection->unchecked[i]->why, MAX_DETAIL_BYTES);
	}
	for (size_t i = 0; i < inspection->n_unseen; i++) {
		check_file(&inspection->unseen[i]->path);
		check_text(&inspection->unseen[i]->why, MAX_DETAIL_BYTES);
	}
}

static void check_list(const Rm__ApplicationList *list)
{
	require(list->n_applications <= MAX_PART_APPLICATIONS);
	for (size_t i = 0; i < list->n_applications; i++) {
		check_application(list->applications[i]);
	}
	if (list->inspection) {
		check_inspection(list->inspection);
	}
	if (list->kernel) {
		check_text(&list->kernel->running, MAX_NAME_BYTES);
		check_text(&list->kernel->installed, MAX_NAME_BYTES);
	}
}

static void check_filters(const Rm__FilterList *list)
{
	require(list->n_filters <= MAX_FILTERS);
	for (size_t i = 0; i < list->n_filters; i++) {
		const Rm__FilterTarget *target = list->filters[i]->target;

		require(target && list->filters[i]->action - 1 < 2);
		require((target->executable.len > 0) + (target->service.len > 0) +
				(target->process != NULL) ==
			1);
		check_file(&target->executable);
		check_text(&target->service, MAX_UNIT_BYTES);
	}
}

static void check_result(const Rm__Reply *reply)
{
	require(reply->version == PROTOCOL_VERSION);
	check_text(&reply->detail, MAX_DETAIL_BYTES);
	if (reply->result_case == RM__REPLY__RESULT_START_SESSION) {
		check_text(&reply->start_session->key, SESSION_KEY_DIGITS);
		require(reply->start_session->key.len == SESSION_KEY_DIGITS);
	} else if (reply->result_case == RM__REPLY__RESULT_SESSIONS) {
		require(reply->sessions->n_sessions <= MAX_SESSIONS_ALL);
		for (size_t i = 0; i < reply->sessions->n_sessions; i++) {
			check_session(reply->sessions->sessions[i]);
		}
	} else if (reply->result_case == RM__REPLY__RESULT_BROKER) {
		check_text(&reply->broker->version, MAX_NAME_BYTES);
		check_text(&reply->broker->mode, MAX_NAME_BYTES);
		check_text(&reply->broker->journal, MAX_DETAIL_BYTES);
		check_text(&reply->broker->config, MAX_DETAIL_BYTES);
	} else if (reply->result_case == RM__REPLY__RESULT_EVENT) {
		check_text(&reply->event->kind, MAX_NAME_BYTES);
		check_text(&reply->event->name, MAX_NAME_BYTES);
		check_text(&reply->event->detail, MAX_DETAIL_BYTES);
	} else if (reply->result_case == RM__REPLY__RESULT_PROGRESS) {
		require(reply->progress->percent <= 100);
	} else if (reply->result_case == RM__REPLY__RESULT_APPLICATIONS) {
		check_list(reply->applications);
	} else if (reply->result_case == RM__REPLY__RESULT_FILTERS) {
		check_filters(reply->filters);
	} else if (reply->result_case == RM__REPLY__RESULT_POLICY) {
		check_file(&reply->policy->file);
		check_text(&reply->policy->rule, MAX_DETAIL_BYTES);
		check_text(&reply->policy->effect, MAX_NAME_BYTES);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct codec_arena arena;
	Rm__Reply *reply = NULL;
	int r = codec_unpack_reply(&arena, data, size, &reply);

	require(arena.used <= sizeof(arena.fixed));
	if (r == 0) {
		require(reply);
		check_result(reply);
		check_again(reply);
	} else if (r == -EPROTONOSUPPORT) {
		require(reply && reply->version != PROTOCOL_VERSION);
	} else {
		require(r == -EBADMSG || r == -EINVAL || r == -ENOMEM);
		require((r == -EINVAL) == (reply != NULL));
	}
	codec_free_reply(&arena, reply);
	return 0;
}
