/* SPDX-License-Identifier: MIT */
/* The resident index among processes that come, go and execute while it looks, that are huge, that
 * may not be looked at, that call themselves what they are not, and that hold files of a file
 * system which never answers. */
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
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/scan/reader.h"
#include "proto/clock.h"
#include "tests/support/hung_fuse.h"
#include "tests/unit/fixture.h"
#include "tests/unit/scan_victim.h"

#define N_MAPPINGS 60000u
#define N_DESCRIPTORS 15000u

static const char *make_file(const char *name, size_t size)
{
	int fd;

	file_put(fixture_path(name), "x", 1);
	fd = open(fixture_path(name), O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(close(fd), 0);
	return fixture_path(name);
}

#define FIELDS_TO_21 " 5 6 7 8 2097152 10 11 12 13 14 15 16 17 18 19 3 21"
#define REST FIELDS_TO_21 " 4711 23 24\n"

static const struct {
	const char *text;
	enum process_kind kind; /* _PROCESS_KIND_COUNT: not such a text */
	uint64_t n_threads;
} stats[] = {
	{"7 (kthread) S 2" REST, PROCESS_KERNEL, 3},
	{"7 (x) S 1 5 6 7 8 0 10 11 12 13 14 15 16 17 18 19 1 21 4711 23\n", PROCESS_USER, 1},
	{"7 (x) Z 1 5 6 7 8 0 10 11 12 13 14 15 16 17 18 19 1 21 4711 23\n", PROCESS_ZOMBIE, 1},
	{"7 (x) Z 1 5 6 7 8 0 10 11 12 13 14 15 16 17 18 19 2 21 4711 23\n", PROCESS_USER, 2},
	{"7 (x) X 1 5 6 7 8 0 10 11 12 13 14 15 16 17 18 19 2 21 4711 23\n", PROCESS_ZOMBIE, 2},
	{"7 () Z 1 (x) S 1 5 6 7 8 0 -1 11 12 13 14 15 16 17 18 -19 1 21 4711 23\n", PROCESS_USER,
	 1},
	{"7 (a\n) Z 2) S 1 5 6 7 8 0 10 11 12 13 14 15 16 17 18 19 1 21 4711 23", PROCESS_USER, 1},
	{"7 (x) S 1" FIELDS_TO_21, _PROCESS_KIND_COUNT, 0},
	{"7 (x) S", _PROCESS_KIND_COUNT, 0},
	{"7 (x)", _PROCESS_KIND_COUNT, 0},
	{"7 x S 1" REST, _PROCESS_KIND_COUNT, 0},
	{"7 (x) S a" REST, _PROCESS_KIND_COUNT, 0},
	{"", _PROCESS_KIND_COUNT, 0},
};

START_TEST(test_stat)
{
	struct process_stat stat = {0};
	int r = process_stat_parse(stats[_i].text, strlen(stats[_i].text), &stat);

	ck_assert_int_eq(r, stats[_i].kind == _PROCESS_KIND_COUNT ? -EBADMSG : 0);
	if (r == 0) {
		ck_assert_int_eq(process_stat_kind(&stat), stats[_i].kind);
		ck_assert_uint_eq(stat.n_threads, stats[_i].n_threads);
		ck_assert_uint_eq(stat.start_time, 4711);
	}
}
END_TEST

static const struct {
	const char *text;
	int result;
	uint64_t mount;
	uint64_t inode;
} infos[] = {
	{"pos:\t0\nflags:\t0100000\nmnt_id:\t29\nino:\t4711\n", 0, 29, 4711},
	{"pos:\t0\nflags:\t0100000\nmnt_id:\t29\n", 0, 29, 0},
	{"pos:\t0\nflags:\t0100000\n", 0, 0, 0},
	{"pos:\t0\nflags:\t02\nmnt_id:\t29\nino:\t1\ntfd: 5 mnt_id:\t30\n", 0, 29, 1},
	{"mnt_id:\t29\n", -EBADMSG, 0, 0},
	{"", -EBADMSG, 0, 0},
};

START_TEST(test_descriptor_info)
{
	uint64_t mount = 0;
	uint64_t inode = 0;

	ck_assert_int_eq(
		descriptor_info_parse(infos[_i].text, strlen(infos[_i].text), &mount, &inode),
		infos[_i].result);
	ck_assert_uint_eq(mount, infos[_i].mount);
	ck_assert_uint_eq(inode, infos[_i].inode);
}
END_TEST

/* Names that would end the comm, make a zombie or a kernel thread of it. */
static const char *const names[] = {") Z 1 1 (", "a\nb", "", ") S 2 0 0 0", "\x1B[2J\xFF", "(((("};

static int take_name(const char *number)
{
	return prctl(PR_SET_NAME, names[strtoul(number, NULL, 10)]);
}

START_TEST(test_names)
{
	struct victim victim = victim_start();
	struct scan_index *index;
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", _i);
	ck_assert_int_eq(victim_do(&victim, take_name, number), 0);
	index = index_make((struct index_options){0});
	(void)index_refresh(index);
	ck_assert_ptr_nonnull(index_get(index, victim.pid));
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_EXECUTABLE, "/proc/self/exe"), true);
	index_end(index);
	victim_end(&victim);
}
END_TEST

/* Starts and ends children for good; each holds the file. */
static int churn(const char *path)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)victim_map(path);
			(void)victim_open(path);
			_exit(0);
		}
		(void)waitpid(pid, NULL, 0);
	}
	return 0;
}

START_TEST(test_churn)
{
	struct victim churners[4];
	struct victim witness = victim_start();
	const char *file = make_file("file", 4096);
	struct scan_index *index = index_make((struct index_options){0});

	ck_assert_int_eq(victim_do(&witness, victim_map, file), 0);
	for (size_t i = 0; i < ARRAY_SIZE(churners); i++) {
		churners[i] = victim_start();
		victim_begin(&churners[i], churn, file);
	}
	for (unsigned int i = 0; i < 100; i++) {
		const struct index_process *processes;
		size_t n;

		(void)index_refresh(index);
		processes = scan_index_processes(index, &n);
		for (size_t k = 1; k < n; k++) {
			ck_assert_int_lt(processes[k - 1].pid, processes[k].pid);
		}
		ck_assert_int_eq(index_has(index, witness.pid, HOLD_MAPPING, file), true);
		ck_assert_int_eq(index_has(index, witness.pid, HOLD_DESCRIPTOR, file), false);
		for (size_t k = 0; k < ARRAY_SIZE(churners); k++) {
			ck_assert_int_eq(index_has(index, churners[k].pid, HOLD_MAPPING, file),
					 false);
		}
	}
	index_end(index);
	for (size_t i = 0; i < ARRAY_SIZE(churners); i++) {
		victim_end(&churners[i]);
	}
	victim_end(&witness);
}
END_TEST

/* One of two programs that execute each other for good: the script below. */
static int execute_others(const char *path)
{
	(void)execl("/bin/sh", "sh", "-c", "exec \"$0\" -c \"$1\" \"$2\" \"$1\" \"$0\"", path,
		    "exec \"$0\" -c \"$1\" \"$2\" \"$1\" \"$0\"", "/bin/sh", (char *)NULL);
	return -1;
}

static bool has_kind(const struct index_process *process, enum hold_kind kind, uint32_t *ret_file)
{
	for (size_t i = 0; i < process->n_holds; i++) {
		if (process->holds[i].kind == (uint32_t)kind) {
			*ret_file = process->holds[i].file;
			return true;
		}
	}
	return false;
}

/* Whatever is shown of a process that executes is of one program: what it runs it has mapped. Few
 * may be caught for good in between. */
START_TEST(test_executing)
{
	struct victim victim = victim_start();
	struct scan_index *index = index_make((struct index_options){0});
	size_t size;
	uint8_t *shell = file_get("/bin/sh", &size);
	unsigned int n_mixed = 0;
	unsigned int n_whole = 0;

	file_put(fixture_path("shell"), shell, size);
	free(shell);
	ck_assert_int_eq(chmod(fixture_path("shell"), 0700), 0);
	victim_begin(&victim, execute_others, fixture_path("shell"));
	for (unsigned int i = 0; i < 1500; i++) {
		const struct index_process *process;
		size_t n_files;
		const struct index_file *files;
		uint32_t exe;
		uint32_t map;

		(void)index_refresh(index);
		process = index_get(index, victim.pid);
		files = scan_index_files(index, &n_files);
		ck_assert_ptr_nonnull(process);
		if (has_kind(process, HOLD_EXECUTABLE, &exe) &&
		    has_kind(process, HOLD_MAPPING, &map)) {
			bool is_whole = index_has_inode(index, victim.pid, HOLD_MAPPING,
							(ino_t)files[exe].inode);

			n_whole += is_whole;
			n_mixed += !is_whole;
		}
	}
	printf("# %u whole, %u mixed\n", n_whole, n_mixed);
	ck_assert_uint_gt(n_whole, 100);
	ck_assert_uint_le(n_mixed, 5);
	index_end(index);
	victim_end(&victim);
}
END_TEST

/* Every page is a mapping of its own. */
static int map_pages(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	for (unsigned int i = 0; i < N_MAPPINGS; i++) {
		void *place = (void *)(uintptr_t)(UINT64_C(0x210000000000) + i * UINT64_C(4096));

		if (mmap(place, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, i % 2 ? 0 : 8192) ==
		    MAP_FAILED) {
			return -errno;
		}
	}
	(void)close(fd);
	return victim_map(path);
}

START_TEST(test_many_mappings)
{
	struct victim victim = victim_start();
	const char *file = make_file("file", 16384);
	struct scan_index *index = index_make((struct index_options){.text_maps = _i == 1});
	uint64_t begin;

	ck_assert_int_eq(victim_do(&victim, map_pages, file), 0);
	begin = clock_monotonic_ms();
	(void)index_refresh(index);
	ck_assert_uint_lt(clock_monotonic_ms() - begin, 20000);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_MAPPING, file), true);
	ck_assert_uint_lt(index_get(index, victim.pid)->n_holds, 200);
	index_end(index);
	victim_end(&victim);
}
END_TEST

static int open_many(const char *path)
{
	struct rlimit limit = {.rlim_cur = N_DESCRIPTORS + 200, .rlim_max = N_DESCRIPTORS + 200};
	int fd = open("/dev/null", O_RDONLY);

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return -errno;
	}
	for (unsigned int i = 0; i < N_DESCRIPTORS; i++) {
		/* With gaps, so that they have to be listed. */
		if ((i % 1000 ? dup(fd) : fcntl(fd, F_DUPFD, (int)i + 8)) < 0) {
			return -errno;
		}
	}
	return open(path, O_RDONLY) < 0 ? -errno : 0;
}

START_TEST(test_many_descriptors)
{
	struct victim victim = victim_start();
	const char *file = make_file("file", 1);
	struct scan_index *index = index_make((struct index_options){0});

	if (victim_do(&victim, open_many, file) == -EPERM) {
		printf("# skipped: not so many descriptors are permitted\n");
	} else {
		(void)index_refresh(index);
		ck_assert_int_eq(index_has(index, victim.pid, HOLD_DESCRIPTOR, file), true);
		ck_assert_int_eq(index_has(index, victim.pid, HOLD_DESCRIPTOR, "/dev/null"), true);
		ck_assert_uint_lt(index_get(index, victim.pid)->n_holds, 300);
	}
	index_end(index);
	victim_end(&victim);
}
END_TEST

static atomic_bool cancelled;

static void *cancel_later(void *userdata)
{
	const struct timespec delay = {.tv_nsec = 5000000};

	(void)userdata;
	(void)nanosleep(&delay, NULL);
	atomic_store(&cancelled, true);
	return NULL;
}

/* Ends within 100 ms wherever it is, and the next one has all. */
START_TEST(test_cancelled)
{
	struct victim victim = victim_start();
	struct victim still = victim_start();
	const char *file = make_file("file", 16384);
	struct scan_index *index =
		index_make((struct index_options){.text_maps = true, .n_threads = 1});
	struct index_counts counts;

	ck_assert_int_eq(victim_do(&victim, map_pages, file), 0);
	ck_assert_int_eq(victim_do(&still, victim_map, file), 0);
	for (unsigned int i = 0; i < 5; i++) {
		pthread_t thread;
		uint64_t begin = clock_monotonic_ms();

		atomic_store(&cancelled, false);
		ck_assert_int_eq(pthread_create(&thread, NULL, cancel_later, NULL), 0);
		ck_assert_int_eq(scan_index_refresh(index, true, &cancelled, &counts), -ECANCELED);
		ck_assert_uint_lt(clock_monotonic_ms() - begin, 100);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
	atomic_store(&cancelled, true);
	ck_assert_int_eq(scan_index_refresh(index, false, &cancelled, &counts), -ECANCELED);
	atomic_store(&cancelled, false);
	ck_assert_int_eq(scan_index_refresh(index, false, &cancelled, &counts), 0);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_MAPPING, file), true);
	ck_assert_int_eq(index_has(index, still.pid, HOLD_MAPPING, file), true);
	index_end(index);
	victim_end(&victim);
	victim_end(&still);
}
END_TEST

/* Of a process that may not be looked at nothing is said but that. */
START_TEST(test_denied)
{
	struct victim victim = victim_start();
	struct scan_index *index;
	struct index_counts counts;
	const struct index_process *process;

	if (geteuid() != 0) {
		printf("# skipped: not root\n");
	} else {
		ck_assert_int_eq(setresgid(65534, 65534, 65534), 0);
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
		index = index_make((struct index_options){0});
		for (unsigned int i = 0; i < 3; i++) {
			counts = index_refresh(index);
			process = index_get(index, victim.pid);
			ck_assert_ptr_nonnull(process);
			ck_assert_uint_ne(process->flags & INDEX_DENIED, 0);
			ck_assert_int_eq(process->error == EACCES || process->error == EPERM, true);
			ck_assert_uint_eq(process->n_holds, 0);
			ck_assert_uint_gt(counts.n_not_inspected, 0);
		}
		index_end(index);
	}
	ck_assert_int_eq(close(victim.fd), 0); /* it ends by itself; it is not ours to kill */
}
END_TEST

static int enter_mounts(const char *directory)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/file", directory);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", directory, "tmpfs", 0, NULL) < 0) {
		return -errno;
	}
	(void)close(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	(void)truncate(path, 4096);
	return victim_open(path) < 0 || victim_map(path) < 0 ? -1 : 0;
}

/* `ret_mode` may be NULL. */
static bool has_device(struct scan_index *index, pid_t pid, enum hold_kind kind, uint64_t device,
		       uint32_t *ret_mode)
{
	const struct index_process *process = index_get(index, pid);
	size_t n_files;
	const struct index_file *files = scan_index_files(index, &n_files);

	for (size_t i = 0; i < process->n_holds; i++) {
		if (process->holds[i].kind == (uint32_t)kind &&
		    files[process->holds[i].file].device == device) {
			if (ret_mode) {
				*ret_mode = files[process->holds[i].file].mode;
			}
			return true;
		}
	}
	return false;
}

/* Files that no path of ours leads to are held all the same. */
START_TEST(test_other_mounts)
{
	struct victim victim = victim_start();
	struct scan_index *index = index_make((struct index_options){0});
	const char *directory = fixture_path("mounted");
	char path[64];
	struct stat st;
	int r;

	ck_assert_int_eq(mkdir(directory, 0700), 0);
	(void)index_refresh(index);
	ck_assert_uint_eq(index_get(index, victim.pid)->mount_namespace,
			  index_get(index, getpid())->mount_namespace);
	r = victim_do(&victim, enter_mounts, directory);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", victim.pid, VICTIM_FD);
		ck_assert_int_eq(stat(path, &st), 0);
		(void)index_refresh(index);
		ck_assert_uint_ne(index_get(index, victim.pid)->mount_namespace,
				  index_get(index, getpid())->mount_namespace);
		ck_assert_int_eq(has_device(index, victim.pid, HOLD_DESCRIPTOR, st.st_dev, NULL),
				 true);
		ck_assert_int_eq(has_device(index, victim.pid, HOLD_MAPPING, st.st_dev, NULL),
				 true);
	} else {
		ck_assert_int_eq(r, -EPERM);
	}
	index_end(index);
	victim_end(&victim);
}
END_TEST

/* On a file system that does not answer any more a refresh neither waits nor loses anything. */
START_TEST(test_hung_fuse)
{
	struct victim victim = victim_start();
	const char *directory = fixture_path("fuse");
	const char *local = make_file("local", 1);
	struct victim insider;
	struct hung_fuse fuse;
	uint32_t mode = 1;
	char path[600];
	struct stat st;
	struct scan_index *index;

	ck_assert_int_eq(mkdir(directory, 0700), 0);
	if (!mounts_unshare() || !hung_fuse_mount(&fuse, directory)) {
		printf("# skipped: no FUSE\n");
		victim_end(&victim);
		return;
	}
	insider = victim_start(); /* in the new mount namespace; the other is outside */
	(void)snprintf(path, sizeof(path), "%s/" HUNG_FUSE_FILE, directory);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(victim_do(&insider, victim_open, path), 0);
	ck_assert_int_eq(victim_do(&insider, victim_map, path), 0);
	ck_assert_int_eq(victim_do(&insider, chdir, directory), 0);
	ck_assert_int_eq(victim_do(&victim, victim_open, local), 0);
	hung_fuse_hang(&fuse);
	index = index_make((struct index_options){0});
	(void)index_refresh(index);
	ck_assert_int_eq(has_device(index, insider.pid, HOLD_DESCRIPTOR, st.st_dev, &mode), true);
	ck_assert_uint_eq(mode, 0); /* it was not asked for it, not even for what is cached */
	ck_assert_int_eq(has_device(index, insider.pid, HOLD_MAPPING, st.st_dev, NULL), true);
	ck_assert_int_eq(has_device(index, insider.pid, HOLD_WORKING_DIRECTORY, st.st_dev, NULL),
			 true);
	ck_assert_int_eq(index_has_inode(index, insider.pid, HOLD_DESCRIPTOR, st.st_ino), true);
	ck_assert_int_eq(index_has(index, victim.pid, HOLD_DESCRIPTOR, local), true);
	index_end(index);
	hung_fuse_end(&fuse);
	victim_end(&insider);
	victim_end(&victim);
	ck_assert_int_eq(umount2(directory, MNT_DETACH), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scan_hostile");
	TCase *texts = fixture_case(suite, "texts");
	TCase *processes = fixture_case(suite, "processes");

	tcase_add_loop_test(texts, test_stat, 0, ARRAY_SIZE(stats));
	tcase_add_loop_test(texts, test_descriptor_info, 0, ARRAY_SIZE(infos));
	tcase_add_loop_test(processes, test_names, 0, ARRAY_SIZE(names));
	tcase_add_test(processes, test_churn);
	tcase_add_test(processes, test_executing);
	tcase_add_loop_test(processes, test_many_mappings, 0, 2);
	tcase_add_test(processes, test_many_descriptors);
	tcase_add_test(processes, test_cancelled);
	tcase_add_test(processes, test_denied);
	tcase_add_test(processes, test_other_mounts);
	tcase_add_test(processes, test_hung_fuse);
	return fixture_run(suite);
}
