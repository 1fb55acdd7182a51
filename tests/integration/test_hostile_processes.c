/* SPDX-License-Identifier: MIT */
/*
 * Processes that make trouble while they are looked at: they come and go, take each other's pids,
 * run other programs, and say garbage. A pid that is listed is never a wrong one.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "proto/text.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/listed.h"
#include "tests/support/testing.h"
#include "tests/support/workload.h"

static struct workload workload; /* large; its pipes only */

/* ---- pids that are used again --------------------------------------------------------------- */

/* The child maps the file, or nothing, and sleeps. -1: not permitted. */
static pid_t fork_with_pid(pid_t wanted, const char *path)
{
	struct clone_args arguments = {
		.exit_signal = SIGCHLD,
		.set_tid = (uint64_t)(uintptr_t)&wanted,
		.set_tid_size = 1,
	};
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid == 0) {
		int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if ((path && mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED) ||
		    write(ready[1], "r", 1) != 1) {
			_exit(1);
		}
		(void)close(fd);
		for (;;) {
			(void)pause();
		}
	}
	ck_assert_int_eq(close(ready[1]), 0);
	ck_assert(pid < 0 || read(ready[0], &byte, 1) == 1);
	ck_assert_int_eq(close(ready[0]), 0);
	return pid;
}

START_TEST(test_recycled_user)
{
	const char *path = listed_make_file("file");
	struct rm_process_id old, next;
	struct rm_session *session;
	pid_t pid;

	broker_start();
	workload_open(&workload);
	session = listed_session(path);
	old = workload_start_victim(&workload, "map", path);
	ck_assert(listed_is_user(session, &old));
	workload_end_victim(&old);
	pid = fork_with_pid((pid_t)old.pid, NULL);
	if (pid < 0) {
		(void)fprintf(stderr, "# pids cannot be chosen here\n");
	} else {
		struct rm_application_list *list = listed_now(session, 0);

		/* The same number, another process, which uses nothing. */
		ck_assert_uint_eq(listed_count(list), 0);
		rm_application_list_free(list);
		ck_assert_int_eq(rm_process_id_from_pid((uint32_t)pid, &next), 0);
		workload_end_victim(&next);
		/* And one that does. */
		ck_assert_int_eq(fork_with_pid(pid, path), pid);
		ck_assert_int_eq(rm_process_id_from_pid((uint32_t)pid, &next), 0);
		ck_assert(listed_is_user(session, &next));
		ck_assert(next.start_time == old.start_time || !listed_is_user(session, &old));
		workload_end_victim(&next);
	}
	ck_assert(!listed_is_user(session, &old));
	ck_assert_int_eq(rm_session_end(session), 0);
	workload_close(&workload);
}
END_TEST

START_TEST(test_recycled_registration)
{
	const char *path = listed_make_file("file");
	struct rm_process_id ids[3], another;
	const struct rm_resources resources = {.n_processes = ARRAY_SIZE(ids), .processes = ids};
	struct rm_application_list *list;
	struct rm_session *session;
	pid_t pid;

	broker_start();
	workload_open(&workload);
	session = listed_session(path);
	ids[0] = workload_start_victim(&workload, "open", "/dev/null");
	ids[1] = workload_start_victim(&workload, "open", "/dev/null");
	another = workload_start_victim(&workload, "open", "/dev/null");
	ids[2] = (struct rm_process_id){another.pid, another.start_time + 1000000};
	workload_end_victim(&ids[0]);
	ck_assert_int_eq(rm_session_register(session, &resources), 0);
	list = listed_now(session, 0);
	ck_assert(listed_has(list, &ids[1]));
	ck_assert_uint_eq(listed_count(list), 1);
	rm_application_list_free(list);

	workload_end_victim(&ids[1]);
	pid = fork_with_pid((pid_t)ids[1].pid, NULL);
	list = listed_now(session, 0);
	ck_assert_uint_eq(listed_count(list), 0);
	rm_application_list_free(list);
	if (pid > 0) {
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	}
	workload_end_victim(&another);
	ck_assert_int_eq(rm_session_end(session), 0);
	workload_close(&workload);
}
END_TEST

/* ---- garbage -------------------------------------------------------------------------------- */

static void check_text(const char *text)
{
	ck_assert_msg(text_is_clean(text, strlen(text)), "not clean: %s", text);
}

/* What a process says of itself reaches us clean, whatever it is. */
START_TEST(test_garbage)
{
	static const char *const names[] = {
		"\x1b[2J\x1b[31m",
		") S 1 1 1 (",
		"\xff\xfe\x80",
		"\n\n\n",
		" ",
		"\xe2\x80\xae"
		"txt",
	};
	const char *path = listed_make_file("file");
	char words[3][256];
	struct rm_application_list *list;
	struct rm_session *session;
	pid_t pids[ARRAY_SIZE(names)];

	broker_start();
	workload_open(&workload);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *const garbage[] = {words[0], words[1], words[2], NULL};

		(void)snprintf(words[0], sizeof(words[0]), "map=%s", path);
		(void)snprintf(words[1], sizeof(words[1]), "comm=%s", names[i]);
		(void)snprintf(words[2], sizeof(words[2]), "pad=\xff\x01%s\n\t--%s", names[i],
			       path);
		pids[i] = workload_spawn(&workload, workload_victim_program(), garbage);
		ck_assert_int_eq(workload_wait_ready(&workload, NULL), pids[i]);
	}
	session = listed_session(path);
	list = listed_now(session, 0);
	ck_assert_uint_eq(listed_count(list), ARRAY_SIZE(names));
	for (size_t i = 0; i < list->n_applications; i++) {
		check_text(list->applications[i].name);
		check_text(list->applications[i].process.name);
		check_text(list->applications[i].why);
		check_text(list->applications[i].unit);
	}
	rm_application_list_free(list);
	ck_assert_int_eq(rm_session_end(session), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		workload_end_victim(&(struct rm_process_id){(uint32_t)pids[i], 0});
	}
	workload_close(&workload);
}
END_TEST

/* ---- coming and going ----------------------------------------------------------------------- */

#define N_CHURNERS 3
#define N_STABLE 10
#define N_LISTINGS 40
#define MAX_LOGGED 400000

/* Shared: every process that was about to use the file. */
struct churn {
	_Atomic uint32_t n_logged;
	atomic_bool stop;
	struct rm_process_id logged[MAX_LOGGED];
};

static void log_self(struct churn *churn)
{
	uint32_t at = atomic_fetch_add(&churn->n_logged, 1);

	if (at >= MAX_LOGGED || rm_process_id_from_pid((uint32_t)getpid(), &churn->logged[at])) {
		_exit(1);
	}
}

/* One that lives shortly: every second one maps the file, every third opens it, and some then run
 * another program or fork on. */
static _Noreturn void live_shortly(struct churn *churn, const char *path, unsigned int seed)
{
	int fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (seed % 2 == 0 || seed % 3 == 0) {
		log_self(churn);
		fd = open(path, O_RDONLY);
		if (seed % 2 == 0) {
			(void)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
			(void)close(fd);
		}
	}
	if (seed % 5 == 0 && fork() == 0) {
		log_self(churn); /* it inherits what its parent has */
		_exit(0);
	}
	if (seed % 7 == 0) {
		(void)execl("/bin/true", "true", path, (char *)NULL);
	}
	for (unsigned int i = 0; i < seed % 11; i++) {
		(void)sched_yield();
	}
	_exit(0);
}

static _Noreturn void churn_on(struct churn *churn, const char *path, unsigned int seed)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGCHLD, SIG_IGN);
	while (!atomic_load(&churn->stop) &&
	       atomic_load(&churn->n_logged) < MAX_LOGGED - 2 * N_CHURNERS - 16) {
		pid_t pid = fork();

		if (pid == 0) {
			live_shortly(churn, path, seed);
		}
		(void)waitpid(pid, NULL, 0); /* at most a handful alive */
		seed++;
	}
	_exit(0);
}

static bool is_logged(const struct churn *churn, const struct rm_process *process)
{
	uint32_t n = atomic_load(&churn->n_logged);

	for (uint32_t i = 0; i < n && i < MAX_LOGGED; i++) {
		if (churn->logged[i].pid == process->pid &&
		    churn->logged[i].start_time == process->start_time) {
			return true;
		}
	}
	return false;
}

static bool is_one_of(const struct rm_process_id *ids, const struct rm_process *process)
{
	for (size_t i = 0; i < N_STABLE; i++) {
		if (ids[i].pid == process->pid && ids[i].start_time == process->start_time) {
			return true;
		}
	}
	return false;
}

static void check_churn(const struct churn *churn, const struct rm_process_id *stable,
			const struct rm_application_list *list)
{
	for (size_t i = 0; i < N_STABLE; i++) {
		ck_assert_msg(listed_has(list, &stable[i]), "process %u is missing", stable[i].pid);
	}
	for (size_t i = 0; i < list->n_applications; i++) {
		const struct rm_application *application = &list->applications[i];

		for (size_t j = 0; j < application->n_processes_listed; j++) {
			const struct rm_process *process = &application->processes[j].process;

			ck_assert_msg(is_one_of(stable, process) || is_logged(churn, process),
				      "process %u (%s), started at %llu, never used the file",
				      process->pid, process->name,
				      (unsigned long long)process->start_time);
		}
	}
}

static pid_t start_churner(struct churn *churn, const char *path, unsigned int seed)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		churn_on(churn, path, seed);
	}
	return pid;
}

START_TEST(test_churn)
{
	static const char *const configs[] = {"", "[Scan]\nMaps=text\n"};
	const char *path = listed_make_file("file");
	struct churn *churn = mmap(NULL, sizeof(*churn), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rm_process_id stable[N_STABLE];
	pid_t churners[N_CHURNERS];
	struct rm_session *session;

	ck_assert(churn != MAP_FAILED);
	fixture_set_config(configs[_i]);
	broker_start();
	workload_open(&workload);
	for (size_t i = 0; i < N_STABLE; i++) {
		stable[i] = workload_start_victim(&workload, i % 2 ? "map" : "open", path);
	}
	session = listed_session(path);
	for (unsigned int i = 0; i < N_CHURNERS; i++) {
		churners[i] = start_churner(churn, path, i * 1000);
	}
	for (unsigned int i = 0; i < N_LISTINGS; i++) {
		struct rm_application_list *list =
			listed_now(session, i % 4 == 3 ? RM_LIST_ANEW : 0);

		check_churn(churn, stable, list);
		rm_application_list_free(list);
	}
	atomic_store(&churn->stop, true);
	for (size_t i = 0; i < N_CHURNERS; i++) {
		ck_assert_int_eq(testing_wait_child(churners[i], 10000), 0);
	}
	ck_assert_uint_gt(atomic_load(&churn->n_logged), N_LISTINGS);
	for (size_t i = 0; i < N_STABLE; i++) {
		workload_end_victim(&stable[i]);
	}
	ck_assert_int_eq(rm_session_end(session), 0);
	workload_close(&workload);
	ck_assert_int_eq(munmap(churn, sizeof(*churn)), 0);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{test_recycled_user, 30, 0},
		{test_recycled_registration, 30, 0},
		{test_garbage, 30, 0},
		{test_churn, 60, 2},
	};

	return testing_run("hostile processes", cases, ARRAY_SIZE(cases));
}
