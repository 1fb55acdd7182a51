/* SPDX-License-Identifier: MIT */
/* Start times as the two faces tell them: clock ticks after boot, and Windows' FILETIME. */
#pragma once

#include <stdint.h>

/* Where the broker's answer is in the other face's form. Exact to a second (A19): the clock may
 * have been set since the broker computed its own. */
uint64_t process_id_ticks_to_filetime(uint64_t ticks);
uint64_t process_id_filetime_to_ticks(uint64_t filetime);
