/* SPDX-License-Identifier: MIT */
/* Sets of resources: each once, numbered in their order, visible at once, in little memory. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/identity.h"
#include "broker/resource.h"
#include "broker/resource_process.h"
#include "broker/slice.h"
#include "proto/limits.h"
#include "proto/procfs.h"
#include "tests/unit/fixture.h"

static struct resource_set *set;

static void set_up(void)
{
	ck_assert_int_eq(resource_set_new(&set), 0);
}

static void tear_down(void)
{
	resource_set_free(set);
}

static uint32_t add_path(const char *path, bool is_tree)
{
	uint32_t i;

	ck_assert_int_eq(resource_add_file(set, path, strlen(path), is_tree, &i), 0);
	return i;
}

static uint32_t find_path(const char *path, bool is_tree)
{
	return resource_find_file(set, path, strlen(path), is_tree);
}

START_TEST(test_empty)
{
	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		ck_assert_uint_eq(resource_count(NULL, (enum resource_kind)kind), 0);
		ck_assert_uint_eq(resource_count(set, (enum resource_kind)kind), 0);
	}
	ck_assert_uint_eq(find_path("/a", false), TABLE_NONE);
	ck_assert_uint_eq(resource_find_file(NULL, "/a", 2, false), TABLE_NONE);
	ck_assert_int_eq(resource_trim(set, 1), false);
}
END_TEST

START_TEST(test_each_once)
{
	uint32_t i;

	ck_assert_uint_eq(add_path("/a", false), 0);
	ck_assert_uint_eq(add_path("/ab", false), 1);
	ck_assert_uint_eq(add_path("/a", true), 2);
	ck_assert_uint_eq(add_path("/a", false), 0);
	ck_assert_int_eq(resource_file_is_tree(set, 2), true);
	ck_assert_str_eq(resource_file_path(set, 1), "/ab");
	ck_assert_int_eq(resource_add_service(set, "/a", 2, &i), 0);
	ck_assert_uint_eq(i, 0);
	ck_assert_int_eq(resource_add_service(set, "b.service", 9, &i), 0);
	ck_assert_uint_eq(i, 1);
	ck_assert_int_eq(resource_add_service(set, "b.service", 9, &i), 0);
	ck_assert_uint_eq(i, 1);
	ck_assert_int_eq(resource_add_process(set, 5, 7, 0, &i), 0);
	ck_assert_int_eq(resource_add_process(set, 5, 7, RESOURCE_PROCESS_BY_FILETIME, &i), 0);
	ck_assert_uint_eq(i, 1);
	ck_assert_int_eq(resource_add_process(set, 5, 7, RESOURCE_PROCESS_DEAD, &i), 0);
	ck_assert_uint_eq(i, 0);
	ck_assert_int_eq(resource_add_process(set, 5, 8, 0, &i), 0);
	ck_assert_uint_eq(i, 2);
	ck_assert_uint_eq(resource_count(set, RESOURCE_FILE), 0);
	resource_publish(set);
	ck_assert_uint_eq(resource_count(set, RESOURCE_FILE), 3);
	ck_assert_uint_eq(resource_count(set, RESOURCE_SERVICE), 2);
	ck_assert_uint_eq(resource_count(set, RESOURCE_PROCESS), 3);
	ck_assert_uint_eq(set->bytes, UINT64_C(8) * 32);
}
END_TEST

START_TEST(test_long_paths)
{
	char path[2 * MAX_PATH_BYTES];
	uint32_t i;

	memset(path, 'x', sizeof(path));
	for (uint32_t n = 0; n < 100; n++) {
		(void)snprintf(path, 8, "/%06u", n);
		path[7] = 'x';
		ck_assert_int_eq(
			resource_add_file(set, path, MAX_PATH_BYTES - 1 - n % 7, false, &i), 0);
		ck_assert_uint_eq(i, n);
	}
	for (uint32_t n = 0; n < 100; n++) {
		ck_assert_uint_eq(strlen(resource_file_path(set, n)), MAX_PATH_BYTES - 1 - n % 7);
		ck_assert_uint_eq((unsigned long)atol(resource_file_path(set, n) + 1), n);
	}
	resource_publish(set);
	ck_assert_uint_gt(set->bytes, 100 * (MAX_PATH_BYTES - 7));
	ck_assert_int_eq(resource_add_file(set, path, sizeof(path), false, &i), -EMSGSIZE);
}
END_TEST

/* Against an array of flags: adding, publishing and taking out at random. */
START_TEST(test_random)
{
	enum {
		N = 1000
	};
	static unsigned char state[N]; /* 1 visible, 2 not yet */
	struct random random = {.state = (uint64_t)_i};
	char path[32];

	for (unsigned int step = 0; step < 10000; step++) {
		uint32_t n = random_below(&random, N);
		uint32_t before = resource_count_all(set, RESOURCE_FILE);
		uint32_t dice = random_below(&random, 1000);

		(void)snprintf(path, sizeof(path), "/%u", n);
		ck_assert_int_eq(find_path(path, false) != TABLE_NONE, state[n] != 0);
		if (dice == 0) {
			resource_publish(set);
		} else if (dice == 1) {
			while (resource_trim(set, 7)) {
			}
			ck_assert_uint_eq(resource_count_all(set, RESOURCE_FILE),
					  resource_count(set, RESOURCE_FILE));
		} else {
			uint32_t i = add_path(path, false);

			ck_assert_int_eq(i == before, state[n] == 0);
			ck_assert_str_eq(resource_file_path(set, i), path);
			state[n] = state[n] ? state[n] : 2;
		}
		for (unsigned int k = 0; dice < 2 && k < N; k++) {
			state[k] = state[k] == 2 && dice == 1 ? 0 : state[k] != 0;
		}
	}
}
END_TEST

/* ---- identities ---- */

static struct file_identity identity_of(uint64_t inode)
{
	return (struct file_identity){.device = 1,
				      .superblock = 2,
				      .inode = inode,
				      .generation = 100 + inode,
				      .kind = FILE_REGULAR};
}

START_TEST(test_identities)
{
	struct file_identity identities[MAX_FILE_IDENTITIES];
	struct file_identity identity = identity_of(1);
	uint32_t i = add_path("/a", true);

	ck_assert_uint_eq(resource_file_identities(set, i, identities), 1);
	ck_assert_uint_eq(identities[0].kind, FILE_UNCHECKED);
	resource_set_identity(set, i, &identity);
	ck_assert_int_eq(resource_file_is_tree(set, i), true);
	ck_assert_int_eq(resource_file_is_news(set, i, &identity), false);
	identity.generation = 0; /* unknown: it may be the same */
	ck_assert_int_eq(resource_file_is_news(set, i, &identity), false);
	identity.kind = FILE_MISSING;
	identity.inode = 9;
	ck_assert_int_eq(resource_file_is_news(set, i, &identity), false);
	for (uint64_t inode = 2; inode <= 9; inode++) {
		identity = identity_of(inode);
		ck_assert_int_eq(resource_file_is_news(set, i, &identity), true);
		ck_assert_int_eq(resource_file_see(set, i, &identity), 0);
		ck_assert_int_eq(resource_file_is_news(set, i, &identity), false);
		ck_assert_int_eq(resource_file_see(set, i, &identity), 0);
	}
	ck_assert_uint_eq(resource_file_identities(set, i, identities), MAX_FILE_IDENTITIES);
	ck_assert_uint_eq(identities[0].inode, 1);
	for (unsigned int n = 1; n < MAX_FILE_IDENTITIES; n++) {
		ck_assert_uint_eq(identities[n].inode, 10 - n);
		ck_assert_uint_eq(identities[n].generation, 110 - n);
		ck_assert_uint_eq(identities[n].superblock, 2);
	}
	ck_assert_uint_eq(set->n_seen, MAX_FILE_IDENTITIES - 1);
}
END_TEST

/* A lease tells about a moment, and a worker could say anything. */
START_TEST(test_identity_is_made_small)
{
	struct file_identity identity = identity_of(1);
	struct file_identity kept[MAX_FILE_IDENTITIES];
	uint32_t i = add_path("/a", false);

	identity.flags = FILE_ON_OVERLAY | FILE_LEASE_BUSY | 0x80;
	resource_set_identity(set, i, &identity);
	(void)resource_file_identities(set, i, kept);
	ck_assert_uint_eq(kept[0].flags, FILE_ON_OVERLAY);
	ck_assert_int_eq(resource_file_is_tree(set, i), false);
	identity.device = UINT64_C(1) << 32;
	resource_set_identity(set, i, &identity);
	(void)resource_file_identities(set, i, kept);
	ck_assert_uint_eq(kept[0].kind, FILE_UNCHECKED);
	ck_assert_int_eq(kept[0].error, EOVERFLOW);
}
END_TEST

/* ---- what is read from records ---- */

#define BYTES(text) ((ProtobufCBinaryData){.len = sizeof(text) - 1, .data = (uint8_t *)(text)})

START_TEST(test_bad_slices)
{
	static char good_identity[2 * KEPT_IDENTITY_BYTES];
	static char bad_kind[KEPT_IDENTITY_BYTES];
	static char seen_of_1[4 + KEPT_IDENTITY_BYTES];
	const ProtobufCBinaryData one = {KEPT_IDENTITY_BYTES, (uint8_t *)good_identity};
	const ProtobufCBinaryData two = {2 * KEPT_IDENTITY_BYTES, (uint8_t *)good_identity};
	const struct {
		ProtobufCBinaryData paths, identities, seen, processes, services;
	} bad[] = {
		{.paths = BYTES("/a"), .identities = one},
		{.paths = BYTES("a\0"), .identities = one},
		{.paths = BYTES("\0"), .identities = one},
		{.paths = BYTES("/a\0")},
		{.paths = BYTES("/a\0"), .identities = two},
		{.paths = BYTES("/a\0/b\0"), .identities = one},
		{.identities = one},
		{.paths = BYTES("/a\0"), .identities = {KEPT_IDENTITY_BYTES, (uint8_t *)bad_kind}},
		{.paths = BYTES("/a\0"),
		 .identities = one,
		 .seen = {sizeof(seen_of_1), (uint8_t *)seen_of_1}},
		{.paths = BYTES("/a\0"), .identities = one, .seen = BYTES("\0\0\0\0x")},
		{.processes = BYTES("1234567890")},
		{.processes = BYTES("\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0")},
		{.processes = BYTES("\1\0\0\0\4\0\0\0\1\0\0\0\0\0\0\0")},
		{.processes = BYTES("\1\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0")},
		{.services = BYTES("a.service")},
		{.services = BYTES("\0")},
	};
	Rmrecord__Resources record = RMRECORD__RESOURCES__INIT;

	bad_kind[26] = _FILE_KIND_COUNT;
	seen_of_1[0] = 1;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		record.paths = bad[i].paths;
		record.identities = bad[i].identities;
		record.seen = bad[i].seen;
		record.processes = bad[i].processes;
		record.services = bad[i].services;
		ck_assert_msg(slice_read(&record, set) == -EBADMSG, "%zu is taken", i);
	}
	rmrecord__resources__init(&record);
	record.paths = BYTES("/a\0");
	record.identities = one;
	record.processes = BYTES("\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0");
	record.services = BYTES("a.service\0");
	ck_assert_int_eq(slice_read(&record, set), 0);
}
END_TEST

/* ---- pidfds ---- */

START_TEST(test_pidfd_pool)
{
	enum {
		N = MAX_REGISTERED_PIDFDS + 8
	};
	struct pidfd_pool pool = {.n = 0};
	struct clock_base clock;
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct process_resolver resolver = {proc_fd, &clock, &pool};
	pid_t children[N];
	uint32_t i;
	int fd;

	clock_base_take(&clock);
	for (uint32_t n = 0; n < N; n++) {
		struct procfs_stat stat;

		children[n] = child_start(NULL);
		ck_assert_int_eq(procfs_read_stat(proc_fd, children[n], &stat), 0);
		ck_assert_int_eq(
			resource_add_process(set, (uint32_t)children[n], stat.start_time, 0, &i),
			0);
		ck_assert_int_eq(resource_process_resolve(set, i, &resolver, 0), 0);
		ck_assert_int_eq(resource_process_at(set, i)->slot >= 0, n < MAX_REGISTERED_PIDFDS);
	}
	ck_assert_uint_eq(pool.n, MAX_REGISTERED_PIDFDS);
	for (i = 0; i < N; i++) {
		ck_assert_int_eq(resource_process_is_alive(set, i, &resolver), true);
		ck_assert_int_eq(resource_process_open(set, i, &resolver, &fd), 0);
		ck_assert_int_eq(close(fd), 0);
	}
	child_end(children[3]);
	child_end(children[N - 1]);
	/* One more makes room for itself. */
	ck_assert_int_eq(resource_process_resolve(set, N - 2, &resolver, 0), 0);
	ck_assert_int_ge(resource_process_at(set, N - 2)->slot, 0);
	ck_assert_int_eq(resource_process_at(set, 3)->slot, -1);
	ck_assert_int_eq(resource_process_is_alive(set, 3, &resolver), false);
	ck_assert_int_eq(resource_process_is_alive(set, N - 1, &resolver), false);
	ck_assert_int_eq(resource_process_open(set, N - 1, &resolver, &fd), -ESRCH);
	for (i = 0; i < N - 1; i++) {
		if (i != 3) {
			child_end(children[i]);
		}
	}
	pidfd_pool_drop(&pool, set);
	ck_assert_uint_eq(pool.n, 0);
	ck_assert_int_eq(close(proc_fd), 0);
}
END_TEST

/* ---- memory ---- */

/* What a file costs beyond its path; so a million of them are affordable. */
START_TEST(test_bytes_per_file)
{
	enum {
		N = 20000
	};
	size_t before = mallinfo2().uordblks;
	size_t texts = 0;
	char path[64];

	for (unsigned int i = 0; i < N; i++) {
		texts += (size_t)snprintf(path, sizeof(path), "/usr/lib/program/module-%u", i) + 1;
		(void)add_path(path, false);
	}
	if (mallinfo2().uordblks > before) { /* else the allocator is a checker's */
		ck_assert_uint_lt(mallinfo2().uordblks - before, texts + 48 * N);
	}
	ck_assert_uint_eq(resource_set_clear(set, 10), 10);
	ck_assert_uint_eq(resource_count(set, RESOURCE_FILE), 0);
	while (resource_set_clear(set, 100) == 100) {
	}
	if (mallinfo2().uordblks > 0) {
		ck_assert_uint_le(mallinfo2().uordblks, before + 65536);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("resource");
	TCase *tcase = fixture_case(suite, "sets");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_empty);
	tcase_add_test(tcase, test_each_once);
	tcase_add_test(tcase, test_long_paths);
	tcase_add_loop_test(tcase, test_random, 0, 4);
	tcase_add_test(tcase, test_identities);
	tcase_add_test(tcase, test_identity_is_made_small);
	tcase_add_test(tcase, test_bad_slices);
	tcase_add_test(tcase, test_pidfd_pool);
	tcase_add_test(tcase, test_bytes_per_file);
	return fixture_run(suite);
}
