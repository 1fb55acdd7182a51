/* SPDX-License-Identifier: MIT */
/*
 * Reading a journal: pure, from bytes. What it tells apart, and how:
 *
 *   torn       a write(2) that SIGKILL cut short ends at a page's border; behind it the file is
 *              still zero, though no record ends in a zero. Such a record was never
 *              acknowledged: it is cut off, nothing is lost.
 *   damaged    anything else whose checksum does not hold. Each header has a checksum of its own
 *              and names its session, its place in the sequence and the session of the record
 *              before it; so a lost payload, or one lost header between two good ones, is known
 *              by its session. Where that does not help, any session may have been touched.
 *   truncated  a whole file always ends in zeroes (the reserve). One that does not has lost an
 *              unknown number of records.
 *
 * The checksums are seeded by a random number of the file, so that nothing that a client has
 * put into a record can look like a record; a header's also by its place in the file, so that
 * a record which a stray write has put elsewhere is none.
 */
#include <string.h>

#include "broker/journal.h"
#include "broker/journal_format.h"

#define PAGE_BYTES 4096u

const char *journal_verdict_name(enum journal_verdict verdict)
{
	static const char *const names[_JOURNAL_VERDICT_COUNT] = {
		[JOURNAL_CLEAN] = "clean",
		[JOURNAL_DAMAGED] = "damaged",
		[JOURNAL_FOREIGN] = "foreign",
		[JOURNAL_OTHER_BOOT] = "other-boot",
	};

	return names[verdict];
}

struct parser {
	const uint8_t *data;
	uint64_t size;
	const struct journal_reader *reader;
	struct journal_scan scan;
	uint64_t at;
};

static bool is_zero(const uint8_t *data, uint64_t size)
{
	return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

/* A record header at `at` that is whole, ours, and not older than what was read. */
static bool read_header(const struct parser *parser, uint64_t at,
			struct journal_record_header *ret_header)
{
	if (parser->size - at < JOURNAL_RECORD_HEADER_BYTES) {
		return false;
	}
	memcpy(ret_header, parser->data + at, sizeof(*ret_header));
	return ret_header->magic == JOURNAL_RECORD_MAGIC &&
	       ret_header->size <= JOURNAL_MAX_RECORD_BYTES &&
	       ret_header->sequence >= parser->scan.next_sequence &&
	       ret_header->header_sum ==
		       journal_record_header_sum(ret_header, parser->scan.seed, at);
}

/* Whether what begins at `at` can be a write that was cut short: at least up to the next page
 * it was written, from some page's border on all is zero. Behind a record there is always room
 * for one header more; where that is missing, the file was cut and not the write. */
static bool is_torn(const struct parser *parser, uint64_t at, uint64_t record_bytes)
{
	uint64_t border = (at / PAGE_BYTES + 1) * PAGE_BYTES;

	if (parser->size - at < record_bytes + JOURNAL_RECORD_HEADER_BYTES) {
		return false;
	}
	for (; border < at + record_bytes; border += PAGE_BYTES) {
		if (is_zero(parser->data + border, parser->size - border)) {
			return true;
		}
	}
	return false;
}

static void lose(struct parser *parser, uint64_t first, uint64_t last, uint32_t session)
{
	parser->scan.verdict = JOURNAL_DAMAGED;
	parser->reader->on_lost(parser->reader->userdata, first, last, session);
}

static bool find_next_header(struct parser *parser)
{
	struct journal_record_header header;

	for (uint64_t at = parser->at + 8; at < parser->size; at += 8) {
		if (read_header(parser, at, &header)) {
			parser->at = at;
			return true;
		}
	}
	return false;
}

/* What follows is no header. Returns whether there is more to read. */
static bool skip_damage(struct parser *parser)
{
	uint64_t rest = parser->size - parser->at;

	if (rest >= JOURNAL_RECORD_HEADER_BYTES && is_zero(parser->data + parser->at, rest)) {
		return false; /* the end, as it should be */
	}
	if (is_torn(parser, parser->at, JOURNAL_RECORD_HEADER_BYTES)) {
		parser->scan.is_torn = true;
		return false;
	}
	if (find_next_header(parser)) {
		return true;
	}
	lose(parser, parser->scan.next_sequence, JOURNAL_LOST_UNKNOWN, 0);
	return false;
}

/* The records between the last one read and this one. */
static void tell_gap(struct parser *parser, const struct journal_record_header *header)
{
	uint64_t expected = parser->scan.next_sequence;

	if (header->sequence > expected) {
		lose(parser, expected, header->sequence - 1,
		     header->sequence - expected == 1 ? header->previous_session : 0);
	}
}

static int read_record(struct parser *parser, const struct journal_record_header *header,
		       bool *ret_more)
{
	const uint8_t *payload = parser->data + parser->at + JOURNAL_RECORD_HEADER_BYTES;
	uint64_t record_bytes = journal_record_bytes(header->size);

	*ret_more = false;
	tell_gap(parser, header);
	if (record_bytes > parser->size - parser->at) {
		lose(parser, header->sequence, JOURNAL_LOST_UNKNOWN, 0);
		return 0;
	}
	if (journal_checksum(payload, header->size, parser->scan.seed) != header->payload_sum) {
		if (is_torn(parser, parser->at, record_bytes)) {
			parser->scan.is_torn = true;
			return 0;
		}
		lose(parser, header->sequence, header->sequence, header->session);
	} else {
		int r = parser->reader->on_record(parser->reader->userdata, header->session,
						  payload, header->size);

		if (r) {
			return r;
		}
	}
	parser->at += record_bytes;
	parser->scan.tail = parser->at;
	parser->scan.next_sequence = header->sequence + 1;
	parser->scan.last_session = header->session;
	*ret_more = true;
	return 0;
}

static int read_records(struct parser *parser)
{
	bool more = true;

	while (more) {
		struct journal_record_header header;
		int r = 0;

		if (read_header(parser, parser->at, &header)) {
			r = read_record(parser, &header, &more);
		} else {
			more = skip_damage(parser);
		}
		if (r) {
			return r;
		}
	}
	return 0;
}

/* Either of the two copies will do. */
static enum journal_verdict read_file_header(const uint8_t *data, size_t size,
					     struct journal_file_header *ret_header)
{
	bool is_ours = false;

	for (size_t at = 0; at <= JOURNAL_FILE_HEADER_COPY; at += JOURNAL_FILE_HEADER_COPY) {
		struct journal_file_header *header = ret_header;

		if (size < at + sizeof(*header)) {
			break;
		}
		memcpy(header, data + at, sizeof(*header));
		if (memcmp(header->magic, JOURNAL_FILE_MAGIC, sizeof(header->magic)) != 0) {
			continue;
		}
		is_ours = true;
		if (header->checksum == journal_file_header_sum(header)) {
			return header->version == JOURNAL_VERSION ? JOURNAL_CLEAN : JOURNAL_FOREIGN;
		}
	}
	return is_ours ? JOURNAL_DAMAGED : JOURNAL_FOREIGN;
}

int journal_parse(const uint8_t *data, size_t size, const struct journal_identity *identity,
		  const struct journal_reader *reader, struct journal_scan *ret_scan)
{
	struct parser parser = {.data = data, .size = size, .reader = reader};
	struct journal_file_header header;
	int r;

	parser.scan.verdict = read_file_header(data, size, &header);
	if (parser.scan.verdict == JOURNAL_DAMAGED) {
		/* Without a header nobody knows whose pids these are. */
		reader->on_lost(reader->userdata, 0, JOURNAL_LOST_UNKNOWN, 0);
	} else if (parser.scan.verdict == JOURNAL_CLEAN &&
		   (memcmp(header.boot_id, identity->boot_id, sizeof(header.boot_id)) != 0 ||
		    header.pid_namespace != identity->pid_namespace)) {
		parser.scan.verdict = JOURNAL_OTHER_BOOT;
	}
	if (parser.scan.verdict != JOURNAL_CLEAN || size < JOURNAL_FILE_HEADER_BYTES) {
		if (parser.scan.verdict == JOURNAL_CLEAN) {
			lose(&parser, header.first_sequence, JOURNAL_LOST_UNKNOWN, 0);
		}
		*ret_scan = parser.scan;
		return 0;
	}
	parser.scan.seed = header.seed;
	parser.scan.next_sequence = header.first_sequence;
	parser.scan.tail = JOURNAL_FILE_HEADER_BYTES;
	parser.at = JOURNAL_FILE_HEADER_BYTES;
	r = read_records(&parser);
	*ret_scan = parser.scan;
	return r;
}
