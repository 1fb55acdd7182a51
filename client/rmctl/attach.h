/* SPDX-License-Identifier: MIT */
/* A session that `rmctl start` opened, taken up again. */
#pragma once

#include "client/rmctl/options.h"
#include "client/rmctl/target.h"
#include "client/rstrtmgr.h"
#include "proto/base.h"

/*
 * Attaches to the target as its primary.
 *
 * ret_session   for rm_session_free(): the session goes on
 *
 * Returns EXIT_DONE, or another code after a message.
 */
enum exit_code attach_session(const char *verb, const struct target *target,
			      struct rm_session **ret_session) _warn_unused_;

/* Says why a call about the target failed. */
enum exit_code attach_report(int code, const struct target *target);

/* Asks whether there is a broker, before a question that takes its time. EXIT_DONE, or another code
 * after a message. */
enum exit_code attach_find_broker(void) _warn_unused_;
