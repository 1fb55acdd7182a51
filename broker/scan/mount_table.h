/* SPDX-License-Identifier: MIT */
/* The mounts of a mount namespace, from the text of /proc/PID/mountinfo. Pure: bytes in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

enum mount_flag {
	MOUNT_REMOTE = 1 << 0,	    /* may not answer, ever */
	MOUNT_AUTOMOUNT = 1 << 1,   /* touching a name below it may mount something */
	MOUNT_OVERLAY = 1 << 2,	    /* a lease on its files says nothing */
	MOUNT_MAPS_DIFFER = 1 << 3, /* st_dev of its files need not be the superblock's device */
	MOUNT_NO_HANDLE = 1 << 4,   /* handles change while the file does not */
	MOUNT_PSEUDO = 1 << 5,	    /* the kernel's own texts and knobs: no files to be replaced */
	MOUNT_COVERED = 1 << 6,	    /* another one is mounted on top of it */
};

/* Mounts that a worker for local files never enters. */
#define MOUNT_BARRIERS (MOUNT_REMOTE | MOUNT_AUTOMOUNT)

struct mount {
	uint32_t id; /* as statx(2) with STATX_MNT_ID, name_to_handle_at(2), fdinfo's mnt_id */
	uint32_t parent;
	uint32_t flags;	   /* enum mount_flag */
	uint64_t device;   /* the superblock's, by makedev(3), as maps tell it */
	const char *root;  /* borrowed: in the table's text, as all here; path in its file system */
	const char *point; /* path in the namespace, from the reader's root */
	const char *type;
};

struct mount_table {
	char *text;	      /* owned */
	struct mount *mounts; /* owned: by id */
	size_t n_mounts;
	const struct mount **by_point; /* owned: all, by mount point */
	const struct mount **barriers; /* owned: MOUNT_BARRIERS and not covered, by mount point */
	size_t n_barriers;
	uint32_t flags; /* of all mounts together */
};

/* Takes "\040" and the like back, as the kernel writes paths in mountinfo and /proc/swaps; in place.
 * Any other backslash stands for itself. */
void mount_table_unescape(char *text);

/* -EBADMSG: not such a text; -ENOMEM. The text is copied. */
int mount_table_parse(const void *text, size_t size, struct mount_table *ret_table) _warn_unused_;
void mount_table_done(struct mount_table *table);

/* The mount with this id; NULL: the table is older than the mount, or of another namespace. */
const struct mount *mount_table_find_id(const struct mount_table *table, uint64_t id);

/* The mount that an absolute path without symbolic links and dots lies on; NULL: none. */
const struct mount *mount_table_find_path(const struct mount_table *table, const char *path);

/* The first of MOUNT_BARRIERS that the way along such a path leads into, its end included. */
const struct mount *mount_table_find_barrier(const struct mount_table *table, const char *path);
/* The one that begins exactly there. */
const struct mount *mount_table_find_barrier_at(const struct mount_table *table, const char *path);
/* Whether one begins somewhere below the path ("/" has all below it). */
bool mount_table_has_barrier_below(const struct mount_table *table, const char *path);

/* The flags of a type of file systems, e.g. "fuse.sshfs". */
uint32_t mount_type_flags(const char *type);
