/* SPDX-License-Identifier: MIT */
/* What the files of the Win32 face share. They are compiled twice, once for each string ABI (A1),
 * so there is nothing in them that has a name outside but the API's. */
#pragma once

#include <string.h>

#pragma GCC visibility push(default)
#include "client/restartmanager.h"
#pragma GCC visibility pop

#include "client/handle.h"
#include "client/session.h"
#include "client/utf16.h"

/* A string of the caller's to bytes, as utf16_to_bytes(). */
static inline ssize_t win32_to_bytes(const WCHAR *text, char *ret_bytes, size_t ret_size)
{
#if RSTRTMGR_WCHAR_BITS == 16
	return utf16_to_bytes(text, ret_bytes, ret_size);
#else
	return utf32_to_bytes((const char32_t *)text, ret_bytes, ret_size);
#endif
}

/* Bytes to a string of the caller's, as utf16_from_bytes(). */
static inline size_t win32_from_bytes(const char *bytes, WCHAR *ret_text, size_t ret_size)
{
#if RSTRTMGR_WCHAR_BITS == 16
	return utf16_from_bytes(bytes, ret_text, ret_size);
#else
	return utf32_from_bytes(bytes, (char32_t *)ret_text, ret_size);
#endif
}

static inline void win32_set_process(uint32_t pid, uint64_t start_filetime,
				     RM_UNIQUE_PROCESS *ret_process)
{
	ret_process->dwProcessId = pid;
	ret_process->ProcessStartTime.dwLowDateTime = (DWORD)start_filetime;
	ret_process->ProcessStartTime.dwHighDateTime = (DWORD)(start_filetime >> 32);
}

static inline void win32_read_process(const RM_UNIQUE_PROCESS *process, Rm__ProcessRef *ret_process)
{
	ret_process->pid = process->dwProcessId;
	ret_process->start_time = (uint64_t)process->ProcessStartTime.dwHighDateTime << 32 |
				  process->ProcessStartTime.dwLowDateTime;
	ret_process->by_filetime = 1;
}

/* A copy of the session behind a handle, for the time of one call. */
static inline void win32_session_done(struct rm_session *session)
{
	explicit_bzero(session, sizeof(*session));
}
