/* SPDX-License-Identifier: MIT */
/*
 * Finding the broker. An installer hands over what to stop on its word, so the library checks
 * whom it talks to: the socket's directory belongs to this user and is closed to others, the
 * socket is this user's, and the process that listens is too (SO_PEERCRED). Root reads the
 * environment with more suspicion still, as a variable may have come through sudo: then every
 * directory from / down must be root's and writable for nobody else.
 */
#include "client/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#define MACHINE_SOCKET "/run/rstrtmgr/broker.sock"

struct reason {
	char *text; /* may be NULL */
	size_t size;
};

static int fail(const struct reason *reason, int error, const char *format, ...) _printf_(3, 4);

static int fail(const struct reason *reason, int error, const char *format, ...)
{
	va_list arguments;

	if (reason->text && reason->size) {
		va_start(arguments, format);
		(void)vsnprintf(reason->text, reason->size, format, arguments);
		va_end(arguments);
	}
	return error;
}

static int check_owner(const struct reason *reason, const char *path, const struct stat *st)
{
	return st->st_uid == geteuid() ? 0
				       : fail(reason, -EPERM, "%s belongs to uid %u, not to %u",
					      path, st->st_uid, geteuid());
}

/* Of root alone every directory on the way is asked for. Others may write only to a sticky one
 * of root's, such as /tmp, in which a directory of root's cannot be replaced. */
static int check_way(const struct reason *reason, const char *directory)
{
	char path[ENDPOINT_PATH_BYTES + 1];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s", directory);
	for (;;) {
		char *slash;

		if (lstat(*path ? path : "/", &st) < 0) {
			return fail(reason, negative_errno(), "%s: %s", path, strerror(errno));
		}
		if (!S_ISDIR(st.st_mode) || st.st_uid != 0 ||
		    ((st.st_mode & 022) && !(st.st_mode & S_ISVTX))) {
			return fail(reason, -EPERM,
				    "%s is not a directory that only root can change",
				    *path ? path : "/");
		}
		slash = strrchr(path, '/');
		if (!slash || !*path) {
			return 0;
		}
		*slash = '\0';
	}
}

static int check_directory(const struct reason *reason, const char *directory)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;
	int r;

	fd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		return fail(reason, errno == ENOTDIR ? -EPERM : negative_errno(), "%s: %s",
			    directory, errno == ENOTDIR ? "is not a directory" : strerror(errno));
	}
	r = check_owner(reason, directory, &st);
	if (r < 0) {
		return r;
	}
	if (st.st_mode & 077) {
		return fail(reason, -EPERM, "%s has mode %04o; it must be closed to others (0700)",
			    directory, st.st_mode & 07777);
	}
	return 0;
}

static int check_socket(const struct reason *reason, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		return fail(reason, negative_errno(), "%s: %s", path, strerror(errno));
	}
	if (S_ISLNK(st.st_mode)) {
		return fail(reason, -EPERM, "%s is a link; it is not followed", path);
	}
	if (!S_ISSOCK(st.st_mode)) {
		return fail(reason, -ENOTSOCK, "%s is not a socket", path);
	}
	return check_owner(reason, path, &st);
}

static int check_path(const struct reason *reason, const char *path, bool is_from_environment)
{
	char directory[ENDPOINT_PATH_BYTES];
	const char *slash = strrchr(path, '/');
	int r = 0;

	(void)snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	if (is_from_environment && geteuid() == 0) {
		r = check_way(reason, directory);
	}
	if (r == 0) {
		r = check_directory(reason, *directory ? directory : "/");
	}
	return r < 0 ? r : check_socket(reason, path);
}

static int set_path(const struct reason *reason, struct endpoint *endpoint, const char *prefix,
		    const char *suffix)
{
	int n = snprintf(endpoint->path, sizeof(endpoint->path), "%s%s", prefix, suffix);

	endpoint->uid = geteuid();
	if ((size_t)n >= sizeof(endpoint->path)) {
		return fail(reason, -ENAMETOOLONG,
			    "%s%s is too long for a socket: at most %zu bytes", prefix, suffix,
			    sizeof(endpoint->path) - 1);
	}
	if (*prefix != '/') {
		return fail(reason, -EPERM, "%s%s is not an absolute path", prefix, suffix);
	}
	return 0;
}

static int find_at(const struct reason *reason, struct endpoint *endpoint, const char *prefix,
		   const char *suffix, bool is_from_environment)
{
	int r = set_path(reason, endpoint, prefix, suffix);

	return r < 0 ? r : check_path(reason, endpoint->path, is_from_environment);
}

int endpoint_find(struct endpoint *ret_endpoint, char *why, size_t why_size)
{
	const struct reason reason = {why, why_size};
	const char *given = secure_getenv("RSTRTMGR_SOCKET");
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	int r = -ENOENT;

	*ret_endpoint = (struct endpoint){.uid = geteuid()};
	if (given && *given) {
		return find_at(&reason, ret_endpoint, given, "", true);
	}
	if (runtime && *runtime) {
		r = find_at(&reason, ret_endpoint, runtime, "/rstrtmgr/broker.sock", true);
	}
	/* Root's own broker, if it has one; else, whatever was wrong there, the machine's. */
	if (r < 0 && geteuid() == 0) {
		return find_at(&reason, ret_endpoint, MACHINE_SOCKET, "", false);
	}
	if (!*ret_endpoint->path) {
		return fail(&reason, -ENOENT, "neither RSTRTMGR_SOCKET nor XDG_RUNTIME_DIR is set");
	}
	return r;
}

static int check_peer(const struct endpoint *endpoint, int fd)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) {
		return negative_errno();
	}
	return credentials.uid == endpoint->uid ? 0 : -EPERM;
}

int endpoint_connect(const struct endpoint *endpoint, int timeout_ms, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = timeout_ms / 1000,
				  .tv_usec = (timeout_ms % 1000) * 1000};
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0) {
		return negative_errno();
	}
	/* On a full backlog connect(2) waits; this bounds it, and send(2) and recv(2) too. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0) {
		return negative_errno();
	}
	memcpy(address.sun_path, endpoint->path, sizeof(address.sun_path));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		return errno == EINTR ? -EAGAIN : negative_errno();
	}
	r = check_peer(endpoint, fd);
	if (r < 0) {
		return r;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}
