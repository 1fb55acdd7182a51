/* SPDX-License-Identifier: MIT */
/* Who a file is: struct file_identity (broker/scan/types.h), from a path or a descriptor. */
#pragma once

#include "broker/scan/mount_table.h"
#include "broker/scan/resolve.h"
#include "broker/scan/types.h"
#include "proto/base.h"

/* Tells who is at a path, links followed. What it can't tell is part of the identity: FILE_MISSING,
 * or FILE_UNCHECKED with the error (EREMOTE: behind a mount that this resolver does not enter).
 * The place is to be given back; its real_path is as resolver_find() says.
 * 0; -EAGAIN: the mount is not as the resolver's table has it, so `superblock` is a guess until the
 * table was read again. */
int file_identity_read(struct resolver *resolver, const char *path,
		       struct file_identity *ret_identity, struct place *ret_place) _warn_unused_;

/* The same of a name below a directory, whose last link is followed by the kernel: for the links of
 * /proc/PID, which lead to open files and touch nothing on the way. `mounts` is the table of this
 * mount namespace, or NULL; without the mount in it, `superblock` is taken to be the device.
 * 0, or -errno: then the identity says the same. */
int file_identity_read_at(const struct mount_table *mounts, int directory_fd, const char *name,
			  struct file_identity *ret_identity) _warn_unused_;

/* Fills in what statx(2) has told, without a generation. 0 or -EAGAIN, as file_identity_read(). */
int file_identity_set(struct file_identity *identity, const struct mount_table *mounts,
		      const struct statx *status);
/* FILE_MISSING or FILE_UNCHECKED, by a -errno. */
void file_identity_set_error(struct file_identity *identity, int error);
