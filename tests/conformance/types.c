/* SPDX-License-Identifier: MIT */
/*
 * Sizes, offsets and values of the public header, in each language and width of WCHAR; needs no
 * broker. The numbers are Microsoft's: programs in other languages have them built in.
 */
#include <restartmanager.h>
#include <stddef.h>
#include <stdio.h>

#include "tests/conformance/tap.h"

static void check_layout(void)
{
	const size_t w = sizeof(WCHAR);
	const size_t pointer_at = sizeof(void *) == 8 ? 16 : 12;

	check(w * 8 == RSTRTMGR_WCHAR_BITS, "WCHAR has %d bits", RSTRTMGR_WCHAR_BITS);
	check(sizeof(DWORD) == 4 && sizeof(BOOL) == 4 && sizeof(UINT) == 4 && sizeof(ULONG) == 4,
	      "integers of 32 bits");
	check((DWORD)-1 > 0 && (UINT)-1 > 0 && (ULONG)-1 > 0, "that are unsigned");
	check((BOOL)-1 < 0, "but for BOOL");
	check(sizeof(FILETIME) == 8, "FILETIME");
	check(sizeof(RM_UNIQUE_PROCESS) == 12 && offsetof(RM_UNIQUE_PROCESS, dwProcessId) == 0 &&
		      offsetof(RM_UNIQUE_PROCESS, ProcessStartTime) == 4,
	      "RM_UNIQUE_PROCESS");
	check(sizeof(RM_PROCESS_INFO) == (w == 2 ? 668 : 1308), "RM_PROCESS_INFO has %zu bytes",
	      sizeof(RM_PROCESS_INFO));
	check(offsetof(RM_PROCESS_INFO, Process) == 0 &&
		      offsetof(RM_PROCESS_INFO, strAppName) == 12 &&
		      offsetof(RM_PROCESS_INFO, strServiceShortName) == 12 + 256 * w &&
		      offsetof(RM_PROCESS_INFO, ApplicationType) == 12 + 320 * w &&
		      offsetof(RM_PROCESS_INFO, AppStatus) == 16 + 320 * w &&
		      offsetof(RM_PROCESS_INFO, TSSessionId) == 20 + 320 * w &&
		      offsetof(RM_PROCESS_INFO, bRestartable) == 24 + 320 * w,
	      "offsets in RM_PROCESS_INFO");
	check(sizeof(RM_FILTER_INFO) == (sizeof(void *) == 8 ? 32 : 24), "RM_FILTER_INFO");
	check(offsetof(RM_FILTER_INFO, FilterAction) == 0 &&
		      offsetof(RM_FILTER_INFO, FilterTrigger) == 4 &&
		      offsetof(RM_FILTER_INFO, cbNextOffset) == 8 &&
		      offsetof(RM_FILTER_INFO, strFilename) == pointer_at &&
		      offsetof(RM_FILTER_INFO, Process) == pointer_at &&
		      offsetof(RM_FILTER_INFO, strServiceShortName) == pointer_at,
	      "offsets in RM_FILTER_INFO");
	check(sizeof(RM_APP_TYPE) == 4 && sizeof(RM_SHUTDOWN_TYPE) == 4 &&
		      sizeof(RM_APP_STATUS) == 4 && sizeof(RM_REBOOT_REASON) == 4 &&
		      sizeof(RM_FILTER_TRIGGER) == 4 && sizeof(RM_FILTER_ACTION) == 4,
	      "enumerations of 32 bits");
}

static void check_constants(void)
{
#define VALUE(name, value)                                                                         \
	{                                                                                          \
#name, (long)(name), value                                                         \
	}
	static const struct {
		const char *name;
		long value;
		long wanted;
	} constants[] = {
		VALUE(RM_SESSION_KEY_LEN, 16),
		VALUE(CCH_RM_SESSION_KEY, 32),
		VALUE(100 / CCH_RM_SESSION_KEY, 3), /* in parentheses */
		VALUE(CCH_RM_MAX_APP_NAME, 255),
		VALUE(CCH_RM_MAX_SVC_NAME, 63),
		VALUE(RM_INVALID_TS_SESSION, -1),
		VALUE(RM_INVALID_PROCESS, -1),
		VALUE(RmUnknownApp, 0),
		VALUE(RmMainWindow, 1),
		VALUE(RmOtherWindow, 2),
		VALUE(RmService, 3),
		VALUE(RmExplorer, 4),
		VALUE(RmConsole, 5),
		VALUE(RmCritical, 1000),
		VALUE(RmForceShutdown, 0x1),
		VALUE(RmShutdownOnlyRegistered, 0x10),
		VALUE(RmStatusUnknown, 0),
		VALUE(RmStatusRunning, 1),
		VALUE(RmStatusStopped, 2),
		VALUE(RmStatusStoppedOther, 4),
		VALUE(RmStatusRestarted, 8),
		VALUE(RmStatusErrorOnStop, 0x10),
		VALUE(RmStatusErrorOnRestart, 0x20),
		VALUE(RmStatusShutdownMasked, 0x40),
		VALUE(RmStatusRestartMasked, 0x80),
		VALUE(RmRebootReasonNone, 0),
		VALUE(RmRebootReasonPermissionDenied, 1),
		VALUE(RmRebootReasonSessionMismatch, 2),
		VALUE(RmRebootReasonCriticalProcess, 4),
		VALUE(RmRebootReasonCriticalService, 8),
		VALUE(RmRebootReasonDetectedSelf, 0x10),
		VALUE(RmFilterTriggerInvalid, 0),
		VALUE(RmFilterTriggerFile, 1),
		VALUE(RmFilterTriggerProcess, 2),
		VALUE(RmFilterTriggerService, 3),
		VALUE(RmInvalidFilterAction, 0),
		VALUE(RmNoRestart, 1),
		VALUE(RmNoShutdown, 2),
		VALUE(ERROR_SUCCESS, 0),
		VALUE(ERROR_FILE_NOT_FOUND, 2),
		VALUE(ERROR_ACCESS_DENIED, 5),
		VALUE(ERROR_INVALID_HANDLE, 6),
		VALUE(ERROR_OUTOFMEMORY, 14),
		VALUE(ERROR_WRITE_FAULT, 29),
		VALUE(ERROR_NOT_SUPPORTED, 50),
		VALUE(ERROR_SEM_TIMEOUT, 121),
		VALUE(ERROR_INSUFFICIENT_BUFFER, 122),
		VALUE(ERROR_BAD_ARGUMENTS, 160),
		VALUE(ERROR_BUSY, 170),
		VALUE(ERROR_ALREADY_EXISTS, 183),
		VALUE(ERROR_MORE_DATA, 234),
		VALUE(ERROR_DIRECTORY, 267),
		VALUE(ERROR_FAIL_NOACTION_REBOOT, 350),
		VALUE(ERROR_FAIL_SHUTDOWN, 351),
		VALUE(ERROR_FAIL_RESTART, 352),
		VALUE(ERROR_MAX_SESSIONS_REACHED, 353),
		VALUE(ERROR_REQUEST_OUT_OF_SEQUENCE, 776),
		VALUE(ERROR_NOT_FOUND, 1168),
		VALUE(ERROR_SESSION_CREDENTIAL_CONFLICT, 1219),
		VALUE(ERROR_CANCELLED, 1223),
		VALUE(RPC_S_SERVER_UNAVAILABLE, 1722),
	};

	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
		check(constants[i].value == constants[i].wanted, "%s is %ld", constants[i].name,
		      constants[i].wanted);
	}
}

int main(void)
{
	check_layout();
	check_constants();
	return tap_end();
}
