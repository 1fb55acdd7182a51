/* SPDX-License-Identifier: MIT */
/* An open-addressing table of texts; trees are few and looked through. */
#include "broker/scan/path_table.h"

#include <errno.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static const char *real_path(const struct match_targets *targets, size_t path)
{
	return targets->real_paths ? targets->real_paths[path] : NULL;
}

static const char *slot_text(const struct path_table *table, uint32_t slot)
{
	size_t path = (slot - 1) / 2;

	return (slot - 1) % 2 ? real_path(table->targets, path) : table->targets->paths[path];
}

static size_t hash_text(const char *text)
{
	return (size_t)XXH3_64bits(text, strlen(text));
}

static void add(struct path_table *table, uint32_t slot)
{
	size_t at = hash_text(slot_text(table, slot)) & table->mask;

	while (table->slots[at]) {
		at = (at + 1) & table->mask;
	}
	table->slots[at] = slot;
}

int path_table_init(struct path_table *table, const struct match_targets *targets)
{
	size_t capacity = 16;

	*table = (struct path_table){.targets = targets};
	while (capacity < targets->n_paths * 4) {
		capacity *= 2;
	}
	table->mask = capacity - 1;
	table->slots = calloc(capacity, sizeof(*table->slots));
	table->trees = calloc(targets->n_paths + 1, sizeof(*table->trees));
	if (!table->slots || !table->trees) {
		path_table_done(table);
		return -ENOMEM;
	}
	for (size_t i = 0; i < targets->n_paths; i++) {
		const char *real = real_path(targets, i);

		if (targets->is_tree && targets->is_tree[i]) {
			table->trees[table->n_trees++] = (uint32_t)i;
			continue;
		}
		add(table, (uint32_t)(2 * i + 1));
		if (real && strcmp(real, targets->paths[i]) != 0) {
			add(table, (uint32_t)(2 * i + 2));
		}
	}
	return 0;
}

void path_table_done(struct path_table *table)
{
	free(table->slots);
	free(table->trees);
	*table = (struct path_table){0};
}

void path_table_find(const struct path_table *table, const char *text,
		     void (*found)(uint32_t path, void *userdata), void *userdata)
{
	for (size_t at = hash_text(text) & table->mask; table->slots[at];
	     at = (at + 1) & table->mask) {
		if (strcmp(slot_text(table, table->slots[at]), text) == 0) {
			found((table->slots[at] - 1) / 2, userdata);
		}
	}
}

static bool is_below(const char *text, const char *tree)
{
	size_t n = strlen(tree);

	while (n > 1 && tree[n - 1] == '/') {
		n--;
	}
	return strncmp(text, tree, n) == 0 && (n == 1 || text[n] == '/' || text[n] == '\0');
}

uint32_t path_table_find_tree(const struct path_table *table, const char *text)
{
	for (size_t i = 0; i < table->n_trees; i++) {
		const char *real = real_path(table->targets, table->trees[i]);

		if (is_below(text, table->targets->paths[table->trees[i]]) ||
		    (real && is_below(text, real))) {
			return table->trees[i];
		}
	}
	return UINT32_MAX;
}
