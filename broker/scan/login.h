/* SPDX-License-Identifier: MIT */
/* The login session of a process, as a number (A57). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "broker/scan/process_facts.h"
#include "proto/base.h"

#define LOGIN_NONE UINT32_MAX /* it has none */
#define LOGIN_SYSTEM 0u	      /* the system's services */

#define LOGIN_USERS_DIRECTORY "/run/systemd/users"

/* logind's id as a number: itself where it is decimal, below 2^31 and not 0, else a stable hash in
 * the same range. LOGIN_NONE: it is no id. Pure. */
uint32_t login_parse_id(const char *id, size_t size);

/* The DISPLAY= of a file of logind's about a user: the session that has the display, LOGIN_NONE
 * without one. Pure. */
uint32_t login_parse_user(const char *text, size_t size);

/* Of a process: that of its cgroup; of a user manager's, the display session of that user, told
 * in `users_directory`; 0 of a service of the system; else what audit knows. */
uint32_t login_find(const struct process_facts *facts, const char *users_directory);
