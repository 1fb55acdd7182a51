/* SPDX-License-Identifier: MIT */
/*
 * Slices. Bytes instead of a message for each entry, because a million messages would be a
 * million allocations at replay. What is read back is checked like everything that comes from a
 * file, although it has the right checksum.
 */
#include "broker/slice.h"

#include <errno.h>
#include <string.h>

#include "broker/identity.h"
#include "proto/limits.h"

#define SEEN_BYTES (sizeof(uint32_t) + KEPT_IDENTITY_BYTES)
#define PROCESS_FLAGS (RESOURCE_PROCESS_BY_FILETIME | RESOURCE_PROCESS_DEAD)
/* A normalised name is a unit name with what stands before and behind it. */
#define MAX_NAME_TEXT_BYTES (2u * MAX_UNIT_BYTES)

struct stored_process {
	uint32_t pid;
	uint32_t flags;
	uint64_t start_time;
};

_Static_assert(sizeof(struct stored_process) == 16, "no padding");

void slice_reset(struct slice *slice)
{
	slice->paths.size = 0;
	slice->identities.size = 0;
	slice->seen.size = 0;
	slice->processes.size = 0;
	slice->services.size = 0;
	slice->n_files = 0;
	slice->n = 0;
}

void slice_done(struct slice *slice)
{
	free(slice->paths.data);
	free(slice->identities.data);
	free(slice->seen.data);
	free(slice->processes.data);
	free(slice->services.data);
	*slice = (struct slice){0};
}

bool slice_is_full(const struct slice *slice)
{
	return slice->n >= MAX_PART_ENTRIES ||
	       slice->paths.size + slice->services.size + MAX_PATH_BYTES > MAX_PART_BYTES;
}

static int append(struct slice_bytes *bytes, const void *data, size_t size)
{
	if (size > bytes->capacity - bytes->size) {
		size_t capacity = 2 * bytes->capacity + size + 256;
		uint8_t *grown = realloc(bytes->data, capacity);

		if (!grown) {
			return -ENOMEM;
		}
		bytes->data = grown;
		bytes->capacity = capacity;
	}
	memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
	return 0;
}

int slice_add_path(struct slice *slice, const char *path, bool is_tree,
		   const struct file_identity *identity)
{
	uint8_t stored[KEPT_IDENTITY_BYTES];
	int r = append(&slice->paths, path, strlen(path) + 1);

	if (r < 0) {
		return r;
	}
	kept_identity_store(identity, is_tree, stored);
	r = append(&slice->identities, stored, sizeof(stored));
	if (r < 0) {
		return r;
	}
	slice->n_files++;
	slice->n++;
	return 0;
}

static int add_seen(struct slice *slice, uint32_t file, const struct file_identity *identity)
{
	uint8_t stored[SEEN_BYTES];

	memcpy(stored, &file, sizeof(file));
	kept_identity_store(identity, false, stored + sizeof(file));
	return append(&slice->seen, stored, sizeof(stored));
}

static int add_file(struct slice *slice, const struct resource_set *set, uint32_t i)
{
	struct file_identity identities[MAX_FILE_IDENTITIES];
	unsigned int n = resource_file_identities(set, i, identities);
	uint32_t file = slice->n_files;
	int r = slice_add_path(slice, resource_file_path(set, i), resource_file_is_tree(set, i),
			       &identities[0]);

	while (r == 0 && n > 1) {
		r = add_seen(slice, file, &identities[--n]);
	}
	return r;
}

static int add_process(struct slice *slice, const struct resource_set *set, uint32_t i)
{
	const struct resource_process *process = resource_process_at(set, i);
	struct stored_process stored = {process->pid, process->flags, process->start_time};

	slice->n++;
	return append(&slice->processes, &stored, sizeof(stored));
}

static int add_service(struct slice *slice, const struct resource_set *set, uint32_t i)
{
	const char *name = resource_service_name(set, i);

	slice->n++;
	return append(&slice->services, name, strlen(name) + 1);
}

int slice_add(struct slice *slice, const struct resource_set *set, enum resource_kind kind,
	      uint32_t i)
{
	static int (*const adders[_RESOURCE_KIND_COUNT])(struct slice *,
							 const struct resource_set *, uint32_t) = {
		[RESOURCE_FILE] = add_file,
		[RESOURCE_PROCESS] = add_process,
		[RESOURCE_SERVICE] = add_service,
	};

	return adders[kind](slice, set, i);
}

static ProtobufCBinaryData bytes_of(const struct slice_bytes *bytes)
{
	return (ProtobufCBinaryData){.len = bytes->size, .data = bytes->data};
}

void slice_fill(const struct slice *slice, Rmrecord__Resources *record)
{
	record->paths = bytes_of(&slice->paths);
	record->identities = bytes_of(&slice->identities);
	record->seen = bytes_of(&slice->seen);
	record->processes = bytes_of(&slice->processes);
	record->services = bytes_of(&slice->services);
}

void slice_fill_seen(const struct slice *slice, Rmrecord__FilesSeen *record)
{
	record->paths = bytes_of(&slice->paths);
	record->identities = bytes_of(&slice->identities);
}

/* The next of some texts that each end in a NUL: its length, or 0 at the end. */
static int next_text(const ProtobufCBinaryData *texts, size_t *at, const char **ret_text,
		     size_t *ret_size)
{
	const char *text = (const char *)texts->data + *at;
	size_t left = texts->len - *at;
	size_t size = left ? strnlen(text, left) : 0;

	if (left && (size == 0 || size == left)) {
		return -EBADMSG;
	}
	*ret_text = text;
	*ret_size = size;
	*at += left ? size + 1 : 0;
	return 0;
}

static int next_path(const ProtobufCBinaryData *paths, size_t *at, const char **ret_path,
		     size_t *ret_size)
{
	int r = next_text(paths, at, ret_path, ret_size);

	if (r < 0 || *ret_size == 0) {
		return r;
	}
	return **ret_path == '/' && *ret_size < MAX_PATH_BYTES ? 0 : -EBADMSG;
}

static int may_add(const struct resource_set *set, enum resource_kind kind)
{
	return resource_count_all(set, kind) < MAX_RESOURCES ? 0 : -EBADMSG;
}

/* Adds one path. Its place in the set goes to `ret_i`. */
static int read_file(struct resource_set *set, const char *path, size_t size,
		     const uint8_t *identity_bytes, uint32_t *ret_i)
{
	uint32_t before = resource_count_all(set, RESOURCE_FILE);
	struct file_identity identity;
	bool is_tree;
	int r = kept_identity_load(identity_bytes, &identity, &is_tree);

	r = r < 0 ? r : may_add(set, RESOURCE_FILE);
	r = r < 0 ? r : resource_add_file(set, path, size, is_tree, ret_i);
	if (r == 0 && *ret_i == before) {
		resource_set_identity(set, *ret_i, &identity);
	}
	return r;
}

/* Later identities of file `number` of the slice, which is entry `i` of the set. */
static int read_later(const ProtobufCBinaryData *seen, size_t *at, struct resource_set *set,
		      uint32_t number, uint32_t i)
{
	while (seen->len - *at >= SEEN_BYTES) {
		struct file_identity identity;
		uint32_t file;
		bool is_tree;
		int r;

		memcpy(&file, seen->data + *at, sizeof(file));
		if (file != number) {
			return file > number ? 0 : -EBADMSG;
		}
		r = kept_identity_load(seen->data + *at + sizeof(file), &identity, &is_tree);
		r = r < 0 ? r : resource_file_see(set, i, &identity);
		if (r < 0) {
			return r;
		}
		*at += SEEN_BYTES;
	}
	return 0;
}

static int read_files(const Rmrecord__Resources *record, struct resource_set *set)
{
	size_t at = 0;
	size_t seen_at = 0;
	uint32_t n = 0;

	while (at < record->paths.len) {
		const char *path;
		size_t size;
		uint32_t i = 0;
		int r = next_path(&record->paths, &at, &path, &size);

		if (r == 0 && record->identities.len / KEPT_IDENTITY_BYTES <= n) {
			r = -EBADMSG;
		}
		if (r == 0) {
			r = read_file(set, path, size,
				      record->identities.data + (size_t)n * KEPT_IDENTITY_BYTES,
				      &i);
		}
		r = r < 0 ? r : read_later(&record->seen, &seen_at, set, n, i);
		if (r < 0) {
			return r;
		}
		n++;
	}
	return record->identities.len == (size_t)n * KEPT_IDENTITY_BYTES &&
			       seen_at == record->seen.len
		       ? 0
		       : -EBADMSG;
}

static int read_processes(const ProtobufCBinaryData *processes, struct resource_set *set)
{
	int r = processes->len % sizeof(struct stored_process) ? -EBADMSG : 0;

	for (size_t at = 0; r == 0 && at < processes->len; at += sizeof(struct stored_process)) {
		struct stored_process stored;
		uint32_t i;

		memcpy(&stored, processes->data + at, sizeof(stored));
		/* Only a process that was found is meant by its ticks alone. */
		if (stored.pid == 0 || stored.flags & ~(uint32_t)PROCESS_FLAGS ||
		    stored.flags == RESOURCE_PROCESS_BY_FILETIME) {
			return -EBADMSG;
		}
		r = may_add(set, RESOURCE_PROCESS);
		r = r < 0 ? r
			  : resource_add_process(set, stored.pid, stored.start_time, stored.flags,
						 &i);
	}
	return r;
}

static int read_services(const ProtobufCBinaryData *services, struct resource_set *set)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && at < services->len) {
		const char *name;
		size_t size;
		uint32_t i;

		r = next_text(services, &at, &name, &size);
		if (r == 0 && size > MAX_NAME_TEXT_BYTES) {
			r = -EBADMSG;
		}
		r = r < 0 ? r : may_add(set, RESOURCE_SERVICE);
		r = r < 0 ? r : resource_add_service(set, name, size, &i);
	}
	return r;
}

int slice_read(const Rmrecord__Resources *record, struct resource_set *set)
{
	int r = read_files(record, set);

	r = r < 0 ? r : read_processes(&record->processes, set);
	return r < 0 ? r : read_services(&record->services, set);
}

int slice_read_seen(const Rmrecord__FilesSeen *record, struct resource_set *set)
{
	size_t at = 0;
	size_t n = 0;
	int r = 0;

	while (r == 0 && at < record->paths.len) {
		struct file_identity identity;
		const char *path;
		size_t size;
		bool is_tree;
		uint32_t i;

		r = next_path(&record->paths, &at, &path, &size);
		if (r < 0 || record->identities.len / KEPT_IDENTITY_BYTES <= n) {
			return -EBADMSG;
		}
		r = kept_identity_load(record->identities.data + n++ * KEPT_IDENTITY_BYTES,
				       &identity, &is_tree);
		i = r == 0 ? resource_find_file(set, path, size, is_tree) : TABLE_NONE;
		r = i != TABLE_NONE ? resource_file_see(set, i, &identity) : r;
	}
	if (r == 0 && record->identities.len != n * KEPT_IDENTITY_BYTES) {
		r = -EBADMSG;
	}
	return r;
}
