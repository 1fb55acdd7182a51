/* SPDX-License-Identifier: MIT */
/* Processes the broker deals with: who they are for certain, and when they are gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
/* Without memory for a hash table's buckets the broker ends at once; all that it acknowledged is
 * in the journal. The default would run exit handlers first. */
#define uthash_fatal(message) abort()
#include <uthash.h>
#include <uv.h>

#include "proto/base.h"
#include "proto/limits.h"

/* Identity: a pid alone is used again by later processes. */
struct process_id {
	pid_t pid;
	uint64_t start_time; /* clock ticks after boot */
};

bool process_id_equal(const struct process_id *a, const struct process_id *b);

/* A request id whose change was made (an end), so that a re-sent one has its answer (A63). */
struct answered {
	uint64_t id[REQUEST_ID_BYTES / 8]; /* its bytes, to be compared quickly */
};

struct process_table;
struct session;
struct join;

/* A living process of which the broker holds a session, a join, a connection or an answer.
 * Freed by the table some time after its exit; nobody else frees it. */
struct process {
	struct process_id id;
	uid_t uid;
	char name[MAX_NAME_BYTES + 1];	/* clean text */
	char login[MAX_NAME_BYTES + 1]; /* what MaxSessions counts by (A8), clean text */
	struct process_table *table;	/* borrowed */
	int pidfd;			/* owned */
	uv_poll_t exit_poll;		/* on pidfd */
	bool is_gone;			/* exited, or being forgotten; no longer in the table */
	/* What hangs on it; each list is kept by the module of its type. */
	struct session *sessions; /* that it owns */
	struct join *joins;
	unsigned int n_sessions;
	unsigned int n_joins;
	unsigned int n_connections;
	size_t buffered; /* bytes of half frames and unsent replies */
	/* The last changes answered, a ring; allocated with the first. */
	struct answered *answered; /* owned, MAX_ANSWERED of them */
	unsigned int n_answered;
	unsigned int next_answered;
	struct process *idle_prev; /* in the table's list of idle ones */
	struct process *idle_next;
	bool is_idle;
	UT_hash_handle hh; /* by pid */
};

typedef void (*process_gone_fn)(struct process *process, void *userdata);

struct process_table {
	uv_loop_t *loop;	/* borrowed */
	int proc_fd;		/* owned: /proc */
	struct process *by_pid; /* owned */
	struct process *idle;	/* oldest first */
	unsigned int n_idle;
	process_gone_fn on_gone; /* called once when a process has exited */
	void *userdata;
};

/* 0 or -errno. */
int process_table_init(struct process_table *table, uv_loop_t *loop, process_gone_fn on_gone,
		       void *userdata) _warn_unused_;

/* Forgets all processes; run the loop once more for their handles to close. */
void process_table_close(struct process_table *table);
/* After the loop has ended. */
void process_table_done(struct process_table *table);

/* The process at the other end of a connected Unix socket. 0; -ESRCH: it has gone already, or
 * cannot be told from a later one; -ENXIO: it is in a pid namespace that we can't see; other
 * -errno. */
int process_of_peer(struct process_table *table, int socket_fd, struct process **ret_process)
	_warn_unused_;

/* The living process with this identity. `start_time` 0 in `id` takes whoever has the pid now.
 * 0; -ESRCH: no such process; other -errno. */
int process_find_or_open(struct process_table *table, const struct process_id *id,
			 struct process **ret_process) _warn_unused_;

/* Whether `ancestor` is `process` or one of its parents. Reads /proc. */
bool process_is_descendant(const struct process *process, const struct process *ancestor);

/* Remembers / looks up that this process's change `request_id` was made.
 * -ENOMEM: it is not remembered. */
int process_add_answered(struct process *process, const uint8_t request_id[REQUEST_ID_BYTES])
	_warn_unused_;
/* Memory for the first answer, so that process_add_answered() can't fail after it. */
int process_prepare_answered(struct process *process) _warn_unused_;
bool process_has_answered(const struct process *process,
			  const uint8_t request_id[REQUEST_ID_BYTES]);

/* To be called after something was taken off the process (a connection, a session, a join):
 * one that has nothing left is kept only for its answers, and not more than
 * MAX_IDLE_PROCESSES of those. */
void process_settle(struct process *process);
