/* SPDX-License-Identifier: MIT */
/* Journal records as a broker writes them, made without one. Each asserts that it was appended. */
#pragma once

#include "broker/filter.h"
#include "broker/journal.h"
#include "broker/replay.h"
#include "broker/resource.h"

/* The identity that the tests' journals have. */
extern const struct journal_identity record_identity;

/* A new journal at `path`, published. */
void records_create(const char *path, struct journal *ret_journal);

void record_append_base(struct journal *journal, uint32_t next_session, uint32_t next_join);
/* Of the session's own fields; its joins are not looked at. */
void record_append_started(struct journal *journal, const struct replayed_session *session);
void record_append_joined(struct journal *journal, uint32_t session,
			  const struct replayed_join *join);
/* `by` NULL: nobody asked. */
void record_append_left(struct journal *journal, uint32_t session, uint32_t join,
			const struct process_id *by, const uint8_t *request_id);
void record_append_ended(struct journal *journal, uint32_t session, const struct process_id *by,
			 const uint8_t *request_id);
void record_append_answered(struct journal *journal, const struct process_id *by,
			    const uint8_t (*request_ids)[REQUEST_ID_BYTES], size_t n);
/* All that `set` has, as one slice. */
void record_append_resources(struct journal *journal, uint32_t session, uint64_t number,
			     uint32_t slice, bool is_last, const struct resource_set *set);
void record_append_seen(struct journal *journal, uint32_t session, const char *path, bool is_tree,
			const struct file_identity *identity);
void record_append_filter_set(struct journal *journal, uint32_t session,
			      const struct filter_target *target, uint32_t action);
void record_append_filter_removed(struct journal *journal, uint32_t session,
				  const struct filter_target *target, const struct process_id *by,
				  const uint8_t *request_id);
/* Any bytes, about `session`. */
void record_append_bytes(struct journal *journal, uint32_t session, const void *bytes, size_t size);
