/* SPDX-License-Identifier: MIT */
/* The store's records: made, and written to the journal that counts and to the one that is to
 * replace it. For the store's own files. */
#pragma once

#include <stdint.h>

#include "broker/record.pb-c.h"
#include "broker/store.h"
#include "proto/base.h"

/* What must stay reserved for the ends of all that is open, and of `more`. */
uint64_t store_record_reserve(const struct store *store, int more);

/* Writes a change about session `id`; `session`, if it is in the table, says whether the new file
 * of a compaction has it. -errno: nothing was changed. */
int store_record_append(struct store *store, const struct session *session, uint32_t id,
			const Rmrecord__Record *record, uint64_t keep) _warn_unused_;

/* Into the journal, a compaction's file, or both. */
int store_record_append_started(struct store *store, const struct session *session) _warn_unused_;
int store_record_append_joined(struct store *store, const struct join *join) _warn_unused_;
int store_record_append_base(struct store *store) _warn_unused_;

int store_record_copy_base(struct store *store) _warn_unused_;
int store_record_copy_started(struct store *store, const struct session *session) _warn_unused_;
int store_record_copy_joined(struct store *store, const struct join *join) _warn_unused_;
int store_record_copy_filter(struct store *store, const struct session *session,
			     const struct filter *filter) _warn_unused_;
/* What `store->slice` has, as a registration of its own. */
int store_record_copy_slice(struct store *store, const struct session *session) _warn_unused_;
int store_record_copy_answered(struct store *store, const struct process *process) _warn_unused_;

/* The record of a filter that is set; `record` refers to `set`, that to `target`, and that to the
 * filter's text. */
void store_record_fill_filter(const struct session *session, const struct filter *filter,
			      Rmrecord__FilterTarget *target, Rmrecord__FilterSet *set,
			      Rmrecord__Record *record);

/* A filter's target as it is stored; it refers to the other one's text. */
void store_record_fill_target(const struct filter_target *target,
			      Rmrecord__FilterTarget *ret_target);

static inline ProtobufCBinaryData store_record_bytes(const void *bytes, size_t size)
{
	return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)bytes};
}
