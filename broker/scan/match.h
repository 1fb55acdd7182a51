/* SPDX-License-Identifier: MIT */
/*
 * Which processes of the index hold one of the targets. A hit by number is confirmed where
 * numbers alone can lie: mappings on btrfs and overlayfs (by the file behind map_files), files
 * whose number may have been used again (by their handle), and the deleted versions of A14 (by
 * `PATH (deleted)` in this mount namespace).
 */
#pragma once

#include "broker/scan/index.h"
#include "broker/scan/types.h"
#include "proto/base.h"

struct mount_table;

/* Where a question looks; all borrowed. */
struct match_context {
	struct scan_index *index;
	int proc_fd;
	uint64_t mount_namespace;	  /* this process's own, 0: unknown */
	const struct mount_table *mounts; /* of it; NULL: unknown */
	uid_t uid;			  /* whose word about their scripts is believed */
	const atomic_bool *cancelled;
	unsigned int *n_maps_texts_left; /* a question's own; NULL: as many as it takes */
};

/* What a question looks for; arrays are borrowed. */
struct match_targets {
	size_t n_paths;
	const char *const *paths;      /* as registered */
	const char *const *real_paths; /* without symbolic links above the last name; NULL: same */
	/* Without any, where the last name is one; each or all NULL: the same. */
	const char *const *final_paths;
	const uint8_t *is_tree; /* one a path */
	size_t n_targets;
	const struct scan_target *targets;
};

enum use_kind { /* = enum rm_use_kind */
	USE_EXECUTABLE = 1,
	USE_MAPPING,
	USE_DESCRIPTOR,
	USE_WORKING_DIRECTORY,
	USE_ROOT,
	USE_SCRIPT,
	USE_REGISTERED_PROCESS,
	USE_REGISTERED_SERVICE,
	_USE_KIND_COUNT,
};

/* Of no registered path. */
#define USE_NO_PATH UINT32_MAX

struct use {
	uint32_t kind; /* enum use_kind */
	uint32_t path; /* index of the registered path, or USE_NO_PATH (a stale question) */
	uint32_t fd;
	bool is_deleted;
	bool is_claimed;
	char *actual; /* owned: the path in use where it differs, NULL else */
};

/* A process that uses targets. Borrows from the index, valid until its next refresh. */
struct hit {
	struct index_process *process;
	struct use *uses; /* owned */
	size_t n_uses;
};

struct hits {
	struct hit *hits; /* owned, each process once */
	size_t n_hits;
	size_t capacity;
	bool is_unordered;	/* not by pid */
	uint32_t n_unconfirmed; /* hits by number that could not be confirmed: not in `hits`,
				 * counted as not inspected */
};

/* 0, -ENOMEM, -ECANCELED. Free with hits_done() in any case. */
int match_find(const struct match_context *context, const struct match_targets *targets,
	       struct hits *ret_hits) _warn_unused_;

/* Everything that runs a deleted or replaced file (needrestart's question). memfd, SYSV, /dev/zero
 * and device mappings are none. `path` of the uses is UINT32_MAX, `actual` the old path. */
int match_find_stale(const struct match_context *context, struct hits *ret_hits) _warn_unused_;

void hits_done(struct hits *hits);

/* For those who add uses of their own: takes `actual` over. -ENOMEM. */
int hits_add_use(struct hits *hits, struct index_process *process, const struct use *use)
	_warn_unused_;
