/* SPDX-License-Identifier: MIT */
/* A session's filters, for people and for programs. */
#pragma once

#include <stdbool.h>

#include "client/rstrtmgr.h"

void print_filters_table(const struct rm_filters *filters, bool colors);
void print_filters_json(const struct rm_filters *filters);
