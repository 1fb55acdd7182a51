/* SPDX-License-Identifier: MIT */
/* A part of a set of resources as the journal has it: made, and read back. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/record.pb-c.h"
#include "broker/resource.h"
#include "proto/base.h"

struct slice_bytes {
	uint8_t *data; /* owned */
	size_t size;
	size_t capacity;
};

/* Being made. All zero is an empty one; its memory is kept for the next. */
struct slice {
	struct slice_bytes paths;
	struct slice_bytes identities;
	struct slice_bytes seen;
	struct slice_bytes processes;
	struct slice_bytes services;
	uint32_t n_files;
	uint32_t n; /* entries */
};

void slice_reset(struct slice *slice);
void slice_done(struct slice *slice);

/* As much as one part of a registration may have. */
bool slice_is_full(const struct slice *slice);

/* Adds entry `i` of a set, with all that is known about it. -ENOMEM. */
int slice_add(struct slice *slice, const struct resource_set *set, enum resource_kind kind,
	      uint32_t i) _warn_unused_;
/* Adds a path with another identity than the set has for it. -ENOMEM. */
int slice_add_path(struct slice *slice, const char *path, bool is_tree,
		   const struct file_identity *identity) _warn_unused_;

/* Puts its bytes, which stay the slice's, into a record. */
void slice_fill(const struct slice *slice, Rmrecord__Resources *record);
void slice_fill_seen(const struct slice *slice, Rmrecord__FilesSeen *record);

/* Adds what a record has to a set; it is not visible yet. -EBADMSG: it makes no sense, and some of
 * it may have been added; -ENOMEM. */
int slice_read(const Rmrecord__Resources *record, struct resource_set *set) _warn_unused_;
/* Remembers identities that were seen; of paths that are not in the set they say nothing. */
int slice_read_seen(const Rmrecord__FilesSeen *record, struct resource_set *set) _warn_unused_;
