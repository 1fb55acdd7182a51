/* SPDX-License-Identifier: MIT */
/*
 * Paths are bytes. ".." stays, because what is above a link is not what the text says.
 */
#include "client/rmctl/path_list.h"

#include <limits.h>
#include <string.h>

int path_list_take(struct path_list *list, char *path)
{
	_cleanup_(freep) char *taken = path;

	if (!taken) {
		return -ENOMEM;
	}
	if (list->n == list->size) {
		size_t size = list->size ? 2 * list->size : 16;
		char **more = reallocarray(list->paths, size, sizeof(*more));

		if (!more) {
			return -ENOMEM;
		}
		list->paths = more;
		list->size = size;
	}
	list->paths[list->n++] = TAKE_PTR(taken);
	return 0;
}

int path_list_add(struct path_list *list, const char *path, size_t length)
{
	char *copy = malloc(length + 1);

	if (copy) {
		memcpy(copy, path, length);
		copy[length] = '\0';
	}
	return path_list_take(list, copy);
}

void path_list_done(struct path_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->paths[i]);
	}
	free(list->paths);
	*list = (struct path_list){0};
}

/* Appends "/PART" for each part of `path` that says something. */
static char *append_parts(char *at, const char *path)
{
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length > 0 && !(length == 1 && path[0] == '.')) {
			*at++ = '/';
			memcpy(at, path, length);
			at += length;
		}
		path += length + (path[length] == '/');
	}
	return at;
}

int path_make_absolute(const char *directory, const char *path, char **ret_path)
{
	size_t n_directory = path[0] == '/' ? 0 : strlen(directory), n_path = strlen(path);
	char *absolute, *at;

	if (n_path == 0) {
		return -EINVAL;
	}
	if (n_path >= PATH_MAX || n_directory >= PATH_MAX) {
		return -ENAMETOOLONG;
	}
	absolute = malloc(n_directory + n_path + 3);
	if (!absolute) {
		return -ENOMEM;
	}
	at = append_parts(absolute, n_directory ? directory : "");
	at = append_parts(at, path);
	if (at == absolute) {
		*at++ = '/';
	}
	*at = '\0';
	if (at - absolute >= PATH_MAX) {
		free(absolute);
		return -ENAMETOOLONG;
	}
	*ret_path = absolute;
	return 0;
}
