/* SPDX-License-Identifier: MIT */
/* Comparing files. A generation that is unknown on one side proves nothing and is left out. */
#include "broker/scan/types.h"

static bool is_there(const struct file_identity *identity)
{
	return identity->kind == FILE_REGULAR || identity->kind == FILE_DIRECTORY ||
	       identity->kind == FILE_OTHER;
}

bool file_identity_is_same(const struct file_identity *a, const struct file_identity *b)
{
	return is_there(a) && is_there(b) && a->device == b->device && a->inode == b->inode &&
	       (!a->generation || !b->generation || a->generation == b->generation);
}
