/* SPDX-License-Identifier: MIT */
/*
 * The lease probe: the kernel refuses a write lease with EAGAIN while anybody else has the inode
 * open or mapped, descriptors in flight, loop devices and other mount namespaces included. It
 * doesn't count O_PATH, and on overlayfs not who only maps the file. An open that comes between
 * the lease's grant and its release breaks it: with O_NONBLOCK it fails once with EWOULDBLOCK, else
 * it waits for the microsecond until the release. Whoever holds a lease of his own (a file server)
 * is told by our open that it is broken, as by anybody's.
 */
#include "broker/scan/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

/* Nothing but a regular file may be opened: opening a fifo or a device has effects. O_NONBLOCK and
 * O_NOCTTY are for one that takes its place at this moment. */
static int open_file(int directory_fd, const char *name)
{
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(directory_fd, name, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM) { /* not our file */
		fd = openat(directory_fd, name, flags);
	}
	return fd < 0 ? negative_errno() : fd;
}

static uint32_t ask(int fd)
{
	/* The signal of a broken lease would end us; this one is ignored unless asked for. */
	if (fcntl(fd, F_SETSIG, SIGURG) < 0) {
		return 0;
	}
	if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0) {
		return errno == EAGAIN ? FILE_LEASE_BUSY : 0;
	}
	return FILE_LEASE_IDLE; /* closing it gives the lease back */
}

void lease_probe(int directory_fd, const char *name, struct file_identity *identity)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;

	if (identity->kind != FILE_REGULAR ||
	    (identity->flags & (FILE_ON_REMOTE | FILE_ON_OVERLAY))) {
		return;
	}
	fd = open_file(directory_fd, name);
	if (fd == -EAGAIN) {
		identity->flags |= FILE_LEASE_BUSY; /* somebody has a lease on it */
		return;
	}
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_ino != identity->inode ||
	    st.st_dev != identity->device) {
		return;
	}
	identity->flags |= ask(fd);
}
