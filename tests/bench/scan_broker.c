/* SPDX-License-Identifier: MIT */
/* Each has a directory for itself, so that none reads what another wrote into its journal. */
#include "tests/bench/scan_broker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "client/rstrtmgr.h"
#include "tests/bench/process.h"
#include "tests/bench/run_dir.h"

#define START_TIMEOUT_NS 10000000000u

static pid_t broker;

static void write_config(const char *path, const char *text)
{
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		die_errno("%s", path);
	}
}

static void wait_answering(const char *program)
{
	uint64_t deadline = now_ns() + START_TIMEOUT_NS;
	struct rm_broker_info *info;

	while (rm_broker_status(&info) != 0) {
		if (waitpid(broker, NULL, WNOHANG) != 0 || now_ns() > deadline) {
			process_show_log(program);
			die("%s did not start", program);
		}
		(void)usleep(1000);
	}
	rm_broker_status_free(info);
}

void scan_broker_start(const char *config_text)
{
	static unsigned int number;
	const char *program = getenv("RM_BROKERD");
	char name[32], path[RUN_PATH_BYTES], config[RUN_PATH_BYTES];
	const char *const argv[] = {program, "--user", "--config", config, "--socket", path, NULL};

	if (!program) {
		die("RM_BROKERD is not set: start me by tests/bench/run");
	}
	(void)snprintf(name, sizeof(name), "b%u", ++number);
	if (mkdir(run_dir_path(name, path), 0700) < 0) {
		die_errno("%s", path);
	}
	(void)snprintf(name, sizeof(name), "b%u/sock", number);
	(void)run_dir_path(name, path);
	write_config(run_dir_path("broker.conf", config), config_text);
	if (setenv("RSTRTMGR_SOCKET", path, 1) < 0) {
		die_errno("setenv");
	}
	broker = process_start(argv, -1, -1);
	wait_answering(program);
}

void scan_broker_stop(void)
{
	process_end(broker, SIGTERM);
	broker = 0;
}
