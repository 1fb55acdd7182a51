/* SPDX-License-Identifier: MIT */
/*
 * The table of mounts: texts as the kernel writes them and texts that it never would, paths and
 * what stands in their way, and the real table of a mount namespace that changes.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "broker/scan/mount_watch.h"
#include "tests/support/hung_fuse.h"
#include "tests/unit/fixture.h"

/* clang-format off */
static const char machine[] =
	"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
	"23 27 0:22 / /sys rw,relatime shared:2 - sysfs sysfs rw\n"
	"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
	"30 27 8:17 /home/ann /srv/an\\040n rw shared:1 master:2 propagate_from:3 - xfs /dev/sdb1 rw\n"
	"31 22 0:30 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw,fd=31\n"
	"32 27 0:31 / /net rw - autofs /etc/auto.net rw\n"
	"33 32 0:32 / /net/big rw - nfs4 big:/ rw\n"
	"40 27 0:33 / /boot rw - autofs systemd-1 rw\n"
	"41 40 8:1 / /boot rw - vfat /dev/sda1 rw\n"
	"50 27 0:40 /@home /home rw - btrfs /dev/sdc rw,subvol=/@home\n"
	"51 50 0:41 / /home/ann/mnt rw - fuse.sshfs ann@host: rw\n"
	"52 27 0:42 / /var/lib/x/merged rw - overlay overlay rw,lowerdir=/a\\054b:/c\n"
	"53 27 0:43 / /media/usb rw - fuseblk /dev/sdd1 rw\n"
	"54 27 0:46 / /media-z rw - nfs m:/ rw\n" /* '-' is before '/' */
	"60 27 0:44 / /hidden/nfs rw - nfs h:/ rw\n"
	"61 27 0:45 / /hidden rw - tmpfs tmpfs rw";
/* clang-format on */

static struct mount_table table;

static void parse_machine(void)
{
	ck_assert_int_eq(mount_table_parse(machine, sizeof(machine) - 1, &table), 0);
}

static void free_machine(void)
{
	mount_table_done(&table);
}

START_TEST(test_fields)
{
	const struct mount *mount = mount_table_find_id(&table, 30);

	ck_assert_uint_eq(table.n_mounts, 16);
	ck_assert_ptr_nonnull(mount);
	ck_assert_uint_eq(mount->parent, 27);
	ck_assert_uint_eq(mount->device, makedev(8, 17));
	ck_assert_str_eq(mount->root, "/home/ann");
	ck_assert_str_eq(mount->point, "/srv/an n");
	ck_assert_str_eq(mount->type, "xfs");
	ck_assert_uint_eq(mount->flags, 0);
	ck_assert_ptr_null(mount_table_find_id(&table, 34));
	ck_assert_ptr_null(mount_table_find_id(&table, UINT64_C(30) + (UINT64_C(1) << 32)));
	ck_assert_uint_eq(table.flags & MOUNT_REMOTE, MOUNT_REMOTE);
}
END_TEST

static const struct {
	const char *path;
	uint32_t mount;
	uint32_t barrier; /* 0: none */
} ways[] = {
	{"/", 27, 0},
	{"/usr/bin/true", 27, 0},
	{"/srv/an n/x", 30, 0},
	{"/srv/an nx", 27, 0},
	{"/srv/an", 27, 0},
	{"/home/ann/mnt", 51, 51},
	{"/home/ann/mnt/deep/down", 51, 51},
	{"/home/ann/mntx", 50, 0},
	{"/home/ann", 50, 0},
	{"/net", 32, 32},
	{"/net/big/x", 33, 32}, /* the first on the way */
	{"/nets", 27, 0},
	{"/boot/vmlinuz", 41, 0}, /* the automount is covered by what it has mounted */
	{"/media/usb/x", 53, 53},
	{"/media-z", 54, 54},
	{"/media", 27, 0},
	{"/var/lib/x/merged/bin", 52, 0},
	{"/proc/sys/fs/binfmt_misc/status", 31, 31},
	{"/proc/self", 22, 0},
	{"/hidden/nfs/x", 60, 60}, /* hidden by now: the safe side */
	{"/hidden/x", 61, 0},
};

START_TEST(test_ways)
{
	const struct mount *mount = mount_table_find_path(&table, ways[_i].path);
	const struct mount *barrier = mount_table_find_barrier(&table, ways[_i].path);

	ck_assert_ptr_nonnull(mount);
	ck_assert_uint_eq(mount->id, ways[_i].mount);
	ck_assert_uint_eq(barrier ? barrier->id : 0, ways[_i].barrier);
}
END_TEST

START_TEST(test_barriers_at_and_below)
{
	ck_assert_ptr_nonnull(mount_table_find_barrier_at(&table, "/media/usb"));
	ck_assert_ptr_null(mount_table_find_barrier_at(&table, "/media/usb/x"));
	ck_assert_ptr_null(mount_table_find_barrier_at(&table, "/media"));
	ck_assert_ptr_null(mount_table_find_barrier_at(&table, "/boot"));
	ck_assert_ptr_null(mount_table_find_barrier_at(&table, ""));
	ck_assert(mount_table_has_barrier_below(&table, "/"));
	ck_assert(mount_table_has_barrier_below(&table, "/media"));
	ck_assert(mount_table_has_barrier_below(&table, "/home"));
	ck_assert(mount_table_has_barrier_below(&table, "/net"));
	ck_assert(!mount_table_has_barrier_below(&table, "/net/big"));
	ck_assert(!mount_table_has_barrier_below(&table, "/media/usb"));
	ck_assert(!mount_table_has_barrier_below(&table, "/med"));
	ck_assert(!mount_table_has_barrier_below(&table, "/usr"));
	ck_assert(!mount_table_has_barrier_below(&table, "/boot"));
}
END_TEST

START_TEST(test_remote_root)
{
	static const char text[] =
		"1 0 0:9 / / rw - virtiofs root rw\n2 1 0:8 / /tmp rw - tmpfs t rw\n";
	struct mount_table other;

	ck_assert_int_eq(mount_table_parse(text, sizeof(text) - 1, &other), 0);
	ck_assert_uint_eq(mount_table_find_barrier(&other, "/tmp/x")->id, 1);
	ck_assert_uint_eq(mount_table_find_barrier(&other, "/")->id, 1);
	ck_assert(!mount_table_has_barrier_below(&other, "/"));
	ck_assert(!mount_table_has_barrier_below(&other, "/tmp"));
	mount_table_done(&other);
}
END_TEST

static const struct {
	const char *type;
	uint32_t flags;
} types[] = {
	{"ext4", 0},
	{"tmpfs", 0},
	{"nfs", MOUNT_REMOTE},
	{"nfs4", MOUNT_REMOTE},
	{"cifs", MOUNT_REMOTE},
	{"smb3", MOUNT_REMOTE},
	{"9p", MOUNT_REMOTE | MOUNT_NO_HANDLE},
	{"ceph", MOUNT_REMOTE},
	{"fuse", MOUNT_REMOTE | MOUNT_NO_HANDLE},
	{"fuse.x.y", MOUNT_REMOTE | MOUNT_NO_HANDLE},
	{"fuseblk", MOUNT_REMOTE | MOUNT_NO_HANDLE},
	{"fuseblk.ntfs", MOUNT_REMOTE | MOUNT_NO_HANDLE},
	{"fusectl", MOUNT_PSEUDO},
	{"fusex", 0},
	{"autofs", MOUNT_AUTOMOUNT},
	{"overlay", MOUNT_OVERLAY | MOUNT_MAPS_DIFFER | MOUNT_NO_HANDLE},
	{"btrfs", MOUNT_MAPS_DIFFER},
	{"proc", MOUNT_PSEUDO},
	{"cgroup2", MOUNT_PSEUDO},
};

START_TEST(test_types)
{
	ck_assert_uint_eq(mount_type_flags(types[_i].type), types[_i].flags);
}
END_TEST

/* ---- hostile texts ---- */

#define GOOD "27 1 254:0 / / rw - ext4 /dev/vda rw\n"

static const char *const garbage[] = {
	"",
	"\n",
	" \n",
	"x\n",
	GOOD "\n",
	GOOD "28 27 0:1 / /a rw\n",
	GOOD "28 27 0:1 / /a rw shared:1\n",
	GOOD "28 27 0:1 / /a rw -\n",
	GOOD "28 27 0:1 / /a rw - \n",
	GOOD "28 27 0:1 / /a - ext4 x rw\n",
	GOOD "28 27 01 / /a rw - ext4 x rw\n",
	GOOD "28 27 0:1: / /a rw - ext4 x rw\n",
	GOOD "28 27 0:x / /a rw - ext4 x rw\n",
	GOOD "28 27 :1 / /a rw - ext4 x rw\n",
	GOOD "-28 27 0:1 / /a rw - ext4 x rw\n",
	GOOD "28 27x 0:1 / /a rw - ext4 x rw\n",
	GOOD "2147483648 27 0:1 / /a rw - ext4 x rw\n",
	GOOD "99999999999999999999999999999999 27 0:1 / /a rw - ext4 x rw\n",
	GOOD "28 27 0:1 / a rw - ext4 x rw\n",
	GOOD "28  27 0:1 / /a rw - ext4 x rw\n",
};

START_TEST(test_garbage)
{
	struct mount_table other;

	ck_assert_int_eq(mount_table_parse(garbage[_i], strlen(garbage[_i]), &other), -EBADMSG);
}
END_TEST

START_TEST(test_nul)
{
	static const char text[] = GOOD "\0" GOOD;
	struct mount_table other;

	ck_assert_int_eq(mount_table_parse(text, sizeof(text) - 1, &other), -EBADMSG);
	ck_assert_int_eq(mount_table_parse(NULL, 0, &other), -EBADMSG);
}
END_TEST

static const struct {
	const char *point;
	const char *path;
} escapes[] = {
	{"/a\\040b", "/a b"},
	{"/a\\011b\\012c\\134d", "/a\tb\nc\\d"},
	{"/a\\", "/a\\"},
	{"/a\\04", "/a\\04"},
	{"/a\\4", "/a\\4"},
	{"/a\\400", "/a\\400"},
	{"/a\\048", "/a\\048"},
	{"/a\\000b", "/ab"},
	{"/\\377\\303", "/\377\303"},
};

START_TEST(test_escapes)
{
	struct mount_table other;
	char text[256];
	int n = snprintf(text, sizeof(text), "28 27 0:1 %s %s rw - ext4 x rw\n", escapes[_i].point,
			 escapes[_i].point);

	ck_assert_int_eq(mount_table_parse(text, (size_t)n, &other), 0);
	ck_assert_str_eq(other.mounts[0].point, escapes[_i].path);
	ck_assert_str_eq(other.mounts[0].root, escapes[_i].path);
	mount_table_done(&other);
}
END_TEST

/* Ids twice, a mount that is its own parent, a thousand at one place, names as long as a page:
 * whatever it says, asking it ends and stays inside. */
START_TEST(test_nonsense)
{
	static char text[200000];
	static char path[6000];
	struct mount_table other;
	size_t n = 0;

	for (unsigned int i = 0; i < 1000; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%u %u 0:1 / /same rw - nfs x rw\n", i % 500, i % 500);
	}
	memset(path, 'y', sizeof(path) - 1);
	path[0] = '/';
	n += (size_t)snprintf(text + n, sizeof(text) - n, "7 7 0:1 / %s rw - nfs x rw\n", path);
	ck_assert_int_eq(mount_table_parse(text, n, &other), 0);
	ck_assert_ptr_nonnull(mount_table_find_id(&other, 7));
	ck_assert_ptr_nonnull(mount_table_find_barrier(&other, "/same/x"));
	ck_assert_ptr_null(mount_table_find_path(&other, "/other"));
	ck_assert_ptr_null(mount_table_find_path(&other, path)); /* longer than any path */
	ck_assert(!mount_table_has_barrier_below(&other, path));
	mount_table_done(&other);
}
END_TEST

/* Bytes changed, cut out and doubled at random: refused or taken, never worse. */
START_TEST(test_mutations)
{
	struct random random = {.state = (uint64_t)_i};
	char text[sizeof(machine)];

	for (unsigned int i = 0; i < 2000; i++) {
		size_t n = sizeof(machine) - 1 - random_below(&random, 40);
		struct mount_table other;
		int r;

		memcpy(text, machine, sizeof(machine));
		for (unsigned int j = random_below(&random, 4) + 1; j; j--) {
			text[random_below(&random, (uint32_t)n)] =
				" \n\\/:-09a\xff"[random_below(&random, 10)];
		}
		r = mount_table_parse(text, n, &other);
		ck_assert(r == 0 || r == -EBADMSG);
		if (r == 0) {
			(void)mount_table_find_path(&other, "/home/ann/mnt/x");
			(void)mount_table_has_barrier_below(&other, "/");
			mount_table_done(&other);
		}
	}
}
END_TEST

/* ---- the real one ---- */

static int open_proc(void)
{
	int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(test_self)
{
	struct mount_table other;
	struct statx status;
	const struct mount *mount;
	int fd = open_proc();

	ck_assert_int_eq(mount_table_read(fd, "self/mountinfo", &other), 0);
	ck_assert_int_eq(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &status),
			 0);
	mount = mount_table_find_id(&other, status.stx_mnt_id);
	ck_assert_ptr_nonnull(mount);
	ck_assert_str_eq(mount->point, "/proc");
	ck_assert_str_eq(mount->type, "proc");
	ck_assert_uint_eq(mount->device, makedev(status.stx_dev_major, status.stx_dev_minor));
	ck_assert_ptr_eq(mount_table_find_path(&other, "/proc/self/stat"), mount);
	mount_table_done(&other);
	ck_assert_int_eq(mount_table_read(fd, "self/nothing", &other), -ENOENT);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(test_changes)
{
	const char *point = fixture_path("new\nline and\\backslash");
	struct mount_watch watch;
	int fd;

	if (!mounts_unshare()) {
		(void)fputs("skipped: no mount namespace may be made\n", stderr);
		return;
	}
	fd = open_proc();
	ck_assert_int_eq(mount_watch_init(fd, "self/mountinfo", &watch), 0);
	ck_assert_int_eq(mount_watch_refresh(&watch, false), 0);
	ck_assert_int_eq(mkdir(point, 0700), 0);
	ck_assert_int_eq(mount("x y", point, "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(mount_watch_refresh(&watch, false), 1);
	ck_assert_str_eq(mount_table_find_path(&watch.table, point)->point, point);
	ck_assert_int_eq(mount_watch_refresh(&watch, false), 0);
	ck_assert_int_eq(mount_watch_refresh(&watch, true), 1);
	ck_assert_int_eq(umount2(point, 0), 0);
	ck_assert_int_eq(mount_watch_refresh(&watch, false), 1);
	ck_assert_str_ne(mount_table_find_path(&watch.table, point)->point, point);
	mount_watch_done(&watch);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* A text of many pages, which the kernel gives in pieces. */
START_TEST(test_many)
{
	enum {
		N = 300
	};
	char name[32];
	struct mount_table other;
	unsigned int n_found = 0;
	int fd;

	if (!mounts_unshare()) {
		(void)fputs("skipped: no mount namespace may be made\n", stderr);
		return;
	}
	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		ck_assert_int_eq(mkdir(fixture_path(name), 0700), 0);
		ck_assert_int_eq(mount("none", fixture_path(name), "tmpfs", 0, "size=4k"), 0);
	}
	fd = open_proc();
	ck_assert_int_eq(mount_table_read(fd, "self/mountinfo", &other), 0);
	for (unsigned int i = 0; i < N; i++) {
		const char *path;

		(void)snprintf(name, sizeof(name), "%u", i);
		path = fixture_path(name);
		n_found += strcmp(mount_table_find_path(&other, path)->point, path) == 0;
	}
	ck_assert_uint_eq(n_found, N);
	mount_table_done(&other);
	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		ck_assert_int_eq(umount2(fixture_path(name), 0), 0);
	}
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mount_table");
	TCase *tcase = fixture_case(suite, "machine");

	tcase_add_checked_fixture(tcase, parse_machine, free_machine);
	tcase_add_test(tcase, test_fields);
	tcase_add_loop_test(tcase, test_ways, 0, ARRAY_SIZE(ways));
	tcase_add_test(tcase, test_barriers_at_and_below);

	tcase = fixture_case(suite, "texts");
	tcase_add_test(tcase, test_remote_root);
	tcase_add_loop_test(tcase, test_types, 0, ARRAY_SIZE(types));
	tcase_add_loop_test(tcase, test_garbage, 0, ARRAY_SIZE(garbage));
	tcase_add_test(tcase, test_nul);
	tcase_add_loop_test(tcase, test_escapes, 0, ARRAY_SIZE(escapes));
	tcase_add_test(tcase, test_nonsense);
	tcase_add_loop_test(tcase, test_mutations, 0, 4);

	tcase = fixture_case(suite, "kernel");
	tcase_add_test(tcase, test_self);
	tcase_add_test(tcase, test_changes);
	tcase_add_test(tcase, test_many);
	return fixture_run(suite);
}
