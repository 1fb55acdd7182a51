/* SPDX-License-Identifier: MIT */
/* From what a journal leaves to living sessions: opens their processes again. */
#pragma once

#include "broker/clock_base.h"
#include "broker/event_log.h"
#include "broker/replay.h"
#include "broker/session.h"
#include "proto/base.h"

/* Puts the replayed sessions whose owner lives (pid, start time) into the table, with what they
 * have, which is taken out of `replay`; the others,
 * and those that a lost record may have touched, end here: each is named in the log and in the
 * event ring. 0; -errno: no memory or no descriptors, nothing may be written. */
int restore_sessions(struct replay *replay, struct session_table *sessions,
		     struct process_table *processes, const struct clock_base *clock,
		     struct event_log *events) _warn_unused_;
