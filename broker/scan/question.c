/* SPDX-License-Identifier: MIT */
/* Questions: their messages kept as they came, and read when the last one is there. */
#include "broker/scan/question.h"

#include <errno.h>
#include <string.h>

#include "proto/limits.h"

struct scan_question *scan_question_new(Rmscan__WorkerRequest *first)
{
	struct scan_question *question = calloc(1, sizeof(*question));

	if (!question) {
		rmscan__worker_request__free_unpacked(first, NULL);
		return NULL;
	}
	question->token = first->token;
	question->first = first;
	return question;
}

int scan_question_add(struct scan_question *question, Rmscan__WorkerRequest *targets)
{
	size_t n = question->n_targets;

	/* Grown at powers of two. */
	if ((n & (n - 1)) == 0) {
		Rmscan__WorkerRequest **grown =
			reallocarray(question->targets, n ? 2 * n : 1, sizeof(*grown));

		if (!grown) {
			rmscan__worker_request__free_unpacked(targets, NULL);
			return -ENOMEM;
		}
		question->targets = grown;
	}
	question->targets[question->n_targets++] = targets;
	return 0;
}

void scan_question_free(struct scan_question *question)
{
	if (!question) {
		return;
	}
	for (size_t i = 0; i < question->n_targets; i++) {
		rmscan__worker_request__free_unpacked(question->targets[i], NULL);
	}
	rmscan__worker_request__free_unpacked(question->first, NULL);
	free(question->targets);
	free(question);
}

static size_t count_texts(const ProtobufCBinaryData *texts)
{
	size_t n = 0;

	for (size_t i = 0; i < texts->len; i++) {
		n += texts->data[i] == '\0';
	}
	return n;
}

/* Whole texts, one for each path or none at all. */
static bool fits(const ProtobufCBinaryData *texts, const ProtobufCBinaryData *paths)
{
	return texts->len == 0 ||
	       (texts->data[texts->len - 1] == '\0' && count_texts(texts) == count_texts(paths));
}

static bool is_well_formed(const Rmscan__ScanTargets *targets)
{
	const ProtobufCBinaryData *paths = &targets->paths;

	return (paths->len == 0 || paths->data[paths->len - 1] == '\0') &&
	       fits(&targets->real_paths, paths) && fits(&targets->final_paths, paths) &&
	       targets->targets.len % sizeof(struct scan_target) == 0 &&
	       targets->trees.len % sizeof(uint32_t) == 0;
}

static int count(const struct scan_question *question, struct question_targets *targets)
{
	struct match_targets *match = &targets->match;

	for (size_t i = 0; i < question->n_targets; i++) {
		const Rmscan__ScanTargets *message = question->targets[i]->targets;

		if (!is_well_formed(message)) {
			return -EBADMSG;
		}
		match->n_paths += count_texts(&message->paths);
		match->n_targets += message->targets.len / sizeof(struct scan_target);
		targets->n_processes += message->n_processes;
		targets->n_services += message->n_services;
		targets->n_filters += message->n_filters;
	}
	return match->n_paths > 2 * (size_t)MAX_RESOURCES ? -EBADMSG : 0;
}

static int allocate(struct question_targets *targets)
{
	size_t n_paths = targets->match.n_paths + 1;

	targets->paths = calloc(n_paths, sizeof(*targets->paths));
	targets->real_paths = calloc(n_paths, sizeof(*targets->real_paths));
	targets->final_paths = calloc(n_paths, sizeof(*targets->final_paths));
	targets->is_tree = calloc(n_paths, sizeof(*targets->is_tree));
	targets->targets = calloc(targets->match.n_targets + 1, sizeof(*targets->targets));
	targets->processes = calloc(targets->n_processes + 1, sizeof(*targets->processes));
	targets->services = calloc(targets->n_services + 1, sizeof(*targets->services));
	targets->filters = calloc(targets->n_filters + 1, sizeof(*targets->filters));
	return targets->paths && targets->real_paths && targets->final_paths && targets->is_tree &&
			       targets->targets && targets->processes && targets->services &&
			       targets->filters
		       ? 0
		       : -ENOMEM;
}

/* Where the next of each kind goes. */
struct places {
	size_t path;
	size_t target;
	size_t process;
	size_t service;
	size_t filter;
};

static void take_others(const Rmscan__ScanTargets *message, struct question_targets *targets,
			struct places *at)
{
	for (size_t i = 0; i < message->n_processes; i++) {
		targets->processes[at->process++] = message->processes[i];
	}
	for (size_t i = 0; i < message->n_services; i++) {
		targets->services[at->service++] = &message->services[i];
	}
	for (size_t i = 0; i < message->n_filters; i++) {
		targets->filters[at->filter++] = message->filters[i];
	}
}

/* The next of optional texts; NULL: it is empty, or there are none. */
static const char *take_text(const char **at)
{
	const char *text = *at;

	if (!text) {
		return NULL;
	}
	*at += strlen(text) + 1;
	return *text ? text : NULL;
}

static const char *first_text(const ProtobufCBinaryData *texts)
{
	return texts->len ? (const char *)texts->data : NULL;
}

static void take_paths(const Rmscan__ScanTargets *message, struct question_targets *targets,
		       size_t *at)
{
	const char *path = (const char *)message->paths.data;
	const char *end = path + message->paths.len;
	const char *real = first_text(&message->real_paths);
	const char *final = first_text(&message->final_paths);

	for (; path < end; path += strlen(path) + 1) {
		targets->paths[*at] = path;
		targets->real_paths[*at] = take_text(&real);
		targets->final_paths[*at] = take_text(&final);
		(*at)++;
	}
}

static int take_trees(const Rmscan__ScanTargets *message, struct question_targets *targets)
{
	for (size_t i = 0; i < message->trees.len; i += sizeof(uint32_t)) {
		uint32_t path;

		memcpy(&path, message->trees.data + i, sizeof(path));
		if (path >= targets->match.n_paths) {
			return -EBADMSG;
		}
		targets->is_tree[path] = 1;
	}
	return 0;
}

static int take_targets(const Rmscan__ScanTargets *message, struct question_targets *targets,
			size_t *at)
{
	size_t n = message->targets.len / sizeof(struct scan_target);

	if (n) {
		memcpy(&targets->targets[*at], message->targets.data, message->targets.len);
	}
	for (size_t i = 0; i < n; i++, (*at)++) {
		if (targets->targets[*at].path >= targets->match.n_paths) {
			return -EBADMSG;
		}
	}
	return 0;
}

int question_targets_build(const struct scan_question *question,
			   struct question_targets *ret_targets)
{
	struct places at = {0};
	int r;

	*ret_targets = (struct question_targets){0};
	r = count(question, ret_targets);
	if (r == 0) {
		r = allocate(ret_targets);
	}
	for (size_t i = 0; r == 0 && i < question->n_targets; i++) {
		const Rmscan__ScanTargets *message = question->targets[i]->targets;

		take_paths(message, ret_targets, &at.path);
		take_others(message, ret_targets, &at);
		r = take_trees(message, ret_targets);
		if (r == 0) {
			r = take_targets(message, ret_targets, &at.target);
		}
	}
	ret_targets->match.paths = ret_targets->paths;
	ret_targets->match.real_paths = ret_targets->real_paths;
	ret_targets->match.final_paths = ret_targets->final_paths;
	ret_targets->match.is_tree = ret_targets->is_tree;
	ret_targets->match.targets = ret_targets->targets;
	if (r < 0) {
		question_targets_done(ret_targets);
	}
	return r;
}

void question_targets_done(struct question_targets *targets)
{
	free(targets->paths);
	free(targets->real_paths);
	free(targets->final_paths);
	free(targets->is_tree);
	free(targets->targets);
	free(targets->processes);
	free(targets->services);
	free(targets->filters);
	*targets = (struct question_targets){0};
}
