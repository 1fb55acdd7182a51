/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and the other magic links. Following one by stat(2) asks the file system, and that
 * of a dead server never answers. So where any mount may not answer, a descriptor's mount is
 * looked up first, in its fdinfo, which costs the file system nothing; what lies on a mount that
 * may not answer, or on an unknown one (detached by umount -l), is never touched: fdinfo tells the
 * inode (Linux 5.14), the mount table the device.
 *
 * exe, cwd and root have no fdinfo. Their text tells the mount as long as that is attached; NFS
 * and FUSE then answer AT_STATX_DONT_SYNC from what they have cached, without their server.
 */
#include "broker/scan/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "broker/scan/reading_board.h"

#define LISTING_BYTES (32u * 1024u)
/* Descriptors between two looks at `cancelled`: some milliseconds. */
#define DESCRIPTORS_A_LOOK 1024u
/* Numbers without a descriptor, after which the table is listed. */
#define MAX_GAPS 3u

static void add_device(struct kernel_devices *devices, int owned_fd)
{
	_cleanup_(closep) int fd = owned_fd;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && !kernel_devices_has(devices, st.st_dev) &&
	    devices->n_devices < ARRAY_SIZE(devices->devices)) {
		devices->devices[devices->n_devices++] = st.st_dev;
	}
}

void kernel_devices_find(struct kernel_devices *ret_devices, int proc_fd)
{
	int pipe_fds[2];

	*ret_devices = (struct kernel_devices){0};
	add_device(ret_devices, memfd_create("device", MFD_CLOEXEC));
	add_device(ret_devices, memfd_create("device", MFD_CLOEXEC | MFD_HUGETLB));
	add_device(ret_devices, epoll_create1(EPOLL_CLOEXEC));
	add_device(ret_devices, (int)syscall(SYS_pidfd_open, getpid(), 0));
	add_device(ret_devices, openat(proc_fd, "self/ns/mnt", O_RDONLY | O_CLOEXEC));
	if (pipe2(pipe_fds, O_CLOEXEC) == 0) {
		add_device(ret_devices, pipe_fds[0]);
		(void)close(pipe_fds[1]);
	}
}

bool kernel_devices_has(const struct kernel_devices *devices, uint64_t device)
{
	for (size_t i = 0; i < devices->n_devices; i++) {
		if (devices->devices[i] == device) {
			return true;
		}
	}
	return false;
}

static uint64_t read_field(const char *text, const char *name)
{
	size_t length = strlen(name);

	while (text) {
		if (strncmp(text, name, length) == 0) {
			return strtoull(text + length, NULL, 10);
		}
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return 0;
}

int descriptor_info_parse(const char *text, size_t size, uint64_t *ret_mount, uint64_t *ret_inode)
{
	char copy[256]; /* both stand in the first four lines, before what a driver adds */

	size = size < sizeof(copy) ? size : sizeof(copy) - 1;
	memcpy(copy, text, size);
	copy[size] = '\0';
	if (strncmp(copy, "pos:\t", 5) != 0) {
		return -EBADMSG;
	}
	*ret_mount = read_field(copy, "mnt_id:\t");
	*ret_inode = read_field(copy, "ino:\t");
	return 0;
}

/* 0: go on without it, the reader knows; -ESRCH: nobody is there any more. */
static int remember(struct link_reader *reader, int error)
{
	if (error == ESRCH) {
		return -ESRCH;
	}
	/* What is denied says more than what merely failed. */
	if (!reader->error || error == EACCES || error == EPERM) {
		reader->error = error;
	}
	return 0;
}

bool found_hold_is_file(const struct link_reader *reader, const struct found_hold *found)
{
	if (!found->mode) {
		return found->inode != 0; /* of a file system that must not be asked */
	}
	return (found->mode & S_IFMT) && !S_ISSOCK(found->mode) &&
	       !kernel_devices_has(reader->kernel, found->device);
}

/* 1, 0: not a file that can be named; -errno of statx(2). `mask` 0: only from what is cached. */
static int stat_link(const struct link_reader *reader, int fd, const char *name, unsigned int mask,
		     struct found_hold *found)
{
	struct statx stx;

	if (statx(fd, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, mask, &stx) < 0) {
		return negative_errno();
	}
	found->device = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	found->inode = stx.stx_ino;
	found->mode = stx.stx_mode;
	found->rdev = makedev(stx.stx_rdev_major, stx.stx_rdev_minor);
	return found_hold_is_file(reader, found);
}

static int read_info(const struct link_reader *reader, const char *name, uint64_t *ret_mount,
		     uint64_t *ret_inode)
{
	_cleanup_(closep) int fd = -1;
	char path[32];
	char text[256];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "fdinfo/%s", name);
	fd = openat(reader->fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return negative_errno();
	}
	n = read(fd, text, sizeof(text));
	return n < 0 ? negative_errno()
		     : descriptor_info_parse(text, (size_t)n, ret_mount, ret_inode);
}

/* Memory of the kernel's own mounts, which no table has. */
static bool is_memory(const char *link)
{
	static const char *const names[] = {"/memfd:",	      "/SYSV",	  "/dev/zero",
					    "/anon_hugepage", "/dmabuf:", "/secretmem"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strncmp(link, names[i], strlen(names[i])) == 0) {
			return true;
		}
	}
	return false;
}

/* As stat_link(), but what may not answer is not touched. */
static int stat_carefully(const struct link_reader *reader, int fd, const char *name,
			  struct found_hold *found)
{
	char link[16]; /* its beginning */
	const struct mount *mount;
	uint64_t mount_id;
	uint64_t inode;
	ssize_t n = readlinkat(fd, name, link, sizeof(link) - 1);
	int r;

	if (n < 0) {
		return negative_errno();
	}
	link[n] = '\0';
	if (link[0] != '/') {
		return 0; /* "socket:[4711]", "pipe:[…]", "anon_inode:[…]" */
	}
	r = read_info(reader, name, &mount_id, &inode);
	if (r < 0) {
		return r;
	}
	mount = mount_tables_find_id(reader->mounts, mount_id);
	if (mount && !(mount->flags & MOUNT_REMOTE)) {
		return stat_link(reader, fd, name, STATX_TYPE | STATX_MODE | STATX_INO, found);
	}
	if (!mount && is_memory(link)) {
		return 0;
	}
	if (!mount || !inode) {
		return -EREMOTE;
	}
	found->device = mount->device;
	found->inode = inode;
	return 1;
}

/* -ENOENT: there is none. */
static int read_descriptor(struct link_reader *reader, int fd, const char *name, uint32_t number)
{
	struct found_hold found = {
		.hold = {.kind = HOLD_DESCRIPTOR, .task = reader->task & MAX_HOLD_TASK},
	};
	int r;

	if (number < reader->n_hidden && reader->hidden[number]) {
		return 0;
	}
	found.hold.where = number;
	r = reader->is_careful
		    ? stat_carefully(reader, fd, name, &found)
		    : stat_link(reader, fd, name, STATX_TYPE | STATX_MODE | STATX_INO, &found);
	if (r == -ENOENT) {
		return r;
	}
	if (r < 0) {
		return remember(reader, -r);
	}
	return r ? hold_list_add(reader->list, &found) : 0;
}

static bool is_cancelled(const struct link_reader *reader)
{
	reading_step();
	return reader->cancelled && atomic_load_explicit(reader->cancelled, memory_order_relaxed);
}

/* Those of the directory from number `first` on. */
static int read_listing(struct link_reader *reader, int fd, uint32_t first)
{
	_Alignas(struct dirent64) char entries[LISTING_BYTES];
	unsigned int n_read = 0;

	for (;;) {
		ssize_t n = getdents64(fd, entries, sizeof(entries));

		if (n <= 0) {
			return n < 0 && errno != ENOENT ? remember(reader, errno) : 0;
		}
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(entries + at);
			uint32_t number = (uint32_t)strtoul(entry->d_name, NULL, 10);
			int r = 0;

			at += entry->d_reclen;
			if (entry->d_name[0] != '.' && number >= first) {
				r = read_descriptor(reader, fd, entry->d_name, number);
			}
			if (r < 0 && r != -ENOENT) { /* it was closed meanwhile */
				return r;
			}
			if (++n_read % DESCRIPTORS_A_LOOK == 0 && is_cancelled(reader)) {
				return -ECANCELED;
			}
		}
	}
}

/* How many descriptors there are; 0: the kernel does not say (before Linux 6.2). */
static uint64_t count_descriptors(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_size < 0 ? 0 : (uint64_t)st.st_size;
}

/* snprintf(3) would take a tenth of what the system call does. */
static const char *format_number(uint32_t number, char digits[16])
{
	char *at = digits + 15;

	*at = '\0';
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	return at;
}

int descriptors_read(struct link_reader *reader)
{
	_cleanup_(closep) int fd = openat(reader->fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t n_open;
	uint64_t n_found = 0;
	uint32_t number = 0;

	if (fd < 0) {
		return errno == ENOENT ? 0 : remember(reader, errno);
	}
	/* Listing costs half as much as the looking at. Most tables have no gaps: as many as there
	 * are, from 0 on, are all. */
	n_open = count_descriptors(fd);
	for (; n_found < n_open && number < n_found + MAX_GAPS; number++) {
		char digits[16];
		int r = read_descriptor(reader, fd, format_number(number, digits), number);

		if (r < 0 && r != -ENOENT) {
			return r;
		}
		n_found += r == 0;
		if (number % DESCRIPTORS_A_LOOK == DESCRIPTORS_A_LOOK - 1 && is_cancelled(reader)) {
			return -ECANCELED;
		}
	}
	return n_open && n_found == n_open ? 0 : read_listing(reader, fd, number);
}

/* Types that answer AT_STATX_DONT_SYNC without asking their server. */
static bool answers_from_cache(const char *type)
{
	return strcmp(type, "nfs") == 0 || strcmp(type, "nfs4") == 0 ||
	       strncmp(type, "fuse", 4) == 0;
}

/* As stat_link(). */
static int stat_by_text(const struct link_reader *reader, const char *name,
			struct found_hold *found)
{
	const struct mount_table *table = mount_tables_of(reader->mounts, reader->mount_namespace);
	const struct mount *barrier;
	char text[PATH_MAX];
	ssize_t n = readlinkat(reader->fd, name, text, sizeof(text) - 1);

	if (n < 0) {
		return negative_errno();
	}
	text[n] = '\0';
	if (!table || n == sizeof(text) - 1) {
		return -EREMOTE;
	}
	barrier = mount_table_find_barrier(table, text);
	if (!barrier || !(barrier->flags & MOUNT_REMOTE)) {
		return stat_link(reader, reader->fd, name, STATX_TYPE | STATX_MODE | STATX_INO,
				 found);
	}
	return answers_from_cache(barrier->type) ? stat_link(reader, reader->fd, name, 0, found)
						 : -EREMOTE;
}

int link_read(struct link_reader *reader, const char *name, enum hold_kind kind,
	      struct found_hold *ret_found)
{
	struct found_hold found = {
		.hold = {.kind = kind, .task = reader->task & MAX_HOLD_TASK},
	};
	int r = reader->is_careful ? stat_by_text(reader, name, &found)
				   : stat_link(reader, reader->fd, name,
					       STATX_TYPE | STATX_MODE | STATX_INO, &found);

	if (r == -ENOENT) {
		return 0;
	}
	if (r < 0) {
		return remember(reader, -r);
	}
	if (ret_found) {
		*ret_found = found;
		return 1;
	}
	return r && hold_list_add(reader->list, &found) < 0 ? -ENOMEM : 1;
}
