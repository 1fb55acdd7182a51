/* SPDX-License-Identifier: MIT */
/*
 * The wire's messages: packed straight into a frame, unpacked into an arena, checked at once by
 * codec_check.c.
 */
#include "proto/codec.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "proto/codec_check.h"
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
	if (request->id == 0 || !codec_check_request(request)) {
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
	if (!codec_check_reply(reply)) {
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

/* ---- lone messages ---- */

static int unpack_lone(struct codec_arena *arena, const ProtobufCMessageDescriptor *descriptor,
		       const uint8_t *data, size_t size, ProtobufCMessage **ret_message)
{
	ProtobufCAllocator allocator = arena_allocator(arena);

	arena_reset(arena);
	*ret_message = protobuf_c_message_unpack(descriptor, &allocator, size, data);
	if (!*ret_message) {
		return arena->exhausted ? -ENOMEM : -EBADMSG;
	}
	return 0;
}

int codec_unpack_application(struct codec_arena *arena, const uint8_t *data, size_t size,
			     Rm__Application **ret_application)
{
	ProtobufCMessage *message;
	int r = unpack_lone(arena, &rm__application__descriptor, data, size, &message);

	*ret_application = (Rm__Application *)message;
	return r == 0 && !codec_check_application(*ret_application) ? -EINVAL : r;
}

int codec_unpack_inspection(struct codec_arena *arena, const uint8_t *data, size_t size,
			    Rm__Inspection **ret_inspection)
{
	ProtobufCMessage *message;
	int r = unpack_lone(arena, &rm__inspection__descriptor, data, size, &message);

	*ret_inspection = (Rm__Inspection *)message;
	return r == 0 && !codec_check_inspection(*ret_inspection) ? -EINVAL : r;
}

int codec_unpack_kernel(struct codec_arena *arena, const uint8_t *data, size_t size,
			Rm__KernelState **ret_kernel)
{
	ProtobufCMessage *message;
	int r = unpack_lone(arena, &rm__kernel_state__descriptor, data, size, &message);

	*ret_kernel = (Rm__KernelState *)message;
	return r == 0 && !codec_check_kernel(*ret_kernel) ? -EINVAL : r;
}

void codec_free_lone(struct codec_arena *arena, void *message)
{
	ProtobufCAllocator allocator = arena_allocator(arena);

	if (message && arena->heap) {
		protobuf_c_message_free_unpacked(message, &allocator);
	}
}

static int pack_lone(const ProtobufCMessage *message, struct frame_buffer *buffer)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *to;

	if (size > MAX_LONE_BYTES) {
		return -EMSGSIZE;
	}
	to = frame_buffer_reserve(buffer, size);
	if (!to) {
		return -ENOMEM;
	}
	buffer->size += protobuf_c_message_pack(message, to);
	return 0;
}

int codec_pack_application(const Rm__Application *application, struct frame_buffer *buffer)
{
	return pack_lone(&application->base, buffer);
}

int codec_pack_inspection(const Rm__Inspection *inspection, struct frame_buffer *buffer)
{
	return pack_lone(&inspection->base, buffer);
}

int codec_pack_kernel(const Rm__KernelState *kernel, struct frame_buffer *buffer)
{
	return pack_lone(&kernel->base, buffer);
}

/* ---- frames ---- */

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
	case RM__REQUEST__CALL_REGISTER_RESOURCES:
	case RM__REQUEST__CALL_LIST_APPLICATIONS:
	case RM__REQUEST__CALL_ADD_FILTER:
	case RM__REQUEST__CALL_REMOVE_FILTER:
	case RM__REQUEST__CALL_LIST_FILTERS:
	case RM__REQUEST__CALL_LIST_STALE:
	case RM__REQUEST__CALL_GET_POLICY:
	case RM__REQUEST__CALL_CANCEL_TASK:
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
	case RM__REPLY__RESULT_APPLICATIONS:
	case RM__REPLY__RESULT_FILTERS:
	case RM__REPLY__RESULT_POLICY:
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
