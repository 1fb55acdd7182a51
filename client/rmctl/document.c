/* SPDX-License-Identifier: MIT */
/*
 * json-c, so that it can be used without looking at each result.
 * The broker's texts are UTF-8 without controls, so JSON can carry them all; paths are bytes.
 */
#include "client/rmctl/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/rmctl/exit_code.h"
#include "client/rmctl/format.h"
#include "client/rmctl/report.h"
#include "proto/base.h"
#include "proto/text.h"

static _Noreturn void out_of_memory(void)
{
	report_notice("out of memory");
	exit(EXIT_ERROR);
}

static void *not_null(void *pointer)
{
	if (!pointer) {
		out_of_memory();
	}
	return pointer;
}

struct json_object *document_object(void)
{
	return not_null(json_object_new_object());
}

struct json_object *document_array(void)
{
	return not_null(json_object_new_array());
}

struct json_object *document_text(const char *text)
{
	return not_null(json_object_new_string(text));
}

void document_add(struct json_object *object, const char *name, struct json_object *value)
{
	if (json_object_object_add_ex(object, name, value, JSON_C_OBJECT_ADD_CONSTANT_KEY)) {
		out_of_memory();
	}
}

void document_add_number(struct json_object *object, const char *name, uint64_t number)
{
	document_add(object, name, not_null(json_object_new_uint64(number)));
}

void document_add_bool(struct json_object *object, const char *name, bool value)
{
	document_add(object, name, not_null(json_object_new_boolean(value)));
}

void document_add_text(struct json_object *object, const char *name, const char *text)
{
	document_add(object, name, document_text(text));
}

void document_add_text_or_null(struct json_object *object, const char *name, const char *text)
{
	document_add(object, name, text[0] ? document_text(text) : NULL);
}

void document_add_time(struct json_object *object, const char *name, uint64_t us)
{
	char text[FORMAT_SIZE];

	format_time_utc(us, text, sizeof(text));
	document_add_text(object, name, text);
}

/* RFC 4648, section 4. Free it. */
static char *encode_base64(const unsigned char *bytes, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = not_null(malloc((size + 2) / 3 * 4 + 1));
	char *at = text;

	for (size_t i = 0; i < size; i += 3) {
		size_t n = size - i < 3 ? size - i : 3;
		uint32_t bits = (uint32_t)bytes[i] << 16;

		bits |= n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
		bits |= n > 2 ? (uint32_t)bytes[i + 2] : 0;
		*at++ = digits[bits >> 18];
		*at++ = digits[bits >> 12 & 63];
		*at++ = n > 1 ? digits[bits >> 6 & 63] : '=';
		*at++ = n > 2 ? digits[bits & 63] : '=';
	}
	*at = '\0';
	return text;
}

void document_add_path(struct json_object *object, const char *name, const char *bytes_name,
		       const char *path)
{
	_cleanup_(freep) char *clean = NULL, *base64 = NULL;
	size_t size = strlen(path);

	if (text_is_clean(path, size)) {
		document_add_text_or_null(object, name, path);
		return;
	}
	clean = not_null(malloc(3 * size + 1)); /* a byte becomes U+FFFD at most */
	text_clean(path, size, clean, 3 * size + 1);
	base64 = encode_base64((const unsigned char *)path, size);
	document_add_text(object, name, clean);
	document_add_text(object, bytes_name, base64);
}

void document_add_process(struct json_object *object, const struct rm_process *process)
{
	document_add_number(object, "pid", process->pid);
	document_add_text(object, "name", process->name);
	document_add_number(object, "uid", process->uid);
	document_add_number(object, "start_time", process->start_time);
}

void document_append(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value)) {
		out_of_memory();
	}
}

void document_print(struct json_object *document)
{
	const char *text = json_object_to_json_string_ext(
		document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text) {
		out_of_memory();
	}
	puts(text);
	json_object_put(document);
}
