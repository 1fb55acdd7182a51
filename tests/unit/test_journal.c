/* SPDX-License-Identifier: MIT */
/*
 * The journal's file and its parser: what is appended is read again in order, a refused append
 * changes nothing, what was kept in reserve fits on a full disk; torn, short, damaged and foreign
 * files are told apart byte by byte.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/journal.h"
#include "broker/journal_format.h"
#include "tests/unit/fixture.h"
#include "tests/unit/records.h"

#define MAX_READ 16u

/* What a reader was told: the first records, the first loss, and how many. */
struct heard {
	unsigned int n_records;
	uint32_t sessions[MAX_READ];
	size_t sizes[MAX_READ];
	uint8_t first_bytes[MAX_READ];
	unsigned int n_losses;
	uint64_t first;
	uint64_t last;
	uint32_t lost_session;
	int answer; /* what on_record() returns at its third call */
};

static int on_record(void *userdata, uint32_t session, const uint8_t *payload, size_t size)
{
	struct heard *heard = userdata;

	if (heard->n_records < MAX_READ) {
		heard->sessions[heard->n_records] = session;
		heard->sizes[heard->n_records] = size;
		heard->first_bytes[heard->n_records] = size ? payload[0] : 0;
	}
	heard->n_records++;
	return heard->n_records == 3 ? heard->answer : 0;
}

static void on_lost(void *userdata, uint64_t first, uint64_t last, uint32_t session)
{
	struct heard *heard = userdata;

	if (heard->n_losses++ == 0) {
		heard->first = first;
		heard->last = last;
		heard->lost_session = session;
	}
}

static struct journal_scan parse(const void *data, size_t size, struct heard *ret_heard)
{
	struct journal_reader reader = {
		.on_record = on_record, .on_lost = on_lost, .userdata = ret_heard};
	struct journal_scan scan;

	*ret_heard = (struct heard){0};
	ck_assert_int_eq(journal_parse(data, size, &record_identity, &reader, &scan), 0);
	return scan;
}

static struct journal_scan parse_file(const char *path, struct heard *ret_heard)
{
	struct journal_scan scan;
	uint8_t *data;
	size_t size;

	ck_assert_int_eq(journal_read_file(path, &data, &size), 0);
	scan = parse(data, size, ret_heard);
	free(data);
	return scan;
}

/* `n` records of `size` bytes about the sessions 1, 2, …; each byte is the session's number. */
static void append_some(struct journal *journal, unsigned int n, size_t size)
{
	uint8_t *payload = malloc(size + 1);

	ck_assert_ptr_nonnull(payload);
	for (unsigned int i = 1; i <= n; i++) {
		memset(payload, (int)i, size);
		record_append_bytes(journal, i, payload, size);
	}
	free(payload);
}

/* A journal with `n` such records as bytes; the caller frees them. */
static uint8_t *make(unsigned int n, size_t size, uint64_t *ret_tail, size_t *ret_size)
{
	const char *path = fixture_path("journal");
	struct journal journal;

	records_create(path, &journal);
	append_some(&journal, n, size);
	*ret_tail = journal.tail;
	journal_close(&journal);
	return file_get(path, ret_size);
}

START_TEST(test_round_trip)
{
	static const size_t sizes[] = {0, 1, 7, 8, 9, 63, 4096, 100000};
	const char *path = fixture_path("journal");
	struct journal journal;
	struct heard heard;
	struct journal_scan scan;
	uint8_t *payload = malloc(100000);

	ck_assert_ptr_nonnull(payload);
	records_create(path, &journal);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t tail = journal.tail;

		memset(payload, (int)i + 1, sizes[i]);
		record_append_bytes(&journal, 10 + i, payload, sizes[i]);
		ck_assert_uint_eq(journal.tail - tail, journal_record_bytes(sizes[i]));
		ck_assert_uint_eq(journal.tail % 8, 0);
		ck_assert_uint_ge(journal.reserved, journal.tail + JOURNAL_RECORD_HEADER_BYTES);
	}
	scan = parse_file(path, &heard);
	ck_assert_int_eq(scan.verdict, JOURNAL_CLEAN);
	ck_assert_int_eq(scan.is_torn, false);
	ck_assert_uint_eq(scan.tail, journal.tail);
	ck_assert_uint_eq(scan.seed, journal.seed);
	ck_assert_uint_eq(scan.next_sequence, 1 + ARRAY_SIZE(sizes));
	ck_assert_uint_eq(scan.last_session, 10 + ARRAY_SIZE(sizes) - 1);
	ck_assert_uint_eq(heard.n_records, ARRAY_SIZE(sizes));
	ck_assert_uint_eq(heard.n_losses, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		ck_assert_uint_eq(heard.sessions[i], 10 + i);
		ck_assert_uint_eq(heard.sizes[i], sizes[i]);
		ck_assert_uint_eq(heard.first_bytes[i], sizes[i] ? i + 1 : 0);
	}
	journal_close(&journal);
	free(payload);
}
END_TEST

START_TEST(test_reopen_goes_on)
{
	const char *path = fixture_path("journal");
	struct journal journal;
	struct journal_scan scan;
	struct heard heard;

	records_create(path, &journal);
	append_some(&journal, 3, 20);
	journal_close(&journal);
	scan = parse_file(path, &heard);
	ck_assert_int_eq(journal_open(path, &scan, &journal), 0);
	ck_assert_uint_eq(journal.reserved, JOURNAL_PIECE_BYTES);
	append_some(&journal, 2, 20);
	journal_close(&journal);
	scan = parse_file(path, &heard);
	ck_assert_int_eq(scan.verdict, JOURNAL_CLEAN);
	ck_assert_uint_eq(heard.n_records, 5);
	ck_assert_uint_eq(scan.next_sequence, 6);
}
END_TEST

START_TEST(test_first_sequence)
{
	const char *path = fixture_path("journal");
	struct journal journal;
	struct heard heard;

	ck_assert_int_eq(journal_create(path, &record_identity, 4711, &journal), 0);
	append_some(&journal, 2, 8);
	ck_assert_int_eq(journal_publish(&journal), 0);
	journal_close(&journal);
	ck_assert_uint_eq(parse_file(path, &heard).next_sequence, 4713);
	ck_assert_uint_eq(heard.n_records, 2);
}
END_TEST

START_TEST(test_answer_of_on_record_stops)
{
	uint64_t tail;
	size_t size;
	uint8_t *data = make(5, 8, &tail, &size);
	struct heard heard = {.answer = -ENOMEM};
	struct journal_reader reader = {
		.on_record = on_record, .on_lost = on_lost, .userdata = &heard};
	struct journal_scan scan;

	ck_assert_int_eq(journal_parse(data, size, &record_identity, &reader, &scan), -ENOMEM);
	ck_assert_uint_eq(heard.n_records, 3);
	free(data);
}
END_TEST

/* ---- files ---- */

START_TEST(test_publish_and_discard)
{
	const char *path = fixture_path("journal");
	const char *temporary = fixture_path("journal.new");
	struct journal journal;
	struct stat st;

	file_put(temporary, "left behind", 11);
	ck_assert_int_eq(journal_create(path, &record_identity, 1, &journal), 0);
	ck_assert_int_eq(file_exists(path), false);
	ck_assert_int_eq(stat(temporary, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(st.st_size, JOURNAL_PIECE_BYTES);
	ck_assert_int_ge(st.st_blocks * 512, JOURNAL_PIECE_BYTES);
	ck_assert_int_ne(fcntl(journal.fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(journal_publish(&journal), 0);
	ck_assert_int_eq(file_exists(path), true);
	ck_assert_int_eq(file_exists(temporary), false);
	journal_close(&journal);
	ck_assert_int_eq(journal.fd, -1);

	ck_assert_int_eq(journal_create(path, &record_identity, 1, &journal), 0);
	journal_discard(&journal);
	ck_assert_int_eq(file_exists(temporary), false);
	ck_assert_int_eq(file_exists(path), true);
}
END_TEST

START_TEST(test_create_follows_no_link)
{
	const char *path = fixture_path("journal");
	const char *victim = fixture_path("victim");
	struct journal journal;
	uint8_t *data;
	size_t size;

	file_put(victim, "keep me", 7);
	ck_assert_int_eq(symlink(victim, fixture_path("journal.new")), 0);
	ck_assert_int_eq(journal_create(path, &record_identity, 1, &journal), 0);
	journal_discard(&journal);
	data = file_get(victim, &size);
	ck_assert_uint_eq(size, 7);
	ck_assert_mem_eq(data, "keep me", 7);
	free(data);
}
END_TEST

START_TEST(test_create_where_nobody_can)
{
	struct journal journal;

	ck_assert_int_eq(journal_create(fixture_path("no/journal"), &record_identity, 1, &journal),
			 -ENOENT);
}
END_TEST

START_TEST(test_read_file_refuses)
{
	const char *path = fixture_path("journal");
	uint8_t *data;
	size_t size;

	ck_assert_int_eq(journal_read_file(path, &data, &size), -ENOENT);
	ck_assert_int_eq(symlink("elsewhere", path), 0);
	ck_assert_int_eq(journal_read_file(path, &data, &size), -ELOOP);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(journal_read_file(path, &data, &size), -EINVAL);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(journal_read_file(path, &data, &size), -EINVAL);
	ck_assert_int_eq(rmdir(path), 0);
	file_put(path, "", 0);
	ck_assert_int_eq(truncate(path, (off_t)JOURNAL_MAX_BYTES + 1), 0);
	ck_assert_int_eq(journal_read_file(path, &data, &size), -EFBIG);
	file_put(path, "", 0);
	ck_assert_int_eq(journal_read_file(path, &data, &size), 0);
	ck_assert_uint_eq(size, 0);
	free(data);
}
END_TEST

START_TEST(test_set_aside)
{
	const char *path = fixture_path("journal");
	char aside[PATH_MAX];
	char expected[PATH_MAX];

	for (int i = 1; i <= 3; i++) {
		file_put(path, "old", 3);
		(void)snprintf(expected, sizeof(expected), "%s.damaged.%d", path, i);
		ck_assert_int_eq(journal_set_aside(path, "damaged", aside, sizeof(aside)), 0);
		ck_assert_str_eq(aside, expected);
		ck_assert_int_eq(file_exists(aside), true);
		ck_assert_int_eq(unlink(path), 0);
	}
	ck_assert_int_eq(journal_set_aside(path, "damaged", aside, sizeof(aside)), -ENOENT);
	ck_assert_int_eq(journal_set_aside(path, "damaged", aside, 10), -ENAMETOOLONG);
}
END_TEST

START_TEST(test_identity)
{
	struct journal_identity identity;
	struct journal_identity again;
	struct stat st;
	static const uint8_t nothing[16];

	ck_assert_int_eq(journal_identity_get(&identity), 0);
	ck_assert_int_eq(journal_identity_get(&again), 0);
	ck_assert_mem_eq(identity.boot_id, again.boot_id, 16);
	ck_assert_mem_ne(identity.boot_id, nothing, 16);
	ck_assert_int_eq(stat("/proc/self/ns/pid", &st), 0);
	ck_assert_uint_eq(identity.pid_namespace, st.st_ino);
}
END_TEST

START_TEST(test_verdict_names)
{
	ck_assert_str_ne(journal_verdict_name((enum journal_verdict)_i), "");
	for (int i = 0; i < _i; i++) {
		ck_assert_str_ne(journal_verdict_name((enum journal_verdict)i),
				 journal_verdict_name((enum journal_verdict)_i));
	}
}
END_TEST

/* ---- room ---- */

START_TEST(test_grows_by_pieces)
{
	const char *path = fixture_path("journal");
	struct journal journal;
	struct heard heard;
	uint8_t *payload = calloc(1, 60000);

	ck_assert_ptr_nonnull(payload);
	records_create(path, &journal);
	for (unsigned int i = 0; i < 10; i++) {
		record_append_bytes(&journal, 1, payload, 60000);
		ck_assert_uint_eq(journal.reserved % JOURNAL_PIECE_BYTES, 0);
	}
	ck_assert_uint_gt(journal.reserved, 600000);
	ck_assert_int_eq(journal_reserve(&journal, JOURNAL_MAX_BYTES), -EFBIG);
	ck_assert_int_eq(parse_file(path, &heard).verdict, JOURNAL_CLEAN);
	ck_assert_uint_eq(heard.n_records, 10);
	journal_close(&journal);
	free(payload);
}
END_TEST

START_TEST(test_too_large_a_record)
{
	const char *path = fixture_path("journal");
	uint8_t *payload = calloc(1, JOURNAL_MAX_RECORD_BYTES + 1);
	struct journal journal;
	uint64_t tail;

	ck_assert_ptr_nonnull(payload);
	records_create(path, &journal);
	tail = journal.tail;
	ck_assert_int_eq(journal_append(&journal, 1, payload, JOURNAL_MAX_RECORD_BYTES + 1, 0),
			 -EMSGSIZE);
	ck_assert_uint_eq(journal.tail, tail);
	ck_assert_int_eq(journal_append(&journal, 1, payload, JOURNAL_MAX_RECORD_BYTES, 0), 0);
	journal_close(&journal);
	free(payload);
}
END_TEST

/* The disk is full: what would not leave `keep` free is refused and changes nothing, what was
 * kept fits to its last byte. */
START_TEST(test_full_disk)
{
	enum {
		N_KEPT = 100,
		KEPT = 50
	};
	const char *path = fixture_path("journal");
	static const uint8_t payload[1000] = {7};
	const uint64_t keep = N_KEPT * journal_record_bytes(KEPT);
	struct journal journal;
	struct heard heard;
	struct journal_scan scan;
	unsigned int n_fit = 0;
	uint64_t tail;
	int r;

	records_create(path, &journal);
	disk_limit(JOURNAL_PIECE_BYTES);
	while ((r = journal_append(&journal, 1, payload, sizeof(payload), keep)) == 0) {
		n_fit++;
	}
	tail = journal.tail;
	disk_limit(RLIM_INFINITY);
	ck_assert_int_eq(r, -EFBIG);
	ck_assert_uint_gt(n_fit, 100);
	ck_assert_uint_eq(journal.next_sequence, n_fit + 1);
	ck_assert_int_eq(journal.is_broken, false);
	ck_assert_uint_ge(journal.reserved - tail, keep + JOURNAL_RECORD_HEADER_BYTES);

	disk_limit(JOURNAL_PIECE_BYTES);
	r = 0;
	for (unsigned int i = 1; i <= N_KEPT && r == 0; i++) {
		r = journal_append(&journal, 2, payload, KEPT,
				   (N_KEPT - i) * journal_record_bytes(KEPT));
	}
	disk_limit(RLIM_INFINITY);
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(journal.reserved, JOURNAL_PIECE_BYTES);
	journal_close(&journal);
	scan = parse_file(path, &heard);
	ck_assert_int_eq(scan.verdict, JOURNAL_CLEAN);
	ck_assert_uint_eq(heard.n_records, n_fit + N_KEPT);
}
END_TEST

/* A write that the disk refuses in the middle is wiped out again; when that fails as well, the
 * next append does it. */
START_TEST(test_failed_write_is_undone)
{
	const char *path = fixture_path("journal");
	static const uint8_t payload[1000] = {7};
	struct journal journal;
	struct heard heard;
	struct journal_scan scan;
	uint64_t tail;
	int r;

	records_create(path, &journal);
	append_some(&journal, 2, 100);
	tail = journal.tail;
	disk_limit(tail + 500);
	r = journal_append(&journal, 3, payload, sizeof(payload), 0);
	disk_limit(RLIM_INFINITY);
	ck_assert_int_eq(r, -EFBIG);
	ck_assert_uint_eq(journal.tail, tail);
	ck_assert_uint_eq(journal.next_sequence, 3);
	scan = parse_file(path, &heard);
	ck_assert_int_eq(scan.verdict, JOURNAL_CLEAN);
	ck_assert_uint_eq(scan.tail, tail);
	ck_assert_uint_eq(heard.n_records, 2);

	ck_assert_int_eq(journal_append(&journal, 3, payload, sizeof(payload), 0), 0);
	ck_assert_int_eq(journal.is_broken, false);
	scan = parse_file(path, &heard);
	ck_assert_int_eq(scan.verdict, JOURNAL_CLEAN);
	ck_assert_uint_eq(scan.tail, journal.tail);
	ck_assert_uint_eq(heard.n_records, 3);
	journal_close(&journal);
}
END_TEST

/* What stays of a broken write is wiped before anything is written over it. */
START_TEST(test_broken_write_is_wiped_later)
{
	const char *path = fixture_path("journal");
	struct journal journal;
	struct heard heard;
	struct journal_scan scan;
	static const uint8_t rest[5000] = {1};

	records_create(path, &journal);
	append_some(&journal, 2, 100);
	ck_assert_int_eq(pwrite(journal.fd, rest, sizeof(rest), (off_t)journal.tail + 16),
			 sizeof(rest));
	journal.is_broken = true;
	append_some(&journal, 1, 100);
	ck_assert_int_eq(journal.is_broken, false);
	scan = parse_file(path, &heard);
	ck_assert_int_eq(scan.verdict, JOURNAL_CLEAN);
	ck_assert_uint_eq(scan.tail, journal.tail);
	journal_close(&journal);
}
END_TEST

/* ---- what the parser tells apart ---- */

/* The last record is cut at each page's border: torn, and nothing else. */
START_TEST(test_torn_at_every_border)
{
	uint64_t tail;
	size_t size;
	uint8_t *data = make(3, 20000, &tail, &size);
	uint64_t begin = JOURNAL_FILE_HEADER_BYTES + 2 * journal_record_bytes(20000);
	struct heard heard;
	struct journal_scan scan;
	unsigned int n = 0;

	for (uint64_t border = tail / 4096 * 4096; border > begin; border -= 4096) {
		memset(data + border, 0, size - border);
		scan = parse(data, size, &heard);
		ck_assert_int_eq(scan.verdict, JOURNAL_CLEAN);
		ck_assert_int_eq(scan.is_torn, true);
		ck_assert_uint_eq(scan.tail, begin);
		ck_assert_uint_eq(scan.next_sequence, 3);
		ck_assert_uint_eq(heard.n_records, 2);
		ck_assert_uint_eq(heard.n_losses, 0);
		n++;
	}
	ck_assert_uint_ge(n, 4);
	free(data);
}
END_TEST

/* Cut anywhere else the file was damaged, as no write ends there. */
START_TEST(test_cut_between_borders_is_damage)
{
	uint64_t tail;
	size_t size;
	uint8_t *data = make(3, 2000, &tail, &size);
	uint64_t begin = JOURNAL_FILE_HEADER_BYTES + 2 * journal_record_bytes(2000);
	struct heard heard;
	struct journal_scan scan;

	ck_assert_uint_eq(begin / 4096, (begin + 39) / 4096);
	memset(data + begin + 30, 0, size - begin - 30);
	scan = parse(data, size, &heard);
	ck_assert_int_eq(scan.verdict, JOURNAL_DAMAGED);
	ck_assert_int_eq(scan.is_torn, false);
	ck_assert_uint_eq(heard.n_losses, 1);
	ck_assert_uint_eq(heard.first, 3);
	ck_assert_uint_eq(heard.last, JOURNAL_LOST_UNKNOWN);
	ck_assert_uint_eq(heard.lost_session, 0);
	free(data);
}
END_TEST

/* The file ends shortly behind a page's border, inside a record's header whose bytes are zero
 * there. That is no torn write: behind it the reserve is missing. */
START_TEST(test_short_file_is_not_torn)
{
	static const uint8_t payload[4096 - 40 - 16 - 1] = {1};
	const char *path = fixture_path("journal");
	struct journal journal;
	struct heard heard;
	uint8_t *data;
	size_t size;

	records_create(path, &journal);
	record_append_bytes(&journal, 0, payload, sizeof(payload));
	ck_assert_uint_eq(journal.tail % 4096, 4096 - 16);
	record_append_bytes(&journal, 0, payload, 10);
	journal_close(&journal);
	data = file_get(path, &size);
	for (size_t cut = 2 * 4096; cut <= 2 * 4096 + 8; cut++) {
		struct journal_scan scan = parse(data, cut, &heard);

		ck_assert_int_eq(scan.verdict, JOURNAL_DAMAGED);
		ck_assert_uint_eq(heard.n_records, 1);
		ck_assert_uint_eq(heard.n_losses, 1);
		ck_assert_uint_eq(heard.first, 2);
	}
	free(data);
}
END_TEST

/* Every length a file can be cut to: clean only when the whole of what was written is there and
 * an end of zeroes behind it. */
START_TEST(test_every_length)
{
	uint64_t tail;
	size_t size;
	uint8_t *data = make(4, 50, &tail, &size);
	struct heard heard;

	for (size_t cut = 0; cut < tail + 100; cut++) {
		uint8_t *copy = malloc(cut + 1);
		enum journal_verdict verdict;

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, data, cut);
		verdict = parse(copy, cut, &heard).verdict;
		free(copy);
		if (cut < sizeof(struct journal_file_header)) {
			ck_assert_int_eq(verdict, JOURNAL_FOREIGN);
		} else if (cut < tail + JOURNAL_RECORD_HEADER_BYTES) {
			ck_assert_int_eq(verdict, JOURNAL_DAMAGED);
			ck_assert_uint_eq(heard.n_losses, 1);
			ck_assert_uint_eq(heard.last, JOURNAL_LOST_UNKNOWN);
		} else {
			ck_assert_int_eq(verdict, JOURNAL_CLEAN);
			ck_assert_uint_eq(heard.n_records, 4);
		}
	}
	free(data);
}
END_TEST

/* Either copy of the header may be damaged, any byte of it; both may not. */
START_TEST(test_header_copies)
{
	uint64_t tail;
	size_t size;
	uint8_t *data = make(2, 50, &tail, &size);
	struct heard heard;

	for (size_t i = 0; i < sizeof(struct journal_file_header); i++) {
		for (size_t copy = 0; copy <= JOURNAL_FILE_HEADER_COPY;
		     copy += JOURNAL_FILE_HEADER_COPY) {
			data[copy + i] ^= 0x10;
			ck_assert_int_eq(parse(data, size, &heard).verdict, JOURNAL_CLEAN);
			ck_assert_uint_eq(heard.n_records, 2);
			data[copy + i] ^= 0x10;
		}
	}
	for (size_t i = 8; i < sizeof(struct journal_file_header); i++) {
		data[i] ^= 0x10;
		data[JOURNAL_FILE_HEADER_COPY + 63 - (i - 8)] ^= 0x10;
		ck_assert_int_eq(parse(data, size, &heard).verdict, JOURNAL_DAMAGED);
		ck_assert_uint_eq(heard.n_records, 0);
		ck_assert_uint_eq(heard.n_losses, 1);
		ck_assert_uint_eq(heard.lost_session, 0);
		ck_assert_uint_eq(heard.last, JOURNAL_LOST_UNKNOWN);
		data[i] ^= 0x10;
		data[JOURNAL_FILE_HEADER_COPY + 63 - (i - 8)] ^= 0x10;
	}
	free(data);
}
END_TEST

/* One damaged record of five: the others are read, and the lost one's session is named. */
START_TEST(test_one_record_is_named)
{
	uint64_t tail;
	size_t size;
	uint8_t *data = make(5, 50, &tail, &size);
	uint64_t at = JOURNAL_FILE_HEADER_BYTES + 2 * journal_record_bytes(50);
	struct heard heard;

	for (uint64_t i = 0; i < JOURNAL_RECORD_HEADER_BYTES + 50; i++) {
		struct journal_scan scan;

		data[at + i] ^= 0x41;
		scan = parse(data, size, &heard);
		ck_assert_int_eq(scan.verdict, JOURNAL_DAMAGED);
		ck_assert_uint_eq(heard.n_records, 4);
		ck_assert_uint_eq(heard.n_losses, 1);
		ck_assert_uint_eq(heard.first, 3);
		ck_assert_uint_eq(heard.last, 3);
		ck_assert_uint_eq(heard.lost_session, 3);
		ck_assert_uint_eq(scan.next_sequence, 6);
		ck_assert_uint_eq(scan.tail, tail);
		data[at + i] ^= 0x41;
	}
	free(data);
}
END_TEST

/* Two headers in a row: nobody knows whose they were. */
START_TEST(test_two_records_are_any)
{
	uint64_t tail;
	size_t size;
	uint8_t *data = make(5, 50, &tail, &size);
	uint64_t at = JOURNAL_FILE_HEADER_BYTES + journal_record_bytes(50);
	struct heard heard;

	data[at + 9] ^= 1;
	data[at + journal_record_bytes(50) + 9] ^= 1;
	ck_assert_int_eq(parse(data, size, &heard).verdict, JOURNAL_DAMAGED);
	ck_assert_uint_eq(heard.n_records, 3);
	ck_assert_uint_eq(heard.n_losses, 1);
	ck_assert_uint_eq(heard.first, 2);
	ck_assert_uint_eq(heard.last, 3);
	ck_assert_uint_eq(heard.lost_session, 0);
	free(data);
}
END_TEST

/* A lost record before a torn one is told, though the torn one ends the reading. */
START_TEST(test_gap_before_torn)
{
	uint64_t tail;
	size_t size;
	uint8_t *data = make(3, 5000, &tail, &size);
	uint64_t at = JOURNAL_FILE_HEADER_BYTES + journal_record_bytes(5000);
	uint64_t border = (at + journal_record_bytes(5000) + 4095 + 40) / 4096 * 4096;
	struct heard heard;
	struct journal_scan scan;

	data[at] ^= 1;
	memset(data + border, 0, size - border);
	scan = parse(data, size, &heard);
	ck_assert_int_eq(scan.verdict, JOURNAL_DAMAGED);
	ck_assert_int_eq(scan.is_torn, true);
	ck_assert_uint_eq(heard.n_records, 1);
	ck_assert_uint_eq(heard.n_losses, 1);
	ck_assert_uint_eq(heard.first, 2);
	ck_assert_uint_eq(heard.last, 2);
	ck_assert_uint_eq(heard.lost_session, 2);
	free(data);
}
END_TEST

/* A whole record in another place is none: it would hide what it was written over. */
START_TEST(test_record_in_another_place)
{
	uint64_t tail;
	size_t size;
	uint8_t *data = make(4, 50, &tail, &size);
	size_t record = (size_t)journal_record_bytes(50);
	uint8_t *third = data + JOURNAL_FILE_HEADER_BYTES + 2 * record;
	struct heard heard;

	memcpy(third - record, third, record);
	memset(third, 0, 2 * record);
	ck_assert_int_eq(parse(data, size, &heard).verdict, JOURNAL_DAMAGED);
	ck_assert_uint_eq(heard.n_records, 1);
	ck_assert_uint_eq(heard.n_losses, 1);
	ck_assert_uint_eq(heard.last, JOURNAL_LOST_UNKNOWN);
	free(data);
}
END_TEST

/* A record of another file, though whole, is none: the checksums' seed differs. */
START_TEST(test_record_of_another_file)
{
	uint64_t tail;
	size_t size;
	uint8_t *old = make(3, 50, &tail, &size);
	uint8_t *data = make(1, 50, &tail, &size);
	struct heard heard;

	memcpy(data + tail, old + tail, 2 * journal_record_bytes(50));
	ck_assert_int_eq(parse(data, size, &heard).verdict, JOURNAL_DAMAGED);
	ck_assert_uint_eq(heard.n_records, 1);
	free(old);
	free(data);
}
END_TEST

/* A header that promises more than there is. */
START_TEST(test_size_behind_the_end)
{
	uint64_t tail;
	size_t size;
	uint8_t *data = make(2, 50, &tail, &size);
	struct journal_record_header header;
	struct journal_file_header file;
	struct heard heard;
	uint64_t at = JOURNAL_FILE_HEADER_BYTES + journal_record_bytes(50);

	memcpy(&file, data, sizeof(file));
	memcpy(&header, data + at, sizeof(header));
	header.size = JOURNAL_MAX_RECORD_BYTES;
	header.header_sum = journal_record_header_sum(&header, file.seed, at);
	memcpy(data + at, &header, sizeof(header));
	ck_assert_int_eq(parse(data, size, &heard).verdict, JOURNAL_DAMAGED);
	ck_assert_uint_eq(heard.n_records, 1);
	ck_assert_uint_eq(heard.first, 2);
	ck_assert_uint_eq(heard.last, JOURNAL_LOST_UNKNOWN);
	free(data);
}
END_TEST

/* Sequence numbers only go up, whatever the checksums say. */
START_TEST(test_older_sequence)
{
	uint64_t tail;
	size_t size;
	uint8_t *data = make(3, 50, &tail, &size);
	struct journal_record_header header;
	struct journal_file_header file;
	struct heard heard;
	uint64_t at = JOURNAL_FILE_HEADER_BYTES + journal_record_bytes(50);

	memcpy(&file, data, sizeof(file));
	memcpy(&header, data + at, sizeof(header));
	header.sequence = 1;
	header.header_sum = journal_record_header_sum(&header, file.seed, at);
	memcpy(data + at, &header, sizeof(header));
	ck_assert_int_eq(parse(data, size, &heard).verdict, JOURNAL_DAMAGED);
	ck_assert_uint_eq(heard.n_records, 2);
	ck_assert_uint_eq(heard.n_losses, 1);
	ck_assert_uint_eq(heard.first, 2);
	ck_assert_uint_eq(heard.last, 2);
	ck_assert_uint_eq(heard.lost_session, 2);
	free(data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("journal");
	TCase *tcase = fixture_case(suite, "file");

	tcase_add_test(tcase, test_round_trip);
	tcase_add_test(tcase, test_reopen_goes_on);
	tcase_add_test(tcase, test_first_sequence);
	tcase_add_test(tcase, test_publish_and_discard);
	tcase_add_test(tcase, test_create_follows_no_link);
	tcase_add_test(tcase, test_create_where_nobody_can);
	tcase_add_test(tcase, test_read_file_refuses);
	tcase_add_test(tcase, test_set_aside);
	tcase_add_test(tcase, test_identity);
	tcase_add_loop_test(tcase, test_verdict_names, 0, _JOURNAL_VERDICT_COUNT);

	tcase = fixture_case(suite, "room");
	tcase_add_test(tcase, test_grows_by_pieces);
	tcase_add_test(tcase, test_too_large_a_record);
	tcase_add_test(tcase, test_full_disk);
	tcase_add_test(tcase, test_failed_write_is_undone);
	tcase_add_test(tcase, test_broken_write_is_wiped_later);

	tcase = fixture_case(suite, "parser");
	tcase_add_test(tcase, test_answer_of_on_record_stops);
	tcase_add_test(tcase, test_torn_at_every_border);
	tcase_add_test(tcase, test_cut_between_borders_is_damage);
	tcase_add_test(tcase, test_short_file_is_not_torn);
	tcase_add_test(tcase, test_every_length);
	tcase_add_test(tcase, test_header_copies);
	tcase_add_test(tcase, test_one_record_is_named);
	tcase_add_test(tcase, test_two_records_are_any);
	tcase_add_test(tcase, test_gap_before_torn);
	tcase_add_test(tcase, test_record_in_another_place);
	tcase_add_test(tcase, test_record_of_another_file);
	tcase_add_test(tcase, test_size_behind_the_end);
	tcase_add_test(tcase, test_older_sequence);
	return fixture_run(suite);
}
