/* SPDX-License-Identifier: MIT */
/* JSON documents, built and printed. Out of memory ends the program, as half of a document would
 * be taken for a whole one; so nothing here fails. Names of members are constants. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/rstrtmgr.h"

struct json_object *document_object(void);
struct json_object *document_array(void);
/* A clean text. */
struct json_object *document_text(const char *text);

/* Takes `value`, which may be NULL for JSON's null. */
void document_add(struct json_object *object, const char *name, struct json_object *value);
void document_add_number(struct json_object *object, const char *name, uint64_t number);
void document_add_bool(struct json_object *object, const char *name, bool value);
void document_add_text(struct json_object *object, const char *name, const char *text);
/* null for the empty text */
void document_add_text_or_null(struct json_object *object, const char *name, const char *text);
void document_add_time(struct json_object *object, const char *name, uint64_t us);

/*
 * A path, null when it is empty. One that is no clean text is cleaned, and its bytes go beside it
 * as base64 (A74).
 *
 * name, bytes_name   "path", "path_bytes"
 */
void document_add_path(struct json_object *object, const char *name, const char *bytes_name,
		       const char *path);

/* The fields of a process: pid, name, uid, start_time. */
void document_add_process(struct json_object *object, const struct rm_process *process);

void document_append(struct json_object *array, struct json_object *value);

/* Prints on one line and frees the document. */
void document_print(struct json_object *document);
