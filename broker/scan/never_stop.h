/* SPDX-License-Identifier: MIT */
/* NeverStop= of the configuration (A76): units, executables and users. */
#pragma once

#include "broker/scan/entries.h"

/* The word that means one of the entry's processes, clean text; NULL: none does. */
const char *never_stop_find(const struct entries_context *context, const struct entry *entry,
			    char *ret_word, size_t size);
