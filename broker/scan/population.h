/* SPDX-License-Identifier: MIT */
/* The processes that the index knows, each with what was read of it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/index.h"
#include "broker/scan/process_list.h"
#include "broker/scan/reader.h"
#include "broker/scan/relatives.h"
#include "proto/base.h"

/* A process, or a kernel thread. */
struct member {
	struct index_process process; /* as it is told, but for holds */
	struct process_reading reading;
	enum process_kind kind;
	int pidfd; /* owned; -1: there is none, its start time must do */
	/* CPU time, taken before what `reading` tells was read; and as this refresh found it. */
	uint64_t clock;
	uint64_t clock_now;
	bool is_gone;
	bool has_moved;	   /* it ran since */
	bool must_read;	   /* whatever its clock says */
	bool is_read;	   /* in this refresh */
	bool is_known;	   /* it was read once */
	bool is_unsettled; /* it ran since its relatives were looked for */
	bool has_relatives;
	bool is_skipped;		       /* nothing of it is read */
	uint32_t round;			       /* times that it was added to the relatives, */
	uint32_t sorted[_RELATIVE_KIND_COUNT]; /* and the one that counts; 0: it must be added */
	int result;			       /* of the last reading */
	struct process_reading next;	       /* what it read */
};

struct population {
	int proc_fd;   /* borrowed */
	int epoll_fd;  /* owned: tells of pidfds whose process has exited; -1: there are none */
	bool no_clock; /* every refresh reads all */
	struct process_list list;
	struct member **members; /* owned, by pid */
	size_t n_members;
	size_t capacity;
	uint64_t n_forks; /* when the list was read last; 0: unknown */
	bool must_list;
	bool has_kcmp;
	const struct skipped_process *skipped; /* borrowed: not to be read */
	size_t n_skipped;
	atomic_uchar *hidden; /* owned, one a descriptor: 1 is a pidfd of ours */
	size_t n_hidden;
	atomic_size_t n_pidfds;
	size_t max_pidfds;
};

/* `has_neighbours`: our pids are those of this /proc. 0 or -errno. */
int population_init(struct population *population, int proc_fd, bool has_neighbours) _warn_unused_;
void population_done(struct population *population, struct file_table *files,
		     void (*free_cached)(void *cached));

/*
 * Finds out who has come, gone and run. Those who are gone are still there, marked, until
 * population_bury(). `anew`: all are to be read. 0, or -errno: nobody new was found.
 */
int population_look(struct population *population, struct scan_pool *pool, bool anew) _warn_unused_;

/* Learns what is needed before a member is read: its identity when it is new, its namespace. */
void member_meet(struct population *population, struct member *member);

/* Frees the members that are gone. Nobody may have pointers to them. */
void population_bury(struct population *population, struct file_table *files,
		     void (*free_cached)(void *cached));
