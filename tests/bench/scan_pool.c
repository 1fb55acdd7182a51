/* SPDX-License-Identifier: MIT */
/* The pool's own process is told by lines and answers by lines; all of it dies with this one. */
#include "tests/bench/scan_pool.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/bench/process.h"
#include "tests/bench/run_dir.h"
#include "tests/support/workload_pool.h"

static char directory[RUN_PATH_BYTES];
static char unused[SCAN_MAX_FILES][RUN_PATH_BYTES];
static char used[2 * POOL_GROUPS][POOL_PATH_BYTES];
static pid_t pool;
static FILE *to_pool, *from_pool;

void scan_pool_make_files(void)
{
	int fd, r;

	if (mkdir(run_dir_path("pool", directory), 0700) < 0) {
		die_errno("%s", directory);
	}
	r = workload_pool_make_files(directory);
	if (r < 0) {
		die("the pool's files: %s", strerror(-r));
	}
	for (unsigned int i = 0; i < SCAN_MAX_FILES; i++) {
		(void)snprintf(unused[i], sizeof(unused[i]), "%.80s/u%u", directory, i);
		fd = open(unused[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0) {
			die_errno("%s", unused[i]);
		}
		(void)close(fd);
	}
	for (unsigned int i = 0; i < POOL_GROUPS; i++) {
		(void)workload_pool_library(directory, i, used[i]);
		(void)workload_pool_data(directory, i, used[POOL_GROUPS + i]);
	}
}

void scan_files_fill(struct scan_files *files, size_t n)
{
	size_t n_groups = n == 1 ? 1 : n == 100 ? 5 : n == 5000 ? POOL_GROUPS : 0;

	files->n_tenths_using = (unsigned int)n_groups;
	files->n = 0;
	for (size_t i = 0; i < n_groups; i++) {
		files->paths[files->n++] = used[i];
		if (files->n < n) {
			files->paths[files->n++] = used[POOL_GROUPS + i];
		}
	}
	for (size_t i = 0; files->n < n; i++) {
		files->paths[files->n++] = unused[i];
	}
	files->paths[n] = NULL;
}

static void run_pool(int in, int out, long n_processes)
{
	const char *program = getenv("RM_VICTIM");
	char number[24];

	(void)snprintf(number, sizeof(number), "%ld", n_processes);
	if (!program) {
		die("RM_VICTIM is not set: start me by tests/bench/run");
	}
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0) {
		die_errno("dup2");
	}
	(void)execl(program, program, "pool", directory, number, (char *)NULL);
	die_errno("%s", program);
}

static void expect(const char *answer)
{
	char line[64] = "";

	if (!fgets(line, sizeof(line), from_pool) || strcmp(line, answer) != 0) {
		die("the pool of processes says '%s'", line);
	}
}

void scan_pool_start(long n_processes)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0) {
		die_errno("pipe");
	}
	pool = process_fork();
	if (pool == 0) {
		run_pool(to[0], from[1], n_processes);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	to_pool = fdopen(to[1], "w");
	from_pool = fdopen(from[0], "r");
	if (!to_pool || !from_pool) {
		die_errno("fdopen");
	}
	expect("ready\n");
}

void scan_pool_run(long n)
{
	(void)fprintf(to_pool, "run %ld\n", n);
	(void)fflush(to_pool);
	expect("ran\n");
}

void scan_pool_stop(void)
{
	(void)fclose(to_pool);
	(void)fclose(from_pool);
	process_wait(pool, "the pool of processes");
}
