/* SPDX-License-Identifier: MIT */
/*
 * The machine's state with real sockets, terminals, locks and groups. Where the kernel or the
 * rights that a test needs are not there, it says so and passes.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/scan/kernel_users.h"
#include "broker/scan/machine_facts.h"
#include "broker/scan/self.h"
#include "broker/scan/unix_sockets.h"
#include "tests/unit/fixture.h"

static int proc_fd;
static char root[PATH_MAX / 2];
static struct machine_facts *machine;

static void set_up(void)
{
	struct machine_options options = {.root = root};

	proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(proc_fd, 0);
	options.proc_fd = proc_fd;
	(void)snprintf(root, sizeof(root), "%s", fixture_path("root"));
	ck_assert_int_eq(machine_facts_new(&options, &machine), 0);
}

static void tear_down(void)
{
	machine = machine_facts_free(machine);
	ck_assert_int_eq(close(proc_fd), 0);
}

static void skip(const char *why)
{
	(void)fprintf(stderr, "skipped: %s\n", why);
}

static void put(const char *path, const char *text)
{
	char full[PATH_MAX];

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *at = full + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		(void)mkdir(full, 0700);
		*at = '/';
	}
	file_put(full, text, strlen(text));
}

static struct machine_view look_at(pid_t pid)
{
	struct process_facts facts;
	struct machine_view view;

	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert_int_eq(machine_view_read(machine, &facts, &view), 0);
	process_facts_done(&facts);
	return view;
}

/* ---- sockets ---- */

static char socket_path[PATH_MAX];

static int make_address(const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	return (size_t)snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s", path) <
			       sizeof(ret_address->sun_path)
		       ? 0
		       : -1;
}

static void serve(void)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (make_address(socket_path, &address) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 5) < 0) {
		_exit(1);
	}
}

static void connect_to_it(void)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (make_address(socket_path, &address) < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		_exit(1);
	}
}

/* Both ends in one process: what was accepted has the server's name. */
static void serve_itself(void)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (make_address(socket_path, &address) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 5) < 0) {
		_exit(1);
	}
	connect_to_it();
	if (accept(fd, NULL, NULL) < 0 || close(fd) < 0) {
		_exit(1);
	}
}

static bool is_dump_possible(void)
{
	struct unix_sockets sockets;
	int r = unix_sockets_read(&sockets);

	if (r < 0) {
		skip("the kernel does not tell of Unix sockets");
		return false;
	}
	unix_sockets_done(&sockets);
	return true;
}

static const struct {
	const char *directory;
	const char *name;
	uint32_t server;
	uint32_t client;
} servers[] = {
	{".X11-unix", "X99", MACHINE_DISPLAY_SERVER, MACHINE_DISPLAY_CLIENT},
	{"runtime", "wayland-7", MACHINE_DISPLAY_SERVER, MACHINE_DISPLAY_CLIENT},
	{"ssh-abc", "agent.7", MACHINE_KEY_AGENT, 0},
	{"other", "X99", 0, 0},
};

START_TEST(test_sockets)
{
	const uint32_t by_sockets =
		MACHINE_DISPLAY_SERVER | MACHINE_DISPLAY_CLIENT | MACHINE_BUS | MACHINE_KEY_AGENT;
	struct machine_view view;
	pid_t server;
	pid_t client;

	ck_assert_int_eq(mkdir(fixture_path(servers[_i].directory), 0700), 0);
	(void)snprintf(socket_path, sizeof(socket_path), "%s/%s",
		       fixture_path(servers[_i].directory), servers[_i].name);
	server = child_start(serve);
	client = child_start(connect_to_it);
	if (is_dump_possible()) {
		view = look_at(server);
		ck_assert_uint_eq(view.unknown & by_sockets, 0);
		ck_assert_uint_eq(view.is & by_sockets, servers[_i].server);
		view = look_at(client);
		ck_assert_uint_eq(view.unknown & by_sockets, 0);
		ck_assert_uint_eq(view.is & by_sockets, servers[_i].client);
		view = look_at(getpid());
		ck_assert_uint_eq(view.is & by_sockets, 0);
	}
	child_end(client);
	child_end(server);
}
END_TEST

static void leave_network(void)
{
	if (unshare(CLONE_NEWNET) < 0) {
		(void)unshare(CLONE_NEWUSER | CLONE_NEWNET);
	}
}

START_TEST(test_accepted_socket)
{
	struct machine_view view;
	pid_t pid;

	ck_assert_int_eq(mkdir(fixture_path(".X11-unix"), 0700), 0);
	(void)snprintf(socket_path, sizeof(socket_path), "%s/X98", fixture_path(".X11-unix"));
	pid = child_start(serve_itself);
	if (is_dump_possible()) {
		view = look_at(pid);
		ck_assert(view.is & MACHINE_DISPLAY_SERVER);
		ck_assert(view.is & MACHINE_DISPLAY_CLIENT);
	}
	child_end(pid);
}
END_TEST

/* The kernel would not tell of its sockets: then they are unknown, not absent. */
START_TEST(test_other_network)
{
	pid_t pid = child_start(leave_network);
	struct process_facts facts;
	struct process_facts own;
	struct machine_view view;

	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert_int_eq(process_facts_read(proc_fd, getpid(), 0, &own), 0);
	ck_assert_int_eq(machine_view_read(machine, &facts, &view), 0);
	if (facts.network_namespace == own.network_namespace) {
		skip("no network namespace can be made");
	} else {
		ck_assert(view.unknown & MACHINE_DISPLAY_CLIENT);
	}
	process_facts_done(&facts);
	process_facts_done(&own);
	child_end(pid);
}
END_TEST

/* ---- terminals ---- */

static int pty_master = -1;

static void hold_master(void)
{
	/* Inherited. */
}

static void take_terminal(void)
{
	char name[64];

	if (ptsname_r(pty_master, name, sizeof(name)) != 0 || setsid() < 0 ||
	    open(name, O_RDWR) < 0 || close(pty_master) < 0) {
		_exit(1);
	}
}

static int open_pty(void)
{
	int number = -1;

	pty_master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(pty_master, 0);
	ck_assert_int_eq(grantpt(pty_master), 0);
	ck_assert_int_eq(unlockpt(pty_master), 0);
	ck_assert_int_eq(sscanf(ptsname(pty_master), "/dev/pts/%d", &number), 1);
	return number;
}

START_TEST(test_pty_master)
{
	int number = open_pty();
	pid_t holder = child_start(hold_master);
	struct machine_view view = look_at(holder);
	pid_t shell;

	ck_assert(view.is & MACHINE_PTY_MASTER);
	ck_assert(!(view.is & MACHINE_LIVE_PTY));
	ck_assert_uint_eq(view.n_ptys, 1);
	ck_assert_int_eq(view.ptys[0], number);
	ck_assert(!machine_pty_is_live(machine, number));

	shell = child_start(take_terminal);
	machine_facts_reset(machine); /* a new question */
	view = look_at(holder);
	ck_assert(view.is & MACHINE_LIVE_PTY);
	ck_assert_int_eq(view.live_pty, number);
	ck_assert(machine_pty_is_live(machine, number));
	view = look_at(shell);
	ck_assert(!(view.is & MACHINE_PTY_MASTER));
	child_end(shell);
	child_end(holder);
	ck_assert_int_eq(close(pty_master), 0);
}
END_TEST

/* ---- self ---- */

static struct self_member member(pid_t pid)
{
	struct process_facts facts;
	struct self_member found = {.pid = pid};

	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	found.start_time = facts.start_time;
	process_facts_done(&facts);
	return found;
}

START_TEST(test_self)
{
	struct machine_view view;
	struct self_member callers[3];
	struct self_set set;
	pid_t stranger;
	pid_t holder;
	pid_t shell;

	(void)open_pty();
	holder = child_start(hold_master);
	shell = child_start(take_terminal);
	stranger = child_start(NULL);
	callers[0] = member(shell);
	callers[1] = member(getppid());
	callers[2] = (struct self_member){.pid = stranger, .start_time = 1}; /* has gone since */
	ck_assert_int_eq(self_set_build(proc_fd, callers, 3, &set), 0);
	ck_assert_int_eq(self_set_find(&set, shell, callers[0].start_time, NULL), SELF_PRIMARY);
	ck_assert_int_eq(self_set_find(&set, shell, callers[0].start_time + 1, NULL), SELF_NONE);
	ck_assert_int_eq(self_set_find(&set, getppid(), callers[1].start_time, NULL), SELF_JOINED);
	ck_assert_int_eq(self_set_find(&set, getpid(), member(getpid()).start_time, NULL),
			 SELF_ANCESTOR);
	ck_assert_int_eq(self_set_find(&set, 1, member(1).start_time, NULL), SELF_NONE);
	ck_assert_int_eq(self_set_find(&set, stranger, member(stranger).start_time, NULL),
			 SELF_NONE);
	view = look_at(holder);
	ck_assert_int_eq(self_set_find(&set, holder, member(holder).start_time, &view),
			 SELF_TERMINAL);
	view = look_at(stranger);
	self_set_done(&set);
	ck_assert_int_eq(self_set_find(&set, shell, callers[0].start_time, NULL), SELF_NONE);

	callers[0] = (struct self_member){0}; /* a question without a session */
	ck_assert_int_eq(self_set_build(proc_fd, callers, 1, &set), 0);
	ck_assert_uint_eq(set.n_members, 0);
	self_set_done(&set);
	child_end(stranger);
	child_end(shell);
	child_end(holder);
	ck_assert_int_eq(close(pty_master), 0);
}
END_TEST

START_TEST(test_relation_names)
{
	for (int i = 0; i < _SELF_RELATION_COUNT; i++) {
		ck_assert_ptr_nonnull(self_relation_name((enum self_relation)i));
	}
}
END_TEST

/* ---- the package manager's lock ---- */

static char lock_path[PATH_MAX];

static void lock_file(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(lock_path, O_RDWR);

	if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0) {
		_exit(1);
	}
}

static void open_only(void)
{
	if (open(lock_path, O_RDWR) < 0) {
		_exit(1);
	}
}

START_TEST(test_package_lock)
{
	struct machine_view view;
	pid_t holder;
	pid_t reader;

	put("var/lib/dpkg/lock", "");
	(void)snprintf(lock_path, sizeof(lock_path), "%s/var/lib/dpkg/lock", root);
	holder = child_start(lock_file);
	reader = child_start(open_only);
	view = look_at(holder);
	ck_assert(view.is & MACHINE_PACKAGE_LOCK);
	ck_assert_str_eq(view.lock, "/var/lib/dpkg/lock");
	view = look_at(reader);
	ck_assert(!(view.is & MACHINE_PACKAGE_LOCK)); /* open is not locked */
	child_end(holder);
	put("var/lib/other", "");
	(void)snprintf(lock_path, sizeof(lock_path), "%s/var/lib/other", root);
	holder = child_start(lock_file); /* another lock, on the same disk */
	machine_facts_reset(machine);
	view = look_at(holder);
	ck_assert(!(view.is & MACHINE_PACKAGE_LOCK));
	child_end(holder);
	view = look_at(reader);
	ck_assert(!(view.is & MACHINE_PACKAGE_LOCK));
	child_end(reader);
}
END_TEST

/* pacman's is there while it works, and locked by nobody. */
START_TEST(test_lock_by_presence)
{
	struct machine_view view;
	pid_t holder;

	put("var/lib/pacman/db.lck", "");
	(void)snprintf(lock_path, sizeof(lock_path), "%s/var/lib/pacman/db.lck", root);
	holder = child_start(open_only);
	view = look_at(holder);
	ck_assert(view.is & MACHINE_PACKAGE_LOCK);
	ck_assert_str_eq(view.lock, "/var/lib/pacman/db.lck");
	view = look_at(getpid());
	ck_assert(!(view.is & MACHINE_PACKAGE_LOCK));
	child_end(holder);
}
END_TEST

START_TEST(test_lock_lines)
{
	static const struct {
		const char *line;
		pid_t pid; /* 0: refused */
	} lines[] = {
		{"1: POSIX  ADVISORY  WRITE 4711 fe:0a:12345 0 EOF\n", 4711},
		{"1: FLOCK  ADVISORY  WRITE 4711 fe:0a:12345 0 EOF\n", 4711},
		{"12: -> POSIX  ADVISORY  WRITE 4711 fe:0a:12345 0 EOF\n", 0},
		{"1: OFDLCK ADVISORY  WRITE -1 fe:0a:12345 0 EOF\n", 0},
		{"1: POSIX  ADVISORY  WRITE 0 fe:0a:12345 0 EOF\n", 0},
		{"1: POSIX  ADVISORY  WRITE 4711 <none>:0\n", 0},
		{"1: POSIX  ADVISORY  WRITE 99999999999 fe:0a:12345 0 EOF\n", 0},
		{"1: LEASE  ACTIVE    READ  x\n", 0},
		{"", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct lock_line line;

		ck_assert_int_eq(package_locks_parse_line(lines[i].line, &line), lines[i].pid != 0);
		if (lines[i].pid) {
			ck_assert_int_eq(line.pid, lines[i].pid);
			ck_assert_uint_eq(line.major, 0xfe);
			ck_assert_uint_eq(line.minor, 0x0a);
			ck_assert_uint_eq(line.inode, 12345);
		}
	}
}
END_TEST

/* ---- what the kernel itself uses ---- */

START_TEST(test_kernel_users)
{
	struct process_facts facts = {.pid = 4711};
	struct machine_descriptor loop = {.fd = 3, .mode = S_IFBLK, .rdev = makedev(7, 3)};
	struct machine_descriptor other = {.fd = 3, .mode = S_IFBLK, .rdev = makedev(7, 4)};
	struct machine_view view;
	char user[32];

	put("sys/block/loop3/loop/backing_file", "/srv/image one.img\n");
	put("sys/block/loop3/dev", "7:3\n");
	put("sys/block/loop4/dev", "7:4\n"); /* not in use */
	put("sys/block/nbd1/pid", "4711\n");
	put("sys/block/nbd1/dev", "43:32\n");
	put("sys/block/sda/dev", "8:0\n");
	ck_assert(machine_find_kernel_user(machine, "/srv/image one.img", user, sizeof(user)));
	ck_assert_str_eq(user, "loop3");
	ck_assert(!machine_find_kernel_user(machine, "/srv/image", user, sizeof(user)));
	machine_view_begin(machine, &facts, &view);
	ck_assert(view.is & MACHINE_BLOCK_DEVICE);
	ck_assert_str_eq(view.device, "nbd1");
	facts.pid = 4712;
	machine_view_begin(machine, &facts, &view);
	machine_view_add(machine, &facts, &other, &view);
	ck_assert(!(view.is & MACHINE_BLOCK_DEVICE));
	machine_view_add(machine, &facts, &loop, &view);
	ck_assert(view.is & MACHINE_BLOCK_DEVICE);
	ck_assert_str_eq(view.device, "loop3");
}
END_TEST

START_TEST(test_swap)
{
	char directory[PATH_MAX];
	struct kernel_users users;
	int fd;

	(void)snprintf(directory, sizeof(directory), "%s/proc", root);
	put("proc/swaps", "Filename\t\t\t\tType\t\tSize\n"
			  "/swap\\040file                      file\t\t1048572\n"
			  "(deleted)/x partition\n");
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(kernel_users_read(fd, root, &users), 0);
	ck_assert_uint_eq(users.n_users, 1);
	ck_assert_str_eq(users.users[0].path, "/swap file");
	ck_assert_str_eq(users.users[0].device, "swap");
	kernel_users_done(&users);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

static void hold_fuse(void)
{
	if (open("/dev/fuse", O_RDWR) < 0) {
		_exit(1);
	}
}

static void serve_fuse(void)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR);

	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (fd < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("test", root, "fuse.test", MS_NOSUID | MS_NODEV, options) < 0) {
		_exit(1);
	}
}

/* Its mount is in a namespace of its own, so it goes with it; nobody ever answers it. */
START_TEST(test_fuse)
{
	struct machine_view view;
	pid_t pid;

	ck_assert_int_eq(mkdir(root, 0700), 0);
	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0) {
		skip("/dev/fuse cannot be opened");
		return;
	}
	pid = child_start(serve_fuse);
	view = look_at(pid);
	ck_assert(view.is & MACHINE_FUSE_SERVER);
	child_end(pid);
	pid = child_start(hold_fuse);
	view = look_at(pid);
	ck_assert(!(view.unknown & MACHINE_FUSE_SERVER));
	child_end(pid);
}
END_TEST

/* ---- descriptors that can't be read ---- */

START_TEST(test_denied)
{
	struct process_facts facts = {0};
	struct machine_view view;
	pid_t pid = child_start(NULL);

	if (geteuid() != 0) {
		skip("there is no other user to be");
		child_end(pid);
		return;
	}
	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	ck_assert_int_eq(machine_view_read(machine, &facts, &view), 0);
	ck_assert(view.unknown & MACHINE_DISPLAY_CLIENT);
	ck_assert(view.unknown & MACHINE_LIVE_PTY);
	ck_assert(view.unknown & MACHINE_FUSE_SERVER);
	process_facts_done(&facts);
	/* The child is root's and ends with this process. */
}
END_TEST

START_TEST(test_gone)
{
	struct process_facts facts;
	struct machine_view view;
	pid_t pid = child_start(NULL);

	ck_assert_int_eq(process_facts_read(proc_fd, pid, 0, &facts), 0);
	child_end(pid);
	ck_assert_int_eq(machine_view_read(machine, &facts, &view), -ESRCH);
	process_facts_done(&facts);
}
END_TEST

/* ---- scopes ---- */

/* A group of the test's own, in whatever cgroup2 there is and may be written to. */
static char group[PATH_MAX / 2];

static bool make_scope(const char *name)
{
	static const char *const mounts[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
	static const char *const parts[] = {"user.slice", "user-4711.slice", "user@4711.service",
					    "app.slice"};

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		char path[PATH_MAX / 4];

		(void)snprintf(path, sizeof(path), "%s/cgroup.procs", mounts[i]);
		if (geteuid() != 0 || access(path, W_OK) < 0) {
			continue;
		}
		(void)snprintf(group, sizeof(group), "%s", mounts[i]);
		for (size_t j = 0; j <= ARRAY_SIZE(parts); j++) {
			size_t used = strlen(group);

			(void)snprintf(group + used, sizeof(group) - used, "/%s",
				       j < ARRAY_SIZE(parts) ? parts[j] : name);
			if (mkdir(group, 0755) < 0 && errno != EEXIST) {
				return false;
			}
		}
		return true;
	}
	return false;
}

/* Removes the group and those above it that are empty. */
static void remove_scope(void)
{
	while (rmdir(group) == 0) {
		*strrchr(group, '/') = '\0';
	}
}

static void join_scope(void)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1 || close(fd) < 0) {
		_exit(1);
	}
}

static void join_with_master(void)
{
	join_scope();
	if (posix_openpt(O_RDWR | O_NOCTTY) < 0) {
		_exit(1);
	}
}

START_TEST(test_scope)
{
	struct process_facts facts;
	struct machine_scope scope;
	char name[64];
	pid_t first;
	pid_t second;
	pid_t terminal;

	(void)snprintf(name, sizeof(name), "app-test-%d.scope", getpid());
	if (!make_scope(name)) {
		skip("there is no cgroup2 that may be written to");
		return;
	}
	first = child_start(join_scope);
	second = child_start(join_scope);
	ck_assert_int_eq(process_facts_read(proc_fd, second, 0, &facts), 0);
	ck_assert_str_eq(facts.cgroup.scope, name);
	ck_assert_uint_eq(facts.cgroup.manager_uid, 4711);
	ck_assert_int_eq(machine_find_scope(machine, &facts, &scope), 0);
	ck_assert_int_eq(scope.first_pid, first);
	ck_assert_uint_eq(scope.first_start_time, member(first).start_time);
	ck_assert(!scope.has_pty_master);
	terminal = child_start(join_with_master);
	machine_facts_reset(machine);
	ck_assert_int_eq(machine_find_scope(machine, &facts, &scope), 0);
	ck_assert_int_eq(scope.first_pid, first);
	ck_assert(scope.has_pty_master);
	process_facts_done(&facts);
	child_end(terminal);
	child_end(second);
	child_end(first);
	remove_scope();
}
END_TEST

START_TEST(test_no_scope)
{
	struct process_facts facts;
	struct machine_scope scope;

	ck_assert_int_eq(process_facts_read(proc_fd, getpid(), 0, &facts), 0);
	facts.cgroup.is_app_scope = false;
	ck_assert_int_eq(machine_find_scope(machine, &facts, &scope), -ENOENT);
	process_facts_done(&facts);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("machine_facts");
	TCase *tcase = fixture_case(suite, "machine_facts");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_sockets, 0, ARRAY_SIZE(servers));
	tcase_add_test(tcase, test_accepted_socket);
	tcase_add_test(tcase, test_other_network);
	tcase_add_test(tcase, test_pty_master);
	tcase_add_test(tcase, test_self);
	tcase_add_test(tcase, test_relation_names);
	tcase_add_test(tcase, test_package_lock);
	tcase_add_test(tcase, test_lock_by_presence);
	tcase_add_test(tcase, test_lock_lines);
	tcase_add_test(tcase, test_kernel_users);
	tcase_add_test(tcase, test_swap);
	tcase_add_test(tcase, test_fuse);
	tcase_add_test(tcase, test_denied);
	tcase_add_test(tcase, test_gone);
	tcase_add_test(tcase, test_scope);
	tcase_add_test(tcase, test_no_scope);
	return fixture_run(suite);
}
