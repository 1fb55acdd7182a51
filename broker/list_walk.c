/* SPDX-License-Identifier: MIT */
/*
 * Walks. A tree that can't be walked leaves the rest of the answer as good as before: it is told
 * as not checked, and the next one begins.
 */
#include "broker/list_walk.h"

#include <errno.h>

#include "proto/codec.h"

#define TREE_TIMEOUT_MS 20000u

static void walk_from(struct list_walk *walk, uint32_t from);

static struct list_walk *walk_of(struct question *question)
{
	return container_of(question, struct list_walk, question);
}

static const char *path_of(const struct list_walk *walk)
{
	return list_targets_path(walk->targets, walk->tree);
}

static void finish(struct list_walk *walk, int error)
{
	scanner_drop(&walk->question);
	walk->on_done(walk, error);
}

static void on_turn(struct question *question)
{
	struct list_walk *walk = walk_of(question);
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__TreeQuery query = RMSCAN__TREE_QUERY__INIT;
	int r;

	query.path = codec_text(path_of(walk));
	request.call_case = RMSCAN__WORKER_REQUEST__CALL_TREE;
	request.tree = &query;
	question->is_sent = true;
	r = scanner_send(question, &request);
	if (r < 0) {
		finish(walk, r);
	}
}

static void tell_incomplete(struct list_walk *walk, const Rmscan__TreeAnswer *last)
{
	if (last->truncated) {
		list_answer_add_unchecked(walk->answer, path_of(walk), E2BIG);
	} else if (last->n_unchecked) {
		list_answer_add_unchecked(walk->answer, path_of(walk), EACCES);
	}
}

static void on_reply(struct question *question, const Rmscan__WorkerReply *reply)
{
	struct list_walk *walk = walk_of(question);
	int r = -EPROTO;

	if (reply->result_case == RMSCAN__WORKER_REPLY__RESULT_TREE) {
		r = list_targets_add_below(walk->targets, walk->tree, &reply->tree->identities);
	}
	if (r == -E2BIG) { /* all trees together */
		list_answer_add_unchecked(walk->answer, path_of(walk), E2BIG);
		finish(walk, 0);
	} else if (r < 0) {
		finish(walk, r);
	} else if (reply->tree->last) {
		tell_incomplete(walk, reply->tree);
		scanner_finish(question);
		walk_from(walk, walk->tree + 1);
	}
}

static void on_failed(struct question *question, int error)
{
	struct list_walk *walk = walk_of(question);

	/* Once more with another worker: what is told twice counts once. */
	if (error == -EPIPE && !walk->has_asked_again) {
		walk->has_asked_again = true;
		walk_from(walk, walk->tree);
		return;
	}
	list_answer_add_unchecked(walk->answer, path_of(walk), -error);
	walk_from(walk, walk->tree + 1);
}

static void walk_from(struct list_walk *walk, uint32_t from)
{
	if (!list_targets_find_tree(walk->targets, from, &walk->tree)) {
		walk->on_done(walk, 0);
		return;
	}
	walk->question = (struct question){
		.lane = list_targets_is_remote(walk->targets, walk->tree) ? LANE_REMOTE
									  : LANE_FILES,
		.timeout_ms = TREE_TIMEOUT_MS,
		.on_turn = on_turn,
		.on_reply = on_reply,
		.on_failed = on_failed,
	};
	scanner_add(walk->scanner, &walk->question);
}

void list_walk_start(struct list_walk *walk, struct scanner *scanner)
{
	walk->scanner = scanner;
	walk_from(walk, 0);
}

void list_walk_cancel(struct list_walk *walk)
{
	scanner_drop(&walk->question);
}
