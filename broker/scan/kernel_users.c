/* SPDX-License-Identifier: MIT */
/*
 * Loop and nbd devices are told by /sys, swap by /proc/swaps, locks by /proc/locks. Only fixed
 * paths of the machine are looked at, and never so that a file system would be asked over the
 * network. /proc/locks has the superblock's device, which on btrfs is not the one of stat(2), so
 * the file's mount is looked up.
 */
#include "broker/scan/kernel_users.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/major.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "broker/scan/mount_table.h"

#define MAX_USERS 4096
#define MAX_HOLDERS 4096
#define MAX_LINES 100000 /* of /proc/locks and mountinfo */

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U /* since Linux 5.8 */
#endif

static FILE *open_text(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");

	if (!file) {
		closep(&fd);
	}
	return file;
}

static void close_text(FILE **file)
{
	if (*file) {
		(void)fclose(*file); /* only read */
	}
}

/* ---- block devices ---- */

static int add_user(struct kernel_users *users, const struct kernel_user *user)
{
	struct kernel_user *grown;

	if (users->n_users == MAX_USERS) {
		return 0;
	}
	grown = reallocarray(users->users, users->n_users + 1, sizeof(*grown));
	if (!grown) {
		return -ENOMEM;
	}
	users->users = grown;
	grown[users->n_users++] = *user;
	return 0;
}

/* The first line of ROOT/sys/block/NAME/REST, without its newline; its length, -1. */
static ssize_t read_attribute(int block_fd, const char *name, const char *rest, char *ret_text,
			      size_t size)
{
	char path[NAME_MAX + 32];
	_cleanup_(closep) int fd = -1;
	ssize_t n;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", name, rest) >= sizeof(path)) {
		return -1;
	}
	fd = openat(block_fd, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, ret_text, size - 1);
	if (n < 0) {
		return -1;
	}
	ret_text[n] = '\0';
	ret_text[strcspn(ret_text, "\n")] = '\0';
	return (ssize_t)strlen(ret_text);
}

static int read_device(struct kernel_users *users, int block_fd, const char *name)
{
	bool is_loop = strncmp(name, "loop", 4) == 0;
	struct kernel_user user = {0};
	char text[PATH_MAX];
	int r;

	if (!is_loop && strncmp(name, "nbd", 3) != 0) {
		return 0;
	}
	/* Both are there only while the device is in use. */
	if (read_attribute(block_fd, name, is_loop ? "loop/backing_file" : "pid", text,
			   sizeof(text)) <= 0) {
		return 0;
	}
	if (is_loop) {
		user.path = strdup(text);
		if (!user.path) {
			return -ENOMEM;
		}
	} else {
		user.pid = (pid_t)strtol(text, NULL, 10);
	}
	if (read_attribute(block_fd, name, "dev", text, sizeof(text)) > 0) {
		(void)sscanf(text, "%u:%u", &user.major, &user.minor);
	}
	(void)snprintf(user.device, sizeof(user.device), "%.31s", name);
	r = add_user(users, &user);
	if (r < 0) {
		free(user.path);
	}
	return r;
}

static int read_devices(struct kernel_users *users, const char *root)
{
	char path[PATH_MAX];
	DIR *directory;
	struct dirent *entry;
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s/sys/block", root);
	directory = opendir(path);
	if (!directory) {
		return 0;
	}
	while (r == 0 && (entry = readdir(directory))) {
		r = read_device(users, dirfd(directory), entry->d_name);
	}
	(void)closedir(directory);
	return r;
}

static int read_swaps(struct kernel_users *users, int proc_fd, const char *root)
{
	_cleanup_(close_text) FILE *file = open_text(proc_fd, "swaps");
	char line[PATH_MAX + 128];
	bool is_heading = true;

	while (file && fgets(line, sizeof(line), file)) {
		struct kernel_user user = {.device = "swap"};
		char path[2 * PATH_MAX];
		struct stat st;

		line[strcspn(line, " \t\n")] = '\0';
		if (is_heading || line[0] != '/') {
			is_heading = false;
			continue;
		}
		mount_table_unescape(line);
		(void)snprintf(path, sizeof(path), "%s%s", root, line);
		if (strncmp(line, "/dev/", 5) == 0 && stat(path, &st) == 0 && S_ISBLK(st.st_mode)) {
			user.major = major(st.st_rdev);
			user.minor = minor(st.st_rdev);
		}
		user.path = strdup(line);
		if (!user.path || add_user(users, &user) < 0) {
			free(user.path);
			return -ENOMEM;
		}
	}
	return 0;
}

int kernel_users_read(int proc_fd, const char *root, struct kernel_users *ret_users)
{
	struct kernel_users users = {0};
	int r = read_devices(&users, root);

	if (r == 0) {
		r = read_swaps(&users, proc_fd, root);
	}
	if (r < 0) {
		kernel_users_done(&users);
		return r;
	}
	*ret_users = users;
	return 0;
}

void kernel_users_done(struct kernel_users *users)
{
	for (size_t i = 0; i < users->n_users; i++) {
		free(users->users[i].path);
	}
	free(TAKE_PTR(users->users));
	users->n_users = 0;
}

/* ---- package managers ---- */

static const struct {
	const char *path;
	bool by_presence;
} lock_files[] = {
	{"/var/lib/dpkg/lock-frontend", false},
	{"/var/lib/dpkg/lock", false},
	{"/var/lib/apt/lists/lock", false},
	{"/var/cache/apt/archives/lock", false},
	{"/var/lib/rpm/.rpm.lock", false},
	{"/usr/lib/sysimage/rpm/.rpm.lock", false},
	{"/run/zypp.pid", false},
	{"/var/lib/pacman/db.lck", true},
	{"/lib/apk/db/lock", false},
};

bool package_locks_parse_line(const char *line, struct lock_line *ret_line)
{
	struct lock_line found;
	long long pid;
	unsigned long long inode;

	/* "1: POSIX  ADVISORY  WRITE 4711 fe:00:12345 0 EOF". One that waits has a "->" more. */
	if (sscanf(line, "%*[^:]: %*s %*s %*s %lld %x:%x:%llu ", &pid, &found.major, &found.minor,
		   &inode) != 4 ||
	    pid <= 0 || pid > INT32_MAX) {
		return false;
	}
	found.pid = (pid_t)pid;
	found.inode = inode;
	*ret_line = found;
	return true;
}

/* The superblock's device of a mount. */
static bool find_mount(int proc_fd, uint64_t mount_id, unsigned int *ret_major,
		       unsigned int *ret_minor)
{
	_cleanup_(close_text) FILE *file = open_text(proc_fd, "self/mountinfo");
	char line[512]; /* the numbers stand at the beginning; the rest of a longer line is no
			 * number, or an id that is not asked for */
	unsigned long long id;

	for (int i = 0; file && i < MAX_LINES && fgets(line, sizeof(line), file); i++) {
		if (sscanf(line, "%llu %*d %u:%u ", &id, ret_major, ret_minor) == 3 &&
		    id == mount_id) {
			return true;
		}
	}
	return false;
}

static int find_lock_files(int proc_fd, const char *root, struct package_locks *locks)
{
	locks->locks = calloc(ARRAY_SIZE(lock_files), sizeof(*locks->locks));
	if (!locks->locks) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < ARRAY_SIZE(lock_files); i++) {
		struct package_lock *lock = &locks->locks[locks->n_locks];
		char path[PATH_MAX];
		struct statx st;

		(void)snprintf(path, sizeof(path), "%s%s", root, lock_files[i].path);
		if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
			  STATX_INO | STATX_MNT_ID, &st) < 0) {
			continue;
		}
		*lock = (struct package_lock){
			.path = lock_files[i].path,
			.by_presence = lock_files[i].by_presence,
			.device = makedev(st.stx_dev_major, st.stx_dev_minor),
			.inode = st.stx_ino,
			.lock_major = st.stx_dev_major,
			.lock_minor = st.stx_dev_minor,
		};
#ifdef STATX_ATTR_MOUNT_ROOT /* of the same headers as stx_mnt_id */
		if (st.stx_mask & STATX_MNT_ID) {
			(void)find_mount(proc_fd, st.stx_mnt_id, &lock->lock_major,
					 &lock->lock_minor);
		}
#endif
		locks->n_locks++;
	}
	return 0;
}

static int add_holder(struct package_locks *locks, pid_t pid, const char *path)
{
	struct package_holder *grown;

	if (locks->n_holders == MAX_HOLDERS) {
		return 0;
	}
	grown = reallocarray(locks->holders, locks->n_holders + 1, sizeof(*grown));
	if (!grown) {
		return -ENOMEM;
	}
	locks->holders = grown;
	grown[locks->n_holders++] = (struct package_holder){pid, path};
	return 0;
}

static int find_holders(int proc_fd, struct package_locks *locks)
{
	_cleanup_(close_text) FILE *file = locks->n_locks ? open_text(proc_fd, "locks") : NULL;
	char text[256];
	int r = 0;

	for (int i = 0; file && r == 0 && i < MAX_LINES && fgets(text, sizeof(text), file); i++) {
		struct lock_line line;

		if (!package_locks_parse_line(text, &line)) {
			continue;
		}
		for (size_t j = 0; r == 0 && j < locks->n_locks; j++) {
			const struct package_lock *lock = &locks->locks[j];

			if (lock->inode == line.inode && lock->lock_major == line.major &&
			    lock->lock_minor == line.minor) {
				r = add_holder(locks, line.pid, lock->path);
			}
		}
	}
	return r;
}

int package_locks_read(int proc_fd, const char *root, struct package_locks *ret_locks)
{
	struct package_locks locks = {0};
	int r = find_lock_files(proc_fd, root, &locks);

	if (r == 0) {
		r = find_holders(proc_fd, &locks);
	}
	if (r < 0) {
		package_locks_done(&locks);
		return r;
	}
	*ret_locks = locks;
	return 0;
}

void package_locks_done(struct package_locks *locks)
{
	free(TAKE_PTR(locks->locks));
	free(TAKE_PTR(locks->holders));
	locks->n_locks = locks->n_holders = 0;
}
