/* SPDX-License-Identifier: MIT */
/* Processes that hold what a test says, and an index to look at them with. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/index.h"
#include "proto/base.h"

/* Done by the victim once it is asked; what it returns is told to the test. */
typedef int (*victim_fn)(const char *argument);

struct victim {
	pid_t pid;
	int fd; /* owned: commands and answers */
};

/* A child that waits; it dies with the test at the latest. */
struct victim victim_start(void);
/* Has it run a function, and waits until it has. The function's result. */
int victim_do(const struct victim *victim, victim_fn function, const char *argument);
/* Only says so: the function may not return. */
void victim_begin(const struct victim *victim, victim_fn function, const char *argument);
/* A child of the victim's own making that serves the same commands: by fork(2) with `flags` 0,
 * else by clone(2) with them. */
struct victim victim_clone(const struct victim *victim, int flags);
/* Kills it and waits for its end. */
void victim_end(struct victim *victim);
/* The same for a child of another victim. */
void victim_end_clone(struct victim *victim);

/* victim_fn: descriptor 70, and a mapping of the same place whatever the file. */
int victim_open(const char *path);
int victim_close(const char *unused);
int victim_map(const char *path);
int victim_unmap(const char *unused);
int victim_nothing(const char *unused);
#define VICTIM_FD 70

/* An index over this machine's /proc. `proc_fd` of the options is filled in. */
struct scan_index *index_make(struct index_options options);
/* Frees it and closes its /proc. */
void index_end(struct scan_index *index);
struct index_counts index_refresh(struct scan_index *index);

/* Whether a process holds this file that way. Mappings count by inode alone, as a superblock's
 * device need not be st_dev. */
bool index_has(struct scan_index *index, pid_t pid, enum hold_kind kind, const char *path);
/* The same for a file that has no name any more. */
bool index_has_inode(struct scan_index *index, pid_t pid, enum hold_kind kind, ino_t inode);
const struct index_process *index_get(struct scan_index *index, pid_t pid);
