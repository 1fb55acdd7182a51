/* SPDX-License-Identifier: MIT */
/*
 * A process that uses files in the ways that it is told:
 *
 *     workload_victim VERB[=VALUE]...        does one thing after the other, then waits
 *     workload_victim pool DIRECTORY N       N processes that all use many files, see pool()
 *
 * It says on descriptor 3, in one line, when it is done ("PID ready CHILD", CHILD 0: none) or
 * that it cannot ("PID failed VERB: WHY"), and lives until descriptor 4 is closed. Some verbs hand
 * all that follow to a relative: a thread, a child, a process that shares memory or descriptors.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "proto/base.h"
#include "tests/support/workload_pool.h"

#define STATUS_FD 3
#define LIFE_FD 4
#define OTHER_STACK_BYTES (256 * 1024)
#define MAX_REST 16

static pid_t leader;	  /* the process that was started */
static char *first_word;  /* argv[0] */
static char *const *rest; /* what a relative has to do */
static char other_stack[OTHER_STACK_BYTES] __attribute__((__aligned__(16)));

/* ---- what it says --------------------------------------------------------------------------- */

static void say_ready(pid_t child)
{
	(void)dprintf(STATUS_FD, "%d ready %d\n", leader, child);
}

static _Noreturn void fail(const char *verb)
{
	(void)dprintf(STATUS_FD, "%d failed %.60s: %s\n", leader, verb, strerror(errno));
	_exit(1);
}

static _Noreturn void live(void)
{
	char byte;

	while (read(LIFE_FD, &byte, 1) > 0 || errno == EINTR) {
	}
	_exit(0);
}

/* ---- files ---------------------------------------------------------------------------------- */

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0) {
		fail(path);
	}
	return fd;
}

static void map_with(const char *path, int protection, int flags)
{
	int fd = open_file(path, O_RDONLY);
	struct stat st;

	if (fstat(fd, &st) < 0 ||
	    mmap(NULL, (size_t)st.st_size, protection, flags, fd, 0) == MAP_FAILED) {
		fail(path);
	}
	(void)close(fd);
}

static void do_map(const char *path)
{
	map_with(path, PROT_READ, MAP_PRIVATE);
}

static void do_map_exec(const char *path)
{
	map_with(path, PROT_READ | PROT_EXEC, MAP_PRIVATE);
}

static void do_map_shared(const char *path)
{
	map_with(path, PROT_READ, MAP_SHARED);
}

static void do_open(const char *path)
{
	(void)open_file(path, O_RDONLY);
}

static void do_open_path(const char *path)
{
	(void)open_file(path, O_PATH);
}

static void do_dlopen(const char *path)
{
	if (!dlopen(path, RTLD_NOW)) {
		errno = ENOEXEC;
		fail(path);
	}
}

static void do_write(const char *path)
{
	char page[4096];
	int fd = open_file(path, O_WRONLY | O_CREAT);

	memset(page, 'w', sizeof(page));
	if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page)) {
		fail(path);
	}
	(void)close(fd);
}

static void do_unlink(const char *path)
{
	if (unlink(path) < 0) {
		fail(path);
	}
}

/* "N:PATH", as many mappings of one page, which the kernel cannot join. */
static void do_many_maps(const char *value)
{
	char *path;
	long n = strtol(value, &path, 10);
	int fd = open_file(path + 1, O_RDONLY);

	for (long i = 0; i < n; i++) {
		if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED) {
			fail("many-maps");
		}
	}
	(void)close(fd);
}

static void do_many_fds(const char *value)
{
	char *path;
	long n = strtol(value, &path, 10);
	struct rlimit limit = {.rlim_cur = (rlim_t)n + 64, .rlim_max = (rlim_t)n + 64};
	struct rlimit old;

	if (getrlimit(RLIMIT_NOFILE, &old) < 0 ||
	    (old.rlim_cur < limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &limit) < 0)) {
		fail("many-fds");
	}
	for (long i = 0; i < n; i++) {
		(void)open_file(path + 1, O_RDONLY);
	}
}

/* Nobody holds the descriptor: it lies in a socket. */
static void do_send(const char *path)
{
	int fd = open_file(path, O_RDONLY);
	int ends[2];
	char byte = 0, control[CMSG_SPACE(sizeof(fd))] = {0};
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ||
	    sendmsg(ends[0], &message, 0) != 1) {
		fail("send");
	}
	(void)close(fd);
}

/* ---- memory that looks like a file ---------------------------------------------------------- */

static void do_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 4096) < 0 ||
	    mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED) {
		fail("memfd");
	}
}

static void do_shm(const char *value)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	bool is_attached = id >= 0 && shmat(id, NULL, SHM_RDONLY) != (void *)-1;

	(void)value;
	if (id >= 0) {
		(void)shmctl(id, IPC_RMID, NULL); /* goes with its last user */
	}
	if (!is_attached) {
		fail("shm");
	}
}

static void do_zero(const char *value)
{
	int fd = open_file("/dev/zero", O_RDWR);

	(void)value;
	if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED) {
		fail("zero");
	}
}

/* ---- who it is ------------------------------------------------------------------------------ */

/* The kernel forgets the wish to die when the user changes. */
static void do_uid(const char *value)
{
	uid_t uid = (uid_t)strtoul(value, NULL, 10);

	if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
	    prctl(PR_SET_DUMPABLE, 1) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
		fail("uid");
	}
}

static void do_undumpable(const char *value)
{
	(void)value;
	if (prctl(PR_SET_DUMPABLE, 0) < 0) {
		fail("undumpable");
	}
}

static void do_comm(const char *value)
{
	if (prctl(PR_SET_NAME, value) < 0) {
		fail("comm");
	}
}

static void do_nothing(const char *value)
{
	(void)value;
}

/* ---- where it is ---------------------------------------------------------------------------- */

static void do_chdir(const char *path)
{
	if (chdir(path) < 0) {
		fail("chdir");
	}
}

static void do_chroot(const char *path)
{
	if (chroot(path) < 0 || chdir("/") < 0) {
		fail("chroot");
	}
}

static void do_new_mounts(const char *value)
{
	(void)value;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		fail("new-mounts");
	}
}

/* "FROM:TO" */
static void do_bind(const char *value)
{
	char *from = strdup(value);
	char *to = from ? strchr(from, ':') : NULL;

	if (!to) {
		fail("bind");
	}
	*to++ = '\0';
	if (mount(from, to, NULL, MS_BIND, NULL) < 0) {
		fail("bind");
	}
	free(from);
}

static void do_tmpfs(const char *path)
{
	if (mount("tmpfs", path, "tmpfs", 0, NULL) < 0) {
		fail("tmpfs");
	}
}

static void do_pivot(const char *path)
{
	do_new_mounts(NULL);
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir(path) < 0 ||
	    syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
	    chdir("/") < 0) {
		fail("pivot");
	}
}

/* ---- relatives ------------------------------------------------------------------------------ */

static void run(char *const *words);

static void *run_rest(void *arg)
{
	(void)arg;
	run(rest);
	say_ready(0);
	live();
}

static void start_thread(void *(*body)(void *arg))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, NULL) != 0) {
		fail("a thread");
	}
}

static void *run_with_own_files(void *arg)
{
	if (unshare(CLONE_FILES) < 0) {
		fail("unshare");
	}
	return run_rest(arg);
}

static _Noreturn void do_leader_gone(void)
{
	start_thread(run_rest);
	pthread_exit(NULL);
}

static void run_without_cmdline(void)
{
	uintptr_t page = (uintptr_t)first_word & ~(uintptr_t)4095;

	if (munmap((void *)page, 4096) < 0) {
		fail("no-cmdline");
	}
	(void)run_rest(NULL);
}

/* The page of the arguments goes, and with it perhaps the frames of main() and of this function:
 * what follows works with copies and on another stack. */
static _Noreturn void do_no_cmdline(void)
{
	static char *copies[MAX_REST + 1];
	static ucontext_t context;

	for (size_t i = 0; rest[i] && i < MAX_REST; i++) {
		copies[i] = strdup(rest[i]);
	}
	rest = copies;
	if (getcontext(&context) < 0) {
		fail("no-cmdline");
	}
	context.uc_stack.ss_sp = other_stack;
	context.uc_stack.ss_size = sizeof(other_stack);
	makecontext(&context, run_without_cmdline, 0);
	(void)setcontext(&context);
	fail("no-cmdline");
}

static _Noreturn void do_thread_files(void)
{
	start_thread(run_with_own_files);
	for (;;) {
		(void)pause();
	}
}

static int relative_main(void *arg)
{
	(void)arg;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	run(rest);
	say_ready((pid_t)syscall(SYS_getpid));
	live();
}

/* The leader touches no memory meanwhile, which the two may share. */
static _Noreturn void start_relative(unsigned long flags)
{
	if (clone(relative_main, other_stack + sizeof(other_stack), (int)flags | SIGCHLD, NULL) <
	    0) {
		fail("clone");
	}
	for (;;) {
		(void)pause();
	}
}

static pid_t fork_relative(void)
{
	pid_t pid = fork();

	if (pid < 0) {
		fail("fork");
	}
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	return pid;
}

static _Noreturn void do_zombie(void)
{
	pid_t pid = fork_relative();
	siginfo_t info;

	if (pid == 0) {
		run(rest);
		_exit(0);
	}
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0) {
		fail("zombie");
	}
	say_ready(pid);
	live();
}

/* A tracer keeps the child on the first step of its way out, where it has everything yet. */
static _Noreturn void do_exiting(void)
{
	int gate[2], status = 0;
	char byte;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0) {
		fail("pipe");
	}
	pid = fork_relative();
	if (pid == 0) {
		(void)close(gate[1]);
		run(rest);
		(void)!read(gate[0], &byte, 1);
		_exit(0);
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) < 0) {
		fail("ptrace");
	}
	(void)close(gate[1]);
	if (waitpid(pid, &status, __WALL) != pid ||
	    status >> 8 != (SIGTRAP | (PTRACE_EVENT_EXIT << 8))) {
		errno = EPROTO;
		fail("exiting");
	}
	say_ready(pid);
	live();
}

static _Noreturn void do_clone_files(void)
{
	start_relative(CLONE_FILES);
}

static _Noreturn void do_clone_vm(void)
{
	start_relative(CLONE_VM);
}

/* ---- the words ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*run)(const char *value);
} verbs[] = {
	{"bind", do_bind},
	{"chdir", do_chdir},
	{"chroot", do_chroot},
	{"comm", do_comm},
	{"dlopen", do_dlopen},
	{"many-fds", do_many_fds},
	{"many-maps", do_many_maps},
	{"map", do_map},
	{"map-exec", do_map_exec},
	{"map-shared", do_map_shared},
	{"memfd", do_memfd},
	{"new-mounts", do_new_mounts},
	{"open", do_open},
	{"open-path", do_open_path},
	{"pad", do_nothing}, /* makes the command line long */
	{"pivot", do_pivot},
	{"send", do_send},
	{"shm", do_shm},
	{"tmpfs", do_tmpfs},
	{"uid", do_uid},
	{"undumpable", do_undumpable},
	{"unlink", do_unlink},
	{"write", do_write},
	{"zero", do_zero},
};

/* Those that hand over what follows; none of them returns. */
static const struct {
	const char *name;
	void (*run)(void);
} relatives[] = {
	{"clone-files", do_clone_files}, {"clone-vm", do_clone_vm},
	{"exiting", do_exiting},	 {"leader-gone", do_leader_gone},
	{"no-cmdline", do_no_cmdline},	 {"thread-files", do_thread_files},
	{"zombie", do_zombie},
};

static void run_word(const char *word)
{
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strlen(verbs[i].name) == length && strncmp(verbs[i].name, word, length) == 0) {
			verbs[i].run(equals ? equals + 1 : "");
			return;
		}
	}
	errno = EINVAL;
	fail(word);
}

static void run(char *const *words)
{
	for (; *words; words++) {
		for (size_t i = 0; i < ARRAY_SIZE(relatives); i++) {
			if (strcmp(relatives[i].name, *words) == 0) {
				rest = words + 1;
				relatives[i].run();
			}
		}
		run_word(*words);
	}
}

int main(int argc, char *argv[])
{
	leader = getpid();
	first_word = argv[0];
	if (argc == 4 && strcmp(argv[1], "pool") == 0) {
		return workload_pool_run(argv[2], strtol(argv[3], NULL, 10));
	}
	run(argv + 1);
	say_ready(0);
	live();
}
