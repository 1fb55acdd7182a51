/* SPDX-License-Identifier: MIT */
/* Start times as FILETIME: exact both ways, any number, and the tolerance of A19. */
#include <check.h>
#include <time.h>

#include "broker/clock_base.h"
#include "tests/unit/fixture.h"

/* 2024-02-29 12:00:00.1234567 UTC */
#define BOOT UINT64_C(133536816001234567)

static struct clock_base base_of(uint64_t ticks_per_second)
{
	return (struct clock_base){.boot_filetime = BOOT, .ticks_per_second = ticks_per_second};
}

START_TEST(test_known)
{
	struct clock_base base = base_of(100);

	ck_assert_uint_eq(clock_base_to_filetime(&base, 0), BOOT);
	ck_assert_uint_eq(clock_base_to_filetime(&base, 1), BOOT + 100000);
	ck_assert_uint_eq(clock_base_to_filetime(&base, 123456789), BOOT + 12345678900000);
	base = base_of(1024);
	ck_assert_uint_eq(clock_base_to_filetime(&base, 1), BOOT + 9765); /* 9765.625 */
	ck_assert_uint_eq(clock_base_to_filetime(&base, 1024), BOOT + 10000000);
	ck_assert_uint_eq(clock_base_to_filetime(&base, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(test_there_and_back)
{
	static const uint64_t rates[] = {1, 60, 100, 250, 300, 1000, 1024};
	struct clock_base base = base_of(rates[_i]);
	struct random random = {.state = 1};

	for (unsigned int i = 0; i < 5000; i++) {
		uint64_t ticks = random_next(&random) >> (24 + random_below(&random, 40));
		uint64_t filetime = clock_base_to_filetime(&base, ticks);
		uint64_t back;

		ck_assert_int_eq(clock_base_to_ticks(&base, filetime, &back), true);
		ck_assert_uint_eq(back, ticks);
		ck_assert_int_eq(clock_base_to_ticks(&base, filetime + 1, &back), false);
		ck_assert_int_eq(clock_base_matches(&base, filetime, ticks, 0), true);
	}
}
END_TEST

START_TEST(test_no_ticks)
{
	struct clock_base base = base_of(100);
	uint64_t ticks;

	ck_assert_int_eq(clock_base_to_ticks(&base, BOOT - 1, &ticks), false);
	ck_assert_int_eq(clock_base_to_ticks(&base, 0, &ticks), false);
	ck_assert_int_eq(clock_base_to_ticks(&base, UINT64_MAX, &ticks), false);
}
END_TEST

START_TEST(test_tolerance)
{
	struct clock_base base = base_of(100);
	uint64_t ours = clock_base_to_filetime(&base, 5000);

	ck_assert_int_eq(clock_base_matches(&base, ours + 10000000, 5000, 5000), true);
	ck_assert_int_eq(clock_base_matches(&base, ours - 10000000, 5000, 6000), true);
	ck_assert_int_eq(clock_base_matches(&base, ours + 10000001, 5000, 6000), false);
	ck_assert_int_eq(clock_base_matches(&base, ours - 10000001, 5000, 6000), false);
	/* It was not there yet when the call came: only its own time will do. */
	ck_assert_int_eq(clock_base_matches(&base, ours + 1, 5000, 4999), false);
	ck_assert_int_eq(clock_base_matches(&base, ours, 5000, 4999), true);
	ck_assert_int_eq(clock_base_matches(&base, 0, 5000, 6000), false);
	ck_assert_int_eq(clock_base_matches(&base, UINT64_MAX, 5000, 6000), false);
	ck_assert_int_eq(clock_base_matches(&base, UINT64_MAX, UINT64_MAX, 6000), true);
}
END_TEST

/* The clocks themselves: now is now, within what a busy machine may take. */
START_TEST(test_taken)
{
	struct clock_base base;
	uint64_t filetime;
	uint64_t before = (uint64_t)time(NULL);

	clock_base_take(&base);
	ck_assert_uint_eq(base.ticks_per_second, (uint64_t)sysconf(_SC_CLK_TCK));
	filetime = clock_base_to_filetime(&base, clock_base_now(&base));
	ck_assert_uint_ge(filetime / 10000000 - UINT64_C(11644473600) + 2, before);
	ck_assert_uint_le(filetime / 10000000 - UINT64_C(11644473600), (uint64_t)time(NULL) + 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock_base");
	TCase *tcase = fixture_case(suite, "filetime");

	tcase_add_test(tcase, test_known);
	tcase_add_loop_test(tcase, test_there_and_back, 0, 7);
	tcase_add_test(tcase, test_no_ticks);
	tcase_add_test(tcase, test_tolerance);
	tcase_add_test(tcase, test_taken);
	return fixture_run(suite);
}
