/* SPDX-License-Identifier: MIT */
/* Policy files: what they match, who masks whom, every mistake with its place, changes. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "broker/scan/policy.h"
#include "tests/unit/fixture.h"

static char etc[PATH_MAX];
static char run[PATH_MAX];
static char usr[PATH_MAX];
static char info[PATH_MAX];
static const char *const directories[] = {etc, run, usr, NULL};
static struct policy *policy;

static void set_up(void)
{
	(void)snprintf(etc, sizeof(etc), "%s", fixture_path("etc"));
	(void)snprintf(run, sizeof(run), "%s", fixture_path("run"));
	(void)snprintf(usr, sizeof(usr), "%s", fixture_path("usr"));
	(void)snprintf(info, sizeof(info), "%s", fixture_path("info"));
	ck_assert_int_eq(mkdir(etc, 0700), 0);
	ck_assert_int_eq(mkdir(usr, 0700), 0); /* run is not there */
	ck_assert_int_eq(mkdir(info, 0700), 0);
}

static void tear_down(void)
{
	policy = policy_free(policy);
}

static void put(const char *directory, const char *name, const char *text)
{
	char path[2 * PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	file_put(path, text, strlen(text));
}

static void load(void)
{
	struct policy_options options = {.directories = directories, .dpkg_info = info};

	policy = policy_free(policy);
	ck_assert_int_eq(policy_new(&options, &policy), 0);
}

static struct policy_decision decide(const char *unit, bool is_user, const char *executable)
{
	struct policy_subject subject = {unit, is_user, executable, NULL};
	struct policy_decision decision;

	policy_decide(policy, &subject, &decision);
	return decision;
}

static size_t count_warnings(void)
{
	size_t n;

	(void)policy_warnings(policy, &n);
	return n;
}

#define YES "\n[Policy]\nCritical=yes\nReason=because\n"
#define NO "\n[Policy]\nCritical=no\n"

/* ---- matching ---- */

static const struct {
	const char *match;
	const char *unit;
	bool is_user;
	const char *executable;
	const char *rule; /* NULL: no match */
} rows[] = {
	{"Unit=ssh", "ssh.service", false, NULL, "Unit=ssh.service"},
	{"Unit=ssh.service", "ssh.service", true, NULL, "Unit=ssh.service"},
	{"Unit=system:ssh", "ssh.service", false, NULL, "Unit=system:ssh.service"},
	{"Unit=system:ssh", "ssh.service", true, NULL, NULL},
	{"Unit=user:ssh", "ssh.service", false, NULL, NULL},
	{"Unit=user:ssh", "ssh.service", true, NULL, "Unit=user:ssh.service"},
	{"Unit=getty@*", "getty@tty1.service", false, NULL, "Unit=getty@*.service"},
	{"Unit=getty@*", "getty.service", false, NULL, NULL},
	{"Unit=SSH", "ssh.service", false, NULL, NULL},
	{"Unit=a b  c", "b.service", false, NULL, "Unit=b.service"},
	{"Unit=a\nUnit=b", "a.service", false, NULL, "Unit=a.service"},
	{"Unit=a\nUnit=\nUnit=b", "a.service", false, NULL, NULL},
	{"Unit=*", "", false, "/bin/x", NULL},
	{"Unit=*", NULL, false, NULL, NULL},
	{"Executable=/usr/bin/x", NULL, false, "/usr/bin/x", "Executable=/usr/bin/x"},
	{"Executable=/usr/bin/x", NULL, false, "/bin/x", NULL},
	{"Executable=/opt/*/x", NULL, false, "/opt/a/x", "Executable=/opt/*/x"},
	{"Executable=/opt/*", NULL, false, "/opt/a/x", NULL},
	{"Executable=x", NULL, false, "/opt/a/x", "Executable=x"},
	{"Executable=x*", NULL, false, "/opt/a/xyz", "Executable=x*"},
	{"Executable=x", NULL, false, "/opt/x/y", NULL},
	{"Executable=x\nUnit=y", "y.service", false, "/bin/z", "Unit=y.service"},
	{"Package=screen*", NULL, false, "/usr/bin/screen", "Package=screen*"},
	{"Package=screen", NULL, false, "/usr/bin/scr", NULL},
	{"Package=libc6", NULL, false, "/usr/lib/x86/ld.so", "Package=libc6"},
	{"Package=libc", NULL, false, "/usr/lib/x86/ld.so", NULL},
	{"Package=*", NULL, false, "/usr/bin/other", NULL},
};

START_TEST(test_match)
{
	char text[512];
	struct policy_decision decision;

	put(info, "screen.list", "/.\n/usr\n/usr/bin\n/usr/bin/screen\n");
	put(info, "libc6:amd64.list", "/lib\n/lib/x86/ld.so\n");
	put(info, "other.md5sums", "/usr/bin/other\n");
	(void)snprintf(text, sizeof(text), "[Match]\n%s" YES, rows[_i].match);
	put(usr, "10-x.conf", text);
	load();
	ck_assert_uint_eq(count_warnings(), 0);
	decision = decide(rows[_i].unit, rows[_i].is_user, rows[_i].executable);
	if (!rows[_i].rule) {
		ck_assert_ptr_null(decision.file);
		return;
	}
	ck_assert_str_eq(decision.rule, rows[_i].rule);
	ck_assert_str_eq(decision.name, "10-x.conf");
	ck_assert_str_eq(decision.reason, "because");
	ck_assert(decision.is_critical);
}
END_TEST

START_TEST(test_last_decides)
{
	struct policy_decision decision;

	put(usr, "20-b.conf", "[Match]\nUnit=a" YES);
	put(etc, "10-a.conf", "[Match]\nUnit=a" NO);
	put(etc, "30-c.conf", "[Match]\nUnit=b" NO);
	load();
	decision = decide("a.service", false, NULL);
	ck_assert_str_eq(decision.name, "20-b.conf");
	ck_assert(decision.is_critical);
	put(usr, "40-d.conf", "[Match]\nUnit=a" NO);
	load();
	decision = decide("a.service", false, NULL);
	ck_assert_str_eq(decision.name, "40-d.conf");
	ck_assert(!decision.is_critical);
}
END_TEST

/* As systemd's: /etc over /run over /usr, by the name alone. */
START_TEST(test_mask)
{
	char path[2 * PATH_MAX];

	ck_assert_int_eq(mkdir(run, 0700), 0);
	put(usr, "a.conf", "[Match]\nUnit=usr" YES);
	put(run, "a.conf", "[Match]\nUnit=run" YES);
	load();
	ck_assert_ptr_null(decide("usr.service", false, NULL).file);
	ck_assert_ptr_nonnull(decide("run.service", false, NULL).file);
	put(etc, "a.conf", "[Match]\nUnit=etc" YES);
	load();
	ck_assert_ptr_null(decide("run.service", false, NULL).file);
	ck_assert_ptr_nonnull(decide("etc.service", false, NULL).file);
	put(etc, "a.conf", "");
	load();
	ck_assert_ptr_null(decide("etc.service", false, NULL).file);
	ck_assert_ptr_null(decide("usr.service", false, NULL).file);
	(void)snprintf(path, sizeof(path), "%s/a.conf", etc);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("/dev/null", path), 0);
	load();
	ck_assert_ptr_null(decide("run.service", false, NULL).file);
	ck_assert_uint_eq(count_warnings(), 0);
	/* One that is wrong masks as well: half a policy would be another one. */
	ck_assert_int_eq(unlink(path), 0);
	put(etc, "a.conf", "[Match]\nUnit=etc\nnonsense\n" YES);
	load();
	ck_assert_ptr_null(decide("etc.service", false, NULL).file);
	ck_assert_ptr_null(decide("run.service", false, NULL).file);
	ck_assert_uint_eq(count_warnings(), 1);
}
END_TEST

START_TEST(test_other_names)
{
	put(usr, "README", "no policy");
	put(usr, ".hidden.conf", "no policy");
	put(usr, "x.conf.bak", "no policy");
	put(usr, ".conf", "no policy");
	load();
	ck_assert_uint_eq(count_warnings(), 0);
}
END_TEST

/* ---- mistakes ---- */

static const struct {
	const char *text;
	const char *place;
	const char *says;
} bad[] = {
	{"[Match]\nUnits=x" YES, "x.conf:2:1: ", "key is unknown; expected Unit, Executable"},
	{"[Match]\nUnit=x\n[Policy]\nCritical=maybe\n", "x.conf:4:10: ", "expected yes or no"},
	{"[Match]\nUnit=x\n[Policy]\nCritical=\n", "x.conf:4:1: ", "expected yes or no"},
	{"[Match]\nUnit=x\n[Policy]\nKritical=yes\n", "x.conf:4:1: ", "expected Critical, Reason"},
	{"[Nope]\nUnit=x\n" YES, "x.conf:1:2: ", "section is unknown; expected Match, Policy"},
	{"Unit=x\n" YES, "x.conf:1:1: ", "section is unknown"},
	{"[Match]\nnonsense\n" YES, "x.conf:2:1: ", "neither a [Section] nor Key=value"},
	{"[Policy]\nCritical=yes\n", "x.conf:1:1: ", "matches nothing"},
	{"[Match]\nUnit=a\nUnit=\n" YES, "x.conf:1:1: ", "matches nothing"},
	{"[Match]\nUnit=a\n", "x.conf:1:1: ", "says nothing"},
	{"[Match]\nUnit=a\n[Policy]\nReason=b\n", "x.conf:1:1: ", "says nothing"},
	{"\x1B[2J\n", "x.conf:1:1: ", "neither"},
	{"[Match]\nUnit\x1B=a\n" YES, "x.conf:2:1: ", "unknown"},
};

START_TEST(test_bad)
{
	size_t n;
	const char *const *warnings;

	put(usr, "x.conf", bad[_i].text);
	put(usr, "y.conf", "[Match]\nUnit=good" YES);
	load();
	warnings = policy_warnings(policy, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_ptr_nonnull(strstr(warnings[0], bad[_i].place));
	ck_assert_ptr_nonnull(strstr(warnings[0], bad[_i].says));
	ck_assert_ptr_null(strchr(warnings[0], '\x1B'));
	ck_assert_ptr_null(decide("x.service", false, "/x").file); /* never half of it */
	ck_assert_ptr_nonnull(decide("good.service", false, NULL).file);
}
END_TEST

START_TEST(test_bad_files)
{
	char path[2 * PATH_MAX];
	char text[400] = "[Match]\nUnit=";
	static const char good[] = "[Match]\nUnit=a\n[Policy]\nCritical=yes\n\0x";
	static char large[64 * 1024 + 1];
	size_t n;

	memset(text + strlen(text), 'a', 300);
	put(usr, "long.conf", text);
	memset(large, '\n', sizeof(large));
	memcpy(large, good, strlen(good));
	(void)snprintf(path, sizeof(path), "%s/large.conf", usr);
	file_put(path, large, sizeof(large));
	(void)snprintf(path, sizeof(path), "%s/fifo.conf", usr);
	ck_assert_int_eq(mkfifo(path, 0600), 0); /* nobody waits for its other end */
	(void)snprintf(path, sizeof(path), "%s/dir.conf", usr);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/nowhere.conf", usr);
	ck_assert_int_eq(symlink("/nowhere/at/all", path), 0);
	(void)snprintf(path, sizeof(path), "%s/nul.conf", usr);
	file_put(path, good, sizeof(good) - 1); /* a NUL and what comes after it */
	(void)snprintf(path, sizeof(path), "%s/largest.conf", usr);
	file_put(path, large, sizeof(large) - 1);
	load();
	(void)policy_warnings(policy, &n);
	ck_assert_uint_eq(n, 6);
	ck_assert_str_eq(decide("a.service", false, NULL).name, "largest.conf");
}
END_TEST

START_TEST(test_garbage)
{
	struct random random = {.state = (uint64_t)_i};
	char path[2 * PATH_MAX];
	char bytes[600];

	random_fill(&random, bytes, sizeof(bytes));
	(void)snprintf(path, sizeof(path), "%s/x.conf", usr);
	file_put(path, bytes, sizeof(bytes));
	load();
	ck_assert_uint_eq(count_warnings(), 1);
}
END_TEST

/* ---- changes ---- */

START_TEST(test_refresh)
{
	char path[2 * PATH_MAX];
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	put(usr, "a.conf", "[Match]\nUnit=a" YES);
	load();
	ck_assert_int_eq(policy_refresh(policy), 0);
	/* A new file, one that changes without its directory, one in a new directory, one less. */
	put(etc, "b.conf", "[Match]\nUnit=b" YES);
	ck_assert_int_eq(policy_refresh(policy), 1);
	ck_assert_ptr_nonnull(decide("b.service", false, NULL).file);
	ck_assert_int_eq(policy_refresh(policy), 0);
	(void)snprintf(path, sizeof(path), "%s/b.conf", etc);
	put(etc, "b.conf", "[Match]\nUnit=c" YES);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	ck_assert_int_eq(policy_refresh(policy), 1);
	ck_assert_ptr_null(decide("b.service", false, NULL).file);
	ck_assert_ptr_nonnull(decide("c.service", false, NULL).file);
	ck_assert_int_eq(mkdir(run, 0700), 0);
	put(run, "d.conf", "[Match]\nUnit=d" YES);
	ck_assert_int_eq(policy_refresh(policy), 1);
	ck_assert_ptr_nonnull(decide("d.service", false, NULL).file);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(policy_refresh(policy), 1);
	ck_assert_ptr_null(decide("c.service", false, NULL).file);
	ck_assert_int_eq(policy_refresh(policy), 0);
}
END_TEST

START_TEST(test_packages_change)
{
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	put(usr, "a.conf", "[Match]\nPackage=p" YES);
	load();
	ck_assert_ptr_null(decide(NULL, false, "/usr/bin/p").file);
	put(info, "p.list", "/usr/bin/p\n");
	ck_assert_int_eq(utimensat(AT_FDCWD, info, times, 0), 0);
	ck_assert_ptr_nonnull(decide(NULL, false, "/usr/bin/p").file);
}
END_TEST

/* ---- names as people type them ---- */

START_TEST(test_find_name)
{
	static const struct {
		const char *name;
		const char *file; /* NULL: none */
	} names[] = {
		{"ssh", "10-unit.conf"},
		{"ssh.service", "10-unit.conf"},
		{"system:ssh", "10-unit.conf"},
		{"user:ssh", NULL},
		{"/usr/bin/vault", "20-executable.conf"},
		{"vault", "20-executable.conf"},
		{"screen", "30-package.conf"},
		{"/usr/bin/screen-4", "30-package.conf"},
		{"both", "50-later.conf"},
		{"twice", "20-executable.conf"},
		{"other", NULL},
		{"", NULL},
		{"/", NULL},
		{"a b", NULL},
	};

	put(info, "screen.list", "/usr/bin/screen-4\n");
	put(usr, "10-unit.conf", "[Match]\nUnit=system:ssh both twice" YES);
	put(usr, "20-executable.conf", "[Match]\nExecutable=vault twice" YES);
	put(usr, "30-package.conf", "[Match]\nPackage=screen both" YES);
	put(usr, "50-later.conf", "[Match]\nUnit=both" NO);
	load();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct policy_decision decision;

		policy_find_name(policy, names[i].name, &decision);
		if (names[i].file) {
			ck_assert_ptr_nonnull(decision.file);
			ck_assert_str_eq(decision.name, names[i].file);
		} else {
			ck_assert_ptr_null(decision.file);
		}
	}
}
END_TEST

START_TEST(test_reason_is_clean)
{
	put(usr, "a.conf", "[Match]\nUnit=a\n[Policy]\nCritical=yes\nReason=a\x1B[2Jb\xFF\n");
	load();
	ck_assert_str_eq(decide("a.service", false, NULL).reason, "a\xEF\xBF\xBD[2Jb\xEF\xBF\xBD");
}
END_TEST

/* The files that are installed. */
START_TEST(test_shipped)
{
	static const char *const shipped[] = {POLICY_DIRECTORY, NULL};
	struct policy_options options = {.directories = shipped, .dpkg_info = info};
	struct policy_decision decision;

	ck_assert_int_eq(policy_new(&options, &policy), 0);
	ck_assert_uint_eq(count_warnings(), 0);
	decision = decide("getty@tty1.service", false, NULL);
	ck_assert_ptr_nonnull(decision.file);
	ck_assert_str_ne(decision.reason, "");
	ck_assert_ptr_nonnull(decide("gdm.service", false, NULL).file);
	ck_assert_ptr_null(decide("gdm.service", true, NULL).file);
	ck_assert_ptr_nonnull(decide("NetworkManager.service", false, NULL).file);
	ck_assert_ptr_nonnull(decide(NULL, false, "/usr/bin/swaylock").file);
	ck_assert_ptr_null(decide("ssh.service", false, "/usr/sbin/sshd").file);
	ck_assert_ptr_null(decide("cups.service", false, "/usr/sbin/cupsd").file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy");
	TCase *tcase = fixture_case(suite, "policy");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_match, 0, ARRAY_SIZE(rows));
	tcase_add_test(tcase, test_last_decides);
	tcase_add_test(tcase, test_mask);
	tcase_add_test(tcase, test_other_names);
	tcase_add_loop_test(tcase, test_bad, 0, ARRAY_SIZE(bad));
	tcase_add_test(tcase, test_bad_files);
	tcase_add_loop_test(tcase, test_garbage, 0, 30);
	tcase_add_test(tcase, test_refresh);
	tcase_add_test(tcase, test_packages_change);
	tcase_add_test(tcase, test_find_name);
	tcase_add_test(tcase, test_reason_is_clean);
	tcase_add_test(tcase, test_shipped);
	return fixture_run(suite);
}
