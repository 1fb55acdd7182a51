/* SPDX-License-Identifier: MIT */
/* The registered trees of a listing, walked one after the other by the file workers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/list_answer.h"
#include "broker/list_targets.h"
#include "broker/scanner.h"
#include "proto/base.h"

/* Embedded in whoever asks, who fills in the upper half and zeroes the rest. */
struct list_walk {
	struct list_targets *targets; /* borrowed: what lies below is added */
	struct list_answer *answer;   /* borrowed: told what could not be read */
	/* 0; -ENOMEM or -EPROTO. */
	void (*on_done)(struct list_walk *walk, int error);
	/* The walk's own. */
	struct scanner *scanner;
	struct question question;
	uint32_t tree;	      /* the one that is walked */
	bool has_asked_again; /* after a worker died */
};

/* Without trees on_done() is called at once. */
void list_walk_start(struct list_walk *walk, struct scanner *scanner);

/* Ends it without on_done(). Fine for one that has ended or never began. */
void list_walk_cancel(struct list_walk *walk);
