/* SPDX-License-Identifier: MIT */
/*
 * Reading mountinfo. The kernel gives it page by page while mounts come and go, and tells through
 * poll(2) that something has changed since the file was opened or last polled. So a table is
 * polled for after it was read, and read again until nothing has changed meanwhile; a machine that
 * mounts without pause gets the last one, and the next look is told that it is old.
 */
#include "broker/scan/mount_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/frame.h"

#define READ_BYTES 65536u
/* 100,000 mounts (fs.mount-max) of some hundred bytes each. */
#define MAX_TEXT_BYTES (64u * 1024u * 1024u)
#define MAX_READS 8u

/* 1: mounts have changed since the file was opened or last asked; 0; -errno. */
static int poll_change(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLPRI};
	int n;

	do {
		n = poll(&pollfd, 1, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return negative_errno();
	}
	return n > 0 && (pollfd.revents & (POLLPRI | POLLERR)) != 0;
}

static int read_text(int fd, struct frame_buffer *text)
{
	ssize_t n;

	text->size = 0;
	if (lseek(fd, 0, SEEK_SET) < 0) {
		return negative_errno();
	}
	do {
		uint8_t *place = frame_buffer_reserve(text, READ_BYTES);

		if (!place) {
			return -ENOMEM;
		}
		n = read(fd, place, READ_BYTES);
		if (n < 0 && errno != EINTR) {
			return negative_errno();
		}
		text->size += n > 0 ? (size_t)n : 0;
		if (text->size > MAX_TEXT_BYTES) {
			return -EFBIG;
		}
	} while (n != 0);
	return 0;
}

static int read_table(int fd, struct mount_table *ret_table)
{
	_cleanup_(frame_buffer_done) struct frame_buffer text = {0};
	int changed = 1;

	for (unsigned int i = 0; i < MAX_READS && changed; i++) {
		int r = read_text(fd, &text);

		if (r < 0) {
			return r;
		}
		changed = i + 1 < MAX_READS ? poll_change(fd) : 0;
		if (changed < 0) {
			return changed;
		}
	}
	return mount_table_parse(text.data, text.size, ret_table);
}

int mount_watch_refresh(struct mount_watch *watch, bool always)
{
	struct mount_table table;
	int r = poll_change(watch->fd);

	if (r < 0 || (r == 0 && !always && !watch->is_old)) {
		return r;
	}
	watch->is_old = true; /* the kernel tells of a change once, and reading may fail */
	r = read_table(watch->fd, &table);
	if (r < 0) {
		return r;
	}
	watch->is_old = false;
	mount_table_done(&watch->table);
	watch->table = table;
	return 1;
}

int mount_watch_init(int proc_fd, const char *name, struct mount_watch *ret_watch)
{
	_cleanup_(closep) int fd = openat(proc_fd, name, O_RDONLY | O_CLOEXEC);
	struct mount_table table;
	int r;

	if (fd < 0) {
		return negative_errno();
	}
	r = read_table(fd, &table);
	if (r < 0) {
		return r;
	}
	*ret_watch = (struct mount_watch){.fd = TAKE_FD(fd), .table = table};
	return 0;
}

void mount_watch_done(struct mount_watch *watch)
{
	closep(&watch->fd);
	watch->fd = -1;
	mount_table_done(&watch->table);
}

int mount_table_read(int proc_fd, const char *name, struct mount_table *ret_table)
{
	struct mount_watch watch;
	int r = mount_watch_init(proc_fd, name, &watch);

	if (r < 0) {
		return r;
	}
	closep(&watch.fd);
	*ret_table = watch.table;
	return 0;
}
