/* SPDX-License-Identifier: MIT */
/* Log lines to stderr: one fact a line, stable wording, `key=value` at the end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "proto/base.h"

/* Chooses the lines' form: with a `<priority>` in front when stderr is journald's (its
 * JOURNAL_STREAM), else "rmbrokerd: warning: ". Lines above `max_priority` are dropped. */
void log_init(int max_priority);

/* Whether a line of this priority would be written: guards costly arguments. */
bool log_is_on(int priority);

void log_write(int priority, const char *format, ...) _printf_(2, 3);

/* Writes "MESSAGE: strerror(error)". */
void log_write_errno(int priority, int error, const char *format, ...) _printf_(3, 4);

/* Whether a line that somebody else can provoke may be written: true at most once a second.
 * `last_ns` is the line's own memory, 0 at first. */
bool log_limit(uint64_t *last_ns);

#define log_at(priority, ...) (log_is_on(priority) ? log_write(priority, __VA_ARGS__) : (void)0)
#define log_error(...) log_at(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
/* Logs a failure and is its -errno, for `return log_errno(…)`. */
#define log_errno(priority, error, ...)                                                            \
	({                                                                                         \
		int _error = (error);                                                              \
		log_write_errno(priority, _error, __VA_ARGS__);                                    \
		_error;                                                                            \
	})
