/* SPDX-License-Identifier: MIT */
/* Mount tables of the namespaces that a question meets, each read once. */
#include "broker/scan/namespaces.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "broker/scan/mount_table.h"
#include "broker/scan/mount_watch.h"

struct namespace
{
	uint64_t id;
	bool is_known; /* its table could be read */
	struct mount_table table;
	struct namespace *next;
};

void namespaces_done(struct namespaces *namespaces)
{
	struct namespace *namespace;
	struct namespace *next;

	LL_FOREACH_SAFE(namespaces->list, namespace, next) {
		mount_table_done(&namespace->table);
		free(namespace);
	}
	namespaces->list = NULL;
}

bool namespaces_is_barred(const struct match_context *context, const char *path)
{
	return !context->mounts || mount_table_find_barrier(context->mounts, path) != NULL;
}

static struct namespace *find_namespace(struct namespaces *namespaces,
					const struct match_context *context,
					const struct index_process *process)
{
	struct namespace *namespace;
	char name[32];

	LL_FOREACH(namespaces->list, namespace) {
		if (namespace->id == process->mount_namespace) {
			return namespace;
		}
	}
	namespace = calloc(1, sizeof(*namespace));
	if (!namespace) {
		return NULL;
	}
	namespace->id = process->mount_namespace;
	(void)snprintf(name, sizeof(name), "%d/mountinfo", process->pid);
	namespace->is_known = mount_table_read(context->proc_fd, name, &namespace->table) == 0;
	LL_PREPEND(namespaces->list, namespace);
	return namespace;
}

/* What is left of `path` below `directory`, beginning with "/" or empty; NULL: it is not below. */
static const char *rest_below(const char *path, const char *directory)
{
	size_t n = strcmp(directory, "/") == 0 ? 0 : strlen(directory);

	return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0') ? path + n
										       : NULL;
}

/* "/" and "/lib" make "/lib". */
static bool concatenate(char *ret_path, size_t size, const char *directory, const char *rest)
{
	size_t n = strcmp(directory, "/") == 0 ? 0 : strlen(directory);

	if (n + strlen(rest) + 2 > size) {
		return false;
	}
	memcpy(ret_path, directory, n);
	(void)strcpy(ret_path + n, *rest || n ? rest : "/");
	return true;
}

int namespaces_translate(struct namespaces *namespaces, const struct match_context *context,
			 const struct index_process *process, const char *path,
			 void (*found)(const char *host_path, void *userdata), void *userdata)
{
	struct namespace *namespace;
	const struct mount *mount;
	char inside[PATH_MAX];
	char host_path[PATH_MAX];

	if (!context->mount_namespace || process->mount_namespace == context->mount_namespace) {
		found(path, userdata);
		return 0;
	}
	if (!context->mounts || !process->mount_namespace) {
		return 0;
	}
	namespace = find_namespace(namespaces, context, process);
	if (!namespace) {
		return -ENOMEM;
	}
	mount = namespace->is_known ? mount_table_find_path(&namespace->table, path) : NULL;
	if (!mount ||
	    !concatenate(inside, sizeof(inside), mount->root, rest_below(path, mount->point))) {
		return 0;
	}
	for (size_t i = 0; i < context->mounts->n_mounts; i++) {
		const struct mount *host = &context->mounts->mounts[i];
		const char *rest =
			host->device == mount->device ? rest_below(inside, host->root) : NULL;

		if (rest && concatenate(host_path, sizeof(host_path), host->point, rest) &&
		    mount_table_find_path(context->mounts, host_path) == host) {
			found(host_path, userdata);
		}
	}
	return 0;
}
