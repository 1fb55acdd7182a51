/* SPDX-License-Identifier: MIT */
/*
 * One RmGetList on its way: the session's files looked up again, the scan worker asked, the
 * answer kept and sent piece by piece. Each belongs to one deferred call and ends with it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/call.h"
#include "broker/session.h"
#include "proto/base.h"

struct broker;
struct listing;

struct listing_options {
	uint32_t capacity; /* how many entries the caller takes; the others are counted */
	bool refuse_directories;
	bool with_uses;
	bool anew;
};

/* The Win32 face has no place for users that nobody can see: it does not ask for them. */
static inline bool listing_wants_leases(const struct listing_options *options)
{
	return !options->refuse_directories;
}

/* Answers the call now from the answer before it (A65), or defers it. `session` NULL: about all
 * that is stale. 0 or -errno. */
int listing_start(struct call *call, struct session *session, const struct listing_options *options)
	_warn_unused_;

/* Ends the session's listings with `status`; whether there was one. */
bool listing_cancel(struct broker *broker, const struct session *session, uint32_t status);

/* At the broker's end. */
void listing_close_all(struct broker *broker);
