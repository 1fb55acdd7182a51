/* SPDX-License-Identifier: MIT */
/*
 * The Win32 face: Microsoft's names over the native face. Compiled twice, once for each string
 * ABI that restartmanager.h chooses between (A1); so there is no logic here but the order of
 * checks (A6) and the handle.
 */
#include "client/win32.h"

#include "proto/status.h"

#ifdef RSTRTMGR_UTF16
_Static_assert(sizeof(WCHAR) == 2, "the 16-bit set has 16-bit characters");
_Static_assert(sizeof(RM_PROCESS_INFO) == 668, "Windows' layout");
#else
_Static_assert(sizeof(WCHAR) == 4, "the second set has 32-bit characters");
_Static_assert(sizeof(RM_PROCESS_INFO) == 1308, "the layout with 32-bit characters");
#endif
_Static_assert(sizeof(RM_UNIQUE_PROCESS) == 12, "Windows' layout");

static void write_key(const char *key, WCHAR *ret_key)
{
	for (size_t i = 0; i <= CCH_RM_SESSION_KEY; i++) {
		ret_key[i] = (WCHAR)(unsigned char)key[i];
	}
}

/* Reads at most 33 characters (A5). What is no ASCII is no hex digit either. */
static void read_key(const WCHAR *key, char ret_key[CCH_RM_SESSION_KEY + 2])
{
	size_t n = 0;

	while (n <= CCH_RM_SESSION_KEY && key[n]) {
		ret_key[n] = key[n] > 0 && key[n] < 0x80 ? (char)key[n] : '?';
		n++;
	}
	ret_key[n] = '\0';
}

/* Gives the session a handle, or ends it again. */
static DWORD add_handle(struct rm_session *session, DWORD *ret_handle)
{
	if (handle_add(session, ret_handle) == 0) {
		return STATUS_SUCCESS;
	}
	if (rm_session_end(session) != 0) {
		rm_session_free(session); /* it ends with this process */
	}
	return STATUS_OUTOFMEMORY;
}

DWORD WINAPI RmStartSession(DWORD *pSessionHandle, DWORD dwSessionFlags, WCHAR strSessionKey[])
{
	struct rm_session *session;
	char key[CCH_RM_SESSION_KEY + 1];
	DWORD status;

	if (!pSessionHandle || !strSessionKey || dwSessionFlags != 0) {
		return STATUS_BAD_ARGUMENTS;
	}
	status = (DWORD)rm_session_start(-1, &session);
	if (status != STATUS_SUCCESS) {
		return status;
	}
	memcpy(key, rm_session_key(session), sizeof(key));
	status = add_handle(session, pSessionHandle);
	if (status == STATUS_SUCCESS) {
		write_key(key, strSessionKey);
	}
	return status;
}

DWORD WINAPI RmJoinSession(DWORD *pSessionHandle, const WCHAR strSessionKey[])
{
	struct rm_session *session;
	char key[CCH_RM_SESSION_KEY + 2];
	DWORD status;

	if (!pSessionHandle || !strSessionKey) {
		return STATUS_BAD_ARGUMENTS;
	}
	read_key(strSessionKey, key);
	status = (DWORD)rm_session_join(key, -1, &session);
	return status == STATUS_SUCCESS ? add_handle(session, pSessionHandle) : status;
}

DWORD WINAPI RmEndSession(DWORD dwSessionHandle)
{
	struct rm_session *session = handle_claim(dwSessionHandle);
	DWORD status;

	if (!session) {
		return STATUS_INVALID_HANDLE;
	}
	status = (DWORD)rm_session_end(session);
	if (status == STATUS_SUCCESS || status == STATUS_INVALID_HANDLE) {
		handle_release(dwSessionHandle);
	} else {
		handle_restore(dwSessionHandle);
	}
	return status;
}
