/* SPDX-License-Identifier: MIT */
/*
 * Comparing messages. It goes by the descriptors and not by packed bytes: a field that packing
 * loses would be missing from both. Only the types that proto/rm.proto has are known here.
 */
#include "tests/fuzz/message.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static const void *member(const ProtobufCMessage *message, unsigned int offset)
{
	return (const uint8_t *)message + offset;
}

static bool bytes_equal(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool submessage_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	return (!a && !b) || (a && b && message_equal(a, b));
}

static bool value_equal(const ProtobufCFieldDescriptor *field, const void *a, const void *b)
{
	if (field->type == PROTOBUF_C_TYPE_UINT32) {
		return *(const uint32_t *)a == *(const uint32_t *)b;
	}
	if (field->type == PROTOBUF_C_TYPE_UINT64) {
		return *(const uint64_t *)a == *(const uint64_t *)b;
	}
	if (field->type == PROTOBUF_C_TYPE_BOOL) {
		return *(const protobuf_c_boolean *)a == *(const protobuf_c_boolean *)b;
	}
	if (field->type == PROTOBUF_C_TYPE_BYTES) {
		return bytes_equal(a, b);
	}
	require(field->type == PROTOBUF_C_TYPE_MESSAGE);
	return submessage_equal(*(ProtobufCMessage *const *)a, *(ProtobufCMessage *const *)b);
}

static bool list_equal(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *a,
		       const ProtobufCMessage *b)
{
	size_t n = *(const size_t *)member(a, field->quantifier_offset);
	const uint8_t *of_a = *(const uint8_t *const *)member(a, field->offset);
	const uint8_t *of_b = *(const uint8_t *const *)member(b, field->offset);
	size_t size = field->type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData)
							   : sizeof(ProtobufCMessage *);

	require(field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_BYTES);
	if (n != *(const size_t *)member(b, field->quantifier_offset)) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (!value_equal(field, of_a + i * size, of_b + i * size)) {
			return false;
		}
	}
	return true;
}

static bool field_equal(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *a,
			const ProtobufCMessage *b)
{
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		return list_equal(field, a, b);
	}
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		uint32_t case_of_a = *(const uint32_t *)member(a, field->quantifier_offset);
		uint32_t case_of_b = *(const uint32_t *)member(b, field->quantifier_offset);

		if (case_of_a != case_of_b || case_of_a != field->id) {
			return case_of_a == case_of_b;
		}
	}
	return value_equal(field, member(a, field->offset), member(b, field->offset));
}

bool message_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	if (a->descriptor != b->descriptor || a->n_unknown_fields != b->n_unknown_fields) {
		return false;
	}
	for (unsigned int i = 0; i < a->descriptor->n_fields; i++) {
		if (!field_equal(&a->descriptor->fields[i], a, b)) {
			return false;
		}
	}
	return true;
}

static bool field_is_readable(const ProtobufCFieldDescriptor *field,
			      const ProtobufCMessage *message)
{
	ProtobufCMessage *const *content = member(message, field->offset);
	size_t n = 1;

	if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
		return true;
	}
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		n = *(const size_t *)member(message, field->quantifier_offset);
		content = *(ProtobufCMessage * *const *)member(message, field->offset);
	} else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		n = *(const uint32_t *)member(message, field->quantifier_offset) == field->id;
	}
	for (size_t i = 0; i < n; i++) {
		if (content[i] && !message_is_readable(content[i])) {
			return false;
		}
	}
	return true;
}

bool message_is_readable(const ProtobufCMessage *message)
{
	for (unsigned int i = 0; i < message->n_unknown_fields; i++) {
		if (message->unknown_fields[i].tag == 0) {
			return false;
		}
	}
	for (unsigned int i = 0; i < message->descriptor->n_fields; i++) {
		if (!field_is_readable(&message->descriptor->fields[i], message)) {
			return false;
		}
	}
	return true;
}

const uint8_t *message_payload(const ProtobufCMessage *message, const struct frame_buffer *buffer,
			       size_t *ret_size)
{
	const uint8_t *payload = NULL;

	require(buffer->size <= buffer->capacity);
	require(frame_next(buffer->data, buffer->size, &payload, ret_size) == 1);
	require(buffer->size == FRAME_HEADER_BYTES + *ret_size);
	require(*ret_size == protobuf_c_message_get_packed_size(message));
	return payload;
}
