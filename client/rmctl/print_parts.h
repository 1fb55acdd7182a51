/* SPDX-License-Identifier: MIT */
/* What every form of an answer about applications has for people. */
#pragma once

#include <stdbool.h>

#include "client/rstrtmgr.h"

/* A path or a text of the library's, made fit for the terminal, without a newline. */
void print_path(const char *path);
void print_text(const char *text);

/* Who makes a reboot necessary, and why; nothing when nobody does. */
void print_reboot_reasons(const struct rm_application_list *list, bool colors);

/* What the answer covers, or "nobody", and what it does not cover. */
void print_completeness(const struct rm_application_list *list);
