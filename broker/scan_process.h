/* SPDX-License-Identifier: MIT */
/* One worker process as the broker sees it: started, spoken to, ended or abandoned. */
#pragma once

#include <uv.h>

#include "broker/config.h"
#include "broker/hung_watch.h"
#include "broker/scan.pb-c.h"
#include "proto/base.h"

struct worker; /* opaque; frees itself once it has ended and its handles are closed */

struct scan_process_options {
	uv_loop_t *loop; /* borrowed, as all here */
	int exe_fd;	 /* the program to run */
	int kind;	 /* enum lane_kind */
	bool is_system;
	const struct config_scan *config;
	const struct hung_watch *hung; /* during the start only; of a scan worker, else NULL */
	void (*on_message)(const Rmscan__WorkerReply *reply, void *userdata);
	void (*on_drained)(void *userdata); /* all that was sent has been taken */
	void (*on_gone)(int error, void *userdata);
	void *userdata;
};

/* Starts a worker and puts it into `list`. 0 or -errno. */
int scan_process_start(const struct scan_process_options *options, struct worker **list,
		       struct worker **ret_worker) _warn_unused_;

/* 0; -ENOMEM; -EMSGSIZE; -errno of send(2). on_drained() follows in a later turn. */
int scan_process_send(struct worker *worker, const Rmscan__WorkerRequest *request) _warn_unused_;

/* Kills it and hears no more of it; it leaves the list when it has ended, if ever. */
void scan_process_abandon(struct worker *worker);

/* At the broker's end: all are abandoned, and not waited for. */
void scan_process_close_all(struct worker *list);

/* What a scan worker tells of itself; NULL: nothing. */
struct reading_board *scan_process_board(const struct worker *worker);
/* Whether somebody has stopped it (SIGSTOP). */
bool scan_process_is_stopped(const struct worker *worker);
pid_t scan_process_pid(const struct worker *worker);
const struct worker *scan_process_next(const struct worker *worker);
unsigned int scan_process_count_abandoned(const struct worker *list);
