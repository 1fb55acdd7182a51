/* SPDX-License-Identifier: MIT */
/*
 * Resolving paths. The kernel would follow a symbolic link into a dead NFS or FUSE mount and never
 * come back. So each name on the way is compared with the mount points that may hang before it is
 * touched, and links are read and followed here. The directory of a path is opened with openat2(2)
 * in one call when no link is on the way, which the kernel checks, and kept for the next path:
 * files are registered by the directory.
 *
 * What is compared are texts against a table that was true a moment ago. Who mounts something in
 * between can still make the worker hang; the broker then replaces it.
 */
#include "broker/scan/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_LINKS 40u /* the kernel's own limit */
/* O_DIRECTORY has the effect that what is mounted when it is entered is mounted now, not found
 * empty: by a worker that may touch automounts. */
#define DIRECTORY_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)

int place_look(int directory_fd, const char *name, struct statx *ret_status)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC |
		    (*name ? 0 : AT_EMPTY_PATH);

	if (statx(directory_fd, name, flags, STATX_TYPE | STATX_INO | STATX_MNT_ID, ret_status) <
	    0) {
		return negative_errno();
	}
	return 0;
}

void place_done(struct place *place)
{
	closep(&place->owned_fd);
	place->owned_fd = -1;
}

void resolver_init(struct resolver *resolver, const struct mount_table *mounts,
		   bool may_touch_remote)
{
	resolver->mounts = mounts;
	resolver->may_touch_remote = may_touch_remote;
	resolver->is_known = false;
	resolver->directory_fd = -1;
}

void resolver_reset(struct resolver *resolver)
{
	closep(&resolver->directory_fd);
	resolver->directory_fd = -1;
	resolver->is_known = false;
}

void resolver_done(struct resolver *resolver)
{
	resolver_reset(resolver);
}

static bool is_barrier(const struct resolver *resolver, const char *real)
{
	return !resolver->may_touch_remote && mount_table_find_barrier_at(resolver->mounts, real);
}

/* ---- following name by name ---- */

struct walk {
	const struct resolver *resolver;
	int fd; /* directory that was reached; borrowed, or owned_fd */
	int owned_fd;
	unsigned int n_links;
	size_t real_length; /* of that directory's path */
	const char *at;	    /* what is left of `rest` */
	char rest[MAX_PATH_BYTES];
	char real[MAX_PATH_BYTES];
};

/* The texts stay as they are: clearing 8 KiB costs more than following a link. */
static void walk_init(struct walk *walk, const struct resolver *resolver)
{
	walk->resolver = resolver;
	walk->fd = -1;
	walk->owned_fd = -1;
	walk->n_links = 0;
	walk->real_length = 0;
	walk->at = walk->rest;
	walk->rest[0] = '\0';
	walk->real[0] = '\0';
}

static void walk_done(struct walk *walk)
{
	closep(&walk->owned_fd);
}

static void walk_stand_on(struct walk *walk, int fd)
{
	closep(&walk->owned_fd);
	walk->owned_fd = fd;
	walk->fd = fd;
}

static int walk_begin_at_root(struct walk *walk)
{
	int fd;

	if (is_barrier(walk->resolver, "/")) {
		return -EREMOTE;
	}
	fd = open("/", O_PATH | O_CLOEXEC);
	if (fd < 0) {
		return negative_errno();
	}
	walk_stand_on(walk, fd);
	walk->real_length = 0;
	walk->real[0] = '\0';
	return 0;
}

/* Down into a name that is a directory, or to its parent by "..". */
static int walk_enter(struct walk *walk, const char *name)
{
	int fd = openat(walk->fd, name, DIRECTORY_FLAGS | O_NOFOLLOW);

	if (fd < 0) {
		return negative_errno();
	}
	walk_stand_on(walk, fd);
	return 0;
}

static int walk_leave(struct walk *walk)
{
	int r = walk_enter(walk, "..");

	if (r < 0) {
		return r;
	}
	while (walk->real_length && walk->real[walk->real_length - 1] != '/') {
		walk->real_length--;
	}
	walk->real_length -= walk->real_length > 0;
	walk->real[walk->real_length] = '\0';
	return 0;
}

/* Puts what a link says before the rest. */
static int walk_follow(struct walk *walk, const char *name)
{
	char target[MAX_PATH_BYTES];
	size_t rest_size = strlen(walk->at) + 1;
	ssize_t n = readlinkat(walk->fd, name, target, sizeof(target));

	if (n < 0) {
		return negative_errno();
	}
	if (n == 0) {
		return -ENOENT;
	}
	if (++walk->n_links > MAX_LINKS) {
		return -ELOOP;
	}
	if ((size_t)n + rest_size > sizeof(walk->rest)) {
		return -ENAMETOOLONG;
	}
	memmove(walk->rest + n, walk->at, rest_size);
	memcpy(walk->rest, target, (size_t)n);
	walk->at = walk->rest;
	walk->real[walk->real_length] = '\0';
	return target[0] == '/' ? walk_begin_at_root(walk) : 0;
}

/* Takes the next name; "" at the end. */
static int walk_next_name(struct walk *walk, char ret_name[NAME_MAX + 1])
{
	size_t length;

	walk->at += strspn(walk->at, "/");
	length = strcspn(walk->at, "/");
	if (length > NAME_MAX) {
		return -ENAMETOOLONG;
	}
	memcpy(ret_name, walk->at, length);
	ret_name[length] = '\0';
	walk->at += length;
	return 0;
}

/* Makes `real` the path of a name in the directory that was reached. */
static int walk_append(struct walk *walk, const char *name)
{
	size_t size = strlen(name) + 1;

	if (walk->real_length + 1 + size > sizeof(walk->real)) {
		return -ENAMETOOLONG;
	}
	walk->real[walk->real_length] = '/';
	memcpy(walk->real + walk->real_length + 1, name, size);
	return is_barrier(walk->resolver, walk->real) ? -EREMOTE : 0;
}

/* Follows one name. 1: it is the end of the way, and no link. */
static int walk_step(struct walk *walk, const char *name, struct statx *ret_status)
{
	int r = walk_append(walk, name);

	if (r == 0) {
		r = place_look(walk->fd, name, ret_status);
	}
	if (r < 0) {
		return r;
	}
	if (S_ISLNK(ret_status->stx_mode)) {
		return walk_follow(walk, name);
	}
	if (*walk->at && !S_ISDIR(ret_status->stx_mode)) {
		return -ENOTDIR;
	}
	if (!walk->at[strspn(walk->at, "/")]) {
		return 1;
	}
	walk->real_length = strlen(walk->real);
	return walk_enter(walk, name);
}

/* Goes to the end. The name there is "" for the directory itself. */
static int walk_run(struct walk *walk, char ret_name[NAME_MAX + 1], struct statx *ret_status)
{
	int r;

	do {
		r = walk_next_name(walk, ret_name);
		if (r < 0 || strcmp(ret_name, ".") == 0) {
			continue;
		}
		if (!*ret_name) {
			r = place_look(walk->fd, "", ret_status);
			return r < 0 ? r : 1;
		}
		r = strcmp(ret_name, "..") == 0 ? walk_leave(walk)
						: walk_step(walk, ret_name, ret_status);
	} while (r == 0);
	return r;
}

/* Follows `rest` from where the walk stands and tells the place. */
static int walk_to_place(struct walk *walk, struct place *place)
{
	int r = walk_run(walk, place->name, &place->status);

	if (r < 0) {
		return r;
	}
	place->owned_fd = TAKE_FD(walk->owned_fd);
	place->directory_fd = walk->fd;
	(void)strcpy(place->real, *walk->real ? walk->real : "/");
	return 0;
}

/* ---- directories ---- */

/* Whether each name of a path is between two single '/', and none is "." or "..". */
static bool is_plain(const char *path)
{
	while (*path == '/') {
		size_t length = strcspn(path + 1, "/");

		if (length == 0 ||
		    (path[1] == '.' && (length == 1 || (length == 2 && path[2] == '.')))) {
			return false;
		}
		path += 1 + length;
	}
	return !*path;
}

/* -ELOOP: there is a link on the way, or the kernel can't tell. */
static int open_without_links(const char *path)
{
	struct open_how how = {
		.flags = DIRECTORY_FLAGS,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	if (fd < 0) {
		return errno == ENOSYS || errno == EPERM ? -ELOOP : negative_errno();
	}
	return (int)fd;
}

static int walk_to_directory(struct resolver *resolver)
{
	_cleanup_(walk_done) struct walk walk;
	char name[NAME_MAX + 1];
	struct statx status;
	int r;

	walk_init(&walk, resolver);
	r = walk_begin_at_root(&walk);
	if (r < 0) {
		return r;
	}
	(void)strcpy(walk.rest, resolver->spelt);
	r = walk_run(&walk, name, &status);
	if (r < 0) {
		return r;
	}
	if (!S_ISDIR(status.stx_mode)) {
		return -ENOTDIR;
	}
	r = *name ? walk_enter(&walk, name) : 0;
	if (r < 0) {
		return r;
	}
	(void)strcpy(resolver->real, walk.real);
	return TAKE_FD(walk.owned_fd);
}

static int open_directory(struct resolver *resolver)
{
	if (*resolver->spelt && is_plain(resolver->spelt)) {
		int fd;

		if (!resolver->may_touch_remote &&
		    mount_table_find_barrier(resolver->mounts, resolver->spelt)) {
			return -EREMOTE;
		}
		fd = open_without_links(resolver->spelt);
		if (fd != -ELOOP) {
			(void)strcpy(resolver->real, resolver->spelt);
			return fd;
		}
	}
	return walk_to_directory(resolver);
}

/* Opens the directory that the first `length` bytes of a path are, unless it is open. */
static int resolver_enter(struct resolver *resolver, const char *path, size_t length)
{
	int fd;

	if (resolver->is_known && length == resolver->spelt_length &&
	    memcmp(path, resolver->spelt, length) == 0) {
		return resolver->directory_error;
	}
	resolver_reset(resolver);
	memcpy(resolver->spelt, path, length);
	resolver->spelt[length] = '\0';
	resolver->spelt_length = length;
	resolver->is_known = true;
	fd = open_directory(resolver);
	resolver->directory_fd = fd < 0 ? -1 : fd;
	resolver->directory_error = fd < 0 ? fd : 0;
	resolver->real_length = fd < 0 ? 0 : strlen(resolver->real);
	return resolver->directory_error;
}

/* ---- paths ---- */

/* Follows a last name that is a link. */
static int follow_last(struct resolver *resolver, struct place *place)
{
	_cleanup_(walk_done) struct walk walk;
	int r;

	walk_init(&walk, resolver);
	walk.fd = resolver->directory_fd;
	walk.real_length = resolver->real_length;
	memcpy(walk.real, resolver->real, resolver->real_length + 1);
	r = walk_follow(&walk, place->name);
	return r < 0 ? r : walk_to_place(&walk, place);
}

/* A name in the directory that the resolver has open. */
static int find_in_directory(struct resolver *resolver, const char *name, struct place *place)
{
	size_t size = strlen(name) + 1;
	int r;

	if (size > sizeof(place->name)) {
		return -ENAMETOOLONG;
	}
	memcpy(place->name, name, size);
	place->directory_fd = resolver->directory_fd;
	if (resolver->real_length + 1 + size <= sizeof(place->real)) {
		memcpy(place->real, resolver->real, resolver->real_length);
		place->real[resolver->real_length] = '/';
		memcpy(place->real + resolver->real_length + 1, name, size);
		memcpy(place->real_path, place->real, resolver->real_length + 1 + size);
	} else {
		place->real[0] = '\0'; /* no mount point is as long */
	}
	if (is_barrier(resolver, place->real)) {
		return -EREMOTE;
	}
	r = place_look(place->directory_fd, name, &place->status);
	if (r == 0 && S_ISLNK(place->status.stx_mode)) {
		r = follow_last(resolver, place);
	}
	return r;
}

/* A path that does not end in a name: "/", "/a/", "/a/..". */
static int find_by_walk(struct resolver *resolver, const char *path, struct place *place)
{
	_cleanup_(walk_done) struct walk walk;
	int r;

	walk_init(&walk, resolver);
	r = walk_begin_at_root(&walk);
	if (r < 0) {
		return r;
	}
	(void)strcpy(walk.rest, path);
	r = walk_to_place(&walk, place);
	if (r == 0) {
		(void)strcpy(place->real_path, place->real);
	}
	return r;
}

int resolver_find(struct resolver *resolver, const char *path, struct place *ret_place)
{
	const char *name;
	int r;

	ret_place->directory_fd = -1;
	ret_place->owned_fd = -1;
	ret_place->name[0] = '\0';
	ret_place->real[0] = '\0';
	ret_place->real_path[0] = '\0';
	if (path[0] != '/') {
		return -EINVAL;
	}
	if (strlen(path) >= MAX_PATH_BYTES) {
		return -ENAMETOOLONG;
	}
	name = strrchr(path, '/') + 1;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return find_by_walk(resolver, path, ret_place);
	}
	r = resolver_enter(resolver, path, (size_t)(name - 1 - path));
	return r < 0 ? r : find_in_directory(resolver, name, ret_place);
}
