/* SPDX-License-Identifier: MIT */
/*
 * What only the machine as a whole tells about a process: whom its sockets lead to, whose
 * terminal it feeds, whether a file system, a swap area or a package manager depends on it. Each
 * part is read when it is first asked for, once a question. Not thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/process_facts.h"
#include "proto/base.h"

struct machine_facts; /* opaque */

enum machine_property {
	MACHINE_DISPLAY_CLIENT = 1 << 0, /* connected to an X11 or Wayland server */
	MACHINE_DISPLAY_SERVER = 1 << 1,
	MACHINE_BUS = 1 << 2, /* a D-Bus that others are connected to */
	MACHINE_KEY_AGENT = 1 << 3,
	MACHINE_PTY_MASTER = 1 << 4,   /* holds one */
	MACHINE_LIVE_PTY = 1 << 5,     /* of a terminal that is somebody's: `live_pty` */
	MACHINE_FUSE_SERVER = 1 << 6,  /* of a mounted file system */
	MACHINE_BLOCK_DEVICE = 1 << 7, /* holds an active loop or nbd device, or swap: `device` */
	MACHINE_PACKAGE_LOCK = 1 << 8, /* `lock` */
};

#define MACHINE_MAX_PTYS 64 /* of one process that are told apart; more: any is taken for live */

/* What one process is to the machine. */
struct machine_view {
	uint32_t is;	  /* enum machine_property */
	uint32_t unknown; /* those of which it is not known whether they hold */
	uint32_t n_ptys;
	int ptys[MACHINE_MAX_PTYS]; /* whose master it holds: the N of /dev/pts/N */
	int live_pty;
	char device[32];  /* "loop0" */
	const char *lock; /* static: path of the lock file */
};

/* One descriptor of a process, as fstat(2) tells of it. */
struct machine_descriptor {
	int fd;
	uint32_t mode;	 /* st_mode */
	uint64_t device; /* st_dev */
	uint64_t inode;
	uint64_t rdev;
};

struct machine_options {
	int proc_fd;	  /* borrowed: an open /proc */
	const char *root; /* borrowed: in front of /sys, /var, ... ; "" but for tests */
};

int machine_facts_new(const struct machine_options *options, struct machine_facts **ret_machine)
	_warn_unused_;
struct machine_facts *machine_facts_free(struct machine_facts *machine);
/* A new question: forgets what was read. */
void machine_facts_reset(struct machine_facts *machine);

/* Looks at a process: begin, each of its descriptors, end. machine_view_read() does the three by
 * /proc/PID/fd; -ESRCH it has gone, -ENOMEM; when the descriptors can't be read, what they would
 * tell is unknown. */
void machine_view_begin(struct machine_facts *machine, const struct process_facts *facts,
			struct machine_view *ret_view);
void machine_view_add(struct machine_facts *machine, const struct process_facts *facts,
		      const struct machine_descriptor *descriptor, struct machine_view *view);
void machine_view_deny(struct machine_view *view);
int machine_view_read(struct machine_facts *machine, const struct process_facts *facts,
		      struct machine_view *ret_view) _warn_unused_;

/* Whether a process has /dev/pts/N as its controlling terminal. */
bool machine_pty_is_live(struct machine_facts *machine, int pty);

/*
 * The first process of the `app-*.scope` that this one is in (by start time, then pid), and
 * whether any of the scope holds the master of a pty: then it is a terminal, and none (A69).
 * 0; -ENOENT: it is in none, or nobody of it could be read; -ENOMEM.
 */
struct machine_scope {
	pid_t first_pid;
	uint64_t first_start_time;
	bool has_pty_master;
};

int machine_find_scope(struct machine_facts *machine, const struct process_facts *facts,
		       struct machine_scope *ret_scope) _warn_unused_;

/* The kernel itself uses a file, without any process: "loop0", "swap". By the path's text alone,
 * so that no file system is asked. False: not as far as is known. */
bool machine_find_kernel_user(struct machine_facts *machine, const char *path, char *ret_user,
			      size_t size);
