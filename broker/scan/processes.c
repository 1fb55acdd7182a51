/* SPDX-License-Identifier: MIT */
/*
 * Walks over /proc that read one short text of each process. Kernel threads and zombies are left
 * out; who exits meanwhile is not missed.
 */
#include "broker/scan/processes.h"

#define XXH_INLINE_ALL
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <xxhash.h>

#include "broker/scan/process_facts.h"

#define MAX_MEMBERS (4u * 1024u * 1024u) /* PID_MAX_LIMIT */
#define STAT_BYTES 1024
#define CGROUP_BYTES 8192

/* Called with each living process. 0, or -errno, which ends the walk. */
typedef int (*process_fn)(int proc_fd, const struct process_facts *facts, void *userdata);

static int visit(int proc_fd, pid_t pid, process_fn function, void *userdata)
{
	struct process_facts facts = {.pid = pid};
	char text[STAT_BYTES];
	ssize_t n = process_facts_read_text(proc_fd, pid, "stat", text, sizeof(text));

	if (n <= 0 || process_facts_parse_stat(text, (size_t)n, &facts) < 0 ||
	    (facts.flags & PROCESS_IS_KERNEL_THREAD)) {
		return 0;
	}
	return function(proc_fd, &facts, userdata);
}

static int walk(int proc_fd, process_fn function, void *userdata)
{
	int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!directory) {
		r = negative_errno();
		closep(&fd);
		return r;
	}
	while (r == 0 && (entry = readdir(directory))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (!*end && pid > 0 && pid <= INT_MAX) {
			r = visit(proc_fd, (pid_t)pid, function, userdata);
		}
	}
	(void)closedir(directory);
	return r;
}

/* Room for one more: the arrays double when their length is a power of two. */
static void *grow(void *array, size_t n, size_t size)
{
	if (n & (n - 1)) {
		return array;
	}
	return n >= MAX_MEMBERS ? NULL : reallocarray(array, n ? 2 * n : 1, size);
}

/* ---- terminals ---- */

static int add_terminal(int proc_fd, const struct process_facts *facts, void *userdata)
{
	struct terminals *terminals = userdata;
	int *grown;
	int pty;

	(void)proc_fd;
	if (!process_facts_has_terminal(facts, &pty) || pty < 0 || facts->state == 'Z') {
		return 0;
	}
	grown = grow(terminals->ptys, terminals->n_ptys, sizeof(*grown));
	if (!grown) {
		return -ENOMEM;
	}
	terminals->ptys = grown;
	grown[terminals->n_ptys++] = pty;
	return 0;
}

static int compare_ptys(const void *left, const void *right)
{
	int a = *(const int *)left;
	int b = *(const int *)right;

	return a < b ? -1 : a > b;
}

int terminals_read(int proc_fd, struct terminals *ret_terminals)
{
	struct terminals terminals = {0};
	int r = walk(proc_fd, add_terminal, &terminals);

	if (r < 0) {
		terminals_done(&terminals);
		return r;
	}
	if (terminals.n_ptys) {
		qsort(terminals.ptys, terminals.n_ptys, sizeof(*terminals.ptys), compare_ptys);
	}
	*ret_terminals = terminals;
	return 0;
}

bool terminals_has(const struct terminals *terminals, int pty)
{
	return terminals->n_ptys && bsearch(&pty, terminals->ptys, terminals->n_ptys,
					    sizeof(*terminals->ptys), compare_ptys);
}

void terminals_done(struct terminals *terminals)
{
	free(TAKE_PTR(terminals->ptys));
	terminals->n_ptys = 0;
}

/* ---- scopes ---- */

uint64_t scopes_key(const struct cgroup_facts *cgroup)
{
	return XXH64(cgroup->scope, strlen(cgroup->scope), cgroup->manager_uid);
}

static int add_member(int proc_fd, const struct process_facts *facts, void *userdata)
{
	struct scopes *scopes = userdata;
	struct scope_member *grown;
	struct cgroup_facts cgroup;
	char text[CGROUP_BYTES];
	ssize_t n;

	if (facts->state == 'Z') {
		return 0;
	}
	n = process_facts_read_text(proc_fd, facts->pid, "cgroup", text, sizeof(text));
	if (n <= 0) {
		return 0;
	}
	cgroup_parse(text, (size_t)n, &cgroup);
	if (!cgroup.is_app_scope) {
		return 0;
	}
	grown = grow(scopes->members, scopes->n_members, sizeof(*grown));
	if (!grown) {
		return -ENOMEM;
	}
	scopes->members = grown;
	grown[scopes->n_members++] =
		(struct scope_member){scopes_key(&cgroup), facts->pid, facts->start_time};
	return 0;
}

int scopes_read(int proc_fd, struct scopes *ret_scopes)
{
	struct scopes scopes = {0};
	int r = walk(proc_fd, add_member, &scopes);

	if (r < 0) {
		scopes_done(&scopes);
		return r;
	}
	*ret_scopes = scopes;
	return 0;
}

void scopes_done(struct scopes *scopes)
{
	free(TAKE_PTR(scopes->members));
	scopes->n_members = 0;
}

bool scopes_member_has_pty_master(int proc_fd, const struct scope_member *member)
{
	char path[32];
	DIR *directory;
	struct dirent *entry;
	bool is_found = false;
	int fd;

	(void)snprintf(path, sizeof(path), "%d/fd", member->pid);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return errno != ENOENT && errno != ESRCH;
	}
	directory = fdopendir(fd);
	if (!directory) {
		closep(&fd);
		return true;
	}
	while (!is_found && (entry = readdir(directory))) {
		struct statx st;

		is_found = entry->d_name[0] != '.' &&
			   statx(fd, entry->d_name, AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 &&
			   S_ISCHR(st.stx_mode) && st.stx_rdev_major == 5 && st.stx_rdev_minor == 2;
	}
	(void)closedir(directory);
	return is_found;
}
