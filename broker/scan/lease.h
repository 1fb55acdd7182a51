/* SPDX-License-Identifier: MIT */
/* Whether anybody has a file open or mapped, as far as a lease tells. */
#pragma once

#include "broker/scan/types.h"
#include "proto/base.h"

/* Adds FILE_LEASE_BUSY or FILE_LEASE_IDLE to an identity that was read from this name, or neither
 * when a lease tells nothing: no regular file, a remote or overlay file system, not permitted, or
 * another file by now. A hint and no proof: see lease.c. */
void lease_probe(int directory_fd, const char *name, struct file_identity *identity);
