/* SPDX-License-Identifier: MIT */
/*
 * The parts of the machine's state, each read at the first process that makes it matter: most
 * questions need the sockets and the locks alone. A part that could not be read makes the
 * properties that it would tell unknown, which is never taken for "no".
 *
 * Descriptors are looked at by statx(2) without synchronizing, so that a file system which does
 * not answer is not waited for.
 */
#include "broker/scan/machine_facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "broker/scan/kernel_users.h"
#include "broker/scan/processes.h"
#include "broker/scan/unix_sockets.h"

#define BY_SOCKETS                                                                                 \
	(MACHINE_DISPLAY_CLIENT | MACHINE_DISPLAY_SERVER | MACHINE_BUS | MACHINE_KEY_AGENT)
#define BY_DESCRIPTORS                                                                             \
	(BY_SOCKETS | MACHINE_PTY_MASTER | MACHINE_LIVE_PTY | MACHINE_FUSE_SERVER |                \
	 MACHINE_BLOCK_DEVICE)

#define TTYAUX_MAJOR_NUMBER 5u
#define PTMX_MINOR 2u
#define MISC_MAJOR_NUMBER 10u
#define FUSE_MINOR_NUMBER 229u

#define MAX_MOUNT_LINES 100000

enum part {
	PART_UNREAD,
	PART_READ,
	PART_FAILED,
};

struct machine_facts {
	int proc_fd;		    /* borrowed */
	const char *root;	    /* borrowed */
	uint64_t network_namespace; /* ours; 0: unknown */
	enum part sockets_part;
	struct unix_sockets sockets;
	enum part users_part;
	struct kernel_users users;
	enum part locks_part;
	struct package_locks locks;
	enum part terminals_part;
	struct terminals terminals;
	enum part scopes_part;
	struct scopes scopes;
};

int machine_facts_new(const struct machine_options *options, struct machine_facts **ret_machine)
{
	struct machine_facts *machine = calloc(1, sizeof(*machine));
	struct stat st;

	if (!machine) {
		return -ENOMEM;
	}
	machine->proc_fd = options->proc_fd;
	machine->root = options->root ? options->root : "";
	if (fstatat(machine->proc_fd, "self/ns/net", &st, 0) == 0) {
		machine->network_namespace = st.st_ino;
	}
	*ret_machine = machine;
	return 0;
}

void machine_facts_reset(struct machine_facts *machine)
{
	unix_sockets_done(&machine->sockets);
	kernel_users_done(&machine->users);
	package_locks_done(&machine->locks);
	terminals_done(&machine->terminals);
	scopes_done(&machine->scopes);
	machine->sockets_part = machine->users_part = machine->locks_part = PART_UNREAD;
	machine->terminals_part = machine->scopes_part = PART_UNREAD;
}

struct machine_facts *machine_facts_free(struct machine_facts *machine)
{
	if (machine) {
		machine_facts_reset(machine);
		free(machine);
	}
	return NULL;
}

/* Marks a part as read by `r`. */
static bool settle(enum part *part, int r)
{
	*part = r < 0 ? PART_FAILED : PART_READ;
	return r >= 0;
}

static bool has_sockets(struct machine_facts *machine)
{
	return machine->sockets_part == PART_UNREAD
		       ? settle(&machine->sockets_part, unix_sockets_read(&machine->sockets))
		       : machine->sockets_part == PART_READ;
}

static bool has_users(struct machine_facts *machine)
{
	return machine->users_part == PART_UNREAD
		       ? settle(&machine->users_part,
				kernel_users_read(machine->proc_fd, machine->root, &machine->users))
		       : machine->users_part == PART_READ;
}

static bool has_locks(struct machine_facts *machine)
{
	return machine->locks_part == PART_UNREAD
		       ? settle(&machine->locks_part,
				package_locks_read(machine->proc_fd, machine->root,
						   &machine->locks))
		       : machine->locks_part == PART_READ;
}

bool machine_pty_is_live(struct machine_facts *machine, int pty)
{
	if (machine->terminals_part == PART_UNREAD) {
		settle(&machine->terminals_part,
		       terminals_read(machine->proc_fd, &machine->terminals));
	}
	/* Nobody is cut off because memory was short. */
	return machine->terminals_part != PART_READ || terminals_has(&machine->terminals, pty);
}

/* ---- one descriptor ---- */

static void see_socket(struct machine_facts *machine, uint64_t inode, struct machine_view *view)
{
	static const struct {
		uint32_t role;
		uint32_t property;
	} meanings[] = {
		{SOCKET_DISPLAY_CLIENT, MACHINE_DISPLAY_CLIENT},
		{SOCKET_DISPLAY_SERVER, MACHINE_DISPLAY_SERVER},
		{SOCKET_BUS_SERVER, MACHINE_BUS},
		{SOCKET_AGENT_SERVER, MACHINE_KEY_AGENT},
	};
	uint32_t roles;

	if (!has_sockets(machine)) {
		view->unknown |= BY_SOCKETS & ~view->is;
		return;
	}
	roles = unix_sockets_find(&machine->sockets, inode);
	for (size_t i = 0; roles && i < ARRAY_SIZE(meanings); i++) {
		if (roles & meanings[i].role) {
			view->is |= meanings[i].property;
			view->unknown &= ~meanings[i].property;
		}
	}
}

/* Reads "tty-index:" of the fdinfo of a pty's master; -1 when it is not told. */
static int read_pty(int proc_fd, pid_t pid, int fd)
{
	static const char key[] = "\ntty-index:";
	char name[32];
	char text[1024];
	const char *found;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "fdinfo/%d", fd);
	n = process_facts_read_text(proc_fd, pid, name, text, sizeof(text) - 1);
	if (n <= 0) {
		return -1;
	}
	text[n] = '\0';
	found = strstr(text, key);
	return found ? (int)strtol(found + sizeof(key) - 1, NULL, 10) : -1;
}

static void see_pty_master(struct machine_facts *machine, pid_t pid, int fd,
			   struct machine_view *view)
{
	int pty = read_pty(machine->proc_fd, pid, fd);

	view->is |= MACHINE_PTY_MASTER;
	if (pty < 0) {
		view->unknown |= MACHINE_LIVE_PTY & ~view->is;
		return;
	}
	if (view->n_ptys < MACHINE_MAX_PTYS) {
		view->ptys[view->n_ptys++] = pty;
	}
	if (!(view->is & MACHINE_LIVE_PTY) && machine_pty_is_live(machine, pty)) {
		view->is |= MACHINE_LIVE_PTY;
		view->unknown &= ~(uint32_t)MACHINE_LIVE_PTY;
		view->live_pty = pty;
	}
}

static bool is_fuse_line(const char *line)
{
	const char *type = strstr(line, " - ");

	return type && strncmp(type + 3, "fuse", 4) == 0 &&
	       (type[7] == ' ' || type[7] == '.' || strncmp(type + 7, "blk ", 4) == 0);
}

/* Whether the process sees a mounted FUSE file system: its own, most probably. */
static void see_fuse(struct machine_facts *machine, pid_t pid, struct machine_view *view)
{
	char path[32];
	char *line = NULL;
	size_t size = 0;
	FILE *file;
	int fd;

	if (view->is & MACHINE_FUSE_SERVER) {
		return;
	}
	(void)snprintf(path, sizeof(path), "%d/mountinfo", pid);
	fd = openat(machine->proc_fd, path, O_RDONLY | O_CLOEXEC);
	file = fd < 0 ? NULL : fdopen(fd, "re");
	if (!file) {
		closep(&fd);
		view->unknown |= MACHINE_FUSE_SERVER;
		return;
	}
	for (int i = 0; i < MAX_MOUNT_LINES && getline(&line, &size, file) >= 0; i++) {
		if (is_fuse_line(line)) {
			view->is |= MACHINE_FUSE_SERVER;
			break;
		}
	}
	free(line);
	(void)fclose(file);
}

static void see_block_device(struct machine_facts *machine, uint64_t rdev,
			     struct machine_view *view)
{
	if (!has_users(machine)) {
		view->unknown |= MACHINE_BLOCK_DEVICE & ~view->is;
		return;
	}
	for (size_t i = 0; i < machine->users.n_users; i++) {
		const struct kernel_user *user = &machine->users.users[i];

		if (user->major && user->major == major(rdev) && user->minor == minor(rdev)) {
			view->is |= MACHINE_BLOCK_DEVICE;
			memcpy(view->device, user->device, sizeof(view->device));
			return;
		}
	}
}

static void see_file(struct machine_facts *machine, const struct machine_descriptor *descriptor,
		     struct machine_view *view)
{
	for (size_t i = 0; has_locks(machine) && i < machine->locks.n_locks; i++) {
		const struct package_lock *lock = &machine->locks.locks[i];

		if (lock->by_presence && lock->inode == descriptor->inode &&
		    lock->device == descriptor->device) {
			view->is |= MACHINE_PACKAGE_LOCK;
			view->lock = lock->path;
		}
	}
}

void machine_view_add(struct machine_facts *machine, const struct process_facts *facts,
		      const struct machine_descriptor *descriptor, struct machine_view *view)
{
	unsigned int major_number = major(descriptor->rdev);
	unsigned int minor_number = minor(descriptor->rdev);

	if (S_ISSOCK(descriptor->mode)) {
		see_socket(machine, descriptor->inode, view);
	} else if (S_ISBLK(descriptor->mode)) {
		see_block_device(machine, descriptor->rdev, view);
	} else if (S_ISREG(descriptor->mode)) {
		see_file(machine, descriptor, view);
	} else if (S_ISCHR(descriptor->mode)) {
		if (major_number == TTYAUX_MAJOR_NUMBER && minor_number == PTMX_MINOR) {
			see_pty_master(machine, facts->pid, descriptor->fd, view);
		} else if (major_number == MISC_MAJOR_NUMBER && minor_number == FUSE_MINOR_NUMBER) {
			see_fuse(machine, facts->pid, view);
		}
	}
}

void machine_view_begin(struct machine_facts *machine, const struct process_facts *facts,
			struct machine_view *ret_view)
{
	struct machine_view view = {.live_pty = -1};

	/* The kernel tells of the sockets of our own network namespace only. */
	if (!process_facts_know(facts, FACT_NAMESPACES) || !machine->network_namespace ||
	    facts->network_namespace != machine->network_namespace) {
		view.unknown |= BY_SOCKETS;
	}
	if (!has_locks(machine)) {
		view.unknown |= MACHINE_PACKAGE_LOCK;
	}
	for (size_t i = 0; i < machine->locks.n_holders; i++) {
		if (machine->locks.holders[i].pid == facts->pid) {
			view.is |= MACHINE_PACKAGE_LOCK;
			view.lock = machine->locks.holders[i].path;
		}
	}
	for (size_t i = 0; has_users(machine) && i < machine->users.n_users; i++) {
		if (machine->users.users[i].pid == facts->pid) {
			view.is |= MACHINE_BLOCK_DEVICE;
			memcpy(view.device, machine->users.users[i].device, sizeof(view.device));
		}
	}
	*ret_view = view;
}

void machine_view_deny(struct machine_view *view)
{
	view->unknown |= BY_DESCRIPTORS & ~view->is;
}

/* Looks at the descriptor that an entry of /proc/PID/fd names. */
static void add_entry(struct machine_facts *machine, const struct process_facts *facts, int fd_fd,
		      const char *name, struct machine_view *view)
{
	struct machine_descriptor descriptor;
	struct statx st;

	if (statx(fd_fd, name, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st) < 0) {
		if (errno != ENOENT) { /* closed since */
			machine_view_deny(view);
		}
		return;
	}
	descriptor = (struct machine_descriptor){
		.fd = (int)strtol(name, NULL, 10),
		.mode = st.stx_mode,
		.device = makedev(st.stx_dev_major, st.stx_dev_minor),
		.inode = st.stx_ino,
		.rdev = makedev(st.stx_rdev_major, st.stx_rdev_minor),
	};
	machine_view_add(machine, facts, &descriptor, view);
}

int machine_view_read(struct machine_facts *machine, const struct process_facts *facts,
		      struct machine_view *ret_view)
{
	struct machine_view view;
	char path[32];
	DIR *directory;
	struct dirent *entry;
	int fd;

	machine_view_begin(machine, facts, &view);
	(void)snprintf(path, sizeof(path), "%d/fd", facts->pid);
	fd = openat(machine->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		if (errno == ENOENT || errno == ESRCH) {
			return -ESRCH;
		}
		machine_view_deny(&view);
		*ret_view = view;
		return 0;
	}
	directory = fdopendir(fd);
	if (!directory) {
		closep(&fd);
		return -ENOMEM;
	}
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] != '.') {
			add_entry(machine, facts, fd, entry->d_name, &view);
		}
	}
	(void)closedir(directory);
	*ret_view = view;
	return 0;
}

/* ---- beyond one process ---- */

int machine_find_scope(struct machine_facts *machine, const struct process_facts *facts,
		       struct machine_scope *ret_scope)
{
	const struct cgroup_facts *cgroup = &facts->cgroup;
	struct machine_scope scope = {0};
	bool is_found = false;

	if (!process_facts_know(facts, FACT_CGROUP) || !cgroup->is_app_scope) {
		return -ENOENT;
	}
	if (machine->scopes_part == PART_UNREAD) {
		settle(&machine->scopes_part, scopes_read(machine->proc_fd, &machine->scopes));
	}
	if (machine->scopes_part != PART_READ) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < machine->scopes.n_members; i++) {
		const struct scope_member *member = &machine->scopes.members[i];

		if (member->scope != scopes_key(cgroup)) {
			continue;
		}
		if (!is_found || member->start_time < scope.first_start_time ||
		    (member->start_time == scope.first_start_time &&
		     member->pid < scope.first_pid)) {
			scope.first_pid = member->pid;
			scope.first_start_time = member->start_time;
		}
		is_found = true;
		scope.has_pty_master = scope.has_pty_master ||
				       scopes_member_has_pty_master(machine->proc_fd, member);
	}
	*ret_scope = scope;
	return is_found ? 0 : -ENOENT;
}

bool machine_find_kernel_user(struct machine_facts *machine, const char *path, char *ret_user,
			      size_t size)
{
	for (size_t i = 0; has_users(machine) && i < machine->users.n_users; i++) {
		const struct kernel_user *user = &machine->users.users[i];

		if (user->path && strcmp(user->path, path) == 0) {
			(void)snprintf(ret_user, size, "%s", user->device);
			return true;
		}
	}
	return false;
}
