/* SPDX-License-Identifier: MIT */
/*
 * The broker's end of its worker processes (A72): they look at files and at other processes, so
 * that the loop never waits for a file system and hostile text is parsed by somebody who holds
 * no key. A lane is a queue of questions and one worker; it is started with the first question
 * and replaced when it dies or is overdue.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "broker/config.h"
#include "broker/hung_watch.h"
#include "broker/scan.pb-c.h"
#include "proto/base.h"

enum lane_kind {
	LANE_FILES,  /* registered files on local file systems */
	LANE_REMOTE, /* those on file systems that may not answer */
	LANE_SCAN,   /* who uses them */
	_LANE_COUNT,
};

const char *lane_name(enum lane_kind kind);

/* One question to one worker. Embedded in whoever asks, who fills in the upper half. */
struct question {
	enum lane_kind lane;
	uint32_t timeout_ms; /* without any reply, from its turn on */
	/* It is the question's turn and the worker takes more: send with scanner_send(). Called
	 * again each time all that was sent has been taken, until `is_sent` is set. */
	void (*on_turn)(struct question *question);
	/* A reply of the worker; lives during the call. */
	void (*on_reply)(struct question *question, const Rmscan__WorkerReply *reply);
	/* It is over: -ETIMEDOUT, -EPIPE the worker died, other -errno no worker could be
	 * started. Not called after scanner_finish() or scanner_drop(). */
	void (*on_failed)(struct question *question, int error);
	bool is_sent; /* set by the owner: nothing more will be sent */
	/* Set before on_failed(-EPIPE): the worker hung in a process and was replaced by one that
	 * leaves it out, so asking again helps. */
	bool is_interrupted;
	/* The scanner's. */
	uint64_t token;		 /* 0: it has not had its turn yet */
	struct scanner *scanner; /* borrowed; NULL when in no queue */
	struct question *prev;
	struct question *next;
};

struct worker;

struct lane {
	enum lane_kind kind;
	struct scanner *scanner; /* borrowed */
	struct worker *worker;	 /* owned; NULL: none runs */
	struct question *queue;	 /* the first one has its turn */
	uv_timer_t timer;	 /* of the first one's time-out */
	uv_timer_t look;	 /* LANE_SCAN: whether its worker hangs in a process */
	uint64_t silent_until;	 /* uv_now(): after a time-out no question is asked until then */
	bool is_outdated; /* another worker, with the new configuration, takes the next turn */
};

struct scanner {
	uv_loop_t *loop; /* borrowed */
	int exe_fd;	 /* owned: this program */
	bool is_system;
	struct config_scan config;
	struct lane lanes[_LANE_COUNT];
	struct hung_watch hung;
	struct worker *workers; /* owned: all that have not ended, the abandoned ones too */
	uv_async_t wake;	/* for a turn that nothing else would begin */
	uv_check_t turn;
	bool is_open;
	uint64_t last_token;
};

/* 0 or -errno. */
int scanner_init(struct scanner *scanner, uv_loop_t *loop, bool is_system,
		 const struct config_scan *config) _warn_unused_;
/* Ends the workers; run the loop until nothing is left. */
void scanner_close(struct scanner *scanner);
void scanner_done(struct scanner *scanner);

/* Takes a changed configuration over: running workers are replaced after their question. */
void scanner_configure(struct scanner *scanner, const struct config_scan *config);

/* Puts a question into its lane's queue. Nothing is called back before the loop's next turn. */
void scanner_add(struct scanner *scanner, struct question *question);

/* Sends a message of the question that has its turn; the token is filled in. 0 or -errno. */
int scanner_send(struct question *question, Rmscan__WorkerRequest *request) _warn_unused_;

/* The question has its whole answer: the next one has its turn. */
void scanner_finish(struct question *question);

/* Nobody waits for the answer any more; the worker is told to stop. Fine for a question that is
 * in no queue. */
void scanner_drop(struct question *question);

/* The pids of the living workers, for the list of those that are never shown. */
unsigned int scanner_pids(const struct scanner *scanner, pid_t *ret_pids, unsigned int max);
