/* SPDX-License-Identifier: MIT */
/*
 * The pool's processes sleep in sigwaitinfo(2), so that their CPU clocks stand still until they
 * are told to run by a signal; each says by a byte in one pipe that it is about to sleep again.
 */
#include "tests/support/workload_pool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define LIBRARY_BYTES 65536
#define SPIN_NS 100000

const char *workload_pool_library(const char *directory, unsigned int number,
				  char ret_path[POOL_PATH_BYTES])
{
	(void)snprintf(ret_path, POOL_PATH_BYTES, "%.100s/lib-%u.so", directory, number);
	return ret_path;
}

const char *workload_pool_data(const char *directory, unsigned int number,
			       char ret_path[POOL_PATH_BYTES])
{
	(void)snprintf(ret_path, POOL_PATH_BYTES, "%.100s/data-%u", directory, number);
	return ret_path;
}

static int make_file(const char *path, size_t size)
{
	static const char zeroes[LIBRARY_BYTES];
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0) {
		return negative_errno();
	}
	return write(fd, zeroes, size) == (ssize_t)size ? 0 : negative_errno();
}

int workload_pool_make_files(const char *directory)
{
	char path[POOL_PATH_BYTES];
	int r = 0;

	for (unsigned int i = 0; i < POOL_LIBRARIES && r == 0; i++) {
		r = make_file(workload_pool_library(directory, i, path), LIBRARY_BYTES);
	}
	for (unsigned int i = 0; i < POOL_DATA_FILES && r == 0; i++) {
		r = make_file(workload_pool_data(directory, i, path), 4096);
	}
	return r;
}

/* ---- one of the processes ------------------------------------------------------------------- */

/* What a library looks like in /proc/PID/maps: r--, r-x, r--, rw-. */
static bool map_library(const char *path)
{
	static const struct {
		size_t offset, size;
		int protection;
	} parts[] = {
		{0x1000, 0x8000, PROT_READ | PROT_EXEC},
		{0x9000, 0x4000, PROT_READ},
		{0xd000, 0x3000, PROT_READ | PROT_WRITE},
	};
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *base = fd < 0 ? MAP_FAILED : mmap(NULL, LIBRARY_BYTES, PROT_READ, MAP_PRIVATE, fd, 0);

	for (size_t i = 0; base != MAP_FAILED && i < ARRAY_SIZE(parts); i++) {
		if (mmap(base + parts[i].offset, parts[i].size, parts[i].protection,
			 MAP_PRIVATE | MAP_FIXED, fd, (off_t)parts[i].offset) == MAP_FAILED) {
			return false;
		}
	}
	return base != MAP_FAILED;
}

/* The k'th file of process i: its group's own first, then some of those that all share. */
static unsigned int choose(long i, unsigned int k, unsigned int n_each, unsigned int n_files)
{
	unsigned int n_shared = n_files - POOL_GROUPS;

	if (k == 0) {
		return (unsigned int)(i % POOL_GROUPS);
	}
	return POOL_GROUPS + (unsigned int)(((unsigned long)i * (n_each - 1) + k) % n_shared);
}

static bool use_files(const char *directory, long i)
{
	char path[POOL_PATH_BYTES];
	int ends[2];

	for (unsigned int k = 0; k < POOL_MAPPED; k++) {
		if (!map_library(workload_pool_library(
			    directory, choose(i, k, POOL_MAPPED, POOL_LIBRARIES), path))) {
			return false;
		}
	}
	for (unsigned int k = 0; k < POOL_OPENED; k++) {
		if (open(workload_pool_data(directory, choose(i, k, POOL_OPENED, POOL_DATA_FILES),
					    path),
			 O_RDONLY | O_CLOEXEC) < 0) {
			return false;
		}
	}
	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && eventfd(0, 0) >= 0 &&
	       epoll_create1(0) >= 0;
}

static void spin(void)
{
	struct timespec start, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < SPIN_NS);
}

static _Noreturn void be_one(const char *directory, long i, int said, const sigset_t *wanted)
{
	char byte = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1 || !use_files(directory, i)) {
		(void)fprintf(stderr, "pool: process %ld: %s\n", i, strerror(errno));
		_exit(1);
	}
	for (;;) {
		if (write(said, &byte, 1) != 1 || sigwaitinfo(wanted, NULL) < 0) {
			_exit(1);
		}
		spin();
	}
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* Reads one byte of each of so many processes. */
static bool wait_for(int said, long n)
{
	char bytes[4096];

	while (n > 0) {
		ssize_t r =
			read(said, bytes, (size_t)n < sizeof(bytes) ? (size_t)n : sizeof(bytes));

		if (r <= 0) {
			return false;
		}
		n -= r;
	}
	return true;
}

static bool let_run(const pid_t *pids, long n, long n_run, int said)
{
	long step = n_run > 0 ? n / n_run : 0;

	for (long i = 0; i < n_run; i++) {
		if (kill(pids[i * step], SIGUSR1) < 0) {
			return false;
		}
	}
	return wait_for(said, n_run);
}

static bool obey(const pid_t *pids, long n, int said)
{
	char line[64];
	long n_run;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "run %ld", &n_run) != 1 || n_run < 0 || n_run > n) {
			return strcmp(line, "quit\n") == 0;
		}
		if (!let_run(pids, n, n_run, said)) {
			return false;
		}
		(void)puts("ran");
		(void)fflush(stdout);
	}
	return true;
}

static void end_all(const pid_t *pids, long n)
{
	for (long i = 0; i < n; i++) {
		(void)kill(pids[i], SIGKILL);
	}
	for (long i = 0; i < n; i++) {
		(void)waitpid(pids[i], NULL, 0);
	}
}

int workload_pool_run(const char *directory, long n)
{
	_cleanup_(freep) pid_t *pids = n > 0 ? calloc((size_t)n, sizeof(*pids)) : NULL;
	sigset_t wanted;
	int said[2];
	long n_started = 0;
	bool is_good;

	(void)sigemptyset(&wanted);
	(void)sigaddset(&wanted, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &wanted, NULL);
	if (!pids || pipe2(said, O_CLOEXEC) < 0) {
		return EXIT_FAILURE;
	}
	while (n_started < n && (pids[n_started] = fork()) > 0) {
		n_started++;
	}
	if (n_started < n && pids[n_started] == 0) {
		(void)close(said[0]);
		be_one(directory, n_started, said[1], &wanted);
	}
	(void)close(said[1]);
	is_good = n_started == n && wait_for(said[0], n);
	if (is_good) {
		(void)puts("ready");
		(void)fflush(stdout);
		is_good = obey(pids, n, said[0]);
	}
	end_all(pids, n_started);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
