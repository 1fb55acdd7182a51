/* SPDX-License-Identifier: MIT */
/*
 * Listings that do not go their way: a file system does not answer, somebody cancels, the broker is
 * killed. Something is always answered, in time, and other clients do not notice.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/broker_fixture.h"
#include "tests/support/hung_fuse.h"
#include "tests/support/listed.h"
#include "tests/support/testing.h"
#include "tests/support/workload.h"
#include "tests/support/workload_pool.h"

static struct workload workload; /* large; its pipes only */

/* ---- a file system that does not answer ------------------------------------------------------ */

/* Another client, which calls all the time. */
struct caller {
	pthread_t thread;
	atomic_bool stop;
	unsigned int n_calls;
	uint64_t longest_ms;
};

static void *call_on(void *arg)
{
	struct caller *caller = arg;

	while (!atomic_load(&caller->stop)) {
		uint64_t began = testing_now_ms(), ms;
		struct rm_broker_info *info;

		if (rm_broker_status(&info) != 0) {
			return NULL; /* n_calls tells */
		}
		rm_broker_status_free(info);
		ms = testing_now_ms() - began;
		caller->longest_ms = ms > caller->longest_ms ? ms : caller->longest_ms;
		caller->n_calls++;
	}
	return caller;
}

static void start_caller(struct caller *caller)
{
	*caller = (struct caller){.n_calls = 0};
	ck_assert_int_eq(pthread_create(&caller->thread, NULL, call_on, caller), 0);
}

static void end_caller(struct caller *caller, uint64_t max_ms)
{
	void *result;

	atomic_store(&caller->stop, true);
	ck_assert_int_eq(pthread_join(caller->thread, &result), 0);
	ck_assert_ptr_nonnull(result);
	ck_assert_uint_gt(caller->n_calls, 0);
	ck_assert_msg(caller->longest_ms <= (uint64_t)testing_scale_ms((int)max_ms),
		      "another client's call took %llu ms", (unsigned long long)caller->longest_ms);
}

static bool is_unchecked(const struct rm_application_list *list, const char *path)
{
	for (size_t i = 0; i < list->n_unchecked; i++) {
		if (strcmp(list->unchecked[i].path, path) == 0) {
			ck_assert_str_ne(list->unchecked[i].why, "");
			return true;
		}
	}
	return false;
}

/* A process that has a file there open and mapped, so that looking at its descriptors may hang. */
static pid_t hold_there(const char *path)
{
	const char *words[] = {NULL, NULL, NULL};
	char open_word[200], map_word[200];
	pid_t pid;

	(void)snprintf(open_word, sizeof(open_word), "open=%s", path);
	(void)snprintf(map_word, sizeof(map_word), "map=%s", path);
	words[0] = open_word;
	words[1] = map_word;
	pid = workload_spawn(&workload, workload_victim_program(), words);
	ck_assert_int_eq(workload_wait_ready(&workload, NULL), pid);
	return pid;
}

START_TEST(test_hung_mount)
{
	const char *path = listed_make_file("file"), *mount_path = fixture_path("hung");
	char hung_path[180];
	const char *files[] = {path, hung_path};
	const struct rm_resources resources = {.n_files = 2, .files = files};
	struct rm_application_list *list;
	struct rm_process_id user;
	struct rm_session *session;
	struct hung_fuse fuse;
	struct caller caller;
	uint64_t began;
	pid_t holder;

	ck_assert_int_eq(mkdir(mount_path, 0755), 0);
	if (!testing_is_root() || !mounts_unshare() || !hung_fuse_mount(&fuse, mount_path)) {
		(void)fprintf(stderr, "# there is no FUSE here\n");
		return;
	}
	(void)snprintf(hung_path, sizeof(hung_path), "%s/%s", mount_path, HUNG_FUSE_FILE);
	broker_start();
	workload_open(&workload);
	user = workload_start_victim(&workload, "map", path);
	holder = hold_there(hung_path);
	hung_fuse_hang(&fuse);

	start_caller(&caller);
	began = testing_now_ms();
	ck_assert_int_eq(rm_session_start(-1, &session), 0);
	ck_assert_int_eq(rm_session_register(session, &resources), 0);
	for (int i = 0; i < 2; i++) {
		list = listed_now(session, 0);
		ck_assert(listed_has(list, &user));
		ck_assert_uint_ge(list->n_files_unchecked, 1);
		ck_assert(is_unchecked(list, hung_path));
		ck_assert(!is_unchecked(list, path));
		rm_application_list_free(list);
	}
	ck_assert_uint_le(testing_now_ms() - began, (uint64_t)testing_scale_ms(15000));
	end_caller(&caller, 100);

	ck_assert_int_eq(rm_session_end(session), 0);
	hung_fuse_end(&fuse);
	ck_assert_int_eq(umount2(mount_path, MNT_DETACH), 0);
	workload_end_victim(&user);
	workload_end_victim(&(struct rm_process_id){(uint32_t)holder, 0});
	workload_close(&workload);
}
END_TEST

/* ---- listings that are interrupted ----------------------------------------------------------- */

#define POOL_SIZE 1500

struct pool {
	pid_t pid;
	int to;
	FILE *from;
	char directory[100];
};

static void start_pool(struct pool *pool, const char *n_processes)
{
	char line[16] = "";
	int to[2], from[2];

	(void)snprintf(pool->directory, sizeof(pool->directory), "%s", fixture_path("pool"));
	ck_assert_int_eq(mkdir(pool->directory, 0755), 0);
	ck_assert_int_eq(workload_pool_make_files(pool->directory), 0);
	ck_assert_int_eq(pipe2(to, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(from, O_CLOEXEC), 0);
	pool->pid = fork();
	ck_assert_int_ge(pool->pid, 0);
	if (pool->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(to[0], STDIN_FILENO) < 0 || dup2(from[1], STDOUT_FILENO) < 0) {
			_exit(98);
		}
		(void)execl(workload_victim_program(), "victim", "pool", pool->directory,
			    n_processes, (char *)NULL);
		_exit(98);
	}
	ck_assert_int_eq(close(to[0]), 0);
	ck_assert_int_eq(close(from[1]), 0);
	pool->to = to[1];
	pool->from = fdopen(from[0], "r");
	ck_assert_ptr_nonnull(pool->from);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), pool->from));
	ck_assert_str_eq(line, "ready\n");
}

static void end_pool(struct pool *pool)
{
	ck_assert_int_eq(close(pool->to), 0);
	ck_assert_int_eq(testing_wait_child(pool->pid, 20000), 0);
	ck_assert_int_eq(fclose(pool->from), 0);
}

/* A listing in another thread. */
struct listing {
	struct rm_session *session;
	pthread_t thread;
	atomic_bool has_begun;
	atomic_bool is_done;
	int code;
	size_t n_processes;
};

static void *list_there(void *arg)
{
	struct listing *listing = arg;
	struct rm_application_list *list;

	atomic_store(&listing->has_begun, true);
	listing->code = rm_session_list(listing->session, RM_LIST_ANEW, &list);
	if (listing->code == 0) {
		listing->n_processes = listed_count(list);
		rm_application_list_free(list);
	}
	atomic_store(&listing->is_done, true);
	return NULL;
}

static bool has_begun(void *listing)
{
	return atomic_load(&((struct listing *)listing)->has_begun);
}

static bool is_done(void *listing)
{
	return atomic_load(&((struct listing *)listing)->is_done);
}

static void start_listing(struct listing *listing, struct rm_session *session)
{
	*listing = (struct listing){.session = session};
	ck_assert_int_eq(pthread_create(&listing->thread, NULL, list_there, listing), 0);
	ck_assert(testing_wait(has_begun, listing, 5000));
}

static void join_listing(struct listing *listing)
{
	ck_assert_int_eq(pthread_join(listing->thread, NULL), 0);
}

/* One slow thread, so that there is something to interrupt. */
#define SLOW_SCAN "[Scan]\nMaps=text\nThreads=1\n"

START_TEST(test_cancel)
{
	char path[POOL_PATH_BYTES];
	struct rm_session *session, *bystander;
	struct listing listing;
	struct pool pool;
	uint64_t began = 0;
	unsigned int n_cancels = 0;

	fixture_set_config(SLOW_SCAN);
	broker_start();
	start_pool(&pool, "1500");
	session = listed_session(workload_pool_library(pool.directory, 0, path));
	bystander = listed_session(path);
	ck_assert_int_eq(rm_session_cancel(session), 0); /* nothing runs, and none is kept */

	/* Until it has begun in the broker as well, a cancel finds nothing to end. */
	start_listing(&listing, session);
	while (!is_done(&listing)) {
		began = testing_now_ms();
		ck_assert_int_eq(rm_session_cancel(session), 0);
		n_cancels++;
		(void)testing_wait(is_done, &listing, 100);
	}
	join_listing(&listing);
	ck_assert_int_eq(listing.code, 1223);
	ck_assert_uint_le(testing_now_ms() - began, (uint64_t)testing_scale_ms(100));
	ck_assert_uint_le(n_cancels, 3);

	/* The next one is whole, and another session's is not touched. */
	start_listing(&listing, bystander);
	ck_assert_int_eq(rm_session_cancel(session), 0);
	join_listing(&listing);
	ck_assert_int_eq(listing.code, 0);
	ck_assert_uint_eq(listing.n_processes, POOL_SIZE / POOL_GROUPS);
	start_listing(&listing, session);
	join_listing(&listing);
	ck_assert_int_eq(listing.code, 0);
	ck_assert_uint_eq(listing.n_processes, POOL_SIZE / POOL_GROUPS);
	ck_assert_int_eq(rm_session_end(session), 0);
	ck_assert_int_eq(rm_session_end(bystander), 0);
	end_pool(&pool);
}
END_TEST

static bool has_worker(void *unused)
{
	char path[64], text[4096] = "";
	int fd;
	ssize_t n;

	(void)unused;
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", fixture.pid, fixture.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	return n > 0;
}

/* Orphans of the broker come to us. */
static void reap_orphans(const struct pool *pool)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		ck_assert_int_ne(pid, pool->pid);
		ck_assert_int_ne(pid, fixture.pid);
	}
}

static unsigned int count_brokers(void)
{
	char path[64], text[4096] = "";
	unsigned int n = 0;
	char exe[64], target[256];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(read(fd, text, sizeof(text) - 1), 0);
	ck_assert_int_eq(close(fd), 0);
	for (char *at = text, *end; (void)strtol(at, &end, 10), end != at; at = end) {
		ssize_t size;

		(void)snprintf(exe, sizeof(exe), "/proc/%ld/exe", strtol(at, NULL, 10));
		size = readlink(exe, target, sizeof(target) - 1);
		if (size > 0) {
			target[size] = '\0';
			n += strstr(target, "rmbrokerd") != NULL;
		}
	}
	return n;
}

static bool has_one_broker(void *pool)
{
	reap_orphans(pool);
	return count_brokers() == 1;
}

/* The workers go with their broker, the session comes back, and the call says what happened. */
START_TEST(test_killed_broker)
{
	char path[POOL_PATH_BYTES];
	struct rm_session *session;
	struct listing listing;
	struct pool pool;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	fixture_set_config(SLOW_SCAN);
	broker_start();
	start_pool(&pool, "1500");
	session = listed_session(workload_pool_library(pool.directory, 0, path));
	for (int i = 0; i < 3; i++) {
		start_listing(&listing, session);
		ck_assert(testing_wait(has_worker, NULL, 5000) || is_done(&listing));
		broker_restart();
		join_listing(&listing);
		ck_assert_msg(listing.code == 0 || listing.code == 1722 || listing.code == 121,
			      "code %d", listing.code);
		if (listing.code == 0) {
			ck_assert_uint_eq(listing.n_processes, POOL_SIZE / POOL_GROUPS);
		}
	}
	start_listing(&listing, session);
	join_listing(&listing);
	ck_assert_int_eq(listing.code, 0);
	ck_assert_uint_eq(listing.n_processes, POOL_SIZE / POOL_GROUPS);
	ck_assert(testing_wait(has_one_broker, &pool, 5000));
	ck_assert_int_eq(rm_session_end(session), 0);
	end_pool(&pool);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{test_hung_mount, 60, 0},
		{test_cancel, 60, 0},
		{test_killed_broker, 60, 0},
	};

	return testing_run("interrupted listings", cases, ARRAY_SIZE(cases));
}
