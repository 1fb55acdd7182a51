/* SPDX-License-Identifier: MIT */
/*
 * Mapped files. PROCMAP_QUERY gives the numbers without the names, which are most of what the
 * text costs. An open maps file belongs to the memory that the process had when it was opened:
 * after an exec it answers ESRCH or is empty, so one reading never mixes two programs.
 *
 * In the text a name may hold anything but a newline, which the kernel escapes; it is passed over
 * unread, however long it is.
 */
#include "broker/scan/mappings.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "broker/scan/reading_board.h"

/* Of Linux 6.11; under our own names, as newer headers have theirs. */
struct maps_query {
	uint64_t size;
	uint64_t query_flags;
	uint64_t query_address;
	uint64_t address;
	uint64_t end;
	uint64_t flags;
	uint64_t page_size;
	uint64_t offset;
	uint64_t inode;
	uint32_t device_major;
	uint32_t device_minor;
	uint32_t name_size;
	uint32_t build_id_size;
	uint64_t name_address;
	uint64_t build_id_address;
};
_Static_assert(sizeof(struct maps_query) == 104, "as the kernel has it");

#define MAPS_QUERY _IOWR('f', 17, struct maps_query)
#define QUERY_COVERING_OR_NEXT 0x10u
#define QUERY_FILE_BACKED 0x20u

/* The kernel fills in one page of text a read today; more costs nothing. */
#define TEXT_BYTES (64u * 1024u)
/* Mappings between two looks at `cancelled`: about a millisecond. */
#define MAPPINGS_A_LOOK 2048u

static bool is_cancelled(const atomic_bool *cancelled)
{
	reading_step();
	return cancelled && atomic_load_explicit(cancelled, memory_order_relaxed);
}

/* Digits up to `end`, which must follow; NULL: something else is there. */
static const char *read_number(const char *text, unsigned int base, char end, uint64_t *ret_number)
{
	uint64_t number = 0;
	const char *at = text;

	for (;; at++) {
		unsigned int digit;

		if (*at >= '0' && *at <= '9') {
			digit = (unsigned int)(*at - '0');
		} else if (*at >= 'a' && *at <= 'f') {
			digit = (unsigned int)(*at - 'a') + 10;
		} else {
			break;
		}
		if (digit >= base || number > (UINT64_MAX - digit) / base) {
			return NULL;
		}
		number = number * base + digit;
	}
	if (at == text || *at != end) {
		return NULL;
	}
	*ret_number = number;
	return at + 1;
}

int mapping_parse(const char *line, struct mapping *ret_mapping)
{
	struct mapping mapping;
	uint64_t major_number;
	uint64_t minor_number;
	const char *at = read_number(line, 16, '-', &mapping.address);

	at = at ? read_number(at, 16, ' ', &mapping.end) : NULL;
	at = at && strnlen(at, 5) == 5 && at[4] == ' ' ? at + 5 : NULL;
	at = at ? read_number(at, 16, ' ', &mapping.offset) : NULL;
	at = at ? read_number(at, 16, ':', &major_number) : NULL;
	at = at ? read_number(at, 16, ' ', &minor_number) : NULL;
	if (!at || major_number > UINT32_MAX || minor_number > UINT32_MAX ||
	    mapping.end <= mapping.address) {
		return -EBADMSG;
	}
	if (!read_number(at, 10, ' ', &mapping.inode) &&
	    !read_number(at, 10, '\n', &mapping.inode) &&
	    !read_number(at, 10, '\0', &mapping.inode)) {
		return -EBADMSG;
	}
	mapping.device = makedev((unsigned int)major_number, (unsigned int)minor_number);
	*ret_mapping = mapping;
	return 0;
}

static int end_line(struct maps_parser *parser, mapping_fn on_mapping, void *userdata)
{
	struct mapping mapping;
	int r;

	parser->line[parser->n_line] = '\0';
	parser->n_line = 0;
	r = mapping_parse(parser->line, &mapping);
	if (r < 0 || (!mapping.inode && !mapping.device)) {
		return r;
	}
	return on_mapping(&mapping, userdata);
}

int maps_parser_feed(struct maps_parser *parser, const char *text, size_t size,
		     mapping_fn on_mapping, void *userdata)
{
	const char *end = text + size;
	int r = 0;

	while (r == 0 && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((newline ? newline : end) - text);
		size_t room = sizeof(parser->line) - 1 - parser->n_line;
		size_t n = length < room ? length : room;

		memcpy(parser->line + parser->n_line, text, n);
		parser->n_line += n;
		if (newline) {
			r = end_line(parser, on_mapping, userdata);
		}
		text += length + (newline ? 1 : 0);
	}
	return r;
}

static int query(int maps_fd, uint64_t address, struct maps_query *ret_query)
{
	*ret_query = (struct maps_query){
		.size = sizeof(*ret_query),
		.query_flags = QUERY_COVERING_OR_NEXT | QUERY_FILE_BACKED,
		.query_address = address,
	};
	return ioctl(maps_fd, MAPS_QUERY, ret_query) < 0 ? negative_errno() : 0;
}

int mapping_query(int maps_fd, uint64_t address, struct mapping *ret_mapping, char *ret_name,
		  size_t size)
{
	struct maps_query answer = {
		.size = sizeof(answer),
		.query_flags = QUERY_FILE_BACKED,
		.query_address = address,
		.name_size = (uint32_t)size,
		.name_address = (uint64_t)(uintptr_t)ret_name,
	};
	int r = ioctl(maps_fd, MAPS_QUERY, &answer) < 0 ? negative_errno() : 0;

	if (r == -ENAMETOOLONG) {
		*ret_name = '\0';
		answer.name_size = 0;
		answer.name_address = 0;
		r = ioctl(maps_fd, MAPS_QUERY, &answer) < 0 ? negative_errno() : 0;
	}
	if (r < 0) {
		return r;
	}
	*ret_mapping = (struct mapping){
		.address = answer.address,
		.end = answer.end,
		.device = makedev(answer.device_major, answer.device_minor),
		.inode = answer.inode,
		.offset = answer.offset,
	};
	return 0;
}

bool mappings_have_query(int proc_fd)
{
	_cleanup_(closep) int fd = openat(proc_fd, "self/maps", O_RDONLY | O_CLOEXEC);
	struct maps_query answer;

	return fd >= 0 && query(fd, 0, &answer) == 0;
}

static int read_by_query(int maps_fd, const atomic_bool *cancelled, mapping_fn on_mapping,
			 void *userdata)
{
	struct maps_query answer = {0};
	int r = 0;

	for (unsigned int n = 1; r == 0; n++) {
		struct mapping mapping;

		if (n % MAPPINGS_A_LOOK == 0 && is_cancelled(cancelled)) {
			return -ECANCELED;
		}
		r = query(maps_fd, answer.end, &answer);
		if (r < 0) {
			return r == -ENOENT ? 0 : r; /* that was the last */
		}
		mapping = (struct mapping){
			.address = answer.address,
			.end = answer.end,
			.device = makedev(answer.device_major, answer.device_minor),
			.inode = answer.inode,
			.offset = answer.offset,
		};
		r = on_mapping(&mapping, userdata);
	}
	return r;
}

static int read_by_text(int maps_fd, const atomic_bool *cancelled, mapping_fn on_mapping,
			void *userdata)
{
	_cleanup_(freep) char *text = malloc(TEXT_BYTES);
	struct maps_parser parser = {0};
	bool is_empty = true;
	int r = 0;

	if (!text) {
		return -ENOMEM;
	}
	while (r == 0) {
		ssize_t n = read(maps_fd, text, TEXT_BYTES);

		if (n < 0) {
			return negative_errno();
		}
		if (n == 0) {
			return is_empty ? -ESRCH : 0;
		}
		if (is_cancelled(cancelled)) {
			return -ECANCELED;
		}
		is_empty = false;
		r = maps_parser_feed(&parser, text, (size_t)n, on_mapping, userdata);
	}
	return r;
}

int mappings_read(int maps_fd, bool by_text, const atomic_bool *cancelled, mapping_fn on_mapping,
		  void *userdata)
{
	return by_text ? read_by_text(maps_fd, cancelled, on_mapping, userdata)
		       : read_by_query(maps_fd, cancelled, on_mapping, userdata);
}

bool mappings_are_alive(int maps_fd, bool by_text)
{
	struct maps_query answer;
	char byte;

	if (by_text) {
		return pread(maps_fd, &byte, 1, 0) == 1;
	}
	return query(maps_fd, 0, &answer) != -ESRCH;
}
