/* SPDX-License-Identifier: MIT */
/* Mapped files: the text of maps with hostile names and in any pieces, and the kernel's own two
 * ways to tell them, which must agree. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/scan/mappings.h"
#include "tests/unit/fixture.h"

struct found {
	struct mapping mappings[512];
	size_t n;
	int result; /* of the callback */
};

static int on_mapping(const struct mapping *mapping, void *userdata)
{
	struct found *found = userdata;

	ck_assert_uint_lt(found->n, ARRAY_SIZE(found->mappings));
	found->mappings[found->n++] = *mapping;
	return found->result;
}

#define NUMBERS "7f0000000000-7f0000001000 r-xp 00002000 08:01 4711"

static const struct {
	const char *text;
	int result;
	size_t n;
} lines[] = {
	{NUMBERS "                   /usr/lib/libc.so.6\n", 0, 1},
	{NUMBERS " /a\\012b (deleted)\n", 0, 1},
	{NUMBERS " /a (deleted) (deleted)\n" NUMBERS "\n", 0, 2},
	{NUMBERS "\n", 0, 1},
	{NUMBERS " \n", 0, 1},
	{NUMBERS " " NUMBERS "\n", 0, 1},
	{"", 0, 0},
	{NUMBERS, 0, 0}, /* no whole line */
	{"7ffc0000-7ffd0000 rw-p 00000000 00:00 0   [stack]\n" NUMBERS "\n", 0, 1},
	/* Inode 0 on a device: System V memory. */
	{"7ffc0000-7ffd0000 rw-s 00000000 00:01 0   /SYSV00000000 (deleted)\n", 0, 1},
	{"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]\n", 0, 0},
	{"0-ffffffffffffffff rwxp 0 ffffffff:ffffffff 18446744073709551615 /x\n", 0, 1},
	{"0-10000000000000000 rwxp 0 1:1 1 /x\n", -EBADMSG, 0},
	{"0-1 rwxp 0 1:1 18446744073709551616 /x\n", -EBADMSG, 0},
	{"0-1 rwxp 0 100000000:1 1 /x\n", -EBADMSG, 0},
	{"2-1 rwxp 0 1:1 1 /x\n", -EBADMSG, 0},
	{"1-2 rwx 0 1:1 1 /x\n", -EBADMSG, 0},
	{"1-2 rwxp 0 1:1 1/x\n", -EBADMSG, 0},
	{"1-2 rwxp 0 1:1 a /x\n", -EBADMSG, 0},
	{"1-2 rwxp 0 1:1 \n", -EBADMSG, 0},
	{"1-2 rwxp 0 1 1 /x\n", -EBADMSG, 0},
	{"1-2\n", -EBADMSG, 0},
	{"-2 rwxp 0 1:1 1 /x\n", -EBADMSG, 0},
	{"\n", -EBADMSG, 0},
	{"/etc/passwd\n", -EBADMSG, 0},
};

START_TEST(test_lines)
{
	struct maps_parser parser = {0};
	struct found found = {0};

	ck_assert_int_eq(maps_parser_feed(&parser, lines[_i].text, strlen(lines[_i].text),
					  on_mapping, &found),
			 lines[_i].result);
	ck_assert_uint_eq(found.n, lines[_i].n);
}
END_TEST

START_TEST(test_numbers)
{
	static const char text[] = NUMBERS " /x\n";
	struct maps_parser parser = {0};
	struct found found = {0};

	ck_assert_int_eq(maps_parser_feed(&parser, text, sizeof(text) - 1, on_mapping, &found), 0);
	ck_assert_uint_eq(found.mappings[0].address, UINT64_C(0x7f0000000000));
	ck_assert_uint_eq(found.mappings[0].end, UINT64_C(0x7f0000001000));
	ck_assert_uint_eq(found.mappings[0].device, makedev(8, 1));
	ck_assert_uint_eq(found.mappings[0].inode, 4711);
}
END_TEST

/* Cut into pieces of any one size it says the same. */
START_TEST(test_pieces)
{
	static const char text[] = NUMBERS " /first\n" NUMBERS " /sec\\012ond (deleted)\n"
					   "1-2 rw-p 00000000 00:00 0\n" NUMBERS "\n";

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct maps_parser parser = {0};
		struct found found = {0};

		for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
			size_t left = sizeof(text) - 1 - at;
			size_t n = left < piece ? left : piece;
			char *copy = malloc(n); /* so that reading beyond it is seen */

			ck_assert_ptr_nonnull(copy);
			memcpy(copy, text + at, n);
			ck_assert_int_eq(maps_parser_feed(&parser, copy, n, on_mapping, &found), 0);
			free(copy);
		}
		ck_assert_uint_eq(found.n, 3);
		ck_assert_uint_eq(found.mappings[2].inode, 4711);
	}
}
END_TEST

static int count_mapping(const struct mapping *mapping, void *userdata)
{
	ck_assert_uint_eq(mapping->inode, 4711);
	(*(size_t *)userdata)++;
	return 0;
}

/* 60,000 lines, each with a name of two pages. */
START_TEST(test_many_long_lines)
{
	char line[8192 + sizeof(NUMBERS)];
	struct maps_parser parser = {0};
	size_t n = 0;

	memset(line, 'x', sizeof(line));
	memcpy(line, NUMBERS " /", sizeof(NUMBERS " /") - 1);
	line[sizeof(line) - 1] = '\n';
	for (unsigned int i = 0; i < 60000; i++) {
		ck_assert_int_eq(maps_parser_feed(&parser, line, sizeof(line), count_mapping, &n),
				 0);
	}
	ck_assert_uint_eq(n, 60000);
}
END_TEST

START_TEST(test_callback_ends_it)
{
	static const char text[] = NUMBERS "\n" NUMBERS "\n";
	struct maps_parser parser = {0};
	struct found found = {.result = -ENOMEM};

	ck_assert_int_eq(maps_parser_feed(&parser, text, sizeof(text) - 1, on_mapping, &found),
			 -ENOMEM);
	ck_assert_uint_eq(found.n, 1);
}
END_TEST

static int open_proc(void)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static int open_maps(pid_t pid)
{
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void read_all(pid_t pid, bool by_text, struct found *ret_found)
{
	int fd = open_maps(pid);

	ret_found->n = 0;
	ret_found->result = 0;
	ck_assert_int_eq(mappings_read(fd, by_text, NULL, on_mapping, ret_found), 0);
	ck_assert_int_eq(mappings_are_alive(fd, by_text), true);
	ck_assert_int_eq(close(fd), 0);
}

/* A file, of which the text is known to be right by stat(2), and all else by both ways alike. */
START_TEST(test_both_ways)
{
	static struct found by_text;
	static struct found by_query;
	int proc_fd = open_proc();
	const char *path = fixture_path("odd (deleted)\nname");
	pid_t pid;
	struct stat st;
	void *map;
	int fd;
	bool is_found = false;

	file_put(path, "x", 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &st), 0);
	map = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	ck_assert_int_eq(close(fd), 0);
	pid = child_start(NULL); /* it holds still */
	read_all(pid, true, &by_text);
	for (size_t i = 0; i < by_text.n; i++) {
		is_found |= by_text.mappings[i].address == (uint64_t)(uintptr_t)map &&
			    by_text.mappings[i].inode == st.st_ino;
	}
	ck_assert_int_eq(is_found, true);
	if (mappings_have_query(proc_fd)) {
		read_all(pid, false, &by_query);
		ck_assert_uint_eq(by_text.n, by_query.n);
		ck_assert_mem_eq(by_text.mappings, by_query.mappings,
				 by_text.n * sizeof(struct mapping));
	}
	child_end(pid);
	ck_assert_int_eq(munmap(map, 1), 0);
	ck_assert_int_eq(close(proc_fd), 0);
}
END_TEST

/* The maps of a program that has been left answer no more. */
static void check_left(bool by_text)
{
	struct found found = {0};
	int go[2];
	int gone[2];
	char byte;
	pid_t pid;
	int fd;

	ck_assert_int_eq(pipe2(go, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(gone, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (read(go[0], &byte, 1) == 1) {
			(void)execl("/bin/sleep", "sleep", "1000", (char *)NULL);
		}
		_exit(1);
	}
	fd = open_maps(pid);
	ck_assert_int_eq(mappings_are_alive(fd, by_text), true);
	ck_assert_int_eq(close(gone[1]), 0);
	ck_assert_int_eq(write(go[1], "x", 1), 1);
	ck_assert_int_eq(read(gone[0], &byte, 1), 0); /* exec has closed the other end */
	ck_assert_int_eq(mappings_are_alive(fd, by_text), false);
	ck_assert_int_eq(mappings_read(fd, by_text, NULL, on_mapping, &found), -ESRCH);
	ck_assert_uint_eq(found.n, 0);
	ck_assert_int_eq(close(fd), 0);
	child_end(pid);
	ck_assert_int_eq(close(go[0]), 0);
	ck_assert_int_eq(close(go[1]), 0);
	ck_assert_int_eq(close(gone[0]), 0);
}

START_TEST(test_left_memory)
{
	int proc_fd = open_proc();

	check_left(true);
	if (mappings_have_query(proc_fd)) {
		check_left(false);
	}
	ck_assert_int_eq(close(proc_fd), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mappings");
	TCase *text = fixture_case(suite, "text");
	TCase *kernel = fixture_case(suite, "kernel");

	tcase_add_loop_test(text, test_lines, 0, ARRAY_SIZE(lines));
	tcase_add_test(text, test_numbers);
	tcase_add_test(text, test_pieces);
	tcase_add_test(text, test_many_long_lines);
	tcase_add_test(text, test_callback_ends_it);
	tcase_add_test(kernel, test_both_ways);
	tcase_add_test(kernel, test_left_memory);
	return fixture_run(suite);
}
