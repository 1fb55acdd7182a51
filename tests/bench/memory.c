/* SPDX-License-Identifier: MIT */
/*
 * Idle connections are opened by hand, because the library keeps only as many as it has
 * threads in a call, and from several processes, because the broker limits those of one. Each
 * asks once for the broker's status, so that what a call leaves behind counts too.
 *
 * A wake-up is a voluntary context switch of the broker: without one it stayed in the same
 * epoll_wait all the time.
 */
#include "tests/bench/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/limits.h"
#include "tests/bench/process.h"
#include "tests/bench/run_dir.h"
#include "tests/bench/subject.h"

#define N_HOLDERS 4u
#define CONNECTIONS_EACH 500u

/* Length 7; Request{version, id = 1, get_status = {}} */
static const uint8_t status_request[] = {7,    0, 0,	0,    0x08, PROTOCOL_VERSION,
					 0x10, 1, 0xC2, 0x01, 0};

/* The number after `name` in a file of /proc/PID of the broker. */
static uint64_t read_number(const char *file_name, const char *name)
{
	char path[64], line[256];
	unsigned long long number = 0;
	bool found = false;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", subject_rm_broker(), file_name);
	file = fopen(path, "re");
	if (!file) {
		die_errno("%s", path);
	}
	while (!found && fgets(line, sizeof(line), file)) {
		found = strncmp(line, name, strlen(name)) == 0 &&
			sscanf(line + strlen(name), "%llu", &number) == 1;
	}
	(void)fclose(file);
	if (!found) {
		die("%s has no %s", path, name);
	}
	return number;
}

struct memory_use memory_read(void)
{
	return (struct memory_use){
		.rss_bytes = read_number("smaps_rollup", "Rss:") * 1024,
		.anonymous_bytes = read_number("smaps_rollup", "Anonymous:") * 1024,
	};
}

static long count_wakeups(double seconds)
{
	static const char *const name = "voluntary_ctxt_switches:";
	uint64_t before = read_number("status", name);

	(void)usleep((useconds_t)(seconds * 1e6));
	return (long)(read_number("status", name) - before);
}

/* ---- holders of connections ----------------------------------------------------------------- */

static bool open_one(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint8_t reply[1024];

	return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
	       send(fd, status_request, sizeof(status_request), MSG_NOSIGNAL) ==
		       (ssize_t)sizeof(status_request) &&
	       recv(fd, reply, sizeof(reply), 0) > (ssize_t)sizeof(status_request);
}

static _Noreturn void hold(int ready_fd, int end_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[RUN_PATH_BYTES], byte;
	uint32_t n = 0;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s",
		       run_dir_path("broker.sock", path));
	while (n < CONNECTIONS_EACH && open_one(&address)) {
		n++;
	}
	if (write(ready_fd, &n, sizeof(n)) != sizeof(n) || read(end_fd, &byte, 1) != 0) {
		_exit(1);
	}
	_exit(0); /* which closes all */
}

void memory_measure_idle(double idle_seconds, struct idle_use *ret_use)
{
	pid_t pids[N_HOLDERS];
	int ready[2], end[2];
	uint32_t n;

	*ret_use = (struct idle_use){.wakeups = count_wakeups(idle_seconds)};
	ret_use->before = memory_read();
	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(end, O_CLOEXEC) < 0) {
		die_errno("pipe");
	}
	for (size_t i = 0; i < N_HOLDERS; i++) {
		pids[i] = process_fork();
		if (pids[i] == 0) {
			(void)close(end[1]);
			hold(ready[1], end[0]);
		}
	}
	(void)close(ready[1]);
	for (size_t i = 0; i < N_HOLDERS; i++) {
		if (read(ready[0], &n, sizeof(n)) != sizeof(n) || n == 0) {
			die("no idle connection could be opened");
		}
		ret_use->n_connections += n;
	}
	ret_use->after = memory_read();
	ret_use->bytes_per_connection =
		((double)ret_use->after.anonymous_bytes - (double)ret_use->before.anonymous_bytes) /
		ret_use->n_connections;
	ret_use->connected_wakeups = count_wakeups(idle_seconds);
	(void)close(end[1]);
	for (size_t i = 0; i < N_HOLDERS; i++) {
		process_wait(pids[i], "a holder of connections");
	}
	(void)close(ready[0]);
	(void)close(end[0]);
}
