/* SPDX-License-Identifier: MIT */
/*
 * Walking a tree, depth first. A directory is read to its end at once: its entries are told and
 * the names of its directories kept, so no stream stays open. Every name is looked at and opened
 * below the descriptor of its directory and never followed, so whatever is renamed or put in the
 * place of something else, the walk does not leave the tree. Of a long way down only the deepest
 * MAX_OPEN descriptors are open; a directory above them is opened again as ".." of its child, and
 * must then be the same one.
 *
 * As in resolve.c, mounts that may hang are known by the text of their mount points, and names are
 * compared only where such a mount is below.
 */
#include "broker/scan/tree_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "broker/scan/file_identity.h"
#include "proto/frame.h"

#define MAX_OPEN 64u
#define READ_BYTES 32768u
/* Names of directories still to be walked, of all levels: a million of 64 bytes. */
#define MAX_PENDING_BYTES (64u * 1024u * 1024u)
/* Entries between two looks whether anybody still wants to know. */
#define CANCEL_INTERVAL 256u
#define PATH_UNKNOWN SIZE_MAX

struct level {
	int fd; /* owned; -1: closed for now */
	uint64_t device;
	uint64_t inode;
	struct frame_buffer names; /* directories to be walked, each with its NUL */
	size_t next_name;	   /* bytes of them that are done */
	size_t path_length;	   /* in the tree's path; PATH_UNKNOWN: too long to be one */
	bool has_barrier_below;
};

struct tree {
	const struct tree_walk_options *options;
	struct tree_walk_result result;
	struct level *levels; /* owned */
	size_t n_levels;
	size_t levels_capacity;
	size_t pending_bytes;
	uint32_t n_told;
	uint32_t n_looked;
	size_t n_found;
	struct file_identity found[TREE_WALK_CHUNK];
	char path[MAX_PATH_BYTES]; /* of the deepest level that has one */
	_Alignas(8) char entries[READ_BYTES];
};

static void level_done(struct level *level)
{
	closep(&level->fd);
	level->fd = -1;
	frame_buffer_done(&level->names);
}

static void tree_free(struct tree *const *tree_pointer)
{
	struct tree *tree = *tree_pointer;

	if (!tree) {
		return;
	}
	for (size_t i = 0; i < tree->n_levels; i++) {
		level_done(&tree->levels[i]);
	}
	free(tree->levels);
	free(tree);
}

/* ---- telling ---- */

static int flush(struct tree *tree)
{
	size_t n = tree->n_found;

	tree->n_found = 0;
	return n ? tree->options->on_found(tree->found, n, tree->options->userdata) : 0;
}

static int tell(struct tree *tree, const struct file_identity *identity)
{
	uint32_t max = tree->options->max_files ? tree->options->max_files : MAX_RESOURCES;

	if (tree->n_told == max) {
		tree->result.truncated = true;
		return 0;
	}
	tree->n_told++;
	tree->found[tree->n_found++] = *identity;
	return tree->n_found == TREE_WALK_CHUNK ? flush(tree) : 0;
}

static bool is_cancelled(const struct tree *tree)
{
	return tree->options->is_cancelled && tree->options->is_cancelled(tree->options->userdata);
}

/* ---- mounts ---- */

enum entering {
	ENTER,
	LEAVE_OUT,     /* there is nothing of interest */
	LEAVE_UNKNOWN, /* there may be */
};

static enum entering judge_mount(const struct tree *tree, const struct mount *mount)
{
	if (!mount) {
		return ENTER; /* mounted this moment */
	}
	if (mount->flags & MOUNT_PSEUDO) {
		return LEAVE_OUT;
	}
	if ((mount->flags & MOUNT_AUTOMOUNT) ||
	    ((mount->flags & MOUNT_REMOTE) && !tree->options->may_touch_remote)) {
		return LEAVE_UNKNOWN;
	}
	return ENTER;
}

static enum entering judge_status(const struct tree *tree, const struct statx *status)
{
	if (!(status->stx_mask & STATX_MNT_ID)) {
		return ENTER;
	}
	return judge_mount(tree, mount_table_find_id(tree->options->mounts, status->stx_mnt_id));
}

/* Makes the path that of a name on a level; PATH_UNKNOWN when it does not fit. */
static size_t append_path(struct tree *tree, const struct level *level, const char *name)
{
	size_t size = strlen(name) + 1;

	if (level->path_length == PATH_UNKNOWN ||
	    level->path_length + 1 + size > sizeof(tree->path)) {
		return PATH_UNKNOWN;
	}
	tree->path[level->path_length] = '/';
	memcpy(tree->path + level->path_length + 1, name, size);
	return level->path_length + size;
}

/* By the name alone, before it is touched. */
static enum entering judge_name(struct tree *tree, const struct level *level, const char *name)
{
	const struct mount *barrier;

	if (!level->has_barrier_below || append_path(tree, level, name) == PATH_UNKNOWN) {
		return ENTER;
	}
	barrier = mount_table_find_barrier_at(tree->options->mounts, tree->path);
	return barrier ? judge_mount(tree, barrier) : ENTER;
}

/* ---- one directory ---- */

static int keep_name(struct tree *tree, struct level *level, const char *name)
{
	size_t size = strlen(name) + 1;

	if (tree->pending_bytes + size > MAX_PENDING_BYTES) {
		tree->result.truncated = true;
		return 0;
	}
	tree->pending_bytes += size;
	return frame_buffer_append(&level->names, name, size);
}

static int take_entry(struct tree *tree, struct level *level, const struct dirent64 *entry)
{
	const char *name = entry->d_name;
	struct file_identity identity;
	enum entering entering;
	struct statx status;
	int r;

	if (entry->d_type == DT_LNK || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return 0;
	}
	if (tree->n_looked++ % CANCEL_INTERVAL == 0 && is_cancelled(tree)) {
		return -ECANCELED;
	}
	entering = judge_name(tree, level, name);
	r = entering == ENTER ? place_look(level->fd, name, &status) : 0;
	if (entering == ENTER && r == 0) {
		entering = judge_status(tree, &status);
	}
	if (r < 0 || entering == LEAVE_UNKNOWN) {
		tree->result.n_unchecked += r != -ENOENT;
		return 0;
	}
	if (entering == LEAVE_OUT || S_ISLNK(status.stx_mode)) {
		return 0;
	}
	/* A mount of this moment: the device will do. */
	(void)file_identity_set(&identity, tree->options->mounts, &status);
	r = tell(tree, &identity);
	return r || !S_ISDIR(status.stx_mode) ? r : keep_name(tree, level, name);
}

static int read_directory(struct tree *tree, struct level *level)
{
	ssize_t n;
	int r = 0;

	while ((n = getdents64(level->fd, tree->entries, sizeof(tree->entries))) > 0) {
		for (ssize_t at = 0; at < n && r == 0 && !tree->result.truncated;) {
			const struct dirent64 *entry = (const void *)(tree->entries + at);

			r = take_entry(tree, level, entry);
			at += entry->d_reclen;
		}
		if (r || tree->result.truncated) {
			return r;
		}
	}
	tree->result.n_unchecked += n < 0 && errno != ENOENT; /* removed meanwhile */
	return 0;
}

/* ---- up and down ---- */

static int open_directory(int directory_fd, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(directory_fd, name, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM) { /* not our directory */
		fd = openat(directory_fd, name, flags);
	}
	return fd < 0 ? negative_errno() : fd;
}

static int add_level(struct tree *tree, struct level **ret_level)
{
	int r = array_reserve(&tree->levels, &tree->levels_capacity, tree->n_levels, 16,
			      sizeof(*tree->levels));

	if (r < 0) {
		return r;
	}
	if (tree->n_levels >= MAX_OPEN) {
		struct level *above = &tree->levels[tree->n_levels - MAX_OPEN];

		closep(&above->fd);
		above->fd = -1;
	}
	*ret_level = &tree->levels[tree->n_levels++];
	return 0;
}

static uint64_t device_of(const struct statx *status)
{
	return makedev(status->stx_dev_major, status->stx_dev_minor);
}

/* Takes a directory that is open, and reads it. */
static int enter(struct tree *tree, int directory_fd, size_t path_length, bool has_barrier_below)
{
	_cleanup_(closep) int fd = directory_fd;
	struct level *level;
	struct statx status;
	int r = place_look(fd, "", &status);

	if (r < 0 || judge_status(tree, &status) == LEAVE_UNKNOWN) {
		tree->result.n_unchecked++;
		return 0;
	}
	if (judge_status(tree, &status) == LEAVE_OUT) {
		return 0;
	}
	r = add_level(tree, &level);
	if (r < 0) {
		return r;
	}
	*level = (struct level){
		.fd = TAKE_FD(fd),
		.device = device_of(&status),
		.inode = status.stx_ino,
		.path_length = path_length,
		.has_barrier_below = has_barrier_below,
	};
	return read_directory(tree, level);
}

/* Walks the next directory of the deepest level. */
static int descend(struct tree *tree)
{
	struct level *level = &tree->levels[tree->n_levels - 1];
	const char *name = (const char *)level->names.data + level->next_name;
	bool has_barrier_below = false;
	size_t path_length;
	int fd;

	level->next_name += strlen(name) + 1;
	path_length = append_path(tree, level, name);
	if (level->has_barrier_below && path_length != PATH_UNKNOWN) {
		has_barrier_below =
			mount_table_has_barrier_below(tree->options->mounts, tree->path);
	}
	fd = open_directory(level->fd, name);
	if (fd < 0) {
		/* Gone, or something else by now. */
		tree->result.n_unchecked += fd != -ENOENT && fd != -ENOTDIR && fd != -ELOOP;
		return 0;
	}
	return enter(tree, fd, path_length, has_barrier_below);
}

/* Names on the levels that can't be reached any more. */
static void lose_levels(struct tree *tree)
{
	for (size_t i = 0; i < tree->n_levels; i++) {
		const struct level *level = &tree->levels[i];

		for (size_t at = level->next_name; at < level->names.size;) {
			at += strlen((const char *)level->names.data + at) + 1;
			tree->result.n_unchecked++;
		}
	}
}

/* Leaves the deepest level. false: the one above can't be found again. */
static bool ascend(struct tree *tree)
{
	struct level *level = &tree->levels[--tree->n_levels];
	struct level *above = tree->n_levels ? level - 1 : NULL;
	struct statx status;
	bool is_same = true;

	if (above && above->fd < 0) {
		above->fd = open_directory(level->fd, "..");
		is_same = above->fd >= 0 && place_look(above->fd, "", &status) == 0 &&
			  status.stx_ino == above->inode && device_of(&status) == above->device;
	}
	tree->pending_bytes -= level->names.size;
	level_done(level);
	return is_same;
}

static int walk_levels(struct tree *tree)
{
	while (tree->n_levels && !tree->result.truncated) {
		struct level *level = &tree->levels[tree->n_levels - 1];
		int r = is_cancelled(tree) ? -ECANCELED : 0;

		if (r == 0 && level->next_name < level->names.size) {
			r = descend(tree);
		} else if (r == 0 && !ascend(tree)) {
			lose_levels(tree);
			return 0;
		}
		if (r) {
			return r;
		}
	}
	return 0;
}

static int walk_from(struct tree *tree, const struct place *place)
{
	bool has_barrier_below = false;
	size_t path_length = PATH_UNKNOWN;
	int fd = open_directory(place->directory_fd, *place->name ? place->name : ".");
	int r;

	if (fd < 0) {
		tree->result.n_unchecked++;
		return 0;
	}
	if (*place->real) {
		(void)strcpy(tree->path, place->real);
		path_length = strcmp(place->real, "/") == 0 ? 0 : strlen(place->real);
		has_barrier_below =
			mount_table_has_barrier_below(tree->options->mounts, place->real);
	}
	r = enter(tree, fd, path_length, has_barrier_below);
	return r ? r : walk_levels(tree);
}

int tree_walk(const struct tree_walk_options *options, const struct place *place,
	      const struct file_identity *root, struct tree_walk_result *ret_result)
{
	_cleanup_(tree_free) struct tree *tree = calloc(1, sizeof(*tree));
	int r = 0;

	if (!tree) {
		return -ENOMEM;
	}
	tree->options = options;
	if (root->kind != FILE_MISSING && root->kind != FILE_UNCHECKED) {
		r = tell(tree, root);
	}
	tree->result.n_unchecked += root->kind == FILE_UNCHECKED;
	if (r == 0 && root->kind == FILE_DIRECTORY) {
		r = walk_from(tree, place);
	}
	if (r == 0) {
		r = flush(tree);
	}
	if (r == 0) {
		*ret_result = tree->result;
	}
	return r;
}
