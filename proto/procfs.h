/* SPDX-License-Identifier: MIT */
/* /proc: pure parsers of its texts, and readers on a descriptor of /proc. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"
#include "proto/limits.h"

/* What /proc/PID/stat tells. */
struct procfs_stat {
	char comm[64]; /* as the process chose it, unclean */
	char state;    /* 'R', 'S', 'Z', … */
	pid_t parent;
	uint64_t start_time; /* clock ticks after boot */
};

/* What /proc/PID/status tells. */
struct procfs_status {
	uid_t uid; /* effective */
	uint64_t effective_capabilities;
};

/* Pure. What stands behind "NAME:" at the start of a line of a NUL-terminated text; NULL: nothing. */
const char *procfs_find_line(const char *text, const char *name);

/* Pure. -EBADMSG: not such a text. The comm may hold anything, ")" and newlines included. */
int procfs_parse_stat(const char *text, size_t size, struct procfs_stat *ret_stat) _warn_unused_;
int procfs_parse_status(const char *text, size_t size, struct procfs_status *ret_status)
	_warn_unused_;
/* "Pid:" of /proc/self/fdinfo/PIDFD; -ESRCH when the process is gone (-1 there). */
int procfs_parse_fdinfo_pid(const char *text, size_t size, pid_t *ret_pid) _warn_unused_;

/* Readers. `proc_fd` is an open /proc. -ESRCH: there is no such process; other -errno. */
int procfs_read_stat(int proc_fd, pid_t pid, struct procfs_stat *ret_stat) _warn_unused_;
int procfs_read_status(int proc_fd, pid_t pid, struct procfs_status *ret_status) _warn_unused_;

/* The name a person knows: base name of the executable (less " (deleted)"), else the comm.
 * Clean text, never empty. */
void procfs_read_name(int proc_fd, pid_t pid, const struct procfs_stat *stat,
		      char ret_name[MAX_NAME_BYTES + 1]);

/* The id (device, inode) of one of a process's namespaces, e.g. "user", "pid". */
int procfs_read_namespace(int proc_fd, pid_t pid, const char *name, uint64_t *ret_inode)
	_warn_unused_;
