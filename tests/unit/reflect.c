/* SPDX-License-Identifier: MIT */
/*
 * Building messages by reflection. Fields are told apart by their names where the protocol gives
 * them a rule of its own: `version`, `pid`, `joined`, `percent`, `action`, `request_id`, the key in
 * the answer to StartSession, the names of files. Everything else in bytes is a text.
 */
#include "tests/unit/reflect.h"

#include <check.h>
#include <string.h>

#include "proto/base.h"
#include "proto/limits.h"

static const uint8_t digits[] = "0123456789abcdef0123456789abcdef";

static void *take(struct reflect *reflect, size_t size)
{
	void *piece = reflect->memory + reflect->used;

	reflect->used += (size + 15) & ~(size_t)15;
	ck_assert_uint_le(reflect->used, sizeof(reflect->memory));
	return piece;
}

/* Whether this is the field that gets the fault. */
static bool is_chosen(struct reflect *reflect, const ProtobufCFieldDescriptor *field,
		      enum reflect_fault fault)
{
	if (reflect->fault != fault || reflect->n_fields++ != reflect->at) {
		return false;
	}
	reflect->field = field->name;
	return true;
}

static bool has_fixed_length(const ProtobufCMessageDescriptor *of,
			     const ProtobufCFieldDescriptor *field)
{
	return strcmp(field->name, "request_id") == 0 ||
	       (of == &rm__start_session_reply__descriptor && strcmp(field->name, "key") == 0);
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* The name of a file, as bytes. */
static bool is_file(const ProtobufCFieldDescriptor *field)
{
	static const char *const names[] = {"files",  "trees",	"executable", "path",
					    "actual", "policy", "file"};

	return is_one_of(field->name, names, ARRAY_SIZE(names));
}

/* That a caller gives, so that it has to be a full path. */
static bool is_path(const ProtobufCMessageDescriptor *of, const ProtobufCFieldDescriptor *field)
{
	return (of == &rm__register__descriptor || of == &rm__filter_target__descriptor) &&
	       is_file(field);
}

static bool is_required(const ProtobufCMessageDescriptor *of, const ProtobufCFieldDescriptor *field)
{
	return is_path(of, field) || strcmp(field->name, "services") == 0 ||
	       of == &rm__filter_target__descriptor ||
	       (of == &rm__get_policy__descriptor && strcmp(field->name, "name") == 0);
}

static ProtobufCBinaryData fill_file(struct reflect *reflect, const ProtobufCMessageDescriptor *of,
				     const ProtobufCFieldDescriptor *field)
{
	ProtobufCBinaryData bytes = {.len = 4, .data = (uint8_t *)(uintptr_t) "/\xff\n\x80"};

	if (reflect->fault == REFLECT_LARGEST) {
		bytes.len = MAX_PATH_BYTES - 1;
		bytes.data = take(reflect, bytes.len);
		memset(bytes.data, '/', bytes.len);
	}
	if (is_chosen(reflect, field, REFLECT_BYTES) ||
	    (is_path(of, field) && is_chosen(reflect, field, REFLECT_ROOT))) {
		bytes.data = (uint8_t *)(uintptr_t)reflect->bad;
		bytes.len = reflect->bad_size;
	}
	return bytes;
}

static ProtobufCBinaryData fill_bytes(struct reflect *reflect, const ProtobufCMessageDescriptor *of,
				      const ProtobufCFieldDescriptor *field)
{
	bool is_id = strcmp(field->name, "request_id") == 0;
	ProtobufCBinaryData bytes = {.len = 4, .data = (uint8_t *)(uintptr_t)digits};

	if (has_fixed_length(of, field)) {
		bytes.len = is_id ? REQUEST_ID_BYTES : SESSION_KEY_DIGITS;
		if (is_chosen(reflect, field, REFLECT_LENGTH)) {
			bytes.data = (uint8_t *)(uintptr_t)reflect->bad;
			bytes.len = reflect->bad_size;
		}
	} else if (reflect->fault == REFLECT_LARGEST) {
		bytes.len = MAX_NAME_BYTES;
		bytes.data = take(reflect, bytes.len);
		memset(bytes.data, 'x', bytes.len);
	}
	if (is_file(field)) {
		bytes = fill_file(reflect, of, field);
	} else if (!is_id && is_chosen(reflect, field, REFLECT_TEXT)) {
		bytes.data = (uint8_t *)(uintptr_t)reflect->bad;
		bytes.len = reflect->bad_size;
	}
	if (is_required(of, field) && is_chosen(reflect, field, REFLECT_EMPTY)) {
		bytes.len = 0;
	}
	return bytes;
}

static uint64_t fill_number(struct reflect *reflect, const ProtobufCMessageDescriptor *of,
			    const ProtobufCFieldDescriptor *field)
{
	bool is_largest = reflect->fault == REFLECT_LARGEST;

	if (strcmp(field->name, "version") == 0) {
		return PROTOCOL_VERSION;
	}
	if (strcmp(field->name, "joined") == 0) {
		return 1; /* as many as there are in the list of joins */
	}
	if (strcmp(field->name, "action") == 0) {
		return is_largest ? 2 : 1;
	}
	if (strcmp(field->name, "percent") == 0) {
		return is_largest ? 100 : 1;
	}
	if (strcmp(field->name, "pid") == 0) {
		if ((of == &rm__process_id__descriptor && is_chosen(reflect, field, REFLECT_PID)) ||
		    (of == &rm__process_ref__descriptor &&
		     is_chosen(reflect, field, REFLECT_REF))) {
			return reflect->bad_pid;
		}
		if (of == &rm__process_ref__descriptor) {
			return is_largest ? UINT32_MAX - 1 : 1;
		}
		return is_largest ? INT32_MAX : 1;
	}
	return is_largest ? UINT64_MAX : 1;
}

static ProtobufCMessage *build(struct reflect *reflect,
			       const ProtobufCMessageDescriptor *descriptor, uint32_t tag);

static void fill(struct reflect *reflect, const ProtobufCMessageDescriptor *of,
		 const ProtobufCFieldDescriptor *field, void *at)
{
	ProtobufCBinaryData bytes;
	uint64_t number;

	switch ((int)field->type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_UINT64:
		number = fill_number(reflect, of, field);
		memcpy(at, &number, field->type == PROTOBUF_C_TYPE_UINT32 ? 4 : 8);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = true;
		break;
	case PROTOBUF_C_TYPE_BYTES:
		bytes = fill_bytes(reflect, of, field);
		memcpy(at, &bytes, sizeof(bytes));
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)at = build(reflect, field->descriptor, 0);
		break;
	default:
		ck_abort_msg("%s.%s has a type that is not known here", of->name, field->name);
	}
}

static void fill_list(struct reflect *reflect, const ProtobufCMessageDescriptor *of,
		      const ProtobufCFieldDescriptor *field, uint8_t *message)
{
	void *entries = take(reflect, 16);
	size_t one = 1;

	fill(reflect, of, field, entries);
	memcpy(message + field->offset, &entries, sizeof(entries));
	memcpy(message + field->quantifier_offset, &one, sizeof(one));
}

static ProtobufCMessage *build(struct reflect *reflect,
			       const ProtobufCMessageDescriptor *descriptor, uint32_t tag)
{
	uint8_t *message = take(reflect, descriptor->sizeof_message);

	descriptor->message_init((ProtobufCMessage *)(void *)message);
	for (unsigned int i = 0; i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &descriptor->fields[i];

		if (descriptor == &rm__filter_target__descriptor && i != reflect->target) {
			continue;
		}
		if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
			if (field->id != tag) {
				continue;
			}
			memcpy(message + field->quantifier_offset, &tag, sizeof(tag));
		}
		if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			fill_list(reflect, descriptor, field, message);
		} else {
			fill(reflect, descriptor, field, message + field->offset);
		}
	}
	return (ProtobufCMessage *)(void *)message;
}

unsigned int reflect_cases(const ProtobufCMessageDescriptor *descriptor, uint32_t *ret_tags,
			   unsigned int size)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < descriptor->n_fields; i++) {
		if (descriptor->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
			ck_assert_uint_lt(n, size);
			ret_tags[n++] = descriptor->fields[i].id;
		}
	}
	return n;
}

ProtobufCMessage *reflect_build(struct reflect *reflect,
				const ProtobufCMessageDescriptor *descriptor, uint32_t tag)
{
	reflect->used = 0;
	reflect->n_fields = 0;
	reflect->field = NULL;
	return build(reflect, descriptor, tag);
}
