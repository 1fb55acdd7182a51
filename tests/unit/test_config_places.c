/* SPDX-License-Identifier: MIT */
/*
 * Where the configuration says that an error is: of several errors the first, a section's header
 * however far above, a value that looks like its key, lines at the library's limit, NUL bytes.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/config.h"
#include "proto/limits.h"
#include "tests/unit/fixture.h"

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define BYTES_190 FIFTY FIFTY FIFTY TEN TEN TEN TEN

static int read_bytes(struct config *config, const char *bytes, size_t size,
		      struct config_error *ret_error)
{
	const char *path = fixture_path("conf");

	file_put(path, bytes, size);
	return config_read(config, path, ret_error);
}

static const struct {
	const char *text;
	unsigned int line;
	unsigned int column;
	const char *what;
} wrong[] = {
	/* sections */
	{"\n  [limits]\n\n# c\nMaxSessions=5\n", 2, 4, "this section is unknown"},
	{"[Policy]\nNeverStop=a\n[Polcy]\nNeverStop=b\n", 3, 2, "this section is unknown"},
	{"[Limits]\n[X]\n[Y]\nk=v\n", 3, 2, "this section is unknown"},
	{"[ Limits ]\nMaxSessions=5\n", 1, 2, "this section is unknown"},
	{"[]\nMaxSessions=5\n", 1, 1, "this section is unknown"},
	{"\n  MaxSessions=5\n[Limits]\n", 2, 3, "this section is unknown"},
	{"[" FIFTY TEN "]\n\nMaxSessions=5\n", 1, 2, "this section is unknown"},
	/* keys */
	{"[Limits]\n\n\t QueryMs=5\n", 3, 3, "this key is unknown"},
	{"[Limits]\n=5\n", 2, 1, "this key is unknown"},
	{"[Limits]\n" FIFTY FIFTY FIFTY "=5\n", 2, 1, "this key is unknown"},
	/* values */
	{"[Limits]\nMaxSessions=MaxSessions\n", 2, 13, "this value is not possible"},
	{"[Limits]\nMaxSessions==\n", 2, 13, "this value is not possible"},
	{"[Timeouts]\nEndMs=nd\n", 2, 7, "this value is not possible"},
	{"[Timeouts]\nEndMs : Ms ; c\n", 2, 9, "this value is not possible"},
	{"[Limits]\nMaxSessions=5\n  x\n", 3, 3, "this value is not possible"},
	{"[Limits]\nMaxSessions=5\n  MaxSessions=6\n", 3, 3, "this value is not possible"},
	{"[Limits]\nMaxSessions=" FIFTY FIFTY FIFTY "\n", 2, 13, "this value is not possible"},
	/* lines */
	{"x", 1, 1, "this line is neither"},
	{"[Limits]\r\n   MaxSessions\r\n", 2, 4, "this line is neither"},
	{"[Limits]\n\x1B[2J\n", 2, 1, "this line is neither"},
	/* of two errors the first */
	{"garbage\n[Limits]\nMaxSession=5\n", 1, 1, "this line is neither"},
	{"[Limits]\n  garbage\nMaxSessions=x\n", 2, 3, "this line is neither"},
	{"garbage\n[X]\nMaxSessions=x\n", 1, 1, "this line is neither"},
	{"[Limits]\nMaxSessions=x\ngarbage\n", 2, 13, "this value is not possible"},
	{"[Limits]\nA=1\nB=2\n", 2, 1, "this key is unknown"},
	{"garbage\n#" BYTES_190 TEN "\n", 1, 1, "this line is neither"},
	/* A line of 200 bytes is not read as two, whatever it is. */
	{"\n#" BYTES_190 "123456789\n", 2, 1, "this line is too long; expected at most 199 bytes"},
	{"[Limits]\n#" BYTES_190 "12345678MaxSessions=9\n", 2, 1, "this line is too long"},
	{"[Policy]\n  NeverStop=" BYTES_190 " " TEN "\n", 2, 3, "this line is too long"},
};

START_TEST(test_wrong)
{
	struct config config;
	struct config_error error;
	char expected[512];

	config_init(&config);
	ck_assert_int_eq(read_bytes(&config, wrong[_i].text, strlen(wrong[_i].text), &error),
			 -EINVAL);
	(void)snprintf(expected, sizeof(expected), "%s:%u:%u: %s", fixture_path("conf"),
		       wrong[_i].line, wrong[_i].column, wrong[_i].what);
	error.text[strnlen(expected, sizeof(error.text) - 1)] = '\0'; /* what it expected */
	ck_assert_str_eq(error.text, expected);
	ck_assert_uint_eq(error.line, wrong[_i].line);
	ck_assert_uint_eq(error.column, wrong[_i].column);
	ck_assert_ptr_null(config.path);
	config_done(&config);
}
END_TEST

/* What stands behind a NUL would not be read. */
static const struct {
	const char *text;
	size_t size;
	unsigned int line;
	unsigned int column;
} nuls[] = {
	{"\0", 1, 1, 1},
	{"[Limits]\nMax\0Sessions=5\n", 24, 2, 4},
	{"[Limits]\nMaxSessions=5\n\0", 24, 3, 1},
	{"# \0\n[Limits]\n", 13, 1, 3},
	{"garbage\n\0", 9, 2, 1},
};

START_TEST(test_nul)
{
	struct config config;
	struct config_error error;

	config_init(&config);
	ck_assert_int_eq(read_bytes(&config, nuls[_i].text, nuls[_i].size, &error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "a NUL byte"));
	ck_assert_uint_eq(error.line, nuls[_i].line);
	ck_assert_uint_eq(error.column, nuls[_i].column);
	config_done(&config);
}
END_TEST

/* Lines of 199 bytes are whole, and the next one is a line of its own. */
static const struct {
	const char *text;
	uint32_t max_sessions;
} longest[] = {
	{"#" BYTES_190 "12345678\n[Limits]\nMaxSessions=9\n", 9},
	{"[Limits]\nMaxSessions=9\n#" BYTES_190 "12345678", 9},
	{"[Limits]\nMaxSessions=9 ; " FIFTY FIFTY FIFTY TEN TEN "12345678901\n  7\n", 7},
};

START_TEST(test_longest)
{
	struct config config;
	struct config_error error;

	config_init(&config);
	ck_assert_int_eq(read_bytes(&config, longest[_i].text, strlen(longest[_i].text), &error),
			 0);
	ck_assert_uint_eq(config.max_sessions, longest[_i].max_sessions);
	config_done(&config);
}
END_TEST

/* Whatever pieces make the file: it is read, or refused at a place that it has. */
START_TEST(test_random_pieces)
{
	static const char *const pieces[] = {
		"[Limits]", "[Policy]",	   "[",	 "]", "\n",  "\n",
		"\n ",	    "=",	   "5",	 ";", " ; ", "\r\n",
		"\xFF",	    "MaxSessions", "\t", "#", FIFTY, "NeverStop"};
	struct random random = {.state = (uint64_t)_i + 1};
	unsigned int n_read = 0;

	for (unsigned int round = 0; round < 400; round++) {
		struct config config;
		struct config_error error;
		char text[2048];
		size_t size = 0;
		unsigned int n_lines = 1;
		int r;

		for (uint32_t n = random_below(&random, 25); n; n--) {
			const char *piece = pieces[random_below(&random, ARRAY_SIZE(pieces))];

			size += (size_t)snprintf(text + size, sizeof(text) - size, "%s", piece);
			n_lines += strchr(piece, '\n') != NULL;
		}
		config_init(&config);
		r = read_bytes(&config, text, size, &error);
		n_read += r == 0;
		if (r < 0) {
			ck_assert_int_eq(r, -EINVAL);
			ck_assert_uint_ge(error.line, 1);
			ck_assert_uint_le(error.line, n_lines);
			ck_assert_uint_ge(error.column, 1);
			ck_assert_uint_le(error.column, size + 1);
		}
		config_done(&config);
	}
	ck_assert_uint_gt(n_read, 0);
	ck_assert_uint_lt(n_read, 400);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_places");
	TCase *tcase = fixture_case(suite, "places");

	tcase_add_loop_test(tcase, test_wrong, 0, ARRAY_SIZE(wrong));
	tcase_add_loop_test(tcase, test_nul, 0, ARRAY_SIZE(nuls));
	tcase_add_loop_test(tcase, test_longest, 0, ARRAY_SIZE(longest));
	tcase_add_loop_test(tcase, test_random_pieces, 0, 5);
	return fixture_run(suite);
}
