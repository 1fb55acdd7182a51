/* SPDX-License-Identifier: MIT */
/*
 * The worker that looks at registered files: stat, handle, mount, lease. Its questions can take
 * for ever on a file system that does not answer; then the broker kills or abandons it.
 */
#pragma once

#include "broker/scan.pb-c.h"
#include "broker/scan/link.h"
#include "broker/scan/mount_watch.h"
#include "broker/scan/resolve.h"
#include "broker/scan/types.h"
#include "proto/base.h"

/* Identities in one FileAnswer. */
#define FILE_WORKER_CHUNK 1024u

struct file_worker {
	struct mount_watch mounts;
	struct resolver resolver;
	bool has_reread; /* the mounts, for this question */
	/* The answer that is being put together. */
	size_t n_found;
	struct file_identity found[FILE_WORKER_CHUNK];
	struct frame_buffer real_paths;	 /* each with its NUL */
	struct frame_buffer final_paths; /* the same */
};

/* 0 or -errno. `may_touch_remote`: it is the one that may hang. */
int file_worker_new(bool may_touch_remote, struct file_worker **ret_worker) _warn_unused_;
struct file_worker *file_worker_free(struct file_worker *worker);

/*
 * Answers one FileQuery or TreeQuery over the link. 0, or -errno: the link is broken.
 *
 * A FileQuery is answered by FileAnswers which together have one identity a path, in order. A worker
 * that may not touch remote file systems tells FILE_UNCHECKED with EREMOTE for what lies behind a
 * remote mount or an automount, without touching it, and answers a TreeQuery that begins there with
 * the error EREMOTE. A tree that is not there has no identities at all.
 */
int file_worker_answer_files(struct file_worker *worker, struct worker_link *link, uint64_t token,
			     const Rmscan__FileQuery *query) _warn_unused_;
int file_worker_answer_tree(struct file_worker *worker, struct worker_link *link, uint64_t token,
			    const Rmscan__TreeQuery *query) _warn_unused_;

/* A worker's whole life: answers until the broker closes its end. `fd` is the worker's from here
 * on. -errno, -EPIPE mostly. */
int file_worker_run(int fd, bool may_touch_remote) _warn_unused_;
