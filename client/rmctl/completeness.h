/* SPDX-License-Identifier: MIT */
/* How complete an answer is, said in words (A73). */
#pragma once

#include <stdio.h>

#include "client/rstrtmgr.h"

/* One line for each thing that could not be inspected, each after `prefix`; none when the answer is
 * complete. */
void completeness_print(const struct rm_application_list *list, const char *prefix, FILE *file);
