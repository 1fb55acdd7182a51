/* SPDX-License-Identifier: MIT */
/*
 * All of rmctl's words on stderr.
 * Without a broker the library is asked where it looked and what was wrong there, which also
 * tells a socket that is not safe from a broker that refused: both are code 5.
 * Texts of the library are clean already (A74), the environment's and the command line's are
 * cleaned here, because they go to a terminal too.
 */
#include "client/rmctl/report.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/rstrtmgr.h"
#include "proto/text.h"

#define MESSAGE_SIZE 1024

/* The formatted text without controls; "" for no format. */
static void format_message(char ret_text[MESSAGE_SIZE], const char *format, va_list values)
	_printf_(2, 0);

static void format_message(char ret_text[MESSAGE_SIZE], const char *format, va_list values)
{
	char text[MESSAGE_SIZE] = "";

	if (format) {
		vsnprintf(text, sizeof(text), format, values);
	}
	text_clean(text, strlen(text), ret_text, MESSAGE_SIZE);
}

void report_notice(const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list values;

	va_start(values, format);
	format_message(text, format, values);
	va_end(values);
	fprintf(stderr, "rmctl: %s\n", text);
}

enum exit_code report_errno(int error, const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list values;

	va_start(values, format);
	format_message(text, format, values);
	va_end(values);
	fprintf(stderr, "rmctl: %s: %s\n", text, strerror(error));
	return EXIT_ERROR;
}

enum exit_code report_usage(const char *verb, const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list values;

	va_start(values, format);
	format_message(text, format, values);
	va_end(values);
	if (text[0]) {
		fprintf(stderr, "rmctl: %s\n", text);
	}
	fprintf(stderr, "Try 'rmctl %s%s--help'.\n", verb ? verb : "", verb ? " " : "");
	return EXIT_USAGE;
}

/* Root without a login of its own talks to the machine's broker. */
static void print_how_to_start(const char *path)
{
	const char *chosen = secure_getenv("RSTRTMGR_SOCKET");

	if (chosen && chosen[0]) {
		report_notice("start one with `rmbrokerd --user --socket %s`", path);
	} else if (geteuid() == 0 && !secure_getenv("XDG_RUNTIME_DIR")) {
		report_notice("start one with `rmbrokerd --system` or "
			      "`systemctl start rmbrokerd.socket`");
	} else {
		report_notice("start one with `rmbrokerd --user` or "
			      "`systemctl --user start rmbrokerd.socket`");
	}
}

/* Returns whether there is no broker to talk to. */
static bool print_whereabouts(int code)
{
	char path[PATH_MAX] = "", why[MESSAGE_SIZE] = "";
	int located = rm_broker_locate(path, sizeof(path), why, sizeof(why));

	if (code == CODE_ACCESS_DENIED && located != CODE_ACCESS_DENIED) {
		return false;
	}
	if (path[0] && strncmp(why, path, strlen(path)) == 0) { /* says where by itself */
		report_notice("looked at %s", why);
	} else if (path[0]) {
		report_notice("looked at %s%s%s", path, why[0] ? ": " : "", why);
	} else if (why[0]) {
		report_notice("looked nowhere: %s", why);
	}
	if (located == CODE_SERVER_UNAVAILABLE) {
		print_how_to_start(path);
	} else if (located == 0 && code == CODE_SEM_TIMEOUT) {
		report_notice("a broker listens there, but is busy; --wait waits longer");
	} else if (located == 0 && code == CODE_SERVER_UNAVAILABLE) {
		report_notice("a broker listens there, but could not answer; its log says more");
	}
	return true;
}

static const char *find_advice(int code)
{
	switch (code) {
	case CODE_ACCESS_DENIED:
		return "the owner must be an ancestor of rmctl, and of the same user";
	case CODE_INVALID_HANDLE:
		return "`rmctl sessions` lists the sessions that exist";
	case CODE_WRITE_FAULT:
		return "`rmctl status` tells where the journal is; the broker's log says more";
	case CODE_NOT_SUPPORTED:
		return "the broker is older than this rmctl, or in another mount namespace, where "
		       "files are others";
	case CODE_MAX_SESSIONS_REACHED:
		return "`rmctl sessions` lists who holds sessions and how many have joined";
	default:
		return NULL;
	}
}

enum exit_code report_failure(int code, const char *format, ...)
{
	char text[MESSAGE_SIZE];
	bool no_broker = false;
	va_list values;

	va_start(values, format);
	format_message(text, format, values);
	va_end(values);
	fprintf(stderr, "rmctl: %s%s%s (%s)\n", text, text[0] ? ": " : "", rm_strerror(code),
		rm_code_name(code));
	if (exit_code_from(code, true) == EXIT_NO_BROKER) {
		no_broker = print_whereabouts(code);
	}
	if (!no_broker && find_advice(code)) {
		report_notice("%s", find_advice(code));
	}
	return exit_code_from(code, no_broker);
}
