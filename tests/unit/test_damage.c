/* SPDX-License-Identifier: MIT */
/*
 * A62 on damaged journals: 300 seeded damages of each kind. Whatever is done to the file, nothing
 * is invented, and what is lost is named. `RM_DAMAGE_SEED` repeats another run.
 *
 * One thing no reader can see: zeroes from some record to the end of what was written are the
 * same bytes as a journal that never came further. There the truth is the history up to that
 * record, and it has to be met exactly.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/journal_format.h"
#include "broker/replay.h"
#include "tests/unit/fixture.h"
#include "tests/unit/model.h"
#include "tests/unit/records.h"

#define N_ROUNDS 300u
#define N_HISTORIES 6u
#define N_STEPS 220u

/* One history, written. */
struct history {
	uint64_t seed;
	struct model model;
	uint8_t *data; /* owned: the file's bytes */
	size_t size;
	uint64_t ends[N_STEPS + 1]; /* the tail before record i */
};

/* A copy of its file, to be damaged. */
struct patient {
	const struct history *history;
	uint8_t *data;
	size_t size;
	struct random random;
};

static uint64_t used_of(const struct history *history)
{
	return history->ends[N_STEPS];
}

static void history_write(struct history *history, uint64_t seed)
{
	const char *path = fixture_path("journal");
	struct journal journal;

	history->seed = seed;
	records_create(path, &journal);
	model_init(&history->model, seed);
	for (unsigned int i = 0; i < N_STEPS; i++) {
		history->ends[i] = journal.tail;
		model_step(&history->model, &journal);
	}
	history->ends[N_STEPS] = journal.tail;
	journal_close(&journal);
	history->data = file_get(path, &history->size);
}

/* ---- what may happen to a file; each leaves it as long as it was, or shorter ---- */

static void flip_bits(struct patient *patient)
{
	uint32_t used = (uint32_t)used_of(patient->history);

	for (uint32_t n = 1 + random_below(&patient->random, 3); n > 0; n--) {
		uint32_t at = random_below(&patient->random, used);

		patient->data[at] ^= (uint8_t)(1u << random_below(&patient->random, 8));
	}
}

static void truncate_at(struct patient *patient, uint32_t at)
{
	uint8_t *copy = malloc(at + 1);

	/* Of the exact size, so that a read behind the end is seen by the sanitizer. */
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, patient->data, at);
	free(patient->data);
	patient->data = copy;
	patient->size = at;
}

static void truncate_anywhere(struct patient *patient)
{
	truncate_at(patient, random_below(&patient->random, (uint32_t)patient->size));
}

static void truncate_used(struct patient *patient)
{
	truncate_at(patient,
		    random_below(&patient->random, (uint32_t)used_of(patient->history) + 64));
}

/* Shortly behind a page's border, where a cut looks most like a torn write. */
static void truncate_at_page(struct patient *patient)
{
	uint32_t n_pages = (uint32_t)used_of(patient->history) / 4096;

	truncate_at(patient, (1 + random_below(&patient->random, n_pages)) * 4096 +
				     random_below(&patient->random, 48));
}

static void choose_block(struct patient *patient, uint32_t *ret_at, uint32_t *ret_size)
{
	uint32_t used = (uint32_t)used_of(patient->history);
	uint32_t at = random_below(&patient->random, used);
	uint32_t size = 1 + random_below(&patient->random, 6000);

	if (random_below(&patient->random, 2)) {
		at = at / 512 * 512;
		size = (size + 511) / 512 * 512;
	}
	*ret_at = at;
	*ret_size = size > patient->size - at ? (uint32_t)patient->size - at : size;
}

static void zero_block(struct patient *patient)
{
	uint32_t at;
	uint32_t size;

	choose_block(patient, &at, &size);
	memset(patient->data + at, 0, size);
}

static void overwrite_block(struct patient *patient)
{
	uint32_t at;
	uint32_t size;

	choose_block(patient, &at, &size);
	random_fill(&patient->random, patient->data + at, size);
}

/* A write that went to the wrong place: whole records of this very file where others stood. */
static void misplace_block(struct patient *patient)
{
	uint32_t from;
	uint32_t to;
	uint32_t size;

	choose_block(patient, &from, &size);
	choose_block(patient, &to, &size);
	from = from / 8 * 8 + to % 8; /* as records are aligned */
	if (size > patient->size - from) {
		size = (uint32_t)patient->size - from;
	}
	memmove(patient->data + to, patient->data + from, size);
}

static void swap_bytes(struct patient *patient)
{
	uint32_t used = (uint32_t)used_of(patient->history);
	uint32_t a = random_below(&patient->random, used);
	uint32_t b = random_below(&patient->random, used);
	uint8_t byte = patient->data[a];

	patient->data[a] = patient->data[b];
	patient->data[b] = byte;
}

/* Two neighbouring records of the same length in each other's place. */
static void swap_records(struct patient *patient)
{
	const uint64_t *ends = patient->history->ends;
	uint8_t copy[4096];

	for (;;) {
		uint32_t i = random_below(&patient->random, N_STEPS - 1);
		size_t size = ends[i + 1] - ends[i];

		if (size == ends[i + 2] - ends[i + 1] && size <= sizeof(copy)) {
			memcpy(copy, patient->data + ends[i], size);
			memcpy(patient->data + ends[i], patient->data + ends[i + 1], size);
			memcpy(patient->data + ends[i + 1], copy, size);
			return;
		}
	}
}

/* A record at the end that is cut short, behind one that is damaged: two faults at once. */
static void damage_before_torn(struct patient *patient)
{
	const uint64_t *ends = patient->history->ends;

	for (;;) {
		uint32_t i = 1 + random_below(&patient->random, N_STEPS - 1);
		uint64_t border = (ends[i] + JOURNAL_RECORD_HEADER_BYTES + 4095) / 4096 * 4096;

		if (border < ends[i + 1]) {
			memset(patient->data + border, 0, patient->size - border);
			patient->data[ends[i - 1]] ^= 1;
			return;
		}
	}
}

static const struct {
	const char *name;
	void (*damage)(struct patient *patient);
} kinds[] = {
	{"flipped bits", flip_bits},
	{"truncated anywhere", truncate_anywhere},
	{"truncated where it is used", truncate_used},
	{"truncated at a page", truncate_at_page},
	{"a zeroed block", zero_block},
	{"an overwritten block", overwrite_block},
	{"a misplaced block", misplace_block},
	{"swapped bytes", swap_bytes},
	{"swapped records", swap_records},
	{"damage before a torn record", damage_before_torn},
};

static uint64_t base_seed(void)
{
	const char *text = getenv("RM_DAMAGE_SEED");

	return text ? strtoull(text, NULL, 10) : 20240229;
}

/* Whether record `i` has lost nothing but some of its padding. */
static bool is_whole(const struct patient *patient, unsigned int i)
{
	const struct history *history = patient->history;
	struct journal_record_header header;

	memcpy(&header, history->data + history->ends[i], sizeof(header));
	return memcmp(patient->data + history->ends[i], history->data + history->ends[i],
		      sizeof(header) + header.size) == 0;
}

/* The number of records before the zeroes that reach the end, when there are such zeroes inside
 * what was written; else N_STEPS. */
static unsigned int count_before_zeroes(const struct patient *patient)
{
	const struct history *history = patient->history;
	uint64_t at = patient->size;
	unsigned int n = 0;

	if (patient->size < used_of(history)) {
		return N_STEPS; /* a cut, not zeroes */
	}
	while (at > 0 && patient->data[at - 1] == 0) {
		at--;
	}
	while (n < N_STEPS && history->ends[n + 1] <= at) {
		n++;
	}
	return n + (n < N_STEPS && is_whole(patient, n));
}

static const char *judge(const struct patient *patient, const struct replay *replay)
{
	unsigned int n = count_before_zeroes(patient);
	_cleanup_(freep) struct model *shorter = NULL;

	if (n == N_STEPS) {
		return model_judge(&patient->history->model, replay);
	}
	shorter = malloc(sizeof(*shorter));
	ck_assert_ptr_nonnull(shorter);
	model_init(shorter, patient->history->seed);
	while (shorter->n_records < n) {
		model_step(shorter, NULL);
	}
	return replay->scan.verdict == JOURNAL_CLEAN ? model_judge_exactly(shorter, replay)
						     : model_judge(shorter, replay);
}

static void check_one(const struct history *history, int kind, uint64_t seed)
{
	struct patient patient = {.history = history, .size = history->size};
	struct replay replay;
	const char *why;

	patient.random.state = seed;
	patient.data = malloc(history->size);
	ck_assert_ptr_nonnull(patient.data);
	memcpy(patient.data, history->data, history->size);
	kinds[kind].damage(&patient);
	ck_assert_int_eq(replay_run(patient.data, patient.size, &record_identity, &replay), 0);
	why = judge(&patient, &replay);
	if (why) {
		ck_abort_msg("%s, history %llu, damage %llu: %s", kinds[kind].name,
			     (unsigned long long)history->seed, (unsigned long long)seed, why);
	}
	replay_done(&replay);
	free(patient.data);
}

START_TEST(test_damage)
{
	for (unsigned int h = 0; h < N_HISTORIES; h++) {
		uint64_t seed = base_seed() + h;
		struct history *history = calloc(1, sizeof(*history));

		ck_assert_ptr_nonnull(history);
		history_write(history, seed);
		for (unsigned int i = 0; i < N_ROUNDS / N_HISTORIES; i++) {
			check_one(history, _i, seed * 1000 + i);
		}
		free(history->data);
		free(history);
	}
}
END_TEST

/* Without any damage the replay is the truth, at every record. */
START_TEST(test_every_prefix)
{
	struct history *history = calloc(1, sizeof(*history));
	struct model *shorter = malloc(sizeof(*shorter));

	ck_assert_ptr_nonnull(history);
	ck_assert_ptr_nonnull(shorter);
	history_write(history, base_seed());
	model_init(shorter, history->seed);
	for (unsigned int i = 0; i <= N_STEPS; i++) {
		struct patient patient = {.history = history, .size = history->size};
		struct replay replay;

		patient.data = calloc(1, history->size);
		ck_assert_ptr_nonnull(patient.data);
		memcpy(patient.data, history->data, history->ends[i]);
		ck_assert_int_eq(replay_run(patient.data, patient.size, &record_identity, &replay),
				 0);
		ck_assert_pstr_eq(model_judge_exactly(shorter, &replay), NULL);
		ck_assert_uint_eq(replay.scan.tail, history->ends[i]);
		ck_assert_uint_eq(replay.scan.next_sequence, i + 1);
		replay_done(&replay);
		free(patient.data);
		model_step(shorter, NULL);
	}
	free(shorter);
	free(history->data);
	free(history);
}
END_TEST

/* SIGKILL cuts a write at a page's border. The record was never acknowledged: what was, is all
 * there, and the journal goes on. */
static void check_torn(const struct history *history, uint64_t seed)
{
	struct patient patient = {.history = history};
	struct random random = {.state = seed};
	uint32_t size = 4096 + random_below(&random, 20000);
	uint64_t at = used_of(history);
	uint8_t *payload = malloc(size);
	const char *path = fixture_path("torn");
	struct journal journal;
	struct journal_scan scan = {
		.tail = at,
		.next_sequence = N_STEPS + 1,
	};
	struct replay replay;
	uint64_t border = (at / 4096 + 1 + random_below(&random, size / 4096)) * 4096;

	ck_assert_ptr_nonnull(payload);
	memcpy(&scan.seed, history->data + offsetof(struct journal_file_header, seed),
	       sizeof(scan.seed));
	random_fill(&random, payload, size);
	file_put(path, history->data, history->size);
	ck_assert_int_eq(journal_open(path, &scan, &journal), 0);
	record_append_bytes(&journal, 1, payload, size);
	journal_close(&journal);
	free(payload);

	patient.data = file_get(path, &patient.size);
	memset(patient.data + border, 0, patient.size - border);
	ck_assert_int_eq(replay_run(patient.data, patient.size, &record_identity, &replay), 0);
	ck_assert_pstr_eq(model_judge_exactly(&history->model, &replay), NULL);
	ck_assert_int_eq(replay.scan.is_torn, true);
	ck_assert_uint_eq(replay.scan.tail, at);
	ck_assert_uint_eq(replay.scan.next_sequence, N_STEPS + 1);

	file_put(path, patient.data, patient.size);
	ck_assert_int_eq(journal_open(path, &replay.scan, &journal), 0);
	record_append_base(&journal, 1, 1);
	journal_close(&journal);
	replay_done(&replay);
	free(patient.data);

	patient.data = file_get(path, &patient.size);
	ck_assert_int_eq(replay_run(patient.data, patient.size, &record_identity, &replay), 0);
	ck_assert_pstr_eq(model_judge_exactly(&history->model, &replay), NULL);
	ck_assert_int_eq(replay.scan.is_torn, false);
	ck_assert_uint_eq(replay.scan.next_sequence, N_STEPS + 2);
	replay_done(&replay);
	free(patient.data);
}

START_TEST(test_torn_tail)
{
	for (unsigned int h = 0; h < N_HISTORIES; h++) {
		struct history *history = calloc(1, sizeof(*history));

		ck_assert_ptr_nonnull(history);
		history_write(history, base_seed() + h);
		for (unsigned int i = 0; i < N_ROUNDS / N_HISTORIES; i++) {
			check_torn(history, history->seed * 1000 + i);
		}
		free(history->data);
		free(history);
	}
}
END_TEST

/* ---- a registration in several slices, cut short at every byte ---- */

#define N_SLICES 4u
#define FILES_PER_SLICE 8u

static void append_slice(struct journal *journal, uint64_t number, uint32_t slice, bool is_last)
{
	_cleanup_(resource_set_freep) struct resource_set *set = NULL;

	ck_assert_int_eq(resource_set_new(&set), 0);
	for (uint32_t n = 0; n < FILES_PER_SLICE; n++) {
		char path[64];
		uint32_t i;
		int size = snprintf(path, sizeof(path), "/%llu/%u/%u", (unsigned long long)number,
				    slice, n);

		ck_assert_int_eq(resource_add_file(set, path, (size_t)size, false, &i), 0);
	}
	record_append_resources(journal, 1, number, slice, is_last, set);
}

/* Of the untouched session: all that was acknowledged before, and all of what is cut or none. */
static void check_cut(const uint8_t *data, size_t size, bool is_whole)
{
	struct replay replay;
	const struct replayed_session *session;

	ck_assert_int_eq(replay_run(data, size, &record_identity, &replay), 0);
	session = replay.sessions;
	ck_assert_ptr_nonnull(session);
	if (!session->is_touched) {
		ck_assert_uint_eq(resource_count(session->resources.set, RESOURCE_FILE),
				  FILES_PER_SLICE * (1 + (is_whole ? N_SLICES : 0)));
		ck_assert_ptr_null(replay.losses);
	} else {
		ck_assert_ptr_nonnull(replay.losses);
	}
	replay_done(&replay);
}

START_TEST(test_torn_registration)
{
	struct replayed_session session = {.id = 1, .owner = {.pid = 1, .start_time = 1}};
	struct journal journal;
	uint64_t begin;
	uint64_t end;
	uint8_t *data;
	size_t size;

	records_create(fixture_path("journal"), &journal);
	record_append_started(&journal, &session);
	append_slice(&journal, 100, 0, true);
	/* Up to where a page ends in the middle of it. */
	while (_i && journal.tail % 4096 < 3500) {
		record_append_base(&journal, 2, 1);
	}
	begin = journal.tail;
	for (uint32_t i = 0; i < N_SLICES; i++) {
		append_slice(&journal, 200, i, i == N_SLICES - 1);
	}
	end = journal.tail;
	journal_close(&journal);
	data = file_get(fixture_path("journal"), &size);
	check_cut(data, size, true);
	for (uint64_t at = end; at-- > begin;) {
		uint8_t *cut = malloc(at);

		data[at] = 0; /* from here on: as if no more had been written */
		check_cut(data, size, end - at <= 8); /* padding says nothing */
		ck_assert_ptr_nonnull(cut);
		memcpy(cut, data, at);
		check_cut(cut, at, false); /* the file itself is shorter */
		free(cut);
	}
	free(data);
}
END_TEST

/* One slice of it is damaged, and its header's session says which: that one can't be trusted. */
START_TEST(test_lost_slice)
{
	struct replayed_session one = {.id = 1, .owner = {.pid = 1, .start_time = 1}};
	struct replayed_session two = {.id = 2, .owner = {.pid = 1}, .key = {{2}}};
	uint64_t starts[N_SLICES];
	struct journal journal;
	struct replay replay;
	uint8_t *data;
	size_t size;

	records_create(fixture_path("journal"), &journal);
	record_append_started(&journal, &one);
	record_append_started(&journal, &two);
	for (uint32_t i = 0; i < N_SLICES; i++) {
		starts[i] = journal.tail;
		append_slice(&journal, 200, i, i == N_SLICES - 1);
	}
	record_append_base(&journal, 3, 1);
	journal_close(&journal);
	data = file_get(fixture_path("journal"), &size);
	data[starts[_i / 2] + (_i % 2 ? JOURNAL_RECORD_HEADER_BYTES + 5 : 5)] ^= 1;
	ck_assert_int_eq(replay_run(data, size, &record_identity, &replay), 0);
	ck_assert_int_eq(replay.sessions->is_touched, true);
	ck_assert_int_eq(replay.sessions->next->is_touched, false);
	ck_assert_uint_eq(resource_count(replay.sessions->resources.set, RESOURCE_FILE), 0);
	replay_done(&replay);
	free(data);
}
END_TEST

/* ---- files that are not ours ---- */

static void make_random(struct patient *patient)
{
	random_fill(&patient->random, patient->data, patient->size);
}

static void make_text(struct patient *patient)
{
	for (size_t i = 0; i < patient->size; i++) {
		patient->data[i] = (uint8_t)(' ' + random_below(&patient->random, 95));
	}
}

static void make_zeroes(struct patient *patient)
{
	memset(patient->data, 0, patient->size);
}

static void write_headers(struct patient *patient, struct journal_file_header *header)
{
	header->checksum = journal_file_header_sum(header);
	memcpy(patient->data, header, sizeof(*header));
	memcpy(patient->data + JOURNAL_FILE_HEADER_COPY, header, sizeof(*header));
}

static void make_newer(struct patient *patient)
{
	struct journal_file_header header;

	memcpy(&header, patient->data, sizeof(header));
	header.version = JOURNAL_VERSION + 1 + random_below(&patient->random, 1000);
	write_headers(patient, &header);
}

static void make_other_magic(struct patient *patient)
{
	struct journal_file_header header;

	memcpy(&header, patient->data, sizeof(header));
	header.magic[random_below(&patient->random, sizeof(header.magic))] ^= 0x20;
	write_headers(patient, &header);
}

static void make_other_boot(struct patient *patient)
{
	struct journal_file_header header;

	memcpy(&header, patient->data, sizeof(header));
	header.boot_id[random_below(&patient->random, sizeof(header.boot_id))] ^= 1;
	write_headers(patient, &header);
}

static void make_other_namespace(struct patient *patient)
{
	struct journal_file_header header;

	memcpy(&header, patient->data, sizeof(header));
	header.pid_namespace ^= 1 + random_below(&patient->random, 1000);
	write_headers(patient, &header);
}

static const struct {
	const char *name;
	void (*damage)(struct patient *patient);
	enum journal_verdict verdict;
} strangers[] = {
	{"random bytes", make_random, JOURNAL_FOREIGN},
	{"text", make_text, JOURNAL_FOREIGN},
	{"zeroes", make_zeroes, JOURNAL_FOREIGN},
	{"a newer version", make_newer, JOURNAL_FOREIGN},
	{"another magic", make_other_magic, JOURNAL_FOREIGN},
	{"another boot", make_other_boot, JOURNAL_OTHER_BOOT},
	{"another pid namespace", make_other_namespace, JOURNAL_OTHER_BOOT},
};

START_TEST(test_stranger)
{
	struct history *history = calloc(1, sizeof(*history));

	ck_assert_ptr_nonnull(history);
	history_write(history, base_seed());
	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		struct patient patient = {.history = history, .random = {.state = i}};
		struct replay replay;

		/* The first pages will do, and are less to make up. */
		patient.size = history->size < 32768 ? history->size : 32768;
		patient.data = malloc(patient.size);
		ck_assert_ptr_nonnull(patient.data);
		memcpy(patient.data, history->data, patient.size);
		strangers[_i].damage(&patient);
		ck_assert_int_eq(replay_run(patient.data, patient.size, &record_identity, &replay),
				 0);
		ck_assert_int_eq(replay.scan.verdict, strangers[_i].verdict);
		ck_assert_ptr_null(replay.sessions);
		ck_assert_ptr_null(replay.answers);
		ck_assert_ptr_null(replay.losses);
		replay_done(&replay);
		free(patient.data);
	}
	free(history->data);
	free(history);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("damage");
	TCase *tcase = fixture_case(suite, "damage");

	tcase_add_test(tcase, test_every_prefix);
	tcase_add_loop_test(tcase, test_damage, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tcase, test_torn_tail);
	tcase_add_loop_test(tcase, test_torn_registration, 0, 2);
	tcase_add_loop_test(tcase, test_lost_slice, 0, 2 * (int)N_SLICES);
	tcase_add_loop_test(tcase, test_stranger, 0, ARRAY_SIZE(strangers));
	return fixture_run(suite);
}
