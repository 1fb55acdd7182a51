/* SPDX-License-Identifier: MIT */
/* The running kernel against the images in a directory that stands for /boot. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "broker/scan/kernel_state.h"
#include "tests/unit/fixture.h"

static struct utsname names;

static void read_names(void)
{
	ck_assert_int_eq(uname(&names), 0);
}

/* ---- images ---- */

#define IMAGE_BYTES 2048u

/* The head of an image whose version text lies at `at`, counted from 0x200. */
static void fill_image(uint8_t image[IMAGE_BYTES], unsigned int at, const char *version)
{
	memset(image, 0, IMAGE_BYTES);
	memcpy(image + 0x202, "HdrS", 4);
	image[0x20E] = (uint8_t)(at & 0xff);
	image[0x20F] = (uint8_t)(at >> 8);
	if (0x200 + at + strlen(version) < IMAGE_BYTES) {
		memcpy(image + 0x200 + at, version, strlen(version) + 1);
	}
}

START_TEST(test_find_version)
{
	uint8_t image[IMAGE_BYTES];
	const char *version;

	fill_image(image, 0x3F0, "6.1.0-18-amd64 (x) #1 SMP");
	version = kernel_state_find_version(image, sizeof(image));
	ck_assert_ptr_nonnull(version);
	ck_assert_str_eq(version, "6.1.0-18-amd64 (x) #1 SMP");

	/* At every length: only what is there is looked at. */
	for (size_t size = 0; size <= sizeof(image); size++) {
		uint8_t *cut = malloc(size + !size);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, image, size);
		version = kernel_state_find_version(cut, size);
		ck_assert_int_eq(version != NULL, size >= 0x5F0 +
								  strlen("6.1.0-18-amd64 (x) "
									 "#1 SMP") +
								  1);
		free(cut);
	}
}
END_TEST

START_TEST(test_no_version)
{
	uint8_t image[IMAGE_BYTES];

	fill_image(image, 0, "x"); /* 0: there is none */
	ck_assert_ptr_null(kernel_state_find_version(image, sizeof(image)));
	fill_image(image, 0xFFFF, "x"); /* behind what was read */
	ck_assert_ptr_null(kernel_state_find_version(image, sizeof(image)));
	fill_image(image, IMAGE_BYTES - 0x200 - 1, "");
	image[IMAGE_BYTES - 1] = 'x'; /* does not end */
	ck_assert_ptr_null(kernel_state_find_version(image, sizeof(image)));
	fill_image(image, 0x100, "x");
	image[0x202] = 'h';
	ck_assert_ptr_null(kernel_state_find_version(image, sizeof(image)));
	ck_assert_ptr_null(kernel_state_find_version(image, 0));
}
END_TEST

/* ---- sorts ---- */

static const struct {
	const char *a;
	const char *b;
	bool is_same;
} sorts[] = {
	{"6.1.0-18-amd64", "6.1.0-20-amd64", true},
	{"6.1.0-18-amd64", "6.10.11+bpo-amd64", true},
	{"6.1.0-18-amd64", "6.1.0-18-rt-amd64", false},
	{"6.1.0-18-cloud-amd64", "6.1.0-18-amd64", false},
	{"5.15.0-91-generic", "6.5.0-14-generic", true},
	{"5.15.0-91-generic", "5.15.0-91-lowlatency", false},
	{"6.5.6-300.fc39.x86_64", "6.6.2-101.fc40.x86_64", true},
	{"6.6.1-arch1-1", "6.6.3-arch2-1", true},
	{"6.6.1-arch1-1", "6.6.3-zen1-1", false},
	{"6.1.60-1-lts", "6.6.3-arch1-1", false},
	{"6.4.0-150600.21-default", "6.4.0-150600.23-default", true},
	{"6.7.0", "6.7.0-rc3", false},
	{"6.7.0", "6.8.1", true},
	{"", "6.8.1", true},
	{"6.1-", "6.1--", true},
	{"6.1-a", "6.1-ab", false},
	{"6.1-9", "6.1-9-", true},
};

START_TEST(test_sorts)
{
	for (size_t i = 0; i < ARRAY_SIZE(sorts); i++) {
		ck_assert_msg(kernel_state_is_same_sort(sorts[i].a, sorts[i].b) == sorts[i].is_same,
			      "%s %s", sorts[i].a, sorts[i].b);
		ck_assert_msg(kernel_state_is_same_sort(sorts[i].b, sorts[i].a) == sorts[i].is_same,
			      "%s %s", sorts[i].b, sorts[i].a);
	}
}
END_TEST

/* ---- directories ---- */

static void put_image(const char *prefix, const char *release, const char *version)
{
	uint8_t image[IMAGE_BYTES];
	char name[400];

	(void)snprintf(name, sizeof(name), "%s%s", prefix, release);
	fill_image(image, 0x100, version ? version : "");
	file_put(fixture_path(name), image, version ? sizeof(image) : 0);
}

static struct kernel_state read_state(void)
{
	struct kernel_state state;

	kernel_state_read(fixture_path("."), &state);
	ck_assert_str_eq(state.running, names.release);
	return state;
}

/* The running release with something behind its first number: newer or older, and of its sort. */
static const char *other_release(int difference)
{
	static char release[128];
	char *rest;
	long first = strtol(names.release, &rest, 10);

	(void)snprintf(release, sizeof(release), "%ld%s", first + difference, rest);
	return release;
}

START_TEST(test_nothing_installed)
{
	struct kernel_state state = read_state();

	ck_assert_str_eq(state.installed, "");
	ck_assert(!state.is_stale);
	kernel_state_read(fixture_path("missing"), &state);
	ck_assert_str_eq(state.running, names.release);
	ck_assert_str_eq(state.installed, "");
	ck_assert(!state.is_stale);
}
END_TEST

START_TEST(test_running_is_newest)
{
	struct kernel_state state;

	put_image("vmlinuz-", names.release, NULL);
	put_image("vmlinuz-", other_release(-1), NULL);
	state = read_state();
	ck_assert_str_eq(state.installed, names.release);
	ck_assert(!state.is_stale);
}
END_TEST

START_TEST(test_newer)
{
	static const char *const prefixes[] = {"vmlinuz-", "vmlinux-", "kernel-", "Image-"};
	struct kernel_state state;

	put_image("vmlinuz-", names.release, NULL);
	put_image(prefixes[_i], other_release(1), NULL);
	state = read_state();
	ck_assert_str_eq(state.installed, other_release(1));
	ck_assert(state.is_stale);
}
END_TEST

/* Numbers count as numbers: 9 is before 18. */
START_TEST(test_version_order)
{
	struct kernel_state state;
	char longer[160];

	(void)snprintf(longer, sizeof(longer), "%s", other_release(9));
	put_image("vmlinuz-", longer, NULL);
	put_image("vmlinuz-", other_release(1), NULL);
	state = read_state();
	ck_assert_str_eq(state.installed, longer);
	ck_assert(state.is_stale);
}
END_TEST

/* None of these is a kernel that could run next. */
START_TEST(test_others)
{
	static const char *const prefixes[] = {
		"initrd.img-", "config-",     "vmlinuz-rescue-",    "vmlinuz",
		"vmlinuz-",    "System.map-", "vmlinuz-6.1.0-old-", "vmlinuz-x"};
	char name[300];
	struct kernel_state state;

	put_image(prefixes[_i], _i == 4 ? "" : other_release(1), NULL);
	(void)snprintf(name, sizeof(name), "%s.dpkg-tmp", other_release(1));
	put_image("vmlinuz-", name, NULL);
	(void)snprintf(name, sizeof(name), "%s-rescue-1", other_release(1));
	put_image("vmlinuz-", name, NULL);
	(void)snprintf(name, sizeof(name), "9%0200d", 1); /* longer than a release */
	put_image("vmlinuz-", name, NULL);
	state = read_state();
	ck_assert_str_eq(state.installed, "");
	ck_assert(!state.is_stale);
}
END_TEST

/* The same release, built again: the image tells another build than uname(2). */
START_TEST(test_other_build)
{
	char version[512];
	struct kernel_state state;

	(void)snprintf(version, sizeof(version), "%s (who@where) %s", names.release, names.version);
	put_image("vmlinuz-", names.release, version);
	state = read_state();
	ck_assert(!state.is_stale);
	(void)snprintf(version, sizeof(version), "%s (who@where) #7 SMP another build",
		       names.release);
	put_image("vmlinuz-", names.release, version);
	state = read_state();
	ck_assert(state.is_stale);
	ck_assert_str_eq(state.installed, names.release);
	put_image("vmlinuz-", names.release, NULL); /* says nothing */
	ck_assert(!read_state().is_stale);
}
END_TEST

/* A link, a directory and a fifo of the running release's name are not read. */
START_TEST(test_no_files)
{
	char name[256];

	(void)snprintf(name, sizeof(name), "vmlinuz-%s", names.release);
	ck_assert_int_eq(mkdir(fixture_path(name), 0700), 0);
	ck_assert(!read_state().is_stale);
	ck_assert_int_eq(remove(fixture_path(name)), 0);
	put_image("image", "", "another #9");
	ck_assert_int_eq(symlink(fixture_path("image"), fixture_path(name)), 0);
	ck_assert(!read_state().is_stale);
	ck_assert_int_eq(remove(fixture_path(name)), 0);
	ck_assert_int_eq(mkfifo(fixture_path(name), 0600), 0);
	ck_assert(!read_state().is_stale);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernels");
	TCase *tcase = fixture_case(suite, "kernels");

	tcase_add_checked_fixture(tcase, read_names, NULL);
	tcase_add_test(tcase, test_find_version);
	tcase_add_test(tcase, test_no_version);
	tcase_add_test(tcase, test_sorts);
	tcase_add_test(tcase, test_nothing_installed);
	tcase_add_test(tcase, test_running_is_newest);
	tcase_add_loop_test(tcase, test_newer, 0, 4);
	tcase_add_test(tcase, test_version_order);
	tcase_add_loop_test(tcase, test_others, 0, 8);
	tcase_add_test(tcase, test_other_build);
	tcase_add_test(tcase, test_no_files);
	return fixture_run(suite);
}
