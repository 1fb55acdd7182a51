/* SPDX-License-Identifier: MIT */
/* Who uses what: for people, for programs, for xargs. */
#pragma once

#include <stdbool.h>

#include "client/rstrtmgr.h"

/* A table, the reasons for a reboot, and how complete it is. */
void print_applications_table(const struct rm_application_list *list, bool colors);

/* The same with every use and every reason, as one block for each application. */
void print_applications_long(const struct rm_application_list *list, bool colors);

/* What is out of date, by who renews it: kernel, services, applications, the rest. */
void print_applications_stale(const struct rm_application_list *list, bool colors);

/* One document, of a list as of stale files. */
void print_applications_json(const struct rm_application_list *list);

/* The affected processes that are told of, one a line, or each ended by NUL. */
void print_applications_pids(const struct rm_application_list *list, bool null_separated);
