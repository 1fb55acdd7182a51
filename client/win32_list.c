/* SPDX-License-Identifier: MIT */
/*
 * The Win32 face's registering and listing. The order of checks is A6's: arguments, then the
 * handle, then what the broker says of the role; outputs are written when nothing can fail any
 * more, and with 234.
 */
#include <errno.h>

#include "client/list.h"
#include "client/resource.h"
#include "client/win32.h"
#include "proto/status.h"

/* ---- registering ---- */

struct win32_source {
	struct resource_source source;
	LPCWSTR *files; /* borrowed: the caller's, like the others */
	LPCWSTR *services;
	const RM_UNIQUE_PROCESS *processes;
};

static const struct win32_source *win32_source_of(const struct resource_source *source)
{
	return (const struct win32_source *)(const void *)source;
}

/* A NULL is skipped, as Windows does (A13). */
static ssize_t read_text(const struct resource_source *source, enum resource_kind kind,
			 size_t index, char *ret_text, size_t ret_size)
{
	const struct win32_source *from = win32_source_of(source);
	LPCWSTR text = kind == RESOURCE_FILE ? from->files[index] : from->services[index];

	return text ? win32_to_bytes(text, ret_text, ret_size) : -ENOENT;
}

static void read_process(const struct resource_source *source, size_t index,
			 Rm__ProcessRef *ret_process)
{
	win32_read_process(&win32_source_of(source)->processes[index], ret_process);
}

DWORD WINAPI RmRegisterResources(DWORD dwSessionHandle, UINT nFiles, LPCWSTR rgsFileNames[],
				 UINT nApplications, RM_UNIQUE_PROCESS rgApplications[],
				 UINT nServices, LPCWSTR rgsServiceNames[])
{
	const struct win32_source from = {
		.source = {.n = {[RESOURCE_FILE] = nFiles,
				 [RESOURCE_SERVICE] = nServices,
				 [RESOURCE_PROCESS] = nApplications},
			   .read_text = read_text,
			   .read_process = read_process},
		.files = rgsFileNames,
		.services = rgsServiceNames,
		.processes = rgApplications,
	};
	_cleanup_(win32_session_done) struct rm_session session;

	if ((nFiles && !rgsFileNames) || (nApplications && !rgApplications) ||
	    (nServices && !rgsServiceNames)) {
		return STATUS_BAD_ARGUMENTS;
	}
	return (DWORD)resource_register(handle_copy(dwSessionHandle, &session) ? &session : NULL,
					&from.source);
}

/* ---- listing ---- */

static void write_application(const struct rm_application *from, uint64_t start_filetime,
			      RM_PROCESS_INFO *ret_info)
{
	memset(ret_info, 0, sizeof(*ret_info));
	win32_set_process(from->process.pid, start_filetime, &ret_info->Process);
	(void)win32_from_bytes(from->name, ret_info->strAppName, CCH_RM_MAX_APP_NAME + 1);
	(void)win32_from_bytes(from->service, ret_info->strServiceShortName,
			       CCH_RM_MAX_SVC_NAME + 1);
	ret_info->ApplicationType = (RM_APP_TYPE)from->type;
	ret_info->AppStatus = from->status;
	ret_info->TSSessionId = from->ts_session;
	ret_info->bRestartable = from->is_restartable ? TRUE : FALSE;
}

static DWORD list(const struct rm_session *session, UINT *needed, UINT *count,
		  RM_PROCESS_INFO *apps, DWORD *reasons)
{
	const struct list_question question = {.capacity = *count, .refuse_directories = true};
	struct answer *answer;
	DWORD status = (DWORD)list_applications(session, &question, &answer);

	if (status != STATUS_SUCCESS) {
		return status;
	}
	for (size_t i = 0; i < answer->list.n_applications; i++) {
		write_application(&answer->applications[i], answer->start_filetimes[i], &apps[i]);
	}
	status = answer->n_needed > question.capacity ? STATUS_MORE_DATA : STATUS_SUCCESS;
	*needed = answer->n_needed;
	*count = (UINT)answer->list.n_applications;
	*reasons = answer->list.reasons;
	answer_free(answer);
	return status;
}

DWORD WINAPI RmGetList(DWORD dwSessionHandle, UINT *pnProcInfoNeeded, UINT *pnProcInfo,
		       RM_PROCESS_INFO rgAffectedApps[], LPDWORD lpdwRebootReasons)
{
	_cleanup_(win32_session_done) struct rm_session session;

	if (!pnProcInfoNeeded || !pnProcInfo || !lpdwRebootReasons ||
	    (*pnProcInfo && !rgAffectedApps)) {
		return STATUS_BAD_ARGUMENTS;
	}
	if (!handle_copy(dwSessionHandle, &session)) {
		return STATUS_INVALID_HANDLE;
	}
	return list(&session, pnProcInfoNeeded, pnProcInfo, rgAffectedApps, lpdwRebootReasons);
}

DWORD WINAPI RmCancelCurrentTask(DWORD dwSessionHandle)
{
	_cleanup_(win32_session_done) struct rm_session session;

	return handle_copy(dwSessionHandle, &session) ? (DWORD)rm_session_cancel(&session)
						      : STATUS_INVALID_HANDLE;
}
