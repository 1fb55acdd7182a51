/* SPDX-License-Identifier: MIT */
/*
 * rmctl's pure parts: numbers and options from the command line, exit codes, suggestions, texts
 * for times and sizes, the session that a verb is about. Each table is walked by a loop test.
 */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/rmctl/exit_code.h"
#include "client/rmctl/format.h"
#include "client/rmctl/options.h"
#include "client/rmctl/report.h"
#include "client/rmctl/suggest.h"
#include "client/rmctl/target.h"
#include "proto/base.h"

#define MAX_ARGUMENTS 8

/* ---- number_parse() ---- */

static const struct {
	const char *text;
	uint32_t max;
	uint32_t number; /* 0: refused */
} numbers[] = {
	{"1", UINT32_MAX, 1},
	{"4294967295", UINT32_MAX, 4294967295},
	{"4294967296", UINT32_MAX, 0},
	{"2147483647", MAX_PID, 2147483647},
	{"2147483648", MAX_PID, 0},
	{"18446744073709551616", UINT32_MAX, 0},
	{"18446744073709551617", UINT32_MAX, 0},
	{"99999999999999999999999999999999999999", UINT32_MAX, 0},
	{"007", UINT32_MAX, 7},
	{"5", 5, 5},
	{"6", 5, 0},
	{"0", UINT32_MAX, 0},
	{"", UINT32_MAX, 0},
	{"+1", UINT32_MAX, 0},
	{"-1", UINT32_MAX, 0},
	{" 1", UINT32_MAX, 0},
	{"1 ", UINT32_MAX, 0},
	{"1\n", UINT32_MAX, 0},
	{"0x10", UINT32_MAX, 0},
	{"1e3", UINT32_MAX, 0},
	{"1.0", UINT32_MAX, 0},
	{"\xD9\xA1", UINT32_MAX, 0}, /* Arabic-Indic digit one */
};

START_TEST(test_number)
{
	uint32_t number = 4711;
	bool parsed = number_parse(numbers[_i].text, numbers[_i].max, &number);

	ck_assert_int_eq(parsed, numbers[_i].number != 0);
	ck_assert_uint_eq(number, parsed ? numbers[_i].number : 4711);
}
END_TEST

/* ---- options ---- */

/* Copies a NULL-terminated list into one that getopt_long() may sort. */
static int copy_arguments(const char *const *from, char **to)
{
	int n = 0;

	for (; from[n]; n++) {
		to[n] = (char *)(uintptr_t)from[n];
	}
	to[n] = NULL;
	return n;
}

static const struct {
	const char *arguments[MAX_ARGUMENTS];
	int at; /* the verb's place; -1: refused */
	bool json, wait, help, version;
	enum color_when color;
} before_verb[] = {
	{{"rmctl"}, 1, .color = COLOR_AUTO},
	{{"rmctl", "status"}, 1, .color = COLOR_AUTO},
	{{"rmctl", "--json", "status", "--wait"}, 2, .json = true},
	{{"rmctl", "--wait", "--color=always", "status"}, 3, .wait = true, .color = COLOR_ALWAYS},
	{{"rmctl", "--color", "never", "status"}, 3, .color = COLOR_NEVER},
	{{"rmctl", "-hV"}, 2, .help = true, .version = true},
	{{"rmctl", "--", "--json"}, 2, .color = COLOR_AUTO},
	{{"rmctl", "--color", "sometimes"}, -1, .color = COLOR_AUTO},
	{{"rmctl", "--color"}, -1, .color = COLOR_AUTO},
	{{"rmctl", "--json=yes"}, -1, .json = false},
	{{"rmctl", "--owner=1", "start"}, -1, .color = COLOR_AUTO},
	{{"rmctl", "-x"}, -1, .color = COLOR_AUTO},
};

START_TEST(test_before)
{
	char *arguments[MAX_ARGUMENTS];
	int n = copy_arguments(before_verb[_i].arguments, arguments);
	struct options options = {0};

	ck_assert_int_eq(options_parse_before(n, arguments, &options), before_verb[_i].at);
	if (before_verb[_i].at >= 0) {
		ck_assert_int_eq(options.json, before_verb[_i].json);
		ck_assert_int_eq(options.wait, before_verb[_i].wait);
		ck_assert_int_eq(options.help, before_verb[_i].help);
		ck_assert_int_eq(options.version, before_verb[_i].version);
		ck_assert_int_eq(options.color, before_verb[_i].color);
	}
}
END_TEST

START_TEST(test_before_without_program)
{
	char *arguments[] = {NULL};
	struct options options = {0};

	ck_assert_int_eq(options_parse_before(0, arguments, &options), 0);
}
END_TEST

#define ALL (OPTIONS_COMMON | OPTION_OWNER | OPTION_SESSION | OPTION_COUNT | OPTION_HISTORY)

static const struct {
	const char *arguments[MAX_ARGUMENTS];
	unsigned allowed;
	int result;
	uint32_t owner, session, count;
	int n_arguments;
	const char *first;
} after_verb[] = {
	{{"end", "7"}, ALL, 0, .n_arguments = 1, .first = "7"},
	{{"end", "7", "--json"}, ALL, 0, .n_arguments = 1, .first = "7"},
	{{"end", "--session", "9", "7"}, ALL, 0, .session = 9, .n_arguments = 1, .first = "7"},
	{{"end", "--session=4294967295"}, ALL, 0, .session = UINT32_MAX},
	{{"end", "--session=4294967296"}, ALL, -1, .n_arguments = 0},
	{{"end", "--session="}, ALL, -1, .n_arguments = 0},
	{{"end", "--session=0"}, ALL, -1, .n_arguments = 0},
	{{"start", "--owner=1"}, ALL, 0, .owner = 1},
	{{"start", "--owner=2147483647"}, ALL, 0, .owner = MAX_PID},
	{{"start", "--owner=2147483648"}, ALL, -1, .n_arguments = 0},
	{{"start", "--owner=-1"}, ALL, -1, .n_arguments = 0},
	{{"start", "--owner"}, ALL, -1, .n_arguments = 0},
	{{"start", "--owner=1"}, OPTIONS_COMMON, -1, .n_arguments = 0},
	{{"watch", "--count", "12", "--history"}, ALL, 0, .count = 12},
	{{"watch", "--count=1x"}, ALL, -1, .n_arguments = 0},
	{{"join", "--", "-key"}, ALL, 0, .n_arguments = 1, .first = "-key"},
	{{"end", "-1"}, ALL, -1, .n_arguments = 0},
	{{"watch", "--follow"}, ALL, -1, .n_arguments = 0},
	{{"status", "a", "b", "c"}, ALL, 0, .n_arguments = 3, .first = "a"},
};

START_TEST(test_after)
{
	char *arguments[MAX_ARGUMENTS];
	int n = copy_arguments(after_verb[_i].arguments, arguments);
	struct options options = {0};
	int r = options_parse_after(n, arguments, after_verb[_i].allowed, &options);

	ck_assert_int_eq(r, after_verb[_i].result);
	if (r) {
		return;
	}
	ck_assert_uint_eq(options.owner, after_verb[_i].owner);
	ck_assert_uint_eq(options.session, after_verb[_i].session);
	ck_assert_uint_eq(options.count, after_verb[_i].count);
	ck_assert_int_eq(options.n_arguments, after_verb[_i].n_arguments);
	if (after_verb[_i].first) {
		ck_assert_str_eq(options.arguments[0], after_verb[_i].first);
	}
}
END_TEST

START_TEST(test_lists_of_options)
{
	const char *const from[] = {"who", "-rb",     "a",   "--recursive=c", "--package",
				    "p",   "--pid=7", "-l0", "--pids",	      NULL};
	char *arguments[ARRAY_SIZE(from)];
	int n = copy_arguments(from, arguments);
	_cleanup_(options_done) struct options options = {0};

	ck_assert_int_eq(options_parse_after(n, arguments,
					     OPTIONS_COMMON | OPTIONS_RESOURCES | OPTIONS_LISTING,
					     &options),
			 0);
	ck_assert_uint_eq(options.trees.n, 2);
	ck_assert_str_eq(options.trees.values[0], "b");
	ck_assert_str_eq(options.trees.values[1], "c");
	ck_assert_uint_eq(options.packages.n, 1);
	ck_assert_str_eq(options.packages.values[0], "p");
	ck_assert_uint_eq(options.pids_given.n, 1);
	ck_assert_str_eq(options.pids_given.values[0], "7");
	ck_assert_uint_eq(options.services.n, 0);
	ck_assert(options.long_form && options.null_separated && options.pids);
	ck_assert(!options.anew && !options.json);
	ck_assert_int_eq(options.n_arguments, 1);
	ck_assert_str_eq(options.arguments[0], "a");
}
END_TEST

/* Each option of one verb only, where another verb would not look at it. */
START_TEST(test_options_of_other_verbs)
{
	static const char *const words[] = {
		"-r.",	  "--package=x",  "--pid=1",	   "--service=x",
		"-l",	  "-0",		  "--pids",	   "--anew",
		"--join", "--no-restart", "--no-shutdown", "--executable=/x"};
	const char *const from[] = {"status", words[_i], NULL};
	char *arguments[ARRAY_SIZE(from)];
	int n = copy_arguments(from, arguments);
	_cleanup_(options_done) struct options options = {0};

	ck_assert_int_eq(options_parse_after(n, arguments, OPTIONS_COMMON, &options), -1);
}
END_TEST

static size_t count_lines(unsigned allowed)
{
	_cleanup_(freep) char *text = NULL;
	size_t size = 0, n = 0;
	FILE *file = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(file);
	options_print_help(allowed, file);
	ck_assert_int_eq(fclose(file), 0);
	for (size_t i = 0; i < size; i++) {
		n += text[i] == '\n';
	}
	return n;
}

START_TEST(test_help_lists_what_is_allowed)
{
	ck_assert_uint_eq(count_lines(0), 0);
	ck_assert_uint_eq(count_lines(OPTION_OWNER), 1);
	ck_assert_uint_eq(count_lines(OPTIONS_COMMON), 5);
	ck_assert_uint_eq(count_lines(OPTIONS_RESOURCES), 4);
	ck_assert_uint_eq(count_lines(OPTIONS_LISTING), 3);
	ck_assert_uint_eq(count_lines(UINT32_MAX), 22);
}
END_TEST

/* ---- the session that is meant ---- */

/* Takes the place of report.c, which needs the library. */
enum exit_code report_usage(const char *verb, const char *format, ...)
{
	ck_assert_str_eq(verb, "end");
	ck_assert_ptr_nonnull(format);
	return EXIT_USAGE;
}

static const struct {
	const char *argument;
	uint32_t option;
	const char *session, *key; /* the environment's */
	uint32_t id;		   /* 0: a usage error */
	bool has_key;
} targets[] = {
	{"7", 0, NULL, NULL, 7, false},	 {"7", 0, "7", NULL, 7, false},
	{"7", 0, "7", "k", 7, true},	 {"7", 0, "007", "k", 7, true},
	{"7", 0, "8", "k", 7, false},	 {"7", 0, "junk", "k", 7, false},
	{"7", 0, NULL, "k", 7, false},	 {"7", 0, "7", "", 7, false},
	{"7", 7, NULL, "k", 7, true},	 {"7", 7, "8", "k", 7, true},
	{"7", 8, "7", "k", 0, false},	 {"x", 0, "7", "k", 0, false},
	{"", 0, "7", "k", 0, false},	 {"4294967296", 0, "7", "k", 0, false},
	{NULL, 7, NULL, NULL, 7, false}, {NULL, 7, "junk", "k", 7, true},
	{NULL, 0, "7", "k", 7, true},	 {NULL, 0, "7", NULL, 7, false},
	{NULL, 0, "0", "k", 0, false},	 {NULL, 0, "junk", "k", 0, false},
	{NULL, 0, "", "k", 0, false},	 {NULL, 0, NULL, "k", 0, false},
};

static void set_environment(const char *name, const char *value)
{
	ck_assert_int_eq(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

START_TEST(test_target)
{
	char *arguments[] = {(char *)(uintptr_t)targets[_i].argument};
	struct options options = {
		.session = targets[_i].option,
		.arguments = arguments,
		.n_arguments = targets[_i].argument ? 1 : 0,
	};
	struct target target = {.id = 4711};
	enum exit_code code;

	set_environment("RM_SESSION", targets[_i].session);
	set_environment("RM_SESSION_KEY", targets[_i].key);
	code = target_find("end", &options, &target);
	if (targets[_i].id == 0) {
		ck_assert_int_eq(code, EXIT_USAGE);
		ck_assert_uint_eq(target.id, 4711);
		return;
	}
	ck_assert_int_eq(code, EXIT_DONE);
	ck_assert_uint_eq(target.id, targets[_i].id);
	ck_assert_pstr_eq(target.key, targets[_i].has_key ? targets[_i].key : NULL);
}
END_TEST

START_TEST(test_target_without_argument)
{
	char seven[] = "7", *arguments[] = {seven};
	struct options options = {.arguments = arguments, .n_arguments = 1};
	struct target target = {.id = 4711};

	set_environment("RM_SESSION", NULL);
	set_environment("RM_SESSION_KEY", "k");
	ck_assert_int_eq(target_find_option("end", &options, &target), EXIT_USAGE);
	set_environment("RM_SESSION", "8");
	ck_assert_int_eq(target_find_option("end", &options, &target), EXIT_DONE);
	ck_assert_uint_eq(target.id, 8);
	ck_assert_str_eq(target.key, "k");
}
END_TEST

/* ---- exit codes ---- */

static const struct {
	int code;
	bool no_broker;
	int exit_code;
} codes[] = {
	{0, false, 0},	  {0, true, 0},	    {1722, false, 3}, {121, false, 3}, {5, true, 3},
	{5, false, 8},	  {351, false, 4},  {350, false, 5},  {352, false, 6}, {1223, false, 7},
	{6, false, 8},	  {6, true, 8},	    {14, false, 8},   {29, false, 8},  {50, false, 8},
	{160, false, 8},  {183, false, 8},  {353, false, 8},  {776, false, 8}, {1168, false, 8},
	{1219, false, 8}, {99999, true, 8}, {-1, true, 8},
};

START_TEST(test_exit_code)
{
	ck_assert_int_eq(exit_code_from(codes[_i].code, codes[_i].no_broker), codes[_i].exit_code);
}
END_TEST

/* ---- suggestions ---- */

static const struct {
	const char *a, *b;
	size_t distance;
} distances[] = {
	{"", "", 0},
	{"", "end", 3},
	{"end", "", 3},
	{"end", "end", 0},
	{"wtach", "watch", 1},
	{"ends", "end", 1},
	{"nd", "end", 1},
	{"and", "end", 1},
	{"ca", "abc", 3}, /* the restricted distance: no letter moves twice */
	{"sessjons", "sessions", 1},
	{"kitten", "sitting", 3},
	{"1234567890123456789012345678901", "123456789012345678901234567890x", 1},
	{"12345678901234567890123456789012", "end", SIZE_MAX},
	{"end", "12345678901234567890123456789012", SIZE_MAX},
};

START_TEST(test_distance)
{
	ck_assert_uint_eq(suggest_distance(distances[_i].a, distances[_i].b),
			  distances[_i].distance);
}
END_TEST

static const struct {
	const char *word, *meant;
} suggestions[] = {
	{"sessjons", "sessions"},
	{"session", "sessions"},
	{"ls", NULL},
	{"", NULL},
	{"stauts", "status"},
	{"stat", "status"},
	{"ennd", "end"},
	{"xyz", NULL},
	{"satrt", "start"},
	{"wacth", "watch"},
	{"jion", "join"},
	{"sho", "show"},
	{"shwow", "show"},
	{"x", NULL},
	{"help", NULL},
	{"s", "start"},
	{"statuses", "status"},
	{"ens", "end"},
	{"start", "start"},
};

START_TEST(test_suggestion)
{
	static const char *const names[] = {"start", "join",  "sessions", "show",
					    "end",   "watch", "status"};
	const char *meant = suggest_name(suggestions[_i].word, names, ARRAY_SIZE(names));

	ck_assert_pstr_eq(meant, suggestions[_i].meant);
}
END_TEST

START_TEST(test_suggestion_of_a_long_word)
{
	static const char *const names[] = {"end"};
	char word[100000];

	memset(word, 'e', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	ck_assert_ptr_null(suggest_name(word, names, ARRAY_SIZE(names)));
	ck_assert_ptr_null(suggest_name("end", names, 0));
}
END_TEST

/* ---- texts ---- */

#define S 1000000ULL

static const struct {
	uint64_t us;
	const char *text;
} ages[] = {
	{0, "0ms"},
	{999, "0ms"},
	{1000, "1ms"},
	{999999, "999ms"},
	{S, "1s"},
	{59 * S + 999999, "59s"},
	{60 * S, "1m 0s"},
	{185 * S, "3m 5s"},
	{3599 * S, "59m 59s"},
	{3600 * S, "1h 0m"},
	{8059 * S, "2h 14m"},
	{86399 * S, "23h 59m"},
	{86400 * S, "1d 0h"},
	{(5 * 86400 + 3600) * S, "5d 1h"},
	{UINT64_MAX, "213503982d 8h"},
};

START_TEST(test_age)
{
	char text[FORMAT_SIZE];

	format_age(ages[_i].us, text, sizeof(text));
	ck_assert_str_eq(text, ages[_i].text);
}
END_TEST

static const struct {
	uint64_t us;
	const char *text;
} times[] = {
	{0, "1970-01-01T00:00:00.000Z"},
	{1700000000123456ULL, "2023-11-14T22:13:20.123Z"},
	{951782399999999ULL, "2000-02-28T23:59:59.999Z"},
	{253402300799999999ULL, "9999-12-31T23:59:59.999Z"},
	{UINT64_MAX, "586524-01-19T08:01:49.551Z"},
};

START_TEST(test_time_utc)
{
	char text[FORMAT_SIZE];

	format_time_utc(times[_i].us, text, sizeof(text));
	ck_assert_str_eq(text, times[_i].text);
}
END_TEST

START_TEST(test_time_local)
{
	char text[FORMAT_SIZE];

	ck_assert_int_eq(setenv("TZ", "RMT-02:30", 1), 0); /* east of Greenwich */
	format_time_local(1700000000123456ULL, text, sizeof(text));
	ck_assert_str_eq(text, "2023-11-15 00:43:20");
}
END_TEST

static const struct {
	uint64_t bytes;
	const char *text;
} sizes[] = {
	{0, "0 bytes"},	      {1023, "1023 bytes"},	  {1024, "1.0 KiB"},
	{1535, "1.4 KiB"},    {1536, "1.5 KiB"},	  {1048575, "1023.9 KiB"},
	{1048576, "1.0 MiB"}, {12 * 1048576, "12.0 MiB"}, {UINT64_MAX, "15.9 EiB"},
};

START_TEST(test_bytes)
{
	char text[FORMAT_SIZE];

	format_bytes(sizes[_i].bytes, text, sizeof(text));
	ck_assert_str_eq(text, sizes[_i].text);
}
END_TEST

START_TEST(test_texts_are_cut)
{
	char text[4];

	format_age(8059 * S, text, sizeof(text));
	ck_assert_str_eq(text, "2h ");
	format_bytes(UINT64_MAX, text, sizeof(text));
	ck_assert_str_eq(text, "15.");
	format_time_utc(0, text, sizeof(text));
	ck_assert_str_eq(text, "197");
	format_time_local(0, text, sizeof(text));
	ck_assert_str_eq(text, "0");
}
END_TEST

static Suite *rmctl_suite(void)
{
	Suite *suite = suite_create("rmctl");
	TCase *options = tcase_create("options");
	TCase *words = tcase_create("words");
	TCase *texts = tcase_create("texts");

	tcase_add_loop_test(options, test_number, 0, ARRAY_SIZE(numbers));
	tcase_add_loop_test(options, test_before, 0, ARRAY_SIZE(before_verb));
	tcase_add_test(options, test_before_without_program);
	tcase_add_loop_test(options, test_after, 0, ARRAY_SIZE(after_verb));
	tcase_add_test(options, test_lists_of_options);
	tcase_add_loop_test(options, test_options_of_other_verbs, 0, 12);
	tcase_add_test(options, test_help_lists_what_is_allowed);
	tcase_add_loop_test(options, test_target, 0, ARRAY_SIZE(targets));
	tcase_add_test(options, test_target_without_argument);
	suite_add_tcase(suite, options);

	tcase_add_loop_test(words, test_exit_code, 0, ARRAY_SIZE(codes));
	tcase_add_loop_test(words, test_distance, 0, ARRAY_SIZE(distances));
	tcase_add_loop_test(words, test_suggestion, 0, ARRAY_SIZE(suggestions));
	tcase_add_test(words, test_suggestion_of_a_long_word);
	suite_add_tcase(suite, words);

	tcase_add_loop_test(texts, test_age, 0, ARRAY_SIZE(ages));
	tcase_add_loop_test(texts, test_time_utc, 0, ARRAY_SIZE(times));
	tcase_add_test(texts, test_time_local);
	tcase_add_loop_test(texts, test_bytes, 0, ARRAY_SIZE(sizes));
	tcase_add_test(texts, test_texts_are_cut);
	suite_add_tcase(suite, texts);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(rmctl_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
