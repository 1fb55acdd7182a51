/* SPDX-License-Identifier: MIT */
/*
 * The table of Win32 codes and the one place that turns errno into them.
 * The names are Microsoft's (winerror.h), the sentences are ours and say what it means here.
 */
#include "proto/status.h"

#include <errno.h>
#include <stddef.h>

#include "proto/base.h"

struct status_row {
	enum status status;
	const char *name;
	const char *text;
};

static const struct status_row rows[] = {
	{STATUS_SUCCESS, "ERROR_SUCCESS", "Done"},
	{STATUS_FILE_NOT_FOUND, "ERROR_FILE_NOT_FOUND", "There is no such entry"},
	{STATUS_ACCESS_DENIED, "ERROR_ACCESS_DENIED",
	 "Not permitted, or the broker's socket is not safe to use"},
	{STATUS_INVALID_HANDLE, "ERROR_INVALID_HANDLE", "No session exists for this handle"},
	{STATUS_OUTOFMEMORY, "ERROR_OUTOFMEMORY", "Out of memory or of another resource"},
	{STATUS_WRITE_FAULT, "ERROR_WRITE_FAULT",
	 "The broker could not write its journal; nothing was changed"},
	{STATUS_NOT_SUPPORTED, "ERROR_NOT_SUPPORTED", "The broker does not know this request"},
	{STATUS_SEM_TIMEOUT, "ERROR_SEM_TIMEOUT", "The broker did not answer in time"},
	{STATUS_INSUFFICIENT_BUFFER, "ERROR_INSUFFICIENT_BUFFER", "The buffer is too small"},
	{STATUS_BAD_ARGUMENTS, "ERROR_BAD_ARGUMENTS", "An argument is not correct"},
	{STATUS_BUSY, "ERROR_BUSY", "Another call is still running here"},
	{STATUS_ALREADY_EXISTS, "ERROR_ALREADY_EXISTS", "The key already belongs to a session"},
	{STATUS_MORE_DATA, "ERROR_MORE_DATA", "There is more than fits into the buffer"},
	{STATUS_FAIL_NOACTION_REBOOT, "ERROR_FAIL_NOACTION_REBOOT",
	 "Nothing was done: a reboot is required"},
	{STATUS_FAIL_SHUTDOWN, "ERROR_FAIL_SHUTDOWN", "Some application could not be stopped"},
	{STATUS_FAIL_RESTART, "ERROR_FAIL_RESTART", "Some application could not be restarted"},
	{STATUS_MAX_SESSIONS_REACHED, "ERROR_MAX_SESSIONS_REACHED",
	 "The maximum number of sessions is open"},
	{STATUS_REQUEST_OUT_OF_SEQUENCE, "ERROR_REQUEST_OUT_OF_SEQUENCE",
	 "The call came out of order"},
	{STATUS_NOT_FOUND, "ERROR_NOT_FOUND", "Not registered"},
	{STATUS_SESSION_CREDENTIAL_CONFLICT, "ERROR_SESSION_CREDENTIAL_CONFLICT",
	 "The session key is not valid, or only the primary installer may do this"},
	{STATUS_CANCELLED, "ERROR_CANCELLED", "Cancelled"},
	{STATUS_SERVER_UNAVAILABLE, "RPC_S_SERVER_UNAVAILABLE", "No broker is running"},
};

static const struct status_row *find_row(uint32_t status)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].status == status) {
			return &rows[i];
		}
	}
	return NULL;
}

const char *status_name(uint32_t status)
{
	const struct status_row *row = find_row(status);

	return row ? row->name : "UNKNOWN";
}

const char *status_text(uint32_t status)
{
	const struct status_row *row = find_row(status);

	return row ? row->text : "Unknown error";
}

uint32_t status_from_errno(int error)
{
	switch (error < 0 ? -error : error) {
	case 0:
		return STATUS_SUCCESS;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
		return STATUS_OUTOFMEMORY;
	case EACCES:
	case EPERM:
		return STATUS_ACCESS_DENIED;
	case ETIMEDOUT:
		return STATUS_SEM_TIMEOUT;
	case EINVAL:
	case EMSGSIZE:
		return STATUS_BAD_ARGUMENTS;
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
	case EAGAIN:
	case ENAMETOOLONG:
	case ENOTSOCK:
	case EPROTO:
		return STATUS_SERVER_UNAVAILABLE;
	default: /* ENOSPC, EDQUOT, EIO, EFBIG, EROFS and whatever else a disk may say */
		return STATUS_WRITE_FAULT;
	}
}
