/* SPDX-License-Identifier: MIT */
/*
 * A lookup is one question to the local file worker, in messages of some hundred paths of which
 * several may be under way, and then one to the remote one for what the first would not touch.
 * Answers come in the order of the paths, so counting them tells which path one is about.
 */
#include "broker/lookup.h"

#include <errno.h>
#include <string.h>

#include "proto/limits.h"

#define CHUNK_PATHS 512u
#define CHUNK_BYTES (64u * 1024u)
/* On a file system that may hang, little is lost with one message. */
#define REMOTE_CHUNK_PATHS 16u
#define LOCAL_TIMEOUT_MS 5000u
#define REMOTE_TIMEOUT_MS 2000u

static struct lookup *lookup_of(struct question *question)
{
	return container_of(question, struct lookup, question);
}

static size_t count_paths(const struct lookup *lookup)
{
	return lookup->is_remote ? lookup->n_remote : lookup->n_paths;
}

static size_t path_index(const struct lookup *lookup, size_t i)
{
	return lookup->is_remote ? lookup->remote[i] : i;
}

static void finish(struct lookup *lookup, int error)
{
	free(lookup->remote);
	lookup->remote = NULL;
	lookup->on_done(lookup, error);
}

/* How many paths go into the next message, and their bytes. */
static size_t measure_chunk(const struct lookup *lookup, size_t *ret_bytes)
{
	size_t max = lookup->is_remote ? REMOTE_CHUNK_PATHS : CHUNK_PATHS;
	size_t bytes = 0;
	size_t n = 0;

	while (n < max && lookup->n_sent + n < count_paths(lookup)) {
		size_t i = path_index(lookup, lookup->n_sent + n);
		size_t size = strlen(lookup->get_path(lookup, i)) + 1;

		if (n && bytes + size > CHUNK_BYTES) {
			break;
		}
		bytes += size;
		n++;
	}
	*ret_bytes = bytes;
	return n;
}

static int send_chunk(struct lookup *lookup)
{
	_cleanup_(freep) char *paths = NULL;
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__FileQuery query = RMSCAN__FILE_QUERY__INIT;
	size_t bytes;
	size_t n = measure_chunk(lookup, &bytes);
	char *at;
	int r;

	paths = malloc(bytes);
	if (!paths) {
		return -ENOMEM;
	}
	at = paths;
	for (size_t i = 0; i < n; i++) {
		at = stpcpy(at, lookup->get_path(lookup, path_index(lookup, lookup->n_sent + i)));
		at++;
	}
	query.paths = (ProtobufCBinaryData){.len = bytes, .data = (uint8_t *)paths};
	query.with_real_paths = lookup->with_real_paths;
	query.with_lease = lookup->with_lease;
	request.call_case = RMSCAN__WORKER_REQUEST__CALL_FILES;
	request.files = &query;
	r = scanner_send(&lookup->question, &request);
	if (r == 0) {
		lookup->n_sent += n;
		lookup->question.is_sent = lookup->n_sent == count_paths(lookup);
	}
	return r;
}

static void give_up(struct lookup *lookup, int error);
static void on_failed(struct question *question, int error);

static void on_turn(struct question *question)
{
	struct lookup *lookup = lookup_of(question);
	int r = send_chunk(lookup);

	if (r < 0) {
		scanner_drop(question);
		give_up(lookup, r);
	}
}

static int add_remote(struct lookup *lookup, size_t i)
{
	int r = array_reserve(&lookup->remote, &lookup->remote_capacity, lookup->n_remote, 64,
			      sizeof(*lookup->remote));

	if (r < 0) {
		return r;
	}
	lookup->remote[lookup->n_remote++] = (uint32_t)i;
	return 0;
}

static void tell_unchecked(struct lookup *lookup, size_t i, int error)
{
	struct file_identity unchecked = {.kind = FILE_UNCHECKED, .error = error};
	const struct found_texts none = {.real = "", .final = ""};

	lookup->on_found(lookup, i, &unchecked, &none);
}

/* Takes one answer; the local worker does not touch what may hang. */
static void take(struct lookup *lookup, const struct file_identity *identity,
		 const struct found_texts *texts)
{
	size_t i = path_index(lookup, lookup->n_answered++);

	if (!lookup->is_remote && identity->kind == FILE_UNCHECKED && identity->error == EREMOTE) {
		if (add_remote(lookup, i) < 0) {
			tell_unchecked(lookup, i, ENOMEM);
		}
		return;
	}
	lookup->on_found(lookup, i, identity, texts);
}

static void ask_remote(struct lookup *lookup);

static void after_answer(struct lookup *lookup)
{
	if (lookup->n_answered < count_paths(lookup)) {
		return;
	}
	scanner_finish(&lookup->question);
	if (!lookup->is_remote && lookup->n_remote) {
		ask_remote(lookup);
	} else {
		finish(lookup, 0);
	}
}

/* Texts of an answer, one after the other; missing ones are "". */
struct text_list {
	const char *at;
	const char *end;
};

static struct text_list text_list_of(const ProtobufCBinaryData *bytes)
{
	const char *at = (const char *)bytes->data;

	return (struct text_list){.at = at, .end = at + bytes->len};
}

static const char *text_list_next(struct text_list *list)
{
	const char *text = list->at;
	const char *nul = text < list->end ? memchr(text, '\0', (size_t)(list->end - text)) : NULL;

	if (!nul) {
		return "";
	}
	list->at = nul + 1;
	return text;
}

static void on_reply(struct question *question, const Rmscan__WorkerReply *reply)
{
	struct lookup *lookup = lookup_of(question);
	const Rmscan__FileAnswer *answer = reply->files;
	struct file_identity identity;
	struct text_list real;
	struct text_list final;
	size_t n;

	if (reply->result_case != RMSCAN__WORKER_REPLY__RESULT_FILES) {
		return;
	}
	real = text_list_of(&answer->real_paths);
	final = text_list_of(&answer->final_paths);
	n = answer->identities.len / sizeof(identity);
	if (n > lookup->n_sent - lookup->n_answered) {
		n = lookup->n_sent - lookup->n_answered;
	}
	for (size_t i = 0; i < n; i++) {
		struct found_texts texts;

		texts.real = text_list_next(&real);
		texts.final = text_list_next(&final);
		memcpy(&identity, answer->identities.data + i * sizeof(identity), sizeof(identity));
		take(lookup, &identity, &texts);
	}
	after_answer(lookup);
}

/* No more answers: from the local worker the other one may still have them. */
static void give_up(struct lookup *lookup, int error)
{
	bool may_ask_other = !lookup->is_remote && error == -ETIMEDOUT;

	if (lookup->n_answered == 0 && !lookup->is_remote && error != -ETIMEDOUT) {
		finish(lookup, error);
		return;
	}
	while (lookup->n_answered < count_paths(lookup)) {
		size_t i = path_index(lookup, lookup->n_answered++);

		if (!may_ask_other || add_remote(lookup, i) < 0) {
			tell_unchecked(lookup, i, error < 0 ? -error : EIO);
		}
	}
	if (!lookup->is_remote && lookup->n_remote) {
		ask_remote(lookup);
	} else {
		finish(lookup, 0);
	}
}

/* Asks for what has no answer yet. */
static void ask(struct lookup *lookup)
{
	lookup->n_sent = lookup->n_answered;
	lookup->question = (struct question){
		.lane = lookup->is_remote ? LANE_REMOTE : LANE_FILES,
		.timeout_ms = lookup->is_remote ? REMOTE_TIMEOUT_MS : LOCAL_TIMEOUT_MS,
		.on_turn = on_turn,
		.on_reply = on_reply,
		.on_failed = on_failed,
	};
	scanner_add(lookup->scanner, &lookup->question);
}

/* A worker that died does not have to take its answers with it: another one is asked, once. */
static void on_failed(struct question *question, int error)
{
	struct lookup *lookup = lookup_of(question);

	if (error == -EPIPE && !lookup->has_asked_again) {
		lookup->has_asked_again = true;
		ask(lookup);
	} else {
		give_up(lookup, error);
	}
}

static void ask_remote(struct lookup *lookup)
{
	lookup->is_remote = true;
	lookup->n_answered = 0;
	ask(lookup);
}

void lookup_start(struct lookup *lookup, struct scanner *scanner)
{
	lookup->scanner = scanner;
	lookup->is_remote = false;
	lookup->has_asked_again = false;
	lookup->n_answered = 0;
	lookup->n_remote = 0;
	lookup->remote_capacity = 0;
	lookup->remote = NULL;
	ask(lookup);
}

void lookup_cancel(struct lookup *lookup)
{
	scanner_drop(&lookup->question);
	free(lookup->remote);
	lookup->remote = NULL;
}
