/* SPDX-License-Identifier: MIT */
/* What rmctl says when something went wrong: what, where, what to do. Always on stderr. */
#pragma once

#include "client/rmctl/exit_code.h"
#include "proto/base.h"

/*
 * Says why a call of the library failed and, where rmctl knows, what to do about it.
 *
 * code    what the library returned, not 0
 * format  what it was about: "session 7"; NULL: about the broker as a whole
 *
 * Returns the exit code. Asks the library once more, where a broker should be.
 */
enum exit_code report_failure(int code, const char *format, ...) _printf_(2, 3);

/* The same for errno's codes (positive). Returns EXIT_ERROR. */
enum exit_code report_errno(int error, const char *format, ...) _printf_(2, 3);

/* A mistake on the command line of `verb` (NULL: before any), which `format` tells unless it is
 * NULL; then where the help is. Returns EXIT_USAGE. */
enum exit_code report_usage(const char *verb, const char *format, ...) _printf_(2, 3);

/* Something worth knowing that fails nothing. */
void report_notice(const char *format, ...) _printf_(1, 2);
