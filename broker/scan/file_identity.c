/* SPDX-License-Identifier: MIT */
/*
 * Reading identities: two system calls a file, statx(2) and name_to_handle_at(2), by its name in
 * a directory that is open, and no memory. Two calls may see two files when the name is replaced
 * in between. The handles of all disk file systems have the inode number in them, so a handle that
 * has not this file's is of another one (or of a file system that writes them otherwise): then
 * both are asked again through one descriptor.
 */
#include "broker/scan/file_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* A name that is replaced by a link each time it is looked at is somebody's game. */
#define MAX_TRIES 3u

struct handle {
	struct file_handle head; /* its bytes follow: MAX_HANDLE_SZ is the most there can be */
	unsigned char bytes[MAX_HANDLE_SZ];
};

static uint32_t kind_of(const struct statx *status)
{
	return S_ISREG(status->stx_mode)   ? FILE_REGULAR
	       : S_ISDIR(status->stx_mode) ? FILE_DIRECTORY
					   : FILE_OTHER;
}

int file_identity_set(struct file_identity *identity, const struct mount_table *mounts,
		      const struct statx *status)
{
	uint64_t device = makedev(status->stx_dev_major, status->stx_dev_minor);
	const struct mount *mount = NULL;

	*identity = (struct file_identity){
		.device = device,
		.inode = status->stx_ino,
		.superblock = device,
		.kind = kind_of(status),
	};
	if (mounts && (status->stx_mask & STATX_MNT_ID)) {
		mount = mount_table_find_id(mounts, status->stx_mnt_id);
	}
	if (!mount) {
		return -EAGAIN;
	}
	identity->superblock = mount->device;
	identity->flags = (mount->flags & MOUNT_REMOTE ? FILE_ON_REMOTE : 0) |
			  (mount->flags & MOUNT_OVERLAY ? FILE_ON_OVERLAY : 0) |
			  (mount->device != device ? FILE_MAPS_DIFFER : 0);
	return mount->device == device || (mount->flags & MOUNT_MAPS_DIFFER) ? 0 : -EAGAIN;
}

void file_identity_set_error(struct file_identity *identity, int error)
{
	bool is_missing = error == -ENOENT || error == -ENOTDIR;

	*identity = (struct file_identity){
		.kind = is_missing ? FILE_MISSING : FILE_UNCHECKED,
		.flags = error == -EREMOTE ? FILE_ON_REMOTE : 0,
		.error = is_missing ? 0 : -error,
	};
}

/* ---- generations ---- */

static int read_handle(int directory_fd, const char *name, int flags, struct handle *ret_handle)
{
	int mount_id;

	ret_handle->head.handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(directory_fd, name, &ret_handle->head, &mount_id, flags) < 0) {
		return negative_errno();
	}
	return 0;
}

static bool handle_has_inode(const struct handle *handle, uint64_t inode)
{
	uint32_t word;

	for (unsigned int i = 0; i + sizeof(word) <= handle->head.handle_bytes; i += sizeof(word)) {
		memcpy(&word, handle->bytes + i, sizeof(word));
		if (word == (uint32_t)inode) {
			return true;
		}
	}
	return false;
}

static uint64_t hash_handle(const struct handle *handle)
{
	uint64_t hash = XXH3_64bits_withSeed(handle->bytes, handle->head.handle_bytes,
					     (XXH64_hash_t)handle->head.handle_type);

	return hash ? hash : 1; /* 0 says that there is none */
}

/* Whether a generation can be told at all. */
static bool has_generation(const struct mount_table *mounts, const struct statx *status)
{
	const struct mount *mount = NULL;

	if (mounts && (status->stx_mask & STATX_MNT_ID)) {
		mount = mount_table_find_id(mounts, status->stx_mnt_id);
	}
	return !mount || !(mount->flags & MOUNT_NO_HANDLE);
}

/* Both again, through a descriptor that stands for one file. */
static int read_by_fd(const struct mount_table *mounts, int fd, struct statx *ret_status,
		      struct file_identity *ret_identity)
{
	struct handle handle;
	int r = place_look(fd, "", ret_status);

	if (r < 0) {
		return r;
	}
	r = file_identity_set(ret_identity, mounts, ret_status);
	if (read_handle(fd, "", AT_EMPTY_PATH, &handle) == 0) {
		ret_identity->generation = hash_handle(&handle);
	}
	return r;
}

/* ---- paths ---- */

/* -EALREADY: the name has become a link. */
static int read_again(const struct mount_table *mounts, struct place *place,
		      struct file_identity *ret_identity)
{
	_cleanup_(closep) int fd = -1;
	int r;

	if (*place->name) {
		fd = openat(place->directory_fd, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0) {
			file_identity_set_error(ret_identity, negative_errno());
			return 0;
		}
	}
	r = read_by_fd(mounts, fd < 0 ? place->directory_fd : fd, &place->status, ret_identity);
	if (r < 0 && r != -EAGAIN) {
		file_identity_set_error(ret_identity, r);
		return 0;
	}
	return S_ISLNK(place->status.stx_mode) ? -EALREADY : r;
}

static int read_place(const struct mount_table *mounts, struct place *place,
		      struct file_identity *ret_identity)
{
	int flags = *place->name ? 0 : AT_EMPTY_PATH;
	struct handle handle;
	int r = file_identity_set(ret_identity, mounts, &place->status);
	int handle_r;

	if (!has_generation(mounts, &place->status)) {
		return r;
	}
	handle_r = read_handle(place->directory_fd, place->name, flags, &handle);
	if (handle_r == 0 && handle_has_inode(&handle, place->status.stx_ino)) {
		ret_identity->generation = hash_handle(&handle);
		return r;
	}
	if (handle_r == 0 || handle_r == -ENOENT || handle_r == -ESTALE) {
		return read_again(mounts, place, ret_identity);
	}
	return r; /* -EOPNOTSUPP, -EOVERFLOW, -ENOSYS, -EPERM: without */
}

int file_identity_read(struct resolver *resolver, const char *path,
		       struct file_identity *ret_identity, struct place *ret_place)
{
	for (unsigned int i = 0; i < MAX_TRIES; i++) {
		int r = resolver_find(resolver, path, ret_place);

		if (r < 0) {
			file_identity_set_error(ret_identity, r);
			return 0;
		}
		r = read_place(resolver->mounts, ret_place, ret_identity);
		if (r != -EALREADY) {
			return r;
		}
		if (i + 1 < MAX_TRIES) {
			place_done(ret_place);
		}
	}
	file_identity_set_error(ret_identity, -ESTALE);
	return 0;
}

/* A mount of another namespace is in no table of ours: what was filled in will do. */
static int read_link(const struct mount_table *mounts, int directory_fd, const char *name,
		     struct file_identity *ret_identity)
{
	int flags = AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
	_cleanup_(closep) int fd = -1;
	struct handle handle;
	struct statx status;
	int r;

	if (statx(directory_fd, name, flags, STATX_TYPE | STATX_INO | STATX_MNT_ID, &status) < 0) {
		return negative_errno();
	}
	(void)file_identity_set(ret_identity, mounts, &status);
	if (!has_generation(mounts, &status) ||
	    read_handle(directory_fd, name, AT_SYMLINK_FOLLOW, &handle) < 0) {
		return 0;
	}
	if (handle_has_inode(&handle, status.stx_ino)) {
		ret_identity->generation = hash_handle(&handle);
		return 0;
	}
	fd = openat(directory_fd, name, O_PATH | O_CLOEXEC);
	r = fd < 0 ? negative_errno() : read_by_fd(mounts, fd, &status, ret_identity);
	return r == -EAGAIN ? 0 : r;
}

int file_identity_read_at(const struct mount_table *mounts, int directory_fd, const char *name,
			  struct file_identity *ret_identity)
{
	int r = read_link(mounts, directory_fd, name, ret_identity);

	if (r < 0) {
		file_identity_set_error(ret_identity, r);
	}
	return r;
}
