/* SPDX-License-Identifier: MIT */
/* Files and block devices that the kernel itself uses: loop, nbd, swap. And who holds the locks
 * of package managers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"

struct kernel_user {
	char device[32];    /* "loop0", "nbd1", "swap" */
	unsigned int major; /* of the block device; 0: of a swap file */
	unsigned int minor;
	pid_t pid;  /* of nbd: the process behind it, 0 unknown */
	char *path; /* owned: the file behind it, NULL */
};

struct kernel_users {
	struct kernel_user *users; /* owned */
	size_t n_users;
};

/* What can't be read is left out. 0 or -ENOMEM. */
int kernel_users_read(int proc_fd, const char *root, struct kernel_users *ret_users) _warn_unused_;
void kernel_users_done(struct kernel_users *users);

struct package_lock {
	const char *path; /* static, without `root` */
	bool by_presence; /* no lock is taken: who has it open is at work */
	uint64_t device;  /* st_dev */
	uint64_t inode;
	unsigned int lock_major; /* device as /proc/locks tells it */
	unsigned int lock_minor;
};

struct package_locks {
	struct package_lock *locks; /* owned: those whose file is there */
	size_t n_locks;
	struct package_holder {
		pid_t pid;
		const char *path;
	} * holders; /* owned */
	size_t n_holders;
};

int package_locks_read(int proc_fd, const char *root, struct package_locks *ret_locks)
	_warn_unused_;
void package_locks_done(struct package_locks *locks);

/* Pure: a line of /proc/locks. False: of no held lock, or of nobody's. */
struct lock_line {
	pid_t pid;
	unsigned int major;
	unsigned int minor;
	uint64_t inode;
};

bool package_locks_parse_line(const char *line, struct lock_line *ret_line);
