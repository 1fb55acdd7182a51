/* SPDX-License-Identifier: MIT */
/*
 * The thing itself: a program as any other, linked with the library and using the public header
 * in its default ABI, against a private rmbrokerd with built-in configuration.
 *
 * The library makes and keeps its own connections; threads of one process share its free list.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <wchar.h>

#include "client/restartmanager.h"
#include "tests/bench/process.h"
#include "tests/bench/run_dir.h"
#include "tests/bench/subject.h"

#define START_TIMEOUT_NS 10000000000u

struct rm_client {
	DWORD session;
};

static pid_t broker;

static bool is_listening(const char *path)
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static void wait_listening(const char *program, const char *path)
{
	uint64_t deadline = now_ns() + START_TIMEOUT_NS;

	while (!is_listening(path)) {
		if (waitpid(broker, NULL, WNOHANG) != 0 || now_ns() > deadline) {
			process_show_log(program);
			die("%s did not start", program);
		}
		(void)usleep(2000);
	}
}

static void rm_start_servers(void)
{
	const char *program = getenv("RM_BROKERD");
	char config[RUN_PATH_BYTES], path[RUN_PATH_BYTES];
	const char *const argv[] = {program, "--user", "--config", config, "--socket", path, NULL};
	int fd;

	if (!program) {
		die("RM_BROKERD is not set: start me by tests/bench/run");
	}
	/* Empty, so that nobody's own configuration counts. */
	fd = open(run_dir_path("broker.conf", config), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		die_errno("%s", config);
	}
	(void)close(fd);
	(void)run_dir_path("broker.sock", path);
	broker = process_start(argv, -1, -1);
	server_add(broker);
	wait_listening(program, path);
	if (setenv("RSTRTMGR_SOCKET", path, 1) < 0) {
		die_errno("setenv");
	}
}

pid_t subject_rm_broker(void)
{
	return broker;
}

static void *rm_open(void)
{
	struct rm_client *client = calloc(1, sizeof(*client));

	if (!client) {
		die("no memory");
	}
	return client;
}

static void rm_start(void *arg)
{
	struct rm_client *client = arg;
	WCHAR key[CCH_RM_SESSION_KEY + 1];
	DWORD code = RmStartSession(&client->session, 0, key);

	if (code != ERROR_SUCCESS || key[CCH_RM_SESSION_KEY] != L'\0') {
		die("RmStartSession returned %u", code);
	}
}

static void rm_end(void *arg)
{
	struct rm_client *client = arg;
	DWORD code = RmEndSession(client->session);

	if (code != ERROR_SUCCESS) {
		die("RmEndSession returned %u", code);
	}
}

static void rm_close(void *client)
{
	free(client);
}

const struct subject subject_rm = {
	.name = "rm",
	.start_servers = rm_start_servers,
	.open = rm_open,
	.start = rm_start,
	.end = rm_end,
	.close = rm_close,
};

const struct subject *subject_get(enum subject_id id)
{
	static const struct subject *const subjects[] = {
		[SUBJECT_RAW] = &subject_raw,
		[SUBJECT_DBUS] = &subject_dbus,
		[SUBJECT_RM] = &subject_rm,
	};

	return subjects[id];
}
