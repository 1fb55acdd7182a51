/* SPDX-License-Identifier: MIT */
/*
 * One process's texts, all read through a descriptor of its /proc/PID: whatever it gives belongs
 * to that process, and to none that got its number later. The start time is compared at the
 * beginning, to know that it is the right one. At the end the descriptor is asked whether the
 * process is still there, because one fact (may it be signalled?) is asked by number.
 *
 * Texts are bounded; a process may have a command line of megabytes and any bytes in its name.
 */
#include "broker/scan/process_facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "proto/procfs.h"

#define STAT_BYTES 1024
#define STATUS_BYTES 8192 /* what is needed stands in the first 2 KiB, but for many groups */
#define CGROUP_BYTES (16 * 1024)
#define MAX_THREADS_TRIED 64 /* for one that lives, when the main one has ended */

#define UNIX98_PTY_MAJOR 136u

/* ---- pure ---- */

/* The next number of a text, moving on behind it. */
static bool next_number(const char **text, int base, int64_t min, int64_t max, int64_t *ret_number)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(*text, &end, base);
	if (errno || end == *text || number < min || number > max) {
		return false;
	}
	*text = end;
	*ret_number = number;
	return true;
}

static bool next_bits(const char *text, uint64_t *ret_bits)
{
	char *end;

	text += strspn(text, " \t");
	if (*text == '-' || *text == '+') {
		return false;
	}
	errno = 0;
	*ret_bits = strtoull(text, &end, 16);
	return !errno && end != text;
}

int process_facts_parse_stat(const char *text, size_t size, struct process_facts *facts)
{
	char copy[STAT_BYTES];
	const char *open;
	const char *close;
	const char *at;
	int64_t numbers[20]; /* fields 4 to 22, and one that is never reached */

	size = size < sizeof(copy) ? size : sizeof(copy) - 1;
	memcpy(copy, text, size);
	copy[size] = '\0';
	open = strchr(copy, '(');
	close = strrchr(copy, ')');
	if (!open || !close || close < open || close[1] != ' ' || !close[2] ||
	    (size_t)(close - open) > sizeof(facts->comm)) {
		return -EBADMSG;
	}
	at = close + 3;
	for (size_t i = 0; i < 19; i++) {
		if (!next_number(&at, 10, INT64_MIN, INT64_MAX, &numbers[i])) {
			return -EBADMSG;
		}
	}
	if (numbers[0] < 0 || numbers[0] > INT32_MAX || numbers[18] < 0) {
		return -EBADMSG;
	}
	memset(facts->comm, 0, sizeof(facts->comm));
	memcpy(facts->comm, open + 1, (size_t)(close - open) - 1);
	facts->state = close[2];
	facts->parent = (pid_t)numbers[0];
	facts->group = (pid_t)numbers[1];
	facts->session = (pid_t)numbers[2];
	facts->terminal = (uint32_t)numbers[3];
	facts->terminal_group = (pid_t)numbers[4];
	facts->flags = (uint32_t)numbers[5];
	facts->start_time = (uint64_t)numbers[18];
	return 0;
}

static bool read_ids(const char *line, uint32_t *ret_real, uint32_t *ret_effective)
{
	int64_t real;
	int64_t effective;

	if (!line || !next_number(&line, 10, 0, UINT32_MAX, &real) ||
	    !next_number(&line, 10, 0, UINT32_MAX, &effective)) {
		return false;
	}
	*ret_real = (uint32_t)real;
	*ret_effective = (uint32_t)effective;
	return true;
}

static bool read_small(const char *line, int64_t *ret_number)
{
	return line && next_number(&line, 10, 0, INT32_MAX, ret_number);
}

/* "NSpid:\t4711\t1": one number a namespace, from ours inwards. */
static uint32_t count_namespaces(const char *line)
{
	uint32_t n = 0;

	while (*line && *line != '\n') {
		line += strspn(line, " \t");
		n += *line >= '0' && *line <= '9';
		line += strcspn(line, " \t\n");
	}
	return n;
}

int process_facts_parse_status(const char *text, size_t size, struct process_facts *facts)
{
	char copy[STATUS_BYTES + 1];
	const char *line;
	int64_t tracer;
	int64_t seccomp;

	size = size < STATUS_BYTES ? size : STATUS_BYTES;
	memcpy(copy, text, size);
	copy[size] = '\0';
	if (!read_ids(procfs_find_line(copy, "Uid"), &facts->real_uid, &facts->uid) ||
	    !read_ids(procfs_find_line(copy, "Gid"), &facts->real_gid, &facts->gid) ||
	    !read_small(procfs_find_line(copy, "TracerPid"), &tracer)) {
		return -EBADMSG;
	}
	facts->tracer = (pid_t)tracer;
	line = procfs_find_line(copy, "NSpid"); /* absent without pid namespaces in the kernel */
	facts->n_pid_namespaces = line ? count_namespaces(line) : 1;
	line = procfs_find_line(copy, "SigIgn");
	if (!line || !next_bits(line, &facts->signals_ignored)) {
		return -EBADMSG;
	}
	line = procfs_find_line(copy, "SigCgt");
	if (!line || !next_bits(line, &facts->signals_caught)) {
		return -EBADMSG;
	}
	line = procfs_find_line(copy, "CapEff");
	if (!line || !next_bits(line, &facts->capabilities)) {
		return -EBADMSG;
	}
	/* Also absent where the kernel was built without it. */
	facts->seccomp =
		read_small(procfs_find_line(copy, "Seccomp"), &seccomp) ? (uint32_t)seccomp : 0;
	return 0;
}

const char *process_facts_argv0(const struct process_facts *facts)
{
	return process_facts_know(facts, FACT_CMDLINE) && facts->cmdline_size ? facts->cmdline : "";
}

const char *process_facts_name(const struct process_facts *facts)
{
	if (process_facts_know(facts, FACT_EXE)) {
		const char *slash = strrchr(facts->exe, '/');
		const char *name = slash ? slash + 1 : facts->exe;

		if (*name) {
			return name;
		}
	}
	return *facts->comm ? facts->comm : "?";
}

bool process_facts_has_terminal(const struct process_facts *facts, int *ret_pty)
{
	/* The kernel's packing: 12 bits of major in the middle, 20 of minor around them. */
	uint32_t major = facts->terminal >> 8 & 0xFFF;
	uint32_t minor = (facts->terminal & 0xFF) | (facts->terminal >> 12 & 0xFFF00);

	*ret_pty = major == UNIX98_PTY_MAJOR ? (int)minor : -1;
	return facts->terminal != 0;
}

/* ---- readers ---- */

/* How many bytes, or -errno. One read(2) gives the whole text, as far as there is room. */
static ssize_t read_text(int dir_fd, const char *name, char *ret_text, size_t size)
{
	_cleanup_(closep) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret_text, size);

	return n < 0 ? negative_errno() : n;
}

ssize_t process_facts_read_text(int proc_fd, pid_t pid, const char *name, char *ret_text,
				size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/%s", pid, name);
	return read_text(proc_fd, path, ret_text, size);
}

static int read_stat(int dir_fd, struct process_facts *facts)
{
	char text[STAT_BYTES];
	ssize_t n = read_text(dir_fd, "stat", text, sizeof(text));

	if (n < 0) {
		return n == -ENOENT ? -ESRCH : (int)n;
	}
	return n == 0 ? -ESRCH : process_facts_parse_stat(text, (size_t)n, facts);
}

/* One of the other threads, whose directory has what the ended main thread's lacks. */
static int open_living_thread(int dir_fd)
{
	int fd = openat(dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int found = -1;

	if (!directory) {
		closep(&fd);
		return -1;
	}
	for (int i = 0; found < 0 && i < MAX_THREADS_TRIED && (entry = readdir(directory)); i++) {
		struct process_facts thread;

		if (entry->d_name[0] == '.') {
			continue;
		}
		found = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (found >= 0 &&
		    (read_stat(found, &thread) < 0 || thread.state == 'Z' || thread.state == 'X')) {
			(void)close(found);
			found = -1;
		}
	}
	(void)closedir(directory);
	return found;
}

static int read_exe(int dir_fd, struct process_facts *facts)
{
	static const char deleted[] = " (deleted)";
	const size_t tail = sizeof(deleted) - 1;
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, "exe", target, sizeof(target) - 1);

	if (n <= 0) {
		return 0;
	}
	target[n] = '\0';
	/* A living file may be called that too. It is not looked at: the process chose the name. */
	if ((size_t)n > tail && strcmp(target + n - tail, deleted) == 0) {
		facts->exe_is_deleted = true;
		target[(size_t)n - tail] = '\0';
	}
	facts->exe = strdup(target);
	if (!facts->exe) {
		return -ENOMEM;
	}
	facts->known |= FACT_EXE;
	return 0;
}

static int read_cmdline(int dir_fd, struct process_facts *facts)
{
	char text[PROCESS_CMDLINE_BYTES];
	ssize_t n = read_text(dir_fd, "cmdline", text, sizeof(text));

	if (n < 0) {
		return 0;
	}
	facts->cmdline = malloc((size_t)n + 1);
	if (!facts->cmdline) {
		return -ENOMEM;
	}
	memcpy(facts->cmdline, text, (size_t)n);
	facts->cmdline[n] = '\0';
	facts->cmdline_size = (size_t)n;
	facts->known |= FACT_CMDLINE;
	return 0;
}

static void read_audit_session(int dir_fd, struct process_facts *facts)
{
	char text[32];
	ssize_t n = read_text(dir_fd, "sessionid", text, sizeof(text) - 1);
	const char *at = text;
	int64_t number;

	if (n <= 0) {
		return; /* a kernel without audit */
	}
	text[n] = '\0';
	if (next_number(&at, 10, 0, UINT32_MAX, &number)) {
		facts->audit_session = (uint32_t)number;
		facts->known |= FACT_AUDIT_SESSION;
	}
}

/* "mnt:[4026531841]": its inode. Reading the link is half the price of following it. */
static bool read_namespace(int dir_fd, const char *name, uint64_t *ret_inode)
{
	char target[64];
	ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
	const char *number;
	char *end;

	if (n <= 0) {
		return false;
	}
	target[n] = '\0';
	number = strchr(target, '[');
	if (!number) {
		return false;
	}
	*ret_inode = strtoull(number + 1, &end, 10);
	return *end == ']';
}

static void read_places(int dir_fd, struct process_facts *facts)
{
	struct statx st;

	if (read_namespace(dir_fd, "ns/mnt", &facts->mount_namespace) &&
	    read_namespace(dir_fd, "ns/pid", &facts->pid_namespace) &&
	    read_namespace(dir_fd, "ns/user", &facts->user_namespace) &&
	    read_namespace(dir_fd, "ns/net", &facts->network_namespace)) {
		facts->known |= FACT_NAMESPACES;
	}
	/* Never waits for a file system that does not answer. */
	if (statx(dir_fd, "root", AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &st) == 0) {
		facts->root_device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
		facts->root_inode = st.stx_ino;
		facts->known |= FACT_ROOT;
	}
}

static void read_signal(struct process_facts *facts)
{
	_cleanup_(closep) int pidfd = (int)syscall(SYS_pidfd_open, facts->pid, 0);
	long r;

	if (pidfd < 0) {
		return;
	}
	r = syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0);
	if (r == 0 || errno == EPERM) {
		facts->may_signal = r == 0;
		facts->known |= FACT_SIGNAL;
	}
}

static int read_parts(int dir_fd, struct process_facts *facts)
{
	char text[CGROUP_BYTES];
	ssize_t n = read_text(dir_fd, "status", text, STATUS_BYTES);
	int r;

	if (n > 0 && process_facts_parse_status(text, (size_t)n, facts) == 0) {
		facts->known |= FACT_STATUS;
	}
	r = read_exe(dir_fd, facts);
	if (r == 0) {
		r = read_cmdline(dir_fd, facts);
	}
	if (r < 0) {
		return r;
	}
	n = read_text(dir_fd, "cgroup", text, sizeof(text));
	if (n > 0) {
		cgroup_parse(text, (size_t)n, &facts->cgroup);
	}
	facts->known |= facts->cgroup.is_known ? FACT_CGROUP : 0;
	if (!*facts->cgroup.service && !*facts->cgroup.login_session && !facts->cgroup.is_user) {
		read_audit_session(dir_fd, facts);
	}
	read_places(dir_fd, facts);
	read_signal(facts);
	return 0;
}

int process_facts_read(int proc_fd, pid_t pid, uint64_t start_time, struct process_facts *ret_facts)
{
	struct process_facts facts = {.pid = pid, .audit_session = NO_AUDIT_SESSION};
	struct stat st;
	_cleanup_(closep) int dir_fd = -1;
	_cleanup_(closep) int thread_fd = -1;
	char name[16];
	int r;

	(void)snprintf(name, sizeof(name), "%d", pid);
	dir_fd = openat(proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0) {
		return errno == ENOENT ? -ESRCH : negative_errno();
	}
	r = read_stat(dir_fd, &facts);
	if (r < 0) {
		return r;
	}
	if (start_time && facts.start_time != start_time) {
		return -ESRCH;
	}
	if (facts.state == 'Z') {
		thread_fd = open_living_thread(dir_fd);
	}
	r = read_parts(thread_fd >= 0 ? thread_fd : dir_fd, &facts);
	if (r == 0 && fstatat(dir_fd, "stat", &st, 0) < 0) {
		r = -ESRCH; /* it has gone, its number may be another's */
	}
	if (r < 0) {
		process_facts_done(&facts);
		return r;
	}
	*ret_facts = facts;
	return 0;
}

void process_facts_done(struct process_facts *facts)
{
	free(TAKE_PTR(facts->exe));
	free(TAKE_PTR(facts->cmdline));
}
