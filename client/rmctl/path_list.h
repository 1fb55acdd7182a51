/* SPDX-License-Identifier: MIT */
/* A list of paths that grows, and how relative ones become absolute. Pure. */
#pragma once

#include <stddef.h>

#include "proto/base.h"

/* Zeroed: empty. */
struct path_list {
	char **paths; /* owned, and each of them */
	size_t n;
	size_t size; /* how many fit */
};

/* Copies the path. 0 or -ENOMEM. */
int path_list_add(struct path_list *list, const char *path, size_t length) _warn_unused_;

/* Takes the path, also on failure. */
int path_list_take(struct path_list *list, char *path) _warn_unused_;

void path_list_done(struct path_list *list);

/*
 * Makes `path` absolute below `directory`, without following links: only "." parts and repeated
 * slashes go. -EINVAL: empty · -ENAMETOOLONG: not shorter than PATH_MAX · -ENOMEM.
 *
 * ret_path   free it
 */
int path_make_absolute(const char *directory, const char *path, char **ret_path) _warn_unused_;
