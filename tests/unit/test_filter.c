/* SPDX-License-Identifier: MIT */
/* The list of filters: targets, order, replacement (A39), removal (A41), the limit. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/filter.h"
#include "proto/limits.h"
#include "proto/status.h"
#include "tests/unit/fixture.h"

static struct filter_list list;

static void set(const struct filter_target *target, enum filter_action action)
{
	struct filter *filter;

	ck_assert_int_eq(filter_new(target, action, &filter), 0);
	ck_assert_int_eq(filter_may_add(&list, filter), 0);
	filter_add(&list, filter);
}

static void tear_down(void)
{
	filter_list_done(&list);
	ck_assert_ptr_null(list.filters);
	ck_assert_uint_eq(list.bytes, 0);
}

static const struct filter_target targets[] = {
	{.kind = FILTER_EXECUTABLE, .text = "/usr/bin/a"},
	{.kind = FILTER_EXECUTABLE, .text = "/usr/bin/A"},
	{.kind = FILTER_SERVICE, .text = "a.service"},
	{.kind = FILTER_SERVICE, .text = "/usr/bin/a"},
	{.kind = FILTER_PROCESS, .pid = 1, .start_filetime = 2},
	{.kind = FILTER_PROCESS, .pid = 1, .start_filetime = 3},
	{.kind = FILTER_PROCESS, .pid = 2, .start_filetime = 2},
};

START_TEST(test_targets)
{
	const struct filter *at;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		ck_assert_ptr_null(filter_find(&list, &targets[i]));
		set(&targets[i], FILTER_NO_RESTART);
	}
	ck_assert_uint_eq(list.n, ARRAY_SIZE(targets));
	for (at = list.filters; at; at = at->next) {
		ck_assert_ptr_eq(filter_find(&list, &targets[n]), at);
		n++;
	}
	ck_assert_uint_eq(n, ARRAY_SIZE(targets));
}
END_TEST

START_TEST(test_replaced_is_last)
{
	uint64_t number = 0;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		set(&targets[i], FILTER_NO_RESTART);
	}
	set(&targets[2], FILTER_NO_SHUTDOWN);
	ck_assert_uint_eq(list.n, ARRAY_SIZE(targets));
	ck_assert_ptr_eq(filter_find(&list, &targets[2]), list.filters->prev);
	ck_assert_int_eq(list.filters->prev->action, FILTER_NO_SHUTDOWN);
	for (const struct filter *at = list.filters; at; at = at->next) {
		ck_assert_uint_gt(at->number, number);
		number = at->number;
	}
}
END_TEST

START_TEST(test_removed)
{
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		set(&targets[i], FILTER_NO_RESTART);
	}
	for (size_t i = ARRAY_SIZE(targets); i-- > 0;) {
		filter_remove(&list, filter_find(&list, &targets[i]));
		ck_assert_ptr_null(filter_find(&list, &targets[i]));
		ck_assert_uint_eq(list.n, i);
	}
	ck_assert_uint_eq(list.bytes, 0);
}
END_TEST

/* The caller's text is not kept. */
START_TEST(test_own_text)
{
	char text[] = "/bin/x";
	struct filter_target target = {.kind = FILTER_EXECUTABLE, .text = text};

	set(&target, FILTER_NO_RESTART);
	text[5] = 'y';
	ck_assert_ptr_null(filter_find(&list, &target));
	ck_assert_str_eq(list.filters->target.text, "/bin/x");
}
END_TEST

START_TEST(test_limit)
{
	struct filter_target target = {.kind = FILTER_PROCESS};
	struct filter *filter;

	for (target.pid = 1; target.pid <= MAX_FILTERS; target.pid++) {
		set(&target, FILTER_NO_RESTART);
	}
	ck_assert_int_eq(filter_new(&target, FILTER_NO_RESTART, &filter), 0);
	ck_assert_int_eq(filter_may_add(&list, filter), STATUS_WRITE_FAULT);
	filter->target.pid = 1;
	ck_assert_int_eq(filter_may_add(&list, filter), 0);
	free(filter);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter");
	TCase *tcase = fixture_case(suite, "list");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, test_targets);
	tcase_add_test(tcase, test_replaced_is_last);
	tcase_add_test(tcase, test_removed);
	tcase_add_test(tcase, test_own_text);
	tcase_add_test(tcase, test_limit);
	return fixture_run(suite);
}
