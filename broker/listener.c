/* SPDX-License-Identifier: MIT */
/*
 * The listening socket. Its directory must be the broker's own and closed to all others; a
 * lock beside the socket keeps a second broker out, and is free at once when this one dies.
 * The socket is bound under another name and renamed over the old one, so that the path never
 * vanishes while a broker is replaced (A50).
 */
#include "broker/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "broker/log.h"
#include "proto/text.h"

#define SYSTEM_DIRECTORY "/run/rstrtmgr"
#define SOCKET_NAME "broker.sock"
#define BACKLOG 4096
#define MAX_SOCKET_PATH (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static int fail(int error, const char *path, const char *what)
{
	log_error("%s: %s", path, what);
	return error;
}

/* Where the socket is when nobody says otherwise; its directory is made. */
static int default_path(bool is_system, char *ret_path)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char directory[PATH_MAX - sizeof("/" SOCKET_NAME)];
	int n;

	if (!is_system && (!runtime || *runtime != '/')) {
		log_error("XDG_RUNTIME_DIR is not set: give the socket's path with --socket");
		return -ENOENT;
	}
	n = is_system ? snprintf(directory, sizeof(directory), "%s", SYSTEM_DIRECTORY)
		      : snprintf(directory, sizeof(directory), "%s/rstrtmgr", runtime);
	if ((size_t)n >= sizeof(directory)) {
		return fail(-ENAMETOOLONG, runtime, "XDG_RUNTIME_DIR is too long for a socket");
	}
	if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
		return log_errno(LOG_ERR, negative_errno(), "%s: the directory can't be made",
				 directory);
	}
	(void)snprintf(ret_path, PATH_MAX, "%s/" SOCKET_NAME, directory);
	return 0;
}

/* Opens the socket's directory and sees that nobody else can change it. */
static int open_directory(const char *path, int *ret_fd)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	_cleanup_(closep) int fd = -1;
	struct stat st;

	if (*path != '/' || !slash[1]) {
		return fail(-EINVAL, path, "the socket's path must be absolute and name a file");
	}
	if (!text_is_clean(path, strlen(path))) {
		log_error("the socket's path has control characters or is not UTF-8");
		return -EINVAL;
	}
	if (strlen(path) > MAX_SOCKET_PATH) {
		return fail(-ENAMETOOLONG, path,
			    "the path is too long for a socket: at most 107 bytes");
	}
	(void)snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	fd = open(*directory ? directory : "/", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR)) {
		return fail(negative_errno(), directory,
			    "must be a directory, not a link or another file");
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		return log_errno(LOG_ERR, negative_errno(),
				 "%s: the socket's directory can't be opened", directory);
	}
	if (st.st_uid != geteuid()) {
		log_error("%s: belongs to uid %u, not to %u: the socket's directory must be the "
			  "broker's own",
			  directory, st.st_uid, geteuid());
		return -EPERM;
	}
	if (st.st_mode & 077) {
		log_error("%s: has mode %04o: the socket's directory must be closed to others "
			  "(chmod 0700)",
			  directory, st.st_mode & 07777);
		return -EPERM;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* One broker a socket: the lock goes with the process that holds it. */
static int lock(const char *path, int *ret_fd)
{
	char name[PATH_MAX];
	_cleanup_(closep) int fd = -1;

	(void)snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		return log_errno(LOG_ERR, negative_errno(), "%s: can't be opened", name);
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		return errno == EWOULDBLOCK
			       ? fail(-EADDRINUSE, path, "another broker runs on this socket")
			       : log_errno(LOG_ERR, negative_errno(), "%s: can't be locked", name);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, path, strlen(path) + 1);
	return address;
}

/* What stands at the path may be replaced only if it is a socket that nobody listens on. */
static int check_old(const char *path)
{
	struct sockaddr_un address = address_of(path);
	_cleanup_(closep) int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0) {
		return errno == ENOENT ? 0 : log_errno(LOG_ERR, negative_errno(), "%s", path);
	}
	if (!S_ISSOCK(st.st_mode)) {
		return fail(-EEXIST, path,
			    S_ISLNK(st.st_mode) ? "is a link; it will not be followed or replaced"
						: "is not a socket; it will not be replaced");
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return log_errno(LOG_ERR, negative_errno(), "a socket can't be made");
	}
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
	    errno == EAGAIN) {
		return fail(-EADDRINUSE, path, "another program listens on this socket");
	}
	return 0;
}

/* A name in the same directory that is short enough; reached through the open directory when
 * the path itself is not. */
static int bind_beside(int fd, int directory_fd, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char name[32];
	int n;

	(void)snprintf(name, sizeof(name), ".broker.%d", getpid());
	n = snprintf(address.sun_path, sizeof(address.sun_path), "%.*s/%s",
		     (int)(strrchr(path, '/') - path), path, name);
	if ((size_t)n >= sizeof(address.sun_path)) {
		(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
			       directory_fd, name);
	}
	if (unlinkat(directory_fd, name, 0) < 0 && errno != ENOENT) {
		return negative_errno();
	}
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		return negative_errno();
	}
	if (listen(fd, BACKLOG) < 0 ||
	    renameat(directory_fd, name, directory_fd, strrchr(path, '/') + 1) < 0) {
		int r = negative_errno();

		(void)unlinkat(directory_fd, name, 0); /* a dead socket in our own directory */
		return r;
	}
	return 0;
}

static int bind_socket(const char *path, int directory_fd, int *ret_fd)
{
	_cleanup_(closep) int fd = -1;
	int r = check_old(path);

	if (r < 0) {
		return r;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The mode that bind(2) gives to the file: without this, 0700 by the umask. */
	if (fd < 0 || fchmod(fd, 0600) < 0) {
		return log_errno(LOG_ERR, negative_errno(), "a socket can't be made");
	}
	r = bind_beside(fd, directory_fd, path);
	if (r < 0) {
		return log_errno(LOG_ERR, r, "%s: can't be bound", path);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The path of a socket that systemd passed. */
static int path_of(int fd, char *ret_path)
{
	struct sockaddr_un address = {0};
	socklen_t size = sizeof(address);

	if (sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0 || address.sun_path[0] != '/') {
		log_error("the descriptor passed by the service manager is no listening Unix "
			  "stream socket with a path");
		return -EINVAL;
	}
	(void)snprintf(ret_path, PATH_MAX, "%s", address.sun_path);
	return 0;
}

/* 1: `fd` is a socket that was passed; 0: none was. */
static int take_passed(int *ret_fd, char *ret_path)
{
	int n = sd_listen_fds(1);

	if (n <= 0) {
		return n;
	}
	if (n > 1) {
		log_error("%d sockets were passed; one is wanted", n);
		return -EINVAL;
	}
	*ret_fd = SD_LISTEN_FDS_START;
	if (fcntl(*ret_fd, F_SETFL, O_NONBLOCK) < 0) {
		return negative_errno();
	}
	n = path_of(*ret_fd, ret_path);
	return n < 0 ? n : 1;
}

static int open_at(const char *path, int owned_passed_fd, struct listener *ret_listener)
{
	_cleanup_(closep) int fd = owned_passed_fd;
	_cleanup_(closep) int directory_fd = -1;
	_cleanup_(closep) int lock_fd = -1;
	_cleanup_(freep) char *copy = strdup(path);
	int r;

	if (!copy) {
		return -ENOMEM;
	}
	r = open_directory(path, &directory_fd);
	if (r < 0) {
		return r;
	}
	r = lock(path, &lock_fd);
	if (r < 0) {
		return r;
	}
	if (fd < 0) {
		r = bind_socket(path, directory_fd, &fd);
	}
	if (r < 0) {
		return r;
	}
	*ret_listener = (struct listener){
		.fd = TAKE_FD(fd), .lock_fd = TAKE_FD(lock_fd), .path = TAKE_PTR(copy)};
	return 0;
}

int listener_open(const char *path, bool is_system, struct listener *ret_listener)
{
	char found[PATH_MAX];
	int passed = -1;
	int r = take_passed(&passed, found);

	if (r < 0) {
		return r;
	}
	if (r == 1) {
		if (path && strcmp(path, found) != 0) {
			return fail(-EINVAL, found, "was passed, but --socket names another path");
		}
		r = open_at(found, passed, ret_listener);
		ret_listener->is_passed = r == 0;
		return r;
	}
	if (!path) {
		r = default_path(is_system, found);
		if (r < 0) {
			return r;
		}
		path = found;
	}
	return open_at(path, -1, ret_listener);
}

int listener_hand_on(struct listener *listener)
{
	char pid[16];

	if (!listener->is_passed) {
		return 0;
	}
	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	if (fcntl(listener->fd, F_SETFD, 0) < 0 || setenv("LISTEN_PID", pid, 1) < 0 ||
	    setenv("LISTEN_FDS", "1", 1) < 0) {
		return negative_errno();
	}
	listener->fd = -1; /* it is the next program's: SD_LISTEN_FDS_START */
	return 0;
}

void listener_done(struct listener *listener)
{
	closep(&listener->fd);
	closep(&listener->lock_fd);
	free(listener->path);
	*listener = (struct listener){.fd = -1, .lock_fd = -1};
}
