/* SPDX-License-Identifier: MIT */
/* Everything below a directory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/scan/mount_table.h"
#include "broker/scan/resolve.h"
#include "broker/scan/types.h"
#include "proto/base.h"

#define TREE_WALK_CHUNK 4096u

struct tree_walk_options {
	const struct mount_table *mounts;
	bool may_touch_remote; /* into remote mounts too, never into automounts and the kernel's */
	uint32_t max_files;    /* 0: MAX_RESOURCES */
	/* Takes at most TREE_WALK_CHUNK of them; another value than 0 ends the walk with it. */
	int (*on_found)(const struct file_identity *found, size_t n, void *userdata);
	/* Asked often; true ends the walk with -ECANCELED. NULL: never. */
	bool (*is_cancelled)(void *userdata);
	void *userdata;
};

struct tree_walk_result {
	uint32_t n_unchecked; /* files and directories that could not be read, and remote mounts */
	bool truncated;	      /* there is more than max_files, or than memory for their names */
};

/*
 * Tells of the directory at `place`, and of all below it: regular files, directories, devices,
 * fifos and sockets, but no symbolic links, which nobody maps or runs, and which are not followed.
 * Another kind of file is told alone. Mounts are crossed but for remote ones, automounts, and the
 * kernel's own (proc, sysfs, cgroup, …), which have nothing to be replaced. What was renamed,
 * removed or made meanwhile may be told or not; nothing outside of the tree is.
 *
 * Only `root` tells a generation, and it comes first. The others are of this moment: a walk at each
 * question is what keeps them true, and a third system call a file would buy nothing.
 */
int tree_walk(const struct tree_walk_options *options, const struct place *place,
	      const struct file_identity *root, struct tree_walk_result *ret_result) _warn_unused_;
