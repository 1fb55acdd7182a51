/* SPDX-License-Identifier: MIT */
/* Memory for one answer, which is freed as a whole. Zeroed is empty. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "proto/base.h"

struct arena {
	struct arena_chunk *chunks; /* owned, the newest first */
	size_t total;
};

/* Frees all of it; the arena is empty and usable again. */
void arena_done(struct arena *arena);

/* Zeroed memory for `n` members, aligned for each type, or NULL: none is left, or the answer has
 * grown beyond all reason. */
void *arena_take(struct arena *arena, size_t n, size_t size) _warn_unused_;

/* The field as a text with its NUL, or NULL as above. */
const char *arena_text(struct arena *arena, const ProtobufCBinaryData *field) _warn_unused_;
