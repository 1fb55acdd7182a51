/* SPDX-License-Identifier: MIT */
/* A private broker that is started anew for each cold question. One at a time. */
#pragma once

#include <sys/types.h>

/* Starts it with this configuration and waits until it answers; the library is told where. Dies
 * on failure. */
void scan_broker_start(const char *config);
void scan_broker_stop(void);
