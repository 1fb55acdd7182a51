/* SPDX-License-Identifier: MIT */
/*
 * dpkg keeps a list of files for each package, NAME.list or NAME:ARCH.list. Only the lists of
 * packages that a policy names are read: all of them would be tens of megabytes.
 */
#include "broker/scan/policy_package.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_LIST_BYTES (32u * 1024u * 1024u) /* the kernel's sources have 8 MiB */
#define MAX_ALL_BYTES (64u * 1024u * 1024u)

static bool matches_one(const char *file_name, const char *const *globs, size_t n)
{
	char name[NAME_MAX + 1];
	size_t length = strlen(file_name);

	if (length <= 5 || length > NAME_MAX || strcmp(file_name + length - 5, ".list") != 0) {
		return false;
	}
	memcpy(name, file_name, length - 5);
	name[length - 5] = '\0';
	name[strcspn(name, ":")] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (fnmatch(globs[i], name, 0) == 0) {
			return true;
		}
	}
	return false;
}

/* The text of a list and the number of its lines; NULL with *ret_error 0 when it is not readable. */
static char *read_list(int dir_fd, const char *name, size_t *ret_size, int *ret_error)
{
	_cleanup_(closep) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t used = 0;
	char *text;

	*ret_error = 0;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    st.st_size > MAX_LIST_BYTES) {
		return NULL;
	}
	text = malloc((size_t)st.st_size + 1);
	if (!text) {
		*ret_error = -ENOMEM;
		return NULL;
	}
	while (used < (size_t)st.st_size) {
		ssize_t n = read(fd, text + used, (size_t)st.st_size - used);

		if (n <= 0) {
			break;
		}
		used += (size_t)n;
	}
	text[used] = '\0';
	*ret_size = used;
	return text;
}

static int add_list(struct policy_packages *packages, char *text, size_t size)
{
	char **texts = reallocarray(packages->texts, packages->n_texts + 1, sizeof(*texts));
	size_t n_lines = 1;
	const char **paths;
	char *rest = text;
	char *line;

	if (!texts) {
		free(text);
		return -ENOMEM;
	}
	packages->texts = texts;
	texts[packages->n_texts++] = text;
	for (size_t i = 0; i < size; i++) {
		n_lines += text[i] == '\n';
	}
	paths = reallocarray(packages->paths, packages->n_paths + n_lines, sizeof(*paths));
	if (!paths) {
		return -ENOMEM;
	}
	packages->paths = paths;
	while ((line = strsep(&rest, "\n"))) {
		if (line[0] == '/') {
			paths[packages->n_paths++] = line;
		}
	}
	return 0;
}

static int compare_paths(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

int policy_packages_read(const char *directory_path, const char *const *globs, size_t n,
			 struct policy_packages *ret_packages)
{
	struct policy_packages packages = {0};
	DIR *directory = opendir(directory_path);
	struct dirent *entry;
	size_t total = 0;
	int r = 0;

	while (directory && r == 0 && (entry = readdir(directory))) {
		size_t size = 0;
		char *text;

		if (!matches_one(entry->d_name, globs, n)) {
			continue;
		}
		text = read_list(dirfd(directory), entry->d_name, &size, &r);
		if (text && size > MAX_ALL_BYTES - total) {
			free(text);
			text = NULL;
		}
		if (text) {
			total += size;
			r = add_list(&packages, text, size);
		}
	}
	if (directory) {
		(void)closedir(directory);
	}
	if (r < 0) {
		policy_packages_done(&packages);
		return r;
	}
	if (packages.n_paths) {
		qsort(packages.paths, packages.n_paths, sizeof(*packages.paths), compare_paths);
	}
	*ret_packages = packages;
	return 0;
}

void policy_packages_done(struct policy_packages *packages)
{
	for (size_t i = 0; i < packages->n_texts; i++) {
		free(packages->texts[i]);
	}
	free(TAKE_PTR(packages->texts));
	free(TAKE_PTR(packages->paths));
	packages->n_texts = packages->n_paths = 0;
}

static bool has_path(const struct policy_packages *packages, const char *path)
{
	return packages->n_paths && bsearch(&path, packages->paths, packages->n_paths,
					    sizeof(*packages->paths), compare_paths);
}

bool policy_packages_have(const struct policy_packages *packages, const char *executable)
{
	static const char *const linked[] = {"/bin/", "/sbin/", "/lib"};

	if (has_path(packages, executable)) {
		return true;
	}
	if (strncmp(executable, "/usr/", 5) != 0) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(linked); i++) {
		if (strncmp(executable + 4, linked[i], strlen(linked[i])) == 0) {
			return has_path(packages, executable + 4);
		}
	}
	return false;
}
