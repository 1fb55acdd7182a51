/* SPDX-License-Identifier: MIT */
/* Who is at the other end, and what it may do. docs/security.md lists the rules. */
#pragma once

#include <stdbool.h>

#include "broker/process.h"
#include "broker/session.h"
#include "proto/base.h"

/* Whether the peer of a just accepted connection may speak at all, before a byte is read: the
 * broker's own uid, nobody else (A52). */
bool peer_may_connect(int socket_fd);

/* Whether this process may use the machine's broker: root of the broker's user namespace with
 * CAP_KILL (A52). */
bool peer_may_use_system(const struct process *peer);

/* Whether `peer` may give a session or a join to `owner`: itself, an ancestor with the same uid,
 * and root may give it to anybody (A61). 0 or 5. */
int peer_may_give(const struct process *peer, const struct process *owner);

/* Whether `peer` may act as the session's primary. The owner needs no key; a descendant of the
 * owner needs it (A61). 0 or 1219. `key` may be empty. */
int peer_may_lead(const struct process *peer, const struct session *session, const void *key,
		  size_t key_size);

/* Whether `peer` may leave with this join; as above, by the join's process. 0 or 1219. */
int peer_may_leave(const struct process *peer, const struct join *join, const void *key,
		   size_t key_size);
