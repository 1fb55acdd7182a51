/* SPDX-License-Identifier: MIT */
/*
 * The journal's file: made anew under another name and renamed, appended to with one write(2) a
 * record, its space allocated ahead. The file is never mapped (a truncated one would be a
 * SIGBUS) and never shortened. Behind the tail all is zero; that is how its reader knows the
 * end, so a failed write is wiped out again before the error goes up.
 */
#define XXH_INLINE_ALL
#include "broker/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "broker/journal_format.h"

#define MAX_ASIDE 10000

uint64_t journal_checksum(const void *data, uint64_t size, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, size, seed);
}

uint64_t journal_record_header_sum(const struct journal_record_header *header, uint64_t seed,
				   uint64_t at)
{
	return journal_checksum(header, offsetof(struct journal_record_header, header_sum),
				seed + at);
}

uint64_t journal_file_header_sum(const struct journal_file_header *header)
{
	return journal_checksum(header, offsetof(struct journal_file_header, checksum), 0);
}

static int parse_boot_id(const char *text, uint8_t ret_id[16])
{
	for (size_t i = 0; i < 16; i++) {
		char digits[3] = "";
		char *end;

		text += *text == '-';
		(void)snprintf(digits, sizeof(digits), "%.2s", text);
		ret_id[i] = (uint8_t)strtoul(digits, &end, 16);
		if (end != digits + 2) {
			return -EBADMSG;
		}
		text += 2;
	}
	return 0;
}

int journal_identity_get(struct journal_identity *ret_identity)
{
	struct journal_identity identity;
	char text[64] = "";
	struct stat st;
	_cleanup_(closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0) {
		return negative_errno();
	}
	r = parse_boot_id(text, identity.boot_id);
	if (r < 0) {
		return r;
	}
	if (stat("/proc/self/ns/pid", &st) < 0) {
		return negative_errno();
	}
	identity.pid_namespace = st.st_ino;
	*ret_identity = identity;
	return 0;
}

/* Writes or reads all of it; a short count that goes no further is -ENOSPC (writing). */
static int write_all(int fd, const uint8_t *data, size_t size, uint64_t at)
{
	while (size) {
		ssize_t n = pwrite(fd, data, size, (off_t)at);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n < 0 ? negative_errno() : -ENOSPC;
		}
		data += n;
		at += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static int read_all(int fd, uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t n = pread(fd, data + at, size - at, (off_t)at);

		if (n < 0 && errno != EINTR) {
			return negative_errno();
		}
		if (n == 0) {
			return -EIO; /* it became shorter while we read */
		}
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int journal_read_file(const char *path, uint8_t **ret_data, size_t *ret_size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_(freep) uint8_t *data = NULL;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return negative_errno();
	}
	if (!S_ISREG(st.st_mode)) {
		return -EINVAL;
	}
	if (st.st_size > JOURNAL_MAX_BYTES) {
		return -EFBIG;
	}
	data = malloc((size_t)st.st_size + 1);
	if (!data) {
		return -ENOMEM;
	}
	r = read_all(fd, data, (size_t)st.st_size);
	if (r < 0) {
		return r;
	}
	*ret_size = (size_t)st.st_size;
	*ret_data = TAKE_PTR(data);
	return 0;
}

/* Zeroes from `from` to the end of what is reserved. */
static int wipe(int fd, uint64_t from, uint64_t to)
{
	static const uint8_t zeroes[16384];

	while (from < to) {
		uint64_t n = to - from < sizeof(zeroes) ? to - from : sizeof(zeroes);
		int r = write_all(fd, zeroes, (size_t)n, from);

		if (r < 0) {
			return r;
		}
		from += n;
	}
	return 0;
}

/* Allocates the disk's space up to `size`. File systems without fallocate(2) get zeroes. */
static int reserve(struct journal *journal, uint64_t size)
{
	int r = 0;

	size = (size + JOURNAL_PIECE_BYTES - 1) / JOURNAL_PIECE_BYTES * JOURNAL_PIECE_BYTES;
	if (size > JOURNAL_MAX_BYTES) {
		return -EFBIG;
	}
	while (fallocate(journal->fd, 0, (off_t)journal->reserved,
			 (off_t)(size - journal->reserved)) < 0) {
		if (errno == EOPNOTSUPP) {
			r = wipe(journal->fd, journal->reserved, size);
			break;
		}
		if (errno != EINTR) {
			return negative_errno();
		}
	}
	if (r == 0) {
		journal->reserved = size;
	}
	return r;
}

int journal_open(const char *path, const struct journal_scan *scan, struct journal *ret_journal)
{
	_cleanup_(closep) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_(freep) char *copy = strdup(path);
	struct stat st;

	if (!copy) {
		return -ENOMEM;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		return negative_errno();
	}
	if (scan->is_torn) {
		int r = wipe(fd, scan->tail, (uint64_t)st.st_size);

		if (r < 0) {
			return r;
		}
	}
	*ret_journal = (struct journal){
		.fd = TAKE_FD(fd),
		.path = TAKE_PTR(copy),
		.seed = scan->seed,
		.tail = scan->tail,
		.reserved = (uint64_t)st.st_size,
		.next_sequence = scan->next_sequence,
		.last_session = scan->last_session,
	};
	return 0;
}

static int temporary_path(const char *path, char *ret_path)
{
	int n = snprintf(ret_path, PATH_MAX, "%s.new", path);

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int write_file_header(struct journal *journal, const struct journal_identity *identity)
{
	uint8_t block[JOURNAL_FILE_HEADER_BYTES] = {0};
	struct journal_file_header header = {
		.version = JOURNAL_VERSION,
		.pid_namespace = identity->pid_namespace,
		.seed = journal->seed,
		.first_sequence = journal->next_sequence,
	};

	memcpy(header.magic, JOURNAL_FILE_MAGIC, sizeof(header.magic));
	memcpy(header.boot_id, identity->boot_id, sizeof(header.boot_id));
	header.checksum = journal_file_header_sum(&header);
	memcpy(block, &header, sizeof(header));
	memcpy(block + JOURNAL_FILE_HEADER_COPY, &header, sizeof(header));
	return write_all(journal->fd, block, sizeof(block), 0);
}

static int create(struct journal *journal, const struct journal_identity *identity)
{
	char path[PATH_MAX];
	int r = temporary_path(journal->path, path);

	if (r < 0) {
		return r;
	}
	if (unlink(path) < 0 && errno != ENOENT) { /* left by a broker killed in mid-compaction */
		return negative_errno();
	}
	journal->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (journal->fd < 0) {
		return negative_errno();
	}
	if (getrandom(&journal->seed, sizeof(journal->seed), 0) < 0) {
		return negative_errno();
	}
	r = reserve(journal, JOURNAL_PIECE_BYTES);
	return r < 0 ? r : write_file_header(journal, identity);
}

int journal_create(const char *path, const struct journal_identity *identity,
		   uint64_t first_sequence, struct journal *ret_journal)
{
	struct journal journal = {
		.fd = -1,
		.path = strdup(path),
		.tail = JOURNAL_FILE_HEADER_BYTES,
		.next_sequence = first_sequence,
	};
	int r;

	if (!journal.path) {
		return -ENOMEM;
	}
	r = create(&journal, identity);
	if (r < 0) {
		journal_discard(&journal);
		return r;
	}
	*ret_journal = journal;
	return 0;
}

int journal_publish(struct journal *journal)
{
	char path[PATH_MAX];
	int r = temporary_path(journal->path, path);

	if (r < 0) {
		return r;
	}
	return rename(path, journal->path) < 0 ? negative_errno() : 0;
}

void journal_discard(struct journal *journal)
{
	char path[PATH_MAX];

	if (journal->fd >= 0 && temporary_path(journal->path, path) == 0) {
		(void)unlink(path); /* left behind at worst: the next one unlinks it first */
	}
	journal_close(journal);
}

void journal_close(struct journal *journal)
{
	closep(&journal->fd);
	free(journal->path);
	free(journal->scratch);
	*journal = (struct journal){.fd = -1};
}

/* A second name; where there are no hard links, a new one. */
static int give_name(const char *path, const char *name)
{
	if (linkat(AT_FDCWD, path, AT_FDCWD, name, 0) == 0) {
		return 0;
	}
	if (errno != EPERM && errno != EOPNOTSUPP) {
		return negative_errno();
	}
	return renameat2(AT_FDCWD, path, AT_FDCWD, name, RENAME_NOREPLACE) < 0 ? negative_errno()
									       : 0;
}

int journal_set_aside(const char *path, const char *why, char *ret_path, size_t size)
{
	for (unsigned int i = 1; i <= MAX_ASIDE; i++) {
		int n = snprintf(ret_path, size, "%s.%s.%u", path, why, i);
		int r = n < 0 || (size_t)n >= size ? -ENAMETOOLONG : give_name(path, ret_path);

		if (r != -EEXIST) {
			return r;
		}
	}
	return -EEXIST;
}

/* Lays the record out in the scratch buffer. */
static int lay_out(struct journal *journal, uint32_t session, const uint8_t *payload, size_t size)
{
	size_t total = (size_t)journal_record_bytes(size);
	struct journal_record_header header = {
		.magic = JOURNAL_RECORD_MAGIC,
		.size = (uint32_t)size,
		.sequence = journal->next_sequence,
		.session = session,
		.previous_session = journal->last_session,
		.payload_sum = journal_checksum(payload, size, journal->seed),
	};

	if (size > JOURNAL_MAX_RECORD_BYTES) {
		return -EMSGSIZE;
	}
	if (total > journal->scratch_size) {
		uint8_t *grown = realloc(journal->scratch, total);

		if (!grown) {
			return -ENOMEM;
		}
		journal->scratch = grown;
		journal->scratch_size = total;
	}
	header.header_sum = journal_record_header_sum(&header, journal->seed, journal->tail);
	memcpy(journal->scratch, &header, sizeof(header));
	memcpy(journal->scratch + sizeof(header), payload, size);
	memset(journal->scratch + sizeof(header) + size, JOURNAL_PADDING,
	       total - sizeof(header) - size);
	return 0;
}

/* Behind what is kept there is always room for one header of zeroes: the end. */
int journal_reserve(struct journal *journal, uint64_t keep)
{
	uint64_t end = journal->tail + keep + JOURNAL_RECORD_HEADER_BYTES;

	return end > journal->reserved ? reserve(journal, end) : 0;
}

int journal_append(struct journal *journal, uint32_t session, const uint8_t *payload, size_t size,
		   uint64_t keep)
{
	uint64_t total = journal_record_bytes(size);
	int r;

	if (journal->is_broken) {
		r = wipe(journal->fd, journal->tail, journal->reserved);
		if (r < 0) {
			return r;
		}
		journal->is_broken = false;
	}
	r = journal_reserve(journal, total + keep);
	if (r < 0) {
		return r;
	}
	r = lay_out(journal, session, payload, size);
	if (r < 0) {
		return r;
	}
	r = write_all(journal->fd, journal->scratch, (size_t)total, journal->tail);
	if (r < 0) {
		journal->is_broken = wipe(journal->fd, journal->tail, journal->tail + total) < 0;
		return r;
	}
	journal->tail += total;
	journal->next_sequence++;
	journal->last_session = session;
	return 0;
}
