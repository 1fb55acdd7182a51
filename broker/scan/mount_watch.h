/* SPDX-License-Identifier: MIT */
/* A mount table that is kept up to date, and one read once. */
#pragma once

#include "broker/scan/mount_table.h"
#include "proto/base.h"

struct mount_watch {
	int fd;	     /* owned: an open mountinfo; -1: none */
	bool is_old; /* could not be read again after a change */
	struct mount_table table;
};

/* Opens and reads `name` ("self/mountinfo", "4711/mountinfo") below an open /proc. A table stays
 * that of the namespace in which the process was then. 0 or -errno. */
int mount_watch_init(int proc_fd, const char *name, struct mount_watch *ret_watch) _warn_unused_;
void mount_watch_done(struct mount_watch *watch);

/* Reads the table anew if something was mounted or unmounted since: one system call when not.
 * `always` reads it in any case. 1: it was read anew, pointers into the old one are void; 0: it
 * was not; -errno: the old one stays. */
int mount_watch_refresh(struct mount_watch *watch, bool always) _warn_unused_;

/* Reads a table once. 0 or -errno. */
int mount_table_read(int proc_fd, const char *name, struct mount_table *ret_table) _warn_unused_;
