/* SPDX-License-Identifier: MIT */
/* What rmctl's exit status means. Pure; fixed: scripts rely on it. */
#pragma once

#include <stdbool.h>

/* The Win32 codes that rmctl tells apart; rm_code_name() has Microsoft's names for them. */
enum code {
	CODE_SUCCESS = 0,
	CODE_FILE_NOT_FOUND = 2,
	CODE_ACCESS_DENIED = 5,
	CODE_INVALID_HANDLE = 6,
	CODE_WRITE_FAULT = 29,
	CODE_NOT_SUPPORTED = 50,
	CODE_SEM_TIMEOUT = 121,
	CODE_FAIL_NOACTION_REBOOT = 350,
	CODE_FAIL_SHUTDOWN = 351,
	CODE_FAIL_RESTART = 352,
	CODE_MAX_SESSIONS_REACHED = 353,
	CODE_CREDENTIAL_CONFLICT = 1219,
	CODE_CANCELLED = 1223,
	CODE_SERVER_UNAVAILABLE = 1722,
};

enum exit_code {
	EXIT_DONE = 0,
	EXIT_USAGE = 1,
	EXIT_NO_BROKER = 3,
	EXIT_REFUSED = 4,
	EXIT_REBOOT = 5,
	EXIT_RESTART_FAILED = 6,
	EXIT_CANCELLED = 7,
	EXIT_ERROR = 8,
};

/*
 * The exit code for the Win32 code of a failed or successful call. `no_broker` says that 5 was
 * the answer of rm_broker_locate(): no broker that can be trusted, and not a broker's refusal.
 */
enum exit_code exit_code_from(int code, bool no_broker);
