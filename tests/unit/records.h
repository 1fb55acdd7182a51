/* SPDX-License-Identifier: MIT */
/* Journal records as a broker writes them, made without one. Each asserts that it was appended. */
#pragma once

#include "broker/journal.h"
#include "broker/replay.h"

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
/* Any bytes, about `session`. */
void record_append_bytes(struct journal *journal, uint32_t session, const void *bytes, size_t size);
