/* SPDX-License-Identifier: MIT */
/* The journal's bytes: shared by its reader and its writer alone. All numbers are the machine's:
 * a journal never outlives its boot. */
#pragma once

#include <stdint.h>

/* "RMJRNL", and a byte that no text has. */
#define JOURNAL_FILE_MAGIC "RMJRNL\x89\n"
#define JOURNAL_VERSION 1u
#define JOURNAL_RECORD_MAGIC 0x52434d52u
#define JOURNAL_PADDING 0x5a
/* The file's header stands twice, here and at 0. */
#define JOURNAL_FILE_HEADER_COPY 2048u

struct journal_file_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t flags; /* 0 */
	uint8_t boot_id[16];
	uint64_t pid_namespace;
	uint64_t seed; /* of all checksums of the records; random */
	uint64_t first_sequence;
	uint64_t checksum; /* of what stands before it, unseeded */
};

struct journal_record_header {
	uint32_t magic;
	uint32_t size; /* of the payload, which follows, padded to 8 bytes by 1 to 8 of them */
	uint64_t sequence;
	uint32_t session;	   /* 0: about no session in particular */
	uint32_t previous_session; /* of the record before */
	uint64_t payload_sum;
	uint64_t header_sum; /* of what stands before it, and of its place */
};

_Static_assert(sizeof(struct journal_file_header) == 64, "the file header's layout is fixed");
_Static_assert(sizeof(struct journal_record_header) == 40, "the record header's layout is fixed");

uint64_t journal_checksum(const void *data, uint64_t size, uint64_t seed);
/* `at`: where the header stands in the file. */
uint64_t journal_record_header_sum(const struct journal_record_header *header, uint64_t seed,
				   uint64_t at);
uint64_t journal_file_header_sum(const struct journal_file_header *header);
