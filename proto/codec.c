/* SPDX-License-Identifier: MIT */
/*
 * The wire's messages: packed straight into a frame, unpacked into an arena, checked at once.
 * protobuf-c checks neither UTF-8 nor embedded NULs nor sizes; that is done here, right after
 * unpacking, and nowhere else. A test walks the descriptors and gives every byte field of every
 * message a bad value, so a new field without its check is found.
 */
#include "proto/codec.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "proto/text.h"

static void *arena_alloc(void *data, size_t size)
{
	struct codec_arena *arena = data;
	size_t aligned = (size + 15) & ~(size_t)15;
	void *piece;

	if (size > MAX_UNPACKED_BYTES) {
		arena->exhausted = true;
		return NULL;
	}
	if (aligned <= sizeof(arena->fixed) - arena->used) {
		piece = arena->fixed + arena->used;
		arena->used += aligned;
		return piece;
	}
	if (arena->heap + size > MAX_UNPACKED_BYTES) {
		arena->exhausted = true;
		return NULL;
	}
	piece = malloc(size);
	arena->exhausted |= !piece;
	arena->heap += size;
	return piece;
}

static void arena_free(void *data, void *piece)
{
	struct codec_arena *arena = data;
	uintptr_t fixed = (uintptr_t)arena->fixed;

	if ((uintptr_t)piece - fixed >= sizeof(arena->fixed)) {
		free(piece);
	}
}

static void arena_reset(struct codec_arena *arena)
{
	arena->used = 0;
	arena->heap = 0;
	arena->exhausted = false;
}

static ProtobufCAllocator arena_allocator(struct codec_arena *arena)
{
	return (ProtobufCAllocator){
		.alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
}

ProtobufCBinaryData codec_text(const char *text)
{
	return codec_bytes(text, strlen(text));
}

void codec_copy_text(const ProtobufCBinaryData *field, char *ret_text, size_t ret_size)
{
	(void)text_clean(field->data, field->len, ret_text, ret_size);
}

static bool is_text(const ProtobufCBinaryData *field, size_t max)
{
	return field->len <= max && text_is_clean(field->data, field->len);
}

static bool is_name(const ProtobufCBinaryData *field)
{
	return is_text(field, MAX_NAME_BYTES);
}

static bool is_detail(const ProtobufCBinaryData *field)
{
	return is_text(field, MAX_DETAIL_BYTES);
}

static bool is_request_id(const ProtobufCBinaryData *field)
{
	return field->len == REQUEST_ID_BYTES;
}

static bool is_process_id(const Rm__ProcessId *id)
{
	return id->pid > 0 && id->pid <= INT32_MAX;
}

/* An absent owner is the caller itself. */
static bool is_owner(const Rm__ProcessId *id)
{
	return !id || is_process_id(id);
}

/* A key of a wrong length or with other digits is a wrong key (1219) and for the broker to
 * answer; a message is bad only when it is no short, clean text. */
static bool check_request(const Rm__Request *request)
{
	switch (request->call_case) {
	case RM__REQUEST__CALL_START_SESSION:
		return is_request_id(&request->start_session->request_id) &&
		       is_owner(request->start_session->owner);
	case RM__REQUEST__CALL_JOIN_SESSION:
		return is_request_id(&request->join_session->request_id) &&
		       is_name(&request->join_session->key) &&
		       is_owner(request->join_session->owner);
	case RM__REQUEST__CALL_ATTACH_SESSION:
		return is_name(&request->attach_session->key);
	case RM__REQUEST__CALL_END_SESSION:
		return is_request_id(&request->end_session->request_id) &&
		       is_name(&request->end_session->key);
	case RM__REQUEST__CALL_CLOSE_SESSION:
		return is_request_id(&request->close_session->request_id);
	case RM__REQUEST__CALL__NOT_SET:
	case RM__REQUEST__CALL_LIST_SESSIONS:
	case RM__REQUEST__CALL_SHOW_SESSION:
	case RM__REQUEST__CALL_WATCH_EVENTS:
	case RM__REQUEST__CALL_GET_STATUS:
	case _RM__REQUEST__CALL__CASE_IS_INT_SIZE:
		break;
	}
	return true;
}

static bool check_process_info(const Rm__ProcessInfo *info)
{
	return info && info->id && is_process_id(info->id) && is_name(&info->name);
}

static bool check_session_info(const Rm__SessionInfo *info)
{
	for (size_t i = 0; i < info->n_joins; i++) {
		if (!check_process_info(info->joins[i]->process)) {
			return false;
		}
	}
	return check_process_info(info->owner) && is_name(&info->key_prefix) &&
	       is_name(&info->login) && is_name(&info->state) &&
	       (info->n_joins == 0 || info->n_joins == info->joined) && info->n_joins <= MAX_JOINS;
}

static bool check_session_list(const Rm__SessionList *list)
{
	for (size_t i = 0; i < list->n_sessions; i++) {
		if (!check_session_info(list->sessions[i])) {
			return false;
		}
	}
	return list->n_sessions <= MAX_SESSIONS_ALL;
}

static bool check_result(const Rm__Reply *reply)
{
	switch (reply->result_case) {
	case RM__REPLY__RESULT_START_SESSION:
		return reply->start_session->key.len == SESSION_KEY_DIGITS &&
		       is_name(&reply->start_session->key);
	case RM__REPLY__RESULT_SESSIONS:
		return check_session_list(reply->sessions);
	case RM__REPLY__RESULT_BROKER:
		return is_name(&reply->broker->version) && is_name(&reply->broker->mode) &&
		       is_detail(&reply->broker->journal) && is_detail(&reply->broker->config);
	case RM__REPLY__RESULT_EVENT:
		return is_name(&reply->event->kind) && is_name(&reply->event->name) &&
		       is_detail(&reply->event->detail);
	case RM__REPLY__RESULT_PROGRESS:
		return reply->progress->percent <= 100;
	case RM__REPLY__RESULT__NOT_SET:
	case RM__REPLY__RESULT_JOIN_SESSION:
	case _RM__REPLY__RESULT__CASE_IS_INT_SIZE:
		break;
	}
	return true;
}

int codec_unpack_request(struct codec_arena *arena, const uint8_t *data, size_t size,
			 Rm__Request **ret_request)
{
	ProtobufCAllocator allocator = arena_allocator(arena);
	Rm__Request *request;

	arena_reset(arena);
	request = rm__request__unpack(&allocator, size, data);
	if (!request) {
		return arena->exhausted ? -ENOMEM : -EBADMSG;
	}
	if (request->version != PROTOCOL_VERSION) {
		*ret_request = request;
		return -EPROTONOSUPPORT;
	}
	if (request->id == 0 || !check_request(request)) {
		*ret_request = request;
		return -EINVAL;
	}
	*ret_request = request;
	return 0;
}

int codec_unpack_reply(struct codec_arena *arena, const uint8_t *data, size_t size,
		       Rm__Reply **ret_reply)
{
	ProtobufCAllocator allocator = arena_allocator(arena);
	Rm__Reply *reply;

	arena_reset(arena);
	reply = rm__reply__unpack(&allocator, size, data);
	if (!reply) {
		return arena->exhausted ? -ENOMEM : -EBADMSG;
	}
	if (reply->version != PROTOCOL_VERSION) {
		*ret_reply = reply;
		return -EPROTONOSUPPORT;
	}
	if (!is_detail(&reply->detail) || !check_result(reply)) {
		*ret_reply = reply;
		return -EINVAL;
	}
	*ret_reply = reply;
	return 0;
}

void codec_free_request(struct codec_arena *arena, Rm__Request *request)
{
	ProtobufCAllocator allocator = arena_allocator(arena);

	/* What lies in the fixed piece alone goes with it. */
	if (request && arena->heap) {
		rm__request__free_unpacked(request, &allocator);
	}
}

void codec_free_reply(struct codec_arena *arena, Rm__Reply *reply)
{
	ProtobufCAllocator allocator = arena_allocator(arena);

	if (reply && arena->heap) {
		rm__reply__free_unpacked(reply, &allocator);
	}
}

/* Appends one frame. A message that cannot be larger than `bound` is packed at once; others are
 * measured first (bound 0), which takes as long as packing. */
static int pack(const ProtobufCMessage *message, size_t bound, struct frame_buffer *buffer)
{
	size_t size = bound ? bound : protobuf_c_message_get_packed_size(message);
	uint8_t *frame;

	if (size > MAX_FRAME_BYTES) {
		return -EMSGSIZE;
	}
	frame = frame_buffer_reserve(buffer, FRAME_HEADER_BYTES + size);
	if (!frame) {
		return -ENOMEM;
	}
	size = protobuf_c_message_pack(message, frame + FRAME_HEADER_BYTES);
	frame_write_header(frame, (uint32_t)size);
	buffer->size += FRAME_HEADER_BYTES + size;
	return 0;
}

/* All numbers of a message with their tags; its texts are added to that. */
#define SMALL_BYTES 128u

/* 0: unknown. Fields of a newer version, which an unpacked message keeps, can be of any size.
 * `content` and `owner` may be NULL. */
static size_t bound_message(const ProtobufCMessage *message, const ProtobufCMessage *content,
			    const Rm__ProcessId *owner, size_t texts)
{
	if (message->n_unknown_fields || (content && content->n_unknown_fields) ||
	    (owner && owner->base.n_unknown_fields)) {
		return 0;
	}
	return SMALL_BYTES + texts;
}

static size_t bound_request(const Rm__Request *request)
{
	const Rm__StartSession *start = request->start_session;
	const Rm__JoinSession *join = request->join_session;
	const Rm__EndSession *end = request->end_session;

	switch (request->call_case) {
	case RM__REQUEST__CALL_START_SESSION:
		return bound_message(&request->base, &start->base, start->owner,
				     start->request_id.len);
	case RM__REQUEST__CALL_JOIN_SESSION:
		return bound_message(&request->base, &join->base, join->owner,
				     join->request_id.len + join->key.len);
	case RM__REQUEST__CALL_END_SESSION:
		return bound_message(&request->base, &end->base, NULL,
				     end->request_id.len + end->key.len);
	case RM__REQUEST__CALL__NOT_SET:
	case RM__REQUEST__CALL_ATTACH_SESSION:
	case RM__REQUEST__CALL_LIST_SESSIONS:
	case RM__REQUEST__CALL_SHOW_SESSION:
	case RM__REQUEST__CALL_CLOSE_SESSION:
	case RM__REQUEST__CALL_WATCH_EVENTS:
	case RM__REQUEST__CALL_GET_STATUS:
	case _RM__REQUEST__CALL__CASE_IS_INT_SIZE:
		break;
	}
	return 0;
}

static size_t bound_reply(const Rm__Reply *reply)
{
	switch (reply->result_case) {
	case RM__REPLY__RESULT__NOT_SET:
		return bound_message(&reply->base, NULL, NULL, reply->detail.len);
	case RM__REPLY__RESULT_JOIN_SESSION:
		return bound_message(&reply->base, &reply->join_session->base, NULL,
				     reply->detail.len);
	case RM__REPLY__RESULT_START_SESSION:
		return bound_message(&reply->base, &reply->start_session->base, NULL,
				     reply->detail.len + reply->start_session->key.len);
	case RM__REPLY__RESULT_SESSIONS:
	case RM__REPLY__RESULT_BROKER:
	case RM__REPLY__RESULT_EVENT:
	case RM__REPLY__RESULT_PROGRESS:
	case _RM__REPLY__RESULT__CASE_IS_INT_SIZE:
		break;
	}
	return 0;
}

int codec_pack_request(const Rm__Request *request, struct frame_buffer *buffer)
{
	return pack(&request->base, bound_request(request), buffer);
}

int codec_pack_reply(const Rm__Reply *reply, struct frame_buffer *buffer)
{
	return pack(&reply->base, bound_reply(reply), buffer);
}
