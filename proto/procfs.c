/* SPDX-License-Identifier: MIT */
/*
 * /proc. The parsers take bytes and trust nothing: a process may call itself
 * ") R 1 1" or have a newline in its name, so the comm ends at the last parenthesis.
 */
#include "proto/procfs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/text.h"

#define TEXT_BYTES 8192 /* /proc/PID/status with many groups; what is needed stands before them */

/* Field `n` (from 1) of blank-separated ones; NULL when there are fewer. */
static const char *find_field(const char *text, unsigned int n)
{
	while (--n) {
		text = strchr(text, ' ');
		if (!text) {
			return NULL;
		}
		text++;
	}
	return text;
}

/* A number after blanks; what follows it does not matter. */
static bool read_number(const char *text, int base, uint64_t *ret_number)
{
	char *end;
	unsigned long long number;

	text += strspn(text, " \t");
	if (!isxdigit((unsigned char)*text)) {
		return false; /* strtoull() would take a sign */
	}
	errno = 0;
	number = strtoull(text, &end, base);
	if (errno || end == text) {
		return false;
	}
	*ret_number = number;
	return true;
}

static bool read_pid(const char *text, pid_t *ret_pid)
{
	uint64_t number;

	if (!read_number(text, 10, &number) || number > INT32_MAX) {
		return false;
	}
	*ret_pid = (pid_t)number;
	return true;
}

int procfs_parse_stat(const char *text, size_t size, struct procfs_stat *ret_stat)
{
	char copy[1024];
	struct procfs_stat stat = {0};
	const char *open;
	const char *close;
	const char *start;

	if (size >= sizeof(copy)) {
		size = sizeof(copy) - 1;
	}
	memcpy(copy, text, size);
	copy[size] = '\0';
	open = strchr(copy, '(');
	close = strrchr(copy, ')');
	if (!open || !close || close < open || close[1] != ' ') {
		return -EBADMSG;
	}
	if ((size_t)(close - open) > sizeof(stat.comm)) {
		return -EBADMSG;
	}
	memcpy(stat.comm, open + 1, (size_t)(close - open) - 1);
	stat.state = close[2];
	if (!stat.state || close[3] != ' ' || !read_pid(close + 4, &stat.parent)) {
		return -EBADMSG;
	}
	start = find_field(close + 2, 20); /* field 22 of the line, the state is its third */
	if (!start || !read_number(start, 10, &stat.start_time)) {
		return -EBADMSG;
	}
	*ret_stat = stat;
	return 0;
}

const char *procfs_find_line(const char *text, const char *name)
{
	size_t length = strlen(name);

	while (text) {
		if (strncmp(text, name, length) == 0 && text[length] == ':') {
			return text + length + 1;
		}
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

int procfs_parse_status(const char *text, size_t size, struct procfs_status *ret_status)
{
	char copy[TEXT_BYTES + 1];
	struct procfs_status status;
	const char *uid;
	const char *capabilities;
	uint64_t number;

	if (size > TEXT_BYTES) {
		size = TEXT_BYTES;
	}
	memcpy(copy, text, size);
	copy[size] = '\0';
	uid = procfs_find_line(copy, "Uid");
	capabilities = procfs_find_line(copy, "CapEff");
	uid = uid ? uid + strspn(uid, " \t") : NULL; /* real, effective, saved, file system */
	uid = uid ? uid + strspn(uid, "0123456789") : NULL;
	if (!uid || !read_number(uid, 10, &number) || number > UINT32_MAX) {
		return -EBADMSG;
	}
	status.uid = (uid_t)number;
	if (!capabilities || !read_number(capabilities, 16, &status.effective_capabilities)) {
		return -EBADMSG;
	}
	*ret_status = status;
	return 0;
}

int procfs_parse_fdinfo_pid(const char *text, size_t size, pid_t *ret_pid)
{
	char copy[1024];
	const char *line;
	pid_t pid;

	if (size >= sizeof(copy)) {
		size = sizeof(copy) - 1;
	}
	memcpy(copy, text, size);
	copy[size] = '\0';
	line = procfs_find_line(copy, "Pid");
	if (!line) {
		return -EBADMSG;
	}
	if (line[strspn(line, " \t")] == '-') {
		return -ESRCH; /* "-1": it has gone */
	}
	if (!read_pid(line, &pid)) {
		return -EBADMSG;
	}
	if (!pid) {
		return -ESRCH; /* not in our pid namespace */
	}
	*ret_pid = pid;
	return 0;
}

/* Reads PID/NAME below /proc; the number of bytes, or -errno. */
static ssize_t read_text(int proc_fd, pid_t pid, const char *name, char *ret_text, size_t size)
{
	char path[64];
	_cleanup_(closep) int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%d/%s", pid, name);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return errno == ENOENT ? -ESRCH : negative_errno();
	}
	n = read(fd, ret_text, size);
	return n < 0 ? negative_errno() : n;
}

int procfs_read_stat(int proc_fd, pid_t pid, struct procfs_stat *ret_stat)
{
	char text[1024];
	ssize_t n = read_text(proc_fd, pid, "stat", text, sizeof(text));

	return n < 0 ? (int)n : procfs_parse_stat(text, (size_t)n, ret_stat);
}

int procfs_read_status(int proc_fd, pid_t pid, struct procfs_status *ret_status)
{
	char text[TEXT_BYTES];
	ssize_t n = read_text(proc_fd, pid, "status", text, sizeof(text));

	return n < 0 ? (int)n : procfs_parse_status(text, (size_t)n, ret_status);
}

void procfs_read_name(int proc_fd, pid_t pid, const struct procfs_stat *stat,
		      char ret_name[MAX_NAME_BYTES + 1])
{
	static const char deleted[] = " (deleted)";
	char path[64];
	char target[PATH_MAX];
	const char *name = stat->comm;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%d/exe", pid);
	n = readlinkat(proc_fd, path, target, sizeof(target) - 1);
	if (n > 0) {
		size_t length = (size_t)n;

		if (length > sizeof(deleted) - 1 && memcmp(target + length - (sizeof(deleted) - 1),
							   deleted, sizeof(deleted) - 1) == 0) {
			length -= sizeof(deleted) - 1;
		}
		target[length] = '\0';
		name = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
	}
	if (!*name) {
		name = "?";
	}
	(void)text_clean(name, strlen(name), ret_name, MAX_NAME_BYTES + 1);
}

int procfs_read_namespace(int proc_fd, pid_t pid, const char *name, uint64_t *ret_inode)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%d/ns/%s", pid, name);
	if (fstatat(proc_fd, path, &st, 0) < 0) {
		return errno == ENOENT ? -ESRCH : negative_errno();
	}
	*ret_inode = st.st_ino;
	return 0;
}
