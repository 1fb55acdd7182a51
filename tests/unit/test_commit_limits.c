/* SPDX-License-Identifier: MIT */
/*
 * The limits of A13, reached: the 1,048,577th entry, 64 MiB a session, 128 MiB a user, a quarter
 * of the free space, which the linker lets this test choose. Each refuses the whole of it.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "proto/status.h"
#include "tests/unit/fixture.h"
#include "tests/unit/store_fixture.h"

int __wrap_fstatvfs(int fd, struct statvfs *file_system);
int __wrap_fstatvfs64(int fd, struct statvfs *file_system);

static uint64_t free_bytes;
static fsblkcnt_t n_blocks = 1;

int __wrap_fstatvfs(int fd, struct statvfs *file_system)
{
	(void)fd;
	*file_system = (struct statvfs){
		.f_frsize = 4096, .f_blocks = n_blocks, .f_bavail = free_bytes / 4096};
	return 0;
}

/* What glibc calls it where files may be large. */
int __wrap_fstatvfs64(int fd, struct statvfs *file_system)
{
	return __wrap_fstatvfs(fd, file_system);
}

static struct store_fixture fixture;

static void set_up(void)
{
	uv_loop_t loop;

	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	fixture_count_descriptors();
	free_bytes = UINT64_C(1) << 40;
	store_fixture_open(&fixture);
}

static void tear_down(void)
{
	store_fixture_close(&fixture);
}

/* Part number `part` of request `request`. */
static struct registration *begin_part(struct session *session, uint32_t request, uint32_t part)
{
	uint8_t request_id[REQUEST_ID_BYTES] = {0};
	struct registration *registration;

	memcpy(request_id, &request, sizeof(request));
	ck_assert_int_eq(registration_begin_part(&fixture.sessions.registrations, session,
						 &store_fixture_self(&fixture)->id, request_id,
						 part, 0, &registration),
			 0);
	return registration;
}

/* `n` services, numbered from `from`. */
static struct registration *begin_services(struct session *session, uint32_t request,
					   unsigned int from, unsigned int n)
{
	struct registration *registration = begin_part(session, request, 0);
	const char *reason;

	for (unsigned int i = 0; i < n; i++) {
		char name[32];
		int size = snprintf(name, sizeof(name), "%u.service", from + i);

		if (i && i % MAX_PART_ENTRIES == 0) {
			registration_end_part(registration, false);
			registration = begin_part(session, request, i / MAX_PART_ENTRIES);
		}
		/* No assertion in here: Check is slow. */
		if (registration_add_service(registration, name, (size_t)size, &reason)) {
			ck_abort_msg("service %u: %s", i, reason);
		}
	}
	return registration;
}

/* Paths of 4095 bytes, until `bytes` are reached. */
static struct registration *begin_bytes(struct session *session, uint32_t request, size_t bytes)
{
	struct registration *registration = begin_part(session, request, 0);
	unsigned int per_part = MAX_PART_BYTES / MAX_PATH_BYTES;
	char path[MAX_PATH_BYTES];
	const char *reason;

	memset(path, 'x', sizeof(path));
	for (unsigned int i = 0; i < bytes / MAX_PATH_BYTES; i++) {
		(void)snprintf(path, 16, "/%06u-%07u", request, i);
		path[15] = 'x';
		if (i && i % per_part == 0) {
			registration_end_part(registration, false);
			registration = begin_part(session, request, i / per_part);
		}
		if (registration_add_file(registration, path, MAX_PATH_BYTES - 1, false, &reason)) {
			ck_abort_msg("path %u: %s", i, reason);
		}
	}
	return registration;
}

START_TEST(test_entries)
{
	struct session *session = store_fixture_start(&fixture);
	struct registration *registration;
	const char *reason = NULL;

	registration = begin_services(session, 1, 0, MAX_RESOURCES);
	registration_end_part(registration, false);
	registration = begin_part(session, 1, MAX_RESOURCES / MAX_PART_ENTRIES);
	ck_assert_int_eq(registration_add_service(registration, "x", 1, &reason),
			 STATUS_WRITE_FAULT);
	ck_assert_ptr_nonnull(strstr(reason, "1048576"));
	/* The other kinds have numbers of their own. */
	add_file(registration, "/a");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), 0);
	ck_assert_uint_eq(resource_count(session->resources, RESOURCE_SERVICE), MAX_RESOURCES);

	registration = begin_services(session, 2, MAX_RESOURCES, 1);
	add_file(registration, "/b");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), STATUS_WRITE_FAULT);
	ck_assert_uint_eq(resource_count(session->resources, RESOURCE_SERVICE), MAX_RESOURCES);
	ck_assert_uint_eq(resource_count(session->resources, RESOURCE_FILE), 1);
	registration = begin_services(session, 3, MAX_RESOURCES - 1, 1); /* known */
	add_file(registration, "/c");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), 0);
	ck_assert_uint_eq(resource_count(session->resources, RESOURCE_FILE), 2);
	store_fixture_restart(&fixture);
	session = fixture.sessions.by_id;
	ck_assert_uint_eq(resource_count(session->resources, RESOURCE_SERVICE), MAX_RESOURCES);
	ck_assert_uint_eq(resource_count(session->resources, RESOURCE_FILE), 2);
}
END_TEST

START_TEST(test_bytes)
{
	struct session *first = store_fixture_start(&fixture);
	struct session *second = store_fixture_start(&fixture);
	struct session *third = store_fixture_start(&fixture);
	struct registration *registration;
	const char *reason = NULL;

	/* Of one registration. */
	registration = begin_bytes(first, 1, MAX_RESOURCE_BYTES_SESSION);
	registration_end_part(registration, false);
	registration = begin_part(first, 1,
				  MAX_RESOURCE_BYTES_SESSION / (MAX_PART_BYTES / MAX_PATH_BYTES) /
					  MAX_PATH_BYTES);
	ck_assert_int_eq(registration_add_file(registration, "/", 1, false, &reason),
			 STATUS_WRITE_FAULT);
	ck_assert_ptr_nonnull(strstr(reason, "64 MiB"));
	registration_free(registration);
	/* Of one session. */
	registration = begin_bytes(first, 2, MAX_RESOURCE_BYTES_SESSION);
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), 0);
	registration = begin_part(first, 3, 0);
	add_file(registration, "/");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), STATUS_WRITE_FAULT);
	ck_assert_ptr_nonnull(strstr(reason, "64 MiB"));
	/* Of one user. */
	registration = begin_bytes(second, 4, MAX_RESOURCE_BYTES_SESSION);
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), 0);
	registration = begin_part(third, 5, 0);
	add_file(registration, "/");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), STATUS_WRITE_FAULT);
	ck_assert_ptr_nonnull(strstr(reason, "128 MiB"));
	ck_assert_uint_eq(resource_count(third->resources, RESOURCE_FILE), 0);
	store_fixture_end(&fixture, second);
	registration = begin_part(third, 6, 0);
	add_file(registration, "/");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), 0);
}
END_TEST

/* Of what is under way, before it is committed. */
START_TEST(test_staged_bytes)
{
	struct session *session = store_fixture_start(&fixture);
	struct registration *registration;
	const char *reason = NULL;

	for (uint32_t request = 1; request <= 2; request++) {
		registration_end_part(begin_bytes(session, request, MAX_RESOURCE_BYTES_SESSION),
				      false);
	}
	registration = begin_part(session, 3, 0);
	ck_assert_int_eq(registration_add_file(registration, "/", 1, false, &reason),
			 STATUS_WRITE_FAULT);
	registration_free(registration);
	registration_drop_session(&fixture.sessions.registrations, session);
	ck_assert_uint_eq(fixture.sessions.registrations.bytes, 0);
}
END_TEST

START_TEST(test_free_space)
{
	struct session *session = store_fixture_start(&fixture);
	struct registration *registration;
	const char *reason = NULL;

	free_bytes = 4 * UINT64_C(1024) * 1024;
	registration = begin_bytes(session, 1, 1024 * 1024);
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), 0);
	free_bytes = 1024 * 1024;
	registration = begin_bytes(session, 2, 128 * 1024);
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), STATUS_WRITE_FAULT);
	ck_assert_ptr_nonnull(strstr(reason, "quarter"));
	n_blocks = 0; /* no limit is known */
	registration = begin_bytes(session, 3, 128 * 1024);
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), 0);
	n_blocks = 1;
	free_bytes *= 16;
	registration = begin_bytes(session, 2, 128 * 1024);
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), 0);
}
END_TEST

/* A session that ends gives back the disk's space with the next change. */
START_TEST(test_space_comes_back)
{
	struct session *session = store_fixture_start(&fixture);

	ck_assert_int_eq(
		store_fixture_commit(&fixture, begin_bytes(session, 1, 16 * 1024 * 1024), NULL), 0);
	ck_assert_uint_gt(fixture.store.journal.tail, 16 * 1024 * 1024);
	store_fixture_end(&fixture, session);
	(void)store_fixture_start(&fixture);
	ck_assert_uint_lt(fixture.store.journal.reserved, 1024 * 1024);
	ck_assert_int_eq(fixture.store.compaction.has_old, true);
	while (compaction_maintain(&fixture.store)) {
	}
	ck_assert_int_eq(fixture.store.compaction.has_old, false);
	ck_assert_ptr_null(fixture.sessions.registrations.retired);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("commit_limits");
	TCase *tcase = fixture_case(suite, "limits");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_entries);
	tcase_add_test(tcase, test_bytes);
	tcase_add_test(tcase, test_staged_bytes);
	tcase_add_test(tcase, test_free_space);
	tcase_add_test(tcase, test_space_comes_back);
	return fixture_run(suite);
}
