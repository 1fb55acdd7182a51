/* SPDX-License-Identifier: MIT */
/* An open-addressing table of texts; trees are few and looked through. */
#include "broker/scan/path_table.h"

#include <errno.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

const char *path_table_text(const struct match_targets *targets, size_t path, unsigned int form)
{
	const char *const *const forms[PATH_FORMS] = {targets->paths, targets->real_paths,
						      targets->final_paths};

	return forms[form] ? forms[form][path] : NULL;
}

static const char *slot_text(const struct path_table *table, uint32_t slot)
{
	return path_table_text(table->targets, (slot - 1) / PATH_FORMS, (slot - 1) % PATH_FORMS);
}

static size_t hash_text(const char *text)
{
	return (size_t)XXH3_64bits(text, strlen(text));
}

static void add_text(struct path_table *table, uint32_t slot)
{
	size_t at = hash_text(slot_text(table, slot)) & table->mask;

	while (table->slots[at]) {
		at = (at + 1) & table->mask;
	}
	table->slots[at] = slot;
}

/* Each text once. */
static void add_path(struct path_table *table, size_t path)
{
	for (unsigned int form = 0; form < PATH_FORMS; form++) {
		const char *text = path_table_text(table->targets, path, form);
		bool is_new = text;

		for (unsigned int other = 0; is_new && other < form; other++) {
			const char *before = path_table_text(table->targets, path, other);

			is_new = !before || strcmp(before, text) != 0;
		}
		if (is_new) {
			add_text(table, (uint32_t)(PATH_FORMS * path + form + 1));
		}
	}
}

int path_table_init(struct path_table *table, const struct match_targets *targets)
{
	size_t capacity = 16;

	*table = (struct path_table){.targets = targets};
	while (capacity < targets->n_paths * 2 * PATH_FORMS) {
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
		if (targets->is_tree && targets->is_tree[i]) {
			table->trees[table->n_trees++] = (uint32_t)i;
			continue;
		}
		add_path(table, i);
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
			found((table->slots[at] - 1) / PATH_FORMS, userdata);
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
		for (unsigned int form = 0; form < PATH_FORMS; form++) {
			const char *tree = path_table_text(table->targets, table->trees[i], form);

			if (tree && is_below(text, tree)) {
				return table->trees[i];
			}
		}
	}
	return UINT32_MAX;
}
