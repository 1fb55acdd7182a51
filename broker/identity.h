/* SPDX-License-Identifier: MIT */
/* A file's identity as the broker keeps it in memory and in the journal: small, and only what
 * lasts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/scan/types.h"
#include "proto/base.h"

/* What is stored of one: all but the link. */
#define KEPT_IDENTITY_BYTES 28u
#define KEPT_IDENTITY_NONE UINT32_MAX

struct kept_identity {
	uint64_t inode;
	uint64_t generation;
	uint32_t device; /* the kernel's has 32 bits */
	uint32_t superblock;
	uint16_t error;
	uint8_t kind;	/* enum file_kind */
	uint8_t flags;	/* enum file_flag, those that last; and whether it is of a tree */
	uint32_t older; /* the one seen before, as its owner numbers them */
};

_Static_assert(sizeof(struct kept_identity) == KEPT_IDENTITY_BYTES + 4, "no padding");

/* Of a path that nobody has looked at. */
void kept_identity_init(struct kept_identity *ret_kept, bool is_tree);
bool kept_identity_is_tree(const struct kept_identity *kept);

/* The link, and whether it is of a tree, stay as they are. */
void kept_identity_set(struct kept_identity *kept, const struct file_identity *identity);
void kept_identity_get(const struct kept_identity *kept, struct file_identity *ret_identity);

/* Whether both are the same file; a generation that is unknown says nothing. */
bool kept_identity_is(const struct kept_identity *kept, const struct file_identity *identity);

/* As the journal has it: the machine's numbers, as it never outlives its boot. */
void kept_identity_store(const struct file_identity *identity, bool is_tree,
			 uint8_t ret_bytes[KEPT_IDENTITY_BYTES]);
/* -EBADMSG: it makes no sense. */
int kept_identity_load(const uint8_t bytes[KEPT_IDENTITY_BYTES], struct file_identity *ret_identity,
		       bool *ret_is_tree) _warn_unused_;
