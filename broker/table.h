/* SPDX-License-Identifier: MIT */
/*
 * A hash table of numbered entries whose every step is small: linear hashing, which splits one
 * bucket with each entry that is added and never rehashes all. Entries keep their number and
 * their address, and only the last one can be taken out again.
 */
#pragma once

#include "broker/pieces.h"

#define TABLE_NONE UINT32_MAX

/* How the entries of one kind are told apart. `owner` is whatever the entries refer to. An entry
 * begins with a uint32_t that belongs to the table. */
struct table_kind {
	size_t entry_bytes;
	uint64_t (*hash_entry)(const void *owner, const void *entry);
	bool (*has_key)(const void *owner, const void *entry, const void *key);
};

struct table {
	struct pieces entries; /* owned */
	struct pieces heads;   /* owned: the first entry of each bucket */
	uint32_t n;
	uint32_t n_heads;
};

/* TABLE_NONE: there is none. */
uint32_t table_find(const struct table *table, const struct table_kind *kind, const void *owner,
		    uint64_t hash, const void *key);

/* Room for one more entry, so that table_add() can't fail. -ENOMEM. */
int table_reserve(struct table *table, const struct table_kind *kind) _warn_unused_;

/* Adds a copy of `entry`, of whose kind no equal one is there. */
void table_add(struct table *table, const struct table_kind *kind, const void *owner,
	       const void *entry);

/* Takes the last one out. */
void table_remove_last(struct table *table, const struct table_kind *kind, const void *owner);

static inline void *table_at(const struct table *table, const struct table_kind *kind, uint32_t i)
{
	return pieces_at(&table->entries, i, kind->entry_bytes);
}

/* Frees some of the memory of a table that is no longer used, at most `max_pieces`; returns how
 * many pieces it freed, less when nothing is left. */
uint32_t table_clear(struct table *table, uint32_t max_pieces);
