/* SPDX-License-Identifier: MIT */
/* The mounts of all mount namespaces that have processes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/mount_table.h"
#include "broker/scan/mount_watch.h"
#include "proto/base.h"

struct namespace_mounts {
	uint64_t id; /* inode of ns/mnt */
	struct mount_table table;
	bool is_complete; /* as its own root directory shows it; a chroot shows less */
	bool is_fresh;	  /* read in this refresh */
	bool is_seen;
};

struct mount_tables {
	int proc_fd;			 /* borrowed */
	struct mount_watch own;		 /* of this process's own namespace */
	uint64_t own_namespace;		 /* 0: unknown */
	struct namespace_mounts *others; /* owned, by id */
	size_t n_others;
	size_t capacity;
	/* Some mount somewhere may not answer: nothing may be touched before its mount is known.
	 * A descriptor can come from another namespace, so this is one for all. */
	bool is_careful;
};

int mount_tables_init(struct mount_tables *tables, int proc_fd) _warn_unused_;
void mount_tables_done(struct mount_tables *tables);

/* Begins a refresh: what was read before is not trusted any more. */
void mount_tables_begin(struct mount_tables *tables);

/* Reads the mounts of a process's namespace unless this refresh has them. 0 or -ENOMEM. */
int mount_tables_add(struct mount_tables *tables, uint64_t namespace_id, pid_t pid) _warn_unused_;

/* Forgets the namespaces that mount_tables_see() was not called for since the last time. */
void mount_tables_see(struct mount_tables *tables, uint64_t namespace_id);
void mount_tables_forget_unseen(struct mount_tables *tables);

/* Ids of mounts are unique over all namespaces. NULL: unknown, of the kernel, or detached. */
const struct mount *mount_tables_find_id(const struct mount_tables *tables, uint64_t id);

/* Whether files of a superblock may share numbers in maps; true where it is in no table. The
 * mounts of `namespace_id` are looked at first. */
bool mount_tables_maps_differ(const struct mount_tables *tables, uint64_t namespace_id,
			      uint64_t device);

/* The whole table of a namespace; NULL: there is none. */
const struct mount_table *mount_tables_of(const struct mount_tables *tables, uint64_t namespace_id);
