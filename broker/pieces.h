/* SPDX-License-Identifier: MIT */
/*
 * Growing arrays in pieces that never move: adding an entry costs the same at any size, and a
 * large array is let go of a little at a time. A place is never freed alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

#define PIECE_ENTRIES 64u
/* A piece of texts; no text is longer than a quarter of it. */
#define TEXT_PIECE_BYTES 16384u

struct pieces {
	void **pieces; /* owned, each as well */
	uint32_t n_pieces;
	uint32_t capacity; /* of the list */
};

/* Room for `n` pieces of `piece_bytes`. -ENOMEM: what was there still is. */
int pieces_reserve(struct pieces *pieces, uint32_t n, size_t piece_bytes) _warn_unused_;

/* Frees the last pieces until `n` are left, but no more than `max_freed`. Returns how many it
 * freed. */
uint32_t pieces_shrink(struct pieces *pieces, uint32_t n, uint32_t max_freed);

/* Entry `i` of entries of `entry_bytes`. */
static inline void *pieces_at(const struct pieces *pieces, uint32_t i, size_t entry_bytes)
{
	return (char *)pieces->pieces[i / PIECE_ENTRIES] + i % PIECE_ENTRIES * entry_bytes;
}

/* Texts, one behind the other, each with its NUL. */
struct texts {
	struct pieces pieces;
	uint32_t end;
};

/* Keeps a copy of `size` bytes and a NUL. -ENOMEM. */
int texts_add(struct texts *texts, const char *text, size_t size, uint32_t *ret_place)
	_warn_unused_;

static inline const char *texts_at(const struct texts *texts, uint32_t place)
{
	return (const char *)texts->pieces.pieces[place / TEXT_PIECE_BYTES] +
	       place % TEXT_PIECE_BYTES;
}
