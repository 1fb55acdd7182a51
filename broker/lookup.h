/* SPDX-License-Identifier: MIT */
/*
 * Asks the file workers who a list of files are: the local ones in one lane, and what lies on a
 * file system that may not answer in another, with little patience. Paths without an answer are
 * told as FILE_UNCHECKED with ETIMEDOUT, so a lookup always ends and rarely fails.
 */
#pragma once

#include <stddef.h>

#include "broker/scan/types.h"
#include "broker/scanner.h"
#include "proto/base.h"

/* What a path is without symbolic links; valid during on_found(). */
struct found_texts {
	const char *real;  /* without those above its last name; "" when it is the same */
	const char *final; /* without any; "" when the last name is none, or leads nowhere */
};

/* Embedded in whoever asks, who fills in the upper half and zeroes the rest. */
struct lookup {
	size_t n_paths;
	bool with_real_paths;
	bool with_lease;
	/* Absolute path number `i`; lives until on_done(). */
	const char *(*get_path)(const struct lookup *lookup, size_t i);
	void (*on_found)(struct lookup *lookup, size_t i, const struct file_identity *identity,
			 const struct found_texts *texts);
	/* 0, or -errno: no worker can be had. on_found() was called for each path after 0. */
	void (*on_done)(struct lookup *lookup, int error);
	/* The lookup's own. */
	struct scanner *scanner;
	struct question question;
	size_t n_sent;
	size_t n_answered;
	uint32_t *remote; /* owned: paths for the other lane */
	size_t n_remote;
	size_t remote_capacity;
	bool is_remote;	      /* asks them now */
	bool has_asked_again; /* after a worker died */
};

/* Begins; never calls back before it returns. */
void lookup_start(struct lookup *lookup, struct scanner *scanner);

/* Ends it without on_done(). Fine for one that has ended or never began. */
void lookup_cancel(struct lookup *lookup);
