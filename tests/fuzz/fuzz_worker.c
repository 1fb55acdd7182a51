/* SPDX-License-Identifier: MIT */
/*
 * What the broker and its workers say to each other: frames of WorkerRequests, put together to a
 * question as the scan worker does, and of WorkerReplies, kept and sent on as the broker does.
 * Each payload is read as both.
 */
#include <errno.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/list_answer.h"
#include "broker/list_targets.h"
#include "broker/listing.h"
#include "broker/scan/path_table.h"
#include "broker/scan/question.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"

/* ---- to the scan worker ---- */

struct found {
	uint32_t path;
	bool is_there;
};

static void on_found(uint32_t path, void *userdata)
{
	struct found *found = userdata;

	found->is_there |= path == found->path;
}

/* Each path is found by each of its texts, as a file or as a tree. */
static void check_path(const struct path_table *table, uint32_t path)
{
	const struct match_targets *targets = table->targets;

	for (unsigned int form = 0; form < PATH_FORMS; form++) {
		const char *text = path_table_text(targets, path, form);
		struct found found = {.path = path};

		require(form || text);
		if (!text) {
			continue;
		}
		path_table_find(table, text, on_found, &found);
		require(found.is_there || targets->is_tree[path]);
		require(!targets->is_tree[path] || !*text ||
			path_table_find_tree(table, text) != UINT32_MAX);
	}
}

static void check_targets(const struct question_targets *targets)
{
	const struct match_targets *match = &targets->match;
	struct path_table table;

	require(match->n_paths <= 2 * (size_t)MAX_RESOURCES);
	for (size_t i = 0; i < match->n_targets; i++) {
		require(match->targets[i].path < match->n_paths);
	}
	for (size_t i = 0; i < targets->n_processes; i++) {
		require(targets->processes[i]);
	}
	for (size_t i = 0; i < targets->n_services; i++) {
		require(targets->services[i]);
	}
	for (size_t i = 0; i < targets->n_filters; i++) {
		require(targets->filters[i]);
	}
	require(path_table_init(&table, match) == 0);
	for (size_t i = 0; i < match->n_paths && i < 256; i++) {
		check_path(&table, (uint32_t)i);
	}
	path_table_done(&table);
}

static void take_request(struct scan_question **question, const uint8_t *payload, size_t size)
{
	Rmscan__WorkerRequest *request = rmscan__worker_request__unpack(NULL, size, payload);

	if (!request) {
		return;
	}
	if (request->call_case == RMSCAN__WORKER_REQUEST__CALL_BEGIN) {
		scan_question_free(*question);
		*question = scan_question_new(request);
		require(*question);
	} else if (*question && request->call_case == RMSCAN__WORKER_REQUEST__CALL_TARGETS) {
		require(scan_question_add(*question, request) == 0);
	} else {
		rmscan__worker_request__free_unpacked(request, NULL);
	}
}

static void run_question(struct scan_question *question)
{
	struct question_targets targets;
	int r;

	if (!question) {
		return;
	}
	r = question_targets_build(question, &targets);
	require(r == 0 || r == -EBADMSG);
	if (r == 0) {
		check_targets(&targets);
		question_targets_done(&targets);
	}
	require(!targets.paths && !targets.targets && !targets.match.n_paths);
	scan_question_free(question);
}

/* ---- to the broker ---- */

static struct broker broker;
static size_t n_sent;

/* What is sent on must be what a client takes. */
static int send_to_client(struct call_sink *sink, const Rm__Reply *reply)
{
	struct frame_buffer buffer = {0};
	struct codec_arena arena;
	Rm__Reply *unpacked = NULL;
	const uint8_t *payload;
	size_t size;

	(void)sink;
	require(codec_pack_reply(reply, &buffer) == 0);
	require(frame_next(buffer.data, buffer.size, &payload, &size) == 1);
	require(codec_unpack_reply(&arena, payload, size, &unpacked) == 0 && unpacked);
	n_sent += unpacked->applications->n_applications;
	codec_free_reply(&arena, unpacked);
	frame_buffer_done(&buffer);
	return 0;
}

static bool is_clear(const struct call_sink *sink)
{
	(void)sink;
	return true;
}

static void on_process(pid_t pid, uint64_t start_time, void *userdata)
{
	(void)start_time;
	(*(size_t *)userdata)++;
	require(pid > 0);
}

static void send_answer(const struct list_answer *answer)
{
	struct call_sink sink = {.send = send_to_client, .is_clear = is_clear};
	struct call call = {.broker = &broker, .sink = &sink, .id = 1, .state = CALL_RUNNING};
	size_t n_processes = 0;
	size_t at = 0;
	int r;

	(void)list_answer_for_processes(answer, on_process, &n_processes);
	n_sent = 0;
	do {
		r = list_answer_send_part(answer, &call, &at, UINT32_MAX);
		require(r >= 0);
	} while (r == 1);
	require(n_sent == answer->n_applications);
	list_answer_send_totals(answer, &call);
	require(call.state == CALL_IDLE);
}

/* The size of what follows a wrong number of bytes is not the broker's to guess. */
static void take_tree(struct list_targets *targets, const Rmscan__TreeAnswer *tree)
{
	int r = list_targets_add_below(targets, 0, &tree->identities);

	require(r == 0 || r == -EPROTO);
	require((r == 0) == (tree->identities.len % sizeof(struct file_identity) == 0));
}

/* As a listing does: 0; 1: that was all; -errno: the listing fails. */
static int take_reply(struct list_answer *answer, struct list_targets *targets,
		      const uint8_t *payload, size_t size)
{
	Rmscan__WorkerReply *reply = rmscan__worker_reply__unpack(NULL, size, payload);
	int r = 0;

	if (!reply) {
		return 0;
	}
	if (reply->result_case == RMSCAN__WORKER_REPLY__RESULT_PART) {
		r = list_answer_add(answer, reply->part);
	} else if (reply->result_case == RMSCAN__WORKER_REPLY__RESULT_DONE) {
		r = list_answer_finish(answer, reply->done);
		r = r < 0 ? r : 1;
	} else if (reply->result_case == RMSCAN__WORKER_REPLY__RESULT_TREE) {
		take_tree(targets, reply->tree);
	}
	rmscan__worker_reply__free_unpacked(reply, NULL);
	require(r >= 0 || r == -EPROTO || r == -ENOMEM);
	return r;
}

/* ---- both ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct listing_options options = {.capacity = UINT32_MAX, .with_uses = true};
	struct list_answer *answer = list_answer_new(true);
	struct list_targets *targets = NULL;
	struct scan_question *question = NULL;
	const uint8_t *payload;
	size_t payload_size;
	size_t at = 0;
	int r = 0;

	require(answer);
	clock_base_restore(UINT64_C(132223104000000000), &broker.store.clock);
	require(list_targets_new(&broker, NULL, &options, &targets) == 0);
	while (frame_next(data + at, size - at, &payload, &payload_size) > 0) {
		at += FRAME_HEADER_BYTES + payload_size;
		take_request(&question, payload, payload_size);
		if (r == 0) {
			r = take_reply(answer, targets, payload, payload_size);
		}
	}
	if (r == 1) {
		list_answer_add_unchecked(answer, "/a\xff", ETIMEDOUT);
		list_answer_add_unseen(answer, "/b");
		send_answer(answer);
		list_answer_forget(answer);
		require(answer->n_applications == 0 && !answer->inspection);
	}
	run_question(question);
	list_targets_free(targets);
	list_answer_free(answer);
	return 0;
}
