/* SPDX-License-Identifier: MIT */
/* Names of services (A20): prefixes, suffixes, what no unit can be called, and escapes. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/services.h"
#include "tests/unit/fixture.h"

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define LONG_255 FIFTY FIFTY FIFTY FIFTY FIFTY "01234"

static const struct {
	const char *text;
	const char *normal; /* NULL: refused */
	bool is_possible;
} names[] = {
	{"ssh", "ssh.service", true},
	{"ssh.service", "ssh.service", true},
	{"user:ssh", "user:ssh.service", true},
	{"system:ssh.service", "system:ssh.service", true},
	{"cups.socket", "cups.socket", true},
	{"getty@tty1", "getty@tty1.service", true},
	{"a@b.service", "a@b.service", true},
	{"a@", "a@.service", true},
	{"org.gnome.Shell@x11", "org.gnome.Shell@x11.service", true},
	{"foo.bar", "foo.bar.service", true},
	{"SSH", "SSH.service", true}, /* case-sensitive: another one */
	{"User:ssh", "User:ssh.service", true},
	{"user:user:x", "user:user:x.service", true},
	{"dev-disk-by\\x2dlabel.swap", "dev-disk-by\\x2dlabel.swap", true},
	{".service", ".service.service", true},
	{"no such service", "no such service.service", false},
	{"../etc/passwd", "../etc/passwd.service", false},
	{"a/b.service", "a/b.service", false},
	{"\x1B[2J", "\x1B[2J.service", false},
	{"caf\xC3\xA9", "caf\xC3\xA9.service", false},
	{"a\nb", "a\nb.service", false},
	{"@.service", "@.service", false},
	{LONG_255, LONG_255 ".service", false},
	{LONG_255 "x", NULL, false},
	{"", NULL, false},
	{"user:", NULL, false},
	{"system:", NULL, false},
};

START_TEST(test_parse)
{
	size_t size = strlen(names[_i].text);
	char *copy = malloc(size + 1); /* as it comes: without a NUL */
	char text[SERVICES_NAME_BYTES];
	struct service_name name;
	int r;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, names[_i].text, size);
	copy[size] = 'x';
	r = services_parse_name(copy, size, &name);
	free(copy);
	ck_assert_int_eq(r, names[_i].normal ? 0 : -EINVAL);
	if (r == 0) {
		services_format_name(&name, text);
		ck_assert_str_eq(text, names[_i].normal);
		ck_assert_int_eq(name.is_possible, names[_i].is_possible);
		ck_assert_int_eq(services_unit_is_valid(name.unit), names[_i].is_possible);
	}
}
END_TEST

START_TEST(test_nul)
{
	struct service_name name;

	ck_assert_int_eq(services_parse_name("a\0b", 3, &name), -EINVAL);
}
END_TEST

static const struct {
	const char *name;
	bool user;
	bool system;
} matches[] = {
	{"ssh", true, true},	      {"user:ssh", true, false}, {"system:ssh", false, true},
	{"ssh.socket", false, false}, {"SSH", false, false},
};

START_TEST(test_matches)
{
	struct service_name name;

	ck_assert_int_eq(services_parse_name(matches[_i].name, strlen(matches[_i].name), &name), 0);
	ck_assert_int_eq(services_name_matches(&name, "ssh.service", true), matches[_i].user);
	ck_assert_int_eq(services_name_matches(&name, "ssh.service", false), matches[_i].system);
}
END_TEST

static const struct {
	const char *text;
	const char *plain; /* NULL: refused */
} escapes[] = {
	{"", ""},
	{"plain", "plain"},
	{"qemu\\x2d1\\x2dfoo", "qemu-1-foo"},
	{"\\x5c", "\\"},
	{"\\x2D", "-"},
	{"\\xfF", "\xFF"},
	{"\\x00", NULL},
	{"\\x2", NULL},
	{"\\x", NULL},
	{"\\", NULL},
	{"\\n", NULL},
	{"\\xg0", NULL},
	{"\\x0g", NULL},
	{"123456789012345", "123456789012345"},
	{"1234567890123456", NULL}, /* does not fit */
};

START_TEST(test_unescape)
{
	char plain[16];
	ssize_t n =
		services_unescape(escapes[_i].text, strlen(escapes[_i].text), plain, sizeof(plain));

	if (!escapes[_i].plain) {
		ck_assert_int_eq(n, -EINVAL);
		return;
	}
	ck_assert_int_eq(n, (ssize_t)strlen(escapes[_i].plain));
	ck_assert_str_eq(plain, escapes[_i].plain);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("services");
	TCase *tcase = fixture_case(suite, "services");

	tcase_add_loop_test(tcase, test_parse, 0, ARRAY_SIZE(names));
	tcase_add_test(tcase, test_nul);
	tcase_add_loop_test(tcase, test_matches, 0, ARRAY_SIZE(matches));
	tcase_add_loop_test(tcase, test_unescape, 0, ARRAY_SIZE(escapes));
	return fixture_run(suite);
}
