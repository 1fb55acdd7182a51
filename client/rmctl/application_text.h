/* SPDX-License-Identifier: MIT */
/* Applications in words. Pure. Texts that are returned as char * are the caller's to free, and NULL
 * when there is no memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/rstrtmgr.h"
#include "proto/base.h"

/* RM_APP_TYPE as a word: "service", "console", "critical", ...; "unknown" for other numbers. */
const char *application_type_name(uint32_t type);

/* The words of bit masks: 0, 1, ... until NULL. NULL also for bits without a word. */
const char *application_status_name(unsigned int bit);
const char *application_reason_name(unsigned int bit);
#define APPLICATION_N_STATUS_BITS 8
#define APPLICATION_N_REASON_BITS 5

/* How many processes of an entry are told of, at least its own. */
uint32_t application_count_processes(const struct rm_application *application);

/* "812", "812 +3" */
char *application_format_pids(const struct rm_application *application) _warn_unused_;

/* How it uses what, in short and each thing once: "exe sshd (old), maps libc.so.6, fd 7 a.db, +2".
 * "" when nothing is told. */
char *application_format_uses(const struct rm_application *application, bool is_utf8) _warn_unused_;

/* One use in full: "fd 7  /var/lib/a.db", "mapping  /lib/a.so (old version)". */
char *application_format_use(const struct rm_use *use, bool is_utf8) _warn_unused_;

/* "yes", or why not, with what a filter says. */
char *application_format_restart(const struct rm_application *application) _warn_unused_;

/* What is old of it, each file once and by its base name: "libssl.so.3, +2". */
char *application_format_old(const struct rm_application *application, bool is_utf8) _warn_unused_;

/* Who renews it (A67). */
enum application_needs {
	NEEDS_RESTART,	 /* its own restart is enough */
	NEEDS_REEXEC,	 /* the service manager: daemon-reexec */
	NEEDS_CONTAINER, /* the restart of its container */
	NEEDS_LOGOUT,
	NEEDS_REBOOT,
	_APPLICATION_NEEDS_COUNT,
};

enum application_needs application_find_needs(const struct rm_application *application);
const char *application_needs_name(enum application_needs needs);

/* Whether all was inspected, so that what is not listed is not in use (A73). */
bool application_list_is_complete(const struct rm_application_list *list);
