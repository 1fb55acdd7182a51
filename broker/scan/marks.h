/* SPDX-License-Identifier: MIT */
/* Which files of the index a question may be about: by their numbers, and by their names where
 * those count (deleted versions, trees). */
#pragma once

#include "broker/scan/match.h"
#include "broker/scan/path_table.h"

/* One reason why a file of the index may be a registered one. */
struct mark {
	uint32_t path;	 /* the registered path */
	uint32_t target; /* index of the target, MARK_BY_NAME: its name says so */
	uint32_t next;	 /* of the same file, plus 1; 0: none */
	bool is_deleted; /* an old version */
	bool is_below;	 /* found below a registered tree */
};

#define MARK_BY_NAME UINT32_MAX

struct marks {
	uint32_t *first;    /* owned: by file of the index, plus 1; 0: none */
	struct mark *marks; /* owned */
	size_t n_marks;
	size_t capacity;
};

/* 0, -ENOMEM, -ECANCELED. marks_done() in any case. */
int marks_find(const struct match_context *context, const struct match_targets *targets,
	       const struct path_table *paths, struct marks *ret_marks) _warn_unused_;
void marks_done(struct marks *marks);

/* For each file of the index, who shows its name: a process of this mount namespace if there is
 * one. */
struct witness {
	const struct index_process *process; /* NULL: none */
	const struct hold *hold;
	bool is_here; /* of this mount namespace */
};

/* One for each file; free(3) it. NULL without memory. `only_run`: mappings and executables. */
struct witness *witnesses_find(const struct match_context *context, bool only_run);

/* What the witness's link says, as link_path_read(). A witness that has let go meanwhile is replaced
 * by the next one who holds the file; -ENOENT: nobody does. */
ssize_t witness_read_path(const struct match_context *context, bool only_run, size_t file,
			  struct witness *witness, char *ret_path, size_t size);
