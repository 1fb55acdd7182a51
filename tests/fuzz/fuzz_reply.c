/* SPDX-License-Identifier: MIT */
/* A reply's payload as a broker may send it: what codec_unpack_reply() lets through. */
#include <string.h>

#include "proto/codec.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/message.h"

/* What unpacked packs again, and unpacks to the same. */
static void check_again(const Rm__Reply *reply)
{
	struct codec_arena arena;
	struct frame_buffer buffer = {0};
	Rm__Reply *again = NULL;
	const uint8_t *payload;
	size_t size;

	require(codec_pack_reply(reply, &buffer) == 0);
	payload = message_payload(&reply->base, &buffer, &size);
	if (message_is_readable(&reply->base)) {
		require(codec_unpack_reply(&arena, payload, size, &again) == 0 && again);
		require(message_equal(&reply->base, &again->base));
		codec_free_reply(&arena, again);
	}
	frame_buffer_done(&buffer);
}

static void check_text(const ProtobufCBinaryData *text, size_t max)
{
	char copy[MAX_DETAIL_BYTES + 1];

	require(text->len <= max);
	codec_copy_text(text, copy, sizeof(copy));
	require(strlen(copy) == text->len);
	require(text->len == 0 || memcmp(copy, text->data, text->len) == 0);
}

static void check_process(const Rm__ProcessInfo *info)
{
	require(info && info->id && info->id->pid > 0 && info->id->pid <= INT32_MAX);
	check_text(&info->name, MAX_NAME_BYTES);
}

static void check_session(const Rm__SessionInfo *session)
{
	check_process(session->owner);
	check_text(&session->key_prefix, MAX_NAME_BYTES);
	check_text(&session->login, MAX_NAME_BYTES);
	check_text(&session->state, MAX_NAME_BYTES);
	require(session->n_joins <= MAX_JOINS);
	for (size_t i = 0; i < session->n_joins; i++) {
		check_process(session->joins[i]->process);
	}
}

static void check_result(const Rm__Reply *reply)
{
	require(reply->version == PROTOCOL_VERSION);
	check_text(&reply->detail, MAX_DETAIL_BYTES);
	if (reply->result_case == RM__REPLY__RESULT_START_SESSION) {
		check_text(&reply->start_session->key, SESSION_KEY_DIGITS);
		require(reply->start_session->key.len == SESSION_KEY_DIGITS);
	} else if (reply->result_case == RM__REPLY__RESULT_SESSIONS) {
		require(reply->sessions->n_sessions <= MAX_SESSIONS_ALL);
		for (size_t i = 0; i < reply->sessions->n_sessions; i++) {
			check_session(reply->sessions->sessions[i]);
		}
	} else if (reply->result_case == RM__REPLY__RESULT_BROKER) {
		check_text(&reply->broker->version, MAX_NAME_BYTES);
		check_text(&reply->broker->mode, MAX_NAME_BYTES);
		check_text(&reply->broker->journal, MAX_DETAIL_BYTES);
		check_text(&reply->broker->config, MAX_DETAIL_BYTES);
	} else if (reply->result_case == RM__REPLY__RESULT_EVENT) {
		check_text(&reply->event->kind, MAX_NAME_BYTES);
		check_text(&reply->event->name, MAX_NAME_BYTES);
		check_text(&reply->event->detail, MAX_DETAIL_BYTES);
	} else if (reply->result_case == RM__REPLY__RESULT_PROGRESS) {
		require(reply->progress->percent <= 100);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct codec_arena arena;
	Rm__Reply *reply = NULL;
	int r = codec_unpack_reply(&arena, data, size, &reply);

	require(arena.used <= sizeof(arena.fixed));
	if (r == 0) {
		require(reply);
		check_result(reply);
		check_again(reply);
	} else if (r == -EPROTONOSUPPORT) {
		require(reply && reply->version != PROTOCOL_VERSION);
	} else {
		require(r == -EBADMSG || r == -EINVAL || r == -ENOMEM);
		require((r == -EINVAL) == (reply != NULL));
	}
	codec_free_reply(&arena, reply);
	return 0;
}
