/* SPDX-License-Identifier: MIT */
/*
 * Writing the journal anew, a little with each change. While it is under way the old file stays
 * the one that counts; what is changed about a session that the new one has goes into both.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/journal.h"
#include "broker/resource.h"
#include "proto/base.h"

struct session;
struct store;

/* A file is written anew when it has so much more than twice what it had when it was new. */
#define COMPACTION_GROWN_BYTES (480u * 1024u)
/* Copied with each change: about 0.1 ms. */
#define COMPACTION_STEP_BYTES (128u * 1024u)

struct compaction {
	bool is_running;
	struct journal fresh; /* owned while it runs */
	uint32_t number;      /* of this one, in the sessions that it has; never 0 */
	/* The session that is being copied, 0: none, and how far that is. */
	uint32_t session;
	uint64_t filter;
	uint32_t at[_RESOURCE_KIND_COUNT];
	uint32_t end[_RESOURCE_KIND_COUNT];
	/* All sessions are copied, and everything goes into both files. */
	bool has_sessions;
	uint32_t answers; /* which of the parts of the processes is next */
	uint32_t n_answers_parts;
	/* The file that was replaced last, whose space is given back bit by bit. */
	bool has_old;
	int old_fd; /* owned */
	uint64_t old_bytes;
};

/* Begins a new file beside `path`. 0 or -errno. */
int compaction_begin(struct store *store, const char *path, uint64_t first_sequence) _warn_unused_;

/* Copies about `max_bytes`; the last of these calls puts the new file in place and says so.
 * After a failure, -errno, there is none and the old one is as it was. */
int compaction_step(struct store *store, uint64_t max_bytes, bool *ret_done) _warn_unused_;

/* The new file is given up. */
void compaction_cancel(struct store *store);
/* That, and everything else is let go. */
void compaction_close(struct store *store);

/* Whether the new file has to have what is changed about this session (NULL: about none). */
bool compaction_covers(const struct store *store, const struct session *session);

/* To be called with each change, before it: begins when the journal has grown, goes on with what
 * was begun, and frees a bit of what was let go. A failure leaves the old file, which is whole.
 * Whether there is more to do, which can wait for the next change. */
bool compaction_maintain(struct store *store);

/* The tail from which on the file is to be written anew may have come nearer: a session with
 * resources has ended. */
void compaction_reconsider(struct store *store, const struct session *ending);
