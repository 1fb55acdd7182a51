/* SPDX-License-Identifier: MIT */
/*
 * The question of one listing. Texts are borrowed from the session, whose entries only grow; of
 * the rest a copy is taken, so registrations and filters of the meantime are not seen.
 */
#include "broker/list_targets.h"

#include <errno.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/list_begin.h"
#include "broker/listing.h"
#include "broker/lookup.h"
#include "broker/resource.h"
#include "broker/session.h"
#include "broker/store_resource.h"
#include "proto/codec.h"
#include "proto/limits.h"

/* One message to the worker. */
#define CHUNK_BYTES (128u * 1024u)
#define CHUNK_TARGETS (CHUNK_BYTES / (uint32_t)sizeof(struct scan_target))

struct found_path {
	char *real_path;  /* owned, NULL: the same */
	char *final_path; /* owned, NULL: the same */
	struct file_identity identity;
};

enum stage {
	STAGE_BEGIN,
	STAGE_PATHS,
	STAGE_TARGETS,
	STAGE_RUN,
};

struct list_targets {
	struct broker *broker;	 /* borrowed */
	struct session *session; /* borrowed, or NULL */
	struct list_begin begin;
	uint32_t n_files;
	struct found_path *found;    /* owned: files, then filters' executables */
	struct scan_target *targets; /* owned */
	size_t n_targets;
	size_t capacity;
	uint32_t directory;	   /* a file that is one, or UINT32_MAX */
	struct file_seen seen[64]; /* to be remembered with the session */
	size_t n_seen;
	int error; /* the first one: -errno */
	enum stage stage;
	uint32_t paths_sent;
	size_t targets_sent;
};

int list_targets_new(struct broker *broker, struct session *session,
		     const struct listing_options *options, struct list_targets **ret_targets)
{
	struct list_targets *targets = calloc(1, sizeof(*targets));
	int r;

	if (!targets) {
		return -ENOMEM;
	}
	targets->broker = broker;
	targets->session = session;
	targets->directory = UINT32_MAX;
	targets->n_files = session ? resource_count(session->resources, RESOURCE_FILE) : 0;
	r = list_begin_init(&targets->begin, broker, session, options);
	if (r == 0) {
		targets->found = calloc(list_targets_count(targets) + 1, sizeof(*targets->found));
		r = targets->found ? 0 : -ENOMEM;
	}
	if (r < 0) {
		list_targets_free(targets);
		return r;
	}
	*ret_targets = targets;
	return 0;
}

void list_targets_free(struct list_targets *targets)
{
	if (!targets) {
		return;
	}
	for (size_t i = 0; targets->found && i < list_targets_count(targets); i++) {
		free(targets->found[i].real_path);
		free(targets->found[i].final_path);
	}
	free(targets->found);
	free(targets->targets);
	list_begin_done(&targets->begin);
	free(targets);
}

size_t list_targets_count(const struct list_targets *targets)
{
	return targets->n_files + targets->begin.n_executables;
}

uint32_t list_targets_count_files(const struct list_targets *targets)
{
	return targets->n_files;
}

const char *list_targets_path(const struct list_targets *targets, uint32_t i)
{
	return i < targets->n_files ? resource_file_path(targets->session->resources, i)
				    : list_begin_executable(&targets->begin, i - targets->n_files);
}

bool list_targets_is_file(const struct list_targets *targets, uint32_t i)
{
	return i < targets->n_files;
}

static bool is_tree(const struct list_targets *targets, uint32_t i)
{
	return i < targets->n_files && resource_file_is_tree(targets->session->resources, i);
}

static int add_target(struct list_targets *targets, const struct file_identity *file, uint32_t path,
		      uint32_t flags)
{
	int r = array_reserve(&targets->targets, &targets->capacity, targets->n_targets, 64,
			      sizeof(*targets->targets));

	if (r < 0) {
		return r;
	}
	targets->targets[targets->n_targets++] =
		(struct scan_target){.file = *file, .path = path, .flags = flags};
	return 0;
}

/* What the path names now, and what it named before. Of one that can't be looked at now nobody
 * can say that it is another than the latest that is known. */
static int add_file(struct list_targets *targets, uint32_t i)
{
	const struct file_identity *now = &targets->found[i].identity;
	struct file_identity known[MAX_FILE_IDENTITIES];
	unsigned int n = resource_file_identities(targets->session->resources, i, known);
	unsigned int latest = now->kind != FILE_UNCHECKED ? n : n > 1 ? 1 : 0;
	int r = add_target(targets, now, i, TARGET_CURRENT);

	for (unsigned int k = 0; r == 0 && k < n; k++) {
		uint32_t flags = TARGET_VERIFY | (k == latest ? TARGET_CURRENT : 0);

		if (known[k].kind != FILE_MISSING && known[k].kind != FILE_UNCHECKED &&
		    !file_identity_is_same(&known[k], now)) {
			r = add_target(targets, &known[k], i, flags);
		}
	}
	return r;
}

/* Identities that are new are remembered with the session, before it is answered (A14). */
static int remember_seen(struct list_targets *targets)
{
	size_t n = targets->n_seen;

	targets->n_seen = 0;
	return n ? store_files_seen(&targets->broker->store, targets->session, targets->seen, n)
		 : 0;
}

static int see(struct list_targets *targets, uint32_t i)
{
	const struct file_identity *now = &targets->found[i].identity;

	if (!resource_file_is_news(targets->session->resources, i, now)) {
		return 0;
	}
	targets->seen[targets->n_seen++] = (struct file_seen){.i = i, .identity = *now};
	return targets->n_seen == ARRAY_SIZE(targets->seen) ? remember_seen(targets) : 0;
}

void list_targets_found(struct list_targets *targets, uint32_t i,
			const struct file_identity *identity, const struct found_texts *texts)
{
	struct found_path *found = &targets->found[i];
	int r = 0;

	found->identity = *identity;
	if (*texts->real) {
		found->real_path = strdup(texts->real);
		r = found->real_path ? 0 : -ENOMEM;
	}
	if (*texts->final) {
		found->final_path = strdup(texts->final);
		r = found->final_path ? r : -ENOMEM;
	}
	if (i >= targets->n_files) {
		list_begin_found(&targets->begin, i - targets->n_files, identity);
	} else {
		if (identity->kind == FILE_DIRECTORY && !is_tree(targets, i) &&
		    targets->directory == UINT32_MAX) {
			targets->directory = i;
		}
		r = r < 0 ? r : add_file(targets, i);
		r = r < 0 ? r : see(targets, i);
	}
	targets->error = targets->error < 0 ? targets->error : r;
}

int list_targets_complete(struct list_targets *targets)
{
	return targets->error < 0 ? targets->error : remember_seen(targets);
}

const char *list_targets_directory(const struct list_targets *targets)
{
	return targets->directory == UINT32_MAX ? NULL
						: list_targets_path(targets, targets->directory);
}

bool list_targets_find_tree(const struct list_targets *targets, uint32_t from, uint32_t *ret_tree)
{
	for (uint32_t i = from; i < targets->n_files; i++) {
		if (is_tree(targets, i) && targets->found[i].identity.kind == FILE_DIRECTORY) {
			*ret_tree = i;
			return true;
		}
	}
	return false;
}

bool list_targets_is_remote(const struct list_targets *targets, uint32_t i)
{
	return targets->found[i].identity.flags & FILE_ON_REMOTE;
}

int list_targets_add_below(struct list_targets *targets, uint32_t tree,
			   const ProtobufCBinaryData *identities)
{
	struct file_identity file;
	int r = identities->len % sizeof(file) ? -EPROTO : 0;

	for (size_t i = 0; r == 0 && i < identities->len / sizeof(file); i++) {
		if (targets->n_targets > 2 * (size_t)MAX_RESOURCES) {
			return -E2BIG;
		}
		memcpy(&file, identities->data + i * sizeof(file), sizeof(file));
		r = add_target(targets, &file, tree, TARGET_CURRENT | TARGET_TREE);
	}
	return r;
}

static bool may_probe(const struct list_targets *targets, uint32_t i)
{
	const struct file_identity *file;

	if (i >= targets->n_files) {
		return false;
	}
	file = &targets->found[i].identity;
	return file->kind == FILE_REGULAR && !(file->flags & (FILE_ON_REMOTE | FILE_ON_OVERLAY));
}

/* A probe takes 4 us and makes others' non-blocking opens fail meanwhile. */
#define MAX_PROBES 8192u

bool list_targets_find_probes(const struct list_targets *targets, const ProtobufCBinaryData *paths,
			      uint32_t **ret_probes, size_t *ret_n)
{
	_cleanup_(freep) uint32_t *probes = malloc(MAX_PROBES * sizeof(*probes));
	size_t n = 0;

	for (size_t i = 0; probes && i < paths->len / sizeof(*probes); i++) {
		uint32_t path;

		memcpy(&path, paths->data + i * sizeof(path), sizeof(path));
		if (!may_probe(targets, path)) {
			continue;
		}
		if (n == MAX_PROBES) {
			return true;
		}
		probes[n++] = path;
	}
	*ret_probes = TAKE_PTR(probes);
	*ret_n = n;
	return false;
}

/* ---- sending ---- */

/* Appends a text with its NUL. */
static int append_text(struct frame_buffer *buffer, const char *text)
{
	return frame_buffer_append(buffer, text, strlen(text) + 1);
}

struct path_chunk {
	struct frame_buffer paths;
	struct frame_buffer real_paths;
	struct frame_buffer final_paths;
	struct frame_buffer trees;
};

static void path_chunk_done(struct path_chunk *chunk)
{
	frame_buffer_done(&chunk->paths);
	frame_buffer_done(&chunk->real_paths);
	frame_buffer_done(&chunk->final_paths);
	frame_buffer_done(&chunk->trees);
}

static int fill_paths(struct list_targets *targets, struct path_chunk *chunk)
{
	int r = 0;

	while (r == 0 && targets->paths_sent < targets->n_files &&
	       chunk->paths.size < CHUNK_BYTES && chunk->real_paths.size < CHUNK_BYTES &&
	       chunk->final_paths.size < CHUNK_BYTES) {
		uint32_t i = targets->paths_sent++;
		const char *real_path = targets->found[i].real_path;
		const char *final_path = targets->found[i].final_path;

		r = append_text(&chunk->paths, list_targets_path(targets, i));
		if (r == 0) {
			r = append_text(&chunk->real_paths, real_path ? real_path : "");
		}
		if (r == 0) {
			r = append_text(&chunk->final_paths, final_path ? final_path : "");
		}
		if (r == 0 && is_tree(targets, i)) {
			r = frame_buffer_append(&chunk->trees, &i, sizeof(i));
		}
	}
	return r;
}

static int send_paths(struct list_targets *targets, struct question *question)
{
	_cleanup_(path_chunk_done) struct path_chunk chunk = {0};
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__ScanTargets message = RMSCAN__SCAN_TARGETS__INIT;
	int r = fill_paths(targets, &chunk);

	if (r < 0) {
		return r;
	}
	message.paths = codec_bytes(chunk.paths.data, chunk.paths.size);
	message.real_paths = codec_bytes(chunk.real_paths.data, chunk.real_paths.size);
	message.final_paths = codec_bytes(chunk.final_paths.data, chunk.final_paths.size);
	message.trees = codec_bytes(chunk.trees.data, chunk.trees.size);
	request.call_case = RMSCAN__WORKER_REQUEST__CALL_TARGETS;
	request.targets = &message;
	return scanner_send(question, &request);
}

static int send_targets(struct list_targets *targets, struct question *question)
{
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__ScanTargets message = RMSCAN__SCAN_TARGETS__INIT;
	size_t n = targets->n_targets - targets->targets_sent;

	n = n < CHUNK_TARGETS ? n : CHUNK_TARGETS;
	message.targets = codec_bytes(&targets->targets[targets->targets_sent],
				      n * sizeof(*targets->targets));
	targets->targets_sent += n;
	request.call_case = RMSCAN__WORKER_REQUEST__CALL_TARGETS;
	request.targets = &message;
	return scanner_send(question, &request);
}

static int send_run(struct question *question)
{
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__ScanRun run = RMSCAN__SCAN_RUN__INIT;

	request.call_case = RMSCAN__WORKER_REQUEST__CALL_RUN;
	request.run = &run;
	question->is_sent = true;
	return scanner_send(question, &request);
}

/* Targets name paths, so the paths go first. Small questions go in one turn. */
int list_targets_send(struct list_targets *targets, struct question *question)
{
	int r = 0;

	if (targets->stage == STAGE_BEGIN) {
		r = list_begin_send(&targets->begin, question);
		if (r) {
			return r < 0 ? r : 0;
		}
		targets->stage = STAGE_PATHS;
	}
	if (r == 0 && targets->stage == STAGE_PATHS) {
		if (targets->paths_sent < targets->n_files) {
			r = send_paths(targets, question);
		}
		if (targets->paths_sent < targets->n_files) {
			return r;
		}
		targets->stage = STAGE_TARGETS;
	}
	if (r == 0 && targets->stage == STAGE_TARGETS) {
		if (targets->targets_sent < targets->n_targets) {
			r = send_targets(targets, question);
		}
		if (targets->targets_sent < targets->n_targets) {
			return r;
		}
		targets->stage = STAGE_RUN;
	}
	return r < 0 ? r : send_run(question);
}

void list_targets_rewind(struct list_targets *targets)
{
	targets->stage = STAGE_BEGIN;
	targets->paths_sent = 0;
	targets->targets_sent = 0;
	list_begin_rewind(&targets->begin);
}
