/* SPDX-License-Identifier: MIT */
/*
 * Real processes that use files in every way there is, and the truth about them: which process
 * uses which registered file, and how. The kinds are in workload_kinds.c.
 *
 * A kind has a path of its own below the workload's directory, so that each process that an answer
 * names can be held against what its kind says. Some kinds share a tree.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/rstrtmgr.h"
#include "proto/base.h"

#define WORKLOAD_PATH_BYTES 256
#define WORKLOAD_MAX_WORDS 10
#define WORKLOAD_MAX_PROCESSES 2048

/* Who of a kind's two processes uses the file; most have but one. */
enum workload_who {
	WHO_LEADER, /* the process that was started */
	WHO_CHILD,
	WHO_BOTH,
	WHO_NOBODY,
};

/* What happens to the file while it is used. */
enum workload_change {
	CHANGE_NONE,
	CHANGE_DELETE,
	CHANGE_REPLACE,	     /* another file is renamed over it */
	CHANGE_KEEP_REPLACE, /* the same, after a hard link kept the old one */
};

enum workload_unseen {
	UNSEEN_NO,
	UNSEEN_YES,   /* the answer says that somebody uses it whom nobody can see */
	UNSEEN_MAYBE, /* either this or the process is listed */
};

struct workload;

/* In words and paths `@` stands for the kind's path and `^` for the workload's directory. */
struct workload_kind {
	const char *name;
	const char *path; /* registered; below the directory unless it begins with "/" */
	const char *file; /* made before, below the directory; NULL: `path`; "": none */
	bool is_tree;
	bool is_program;   /* the file is a copy of the victim and is what is run */
	bool is_library;   /* it is a copy of a shared library */
	bool needs_mounts; /* root with a mount namespace of its own */
	bool needs_root;
	const char *shebang;	 /* the file is a script, made executable, begins with this */
	const char *script;	 /* what the script does */
	const char *interpreter; /* run with the file as its argument */
	uid_t uid;		 /* not 0: the user that runs it */
	size_t pad_bytes;	 /* further length of the command line */
	unsigned int n;		 /* how many at most, 0: as many as of the others */
	bool (*prepare)(const struct workload *workload); /* false: not possible here */
	const char *words[WORKLOAD_MAX_WORDS];

	/* The truth. Bits 1 << enum rm_use_kind. */
	enum workload_who who;
	unsigned int uses; /* each of those is told */
	unsigned int may;  /* and these perhaps */
	bool is_deleted;
	bool is_claimed;
	enum workload_unseen unseen;
	enum workload_change before; /* the registration */
	enum workload_change after;
	/* Why these tools do not find it by its path; NULL: they do. */
	const char *fuser_misses;
	const char *lsof_misses;
};

extern const struct workload_kind workload_kinds[];
extern const size_t workload_n_kinds;

struct workload_process {
	const struct workload_kind *kind;
	struct rm_process_id leader;
	struct rm_process_id child; /* pid 0: none */
};

struct workload {
	char directory[WORKLOAD_PATH_BYTES / 2];
	int life[2];   /* pipe: victims live until its writing end is closed */
	int status[2]; /* pipe: what they say */
	bool has_mounts;
	bool is_possible[128]; /* a kind each */
	size_t n_processes;
	struct workload_process processes[WORKLOAD_MAX_PROCESSES];
};

/* Makes the files and starts `n_each` processes of every kind that is possible here; they have
 * done what they do when it returns. `has_mounts`: this process has a mount namespace of its own,
 * which its broker shares. Failures fail the test. */
void workload_start(struct workload *workload, bool has_mounts, unsigned int n_each);

/* What happens to the files before or after the registration. */
void workload_change_before(const struct workload *workload);
void workload_change_after(const struct workload *workload);

/* Adds the kinds' files and trees to the session. */
void workload_register(const struct workload *workload, struct rm_session *session);

/* The path of a kind as it is registered. */
const char *workload_path(const struct workload *workload, const struct workload_kind *kind,
			  char ret_path[WORKLOAD_PATH_BYTES]);

/* Replaces `@` and `^` as above. */
const char *workload_expand(const struct workload *workload, const struct workload_kind *kind,
			    const char *text, char ret_text[WORKLOAD_PATH_BYTES]);

/* The kind of a process that uses its file, or NULL. */
const struct workload_kind *workload_find_user(const struct workload *workload,
					       const struct rm_process_id *id);
/* The process that this pid belongs to, as leader or child, whether it uses anything or not. */
const struct workload_process *workload_find(const struct workload *workload, pid_t pid);

bool workload_leader_uses(const struct workload_kind *kind);
bool workload_child_uses(const struct workload_kind *kind);

/* Ends them all and removes the files. */
void workload_stop(struct workload *workload);

/* The program that the processes run. */
const char *workload_victim_program(void);

/* Starts one victim with these words, which end with NULL; its descriptors 3 and 4 are the
 * workload's, and it dies with this process. Not yet ready. */
pid_t workload_spawn(const struct workload *workload, const char *program,
		     const char *const *words);
/* The next line that any victim says; fails the test unless it is ready. */
pid_t workload_wait_ready(const struct workload *workload, pid_t *ret_child);
/* Starts one that does one thing with the file, and waits until it has. */
struct rm_process_id workload_start_victim(const struct workload *workload, const char *verb,
					   const char *path);
/* Ends a child of this process, whichever. */
void workload_end_victim(const struct rm_process_id *id);

/* Its pipes alone, for those who start victims of their own. */
void workload_open(struct workload *workload);
void workload_close(struct workload *workload);
