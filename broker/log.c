/* SPDX-License-Identifier: MIT */
/*
 * Logging to stderr. journald reads a "<N>" in front of a line as its priority; anybody else
 * gets the name of the program and of the priority. A line leaves in one write, so that lines
 * of several processes on one stderr do not mix. What a line quotes is cleaned by who quotes it.
 */
#include "broker/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LINE_BYTES 2048
#define NS_PER_SECOND UINT64_C(1000000000)

static int max_priority = LOG_INFO; /* written by log_init() alone, before anything runs */
static bool to_journal;

/* JOURNAL_STREAM holds "device:inode" of the stderr that systemd connected to the journal. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char *end;
	uintmax_t device;
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0) {
		return false;
	}
	device = strtoumax(stream, &end, 10);
	return *end == ':' && st.st_dev == device && st.st_ino == strtoumax(end + 1, NULL, 10);
}

void log_init(int priority)
{
	max_priority = priority;
	to_journal = stderr_is_journal();
}

bool log_is_on(int priority)
{
	return priority <= max_priority;
}

bool log_limit(uint64_t *last_ns)
{
	struct timespec now;
	uint64_t now_ns;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* this clock always exists */
	now_ns = (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
	if (*last_ns && now_ns - *last_ns < NS_PER_SECOND) {
		return false;
	}
	*last_ns = now_ns;
	return true;
}

static const char *priority_name(int priority)
{
	switch (priority) {
	case LOG_ERR:
		return "error: ";
	case LOG_WARNING:
		return "warning: ";
	case LOG_DEBUG:
		return "debug: ";
	default:
		return "";
	}
}

static size_t format_prefix(int priority, char *line)
{
	int n = to_journal ? snprintf(line, LINE_BYTES, "<%d>", priority)
			   : snprintf(line, LINE_BYTES, "rmbrokerd: %s", priority_name(priority));

	return (size_t)n;
}

static void write_line(int priority, int error, const char *format, va_list arguments)
{
	char line[LINE_BYTES];
	size_t size = format_prefix(priority, line);
	size_t room = sizeof(line) - 1; /* for the newline */
	int n;

	n = vsnprintf(line + size, room - size, format, arguments);
	size += n < 0 ? 0 : (size_t)n;
	if (error && size < room) {
		n = snprintf(line + size, room - size, ": %s", strerror(error));
		size += n < 0 ? 0 : (size_t)n;
	}
	if (size >= room) {
		size = room - 1;
	}
	line[size++] = '\n';
	(void)!write(STDERR_FILENO, line, size); /* nowhere to report a failing log */
}

void log_write(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(priority, 0, format, arguments);
	va_end(arguments);
}

void log_write_errno(int priority, int error, const char *format, ...)
{
	va_list arguments;

	if (log_is_on(priority)) {
		va_start(arguments, format);
		write_line(priority, error < 0 ? -error : error, format, arguments);
		va_end(arguments);
	}
}
