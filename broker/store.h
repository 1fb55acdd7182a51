/* SPDX-License-Identifier: MIT */
/*
 * The store: what the session table must not lose. Each change is written here first and
 * applied in memory after (A62). 0: it is in the journal; -errno: nothing was changed, the
 * caller is owed ERROR_WRITE_FAULT.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/clock_base.h"
#include "broker/compaction.h"
#include "broker/event_log.h"
#include "broker/journal.h"
#include "broker/session.h"
#include "broker/slice.h"
#include "proto/base.h"

struct store {
	struct journal journal; /* owned */
	struct journal_identity identity;
	struct session_table *sessions;	 /* borrowed */
	struct process_table *processes; /* borrowed */
	struct event_log *events;	 /* borrowed */
	uint64_t compact_at;		 /* the tail from which on the file is written anew */
	struct compaction compaction;	 /* under way */
	uint64_t step_bytes;		 /* of it, copied with each change */
	struct clock_base clock;	 /* of this boot, as it was first taken */
	struct slice slice;		 /* owned: of the record that is being made */
	uint8_t *payload;		 /* owned: that record, packed */
	size_t payload_size;
	unsigned int n_restored;
};

/* Opens the journal at `path` and replays it into the (empty) session table: sessions whose
 * owner lives come back, the others end. A file that cannot be used is set aside, never
 * deleted; what is lost is logged by name. */
int store_open(struct store *store, const char *path, struct session_table *sessions,
	       struct process_table *processes, struct event_log *events) _warn_unused_;
void store_close(struct store *store);

/* `session` is prepared, not yet in the table. */
int store_session_started(struct store *store, const struct session *session) _warn_unused_;
/* `join` is prepared, not yet in its session. */
int store_session_joined(struct store *store, const struct join *join) _warn_unused_;
/* The join or session is still there. `by` asked with `request_id`; both NULL: nobody did. */
int store_session_left(struct store *store, const struct join *join, const struct process *by,
		       const uint8_t *request_id) _warn_unused_;
int store_session_ended(struct store *store, const struct session *session,
			const struct process *by, const uint8_t *request_id) _warn_unused_;
