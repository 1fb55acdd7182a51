/* SPDX-License-Identifier: MIT */
/*
 * The resident index against one that trusts nothing: victims map, open, execute, fork, exit, pass
 * descriptors and make relatives, in 10,000 seeded steps, and every refresh by the clocks must show
 * the same of them as one that reads all. RM_SEED chooses another sequence.
 *
 * Victims keep no state: file `n` is open as descriptor FIRST_FD + n, or mapped at its own
 * address. They answer every command, so nothing happens while the indexes look.
 */
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/scan/index.h"
#include "tests/unit/fixture.h"

#define N_STEPS 10000u
#define N_SLOTS 10u
#define N_FILES 12u
#define FIRST_ADDRESS UINT64_C(0x200000000000)
#define STACK_BYTES (64u * 1024u)
/* Descriptors that victims have at fixed places. */
#define COMMAND_FD 100 /* and the slot's number */
#define POST_IN_FD 90
#define POST_OUT_FD 91
#define FIRST_FD 200

enum verb {
	VERB_MAP,
	VERB_UNMAP,
	VERB_OPEN,
	VERB_CLOSE,
	VERB_EXECUTE,
	VERB_LOAD,
	VERB_UNLOAD,
	VERB_SEND,
	VERB_RECEIVE,
	VERB_MOVE, /* its working directory */
	VERB_FORK, /* these three make slot `argument` */
	VERB_SHARE_FILES,
	VERB_SHARE_MEMORY,
	VERB_EXIT,
	_VERB_COUNT,
};

struct command {
	uint32_t verb;
	uint32_t argument;
};

static char directory[PATH_MAX / 2]; /* in the environment of victims, too */
static void *libraries[3];
static const char *const library_names[] = {"libm.so.6", "libresolv.so.2", "libanl.so.1"};

/* ---- the victim ---- */

static int serve(void *userdata);

static int open_file(uint32_t number)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/file%u", directory, number);
	return open(path, O_RDONLY);
}

static int place(int fd, uint32_t number)
{
	int to = FIRST_FD + (int)number;
	int r = fd < 0 ? -errno : dup2(fd, to) == to ? 0 : -errno;

	if (fd >= 0) {
		(void)close(fd);
	}
	return r;
}

static int map_file(uint32_t number)
{
	int fd = open_file(number);
	void *address = (void *)(uintptr_t)(FIRST_ADDRESS + number * UINT64_C(0x100000));
	void *map = mmap(address, 8192, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);

	(void)close(fd);
	return map == address ? 0 : -errno;
}

static int unmap_file(uint32_t number)
{
	return munmap((void *)(uintptr_t)(FIRST_ADDRESS + number * UINT64_C(0x100000)), 8192);
}

static int execute(uint32_t slot)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", slot);
	(void)execl("/proc/self/exe", "test_scan_random", "--victim", number, directory,
		    (char *)NULL);
	_exit(1);
}

static int send_file(uint32_t number)
{
	int fd = open_file(number);
	char byte = 'x';
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	(void)sendmsg(POST_IN_FD, &message, MSG_DONTWAIT);
	(void)close(fd);
	return 0;
}

static int receive_file(uint32_t number)
{
	char byte;
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(POST_OUT_FD, &message, MSG_DONTWAIT) < 0 || !CMSG_FIRSTHDR(&message)) {
		return 0;
	}
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return place(fd, number);
}

static int load(uint32_t number)
{
	number %= ARRAY_SIZE(libraries);
	if (!libraries[number]) {
		libraries[number] = dlopen(library_names[number], RTLD_NOW | RTLD_LOCAL);
	}
	return 0;
}

static int unload(uint32_t number)
{
	number %= ARRAY_SIZE(libraries);
	if (libraries[number]) {
		(void)dlclose(libraries[number]);
		libraries[number] = NULL;
	}
	return 0;
}

static int move(uint32_t number)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/dir%u", directory, number % 3);
	return chdir(path);
}

/* A fresh stack: whoever asks may itself stand on one that was made for this slot. */
static int make_other(uint32_t slot, int flags)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED) {
		return -errno;
	}
	return clone(serve, stack + STACK_BYTES, flags | SIGCHLD, (void *)(uintptr_t)slot);
}

static int make_copy(uint32_t slot)
{
	pid_t pid = fork();

	if (pid == 0) {
		_exit(serve((void *)(uintptr_t)slot));
	}
	return pid;
}

static int obey(const struct command *command, uint32_t slot)
{
	uint32_t argument = command->argument;

	switch ((enum verb)command->verb) {
	case VERB_MAP:
		return map_file(argument);
	case VERB_UNMAP:
		return unmap_file(argument);
	case VERB_OPEN:
		return place(open_file(argument), argument);
	case VERB_CLOSE:
		(void)close(FIRST_FD + (int)argument);
		return 0;
	case VERB_EXECUTE:
		return execute(slot);
	case VERB_LOAD:
		return load(argument);
	case VERB_UNLOAD:
		return unload(argument);
	case VERB_SEND:
		return send_file(argument);
	case VERB_RECEIVE:
		return receive_file(argument);
	case VERB_MOVE:
		return move(argument);
	case VERB_FORK:
		return make_copy(argument);
	case VERB_SHARE_FILES:
		return make_other(argument, CLONE_FILES);
	case VERB_SHARE_MEMORY:
		return make_other(argument, CLONE_VM);
	case VERB_EXIT:
	case _VERB_COUNT:
		break;
	}
	return -EINVAL;
}

/* Reads commands until it is told to exit, or nobody is left to tell. */
static int serve(void *userdata)
{
	uint32_t slot = (uint32_t)(uintptr_t)userdata;
	struct command command;

	while (recv(COMMAND_FD + (int)slot, &command, sizeof(command), 0) == sizeof(command)) {
		int32_t answer;

		if (command.verb == VERB_EXIT) {
			break;
		}
		answer = obey(&command, slot);
		if (send(COMMAND_FD + (int)slot, &answer, sizeof(answer), 0) != sizeof(answer)) {
			break;
		}
	}
	/* Not exit(3): what it would run is shared with relatives. */
	(void)syscall(SYS_exit_group, 0);
	return 0;
}

/* ---- the test ---- */

struct slot {
	int fd;	   /* our end */
	pid_t pid; /* 0: nobody */
};

static struct slot slots[N_SLOTS];
static struct random random_source;

static int32_t receive_answer(const struct slot *slot)
{
	int32_t answer;

	ck_assert_int_eq(recv(slot->fd, &answer, sizeof(answer), 0), sizeof(answer));
	return answer;
}

static void tell(const struct slot *slot, enum verb verb, uint32_t argument)
{
	struct command command = {.verb = verb, .argument = argument};

	ck_assert_int_eq(send(slot->fd, &command, sizeof(command), 0), sizeof(command));
}

static int32_t command(const struct slot *slot, enum verb verb, uint32_t argument)
{
	tell(slot, verb, argument);
	return receive_answer(slot);
}

/* Everybody has all ends of victims at their places, so that any can become any slot. */
static void make_channels(void)
{
	int post[2];

	for (unsigned int i = 0; i < N_SLOTS; i++) {
		int ends[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
		slots[i].fd = fcntl(ends[0], F_DUPFD_CLOEXEC, 300);
		ck_assert_int_ge(slots[i].fd, 300);
		ck_assert_int_eq(dup2(ends[1], COMMAND_FD + (int)i), COMMAND_FD + (int)i);
		ck_assert_int_eq(close(ends[0]), 0);
		ck_assert_int_eq(close(ends[1]), 0);
	}
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, post), 0);
	ck_assert_int_eq(dup2(post[0], POST_IN_FD), POST_IN_FD);
	ck_assert_int_eq(dup2(post[1], POST_OUT_FD), POST_OUT_FD);
	ck_assert_int_eq(close(post[0]), 0);
	ck_assert_int_eq(close(post[1]), 0);
}

static void start_victim(uint32_t number)
{
	struct slot *slot = &slots[number];

	slot->pid = fork();
	ck_assert_int_ge(slot->pid, 0);
	if (slot->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close_range(300, ~0u, 0);
		(void)execute(number);
	}
	ck_assert_int_eq(command(slot, VERB_CLOSE, 0), 0); /* it is there */
}

static void make_files(void)
{
	(void)snprintf(directory, sizeof(directory), "%s", fixture_path("files"));
	ck_assert_int_eq(mkdir(directory, 0700), 0);
	for (unsigned int i = 0; i < N_FILES; i++) {
		char path[PATH_MAX];
		static const char page[8192];

		(void)snprintf(path, sizeof(path), "%s/file%u", directory, i);
		file_put(path, page, sizeof(page));
		(void)snprintf(path, sizeof(path), "%s/dir%u", directory, i);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
}

static uint32_t find_slot(bool is_free)
{
	uint32_t start = random_below(&random_source, N_SLOTS);

	for (uint32_t i = 0; i < N_SLOTS; i++) {
		uint32_t number = (start + i) % N_SLOTS;

		if ((slots[number].pid == 0) == is_free) {
			return number;
		}
	}
	return UINT32_MAX;
}

/* Whoever takes its slot must not have to share the commands with it. Reaps it if it is ours. */
static void await_exit(pid_t pid)
{
	struct pollfd poll_fd = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};

	if (poll_fd.fd >= 0) {
		while (poll(&poll_fd, 1, -1) < 0) {
			ck_assert_int_eq(errno, EINTR);
		}
		ck_assert_int_eq(close(poll_fd.fd), 0);
	}
	(void)waitpid(pid, NULL, WNOHANG);
}

static void step(void)
{
	static const enum verb verbs[] = {
		VERB_MAP,    VERB_MAP,	       VERB_UNMAP,	  VERB_OPEN,
		VERB_OPEN,   VERB_CLOSE,       VERB_EXECUTE,	  VERB_LOAD,
		VERB_UNLOAD, VERB_SEND,	       VERB_RECEIVE,	  VERB_MOVE,
		VERB_FORK,   VERB_SHARE_FILES, VERB_SHARE_MEMORY, VERB_EXIT,
	};
	enum verb verb = verbs[random_below(&random_source, ARRAY_SIZE(verbs))];
	uint32_t argument = random_below(&random_source, N_FILES);
	uint32_t from = find_slot(false);
	uint32_t to = find_slot(true);

	if (from == UINT32_MAX) {
		start_victim(to);
		return;
	}
	switch (verb) {
	case VERB_FORK:
	case VERB_SHARE_FILES:
	case VERB_SHARE_MEMORY:
		if (to != UINT32_MAX) {
			slots[to].pid = command(&slots[from], verb, to);
			ck_assert_int_gt(slots[to].pid, 0);
			ck_assert_int_eq(command(&slots[to], VERB_UNMAP, N_FILES), 0);
		}
		break;
	case VERB_EXECUTE:
		tell(&slots[from], verb, from);
		ck_assert_int_eq(command(&slots[from], VERB_UNMAP, N_FILES), 0);
		break;
	case VERB_EXIT:
		tell(&slots[from], verb, 0);
		await_exit(slots[from].pid);
		slots[from].pid = 0;
		break;
	case VERB_MAP:
	case VERB_UNMAP:
	case VERB_OPEN:
	case VERB_CLOSE:
	case VERB_LOAD:
	case VERB_UNLOAD:
	case VERB_SEND:
	case VERB_RECEIVE:
	case VERB_MOVE:
	case _VERB_COUNT:
		ck_assert_int_eq(command(&slots[from], verb, argument), 0);
		break;
	}
}

/* A hold in a form that does not depend on the index. */
struct plain {
	uint64_t device;
	uint64_t inode;
	uint64_t place;
	uint64_t end;
	uint32_t kind;
	uint32_t task;
};

static int compare_plain(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct plain));
}

static size_t list_plain(struct scan_index *index, pid_t pid, struct plain *ret_plain, size_t max)
{
	const struct index_process *process = scan_index_find(index, pid);
	size_t n_files;
	const struct index_file *files = scan_index_files(index, &n_files);

	if (!process) {
		return SIZE_MAX;
	}
	ck_assert_uint_lt(process->n_holds, max);
	for (size_t i = 0; i < process->n_holds; i++) {
		const struct hold *hold = &process->holds[i];
		bool is_mapping = hold->kind == HOLD_MAPPING;

		ck_assert_uint_lt(hold->file, n_files);
		memset(&ret_plain[i], 0, sizeof(ret_plain[i]));
		ret_plain[i] = (struct plain){
			.device = files[hold->file].device,
			.inode = files[hold->file].inode,
			.place = is_mapping ? hold->address : hold->where,
			.end = is_mapping ? hold->end : 0,
			.kind = hold->kind,
			.task = hold->task,
		};
	}
	qsort(ret_plain, process->n_holds, sizeof(*ret_plain), compare_plain);
	return process->n_holds;
}

static void check_victim(struct scan_index *warm, struct scan_index *cold, pid_t pid,
			 unsigned int at)
{
	static struct plain of_warm[4096];
	static struct plain of_cold[4096];
	size_t n_warm = list_plain(warm, pid, of_warm, ARRAY_SIZE(of_warm));
	size_t n_cold = list_plain(cold, pid, of_cold, ARRAY_SIZE(of_cold));

	ck_assert_msg(n_cold != SIZE_MAX, "step %u: victim %d is not there", at, pid);
	ck_assert_msg(n_warm == n_cold, "step %u: victim %d: %zu holds by clock, %zu in truth", at,
		      pid, n_warm, n_cold);
	for (size_t i = 0; i < n_cold; i++) {
		ck_assert_msg(compare_plain(&of_warm[i], &of_cold[i]) == 0,
			      "step %u: victim %d: hold %zu differs: inode %ju and %ju", at, pid, i,
			      (uintmax_t)of_warm[i].inode, (uintmax_t)of_cold[i].inode);
	}
}

static uint64_t choose_seed(void)
{
	const char *text = getenv("RM_SEED");
	uint64_t seed = text && *text ? strtoull(text, NULL, 0) : 4711;

	printf("# seed %ju (RM_SEED)\n", (uintmax_t)seed);
	(void)fflush(stdout);
	return seed;
}

/* Ends with the child's status. */
static void follow(pid_t pid)
{
	int status;

	_exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/* In a pid namespace of our own there is nobody but victims to be read; without the right to one
 * the machine's other processes cost time, no more. Goes on in a child: the children of whoever
 * asks for a pid namespace cannot leave it again. */
static void enter_namespace(void)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0) {
		return;
	}
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid) {
		follow(pid);
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	ck_assert_int_eq(mount("proc", "/proc", "proc", 0, NULL), 0);
}

static void run_steps(struct scan_index *warm, struct scan_index *cold, unsigned int n_steps)
{
	unsigned int until_look = 1;
	unsigned int n_looks = 0;
	uint64_t n_reread = 0;
	uint64_t n_processes = 0;

	for (unsigned int at = 0; at < n_steps; at++) {
		struct index_counts counts;

		step();
		if (--until_look) {
			continue;
		}
		until_look = 1 + random_below(&random_source, 4);
		ck_assert_int_eq(scan_index_refresh(warm, false, NULL, &counts), 0);
		n_reread += counts.n_reread;
		n_processes += counts.n_processes;
		ck_assert_int_eq(scan_index_refresh(cold, false, NULL, &counts), 0);
		n_looks++;
		for (unsigned int i = 0; i < N_SLOTS; i++) {
			if (slots[i].pid) {
				check_victim(warm, cold, slots[i].pid, at);
			}
		}
	}
	printf("# %u refreshes; %ju of %ju processes read again\n", n_looks, (uintmax_t)n_reread,
	       (uintmax_t)n_processes);
	(void)fflush(stdout);
	ck_assert_uint_lt(n_reread, n_processes); /* it did trust the clocks */
}

static const struct {
	unsigned int n_steps;
	bool is_bare; /* as on an old kernel: no PROCMAP_QUERY, no pidfds */
} runs[] = {{N_STEPS, false}, {N_STEPS / 4, true}};

/* The index leaves so many descriptors to others that there is none for a pidfd. */
static void take_descriptors(void)
{
	struct rlimit limit = {.rlim_cur = 512, .rlim_max = 512};

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void run(unsigned int number)
{
	struct index_options options = {.n_threads = 2, .text_maps = runs[number].is_bare};
	struct scan_index *warm;
	struct scan_index *cold;

	enter_namespace();
	if (runs[number].is_bare) {
		take_descriptors();
	}
	make_channels();
	options.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(options.proc_fd, 0);
	ck_assert_int_eq(scan_index_new(&options, &warm), 0);
	options.no_clock = true;
	ck_assert_int_eq(scan_index_new(&options, &cold), 0);
	run_steps(warm, cold, runs[number].n_steps);
	warm = scan_index_free(warm);
	cold = scan_index_free(cold);
	for (unsigned int i = 0; i < N_SLOTS; i++) {
		if (slots[i].pid) {
			(void)kill(slots[i].pid, SIGKILL);
		}
	}
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
	}
}

START_TEST(test_steps)
{
	pid_t pid;
	int status;

	random_source.state = choose_seed();
	make_files();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		run((unsigned int)_i);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ended with %x", status);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite;
	TCase *tcase;

	if (argc == 4 && strcmp(argv[1], "--victim") == 0) {
		(void)prctl(PR_SET_PDEATHSIG, 0);
		(void)snprintf(directory, sizeof(directory), "%s", argv[3]);
		return serve((void *)(uintptr_t)strtoul(argv[2], NULL, 10));
	}
	suite = suite_create("scan_random");
	tcase = fixture_case(suite, "steps");
	tcase_set_timeout(tcase, 150);
	tcase_add_loop_test(tcase, test_steps, 0, ARRAY_SIZE(runs));
	return fixture_run(suite);
}
