/* SPDX-License-Identifier: MIT */
/* A journal's records put together to what they leave: pure, without looking at processes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/journal.h"
#include "broker/process.h"
#include "broker/replay_resource.h"
#include "broker/session_key.h"
#include "proto/base.h"
#include "proto/limits.h"

struct replayed_join {
	uint32_t id;
	uint8_t request_id[REQUEST_ID_BYTES];
	struct process_id process;
	uint64_t joined_us;
	struct replayed_join *prev;
	struct replayed_join *next;
};

struct replayed_session {
	uint32_t id;
	struct session_key key;
	uint8_t request_id[REQUEST_ID_BYTES];
	struct process_id owner;
	uint64_t started_us;
	bool is_touched; /* a lost record may have been about it: it cannot be trusted */
	struct replayed_join *joins; /* owned */
	struct replayed_resources resources;
	struct replayed_session *prev;
	struct replayed_session *next;
};

/* An end, or the removal of a filter, that a process was answered. */
struct replayed_answer {
	struct process_id process;
	uint8_t request_id[REQUEST_ID_BYTES];
	struct replayed_answer *prev;
	struct replayed_answer *next;
};

/* What was lost, to be named in the log. */
struct replayed_loss {
	uint64_t first;	  /* sequence numbers */
	uint64_t last;	  /* JOURNAL_LOST_UNKNOWN: nobody knows */
	uint32_t session; /* 0: any */
	struct replayed_loss *prev;
	struct replayed_loss *next;
};

struct replay {
	struct replayed_session *sessions; /* owned, oldest first */
	struct replayed_answer *answers;   /* owned, oldest first */
	unsigned int n_answers;
	struct replayed_loss *losses; /* owned */
	uint32_t next_session_id;
	uint32_t next_join_id;
	uint64_t boot_filetime; /* 0: in no record that was read */
	bool has_unnamed_loss;	/* no memory to name one */
	unsigned int n_refused; /* sessions with a key that another has already (A2) */
	struct journal_scan scan;
};

/* Reads a journal's bytes. 0 or -ENOMEM. Whole records with impossible contents count as lost. */
int replay_run(const uint8_t *data, size_t size, const struct journal_identity *identity,
	       struct replay *ret_replay) _warn_unused_;

void replay_done(struct replay *replay);
