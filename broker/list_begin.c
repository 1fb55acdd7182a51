/* SPDX-License-Identifier: MIT */
/*
 * The beginning of a question, in messages of some hundred entries each, so that one turn of the
 * loop stays short whatever was registered.
 */
#include "broker/list_begin.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "broker/broker.h"
#include "broker/clock_base.h"
#include "broker/listing.h"
#include "broker/resource.h"
#include "broker/session.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/procfs.h"

#define CHUNK_ENTRIES 128u
/* The workers and what they replace, with room. */
#define MAX_HIDDEN 32u

static int copy_filter(const struct filter *filter, struct listed_filter *ret_filter)
{
	*ret_filter = (struct listed_filter){
		.kind = filter->target.kind,
		.action = filter->action,
		.pid = filter->target.pid,
		.start_filetime = filter->target.start_filetime,
	};
	if (filter->target.text) {
		ret_filter->text = strdup(filter->target.text);
		return ret_filter->text ? 0 : -ENOMEM;
	}
	return 0;
}

/* Those by executable first, as they are looked up. */
static int copy_filters(struct list_begin *begin, const struct filter_list *list, bool executables)
{
	const struct filter *filter;
	int r = 0;

	DL_FOREACH(list->filters, filter) {
		if (r == 0 && (filter->target.kind == FILTER_EXECUTABLE) == executables) {
			r = copy_filter(filter, &begin->filters[begin->n_filters++]);
		}
	}
	return r;
}

int list_begin_init(struct list_begin *begin, struct broker *broker, struct session *session,
		    const struct listing_options *options)
{
	int r;

	*begin = (struct list_begin){
		.broker = broker,
		.session = session,
		.anew = options->anew,
		.with_uses = options->with_uses,
		.with_idle = listing_wants_leases(options),
	};
	if (!session) {
		return 0;
	}
	begin->n_processes = resource_count(session->resources, RESOURCE_PROCESS);
	begin->n_services = resource_count(session->resources, RESOURCE_SERVICE);
	begin->filters = calloc(session->filters.n + 1, sizeof(*begin->filters));
	if (!begin->filters) {
		return -ENOMEM;
	}
	r = copy_filters(begin, &session->filters, true);
	begin->n_executables = begin->n_filters;
	return r < 0 ? r : copy_filters(begin, &session->filters, false);
}

void list_begin_done(struct list_begin *begin)
{
	for (uint32_t i = 0; i < begin->n_filters; i++) {
		free(begin->filters[i].text);
	}
	free(begin->filters);
}

const char *list_begin_executable(const struct list_begin *begin, uint32_t i)
{
	return begin->filters[i].text;
}

void list_begin_found(struct list_begin *begin, uint32_t i, const struct file_identity *identity)
{
	begin->filters[i].executable = *identity;
}

/* ---- messages ---- */

static void set_identity(Rmscan__Identity *identity, const struct process_id *id)
{
	rmscan__identity__init(identity);
	identity->pid = (uint32_t)id->pid;
	identity->start_time = id->start_time;
}

struct head {
	Rmscan__WorkerRequest request;
	Rmscan__ScanBegin message;
	Rmscan__Identity primary;
	Rmscan__Identity joined[MAX_JOINS];
	Rmscan__Identity *joined_list[MAX_JOINS];
	Rmscan__Identity hidden[MAX_HIDDEN];
	Rmscan__Identity *hidden_list[MAX_HIDDEN];
};

static void fill_hidden(const struct list_begin *begin, struct head *head)
{
	pid_t pids[MAX_HIDDEN] = {getpid()};
	unsigned int n = 1 + scanner_pids(&begin->broker->scanner, pids + 1, MAX_HIDDEN - 1);

	for (unsigned int i = 0; i < n; i++) {
		rmscan__identity__init(&head->hidden[i]);
		head->hidden[i].pid = (uint32_t)pids[i]; /* ours: nobody else has them now */
		head->hidden_list[i] = &head->hidden[i];
	}
	head->message.hidden = head->hidden_list;
	head->message.n_hidden = n;
}

static void fill_callers(const struct session *session, struct head *head)
{
	size_t n = 0;

	set_identity(&head->primary, &session->owner->id);
	head->message.primary = &head->primary;
	for (const struct join *join = session->joins; join && n < MAX_JOINS; join = join->next) {
		set_identity(&head->joined[n], &join->process->id);
		head->joined_list[n] = &head->joined[n];
		n++;
	}
	head->message.joined = head->joined_list;
	head->message.n_joined = n;
}

/* The words of NeverStop=; NULL without memory, or when there are none. */
static ProtobufCBinaryData *copy_never_stop(const struct broker *broker, size_t *ret_n)
{
	char **words = broker->config.never_stop;
	ProtobufCBinaryData *fields;
	size_t n = 0;

	while (words && words[n]) {
		n++;
	}
	fields = n ? calloc(n, sizeof(*fields)) : NULL;
	for (size_t i = 0; fields && i < n; i++) {
		fields[i] = codec_text(words[i]);
	}
	*ret_n = fields ? n : 0;
	return fields;
}

static int send_head(struct list_begin *begin, struct question *question)
{
	_cleanup_(freep) struct head *head = malloc(sizeof(*head));
	_cleanup_(freep) ProtobufCBinaryData *never_stop = NULL;

	if (!head) {
		return -ENOMEM;
	}
	rmscan__worker_request__init(&head->request);
	rmscan__scan_begin__init(&head->message);
	head->message.anew = begin->anew;
	head->message.is_stale_question = !begin->session;
	head->message.with_uses = begin->with_uses;
	head->message.with_idle = begin->with_idle;
	never_stop = copy_never_stop(begin->broker, &head->message.n_never_stop);
	if (!never_stop && begin->broker->config.never_stop && *begin->broker->config.never_stop) {
		return -ENOMEM;
	}
	head->message.never_stop = never_stop;
	fill_hidden(begin, head);
	if (begin->session) {
		fill_callers(begin->session, head);
	}
	head->request.call_case = RMSCAN__WORKER_REQUEST__CALL_BEGIN;
	head->request.begin = &head->message;
	begin->is_begun = true;
	return scanner_send(question, &head->request);
}

struct chunk {
	Rmscan__WorkerRequest request;
	Rmscan__ScanTargets message;
	Rmscan__Identity identities[CHUNK_ENTRIES];
	Rmscan__Identity *identity_list[CHUNK_ENTRIES];
	ProtobufCBinaryData services[CHUNK_ENTRIES];
	Rmscan__FilterRule rules[CHUNK_ENTRIES];
	Rmscan__FilterRule *rule_list[CHUNK_ENTRIES];
};

/* Dead ones are left out; of the others the worker sees whether they are the same. */
static void fill_processes(struct list_begin *begin, struct chunk *chunk)
{
	size_t n = 0;

	while (n < CHUNK_ENTRIES && begin->processes_sent < begin->n_processes) {
		const struct resource_process *process =
			resource_process_at(begin->session->resources, begin->processes_sent++);
		struct process_id id = {.pid = (pid_t)process->pid,
					.start_time = process->start_time};

		if (!process->flags) {
			set_identity(&chunk->identities[n], &id);
			chunk->identity_list[n] = &chunk->identities[n];
			n++;
		}
	}
	chunk->message.processes = chunk->identity_list;
	chunk->message.n_processes = n;
}

static void fill_services(struct list_begin *begin, struct chunk *chunk)
{
	size_t n = 0;

	while (n < CHUNK_ENTRIES && begin->services_sent < begin->n_services) {
		chunk->services[n++] = codec_text(
			resource_service_name(begin->session->resources, begin->services_sent++));
	}
	chunk->message.services = chunk->services;
	chunk->message.n_services = n;
}

/* Callers compute start times each in their own way (A19): the living process decides. */
static bool find_process(const struct list_begin *begin, const struct listed_filter *filter,
			 struct process_id *ret_id)
{
	const struct clock_base *clock = &begin->broker->store.clock;
	struct procfs_stat stat;

	if (filter->pid > INT32_MAX ||
	    procfs_read_stat(begin->broker->processes.proc_fd, (pid_t)filter->pid, &stat) < 0 ||
	    !clock_base_matches(clock, filter->start_filetime, stat.start_time,
				clock_base_now(clock))) {
		return false;
	}
	*ret_id = (struct process_id){.pid = (pid_t)filter->pid, .start_time = stat.start_time};
	return true;
}

static bool fill_rule(const struct list_begin *begin, const struct listed_filter *filter,
		      Rmscan__FilterRule *rule, Rmscan__Identity *identity)
{
	struct process_id id;

	rmscan__filter_rule__init(rule);
	rule->action = filter->action;
	switch (filter->kind) {
	case FILTER_EXECUTABLE:
		rule->executable = codec_text(filter->text);
		rule->device = filter->executable.device;
		rule->inode = filter->executable.inode;
		return true;
	case FILTER_SERVICE:
		rule->service = codec_text(filter->text);
		return true;
	case FILTER_PROCESS:
		if (find_process(begin, filter, &id)) {
			set_identity(identity, &id);
			rule->process = identity;
			return true;
		}
		return false; /* nobody has this identity now */
	case _FILTER_KIND_COUNT:
		break;
	}
	return false;
}

static void fill_filters(struct list_begin *begin, struct chunk *chunk)
{
	size_t n = 0;
	size_t bytes = 0;

	while (n < CHUNK_ENTRIES && bytes < MAX_FRAME_BYTES / 4 &&
	       begin->filters_sent < begin->n_filters) {
		const struct listed_filter *filter = &begin->filters[begin->filters_sent++];

		if (fill_rule(begin, filter, &chunk->rules[n], &chunk->identities[n])) {
			chunk->rule_list[n] = &chunk->rules[n];
			bytes += filter->text ? strlen(filter->text) : 0;
			n++;
		}
	}
	chunk->message.filters = chunk->rule_list;
	chunk->message.n_filters = n;
}

static bool has_more(const struct list_begin *begin)
{
	return begin->filters_sent < begin->n_filters ||
	       begin->processes_sent < begin->n_processes ||
	       begin->services_sent < begin->n_services;
}

/* One kind a message: they share the memory for identities. */
static int send_chunk(struct list_begin *begin, struct question *question)
{
	_cleanup_(freep) struct chunk *chunk = malloc(sizeof(*chunk));

	if (!chunk) {
		return -ENOMEM;
	}
	rmscan__worker_request__init(&chunk->request);
	rmscan__scan_targets__init(&chunk->message);
	if (begin->processes_sent < begin->n_processes) {
		fill_processes(begin, chunk);
	} else if (begin->services_sent < begin->n_services) {
		fill_services(begin, chunk);
	} else {
		fill_filters(begin, chunk);
	}
	chunk->request.call_case = RMSCAN__WORKER_REQUEST__CALL_TARGETS;
	chunk->request.targets = &chunk->message;
	return scanner_send(question, &chunk->request);
}

int list_begin_send(struct list_begin *begin, struct question *question)
{
	int r = begin->is_begun ? 0 : send_head(begin, question);

	if (r == 0 && has_more(begin)) {
		r = send_chunk(begin, question);
	}
	return r < 0 ? r : has_more(begin);
}

void list_begin_rewind(struct list_begin *begin)
{
	begin->is_begun = false;
	begin->filters_sent = 0;
	begin->processes_sent = 0;
	begin->services_sent = 0;
}
