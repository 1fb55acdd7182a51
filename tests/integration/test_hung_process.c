/* SPDX-License-Identifier: MIT */
/*
 * A process that hangs in mmap(2) keeps the lock of its memory, and whoever reads its maps hangs as
 * well. Questions about others are answered all the same, and say that one was left out.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/broker_fixture.h"
#include "tests/support/hung_fuse.h"
#include "tests/support/listed.h"
#include "tests/support/testing.h"
#include "tests/support/workload.h"

static struct workload workload; /* large; its pipes only */

/* Waits for a page, and nothing interrupts that. */
static bool is_hung(void *arg)
{
	char path[32];
	char *text;
	bool is;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", *(pid_t *)arg);
	text = testing_read_file(path);
	is = strncmp(strrchr(text, ')'), ") D", 3) == 0;
	free(text);
	return is;
}

/* In a child. */
static char map_and_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	if (page == MAP_FAILED) {
		_exit(1);
	}
	return page[0];
}

/* A child that maps the registered file, so that its command line is asked for even where its maps
 * can be read without the lock, and then the deaf one. */
static pid_t start_user(const char *path, const char *deaf_path)
{
	pid_t parent = getpid(), pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
			_exit(1);
		}
		(void)map_and_read(path);
		_exit(map_and_read(deaf_path));
	}
	return pid;
}

static uint32_t count_hung(const struct rm_application_list *list)
{
	for (size_t i = 0; i < list->n_unchecked; i++) {
		if (strcmp(list->unchecked[i].why,
			   "it does not answer: it hangs in a file system") == 0) {
			return list->unchecked[i].count;
		}
	}
	return 0;
}

/* One answer, which has to have the user. How long it took. */
static uint64_t check_answer(struct rm_session *session, const struct rm_process_id *user,
			     uint32_t n_hung)
{
	uint64_t began = testing_now_ms();
	struct rm_application_list *list = listed_now(session, 0);
	uint64_t took = testing_now_ms() - began;

	ck_assert(listed_has(list, user));
	ck_assert_uint_eq(count_hung(list), n_hung);
	ck_assert_uint_ge(list->n_not_inspected, n_hung);
	rm_application_list_free(list);
	return took;
}

/* The broker knew it before, or sees it for the first time. */
START_TEST(test_hung_in_mmap)
{
	const char *path = listed_make_file("file"), *mount_path = fixture_path("hung");
	char deaf_path[180];
	struct rm_process_id user;
	struct rm_session *session;
	struct hung_fuse fuse;
	pid_t reader, mapper;

	ck_assert_int_eq(mkdir(mount_path, 0755), 0);
	if (!testing_is_root() || !mounts_unshare() || !hung_fuse_mount(&fuse, mount_path)) {
		(void)fprintf(stderr, "# there is no FUSE here\n");
		return;
	}
	(void)snprintf(deaf_path, sizeof(deaf_path), "%s/%s", mount_path, HUNG_FUSE_DEAF);
	broker_start();
	workload_open(&workload);
	user = workload_start_victim(&workload, "map", path);
	session = listed_session(path);
	if (_i) {
		(void)check_answer(session, &user, 0);
	}
	reader = start_user(path, deaf_path);
	ck_assert(testing_wait(hung_fuse_has_reader, &fuse, 5000));
	mapper = start_user(path, deaf_path);
	ck_assert(testing_wait(is_hung, &mapper, 5000));

	ck_assert_uint_le(check_answer(session, &user, 1), (uint64_t)testing_scale_ms(8000));
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_le(check_answer(session, &user, 1),
				  (uint64_t)testing_scale_ms(1000));
	}

	ck_assert_int_eq(rm_session_end(session), 0);
	workload_end_victim(&user);
	workload_close(&workload);
	hung_fuse_end(&fuse);
	(void)kill(reader, SIGKILL); /* it may have got SIGBUS */
	(void)kill(mapper, SIGKILL);
	(void)testing_wait_child(reader, 5000);
	(void)testing_wait_child(mapper, 5000);
	ck_assert_int_eq(umount2(mount_path, MNT_DETACH), 0);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{test_hung_in_mmap, 60, 2},
	};

	return testing_run("hung processes", cases, ARRAY_SIZE(cases));
}
