/* SPDX-License-Identifier: MIT */
/*
 * Process identity with real processes: exits by pidfd, start times against reused pids, peers of
 * sockets, ancestors, and the bound on processes that are remembered for their answers alone.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/process.h"
#include "proto/text.h"
#include "tests/unit/fixture.h"

static uv_loop_t loop;
static struct process_table table;
static unsigned int n_gone;
static pid_t last_gone;

static void on_gone(struct process *process, void *userdata)
{
	ck_assert_ptr_eq(userdata, &n_gone);
	ck_assert_int_eq(process->is_gone, true);
	n_gone++;
	last_gone = process->id.pid;
}

static void set_up(void)
{
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	fixture_count_descriptors();
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(process_table_init(&table, &loop, on_gone, &n_gone), 0);
}

static void tear_down(void)
{
	process_table_close(&table);
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	process_table_done(&table);
}

static struct process *open_process(pid_t pid)
{
	struct process *process;

	ck_assert_int_eq(process_find_or_open(&table, &(struct process_id){.pid = pid}, &process),
			 0);
	return process;
}

static void await_gone(unsigned int n)
{
	while (n_gone < n) {
		(void)uv_run(&loop, UV_RUN_ONCE);
	}
}

static unsigned int count_known(void)
{
	return HASH_COUNT(table.by_pid);
}

START_TEST(test_self)
{
	struct process *self = open_process(getpid());

	ck_assert_int_eq(self->id.pid, getpid());
	ck_assert_uint_gt(self->id.start_time, 0);
	ck_assert_uint_eq(self->uid, geteuid());
	ck_assert_uint_gt(strlen(self->name), 0);
	ck_assert_int_eq(text_is_clean(self->name, strlen(self->name)), true);
	ck_assert_uint_gt(strlen(self->login), 0);
	ck_assert_ptr_eq(open_process(getpid()), self);
	ck_assert_int_eq(process_id_equal(&self->id, &self->id), true);
	ck_assert_int_eq(process_id_equal(&self->id, &(struct process_id){.pid = getpid()}), false);
}
END_TEST

START_TEST(test_exit_is_told)
{
	pid_t pid = child_start(NULL);
	struct process *process = open_process(pid);

	ck_assert_int_eq(process->is_gone, false);
	child_end(pid);
	await_gone(1);
	ck_assert_int_eq(last_gone, pid);
	ck_assert_uint_eq(count_known(), 0);
	(void)uv_run(&loop, UV_RUN_NOWAIT);
	ck_assert_uint_eq(n_gone, 1);
}
END_TEST

/* A zombie has exited: its pidfd has fired, whether anybody waits for it or not. */
START_TEST(test_zombie)
{
	pid_t pid = fork();
	siginfo_t info;
	struct process *process;

	if (pid == 0) {
		_exit(0);
	}
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(process_find_or_open(&table, &(struct process_id){.pid = pid}, &process),
			 -ESRCH);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

static const pid_t nobodies[] = {0, -1, INT32_MAX};

START_TEST(test_no_such_process)
{
	struct process *process = NULL;

	ck_assert_int_eq(
		process_find_or_open(&table, &(struct process_id){.pid = nobodies[_i]}, &process),
		-ESRCH);
	ck_assert_ptr_null(process);
	ck_assert_uint_eq(count_known(), 0);
}
END_TEST

/* The pid is there, but belongs to a later process. */
START_TEST(test_other_start_time)
{
	pid_t pid = child_start(NULL);
	struct process *process = open_process(pid);
	struct process_id id = process->id;
	struct process *found = NULL;

	ck_assert_int_eq(process_find_or_open(&table, &id, &found), 0);
	ck_assert_ptr_eq(found, process);
	id.start_time--;
	ck_assert_int_eq(process_find_or_open(&table, &id, &found), -ESRCH);
	child_end(pid);
}
END_TEST

/* One that has died leaves the table before its pid can be anybody else's, though its exit has
 * not been served yet; its exit is still told. */
START_TEST(test_dead_but_not_served)
{
	pid_t pid = child_start(NULL);
	struct process *process = open_process(pid);
	struct process *found = NULL;

	process->n_sessions = 1; /* something hangs on it */
	child_end(pid);
	ck_assert_int_eq(process_find_or_open(&table, &process->id, &found), -ESRCH);
	ck_assert_int_eq(process->is_gone, true);
	ck_assert_uint_eq(count_known(), 0);
	await_gone(1);
	ck_assert_int_eq(last_gone, pid);
}
END_TEST

/* Nothing hangs on it: forgotten, and freed when its handle is closed. */
START_TEST(test_settle)
{
	struct process *self = open_process(getpid());

	self->n_connections = 1;
	process_settle(self);
	ck_assert_uint_eq(count_known(), 1);
	self->n_connections = 0;
	process_settle(self);
	ck_assert_uint_eq(count_known(), 0);
	ck_assert_int_eq(uv_run(&loop, UV_RUN_NOWAIT), 0);
	ck_assert_uint_eq(n_gone, 0);
}
END_TEST

/* ---- answers ---- */

static void make_id(unsigned int number, uint8_t ret_id[REQUEST_ID_BYTES])
{
	memset(ret_id, 0x77, REQUEST_ID_BYTES);
	memcpy(ret_id + 8, &number, sizeof(number));
}

static bool has(const struct process *process, unsigned int number)
{
	uint8_t id[REQUEST_ID_BYTES];

	make_id(number, id);
	return process_has_answered(process, id);
}

START_TEST(test_answers)
{
	struct process *self = open_process(getpid());
	uint8_t id[REQUEST_ID_BYTES];

	ck_assert_int_eq(has(self, 0), false);
	ck_assert_int_eq(process_prepare_answered(self), 0);
	ck_assert_int_eq(has(self, 0), false);
	for (unsigned int i = 0; i < 3 * MAX_ANSWERED; i++) {
		make_id(i, id);
		ck_assert_int_eq(process_add_answered(self, id), 0);
		ck_assert_int_eq(has(self, i), true);
		ck_assert_int_eq(has(self, i + 1), false);
		if (i >= MAX_ANSWERED) {
			ck_assert_int_eq(has(self, i - MAX_ANSWERED), false);
			ck_assert_int_eq(has(self, i - MAX_ANSWERED + 1), true);
		}
	}
	ck_assert_uint_eq(self->n_answered, MAX_ANSWERED);
}
END_TEST

/* Kept for its answers; taken up again when it comes back. */
START_TEST(test_idle)
{
	struct process *self = open_process(getpid());
	uint8_t id[REQUEST_ID_BYTES] = {1};

	ck_assert_int_eq(process_add_answered(self, id), 0);
	process_settle(self);
	ck_assert_int_eq(self->is_idle, true);
	ck_assert_uint_eq(table.n_idle, 1);
	process_settle(self);
	ck_assert_uint_eq(table.n_idle, 1);
	ck_assert_ptr_eq(open_process(getpid()), self);
	ck_assert_int_eq(self->is_idle, false);
	ck_assert_uint_eq(table.n_idle, 0);
	ck_assert_int_eq(process_has_answered(self, id), true);
}
END_TEST

/* The one that has been idle longest is forgotten first. */
START_TEST(test_idle_limit)
{
	enum {
		N = MAX_IDLE_PROCESSES + 4
	};
	static pid_t pids[N];
	uint8_t id[REQUEST_ID_BYTES] = {1};

	for (unsigned int i = 0; i < N; i++) {
		struct process *process;

		pids[i] = child_start(NULL);
		process = open_process(pids[i]);
		ck_assert_int_eq(process_add_answered(process, id), 0);
		process_settle(process);
	}
	ck_assert_uint_eq(table.n_idle, MAX_IDLE_PROCESSES);
	ck_assert_uint_eq(count_known(), MAX_IDLE_PROCESSES);
	ck_assert_int_eq(table.idle->id.pid, pids[4]);
	child_end(pids[10]);
	await_gone(1);
	ck_assert_uint_eq(table.n_idle, MAX_IDLE_PROCESSES - 1);
	for (unsigned int i = 0; i < N; i++) {
		if (i != 10) {
			child_end(pids[i]);
		}
	}
}
END_TEST

/* ---- families ---- */

/* A grandchild of ours whose parent lives; its pid comes through the pipe. */
static pid_t start_family(pid_t *ret_grandchild)
{
	int pipe_fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(pipe_fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		pid_t grandchild = child_start(NULL);

		if (write(pipe_fds[1], &grandchild, sizeof(grandchild)) > 0) {
			(void)pause();
		}
		_exit(1);
	}
	ck_assert_int_eq(read(pipe_fds[0], ret_grandchild, sizeof(*ret_grandchild)),
			 sizeof(*ret_grandchild));
	ck_assert_int_eq(close(pipe_fds[0]), 0);
	ck_assert_int_eq(close(pipe_fds[1]), 0);
	return pid;
}

START_TEST(test_descendants)
{
	pid_t grandchild_pid;
	pid_t child_pid = start_family(&grandchild_pid);
	pid_t other_pid = child_start(NULL);
	struct process *self = open_process(getpid());
	struct process *child = open_process(child_pid);
	struct process *grandchild = open_process(grandchild_pid);
	struct process *other = open_process(other_pid);

	ck_assert_int_eq(process_is_descendant(self, self), true);
	ck_assert_int_eq(process_is_descendant(child, self), true);
	ck_assert_int_eq(process_is_descendant(grandchild, self), true);
	ck_assert_int_eq(process_is_descendant(grandchild, child), true);
	ck_assert_int_eq(process_is_descendant(self, child), false);
	ck_assert_int_eq(process_is_descendant(child, grandchild), false);
	ck_assert_int_eq(process_is_descendant(grandchild, other), false);
	ck_assert_int_eq(process_is_descendant(other, child), false);
	/* An ancestor that has died is none: its children have been given to another. */
	child_end(child_pid);
	ck_assert_int_eq(process_is_descendant(grandchild, child), false);
	child_end(other_pid);
	await_gone(3);
}
END_TEST

/* ---- peers ---- */

static void set_address(struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)strncpy(ret_address->sun_path, fixture_path("socket"),
		      sizeof(ret_address->sun_path) - 1);
}

static int listen_here(void)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	set_address(&address);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

static int connect_there(void)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	set_address(&address);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

START_TEST(test_peer)
{
	int listener = listen_here();
	int near = connect_there();
	int far = accept(listener, NULL, NULL);
	struct process *process = NULL;
	struct process *again = NULL;

	ck_assert_int_ge(far, 0);
	ck_assert_int_eq(process_of_peer(&table, far, &process), 0);
	ck_assert_int_eq(process->id.pid, getpid());
	ck_assert_int_eq(process_of_peer(&table, far, &again), 0);
	ck_assert_ptr_eq(again, process); /* one pidfd a process, not one a connection */
	ck_assert_ptr_eq(open_process(getpid()), process);
	ck_assert_int_eq(close(far), 0);
	ck_assert_int_eq(close(near), 0);
	ck_assert_int_eq(close(listener), 0);
}
END_TEST

/* A child connects; it dies before or after it is looked at. */
static void check_peer_that_dies(bool is_seen_first)
{
	int listener = listen_here();
	int ready[2];
	struct process *process = NULL;
	pid_t pid;
	int far;
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)connect_there();
		if (write(ready[1], "x", 1) == 1) {
			(void)pause();
		}
		_exit(1);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	far = accept(listener, NULL, NULL);
	ck_assert_int_ge(far, 0);
	if (is_seen_first) {
		ck_assert_int_eq(process_of_peer(&table, far, &process), 0);
		ck_assert_int_eq(process->id.pid, pid);
		child_end(pid);
		await_gone(1);
	} else {
		child_end(pid);
	}
	ck_assert_int_eq(process_of_peer(&table, far, &process), -ESRCH);
	ck_assert_uint_eq(count_known(), 0);
	ck_assert_int_eq(close(far), 0);
	ck_assert_int_eq(close(listener), 0);
	ck_assert_int_eq(close(ready[0]), 0);
	ck_assert_int_eq(close(ready[1]), 0);
}

START_TEST(test_peer_dies)
{
	check_peer_that_dies(_i);
}
END_TEST

START_TEST(test_no_peer)
{
	struct process *process = NULL;

	ck_assert_int_eq(process_of_peer(&table, -1, &process), -EBADF);
	ck_assert_int_eq(process_of_peer(&table, table.proc_fd, &process), -ENOTSOCK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("process");
	TCase *tcase = fixture_case(suite, "process");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_self);
	tcase_add_test(tcase, test_exit_is_told);
	tcase_add_test(tcase, test_zombie);
	tcase_add_loop_test(tcase, test_no_such_process, 0, ARRAY_SIZE(nobodies));
	tcase_add_test(tcase, test_other_start_time);
	tcase_add_test(tcase, test_dead_but_not_served);
	tcase_add_test(tcase, test_settle);
	tcase_add_test(tcase, test_answers);
	tcase_add_test(tcase, test_idle);
	tcase_add_test(tcase, test_idle_limit);
	tcase_add_test(tcase, test_descendants);
	tcase_add_test(tcase, test_peer);
	tcase_add_loop_test(tcase, test_peer_dies, 0, 2);
	tcase_add_test(tcase, test_no_peer);
	return fixture_run(suite);
}
