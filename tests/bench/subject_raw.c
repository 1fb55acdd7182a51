/* SPDX-License-Identifier: MIT */
/*
 * The floor: messages of the broker's sizes over AF_UNIX SOCK_STREAM to a plain epoll server
 * (epoll_wait, read, write), from a client that blocks in recv.
 *
 * The client uses send and recv, which cost a little less than write and read and so make the
 * ratios stricter. The first four bytes of a request are a number that the reply repeats.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/bench/process.h"
#include "tests/bench/run_dir.h"
#include "tests/bench/subject.h"

/*
 * The sizes of the broker's frames, as strace shows them: 4 bytes of length, then the Request or
 * Reply of rm.proto with version and id (2 bytes each), and
 *   StartSession       tag and length 3, request_id 18
 *   StartSessionReply  tag and length 3, session 4 (from number 16,384 on), key 34
 *   EndSession         tag and length 3, request_id 18, session 4
 *   its reply          nothing more
 */
#define START_REQUEST_BYTES 29
#define START_REPLY_BYTES 49
#define END_REQUEST_BYTES 33
#define END_REPLY_BYTES 8
#define MAX_BYTES 64

#define MAX_READY 64

struct raw_client {
	int fd;
	uint32_t number; /* of the last request */
};

static struct sockaddr_un socket_address(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[RUN_PATH_BYTES];

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s",
		       run_dir_path("raw.sock", path));
	return address;
}

static void accept_one(int epoll_fd, int listen_fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	event.data.fd = fd;
	if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		die_errno("raw server: accept");
	}
}

static void answer_one(int fd)
{
	uint8_t message[MAX_BYTES] = {0};
	ssize_t n = read(fd, message, sizeof(message));
	size_t size;

	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		(void)close(fd);
		return;
	}
	if (n != START_REQUEST_BYTES && n != END_REQUEST_BYTES) {
		die("raw server: a request of %zd bytes", n);
	}
	size = n == START_REQUEST_BYTES ? START_REPLY_BYTES : END_REPLY_BYTES;
	if (write(fd, message, size) != (ssize_t)size) {
		die_errno("raw server: write");
	}
}

static _Noreturn void serve(int listen_fd)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ready[MAX_READY], event = {.events = EPOLLIN, .data.fd = listen_fd};
	int n;

	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) < 0) {
		die_errno("raw server: epoll");
	}
	for (;;) {
		n = epoll_wait(epoll_fd, ready, MAX_READY, -1);
		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd == listen_fd) {
				accept_one(epoll_fd, listen_fd);
			} else {
				answer_one(ready[i].data.fd);
			}
		}
	}
}

static void raw_start_servers(void)
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = socket_address();
	pid_t pid;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 128) < 0) {
		die_errno("raw server");
	}
	pid = process_fork();
	if (pid == 0) {
		serve(fd);
	}
	server_add(pid);
}

static void *raw_open(void)
{
	struct raw_client *client = calloc(1, sizeof(*client));
	struct sockaddr_un address = socket_address();

	if (!client) {
		die("no memory");
	}
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 ||
	    connect(client->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		die_errno("raw client: connect");
	}
	return client;
}

static void ping(struct raw_client *client, size_t request_size, size_t reply_size)
{
	uint8_t message[MAX_BYTES] = {0};

	client->number++;
	memcpy(message, &client->number, sizeof(client->number));
	if (send(client->fd, message, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) {
		die_errno("raw client: send");
	}
	if (recv(client->fd, message, sizeof(message), 0) != (ssize_t)reply_size ||
	    memcmp(message, &client->number, sizeof(client->number)) != 0) {
		die("raw client: wrong reply");
	}
}

static void raw_start(void *client)
{
	ping(client, START_REQUEST_BYTES, START_REPLY_BYTES);
}

static void raw_end(void *client)
{
	ping(client, END_REQUEST_BYTES, END_REPLY_BYTES);
}

static void raw_close(void *arg)
{
	struct raw_client *client = arg;

	(void)close(client->fd);
	free(client);
}

const struct subject subject_raw = {
	.name = "raw",
	.start_servers = raw_start_servers,
	.open = raw_open,
	.start = raw_start,
	.end = raw_end,
	.close = raw_close,
};
