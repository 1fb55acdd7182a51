/* SPDX-License-Identifier: MIT */
/*
 * Where the broker agrees to listen. Whatever stands in its way is told with its path, the
 * broker ends with 1, and nothing is deleted or changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"
#include "tests/support/wire.h"

static int fail_at(const char *path)
{
	const char *const arguments[] = {"--user",   "--socket",     path,
					 "--config", fixture.config, NULL};
	const struct launch launch = {.arguments = arguments};

	return broker_fail(&launch);
}

static void expect_refusal(const char *path, const char *message)
{
	_cleanup_(freep) char *log = NULL;

	ck_assert_int_eq(fail_at(path), 1);
	log = log_read();
	ck_assert_msg(strstr(log, message) != NULL, "wanted '%s', got: %s", message, log);
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	ck_assert_msg(lstat(path, &st) == 0, "%s: %s", path, strerror(errno));
	return st.st_ino;
}

/* The path is refused with the message, and what stands there stays. */
static void expect_untouched(const char *path, const char *message)
{
	ino_t before = inode_of(path);

	expect_refusal(path, message);
	ck_assert_uint_eq(inode_of(path), before);
}

static int bind_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memcpy(address.sun_path, path, strlen(path) + 1);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

START_TEST(test_stale_socket)
{
	ino_t old;
	int fd = bind_at(fixture.socket);

	ck_assert_int_eq(close(fd), 0); /* its file stays, and nobody listens */
	old = inode_of(fixture.socket);
	broker_start();
	ck_assert_uint_ne(inode_of(fixture.socket), old);
	fd = wire_connect();
	ck_assert_uint_eq(wire_get_status(fd), 0);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(test_socket_of_another_program)
{
	int fd = bind_at(fixture.socket);

	ck_assert_int_eq(listen(fd, 4), 0);
	expect_untouched(fixture.socket, "another program listens on this socket");
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(test_regular_file)
{
	_cleanup_(freep) char *text = NULL;

	testing_write_file(fixture.socket, "precious");
	expect_untouched(fixture.socket, "is not a socket; it will not be replaced");
	text = testing_read_file(fixture.socket);
	ck_assert_str_eq(text, "precious");
}
END_TEST

START_TEST(test_link)
{
	const char *target = fixture_path("target");

	testing_write_file(target, "precious");
	ck_assert_int_eq(symlink(target, fixture.socket), 0);
	expect_untouched(fixture.socket, "is a link; it will not be followed or replaced");
	ck_assert_uint_eq(inode_of(target), inode_of(target));
}
END_TEST

START_TEST(test_dangling_link)
{
	ck_assert_int_eq(symlink(fixture_path("nowhere"), fixture.socket), 0);
	expect_untouched(fixture.socket, "is a link; it will not be followed or replaced");
	ck_assert_int_lt(access(fixture_path("nowhere"), F_OK), 0);
}
END_TEST

START_TEST(test_directory_as_socket)
{
	ck_assert_int_eq(mkdir(fixture.socket, 0700), 0);
	expect_untouched(fixture.socket, "is not a socket; it will not be replaced");
}
END_TEST

/* 107 bytes are possible, 108 are not. */
START_TEST(test_length)
{
	char path[109];
	int n = snprintf(path, sizeof(path), "%s/", fixture.directory);
	const char *const arguments[] = {"--user", "--socket", path, NULL};
	const struct launch launch = {.arguments = arguments};

	memset(path + n, 's', sizeof(path) - (size_t)n);
	path[108] = '\0';
	expect_refusal(path, "too long for a socket: at most 107 bytes");
	path[107] = '\0';
	broker_start_as(&launch);
	ck_assert_uint_ne(inode_of(path), 0);
}
END_TEST

static const struct {
	const char *path;
	const char *message;
} odd_paths[] = {
	{"b.sock", "must be absolute"},
	{"./b.sock", "must be absolute"},
	{"", "must be absolute"},
	{"/tmp/", "must be absolute and name a file"},
	{"/nonexistent/directory/b.sock", "/nonexistent/directory: the socket's directory can't"},
};

START_TEST(test_odd_path)
{
	expect_refusal(odd_paths[_i].path, odd_paths[_i].message);
}
END_TEST

START_TEST(test_open_directory)
{
	static const mode_t modes[] = {0755, 0750, 0701, 0777, 01777};
	char message[64];

	(void)snprintf(message, sizeof(message), "has mode %04o", (unsigned int)modes[_i]);
	ck_assert_int_eq(chmod(fixture.directory, modes[_i]), 0);
	expect_refusal(fixture.socket, message);
	ck_assert_int_lt(access(fixture.socket, F_OK), 0);
	ck_assert_int_eq(chmod(fixture.directory, 0700), 0);
}
END_TEST

START_TEST(test_directory_of_another_user)
{
	if (!testing_is_root()) {
		return; /* only root can give one away */
	}
	ck_assert_int_eq(chown(fixture.directory, TESTING_NOBODY, TESTING_NOBODY), 0);
	expect_refusal(fixture.socket, "belongs to uid 65534, not to 0");
	ck_assert_int_lt(access(fixture.socket, F_OK), 0);
	ck_assert_int_eq(chown(fixture.directory, 0, 0), 0);
}
END_TEST

START_TEST(test_linked_directory)
{
	char path[200];

	ck_assert_int_eq(mkdir(fixture_path("real"), 0700), 0);
	ck_assert_int_eq(symlink("real", fixture_path("linked")), 0);
	(void)snprintf(path, 100, "%s", fixture_path("linked/b.sock"));
	expect_refusal(path, "must be a directory, not a link or another file");
}
END_TEST

/* Exactly the path, and everything beside it is the owner's alone. */
START_TEST(test_modes)
{
	const char *const names[] = {"b.sock", "b.sock.journal", "b.sock.lock"};
	struct stat st;

	broker_start();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert_int_eq(lstat(fixture_path(names[i]), &st), 0);
		ck_assert_uint_eq(st.st_uid, geteuid());
		ck_assert_uint_eq(st.st_mode & 07777, 0600);
	}
	ck_assert_int_eq(lstat(fixture.socket, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
}
END_TEST

static atomic_bool is_over;
static atomic_int n_vanished;
static atomic_int n_looks;

static void *look(void *path)
{
	struct stat st;

	while (!is_over) {
		n_vanished += lstat(path, &st) < 0;
		n_looks++;
	}
	return NULL;
}

/* Clients tell a broker that restarts from none at all by the path. */
START_TEST(test_path_never_vanishes)
{
	int n_rounds = testing_is_slow() ? 4 : 20;
	pthread_t thread;

	broker_start();
	ck_assert_int_eq(pthread_create(&thread, NULL, look, fixture.socket), 0);
	for (int i = 0; i < n_rounds; i++) {
		if (i % 2) {
			broker_restart();
		} else {
			broker_stop();
			broker_start();
		}
	}
	is_over = true;
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(n_vanished, 0);
	ck_assert_int_gt(n_looks, n_rounds);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_stale_socket},
		{.test = test_socket_of_another_program},
		{.test = test_regular_file},
		{.test = test_link},
		{.test = test_dangling_link},
		{.test = test_directory_as_socket},
		{.test = test_length},
		{.test = test_odd_path, .n_loops = ARRAY_SIZE(odd_paths)},
		{.test = test_open_directory, .n_loops = 5},
		{.test = test_directory_of_another_user},
		{.test = test_linked_directory},
		{.test = test_modes},
		{.test = test_path_never_vanishes},
	};

	return testing_run("paths", cases, ARRAY_SIZE(cases));
}
