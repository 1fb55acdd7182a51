/* SPDX-License-Identifier: MIT */
/*
 * Linear hashing. With `low` the largest power of two that is not above the number of buckets,
 * an entry is in bucket `hash % (2 * low)` where that one is there already, else `hash % low`.
 * The next bucket takes its entries from the one that is `low` before it. Numbers of entries
 * stand for pointers: half the size.
 */
#include "broker/table.h"

#include <errno.h>
#include <string.h>

#define FIRST_HEADS PIECE_ENTRIES
#define HEADS_PIECE_BYTES (PIECE_ENTRIES * sizeof(uint32_t))

static uint32_t *head_at(const struct table *table, uint32_t bucket)
{
	return pieces_at(&table->heads, bucket, sizeof(uint32_t));
}

static uint32_t *next_of(const struct table *table, const struct table_kind *kind, uint32_t i)
{
	return table_at(table, kind, i);
}

/* Not above `n`, which is not 0. */
static uint32_t power_of_two(uint32_t n)
{
	return UINT32_C(1) << (31 - __builtin_clz(n));
}

static uint32_t bucket_of(uint64_t hash, uint32_t n_heads)
{
	uint32_t low = power_of_two(n_heads);
	uint32_t bucket = (uint32_t)hash & (2 * low - 1);

	return bucket < n_heads ? bucket : bucket - low;
}

uint32_t table_find(const struct table *table, const struct table_kind *kind, const void *owner,
		    uint64_t hash, const void *key)
{
	uint32_t i;

	if (table->n == 0) {
		return TABLE_NONE;
	}
	i = *head_at(table, bucket_of(hash, table->n_heads));
	while (i != TABLE_NONE && !kind->has_key(owner, table_at(table, kind, i), key)) {
		i = *next_of(table, kind, i);
	}
	return i;
}

int table_reserve(struct table *table, const struct table_kind *kind)
{
	uint32_t n_heads = table->n_heads ? table->n_heads + 1 : FIRST_HEADS;
	int r = pieces_reserve(&table->entries, table->n / PIECE_ENTRIES + 1,
			       PIECE_ENTRIES * kind->entry_bytes);

	if (r < 0) {
		return r;
	}
	return pieces_reserve(&table->heads, (n_heads - 1) / PIECE_ENTRIES + 1, HEADS_PIECE_BYTES);
}

static void add_heads(struct table *table, uint32_t n)
{
	while (table->n_heads < n) {
		*head_at(table, table->n_heads++) = TABLE_NONE;
	}
}

static void push(const struct table *table, const struct table_kind *kind, uint32_t bucket,
		 uint32_t i)
{
	*next_of(table, kind, i) = *head_at(table, bucket);
	*head_at(table, bucket) = i;
}

/* One bucket more, with what belongs into it of the bucket that it comes from. */
static void split(struct table *table, const struct table_kind *kind, const void *owner)
{
	uint32_t fresh = table->n_heads;
	uint32_t old = fresh - power_of_two(fresh);
	uint32_t i;

	add_heads(table, fresh + 1);
	i = *head_at(table, old);
	*head_at(table, old) = TABLE_NONE;
	while (i != TABLE_NONE) {
		uint32_t next = *next_of(table, kind, i);
		uint64_t hash = kind->hash_entry(owner, table_at(table, kind, i));

		push(table, kind, bucket_of(hash, table->n_heads), i);
		i = next;
	}
}

void table_add(struct table *table, const struct table_kind *kind, const void *owner,
	       const void *entry)
{
	uint32_t i = table->n++;

	if (table->n_heads == 0) {
		add_heads(table, FIRST_HEADS);
	} else if (table->n > table->n_heads) {
		split(table, kind, owner);
	}
	memcpy(table_at(table, kind, i), entry, kind->entry_bytes);
	push(table, kind, bucket_of(kind->hash_entry(owner, entry), table->n_heads), i);
}

void table_remove_last(struct table *table, const struct table_kind *kind, const void *owner)
{
	uint32_t last = table->n - 1;
	uint64_t hash = kind->hash_entry(owner, table_at(table, kind, last));
	uint32_t *at = head_at(table, bucket_of(hash, table->n_heads));

	while (*at != last) {
		at = next_of(table, kind, *at);
	}
	*at = *next_of(table, kind, last);
	table->n = last;
}

uint32_t table_clear(struct table *table, uint32_t max_pieces)
{
	uint32_t n_freed = pieces_shrink(&table->heads, 0, max_pieces);

	table->n = 0;
	table->n_heads = 0;
	return n_freed + pieces_shrink(&table->entries, 0, max_pieces - n_freed);
}
