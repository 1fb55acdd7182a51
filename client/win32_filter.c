/* SPDX-License-Identifier: MIT */
/*
 * The Win32 face's filters. The chain of RmGetFilterList() is made in memory of our own, where it
 * is aligned, and copied as a whole: the caller's buffer may begin anywhere (A40). Its pointers
 * are those of the caller's buffer.
 */
#include "client/filter.h"
#include "client/process_id.h"
#include "client/win32.h"
#include "proto/status.h"

#ifdef RSTRTMGR_UTF16
_Static_assert(sizeof(WCHAR) == 2, "the 16-bit set has 16-bit characters");
#else
_Static_assert(sizeof(WCHAR) == 4, "the second set has 32-bit characters");
#endif
_Static_assert(sizeof(RM_FILTER_INFO) == (sizeof(void *) == 8 ? 32 : 24), "Windows' layout");

/* ---- targets ---- */

struct win32_target {
	Rm__FilterTarget message; /* borrows the others */
	Rm__ProcessRef process;
	char text[MAX_PATH_BYTES];
};

/* 0 or 160. */
static DWORD read_target(LPCWSTR executable, const RM_UNIQUE_PROCESS *process, LPCWSTR service,
			 struct win32_target *ret_target)
{
	ProtobufCBinaryData *field =
		executable ? &ret_target->message.executable : &ret_target->message.service;
	LPCWSTR text = executable ? executable : service;
	ssize_t n;

	rm__filter_target__init(&ret_target->message);
	rm__process_ref__init(&ret_target->process);
	if ((executable != NULL) + (process != NULL) + (service != NULL) != 1) {
		return STATUS_BAD_ARGUMENTS;
	}
	if (process) {
		win32_read_process(process, &ret_target->process);
		ret_target->message.process = &ret_target->process;
	} else {
		n = win32_to_bytes(text, ret_target->text, sizeof(ret_target->text));
		if (n < 0) {
			return STATUS_BAD_ARGUMENTS;
		}
		*field = codec_bytes(ret_target->text, (size_t)n);
	}
	return (DWORD)filter_check_target(&ret_target->message);
}

DWORD WINAPI RmAddFilter(DWORD dwSessionHandle, LPCWSTR strModuleName, RM_UNIQUE_PROCESS *pProcess,
			 LPCWSTR strServiceShortName, RM_FILTER_ACTION FilterAction)
{
	_cleanup_(win32_session_done) struct rm_session session;
	struct win32_target target;

	if (read_target(strModuleName, pProcess, strServiceShortName, &target) != 0 ||
	    (FilterAction != RmNoRestart && FilterAction != RmNoShutdown)) {
		return STATUS_BAD_ARGUMENTS;
	}
	if (!handle_copy(dwSessionHandle, &session)) {
		return STATUS_INVALID_HANDLE;
	}
	return (DWORD)filter_add(&session, &target.message, (uint32_t)FilterAction);
}

DWORD WINAPI RmRemoveFilter(DWORD dwSessionHandle, LPCWSTR strModuleName,
			    RM_UNIQUE_PROCESS *pProcess, LPCWSTR strServiceShortName)
{
	_cleanup_(win32_session_done) struct rm_session session;
	struct win32_target target;

	if (read_target(strModuleName, pProcess, strServiceShortName, &target) != 0) {
		return STATUS_BAD_ARGUMENTS;
	}
	if (!handle_copy(dwSessionHandle, &session)) {
		return STATUS_INVALID_HANDLE;
	}
	return (DWORD)filter_remove(&session, &target.message);
}

/* ---- the list ---- */

static const char *text_of(const struct filter_entry *entry)
{
	return entry->executable ? entry->executable : entry->service;
}

/* Bytes of one record with its string. */
static size_t measure_record(const struct filter_entry *entry)
{
	const char *text = text_of(entry);

	return sizeof(RM_FILTER_INFO) +
	       (text ? (win32_from_bytes(text, NULL, 0) + 1) * sizeof(WCHAR) : 0);
}

static size_t align_record(size_t bytes)
{
	return (bytes + 7) & ~(size_t)7;
}

/* The chain's length; the last record has no padding. */
static size_t measure_chain(const struct filter_answer *answer)
{
	size_t bytes = 0;

	for (size_t i = 0; i < answer->n_entries; i++) {
		bytes = align_record(bytes) + measure_record(&answer->entries[i]);
	}
	return bytes;
}

/* `at` is our memory for what will be at `address` in the caller's. */
static void write_record(const struct filter_entry *entry, BYTE *at, const BYTE *address,
			 size_t record_bytes, bool is_last)
{
	const char *text = text_of(entry);
	size_t n = (record_bytes - sizeof(RM_FILTER_INFO)) / sizeof(WCHAR);
	RM_FILTER_INFO *record = (RM_FILTER_INFO *)(void *)at;

	record->FilterAction = (RM_FILTER_ACTION)entry->action;
	record->cbNextOffset = is_last ? 0 : (DWORD)align_record(record_bytes);
	if (!text) {
		record->FilterTrigger = RmFilterTriggerProcess;
		win32_set_process(entry->pid,
				  entry->is_by_filetime
					  ? entry->start_time
					  : process_id_ticks_to_filetime(entry->start_time),
				  &record->Process);
		return;
	}
	record->FilterTrigger = entry->executable ? RmFilterTriggerFile : RmFilterTriggerService;
	record->strFilename = (LPWSTR)(uintptr_t)(address + sizeof(RM_FILTER_INFO));
	(void)win32_from_bytes(text, (WCHAR *)(void *)(at + sizeof(RM_FILTER_INFO)), n);
}

static DWORD write_chain(const struct filter_answer *answer, size_t bytes, PBYTE ret_buffer)
{
	_cleanup_(freep) BYTE *chain = calloc(1, bytes);
	size_t at = 0;

	if (!chain) {
		return STATUS_OUTOFMEMORY;
	}
	for (size_t i = 0; i < answer->n_entries; i++) {
		const struct filter_entry *entry = &answer->entries[i];
		size_t record_bytes = measure_record(entry);

		write_record(entry, chain + at, ret_buffer + at, record_bytes,
			     i + 1 == answer->n_entries);
		at += align_record(record_bytes);
	}
	memcpy(ret_buffer, chain, bytes);
	return STATUS_SUCCESS;
}

static DWORD list(const struct rm_session *session, PBYTE buffer, DWORD size, DWORD *needed)
{
	struct filter_answer *answer;
	DWORD status = (DWORD)filter_list(session, &answer);
	size_t bytes;

	if (status != STATUS_SUCCESS) {
		return status;
	}
	bytes = measure_chain(answer);
	if (bytes > size) {
		status = STATUS_MORE_DATA;
	} else if (bytes) {
		status = write_chain(answer, bytes, buffer);
	}
	if (status == STATUS_SUCCESS || status == STATUS_MORE_DATA) {
		*needed = (DWORD)bytes; /* 4096 filters of 16 KiB at most */
	}
	filter_answer_free(answer);
	return status;
}

DWORD WINAPI RmGetFilterList(DWORD dwSessionHandle, PBYTE pbFilterBuf, DWORD cbFilterBuf,
			     LPDWORD cbFilterBufNeeded)
{
	_cleanup_(win32_session_done) struct rm_session session;

	if (!pbFilterBuf && cbFilterBuf) {
		return STATUS_BAD_ARGUMENTS;
	}
	if (!cbFilterBufNeeded) {
		return STATUS_MORE_DATA;
	}
	if (!handle_copy(dwSessionHandle, &session)) {
		return STATUS_INVALID_HANDLE;
	}
	return list(&session, pbFilterBuf, cbFilterBuf, cbFilterBufNeeded);
}
