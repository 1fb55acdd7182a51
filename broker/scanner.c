/* SPDX-License-Identifier: MIT */
/*
 * Lanes, their questions and turns. Each lane's worker answers one question at a time, so a
 * time-out always means the question that has its turn, and an answer to an older token is of
 * one that was dropped.
 */
#include "broker/scanner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>
#include <utlist.h>

#include "broker/log.h"
#include "broker/scan_process.h"

/* After a time-out the lane fails at once for this long: each try on a dead file system may cost
 * a process that nothing can end. */
#define SILENCE_MS 10000u
/* Workers that could not be ended; with more of them a lane is not tried again. */
#define MAX_ABANDONED 8u

const char *lane_name(enum lane_kind kind)
{
	static const char *const names[_LANE_COUNT] = {
		[LANE_FILES] = "files",
		[LANE_REMOTE] = "remote",
		[LANE_SCAN] = "scan",
	};

	return names[kind];
}

static struct lane *lane_of(const struct question *question)
{
	return &question->scanner->lanes[question->lane];
}

static bool has_turn(const struct question *question)
{
	return lane_of(question)->queue == question;
}

/* Out of the queue; it may be used again or freed. */
static void leave_queue(struct question *question)
{
	struct lane *lane = lane_of(question);

	if (has_turn(question)) {
		(void)uv_timer_stop(&lane->timer);
		(void)uv_timer_stop(&lane->look);
	}
	DL_DELETE(lane->queue, question);
	question->scanner = NULL;
}

static void fail(struct question *question, int error)
{
	leave_queue(question);
	question->on_failed(question, error);
}

static void drop_worker(struct lane *lane)
{
	if (lane->worker) {
		scan_process_abandon(lane->worker);
		lane->worker = NULL;
	}
}

static void take_turn(struct lane *lane);

static void on_timeout(uv_timer_t *timer)
{
	struct lane *lane = timer->data;
	struct question *question = lane->queue;

	log_warning("a worker does not answer and is replaced worker=%s pid=%d",
		    lane_name(lane->kind), scan_process_pid(lane->worker));
	drop_worker(lane);
	if (lane->kind == LANE_REMOTE) {
		lane->silent_until = uv_now(timer->loop) + SILENCE_MS;
	}
	fail(question, -ETIMEDOUT);
	take_turn(lane);
}

/* A question need not wait for its time-out when it is known whom its worker hangs in. */
static void on_look(uv_timer_t *timer)
{
	struct lane *lane = timer->data;
	struct hung_watch *hung = &lane->scanner->hung;
	struct question *question = lane->queue;

	if (scan_process_is_stopped(lane->worker)) {
		hung_watch_restart(hung);
		return;
	}
	if (!hung_watch_look(hung, scan_process_board(lane->worker), uv_now(timer->loop))) {
		return;
	}
	log_warning("a worker hangs in a process and is replaced worker=%s pid=%d skipped=%zu",
		    lane_name(lane->kind), scan_process_pid(lane->worker), hung->n_processes);
	drop_worker(lane);
	question->is_interrupted = true;
	fail(question, -EPIPE);
	take_turn(lane);
}

static void on_drained(void *userdata)
{
	struct lane *lane = userdata;

	if (lane->queue && lane->queue->token && !lane->queue->is_sent) {
		lane->queue->on_turn(lane->queue);
	}
}

static void on_message(const Rmscan__WorkerReply *reply, void *userdata)
{
	struct lane *lane = userdata;
	struct question *question = lane->queue;

	if (!question || !question->token || question->token != reply->token) {
		return; /* of a question that was dropped */
	}
	(void)uv_timer_start(&lane->timer, on_timeout, question->timeout_ms, 0);
	if (reply->error) {
		fail(question, reply->error <= INT_MAX ? -(int)reply->error : -EPROTO);
		take_turn(lane);
	} else {
		question->on_reply(question, reply);
	}
}

static void on_worker_gone(int error, void *userdata)
{
	struct lane *lane = userdata;

	(void)log_errno(LOG_WARNING, error, "a worker has ended worker=%s", lane_name(lane->kind));
	drop_worker(lane);
	if (lane->queue && lane->queue->token) {
		fail(lane->queue, error);
	}
	if (lane->queue && !lane->queue->token) {
		take_turn(lane); /* of what has not begun nothing is lost */
	}
}

static int start_worker(struct lane *lane)
{
	struct scanner *scanner = lane->scanner;
	struct scan_process_options options = {
		.loop = scanner->loop,
		.exe_fd = scanner->exe_fd,
		.kind = lane->kind,
		.is_system = scanner->is_system,
		.config = &scanner->config,
		.hung = lane->kind == LANE_SCAN ? &scanner->hung : NULL,
		.on_message = on_message,
		.on_drained = on_drained,
		.on_gone = on_worker_gone,
		.userdata = lane,
	};

	if (uv_now(scanner->loop) < lane->silent_until) {
		return -ETIMEDOUT;
	}
	if (scan_process_count_abandoned(scanner->workers) >= MAX_ABANDONED) {
		return -ETIMEDOUT;
	}
	return scan_process_start(&options, &scanner->workers, &lane->worker);
}

/* Lets the first question of the queue begin; those that cannot begin fail. */
static void take_turn(struct lane *lane)
{
	uint64_t now = uv_now(lane->scanner->loop);

	if (lane->kind == LANE_SCAN && hung_watch_expire(&lane->scanner->hung, now)) {
		lane->is_outdated = true;
	}
	if (lane->is_outdated) {
		lane->is_outdated = false;
		drop_worker(lane);
	}
	while (lane->queue) {
		struct question *question = lane->queue;
		int r = lane->worker ? 0 : start_worker(lane);

		if (r < 0) {
			fail(question, r);
			continue;
		}
		question->token = ++lane->scanner->last_token;
		(void)uv_timer_start(&lane->timer, on_timeout, question->timeout_ms, 0);
		if (lane->kind == LANE_SCAN) {
			hung_watch_restart(&lane->scanner->hung);
			(void)uv_timer_start(&lane->look, on_look, HUNG_LOOK_MS, HUNG_LOOK_MS);
		}
		question->on_turn(question);
		return;
	}
}

static void on_turn_check(uv_check_t *check)
{
	struct scanner *scanner = check->data;

	(void)uv_check_stop(check);
	for (int i = 0; i < _LANE_COUNT; i++) {
		struct question *first = scanner->lanes[i].queue;

		if (first && !first->token) {
			take_turn(&scanner->lanes[i]);
		}
	}
}

/* The next question begins in the loop's next turn: its owner is still busy with this one. */
static void plan_turn(struct scanner *scanner)
{
	if (scanner->is_open) {
		(void)uv_check_start(&scanner->turn, on_turn_check);
		(void)uv_async_send(&scanner->wake);
	}
}

void scanner_add(struct scanner *scanner, struct question *question)
{
	struct lane *lane = &scanner->lanes[question->lane];

	question->scanner = scanner;
	question->token = 0;
	question->is_sent = false;
	question->is_interrupted = false;
	DL_APPEND(lane->queue, question);
	if (lane->queue == question) {
		plan_turn(scanner);
	}
}

int scanner_send(struct question *question, Rmscan__WorkerRequest *request)
{
	request->token = question->token;
	return scan_process_send(lane_of(question)->worker, request);
}

void scanner_finish(struct question *question)
{
	struct scanner *scanner = question->scanner;

	leave_queue(question);
	plan_turn(scanner);
}

void scanner_drop(struct question *question)
{
	struct scanner *scanner = question->scanner;
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__Cancel cancel = RMSCAN__CANCEL__INIT;

	if (!scanner) {
		return;
	}
	if (has_turn(question) && question->token && lane_of(question)->worker) {
		request.call_case = RMSCAN__WORKER_REQUEST__CALL_CANCEL;
		request.cancel = &cancel;
		if (scanner_send(question, &request) < 0) {
			drop_worker(lane_of(question));
		}
	}
	leave_queue(question);
	plan_turn(scanner);
}

void scanner_configure(struct scanner *scanner, const struct config_scan *config)
{
	scanner->lanes[LANE_SCAN].is_outdated |= config->threads != scanner->config.threads ||
						 config->text_maps != scanner->config.text_maps;
	scanner->config = *config;
}

static void on_wake(uv_async_t *wake)
{
	(void)wake; /* the check after this turn does the work */
}

static int open_exe(int *ret_fd)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int fd;

	if (n < 0) {
		return negative_errno();
	}
	path[n] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC); /* it has no name any more */
	}
	if (fd < 0) {
		return negative_errno();
	}
	*ret_fd = fd;
	return 0;
}

int scanner_init(struct scanner *scanner, uv_loop_t *loop, bool is_system,
		 const struct config_scan *config)
{
	int r;

	*scanner = (struct scanner){
		.loop = loop, .exe_fd = -1, .is_system = is_system, .config = *config};
	r = open_exe(&scanner->exe_fd);
	if (r < 0) {
		return r;
	}
	r = uv_async_init(loop, &scanner->wake, on_wake);
	if (r < 0) {
		return r;
	}
	scanner->is_open = true;
	(void)uv_check_init(loop, &scanner->turn); /* cannot fail, as timers */
	scanner->turn.data = scanner;
	uv_unref((uv_handle_t *)&scanner->turn);
	uv_unref((uv_handle_t *)&scanner->wake);
	for (int i = 0; i < _LANE_COUNT; i++) {
		struct lane *lane = &scanner->lanes[i];

		*lane = (struct lane){.kind = (enum lane_kind)i, .scanner = scanner};
		(void)uv_timer_init(loop, &lane->timer);
		lane->timer.data = lane;
		(void)uv_timer_init(loop, &lane->look);
		lane->look.data = lane;
	}
	return 0;
}

void scanner_close(struct scanner *scanner)
{
	if (!scanner->is_open) {
		return;
	}
	scanner->is_open = false;
	uv_close((uv_handle_t *)&scanner->wake, NULL);
	uv_close((uv_handle_t *)&scanner->turn, NULL);
	for (int i = 0; i < _LANE_COUNT; i++) {
		drop_worker(&scanner->lanes[i]);
		uv_close((uv_handle_t *)&scanner->lanes[i].timer, NULL);
		uv_close((uv_handle_t *)&scanner->lanes[i].look, NULL);
	}
	scan_process_close_all(scanner->workers);
}

void scanner_done(struct scanner *scanner)
{
	closep(&scanner->exe_fd);
	scanner->exe_fd = -1;
}

unsigned int scanner_pids(const struct scanner *scanner, pid_t *ret_pids, unsigned int max)
{
	unsigned int n = 0;

	for (const struct worker *worker = scanner->workers; worker && n < max;
	     worker = scan_process_next(worker)) {
		ret_pids[n++] = scan_process_pid(worker);
	}
	return n;
}
