/* SPDX-License-Identifier: MIT */
/*
 * Registrations that come in parts: everything of one is gathered in a set of its own, which
 * nobody sees, until its last part is in. Then it is the caller's, who finds out who its files
 * are and commits it (commit.h). Any error drops the whole of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/process.h"
#include "broker/resource.h"
#include "broker/resource_process.h"
#include "proto/base.h"
#include "proto/limits.h"

struct session;
struct registration_list;

/* Where a commit is (commit.c). */
enum commit_phase {
	COMMIT_RESOLVE, /* processes are looked up */
	COMMIT_WAIT,	/* another commit of this session is under way */
	COMMIT_TRIM,	/* what a commit before it has left undone is taken out */
	COMMIT_MERGE,	/* copied behind what the session has */
	COMMIT_CHECK,	/* limits */
	COMMIT_WRITE,	/* into the journal; the last write makes it valid and visible */
	COMMIT_DONE,
};

struct registration {
	struct registration_list *list; /* borrowed: in which it is */
	struct session *session;	/* borrowed; NULL: it has ended */
	struct process_id process;	/* who sends it */
	uint8_t request_id[REQUEST_ID_BYTES];
	uint64_t arrived; /* clock ticks after boot (A19) */
	uint32_t next_part;
	uint32_t n_part_entries; /* of the part that is being added */
	uint32_t n_part_bytes;
	bool is_whole;		  /* the last part is in */
	struct resource_set *set; /* owned */
	/* The commit's. */
	enum commit_phase phase;
	struct resource_set *target;	   /* borrowed: the session's, while this one adds to it */
	uint32_t at[_RESOURCE_KIND_COUNT]; /* how far it is */
	uint64_t number;		   /* in the journal */
	uint32_t n_slices;
	struct registration *prev;
	struct registration *next;
};

struct registration_list {
	struct registration *registrations; /* owned, but whole ones */
	uint64_t bytes;			    /* of all, as the limits count them */
	struct resource_set *retired;	    /* owned: sets that are being freed */
	struct pidfd_pool pidfds;
	bool is_closing; /* nobody will sweep any more */
};

void registration_list_init(struct registration_list *list);
void registration_list_done(struct registration_list *list);

/* The registration that this part belongs to; part 0 begins anew. Borrowed until
 * registration_end_part(). `now` in clock ticks after boot. 0; 776: not the part that is next;
 * 14: too many are begun; -ENOMEM. */
int registration_begin_part(struct registration_list *list, struct session *session,
			    const struct process_id *process,
			    const uint8_t request_id[REQUEST_ID_BYTES], uint32_t part, uint64_t now,
			    struct registration **ret_registration) _warn_unused_;

/* What the part has. 0; 29, with a reason: a limit (A13); -ENOMEM. After a failure the caller
 * frees the registration. Paths are absolute and shorter than MAX_PATH_BYTES, texts have no NUL
 * inside. */
int registration_add_file(struct registration *registration, const char *path, size_t size,
			  bool is_tree, const char **ret_reason) _warn_unused_;
int registration_add_process(struct registration *registration, uint32_t pid, uint64_t start_time,
			     bool by_filetime, const char **ret_reason) _warn_unused_;
/* `name` is normalised (services.h). */
int registration_add_service(struct registration *registration, const char *name, size_t size,
			     const char **ret_reason) _warn_unused_;

/* The part is in. After the last one the registration is the caller's to commit and free; it
 * stays valid when its session ends, and can't be committed then. */
void registration_end_part(struct registration *registration, bool is_last);

/* Its files, to be looked up: each once, in the order in which they came. */
uint32_t registration_count_files(const struct registration *registration);
const char *registration_file_path(const struct registration *registration, uint32_t i);
bool registration_file_is_tree(const struct registration *registration, uint32_t i);
void registration_set_identity(struct registration *registration, uint32_t i,
			       const struct file_identity *identity);

/* Drops it, whatever has become of it. NULL is fine. */
void registration_free(struct registration *registration);
static inline void registration_freep(struct registration **registration)
{
	registration_free(*registration);
}

/* Drops what is half sent. Whole ones lose their session, and are not touched by the end of
 * their process: their caller drops or commits them. */
void registration_drop_session(struct registration_list *list, const struct session *session);
void registration_drop_process(struct registration_list *list, const struct process_id *process);

/* Lets a set go, which may be NULL; a large one is freed bit by bit. */
void registration_retire(struct registration_list *list, struct resource_set *owned_set);
/* Frees a bit of what was let go; returns whether something is left. */
bool registration_sweep(struct registration_list *list);
