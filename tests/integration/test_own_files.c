/* SPDX-License-Identifier: MIT */
/*
 * What the broker does about itself: it and its workers are never listed, and when its own files
 * were replaced the new version takes over (A23). And whom the configuration takes out (A76).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/rstrtmgr.h"
#include "proto/procfs.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/listed.h"
#include "tests/support/testing.h"

#define SHUTDOWN_MASKED 0x40u

static void copy_program(const char *from, const char *to)
{
	static char buffer[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t n;

	ck_assert_int_ge(in, 0);
	ck_assert_int_ge(out, 0);
	while ((n = read(in, buffer, sizeof(buffer))) > 0) {
		ck_assert_int_eq(write(out, buffer, (size_t)n), n);
	}
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(fchmod(out, 0755), 0);
	ck_assert_int_eq(close(in), 0);
	ck_assert_int_eq(close(out), 0);
}

static bool has_taken_over(void *arg)
{
	char *log = log_read();
	const char *first = strstr(log, "ready version");
	bool has = first && strstr(first + 1, "ready version");

	(void)arg;
	free(log);
	return has;
}

static void read_exe(pid_t pid, char ret_path[PATH_MAX])
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, ret_path, PATH_MAX - 1);
	ck_assert_int_gt(n, 0);
	ret_path[n] = '\0';
}

/* The package of the broker itself is upgraded: its sessions live on in the new version. */
START_TEST(test_renewed)
{
	const char *program = fixture_path("brokerd");
	const char *other = fixture_path("brokerd.new");
	struct rm_application_list *list;
	struct rm_session *session;
	char exe[PATH_MAX];

	copy_program(testing_brokerd(), program);
	ck_assert_int_eq(setenv("RM_BROKERD", program, 1), 0);
	broker_start();
	session = listed_session(program);
	copy_program(program, other);
	ck_assert_int_eq(rename(other, program), 0);
	ck_assert_int_eq(rm_session_list(session, 0, &list), 0);
	ck_assert_uint_eq(list->n_applications, 0); /* it runs the old version, but is not listed */
	rm_application_list_free(list);
	ck_assert(testing_wait(has_taken_over, NULL, 10000));
	read_exe(fixture.pid, exe);
	ck_assert_str_eq(exe, program);
	ck_assert_int_eq(rm_session_list(session, 0, &list), 0);
	ck_assert_uint_eq(list->n_files, 1);
	rm_application_list_free(list);
	ck_assert_int_eq(rm_session_end(session), 0);
}
END_TEST

/* Without a new version that can be run the old one goes on. */
START_TEST(test_not_renewed)
{
	const char *program = fixture_path("brokerd");
	struct rm_application_list *list;
	struct rm_session *session;

	copy_program(testing_brokerd(), program);
	ck_assert_int_eq(setenv("RM_BROKERD", program, 1), 0);
	broker_start();
	session = listed_session(program);
	ck_assert_int_eq(unlink(program), 0);
	ck_assert_int_eq(rm_session_list(session, 0, &list), 0);
	rm_application_list_free(list);
	ck_assert(testing_wait(has_taken_over, NULL, 10000));
	ck_assert_int_eq(rm_session_list(session, 0, &list), 0);
	ck_assert_uint_eq(list->n_files, 1);
	rm_application_list_free(list);
	ck_assert_int_eq(rm_session_end(session), 0);
}
END_TEST

/* 0: it has gone. */
static pid_t parent_of(pid_t pid)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct procfs_stat stat;
	int r;

	ck_assert_int_ge(proc_fd, 0);
	r = procfs_read_stat(proc_fd, pid, &stat);
	ck_assert_int_eq(close(proc_fd), 0);
	return r < 0 ? 0 : stat.parent;
}

/* The broker and its workers use their program, and nobody is told. */
START_TEST(test_never_listed)
{
	const char *program;
	struct rm_application_list *list;
	struct rm_session *session;
	char path[PATH_MAX];

	broker_start();
	ck_assert_ptr_nonnull(realpath(testing_brokerd(), path));
	program = path;
	session = listed_session(program);
	ck_assert_int_eq(rm_session_list(session, 0, &list), 0);
	/* Those of other brokers of this machine may be there, ours not. */
	for (size_t i = 0; i < list->n_applications; i++) {
		ck_assert_uint_ne(list->applications[i].process.pid, (uint32_t)fixture.pid);
		ck_assert_int_ne(parent_of((pid_t)list->applications[i].process.pid), fixture.pid);
	}
	rm_application_list_free(list);
	ck_assert_int_eq(rm_session_end(session), 0);
}
END_TEST

static pid_t start_child(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	return pid;
}

/* What NeverStop= names, by each of its kinds: the program, and the user. */
static void check_never_stop(const char *word, bool is_meant)
{
	const struct rm_application *application;
	struct rm_application_list *list;
	struct rm_session *session;
	char config[PATH_MAX + 64];
	char exe[PATH_MAX];
	pid_t child = start_child();

	(void)snprintf(config, sizeof(config), "[Policy]\nNeverStop=%s\n", word);
	fixture_set_config(config);
	broker_start();
	read_exe(child, exe);
	session = listed_session(exe);
	ck_assert_int_eq(rm_session_list(session, 0, &list), 0);
	application = listed_find(list, (uint32_t)child);
	ck_assert_ptr_nonnull(application);
	ck_assert_int_eq((application->status & SHUTDOWN_MASKED) != 0, is_meant);
	ck_assert_int_eq(strstr(application->why, "NeverStop=") != NULL, is_meant);
	rm_application_list_free(list);
	ck_assert_int_eq(rm_session_end(session), 0);
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(testing_wait_child(child, 10000), 128 + SIGKILL);
}

START_TEST(test_never_stop_executable)
{
	char exe[PATH_MAX];

	read_exe(getpid(), exe);
	check_never_stop(exe, true);
}
END_TEST

START_TEST(test_never_stop_user)
{
	check_never_stop(testing_is_root() ? "root" : "nobody", true);
}
END_TEST

START_TEST(test_never_stop_others)
{
	check_never_stop("/usr/bin/other other.service daemon", false);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{test_renewed, 0, 0},	      {test_not_renewed, 0, 0},
		{test_never_listed, 0, 0},    {test_never_stop_executable, 0, 0},
		{test_never_stop_user, 0, 0}, {test_never_stop_others, 0, 0},
	};

	return testing_run("own_files", cases, ARRAY_SIZE(cases));
}
