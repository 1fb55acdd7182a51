/* SPDX-License-Identifier: MIT */
/* Chunks that are filled one after the other. What is large has a chunk of its own, behind the
 * one that is being filled. A broker that sends without end meets MAX_ANSWER_BYTES. */
#include "client/arena.h"

#include <stdint.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)32 * 1024)
/* 4 million processes, all the kernel can have, with a path each; nobody's memory. */
#define MAX_ANSWER_BYTES ((size_t)512 * 1024 * 1024)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used;
	size_t size;
	_Alignas(16) uint8_t bytes[];
};

void arena_done(struct arena *arena)
{
	while (arena->chunks) {
		struct arena_chunk *next = arena->chunks->next;

		free(arena->chunks);
		arena->chunks = next;
	}
	arena->total = 0;
}

static struct arena_chunk *add_chunk(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk;

	if (size > MAX_ANSWER_BYTES - arena->total) {
		return NULL;
	}
	chunk = calloc(1, sizeof(*chunk) + size);
	if (!chunk) {
		return NULL;
	}
	chunk->size = size;
	arena->total += size;
	if (arena->chunks && size != CHUNK_BYTES) {
		chunk->next = arena->chunks->next;
		arena->chunks->next = chunk;
	} else {
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	return chunk;
}

static void *take(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->chunks;
	size_t aligned = (size + 15) & ~(size_t)15;
	void *piece;

	if (!chunk || aligned > chunk->size - chunk->used) {
		chunk = add_chunk(arena, aligned > CHUNK_BYTES / 4 ? aligned : CHUNK_BYTES);
	}
	if (!chunk) {
		return NULL;
	}
	piece = chunk->bytes + chunk->used;
	chunk->used += aligned;
	return piece;
}

void *arena_take(struct arena *arena, size_t n, size_t size)
{
	return n <= MAX_ANSWER_BYTES / size ? take(arena, n * size) : NULL;
}

const char *arena_text(struct arena *arena, const ProtobufCBinaryData *field)
{
	char *text;

	if (field->len == 0) {
		return "";
	}
	text = take(arena, field->len + 1);
	if (text) {
		memcpy(text, field->data, field->len);
	}
	return text;
}
