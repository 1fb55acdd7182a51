/* SPDX-License-Identifier: MIT */
/* Identities made small. What the kernel would never say is kept as "could not be looked at". */
#include "broker/identity.h"

#include <errno.h>
#include <string.h>

#define LASTING_FLAGS (FILE_ON_REMOTE | FILE_ON_OVERLAY | FILE_MAPS_DIFFER)
#define OF_TREE 0x80u

void kept_identity_init(struct kept_identity *ret_kept, bool is_tree)
{
	*ret_kept = (struct kept_identity){
		.error = ETIMEDOUT,
		.kind = FILE_UNCHECKED,
		.flags = is_tree ? OF_TREE : 0,
		.older = KEPT_IDENTITY_NONE,
	};
}

bool kept_identity_is_tree(const struct kept_identity *kept)
{
	return kept->flags & OF_TREE;
}

static bool can_be(const struct file_identity *identity)
{
	return identity->kind < _FILE_KIND_COUNT && identity->device <= UINT32_MAX &&
	       identity->superblock <= UINT32_MAX && identity->error >= 0 &&
	       identity->error <= UINT16_MAX;
}

void kept_identity_set(struct kept_identity *kept, const struct file_identity *identity)
{
	static const struct file_identity impossible = {.kind = FILE_UNCHECKED, .error = EOVERFLOW};
	const struct file_identity *from = can_be(identity) ? identity : &impossible;

	kept->inode = from->inode;
	kept->generation = from->generation;
	kept->device = (uint32_t)from->device;
	kept->superblock = (uint32_t)from->superblock;
	kept->error = (uint16_t)from->error;
	kept->kind = (uint8_t)from->kind;
	kept->flags = (uint8_t)((kept->flags & OF_TREE) | (from->flags & LASTING_FLAGS));
}

void kept_identity_get(const struct kept_identity *kept, struct file_identity *ret_identity)
{
	*ret_identity = (struct file_identity){
		.device = kept->device,
		.inode = kept->inode,
		.generation = kept->generation,
		.superblock = kept->superblock,
		.kind = kept->kind,
		.flags = kept->flags & LASTING_FLAGS,
		.error = kept->error,
	};
}

bool kept_identity_is(const struct kept_identity *kept, const struct file_identity *identity)
{
	return kept->device == identity->device && kept->inode == identity->inode &&
	       kept->kind == identity->kind &&
	       (kept->generation == identity->generation || !kept->generation ||
		!identity->generation);
}

void kept_identity_store(const struct file_identity *identity, bool is_tree,
			 uint8_t ret_bytes[KEPT_IDENTITY_BYTES])
{
	struct kept_identity kept;

	kept_identity_init(&kept, is_tree);
	kept_identity_set(&kept, identity);
	memcpy(ret_bytes, &kept, KEPT_IDENTITY_BYTES);
}

int kept_identity_load(const uint8_t bytes[KEPT_IDENTITY_BYTES], struct file_identity *ret_identity,
		       bool *ret_is_tree)
{
	struct kept_identity kept = {0};

	memcpy(&kept, bytes, KEPT_IDENTITY_BYTES);
	if (kept.kind >= _FILE_KIND_COUNT || kept.flags & ~(LASTING_FLAGS | OF_TREE)) {
		return -EBADMSG;
	}
	kept_identity_get(&kept, ret_identity);
	*ret_is_tree = kept_identity_is_tree(&kept);
	return 0;
}
