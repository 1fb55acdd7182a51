/* SPDX-License-Identifier: MIT */
/*
 * Sets of resources. Up to a million entries must be affordable and no step may be long, so
 * entries are small, in pieces, and refer to each other by number: 40 bytes a file, 24 a process,
 * 8 a service, 4 more in the hash table, and the texts. Entries are only ever added, and numbered
 * in that order; what is not visible yet stands behind what is.
 */
#define XXH_INLINE_ALL
#include "broker/resource.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "broker/identity.h"

/* Without it, a million entries of one letter each would count little and take much memory. */
#define MIN_COST 32u

/* All begin with the number that the table links them by. */
struct file_entry {
	uint32_t next;
	uint32_t path;
	struct kept_identity registered;
};

struct service_entry {
	uint32_t next;
	uint32_t name;
};

_Static_assert(sizeof(struct file_entry) == 40, "a million of them");
_Static_assert(sizeof(struct resource_process) == 24, "a million of them");

/* What is looked for in a table of files or services. */
struct text_key {
	const char *text;
	size_t size;
	bool is_tree;
};

static uint64_t hash_text(const struct resource_set *set, const char *text, size_t size,
			  bool is_tree)
{
	return XXH3_64bits_withSeed(text, size, set->seed + is_tree);
}

static uint64_t hash_file(const void *owner, const void *entry)
{
	const struct resource_set *set = owner;
	const struct file_entry *file = entry;
	const char *path = texts_at(&set->texts, file->path);

	return hash_text(set, path, strlen(path), kept_identity_is_tree(&file->registered));
}

static bool is_text(const struct resource_set *set, uint32_t place, const struct text_key *key)
{
	const char *text = texts_at(&set->texts, place);

	return strncmp(text, key->text, key->size) == 0 && text[key->size] == '\0';
}

static bool is_file(const void *owner, const void *entry, const void *key)
{
	const struct file_entry *file = entry;
	const struct text_key *wanted = key;

	return kept_identity_is_tree(&file->registered) == wanted->is_tree &&
	       is_text(owner, file->path, wanted);
}

static uint64_t hash_service(const void *owner, const void *entry)
{
	const struct resource_set *set = owner;
	const char *name = texts_at(&set->texts, ((const struct service_entry *)entry)->name);

	return hash_text(set, name, strlen(name), false);
}

static bool is_service(const void *owner, const void *entry, const void *key)
{
	return is_text(owner, ((const struct service_entry *)entry)->name, key);
}

/* Only what the caller gave: a process that dies stays the same entry. */
static uint64_t hash_process(const void *owner, const void *entry)
{
	const struct resource_process *process = entry;
	uint64_t key[2] = {process->start_time,
			   (uint64_t)(process->flags & RESOURCE_PROCESS_BY_FILETIME) << 32 |
				   process->pid};

	return XXH3_64bits_withSeed(key, sizeof(key), ((const struct resource_set *)owner)->seed);
}

static bool is_process(const void *owner, const void *entry, const void *key)
{
	const struct resource_process *process = entry;
	const struct resource_process *wanted = key;

	(void)owner;
	return process->pid == wanted->pid && process->start_time == wanted->start_time &&
	       ((process->flags ^ wanted->flags) & RESOURCE_PROCESS_BY_FILETIME) == 0;
}

static const struct table_kind kinds[_RESOURCE_KIND_COUNT] = {
	[RESOURCE_FILE] = {sizeof(struct file_entry), hash_file, is_file},
	[RESOURCE_PROCESS] = {sizeof(struct resource_process), hash_process, is_process},
	[RESOURCE_SERVICE] = {sizeof(struct service_entry), hash_service, is_service},
};

static void *entry_at(const struct resource_set *set, enum resource_kind kind, uint32_t i)
{
	return table_at(&set->tables[kind], &kinds[kind], i);
}

int resource_set_new(struct resource_set **ret_set)
{
	struct resource_set *set = calloc(1, sizeof(*set));

	if (!set) {
		return -ENOMEM;
	}
	if (getrandom(&set->seed, sizeof(set->seed), 0) < 0) {
		free(set);
		return negative_errno();
	}
	*ret_set = set;
	return 0;
}

void resource_set_free(struct resource_set *set)
{
	if (set) {
		(void)resource_set_clear(set, UINT32_MAX);
		free(set);
	}
}

uint32_t resource_set_clear(struct resource_set *set, uint32_t max_pieces)
{
	uint32_t n_freed = 0;

	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		set->n_visible[kind] = 0;
		n_freed += table_clear(&set->tables[kind], max_pieces - n_freed);
	}
	set->texts.end = 0;
	set->texts_visible = 0;
	set->n_seen = 0;
	n_freed += pieces_shrink(&set->texts.pieces, 0, max_pieces - n_freed);
	return n_freed + pieces_shrink(&set->seen, 0, max_pieces - n_freed);
}

uint32_t resource_count(const struct resource_set *set, enum resource_kind kind)
{
	return set ? set->n_visible[kind] : 0;
}

uint32_t resource_count_all(const struct resource_set *set, enum resource_kind kind)
{
	return set ? set->tables[kind].n : 0;
}

uint64_t resource_cost(size_t text_size)
{
	return text_size + 1 > MIN_COST ? text_size + 1 : MIN_COST;
}

/* Adds the entry that `key` describes; `text` (NULL: none) is kept and its place put in. */
static int add(struct resource_set *set, enum resource_kind kind, void *entry,
	       const struct text_key *text, uint32_t *ret_place, uint32_t *ret_i)
{
	struct table *table = &set->tables[kind];
	int r = table_reserve(table, &kinds[kind]);

	if (r == 0 && text) {
		r = texts_add(&set->texts, text->text, text->size, ret_place);
	}
	if (r < 0) {
		return r;
	}
	set->bytes_pending += resource_cost(text ? text->size : 0);
	*ret_i = table->n;
	table_add(table, &kinds[kind], set, entry);
	return 0;
}

uint32_t resource_find_file(const struct resource_set *set, const char *path, size_t size,
			    bool is_tree)
{
	struct text_key key = {path, size, is_tree};

	return set ? table_find(&set->tables[RESOURCE_FILE], &kinds[RESOURCE_FILE], set,
				hash_text(set, path, size, is_tree), &key)
		   : TABLE_NONE;
}

int resource_add_file(struct resource_set *set, const char *path, size_t size, bool is_tree,
		      uint32_t *ret_i)
{
	struct text_key key = {path, size, is_tree};
	struct file_entry entry = {0};

	*ret_i = resource_find_file(set, path, size, is_tree);
	if (*ret_i != TABLE_NONE) {
		return 0;
	}
	kept_identity_init(&entry.registered, is_tree);
	return add(set, RESOURCE_FILE, &entry, &key, &entry.path, ret_i);
}

int resource_add_process(struct resource_set *set, uint32_t pid, uint64_t start_time,
			 uint32_t flags, uint32_t *ret_i)
{
	struct resource_process entry = {
		.pid = pid, .start_time = start_time, .flags = flags, .slot = -1};

	*ret_i = table_find(&set->tables[RESOURCE_PROCESS], &kinds[RESOURCE_PROCESS], set,
			    hash_process(set, &entry), &entry);
	return *ret_i != TABLE_NONE ? 0 : add(set, RESOURCE_PROCESS, &entry, NULL, NULL, ret_i);
}

int resource_add_service(struct resource_set *set, const char *name, size_t size, uint32_t *ret_i)
{
	struct text_key key = {name, size, false};
	struct service_entry entry = {0};

	*ret_i = table_find(&set->tables[RESOURCE_SERVICE], &kinds[RESOURCE_SERVICE], set,
			    hash_text(set, name, size, false), &key);
	return *ret_i != TABLE_NONE ? 0
				    : add(set, RESOURCE_SERVICE, &entry, &key, &entry.name, ret_i);
}

static int copy_file(struct resource_set *set, const struct resource_set *from, uint32_t i,
		     uint32_t *ret_i)
{
	struct file_identity identities[MAX_FILE_IDENTITIES];
	unsigned int n = resource_file_identities(from, i, identities);
	uint32_t before = set->tables[RESOURCE_FILE].n;
	const char *path = resource_file_path(from, i);
	int r = resource_add_file(set, path, strlen(path), resource_file_is_tree(from, i), ret_i);

	if (r == 0 && *ret_i == before) {
		resource_set_identity(set, *ret_i, &identities[0]);
	}
	while (r == 0 && n > 1) {
		r = resource_file_see(set, *ret_i, &identities[--n]);
	}
	return r;
}

int resource_copy(struct resource_set *set, const struct resource_set *from,
		  enum resource_kind kind, uint32_t i, uint32_t *ret_i)
{
	const struct resource_process *process;
	const char *name;

	if (kind == RESOURCE_FILE) {
		return copy_file(set, from, i, ret_i);
	}
	if (kind == RESOURCE_PROCESS) {
		process = resource_process_at(from, i);
		return resource_add_process(set, process->pid, process->start_time, process->flags,
					    ret_i);
	}
	name = resource_service_name(from, i);
	return resource_add_service(set, name, strlen(name), ret_i);
}

void resource_publish(struct resource_set *set)
{
	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		set->n_visible[kind] = set->tables[kind].n;
	}
	set->texts_visible = set->texts.end;
	set->bytes += set->bytes_pending;
	set->bytes_pending = 0;
}

bool resource_trim(struct resource_set *set, uint32_t max)
{
	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		while (set->tables[kind].n > set->n_visible[kind]) {
			if (max-- == 0) {
				return true;
			}
			table_remove_last(&set->tables[kind], &kinds[kind], set);
		}
	}
	set->texts.end = set->texts_visible;
	set->bytes_pending = 0;
	return false;
}

const char *resource_file_path(const struct resource_set *set, uint32_t i)
{
	return texts_at(&set->texts, ((struct file_entry *)entry_at(set, RESOURCE_FILE, i))->path);
}

bool resource_file_is_tree(const struct resource_set *set, uint32_t i)
{
	const struct file_entry *entry = entry_at(set, RESOURCE_FILE, i);

	return kept_identity_is_tree(&entry->registered);
}

const char *resource_service_name(const struct resource_set *set, uint32_t i)
{
	const struct service_entry *entry = entry_at(set, RESOURCE_SERVICE, i);

	return texts_at(&set->texts, entry->name);
}

struct resource_process *resource_process_at(const struct resource_set *set, uint32_t i)
{
	return entry_at(set, RESOURCE_PROCESS, i);
}

/* ---- identities ---- */

static struct kept_identity *seen_at(const struct resource_set *set, uint32_t i)
{
	return pieces_at(&set->seen, i, sizeof(struct kept_identity));
}

static struct kept_identity *registered_at(const struct resource_set *set, uint32_t i)
{
	return &((struct file_entry *)entry_at(set, RESOURCE_FILE, i))->registered;
}

unsigned int resource_file_identities(const struct resource_set *set, uint32_t i,
				      struct file_identity ret_identities[MAX_FILE_IDENTITIES])
{
	const struct kept_identity *at = registered_at(set, i);
	unsigned int n = 0;

	kept_identity_get(at, &ret_identities[n++]);
	while (at->older != KEPT_IDENTITY_NONE && n < MAX_FILE_IDENTITIES) {
		at = seen_at(set, at->older);
		kept_identity_get(at, &ret_identities[n++]);
	}
	return n;
}

void resource_set_identity(struct resource_set *set, uint32_t i,
			   const struct file_identity *identity)
{
	kept_identity_set(registered_at(set, i), identity);
}

bool resource_file_is_news(const struct resource_set *set, uint32_t i,
			   const struct file_identity *identity)
{
	const struct kept_identity *at = registered_at(set, i);

	if (identity->kind == FILE_MISSING || identity->kind == FILE_UNCHECKED) {
		return false;
	}
	while (!kept_identity_is(at, identity)) {
		if (at->older == KEPT_IDENTITY_NONE) {
			return true;
		}
		at = seen_at(set, at->older);
	}
	return false;
}

int resource_reserve_seen(struct resource_set *set, uint32_t n)
{
	return pieces_reserve(&set->seen, (set->n_seen + n) / PIECE_ENTRIES + 1,
			      PIECE_ENTRIES * sizeof(struct kept_identity));
}

int resource_file_see(struct resource_set *set, uint32_t i, const struct file_identity *identity)
{
	struct kept_identity *registered = registered_at(set, i);
	struct kept_identity *newer = registered;
	unsigned int n = 1;
	uint32_t place;
	int r;

	if (!resource_file_is_news(set, i, identity)) {
		return 0;
	}
	r = resource_reserve_seen(set, 1);
	if (r < 0) {
		return r;
	}
	/* The oldest one's place, when there are enough. */
	while (newer->older != KEPT_IDENTITY_NONE && n < MAX_FILE_IDENTITIES - 1) {
		newer = seen_at(set, newer->older);
		n++;
	}
	place = newer->older != KEPT_IDENTITY_NONE ? newer->older : set->n_seen++;
	newer->older = KEPT_IDENTITY_NONE;
	kept_identity_init(seen_at(set, place), false);
	kept_identity_set(seen_at(set, place), identity);
	seen_at(set, place)->older = registered->older;
	registered->older = place;
	return 0;
}
