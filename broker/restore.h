/* SPDX-License-Identifier: MIT */
/* From what a journal leaves to living sessions: opens their processes again. */
#pragma once

#include "broker/event_log.h"
#include "broker/replay.h"
#include "broker/session.h"
#include "proto/base.h"

/* Puts the replayed sessions whose owner lives (pid, start time) into the table; the others,
 * and those that a lost record may have touched, end here: each is named in the log and in the
 * event ring. 0; -errno: no memory or no descriptors, nothing may be written. */
int restore_sessions(const struct replay *replay, struct session_table *sessions,
		     struct process_table *processes, struct event_log *events) _warn_unused_;
