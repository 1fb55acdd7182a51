/* SPDX-License-Identifier: MIT */
/* Arrays in pieces. Only the list of the pieces is ever copied: 8 bytes for 64 entries. */
#include "broker/pieces.h"

#include <errno.h>
#include <string.h>

static int reserve_list(struct pieces *pieces, uint32_t n)
{
	uint32_t capacity = pieces->capacity ? 2 * pieces->capacity : 4;
	void **grown;

	if (n <= pieces->capacity) {
		return 0;
	}
	capacity = capacity < n ? n : capacity;
	grown = reallocarray(pieces->pieces, capacity, sizeof(*grown));
	if (!grown) {
		return -ENOMEM;
	}
	pieces->pieces = grown;
	pieces->capacity = capacity;
	return 0;
}

int pieces_reserve(struct pieces *pieces, uint32_t n, size_t piece_bytes)
{
	int r = n > pieces->n_pieces ? reserve_list(pieces, n) : 0;

	while (r == 0 && pieces->n_pieces < n) {
		void *piece = malloc(piece_bytes);

		if (piece) {
			pieces->pieces[pieces->n_pieces++] = piece;
		} else {
			r = -ENOMEM;
		}
	}
	return r;
}

uint32_t pieces_shrink(struct pieces *pieces, uint32_t n, uint32_t max_freed)
{
	uint32_t n_freed = 0;

	while (pieces->n_pieces > n && n_freed < max_freed) {
		free(pieces->pieces[--pieces->n_pieces]);
		n_freed++;
	}
	if (pieces->n_pieces == 0) {
		free(pieces->pieces);
		*pieces = (struct pieces){0};
	}
	return n_freed;
}

int texts_add(struct texts *texts, const char *text, size_t size, uint32_t *ret_place)
{
	uint32_t place = texts->end;
	char *to;
	int r;

	if (size >= TEXT_PIECE_BYTES / 4 + 1) {
		return -EMSGSIZE;
	}
	if (place % TEXT_PIECE_BYTES + size + 1 > TEXT_PIECE_BYTES) {
		place = (place / TEXT_PIECE_BYTES + 1) * TEXT_PIECE_BYTES;
	}
	r = pieces_reserve(&texts->pieces, place / TEXT_PIECE_BYTES + 1, TEXT_PIECE_BYTES);
	if (r < 0) {
		return r;
	}
	to = (char *)texts->pieces.pieces[place / TEXT_PIECE_BYTES] + place % TEXT_PIECE_BYTES;
	memcpy(to, text, size);
	to[size] = '\0';
	texts->end = place + (uint32_t)size + 1;
	*ret_place = place;
	return 0;
}
