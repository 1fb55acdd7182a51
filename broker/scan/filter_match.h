/* SPDX-License-Identifier: MIT */
/* Which filters an entry meets (A39). */
#pragma once

#include "broker/scan/entries.h"

/* RmStatusShutdownMasked and RmStatusRestartMasked, as the question's filters have it. */
uint32_t filter_match_status(const struct entries_context *context, const struct entry *entry);
