/* SPDX-License-Identifier: MIT */
/*
 * What was registered in a session: files and trees, processes, services, each once. In memory
 * only. A set may have entries that are not visible yet: they become so all at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/types.h"
#include "broker/table.h"
#include "proto/base.h"

enum resource_kind {
	RESOURCE_FILE, /* and tree */
	RESOURCE_PROCESS,
	RESOURCE_SERVICE,
	_RESOURCE_KIND_COUNT,
};

/* Identities of one path that are remembered: as it was registered and the last ones seen. */
#define MAX_FILE_IDENTITIES 5u

enum resource_process_flag {
	RESOURCE_PROCESS_BY_FILETIME = 1 << 0, /* `start_time` is one: nobody was found by it */
	RESOURCE_PROCESS_DEAD = 1 << 1,	       /* was when it was registered, or is by now */
};

struct resource_process {
	uint32_t next; /* the table's */
	uint32_t pid;
	uint64_t start_time; /* clock ticks after boot, or as the flags say */
	uint32_t flags;	     /* enum resource_process_flag */
	int32_t slot;	     /* of the pidfd that is kept of it (resource_process.h), or -1 */
};

struct registration;

struct resource_set {
	uint64_t seed; /* of the hashes: random, or clients could choose paths that collide */
	struct texts texts;
	struct table tables[_RESOURCE_KIND_COUNT];
	uint32_t n_visible[_RESOURCE_KIND_COUNT];
	uint64_t bytes; /* of the visible ones, as the limits count them */
	uint64_t bytes_pending;
	uint32_t texts_visible;
	struct pieces seen; /* identities that files had later */
	uint32_t n_seen;
	struct registration *writer; /* borrowed: who adds to it now */
	bool is_writing;	     /* part of what it adds is in the journal already */
	struct resource_set *next;   /* in a list of sets that are being freed */
};

/* -ENOMEM. */
int resource_set_new(struct resource_set **ret_set) _warn_unused_;
/* Frees at once: for small ones. NULL is fine. */
void resource_set_free(struct resource_set *set);
static inline void resource_set_freep(struct resource_set **set)
{
	resource_set_free(*set);
}
/* Frees at most `max_pieces` pieces of its memory. Returns how many it freed; fewer: only the
 * struct itself is left. */
uint32_t resource_set_clear(struct resource_set *set, uint32_t max_pieces);

/* How many are visible; NULL is the empty set. */
uint32_t resource_count(const struct resource_set *set, enum resource_kind kind);
/* All, those that are not visible yet as well. */
uint32_t resource_count_all(const struct resource_set *set, enum resource_kind kind);

/* What an entry with this text counts towards the limits of bytes (A13). */
uint64_t resource_cost(size_t text_size);

/* Each adds an entry that is not visible yet, or finds the one that is there: then `*ret_i` is
 * less than the count before. -ENOMEM: nothing was added. */
int resource_add_file(struct resource_set *set, const char *path, size_t size, bool is_tree,
		      uint32_t *ret_i) _warn_unused_;
int resource_add_process(struct resource_set *set, uint32_t pid, uint64_t start_time,
			 uint32_t flags, uint32_t *ret_i) _warn_unused_;
int resource_add_service(struct resource_set *set, const char *name, size_t size, uint32_t *ret_i)
	_warn_unused_;

/* Adds what entry `i` of another set is, if it is not there. */
int resource_copy(struct resource_set *set, const struct resource_set *from,
		  enum resource_kind kind, uint32_t i, uint32_t *ret_i) _warn_unused_;

/* Makes all visible. */
void resource_publish(struct resource_set *set);
/* Takes out at most `max` of those that are not; whether there are more. */
bool resource_trim(struct resource_set *set, uint32_t max);

/* TABLE_NONE: there is none. */
uint32_t resource_find_file(const struct resource_set *set, const char *path, size_t size,
			    bool is_tree);

/* Of entry `i`; texts live as long as the set. */
const char *resource_file_path(const struct resource_set *set, uint32_t i);
bool resource_file_is_tree(const struct resource_set *set, uint32_t i);
const char *resource_service_name(const struct resource_set *set, uint32_t i);
struct resource_process *resource_process_at(const struct resource_set *set, uint32_t i);

/* All identities that are remembered of a file, that of its registration first, then the latest
 * first. Returns how many. */
unsigned int resource_file_identities(const struct resource_set *set, uint32_t i,
				      struct file_identity ret_identities[MAX_FILE_IDENTITIES]);
/* Who it was when it was registered. */
void resource_set_identity(struct resource_set *set, uint32_t i,
			   const struct file_identity *identity);

/* Whether it is there and not one of those that are remembered. */
bool resource_file_is_news(const struct resource_set *set, uint32_t i,
			   const struct file_identity *identity);
/* Remembers it; beyond MAX_FILE_IDENTITIES the oldest but the first goes. -ENOMEM. */
int resource_file_see(struct resource_set *set, uint32_t i, const struct file_identity *identity)
	_warn_unused_;
/* Memory for `n` of those, so that they can't fail. -ENOMEM. */
int resource_reserve_seen(struct resource_set *set, uint32_t n) _warn_unused_;
