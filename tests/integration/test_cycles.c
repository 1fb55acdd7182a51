/* SPDX-License-Identifier: MIT */
/*
 * 100,000 times a session is started and ended: the broker's memory, its descriptors and its
 * journal are afterwards where they were.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "client/restartmanager.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"

#define MAX_GROWTH_KIB 256
#define MAX_JOURNAL_BYTES (512 * 1024)

static void cycle(int n)
{
	WCHAR key[CCH_RM_SESSION_KEY + 1];
	DWORD handle, joined;

	for (int i = 0; i < n; i++) {
		ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
		if (i % 16 == 0) {
			ck_assert_uint_eq(RmJoinSession(&joined, key), 0);
			ck_assert_uint_eq(RmEndSession(joined), 0);
		}
		ck_assert_uint_eq(RmEndSession(handle), 0);
	}
}

START_TEST(test_cycles)
{
	int n = testing_is_slow() ? 3000 : 100000;
	unsigned long before, after;
	unsigned int n_fds;
	struct stat st;

	broker_start();
	cycle(n / 20); /* the ring of events and the buffers have their size then */
	before = testing_read_status(fixture.pid, "VmRSS:");
	n_fds = testing_count_fds_of(fixture.pid);
	cycle(n);
	after = testing_read_status(fixture.pid, "VmRSS:");
	(void)fprintf(stderr, "# cycles: VmRSS %lu KiB, then %lu KiB\n", before, after);
	if (!testing_is_slow()) {
		ck_assert_uint_le(after, before + MAX_GROWTH_KIB);
	}
	ck_assert_uint_eq(testing_count_fds_of(fixture.pid), n_fds);
	ck_assert_int_eq(stat(fixture_path("b.sock.journal"), &st), 0);
	ck_assert_int_le(st.st_size, MAX_JOURNAL_BYTES);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {{.test = test_cycles, .timeout_s = 120}};

	return testing_run("cycles", cases, ARRAY_SIZE(cases));
}
