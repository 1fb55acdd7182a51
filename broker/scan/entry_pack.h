/* SPDX-License-Identifier: MIT */
/* An entry as the wire's rm.Application. */
#pragma once

#include "broker/scan/display_name.h"
#include "broker/scan/entries.h"
#include "broker/scan/match.h"
#include "proto/base.h"
#include "proto/frame.h"

struct entry_pack_options {
	const struct display_places *places; /* borrowed */
	const char *const *paths;	     /* as registered, by the uses' numbers */
	bool with_uses;
	bool is_brief; /* of many: the main process alone, and no paths */
};

/* Appends the packed message to `buffer`. 0, -ENOMEM, -EMSGSIZE (then nothing was appended). */
int entry_pack(const struct entry *entry, const struct entry_pack_options *options,
	       struct frame_buffer *buffer) _warn_unused_;
