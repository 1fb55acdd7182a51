/* SPDX-License-Identifier: MIT */
/*
 * The unit tests' ground. A case's directory is made and removed in Check's own process, so that
 * a test that fails leaves nothing behind; each test has a fresh directory in it.
 */
#include "tests/unit/fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char case_directory[PATH_MAX / 4];
static char test_directory[PATH_MAX / 2];
static unsigned int n_descriptors;

static unsigned int count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int n = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory)) {
		n++;
	}
	ck_assert_int_eq(closedir(directory), 0);
	return n;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path); /* what stays is found by whoever looks into the directory */
	return 0;
}

static void set_up_case(void)
{
	const char *base = getenv("TMPDIR");

	(void)snprintf(case_directory, sizeof(case_directory), "%s/rm-unit-XXXXXX",
		       base && *base ? base : "/tmp");
	if (!mkdtemp(case_directory)) {
		perror(case_directory);
		abort();
	}
}

static void tear_down_case(void)
{
	(void)nftw(case_directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void set_up_test(void)
{
	(void)snprintf(test_directory, sizeof(test_directory), "%s/XXXXXX", case_directory);
	ck_assert_ptr_nonnull(mkdtemp(test_directory));
	fixture_count_descriptors();
}

static void tear_down_test(void)
{
	ck_assert_uint_eq(count_descriptors(), n_descriptors);
}

void fixture_count_descriptors(void)
{
	n_descriptors = count_descriptors();
}

TCase *fixture_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 60);
	tcase_add_unchecked_fixture(tcase, set_up_case, tear_down_case);
	tcase_add_checked_fixture(tcase, set_up_test, tear_down_test);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int fixture_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int n_failed;

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}

const char *fixture_path(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	(void)snprintf(path, PATH_MAX, "%s/%s", test_directory, name);
	return path;
}

uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t random_below(struct random *random, uint32_t limit)
{
	return (uint32_t)((random_next(random) >> 32) * limit >> 32);
}

void random_fill(struct random *random, void *bytes, size_t size)
{
	uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++) {
		at[i] = (uint8_t)random_next(random);
	}
}

uint8_t *file_get(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	uint8_t *bytes;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fstat(fileno(file), &st), 0);
	bytes = malloc((size_t)st.st_size + 1);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_uint_eq(fread(bytes, 1, (size_t)st.st_size, file), (size_t)st.st_size);
	ck_assert_int_eq(fclose(file), 0);
	*ret_size = (size_t)st.st_size;
	return bytes;
}

void file_put(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

bool file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Check itself writes to a file whenever something is asserted: not in here. */
void disk_limit(uint64_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || signal(SIGXFSZ, SIG_IGN) == SIG_ERR) {
		abort();
	}
	limit.rlim_cur = bytes;
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0) {
		abort();
	}
}

pid_t child_start(void (*function)(void))
{
	pid_t parent = getpid();
	pid_t pid;
	int ends[2];
	char byte;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) {
			_exit(1);
		}
		if (function) {
			function();
		}
		if (write(ends[1], "x", 1) != 1) {
			_exit(1);
		}
		for (;;) {
			(void)pause();
		}
	}
	ck_assert_int_eq(close(ends[1]), 0);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	ck_assert_int_eq(close(ends[0]), 0);
	return pid;
}

void child_end(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
