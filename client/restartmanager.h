/* SPDX-License-Identifier: MIT */
/*
 * The Restart Manager API with Microsoft's names, types and values, on Linux.
 *
 * Two string ABIs live in the library, and this header chooses between them:
 *   - where WCHAR has 32 bits (wchar_t on Linux, the default) each function is redirected to its
 *     second symbol, e.g. RmStartSession_wc32, and RM_PROCESS_INFO has 1308 bytes;
 *   - where wchar_t has 16 bits, or after `#define RSTRTMGR_UTF16` (WCHAR is then char16_t), the
 *     plain symbols are used: the binary layout of Windows, 668 bytes, which .NET, mono, Rust, Go
 *     and Wine call.
 *
 * All functions are thread-safe and return a Win32 code; there is no GetLastError. None of them
 * writes an output parameter when it fails, except where it says so. After fork() the child has
 * no sessions: handles of its parent give ERROR_INVALID_HANDLE there, and it may open its own.
 * The order of checks is the same everywhere: arguments (160), handle (6), role (1219),
 * sequence (776), then the work itself.
 */
#ifndef RSTRTMGR_RESTARTMANAGER_H
#define RSTRTMGR_RESTARTMANAGER_H

#include <stddef.h>
#include <stdint.h>

/* ---- Windows' types, unless <windef.h> (Wine, winelib) has them already ------------------ */

#ifndef _WINDEF_
typedef uint32_t DWORD;
typedef DWORD *LPDWORD;
typedef uint32_t UINT;
typedef uint32_t ULONG;
typedef int32_t BOOL;
typedef uint8_t BYTE;
typedef BYTE *PBYTE;
#ifndef TRUE
#define TRUE 1
#define FALSE 0
#endif
#ifndef WINAPI
#define WINAPI
#endif

#if defined(RSTRTMGR_UTF16) && !(defined(__SIZEOF_WCHAR_T__) && __SIZEOF_WCHAR_T__ == 2)
#ifdef __cplusplus
typedef char16_t WCHAR;
#else
typedef __CHAR16_TYPE__ WCHAR; /* what <uchar.h> calls char16_t */
#endif
#else
typedef wchar_t WCHAR;
#endif
typedef WCHAR *LPWSTR;
typedef WCHAR *PWSTR;
typedef const WCHAR *LPCWSTR;
typedef const WCHAR *PCWSTR;

typedef struct _FILETIME {
	DWORD dwLowDateTime; /* 100 ns since 1601-01-01 UTC */
	DWORD dwHighDateTime;
} FILETIME;
#endif /* _WINDEF_ */

/* ---- which of the two ABIs ---------------------------------------------------------------- */

#if defined(RSTRTMGR_UTF16) || (defined(__SIZEOF_WCHAR_T__) && __SIZEOF_WCHAR_T__ == 2) ||         \
	defined(_WINDEF_)
#define RSTRTMGR_WCHAR_BITS 16
#define RSTRTMGR_REDIRECT(name)
#define RSTRTMGR_TAG(tag) tag
/* The name to give to dlsym() for a function of this header: RM_SYMBOL(RmStartSession). */
#define RM_SYMBOL(name) #name
#else
#define RSTRTMGR_WCHAR_BITS 32
#define RSTRTMGR_REDIRECT(name) __asm__(#name "_wc32")
#define RSTRTMGR_TAG(tag) tag##_WC32
#define RM_SYMBOL(name) #name "_wc32"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- constants ---------------------------------------------------------------------------- */

#define RM_SESSION_KEY_LEN 16			    /* bytes, sizeof(GUID) */
#define CCH_RM_SESSION_KEY (RM_SESSION_KEY_LEN * 2) /* characters without the NUL */
#define CCH_RM_MAX_APP_NAME 255
#define CCH_RM_MAX_SVC_NAME 63
#define RM_INVALID_TS_SESSION (-1)
#define RM_INVALID_PROCESS (-1)

#ifndef ERROR_SUCCESS
#define ERROR_SUCCESS 0
#endif
#ifndef ERROR_FILE_NOT_FOUND
#define ERROR_FILE_NOT_FOUND 2
#endif
#ifndef ERROR_ACCESS_DENIED
#define ERROR_ACCESS_DENIED 5
#endif
#ifndef ERROR_INVALID_HANDLE
#define ERROR_INVALID_HANDLE 6
#endif
#ifndef ERROR_OUTOFMEMORY
#define ERROR_OUTOFMEMORY 14
#endif
#ifndef ERROR_WRITE_FAULT
#define ERROR_WRITE_FAULT 29
#endif
#ifndef ERROR_NOT_SUPPORTED
#define ERROR_NOT_SUPPORTED 50
#endif
#ifndef ERROR_SEM_TIMEOUT
#define ERROR_SEM_TIMEOUT 121
#endif
#ifndef ERROR_INSUFFICIENT_BUFFER
#define ERROR_INSUFFICIENT_BUFFER 122
#endif
#ifndef ERROR_BAD_ARGUMENTS
#define ERROR_BAD_ARGUMENTS 160
#endif
#ifndef ERROR_BUSY
#define ERROR_BUSY 170
#endif
#ifndef ERROR_ALREADY_EXISTS
#define ERROR_ALREADY_EXISTS 183
#endif
#ifndef ERROR_MORE_DATA
#define ERROR_MORE_DATA 234
#endif
#ifndef ERROR_DIRECTORY
#define ERROR_DIRECTORY 267
#endif
#ifndef ERROR_FAIL_NOACTION_REBOOT
#define ERROR_FAIL_NOACTION_REBOOT 350
#endif
#ifndef ERROR_FAIL_SHUTDOWN
#define ERROR_FAIL_SHUTDOWN 351
#endif
#ifndef ERROR_FAIL_RESTART
#define ERROR_FAIL_RESTART 352
#endif
#ifndef ERROR_MAX_SESSIONS_REACHED
#define ERROR_MAX_SESSIONS_REACHED 353
#endif
#ifndef ERROR_REQUEST_OUT_OF_SEQUENCE
#define ERROR_REQUEST_OUT_OF_SEQUENCE 776
#endif
#ifndef ERROR_NOT_FOUND
#define ERROR_NOT_FOUND 1168
#endif
#ifndef ERROR_SESSION_CREDENTIAL_CONFLICT
#define ERROR_SESSION_CREDENTIAL_CONFLICT 1219
#endif
#ifndef ERROR_CANCELLED
#define ERROR_CANCELLED 1223
#endif
#ifndef RPC_S_SERVER_UNAVAILABLE
#define RPC_S_SERVER_UNAVAILABLE 1722
#endif

typedef enum _RM_APP_TYPE {
	RmUnknownApp = 0,
	RmMainWindow = 1,
	RmOtherWindow = 2,
	RmService = 3,
	RmExplorer = 4,
	RmConsole = 5,
	RmCritical = 1000
} RM_APP_TYPE;

typedef enum _RM_SHUTDOWN_TYPE {
	RmForceShutdown = 0x1,
	RmShutdownOnlyRegistered = 0x10
} RM_SHUTDOWN_TYPE;

typedef enum _RM_APP_STATUS {
	RmStatusUnknown = 0x0,
	RmStatusRunning = 0x1,
	RmStatusStopped = 0x2,
	RmStatusStoppedOther = 0x4,
	RmStatusRestarted = 0x8,
	RmStatusErrorOnStop = 0x10,
	RmStatusErrorOnRestart = 0x20,
	RmStatusShutdownMasked = 0x40,
	RmStatusRestartMasked = 0x80
} RM_APP_STATUS;

typedef enum _RM_REBOOT_REASON {
	RmRebootReasonNone = 0x0,
	RmRebootReasonPermissionDenied = 0x1,
	RmRebootReasonSessionMismatch = 0x2,
	RmRebootReasonCriticalProcess = 0x4,
	RmRebootReasonCriticalService = 0x8,
	RmRebootReasonDetectedSelf = 0x10
} RM_REBOOT_REASON;

typedef enum _RM_FILTER_TRIGGER {
	RmFilterTriggerInvalid = 0,
	RmFilterTriggerFile = 1,
	RmFilterTriggerProcess = 2,
	RmFilterTriggerService = 3
} RM_FILTER_TRIGGER;

typedef enum _RM_FILTER_ACTION {
	RmInvalidFilterAction = 0,
	RmNoRestart = 1,
	RmNoShutdown = 2
} RM_FILTER_ACTION;

/* ---- structures --------------------------------------------------------------------------- */

typedef struct _RM_UNIQUE_PROCESS {
	DWORD dwProcessId;
	FILETIME ProcessStartTime;
} RM_UNIQUE_PROCESS, *PRM_UNIQUE_PROCESS;

typedef struct RSTRTMGR_TAG(_RM_PROCESS_INFO) {
	RM_UNIQUE_PROCESS Process;
	WCHAR strAppName[CCH_RM_MAX_APP_NAME + 1];
	WCHAR strServiceShortName[CCH_RM_MAX_SVC_NAME + 1];
	RM_APP_TYPE ApplicationType;
	ULONG AppStatus; /* RM_APP_STATUS bits */
	DWORD TSSessionId;
	BOOL bRestartable;
} RM_PROCESS_INFO, *PRM_PROCESS_INFO;

typedef struct RSTRTMGR_TAG(_RM_FILTER_INFO) {
	RM_FILTER_ACTION FilterAction;
	RM_FILTER_TRIGGER FilterTrigger;
	DWORD cbNextOffset; /* from this record to the next, 0 on the last */
	union {
		LPWSTR strFilename;
		RM_UNIQUE_PROCESS Process;
		LPWSTR strServiceShortName;
	};
} RM_FILTER_INFO, *PRM_FILTER_INFO;

/* Progress of RmShutdown and RmRestart, 0..100; called on the thread that called those. */
typedef void (*RM_WRITE_STATUS_CALLBACK)(UINT nPercentComplete);

/* ---- functions ---------------------------------------------------------------------------- */

/*
 * Starts a session with the calling process as its primary installer.
 *
 * pSessionHandle   receives the handle, valid in this process: the lowest free number from 1;
 *                  never 0, never 0xFFFFFFFF
 * dwSessionFlags   must be 0
 * strSessionKey    buffer of at least CCH_RM_SESSION_KEY + 1 characters; receives 32 hex digits
 *                  and a NUL. What it held before is not read.
 *
 * 0 · 160 a NULL pointer or a flag · 353 64 sessions are open in this login · 121 the broker did
 * not answer within the deadline (30 s, RSTRTMGR_TIMEOUT_MS) · 29 the broker could not write its
 * journal, nothing was changed · 14 no memory · 183 the new key already exists (the machine's
 * random source repeats itself) · 1722 no broker is running · 5 the broker's socket is not safe.
 *
 * The session lives until RmEndSession() or the end of this process. Rules: Microsoft's page of
 * RmStartSession; docs/behaviour.md for what differs.
 */
DWORD WINAPI RmStartSession(DWORD *pSessionHandle, DWORD dwSessionFlags, WCHAR strSessionKey[])
	RSTRTMGR_REDIRECT(RmStartSession);

/*
 * Joins the session that the key names, as a secondary installer. Works in the primary's own
 * process too and gives an independent handle.
 *
 * pSessionHandle   receives the handle, valid in this process
 * strSessionKey    32 hex digits of either case; at most 33 characters are read
 *
 * 0 · 160 a NULL pointer · 1219 the key is not valid: wrong length, not hex, unknown, ended ·
 * 353 256 processes have joined already · 121, 29, 14, 1722, 5 as RmStartSession().
 */
DWORD WINAPI RmJoinSession(DWORD *pSessionHandle, const WCHAR strSessionKey[])
	RSTRTMGR_REDIRECT(RmJoinSession);

/*
 * Ends the session (primary) or leaves it (secondary; what it registered stays). The handle is
 * gone afterwards, whatever the broker says; may be called from any thread.
 *
 * 0, also when the session has already ended under a secondary, and when the broker stays away
 * until the deadline: the end is then the first thing said to it on the next call, and the slot
 * is free at the latest when this process ends · 6 no session has this handle · 29, 14 as
 * RmStartSession(): the handle stays valid.
 */
DWORD WINAPI RmEndSession(DWORD dwSessionHandle) RSTRTMGR_REDIRECT(RmEndSession);

/*
 * Adds files, processes and services to the session, all or none; for the primary and for
 * secondaries. They stay until the session ends. Duplicates collapse. An array may be NULL where
 * its count is 0; a NULL among the names is skipped.
 *
 * rgsFileNames     absolute paths; need not exist. A file is remembered by its path and by what it
 *                  is now, so that programs that run an old version are found as well.
 * rgApplications   processes by pid and start time; one that does not live matches nothing
 * rgsServiceNames  unit names; without a suffix ".service" is meant; "user:" or "system:" in
 *                  front names the manager
 *
 * 0 · 160 an array is missing; a path that is relative, empty, or has 4096 bytes or more as UTF-8;
 * a service name that is empty or has more than 255; a lone surrogate or no character; process
 * id 0 or 0xFFFFFFFF · 6 no session has this handle, or it has ended · 29 beyond 1,048,576 of a
 * kind, 64 MiB a session, or what the disk takes; nothing was changed · 50 files, by a process in
 * another mount namespace than the broker's · 121, 14, 1722, 5 as RmStartSession().
 */
DWORD WINAPI RmRegisterResources(DWORD dwSessionHandle, UINT nFiles, LPCWSTR rgsFileNames[],
				 UINT nApplications, RM_UNIQUE_PROCESS rgApplications[],
				 UINT nServices, LPCWSTR rgsServiceNames[])
	RSTRTMGR_REDIRECT(RmRegisterResources);

/*
 * Lists the applications and services that use the session's resources now. For the primary.
 *
 * pnProcInfoNeeded   receives how many there are
 * pnProcInfo         in: how many fit into rgAffectedApps; out: how many were written
 * rgAffectedApps     receives them in the order in which they would be stopped; may be NULL when
 *                    *pnProcInfo is 0
 * lpdwRebootReasons  receives RM_REBOOT_REASON bits of all of them; not 0: stopping applications
 *                    cannot free every resource
 *
 * 0 · 234 more than fit; all three outputs and as many entries as fit are written all the same ·
 * 160 a NULL pointer · 6 no session has this handle, or it has ended · 1219 a secondary's handle ·
 * 5 a registered file is a directory, or the broker's socket is not safe · 1223
 * RmCancelCurrentTask() · 121, 29, 14, 1722 as RmStartSession().
 */
DWORD WINAPI RmGetList(DWORD dwSessionHandle, UINT *pnProcInfoNeeded, UINT *pnProcInfo,
		       RM_PROCESS_INFO rgAffectedApps[], LPDWORD lpdwRebootReasons)
	RSTRTMGR_REDIRECT(RmGetList);

/*
 * Makes a call of RmGetList() that another thread waits for return 1223. Does not wait for it.
 * When none runs nothing happens, and the next one is not touched. For the primary.
 *
 * 0 · 6 no session has this handle, or it has ended · 1219 a secondary's handle · 121, 14, 1722,
 * 5 as RmStartSession().
 */
DWORD WINAPI RmCancelCurrentTask(DWORD dwSessionHandle) RSTRTMGR_REDIRECT(RmCancelCurrentTask);

/*
 * Says what may not be done with an application. For the primary. Exactly one of the three targets
 * is given, the others are NULL. A filter of the same target is replaced and then counts as the
 * last; the target need not exist.
 *
 * strModuleName        absolute path of the program's executable
 * pProcess             one process
 * strServiceShortName  a unit name, as in RmRegisterResources()
 * FilterAction         RmNoRestart or RmNoShutdown
 *
 * 0 · 160 not exactly one target, an empty one, one that RmRegisterResources() would refuse, or
 * another action · 6 no session has this handle, or it has ended · 1219 a secondary's handle ·
 * 29 more than 4096 filters, or the journal could not be written · 121, 14, 1722, 5 as
 * RmStartSession().
 */
DWORD WINAPI RmAddFilter(DWORD dwSessionHandle, LPCWSTR strModuleName, RM_UNIQUE_PROCESS *pProcess,
			 LPCWSTR strServiceShortName, RM_FILTER_ACTION FilterAction)
	RSTRTMGR_REDIRECT(RmAddFilter);

/* Removes the filter of this target, whatever its action. 2 there is none; else as
 * RmAddFilter(). */
DWORD WINAPI RmRemoveFilter(DWORD dwSessionHandle, LPCWSTR strModuleName,
			    RM_UNIQUE_PROCESS *pProcess, LPCWSTR strServiceShortName)
	RSTRTMGR_REDIRECT(RmRemoveFilter);

/*
 * Lists the session's filters in the order in which they were set. For the primary.
 *
 * pbFilterBuf        receives a chain of RM_FILTER_INFO, each with its string behind it, to which
 *                    it points; cbNextOffset leads from one to the next and is 0 in the last.
 *                    Should be aligned as a pointer; is written all the same when it is not. May
 *                    be NULL when cbFilterBuf is 0.
 * cbFilterBuf        its size in bytes
 * cbFilterBufNeeded  receives how many bytes the chain has
 *
 * 0, also without any filter: the buffer is then untouched, and *cbFilterBufNeeded is 0 · 234 the
 * buffer is too small and untouched, *cbFilterBufNeeded is written; or cbFilterBufNeeded is NULL ·
 * 160 pbFilterBuf is NULL but cbFilterBuf is not 0 · 6 no session has this handle, or it has
 * ended · 1219 a secondary's handle · 121, 14, 1722, 5 as RmStartSession().
 */
DWORD WINAPI RmGetFilterList(DWORD dwSessionHandle, PBYTE pbFilterBuf, DWORD cbFilterBuf,
			     LPDWORD cbFilterBufNeeded) RSTRTMGR_REDIRECT(RmGetFilterList);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* RSTRTMGR_RESTARTMANAGER_H */
