/* SPDX-License-Identifier: MIT */
/* /proc's texts, with names that a process chose to deceive; and the readers on the real one. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/procfs.h"
#include "proto/text.h"
#include "tests/unit/fixture.h"

/* The fields 5 to 24 of a stat line; number 22 is the start time. */
#define REST " 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 4711 23 24\n"
#define NAME_63 "0123456789012345678901234567890123456789012345678901234567890ab"

static const struct {
	const char *text;
	const char *comm; /* NULL: refused */
	char state;
	pid_t parent;
} stats[] = {
	{"1 (init) S 0" REST, "init", 'S', 0},
	{"99 () R 1" REST, "", 'R', 1},
	{"99 () R 1 1) S 42" REST, ") R 1 1", 'S', 42},
	{"99 ((()) Z 7" REST, "(()", 'Z', 7},
	{"99 (a\nb) S 7" REST, "a\nb", 'S', 7},
	{"99 (a b c) S 7" REST, "a b c", 'S', 7},
	{"99 (\x1B[2J\xFF) S 7" REST, "\x1B[2J\xFF", 'S', 7},
	{"99 (" NAME_63 ") S 7" REST, NAME_63, 'S', 7},
	{"99 (" NAME_63 "c) S 7" REST, NULL, 0, 0},
	{"99 (x) S 2147483647" REST, "x", 'S', INT32_MAX},
	{"99 (x) S 2147483648" REST, NULL, 0, 0},
	{"99 (x) S -1" REST, NULL, 0, 0},
	{"99 (x) S", NULL, 0, 0},
	{"99 (x) ", NULL, 0, 0},
	{"99 (x)", NULL, 0, 0},
	{"99 (x", NULL, 0, 0},
	{"99 x) S 7" REST, NULL, 0, 0},
	{")( S 7" REST, NULL, 0, 0},
	{"", NULL, 0, 0},
	{"99 (x) S 7 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21", NULL, 0, 0},
	{"99 (x) S 7 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 -4711 23", NULL, 0, 0},
	{"99 (x) S 7 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 99999999999999999999 2", NULL, 0,
	 0},
};

START_TEST(test_stat)
{
	size_t size = strlen(stats[_i].text);
	char *copy = malloc(size + 1);
	struct procfs_stat stat;
	int r;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, stats[_i].text, size); /* without a NUL, as read(2) leaves it */
	copy[size] = '9';
	r = procfs_parse_stat(copy, size, &stat);
	free(copy);
	ck_assert_int_eq(r, stats[_i].comm ? 0 : -EBADMSG);
	if (r == 0) {
		ck_assert_str_eq(stat.comm, stats[_i].comm);
		ck_assert_int_eq(stat.state, stats[_i].state);
		ck_assert_int_eq(stat.parent, stats[_i].parent);
		ck_assert_uint_eq(stat.start_time, 4711);
	}
}
END_TEST

/* Cut anywhere before the start time's first digit it is refused; never read beyond. */
START_TEST(test_truncated_stat)
{
	static const char text[] = "99 () R 1 1) S 42" REST;
	size_t needed = (size_t)(strstr(text, "4711") - text) + 1;

	for (size_t size = 0; size < sizeof(text); size++) {
		char *copy = malloc(size + 1);
		struct procfs_stat stat;

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, text, size);
		ck_assert_int_eq(procfs_parse_stat(copy, size, &stat),
				 size < needed ? -EBADMSG : 0);
		free(copy);
	}
}
END_TEST

#define STATUS "Name:\tx\nUmask:\t0022\n"

static const struct {
	const char *text;
	int result;
	uid_t uid;
	uint64_t capabilities;
} statuses[] = {
	{STATUS "Uid:\t1\t2\t3\t4\nCapEff:\t000001ffffffffff\n", 0, 2, UINT64_C(0x1ffffffffff)},
	{STATUS "CapEff:\t0000000000000000\nUid:\t0\t0\t0\t0\n", 0, 0, 0},
	{"Uid:\t1\t4294967295\t3\t4\nCapEff:\tffffffffffffffff", 0, UINT32_MAX, UINT64_MAX},
	{"Name:\tUid:\nUid:\t1\t2\t3\t4\nCapEff:\t20\n", 0, 2, 0x20},
	/* The kernel escapes newlines in names; a name alone can't begin a line. */
	{"Name:\tx\\nUid:\t9\t9\nUid:\t1\t2\t3\t4\nCapEff:\t20\n", 0, 2, 0x20},
	{"XUid:\t9\t9\nUid:\t1\t2\t3\t4\nCapEff:\t20\n", 0, 2, 0x20},
	{"Uid:\t1\t4294967296\t3\t4\nCapEff:\t20\n", -EBADMSG, 0, 0},
	{"Uid:\t1\nCapEff:\t20\n", -EBADMSG, 0, 0},
	{"Uid:\t1\t-2\nCapEff:\t20\n", -EBADMSG, 0, 0},
	{"Uid:\nCapEff:\t20\n", -EBADMSG, 0, 0},
	{"Uid:\t1\t2\t3\t4\n", -EBADMSG, 0, 0},
	{"Uid:\t1\t2\t3\t4\nCapEff:\n", -EBADMSG, 0, 0},
	{"Uid:\t1\t2\t3\t4\nCapEff:\t1ffffffffffffffff\n", -EBADMSG, 0, 0},
	{"CapEff:\t20\n", -EBADMSG, 0, 0},
	{"", -EBADMSG, 0, 0},
};

START_TEST(test_status)
{
	struct procfs_status status;

	ck_assert_int_eq(procfs_parse_status(statuses[_i].text, strlen(statuses[_i].text), &status),
			 statuses[_i].result);
	if (statuses[_i].result == 0) {
		ck_assert_uint_eq(status.uid, statuses[_i].uid);
		ck_assert_uint_eq(status.effective_capabilities, statuses[_i].capabilities);
	}
}
END_TEST

static const struct {
	const char *text;
	int result;
	pid_t pid;
} fdinfos[] = {
	{"pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1\nPid:\t42\nNSpid:\t42\n", 0, 42},
	{"Pid:\t1", 0, 1},
	{"Pid:\t-1\nNSpid:\t-1\n", -ESRCH, 0},
	{"Pid:\t0\n", -ESRCH, 0},
	{"NSpid:\t42\n", -EBADMSG, 0},
	{"Pid:\n", -EBADMSG, 0},
	{"Pid:\tx\n", -EBADMSG, 0},
	{"Pid:\t99999999999\n", -EBADMSG, 0},
	{"", -EBADMSG, 0},
};

START_TEST(test_fdinfo)
{
	pid_t pid = 4711;

	ck_assert_int_eq(procfs_parse_fdinfo_pid(fdinfos[_i].text, strlen(fdinfos[_i].text), &pid),
			 fdinfos[_i].result);
	if (fdinfos[_i].result == 0) {
		ck_assert_int_eq(pid, fdinfos[_i].pid);
	}
}
END_TEST

/* ---- the real /proc ---- */

static int proc_fd = -1;

static void open_proc(void)
{
	proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(proc_fd, 0);
}

static void close_proc(void)
{
	ck_assert_int_eq(close(proc_fd), 0);
}

START_TEST(test_self)
{
	struct procfs_stat stat;
	struct procfs_stat again;
	struct procfs_status status;
	struct stat st;
	uint64_t inode;
	char name[MAX_NAME_BYTES + 1];

	ck_assert_int_eq(procfs_read_stat(proc_fd, getpid(), &stat), 0);
	ck_assert_int_eq(stat.parent, getppid());
	ck_assert_int_eq(stat.state, 'R');
	ck_assert_uint_gt(stat.start_time, 0);
	ck_assert_int_eq(prctl(PR_SET_NAME, ") R 1 1\n"), 0);
	ck_assert_int_eq(procfs_read_stat(proc_fd, getpid(), &again), 0);
	ck_assert_str_eq(again.comm, ") R 1 1\n");
	ck_assert_int_eq(again.parent, getppid());
	ck_assert_uint_eq(again.start_time, stat.start_time);

	ck_assert_int_eq(procfs_read_status(proc_fd, getpid(), &status), 0);
	ck_assert_uint_eq(status.uid, geteuid());

	procfs_read_name(proc_fd, getpid(), &again, name);
	ck_assert_uint_gt(strlen(name), 0);
	ck_assert_int_eq(text_is_clean(name, strlen(name)), true);

	ck_assert_int_eq(procfs_read_namespace(proc_fd, getpid(), "pid", &inode), 0);
	ck_assert_int_eq(fstatat(proc_fd, "self/ns/pid", &st, 0), 0);
	ck_assert_uint_eq(inode, st.st_ino);
}
END_TEST

START_TEST(test_gone)
{
	pid_t pid = child_start(NULL);
	struct procfs_stat stat;
	struct procfs_status status;
	uint64_t inode;

	child_end(pid);
	ck_assert_int_eq(procfs_read_stat(proc_fd, pid, &stat), -ESRCH);
	ck_assert_int_eq(procfs_read_status(proc_fd, pid, &status), -ESRCH);
	ck_assert_int_eq(procfs_read_namespace(proc_fd, pid, "pid", &inode), -ESRCH);
	ck_assert_int_eq(procfs_read_stat(proc_fd, -1, &stat), -ESRCH);
	ck_assert_int_eq(procfs_read_stat(proc_fd, 0, &stat), -ESRCH);
}
END_TEST

/* ---- a /proc of our own making ---- */

static void make_process(const char *exe)
{
	ck_assert_int_eq(mkdir(fixture_path("7"), 0700), 0);
	if (exe) {
		ck_assert_int_eq(symlink(exe, fixture_path("7/exe")), 0);
	}
	proc_fd = open(fixture_path("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(proc_fd, 0);
}

static const struct {
	const char *exe; /* NULL: a kernel thread, or one that can't be looked into */
	const char *comm;
	const char *name;
} names[] = {
	{"/usr/bin/tool", "other", "tool"},
	{"/usr/bin/tool (deleted)", "other", "tool"},
	{"/usr/bin/a b", "other", "a b"},
	{"/usr/bin/a\nb", "other",
	 "a\xEF\xBF\xBD"
	 "b"},
	{"/usr/bin/\xFF", "other", "\xEF\xBF\xBD"},
	{"relative", "other", "relative"},
	{"/usr/bin/", "other", "?"},
	{"/memfd:x (deleted)", "other", "memfd:x"},
	{" (deleted)", "other", " (deleted)"},
	{NULL, "kworker/0:1", "kworker/0:1"},
	{NULL, "evil\x1B[2J", "evil\xEF\xBF\xBD[2J"},
	{NULL, "", "?"},
};

START_TEST(test_read_name)
{
	struct procfs_stat stat = {.state = 'S'};
	char name[MAX_NAME_BYTES + 1];

	(void)strcpy(stat.comm, names[_i].comm);
	make_process(names[_i].exe);
	procfs_read_name(proc_fd, 7, &stat, name);
	ck_assert_str_eq(name, names[_i].name);
	close_proc();
}
END_TEST

START_TEST(test_long_name)
{
	struct procfs_stat stat = {.state = 'S'};
	char name[MAX_NAME_BYTES + 1];
	char exe[1000] = "/";

	memset(exe + 1, 'x', 900);
	make_process(exe);
	procfs_read_name(proc_fd, 7, &stat, name);
	ck_assert_uint_eq(strlen(name), MAX_NAME_BYTES);
	close_proc();
}
END_TEST

/* A status with thousands of groups: what is needed stands in the part that is read. */
START_TEST(test_long_status)
{
	struct procfs_status status;
	static char text[40000];
	size_t n = (size_t)snprintf(text, sizeof(text),
				    "Name:\tx\nUid:\t1\t2\t3\t4\nCapEff:\t20\nGroups:\t");

	memset(text + n, '1', sizeof(text) - n);
	make_process(NULL);
	file_put(fixture_path("7/status"), text, sizeof(text));
	ck_assert_int_eq(procfs_read_status(proc_fd, 7, &status), 0);
	ck_assert_uint_eq(status.uid, 2);
	close_proc();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("procfs");
	TCase *tcase = fixture_case(suite, "texts");

	tcase_add_loop_test(tcase, test_stat, 0, ARRAY_SIZE(stats));
	tcase_add_test(tcase, test_truncated_stat);
	tcase_add_loop_test(tcase, test_status, 0, ARRAY_SIZE(statuses));
	tcase_add_loop_test(tcase, test_fdinfo, 0, ARRAY_SIZE(fdinfos));
	tcase_add_loop_test(tcase, test_read_name, 0, ARRAY_SIZE(names));
	tcase_add_test(tcase, test_long_name);
	tcase_add_test(tcase, test_long_status);

	tcase = fixture_case(suite, "proc");
	tcase_add_checked_fixture(tcase, open_proc, close_proc);
	tcase_add_test(tcase, test_self);
	tcase_add_test(tcase, test_gone);
	return fixture_run(suite);
}
