/* SPDX-License-Identifier: MIT */
/* The Win32 codes that this project answers with: numbers, names, sentences, and from errno. */
#pragma once

#include <stdint.h>

enum status {
	STATUS_SUCCESS = 0,
	STATUS_FILE_NOT_FOUND = 2,
	STATUS_ACCESS_DENIED = 5,
	STATUS_INVALID_HANDLE = 6,
	STATUS_OUTOFMEMORY = 14,
	STATUS_WRITE_FAULT = 29,
	STATUS_NOT_SUPPORTED = 50,
	STATUS_SEM_TIMEOUT = 121,
	STATUS_INSUFFICIENT_BUFFER = 122,
	STATUS_BAD_ARGUMENTS = 160,
	STATUS_BUSY = 170,
	STATUS_ALREADY_EXISTS = 183,
	STATUS_MORE_DATA = 234,
	STATUS_FAIL_NOACTION_REBOOT = 350,
	STATUS_FAIL_SHUTDOWN = 351,
	STATUS_FAIL_RESTART = 352,
	STATUS_MAX_SESSIONS_REACHED = 353,
	STATUS_REQUEST_OUT_OF_SEQUENCE = 776,
	STATUS_NOT_FOUND = 1168,
	STATUS_SESSION_CREDENTIAL_CONFLICT = 1219,
	STATUS_CANCELLED = 1223,
	STATUS_SERVER_UNAVAILABLE = 1722, /* RPC_S_SERVER_UNAVAILABLE */
};

/* "ERROR_MAX_SESSIONS_REACHED"; "UNKNOWN" for a number that is not ours. Static. */
const char *status_name(uint32_t status);

/* One English sentence without a full stop. Static. */
const char *status_text(uint32_t status);

/* The code a caller is owed when the world failed. `error` is -errno (or errno); 0 is success.
 * A positive Win32 code is no errno: hand it on as it is. */
uint32_t status_from_errno(int error);
