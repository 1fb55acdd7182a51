/* SPDX-License-Identifier: MIT */
/* What tests ask of a listing. Failures of the calls fail the test. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/rstrtmgr.h"
#include "proto/base.h"

/* Starts a broker whose log tells of its workers. */
void listed_start_broker(void);
/* None of them has failed: one that does is replaced, and would not be noticed. */
void listed_check_workers(void);

/* Makes a file of one page in the fixture's directory. As fixture_path(). */
const char *listed_make_file(const char *name);

/* A session of this process with one file registered. */
struct rm_session *listed_session(const char *path);

struct rm_application_list *listed_now(struct rm_session *session, unsigned int flags);

/* Whether this very process is in it, as one of an application's. */
bool listed_has(const struct rm_application_list *list, const struct rm_process_id *id);
/* The application that has the process; NULL: none. */
const struct rm_application *listed_find(const struct rm_application_list *list, uint32_t pid);
/* All processes that are affected. */
size_t listed_count(const struct rm_application_list *list);

/* Lists and looks. */
bool listed_is_user(struct rm_session *session, const struct rm_process_id *id);
