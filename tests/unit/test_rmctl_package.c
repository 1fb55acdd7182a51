/* SPDX-License-Identifier: MIT */
/*
 * A package's files from dpkg's lists, made here: architectures, diversions, names that must not
 * become paths, torn and foreign contents. And what paths are, asked by a child.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "client/rmctl/package.h"
#include "client/rmctl/path_kind.h"
#include "proto/base.h"
#include "tests/unit/fixture.h"

/* A text with its NULs, as bytes. */
#define BYTES(text) (text), (sizeof(text) - 1)

static void put(const char *name, const char *text)
{
	file_put(fixture_path(name), text, strlen(text));
}

/* dpkg's directory, with the one list that every case has. */
static const char *make_directory(void)
{
	ck_assert_int_eq(mkdir(fixture_path("info"), 0700), 0);
	put("info/tool.list", "/.\n/usr\n/usr/bin\n/usr/bin/tool\n/etc/tool.conf\n");
	return fixture_path(".");
}

static void expect_files(const char *name, const char *const *expected)
{
	_cleanup_(path_list_done) struct path_list files = {0};
	size_t n = 0, n_ignored = 4711;

	ck_assert_int_eq(package_read_files(fixture_path("."), name, &files, &n_ignored), 0);
	ck_assert_uint_eq(n_ignored, 0);
	for (; expected[n]; n++) {
		ck_assert_uint_lt(n, files.n);
		ck_assert_str_eq(files.paths[n], expected[n]);
	}
	ck_assert_uint_eq(files.n, n);
}

static void expect_error(const char *name, int error)
{
	_cleanup_(path_list_done) struct path_list files = {0};
	size_t n_ignored = 4711;

	ck_assert_int_eq(package_read_files(fixture_path("."), name, &files, &n_ignored), error);
	ck_assert_uint_eq(n_ignored, 4711);
}

static const struct {
	const char *name;
	bool is_valid;
} names[] = {
	{"libc6", true},
	{"g++", true},
	{"libstdc++6", true},
	{"0ad", true},
	{"libc6:amd64", true},
	{"a.b-c+d", true},
	{"", false},
	{"a", false},
	{":amd64", false},
	{"libc6:", false},
	{"libc6:amd64:x", false},
	{"libc6:../x", false},
	{"../../etc/shadow", false},
	{"/etc/passwd", false},
	{".hidden", false},
	{"-x", false},
	{"+x", false},
	{"Libc6", false},
	{"lib c6", false},
	{"libc6\n", false},
	{"libc6*", false},
	{"lib\xc3\xa9", false},
};

START_TEST(test_name)
{
	ck_assert_int_eq(package_name_is_valid(names[_i].name), names[_i].is_valid);
}
END_TEST

START_TEST(test_long_name)
{
	char name[400];

	memset(name, 'a', sizeof(name));
	name[200] = '\0';
	ck_assert(package_name_is_valid(name));
	name[200] = 'a';
	name[201] = '\0';
	ck_assert(!package_name_is_valid(name));
}
END_TEST

START_TEST(test_plain_package)
{
	static const char *const files[] = {"/usr", "/usr/bin", "/usr/bin/tool", "/etc/tool.conf",
					    NULL};

	(void)make_directory();
	expect_files("tool", files);
	expect_error("too", -ENOENT);
	expect_error("tool2", -ENOENT);
	expect_error("TOOL", -EINVAL);
}
END_TEST

/* A list for each architecture. The one of another package, "lib-x", begins alike. */
START_TEST(test_architectures)
{
	static const char *const amd64[] = {"/lib/a.so", NULL}, *const i386[] = {"/lib/i.so", NULL};
	_cleanup_(path_list_done) struct path_list both = {0};
	size_t n_ignored;

	(void)make_directory();
	put("info/lib:amd64.list", "/lib/a.so\n");
	put("info/lib:i386.list", "/lib/i.so\n");
	put("info/lib:amd64.md5sums", "/no\n");
	put("info/lib-x:amd64.list", "/no\n");
	put("status", "");
	expect_files("lib:amd64", amd64);
	expect_files("lib:i386", i386);
	expect_error("lib:arm64", -ENOENT);
	ck_assert_int_eq(package_read_files(fixture_path("."), "lib", &both, &n_ignored), 0);
	ck_assert_uint_eq(both.n, 2);
}
END_TEST

/* NAME.list tells no architecture; the status does. */
START_TEST(test_architecture_by_status)
{
	static const char *const files[] = {"/usr", "/usr/bin", "/usr/bin/tool", "/etc/tool.conf",
					    NULL};

	(void)make_directory();
	expect_error("tool:amd64", -ENOENT); /* no status at all */
	put("status", "Package: other\nArchitecture: i386\n\nPackage: tool\nStatus: x\n"
		      "Architecture: amd64\nDescription: Package: x\n");
	expect_files("tool:amd64", files);
	expect_error("tool:i386", -ENOENT);
}
END_TEST

START_TEST(test_diversions)
{
	static const char *const files[] = {"/usr", "/usr/bin", "/usr/bin/tool.real",
					    "/etc/tool.conf", NULL};

	(void)make_directory();
	put("diversions", "/usr/bin/tool\n/usr/bin/tool.real\nwrapper\n"
			  "/etc/tool.conf\n/etc/tool.old\ntool\n" /* its own */
			  "/usr/bin/x\n/usr/bin/y\n:\n");
	expect_files("tool", files);
}
END_TEST

/* By the administrator, for every package. */
START_TEST(test_local_diversion)
{
	static const char *const files[] = {"/usr", "/usr/bin", "/usr/bin/tool.mine",
					    "/etc/tool.conf", NULL};

	(void)make_directory();
	put("diversions", "/usr/bin/tool\n/usr/bin/tool.mine\n:\n");
	expect_files("tool", files);
}
END_TEST

static const struct {
	const char *text;
	size_t size;
	size_t n_files, n_ignored;
} lists[] = {
	{BYTES(""), 0, 0},
	{BYTES("\n\n\n"), 0, 0},
	{BYTES("/.\n/\n"), 0, 0},
	{BYTES("/a"), 1, 0},
	{BYTES("/a\n"), 1, 0},
	{BYTES("a\n/b\n"), 1, 1},
	{BYTES("../../a\n"), 0, 1},
	{BYTES("/a\0/b\n/c\n"), 1, 1},
	{BYTES("\0\0\0\n"), 0, 1},
	{BYTES("/a b\xff\n"), 1, 0},
	{BYTES("package diverts others to: /a\n"), 0, 1},
};

START_TEST(test_hostile_list)
{
	_cleanup_(path_list_done) struct path_list files = {0};
	const struct diversions none = {0};
	size_t n_ignored = 0;

	ck_assert_int_eq(
		package_list_parse(lists[_i].text, lists[_i].size, &none, &files, &n_ignored), 0);
	ck_assert_uint_eq(files.n, lists[_i].n_files);
	ck_assert_uint_eq(n_ignored, lists[_i].n_ignored);
}
END_TEST

START_TEST(test_long_lines)
{
	_cleanup_(path_list_done) struct path_list files = {0};
	_cleanup_(freep) char *text = malloc(3 * PATH_MAX);
	const struct diversions none = {0};
	size_t n_ignored = 0;

	ck_assert_ptr_nonnull(text);
	memset(text, '/', (size_t)3 * PATH_MAX);
	text[PATH_MAX - 1] = '\n'; /* fits */
	text[2 * PATH_MAX] = '\n'; /* one too long */
	ck_assert_int_eq(package_list_parse(text, 2 * PATH_MAX, &none, &files, &n_ignored), 0);
	ck_assert_uint_eq(files.n, 1);
	ck_assert_uint_eq(strlen(files.paths[0]), PATH_MAX - 1);
	ck_assert_uint_eq(n_ignored, 1);
}
END_TEST

static const struct {
	const char *text;
	size_t size;
	size_t n;
} diversions_texts[] = {
	{BYTES(""), 0},
	{BYTES("/a\n/b\n"), 0},
	{BYTES("/a\n/b\nx"), 1},
	{BYTES("/a\n/b\ntool\n"), 0},
	{BYTES("a\n/b\nx\n"), 0},
	{BYTES("/a\nb\nx\n"), 0},
	{BYTES("/a\n/b\nx\n/c\n/d\n:\n"), 2},
	{BYTES("/a\0\n/b\nx\n"), 0},
};

START_TEST(test_hostile_diversions)
{
	_cleanup_(diversions_done) struct diversions diversions = {0};

	ck_assert_int_eq(diversions_parse(diversions_texts[_i].text, diversions_texts[_i].size,
					  "tool", &diversions),
			 0);
	ck_assert_uint_eq(diversions.from.n, diversions_texts[_i].n);
	ck_assert_uint_eq(diversions.to.n, diversions_texts[_i].n);
}
END_TEST

static const struct {
	const char *text;
	bool has;
} statuses[] = {
	{"", false},
	{"Package: tool\nArchitecture: amd64\n", true},
	{"Architecture: amd64\nPackage: tool", true},
	{"Package: tool\nArchitecture: all\n", true},
	{"Package: tool\nArchitecture: i386\n", false},
	{"Package: tool\n\nArchitecture: amd64\n", false},
	{"Package: tools\nArchitecture: amd64\n", false},
	{"XPackage: tool\nArchitecture: amd64\n", false},
	{"Package:tool\nArchitecture: amd64\n", false},
	{" Package: tool\nArchitecture: amd64\n", false},
	{"Package: tool\nArchitecture: i386\n\nPackage: tool\nArchitecture: amd64\n", true},
};

START_TEST(test_status)
{
	const char *text = statuses[_i].text;

	ck_assert_int_eq(package_status_has(text, strlen(text), "tool", "amd64"), statuses[_i].has);
}
END_TEST

START_TEST(test_places_that_are_no_lists)
{
	expect_error("tool", -ENOTDIR); /* no info/ */
	(void)make_directory();
	ck_assert_int_eq(mkdir(fixture_path("info/dir.list"), 0700), 0);
	expect_error("dir", -EISDIR);
	ck_assert_int_eq(mkfifo(fixture_path("info/fifo.list"), 0600), 0);
	expect_error("fifo", -EISDIR); /* and does not wait for a writer */
	ck_assert_int_eq(truncate(fixture_path("info/tool.list"), 129 * 1024 * 1024), 0);
	expect_error("tool", -EFBIG);
}
END_TEST

START_TEST(test_directory)
{
	ck_assert_int_eq(unsetenv("DPKG_ADMINDIR"), 0);
	ck_assert_str_eq(package_directory(), "/var/lib/dpkg");
	ck_assert_int_eq(setenv("DPKG_ADMINDIR", "", 1), 0);
	ck_assert_str_eq(package_directory(), "/var/lib/dpkg");
	ck_assert_int_eq(setenv("DPKG_ADMINDIR", "/x", 1), 0);
	ck_assert_str_eq(package_directory(), "/x");
}
END_TEST

/* ---- what paths are ---- */

START_TEST(test_kinds)
{
	enum {
		N = 7
	};
	char paths[N][PATH_MAX];
	char *pointers[N];
	uint8_t kinds[N];
	static const char *const suffixes[N] = {"",	 "/file",     "/none", "/file/below",
						"/link", "/dangling", "/loop"};
	static const uint8_t expected[N] = {PATH_DIRECTORY, PATH_PRESENT,   PATH_MISSING,
					    PATH_MISSING,   PATH_DIRECTORY, PATH_MISSING,
					    PATH_UNKNOWN};

	put("file", "");
	ck_assert_int_eq(symlink(".", fixture_path("link")), 0);
	ck_assert_int_eq(symlink("nowhere", fixture_path("dangling")), 0);
	ck_assert_int_eq(symlink("loop", fixture_path("loop")), 0);
	for (size_t i = 0; i < N; i++) {
		(void)snprintf(paths[i], PATH_MAX, "%s%s", fixture_path("."), suffixes[i]);
		pointers[i] = paths[i];
	}
	ck_assert_int_eq(path_kinds_read(pointers, N, kinds), 0);
	ck_assert_mem_eq(kinds, expected, N);
	ck_assert_int_eq(path_kinds_read(NULL, 0, kinds), 0);
}
END_TEST

START_TEST(test_many_kinds)
{
	enum {
		N = 100000
	};
	static char *paths[N];
	static uint8_t kinds[N];
	char there[] = "/", none[] = "/there/is/no/such/file";

	for (size_t i = 0; i < N; i++) {
		paths[i] = i % 2 ? none : there;
	}
	ck_assert_int_eq(path_kinds_read(paths, N, kinds), 0);
	for (size_t i = 0; i < N; i++) {
		ck_assert_int_eq(kinds[i], i % 2 ? PATH_MISSING : PATH_DIRECTORY);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rmctl_package");
	TCase *package = fixture_case(suite, "package");
	TCase *hostile = fixture_case(suite, "hostile");
	TCase *kinds = fixture_case(suite, "kinds");

	tcase_add_loop_test(package, test_name, 0, ARRAY_SIZE(names));
	tcase_add_test(package, test_long_name);
	tcase_add_test(package, test_plain_package);
	tcase_add_test(package, test_architectures);
	tcase_add_test(package, test_architecture_by_status);
	tcase_add_test(package, test_diversions);
	tcase_add_test(package, test_local_diversion);
	tcase_add_test(package, test_directory);

	tcase_add_loop_test(hostile, test_hostile_list, 0, ARRAY_SIZE(lists));
	tcase_add_test(hostile, test_long_lines);
	tcase_add_loop_test(hostile, test_hostile_diversions, 0, ARRAY_SIZE(diversions_texts));
	tcase_add_loop_test(hostile, test_status, 0, ARRAY_SIZE(statuses));
	tcase_add_test(hostile, test_places_that_are_no_lists);

	tcase_add_test(kinds, test_kinds);
	tcase_add_test(kinds, test_many_kinds);
	return fixture_run(suite);
}
