/* SPDX-License-Identifier: MIT */
/* Reads all that the index keeps of one process. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/descriptors.h"
#include "broker/scan/file_table.h"
#include "broker/scan/mount_tables.h"
#include "proto/base.h"

enum process_kind {
	PROCESS_UNREAD,
	PROCESS_USER,
	PROCESS_KERNEL, /* a thread of the kernel */
	PROCESS_ZOMBIE,
	_PROCESS_KIND_COUNT,
};

/* Numbers of /proc/PID/stat. */
struct process_stat {
	char state;
	bool is_kernel;
	uint64_t n_threads;
	uint64_t start_time;
};

/* Pure. The comm may hold anything. -EBADMSG: not such a text. */
int process_stat_parse(const char *text, size_t size, struct process_stat *ret_stat) _warn_unused_;
/* "stat" below an open directory of /proc, or "PID/stat" below /proc. -ESRCH: nobody. */
int process_stat_read(int directory_fd, const char *name, struct process_stat *ret_stat)
	_warn_unused_;
enum process_kind process_stat_kind(const struct process_stat *stat);

/* CPU time of all threads that the process has had, in nanoseconds. 0 or -errno. */
int process_clock_read(pid_t pid, uint64_t *ret_clock) _warn_unused_;

/* A thread of an open /proc/PID that still has its memory; 0: none. */
pid_t process_find_living_thread(int process_fd);

/* What all readings share; read-only while they run. */
struct reader {
	int proc_fd;	     /* borrowed */
	bool by_text;	     /* no PROCMAP_QUERY */
	bool has_neighbours; /* pids are those of our own namespace: clocks and kcmp(2) work */
	bool has_kcmp;
	struct kernel_devices kernel;
	struct mount_tables mounts;
	struct file_table files;
	const atomic_bool *cancelled; /* or NULL */
	atomic_uchar
		*hidden; /* owned by the index: descriptors of this process that are no holds */
	size_t n_hidden;
};

/* What one reading yields; process_reading_done() it. */
struct process_reading {
	enum process_kind kind;
	uint32_t flags; /* enum index_process_flag */
	int error;
	uid_t uid;
	pid_t task;	    /* a thread that is alive: the main one unless that has gone */
	uint32_t n_tables;  /* threads with a descriptor table of their own */
	pid_t *tables;	    /* owned: one thread for each such table */
	struct hold *holds; /* owned */
	size_t n_holds;
};

void process_reading_done(struct process_reading *reading, struct file_table *files);

/* Who is to be read, and how to be sure that it still was this one. */
struct subject {
	pid_t pid;
	int pidfd; /* opened before anything else was read; -1: `start_time` must do */
	uint64_t start_time;
	uint64_t mount_namespace;
};

/* 0; -ESRCH: that process has gone; -ECANCELED; -ENOMEM. */
int reader_read(const struct reader *reader, const struct subject *subject,
		struct process_reading *ret_reading) _warn_unused_;
