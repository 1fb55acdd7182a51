/* SPDX-License-Identifier: MIT */
/*
 * Starting, placing and ending processes.
 *
 * Every process is killed by the kernel when its parent ends (PR_SET_PDEATHSIG), so a benchmark
 * that dies or is interrupted takes its servers and clients along; in the normal course they
 * are ended here by pid.
 */
#include "tests/bench/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/bench/run_dir.h"

#define MAX_SERVERS 8

static pid_t servers[MAX_SERVERS];
static size_t n_servers;
static cpu_set_t free_cpus, first_cpu, second_cpu;

static _Noreturn _printf_(1, 0) void die_va(const char *format, va_list arguments, int error)
{
	(void)fputs("bench: ", stderr);
	(void)vfprintf(stderr, format, arguments);
	(void)fprintf(stderr, "%s%s\n", error ? ": " : "", error ? strerror(error) : "");
	_exit(1);
}

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	die_va(format, arguments, 0);
}

void die_errno(const char *format, ...)
{
	int error = errno;
	va_list arguments;

	va_start(arguments, format);
	die_va(format, arguments, error);
}

uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

pid_t process_fork(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0) {
		die_errno("fork");
	}
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) {
			_exit(1); /* the parent ended before the line above */
		}
	}
	return pid;
}

static const char *log_path(const char *program, char ret_path[RUN_PATH_BYTES])
{
	const char *slash = strrchr(program, '/');
	char name[24];

	(void)snprintf(name, sizeof(name), "%s.log", slash ? slash + 1 : program);
	return run_dir_path(name, ret_path);
}

void process_show_log(const char *program)
{
	char path[RUN_PATH_BYTES], line[1024];
	FILE *file = fopen(log_path(program, path), "re");

	while (file && fgets(line, sizeof(line), file)) {
		(void)fputs(line, stderr);
	}
	if (file) {
		(void)fclose(file);
	}
}

pid_t process_start(const char *const argv[], int output_fd, int error_fd)
{
	pid_t pid = process_fork();
	char path[RUN_PATH_BYTES];
	int nowhere;

	if (pid != 0) {
		return pid;
	}
	nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (error_fd < 0) {
		error_fd = open(log_path(argv[0], path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
				0600);
	}
	if (dup2(nowhere, STDIN_FILENO) < 0 ||
	    dup2(output_fd < 0 ? nowhere : output_fd, STDOUT_FILENO) < 0 ||
	    dup2(error_fd, STDERR_FILENO) < 0) {
		_exit(126);
	}
	(void)execvp(argv[0], (char *const *)argv);
	die_errno("%s", argv[0]);
}

void process_wait(pid_t pid, const char *name)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			die_errno("waiting for %s", name);
		}
	}
	if (WIFSIGNALED(status)) {
		die("%s was ended by signal %d", name, WTERMSIG(status));
	}
	if (WEXITSTATUS(status) != 0) {
		die("%s ended with %d", name, WEXITSTATUS(status));
	}
}

void process_end(pid_t pid, int signal)
{
	(void)kill(pid, signal);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
	}
}

void server_add(pid_t pid)
{
	if (n_servers == MAX_SERVERS) {
		die("more than %d servers", MAX_SERVERS);
	}
	servers[n_servers++] = pid;
}

void server_end_all(void)
{
	while (n_servers > 0) {
		process_end(servers[--n_servers], SIGTERM);
	}
}

/* ---- placement ------------------------------------------------------------------------------ */

const char *placement_name(enum placement placement)
{
	static const char *const names[] = {"one-core", "two-cores", "free", "rare"};

	return names[placement];
}

int placement_init(void)
{
	int n = 0;

	if (sched_getaffinity(0, sizeof(free_cpus), &free_cpus) < 0) {
		die_errno("sched_getaffinity");
	}
	CPU_ZERO(&first_cpu);
	CPU_ZERO(&second_cpu);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &free_cpus)) {
			n++;
			if (n <= 2) {
				CPU_SET(cpu, n == 1 ? &first_cpu : &second_cpu);
			}
		}
	}
	return n;
}

static void move(pid_t pid, const cpu_set_t *cpus)
{
	if (sched_setaffinity(pid, sizeof(*cpus), cpus) < 0) {
		die_errno("sched_setaffinity of process %d", pid);
	}
}

void placement_move_servers(enum placement placement)
{
	bool pinned = placement == PLACEMENT_ONE_CORE || placement == PLACEMENT_TWO_CORES;

	for (size_t i = 0; i < n_servers; i++) {
		move(servers[i], pinned ? &first_cpu : &free_cpus);
	}
}

void placement_move_client(enum placement placement)
{
	switch (placement) {
	case PLACEMENT_ONE_CORE:
		move(0, &first_cpu);
		break;
	case PLACEMENT_TWO_CORES:
		move(0, &second_cpu);
		break;
	case PLACEMENT_FREE:
	case PLACEMENT_RARE:
	case _PLACEMENT_COUNT:
		move(0, &free_cpus);
		break;
	}
}
