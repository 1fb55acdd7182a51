/* SPDX-License-Identifier: MIT */
/*
 * A question from its messages to its answer. What outlives questions is kept here: the index,
 * the policy files, this namespace's mounts. Everything else is made anew for each.
 */
#include "broker/scan/answer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "broker/scan/answer_send.h"
#include "broker/scan/display_name.h"
#include "broker/scan/entries.h"
#include "broker/scan/mount_watch.h"
#include "broker/scan/question.h"
#include "broker/services.h"
#include "proto/clock.h"
#include "proto/codec.h"
#include "proto/procfs.h"

struct answerer {
	struct scan_loop_options options;
	struct scan_index *index;
	struct scan_pool *pool; /* owned: reads the facts of who hits */
	struct policy *policy;
	uint64_t policy_reading; /* from 1 */
	struct machine_facts *machine;
	struct mount_watch mounts;
	struct application_context application;
	struct display_places places;
	uint64_t mount_namespace;
};

static int open_parts(struct answerer *answerer)
{
	const struct scan_loop_options *options = &answerer->options; /* lives as long */
	struct index_options index = {
		.proc_fd = options->proc_fd,
		.n_threads = options->n_threads,
		.text_maps = options->text_maps,
		.free_cached = notes_free,
		.skipped = options->skipped,
		.n_skipped = options->n_skipped,
	};
	struct policy_options policy = {0};
	struct machine_options machine = {.proc_fd = options->proc_fd, .root = ""};
	int r;

	r = procfs_read_namespace(options->proc_fd, getpid(), "mnt", &answerer->mount_namespace);
	if (r == 0) {
		r = mount_watch_init(options->proc_fd, "self/mountinfo", &answerer->mounts);
	}
	if (r == 0) {
		r = scan_index_new(&index, &answerer->index);
	}
	if (r == 0) {
		r = scan_pool_new(options->n_threads, &answerer->pool);
	}
	if (r == 0) {
		r = policy_new(&policy, &answerer->policy);
	}
	if (r == 0) {
		r = machine_facts_new(&machine, &answerer->machine);
	}
	application_context_init(&answerer->application, options->proc_fd, options->is_system);
	display_places_init(&answerer->places, options->is_system);
	return r;
}

int answerer_new(const struct scan_loop_options *options, struct answerer **ret_answerer)
{
	struct answerer *answerer = calloc(1, sizeof(*answerer));
	int r;

	if (!answerer) {
		return -ENOMEM;
	}
	answerer->options = *options;
	answerer->mounts.fd = -1;
	answerer->policy_reading = 1;
	r = open_parts(answerer);
	if (r < 0) {
		answerer_free(answerer);
		return r;
	}
	*ret_answerer = answerer;
	return 0;
}

void answerer_free(struct answerer *answerer)
{
	if (answerer) {
		(void)scan_index_free(answerer->index);
		(void)scan_pool_free(answerer->pool);
		(void)policy_free(answerer->policy);
		(void)machine_facts_free(answerer->machine);
		mount_watch_done(&answerer->mounts);
		free(answerer);
	}
}

/* ---- what is affected without using a file ---- */

static int add_processes(struct answerer *answerer, const struct question_targets *targets,
			 struct hits *hits)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < targets->n_processes; i++) {
		const Rmscan__Identity *identity = targets->processes[i];
		struct index_process *process =
			scan_index_find(answerer->index, (pid_t)identity->pid);
		struct use use = {.kind = USE_REGISTERED_PROCESS, .path = USE_NO_PATH};

		if (process && process->start_time == identity->start_time) {
			r = hits_add_use(hits, process, &use);
		}
	}
	return r;
}

static bool is_of_service(const struct process_facts *facts, const ProtobufCBinaryData *service)
{
	struct service_name name;

	return facts->cgroup.service[0] && facts->cgroup.container == CONTAINER_NONE &&
	       services_parse_name((const char *)service->data, service->len, &name) == 0 &&
	       services_name_matches(&name, facts->cgroup.service, facts->cgroup.is_user);
}

/* Every process of a registered service, by its cgroup. */
static int add_services(struct answerer *answerer, const struct question_targets *targets,
			const atomic_bool *cancelled, struct hits *hits)
{
	size_t n = 0;
	struct index_process *processes = scan_index_processes(answerer->index, &n);

	for (size_t i = 0; targets->n_services && i < n; i++) {
		struct index_process *process = &processes[i];
		struct use use = {.kind = USE_REGISTERED_SERVICE, .path = USE_NO_PATH};
		const struct process_facts *facts;
		int r = notes_read_facts(process, answerer->options.proc_fd, &facts);

		if (atomic_load_explicit(cancelled, memory_order_relaxed)) {
			return -ECANCELED;
		}
		for (size_t s = 0; r == 0 && s < targets->n_services; s++) {
			if (is_of_service(facts, targets->services[s])) {
				r = hits_add_use(hits, process, &use);
				break;
			}
		}
		if (r == -ENOMEM) {
			return r;
		}
	}
	return 0;
}

/* ---- the question ---- */

static int find_hits(struct answerer *answerer, const Rmscan__ScanBegin *begin,
		     const struct question_targets *targets, const atomic_bool *cancelled,
		     struct hits *ret_hits)
{
	struct match_context context = {
		.index = answerer->index,
		.proc_fd = answerer->options.proc_fd,
		.mount_namespace = answerer->mount_namespace,
		.mounts = &answerer->mounts.table,
		.uid = geteuid(),
		.cancelled = cancelled,
	};
	int r = begin->is_stale_question ? match_find_stale(&context, ret_hits)
					 : match_find(&context, &targets->match, ret_hits);

	if (r == 0) {
		r = add_processes(answerer, targets, ret_hits);
	}
	return r < 0 ? r : add_services(answerer, targets, cancelled, ret_hits);
}

static int build_self(const struct answerer *answerer, const Rmscan__ScanBegin *begin,
		      struct self_set *ret_self)
{
	_cleanup_(freep) struct self_member *callers = NULL;

	callers = calloc(begin->n_joined + 1, sizeof(*callers));
	if (!callers) {
		return -ENOMEM;
	}
	if (begin->primary) {
		callers[0] = (struct self_member){.pid = (pid_t)begin->primary->pid,
						  .start_time = begin->primary->start_time};
	}
	for (size_t i = 0; i < begin->n_joined; i++) {
		callers[i + 1] = (struct self_member){.pid = (pid_t)begin->joined[i]->pid,
						      .start_time = begin->joined[i]->start_time};
	}
	return self_set_build(answerer->options.proc_fd, callers, begin->n_joined + 1, ret_self);
}

static int build_entries(struct answerer *answerer, const Rmscan__ScanBegin *begin,
			 const struct question_targets *targets, const struct hits *hits,
			 const atomic_bool *cancelled, struct entries *ret_entries)
{
	_cleanup_(self_set_done) struct self_set self = {0};
	struct entries_context context = {
		.index = answerer->index,
		.proc_fd = answerer->options.proc_fd,
		.pool = answerer->pool,
		.machine = answerer->machine,
		.policy = answerer->policy,
		.policy_reading = answerer->policy_reading,
		.application = &answerer->application,
		.self = &self,
		.begin = begin,
		.filters = targets->filters,
		.n_filters = targets->n_filters,
		.cancelled = cancelled,
	};
	int r = build_self(answerer, begin, &self);

	return r < 0 ? r : entries_build(&context, hits, ret_entries);
}

/* Decisions that were kept point into the files as they were. */
static int refresh_policy(struct answerer *answerer)
{
	int r = policy_refresh(answerer->policy);

	answerer->policy_reading += r > 0;
	return r;
}

static int prepare(struct answerer *answerer, const Rmscan__ScanBegin *begin,
		   const atomic_bool *cancelled, struct index_counts *ret_counts)
{
	int r = refresh_policy(answerer);

	if (r < 0) {
		return r;
	}
	machine_facts_reset(answerer->machine);
	r = mount_watch_refresh(&answerer->mounts, false);
	if (r < 0) {
		return r;
	}
	return scan_index_refresh(answerer->index, begin->anew, cancelled, ret_counts);
}

static int answer_scan(struct answerer *answerer, struct worker_link *link,
		       const struct scan_question *question, const atomic_bool *cancelled)
{
	_cleanup_(question_targets_done) struct question_targets targets = {0};
	_cleanup_(hits_done) struct hits hits = {0};
	_cleanup_(entries_done) struct entries entries = {0};
	const Rmscan__ScanBegin *begin = question->first->begin;
	struct answer_parts parts = {
		.token = question->token,
		.begin = begin,
		.index = answerer->index,
		.machine = answerer->machine,
		.places = &answerer->places,
		.targets = &targets.match,
		.hits = &hits,
		.entries = &entries,
		.started_us = clock_monotonic_us(),
	};
	int r = question_targets_build(question, &targets);

	if (r == 0) {
		r = prepare(answerer, begin, cancelled, &parts.counts);
	}
	if (r == 0) {
		r = find_hits(answerer, begin, &targets, cancelled, &hits);
	}
	if (r == 0) {
		r = build_entries(answerer, begin, &targets, &hits, cancelled, &entries);
	}
	return r < 0 ? worker_link_fail(link, question->token, -r) : answer_send(link, &parts);
}

static int answer_policy(struct answerer *answerer, struct worker_link *link,
			 const struct scan_question *question)
{
	const ProtobufCBinaryData *field = &question->first->policy->name;
	_cleanup_(freep) char *name = calloc(field->len + 1, 1);
	Rmscan__WorkerReply reply = RMSCAN__WORKER_REPLY__INIT;
	Rmscan__PolicyFound found = RMSCAN__POLICY_FOUND__INIT;
	struct policy_decision decision;

	if (!name || refresh_policy(answerer) < 0) {
		return worker_link_fail(link, question->token, ENOMEM);
	}
	if (field->len) {
		memcpy(name, field->data, field->len);
	}
	policy_find_name(answerer->policy, name, &decision);
	if (decision.file) {
		found.file = codec_text(decision.file);
		found.rule = codec_text(decision.rule);
		found.effect = codec_text(decision.is_critical ? "critical" : "not critical");
	}
	reply.token = question->token;
	reply.result_case = RMSCAN__WORKER_REPLY__RESULT_POLICY;
	reply.policy = &found;
	return worker_link_send(link, &reply);
}

int answerer_run(struct answerer *answerer, struct worker_link *link,
		 const struct scan_question *question, const atomic_bool *cancelled)
{
	return question->first->call_case == RMSCAN__WORKER_REQUEST__CALL_POLICY
		       ? answer_policy(answerer, link, question)
		       : answer_scan(answerer, link, question, cancelled);
}
