/* SPDX-License-Identifier: MIT */
/*
 * A private broker for one test case. There is one fixture, since each case has a process of its
 * own; testing_run() sets it up and takes it down. The library's environment points to it.
 *
 * Every broker that ends by a signal it knows must exit with 0: valgrind and the sanitizers
 * report what they found in this way.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "proto/base.h"

struct fixture {
	char directory[48]; /* 0700, this case's own */
	char socket[96];
	char config[96];  /* path; read by every broker that is started as usual */
	char log[96];	  /* path; the stderr of all brokers of this case */
	pid_t pid;	  /* the broker that runs, 0: none */
	size_t log_start; /* where the log of the last broker begins */
	unsigned int n_fds;
};

extern struct fixture fixture;

/* How a broker is started. Zeroed: `--user --socket PATH --config FILE`. */
struct launch {
	const char *const *arguments;	/* instead of those; ends with NULL */
	const char *const *environment; /* further NAME=value; ends with NULL */
	int listen_fd;			/* > 0: passed as the service manager does */
	uid_t uid;			/* > 0: another user's */
	rlim_t file_bytes;		/* > 0: RLIMIT_FSIZE */
};

void fixture_setup(void);
void fixture_teardown(void);

/* Lets the next broker listen at another path, which the library is told too. */
void fixture_set_socket(const char *path);

/* Makes the directory, and all that this process does from now on, the user nobody's. */
void fixture_become_nobody(void);

/* The configuration that the next broker reads, or the next SIGHUP. */
void fixture_set_config(const char *text);

/* A path in the fixture's directory. Static memory, good for four calls. */
const char *fixture_path(const char *name);

/* Starts a broker and waits until it is ready. */
void broker_start(void);
void broker_start_as(const struct launch *launch);

/* Both halves of it, for those who kill it on its way. */
void broker_spawn(void);
void broker_wait_ready(void);

/* Starts one that is expected to fail; returns its exit code. The log has its words. */
int broker_fail(const struct launch *launch);

/* Ends it with the signal and returns its exit code, 128 + s when signal s killed it. */
int broker_end(int signal);
/* Ends it with SIGTERM; it must exit with 0. */
void broker_stop(void);
/* SIGKILL. */
void broker_kill(void);
/* SIGKILL, and a new one at once. */
void broker_restart(void);

void broker_signal(int signal);

/* What the last broker has written so far. Free it. */
char *log_read(void);
bool log_has(const char *text);
/* Waits for the text; fails the test when it does not come. */
void log_wait(const char *text);
