/* SPDX-License-Identifier: MIT */
/* A listing's answer: what the broker sends part by part, as one piece for the caller. */
#pragma once

#include <stdint.h>

#include "client/arena.h"
#include "client/session.h"

#define ANSWER_SHARED_TEXTS 64u

struct answer {
	struct rm_application_list list; /* first: the caller frees it by its address */
	struct transport_gather gather;
	struct arena arena;
	struct rm_application *applications; /* owned; the list's */
	uint64_t *start_filetimes;	     /* owned; one an application */
	size_t capacity;		     /* of the two */
	uint32_t max_applications;	     /* that were asked for */
	uint32_t n_needed;
	const char *shared[ANSWER_SHARED_TEXTS]; /* in the arena: the same paths come often */
};

/* NULL: no memory. */
struct answer *answer_new(uint32_t max_applications) _warn_unused_;
void answer_free(struct answer *answer);

/* Adds what is in the broker's last reply. -EPROTO: it does not fit what came before; -ENOMEM. */
int answer_finish(struct answer *answer, const Rm__ApplicationList *last) _warn_unused_;
