/* SPDX-License-Identifier: MIT */
/*
 * Running test cases, and looking at processes. The directory of the whole run belongs to
 * testing_run(), since a failed case leaves without cleaning up; its name is short, as the path
 * of a socket may have 107 bytes, and below /tmp, since root's library wants every directory on
 * the way to be root's.
 */
#include "tests/support/testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/support/broker_fixture.h"

#define DEFAULT_TIMEOUT_S 30
#define SLOW_FACTOR 10
#define POLL_INTERVAL_MS 1

static const char *get_path(const char *variable, const char *built)
{
	const char *path = getenv(variable);

	return path && *path ? path : built;
}

const char *testing_brokerd(void)
{
	return get_path("RM_BROKERD", BUILT_BROKERD);
}

const char *testing_rmctl(void)
{
	return get_path("RM_RMCTL", BUILT_RMCTL);
}

const char *testing_installer(void)
{
	return get_path("RM_INSTALLER", BUILT_INSTALLER);
}

bool testing_is_valgrind(void)
{
	const char *value = getenv("RM_TEST_VALGRIND");

	return value && *value && strcmp(value, "0") != 0;
}

bool testing_is_slow(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#else
	return testing_is_valgrind();
#endif
}

int testing_scale_ms(int ms)
{
	return testing_is_slow() ? ms * SLOW_FACTOR : ms;
}

uint64_t testing_now_ms(void)
{
	struct timespec now;

	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool testing_wait(bool (*is_true)(void *arg), void *arg, int ms)
{
	const struct timespec interval = {.tv_nsec = POLL_INTERVAL_MS * 1000000};
	uint64_t deadline = testing_now_ms() + (uint64_t)testing_scale_ms(ms);

	while (!is_true(arg)) {
		if (testing_now_ms() > deadline) {
			return false;
		}
		(void)nanosleep(&interval, NULL); /* between two looks */
	}
	return true;
}

char *testing_read_file(const char *path)
{
	size_t capacity = 65536, size = 0;
	char *text = malloc(capacity + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	ck_assert_msg(fd >= 0 && text, "%s: %s", path, strerror(errno));
	while ((n = read(fd, text + size, capacity - size)) > 0) {
		size += (size_t)n;
		if (size == capacity) {
			capacity *= 2;
			text = realloc(text, capacity + 1);
			ck_assert_ptr_nonnull(text);
		}
	}
	(void)close(fd);
	text[size] = '\0';
	return text;
}

void testing_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(close(fd), 0);
}

/* A connection to a broker of this case: it accepts under its temporary name. */
static bool is_library_connection(int fd)
{
	struct sockaddr_un peer;
	socklen_t size = sizeof(peer);
	size_t length = strlen(fixture.directory);

	memset(&peer, 0, sizeof(peer));
	return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 &&
	       peer.sun_family == AF_UNIX && strncmp(peer.sun_path, fixture.directory, length) == 0;
}

/* Calls `count(directory's fd, name)` for each descriptor of a process and adds up. */
static unsigned int walk_fds(const char *path, bool (*count)(int directory, const char *name))
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	unsigned int n = 0;

	ck_assert_msg(directory != NULL, "%s: %s", path, strerror(errno));
	while ((entry = readdir(directory))) {
		n += entry->d_name[0] != '.' && count(dirfd(directory), entry->d_name);
	}
	(void)closedir(directory);
	return n;
}

static bool is_own(int directory, const char *name)
{
	int fd = atoi(name);

	return fd != directory && !is_library_connection(fd);
}

static bool is_any(int directory, const char *name)
{
	(void)directory;
	(void)name;
	return true;
}

static bool is_pidfd(int directory, const char *name)
{
	char target[64] = "";

	return readlinkat(directory, name, target, sizeof(target) - 1) > 0 &&
	       (strstr(target, "[pidfd]") || strncmp(target, "pidfd:", 6) == 0);
}

unsigned int testing_count_fds(void)
{
	return walk_fds("/proc/self/fd", is_own);
}

unsigned int testing_count_fds_of(pid_t pid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	return walk_fds(path, is_any);
}

unsigned int testing_count_pidfds_of(pid_t pid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	return walk_fds(path, is_pidfd);
}

unsigned long testing_read_status(pid_t pid, const char *name)
{
	char path[64];
	_cleanup_(freep) char *text = NULL;
	const char *found;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	text = testing_read_file(path);
	found = strstr(text, name);
	ck_assert_ptr_nonnull(found);
	return strtoul(found + strlen(name), NULL, 10);
}

/* Without a pidfd, which valgrind does not know yet: until it is waited for, the pid of a child
 * is nobody else's. */
static bool has_ended(void *pid)
{
	siginfo_t info = {.si_pid = 0};

	ck_assert_int_eq(waitid(P_PID, (id_t) * (pid_t *)pid, &info, WEXITED | WNOHANG | WNOWAIT),
			 0);
	return info.si_pid != 0;
}

int testing_wait_child(pid_t pid, int ms)
{
	bool is_in_time = testing_wait(has_ended, &pid, ms);
	int status = 0;

	if (!is_in_time) {
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(is_in_time, "process %d did not end within %d ms", pid, testing_scale_ms(ms));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int testing_in_child(int (*run)(void *arg), void *arg, int ms)
{
	pid_t pid = fork();
	int code;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		_exit(run(arg));
	}
	code = testing_wait_child(pid, ms);
	ck_assert_int_lt(code, 128);
	return code;
}

bool testing_is_root(void)
{
	return geteuid() == 0;
}

void testing_become_nobody(void)
{
	if (setgroups(0, NULL) < 0 ||
	    setresgid(TESTING_NOBODY, TESTING_NOBODY, TESTING_NOBODY) < 0 ||
	    setresuid(TESTING_NOBODY, TESTING_NOBODY, TESTING_NOBODY) < 0) {
		perror("the user nobody can't be had");
		_exit(99);
	}
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* nobody may go through the run's directory, to a directory of its own in it. */
static int make_run_directory(char *directory)
{
	if (!mkdtemp(directory) || chmod(directory, 0711) < 0) {
		perror(directory);
		return -1;
	}
	return setenv("RM_TEST_DIRECTORY", directory, 1);
}

static void set_environment(void)
{
	static const char *const unwanted[] = {
		"NOTIFY_SOCKET",   "LISTEN_FDS", "LISTEN_PID",	   "JOURNAL_STREAM",
		"XDG_RUNTIME_DIR", "RM_SESSION", "RM_SESSION_KEY",
	};

	for (size_t i = 0; i < ARRAY_SIZE(unwanted); i++) {
		(void)unsetenv(unwanted[i]);
	}
	if (testing_is_slow()) {
		(void)setenv("CK_TIMEOUT_MULTIPLIER", "10", 1); /* its memory is ours to hope for */
	}
}

int testing_run(const char *name, const struct test_case *cases, size_t n_cases)
{
	char directory[] = "/tmp/rm-XXXXXX";
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	int n_failed;

	set_environment();
	if (make_run_directory(directory) < 0) {
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < n_cases; i++) {
		TCase *tcase = tcase_create(cases[i].test->name);

		tcase_set_timeout(tcase,
				  cases[i].timeout_s ? cases[i].timeout_s : DEFAULT_TIMEOUT_S);
		tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
		tcase_add_loop_test(tcase, cases[i].test, 0,
				    cases[i].n_loops ? cases[i].n_loops : 1);
		suite_add_tcase(suite, tcase);
	}
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
		perror(directory);
		return EXIT_FAILURE;
	}
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
