/* SPDX-License-Identifier: MIT */
/*
 * The file worker. It keeps nothing of a question but its table of mounts, which it looks at once a
 * question and reads again when it meets a mount that is not in it. Memory does not grow with a
 * question: answers leave in pieces.
 */
#include "broker/scan/file_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "broker/scan/file_identity.h"
#include "broker/scan/lease.h"
#include "broker/scan/tree_walk.h"

/* Real and final paths in one answer; with one path more and the identities it stays below a frame. */
#define MAX_REAL_PATH_BYTES (512u * 1024u)

int file_worker_new(bool may_touch_remote, struct file_worker **ret_worker)
{
	_cleanup_(closep) int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(freep) struct file_worker *worker = NULL;
	int r;

	if (proc_fd < 0) {
		return negative_errno();
	}
	worker = calloc(1, sizeof(*worker));
	if (!worker) {
		return -ENOMEM;
	}
	r = mount_watch_init(proc_fd, "self/mountinfo", &worker->mounts);
	if (r < 0) {
		return r;
	}
	resolver_init(&worker->resolver, &worker->mounts.table, may_touch_remote);
	*ret_worker = TAKE_PTR(worker);
	return 0;
}

struct file_worker *file_worker_free(struct file_worker *worker)
{
	if (worker) {
		resolver_done(&worker->resolver);
		mount_watch_done(&worker->mounts);
		frame_buffer_done(&worker->real_paths);
		frame_buffer_done(&worker->final_paths);
		free(worker);
	}
	return NULL;
}

static void file_worker_freep(struct file_worker **worker)
{
	*worker = file_worker_free(*worker);
}

/* What was known of names and mounts may be over. */
static int begin(struct file_worker *worker)
{
	int r = mount_watch_refresh(&worker->mounts, false);

	worker->has_reread = false;
	worker->n_found = 0;
	worker->real_paths.size = 0;
	worker->final_paths.size = 0;
	resolver_reset(&worker->resolver);
	return r < 0 ? r : 0;
}

static int find(struct file_worker *worker, const char *path, struct file_identity *ret_identity,
		struct place *ret_place)
{
	int r = file_identity_read(&worker->resolver, path, ret_identity, ret_place);

	if (r == -EAGAIN && !worker->has_reread) {
		worker->has_reread = true;
		if (mount_watch_refresh(&worker->mounts, true) < 0) {
			return 0; /* then it is the guess */
		}
		place_done(ret_place);
		resolver_reset(&worker->resolver);
		r = file_identity_read(&worker->resolver, path, ret_identity, ret_place);
	}
	return r == -EAGAIN ? 0 : r;
}

/* ---- files ---- */

static int send_files(struct file_worker *worker, struct worker_link *link, uint64_t token)
{
	Rmscan__WorkerReply reply = RMSCAN__WORKER_REPLY__INIT;
	Rmscan__FileAnswer answer = RMSCAN__FILE_ANSWER__INIT;

	reply.token = token;
	reply.result_case = RMSCAN__WORKER_REPLY__RESULT_FILES;
	reply.files = &answer;
	answer.identities.data = (uint8_t *)worker->found;
	answer.identities.len = worker->n_found * sizeof(worker->found[0]);
	answer.real_paths.data = worker->real_paths.data;
	answer.real_paths.len = worker->real_paths.size;
	answer.final_paths.data = worker->final_paths.data;
	answer.final_paths.len = worker->final_paths.size;
	worker->n_found = 0;
	worker->real_paths.size = 0;
	worker->final_paths.size = 0;
	return worker_link_send(link, &reply);
}

/* Where the path leads, if its last name is a symbolic link. */
static const char *final_path(const struct file_identity *identity, const struct place *place)
{
	if (identity->kind == FILE_MISSING || identity->kind == FILE_UNCHECKED) {
		return "";
	}
	return strcmp(place->real, place->real_path) == 0 ? "" : place->real;
}

static int add_texts(struct file_worker *worker, const struct file_identity *identity,
		     const struct place *place, const char *path)
{
	const char *real = strcmp(place->real_path, path) == 0 ? "" : place->real_path;
	const char *final = final_path(identity, place);
	int r = frame_buffer_append(&worker->real_paths, real, strlen(real) + 1);

	return r < 0 ? r : frame_buffer_append(&worker->final_paths, final, strlen(final) + 1);
}

/* Adds what is known of a path to the answer. */
static int add_file(struct file_worker *worker, const Rmscan__FileQuery *query, const char *path)
{
	struct file_identity *identity = &worker->found[worker->n_found];
	struct place place;
	int r = find(worker, path, identity, &place);

	if (r == 0 && query->with_lease) {
		lease_probe(place.directory_fd, place.name, identity);
	}
	if (r == 0 && query->with_real_paths) {
		r = add_texts(worker, identity, &place, path);
	}
	place_done(&place);
	worker->n_found += r == 0;
	return r;
}

/* Absolute paths, each with its NUL. */
static bool are_paths(const ProtobufCBinaryData *paths)
{
	const uint8_t *end = paths->data + paths->len;

	for (const uint8_t *at = paths->data; at < end;) {
		const uint8_t *nul = memchr(at, '\0', (size_t)(end - at));

		if (!nul || *at != '/') {
			return false;
		}
		at = nul + 1;
	}
	return paths->len > 0;
}

static int answer_paths(struct file_worker *worker, struct worker_link *link, uint64_t token,
			const Rmscan__FileQuery *query)
{
	const char *path = (const char *)query->paths.data;
	const char *end = path + query->paths.len;
	int r = 0;

	for (; r == 0 && path < end; path += strlen(path) + 1) {
		r = add_file(worker, query, path);
		if (r < 0) {
			return worker_link_fail(link, token, r);
		}
		if (worker->n_found == FILE_WORKER_CHUNK ||
		    worker->real_paths.size + worker->final_paths.size > MAX_REAL_PATH_BYTES) {
			r = send_files(worker, link, token);
		}
	}
	resolver_reset(&worker->resolver); /* an open directory keeps its file system mounted */
	return r == 0 && worker->n_found ? send_files(worker, link, token) : r;
}

int file_worker_answer_files(struct file_worker *worker, struct worker_link *link, uint64_t token,
			     const Rmscan__FileQuery *query)
{
	int r = are_paths(&query->paths) ? begin(worker) : -EBADMSG;

	return r < 0 ? worker_link_fail(link, token, r) : answer_paths(worker, link, token, query);
}

/* ---- trees ---- */

struct tree_question {
	struct worker_link *link;
	uint64_t token;
	bool is_broken; /* the link */
};

static int send_tree(struct tree_question *question, Rmscan__TreeAnswer *answer)
{
	Rmscan__WorkerReply reply = RMSCAN__WORKER_REPLY__INIT;
	int r;

	reply.token = question->token;
	reply.result_case = RMSCAN__WORKER_REPLY__RESULT_TREE;
	reply.tree = answer;
	r = worker_link_send(question->link, &reply);
	question->is_broken = r < 0;
	return r;
}

static int on_found(const struct file_identity *found, size_t n, void *userdata)
{
	Rmscan__TreeAnswer answer = RMSCAN__TREE_ANSWER__INIT;

	answer.identities.data = (uint8_t *)(uintptr_t)found;
	answer.identities.len = n * sizeof(*found);
	return send_tree(userdata, &answer);
}

static bool is_cancelled(void *userdata)
{
	const struct tree_question *question = userdata;

	return worker_link_is_cancelled(question->link, question->token);
}

static int walk(struct file_worker *worker, struct tree_question *question, const char *path)
{
	struct tree_walk_options options = {
		.mounts = &worker->mounts.table,
		.may_touch_remote = worker->resolver.may_touch_remote,
		.on_found = on_found,
		.is_cancelled = is_cancelled,
		.userdata = question,
	};
	Rmscan__TreeAnswer answer = RMSCAN__TREE_ANSWER__INIT;
	struct tree_walk_result result;
	struct file_identity root;
	struct place place;
	int r = find(worker, path, &root, &place);

	if (r == 0) {
		r = root.error == EREMOTE ? -EREMOTE : tree_walk(&options, &place, &root, &result);
	}
	place_done(&place);
	resolver_reset(&worker->resolver);
	if (r < 0) {
		return r;
	}
	answer.last = true;
	answer.n_unchecked = result.n_unchecked;
	answer.truncated = result.truncated;
	return send_tree(question, &answer);
}

int file_worker_answer_tree(struct file_worker *worker, struct worker_link *link, uint64_t token,
			    const Rmscan__TreeQuery *query)
{
	struct tree_question question = {.link = link, .token = token};
	char path[MAX_PATH_BYTES];
	int r = begin(worker);

	if (query->path.len == 0 || query->path.len >= sizeof(path) || query->path.data[0] != '/' ||
	    memchr(query->path.data, '\0', query->path.len)) {
		return worker_link_fail(link, token, -EBADMSG);
	}
	memcpy(path, query->path.data, query->path.len);
	path[query->path.len] = '\0';
	if (r == 0) {
		r = walk(worker, &question, path);
	}
	if (r < 0 && !question.is_broken) {
		r = worker_link_fail(link, token, r);
	}
	return r;
}

/* ---- the process ---- */

static int answer(struct file_worker *worker, struct worker_link *link,
		  const Rmscan__WorkerRequest *request)
{
	switch ((int)request->call_case) {
	case RMSCAN__WORKER_REQUEST__CALL_FILES:
		return file_worker_answer_files(worker, link, request->token, request->files);
	case RMSCAN__WORKER_REQUEST__CALL_TREE:
		return file_worker_answer_tree(worker, link, request->token, request->tree);
	case RMSCAN__WORKER_REQUEST__CALL_CANCEL:
		return 0; /* too late: it has its answer */
	default:
		return worker_link_fail(link, request->token, -ENOSYS);
	}
}

int file_worker_run(int fd, bool may_touch_remote)
{
	_cleanup_(worker_link_done) struct worker_link link = {.fd = fd};
	_cleanup_(file_worker_freep) struct file_worker *worker = NULL;
	Rmscan__WorkerRequest *request;
	int r = file_worker_new(may_touch_remote, &worker);

	while (r == 0) {
		r = worker_link_receive(&link, &request);
		if (r == 0) {
			r = answer(worker, &link, request);
			rmscan__worker_request__free_unpacked(request, NULL);
		}
	}
	return r;
}
