/* SPDX-License-Identifier: MIT */
/* What a process has open, runs and stands in: the magic links of /proc/PID. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/scan/file_table.h"
#include "broker/scan/mount_tables.h"
#include "proto/base.h"

/* Devices of the mounts that the kernel keeps for itself: memfd and SysV memory, pipes, sockets,
 * anonymous inodes, pidfds, namespaces. Nobody can name a file there. */
struct kernel_devices {
	uint64_t devices[8];
	size_t n_devices;
};

void kernel_devices_find(struct kernel_devices *ret_devices, int proc_fd);
bool kernel_devices_has(const struct kernel_devices *devices, uint64_t device);

/* Where links are read, and what is to be heeded there. */
struct link_reader {
	int fd;		 /* of /proc/PID or /proc/PID/task/TID */
	uint32_t task;	 /* of the holds, 0: the process's own */
	bool is_careful; /* nothing may be touched before its mount is known */
	uint64_t mount_namespace;
	const struct mount_tables *mounts;
	const struct kernel_devices *kernel;
	const atomic_uchar *hidden; /* NULL, or one a descriptor: not 0 is not looked at */
	size_t n_hidden;
	const atomic_bool *cancelled; /* or NULL */
	struct hold_list *list;
	/* The first failure that is not an end of the reading: EACCES, EPERM, EREMOTE, EIO, … */
	int error;
};

/* "mnt_id" and "ino" of /proc/PID/fdinfo/FD; 0: it has none. Pure. -EBADMSG: not such a text. */
int descriptor_info_parse(const char *text, size_t size, uint64_t *ret_mount, uint64_t *ret_inode)
	_warn_unused_;

/* Reads all descriptors. 0, -ENOMEM, -ECANCELED, or -ESRCH: there is nobody any more. Other
 * failures are remembered in the reader. */
int descriptors_read(struct link_reader *reader) _warn_unused_;

/* Whether somebody could have registered what was found. */
bool found_hold_is_file(const struct link_reader *reader, const struct found_hold *found);

/* Reads one link: "exe", "cwd", "root". With `ret_found` it is only told, else added to the list
 * if it is a file. 1; 0: it leads nowhere (ENOENT), or could not be read and the reader remembers
 * why; -ENOMEM; -ESRCH. */
int link_read(struct link_reader *reader, const char *name, enum hold_kind kind,
	      struct found_hold *ret_found) _warn_unused_;
