/* SPDX-License-Identifier: MIT */
/* The processes of a benchmark: none of them outlives it, whatever happens. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"

/* Says why and ends this process with 1. Fit for the benchmark itself and all that it forks. */
_Noreturn void die(const char *format, ...) _printf_(1, 2);
/* The same, with what errno says. */
_Noreturn void die_errno(const char *format, ...) _printf_(1, 2);

/* CLOCK_MONOTONIC in ns. */
uint64_t now_ns(void);

/* fork() whose child is killed when its parent ends. Never fails. */
pid_t process_fork(void);

/* Starts argv[0], found in PATH, with its stderr in `error_fd` (-1: in a file named after it in
 * the run directory) and its stdout in `output_fd` (-1: nowhere). */
pid_t process_start(const char *const argv[], int output_fd, int error_fd);

/* Shows on stderr what a program wrote into its file in the run directory. */
void process_show_log(const char *program);

/* Waits for the end of a child; dies unless it ended with 0. */
void process_wait(pid_t pid, const char *name);

/* Signals a child and waits for its end, however it ends. */
void process_end(pid_t pid, int signal);

/* Notes a server, to be placed with the clients and ended by server_end_all(). */
void server_add(pid_t pid);
void server_end_all(void);

/* ---- placement ------------------------------------------------------------------------------ */

enum placement {
	PLACEMENT_ONE_CORE,  /* servers and clients on the first CPU that we may use */
	PLACEMENT_TWO_CORES, /* servers on the first, clients on the second */
	PLACEMENT_FREE,	     /* wherever the kernel puts them */
	PLACEMENT_RARE,	     /* free, and one call every 5 ms */
	_PLACEMENT_COUNT,
};

/* "one-core" */
const char *placement_name(enum placement placement);

/* Remembers the CPUs that this process may use. Returns their number. */
int placement_init(void);

/* Moves all servers that were added. Each has one thread. */
void placement_move_servers(enum placement placement);

/* Moves the calling process, as a client. */
void placement_move_client(enum placement placement);
