/* SPDX-License-Identifier: MIT */
/*
 * Messages to bytes and back: the only callers of the generated pack and unpack functions for
 * the wire. What codec_unpack_*() lets through is valid: version, sizes, counts, texts (A74).
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/rm.pb-c.h"

/* Memory for one unpacked message: from a fixed piece first, then from the heap, never more
 * than MAX_UNPACKED_BYTES. Not copied or moved while a message lives in it. */
struct codec_arena {
	size_t used;
	size_t heap;
	bool exhausted;
	_Alignas(16) uint8_t fixed[2048];
};

/* Unpacks and checks one payload. The message lives in `arena` and borrows nothing from
 * `data`; free it with codec_free_*(), also after an error that returned a message.
 * -EBADMSG: not protobuf; -EINVAL: a field is out of its bounds; -EPROTONOSUPPORT: another
 * version (the message is returned so that its id can be answered); -ENOMEM.
 * An unknown call is not an error: `call_case` is then RM__REQUEST__CALL__NOT_SET. */
int codec_unpack_request(struct codec_arena *arena, const uint8_t *data, size_t size,
			 Rm__Request **ret_request) _warn_unused_;
int codec_unpack_reply(struct codec_arena *arena, const uint8_t *data, size_t size,
		       Rm__Reply **ret_reply) _warn_unused_;

void codec_free_request(struct codec_arena *arena, Rm__Request *request);
void codec_free_reply(struct codec_arena *arena, Rm__Reply *reply);

/* Appends the message as one frame, header included. -EMSGSIZE: over MAX_FRAME_BYTES;
 * -ENOMEM. Nothing is appended on failure. */
int codec_pack_request(const Rm__Request *request, struct frame_buffer *buffer) _warn_unused_;
int codec_pack_reply(const Rm__Reply *reply, struct frame_buffer *buffer) _warn_unused_;

/* One message without an envelope, for those who carry it in a field of bytes: the broker's
 * workers. So much of it leaves room for the envelopes around it. */
#define MAX_LONE_BYTES (MAX_FRAME_BYTES - 4096u)

/* As codec_unpack_request(), without its version; free with codec_free_lone(). */
int codec_unpack_application(struct codec_arena *arena, const uint8_t *data, size_t size,
			     Rm__Application **ret_application) _warn_unused_;
int codec_unpack_inspection(struct codec_arena *arena, const uint8_t *data, size_t size,
			    Rm__Inspection **ret_inspection) _warn_unused_;
int codec_unpack_kernel(struct codec_arena *arena, const uint8_t *data, size_t size,
			Rm__KernelState **ret_kernel) _warn_unused_;
void codec_free_lone(struct codec_arena *arena, void *message);

/* Appends the message alone, without a header. -EMSGSIZE: over MAX_LONE_BYTES; -ENOMEM. */
int codec_pack_application(const Rm__Application *application, struct frame_buffer *buffer)
	_warn_unused_;
int codec_pack_inspection(const Rm__Inspection *inspection, struct frame_buffer *buffer)
	_warn_unused_;
int codec_pack_kernel(const Rm__KernelState *kernel, struct frame_buffer *buffer) _warn_unused_;

/* A text or byte field that borrows `data`. */
static inline ProtobufCBinaryData codec_bytes(const void *data, size_t size)
{
	return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
}

/* A text field that borrows the NUL-terminated `text`. */
ProtobufCBinaryData codec_text(const char *text);

/* Copies a text field, NUL-terminated and cut at a character's border to fit. */
void codec_copy_text(const ProtobufCBinaryData *field, char *ret_text, size_t ret_size);
