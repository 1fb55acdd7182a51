/* SPDX-License-Identifier: MIT */
/*
 * dpkg's lists, found and read. They are read directly, not by running dpkg-query, whose output is
 * for people and translated.
 *
 * A package that may be installed for several architectures has a list NAME:ARCH.list for each,
 * every other one NAME.list, whatever its architecture, which then only dpkg's status knows.
 */
#include "client/rmctl/package.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Of one of dpkg's files. Kernel headers, the largest lists, have 2 MiB; status has 10. */
#define MAX_FILE_BYTES (128u * 1024u * 1024u)
#define MAX_NAME_BYTES 200
#define SUFFIX ".list"

/* Where one package's lists are looked for. */
struct place {
	const char *directory;		  /* borrowed */
	char package[MAX_NAME_BYTES + 1]; /* without the architecture */
	const char *architecture;	  /* in the caller's name, "" when not given */
};

const char *package_directory(void)
{
	const char *chosen = secure_getenv("DPKG_ADMINDIR");

	return chosen && chosen[0] ? chosen : "/var/lib/dpkg";
}

bool package_name_is_valid(const char *name)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char more[] = "abcdefghijklmnopqrstuvwxyz0123456789+.-";
	size_t n = strspn(name, more), n_rest;

	if (n < 2 || !strchr(first, name[0]) || strlen(name) > MAX_NAME_BYTES) {
		return false;
	}
	if (name[n] == '\0') {
		return true;
	}
	n_rest = strspn(name + n + 1, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return name[n] == ':' && n_rest > 0 && name[n + 1 + n_rest] == '\0';
}

static int read_all(int fd, size_t size, char *text, size_t *ret_size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, text + n, size - n);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return negative_errno();
		}
		if (got == 0) {
			break;
		}
		n += (size_t)got;
	}
	*ret_size = n;
	return 0;
}

/* Reads a whole regular file below the directory. `ret_text` is freed by the caller. */
static int read_file(const char *directory, const char *name, char **ret_text, size_t *ret_size)
{
	_cleanup_(freep) char *path = NULL, *text = NULL;
	_cleanup_(closep) int fd = -1;
	struct stat about;
	int r;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &about)) {
		return negative_errno();
	}
	if (!S_ISREG(about.st_mode)) {
		return -EISDIR;
	}
	if (about.st_size > (off_t)MAX_FILE_BYTES) {
		return -EFBIG;
	}
	text = malloc((size_t)about.st_size + 1);
	if (!text) {
		return -ENOMEM;
	}
	r = read_all(fd, (size_t)about.st_size, text, ret_size);
	if (r < 0) {
		return r;
	}
	*ret_text = TAKE_PTR(text);
	return 0;
}

static int read_diversions(const struct place *place, struct diversions *ret_diversions)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	int r = read_file(place->directory, "diversions", &text, &size);

	if (r == -ENOENT) {
		*ret_diversions = (struct diversions){0};
		return 0;
	}
	return r < 0 ? r : diversions_parse(text, size, place->package, ret_diversions);
}

/* Reads one list below info/. -ENOENT when there is none of this name. */
static int read_list(const struct place *place, const char *name,
		     const struct diversions *diversions, struct path_list *files,
		     size_t *n_ignored)
{
	_cleanup_(freep) char *path = NULL, *text = NULL;
	size_t size;
	int r;

	if (asprintf(&path, "info/%s", name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = read_file(place->directory, path, &text, &size);
	return r < 0 ? r : package_list_parse(text, size, diversions, files, n_ignored);
}

/* Whether the entry is the list of the package for some architecture. */
static bool is_list_of(const char *entry, const char *package)
{
	size_t n = strlen(package), n_entry = strlen(entry);

	return n_entry > n + strlen(SUFFIX) && strncmp(entry, package, n) == 0 && entry[n] == ':' &&
	       strcmp(entry + n_entry - strlen(SUFFIX), SUFFIX) == 0;
}

static int read_every_architecture(const struct place *place, const struct diversions *diversions,
				   struct path_list *files, size_t *n_ignored)
{
	_cleanup_(freep) char *path = NULL;
	const struct dirent *entry;
	int r, result = -ENOENT;
	DIR *directory;

	if (asprintf(&path, "%s/info", place->directory) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	directory = opendir(path);
	if (!directory) {
		return errno == ENOENT ? -ENOTDIR : negative_errno();
	}
	while ((entry = readdir(directory))) {
		if (!is_list_of(entry->d_name, place->package)) {
			continue;
		}
		r = read_list(place, entry->d_name, diversions, files, n_ignored);
		if (r != -ENOENT) { /* else removed meanwhile */
			result = r;
		}
		if (r < 0 && r != -ENOENT) {
			break;
		}
	}
	(void)closedir(directory);
	return result;
}

/* The plain list is of the architecture that was asked for, if the status says so. */
static int check_architecture(const struct place *place)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	int r;

	if (!place->architecture[0]) {
		return 0;
	}
	r = read_file(place->directory, "status", &text, &size);
	if (r < 0) {
		return r;
	}
	return package_status_has(text, size, place->package, place->architecture) ? 0 : -ENOENT;
}

static int read_lists(const struct place *place, const struct diversions *diversions,
		      struct path_list *files, size_t *n_ignored)
{
	char name[2 * MAX_NAME_BYTES + sizeof(SUFFIX)];
	int r;

	if (place->architecture[0]) {
		snprintf(name, sizeof(name), "%s:%s" SUFFIX, place->package, place->architecture);
		r = read_list(place, name, diversions, files, n_ignored);
		if (r != -ENOENT) {
			return r;
		}
	}
	r = check_architecture(place);
	if (r < 0) {
		return r;
	}
	snprintf(name, sizeof(name), "%s" SUFFIX, place->package);
	r = read_list(place, name, diversions, files, n_ignored);
	if (r != -ENOENT || place->architecture[0]) {
		return r;
	}
	return read_every_architecture(place, diversions, files, n_ignored);
}

int package_read_files(const char *directory, const char *name, struct path_list *files,
		       size_t *ret_n_ignored)
{
	_cleanup_(diversions_done) struct diversions diversions = {0};
	struct place place = {.directory = directory};
	size_t n_ignored = 0, n_package = strcspn(name, ":");
	int r;

	if (!package_name_is_valid(name)) {
		return -EINVAL;
	}
	memcpy(place.package, name, n_package);
	place.architecture = name + n_package + (name[n_package] == ':');
	r = read_diversions(&place, &diversions);
	if (r < 0) {
		return r;
	}
	r = read_lists(&place, &diversions, files, &n_ignored);
	if (r < 0) {
		return r;
	}
	*ret_n_ignored = n_ignored;
	return 0;
}
