/* SPDX-License-Identifier: MIT */
/*
 * Listings whose worker, client or session goes away in the middle, or does not answer. A worker
 * is made slow by stopping it, so that nothing depends on time.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/support/broker_fixture.h"
#include "tests/support/listed.h"
#include "tests/support/testing.h"
#include "tests/support/wire.h"
#include "tests/support/workload.h"

static struct workload workload; /* large; its pipes only */

/* ---- workers --------------------------------------------------------------------------------- */

/* "(comm) STATE PPID" of a process, as /proc/PID/stat has it; false: it is not there. */
static bool read_stat(pid_t pid, char ret_comm[32], char *ret_state, int *ret_parent)
{
	char path[40], text[512];
	const char *from, *to;
	int fd;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0) {
		(void)close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	from = strchr(text, '(');
	to = strrchr(text, ')');
	if (!from || !to || to - from > 31) {
		return false;
	}
	(void)snprintf(ret_comm, 32, "%.*s", (int)(to - from - 1), from + 1);
	return sscanf(to + 1, " %c %d", ret_state, ret_parent) == 2;
}

/* The broker's living worker of this name, 0: none. */
static pid_t find_worker(const char *name)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	pid_t found = 0;

	ck_assert_ptr_nonnull(proc);
	while ((entry = readdir(proc))) {
		char comm[32], state = 0;
		int parent = 0;
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && read_stat(pid, comm, &state, &parent) && parent == fixture.pid &&
		    strcmp(comm, name) == 0 && state != 'Z' && state != 'X') {
			found = pid;
		}
	}
	ck_assert_int_eq(closedir(proc), 0);
	return found;
}

static bool has_worker(void *name)
{
	return find_worker(name) != 0;
}

static pid_t wait_worker(const char *name)
{
	ck_assert_msg(testing_wait(has_worker, (void *)(uintptr_t)name, 10000),
		      "there is no worker %s", name);
	return find_worker(name);
}

static bool is_stopped(void *pid)
{
	char comm[32], state = 0;
	int parent;

	return read_stat(*(pid_t *)pid, comm, &state, &parent) && state == 'T';
}

static void stop_worker(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	ck_assert(testing_wait(is_stopped, &pid, 5000));
}

static void continue_worker(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
}

/* ---- listings -------------------------------------------------------------------------------- */

static void start(void)
{
	listed_start_broker();
	workload_open(&workload);
}

static void end(struct rm_session *session)
{
	listed_check_workers();
	ck_assert_int_eq(rm_session_end(session), 0);
	workload_close(&workload);
}

/* A session whose files are looked at and whose worker runs. */
static struct rm_session *warm_session(const char *path)
{
	struct rm_session *session = listed_session(path);

	rm_application_list_free(listed_now(session, 0));
	return session;
}

/* A listing in another thread. */
struct listing {
	struct rm_session *session;
	pthread_t thread;
	atomic_bool is_done;
	int code;
	struct rm_application_list *list;
};

static void *list_there(void *arg)
{
	struct listing *listing = arg;

	listing->code = rm_session_list(listing->session, 0, &listing->list);
	atomic_store(&listing->is_done, true);
	return NULL;
}

static void begin_listing(struct listing *listing, struct rm_session *session)
{
	*listing = (struct listing){.session = session};
	ck_assert_int_eq(pthread_create(&listing->thread, NULL, list_there, listing), 0);
}

static int join_listing(struct listing *listing)
{
	ck_assert_int_eq(pthread_join(listing->thread, NULL), 0);
	return listing->code;
}

static bool is_done(void *listing)
{
	return atomic_load(&((struct listing *)listing)->is_done);
}

static void check_whole(struct rm_application_list *list, const struct rm_process_id *user)
{
	ck_assert_uint_eq(list->n_applications, 1);
	ck_assert_uint_eq(list->n_files, 1);
	ck_assert_uint_eq(list->n_files_unchecked, 0);
	ck_assert(listed_has(list, user));
	rm_application_list_free(list);
}

/* ---- workers that die ------------------------------------------------------------------------ */

/* Whatever the worker was at, the question is asked again and the answer is whole. */
START_TEST(test_worker_killed)
{
	static const char *const names[] = {"rm-scan", "rm-files"};
	char path[160];
	struct rm_process_id user;
	struct rm_session *session;
	struct listing listing;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	user = workload_start_victim(&workload, "map", path);
	session = warm_session(path);
	for (int i = 0; i < 3; i++) {
		pid_t worker = wait_worker(names[_i]);

		stop_worker(worker);
		begin_listing(&listing, session);
		(void)testing_wait(is_done, &listing, i * 100); /* never: it is stopped */
		ck_assert_int_eq(kill(worker, SIGKILL), 0);
		ck_assert_int_eq(join_listing(&listing), 0);
		check_whole(listing.list, &user);
		ck_assert_int_ne(find_worker(names[_i]), worker);
	}
	workload_end_victim(&user);
	end(session);
}
END_TEST

/* Killed while nobody asks: nobody notices. */
START_TEST(test_idle_worker_killed)
{
	static const char *const names[] = {"rm-scan", "rm-files"};
	char path[160];
	struct rm_process_id user;
	struct rm_session *session;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	user = workload_start_victim(&workload, "map", path);
	session = warm_session(path);
	for (unsigned int i = 0; i < 10; i++) {
		ck_assert_int_eq(kill(wait_worker(names[i % 2]), SIGKILL), 0);
		check_whole(listed_now(session, 0), &user);
	}
	workload_end_victim(&user);
	end(session);
}
END_TEST

/* Each worker is killed as soon as it is there: an answer or an error, then all is well again. */
START_TEST(test_workers_killed_again)
{
	char path[160];
	struct rm_process_id user;
	struct rm_session *session;
	struct listing listing;
	unsigned int n_killed = 0;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	user = workload_start_victim(&workload, "map", path);
	session = warm_session(path);
	for (unsigned int i = 0; i < 10; i++) {
		begin_listing(&listing, session);
		while (!is_done(&listing)) {
			pid_t worker = find_worker("rm-scan");

			n_killed += worker && kill(worker, SIGKILL) == 0;
		}
		ck_assert_msg(join_listing(&listing) == 0 || listing.code == 1722, "code %d",
			      listing.code);
		if (listing.code == 0) {
			check_whole(listing.list, &user);
		}
	}
	ck_assert_uint_gt(n_killed, 0);
	check_whole(listed_now(session, 0), &user);
	workload_end_victim(&user);
	end(session);
}
END_TEST

/* ---- workers that do not answer -------------------------------------------------------------- */

/* The file worker hangs: the other one is asked. Both do: then that is what is told, and who uses
 * the file as it was known is found all the same. */
START_TEST(test_file_workers_stopped)
{
	char path[160];
	struct rm_process_id user;
	struct rm_application_list *list;
	struct rm_session *session;
	uint64_t began;
	pid_t worker;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	user = workload_start_victim(&workload, "map", path);
	session = warm_session(path);
	worker = wait_worker("rm-files");
	stop_worker(worker);
	check_whole(listed_now(session, RM_LIST_NO_USES), &user);
	ck_assert_int_ne(find_worker("rm-files"), worker);

	stop_worker(wait_worker("rm-remote"));
	check_whole(listed_now(session, 0), &user); /* there is a new one for local files */
	stop_worker(wait_worker("rm-files"));
	began = testing_now_ms();
	list = listed_now(session, 0);
	ck_assert_uint_le(testing_now_ms() - began, (uint64_t)testing_scale_ms(15000));
	ck_assert_uint_eq(list->n_files_unchecked, 1);
	ck_assert_uint_ge(list->n_unchecked, 1);
	ck_assert_str_eq(list->unchecked[0].path, path);
	ck_assert_ptr_nonnull(strstr(list->unchecked[0].why, "does not answer"));
	ck_assert(listed_has(list, &user));
	/* Nobody can say that it was replaced meanwhile. */
	ck_assert_int_eq(list->applications[0].processes[0].uses[0].is_deleted, 0);
	rm_application_list_free(list);

	check_whole(listed_now(session, 0), &user);
	workload_end_victim(&user);
	end(session);
}
END_TEST

/* Until it has begun in the broker, too, a cancel finds nothing to end. */
START_TEST(test_cancelled)
{
	char path[160];
	struct rm_process_id user;
	struct rm_session *session;
	struct listing listing;
	uint64_t began = 0;
	pid_t worker;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	user = workload_start_victim(&workload, "map", path);
	session = warm_session(path);
	for (int i = 0; i < 3; i++) {
		worker = wait_worker("rm-scan");
		stop_worker(worker);
		begin_listing(&listing, session);
		do {
			began = testing_now_ms();
			ck_assert_int_eq(rm_session_cancel(session), 0);
		} while (!testing_wait(is_done, &listing, 200));
		ck_assert_uint_le(testing_now_ms() - began, (uint64_t)testing_scale_ms(100));
		ck_assert_int_eq(join_listing(&listing), 1223);
		continue_worker(worker);
		check_whole(listed_now(session, 0), &user);
		ck_assert_int_eq(find_worker("rm-scan"), worker); /* it is none the worse for it */
	}
	workload_end_victim(&user);
	end(session);
}
END_TEST

/* ---- sessions and clients that go ------------------------------------------------------------ */

static bool has_line(void *text)
{
	return log_has(text);
}

/* Waits until the broker has the call: each of its connections but one is ours. */
static bool is_in_broker(void *n_connections)
{
	struct rm_broker_info *info;
	bool is;

	ck_assert_int_eq(rm_broker_status(&info), 0);
	is = info->n_connections >= *(unsigned int *)n_connections;
	rm_broker_status_free(info);
	return is;
}

START_TEST(test_session_ended)
{
	char path[160];
	struct rm_process_id user;
	struct rm_session *session, *other;
	struct listing listing;
	pid_t worker;
	unsigned int two = 2;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	user = workload_start_victim(&workload, "map", path);
	other = warm_session(path);
	for (int i = 0; i < 3; i++) {
		session = listed_session(path);
		worker = wait_worker("rm-scan");
		stop_worker(worker);
		begin_listing(&listing, session);
		ck_assert(testing_wait(is_in_broker, &two, 5000));
		ck_assert_int_eq(rm_broker_end_session(rm_session_id(session)), 0);
		ck_assert_msg(join_listing(&listing) == 1223 || listing.code == 6, "code %d",
			      listing.code);
		continue_worker(worker);
		check_whole(listed_now(other, 0), &user);
		ck_assert_int_eq(rm_session_end(session), 6);
	}
	workload_end_victim(&user);
	end(other);
}
END_TEST

/* In a child: lists, and is killed before there is an answer. */
static pid_t start_client(const char *path, const char *key, uint32_t id)
{
	pid_t pid = fork();
	struct rm_session *session;
	struct rm_application_list *list;

	ck_assert_int_ge(pid, 0);
	if (pid > 0) {
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (key ? rm_session_attach(id, key, &session) != 0
		: rm_session_start(-1, &session) != 0 ||
			    rm_session_register(session, &(struct rm_resources){.n_files = 1,
										.files = &path}) !=
				    0) {
		_exit(1);
	}
	_exit(rm_session_list(session, 0, &list) == 0 ? 2 : 3);
}

static bool has_sessions(void *n)
{
	struct rm_broker_info *info;
	bool is;

	ck_assert_int_eq(rm_broker_status(&info), 0);
	is = info->n_sessions == *(unsigned int *)n && info->n_connections == 1;
	rm_broker_status_free(info);
	return is;
}

/* Its own session ends with it; one that it was attached to goes on. */
START_TEST(test_client_killed)
{
	char path[160], registered[64];
	struct rm_process_id user;
	struct rm_session *session;
	unsigned int one = 1, two = 2;
	pid_t worker, client;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	user = workload_start_victim(&workload, "map", path);
	session = warm_session(path);
	for (int i = 0; i < 6; i++) {
		worker = wait_worker("rm-scan");
		stop_worker(worker);
		client = start_client(path, i % 2 ? rm_session_key(session) : NULL,
				      rm_session_id(session));
		(void)snprintf(registered, sizeof(registered), "pid=%d now=files 1", client);
		ck_assert(i % 2 ? testing_wait(is_in_broker, &two, 5000)
				: testing_wait(has_line, registered, 5000));
		ck_assert_int_eq(kill(client, SIGKILL), 0);
		ck_assert_int_eq(testing_wait_child(client, 5000), 128 + SIGKILL);
		ck_assert(testing_wait(has_sessions, &one, 5000));
		continue_worker(worker);
		check_whole(listed_now(session, 0), &user);
	}
	workload_end_victim(&user);
	end(session);
}
END_TEST

/* Registering does not wait for a listing, which does not see it. */
START_TEST(test_registering_while_listing)
{
	char path[160], other[160];
	const char *files[] = {other};
	struct rm_process_id user, later;
	struct rm_session *session;
	struct rm_application_list *list;
	struct listing listing;
	unsigned int two = 2;
	pid_t worker;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	(void)snprintf(other, sizeof(other), "%s", listed_make_file("other"));
	user = workload_start_victim(&workload, "map", path);
	later = workload_start_victim(&workload, "map", other);
	session = warm_session(path);
	worker = wait_worker("rm-scan");
	stop_worker(worker);
	begin_listing(&listing, session);
	ck_assert(testing_wait(is_in_broker, &two, 5000));
	/* The listing's files are looked up first: this comes behind it in the same queue. */
	ck_assert_int_eq(
		rm_session_register(session, &(struct rm_resources){.n_files = 1, .files = files}),
		0);
	continue_worker(worker);
	ck_assert_int_eq(join_listing(&listing), 0);
	ck_assert(listed_has(listing.list, &user));
	ck_assert(listing.list->n_files == 1 ? !listed_has(listing.list, &later)
					     : listed_has(listing.list, &later));
	rm_application_list_free(listing.list);
	list = listed_now(session, 0);
	ck_assert_uint_eq(list->n_files, 2);
	ck_assert(listed_has(list, &later));
	rm_application_list_free(list);
	workload_end_victim(&user);
	workload_end_victim(&later);
	end(session);
}
END_TEST

/* The broker is told to end in the middle: all goes, and nothing is lost (sanitizers look). */
START_TEST(test_broker_ends)
{
	char path[160];
	struct rm_process_id user;
	struct rm_session *session;
	struct listing listings[4];
	unsigned int five = 5;
	pid_t worker;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	user = workload_start_victim(&workload, "map", path);
	session = warm_session(path);
	worker = wait_worker(_i ? "rm-scan" : "rm-files");
	stop_worker(worker);
	for (size_t i = 0; i < ARRAY_SIZE(listings); i++) {
		begin_listing(&listings[i], session);
	}
	ck_assert(testing_wait(is_in_broker, &five, 5000));
	broker_stop();
	broker_start();
	for (size_t i = 0; i < ARRAY_SIZE(listings); i++) {
		int code = join_listing(&listings[i]);

		/* Asked again of the new broker, which has the session still. */
		ck_assert_msg(code == 0 || code == 6 || code == 1722, "code %d", code);
		if (code == 0) {
			rm_application_list_free(listings[i].list);
		}
	}
	workload_end_victim(&user);
	(void)rm_session_end(session);
	workload_close(&workload);
}
END_TEST

/* ---- slow readers ---------------------------------------------------------------------------- */

#define N_LINKS 64u
#define N_USERS 150u

static void ask(int fd, uint32_t session)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__ListApplications list = RM__LIST_APPLICATIONS__INIT;

	list.session = session;
	list.capacity = UINT32_MAX;
	list.with_uses = true;
	request.call_case = RM__REQUEST__CALL_LIST_APPLICATIONS;
	request.list_applications = &list;
	wire_send_request(fd, &request);
}

/* Reads to the end; its status. */
static uint32_t read_answer(int fd, size_t *ret_n, uint32_t *ret_needed)
{
	uint32_t status;
	bool is_more;

	*ret_n = 0;
	*ret_needed = 0;
	do {
		struct wire_reply reply;

		ck_assert_int_eq(wire_receive(fd, 20000, &reply), WIRE_REPLY);
		is_more = reply.message->more;
		status = reply.message->status;
		if (reply.message->result_case == RM__REPLY__RESULT_APPLICATIONS) {
			*ret_n += reply.message->applications->n_applications;
			*ret_needed = reply.message->applications->n_needed;
		}
		wire_reply_done(&reply);
	} while (is_more);
	return status;
}

static bool has_something(void *fd)
{
	uint8_t byte;

	return recv(*(int *)fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* An answer of a megabyte to somebody who does not read it: the broker sends as it is read, and
 * serves others meanwhile. Then it is read; its session ends; or the client goes. */
START_TEST(test_slow_reader)
{
	static struct rm_process_id users[N_USERS];
	const char *files[N_LINKS];
	char names[N_LINKS][200], path[160];
	struct rm_session *session, *other;
	size_t n;
	uint32_t needed, status;
	int fd;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	for (size_t i = 0; i < N_LINKS; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%s-of-a-long-name-%zu", path, i);
		ck_assert_int_eq(link(path, names[i]), 0);
		files[i] = names[i];
	}
	for (size_t i = 0; i < N_USERS; i++) {
		users[i] = workload_start_victim(&workload, "map", path);
	}
	other = warm_session("/x");
	session = listed_session(names[0]);
	ck_assert_int_eq(rm_session_register(session, &(struct rm_resources){.n_files = N_LINKS,
									     .files = files}),
			 0);
	fd = wire_connect();
	ask(fd, rm_session_id(session));
	ck_assert(testing_wait(has_something, &fd, 20000));
	rm_application_list_free(listed_now(other, 0));
	switch (_i) {
	case 0:
		ck_assert_uint_eq(read_answer(fd, &n, &needed), 0);
		ck_assert_uint_eq(n, N_USERS);
		ck_assert_uint_eq(needed, N_USERS);
		break;
	case 1:
		ck_assert_int_eq(rm_broker_end_session(rm_session_id(session)), 0);
		status = read_answer(fd, &n, &needed);
		ck_assert_msg(status == 1223 || (status == 0 && n == N_USERS), "status %u", status);
		break;
	default:
		break;
	}
	ck_assert_int_eq(close(fd), 0);
	rm_application_list_free(listed_now(other, 0));
	(void)rm_session_end(session); /* it may have ended */
	for (size_t i = 0; i < N_USERS; i++) {
		workload_end_victim(&users[i]);
	}
	end(other);
}
END_TEST

/* Clients that ask and go at once, at every moment of the answer. */
START_TEST(test_clients_that_go)
{
	unsigned int n = testing_is_slow() ? 60 : 300;
	char path[160];
	struct rm_process_id user;
	struct rm_session *session;
	unsigned int one = 1;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	user = workload_start_victim(&workload, "map", path);
	session = warm_session(path);
	for (unsigned int i = 0; i < n; i++) {
		struct listing listing;
		int fds[4];

		for (size_t k = 0; k < ARRAY_SIZE(fds); k++) {
			fds[k] = wire_connect();
			ask(fds[k], rm_session_id(session));
		}
		begin_listing(&listing, session);
		for (size_t k = 0; k < ARRAY_SIZE(fds); k++) {
			if (k == i % 4) {
				ck_assert(testing_wait(has_something, &fds[k], 10000));
			}
			ck_assert_int_eq(close(fds[k]), 0);
		}
		ck_assert_int_eq(join_listing(&listing), 0);
		check_whole(listing.list, &user);
	}
	ck_assert(testing_wait(has_sessions, &one, 5000));
	workload_end_victim(&user);
	end(session);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{test_worker_killed, 60, 2},
		{test_idle_worker_killed, 60, 0},
		{test_workers_killed_again, 60, 0},
		{test_file_workers_stopped, 90, 0},
		{test_cancelled, 60, 0},
		{test_session_ended, 60, 0},
		{test_client_killed, 60, 0},
		{test_registering_while_listing, 60, 0},
		{test_broker_ends, 60, 2},
		{test_slow_reader, 60, 3},
		{test_clients_that_go, 120, 0},
	};

	return testing_run("faults of listings", cases, ARRAY_SIZE(cases));
}
