/* SPDX-License-Identifier: MIT */
/*
 * Entries into messages. What strangers chose (names) is made clean text here (A74); paths stay
 * bytes. What is too much to tell is cut, and the numbers say so.
 */
#include "broker/scan/entry_pack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/text.h"

/* One process's part of the message, with all it points to. */
struct packed_process {
	Rm__ApplicationProcess message;
	Rm__ProcessInfo info;
	Rm__ProcessId id;
	char name[MAX_NAME_BYTES + 1];
	Rm__Use *uses;	    /* owned */
	Rm__Use **use_list; /* owned */
};

struct packed {
	Rm__Application message;
	Rm__ProcessInfo info;
	Rm__ProcessId id;
	char name[MAX_NAME_BYTES + 1];
	char comm[MAX_NAME_BYTES + 1];
	char unit[MAX_UNIT_BYTES + sizeof("user:")];
	struct packed_process *processes;      /* owned */
	Rm__ApplicationProcess **process_list; /* owned */
	size_t n_processes;
};

static void packed_done(struct packed *packed)
{
	for (size_t i = 0; i < packed->n_processes; i++) {
		free(packed->processes[i].uses);
		free(packed->processes[i].use_list);
	}
	free(packed->processes);
	free(packed->process_list);
}

static void fill_info(const struct process_facts *facts, const char *name, Rm__ProcessId *id,
		      Rm__ProcessInfo *info)
{
	rm__process_id__init(id);
	rm__process_info__init(info);
	id->pid = (uint32_t)facts->pid;
	id->start_time = facts->start_time;
	info->id = id;
	info->uid = facts->uid;
	info->name = codec_text(name);
}

static void clean_name(const char *bytes, char ret_name[MAX_NAME_BYTES + 1])
{
	(void)text_clean(bytes, strlen(bytes), ret_name, MAX_NAME_BYTES + 1);
}

static void fill_use(const struct use *use, const char *const *paths, Rm__Use *message)
{
	rm__use__init(message);
	message->kind = use->kind;
	if (use->path != USE_NO_PATH) {
		message->path = codec_text(paths[use->path]);
	}
	message->fd = use->fd;
	message->deleted = use->is_deleted;
	message->claimed = use->is_claimed;
	if (use->actual) {
		message->actual = codec_text(use->actual);
	}
}

static int fill_uses(const struct hit *hit, const struct entry_pack_options *options,
		     struct packed_process *process)
{
	size_t n = hit->n_uses < MAX_LISTED_USES ? hit->n_uses : MAX_LISTED_USES;

	process->message.total_uses = (uint32_t)hit->n_uses;
	if (!options->with_uses || n == 0) {
		return 0;
	}
	process->uses = calloc(n, sizeof(*process->uses));
	process->use_list = calloc(n, sizeof(*process->use_list));
	if (!process->uses || !process->use_list) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		fill_use(&hit->uses[i], options->paths, &process->uses[i]);
		process->use_list[i] = &process->uses[i];
	}
	process->message.uses = process->use_list;
	process->message.n_uses = n;
	return 0;
}

static int fill_processes(const struct entry *entry, const struct entry_pack_options *options,
			  struct packed *packed)
{
	size_t n =
		entry->n_members < MAX_LISTED_PROCESSES ? entry->n_members : MAX_LISTED_PROCESSES;
	int r = 0;

	packed->message.total_processes = (uint32_t)entry->n_members;
	if (options->is_brief) {
		return 0;
	}
	packed->processes = calloc(n, sizeof(*packed->processes));
	packed->process_list = calloc(n, sizeof(*packed->process_list));
	if (!packed->processes || !packed->process_list) {
		return -ENOMEM;
	}
	for (; r == 0 && packed->n_processes < n; packed->n_processes++) {
		const struct member *member = entry->members[packed->n_processes];
		struct packed_process *process = &packed->processes[packed->n_processes];

		rm__application_process__init(&process->message);
		clean_name(process_facts_name(member->facts), process->name);
		fill_info(member->facts, process->name, &process->id, &process->info);
		process->message.process = &process->info;
		packed->process_list[packed->n_processes] = &process->message;
		r = fill_uses(member->hit, options, process);
	}
	packed->message.processes = packed->process_list;
	packed->message.n_processes = packed->n_processes;
	return r;
}

/* The name is looked for once for as long as the process does not run. */
static void find_name(const struct entry *entry, const struct display_places *places,
		      char ret_name[MAX_NAME_BYTES + 1])
{
	struct notes *notes = notes_of(entry->main->hit->process);

	if (notes && notes->name) {
		(void)stpcpy(ret_name, notes->name);
		return;
	}
	display_name_find(places, entry->main->facts, ret_name);
	if (notes) {
		notes->name = strdup(ret_name); /* without memory it is looked for again */
	}
}

static void fill_unit(const struct process_facts *facts, struct packed *packed)
{
	const struct cgroup_facts *cgroup = &facts->cgroup;
	const char *unit = cgroup->service[0] ? cgroup->service : cgroup->scope;
	char clean[MAX_UNIT_BYTES + 1];

	(void)text_clean(unit, strlen(unit), clean, sizeof(clean));
	(void)snprintf(packed->unit, sizeof(packed->unit), "%s%s",
		       cgroup->is_user && clean[0] ? "user:" : "", clean);
	packed->message.unit = codec_text(packed->unit);
	if (packed->message.type == APPLICATION_SERVICE ||
	    (cgroup->service[0] && !cgroup->is_app_service)) {
		packed->message.service = codec_text(packed->unit + (cgroup->is_user ? 5 : 0));
	}
}

static int fill(const struct entry *entry, const struct entry_pack_options *options,
		struct packed *packed)
{
	const struct application *application = &entry->application;
	const struct process_facts *facts = entry->main->facts;
	Rm__Application *message = &packed->message;

	rm__application__init(message);
	clean_name(facts->comm, packed->comm);
	fill_info(facts, packed->comm, &packed->id, &packed->info);
	find_name(entry, options->places, packed->name);
	message->process = &packed->info;
	message->name = codec_text(packed->name);
	message->type = application->type;
	message->status = entry->status;
	message->ts_session = application->ts_session;
	message->restartable = application->is_restartable;
	message->reasons = application->reasons;
	message->executable = codec_text(facts->exe && !options->is_brief ? facts->exe : "");
	message->why = codec_text(application->why);
	message->why_not_restartable = codec_text(application->why_not_restartable);
	message->container = codec_text(application->container_name);
	message->policy = codec_text(application->policy_file ? application->policy_file : "");
	fill_unit(facts, packed);
	return fill_processes(entry, options, packed);
}

int entry_pack(const struct entry *entry, const struct entry_pack_options *options,
	       struct frame_buffer *buffer)
{
	_cleanup_(packed_done) struct packed packed = {0};
	int r = fill(entry, options, &packed);

	return r < 0 ? r : codec_pack_application(&packed.message, buffer);
}
