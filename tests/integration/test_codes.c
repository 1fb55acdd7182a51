/* SPDX-License-Identifier: MIT */
/*
 * RmStartSession's documented codes, each provoked for real: 0, 14, 29, 121, 160, 353; and the
 * two of this project that a broken installation gives: 1722 and 5.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"
#include "tests/support/wire.h"

#define KEY_CHARACTERS (CCH_RM_SESSION_KEY + 1)

static DWORD start(DWORD *ret_handle)
{
	WCHAR key[KEY_CHARACTERS];

	return RmStartSession(ret_handle, 0, key);
}

static size_t count_sessions(void)
{
	struct rm_session_infos *infos;
	size_t n;

	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	n = infos->n_sessions;
	rm_session_infos_free(infos);
	return n;
}

static void set_timeout(const char *ms)
{
	ck_assert_int_eq(setenv("RSTRTMGR_TIMEOUT_MS", ms, 1), 0);
}

START_TEST(test_0)
{
	DWORD handle = 0;

	broker_start();
	ck_assert_uint_eq(start(&handle), 0);
	ck_assert_uint_eq(RmEndSession(handle), 0);
}
END_TEST

START_TEST(test_160)
{
	WCHAR key[KEY_CHARACTERS] = {'x'};
	DWORD handle = 4711;

	broker_start();
	ck_assert_uint_eq(RmStartSession(NULL, 0, key), 160);
	ck_assert_uint_eq(RmStartSession(&handle, 0, NULL), 160);
	ck_assert_uint_eq(RmStartSession(&handle, 1, key), 160);
	ck_assert_uint_eq(RmStartSession(&handle, 0x80000000, key), 160);
	ck_assert_uint_eq(handle, 4711);
	ck_assert_uint_eq(key[0], 'x');
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

START_TEST(test_353)
{
	DWORD handle = 0;

	broker_start();
	for (int i = 0; i < 64; i++) {
		ck_assert_uint_eq(start(&handle), 0);
	}
	ck_assert_uint_eq(start(&handle), 353);
	ck_assert_uint_eq(RmEndSession(handle), 0);
	ck_assert_uint_eq(start(&handle), 0);
}
END_TEST

static void limit_memory(rlim_t bytes)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = bytes;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

/* The first call of a process maps a page. */
START_TEST(test_14)
{
	DWORD handle = 4711;
	DWORD code;

	if (testing_is_slow()) {
		return; /* their own memory does not fit under any limit */
	}
	broker_start();
	limit_memory(testing_read_status(getpid(), "VmSize:") * 1024);
	code = start(&handle);
	limit_memory(RLIM_INFINITY);
	ck_assert_uint_eq(code, 14);
	ck_assert_uint_eq(handle, 4711);
	ck_assert_uint_eq(count_sessions(), 0);
	ck_assert_uint_eq(start(&handle), 0);
	ck_assert_uint_eq(handle, 1);
	ck_assert_uint_eq(RmEndSession(handle), 0);
}
END_TEST

/* Out of descriptors is out of memory as well. */
START_TEST(test_14_without_descriptors)
{
	struct rlimit limit, none;
	DWORD handle = 4711;
	DWORD code;

	if (testing_is_slow()) {
		return; /* valgrind keeps descriptors for itself */
	}
	broker_start();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	code = start(&handle);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(code, 14);
	ck_assert_uint_eq(handle, 4711);
	ck_assert_uint_eq(start(&handle), 0);
}
END_TEST

static bool map_ids(unsigned int uid, unsigned int gid)
{
	char map[64];

	testing_write_file("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	testing_write_file("/proc/self/uid_map", map);
	(void)snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	testing_write_file("/proc/self/gid_map", map);
	return true;
}

/* A small disk of our own, seen by nobody else; gone with this process. */
static bool mount_disk(const char *path)
{
	unsigned int uid = getuid();
	unsigned int gid = getgid();

	if (unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0) {
		return false;
	}
	ck_assert(uid == 0 || map_ids(uid, gid));
	return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "size=512k,mode=0700") == 0;
}

static void fill_disk(const char *path)
{
	static const char block[1024];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	while (write(fd, block, sizeof(block)) > 0) {
	}
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(close(fd), 0);
}

/* Starts and ends until the broker has no room for a start. */
static DWORD use_up_reserve(void)
{
	DWORD handle;
	DWORD code;
	int n = 0;

	while ((code = start(&handle)) == 0) {
		ck_assert_uint_eq(RmEndSession(handle), 0);
		ck_assert_int_lt(++n, 10000);
	}
	return code;
}

START_TEST(test_29_on_a_full_disk)
{
	const char *disk = fixture_path("disk");
	char filler[160];
	DWORD handles[10], handle = 4711;

	ck_assert_int_eq(mkdir(disk, 0700), 0);
	if (!mount_disk(disk)) {
		return; /* the other way to 29 is open to everybody */
	}
	(void)snprintf(filler, sizeof(filler), "%s/filler", disk);
	fixture_set_socket(fixture_path("disk/b.sock"));
	broker_start();
	for (size_t i = 0; i < ARRAY_SIZE(handles); i++) {
		ck_assert_uint_eq(start(&handles[i]), 0);
	}
	fill_disk(filler);
	ck_assert_uint_eq(use_up_reserve(), 29);
	ck_assert_uint_eq(start(&handle), 29);
	ck_assert_uint_eq(handle, 4711);
	ck_assert_uint_eq(count_sessions(), ARRAY_SIZE(handles)); /* nothing was changed */
	broker_restart();					  /* on the full disk */
	ck_assert_uint_eq(count_sessions(), ARRAY_SIZE(handles));
	for (size_t i = 0; i < ARRAY_SIZE(handles); i++) {
		ck_assert_uint_eq(RmEndSession(handles[i]), 0);
	}
	ck_assert_uint_eq(count_sessions(), 0);
	ck_assert_int_eq(unlink(filler), 0);
	ck_assert_uint_eq(start(&handle), 0);
	broker_restart();
	ck_assert_uint_eq(RmEndSession(handle), 0);
	broker_stop();
	ck_assert_int_eq(umount(disk), 0);
}
END_TEST

/* The journal may not grow beyond its first piece: joins fill it. */
START_TEST(test_29_under_a_file_limit)
{
	const struct launch launch = {.file_bytes = 128 * 1024};
	WCHAR keys[8][KEY_CHARACTERS];
	DWORD handle;
	DWORD code = 0;
	DWORD n = 8;

	broker_start_as(&launch);
	for (size_t i = 0; i < 8; i++) {
		ck_assert_uint_eq(RmStartSession(&handle, 0, keys[i]), 0);
	}
	for (size_t i = 0; i < 8 * 256 && code == 0; i++) {
		code = RmJoinSession(&handle, keys[i / 256]);
		n += code == 0;
	}
	ck_assert_uint_eq(code, 29);
	ck_assert_uint_eq(start(&handle), 29);
	ck_assert_uint_eq(count_sessions(), 8);
	for (DWORD i = n; i > 0; i--) { /* joins first */
		ck_assert_uint_eq(RmEndSession(i), 0);
	}
	ck_assert_uint_eq(count_sessions(), 0);
	ck_assert_uint_eq(start(&handle), 0);
	broker_restart();
	ck_assert_uint_eq(RmEndSession(handle), 0);
}
END_TEST

/* Checks the code and that it took about the deadline of 200 ms. */
static void expect_timeout(void)
{
	uint64_t began = testing_now_ms();
	DWORD handle = 4711;
	uint64_t ms;

	ck_assert_uint_eq(start(&handle), 121);
	ms = testing_now_ms() - began;
	ck_assert_uint_eq(handle, 4711);
	ck_assert_uint_ge(ms, 190);
	ck_assert_uint_lt(ms, (uint64_t)testing_scale_ms(1000));
}

START_TEST(test_121_of_a_stopped_broker)
{
	DWORD handle;

	broker_start();
	ck_assert_uint_eq(start(&handle), 0);
	set_timeout("200");
	broker_signal(SIGSTOP);
	expect_timeout();
	broker_signal(SIGCONT);
	set_timeout("60000");
	ck_assert_uint_eq(RmEndSession(handle), 0);
	ck_assert_uint_eq(start(&handle), 0);
}
END_TEST

START_TEST(test_121_of_a_socket_without_a_listener)
{
	broker_start();
	broker_kill(); /* its socket stays */
	set_timeout("200");
	expect_timeout();
}
END_TEST

/* Loop: with and without a socket, whose broker this process has known. */
START_TEST(test_121_of_a_broker_that_stays_away)
{
	DWORD handle;

	broker_start();
	ck_assert_uint_eq(start(&handle), 0);
	broker_kill();
	if (_i) {
		ck_assert_int_eq(unlink(fixture.socket), 0);
	}
	set_timeout("200");
	expect_timeout();
}
END_TEST

START_TEST(test_1722)
{
	uint64_t began = testing_now_ms();
	DWORD handle = 4711;

	ck_assert_uint_eq(start(&handle), 1722);
	ck_assert_uint_eq(handle, 4711);
	ck_assert_uint_lt(testing_now_ms() - began, (uint64_t)testing_scale_ms(100));
	ck_assert_uint_eq(RmEndSession(1), 6);
}
END_TEST

START_TEST(test_5)
{
	DWORD handle = 4711;

	broker_start();
	ck_assert_int_eq(chmod(fixture.directory, 0755), 0);
	ck_assert_uint_eq(start(&handle), 5);
	ck_assert_uint_eq(handle, 4711);
	ck_assert_int_eq(chmod(fixture.directory, 0700), 0);
	ck_assert_uint_eq(start(&handle), 0);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_0},
		{.test = test_160},
		{.test = test_353},
		{.test = test_14},
		{.test = test_14_without_descriptors},
		{.test = test_29_on_a_full_disk},
		{.test = test_29_under_a_file_limit},
		{.test = test_121_of_a_stopped_broker},
		{.test = test_121_of_a_socket_without_a_listener},
		{.test = test_121_of_a_broker_that_stays_away, .n_loops = 2},
		{.test = test_1722},
		{.test = test_5},
	};

	return testing_run("codes", cases, ARRAY_SIZE(cases));
}
