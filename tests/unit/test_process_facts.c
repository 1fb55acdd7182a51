/* SPDX-License-Identifier: MIT */
/* What is read of one process: the texts, hostile ones too, and real processes of every sort. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/scan/login.h"
#include "broker/scan/process_facts.h"
#include "tests/unit/fixture.h"

static int proc_fd;

static void set_up(void)
{
	proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(proc_fd, 0);
}

static void tear_down(void)
{
	ck_assert_int_eq(close(proc_fd), 0);
}

/* ---- texts ---- */

static const struct {
	const char *text;
	const char *comm; /* NULL: refused */
	pid_t session;
	uint32_t terminal;
	pid_t foreground;
} stats[] = {
	{"7 (sh) S 1 7 7 34819 9 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 9", "sh", 7, 34819, 9},
	{"7 (sh) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 -5 1 0 4711 9", "sh", 7, 0, -1},
	{"7 () R 1 1) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 9", ") R 1 1", 7, 0, -1},
	{"7 (a\nb) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 9", "a\nb", 7, 0, -1},
	{"7 (sh) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0", NULL, 0, 0, 0},
	{"7 (sh) S -1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 9", NULL, 0, 0, 0},
	{"7 (sh) S x", NULL, 0, 0, 0},
	{"7 (sh)", NULL, 0, 0, 0},
	{"7 sh", NULL, 0, 0, 0},
	{")(", NULL, 0, 0, 0},
	{"", NULL, 0, 0, 0},
	{"7 (sh) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 99999999999999999999 9", NULL, 0, 0,
	 0},
};

START_TEST(test_stat)
{
	size_t size = strlen(stats[_i].text);
	char *copy = malloc(size + 1);
	struct process_facts facts = {0};
	int r;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, stats[_i].text, size);
	r = process_facts_parse_stat(copy, size, &facts);
	free(copy);
	ck_assert_int_eq(r, stats[_i].comm ? 0 : -EBADMSG);
	if (r == 0) {
		ck_assert_str_eq(facts.comm, stats[_i].comm);
		ck_assert_int_eq(facts.parent, 1);
		ck_assert_int_eq(facts.session, stats[_i].session);
		ck_assert_uint_eq(facts.terminal, stats[_i].terminal);
		ck_assert_int_eq(facts.terminal_group, stats[_i].foreground);
		ck_assert_uint_eq(facts.start_time, 4711);
	}
}
END_TEST

START_TEST(test_terminal)
{
	static const struct {
		uint32_t terminal;
		bool has;
		int pty;
	} rows[] = {
		{0, false, -1},
		{34816, true, 0},
		{34819, true, 3},
		{34816 + 255, true, 255},
		{0x108800, true, 256},
		{0xFF088FF, true, 0xFFFF},
		{0x10008800, true, 0x10000},
		{1025 /* tty1 */, true, -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct process_facts facts = {.terminal = rows[i].terminal};
		int pty;

		ck_assert_int_eq(process_facts_has_terminal(&facts, &pty), rows[i].has);
		ck_assert_int_eq(pty, rows[i].pty);
	}
}
END_TEST

#define STATUS                                                                                     \
	"Name:\tx\nTracerPid:\t9\nUid:\t1000\t0\t0\t0\nGid:\t100\t5\t5\t5\nNSpid:\t7\t1\n"         \
	"SigIgn:\t0000000000001000\nSigCgt:\t8000000000004000\nCapEff:\t000001ffffffffff\n"        \
	"Seccomp:\t2\n"

START_TEST(test_status)
{
	struct process_facts facts = {0};
	char text[sizeof(STATUS)];
	static const char *const needed[] = {"TracerPid", "Uid",    "Gid",
					     "SigIgn",	  "SigCgt", "CapEff"};

	ck_assert_int_eq(process_facts_parse_status(STATUS, sizeof(STATUS) - 1, &facts), 0);
	ck_assert_uint_eq(facts.real_uid, 1000);
	ck_assert_uint_eq(facts.uid, 0);
	ck_assert_uint_eq(facts.real_gid, 100);
	ck_assert_uint_eq(facts.gid, 5);
	ck_assert_int_eq(facts.tracer, 9);
	ck_assert_uint_eq(facts.n_pid_namespaces, 2);
	ck_assert_uint_eq(facts.signals_ignored, UINT64_C(1) << 12);
	ck_assert_uint_eq(facts.signals_caught, UINT64_C(1) << 63 | UINT64_C(1) << 14);
	ck_assert_uint_eq(facts.capabilities, UINT64_C(0x1ffffffffff));
	ck_assert_uint_eq(facts.seccomp, 2);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		memcpy(text, STATUS, sizeof(STATUS));
		*strstr(text, needed[i]) = 'x';
		ck_assert_int_eq(process_facts_parse_status(text, sizeof(STATUS) - 1, &facts),
				 -EBADMSG);
	}
	for (size_t size = 0; size < strlen("Name:\tx\nTracerPid:"); size++) {
		ck_assert_int_eq(process_facts_parse_status(STATUS, size, &facts), -EBADMSG);
	}
}
END_TEST

START_TEST(test_garbage)
{
	struct random random = {.state = (uint64_t)_i};
	struct process_facts facts = {0};
	char bytes[9000];

	random_fill(&random, bytes, sizeof(bytes));
	ck_assert_int_eq(process_facts_parse_stat(bytes, sizeof(bytes), &facts), -EBADMSG);
	ck_assert_int_eq(process_facts_parse_status(bytes, sizeof(bytes), &facts), -EBADMSG);
}
END_TEST

/* ---- real processes ---- */

START_TEST(test_own)
{
	struct process_facts facts;
	struct process_facts again;
	struct stat st;

	ck_assert_int_eq(prctl(PR_SET_NAME, "a) R (\n"), 0);
	ck_assert_int_eq(process_facts_read(proc_fd, getpid(), 0, &facts), 0);
	ck_assert_str_eq(facts.comm, "a) R (\n");
	ck_assert_int_eq(facts.parent, getppid());
	ck_assert_int_eq(facts.session, getsid(0));
	ck_assert_int_eq(facts.group, getpgrp());
	ck_assert(process_facts_know(&facts, FACT_STATUS | FACT_EXE | FACT_CMDLINE | FACT_CGROUP |
						     FACT_NAMESPACES | FACT_ROOT));
	ck_assert_uint_eq(facts.uid, geteuid());
	ck_assert_int_eq(stat("/proc/self/ns/mnt", &st), 0);
	ck_assert_uint_eq(facts.mount_namespace, st.st_ino);
	ck_assert_int_eq(facts.exe_is_deleted, false);
	ck_assert_ptr_nonnull(strstr(facts.exe, "test_process_facts"));
	ck_assert_str_eq(process_facts_name(&facts), "test_process_facts");
	ck_assert_ptr_nonnull(strstr(process_facts_argv0(&facts), "test_process_facts"));
	if (process_facts_know(&facts, FACT_SIGNAL)) { /* before Linux 5.3 it is not known */
		ck_assert(facts.may_signal);
	}
	/* The start time that was seen before has to be this one's. */
	ck_assert_int_eq(process_facts_read(proc_fd, getpid(), facts.start_time, &again), 0);
	process_facts_done(&again);
	ck_assert_int_eq(process_facts_read(proc_fd, getpid(), facts.start_time + 1, &again),
			 -ESRCH);
	process_facts_done(&facts);
}
END_TEST

START_TEST(test_none)
{
	struct process_facts facts;
	pid_t pid = child_start(NULL);

	child_end(pid);
	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), -ESRCH);
}
END_TEST

static void on_signal(int number)
{
	(void)number;
}

static void set_signals(void)
{
	if (signal(SIGTERM, on_signal) == SIG_ERR || signal(SIGHUP, SIG_IGN) == SIG_ERR) {
		_exit(1);
	}
}

START_TEST(test_signals)
{
	struct process_facts facts;
	pid_t pid = child_start(set_signals);

	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert(facts.signals_caught & UINT64_C(1) << (SIGTERM - 1));
	ck_assert(!(facts.signals_caught & UINT64_C(1) << (SIGHUP - 1)));
	ck_assert(facts.signals_ignored & UINT64_C(1) << (SIGHUP - 1));
	process_facts_done(&facts);
	child_end(pid);
}
END_TEST

static void be_traced(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) {
		_exit(1);
	}
}

START_TEST(test_traced)
{
	struct process_facts facts;
	pid_t pid = child_start(be_traced);

	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert_int_eq(facts.tracer, getpid());
	process_facts_done(&facts);
	child_end(pid);
}
END_TEST

static void take_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || setsid() < 0 ||
	    open(ptsname(master), O_RDWR) < 0) {
		_exit(1);
	}
}

START_TEST(test_controlling_terminal)
{
	struct process_facts facts;
	pid_t pid = child_start(take_terminal);
	int pty;

	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert_int_eq(facts.session, pid);
	ck_assert(process_facts_has_terminal(&facts, &pty));
	ck_assert_int_ge(pty, 0);
	process_facts_done(&facts);
	child_end(pid);
}
END_TEST

static void *stay(void *unused)
{
	(void)unused;
	for (;;) {
		(void)pause();
	}
	return NULL;
}

static int main_thread_pipe;

static void *report(void *unused)
{
	char text[64];
	char state = 0;

	/* Until the main thread has gone. */
	while (state != 'Z') {
		int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, text, sizeof(text) - 1);
		const char *close_at;

		(void)close(fd);
		text[n > 0 ? n : 0] = '\0';
		close_at = strrchr(text, ')');
		state = close_at ? close_at[2] : 'Z';
		(void)sched_yield();
	}
	if (write(main_thread_pipe, "x", 1) != 1) {
		_exit(1);
	}
	return stay(unused);
}

static void leave_main_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, report, NULL) != 0) {
		_exit(1);
	}
	pthread_exit(NULL);
}

/* Its /proc/PID has neither executable nor command line; another thread's has. */
START_TEST(test_main_thread_gone)
{
	struct process_facts facts;
	int ends[2];
	pid_t pid;
	char byte;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	main_thread_pipe = ends[1];
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) {
			leave_main_thread();
		}
		_exit(1);
	}
	ck_assert_int_eq(close(ends[1]), 0);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	ck_assert_int_eq(close(ends[0]), 0);
	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert_int_eq(facts.pid, pid);
	ck_assert_int_eq(facts.state, 'Z');
	ck_assert(process_facts_know(&facts, FACT_EXE | FACT_CMDLINE | FACT_CGROUP));
	ck_assert_str_eq(process_facts_name(&facts), "test_process_facts");
	process_facts_done(&facts);
	child_end(pid);
}
END_TEST

/* A zombie still has its stat; the rest is unknown, and nothing else is said. */
START_TEST(test_zombie)
{
	struct process_facts facts;
	siginfo_t info;
	pid_t pid = child_start(NULL);

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert_int_eq(facts.state, 'Z');
	ck_assert(!(facts.known & FACT_EXE));
	ck_assert_str_eq(process_facts_argv0(&facts), "");
	process_facts_done(&facts);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(test_kernel_thread)
{
	struct process_facts facts;

	if (process_facts_read(proc_fd, 2, 0, &facts) < 0) {
		return; /* in a pid namespace of our own */
	}
	if (strcmp(facts.comm, "kthreadd") == 0) {
		ck_assert(facts.flags & PROCESS_IS_KERNEL_THREAD);
		ck_assert_uint_eq(facts.cmdline_size, 0);
		ck_assert(!(facts.known & FACT_EXE));
	}
	process_facts_done(&facts);
}
END_TEST

/* Another user's: what may not be seen is unknown, and it may not be signalled. */
START_TEST(test_foreign)
{
	struct process_facts facts;
	bool is_signal_known;
	pid_t pid = child_start(NULL);

	if (geteuid() != 0) {
		child_end(pid);
		return; /* there is nobody else to be */
	}
	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	is_signal_known = process_facts_know(&facts, FACT_SIGNAL);
	process_facts_done(&facts);
	ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert_uint_eq(facts.uid, 0);
	ck_assert(!(facts.known & (FACT_EXE | FACT_NAMESPACES)));
	ck_assert_str_eq(process_facts_name(&facts), facts.comm);
	ck_assert_int_eq(process_facts_know(&facts, FACT_SIGNAL), is_signal_known);
	ck_assert(!facts.may_signal);
	process_facts_done(&facts);
	/* The child is root's: only its parent's end can end it. */
}
END_TEST

/* Starts a copy of /bin/sleep. */
static pid_t start_copy(const char *path, char *const arguments[])
{
	uint8_t *bytes;
	size_t size;
	int ends[2];
	char byte;
	pid_t pid;

	bytes = file_get("/bin/sleep", &size);
	file_put(path, bytes, size);
	free(bytes);
	ck_assert_int_eq(chmod(path, 0700), 0);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0); /* closed by the exec */
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) {
			(void)execv(path, arguments);
		}
		_exit(1);
	}
	ck_assert_int_eq(close(ends[1]), 0);
	ck_assert_int_eq(read(ends[0], &byte, 1), 0);
	ck_assert_int_eq(close(ends[0]), 0);
	return pid;
}

START_TEST(test_deleted)
{
	char path[PATH_MAX];
	char *arguments[] = {"@sleep", "1000", NULL};
	struct process_facts facts;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s", fixture_path("prog (x)"));
	pid = start_copy(path, arguments);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert(facts.exe_is_deleted);
	ck_assert_str_eq(facts.exe, path);
	ck_assert_str_eq(process_facts_argv0(&facts), "@sleep");
	ck_assert_uint_eq(facts.cmdline_size, sizeof("@sleep") + sizeof("1000"));
	process_facts_done(&facts);
	child_end(pid);
}
END_TEST

/* 2 MiB of arguments: the head is kept. The shell waits at its builtin. */
START_TEST(test_long_command_line)
{
	static char large[100 * 1024];
	char *arguments[25] = {"sh", "-c", "echo; read x", "sh"};
	struct process_facts facts;
	int in[2];
	int out[2];
	char byte;
	pid_t pid;

	memset(large, 'a', sizeof(large) - 1);
	for (size_t i = 4; i < 24; i++) {
		arguments[i] = large;
	}
	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(in[0], 0) == 0 &&
		    dup2(out[1], 1) == 1) {
			(void)execv("/bin/sh", arguments);
		}
		_exit(1);
	}
	ck_assert_int_eq(read(out[0], &byte, 1), 1);
	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert_str_eq(process_facts_argv0(&facts), "sh");
	ck_assert_uint_eq(facts.cmdline_size, PROCESS_CMDLINE_BYTES);
	ck_assert_int_eq(facts.cmdline[PROCESS_CMDLINE_BYTES - 1], 'a');
	ck_assert_int_eq(facts.cmdline[PROCESS_CMDLINE_BYTES], 0);
	process_facts_done(&facts);
	child_end(pid);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(close(in[i]), 0);
		ck_assert_int_eq(close(out[i]), 0);
	}
}
END_TEST

static void drop_arguments(void)
{
	/* The kernel shows what lies between the two addresses: nothing. */
	unsigned long start = 0;

	if (prctl(PR_SET_MM, PR_SET_MM_ARG_END, &start, 0, 0) < 0) {
		start = 1; /* not permitted: then it has its arguments */
	}
}

START_TEST(test_empty_command_line)
{
	struct process_facts facts;
	pid_t pid = child_start(drop_arguments);

	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert(process_facts_know(&facts, FACT_CMDLINE));
	ck_assert_int_eq(facts.cmdline[facts.cmdline_size], 0);
	process_facts_done(&facts);
	child_end(pid);
	/* A kernel thread has none for certain. */
	facts = (struct process_facts){.known = FACT_CMDLINE, .cmdline = ""};
	ck_assert_str_eq(process_facts_argv0(&facts), "");
}
END_TEST

/* ---- login sessions ---- */

START_TEST(test_login_id)
{
	static const struct {
		const char *id;
		uint32_t number;
	} rows[] = {
		{"1", 1},	    {"42", 42},		 {"2147483647", INT32_MAX},
		{"", LOGIN_NONE},   {"a b", LOGIN_NONE}, {"../x", LOGIN_NONE},
		{"-1", LOGIN_NONE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_uint_eq(login_parse_id(rows[i].id, strlen(rows[i].id)), rows[i].number);
	}
	/* The others: in range, the same at each call and on each machine, and apart. */
	ck_assert_uint_eq(login_parse_id("c1", 2), login_parse_id("c1", 2));
	ck_assert_uint_ne(login_parse_id("c1", 2), login_parse_id("c2", 2));
	ck_assert_uint_le(login_parse_id("c1", 2), INT32_MAX);
	ck_assert_uint_ne(login_parse_id("0", 1), LOGIN_SYSTEM);
	ck_assert_uint_le(login_parse_id("2147483648", 10), INT32_MAX);
	ck_assert_uint_le(login_parse_id("99999999999999999999999", 23), INT32_MAX);
}
END_TEST

START_TEST(test_login_find)
{
	struct process_facts facts = {.known = FACT_CGROUP};
	char directory[PATH_MAX];
	char path[2 * PATH_MAX];
	static const struct {
		const char *cgroup;
		uint32_t number;
	} rows[] = {
		{"0::/user.slice/user-1000.slice/session-7.scope\n", 7},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n", 12},
		{"0::/user.slice/user-1001.slice/user@1001.service/init.scope\n", LOGIN_NONE},
		{"0::/user.slice/user-1002.slice/user@1002.service/init.scope\n", LOGIN_NONE},
		{"0::/system.slice/ssh.service\n", LOGIN_SYSTEM},
		{"0::/\n", LOGIN_NONE},
	};

	(void)snprintf(directory, sizeof(directory), "%s", fixture_path("."));
	(void)snprintf(path, sizeof(path), "%s/1000", directory);
	file_put(path, "NAME=x\nXDISPLAY=3\nDISPLAY=12\nDISPLAY=13\n", 41);
	(void)snprintf(path, sizeof(path), "%s/1002", directory);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cgroup_parse(rows[i].cgroup, strlen(rows[i].cgroup), &facts.cgroup);
		ck_assert_uint_eq(login_find(&facts, directory), rows[i].number);
	}
	facts.known |= FACT_AUDIT_SESSION;
	facts.audit_session = 5;
	ck_assert_uint_eq(login_find(&facts, directory), 5);
	facts.audit_session = NO_AUDIT_SESSION;
	ck_assert_uint_eq(login_find(&facts, directory), LOGIN_NONE);
	facts.known = 0;
	ck_assert_uint_eq(login_find(&facts, directory), LOGIN_NONE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("process_facts");
	TCase *tcase = fixture_case(suite, "process_facts");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_stat, 0, ARRAY_SIZE(stats));
	tcase_add_test(tcase, test_terminal);
	tcase_add_test(tcase, test_status);
	tcase_add_loop_test(tcase, test_garbage, 0, 20);
	tcase_add_test(tcase, test_own);
	tcase_add_test(tcase, test_none);
	tcase_add_test(tcase, test_signals);
	tcase_add_test(tcase, test_traced);
	tcase_add_test(tcase, test_controlling_terminal);
	tcase_add_test(tcase, test_main_thread_gone);
	tcase_add_test(tcase, test_zombie);
	tcase_add_test(tcase, test_kernel_thread);
	tcase_add_test(tcase, test_foreign);
	tcase_add_test(tcase, test_deleted);
	tcase_add_test(tcase, test_long_command_line);
	tcase_add_test(tcase, test_empty_command_line);
	tcase_add_test(tcase, test_login_id);
	tcase_add_test(tcase, test_login_find);
	return fixture_run(suite);
}
