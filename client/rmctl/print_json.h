/* SPDX-License-Identifier: MIT */
/* rmctl's answers as JSON, one line each. docs/rmctl-json.md is the promise about them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/rstrtmgr.h"

/* {"id":7}, or {"id":7,"key":"..."} when `key` is not NULL. */
void print_json_session_id(uint32_t id, const char *key);

/* {"id":7,"files":1,"trees":0,"processes":0,"services":0} */
void print_json_registered(uint32_t id, const struct rm_resources *resources);

/* {"sessions":[...]}, each with its "joins" where the list has them: in an answer about one. */
void print_json_sessions(const struct rm_session_infos *infos, bool with_joins);

/* {"broker":{...}} */
void print_json_status(const struct rm_broker_info *status);

void print_json_event(const struct rm_event *event);
