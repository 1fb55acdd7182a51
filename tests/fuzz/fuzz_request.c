/* SPDX-License-Identifier: MIT */
/* A request's payload as a client may send it: what codec_unpack_request() lets through. */
#include <string.h>

#include "proto/codec.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/message.h"

/* What unpacked packs again, and unpacks to the same. */
static void check_again(const Rm__Request *request)
{
	struct codec_arena arena;
	struct frame_buffer buffer = {0};
	Rm__Request *again = NULL;
	const uint8_t *payload;
	size_t size;

	require(codec_pack_request(request, &buffer) == 0);
	payload = message_payload(&request->base, &buffer, &size);
	if (message_is_readable(&request->base)) {
		require(codec_unpack_request(&arena, payload, size, &again) == 0 && again);
		require(message_equal(&request->base, &again->base));
		codec_free_request(&arena, again);
	}
	frame_buffer_done(&buffer);
}

static void check_process(const Rm__ProcessId *id)
{
	require(!id || (id->pid > 0 && id->pid <= INT32_MAX));
}

static void check_key(const ProtobufCBinaryData *key)
{
	char copy[MAX_NAME_BYTES + 1];

	require(key->len <= MAX_NAME_BYTES);
	codec_copy_text(key, copy, sizeof(copy));
	require(strlen(copy) == key->len);
	require(key->len == 0 || memcmp(copy, key->data, key->len) == 0);
}

static void check_path(const ProtobufCBinaryData *path)
{
	require(path->len > 0 && path->len < MAX_PATH_BYTES && path->data[0] == '/');
	require(!memchr(path->data, '\0', path->len));
}

static void check_unit(const ProtobufCBinaryData *unit)
{
	require(unit->len > 0 && unit->len <= MAX_UNIT_BYTES);
	check_key(unit);
}

static void check_ref(const Rm__ProcessRef *ref)
{
	require(ref->pid != 0 && ref->pid != UINT32_MAX);
}

static void check_register(const Rm__Register *part)
{
	require(part->request_id.len == REQUEST_ID_BYTES);
	require(part->n_files + part->n_trees + part->n_processes + part->n_services <=
		MAX_PART_ENTRIES);
	check_key(&part->key);
	for (size_t i = 0; i < part->n_files; i++) {
		check_path(&part->files[i]);
	}
	for (size_t i = 0; i < part->n_trees; i++) {
		check_path(&part->trees[i]);
	}
	for (size_t i = 0; i < part->n_processes; i++) {
		check_ref(part->processes[i]);
	}
	for (size_t i = 0; i < part->n_services; i++) {
		check_unit(&part->services[i]);
	}
}

static void check_target(const Rm__FilterTarget *target)
{
	require(target);
	if (target->executable.len) {
		require(!target->process && target->service.len == 0);
		check_path(&target->executable);
	} else if (target->service.len) {
		require(!target->process);
		check_unit(&target->service);
	} else {
		require(target->process);
		check_ref(target->process);
	}
}

static void check_listing_call(const Rm__Request *request)
{
	if (request->call_case == RM__REQUEST__CALL_REGISTER_RESOURCES) {
		check_register(request->register_resources);
	} else if (request->call_case == RM__REQUEST__CALL_LIST_APPLICATIONS) {
		check_key(&request->list_applications->key);
	} else if (request->call_case == RM__REQUEST__CALL_ADD_FILTER) {
		check_key(&request->add_filter->key);
		require(request->add_filter->filter);
		check_target(request->add_filter->filter->target);
		require(request->add_filter->filter->action - 1 < 2);
	} else if (request->call_case == RM__REQUEST__CALL_REMOVE_FILTER) {
		require(request->remove_filter->request_id.len == REQUEST_ID_BYTES);
		check_key(&request->remove_filter->key);
		check_target(request->remove_filter->target);
	} else if (request->call_case == RM__REQUEST__CALL_LIST_FILTERS) {
		check_key(&request->list_filters->key);
	} else if (request->call_case == RM__REQUEST__CALL_GET_POLICY) {
		check_unit(&request->get_policy->name);
	} else if (request->call_case == RM__REQUEST__CALL_CANCEL_TASK) {
		check_key(&request->cancel_task->key);
	}
}

static void check_call(const Rm__Request *request)
{
	require(request->version == PROTOCOL_VERSION && request->id != 0);
	if (request->call_case == RM__REQUEST__CALL_START_SESSION) {
		require(request->start_session->request_id.len == REQUEST_ID_BYTES);
		check_process(request->start_session->owner);
	} else if (request->call_case == RM__REQUEST__CALL_JOIN_SESSION) {
		require(request->join_session->request_id.len == REQUEST_ID_BYTES);
		check_key(&request->join_session->key);
		check_process(request->join_session->owner);
	} else if (request->call_case == RM__REQUEST__CALL_ATTACH_SESSION) {
		check_key(&request->attach_session->key);
	} else if (request->call_case == RM__REQUEST__CALL_END_SESSION) {
		require(request->end_session->request_id.len == REQUEST_ID_BYTES);
		check_key(&request->end_session->key);
	} else if (request->call_case == RM__REQUEST__CALL_CLOSE_SESSION) {
		require(request->close_session->request_id.len == REQUEST_ID_BYTES);
	} else {
		check_listing_call(request);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct codec_arena arena;
	Rm__Request *request = NULL;
	int r = codec_unpack_request(&arena, data, size, &request);

	require(arena.used <= sizeof(arena.fixed));
	if (r == 0) {
		require(request);
		check_call(request);
		check_again(request);
	} else if (r == -EPROTONOSUPPORT) {
		require(request && request->version != PROTOCOL_VERSION);
	} else {
		require(r == -EBADMSG || r == -EINVAL || r == -ENOMEM);
		require((r == -EINVAL) == (request != NULL));
	}
	codec_free_request(&arena, request);
	return 0;
}
