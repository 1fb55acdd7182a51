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
