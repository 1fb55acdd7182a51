/* SPDX-License-Identifier: MIT */
/* The store of what sessions have: resources and filters. 0: it is in the journal; -errno: it is
 * not, the caller is owed ERROR_WRITE_FAULT. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/store.h"
#include "proto/base.h"

/* One file of a session was found to be another than before. */
struct file_seen {
	uint32_t i; /* which of the session's files */
	struct file_identity identity;
};

/* Remembers what is news among these, at most MAX_PART_ENTRIES, and applies it. To be called
 * for what a listing has found (A14), before it answers. */
int store_files_seen(struct store *store, struct session *session, const struct file_seen *seen,
		     size_t n) _warn_unused_;

/* Writes one slice of a registration, which `store->slice` has; the last makes all valid. */
int store_slice(struct store *store, const struct session *session, uint64_t number, uint32_t i,
		bool is_last) _warn_unused_;

/* Whether the session takes this filter, which is prepared: 0, or 29 with a reason. */
int store_may_filter(const struct store *store, const struct session *session,
		     const struct filter *filter, const char **ret_reason);
/* `filter` is prepared, not yet in the list; filter_add() comes after. */
int store_filter_set(struct store *store, const struct session *session,
		     const struct filter *filter) _warn_unused_;
/* The filter is still there; filter_remove() comes after. `by` asked with `request_id`. */
int store_filter_removed(struct store *store, const struct session *session,
			 const struct filter *filter, const struct process *by,
			 const uint8_t *request_id) _warn_unused_;

/* 0, or 29 with a reason: so many bytes more in this session are beyond a limit (A13). `n_files`
 * of them are files. */
int store_may_grow(const struct store *store, const struct session *session, uint64_t bytes,
		   uint64_t n_files, const char **ret_reason);
