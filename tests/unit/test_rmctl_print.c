/* SPDX-License-Identifier: MIT */
/*
 * What rmctl prints about applications, from lists that are made up here: the table, the long form,
 * what is stale, process ids and JSON. Whatever bytes paths have, no control reaches the output.
 */
#include <check.h>
#include <json-c/json.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "client/rmctl/completeness.h"
#include "client/rmctl/print_applications.h"
#include "client/rmctl/print_filters.h"
#include "proto/base.h"
#include "proto/text.h"
#include "tests/unit/fixture.h"

#define HOSTILE "/tmp/\033[2J\nroot\xff\xe2\x80\xae"

static const struct rm_use sshd_uses[] = {
	{RM_USE_EXECUTABLE, "/usr/sbin/sshd", "", 0, 1, 0},
	{RM_USE_MAPPING, "/lib/libc.so.6", "", 0, 0, 0},
};
static const struct rm_use evil_uses[] = {
	{RM_USE_DESCRIPTOR, HOSTILE, "", 7, 0, 0},
	{RM_USE_WORKING_DIRECTORY, "/tmp", HOSTILE, 0, 0, 0},
};
static const struct rm_application_process sshd_processes[] = {
	{{812, 0, 1234, "sshd"}, sshd_uses, 2, 2},
	{{900, 0, 1300, "sshd"}, sshd_uses, 1, 65},
};
static const struct rm_application_process evil_processes[] = {
	{{4711, 65534, 99, "evil"}, evil_uses, 2, 2}};
static const struct rm_application_process init_processes[] = {
	{{1, 0, 5, "systemd"}, sshd_uses + 1, 1, 1}};

static const struct rm_application applications[] = {
	{.process = {812, 0, 1234, "sshd"},
	 .name = "OpenBSD Secure Shell server",
	 .service = "ssh.service",
	 .unit = "ssh.service",
	 .executable = "/usr/sbin/sshd",
	 .container = "",
	 .type = 3,
	 .status = 1,
	 .ts_session = 0,
	 .is_restartable = 1,
	 .why = "a process of a service",
	 .why_not_restartable = "",
	 .policy = "",
	 .processes = sshd_processes,
	 .n_processes_listed = 2,
	 .n_processes = 300},
	{.process = {4711, 65534, 99, "evil"},
	 .name = "evil",
	 .service = "",
	 .unit = "user:app.slice",
	 .executable = HOSTILE,
	 .container = "",
	 .type = 0,
	 .status = 0x41,
	 .ts_session = 0xFFFFFFFF,
	 .is_restartable = 0,
	 .why = "",
	 .why_not_restartable = "not registered",
	 .policy = "",
	 .processes = evil_processes,
	 .n_processes_listed = 1,
	 .n_processes = 1},
	{.process = {1, 0, 5, "systemd"},
	 .name = "systemd",
	 .service = "",
	 .unit = "init.scope",
	 .executable = "/lib/systemd/systemd",
	 .container = "",
	 .type = 1000,
	 .status = 1,
	 .reasons = 4,
	 .ts_session = 0,
	 .why = "it is the first process",
	 .why_not_restartable = "critical",
	 .policy = "/etc/rstrtmgr/policy.d/x",
	 .processes = init_processes,
	 .n_processes_listed = 1,
	 .n_processes = 1},
};

static const struct rm_unchecked unchecked[] = {
	{"", "not permitted", 12},
	{HOSTILE, "does not answer", 1},
};

static struct rm_application_list make_list(void)
{
	return (struct rm_application_list){
		.n_applications = ARRAY_SIZE(applications),
		.applications = applications,
		.reasons = 4,
		.n_processes = 412,
		.n_files = 3,
		.kernel_running = "",
		.kernel_installed = "",
	};
}

static struct rm_application_list make_incomplete(void)
{
	struct rm_application_list list = make_list();

	list.n_not_inspected = 15;
	list.n_files_unchecked = 3;
	list.unchecked = unchecked;
	list.n_unchecked = ARRAY_SIZE(unchecked);
	list.unseen = unchecked + 1;
	list.n_unseen = 1;
	return list;
}

/* ---- what was printed ---- */

struct capture {
	int memory;
	int stdout_copy;
};

static struct capture capture_begin(void)
{
	struct capture capture;

	ck_assert_int_eq(fflush(stdout), 0);
	capture.stdout_copy = dup(STDOUT_FILENO);
	capture.memory = memfd_create("stdout", MFD_CLOEXEC);
	ck_assert_int_ge(dup2(capture.memory, STDOUT_FILENO), 0);
	return capture;
}

/* Free it; `ret_size` may be NULL. */
static char *capture_end(struct capture capture, size_t *ret_size)
{
	char *text;
	off_t size;

	ck_assert_int_eq(fflush(stdout), 0);
	ck_assert_int_ge(dup2(capture.stdout_copy, STDOUT_FILENO), 0);
	ck_assert_int_eq(close(capture.stdout_copy), 0);
	size = lseek(capture.memory, 0, SEEK_END);
	ck_assert_int_ge(size, 0);
	text = calloc(1, (size_t)size + 1);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(pread(capture.memory, text, (size_t)size, 0), size);
	ck_assert_int_eq(close(capture.memory), 0);
	if (ret_size) {
		*ret_size = (size_t)size;
	}
	return text;
}

static char *print_with(void (*print)(const struct rm_application_list *list, bool colors),
			const struct rm_application_list *list)
{
	struct capture capture = capture_begin();

	print(list, false);
	return capture_end(capture, NULL);
}

static void expect_text(const char *text, const char *expected)
{
	ck_assert_msg(strstr(text, expected) != NULL, "there is no '%s' in:\n%s", expected, text);
}

static void expect_no_text(const char *text, const char *unexpected)
{
	ck_assert_msg(strstr(text, unexpected) == NULL, "there is '%s' in:\n%s", unexpected, text);
}

/* Nothing but lines of clean text, and in a locale without UTF-8 of ASCII. */
static void expect_clean(const char *text, bool is_utf8)
{
	for (const char *at = text; *at; at++) {
		ck_assert_msg(*at == '\n' || text_is_clean(at, 1) || (is_utf8 && (*at & 0x80)),
			      "byte 0x%02x in:\n%s", (unsigned char)*at, text);
	}
}

static void set_locale(bool is_utf8)
{
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, is_utf8 ? "C.UTF-8" : "C"));
}

/* ---- for people ---- */

START_TEST(test_table)
{
	struct rm_application_list list = make_list();
	_cleanup_(freep) char *text = NULL;

	set_locale(true);
	text = print_with(print_applications_table, &list);
	expect_text(text, "APPLICATION");
	expect_text(text, "OpenBSD Secure Shell server");
	expect_text(text, "812 +299");
	expect_text(text, "ssh.service");
	expect_text(text, "exe sshd (old), maps libc.so.6");
	expect_text(text, "fd 7 \\x1b[2J\\nroot\\xff\\xe2\\x80\\xae");
	expect_text(text, "not registered; a filter keeps it running");
	expect_text(text, "A reboot is needed");
	expect_text(text, "systemd (1) critical-process: it is the first process");
	expect_text(text, "412 processes were inspected");
	expect_no_text(text, "Nobody");
	expect_no_text(text, "ot everything");
	expect_clean(text, true);
}
END_TEST

/* All forms, complete or not, in both kinds of locale. */
START_TEST(test_no_controls)
{
	void (*const forms[])(const struct rm_application_list *list, bool colors) = {
		print_applications_table, print_applications_long, print_applications_stale};
	struct rm_application_list list = _i & 1 ? make_incomplete() : make_list();

	set_locale(_i & 2);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		_cleanup_(freep) char *text = print_with(forms[i], &list);

		ck_assert_str_ne(text, "");
		expect_clean(text, _i & 2);
	}
}
END_TEST

START_TEST(test_nobody)
{
	struct rm_application_list list = make_list();
	_cleanup_(freep) char *files = NULL, *none = NULL;

	list.n_applications = 0;
	list.reasons = 0;
	files = print_with(print_applications_table, &list);
	ck_assert_str_eq(files, "Nobody uses these files.\n");
	list.n_files = 0;
	none = print_with(print_applications_long, &list);
	ck_assert_str_eq(none, "Nothing of this is running.\n");
}
END_TEST

/* "Nobody" is never said when something is not known; loop: each of the three ways. */
START_TEST(test_nobody_is_known)
{
	struct rm_application_list list = make_list();
	_cleanup_(freep) char *table = NULL, *stale = NULL;

	list.n_applications = 0;
	list.reasons = 0;
	list.n_not_inspected = _i == 0;
	list.n_files_unchecked = _i == 1;
	list.unseen = unchecked + 1;
	list.n_unseen = _i == 2;
	table = print_with(print_applications_table, &list);
	stale = print_with(print_applications_stale, &list);
	expect_no_text(table, "Nobody");
	expect_text(table, "not everything could be inspected");
	expect_no_text(stale, "Nobody");
	expect_text(stale, "not everything could be inspected");
}
END_TEST

START_TEST(test_completeness)
{
	struct rm_application_list list = make_incomplete();
	_cleanup_(freep) char *text = NULL;
	struct capture capture = capture_begin();

	completeness_print(&list, "> ", stdout);
	text = capture_end(capture, NULL);
	expect_text(text, "> 12 processes could not be inspected (not permitted)");
	expect_text(text, "> 3 processes could not be inspected");
	expect_text(text, "was not checked: does not answer\n");
	expect_text(text, "> 2 more files were not checked\n");
	expect_text(text, "is in use by nobody who can be seen");
	expect_clean(text, false);
}
END_TEST

START_TEST(test_long)
{
	struct rm_application_list list = make_list();
	_cleanup_(freep) char *text = print_with(print_applications_long, &list);

	expect_text(text, "OpenBSD Secure Shell server\n  Kind        service\n");
	expect_text(text, "executable        /usr/sbin/sshd (old version)\n");
	expect_text(text, "and 64 more uses\n");
	expect_text(text, "and 298 more processes\n");
	expect_text(text, "working directory /tmp, as /tmp/\\x1b[2J\\nroot");
	expect_text(text, "Reboot      critical-process\n");
	expect_text(text, "Policy      /etc/rstrtmgr/policy.d/x\n");
}
END_TEST

START_TEST(test_many_reasons)
{
	struct rm_application many[15];
	struct rm_application_list list = make_list();
	_cleanup_(freep) char *text = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = applications[2];
	}
	list.applications = many;
	list.n_applications = ARRAY_SIZE(many);
	text = print_with(print_applications_table, &list);
	expect_text(text, "  and 5 more; --long tells of all\n");
}
END_TEST

START_TEST(test_stale)
{
	struct rm_application old_init = applications[2];
	struct rm_application_process process = init_processes[0];
	struct rm_application_list list = make_list();
	struct rm_application all[3];
	_cleanup_(freep) char *text = NULL;

	process.uses = sshd_uses;
	old_init.processes = &process;
	all[0] = old_init;
	all[1] = applications[1];
	all[2] = applications[0];
	list.applications = all;
	list.kernel_running = "6.1.0-18-amd64";
	list.kernel_installed = "6.1.0-20-amd64";
	list.kernel_is_stale = 1;
	text = print_with(print_applications_stale, &list);
	expect_text(text, "Kernel\n  6.1.0-18-amd64 runs, 6.1.0-20-amd64 is installed: reboot\n");
	expect_text(text, "Services to restart\n  ssh.service 812 +299 root sshd, more\n");
	expect_text(text, "Applications to restart\n  evil");
	expect_text(text, "systemctl daemon-reexec");
	ck_assert(strstr(text, "Services") < strstr(text, "Applications"));
	ck_assert(strstr(text, "Applications") < strstr(text, "daemon-reexec"));
	expect_no_text(text, "Nobody");
}
END_TEST

START_TEST(test_nothing_is_stale)
{
	struct rm_application_list list = make_list();
	_cleanup_(freep) char *text = NULL;

	list.n_applications = 0;
	list.kernel_running = "6.1.0";
	list.kernel_installed = "6.1.0";
	text = print_with(print_applications_stale, &list);
	ck_assert_str_eq(text, "Kernel\n  6.1.0 runs, the newest that is installed\n"
			       "Nobody runs a deleted or replaced file.\n");
}
END_TEST

/* ---- for programs ---- */

START_TEST(test_pids)
{
	struct rm_application_list list = make_list();
	struct capture capture = capture_begin();
	_cleanup_(freep) char *lines = NULL, *nuls = NULL;
	size_t size;

	print_applications_pids(&list, false);
	lines = capture_end(capture, NULL);
	ck_assert_str_eq(lines, "812\n900\n4711\n1\n");
	capture = capture_begin();
	print_applications_pids(&list, true);
	nuls = capture_end(capture, &size);
	ck_assert_uint_eq(size, sizeof("812\0"
				       "900\0"
				       "4711\0"
				       "1"));
	ck_assert_mem_eq(nuls,
			 "812\0"
			 "900\0"
			 "4711\0"
			 "1",
			 size);
}
END_TEST

static struct json_object *print_json(const struct rm_application_list *list)
{
	struct capture capture = capture_begin();
	_cleanup_(freep) char *text = NULL;
	struct json_object *document;

	print_applications_json(list);
	text = capture_end(capture, NULL);
	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
	ck_assert(text_is_clean(text, strlen(text) - 1));
	document = json_tokener_parse(text);
	ck_assert_ptr_nonnull(document);
	return document;
}

static struct json_object *member(struct json_object *object, const char *path)
{
	struct json_object *found = NULL;

	ck_assert_msg(json_pointer_get(object, path, &found) == 0, "there is no %s", path);
	return found;
}

static const char *text_at(struct json_object *object, const char *path)
{
	return json_object_get_string(member(object, path));
}

START_TEST(test_json)
{
	struct rm_application_list list = make_list();
	struct json_object *document = print_json(&list);

	ck_assert_uint_eq(json_object_array_length(member(document, "/applications")), 3);
	ck_assert_str_eq(text_at(document, "/applications/0/type"), "service");
	ck_assert_str_eq(text_at(document, "/applications/0/status"), "[ \"running\" ]");
	ck_assert_int_eq(json_object_get_int(member(document, "/applications/0/process/pid")), 812);
	ck_assert_int_eq(json_object_get_int(member(document, "/applications/0/login_session")), 0);
	ck_assert_ptr_null(member(document, "/applications/1/login_session"));
	ck_assert_ptr_null(member(document, "/applications/1/service"));
	ck_assert(json_object_get_boolean(member(document, "/applications/0/restartable")));
	ck_assert_str_eq(text_at(document, "/applications/0/processes/0/uses/0/kind"),
			 "executable");
	ck_assert(json_object_get_boolean(
		member(document, "/applications/0/processes/0/uses/0/deleted")));
	ck_assert_ptr_null(member(document, "/applications/0/processes/0/uses/0/fd"));
	ck_assert_ptr_null(member(document, "/applications/0/processes/0/uses/0/actual"));
	ck_assert_int_eq(
		json_object_get_int(member(document, "/applications/0/processes/1/uses_total")),
		65);
	ck_assert_str_eq(text_at(document, "/applications/2/reasons/0"), "critical-process");
	ck_assert_str_eq(text_at(document, "/applications/2/needs"), "reexec");
	ck_assert_str_eq(text_at(document, "/reasons/0"), "critical-process");
	ck_assert(json_object_get_boolean(member(document, "/complete")));
	ck_assert_ptr_null(member(document, "/kernel"));
	ck_assert_int_eq(json_object_put(document), 1);
}
END_TEST

/* A path that is no text has its bytes beside it, and only such a one. */
START_TEST(test_json_bytes)
{
	struct rm_application_list list = make_incomplete();
	struct json_object *document = print_json(&list);
	struct json_object *none;
	static const char base64[] = "L3RtcC8bWzJKCnJvb3T/4oCu";

	ck_assert_str_eq(text_at(document, "/applications/1/processes/0/uses/0/path_bytes"),
			 base64);
	ck_assert_str_eq(text_at(document, "/applications/1/processes/0/uses/1/actual_bytes"),
			 base64);
	ck_assert_str_eq(text_at(document, "/applications/1/executable_bytes"), base64);
	ck_assert_str_eq(text_at(document, "/inspection/unchecked/1/path_bytes"), base64);
	ck_assert_str_eq(text_at(document, "/inspection/unseen/0/path_bytes"), base64);
	ck_assert_ptr_null(member(document, "/inspection/unchecked/0/path"));
	ck_assert_int_ne(json_pointer_get(document, "/applications/0/executable_bytes", &none), 0);
	ck_assert(!json_object_get_boolean(member(document, "/complete")));
	ck_assert_int_eq(
		json_object_get_int(member(document, "/inspection/processes_not_inspected")), 15);
	ck_assert_int_eq(json_object_put(document), 1);
}
END_TEST

START_TEST(test_json_kernel)
{
	struct rm_application_list list = make_list();
	struct json_object *document;

	list.kernel_running = "6.1";
	list.kernel_is_stale = 1;
	document = print_json(&list);
	ck_assert_str_eq(text_at(document, "/kernel/running"), "6.1");
	ck_assert_ptr_null(member(document, "/kernel/installed"));
	ck_assert(json_object_get_boolean(member(document, "/kernel/stale")));
	ck_assert_int_eq(json_object_put(document), 1);
}
END_TEST

/* ---- filters ---- */

START_TEST(test_filters)
{
	const struct rm_process_id process = {.pid = 4711, .start_time = 99};
	const struct rm_filter filters[] = {
		{.executable = HOSTILE, .action = 1},
		{.process = &process, .action = 2},
		{.service = "ssh.service", .action = 2},
	};
	const struct rm_filters list = {.n_filters = ARRAY_SIZE(filters), .filters = filters};
	const struct rm_filters none = {0};
	struct capture capture = capture_begin();
	_cleanup_(freep) char *table = NULL, *json = NULL, *empty = NULL;
	struct json_object *document;

	set_locale(true);
	print_filters_table(&list, false);
	table = capture_end(capture, NULL);
	expect_text(table, "executable /tmp/\\x1b[2J\\nroot\\xff\\xe2\\x80\\xae no-restart\n");
	expect_text(table, "process    4711");
	expect_text(table, "service    ssh.service");
	expect_clean(table, true);
	capture = capture_begin();
	print_filters_json(&list);
	json = capture_end(capture, NULL);
	document = json_tokener_parse(json);
	ck_assert_ptr_nonnull(document);
	ck_assert_str_eq(text_at(document, "/filters/0/executable_bytes"),
			 "L3RtcC8bWzJKCnJvb3T/4oCu");
	ck_assert_ptr_null(member(document, "/filters/0/process"));
	ck_assert_int_eq(json_object_get_int(member(document, "/filters/1/process/start_time")),
			 99);
	ck_assert_str_eq(text_at(document, "/filters/2/service"), "ssh.service");
	ck_assert_str_eq(text_at(document, "/filters/2/action"), "no-shutdown");
	ck_assert_int_eq(json_object_put(document), 1);
	capture = capture_begin();
	print_filters_table(&none, false);
	empty = capture_end(capture, NULL);
	ck_assert_str_eq(empty, "no filters\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rmctl_print");
	TCase *people = fixture_case(suite, "people");
	TCase *programs = fixture_case(suite, "programs");

	tcase_add_test(people, test_table);
	tcase_add_loop_test(people, test_no_controls, 0, 4);
	tcase_add_test(people, test_nobody);
	tcase_add_loop_test(people, test_nobody_is_known, 0, 3);
	tcase_add_test(people, test_completeness);
	tcase_add_test(people, test_long);
	tcase_add_test(people, test_many_reasons);
	tcase_add_test(people, test_stale);
	tcase_add_test(people, test_nothing_is_stale);

	tcase_add_test(programs, test_pids);
	tcase_add_test(programs, test_json);
	tcase_add_test(programs, test_json_bytes);
	tcase_add_test(programs, test_json_kernel);
	tcase_add_test(programs, test_filters);
	return fixture_run(suite);
}
