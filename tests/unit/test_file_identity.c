/* SPDX-License-Identifier: MIT */
/*
 * Who a file is: against stat(2), realpath(3) and /proc/self/maps on real file systems, through
 * links of every kind, and past a FUSE file system that never answers.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "broker/scan/file_identity.h"
#include "broker/scan/mount_watch.h"
#include "tests/support/hung_fuse.h"
#include "tests/unit/fixture.h"

#define EXT4_MAGIC 0xEF53
#define NOBODY 65534

static struct mount_table mounts;
static struct resolver resolver;

static void read_mounts(void)
{
	int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	mount_table_done(&mounts);
	ck_assert_int_eq(mount_table_read(fd, "self/mountinfo", &mounts), 0);
	ck_assert_int_eq(close(fd), 0);
	resolver_reset(&resolver);
}

static void set_up(void)
{
	resolver_init(&resolver, &mounts, false);
	read_mounts();
}

static void tear_down(void)
{
	resolver_done(&resolver);
	mount_table_done(&mounts);
}

/* Static, of the last four calls, as fixture_path(). */
static const char *join(const char *directory, const char *name)
{
	static char paths[4][2 * PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static char last_real_path[MAX_PATH_BYTES];

static struct file_identity read_path(const char *path)
{
	struct file_identity identity;
	struct place place;

	ck_assert_int_eq(file_identity_read(&resolver, path, &identity, &place), 0);
	(void)strcpy(last_real_path, place.real_path);
	place_done(&place);
	return identity;
}

static void make_file(const char *path)
{
	file_put(path, "x", 1);
}

static void make_link(const char *target, const char *path)
{
	ck_assert_int_eq(symlink(target, path), 0);
}

static void make_directory(const char *path)
{
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

static bool skip_without_mounts(void)
{
	if (mounts_unshare()) {
		read_mounts();
		return false;
	}
	(void)fputs("skipped: no mount namespace may be made\n", stderr);
	return true;
}

static void assert_is_file(const struct file_identity *identity, const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(identity->device, st.st_dev);
	ck_assert_uint_eq(identity->inode, st.st_ino);
	ck_assert_uint_eq(identity->kind, S_ISREG(st.st_mode)	? FILE_REGULAR
					  : S_ISDIR(st.st_mode) ? FILE_DIRECTORY
								: FILE_OTHER);
	ck_assert_int_eq(identity->error, 0);
}

/* ---- kinds and names ---- */

START_TEST(test_kinds)
{
	static const char *const paths[] = {"/", "/dev/null", "/proc/self/exe", "/usr/bin/env"};
	struct file_identity identity;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		identity = read_path(paths[i]);
		assert_is_file(&identity, paths[i]);
	}
	ck_assert_int_eq(mkfifo(fixture_path("fifo"), 0600), 0);
	identity = read_path(fixture_path("fifo")); /* opening it would block */
	assert_is_file(&identity, fixture_path("fifo"));
}
END_TEST

static const struct {
	const char *path; /* below the test's directory */
	const char *is;	  /* the same file; NULL: `error` */
	const char *real; /* below the directory as well */
	int error;	  /* 0: missing */
} names[] = {
	{"d/f", "d/f", "d/f", 0},
	{"d//f", "d/f", "d/f", 0},
	{"d/./f", "d/f", "d/f", 0},
	{"d/../d/f", "d/f", "d/f", 0},
	{"d/e/../../d/f", "d/f", "d/f", 0},
	{"d/", "d", "d", 0},
	{"d/.", "d", "d", 0},
	{"d/e/..", "d", "d", 0},
	{"to_f", "d/f", "to_f", 0},
	{"to_to_f", "d/f", "to_to_f", 0},
	{"absolute", "d/f", "absolute", 0},
	{"to_d/f", "d/f", "d/f", 0},
	{"to_d/e/g", "d/e/g", "d/e/g", 0},
	{"to_d", "d", "to_d", 0},
	{"to_d/", "d", "d", 0},
	{"to_d/..", "", "", 0},
	{"d/e/up/f", "d/f", "d/f", 0},
	{"d/e/to_f", "d/f", "d/e/to_f", 0},
	{"to_slash", "d", "to_slash", 0},
	{"new\nline \\ x", "new\nline \\ x", "new\nline \\ x", 0},
	{"d/missing", NULL, "d/missing", 0},
	{"missing/f", NULL, "", 0},
	{"missing/f/g/h", NULL, "", 0},
	{"missing/../d/f", NULL, "", 0},
	{"d/f/x", NULL, "", 0},
	{"d/f/x/y", NULL, "", 0},
	{"d/f/", NULL, "", 0},
	{"d/f/.", NULL, "", 0},
	{"d/f/../f", NULL, "", 0},
	{"to_f/", NULL, "", 0},
	{"f_slash", NULL, "f_slash", 0},
	{"dangling", NULL, "dangling", 0},
	{"to_d/missing", NULL, "d/missing", 0},
	{"loop", NULL, "loop", ELOOP},
	{"loop_a", NULL, "loop_a", ELOOP},
	{"loop/x", NULL, "", ELOOP},
	{"self/self/self/f", NULL, "", ELOOP},
};

static void make_names(void)
{
	make_directory(fixture_path("d"));
	make_directory(fixture_path("d/e"));
	make_file(fixture_path("d/f"));
	make_file(fixture_path("d/e/g"));
	make_file(fixture_path("new\nline \\ x"));
	make_link("d/f", fixture_path("to_f"));
	make_link("to_f", fixture_path("to_to_f"));
	make_link(fixture_path("d/f"), fixture_path("absolute"));
	make_link("d", fixture_path("to_d"));
	make_link("d/", fixture_path("to_slash"));
	make_link("d/f/", fixture_path("f_slash"));
	make_link("..", fixture_path("d/e/up"));
	make_link("../../to_f", fixture_path("d/e/to_f"));
	make_link("nowhere", fixture_path("dangling"));
	make_link("loop", fixture_path("loop"));
	make_link("loop_b", fixture_path("loop_a"));
	make_link("./loop_a", fixture_path("loop_b"));
	make_link("self/", fixture_path("self"));
}

START_TEST(test_names)
{
	const char *path;
	struct file_identity identity;

	make_names();
	path = fixture_path(names[_i].path);
	identity = read_path(path);
	if (names[_i].is) {
		assert_is_file(&identity, fixture_path(names[_i].is));
	} else {
		ck_assert_uint_eq(identity.kind, names[_i].error ? FILE_UNCHECKED : FILE_MISSING);
		ck_assert_int_eq(identity.error, names[_i].error);
		ck_assert_uint_eq(identity.inode, 0);
		ck_assert_uint_eq(identity.flags, 0);
	}
	if (*names[_i].real) {
		ck_assert_str_eq(last_real_path, fixture_path(names[_i].real));
	} else if (!names[_i].is) {
		ck_assert_str_eq(last_real_path, "");
	}
}
END_TEST

/* The directory is remembered: what is asked next must not get the last one's answer. */
START_TEST(test_one_after_another)
{
	make_names();
	for (unsigned int i = 0; i < 3 * ARRAY_SIZE(names); i++) {
		size_t k = i * 17 % ARRAY_SIZE(names);
		struct file_identity identity = read_path(fixture_path(names[k].path));

		if (names[k].is) {
			assert_is_file(&identity, fixture_path(names[k].is));
		} else {
			ck_assert_int_eq(identity.error, names[k].error);
		}
	}
}
END_TEST

/* Relative paths are refused before they get here; what does is no crash. */
START_TEST(test_no_absolute_path)
{
	struct file_identity identity = read_path("etc/passwd");

	ck_assert_int_eq(identity.error, EINVAL);
	identity = read_path("");
	ck_assert_int_eq(identity.error, EINVAL);
}
END_TEST

/* ---- lengths ---- */

/* A directory so deep that `path` has exactly `length` bytes with the last name. */
static void make_deep(char *path, size_t length)
{
	size_t n = strlen(fixture_path("x")) - 1;

	memcpy(path, fixture_path(""), n);
	while (n < length) {
		size_t part = length - n > 200 ? 100 : length - n;

		memset(path + n, 'p', part);
		path[n + part] = '\0';
		n += part;
		if (n < length) {
			make_directory(path);
			path[n++] = '/';
		}
	}
}

START_TEST(test_longest_path)
{
	static char path[MAX_PATH_BYTES + 2];
	struct file_identity identity;

	make_deep(path, MAX_PATH_BYTES - 1);
	make_file(path);
	identity = read_path(path);
	assert_is_file(&identity, path);
	ck_assert_str_eq(last_real_path, path);
	(void)strcat(path, "p");
	identity = read_path(path);
	ck_assert_int_eq(identity.error, ENAMETOOLONG);
}
END_TEST

START_TEST(test_long_names)
{
	char name[NAME_MAX + 2];
	struct file_identity identity;

	memset(name, 'n', sizeof(name));
	name[NAME_MAX] = '\0';
	make_file(fixture_path(name));
	identity = read_path(fixture_path(name));
	assert_is_file(&identity, fixture_path(name));
	name[NAME_MAX] = 'n';
	name[NAME_MAX + 1] = '\0';
	identity = read_path(fixture_path(name));
	ck_assert_int_eq(identity.error, ENAMETOOLONG);
	identity = read_path(join(fixture_path(name), "x"));
	ck_assert_int_eq(identity.error, ENAMETOOLONG);
}
END_TEST

/* A path that fits and leads, by links, to one that does not. */
START_TEST(test_links_grow)
{
	static char path[MAX_PATH_BYTES];
	struct file_identity identity;
	struct stat st;
	int fd;

	make_deep(path, MAX_PATH_BYTES - 101);
	make_directory(path);
	make_link(path, fixture_path("deep"));
	fd = open(path, O_PATH | O_CLOEXEC);
	memset(path, 'q', 200);
	path[200] = '\0';
	ck_assert_int_eq(mkdirat(fd, path, 0700), 0);
	identity = read_path(join(fixture_path("deep"), path));
	(void)stat(join(fixture_path("deep"), path), &st);
	ck_assert_int_eq(unlinkat(fd, path, AT_REMOVEDIR), 0); /* nobody else could remove it */
	ck_assert_int_eq(close(fd), 0);
	ck_assert_uint_eq(identity.kind, FILE_DIRECTORY);
	ck_assert_uint_eq(identity.inode, st.st_ino);
	ck_assert_str_eq(last_real_path, ""); /* there is none */
}
END_TEST

/* ---- rights ---- */

static int look_as_nobody(const char *path)
{
	struct file_identity identity;
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct place place;

		if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0 ||
		    file_identity_read(&resolver, path, &identity, &place) < 0) {
			_exit(255);
		}
		_exit(identity.kind == FILE_UNCHECKED ? identity.error : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(test_unreadable)
{
	make_directory(fixture_path("locked"));
	make_file(fixture_path("locked/f"));
	make_link("locked/f", fixture_path("to_locked"));
	ck_assert_int_eq(chmod(fixture_path("locked"), 0700), 0);
	if (geteuid() != 0) {
		(void)fputs("skipped: only root can become somebody else\n", stderr);
		return;
	}
	ck_assert_int_eq(look_as_nobody(fixture_path("locked/f")), EACCES);
	ck_assert_int_eq(look_as_nobody(fixture_path("to_locked")), EACCES);
	ck_assert_int_eq(look_as_nobody(fixture_path("locked/e/g")), EACCES);
	ck_assert_int_eq(look_as_nobody("/usr/bin/env"), 0);
}
END_TEST

/* ---- the same file ---- */

static bool is_same(const struct file_identity a, const struct file_identity b)
{
	return file_identity_is_same(&a, &b);
}

START_TEST(test_hard_links)
{
	make_file(fixture_path("a"));
	make_file(fixture_path("other"));
	ck_assert_int_eq(link(fixture_path("a"), fixture_path("b")), 0);
	ck_assert(is_same(read_path(fixture_path("a")), read_path(fixture_path("b"))));
	ck_assert(!is_same(read_path(fixture_path("a")), read_path(fixture_path("other"))));
	ck_assert_uint_eq(read_path(fixture_path("a")).generation,
			  read_path(fixture_path("b")).generation);
}
END_TEST

START_TEST(test_renamed_over)
{
	struct file_identity before;
	struct file_identity after;

	make_file(fixture_path("lib"));
	before = read_path(fixture_path("lib"));
	make_file(fixture_path("new"));
	after = read_path(fixture_path("new"));
	ck_assert_int_eq(rename(fixture_path("new"), fixture_path("lib")), 0);
	ck_assert(!is_same(before, read_path(fixture_path("lib"))));
	ck_assert(is_same(after, read_path(fixture_path("lib"))));
}
END_TEST

/* The number is given again at once, the generation is not. */
START_TEST(test_inode_used_again)
{
	struct file_identity before;
	struct file_identity after;
	struct statfs fs;
	unsigned int n_again = 0;

	ck_assert_int_eq(statfs(fixture_path(""), &fs), 0);
	if (fs.f_type != EXT4_MAGIC) {
		(void)fputs("skipped: the tests' directory is not on ext4\n", stderr);
		return;
	}
	for (unsigned int i = 0; i < 100; i++) {
		make_file(fixture_path("f"));
		before = read_path(fixture_path("f"));
		ck_assert_uint_ne(before.generation, 0);
		ck_assert_int_eq(unlink(fixture_path("f")), 0);
		make_file(fixture_path("f"));
		after = read_path(fixture_path("f"));
		if (after.inode == before.inode) {
			n_again++;
			ck_assert_uint_ne(after.generation, before.generation);
			ck_assert(!is_same(before, after));
		}
		ck_assert_int_eq(unlink(fixture_path("f")), 0);
	}
	if (!n_again) {
		(void)fputs("skipped: no inode number was used again\n", stderr);
	}
}
END_TEST

/* Two files change places all the time: number and generation are always of the same one. */
START_TEST(test_replaced_meanwhile)
{
	const char *path = fixture_path("f");
	struct file_identity known[2];
	unsigned int n_seen[2] = {0};
	pid_t swapper;

	make_file(path);
	make_file(fixture_path("g"));
	known[0] = read_path(path);
	known[1] = read_path(fixture_path("g"));
	swapper = fork();
	ck_assert_int_ge(swapper, 0);
	if (swapper == 0) {
		const char *other = fixture_path("g");

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			(void)renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE);
		}
	}
	for (unsigned int i = 0; i < 50000; i++) {
		struct file_identity identity = read_path(path);
		unsigned int which = identity.inode == known[1].inode;

		ck_assert_mem_eq(&identity, &known[which], sizeof(identity));
		n_seen[which]++;
	}
	child_end(swapper);
	if (!n_seen[0] || !n_seen[1]) {
		(void)fputs("skipped: the other process had no turn\n", stderr);
	}
}
END_TEST

static const struct {
	struct file_identity a, b;
	bool is_same;
} pairs[] = {
	{{.device = 1, .inode = 2, .generation = 3, .kind = FILE_REGULAR},
	 {.device = 1, .inode = 2, .generation = 3, .kind = FILE_REGULAR},
	 true},
	{{.device = 1, .inode = 2, .generation = 3, .kind = FILE_REGULAR},
	 {.device = 1, .inode = 2, .generation = 4, .kind = FILE_REGULAR},
	 false},
	{{.device = 1, .inode = 2, .generation = 3, .kind = FILE_REGULAR},
	 {.device = 1, .inode = 2, .generation = 0, .kind = FILE_REGULAR},
	 true},
	{{.device = 1, .inode = 2, .kind = FILE_DIRECTORY},
	 {.device = 1, .inode = 2, .kind = FILE_DIRECTORY},
	 true},
	{{.device = 1, .inode = 2, .kind = FILE_OTHER},
	 {.device = 5, .inode = 2, .superblock = 1, .kind = FILE_OTHER},
	 false},
	{{.device = 1, .inode = 2, .kind = FILE_OTHER},
	 {.device = 1, .inode = 3, .kind = FILE_OTHER},
	 false},
	{{.kind = FILE_MISSING}, {.kind = FILE_MISSING}, false},
	{{.kind = FILE_UNCHECKED, .error = EIO}, {.kind = FILE_UNCHECKED, .error = EIO}, false},
};

START_TEST(test_is_same)
{
	ck_assert_int_eq(is_same(pairs[_i].a, pairs[_i].b), pairs[_i].is_same);
	ck_assert_int_eq(is_same(pairs[_i].b, pairs[_i].a), pairs[_i].is_same);
}
END_TEST

/* ---- the links of /proc ---- */

START_TEST(test_open_files)
{
	struct file_identity by_path;
	struct file_identity by_link;
	char link[64];
	int fd;

	make_file(fixture_path("f"));
	by_path = read_path(fixture_path("f"));
	fd = open(fixture_path("f"), O_RDONLY | O_CLOEXEC);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ck_assert_int_eq(file_identity_read_at(&mounts, AT_FDCWD, link, &by_link), 0);
	ck_assert_mem_eq(&by_link, &by_path, sizeof(by_path));
	ck_assert_int_eq(unlink(fixture_path("f")), 0);
	ck_assert_int_eq(file_identity_read_at(&mounts, AT_FDCWD, link, &by_link), 0);
	ck_assert_mem_eq(&by_link, &by_path, sizeof(by_path));
	ck_assert_int_eq(file_identity_read_at(NULL, AT_FDCWD, link, &by_link), 0);
	ck_assert(is_same(by_link, by_path));
	ck_assert_uint_eq(by_link.superblock, by_path.device);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(file_identity_read_at(&mounts, AT_FDCWD, link, &by_link), -ENOENT);
	ck_assert_uint_eq(by_link.kind, FILE_MISSING);
}
END_TEST

/* ---- file systems ---- */

/* The device that maps tell of a file that is mapped. */
static uint64_t read_mapped_device(const char *path, uint64_t *ret_inode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *page = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[2 * PATH_MAX];
	unsigned long start;
	unsigned int major;
	unsigned int minor;
	unsigned long inode;
	uint64_t device = 0;

	ck_assert_ptr_ne(page, MAP_FAILED);
	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%*x %*s %*x %x:%x %lu", &start, &major, &minor, &inode) ==
			    4 &&
		    start == (unsigned long)page) {
			device = makedev(major, minor);
			*ret_inode = inode;
		}
	}
	ck_assert_int_eq(fclose(maps), 0);
	ck_assert_int_eq(munmap(page, 1), 0);
	ck_assert_int_eq(close(fd), 0);
	return device;
}

static void check_mapped(const char *path, uint32_t flags)
{
	struct file_identity identity = read_path(path);
	uint64_t inode = 0;

	assert_is_file(&identity, path);
	ck_assert_uint_eq(identity.superblock, read_mapped_device(path, &inode));
	ck_assert_uint_eq(identity.inode, inode);
	ck_assert_int_eq((identity.flags & FILE_MAPS_DIFFER) != 0,
			 identity.device != identity.superblock);
	ck_assert_uint_eq(identity.flags & ~FILE_MAPS_DIFFER, flags);
}

static void mount_on(const char *type, const char *directory, const char *data)
{
	ck_assert_int_eq(mount("none", directory, type, 0, data), 0);
}

START_TEST(test_bind_mount)
{
	struct file_identity first;

	if (skip_without_mounts()) {
		return;
	}
	make_directory(fixture_path("a"));
	make_directory(fixture_path("b"));
	make_file(fixture_path("a/f"));
	first = read_path(fixture_path("a/f"));
	ck_assert_int_eq(mount(fixture_path("a"), fixture_path("b"), "none", MS_BIND, NULL), 0);
	read_mounts();
	ck_assert(is_same(first, read_path(fixture_path("b/f"))));
	ck_assert_uint_eq(first.superblock, read_path(fixture_path("b/f")).superblock);
	check_mapped(fixture_path("b/f"), 0);
}
END_TEST

/* The table is from before the mount: it says so, and the guess is the device. */
START_TEST(test_new_mount)
{
	struct file_identity identity;
	struct place place;

	if (skip_without_mounts()) {
		return;
	}
	make_directory(fixture_path("m"));
	mount_on("tmpfs", fixture_path("m"), NULL);
	make_file(fixture_path("m/f"));
	ck_assert_int_eq(file_identity_read(&resolver, fixture_path("m/f"), &identity, &place),
			 -EAGAIN);
	place_done(&place);
	assert_is_file(&identity, fixture_path("m/f"));
	ck_assert_uint_eq(identity.superblock, identity.device);
	read_mounts();
	check_mapped(fixture_path("m/f"), 0);
	ck_assert_uint_ne(read_path(fixture_path("m/f")).generation, 0);
}
END_TEST

static void check_overlay(const char *lower, const char *upper, bool differs)
{
	char data[1024];

	make_directory(fixture_path("merged"));
	make_file(join(lower, "low"));
	make_directory(join(upper, "up"));
	make_directory(join(upper, "work"));
	(void)snprintf(data, sizeof(data), "lowerdir=%s,upperdir=%s/up,workdir=%s/work", lower,
		       upper, upper);
	mount_on("overlay", fixture_path("merged"), data);
	make_file(fixture_path("merged/high"));
	read_mounts();
	check_mapped(fixture_path("merged/low"), FILE_ON_OVERLAY);
	check_mapped(fixture_path("merged/high"), FILE_ON_OVERLAY);
	ck_assert_int_eq((read_path(fixture_path("merged/low")).flags & FILE_MAPS_DIFFER) != 0,
			 differs);
	ck_assert_uint_eq(read_path(fixture_path("merged/low")).generation, 0);
	ck_assert(!is_same(read_path(fixture_path("merged/low")), read_path(join(lower, "low"))));
}

START_TEST(test_overlay_on_one)
{
	char base[PATH_MAX];

	if (skip_without_mounts()) {
		return;
	}
	make_directory(fixture_path("base"));
	mount_on("tmpfs", fixture_path("base"), NULL);
	(void)strcpy(base, fixture_path("base"));
	make_directory(fixture_path("base/lower"));
	check_overlay(fixture_path("base/lower"), base, false);
}
END_TEST

START_TEST(test_overlay_on_two)
{
	char lower[PATH_MAX];
	char upper[PATH_MAX];

	if (skip_without_mounts()) {
		return;
	}
	(void)strcpy(lower, fixture_path("lower"));
	(void)strcpy(upper, fixture_path("upper"));
	make_directory(lower);
	make_directory(upper);
	mount_on("tmpfs", lower, "nr_inodes=1000,inode64");
	mount_on("tmpfs", upper, "nr_inodes=1000,inode64");
	check_overlay(lower, upper, true);
}
END_TEST

/* ---- a file system that does not answer ---- */

static struct hung_fuse fuse;

/* Everything that leads to it; "" stands for the test's directory. */
static const char *const remote_ways[] = {
	"hung",	     "hung/",	     "hung/file",   "hung/file/x",  "hung/a/b/c",
	"to_file",   "to_hung",	     "to_hung/",    "to_hung/file", "to_to_hung/file",
	"absolute",  "to_hung/../d", "d/../hung/x", "d/up/hung/x",  ".//hung//file",
	"d/to_file", "hung/..",
};

static bool mount_hung(void)
{
	if (skip_without_mounts()) {
		return false;
	}
	make_directory(fixture_path("d"));
	make_directory(fixture_path("hung"));
	make_file(fixture_path("d/f"));
	make_link("hung/file", fixture_path("to_file"));
	make_link("hung", fixture_path("to_hung"));
	make_link("d/../to_hung", fixture_path("to_to_hung"));
	make_link(fixture_path("hung/file"), fixture_path("absolute"));
	make_link("..", fixture_path("d/up"));
	make_link("../to_file", fixture_path("d/to_file"));
	if (!hung_fuse_mount(&fuse, fixture_path("hung"))) {
		(void)fputs("skipped: FUSE can't be mounted\n", stderr);
		return false;
	}
	read_mounts();
	return true;
}

START_TEST(test_remote_is_not_touched)
{
	struct file_identity identity;

	if (!mount_hung()) {
		return;
	}
	hung_fuse_hang(&fuse);
	for (size_t i = 0; i < ARRAY_SIZE(remote_ways); i++) {
		identity = read_path(fixture_path(remote_ways[i]));
		ck_assert_msg(identity.kind == FILE_UNCHECKED && identity.error == EREMOTE,
			      "%s: kind %u error %d", remote_ways[i], identity.kind,
			      identity.error);
		ck_assert_uint_eq(identity.flags, FILE_ON_REMOTE);
		identity = read_path(fixture_path("d/f"));
		assert_is_file(&identity, fixture_path("d/f"));
	}
	hung_fuse_end(&fuse);
}
END_TEST

START_TEST(test_remote_that_answers)
{
	struct file_identity identity;

	if (!mount_hung()) {
		return;
	}
	resolver_done(&resolver);
	resolver_init(&resolver, &mounts, true);
	for (unsigned int i = 0; i < 2; i++) {
		identity = read_path(fixture_path(i ? "to_to_hung/file" : "absolute"));
		assert_is_file(&identity, fixture_path("hung/file"));
		ck_assert_uint_eq(identity.flags, FILE_ON_REMOTE);
		ck_assert_uint_eq(identity.generation, 0); /* lasts no longer than the cache */
	}
	ck_assert_uint_eq(read_path(fixture_path("hung/none")).kind, FILE_MISSING);
	hung_fuse_end(&fuse);
	resolver_reset(&resolver);
	ck_assert_int_eq(read_path(fixture_path("hung/other")).error, ENOTCONN);
}
END_TEST

/* ---- at random, against the kernel ---- */

#define N_DIRECTORIES 12

static void make_maze(struct random *random, char directories[N_DIRECTORIES][PATH_MAX])
{
	char target[PATH_MAX];

	(void)strcpy(directories[0], fixture_path("maze"));
	make_directory(directories[0]);
	for (unsigned int i = 1; i < N_DIRECTORIES; i++) {
		(void)stpcpy(stpcpy(directories[i], directories[i - 1]), "/d");
		if (mkdir(directories[i], 0755) < 0 || random_below(random, 3) == 0) {
			(void)stpcpy(stpcpy(directories[i], directories[random_below(random, i)]),
				     "/e");
			(void)mkdir(directories[i], 0755);
		}
		(void)close(open(join(directories[i], "f"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	}
	for (unsigned int i = 0; i < 4 * N_DIRECTORIES; i++) {
		static const char *const ends[] = {"", "/d", "/f", "/l", "/m/..", "/e/m/", "/."};
		const char *directory = directories[random_below(random, N_DIRECTORIES)];
		const char *end = ends[random_below(random, ARRAY_SIZE(ends))];

		if (random_below(random, 2)) {
			(void)snprintf(target, sizeof(target), "%s%s",
				       directories[random_below(random, N_DIRECTORIES)], end);
		} else {
			(void)snprintf(target, sizeof(target), "..%s", end);
		}
		(void)!symlink(target, join(directory, i % 2 ? "l" : "m"));
	}
}

START_TEST(test_maze)
{
	static const char *const parts[] = {"d", "d", "e", "e", "f",  "l",   "m",
					    "l", "m", ".", "",	"..", "none"};
	static char directories[N_DIRECTORIES][PATH_MAX];
	struct random random = {.state = (uint64_t)_i};
	unsigned int n_there = 0;
	char path[PATH_MAX];

	make_maze(&random, directories);
	for (unsigned int i = 0; i < 3000; i++) {
		struct file_identity identity;
		struct stat st;
		size_t n = (size_t)snprintf(path, sizeof(path), "%s", directories[0]);

		for (unsigned int j = random_below(&random, 7); j; j--) {
			n += (size_t)snprintf(path + n, sizeof(path) - n, "/%s",
					      parts[random_below(&random, ARRAY_SIZE(parts))]);
		}
		identity = read_path(path);
		if (stat(path, &st) == 0) {
			ck_assert_msg(identity.inode == st.st_ino && identity.device == st.st_dev,
				      "%s: kind %u error %d", path, identity.kind, identity.error);
			n_there++;
		} else if (errno == ENOENT || errno == ENOTDIR) {
			ck_assert_msg(identity.kind == FILE_MISSING, "%s: %d", path,
				      identity.error);
		} else {
			ck_assert_msg(identity.error == errno, "%s: %d", path, identity.error);
		}
	}
	ck_assert_uint_gt(n_there, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("file_identity");
	TCase *tcase = fixture_case(suite, "paths");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_kinds);
	tcase_add_loop_test(tcase, test_names, 0, ARRAY_SIZE(names));
	tcase_add_test(tcase, test_one_after_another);
	tcase_add_test(tcase, test_no_absolute_path);
	tcase_add_test(tcase, test_longest_path);
	tcase_add_test(tcase, test_long_names);
	tcase_add_test(tcase, test_links_grow);
	tcase_add_test(tcase, test_unreadable);
	tcase_add_loop_test(tcase, test_maze, 0, 4);

	tcase = fixture_case(suite, "identities");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_hard_links);
	tcase_add_test(tcase, test_renamed_over);
	tcase_add_test(tcase, test_inode_used_again);
	tcase_add_test(tcase, test_replaced_meanwhile);
	tcase_add_loop_test(tcase, test_is_same, 0, ARRAY_SIZE(pairs));
	tcase_add_test(tcase, test_open_files);

	tcase = fixture_case(suite, "file systems");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_bind_mount);
	tcase_add_test(tcase, test_new_mount);
	tcase_add_test(tcase, test_overlay_on_one);
	tcase_add_test(tcase, test_overlay_on_two);
	tcase_add_test(tcase, test_remote_is_not_touched);
	tcase_add_test(tcase, test_remote_that_answers);
	return fixture_run(suite);
}
