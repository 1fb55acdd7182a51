/* SPDX-License-Identifier: MIT */
/*
 * The codes: their numbers as Windows has them, their names and sentences, and what a failure of
 * the world becomes.
 */
#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "proto/status.h"
#include "tests/unit/fixture.h"

static const struct {
	enum status status;
	uint32_t number;
	const char *name;
} codes[] = {
	{STATUS_SUCCESS, 0, "ERROR_SUCCESS"},
	{STATUS_FILE_NOT_FOUND, 2, "ERROR_FILE_NOT_FOUND"},
	{STATUS_ACCESS_DENIED, 5, "ERROR_ACCESS_DENIED"},
	{STATUS_INVALID_HANDLE, 6, "ERROR_INVALID_HANDLE"},
	{STATUS_OUTOFMEMORY, 14, "ERROR_OUTOFMEMORY"},
	{STATUS_WRITE_FAULT, 29, "ERROR_WRITE_FAULT"},
	{STATUS_NOT_SUPPORTED, 50, "ERROR_NOT_SUPPORTED"},
	{STATUS_SEM_TIMEOUT, 121, "ERROR_SEM_TIMEOUT"},
	{STATUS_INSUFFICIENT_BUFFER, 122, "ERROR_INSUFFICIENT_BUFFER"},
	{STATUS_BAD_ARGUMENTS, 160, "ERROR_BAD_ARGUMENTS"},
	{STATUS_BUSY, 170, "ERROR_BUSY"},
	{STATUS_ALREADY_EXISTS, 183, "ERROR_ALREADY_EXISTS"},
	{STATUS_MORE_DATA, 234, "ERROR_MORE_DATA"},
	{STATUS_FAIL_NOACTION_REBOOT, 350, "ERROR_FAIL_NOACTION_REBOOT"},
	{STATUS_FAIL_SHUTDOWN, 351, "ERROR_FAIL_SHUTDOWN"},
	{STATUS_FAIL_RESTART, 352, "ERROR_FAIL_RESTART"},
	{STATUS_MAX_SESSIONS_REACHED, 353, "ERROR_MAX_SESSIONS_REACHED"},
	{STATUS_REQUEST_OUT_OF_SEQUENCE, 776, "ERROR_REQUEST_OUT_OF_SEQUENCE"},
	{STATUS_NOT_FOUND, 1168, "ERROR_NOT_FOUND"},
	{STATUS_SESSION_CREDENTIAL_CONFLICT, 1219, "ERROR_SESSION_CREDENTIAL_CONFLICT"},
	{STATUS_CANCELLED, 1223, "ERROR_CANCELLED"},
	{STATUS_SERVER_UNAVAILABLE, 1722, "RPC_S_SERVER_UNAVAILABLE"},
};

START_TEST(test_code)
{
	const char *text = status_text(codes[_i].number);

	ck_assert_uint_eq(codes[_i].status, codes[_i].number);
	ck_assert_str_eq(status_name(codes[_i].number), codes[_i].name);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_ne(isupper((unsigned char)text[0]), 0);
	ck_assert_int_ne(text[strlen(text) - 1], '.');
	ck_assert_str_ne(text, "Unknown error");
	for (size_t i = 0; i < (size_t)_i; i++) {
		ck_assert_str_ne(codes[i].name, codes[_i].name);
		ck_assert_str_ne(status_text(codes[i].number), text);
	}
}
END_TEST

/* All other numbers have no name, so the table above has them all. */
START_TEST(test_unknown)
{
	unsigned int n_known = 0;

	for (uint32_t number = 0; number < 70000; number++) {
		bool is_known = strcmp(status_name(number), "UNKNOWN") != 0;

		ck_assert_int_eq(strcmp(status_text(number), "Unknown error") != 0, is_known);
		n_known += is_known;
	}
	ck_assert_uint_eq(n_known, ARRAY_SIZE(codes));
	ck_assert_str_eq(status_name(UINT32_MAX), "UNKNOWN");
	ck_assert_str_eq(status_text(UINT32_MAX), "Unknown error");
}
END_TEST

static const struct {
	int error;
	enum status status;
} errors[] = {
	{0, STATUS_SUCCESS},
	{ENOMEM, STATUS_OUTOFMEMORY},
	{EMFILE, STATUS_OUTOFMEMORY},
	{ENFILE, STATUS_OUTOFMEMORY},
	{ENOBUFS, STATUS_OUTOFMEMORY},
	{EACCES, STATUS_ACCESS_DENIED},
	{EPERM, STATUS_ACCESS_DENIED},
	{ETIMEDOUT, STATUS_SEM_TIMEOUT},
	{EINVAL, STATUS_BAD_ARGUMENTS},
	{EMSGSIZE, STATUS_BAD_ARGUMENTS},
	{ENOENT, STATUS_SERVER_UNAVAILABLE},
	{ENOTDIR, STATUS_SERVER_UNAVAILABLE},
	{ECONNREFUSED, STATUS_SERVER_UNAVAILABLE},
	{ECONNRESET, STATUS_SERVER_UNAVAILABLE},
	{EPIPE, STATUS_SERVER_UNAVAILABLE},
	{EAGAIN, STATUS_SERVER_UNAVAILABLE},
	{ENAMETOOLONG, STATUS_SERVER_UNAVAILABLE},
	{ENOTSOCK, STATUS_SERVER_UNAVAILABLE},
	{EPROTO, STATUS_SERVER_UNAVAILABLE},
	{ENOSPC, STATUS_WRITE_FAULT},
	{EDQUOT, STATUS_WRITE_FAULT},
	{EIO, STATUS_WRITE_FAULT},
	{EFBIG, STATUS_WRITE_FAULT},
	{EROFS, STATUS_WRITE_FAULT},
	{EBADMSG, STATUS_WRITE_FAULT},
	{INT_MAX, STATUS_WRITE_FAULT},
};

/* The same from errno and from -errno. */
START_TEST(test_from_errno)
{
	ck_assert_uint_eq(status_from_errno(errors[_i].error), errors[_i].status);
	ck_assert_uint_eq(status_from_errno(-errors[_i].error), errors[_i].status);
}
END_TEST

/* No failure ever looks like a success or like a code without a name. */
START_TEST(test_every_errno)
{
	for (int error = 1; error < 4096; error++) {
		uint32_t status = status_from_errno(-error);

		ck_assert_uint_ne(status, STATUS_SUCCESS);
		ck_assert_uint_eq(status, status_from_errno(error));
		ck_assert_str_ne(status_name(status), "UNKNOWN");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("status");
	TCase *tcase = fixture_case(suite, "status");

	tcase_add_loop_test(tcase, test_code, 0, ARRAY_SIZE(codes));
	tcase_add_test(tcase, test_unknown);
	tcase_add_loop_test(tcase, test_from_errno, 0, ARRAY_SIZE(errors));
	tcase_add_test(tcase, test_every_errno);
	return fixture_run(suite);
}
