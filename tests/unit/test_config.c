/* SPDX-License-Identifier: MIT */
/*
 * The configuration: every key with its bounds, every mistake with its line and column, files
 * that can't be read, and the machine's file over the user's.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/config.h"
#include "proto/limits.h"
#include "tests/unit/call_fixture.h"
#include "tests/unit/fixture.h"

static struct config config;
static struct config_error error;

static void set_up(void)
{
	config_init(&config);
	error = (struct config_error){0};
}

static void tear_down(void)
{
	config_done(&config);
}

static int read_bytes(const char *bytes, size_t size)
{
	const char *path = fixture_path("conf");

	file_put(path, bytes, size);
	return config_read(&config, path, &error);
}

static int read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

/* ---- what is right ---- */

START_TEST(test_built_in)
{
	ck_assert_uint_eq(config.query_ms, 5000);
	ck_assert_uint_eq(config.end_ms, 5000);
	ck_assert_uint_eq(config.exit_ms, 30000);
	ck_assert_uint_eq(config.service_ms, 20000);
	ck_assert_uint_eq(config.call_ms, HALF_FRAME_TIMEOUT_MS);
	ck_assert_int_eq(config.restart_on_orphan, RESTART_ON_ORPHAN_SERVICES);
	ck_assert_int_eq(config.allow_shutdown, true);
	ck_assert_ptr_null(config.never_stop);
	ck_assert_uint_eq(config.max_sessions, DEFAULT_MAX_SESSIONS);
	ck_assert_ptr_null(config.path);
}
END_TEST

START_TEST(test_every_key)
{
	ck_assert_int_eq(read_text("# all of them\n"
				   "; in both kinds of comments\n"
				   "[Timeouts]\n"
				   "QueryMs=1\n"
				   "EndMs = 2\n"
				   "ExitMs: 3\n"
				   "ServiceMs\t=\t4 ; the fourth\n"
				   "CallMs=3600000\n"
				   "\n"
				   "[Policy]\n"
				   "RestartOnOrphan=all\n"
				   "NeverStop=sshd.service  /usr/bin/vault\n"
				   "NeverStop=user:backup\n"
				   "AllowShutdown=no\n"
				   "[Limits]\n"
				   "MaxSessions=512"),
			 0);
	ck_assert_uint_eq(config.query_ms, 1);
	ck_assert_uint_eq(config.end_ms, 2);
	ck_assert_uint_eq(config.exit_ms, 3);
	ck_assert_uint_eq(config.service_ms, 4);
	ck_assert_uint_eq(config.call_ms, 3600000);
	ck_assert_int_eq(config.restart_on_orphan, RESTART_ON_ORPHAN_ALL);
	ck_assert_int_eq(config.allow_shutdown, false);
	ck_assert_uint_eq(config.max_sessions, 512);
	ck_assert_str_eq(config.never_stop[0], "sshd.service");
	ck_assert_str_eq(config.never_stop[1], "/usr/bin/vault");
	ck_assert_str_eq(config.never_stop[2], "user:backup");
	ck_assert_ptr_null(config.never_stop[3]);
	ck_assert_str_eq(config.path, fixture_path("conf"));
}
END_TEST

static const char *const good[] = {
	"",
	"\n\n",
	"# nothing",
	"[Timeouts]\n",
	"[Timeouts]\r\nQueryMs=5000\r\n",
	"\xEF\xBB\xBF[Timeouts]\nQueryMs=5000\n",
	"[Policy]\nAllowShutdown=YES\n",
	"[Policy]\nNeverStop=\n",
	"[Policy]\nNeverStop=a\n",
	"[Limits]\nMaxSessions=00064\n",
};

START_TEST(test_good)
{
	ck_assert_int_eq(read_text(good[_i]), 0);
	ck_assert_uint_eq(config.query_ms, 5000);
	ck_assert_uint_eq(config.max_sessions, 64);
	ck_assert_int_eq(config.allow_shutdown, true);
}
END_TEST

static const struct {
	const char *word;
	bool value;
} words[] = {
	{"yes", true}, {"true", true},	 {"on", true},	 {"1", true},  {"On", true},
	{"no", false}, {"false", false}, {"off", false}, {"0", false}, {"FALSE", false},
};

START_TEST(test_bool)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "[Policy]\nAllowShutdown=%s\n", words[_i].word);
	config.allow_shutdown = !words[_i].value;
	ck_assert_int_eq(read_text(text), 0);
	ck_assert_int_eq(config.allow_shutdown, words[_i].value);
}
END_TEST

START_TEST(test_orphan)
{
	const char *name = restart_on_orphan_name((enum restart_on_orphan)_i);
	char text[64];

	(void)snprintf(text, sizeof(text), "[Policy]\nRestartOnOrphan=%s\n", name);
	ck_assert_int_eq(read_text(text), 0);
	ck_assert_int_eq(config.restart_on_orphan, _i);
}
END_TEST

/* An empty value takes back what came before it, as in systemd's files. */
START_TEST(test_never_stop_is_emptied)
{
	ck_assert_int_eq(read_text("[Policy]\nNeverStop=a b\nNeverStop=\nNeverStop=c\n"), 0);
	ck_assert_str_eq(config.never_stop[0], "c");
	ck_assert_ptr_null(config.never_stop[1]);
}
END_TEST

/* The user's file, then the machine's over it: what both say is the machine's (A76). */
START_TEST(test_machine_over_user)
{
	const char *user = fixture_path("user");
	const char *machine = fixture_path("machine");
	char both[2 * PATH_MAX];

	file_put(user, "[Timeouts]\nQueryMs=1\nEndMs=1\n[Policy]\nNeverStop=mine\n", 52);
	file_put(machine, "[Timeouts]\nEndMs=2\n[Policy]\nNeverStop=ours\n", 43);
	ck_assert_int_eq(config_read(&config, user, &error), 0);
	ck_assert_int_eq(config_read(&config, machine, &error), 0);
	ck_assert_uint_eq(config.query_ms, 1);
	ck_assert_uint_eq(config.end_ms, 2);
	ck_assert_str_eq(config.never_stop[0], "mine");
	ck_assert_str_eq(config.never_stop[1], "ours");
	(void)snprintf(both, sizeof(both), "%s, %s", user, machine);
	ck_assert_str_eq(config.path, both);
}
END_TEST

/* ---- what is wrong, and where ---- */

static const struct {
	const char *text;
	unsigned int line;
	unsigned int column;
	const char *says;
} bad[] = {
	{"[Timeouts]\nQuery=1\n", 2, 1, "key is unknown; expected QueryMs, EndMs"},
	{"[Timeouts]\n\n  queryms=1\n", 3, 3, "key is unknown"},
	{"[Policy]\nMaxSessions=1\n", 2, 1, "key is unknown; expected RestartOnOrphan"},
	{"# x\n[Nope]\n\nA=1\n", 2, 2,
	 "section is unknown; expected Timeouts, Policy, Limits, Scan"},
	{"[timeouts]\nQueryMs=1\n", 1, 2, "section is unknown"},
	{"QueryMs=1\n", 1, 1, "section is unknown"},
	{"[Timeouts]\nQueryMs=0\n", 2, 9, "not possible; expected milliseconds"},
	{"[Timeouts]\nQueryMs=3600001\n", 2, 9, "not possible"},
	{"[Timeouts]\nQueryMs=4294967297\n", 2, 9, "not possible"},
	{"[Timeouts]\nQueryMs=18446744073709551617\n", 2, 9, "not possible"},
	{"[Timeouts]\nQueryMs=-1\n", 2, 9, "not possible"},
	{"[Timeouts]\nQueryMs=+1\n", 2, 9, "not possible"},
	{"[Timeouts]\nQueryMs=0x10\n", 2, 9, "not possible"},
	{"[Timeouts]\nQueryMs=5s\n", 2, 9, "not possible"},
	{"[Timeouts]\nQueryMs=1 2\n", 2, 9, "not possible"},
	{"[Timeouts]\nQueryMs=5#x\n", 2, 9, "not possible"},
	{"[Timeouts]\nQueryMs=\n", 2, 1, "not possible"},
	{"[Timeouts]\nEndMs = \t y\n", 2, 11, "not possible"},
	/* The value's letter stands in the key as well. */
	{"[Timeouts]\nQueryMs=s\n", 2, 9, "not possible"},
	{"[Timeouts]\nQueryMs=1\nEndMs=E\n", 3, 7, "not possible"},
	{"[Policy]\r\nRestartOnOrphan=never\r\n", 2, 17, "expected services, all or no"},
	{"[Policy]\nRestartOnOrphan=All\n", 2, 17, "expected services, all or no"},
	{"[Policy]\nAllowShutdown=maybe\n", 2, 15, "expected yes or no"},
	{"[Limits]\nMaxSessions=513\n", 2, 13, "expected a number, 1 to 512"},
	{"[Limits]\nMaxSessions=0\n", 2, 13, "expected a number, 1 to 512"},
	{"[Limits]\nMaxSessions=64\nnonsense\nQueryMs\n", 3, 1,
	 "neither a [Section] nor Key=value"},
	{"[Limits\nMaxSessions=64\n", 1, 1, "neither a [Section] nor Key=value"},
	{"[Timeouts]\nQueryMs=0\nEndMs=0\n", 2, 9, "not possible"}, /* the first is told */
	{"[Timeouts]\nQuery\x1B[2JMs=1\n", 2, 1, "key is unknown"},
};

START_TEST(test_bad)
{
	char place[64];

	ck_assert_int_eq(read_text(bad[_i].text), -EINVAL);
	ck_assert_uint_eq(error.line, bad[_i].line);
	ck_assert_uint_eq(error.column, bad[_i].column);
	ck_assert_ptr_nonnull(strstr(error.text, bad[_i].says));
	(void)snprintf(place, sizeof(place), "conf:%u:%u: ", bad[_i].line, bad[_i].column);
	ck_assert_ptr_nonnull(strstr(error.text, place));
	ck_assert_ptr_null(strchr(error.text, '\x1B'));
}
END_TEST

START_TEST(test_nul_byte)
{
	static const char text[] = "[Timeouts]\nQueryMs=1\nEnd\0Ms=2\n";

	ck_assert_int_eq(read_bytes(text, sizeof(text) - 1), -EINVAL);
	ck_assert_uint_eq(error.line, 3);
	ck_assert_uint_eq(error.column, 4);
}
END_TEST

/* Lines longer than inih's are refused, not read as two. */
START_TEST(test_long_line)
{
	char text[600] = "[Policy]\nNeverStop=";

	memset(text + strlen(text), 'a', 400);
	ck_assert_int_eq(read_text(text), -EINVAL);
	ck_assert_uint_eq(error.line, 2);
	ck_assert_ptr_nonnull(strstr(error.text, "too long"));
}
END_TEST

START_TEST(test_garbage)
{
	struct random random = {.state = (uint64_t)_i};
	char bytes[600];

	random_fill(&random, bytes, sizeof(bytes));
	ck_assert_int_eq(read_bytes(bytes, sizeof(bytes)), -EINVAL);
	ck_assert_uint_gt(error.line, 0);
	ck_assert_uint_gt(error.column, 0);
}
END_TEST

/* ---- files that can't be read ---- */

START_TEST(test_no_file)
{
	ck_assert_int_eq(config_read(&config, fixture_path("none"), &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.text, "none: No such file"));
	ck_assert_uint_eq(error.line, 0);
}
END_TEST

START_TEST(test_directory)
{
	ck_assert_int_eq(config_read(&config, fixture_path("."), &error), -EISDIR);
	ck_assert_ptr_nonnull(strstr(error.text, "Is a directory"));
}
END_TEST

START_TEST(test_unreadable)
{
	const char *path = fixture_path("conf");

	become_nobody();
	file_put(path, "", 0);
	ck_assert_int_eq(chmod(path, 0), 0);
	ck_assert_int_eq(config_read(&config, path, &error), -EACCES);
	ck_assert_ptr_nonnull(strstr(error.text, "Permission denied"));
}
END_TEST

START_TEST(test_too_large)
{
	const char *path = fixture_path("conf");

	file_put(path, "", 0);
	ck_assert_int_eq(truncate(path, 1024 * 1024 + 1), 0);
	ck_assert_int_eq(config_read(&config, path, &error), -EFBIG);
}
END_TEST

/* ---- config_load() ---- */

static void load_fresh(const char *path, bool is_user, int expected)
{
	struct config loaded;

	ck_assert_int_eq(config_load(path, is_user, &loaded, &error), expected);
	if (expected == 0) {
		config_done(&config);
		config = loaded;
	}
}

START_TEST(test_load_one)
{
	const char *path = fixture_path("conf");

	file_put(path, "[Timeouts]\nQueryMs=7\n", 21);
	load_fresh(path, true, 0);
	ck_assert_uint_eq(config.query_ms, 7);
	load_fresh(fixture_path("none"), true,
		   -ENOENT); /* one that was asked for has to be there */
	file_put(path, "[Timeouts]\nQueryMs=x\n", 21);
	load_fresh(path, true, -EINVAL);
	ck_assert_uint_eq(error.line, 2);
}
END_TEST

START_TEST(test_load_users)
{
	ck_assert_int_eq(mkdir(fixture_path("rstrtmgr"), 0700), 0);
	file_put(fixture_path("rstrtmgr/rmbrokerd.conf"), "[Timeouts]\nQueryMs=7\n", 21);
	ck_assert_int_eq(setenv("XDG_CONFIG_HOME", fixture_path("."), 1), 0);
	load_fresh(NULL, true, 0);
	ck_assert_uint_eq(config.query_ms, 7);
	load_fresh(NULL, false, 0); /* the machine's broker looks at no user's file */
	ck_assert_uint_eq(config.query_ms, 5000);

	ck_assert_int_eq(setenv("XDG_CONFIG_HOME", "relative", 1), 0);
	ck_assert_int_eq(setenv("HOME", fixture_path("home"), 1), 0);
	load_fresh(NULL, true, 0); /* there is none: the built-in values */
	ck_assert_uint_eq(config.query_ms, 5000);
	ck_assert_int_eq(mkdir(fixture_path("home"), 0700), 0);
	ck_assert_int_eq(mkdir(fixture_path("home/.config"), 0700), 0);
	ck_assert_int_eq(mkdir(fixture_path("home/.config/rstrtmgr"), 0700), 0);
	file_put(fixture_path("home/.config/rstrtmgr/rmbrokerd.conf"), "[Timeouts]\nQueryMs=8\n",
		 21);
	load_fresh(NULL, true, 0);
	ck_assert_uint_eq(config.query_ms, 8);
	ck_assert_int_eq(unsetenv("HOME"), 0);
	ck_assert_int_eq(unsetenv("XDG_CONFIG_HOME"), 0);
	load_fresh(NULL, true, 0);
	ck_assert_uint_eq(config.query_ms, 5000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = fixture_case(suite, "config");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_built_in);
	tcase_add_test(tcase, test_every_key);
	tcase_add_loop_test(tcase, test_good, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(tcase, test_bool, 0, ARRAY_SIZE(words));
	tcase_add_loop_test(tcase, test_orphan, 0, _RESTART_ON_ORPHAN_COUNT);
	tcase_add_test(tcase, test_never_stop_is_emptied);
	tcase_add_test(tcase, test_machine_over_user);
	tcase_add_loop_test(tcase, test_bad, 0, ARRAY_SIZE(bad));
	tcase_add_test(tcase, test_nul_byte);
	tcase_add_test(tcase, test_long_line);
	tcase_add_loop_test(tcase, test_garbage, 0, 50);
	tcase_add_test(tcase, test_no_file);
	tcase_add_test(tcase, test_directory);
	tcase_add_test(tcase, test_unreadable);
	tcase_add_test(tcase, test_too_large);
	tcase_add_test(tcase, test_load_one);
	tcase_add_test(tcase, test_load_users);
	return fixture_run(suite);
}
