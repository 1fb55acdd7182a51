/* SPDX-License-Identifier: MIT */
/* The table of files against a model: one number a file, none twice, free when nobody holds it. */
#include <check.h>
#include <string.h>

#include "broker/scan/file_table.h"
#include "tests/unit/fixture.h"

#define N_LISTS 40u
#define N_KEYS 3000u

struct holding {
	struct hold *holds;
	size_t n;
	uint64_t inodes[400]; /* as added; 0: none */
	size_t n_inodes;
};

static struct file_table table;
static struct holding holdings[N_LISTS];

static void add(struct hold_list *list, uint64_t key, uint32_t where)
{
	/* Devices and ways to see it make other files of the same inode. */
	struct found_hold found = {
		.device = key % 3,
		.inode = key / 6 + 1,
		.by_maps = key / 3 % 2,
		.mode = 0100644,
		.hold = {.kind = HOLD_DESCRIPTOR, .where = where},
	};

	ck_assert_int_eq(hold_list_add(list, &found), 0);
}

static bool is_key(const struct index_file *file, uint64_t key)
{
	return file->device == key % 3 && file->inode == key / 6 + 1 &&
	       file->by_maps == (key / 3 % 2 != 0);
}

static void fill(struct holding *holding, struct random *random)
{
	static struct hold_list list;

	hold_list_init(&list, &table);
	holding->n_inodes = random_below(random, ARRAY_SIZE(holding->inodes));
	for (size_t i = 0; i < holding->n_inodes; i++) {
		holding->inodes[i] = random_below(random, N_KEYS);
		add(&list, holding->inodes[i], (uint32_t)i);
	}
	ck_assert_int_eq(hold_list_finish(&list, &holding->holds, &holding->n), 0);
	ck_assert_uint_eq(holding->n, holding->n_inodes);
}

static void check_all(void)
{
	uint32_t n_holders[N_KEYS] = {0};
	uint32_t n_used = 0;
	uint64_t n_held = 0;
	unsigned int n_wrong = 0; /* asserted once: there are millions of them */

	for (size_t i = 0; i < N_LISTS; i++) {
		for (size_t k = 0; k < holdings[i].n; k++) {
			const struct hold *hold = &holdings[i].holds[k];
			uint64_t key = holdings[i].inodes[hold->where];

			n_wrong += hold->file >= table.n_files ||
				   !is_key(&table.files[hold->file], key) ||
				   (k > 0 && hold[-1].file > hold->file);
			n_holders[key]++;
		}
	}
	for (uint32_t i = 0; i < table.n_files; i++) {
		n_used += table.files[i].n_holders != 0;
		n_held += table.files[i].n_holders;
	}
	for (size_t key = 0; key < N_KEYS; key++) {
		n_held -= n_holders[key];
		n_used -= n_holders[key] != 0; /* else a file has two numbers */
	}
	ck_assert_uint_eq(n_wrong, 0);
	ck_assert_uint_eq(n_held, 0);
	ck_assert_uint_eq(n_used, 0);
}

static uint32_t count_slots(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < table.n_slots; i++) {
		n += table.slots[i] != 0;
	}
	return n;
}

START_TEST(test_model)
{
	struct random random = {.state = 4711};

	ck_assert_int_eq(file_table_init(&table), 0);
	for (unsigned int i = 0; i < 1000; i++) {
		struct holding *holding = &holdings[random_below(&random, N_LISTS)];

		holds_free(&table, holding->holds, holding->n);
		*holding = (struct holding){0};
		if (random_below(&random, 3)) {
			fill(holding, &random);
		}
		check_all();
	}
	ck_assert_uint_le(table.n_files, N_KEYS); /* free numbers are used again */
	for (size_t i = 0; i < N_LISTS; i++) {
		holds_free(&table, holdings[i].holds, holdings[i].n);
	}
	ck_assert_uint_eq(table.n_used, 0);
	ck_assert_uint_eq(count_slots(), 0);
	file_table_done(&table);
}
END_TEST

/* Of one file the first descriptors are kept, and one mapping. */
START_TEST(test_thinning)
{
	static struct hold_list list;
	struct found_hold mapping = {
		.device = 1, .inode = 7, .by_maps = true, .hold = {.kind = HOLD_MAPPING}};
	struct hold *holds;
	size_t n;

	ck_assert_int_eq(file_table_init(&table), 0);
	hold_list_init(&list, &table);
	for (uint32_t i = 0; i < 1000; i++) {
		add(&list, 6, 999 - i);
		mapping.hold.address = (2000 - i) * UINT64_C(4096);
		mapping.hold.end = mapping.hold.address + 4096;
		ck_assert_int_eq(hold_list_add(&list, &mapping), 0);
	}
	ck_assert_int_eq(hold_list_finish(&list, &holds, &n), 0);
	ck_assert_uint_eq(n, MAX_DESCRIPTORS_A_FILE + 1);
	for (size_t i = 0; i < n; i++) {
		if (holds[i].kind == HOLD_MAPPING) {
			ck_assert_uint_eq(holds[i].address, UINT64_C(1001) * 4096);
			ck_assert_uint_eq(table.files[holds[i].file].n_holders, 1);
		} else {
			ck_assert_uint_lt(holds[i].where, MAX_DESCRIPTORS_A_FILE);
			ck_assert_uint_eq(table.files[holds[i].file].n_holders,
					  MAX_DESCRIPTORS_A_FILE);
		}
	}
	holds_free(&table, holds, n);
	file_table_done(&table);
}
END_TEST

/* Of a number that several files may have all mappings are kept, with a limit that shows. */
START_TEST(test_ambiguous_numbers)
{
	static struct hold_list list;
	struct hold *holds;
	size_t n;

	ck_assert_int_eq(file_table_init(&table), 0);
	for (uint32_t n_mappings = MAX_MAPPINGS_A_NUMBER - 1;
	     n_mappings <= MAX_MAPPINGS_A_NUMBER + 2; n_mappings++) {
		struct found_hold mapping = {.device = 1,
					     .inode = 7,
					     .by_maps = true,
					     .is_ambiguous = true,
					     .hold = {.kind = HOLD_MAPPING}};

		hold_list_init(&list, &table);
		for (uint32_t i = 0; i < n_mappings; i++) {
			mapping.hold.address = (i + 1) * UINT64_C(8192);
			mapping.hold.end = mapping.hold.address + 4096;
			ck_assert_int_eq(hold_list_add(&list, &mapping), 0);
		}
		ck_assert_int_eq(hold_list_finish(&list, &holds, &n), 0);
		ck_assert_uint_eq(n, n_mappings < MAX_MAPPINGS_A_NUMBER + 1
					     ? n_mappings
					     : MAX_MAPPINGS_A_NUMBER + 1);
		for (size_t i = 0; i < n; i++) {
			ck_assert_int_eq(hold_is_rest(&holds[i]), i == MAX_MAPPINGS_A_NUMBER);
		}
		ck_assert_uint_eq(table.files[holds[0].file].n_holders, n);
		holds_free(&table, holds, n);
	}
	ck_assert_uint_eq(table.n_used, 0);
	file_table_done(&table);
}
END_TEST

/* What was not finished is given back. */
START_TEST(test_given_up)
{
	static struct hold_list list;

	ck_assert_int_eq(file_table_init(&table), 0);
	hold_list_init(&list, &table);
	for (uint32_t i = 0; i < 1000; i++) {
		add(&list, i, i);
	}
	ck_assert_uint_gt(table.n_used, 0);
	hold_list_done(&list);
	ck_assert_uint_eq(table.n_used, 0);
	ck_assert_uint_eq(count_slots(), 0);
	file_table_done(&table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("file_table");
	TCase *tcase = fixture_case(suite, "table");

	tcase_add_test(tcase, test_model);
	tcase_add_test(tcase, test_thinning);
	tcase_add_test(tcase, test_ambiguous_numbers);
	tcase_add_test(tcase, test_given_up);
	return fixture_run(suite);
}
