/* SPDX-License-Identifier: MIT */
/*
 * Starting and ending brokers. The log is a file, not a pipe: a broker never waits for us to
 * read, and what it said is there when a test fails.
 */
#include "tests/support/broker_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/testing.h"

#define READY_MS 10000
#define END_MS 10000
#define MAX_ARGUMENTS 24

struct fixture fixture;

const char *fixture_path(const char *name)
{
	static char paths[4][160];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", fixture.directory, name);
	return path;
}

void fixture_set_config(const char *text)
{
	testing_write_file(fixture.config, text);
}

void fixture_set_socket(const char *path)
{
	ck_assert_uint_lt(strlen(path), sizeof(fixture.socket));
	(void)snprintf(fixture.socket, sizeof(fixture.socket), "%s", path);
	ck_assert_int_eq(setenv("RSTRTMGR_SOCKET", path, 1), 0);
}

void fixture_setup(void)
{
	const char *base = getenv("RM_TEST_DIRECTORY");

	ck_assert_ptr_nonnull(base);
	fixture = (struct fixture){0};
	(void)snprintf(fixture.directory, sizeof(fixture.directory), "%s/%d", base, getpid());
	ck_assert_int_eq(mkdir(fixture.directory, 0700), 0);
	fixture_set_socket(fixture_path("b.sock"));
	(void)snprintf(fixture.config, sizeof(fixture.config), "%s/b.conf", fixture.directory);
	(void)snprintf(fixture.log, sizeof(fixture.log), "%s/log", fixture.directory);
	fixture_set_config("");
	testing_write_file(fixture.log, "");
	ck_assert_int_eq(setenv("RSTRTMGR_TIMEOUT_MS", "60000", 1), 0);
	fixture.n_fds = testing_count_fds();
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	/* As nobody we may not remove the directory itself: the end of the run does. */
	return remove(path) < 0 && ftw->level > 0 ? -1 : 0;
}

void fixture_teardown(void)
{
	if (fixture.pid) {
		broker_stop();
	}
	ck_assert_uint_eq(testing_count_fds(), fixture.n_fds);
	ck_assert_int_eq(nftw(fixture.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void fixture_become_nobody(void)
{
	ck_assert_int_eq(chown(fixture.directory, TESTING_NOBODY, TESTING_NOBODY), 0);
	ck_assert_int_eq(chown(fixture.config, TESTING_NOBODY, TESTING_NOBODY), 0);
	ck_assert_int_eq(chown(fixture.log, TESTING_NOBODY, TESTING_NOBODY), 0);
	testing_become_nobody();
}

static void fill_command(const struct launch *launch, const char *program, const char **command)
{
	const char *const usual[] = {"--user",	 "--socket",	 fixture.socket,
				     "--config", fixture.config, NULL};
	const char *const memcheck[] = {"valgrind",
					"-q",
					"--error-exitcode=97",
					"--leak-check=full",
					"--errors-for-leak-kinds=definite",
					NULL};
	const char *const *arguments = launch->arguments ? launch->arguments : usual;

	if (testing_is_valgrind()) {
		for (size_t i = 0; memcheck[i]; i++) {
			*command++ = memcheck[i];
		}
	}
	*command++ = program;
	while (*arguments) {
		*command++ = *arguments++;
	}
	*command = NULL;
}

static void pass_socket(int fd)
{
	char pid[16];

	/* dup2() onto itself would leave the descriptor close-on-exec. */
	if (fd == 3 ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, 3) < 0) {
		_exit(98);
	}
	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	if (setenv("LISTEN_FDS", "1", 1) < 0 || setenv("LISTEN_PID", pid, 1) < 0) {
		_exit(98);
	}
}

static void limit_file(rlim_t bytes)
{
	const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};

	if (bytes && setrlimit(RLIMIT_FSIZE, &limit) < 0) {
		_exit(98);
	}
}

/* In the child. The program is opened before the user changes, who may not reach it. */
static void exec_broker(const struct launch *launch, int log_fd, int program_fd)
{
	const char *command[MAX_ARGUMENTS];
	char program[32];

	(void)snprintf(program, sizeof(program), "/proc/self/fd/%d", program_fd);
	fill_command(launch, testing_is_valgrind() ? testing_brokerd() : program, command);
	if (dup2(log_fd, STDERR_FILENO) < 0) {
		_exit(98);
	}
	for (const char *const *at = launch->environment; at && *at; at++) {
		if (putenv((char *)(uintptr_t)*at) != 0) {
			_exit(98);
		}
	}
	if (testing_is_valgrind() && (setenv("LD_PRELOAD", BUILT_PIDFD_SHIM, 1) < 0 ||
				      setenv("RM_PIDFD_HELPER", testing_installer(), 1) < 0)) {
		_exit(98);
	}
	if (launch->uid) {
		testing_become_nobody();
	}
	limit_file(launch->file_bytes);
	if (launch->listen_fd) {
		pass_socket(launch->listen_fd);
	}
	(void)execvp(command[0], (char *const *)(uintptr_t)command);
	perror(command[0]);
	_exit(98);
}

static void spawn(const struct launch *launch)
{
	struct stat st;
	int log_fd = open(fixture.log, O_WRONLY | O_APPEND | O_CLOEXEC);
	/* Not 3, where a socket may have to be passed. */
	int opened = open(testing_brokerd(), O_RDONLY | O_CLOEXEC);
	int program_fd = fcntl(opened, F_DUPFD_CLOEXEC, 10);

	ck_assert_int_eq(fixture.pid, 0);
	ck_assert_int_ge(log_fd, 0);
	ck_assert_msg(program_fd >= 0, "%s: %s", testing_brokerd(), strerror(errno));
	ck_assert_int_eq(fstat(log_fd, &st), 0);
	fixture.log_start = (size_t)st.st_size;
	fixture.pid = fork();
	ck_assert_int_ge(fixture.pid, 0);
	if (fixture.pid == 0) {
		exec_broker(launch, log_fd, program_fd);
	}
	ck_assert_int_eq(close(log_fd), 0);
	ck_assert_int_eq(close(opened), 0);
	ck_assert_int_eq(close(program_fd), 0);
}

static int reap(int ms)
{
	pid_t pid = fixture.pid;

	fixture.pid = 0;
	return testing_wait_child(pid, ms);
}

void broker_start_as(const struct launch *launch)
{
	spawn(launch);
	broker_wait_ready();
}

void broker_spawn(void)
{
	const struct launch launch = {0};

	spawn(&launch);
}

void broker_wait_ready(void)
{
	log_wait("ready version=");
}

void broker_start(void)
{
	broker_spawn();
	broker_wait_ready();
}

int broker_fail(const struct launch *launch)
{
	spawn(launch);
	return reap(READY_MS);
}

void broker_signal(int signal)
{
	ck_assert_int_ne(fixture.pid, 0);
	ck_assert_int_eq(kill(fixture.pid, signal), 0);
}

int broker_end(int signal)
{
	broker_signal(signal);
	return reap(END_MS);
}

void broker_stop(void)
{
	int code = broker_end(SIGTERM);
	_cleanup_(freep) char *text = NULL;

	if (code != 0) {
		text = log_read();
		(void)fprintf(stderr, "# the broker ended with %d; its log:\n%s", code, text);
	}
	ck_assert_int_eq(code, 0);
}

void broker_kill(void)
{
	ck_assert_int_eq(broker_end(SIGKILL), 128 + SIGKILL);
}

void broker_restart(void)
{
	broker_kill();
	broker_start();
}

char *log_read(void)
{
	char *text = testing_read_file(fixture.log);

	memmove(text, text + fixture.log_start, strlen(text + fixture.log_start) + 1);
	return text;
}

bool log_has(const char *text)
{
	_cleanup_(freep) char *log = log_read();

	return strstr(log, text) != NULL;
}

static bool has_text(void *text)
{
	return log_has(text);
}

void log_wait(const char *text)
{
	_cleanup_(freep) char *log = NULL;

	if (!testing_wait(has_text, (void *)(uintptr_t)text, READY_MS)) {
		log = log_read();
		ck_abort_msg("the broker does not say '%s' but:\n%s", text, log);
	}
}
