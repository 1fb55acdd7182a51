/* SPDX-License-Identifier: MIT */
/*
 * A journal of any bytes, read and replayed. Nobody guesses checksums, so they are put right here:
 * the first byte says how much of that is done.
 *
 *   0  nothing: the bytes are the file
 *   1  a good file header is put in front of them
 *   2  (or 3) the sums of the records that follow it are put right as well, but those that are
 *      all ones: they stay wrong, as damage
 *
 * With 4 added there are zeroes behind the bytes: the reserve that a whole file ends in.
 */
#include <stdbool.h>
#include <string.h>
#include <utlist.h>

#include "broker/journal.h"
#include "broker/journal_format.h"
#include "broker/replay.h"
#include "tests/fuzz/fuzz.h"

#define SEED UINT64_C(0x0123456789abcdef)
#define FIRST_SEQUENCE 1u
#define RESERVE_BYTES 8192u
#define MODE_MASK 3u
#define MODE_RESERVE 4u
#define LEFT_WRONG UINT64_MAX

enum mode {
	MODE_RAW,
	MODE_FILE_HEADER,
	MODE_RECORD_HEADERS,
};

static const struct journal_identity identity = {
	.boot_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	.pid_namespace = 4026531836,
};

static void write_file_header(uint8_t *block)
{
	struct journal_file_header header = {
		.magic = JOURNAL_FILE_MAGIC,
		.version = JOURNAL_VERSION,
		.pid_namespace = identity.pid_namespace,
		.seed = SEED,
		.first_sequence = FIRST_SEQUENCE,
	};

	memcpy(header.boot_id, identity.boot_id, sizeof(header.boot_id));
	header.checksum = journal_file_header_sum(&header);
	memcpy(block, &header, sizeof(header));
	memcpy(block + JOURNAL_FILE_HEADER_COPY, &header, sizeof(header));
}

/* Puts the sums of a header at `at` right and returns how far it is to what follows. */
static size_t fix_record(uint8_t *file, size_t size, size_t at)
{
	struct journal_record_header header;
	size_t room = size - at - sizeof(header);
	bool is_whole;

	memcpy(&header, file + at, sizeof(header));
	if (header.magic != JOURNAL_RECORD_MAGIC) {
		return 8;
	}
	is_whole = header.size <= room && journal_record_bytes(header.size) <= size - at;
	if (is_whole && header.payload_sum != LEFT_WRONG) {
		header.payload_sum =
			journal_checksum(file + at + sizeof(header), header.size, SEED);
	}
	if (header.header_sum != LEFT_WRONG) {
		header.header_sum = journal_record_header_sum(&header, SEED, at);
	}
	memcpy(file + at, &header, sizeof(header));
	return is_whole ? (size_t)journal_record_bytes(header.size) : 8;
}

static void fix_records(uint8_t *file, size_t size)
{
	size_t at = JOURNAL_FILE_HEADER_BYTES;

	while (at <= size && size - at >= JOURNAL_RECORD_HEADER_BYTES) {
		at += fix_record(file, size, at);
	}
}

/* The file that the bytes stand for; its size is exact, so that reading behind it is seen. */
static uint8_t *make_file(uint8_t how, const uint8_t *data, size_t size, size_t *ret_size)
{
	unsigned int mode = how & MODE_MASK;
	size_t before = mode == MODE_RAW ? 0 : JOURNAL_FILE_HEADER_BYTES;
	size_t all = before + size + (how & MODE_RESERVE ? RESERVE_BYTES : 0);
	uint8_t *file = calloc(1, all ? all : 1);

	require(file);
	memcpy(file + before, data, size);
	if (mode != MODE_RAW) {
		write_file_header(file);
	}
	if (mode >= MODE_RECORD_HEADERS) {
		fix_records(file, before + size);
	}
	*ret_size = all;
	return file;
}

/* The number after the last one of all is 0. Whether a record has that one can't be told from what
 * it left; protobuf writes it with these bytes first. */
static bool can_wrap(const uint8_t *file, size_t size)
{
	return memmem(file, size, "\xff\xff\xff\xff", 4) != NULL;
}

static void check_numbers(const struct replay *replay)
{
	const struct replayed_session *session;
	const struct replayed_join *join;

	DL_FOREACH(replay->sessions, session) {
		require(session->id < replay->next_session_id);
		DL_FOREACH(session->joins, join) {
			require(join->id < replay->next_join_id);
		}
	}
}

static void check_sessions(const struct replay *replay)
{
	const struct replayed_session *session;
	const struct replayed_session *other;
	const struct replayed_join *join;

	DL_FOREACH(replay->sessions, session) {
		require(session->id != 0 && session->owner.pid > 0);
		for (other = session->next; other; other = other->next) {
			require(other->id != session->id);
			require(!session_key_equal(&other->key, &session->key));
		}
		DL_FOREACH(session->joins, join) {
			require(join->id != 0 && join->process.pid > 0);
		}
	}
}

static void check_answers(const struct replay *replay)
{
	const struct replayed_answer *answer;
	unsigned int n;

	DL_COUNT(replay->answers, answer, n);
	require(n == replay->n_answers);
	DL_FOREACH(replay->answers, answer) {
		require(answer->process.pid > 0);
	}
}

/* Sessions that begin after a loss are not touched by it; behind one without an end there are
 * none, so it has touched all. (A record can have the last number of all: that is no such loss.) */
static void check_losses(const struct replay *replay)
{
	const struct replayed_loss *loss;
	bool has_last = false;

	DL_FOREACH(replay->losses, loss) {
		require(loss->first <= loss->last);
		has_last |= loss->last == JOURNAL_LOST_UNKNOWN && loss->session == 0 &&
			    loss->first != loss->last;
	}
	if (has_last) {
		const struct replayed_session *session;

		DL_FOREACH(replay->sessions, session) {
			require(session->is_touched);
		}
	}
}

static bool is_zero(const uint8_t *data, size_t size)
{
	while (size && *data == 0) {
		data++;
		size--;
	}
	return size == 0;
}

static void check_scan(const struct replay *replay, const uint8_t *file, size_t size)
{
	const struct journal_scan *scan = &replay->scan;

	require(scan->verdict < _JOURNAL_VERDICT_COUNT && journal_verdict_name(scan->verdict));
	require(scan->tail <= size && scan->tail % 8 == 0);
	if (scan->verdict == JOURNAL_FOREIGN || scan->verdict == JOURNAL_OTHER_BOOT) {
		require(!replay->sessions && !replay->answers && !replay->losses && !scan->tail);
	}
	if (scan->verdict == JOURNAL_DAMAGED) {
		require(replay->losses);
	}
	if (scan->verdict == JOURNAL_CLEAN) {
		require(scan->tail >= JOURNAL_FILE_HEADER_BYTES);
		require(scan->is_torn || is_zero(file + scan->tail, size - scan->tail));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *file;
	struct replay replay;

	if (size == 0) {
		return 0;
	}
	file = make_file(data[0], data + 1, size - 1, &size);
	require(replay_run(file, size, &identity, &replay) == 0);
	check_scan(&replay, file, size);
	check_sessions(&replay);
	if (!can_wrap(file, size)) {
		check_numbers(&replay);
	}
	check_answers(&replay);
	check_losses(&replay);
	replay_done(&replay);
	free(file);
	return 0;
}
