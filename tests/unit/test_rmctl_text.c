/* SPDX-License-Identifier: MIT */
/*
 * Strangers' bytes on their way to a terminal, paths of the command line, and applications in
 * words: rmctl's pure parts about who uses what.
 */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "client/rmctl/application_text.h"
#include "client/rmctl/escape.h"
#include "client/rmctl/path_list.h"
#include "proto/base.h"
#include "proto/text.h"
#include "tests/unit/fixture.h"

/* ---- escapes ---- */

static const struct {
	const char *bytes;
	const char *utf8, *ascii; /* as paths */
	const char *text;	  /* as a text, in UTF-8 */
} escapes[] = {
	{"", "", "", ""},
	{"/usr/bin/true", "/usr/bin/true", "/usr/bin/true", "/usr/bin/true"},
	{"a b", "a b", "a b", "a b"},
	{"a\nb\tc", "a\\nb\\tc", "a\\nb\\tc", "a\\nb\\tc"},
	{"a\\b", "a\\\\b", "a\\\\b", "a\\b"},
	{"a\\x1b", "a\\\\x1b", "a\\\\x1b", "a\\x1b"},
	{"\033[31mred", "\\x1b[31mred", "\\x1b[31mred", "\\x1b[31mred"},
	{"\x7f\x01", "\\x7f\\x01", "\\x7f\\x01", "\\x7f\\x01"},
	{"\xc3\xa9", "\xc3\xa9", "\\xc3\\xa9", "\xc3\xa9"},
	{"\xc3", "\\xc3", "\\xc3", "\\xc3"},
	{"\xff\xfe", "\\xff\\xfe", "\\xff\\xfe", "\\xff\\xfe"},
	{"\xc2\x9b"
	 "31m",
	 "\\xc2\\x9b"
	 "31m",
	 "\\xc2\\x9b"
	 "31m",
	 "\\xc2\\x9b"
	 "31m"},
	{"\xe2\x80\xae"
	 "gpj",
	 "\\xe2\\x80\\xae"
	 "gpj",
	 "\\xe2\\x80\\xae"
	 "gpj",
	 "\\xe2\\x80\\xae"
	 "gpj"},
	{"\xc0\x8a", "\\xc0\\x8a", "\\xc0\\x8a", "\\xc0\\x8a"}, /* an overlong newline */
};

START_TEST(test_escape)
{
	_cleanup_(freep) char *utf8 = escape_path(escapes[_i].bytes, true);
	_cleanup_(freep) char *ascii = escape_path(escapes[_i].bytes, false);
	_cleanup_(freep) char *text = escape_text(escapes[_i].bytes, true);

	ck_assert_str_eq(utf8, escapes[_i].utf8);
	ck_assert_str_eq(ascii, escapes[_i].ascii);
	ck_assert_str_eq(text, escapes[_i].text);
}
END_TEST

/* Every byte, and every pair that a terminal could take for the begin of something. */
START_TEST(test_escape_of_all_bytes)
{
	for (int a = 1; a < 256; a++) {
		for (int b = 1; b < 256; b++) {
			const char bytes[] = {(char)a, (char)b, 'x', '\0'};
			_cleanup_(freep) char *utf8 = escape_path(bytes, true);
			_cleanup_(freep) char *ascii = escape_path(bytes, false);

			ck_assert(text_is_clean(utf8, strlen(utf8)));
			for (const char *at = ascii; *at; at++) {
				ck_assert(*at >= ' ' && *at <= '~');
			}
		}
	}
}
END_TEST

static const struct {
	const char *path, *base;
} bases[] = {
	{"/a/b.so", "b.so"}, {"/a/b/", "b/"}, {"/", "/"},     {"b", "b"}, {"", ""},
	{"//", "//"},	     {"/a", "a"},     {"/a//b", "b"},
};

START_TEST(test_base_name)
{
	ck_assert_str_eq(escape_base_name(bases[_i].path), bases[_i].base);
}
END_TEST

/* ---- paths ---- */

static const struct {
	const char *directory, *path, *absolute; /* NULL: refused */
} paths[] = {
	{"/home/u", "a", "/home/u/a"},
	{"/home/u", "./a", "/home/u/a"},
	{"/home/u", "a/./b//c/", "/home/u/a/b/c"},
	{"/home/u", "../a", "/home/u/../a"}, /* u may be a link */
	{"/home/u", "..", "/home/u/.."},
	{"/home/u", ".", "/home/u"},
	{"/home/u", "/a", "/a"},
	{"/home/u", "//a/.//b", "/a/b"},
	{"/home/u", "/", "/"},
	{"/home/u", "...", "/home/u/..."},
	{"/home/u", ".a", "/home/u/.a"},
	{"/", "a", "/a"},
	{"/", ".", "/"},
	{"/home/u", "", NULL},
	{"/home/u", "a\nb", "/home/u/a\nb"},
	{"/home/u", "\xff", "/home/u/\xff"},
};

START_TEST(test_absolute)
{
	_cleanup_(freep) char *absolute = NULL;
	int r = path_make_absolute(paths[_i].directory, paths[_i].path, &absolute);

	ck_assert_int_eq(r, paths[_i].absolute ? 0 : -EINVAL);
	ck_assert_pstr_eq(absolute, paths[_i].absolute);
}
END_TEST

START_TEST(test_absolute_limits)
{
	char path[PATH_MAX + 2];
	char *absolute = NULL;

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[PATH_MAX - 1] = '\0';
	ck_assert_int_eq(path_make_absolute("/", path, &absolute), 0);
	ck_assert_str_eq(absolute, path);
	free(absolute);
	absolute = NULL;
	ck_assert_int_eq(path_make_absolute("/d", path + 1, &absolute), -ENAMETOOLONG);
	path[PATH_MAX - 1] = 'a';
	path[PATH_MAX] = '\0';
	ck_assert_int_eq(path_make_absolute("/", path, &absolute), -ENAMETOOLONG);
	ck_assert_ptr_null(absolute);
}
END_TEST

START_TEST(test_path_list)
{
	_cleanup_(path_list_done) struct path_list list = {0};

	for (size_t i = 0; i < 1000; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "/%zu", i);
		ck_assert_int_eq(path_list_add(&list, path, strlen(path)), 0);
	}
	ck_assert_uint_eq(list.n, 1000);
	ck_assert_str_eq(list.paths[999], "/999");
	ck_assert_int_eq(path_list_add(&list, "/abc", 2), 0);
	ck_assert_str_eq(list.paths[1000], "/a");
	ck_assert_int_eq(path_list_take(&list, NULL), -ENOMEM);
}
END_TEST

/* ---- applications ---- */

static const struct rm_use some_uses[] = {
	{RM_USE_EXECUTABLE, "/usr/sbin/sshd", "", 0, 1, 0},
	{RM_USE_MAPPING, "/lib/libc.so.6", "", 0, 0, 0},
	{RM_USE_DESCRIPTOR, "/var/lib/a.db", "", 7, 0, 0},
	{RM_USE_DESCRIPTOR, "/var/lib/a.db", "", 8, 0, 0},
	{RM_USE_SCRIPT, "/opt/x\n.py", "", 0, 0, 1},
	{RM_USE_WORKING_DIRECTORY, "/srv", "/srv/www", 0, 0, 0},
};

static const struct {
	size_t first, n;
	uint32_t n_uses;
	const char *text;
} short_uses[] = {
	{0, 0, 0, ""},
	{0, 1, 1, "exe sshd (old)"},
	{1, 1, 1, "maps libc.so.6"},
	{2, 2, 2, "fd 7 a.db"},
	{4, 2, 2, "script x\\n.py (claimed), cwd www"},
	{0, 6, 6, "exe sshd (old), maps libc.so.6, fd 7 a.db, +2"},
	{0, 6, 99, "exe sshd (old), maps libc.so.6, fd 7 a.db, +2 or more"},
	{1, 1, 65, "maps libc.so.6, more"},
};

START_TEST(test_uses)
{
	const struct rm_application_process process = {
		.uses = some_uses + short_uses[_i].first,
		.n_uses_listed = short_uses[_i].n,
		.n_uses = short_uses[_i].n_uses,
	};
	const struct rm_application application = {
		.processes = &process, .n_processes_listed = 1, .n_processes = 1};
	_cleanup_(freep) char *text = application_format_uses(&application, true);

	ck_assert_str_eq(text, short_uses[_i].text);
}
END_TEST

START_TEST(test_uses_of_many_processes)
{
	const struct rm_application_process processes[] = {
		{.uses = some_uses, .n_uses_listed = 2, .n_uses = 2},
		{.uses = some_uses + 1, .n_uses_listed = 2, .n_uses = 2},
	};
	const struct rm_application application = {
		.processes = processes, .n_processes_listed = 2, .n_processes = 2};
	_cleanup_(freep) char *text = application_format_uses(&application, true);
	_cleanup_(freep) char *old = application_format_old(&application, true);

	ck_assert_str_eq(text, "exe sshd (old), maps libc.so.6, fd 7 a.db");
	ck_assert_str_eq(old, "sshd");
}
END_TEST

/* More different uses than anybody would read. */
START_TEST(test_uses_without_end)
{
	enum {
		N = 300
	};
	static char names[N][16];
	static struct rm_use uses[N];
	const struct rm_application_process process = {
		.uses = uses, .n_uses_listed = N, .n_uses = N};
	const struct rm_application application = {
		.processes = &process, .n_processes_listed = 1, .n_processes = 1};
	_cleanup_(freep) char *text = NULL;

	for (size_t i = 0; i < N; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "/%zu", i);
		uses[i] = (struct rm_use){RM_USE_MAPPING, names[i], "", 0, 0, 0};
	}
	text = application_format_uses(&application, true);
	ck_assert_str_eq(text, "maps 0, maps 1, maps 2, +61 or more");
}
END_TEST

static const struct {
	struct rm_use use;
	const char *text;
} long_uses[] = {
	{{RM_USE_MAPPING, "/a", "", 0, 0, 0}, "mapping           /a"},
	{{RM_USE_DESCRIPTOR, "/a", "", 7, 0, 0}, "fd 7              /a"},
	{{RM_USE_EXECUTABLE, "/a", "", 0, 1, 0}, "executable        /a (old version)"},
	{{RM_USE_SCRIPT, "/a", "", 0, 0, 1}, "script            /a (claimed by the process)"},
	{{RM_USE_WORKING_DIRECTORY, "/a", "/a/\033", 0, 0, 0}, "working directory /a, as /a/\\x1b"},
	{{RM_USE_MAPPING, "", "/b", 0, 1, 0}, "mapping           /b (old version)"},
	{{4711, "", "", 0, 0, 0}, "unknown"},
};

START_TEST(test_use)
{
	_cleanup_(freep) char *text = application_format_use(&long_uses[_i].use, true);

	ck_assert_str_eq(text, long_uses[_i].text);
}
END_TEST

static const struct {
	int is_restartable;
	const char *why_not;
	uint32_t status;
	const char *text;
} restarts[] = {
	{1, "", 1, "yes"},
	{0, "", 1, "no"},
	{0, "not registered for restart", 1, "not registered for restart"},
	{1, "", 0x41, "yes; a filter keeps it running"},
	{0, "a filter", 0xC1, "a filter; a filter keeps it running"},
};

START_TEST(test_restart)
{
	const struct rm_application application = {
		.is_restartable = restarts[_i].is_restartable,
		.why_not_restartable = restarts[_i].why_not,
		.status = restarts[_i].status,
	};
	_cleanup_(freep) char *text = application_format_restart(&application);

	ck_assert_str_eq(text, restarts[_i].text);
}
END_TEST

static const struct {
	uint32_t pid, type, reasons, ts_session;
	const char *name, *unit, *container;
	enum application_needs needs;
} needs[] = {
	{812, 3, 0, 0, "sshd", "ssh.service", "", NEEDS_RESTART},
	{812, 5, 0, 3, "vim", "session-3.scope", "", NEEDS_RESTART},
	{1, 1000, 4, 0, "systemd", "init.scope", "", NEEDS_REEXEC},
	{1, 1000, 4, 0, "init", "", "", NEEDS_REBOOT},
	{900, 1000, 4, UINT32_MAX, "systemd", "user@1000.service", "", NEEDS_REEXEC},
	{900, 1000, 4, UINT32_MAX, "Xwayland", "user:app.slice", "", NEEDS_LOGOUT},
	{900, 1000, 4, UINT32_MAX, "tmux", "session-3.scope", "", NEEDS_LOGOUT},
	{900, 1000, 4, 3, "bash", "", "", NEEDS_LOGOUT},
	{900, 1000, 8, 0, "dbus-daemon", "dbus.service", "", NEEDS_REBOOT},
	{900, 1000, 4, UINT32_MAX, "x", "", "", NEEDS_REBOOT},
	{900, 1000, 4, 0, "nginx", "", "web", NEEDS_CONTAINER},
	{900, 0, 1, 0, "x", "", "", NEEDS_REBOOT},
};

START_TEST(test_needs)
{
	const struct rm_application application = {
		.process = {.pid = needs[_i].pid, .name = needs[_i].name},
		.type = needs[_i].type,
		.reasons = needs[_i].reasons,
		.ts_session = needs[_i].ts_session,
		.unit = needs[_i].unit,
		.container = needs[_i].container,
	};

	ck_assert_int_eq(application_find_needs(&application), needs[_i].needs);
}
END_TEST

START_TEST(test_pids)
{
	struct rm_application application = {.process.pid = 812};
	_cleanup_(freep) char *none = application_format_pids(&application);
	_cleanup_(freep) char *one = NULL, *four = NULL;

	application.n_processes = 1;
	one = application_format_pids(&application);
	application.n_processes = 4;
	four = application_format_pids(&application);
	ck_assert_str_eq(none, "812");
	ck_assert_str_eq(one, "812");
	ck_assert_str_eq(four, "812 +3");
}
END_TEST

START_TEST(test_names)
{
	static const uint32_t types[] = {0, 1, 2, 3, 4, 5, 1000};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		for (size_t j = 0; j < i; j++) {
			ck_assert_str_ne(application_type_name(types[i]),
					 application_type_name(types[j]));
		}
	}
	ck_assert_str_eq(application_type_name(6), "unknown");
	ck_assert_str_eq(application_type_name(UINT32_MAX), "unknown");
	for (unsigned int bit = 0; bit < APPLICATION_N_STATUS_BITS; bit++) {
		ck_assert_ptr_nonnull(application_status_name(bit));
	}
	ck_assert_ptr_null(application_status_name(APPLICATION_N_STATUS_BITS));
	for (unsigned int bit = 0; bit < APPLICATION_N_REASON_BITS; bit++) {
		ck_assert_ptr_nonnull(application_reason_name(bit));
	}
	ck_assert_ptr_null(application_reason_name(APPLICATION_N_REASON_BITS));
	for (int i = 0; i < _APPLICATION_NEEDS_COUNT; i++) {
		ck_assert_ptr_nonnull(application_needs_name((enum application_needs)i));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rmctl_text");
	TCase *bytes = fixture_case(suite, "bytes");
	TCase *applications = fixture_case(suite, "applications");

	tcase_set_timeout(bytes, 60);
	tcase_add_loop_test(bytes, test_escape, 0, ARRAY_SIZE(escapes));
	tcase_add_test(bytes, test_escape_of_all_bytes);
	tcase_add_loop_test(bytes, test_base_name, 0, ARRAY_SIZE(bases));
	tcase_add_loop_test(bytes, test_absolute, 0, ARRAY_SIZE(paths));
	tcase_add_test(bytes, test_absolute_limits);
	tcase_add_test(bytes, test_path_list);

	tcase_add_loop_test(applications, test_uses, 0, ARRAY_SIZE(short_uses));
	tcase_add_test(applications, test_uses_of_many_processes);
	tcase_add_test(applications, test_uses_without_end);
	tcase_add_loop_test(applications, test_use, 0, ARRAY_SIZE(long_uses));
	tcase_add_loop_test(applications, test_restart, 0, ARRAY_SIZE(restarts));
	tcase_add_loop_test(applications, test_needs, 0, ARRAY_SIZE(needs));
	tcase_add_test(applications, test_pids);
	tcase_add_test(applications, test_names);
	return fixture_run(suite);
}
