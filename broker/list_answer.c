/* SPDX-License-Identifier: MIT */
/*
 * Answers of the scan worker. Each entry is unpacked and checked twice: when it comes, so that a
 * worker that lost its mind gives no answer at all, and when it is sent, a piece at a time, so
 * that the loop is never away for long.
 */
#include "broker/list_answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/clock_base.h"
#include "proto/limits.h"

/* Of one notification, unless a single entry is larger. */
#define PART_BYTES (256u * 1024u)

struct list_answer *list_answer_new(bool with_uses)
{
	struct list_answer *answer = calloc(1, sizeof(*answer));

	if (answer) {
		answer->with_uses = with_uses;
	}
	return answer;
}

static void free_unchecked(Rm__Unchecked **list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		rm__unchecked__free_unpacked(list[i], NULL);
	}
	free(list);
}

void list_answer_forget(struct list_answer *answer)
{
	for (size_t i = 0; i < answer->n_applications; i++) {
		free(answer->applications[i].data);
	}
	answer->n_applications = 0;
	answer->bytes = 0;
	answer->n_entries = 0;
	answer->reasons = 0;
	if (answer->inspection) {
		rm__inspection__free_unpacked(TAKE_PTR(answer->inspection), NULL);
	}
	if (answer->kernel) {
		rm__kernel_state__free_unpacked(TAKE_PTR(answer->kernel), NULL);
	}
}

void list_answer_free(struct list_answer *answer)
{
	if (!answer) {
		return;
	}
	list_answer_forget(answer);
	free(answer->applications);
	free_unchecked(answer->unchecked, answer->n_unchecked);
	free_unchecked(answer->unseen, answer->n_unseen);
	free(answer);
}

static int check_application(const ProtobufCBinaryData *packed)
{
	struct codec_arena arena;
	Rm__Application *application = NULL;
	int r = codec_unpack_application(&arena, packed->data, packed->len, &application);

	codec_free_lone(&arena, application);
	return r == -ENOMEM ? r : r < 0 ? -EPROTO : 0;
}

static int add_application(struct list_answer *answer, const ProtobufCBinaryData *packed)
{
	int r = array_reserve(&answer->applications, &answer->capacity, answer->n_applications, 16,
			      sizeof(*answer->applications));
	uint8_t *copy;

	if (r < 0) {
		return r;
	}
	copy = malloc(packed->len);
	if (!copy) {
		return -ENOMEM;
	}
	memcpy(copy, packed->data, packed->len);
	answer->applications[answer->n_applications++] =
		(ProtobufCBinaryData){.len = packed->len, .data = copy};
	answer->bytes += packed->len;
	return 0;
}

int list_answer_add(struct list_answer *answer, const Rmscan__ScanPart *part)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < part->n_applications; i++) {
		if (answer->bytes + part->applications[i].len > MAX_ANSWER_BYTES_BRIEF) {
			return -EPROTO;
		}
		r = check_application(&part->applications[i]);
		if (r == 0) {
			r = add_application(answer, &part->applications[i]);
		}
	}
	return r;
}

static int take_inspection(struct list_answer *answer, const ProtobufCBinaryData *packed)
{
	struct codec_arena arena;
	Rm__Inspection *checked = NULL;
	int r = codec_unpack_inspection(&arena, packed->data, packed->len, &checked);

	codec_free_lone(&arena, checked);
	if (r < 0) {
		return r == -ENOMEM ? r : -EPROTO;
	}
	answer->inspection = rm__inspection__unpack(NULL, packed->len, packed->data);
	return answer->inspection ? 0 : -ENOMEM;
}

static int take_kernel(struct list_answer *answer, const ProtobufCBinaryData *packed)
{
	struct codec_arena arena;
	Rm__KernelState *checked = NULL;
	int r = codec_unpack_kernel(&arena, packed->data, packed->len, &checked);

	codec_free_lone(&arena, checked);
	if (r < 0) {
		return r == -ENOMEM ? r : -EPROTO;
	}
	answer->kernel = rm__kernel_state__unpack(NULL, packed->len, packed->data);
	return answer->kernel ? 0 : -ENOMEM;
}

int list_answer_finish(struct list_answer *answer, const Rmscan__ScanDone *done)
{
	int r;

	if (answer->inspection || done->n_entries < answer->n_applications) {
		return -EPROTO;
	}
	answer->n_entries = done->n_entries;
	answer->reasons = done->reasons;
	r = take_inspection(answer, &done->inspection);
	return r < 0 || !done->kernel.len ? r : take_kernel(answer, &done->kernel);
}

/* protobuf-c's own allocator is malloc(3), so its free function takes these apart. */
static bool copy_field(ProtobufCBinaryData *field, const char *text)
{
	field->data = (uint8_t *)strdup(text);
	field->len = field->data ? strlen(text) : 0;
	return field->data;
}

static void add_unchecked(Rm__Unchecked ***list, size_t *n, const char *path, const char *why)
{
	Rm__Unchecked **grown;
	Rm__Unchecked *unchecked;

	if (*n >= MAX_LISTED_UNCHECKED) {
		return;
	}
	grown = reallocarray(*list, *n + 1, sizeof(*grown));
	if (!grown) {
		return;
	}
	*list = grown;
	unchecked = malloc(sizeof(*unchecked));
	if (!unchecked) {
		return;
	}
	rm__unchecked__init(unchecked);
	unchecked->count = 1;
	if (!copy_field(&unchecked->path, path) || !copy_field(&unchecked->why, why)) {
		rm__unchecked__free_unpacked(unchecked, NULL);
		return;
	}
	grown[(*n)++] = unchecked;
}

void list_answer_add_unchecked(struct list_answer *answer, const char *path, int error)
{
	const char *why = strerror(error);

	if (error == ETIMEDOUT) {
		why = "its file system does not answer";
	} else if (error == EPIPE) {
		why = "the worker that looked at it has died";
	}
	answer->n_files_unchecked++;
	add_unchecked(&answer->unchecked, &answer->n_unchecked, path, why);
}

void list_answer_add_note(struct list_answer *answer, const char *why)
{
	answer->n_files_unchecked++;
	add_unchecked(&answer->unchecked, &answer->n_unchecked, "", why);
}

/* The worker may have told already that the kernel itself uses it. */
static bool is_told(const struct list_answer *answer, const char *path)
{
	const Rm__Inspection *inspection = answer->inspection;

	for (size_t i = 0; inspection && i < inspection->n_unseen; i++) {
		const ProtobufCBinaryData *told = &inspection->unseen[i]->path;

		if (told->len == strlen(path) && memcmp(told->data, path, told->len) == 0) {
			return true;
		}
	}
	return false;
}

void list_answer_add_unseen(struct list_answer *answer, const char *path)
{
	if (is_told(answer, path)) {
		return;
	}
	add_unchecked(&answer->unseen, &answer->n_unseen, path,
		      "a descriptor that is being passed on, the kernel, or a process that could "
		      "not be inspected");
}

bool list_answer_for_processes(const struct list_answer *answer,
			       void (*found)(pid_t pid, uint64_t start_time, void *userdata),
			       void *userdata)
{
	bool is_all = true;

	for (size_t i = 0; i < answer->n_applications; i++) {
		const ProtobufCBinaryData *packed = &answer->applications[i];
		Rm__Application *application;

		application = rm__application__unpack(NULL, packed->len, packed->data);
		if (!application) {
			return false;
		}
		for (size_t p = 0; p < application->n_processes; p++) {
			const Rm__ProcessId *id = application->processes[p]->process->id;

			found((pid_t)id->pid, id->start_time, userdata);
		}
		is_all &= application->n_processes == application->total_processes;
		rm__application__free_unpacked(application, NULL);
	}
	return is_all;
}

int list_answer_send_part(const struct list_answer *answer, struct call *call, size_t *at,
			  uint32_t max_entries)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__ApplicationList list = RM__APPLICATION_LIST__INIT;
	Rm__Application *applications[MAX_PART_APPLICATIONS];
	size_t end = answer->n_applications < max_entries ? answer->n_applications : max_entries;
	size_t bytes = 0;

	while (*at < end && list.n_applications < MAX_PART_APPLICATIONS &&
	       (!bytes || bytes + answer->applications[*at].len < PART_BYTES)) {
		const ProtobufCBinaryData *packed = &answer->applications[*at];
		Rm__Application *application =
			rm__application__unpack(NULL, packed->len, packed->data);

		if (!application) {
			break; /* no memory now */
		}
		(*at)++;
		application->start_filetime = clock_base_to_filetime(
			&call->broker->store.clock, application->process->id->start_time);
		applications[list.n_applications++] = application;
		bytes += packed->len;
	}
	list.applications = applications;
	reply.result_case = RM__REPLY__RESULT_APPLICATIONS;
	reply.applications = &list;
	if (list.n_applications) {
		call_notify(call, &reply);
	}
	for (size_t i = 0; i < list.n_applications; i++) {
		rm__application__free_unpacked(applications[i], NULL);
	}
	return *at == end ? 0 : list.n_applications ? 1 : -ENOMEM;
}

/* The worker's and ours, as far as they fit. */
static size_t merge(Rm__Unchecked **ret_list, Rm__Unchecked **ours, size_t n_ours,
		    Rm__Unchecked **theirs, size_t n_theirs)
{
	size_t n = 0;

	for (size_t i = 0; i < n_ours && n < MAX_LISTED_UNCHECKED; i++) {
		ret_list[n++] = ours[i];
	}
	for (size_t i = 0; i < n_theirs && n < MAX_LISTED_UNCHECKED; i++) {
		ret_list[n++] = theirs[i];
	}
	return n;
}

void list_answer_send_totals(const struct list_answer *answer, struct call *call)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__ApplicationList list = RM__APPLICATION_LIST__INIT;
	Rm__Inspection inspection = *answer->inspection;
	Rm__Unchecked *unchecked[MAX_LISTED_UNCHECKED];
	Rm__Unchecked *unseen[MAX_LISTED_UNCHECKED];

	inspection.n_unchecked = merge(unchecked, answer->unchecked, answer->n_unchecked,
				       answer->inspection->unchecked, inspection.n_unchecked);
	inspection.unchecked = unchecked;
	inspection.n_unseen = merge(unseen, answer->unseen, answer->n_unseen,
				    answer->inspection->unseen, inspection.n_unseen);
	inspection.unseen = unseen;
	inspection.n_files = answer->n_files;
	inspection.n_files_unchecked = answer->n_files_unchecked;
	list.n_needed = answer->n_entries;
	list.reasons = answer->reasons;
	list.inspection = &inspection;
	list.kernel = answer->kernel;
	reply.result_case = RM__REPLY__RESULT_APPLICATIONS;
	reply.applications = &list;
	call_reply(call, &reply);
}
