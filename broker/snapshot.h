/* SPDX-License-Identifier: MIT */
/*
 * The answer to a size probe, kept for the fetch that follows it (A65): for the same process,
 * SNAPSHOT_REUSE_MS long, while nothing changes in the session and nobody who is listed exits.
 */
#pragma once

#include "broker/list_answer.h"
#include "broker/process.h"
#include "broker/session.h"
#include "proto/base.h"

struct broker;

/* Takes the answer over; one that is too long to be watched is freed. */
void snapshot_keep(struct broker *broker, const struct session *session,
		   const struct process_id *peer, struct list_answer *owned_answer);

/* The caller's from here on, or NULL: there is none that is still true. None is kept after it. */
struct list_answer *snapshot_take(struct broker *broker, const struct session *session,
				  const struct process *peer);

/* The session changes or ends. */
void snapshot_drop(struct broker *broker, const struct session *session);
void snapshot_drop_all(struct broker *broker);
