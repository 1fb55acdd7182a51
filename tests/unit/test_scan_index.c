/* SPDX-License-Identifier: MIT */
/* The resident index over real processes: what is held, what is none, and that clocks and relatives
 * tell what has to be read again. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "tests/unit/scan_victim.h"

static const struct index_options variants[] = {
	{.text_maps = false}, {.text_maps = true}, {.no_clock = true},
	{.n_threads = 1},     {.n_threads = 16},
};

/* The path is one of the last eight. */
static const char *make_file(const char *name)
{
	static char paths[8][512];
	static unsigned int next;
	static const char page[4096];
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	(void)snprintf(path, sizeof(paths[0]), "%s", fixture_path(name));
	file_put(path, page, sizeof(page));
	return path;
}

START_TEST(test_kinds)
{
	struct victim victim = victim_start();
	struct scan_index *index = index_make(variants[_i]);
	const char *file = make_file("file");
	const struct index_process *process;

	ck_assert_int_eq(victim_do(&victim, victim_open, file), 0);
	ck_assert_int_eq(victim_do(&victim, victim_map, make_file("mapped")), 0);
	ck_assert_int_eq(victim_do(&victim, chdir, fixture_path("")), 0);
	(void)index_refresh(index);
	process = index_get(index, victim.pid);
	ck_assert_ptr_nonnull(process);
	ck_assert_int_eq(process->pid, victim.pid);
	ck_assert_uint_gt(process->start_time, 0);
	ck_assert_uint_eq(process->uid, geteuid());
	ck_assert_uint_gt(process->mount_namespace, 0);
	ck_assert_uint_eq(process->flags & (INDEX_DENIED | INDEX_INCOMPLETE), 0);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_DESCRIPTOR, file), true);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_MAPPING, fixture_path("mapped")), true);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_DESCRIPTOR, fixture_path("mapped")),
			 false);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_MAPPING, file), false);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_EXECUTABLE, "/proc/self/exe"), true);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_MAPPING, "/proc/self/exe"), true);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_WORKING_DIRECTORY, fixture_path("")),
			 true);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_ROOT, "/"), true);
	index_end(index);
	victim_end(&victim);
}
END_TEST

/* Which descriptor it is, and which part of the address space. */
START_TEST(test_places)
{
	struct victim victim = victim_start();
	struct scan_index *index = index_make(variants[0]);
	const struct index_process *process;
	unsigned int n = 0;

	ck_assert_int_eq(victim_do(&victim, victim_open, make_file("file")), 0);
	ck_assert_int_eq(victim_do(&victim, victim_map, make_file("file")), 0);
	(void)index_refresh(index);
	process = index_get(index, victim.pid);
	for (size_t i = 0; i < process->n_holds; i++) {
		const struct hold *hold = &process->holds[i];

		ck_assert_uint_eq(hold->task, 0);
		ck_assert_int_eq(i == 0 || process->holds[i - 1].file <= hold->file, true);
		n += hold->kind == HOLD_DESCRIPTOR && hold->where == VICTIM_FD;
		n += hold->kind == HOLD_MAPPING && hold->address == UINT64_C(0x200000000000) &&
		     hold->end == UINT64_C(0x200000001000);
	}
	ck_assert_uint_eq(n, 2);
	index_end(index);
	victim_end(&victim);
}
END_TEST

/* A deleted file and one that something was renamed over are held by those who had them. */
START_TEST(test_deleted)
{
	struct victim victim = victim_start();
	struct scan_index *index = index_make(variants[0]);
	const char *file = make_file("file");
	struct stat st;

	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(victim_do(&victim, victim_map, file), 0);
	ck_assert_int_eq(victim_do(&victim, victim_open, file), 0);
	ck_assert_int_eq(rename(make_file("new"), fixture_path("file")), 0);
	(void)index_refresh(index);
	ck_assert_int_eq(index_has_inode(index, victim.pid, HOLD_MAPPING, st.st_ino), true);
	ck_assert_int_eq(index_has_inode(index, victim.pid, HOLD_DESCRIPTOR, st.st_ino), true);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_MAPPING, fixture_path("file")), false);
	ck_assert_int_eq(unlink(fixture_path("file")), 0);
	(void)index_refresh(index);
	ck_assert_int_eq(index_has_inode(index, victim.pid, HOLD_MAPPING, st.st_ino), true);
	index_end(index);
	victim_end(&victim);
}
END_TEST

static int map_memory(const char *unused)
{
	int memory = memfd_create("jit", 0);
	int shm = shmget(IPC_PRIVATE, 4096, 0600);
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	int pipe_fds[2];
	bool is_done;

	(void)unused;
	is_done = ftruncate(memory, 4096) == 0 &&
		  mmap(NULL, 4096, PROT_READ, MAP_SHARED, memory, 0) != MAP_FAILED &&
		  shmat(shm, NULL, 0) != (void *)-1 &&
		  mmap(NULL, 4096, PROT_READ, MAP_SHARED, zero, 0) != MAP_FAILED &&
		  mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED &&
		  pipe(pipe_fds) == 0 && syscall(SYS_pidfd_open, getpid(), 0) >= 0 &&
		  open("/proc/self/ns/net", O_RDONLY) >= 0;
	(void)shmctl(shm, IPC_RMID, NULL);
	(void)close(zero);
	return is_done ? 0 : -1;
}

/* Memory, pipes, sockets and the like are no files of anybody. */
START_TEST(test_memory_is_no_file)
{
	struct victim victim = victim_start();
	struct scan_index *index = index_make(variants[_i]);
	size_t n;

	(void)index_refresh(index);
	n = index_get(index, victim.pid)->n_holds;
	ck_assert_int_eq(victim_do(&victim, map_memory, ""), 0);
	(void)index_refresh(index);
	ck_assert_uint_ne(index_get(index, victim.pid)->flags & INDEX_REREAD, 0);
	ck_assert_uint_eq(index_get(index, victim.pid)->n_holds, n);
	index_end(index);
	victim_end(&victim);
}
END_TEST

START_TEST(test_zombies_and_kernel_threads)
{
	struct scan_index *index = index_make(variants[0]);
	pid_t pid = fork();
	siginfo_t info;
	size_t n;
	const struct index_process *processes;
	struct index_counts counts;

	if (pid == 0) {
		_exit(0);
	}
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	counts = index_refresh(index);
	ck_assert_ptr_null(index_get(index, pid));
	processes = scan_index_processes(index, &n);
	ck_assert_uint_eq(counts.n_processes, n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(i == 0 || processes[i - 1].pid < processes[i].pid, true);
		ck_assert_int_ne(processes[i].pid, 2); /* kthreadd, where it can be seen at all */
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	(void)index_refresh(index);
	index_end(index);
}
END_TEST

/* Who did not run is not read again, whoever else did; who ran is. */
START_TEST(test_clocks)
{
	struct victim still = victim_start();
	struct victim busy = victim_start();
	struct scan_index *index = index_make(variants[0]);

	(void)index_refresh(index);
	(void)index_refresh(index); /* their going to sleep was seen by now */
	for (unsigned int i = 0; i < 20; i++) {
		const char *file = make_file("file");

		ck_assert_int_eq(victim_do(&busy, i % 2 ? victim_close : victim_open, file), 0);
		(void)index_refresh(index);
		ck_assert_int_eq(index_has(index, busy.pid, HOLD_DESCRIPTOR, file), i % 2 == 0);
		ck_assert_uint_ne(index_get(index, busy.pid)->flags & INDEX_REREAD, 0);
		ck_assert_uint_eq(index_get(index, still.pid)->flags & INDEX_REREAD, 0);
	}
	index_end(index);
	victim_end(&still);
	victim_end(&busy);
}
END_TEST

START_TEST(test_anew)
{
	struct scan_index *index = index_make(variants[0]);
	struct victim victim = victim_start();
	struct index_counts counts;

	(void)index_refresh(index);
	ck_assert_int_eq(scan_index_refresh(index, true, NULL, &counts), 0);
	ck_assert_uint_ne(index_get(index, victim.pid)->flags & INDEX_REREAD, 0);
	ck_assert_uint_eq(counts.n_reread, counts.n_processes);
	index_end(index);
	victim_end(&victim);
}
END_TEST

/* What one relative opens or maps shows in the other, which did not run. */
static const struct {
	int flags;
	victim_fn hold;
	victim_fn leave;
	enum hold_kind kind;
} kinships[] = {
	{CLONE_FILES, victim_open, victim_close, HOLD_DESCRIPTOR},
	{CLONE_VM, victim_map, victim_unmap, HOLD_MAPPING},
	{CLONE_VM | CLONE_FILES, victim_map, victim_unmap, HOLD_MAPPING},
	{CLONE_VM | CLONE_FILES, victim_open, victim_close, HOLD_DESCRIPTOR},
};

START_TEST(test_relatives)
{
	struct victim parent = victim_start();
	struct victim child = victim_clone(&parent, kinships[_i].flags);
	struct scan_index *index = index_make(variants[0]);
	const char *file = make_file("file");

	(void)index_refresh(index);
	(void)index_refresh(index);
	ck_assert_uint_ne(index_get(index, parent.pid)->flags & INDEX_SHARES, 0);
	ck_assert_uint_ne(index_get(index, child.pid)->flags & INDEX_SHARES, 0);
	for (unsigned int i = 0; i < 4; i++) {
		bool holds = i % 2 == 0;

		ck_assert_int_eq(
			victim_do(&child, holds ? kinships[_i].hold : kinships[_i].leave, file), 0);
		(void)index_refresh(index);
		ck_assert_int_eq(index_has(index, child.pid, kinships[_i].kind, file), holds);
		ck_assert_int_eq(index_has(index, parent.pid, kinships[_i].kind, file), holds);
	}
	/* The last thing that it does before it goes. */
	ck_assert_int_eq(victim_do(&child, kinships[_i].hold, file), 0);
	victim_end_clone(&child);
	(void)index_refresh(index);
	ck_assert_ptr_null(index_get(index, child.pid));
	ck_assert_int_eq(index_has(index, parent.pid, kinships[_i].kind, file), true);
	ck_assert_uint_eq(index_get(index, parent.pid)->flags & INDEX_SHARES, 0);
	index_end(index);
	victim_end(&parent);
}
END_TEST

/* Relatives of each other and no more of anybody after an exec, or unshare(2). */
static int leave_table(const char *unused)
{
	(void)unused;
	return unshare(CLONE_FILES);
}

START_TEST(test_left_relatives)
{
	struct victim parent = victim_start();
	struct victim child = victim_clone(&parent, CLONE_FILES);
	struct scan_index *index = index_make(variants[0]);
	const char *file = make_file("file");

	(void)index_refresh(index);
	ck_assert_int_eq(victim_do(&child, leave_table, ""), 0);
	(void)index_refresh(index);
	ck_assert_uint_eq(index_get(index, parent.pid)->flags & INDEX_SHARES, 0);
	(void)index_refresh(index);
	ck_assert_int_eq(victim_do(&child, victim_open, file), 0);
	(void)index_refresh(index);
	ck_assert_int_eq(index_has(index, child.pid, HOLD_DESCRIPTOR, file), true);
	ck_assert_int_eq(index_has(index, parent.pid, HOLD_DESCRIPTOR, file), false);
	ck_assert_uint_eq(index_get(index, parent.pid)->flags & INDEX_REREAD, 0);
	index_end(index);
	victim_end_clone(&child);
	victim_end(&parent);
}
END_TEST

/* Threads of a victim: one that holds still, and one with a table and a place of its own. */
static char thread_file[512];
static pthread_barrier_t barrier;

static void *stand_apart(void *userdata)
{
	if (userdata && unshare(CLONE_FILES | CLONE_FS) == 0) {
		(void)open(thread_file, O_RDONLY);
		(void)chdir("/proc");
	}
	(void)pthread_barrier_wait(&barrier);
	for (;;) {
		(void)pause();
	}
	return NULL;
}

static int start_threads(const char *path)
{
	pthread_t thread;

	(void)snprintf(thread_file, sizeof(thread_file), "%s", path);
	(void)pthread_barrier_init(&barrier, NULL, 4);
	for (unsigned int i = 0; i < 3; i++) {
		if (pthread_create(&thread, NULL, stand_apart, i == 1 ? &barrier : NULL) != 0) {
			return -1;
		}
	}
	(void)pthread_barrier_wait(&barrier);
	return 0;
}

START_TEST(test_threads)
{
	struct victim victim = victim_start();
	struct scan_index *index = index_make(variants[0]);
	const char *file = make_file("file");
	const struct index_process *process;
	uint32_t task = 0;

	ck_assert_int_eq(victim_do(&victim, start_threads, file), 0);
	(void)index_refresh(index);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_DESCRIPTOR, file), true);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_WORKING_DIRECTORY, "/proc"), true);
	process = index_get(index, victim.pid);
	for (size_t i = 0; i < process->n_holds; i++) {
		task = process->holds[i].task ? process->holds[i].task : task;
	}
	ck_assert_uint_ne(task, 0);
	ck_assert_uint_ne(task, (uint32_t)victim.pid);
	index_end(index);
	victim_end(&victim);
}
END_TEST

static int leave_main_thread(const char *path)
{
	if (start_threads(path) < 0) {
		return -1;
	}
	(void)syscall(SYS_exit, 0); /* this thread alone */
	return 0;
}

static char read_state(pid_t pid)
{
	char path[32];
	char text[256];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(close(fd), 0);
	text[n] = '\0';
	return strrchr(text, ')')[2];
}

/* /proc/PID shows nothing of such a process. */
START_TEST(test_main_thread_gone)
{
	struct victim victim = victim_start();
	struct scan_index *index = index_make(variants[_i]);
	const char *file = make_file("file");

	ck_assert_int_eq(victim_do(&victim, victim_map, file), 0);
	ck_assert_int_eq(victim_do(&victim, victim_open, file), 0);
	(void)index_refresh(index);
	victim_begin(&victim, leave_main_thread, file);
	while (read_state(victim.pid) != 'Z') {
		(void)sched_yield();
	}
	for (unsigned int i = 0; i < 3; i++) {
		(void)index_refresh(index);
		ck_assert_ptr_nonnull(index_get(index, victim.pid));
		ck_assert_uint_ne(index_get(index, victim.pid)->flags & INDEX_LEADER_GONE, 0);
		ck_assert_int_eq(index_has(index, victim.pid, HOLD_MAPPING, file), true);
		ck_assert_int_eq(index_has(index, victim.pid, HOLD_DESCRIPTOR, file), true);
		ck_assert_int_eq(index_has(index, victim.pid, HOLD_EXECUTABLE, "/proc/self/exe"),
				 true);
	}
	index_end(index);
	victim_end(&victim);
}
END_TEST

static int n_freed;

static void free_cached(void *cached)
{
	ck_assert_ptr_eq(cached, &n_freed);
	n_freed++;
}

/* What others keep with a process lives as long as what was read of it. */
START_TEST(test_cached)
{
	struct victim victim = victim_start();
	struct scan_index *index = index_make((struct index_options){.free_cached = free_cached});

	(void)index_refresh(index);
	(void)index_refresh(index);
	scan_index_find(index, victim.pid)->cached = &n_freed;
	(void)index_refresh(index);
	ck_assert_int_eq(n_freed, 0);
	ck_assert_ptr_eq(index_get(index, victim.pid)->cached, &n_freed);
	ck_assert_int_eq(victim_do(&victim, victim_nothing, ""), 0);
	(void)index_refresh(index);
	ck_assert_int_eq(n_freed, 1);
	ck_assert_ptr_null(index_get(index, victim.pid)->cached);
	scan_index_find(index, victim.pid)->cached = &n_freed;
	victim_end(&victim);
	(void)index_refresh(index);
	ck_assert_int_eq(n_freed, 2);
	victim = victim_start();
	(void)index_refresh(index);
	scan_index_find(index, victim.pid)->cached = &n_freed;
	index_end(index);
	ck_assert_int_eq(n_freed, 3);
	victim_end(&victim);
}
END_TEST

/* A number that is another process's now: nothing of the old one is left. */
START_TEST(test_reused_pid)
{
	struct victim victim = victim_start();
	struct scan_index *index = index_make(variants[_i]);
	const char *file = make_file("file");
	pid_t pid = victim.pid;
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
			set_tid, set_tid_size, cgroup;
	} arguments = {
		.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};
	uint64_t start_time;
	long made;

	ck_assert_int_eq(victim_do(&victim, victim_open, file), 0);
	(void)index_refresh(index);
	ck_assert_int_eq(index_has(index, pid, HOLD_DESCRIPTOR, file), true);
	start_time = index_get(index, pid)->start_time;
	victim_end(&victim);
	/* A tick later, as the start time counts in ticks. */
	ck_assert_int_eq(usleep(2 * 1000000 / (useconds_t)sysconf(_SC_CLK_TCK)), 0);
	made = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (made == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			(void)pause();
		}
	}
	if (made > 0) { /* not without the right to choose, or without such a call */
		ck_assert_int_eq((pid_t)made, pid);
		(void)index_refresh(index);
		ck_assert_ptr_nonnull(index_get(index, pid));
		ck_assert_int_eq(index_has(index, pid, HOLD_DESCRIPTOR, file), false);
		ck_assert_uint_gt(index_get(index, pid)->start_time, start_time);
		child_end(pid);
	}
	(void)index_refresh(index);
	ck_assert_ptr_null(index_get(index, pid));
	index_end(index);
}
END_TEST

/* Nothing left for pidfds: start times have to do. */
START_TEST(test_without_pidfds)
{
	struct rlimit limit = {.rlim_cur = 256, .rlim_max = 256};
	struct victim victim;
	struct scan_index *index;
	const char *file = make_file("file");

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	victim = victim_start();
	index = index_make(variants[0]);
	(void)index_refresh(index);
	(void)index_refresh(index);
	ck_assert_uint_eq(index_get(index, victim.pid)->flags & INDEX_REREAD, 0);
	ck_assert_int_eq(victim_do(&victim, victim_open, file), 0);
	(void)index_refresh(index);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_DESCRIPTOR, file), true);
	victim_end(&victim);
	(void)index_refresh(index);
	ck_assert_ptr_null(index_get(index, victim.pid));
	index_end(index);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scan_index");
	TCase *holds = fixture_case(suite, "holds");
	TCase *life = fixture_case(suite, "life");

	tcase_add_loop_test(holds, test_kinds, 0, ARRAY_SIZE(variants));
	tcase_add_test(holds, test_places);
	tcase_add_test(holds, test_deleted);
	tcase_add_loop_test(holds, test_memory_is_no_file, 0, 2);
	tcase_add_test(holds, test_zombies_and_kernel_threads);
	tcase_add_test(holds, test_threads);
	tcase_add_loop_test(holds, test_main_thread_gone, 0, 3);
	tcase_add_test(life, test_clocks);
	tcase_add_test(life, test_anew);
	tcase_add_loop_test(life, test_relatives, 0, ARRAY_SIZE(kinships));
	tcase_add_test(life, test_left_relatives);
	tcase_add_test(life, test_cached);
	tcase_add_loop_test(life, test_reused_pid, 0, 3);
	tcase_add_test(life, test_without_pidfds);
	return fixture_run(suite);
}
