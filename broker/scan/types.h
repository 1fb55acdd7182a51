/* SPDX-License-Identifier: MIT */
/* What the broker and its workers tell each other in bulk: plain structures without pointers. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"

enum file_kind {
	FILE_MISSING, /* ENOENT, ENOTDIR */
	FILE_REGULAR,
	FILE_DIRECTORY,
	FILE_OTHER,	/* device, fifo, socket */
	FILE_UNCHECKED, /* could not be looked at: `error` says why */
	_FILE_KIND_COUNT,
};

enum file_flag {
	FILE_ON_REMOTE = 1 << 0,   /* a file system that may not answer: NFS, FUSE, ... */
	FILE_ON_OVERLAY = 1 << 1,  /* a lease on it says nothing */
	FILE_MAPS_DIFFER = 1 << 2, /* `superblock` != `device`: maps collide, confirm a hit */
	FILE_LEASE_BUSY = 1 << 3,  /* a lease was refused: somebody has it open or mapped */
	FILE_LEASE_IDLE = 1 << 4,  /* a lease was granted */
};

/* Who a file is, whatever its name. All zero but `kind` and `error` when it is not there. */
struct file_identity {
	uint64_t device; /* st_dev as stat(2) tells, by makedev(3) */
	uint64_t inode;
	uint64_t generation; /* hash of the file's handle, which has its generation; 0: unknown */
	uint64_t superblock; /* device as mountinfo and maps tell */
	uint32_t kind;	     /* enum file_kind */
	uint32_t flags;	     /* enum file_flag */
	int32_t error;	     /* errno of FILE_UNCHECKED (ETIMEDOUT: it does not answer), else 0 */
	uint32_t reserved;   /* 0 */
};

_Static_assert(sizeof(struct file_identity) == 48, "no padding");

enum target_flag {
	TARGET_CURRENT = 1 << 0, /* what the path names now; else what it named before */
	TARGET_TREE = 1 << 1,	 /* found below a registered tree */
	TARGET_VERIFY = 1 << 2,	 /* the number may have been given to another file since: compare
				  * the generation before believing a hit */
};

/* One file to look for. */
struct scan_target {
	struct file_identity file;
	uint32_t path;	/* index of the registered path */
	uint32_t flags; /* enum target_flag */
};

_Static_assert(sizeof(struct scan_target) == 56, "no padding");

/* A process that is not to be read: whoever did would hang with it. */
struct skipped_process {
	pid_t pid;
	uint64_t start_time;
};

#define MAX_SKIPPED_PROCESSES 64u

/* One for each thread of the pool, and one for who answers. */
#define N_READING_SLOTS 17u

/* What one thread of the scan worker is reading. */
struct reading_slot {
	_Atomic uint64_t sequence; /* another one: it goes on */
	_Atomic uint64_t start_time;
	_Atomic uint64_t pid; /* 0: it reads no process; written last */
};

/* In memory that the scan worker shares with the broker, which finds out by it whose /proc it
 * hangs in. */
struct reading_board {
	struct reading_slot slots[N_READING_SLOTS];
};

bool file_identity_is_same(const struct file_identity *a, const struct file_identity *b);
