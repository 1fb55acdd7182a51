/* SPDX-License-Identifier: MIT */
/*
 * Registering: everything is checked before anything is sent, then it goes out in parts of one
 * request id, which the broker commits with the last one. Each part is filled from the caller's
 * arrays when its turn comes, so a registration of any size takes the memory of one part.
 *
 * A broker that was restarted in between has forgotten the parts it had and answers 776; then
 * all of it is said again.
 */
#include "client/resource.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "client/exchange.h"
#include "client/state.h"
#include "proto/status.h"
#include "proto/text.h"

/* One part, and where the next begins. */
struct part {
	enum resource_kind kind; /* of the next entry */
	size_t index;
	uint32_t number;
	uint32_t n_skipped;
	size_t n[_RESOURCE_KIND_COUNT]; /* in this part */
	size_t n_entries;
	size_t used;
	ProtobufCBinaryData texts[MAX_PART_ENTRIES]; /* in `bytes`, kind by kind */
	Rm__ProcessRef processes[MAX_PART_ENTRIES];
	Rm__ProcessRef *references[MAX_PART_ENTRIES];
	char bytes[MAX_PART_BYTES];
};

/* ---- checks ---- */

/* Reads one text that may be sent. 0; -ENOENT: it is to be skipped; 160. */
static int read_text(const struct resource_source *source, enum resource_kind kind, size_t index,
		     char *ret_text, size_t *ret_length)
{
	size_t size = kind == RESOURCE_SERVICE ? MAX_UNIT_BYTES + 1 : MAX_PATH_BYTES;
	ssize_t n = source->read_text(source, kind, index, ret_text, size);

	if (n == -ENOENT) {
		return -ENOENT;
	}
	if (n <= 0) {
		return STATUS_BAD_ARGUMENTS;
	}
	*ret_length = (size_t)n;
	if (kind == RESOURCE_SERVICE) {
		return text_is_clean(ret_text, (size_t)n) ? 0 : STATUS_BAD_ARGUMENTS;
	}
	return ret_text[0] == '/' ? 0 : STATUS_BAD_ARGUMENTS;
}

static int read_process(const struct resource_source *source, size_t index,
			Rm__ProcessRef *ret_process)
{
	rm__process_ref__init(ret_process);
	source->read_process(source, index, ret_process);
	return ret_process->pid > 0 && ret_process->pid < UINT32_MAX ? 0 : STATUS_BAD_ARGUMENTS;
}

static int check_entry(const struct resource_source *source, enum resource_kind kind, size_t index)
{
	Rm__ProcessRef process;
	char text[MAX_PATH_BYTES];
	size_t length;
	int r;

	if (kind == RESOURCE_PROCESS) {
		return read_process(source, index, &process);
	}
	r = read_text(source, kind, index, text, &length);
	return r == -ENOENT ? 0 : r;
}

static int check_entries(const struct resource_source *source)
{
	for (enum resource_kind kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		for (size_t i = 0; i < source->n[kind]; i++) {
			int r = check_entry(source, kind, i);

			if (r) {
				return r;
			}
		}
	}
	return 0;
}

/* A count that nobody can mean is seen before its array is touched (A13). */
static bool is_too_many(const struct resource_source *source)
{
	for (enum resource_kind kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		if (source->n[kind] > MAX_RESOURCES) {
			return true;
		}
	}
	return false;
}

/* ---- parts ---- */

/* Adds the entry that the part is at. -ENOSPC: it has to wait for the next part. */
static int add_entry(struct part *part, const struct resource_source *source)
{
	char *text = part->bytes + part->used;
	size_t n_processes = part->n[RESOURCE_PROCESS];
	size_t length;
	int r;

	if (part->n_entries == MAX_PART_ENTRIES ||
	    sizeof(part->bytes) - part->used < MAX_PATH_BYTES) {
		return -ENOSPC;
	}
	if (part->kind == RESOURCE_PROCESS) {
		part->references[n_processes] = &part->processes[n_processes];
		r = read_process(source, part->index, &part->processes[n_processes]);
	} else {
		r = read_text(source, part->kind, part->index, text, &length);
		if (r == -ENOENT) {
			part->n_skipped++;
			return 0;
		}
	}
	if (r) {
		return r;
	}
	if (part->kind != RESOURCE_PROCESS) {
		part->texts[part->n_entries] = codec_bytes(text, length);
		part->used += length + 1;
	}
	part->n[part->kind]++;
	part->n_entries++;
	return 0;
}

/* Fills the next part. `ret_last`: nothing is left. */
static int fill(struct part *part, const struct resource_source *source, bool *ret_last)
{
	memset(part->n, 0, sizeof(part->n));
	part->n_entries = 0;
	part->used = 0;
	*ret_last = false;
	for (; part->kind < _RESOURCE_KIND_COUNT; part->kind++, part->index = 0) {
		for (; part->index < source->n[part->kind]; part->index++) {
			int r = add_entry(part, source);

			if (r) {
				return r == -ENOSPC ? 0 : r;
			}
		}
	}
	*ret_last = true;
	return 0;
}

static int send_part(const struct rm_session *session, struct part *part, bool is_last,
		     const uint8_t *request_id, const struct deadline *deadline)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__Register message = RM__REGISTER__INIT;
	struct transport_reply reply;
	int r;

	message.request_id = codec_bytes(request_id, REQUEST_ID_BYTES);
	message.session = session->id;
	message.join = session->join;
	message.key = session_key_field(session);
	message.part = part->number++;
	message.last = is_last;
	message.skipped = is_last ? part->n_skipped : 0;
	message.n_files = part->n[RESOURCE_FILE];
	message.files = part->texts;
	message.n_trees = part->n[RESOURCE_TREE];
	message.trees = message.files + message.n_files;
	message.n_services = part->n[RESOURCE_SERVICE];
	message.services = message.trees + message.n_trees;
	message.n_processes = part->n[RESOURCE_PROCESS];
	message.processes = part->references;
	request.call_case = RM__REQUEST__CALL_REGISTER_RESOURCES;
	request.register_resources = &message;
	r = session_call_with(&request, deadline, NULL, &reply);
	transport_reply_done(&reply);
	return r;
}

/* From the first part to the last. 776: the broker has forgotten the parts before this one. */
static int send_all(const struct rm_session *session, const struct resource_source *source,
		    struct part *part, const uint8_t *request_id, const struct deadline *deadline)
{
	bool is_last;
	int r;

	part->kind = RESOURCE_FILE;
	part->index = 0;
	part->number = 0;
	part->n_skipped = 0;
	do {
		r = fill(part, source, &is_last);
		if (r == 0) {
			r = send_part(session, part, is_last, request_id, deadline);
		}
	} while (r == 0 && !is_last);
	return r;
}

static int send_until(const struct rm_session *session, const struct resource_source *source,
		      struct part *part)
{
	const struct timespec pause = {.tv_nsec = RECONNECT_INTERVAL_MS * 1000000L};
	struct deadline deadline = deadline_begin();
	uint8_t request_id[REQUEST_ID_BYTES];
	int r;

	if (state_make_request_id(request_id) < 0) {
		return STATUS_OUTOFMEMORY;
	}
	for (;;) {
		r = send_all(session, source, part, request_id, &deadline);
		if (r != STATUS_REQUEST_OUT_OF_SEQUENCE || part->number < 2) {
			return r;
		}
		if (!deadline_left_ms(&deadline)) {
			return STATUS_SEM_TIMEOUT;
		}
		(void)nanosleep(&pause, NULL); /* a signal only makes it shorter */
	}
}

int resource_register(const struct rm_session *session, const struct resource_source *source)
{
	bool too_many = is_too_many(source);
	_cleanup_(freep) struct part *part = NULL;
	int r = too_many ? 0 : check_entries(source);

	if (r) {
		return r;
	}
	r = session ? session_check(session) : STATUS_INVALID_HANDLE;
	if (r) {
		return r;
	}
	if (too_many) {
		return STATUS_WRITE_FAULT;
	}
	part = malloc(sizeof(*part));
	return part ? send_until(session, source, part) : STATUS_OUTOFMEMORY;
}

/* ---- the native face ---- */

struct native_source {
	struct resource_source source;
	const struct rm_resources *resources; /* borrowed: the caller's */
};

static const struct rm_resources *resources_of(const struct resource_source *source)
{
	return ((const struct native_source *)(const void *)source)->resources;
}

static ssize_t read_native(const struct resource_source *source, enum resource_kind kind,
			   size_t index, char *ret_text, size_t ret_size)
{
	const struct rm_resources *resources = resources_of(source);
	const char *const *texts = kind == RESOURCE_FILE   ? resources->files
				   : kind == RESOURCE_TREE ? resources->trees
							   : resources->services;
	size_t n;

	if (!texts[index]) {
		return -EINVAL;
	}
	n = strnlen(texts[index], ret_size);
	if (n == ret_size) {
		return -ENAMETOOLONG;
	}
	memcpy(ret_text, texts[index], n);
	ret_text[n] = '\0';
	return (ssize_t)n;
}

static void read_native_process(const struct resource_source *source, size_t index,
				Rm__ProcessRef *ret_process)
{
	const struct rm_process_id *id = &resources_of(source)->processes[index];

	ret_process->pid = id->pid;
	ret_process->start_time = id->start_time;
}

int rm_session_register(struct rm_session *session, const struct rm_resources *resources)
{
	struct native_source native = {
		.source = {.read_text = read_native, .read_process = read_native_process},
		.resources = resources,
	};

	if (!session || !resources || (resources->n_files && !resources->files) ||
	    (resources->n_trees && !resources->trees) ||
	    (resources->n_services && !resources->services) ||
	    (resources->n_processes && !resources->processes)) {
		return STATUS_BAD_ARGUMENTS;
	}
	native.source.n[RESOURCE_FILE] = resources->n_files;
	native.source.n[RESOURCE_TREE] = resources->n_trees;
	native.source.n[RESOURCE_SERVICE] = resources->n_services;
	native.source.n[RESOURCE_PROCESS] = resources->n_processes;
	return resource_register(session, &native.source);
}
