/* SPDX-License-Identifier: MIT */
/* Names for people: unit files, templates, desktop entries, and whose files are looked at. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/scan/display_name.h"
#include "tests/unit/fixture.h"

static const struct {
	const char *text;
	const char *unit;
	const char *name; /* NULL: none */
} unit_files[] = {
	{"[Unit]\nDescription=OpenSSH server\n", "a.service", "OpenSSH server"},
	{"[Unit]\nDescription = OpenSSH  server \t\r\n", "a.service", "OpenSSH  server"},
	{"# x\n[Service]\nDescription=no\n[Unit]\nDescription=yes", "a.service", "yes"},
	{"[Unit]\nDescription=one\nDescription=two\n", "a.service", "two"},
	{"[Unit]\nDescription=one\nDescription=\n", "a.service", NULL},
	{"[Unit]\nDescription=one \\\n  and more\n", "a.service", "one  and more"},
	{"[Unit]\nDescription=a\n[Install]\nDescription=b\n", "a.service", "a"},
	{"[Unit]\nDescriptions=a\n", "a.service", NULL},
	{"[Unit]\n#Description=a\n", "a.service", NULL},
	{"Description=a\n", "a.service", NULL},
	{"", "a.service", NULL},
	{"[Unit]\nDescription", "a.service", NULL},
	{"[Unit]\nDescription=Getty on %I\n", "getty@tty1.service", "Getty on tty1"},
	{"[Unit]\nDescription=%i|%I\n", "x@a\\x2db-c.service", "a\\x2db-c|a-b/c"},
	{"[Unit]\nDescription=%n %N %p %%\n", "a-b@i.service", "a-b@i.service a-b@i a-b %"},
	{"[Unit]\nDescription=%j %P\n", "a-b.service", "b a/b"},
	{"[Unit]\nDescription=%i%I.\n", "a.service", "."},
	{"[Unit]\nDescription=%H %\n", "a.service", "%H %"},
	{"[Unit]\nDescription=a\x1B[2Jb\n", "a.service", "a\xEF\xBF\xBD[2Jb"},
	{"[Unit]\nDescription=%I\n", "x@\\x1b.service", "\xEF\xBF\xBD"},
};

START_TEST(test_parse_unit)
{
	size_t size = strlen(unit_files[_i].text);
	char *copy = malloc(size + 1);
	char name[MAX_NAME_BYTES + 1];
	bool found;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, unit_files[_i].text, size);
	found = display_name_parse_unit(copy, size, unit_files[_i].unit, name);
	free(copy);
	ck_assert_int_eq(found, unit_files[_i].name != NULL);
	if (found) {
		ck_assert_str_eq(name, unit_files[_i].name);
	}
}
END_TEST

START_TEST(test_parse_entry)
{
	static const struct {
		const char *text;
		const char *name;
	} rows[] = {
		{"[Desktop Entry]\nName=Firefox\nName[de]=Feuerfuchs\n", "Firefox"},
		{"[Desktop Entry]\nName[de]=Feuerfuchs\n", NULL},
		{"[Desktop Entry]\nName=A\\sB\\\\C\\n\n", "A B\\C "},
		{"[Desktop Entry]\nGenericName=x\n[Desktop Action new]\nName=New\n", NULL},
		{"[Desktop Entry]\nName=A\\\nB\n", "A\\"},
		{"[Desktop Entry]\nName=", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char name[MAX_NAME_BYTES + 1];
		bool found = display_name_parse_entry(rows[i].text, strlen(rows[i].text), name);

		ck_assert_int_eq(found, rows[i].name != NULL);
		if (found) {
			ck_assert_str_eq(name, rows[i].name);
		}
	}
}
END_TEST

START_TEST(test_long_and_garbage)
{
	struct random random = {.state = (uint64_t)_i};
	static char text[8192] = "[Unit]\nDescription=";
	char name[MAX_NAME_BYTES + 1];

	memset(text + 19, 'a', 1000);
	ck_assert(display_name_parse_unit(text, 1019, "a.service", name));
	ck_assert_uint_eq(strlen(name), MAX_NAME_BYTES);
	memset(text + 19, 'a', sizeof(text) - 19); /* longer than any name is read */
	(void)display_name_parse_unit(text, sizeof(text), "a.service", name);
	for (size_t i = 19; i + 1 < sizeof(text); i += 2) {
		memcpy(text + i, "%n", 2);
	}
	(void)display_name_parse_unit(text, 2000, "a.service", name);
	random_fill(&random, text + 19, sizeof(text) - 19);
	(void)display_name_parse_unit(text, sizeof(text), "a.service", name);
	(void)display_name_parse_entry(text, sizeof(text), name);
}
END_TEST

/* ---- where they are looked for ---- */

static struct display_places places;
static struct process_facts facts;
static char root[PATH_MAX / 2];
static char runtime[PATH_MAX];
static char name_found[MAX_NAME_BYTES + 1];

static void put(const char *directory, const char *path, const char *text)
{
	char full[2 * PATH_MAX];

	(void)snprintf(full, sizeof(full), "%s/%s", directory, path);
	for (char *at = full + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		(void)mkdir(full, 0700);
		*at = '/';
	}
	file_put(full, text, strlen(text));
}

static void set_up(void)
{
	(void)snprintf(root, sizeof(root), "%s", fixture_path("root"));
	(void)snprintf(runtime, sizeof(runtime), "%s", fixture_path("runtime"));
	places = (struct display_places){
		.root = root, .own_uid = 1000, .runtime_directory = runtime};
	(void)snprintf(places.config_home, sizeof(places.config_home), "%s",
		       fixture_path("config"));
	(void)snprintf(places.data_home, sizeof(places.data_home), "%s", fixture_path("data"));
	facts = (struct process_facts){.comm = "comm", .known = FACT_CGROUP | FACT_EXE};
	facts.exe = strdup("/usr/sbin/sshd");
	ck_assert_ptr_nonnull(facts.exe);
}

static void tear_down(void)
{
	process_facts_done(&facts);
}

static const char *find(const char *cgroup)
{
	cgroup_parse(cgroup, strlen(cgroup), &facts.cgroup);
	display_name_find(&places, &facts, name_found);
	return name_found;
}

#define SSH "0::/system.slice/ssh.service\n"
#define MINE "0::/user.slice/user-1000.slice/user@1000.service/app.slice/"
#define THEIRS "0::/user.slice/user-1001.slice/user@1001.service/app.slice/"

START_TEST(test_system_unit)
{
	char path[PATH_MAX];

	ck_assert_str_eq(find(SSH), "ssh.service"); /* as systemd shows it */
	put(root, "usr/lib/systemd/system/ssh.service", "[Unit]\nDescription=vendor\n");
	ck_assert_str_eq(find(SSH), "vendor");
	put(root, "etc/systemd/system/ssh.service", "[Unit]\nDescription=admin\n");
	ck_assert_str_eq(find(SSH), "admin");
	put(root, "run/systemd/transient/ssh.service", "[Unit]\nDescription=transient\n");
	ck_assert_str_eq(find(SSH), "transient");
	put(root, "run/systemd/transient/ssh.service", "[Unit]\n"); /* hides those below it */
	ck_assert_str_eq(find(SSH), "ssh.service");
	(void)snprintf(path, sizeof(path), "%s/run/systemd/transient/ssh.service", root);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0); /* is not waited for */
	ck_assert_str_eq(find(SSH), "ssh.service");
}
END_TEST

START_TEST(test_template)
{
	put(root, "lib/systemd/system/getty@.service", "[Unit]\nDescription=Getty on %I\n");
	ck_assert_str_eq(find("0::/system.slice/system-getty.slice/getty@tty1.service\n"),
			 "Getty on tty1");
	put(root, "etc/systemd/system/getty@tty1.service", "[Unit]\nDescription=mine\n");
	ck_assert_str_eq(find("0::/system.slice/system-getty.slice/getty@tty1.service\n"), "mine");
}
END_TEST

START_TEST(test_user_unit)
{
	put(places.config_home, "systemd/user/a.service", "[Unit]\nDescription=own\n");
	ck_assert_str_eq(find(MINE "a.service\n"), "own");
	/* Never what another user has written (A71). */
	ck_assert_str_eq(find(THEIRS "a.service\n"), "a.service");
	put(root, "usr/lib/systemd/user/a.service", "[Unit]\nDescription=vendor\n");
	ck_assert_str_eq(find(THEIRS "a.service\n"), "vendor");
	ck_assert_str_eq(find(MINE "a.service\n"), "own");
	put(runtime, "systemd/transient/a.service", "[Unit]\nDescription=transient\n");
	ck_assert_str_eq(find(MINE "a.service\n"), "transient");
	/* The system's unit of the same name is another one. */
	ck_assert_str_eq(find("0::/system.slice/a.service\n"), "a.service");
}
END_TEST

START_TEST(test_desktop_entry)
{
	char list[2 * PATH_MAX];

	put(places.data_home, "applications/org.x.Y.desktop", "[Desktop Entry]\nName=Own\n");
	ck_assert_str_eq(find(MINE "app-gnome-org.x.Y-1.scope\n"), "Own");
	ck_assert_str_eq(find(THEIRS "app-gnome-org.x.Y-1.scope\n"), "sshd");
	put(root, "usr/share/applications/org.x.Y.desktop", "[Desktop Entry]\nName=Vendor\n");
	ck_assert_str_eq(find(THEIRS "app-gnome-org.x.Y-1.scope\n"), "Vendor");
	ck_assert_str_eq(find(MINE "app-org.x.Y@autostart.service\n"), "Own");
	put(root, "elsewhere/applications/org.x.Z.desktop", "[Desktop Entry]\nName=Listed\n");
	(void)snprintf(list, sizeof(list), "relative:/nowhere:/elsewhere");
	places.data_directories = list;
	ck_assert_str_eq(find(MINE "app-org.x.Z-1.scope\n"), "Listed");
	ck_assert_str_eq(find(THEIRS "app-org.x.Z-1.scope\n"), "sshd");
}
END_TEST

/* An id that leads out of the directory. */
START_TEST(test_hostile_id)
{
	put(root, "usr/share/evil.desktop", "[Desktop Entry]\nName=Evil\n");
	ck_assert_str_eq(find(MINE "app-..\\x2f..\\x2fevil-1.scope\n"), "sshd");
	ck_assert_str_eq(find(MINE "app-..\\x2fevil-1.scope\n"), "sshd");
	put(root, "usr/share/applications/a/x.desktop", "[Desktop Entry]\nName=Sub\n");
	ck_assert_str_eq(find(MINE "app-a\\x2f..\\x2f..\\x2fevil-1.scope\n"), "sshd");
	ck_assert_str_eq(find(MINE "app-a\\x2fx-1.scope\n"), "sshd");
	ck_assert_str_eq(find(MINE "app-\\x2e\\x2e-1.scope\n"), "sshd");
}
END_TEST

START_TEST(test_fallbacks)
{
	ck_assert_str_eq(find("0::/\n"), "sshd");
	ck_assert_str_eq(find(MINE "app-none@1.service\n"), "sshd");
	facts.known = FACT_CGROUP;
	ck_assert_str_eq(find("0::/\n"), "comm");
	memcpy(facts.comm, "a\x1B\nb", 5);
	ck_assert_str_eq(find("0::/\n"), "a\xEF\xBF\xBD\xEF\xBF\xBD"
					 "b");
	facts.comm[0] = '\0';
	ck_assert_str_eq(find("0::/\n"), "?");
	facts.known = 0;
	ck_assert_str_eq(find(SSH), "?");
}
END_TEST

START_TEST(test_places)
{
	ck_assert_int_eq(setenv("HOME", "/home/x", 1), 0);
	ck_assert_int_eq(unsetenv("XDG_CONFIG_HOME"), 0);
	ck_assert_int_eq(setenv("XDG_DATA_HOME", "/data", 1), 0);
	display_places_init(&places, false);
	ck_assert_str_eq(places.config_home, "/home/x/.config");
	ck_assert_str_eq(places.data_home, "/data");
	ck_assert_int_eq(setenv("HOME", "relative", 1), 0);
	display_places_init(&places, false);
	ck_assert_str_eq(places.config_home, "");
	display_places_init(&places, true); /* the machine's broker trusts no environment */
	ck_assert_str_eq(places.data_home, "");
	ck_assert_ptr_null(places.runtime_directory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("display_name");
	TCase *tcase = fixture_case(suite, "parsers");

	tcase_add_loop_test(tcase, test_parse_unit, 0, ARRAY_SIZE(unit_files));
	tcase_add_test(tcase, test_parse_entry);
	tcase_add_loop_test(tcase, test_long_and_garbage, 0, 20);
	tcase = fixture_case(suite, "files");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_system_unit);
	tcase_add_test(tcase, test_template);
	tcase_add_test(tcase, test_user_unit);
	tcase_add_test(tcase, test_desktop_entry);
	tcase_add_test(tcase, test_hostile_id);
	tcase_add_test(tcase, test_fallbacks);
	tcase_add_test(tcase, test_places);
	return fixture_run(suite);
}
