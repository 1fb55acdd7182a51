/* SPDX-License-Identifier: MIT */
/* A private broker for one program of public headers and libc alone, in C and C++. */
#pragma once

#include <restartmanager.h>
#include <rstrtmgr.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/conformance/tap.h"

#if RSTRTMGR_WCHAR_BITS == 16
#define TEXT_OF(text) u##text
#else
#define TEXT_OF(text) L##text
#endif

#define KEY_CHARACTERS (CCH_RM_SESSION_KEY + 1)

static void check_code(DWORD code, DWORD wanted, const char *what)
{
	check(code == wanted, "%s: %u, wanted %u", what, code, wanted);
}

static char directory[] = "/tmp/rm-XXXXXX";
static char socket_path[64];
static pid_t broker;

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void pause_ms(long ms)
{
	struct timespec pause;

	pause.tv_sec = 0;
	pause.tv_nsec = ms * 1000000;
	nanosleep(&pause, NULL); /* between two looks */
}

static void start_broker(void)
{
	const char *program = getenv("RM_BROKERD");
	char path[128], why[256];
	int tries = 0;

	if (!program || !mkdtemp(directory)) {
		die("RM_BROKERD");
	}
	snprintf(socket_path, sizeof(socket_path), "%s/b.sock", directory);
	setenv("RSTRTMGR_SOCKET", socket_path, 1);
	setenv("HOME", directory, 1); /* no configuration but the machine's */
	unsetenv("XDG_CONFIG_HOME");
	broker = fork();
	if (broker == 0) {
		execl(program, program, "--user", "--socket", socket_path, "--log", "error",
		      (char *)NULL);
		_exit(98);
	}
	while (rm_broker_locate(path, sizeof(path), why, sizeof(why)) != 0) {
		if (++tries > 3000) {
			kill(broker, SIGKILL);
			die("the broker does not come");
		}
		pause_ms(10);
	}
}

static void remove_files(void)
{
	static const char *const names[] = {"", ".lock", ".journal"};
	char path[96];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", socket_path, names[i]);
		unlink(path);
	}
	check(rmdir(directory) == 0, "nothing is left in the runtime directory");
}

static void stop_broker(void)
{
	int status = 0;

	kill(broker, SIGTERM);
	check(waitpid(broker, &status, 0) == broker && status == 0, "the broker ends with 0");
	remove_files();
}
