/* SPDX-License-Identifier: MIT */
/*
 * From the index to hits, over real processes: by number, by the place of a deleted version, by
 * what an interpreter says it runs, in this mount namespace and in others.
 *
 * A copy of this program under an interpreter's name stands for the interpreter, so that argv can
 * be anything.
 */
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
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/scan/file_identity.h"
#include "broker/scan/match.h"
#include "broker/scan/mount_watch.h"
#include "broker/scan/notes.h"
#include "proto/procfs.h"
#include "tests/support/hung_fuse.h"
#include "tests/unit/fixture.h"
#include "tests/unit/scan_victim.h"

/* ---- the question ---- */

#define MAX_PATHS 8u

/* One question and its answer. */
struct asked {
	struct scan_index *index;
	struct mount_watch mounts;
	int proc_fd;
	uid_t uid; /* whose word is believed */
	atomic_bool cancelled;
	const char *paths[MAX_PATHS];
	const char *real_paths[MAX_PATHS];
	const char *final_paths[MAX_PATHS];
	uint8_t is_tree[MAX_PATHS];
	size_t n_paths;
	struct scan_target targets[2 * MAX_PATHS];
	size_t n_targets;
	struct hits hits;
};

static struct asked asked;

static void begin(void)
{
	asked = (struct asked){.uid = geteuid()};
	asked.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(asked.proc_fd, 0);
	ck_assert_int_eq(mount_watch_init(asked.proc_fd, "self/mountinfo", &asked.mounts), 0);
	asked.index = index_make((struct index_options){.free_cached = notes_free});
}

static void end(void)
{
	hits_done(&asked.hits);
	index_end(asked.index);
	mount_watch_done(&asked.mounts);
	ck_assert_int_eq(close(asked.proc_fd), 0);
	for (size_t i = 0; i < asked.n_paths; i++) {
		free((char *)(uintptr_t)asked.paths[i]);
		free((char *)(uintptr_t)asked.real_paths[i]);
		free((char *)(uintptr_t)asked.final_paths[i]);
	}
}

static struct file_identity identify(const char *path)
{
	struct file_identity identity;

	(void)!file_identity_read_at(&asked.mounts.table, AT_FDCWD, path, &identity);
	return identity;
}

/* Registers a path, with who it is now; its number. */
static uint32_t ask_for(const char *path)
{
	uint32_t number = (uint32_t)asked.n_paths++;

	ck_assert_uint_lt(number, MAX_PATHS);
	asked.paths[number] = strdup(path);
	asked.targets[asked.n_targets++] = (struct scan_target){
		.file = identify(path), .path = number, .flags = TARGET_CURRENT};
	return number;
}

/* Another identity of the last path. */
static struct scan_target *ask_for_old(const struct file_identity *identity)
{
	struct scan_target *target = &asked.targets[asked.n_targets++];

	*target = (struct scan_target){
		.file = *identity, .path = (uint32_t)asked.n_paths - 1, .flags = TARGET_VERIFY};
	return target;
}

static struct scan_target *last_target(void)
{
	return &asked.targets[asked.n_targets - 1];
}

static int match(void)
{
	const struct match_targets targets = {
		.n_paths = asked.n_paths,
		.paths = asked.paths,
		.real_paths = asked.real_paths,
		.final_paths = asked.final_paths,
		.is_tree = asked.is_tree,
		.n_targets = asked.n_targets,
		.targets = asked.targets,
	};
	struct match_context context = {
		.index = asked.index,
		.proc_fd = asked.proc_fd,
		.mounts = &asked.mounts.table,
		.uid = asked.uid,
		.cancelled = &asked.cancelled,
	};

	ck_assert_int_eq(
		procfs_read_namespace(asked.proc_fd, getpid(), "mnt", &context.mount_namespace), 0);
	hits_done(&asked.hits);
	return asked.n_paths ? match_find(&context, &targets, &asked.hits)
			     : match_find_stale(&context, &asked.hits);
}

static void answer(void)
{
	ck_assert_int_ge(mount_watch_refresh(&asked.mounts, true), 0);
	(void)index_refresh(asked.index);
	ck_assert_int_eq(match(), 0);
}

static const struct hit *find_hit(pid_t pid)
{
	const struct hit *found = NULL;

	for (size_t i = 0; i < asked.hits.n_hits; i++) {
		if (asked.hits.hits[i].process->pid == pid) {
			ck_assert_ptr_null(found); /* each process is there once */
			found = &asked.hits.hits[i];
		}
	}
	return found;
}

/* The one use of this kind; fails the test when there is none, or several. */
static const struct use *get_use(pid_t pid, enum use_kind kind)
{
	const struct hit *hit = find_hit(pid);
	const struct use *found = NULL;

	ck_assert_msg(hit != NULL, "process %d uses nothing", pid);
	for (size_t i = 0; i < hit->n_uses; i++) {
		if (hit->uses[i].kind == (uint32_t)kind) {
			ck_assert_ptr_null(found);
			found = &hit->uses[i];
		}
	}
	ck_assert_msg(found != NULL, "process %d does not use it that way", pid);
	return found;
}

static void check_use(pid_t pid, enum use_kind kind, uint32_t path, bool is_deleted,
		      const char *actual)
{
	const struct use *use = get_use(pid, kind);

	ck_assert_uint_eq(use->path, path);
	ck_assert_int_eq(use->is_deleted, is_deleted);
	ck_assert_int_eq(use->is_claimed, false);
	ck_assert_pstr_eq(use->actual, actual);
}

static void check_nothing(pid_t pid)
{
	const struct hit *hit = find_hit(pid);

	ck_assert_msg(!hit, "process %d has %zu uses of it", pid, hit ? hit->n_uses : 0);
}

/* ---- files ---- */

/* Static, of the last eight. */
static const char *path_of(const char *name)
{
	static char paths[8][512];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	(void)snprintf(path, sizeof(paths[0]), "%s", fixture_path(name));
	return path;
}

static const char *make_file(const char *name)
{
	static const char page[4096];
	const char *path = path_of(name);

	file_put(path, page, sizeof(page));
	return path;
}

static const char *make_directory(const char *name)
{
	const char *path = path_of(name);

	ck_assert_int_eq(mkdir(path, 0755), 0);
	return path;
}

static void replace(const char *path)
{
	const char *other = make_file("other");

	ck_assert_int_eq(rename(other, path), 0);
}

/* ---- uses by number ---- */

static int change_directory(const char *path)
{
	return chdir(path);
}

START_TEST(test_kinds_of_use)
{
	const char *file = make_file("file"), *directory = make_directory("directory");
	struct victim victim, bystander = victim_start();

	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, victim_map, file), 0);
	ck_assert_int_eq(victim_do(&victim, victim_open, file), 0);
	ck_assert_int_eq(victim_do(&victim, change_directory, directory), 0);
	ck_assert_int_eq(victim_do(&bystander, victim_map, make_file("another")), 0);
	(void)ask_for(file);
	(void)ask_for(directory);
	answer();
	ck_assert_uint_eq(find_hit(victim.pid)->n_uses, 3);
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	check_use(victim.pid, USE_DESCRIPTOR, 0, false, NULL);
	ck_assert_uint_eq(get_use(victim.pid, USE_DESCRIPTOR)->fd, VICTIM_FD);
	check_use(victim.pid, USE_WORKING_DIRECTORY, 1, false, NULL);
	check_nothing(bystander.pid);
	ck_assert_uint_eq(asked.hits.n_hits, 1);
	end();
	victim_end(&victim);
	victim_end(&bystander);
}
END_TEST

/* It has its program mapped as well, which is not worth saying. */
START_TEST(test_program)
{
	struct victim victim;

	begin();
	victim = victim_start();
	(void)ask_for("/proc/self/exe");
	answer();
	ck_assert_uint_eq(find_hit(victim.pid)->n_uses, 1);
	check_use(victim.pid, USE_EXECUTABLE, 0, false, NULL);
	ck_assert_uint_eq(find_hit(getpid())->n_uses, 1);
	end();
	victim_end(&victim);
}
END_TEST

/* The same file under another name is the same file; the answer says the name that was asked for. */
START_TEST(test_hard_link)
{
	const char *file = make_file("file"), *other = path_of("link");
	struct victim victim;

	ck_assert_int_eq(link(file, other), 0);
	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, victim_map, other), 0);
	(void)ask_for(file);
	(void)ask_for(other);
	answer();
	ck_assert_uint_eq(find_hit(victim.pid)->n_uses, 2);
	ck_assert_uint_eq(find_hit(victim.pid)->uses[0].path + find_hit(victim.pid)->uses[1].path,
			  1);
	end();
	victim_end(&victim);
}
END_TEST

/* A number that was used again: the handle tells whose it is. */
START_TEST(test_other_generation)
{
	const char *file = make_file("file");
	struct file_identity identity;
	struct victim victim;

	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, victim_map, file), 0);
	ck_assert_int_eq(victim_do(&victim, victim_open, file), 0);
	identity = identify(file);
	(void)ask_for(path_of("gone"));
	(void)ask_for_old(&identity);
	answer();
	check_use(victim.pid, USE_MAPPING, 0, true, file);
	check_use(victim.pid, USE_DESCRIPTOR, 0, true, file);
	if (identity.generation) {
		last_target()->file.generation ^= 1;
		answer();
		check_nothing(victim.pid);
		ck_assert_uint_eq(asked.hits.n_unconfirmed, 0);
	}
	last_target()->file.generation = 0; /* unknown: the number is all there is */
	answer();
	check_use(victim.pid, USE_MAPPING, 0, true, file);
	last_target()->flags = TARGET_VERIFY | TARGET_CURRENT; /* could not be looked at now */
	answer();
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	end();
	victim_end(&victim);
}
END_TEST

/* Where maps show a number that several files may have, the link behind it decides. */
START_TEST(test_ambiguous_mappings)
{
	const char *file = make_file("file");
	struct victim victim;

	if (geteuid() != 0) {
		return; /* map_files is for CAP_CHECKPOINT_RESTORE */
	}
	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, victim_map, file), 0);
	(void)ask_for(file);
	last_target()->file.flags |= FILE_MAPS_DIFFER;
	answer();
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	last_target()->file.device++; /* another subvolume's, as it were */
	answer();
	check_nothing(victim.pid);
	last_target()->file.flags |= FILE_ON_REMOTE; /* must not be touched */
	answer();
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	end();
	victim_end(&victim);
}
END_TEST

/* ---- mappings that are not where they were ---- */

#define MAP_PLACE ((char *)0x300000000000)
#define MAP_PAGES 3

static int map_pages(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map = mmap(MAP_PLACE, MAP_PAGES * 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);

	(void)close(fd);
	return map == MAP_FAILED ? -errno : 0;
}

static int split_pages(const char *unused)
{
	(void)unused;
	return munmap(MAP_PLACE + 4096, 4096);
}

static int unmap_pages(const char *unused)
{
	(void)unused;
	return munmap(MAP_PLACE, MAP_PAGES * 4096);
}

/* Since the index was read a mapping was split: its link has another name. */
START_TEST(test_split_mapping)
{
	const char *file = make_file("file");
	struct victim victim;

	if (geteuid() != 0) {
		return; /* map_files is for CAP_CHECKPOINT_RESTORE */
	}
	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, map_pages, file), 0);
	(void)ask_for(file);
	last_target()->file.flags |= FILE_MAPS_DIFFER;
	answer();
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	ck_assert_int_eq(victim_do(&victim, split_pages, ""), 0);
	ck_assert_int_eq(match(), 0);
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	last_target()->file.device++; /* it is looked at all the same */
	ck_assert_int_eq(match(), 0);
	check_nothing(victim.pid);
	ck_assert_uint_eq(asked.hits.n_unconfirmed, 0);
	last_target()->file.device--;
	replace(file); /* by its name, too */
	ck_assert_int_eq(match(), 0);
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	asked.n_targets = 0;
	ck_assert_int_eq(match(), 0);
	check_use(victim.pid, USE_MAPPING, 0, true, NULL);
	ck_assert_int_eq(victim_do(&victim, unmap_pages, ""), 0);
	asked.n_targets = 1;
	ck_assert_int_eq(match(), 0);
	check_nothing(victim.pid);
	ck_assert_uint_eq(asked.hits.n_unconfirmed, 0);
	end();
	victim_end(&victim);
}
END_TEST

static void *wait_for_ever(void *unused)
{
	(void)unused;
	for (;;) {
		(void)pause();
	}
	return NULL;
}

static int leave_main_thread(const char *unused)
{
	pthread_t thread;

	(void)unused;
	if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0) {
		return -1;
	}
	return (int)syscall(SYS_exit, 0); /* of this thread alone */
}

/* Waits until /proc/PID shows no memory any more. */
static void await_main_thread(pid_t pid)
{
	char path[32];
	char byte;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	while (readlink(path, &byte, 1) > 0) {
		(void)sched_yield();
	}
}

/* There are no map_files then: names stand in the maps of the threads that are left. */
START_TEST(test_main_thread_gone)
{
	const char *file = make_file("a \n(deleted) b");
	struct victim victim;

	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, map_pages, file), 0);
	(void)ask_for(file);
	answer(); /* before, so that the index is old for once */
	victim_begin(&victim, leave_main_thread, "");
	await_main_thread(victim.pid);
	for (unsigned int i = 0; i < 2; i++) {
		asked.targets[0].file.flags |= FILE_MAPS_DIFFER;
		ck_assert_int_eq(match(), 0);
		check_use(victim.pid, USE_MAPPING, 0, false, NULL); /* the registered name */
		free((char *)(uintptr_t)asked.paths[0]);
		asked.paths[0] = strdup(path_of("link"));
		ck_assert_int_eq(match(), 0);
		check_nothing(victim.pid);
		ck_assert_uint_eq(asked.hits.n_unconfirmed, 1);
		free((char *)(uintptr_t)asked.paths[0]);
		asked.paths[0] = strdup(file);
		answer();
	}
	replace(file);
	asked.n_targets = 0;
	ck_assert_int_eq(match(), 0);
	check_use(victim.pid, USE_MAPPING, 0, true, NULL);
	asked.n_paths = 0;
	ck_assert_int_eq(match(), 0); /* what is stale */
	check_use(victim.pid, USE_MAPPING, USE_NO_PATH, true, file);
	asked.n_paths = 1;
	end();
	victim_end(&victim);
}
END_TEST

/* Without the right to look behind the link its text has to do: the registered path is a yes,
 * another one is counted. */
static int look_unprivileged(void)
{
	struct victim victim;

	if (geteuid() == 0 &&
	    (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0 ||
	     prctl(PR_SET_DUMPABLE, 1) < 0)) {
		return 1;
	}
	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, victim_map, path_of("open/file")), 0);
	(void)ask_for(path_of("open/file"));
	last_target()->file.flags |= FILE_MAPS_DIFFER;
	answer();
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	ck_assert_uint_eq(asked.hits.n_unconfirmed, 0);
	free((char *)(uintptr_t)asked.paths[0]);
	asked.paths[0] = strdup(path_of("open/link"));
	answer();
	check_nothing(victim.pid);
	ck_assert_uint_eq(asked.hits.n_unconfirmed, 1);
	end();
	victim_end(&victim);
	return 0;
}

START_TEST(test_without_rights)
{
	const char *top = path_of("");
	char above[512];
	pid_t pid;
	int status;

	(void)make_directory("open");
	(void)make_file("open/file");
	ck_assert_int_eq(link(path_of("open/file"), path_of("open/link")), 0);
	ck_assert_int_eq(chmod(top, 0755), 0);
	(void)snprintf(above, sizeof(above), "%s..", top);
	ck_assert_int_eq(chmod(above, 0755), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		_exit(look_unprivileged());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- old versions ---- */

/* Found after the fact, without any number: whoever runs it, not who only has it open (A14). */
START_TEST(test_renamed_over)
{
	const char *file = make_file("file");
	struct file_identity old;
	struct victim runs, reads, fresh;

	begin();
	runs = victim_start();
	reads = victim_start();
	fresh = victim_start();
	ck_assert_int_eq(victim_do(&runs, victim_map, file), 0);
	ck_assert_int_eq(victim_do(&reads, victim_open, file), 0);
	old = identify(file);
	replace(file);
	ck_assert_int_eq(victim_do(&fresh, victim_map, file), 0);
	(void)ask_for(file);
	answer();
	check_use(runs.pid, USE_MAPPING, 0, true, NULL);
	check_use(fresh.pid, USE_MAPPING, 0, false, NULL);
	check_nothing(reads.pid);

	(void)ask_for_old(&old); /* it was registered before it was replaced */
	answer();
	check_use(runs.pid, USE_MAPPING, 0, true, NULL);
	check_use(reads.pid, USE_DESCRIPTOR, 0, true, NULL);
	ck_assert_uint_eq(asked.hits.n_hits, 3);
	end();
	victim_end(&runs);
	victim_end(&reads);
	victim_end(&fresh);
}
END_TEST

/* As dpkg does it: the old one has still a name, and is out of date all the same. */
START_TEST(test_kept_by_hard_link)
{
	const char *file = make_file("file");
	struct victim victim;

	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, victim_map, file), 0);
	ck_assert_int_eq(link(file, path_of("file.dpkg-tmp")), 0);
	replace(file);
	(void)ask_for(file);
	answer();
	check_use(victim.pid, USE_MAPPING, 0, true, NULL);
	end();
	victim_end(&victim);
}
END_TEST

/* Asked for through a symbolic link: what was deleted lay at the real path. */
START_TEST(test_real_path)
{
	const char *file;
	struct victim victim;

	(void)make_directory("real");
	file = make_file("real/file");
	ck_assert_int_eq(symlink(path_of("real"), path_of("link")), 0);
	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, victim_map, file), 0);
	ck_assert_int_eq(unlink(file), 0);
	(void)ask_for(path_of("link/file"));
	answer();
	check_nothing(victim.pid);
	asked.real_paths[0] = strdup(file);
	answer();
	check_use(victim.pid, USE_MAPPING, 0, true, file);
	end();
	victim_end(&victim);
}
END_TEST

/* Asked for as a symbolic link itself: what was replaced is where it leads. */
START_TEST(test_final_path)
{
	const char *file = make_file("lib.so.1.2"), *name = path_of("lib.so.1");
	struct victim victim;

	ck_assert_int_eq(symlink("lib.so.1.2", name), 0);
	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, victim_map, file), 0);
	replace(file);
	(void)ask_for(name);
	answer();
	check_nothing(victim.pid);
	asked.final_paths[0] = strdup(file);
	answer();
	check_use(victim.pid, USE_MAPPING, 0, true, file);
	asked.is_tree[0] = 1;
	answer();
	check_use(victim.pid, USE_MAPPING, 0, true, file);
	end();
	victim_end(&victim);
}
END_TEST

/* A file that is really called so is no old version of another one. */
START_TEST(test_literal_name)
{
	const char *file = make_file("file"), *odd = make_file("file (deleted)");
	struct victim victim;

	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, victim_map, odd), 0);
	(void)ask_for(file);
	answer();
	check_nothing(victim.pid);
	(void)ask_for(odd);
	answer();
	check_use(victim.pid, USE_MAPPING, 1, false, NULL);
	ck_assert_int_eq(unlink(odd), 0); /* now "file (deleted) (deleted)" */
	asked.targets[1].file = identify(odd);
	answer();
	check_use(victim.pid, USE_MAPPING, 1, true, NULL);
	end();
	victim_end(&victim);
}
END_TEST

/* Who would have shown the name has gone since the index was read; others hold the file, too. */
START_TEST(test_lost_witness)
{
	const char *file = make_file("file");
	struct victim victims[3];
	struct asked *question = &asked;

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(victims); i++) {
		victims[i] = victim_start();
		ck_assert_int_eq(victim_do(&victims[i], victim_map, file), 0);
	}
	ck_assert_int_eq(unlink(file), 0);
	(void)ask_for(file);
	(void)index_refresh(question->index);
	victim_end(&victims[_i]);
	ck_assert_int_eq(match(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(victims); i++) {
		if (i != (size_t)_i) {
			check_use(victims[i].pid, USE_MAPPING, 0, true, NULL);
			victim_end(&victims[i]);
		}
	}
	end();
}
END_TEST

/* ---- trees ---- */

START_TEST(test_tree)
{
	const char *tree = make_directory("tree"), *beside = make_directory("treetop");
	const char *file, *walked;
	struct victim victim, other, stands;

	begin();
	(void)make_directory("tree/sub");
	walked = make_file("tree/walked");
	(void)ask_for(tree);
	asked.is_tree[0] = 1;
	(void)ask_for_old(&(struct file_identity){0});
	*last_target() = (struct scan_target){.file = identify(walked),
					      .flags = TARGET_CURRENT | TARGET_TREE};
	file = make_file("tree/sub/later"); /* not there when it was walked */
	victim = victim_start();
	other = victim_start();
	stands = victim_start();
	ck_assert_int_eq(victim_do(&victim, victim_map, walked), 0);
	ck_assert_int_eq(victim_do(&victim, victim_open, file), 0);
	ck_assert_int_eq(victim_do(&other, victim_map, make_file("treetop/file")), 0);
	ck_assert_int_eq(victim_do(&other, change_directory, beside), 0);
	ck_assert_int_eq(victim_do(&stands, change_directory, path_of("tree/sub")), 0);
	answer();
	check_use(victim.pid, USE_MAPPING, 0, false, walked);
	check_use(victim.pid, USE_DESCRIPTOR, 0, false, file);
	check_use(stands.pid, USE_WORKING_DIRECTORY, 0, false, path_of("tree/sub"));
	check_nothing(other.pid);

	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(victim_do(&stands, change_directory, tree), 0);
	answer();
	check_use(victim.pid, USE_DESCRIPTOR, 0, true, file);
	check_use(stands.pid, USE_WORKING_DIRECTORY, 0, false, NULL);
	end();
	victim_end(&victim);
	victim_end(&other);
	victim_end(&stands);
}
END_TEST

/* ---- other mount namespaces ---- */

static char fixture_top[512];

/* In the victim: mounts something of its own over PATH, or PATH's neighbour "a" over "b". */
static int make_private(const char *path)
{
	return mounts_unshare() && mount("tmpfs", path, "tmpfs", 0, NULL) == 0 ? 0 : -errno;
}

static int bind_elsewhere(const char *unused)
{
	char from[600], to[600];

	(void)unused;
	(void)snprintf(from, sizeof(from), "%s/a", fixture_top);
	(void)snprintf(to, sizeof(to), "%s/b", fixture_top);
	return mounts_unshare() && mount(from, to, NULL, MS_BIND, NULL) == 0 ? 0 : -errno;
}

/* A root of its own, with a file at the same path as the machine has one. */
static int become_container(const char *path)
{
	char root[600], inside[1200];
	int fd;

	(void)snprintf(root, sizeof(root), "%s/root", fixture_top);
	if (!mounts_unshare() || mount("tmpfs", root, "tmpfs", 0, NULL) < 0) {
		return -errno;
	}
	for (const char *at = path + 1; (at = strchr(at, '/')); at++) {
		(void)snprintf(inside, sizeof(inside), "%s%.*s", root, (int)(at - path), path);
		(void)mkdir(inside, 0755);
	}
	(void)snprintf(inside, sizeof(inside), "%s%s", root, path);
	fd = open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, 4096) < 0 || close(fd) < 0 || chdir(root) < 0 ||
	    syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0) {
		return -errno;
	}
	return chdir("/");
}

static int remove_file(const char *path)
{
	return unlink(path) < 0 ? -errno : 0;
}

static bool has_namespaces(void)
{
	(void)snprintf(fixture_top, sizeof(fixture_top), "%s", fixture_path("."));
	return geteuid() == 0 && mounts_unshare();
}

/* The same place is found under another path, as it is and as it was. */
START_TEST(test_bind_mount)
{
	const char *file;
	struct victim victim;

	if (!has_namespaces()) {
		return;
	}
	(void)make_directory("a");
	(void)make_directory("b");
	file = make_file("a/file");
	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, bind_elsewhere, ""), 0);
	ck_assert_int_eq(victim_do(&victim, victim_map, path_of("b/file")), 0);
	(void)ask_for(file);
	answer();
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	replace(file);
	asked.targets[0].file = identify(file);
	answer();
	ck_assert_int_eq(get_use(victim.pid, USE_MAPPING)->is_deleted, true);
	end();
	victim_end(&victim);
}
END_TEST

/* A service with a private /tmp runs the machine's files: found by their place. What lies in its
 * private part is not the machine's, whatever it is called. */
START_TEST(test_private_directory)
{
	const char *file, *private, *hidden;
	struct victim victim, inside;

	if (!has_namespaces()) {
		return;
	}
	(void)make_directory("shared");
	private = make_directory("private");
	file = make_file("shared/lib");
	hidden = make_file("private/lib");
	begin();
	victim = victim_start();
	inside = victim_start();
	ck_assert_int_eq(victim_do(&victim, make_private, private), 0);
	ck_assert_int_eq(victim_do(&victim, victim_map, file), 0);
	ck_assert_int_eq(victim_do(&inside, make_private, private), 0);
	ck_assert_int_eq(victim_do(&inside, change_directory, private), 0);
	ck_assert_int_eq(victim_do(&inside, victim_open, hidden), -ENOENT);
	replace(file);
	(void)ask_for(file);
	(void)ask_for(hidden);
	answer();
	check_use(victim.pid, USE_MAPPING, 0, true, NULL);
	check_nothing(inside.pid);
	end();
	victim_end(&victim);
	victim_end(&inside);
}
END_TEST

static int map_and_remove(const char *path)
{
	int r = victim_map(path);

	return r < 0 ? r : remove_file(path);
}

START_TEST(test_container)
{
	const char *file = make_file("file"), *gone = make_file("gone");
	struct victim victim, other;

	if (!has_namespaces()) {
		return;
	}
	(void)make_directory("root");
	begin();
	victim = victim_start();
	other = victim_start();
	ck_assert_int_eq(victim_do(&victim, become_container, file), 0);
	ck_assert_int_eq(victim_do(&victim, victim_map, file), 0);
	ck_assert_int_eq(victim_do(&other, become_container, gone), 0);
	ck_assert_int_eq(victim_do(&other, map_and_remove, gone), 0);
	ck_assert_int_eq(unlink(gone), 0);
	(void)ask_for(file);
	(void)ask_for(gone);
	(void)ask_for(path_of(""));
	asked.is_tree[2] = 1;
	answer();
	check_nothing(victim.pid);
	check_nothing(other.pid);
	end();
	victim_end(&victim);
	victim_end(&other);
}
END_TEST

/* Layers on two file systems: maps show the overlay's own device, stat that of the layer. */
START_TEST(test_overlay)
{
	const char *merged, *lower, *upper;
	char options[1600];
	struct victim victim, other;

	if (!has_namespaces()) {
		return;
	}
	lower = make_directory("lower");
	upper = make_directory("upper");
	merged = make_directory("merged");
	ck_assert_int_eq(mount("tmpfs", lower, "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", upper, "tmpfs", 0, NULL), 0);
	(void)make_file("lower/file");
	(void)make_file("upper/another");
	(void)snprintf(options, sizeof(options), "lowerdir=%s:%s", lower, upper);
	if (mount("overlay", merged, "overlay", 0, options) < 0) {
		return; /* there is none in this kernel */
	}
	begin();
	victim = victim_start();
	other = victim_start();
	ck_assert_int_eq(victim_do(&victim, victim_map, path_of("merged/file")), 0);
	ck_assert_int_eq(victim_do(&victim, victim_open, path_of("merged/file")), 0);
	ck_assert_int_eq(victim_do(&other, victim_map, path_of("merged/another")), 0);
	(void)ask_for(path_of("merged/file"));
	answer();
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	check_use(victim.pid, USE_DESCRIPTOR, 0, false, NULL);
	check_nothing(other.pid);
	end();
	victim_end(&victim);
	victim_end(&other);
}
END_TEST

/* Right behind the first page of map_pages(). */
static int map_behind(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map = mmap(MAP_PLACE + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);

	(void)close(fd);
	return map == MAP_FAILED ? -errno : 0;
}

/* Two layers whose files have the same number, which is all that maps show of either. */
START_TEST(test_same_number_in_layers)
{
	const char *merged, *lower, *other;
	char options[1600];
	struct stat a, b;
	struct victim victim;

	if (!has_namespaces()) {
		return;
	}
	lower = make_directory("lower");
	other = make_directory("other_lower");
	merged = make_directory("merged");
	ck_assert_int_eq(mount("tmpfs", lower, "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", other, "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(stat(make_file("lower/file"), &a), 0);
	ck_assert_int_eq(stat(make_file("other_lower/another"), &b), 0);
	ck_assert_uint_eq(a.st_ino, b.st_ino);
	(void)snprintf(options, sizeof(options), "xino=off,lowerdir=%s:%s", lower, other);
	if (mount("overlay", merged, "overlay", 0, options) < 0) {
		return; /* there is none in this kernel */
	}
	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, map_pages, path_of("merged/file")), 0);
	ck_assert_int_eq(victim_do(&victim, map_behind, path_of("merged/another")), 0);
	(void)ask_for(path_of("merged/file"));
	answer();
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	ck_assert_uint_eq(find_hit(victim.pid)->n_uses, 1); /* though it lies in two pieces */
	asked.targets[0].file = identify(path_of("merged/another"));
	free((char *)(uintptr_t)asked.paths[0]);
	asked.paths[0] = strdup(path_of("merged/another"));
	answer();
	check_use(victim.pid, USE_MAPPING, 0, false, NULL);
	asked.targets[asked.n_targets++] = (struct scan_target){
		.file = identify(path_of("merged/file")), .flags = TARGET_CURRENT};
	ck_assert_int_eq(victim_do(&victim, map_behind, path_of("merged/file")), 0);
	answer();
	check_use(victim.pid, USE_MAPPING, 0, false, NULL); /* either of one path */
	ck_assert_uint_eq(asked.hits.n_unconfirmed, 0);
	end();
	victim_end(&victim);
}
END_TEST

/* ---- scripts ---- */

struct interpreter {
	pid_t pid;
	int fd; /* owned: it lives until this is closed */
};

/* Runs a copy of this program under that name, in `directory`; "chroot=DIR" in argv is obeyed. */
static struct interpreter interpret(const char *name, const char *directory,
				    const char *const *argv)
{
	const char *program = path_of(name);
	struct interpreter made;
	size_t size;
	int ready[2], life[2];
	char byte;

	if (!file_exists(program)) {
		uint8_t *bytes = file_get("/proc/self/exe", &size);

		file_put(program, bytes, size);
		free(bytes);
		ck_assert_int_eq(chmod(program, 0755), 0);
	}
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(life, O_CLOEXEC), 0);
	made.pid = fork();
	ck_assert_int_ge(made.pid, 0);
	if (made.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (chdir(directory) < 0 || dup2(life[0], 0) < 0 || dup2(ready[1], 1) < 0 ||
		    setenv("RM_INTERPRETER", "1", 1) < 0) {
			_exit(98);
		}
		(void)execv(program, (char *const *)(uintptr_t)argv);
		_exit(98);
	}
	ck_assert_int_eq(close(ready[1]), 0);
	ck_assert_int_eq(close(life[0]), 0);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(close(ready[0]), 0);
	made.fd = life[1];
	return made;
}

static void interpreter_end(struct interpreter *interpreter)
{
	int status;

	ck_assert_int_eq(close(interpreter->fd), 0);
	ck_assert_int_eq(waitpid(interpreter->pid, &status, 0), interpreter->pid);
	ck_assert_int_eq(status, 0);
}

/* In the copy. */
static int run_interpreter(int argc, char **argv)
{
	char byte;

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "chroot=", 7) == 0 && chroot(argv[i] + 7) < 0) {
			return 97;
		}
	}
	return write(1, "r", 1) == 1 && read(0, &byte, 1) == 0 ? 0 : 96;
}

START_TEST(test_script)
{
	const char *directory = make_directory("work");
	const char *script = make_file("work/s.py");
	const char *const absolute[] = {"python3", "-u", script, NULL};
	const char *const relative[] = {"python3", "../work/./s.py", NULL};
	const char *const module[] = {"python3", "-m", "s.py", NULL};
	struct interpreter a, b, c, d;

	begin();
	a = interpret("python3", "/", absolute);
	b = interpret("python3", directory, relative);
	c = interpret("python3", directory, module);
	d = interpret("pythonista", "/", absolute);
	(void)ask_for(script);
	answer();
	check_use(a.pid, USE_SCRIPT, 0, false, NULL);
	check_use(b.pid, USE_SCRIPT, 0, false, NULL);
	check_nothing(c.pid);
	check_nothing(d.pid);

	/* Another user's process says so of itself. */
	asked.uid = geteuid() + 1;
	answer();
	ck_assert_int_eq(get_use(a.pid, USE_SCRIPT)->is_claimed, true);
	end();
	interpreter_end(&a);
	interpreter_end(&b);
	interpreter_end(&c);
	interpreter_end(&d);
}
END_TEST

/* Below a tree; and through a symbolic link that is in the way. */
START_TEST(test_script_below)
{
	const char *directory = make_directory("work");
	const char *script = make_file("work/s.sh");
	const char *const argv[] = {"sh", "s.sh", NULL};
	struct interpreter made;

	ck_assert_int_eq(symlink(directory, path_of("link")), 0);
	begin();
	made = interpret("bash", path_of("link"), argv);
	(void)ask_for(directory);
	asked.is_tree[0] = 1;
	(void)ask_for(path_of("link/s.sh"));
	asked.real_paths[1] = strdup(script);
	answer();
	ck_assert_uint_eq(find_hit(made.pid)->n_uses, 3); /* the last one stands there, too */
	for (size_t i = 0; i < 3; i++) {
		const struct use *use = &find_hit(made.pid)->uses[i];

		if (use->kind == USE_SCRIPT) {
			ck_assert_pstr_eq(use->actual, use->path == 0 ? script : NULL);
		}
	}
	end();
	interpreter_end(&made);
}
END_TEST

/* What an absolute path means depends on the root of who says it. */
START_TEST(test_script_in_chroot)
{
	const char *script = make_file("s.py");
	const char *directory = make_directory("root");
	char root[600];
	const char *const argv[] = {"python3", script, root, NULL};
	struct interpreter made;

	if (geteuid() != 0) {
		return;
	}
	(void)snprintf(root, sizeof(root), "chroot=%s", directory);
	begin();
	made = interpret("python3", "/", argv);
	(void)ask_for(script);
	answer();
	check_nothing(made.pid);
	(void)snprintf(root, sizeof(root), "%s%s", directory, script);
	(void)ask_for(root);
	answer();
	check_use(made.pid, USE_SCRIPT, 1, false, NULL);
	end();
	interpreter_end(&made);
}
END_TEST

/* ---- what is stale ---- */

static int map_memfd(const char *unused)
{
	int fd = memfd_create("jit", MFD_CLOEXEC);

	(void)unused;
	return fd >= 0 && ftruncate(fd, 4096) == 0 &&
			       mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) !=
				       MAP_FAILED
		       ? 0
		       : -errno;
}

static int map_shared_memory(const char *unused)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	void *at = shmat(id, NULL, 0);

	(void)unused;
	(void)shmctl(id, IPC_RMID, NULL);
	return at == (void *)-1 ? -errno : 0;
}

static int map_anonymous_shared(const char *unused)
{
	(void)unused;
	return mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -errno
											    : 0;
}

static int map_nameless(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd >= 0 && ftruncate(fd, 4096) == 0 &&
			       mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED
		       ? 0
		       : -errno;
}

/* Made to be deleted, or really called so. */
START_TEST(test_never_stale)
{
	const char *odd = make_file("x (deleted)");
	struct victim victim;

	begin();
	victim = victim_start();
	ck_assert_int_eq(victim_do(&victim, map_memfd, ""), 0);
	ck_assert_int_eq(victim_do(&victim, map_shared_memory, ""), 0);
	ck_assert_int_eq(victim_do(&victim, map_anonymous_shared, ""), 0);
	ck_assert_int_eq(victim_do(&victim, map_nameless, path_of("")), 0);
	ck_assert_int_eq(victim_do(&victim, victim_map, odd), 0);
	answer();
	check_nothing(victim.pid);
	end();
	victim_end(&victim);
}
END_TEST

START_TEST(test_stale)
{
	const char *file, *temporary;
	struct victim runs, deleted, reads, temp;

	if (!has_namespaces()) {
		return;
	}
	/* A place that is not for temporary files, whatever the fixture's is. */
	ck_assert_int_eq(mount(path_of(""), "/usr/local", NULL, MS_BIND, NULL), 0);
	file = "/usr/local/lib.so";
	(void)make_file("lib.so");
	(void)make_file("gone.so");
	begin();
	runs = victim_start();
	deleted = victim_start();
	reads = victim_start();
	temp = victim_start();
	ck_assert_int_eq(victim_do(&runs, victim_map, file), 0);
	ck_assert_int_eq(victim_do(&deleted, victim_map, "/usr/local/gone.so"), 0);
	ck_assert_int_eq(victim_do(&reads, victim_open, file), 0);
	temporary = "/run/rm-test-unpacked.so";
	ck_assert_int_eq(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0);
	file_put(temporary, "x", 1);
	ck_assert_int_eq(victim_do(&temp, victim_map, temporary), 0);
	answer();
	check_nothing(runs.pid);

	replace(path_of("lib.so"));
	ck_assert_int_eq(unlink(path_of("gone.so")), 0);
	ck_assert_int_eq(unlink(temporary), 0);
	answer();
	ck_assert_uint_eq(find_hit(runs.pid)->n_uses, 1);
	check_use(runs.pid, USE_MAPPING, USE_NO_PATH, true, file);
	check_use(deleted.pid, USE_MAPPING, USE_NO_PATH, true, "/usr/local/gone.so");
	check_nothing(reads.pid); /* has it open only: a log file, for all we know */
	check_nothing(temp.pid);
	file_put(temporary, "x", 1); /* something took the name: it was replaced */
	answer();
	check_use(temp.pid, USE_MAPPING, USE_NO_PATH, true, temporary);
	end();
	victim_end(&runs);
	victim_end(&deleted);
	victim_end(&reads);
	victim_end(&temp);
}
END_TEST

/* ---- the rest ---- */

START_TEST(test_cancelled)
{
	const char *file = make_file("file");

	begin();
	if (_i) {
		(void)ask_for(file);
	}
	(void)index_refresh(asked.index);
	atomic_store(&asked.cancelled, true);
	ck_assert_int_eq(match(), -ECANCELED);
	end();
}
END_TEST

/* Whoever was registered comes after those who use files, and may be among them. */
START_TEST(test_added_uses)
{
	const struct use use = {.kind = USE_REGISTERED_PROCESS, .path = USE_NO_PATH};
	struct hits hits = {0};
	struct victim victims[3];
	struct index_process *processes[3];

	begin();
	for (size_t i = 0; i < 3; i++) {
		victims[i] = victim_start();
	}
	(void)index_refresh(asked.index);
	for (size_t i = 0; i < 3; i++) {
		processes[i] = scan_index_find(asked.index, victims[i].pid);
		ck_assert_ptr_nonnull(processes[i]);
	}
	for (unsigned int n = 0; n < 27; n++) {
		size_t order[] = {n % 3, n / 3 % 3, n / 9, n % 3};
		size_t n_distinct = 0;

		for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
			struct use other = use;

			other.kind = i % 2 ? USE_REGISTERED_SERVICE : USE_REGISTERED_PROCESS;
			ck_assert_int_eq(hits_add_use(&hits, processes[order[i]], &other), 0);
		}
		for (size_t i = 0; i < 3; i++) {
			n_distinct += order[0] == i || order[1] == i || order[2] == i;
		}
		ck_assert_uint_eq(hits.n_hits, n_distinct);
		hits_done(&hits);
	}
	end();
	for (size_t i = 0; i < 3; i++) {
		victim_end(&victims[i]);
	}
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite;
	TCase *tcase;

	if (getenv("RM_INTERPRETER")) {
		_exit(run_interpreter(argc, argv));
	}
	suite = suite_create("matches");
	tcase = fixture_case(suite, "matches");
	tcase_add_test(tcase, test_kinds_of_use);
	tcase_add_test(tcase, test_program);
	tcase_add_test(tcase, test_hard_link);
	tcase_add_test(tcase, test_other_generation);
	tcase_add_test(tcase, test_ambiguous_mappings);
	tcase_add_test(tcase, test_split_mapping);
	tcase_add_test(tcase, test_main_thread_gone);
	tcase_add_test(tcase, test_same_number_in_layers);
	tcase_add_test(tcase, test_without_rights);
	tcase_add_test(tcase, test_renamed_over);
	tcase_add_test(tcase, test_kept_by_hard_link);
	tcase_add_test(tcase, test_real_path);
	tcase_add_test(tcase, test_final_path);
	tcase_add_test(tcase, test_literal_name);
	tcase_add_loop_test(tcase, test_lost_witness, 0, 3);
	tcase_add_test(tcase, test_tree);
	tcase_add_test(tcase, test_bind_mount);
	tcase_add_test(tcase, test_private_directory);
	tcase_add_test(tcase, test_container);
	tcase_add_test(tcase, test_overlay);
	tcase_add_test(tcase, test_script);
	tcase_add_test(tcase, test_script_below);
	tcase_add_test(tcase, test_script_in_chroot);
	tcase_add_test(tcase, test_never_stale);
	tcase_add_test(tcase, test_stale);
	tcase_add_loop_test(tcase, test_cancelled, 0, 2);
	tcase_add_test(tcase, test_added_uses);
	return fixture_run(suite);
}
