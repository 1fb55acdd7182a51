/* SPDX-License-Identifier: MIT */
/* rmctl's answers for people. */
#pragma once

#include <stdbool.h>

#include "client/rstrtmgr.h"

void print_table_sessions(const struct rm_session_infos *infos, bool colors);

/* One session and who has joined it. */
void print_table_session(const struct rm_session_info *info, bool colors);

void print_table_status(const struct rm_broker_info *status, bool colors);

/* One line. */
void print_table_event(const struct rm_event *event, bool colors);
