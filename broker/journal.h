/* SPDX-License-Identifier: MIT */
/*
 * The journal: an append-only file of records, each with its length, its place in the sequence
 * and checksums. Knows bytes, not sessions. docs/protocol.md shows the layout.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

#define JOURNAL_RECORD_HEADER_BYTES 40u
#define JOURNAL_FILE_HEADER_BYTES 4096u
/* The file grows by this; a fresh one has one piece. */
#define JOURNAL_PIECE_BYTES (128u * 1024u)
#define JOURNAL_MAX_RECORD_BYTES (2u * 1024u * 1024u)
#define JOURNAL_MAX_BYTES (1024u * 1024u * 1024u)

/* Bytes that a record with this payload takes in the file: padded to 8, at least one byte of it
 * padding, so that the last byte of a record is never zero. */
static inline uint64_t journal_record_bytes(size_t payload_size)
{
	return JOURNAL_RECORD_HEADER_BYTES + (((uint64_t)payload_size + 8) & ~UINT64_C(7));
}

/* Whose pids the records speak of (A62). */
struct journal_identity {
	uint8_t boot_id[16];
	uint64_t pid_namespace; /* inode */
};

/* Of this process. 0 or -errno. */
int journal_identity_get(struct journal_identity *ret_identity) _warn_unused_;

enum journal_verdict {
	JOURNAL_CLEAN,	    /* every record read; a torn one at the end was never acknowledged */
	JOURNAL_DAMAGED,    /* some records are lost; the others were read */
	JOURNAL_FOREIGN,    /* not a journal, or of a newer version: nothing was read */
	JOURNAL_OTHER_BOOT, /* of another boot or pid namespace: nothing was read */
	_JOURNAL_VERDICT_COUNT,
};

const char *journal_verdict_name(enum journal_verdict verdict);

#define JOURNAL_LOST_UNKNOWN UINT64_MAX

struct journal_reader {
	/* One whole record, in order. 0 goes on; else journal_parse() returns it. */
	int (*on_record)(void *userdata, uint32_t session, const uint8_t *payload, size_t size);
	/* Records `first` to `last` (JOURNAL_LOST_UNKNOWN: nobody knows how many) are lost; they
	 * were about `session`, or 0: about any. */
	void (*on_lost)(void *userdata, uint64_t first, uint64_t last, uint32_t session);
	void *userdata;
};

struct journal_scan {
	enum journal_verdict verdict;
	uint64_t seed;		/* of the file's checksums */
	uint64_t tail;		/* where the next record goes */
	uint64_t next_sequence; /* of the next record */
	uint32_t last_session;	/* of the last record */
	bool is_torn;		/* bytes behind the tail have to be zeroed */
};

/* Reads a journal's bytes. Pure. 0, or what on_record() returned. */
int journal_parse(const uint8_t *data, size_t size, const struct journal_identity *identity,
		  const struct journal_reader *reader, struct journal_scan *ret_scan) _warn_unused_;

/* An open journal, to be appended to. */
struct journal {
	int fd;	    /* owned */
	char *path; /* owned: where it is published */
	uint64_t seed;
	uint64_t tail;
	uint64_t reserved; /* the file's size; all of it is allocated on the disk */
	uint64_t next_sequence;
	uint32_t last_session;
	bool is_broken;	  /* a failed write is not undone yet: next comes that, or a new file */
	uint8_t *scratch; /* owned: one record being written */
	size_t scratch_size;
};

/* Reads the whole file. -ENOENT; -EFBIG; other -errno. */
int journal_read_file(const char *path, uint8_t **ret_data, size_t *ret_size) _warn_unused_;

/* Opens an existing file to append where `scan` (JOURNAL_CLEAN) ended. */
int journal_open(const char *path, const struct journal_scan *scan, struct journal *ret_journal)
	_warn_unused_;

/* Makes a new, empty journal under a temporary name beside `path`, with one piece reserved. */
int journal_create(const char *path, const struct journal_identity *identity,
		   uint64_t first_sequence, struct journal *ret_journal) _warn_unused_;

/* Renames a new journal to its path, over what was there. */
int journal_publish(struct journal *journal) _warn_unused_;

/* Removes a new journal that will not be published. */
void journal_discard(struct journal *journal);

void journal_close(struct journal *journal);

/* Gives the file at `path` the first free name "PATH.WHY.N" too, so that it stays when `path` is
 * published anew; the name goes to `ret_path`. */
int journal_set_aside(const char *path, const char *why, char *ret_path, size_t size) _warn_unused_;

/* Sees that `keep` bytes can still be appended, on a full disk as well. -errno: they can't. */
int journal_reserve(struct journal *journal, uint64_t keep) _warn_unused_;

/* Appends one record with one write(2). `keep` bytes stay reserved behind it, so that later
 * records of that many bytes fit on a full disk. -errno: nothing was changed. */
int journal_append(struct journal *journal, uint32_t session, const uint8_t *payload, size_t size,
		   uint64_t keep) _warn_unused_;
