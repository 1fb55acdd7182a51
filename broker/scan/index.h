/* SPDX-License-Identifier: MIT */
/*
 * The resident index: which file every process of the machine maps, opens, runs and stands in.
 * A refresh reads only processes that are new or whose CPU clock has moved since they were read
 * (one that did not run cannot have mapped or opened anything), and their relatives: processes
 * that share memory or the descriptor table with one that ran, found with kcmp(2). Lives in the
 * scan worker. Not thread-safe; a refresh uses its own threads inside.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/types.h"
#include "proto/base.h"

struct scan_index; /* opaque */

/* How a mapping or descriptor is held; also the bits of a process's record. */
enum hold_kind {
	HOLD_MAPPING,
	HOLD_EXECUTABLE,
	HOLD_DESCRIPTOR,
	HOLD_WORKING_DIRECTORY,
	HOLD_ROOT,
	_HOLD_KIND_COUNT,
};

/* One thing that a process holds. */
struct hold {
	uint32_t file;	    /* index into the table of files, see scan_index_files() */
	uint32_t kind : 8;  /* enum hold_kind */
	uint32_t task : 24; /* thread id under which it is found, 0: the process's own */
	union {
		struct {		  /* HOLD_MAPPING */
			uint64_t address; /* start of one mapping of the file */
			uint64_t end;	  /* and its end, for /proc/PID/map_files */
		};
		uint32_t where; /* HOLD_DESCRIPTOR: its number */
	};
};

_Static_assert(sizeof(struct hold) == 24, "there are a quarter of a million");

/* The last mapping of an ambiguous file stands for more than are kept: it has no range. */
static inline bool hold_is_rest(const struct hold *hold)
{
	return hold->kind == HOLD_MAPPING && !hold->end;
}

/* The largest thread id that fits; the kernel's own limit is a quarter of it. */
#define MAX_HOLD_TASK 0xffffffu

/* A file that somebody holds. Its number is not given to another while one holds it. */
struct index_file {
	uint64_t device; /* HOLD_MAPPING: the superblock's; the others: st_dev */
	uint64_t inode;
	bool by_maps;	   /* seen in a mapping: `device` is the superblock's */
	bool is_ambiguous; /* by_maps, and may be several files: their mappings are all kept */
	uint32_t mode;	   /* st_mode, 0 when only maps tell */
	uint64_t rdev;	   /* of a device node */
	uint32_t n_holders;
};

enum index_process_flag {
	INDEX_DENIED = 1 << 0,	    /* maps, exe or fd could not be read (EACCES, EPERM) */
	INDEX_INCOMPLETE = 1 << 1,  /* something else could not be read; `error` */
	INDEX_REREAD = 1 << 2,	    /* read again by the last refresh */
	INDEX_SHARES = 1 << 3,	    /* has relatives that share memory or descriptors */
	INDEX_LEADER_GONE = 1 << 4, /* its main thread has exited, others run */
	INDEX_SKIPPED = 1 << 5,	    /* with INDEX_INCOMPLETE: nothing of it may be read */
};

struct index_process {
	pid_t pid;
	uint64_t start_time;	  /* clock ticks after boot */
	uid_t uid;		  /* of /proc/PID */
	uint64_t mount_namespace; /* inode of ns/mnt, 0 unknown */
	uint32_t flags;
	int error;		  /* errno behind INDEX_DENIED or INDEX_INCOMPLETE */
	const struct hold *holds; /* by file */
	size_t n_holds;
	void *cached; /* what other modules keep with it; given to `free_cached` when the process
		       * is read again or has gone */
};

struct index_counts {
	uint32_t n_processes;	  /* user processes alive, zombies and kernel threads left out */
	uint32_t n_not_inspected; /* with INDEX_DENIED or INDEX_INCOMPLETE */
	uint32_t n_reread;
};

struct index_options {
	int proc_fd;		/* borrowed: an open /proc */
	unsigned int n_threads; /* 0: one a CPU */
	bool text_maps;		/* never use PROCMAP_QUERY (older kernels, tests) */
	bool no_clock;		/* trust no clock: every refresh reads all (tests) */
	void (*free_cached)(void *cached);
	/* Borrowed: whom reading would hang. They are told with INDEX_SKIPPED and ETIMEDOUT. */
	const struct skipped_process *skipped;
	size_t n_skipped;
};

/* 0 or -errno. */
int scan_index_new(const struct index_options *options, struct scan_index **ret_index)
	_warn_unused_;
struct scan_index *scan_index_free(struct scan_index *index);

/*
 * Brings the index up to date; `anew` reads every process again. Ends early with -ECANCELED when
 * *cancelled becomes true (set by another thread or a signal handler), then the index is valid
 * and partly old. 0; -ENOMEM.
 */
int scan_index_refresh(struct scan_index *index, bool anew, const atomic_bool *cancelled,
		       struct index_counts *ret_counts) _warn_unused_;

/* The processes, by pid. Valid until the next refresh. */
struct index_process *scan_index_processes(struct scan_index *index, size_t *ret_n);
struct index_process *scan_index_find(struct scan_index *index, pid_t pid);

/* The table of files; unused numbers have n_holders 0. */
const struct index_file *scan_index_files(const struct scan_index *index, size_t *ret_n);
