/* SPDX-License-Identifier: MIT */
/*
 * Entries are copied out of each part as it comes. Texts and the lists inside an entry lie in the
 * arena; the two arrays of entries grow, as nobody says first how many there will be. What the
 * broker says is bounded by the codec in each part, by the arena in all.
 */
#include "client/answer.h"

#include <errno.h>
#include <string.h>

/* ---- texts ---- */

static bool is_same(const char *text, const ProtobufCBinaryData *field)
{
	return text && strncmp(text, (const char *)field->data, field->len) == 0 &&
	       text[field->len] == '\0';
}

/* arena_text() for paths that many processes use: the last ones with this hash are kept. */
static const char *share_text(struct answer *answer, const ProtobufCBinaryData *field)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	const char **slot;

	if (field->len == 0) {
		return "";
	}
	for (size_t i = 0; i < field->len; i++) {
		hash = (hash ^ field->data[i]) * 16777619u;
	}
	slot = &answer->shared[hash % ANSWER_SHARED_TEXTS];
	if (!is_same(*slot, field)) {
		*slot = arena_text(&answer->arena, field);
	}
	return *slot;
}

/* ---- one entry ---- */

static int copy_process(struct answer *answer, const Rm__ProcessInfo *from,
			struct rm_process *ret_process)
{
	*ret_process = (struct rm_process){
		.pid = from->id->pid,
		.uid = from->uid,
		.start_time = from->id->start_time,
		.name = share_text(answer, &from->name),
	};
	return ret_process->name ? 0 : -ENOMEM;
}

static int copy_use(struct answer *answer, const Rm__Use *from, struct rm_use *ret_use)
{
	*ret_use = (struct rm_use){
		.kind = (int)from->kind,
		.path = share_text(answer, &from->path),
		.actual = share_text(answer, &from->actual),
		.fd = from->fd,
		.is_deleted = from->deleted != 0,
		.is_claimed = from->claimed != 0,
	};
	return ret_use->path && ret_use->actual ? 0 : -ENOMEM;
}

static int copy_application_process(struct answer *answer, const Rm__ApplicationProcess *from,
				    struct rm_application_process *ret_process)
{
	struct rm_use *uses = arena_take(&answer->arena, from->n_uses, sizeof(*uses));
	int r = uses ? copy_process(answer, from->process, &ret_process->process) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < from->n_uses; i++) {
		r = copy_use(answer, from->uses[i], &uses[i]);
	}
	ret_process->uses = uses;
	ret_process->n_uses_listed = from->n_uses;
	ret_process->n_uses = from->total_uses;
	return r;
}

static int copy_texts(struct answer *answer, const Rm__Application *from,
		      struct rm_application *ret_application)
{
	const struct {
		const char **to;
		const ProtobufCBinaryData *field;
	} texts[] = {
		{&ret_application->name, &from->name},
		{&ret_application->service, &from->service},
		{&ret_application->unit, &from->unit},
		{&ret_application->executable, &from->executable},
		{&ret_application->container, &from->container},
		{&ret_application->why, &from->why},
		{&ret_application->why_not_restartable, &from->why_not_restartable},
		{&ret_application->policy, &from->policy},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		*texts[i].to = share_text(answer, texts[i].field);
		if (!*texts[i].to) {
			return -ENOMEM;
		}
	}
	return 0;
}

static int copy_application(struct answer *answer, const Rm__Application *from,
			    struct rm_application *ret_application)
{
	struct rm_application_process *processes =
		arena_take(&answer->arena, from->n_processes, sizeof(*processes));
	int r = processes ? 0 : -ENOMEM;

	*ret_application = (struct rm_application){
		.type = from->type,
		.status = from->status,
		.reasons = from->reasons,
		.ts_session = from->ts_session,
		.is_restartable = from->restartable != 0,
		.processes = processes,
		.n_processes_listed = from->n_processes,
		.n_processes = from->total_processes,
	};
	for (size_t i = 0; r == 0 && i < from->n_processes; i++) {
		r = copy_application_process(answer, from->processes[i], &processes[i]);
	}
	if (r == 0) {
		r = copy_process(answer, from->process, &ret_application->process);
	}
	return r < 0 ? r : copy_texts(answer, from, ret_application);
}

/* ---- parts ---- */

static int reserve(struct answer *answer, size_t n)
{
	size_t capacity = answer->capacity ? answer->capacity : 16;
	struct rm_application *applications;
	uint64_t *start_filetimes;

	while (capacity < n) {
		capacity *= 2;
	}
	if (capacity == answer->capacity) {
		return 0;
	}
	applications = reallocarray(answer->applications, capacity, sizeof(*applications));
	if (!applications) {
		return -ENOMEM;
	}
	answer->applications = applications;
	start_filetimes = reallocarray(answer->start_filetimes, capacity, sizeof(*start_filetimes));
	if (!start_filetimes) {
		return -ENOMEM;
	}
	answer->start_filetimes = start_filetimes;
	answer->capacity = capacity;
	return 0;
}

static int add_part(struct answer *answer, const Rm__ApplicationList *part)
{
	size_t n = answer->list.n_applications;
	int r;

	if (part->n_applications > answer->max_applications - n) {
		return -EPROTO;
	}
	r = reserve(answer, n + part->n_applications);
	for (size_t i = 0; r == 0 && i < part->n_applications; i++, n++) {
		r = copy_application(answer, part->applications[i], &answer->applications[n]);
		answer->start_filetimes[n] = part->applications[i]->start_filetime;
	}
	answer->list.n_applications = n;
	return r;
}

static int on_part(struct transport_gather *gather, const Rm__Reply *part)
{
	struct answer *answer = container_of(gather, struct answer, gather);

	return part->result_case == RM__REPLY__RESULT_APPLICATIONS
		       ? add_part(answer, part->applications)
		       : -EPROTO;
}

static void on_again(struct transport_gather *gather)
{
	struct answer *answer = container_of(gather, struct answer, gather);

	arena_done(&answer->arena);
	memset(answer->shared, 0, sizeof(answer->shared));
	answer->list.n_applications = 0;
}

/* ---- totals ---- */

static int copy_unchecked(struct answer *answer, size_t n, Rm__Unchecked *const *from,
			  const struct rm_unchecked **ret_rows)
{
	struct rm_unchecked *rows = arena_take(&answer->arena, n, sizeof(*rows));

	for (size_t i = 0; rows && i < n; i++) {
		rows[i].path = share_text(answer, &from[i]->path);
		rows[i].why = share_text(answer, &from[i]->why);
		rows[i].count = from[i]->count;
		if (!rows[i].path || !rows[i].why) {
			return -ENOMEM;
		}
	}
	*ret_rows = rows;
	return rows ? 0 : -ENOMEM;
}

static int copy_inspection(struct answer *answer, const Rm__Inspection *from)
{
	struct rm_application_list *list = &answer->list;
	int r;

	list->n_processes = from->n_processes;
	list->n_not_inspected = from->n_not_inspected;
	list->n_files = from->n_files;
	list->n_files_unchecked = from->n_files_unchecked;
	list->n_reread = from->n_reread;
	list->took_us = from->took_us;
	list->n_unchecked = from->n_unchecked;
	list->n_unseen = from->n_unseen;
	r = copy_unchecked(answer, from->n_unchecked, from->unchecked, &list->unchecked);
	return r < 0 ? r : copy_unchecked(answer, from->n_unseen, from->unseen, &list->unseen);
}

static int copy_kernel(struct answer *answer, const Rm__KernelState *from)
{
	answer->list.kernel_running = share_text(answer, &from->running);
	answer->list.kernel_installed = share_text(answer, &from->installed);
	answer->list.kernel_is_stale = from->is_stale != 0;
	return answer->list.kernel_running && answer->list.kernel_installed ? 0 : -ENOMEM;
}

int answer_finish(struct answer *answer, const Rm__ApplicationList *last)
{
	struct rm_application_list *list = &answer->list;
	uint32_t max = answer->max_applications;
	int r = add_part(answer, last);

	if (r == 0 && list->n_applications != (last->n_needed < max ? last->n_needed : max)) {
		r = -EPROTO;
	}
	if (r == 0 && last->inspection) {
		r = copy_inspection(answer, last->inspection);
	}
	if (r == 0 && last->kernel) {
		r = copy_kernel(answer, last->kernel);
	}
	list->applications = answer->applications;
	list->reasons = last->reasons;
	answer->n_needed = last->n_needed;
	return r;
}

struct answer *answer_new(uint32_t max_applications)
{
	struct answer *answer = calloc(1, sizeof(*answer));

	if (answer) {
		answer->gather =
			(struct transport_gather){.on_part = on_part, .on_again = on_again};
		answer->max_applications = max_applications;
		answer->list.kernel_running = "";
		answer->list.kernel_installed = "";
	}
	return answer;
}

void answer_free(struct answer *answer)
{
	if (answer) {
		arena_done(&answer->arena);
		free(answer->applications);
		free(answer->start_filetimes);
		free(answer);
	}
}
