/* SPDX-License-Identifier: MIT */
/* Which of the registered paths has this text, as registered or without symbolic links; and below
 * which registered tree it lies. */
#pragma once

#include "broker/scan/match.h"

/* As registered; without symbolic links above the last name; without any. */
#define PATH_FORMS 3u

struct path_table {
	const struct match_targets *targets; /* borrowed */
	uint32_t *slots;		     /* owned: PATH_FORMS * path + form, plus 1; 0 empty */
	size_t mask;
	uint32_t *trees; /* owned: the paths that are trees */
	size_t n_trees;
};

/* NULL: it is another form's. */
const char *path_table_text(const struct match_targets *targets, size_t path, unsigned int form);

/* 0 or -ENOMEM. */
int path_table_init(struct path_table *table, const struct match_targets *targets) _warn_unused_;
void path_table_done(struct path_table *table);

/* Calls `found` for each registered path of this text, trees left out. */
void path_table_find(const struct path_table *table, const char *text,
		     void (*found)(uint32_t path, void *userdata), void *userdata);

/* The first registered tree that `text` is or lies below, UINT32_MAX: none. */
uint32_t path_table_find_tree(const struct path_table *table, const char *text);
