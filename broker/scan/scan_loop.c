/* SPDX-License-Identifier: MIT */
/*
 * Two threads: this one listens, the other answers. The broker asks one question at a time, so
 * what comes while one is answered is its Cancel, or the beginning of the next one after that.
 */
#include "broker/scan/scan_loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "broker/scan/answer.h"

struct scan_loop {
	struct worker_link *link;	/* sending: the runner's; receiving: the listener's */
	struct answerer *answerer;	/* the runner's */
	struct scan_question *incoming; /* owned by the listener: its messages still come */
	atomic_bool cancelled;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	struct scan_question *running; /* owned; NULL: the runner is idle */
	bool is_ending;
	int error; /* the runner's: the link is broken */
};

static void *run_questions(void *userdata)
{
	struct scan_loop *loop = userdata;

	(void)pthread_mutex_lock(&loop->lock);
	while (!loop->is_ending && loop->error == 0) {
		struct scan_question *question = loop->running;
		int r;

		if (!question) {
			(void)pthread_cond_wait(&loop->changed, &loop->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&loop->lock);
		r = answerer_run(loop->answerer, loop->link, question, &loop->cancelled);
		(void)pthread_mutex_lock(&loop->lock);
		scan_question_free(question);
		loop->running = NULL;
		loop->error = r;
		(void)pthread_cond_broadcast(&loop->changed);
	}
	(void)pthread_mutex_unlock(&loop->lock);
	return NULL;
}

/* Hands a question over when the one before is answered. */
static int run(struct scan_loop *loop, struct scan_question *question)
{
	int r;

	(void)pthread_mutex_lock(&loop->lock);
	while (loop->running && loop->error == 0) {
		(void)pthread_cond_wait(&loop->changed, &loop->lock);
	}
	r = loop->error;
	if (r == 0) {
		atomic_store(&loop->cancelled, false);
		loop->running = question;
		(void)pthread_cond_broadcast(&loop->changed);
	}
	(void)pthread_mutex_unlock(&loop->lock);
	if (r < 0) {
		scan_question_free(question);
	}
	return r;
}

static void cancel(struct scan_loop *loop, uint64_t token)
{
	if (loop->incoming && loop->incoming->token == token) {
		scan_question_free(TAKE_PTR(loop->incoming));
	}
	(void)pthread_mutex_lock(&loop->lock);
	if (loop->running && loop->running->token == token) {
		atomic_store(&loop->cancelled, true);
	}
	(void)pthread_mutex_unlock(&loop->lock);
}

static int begin(struct scan_loop *loop, Rmscan__WorkerRequest *request)
{
	scan_question_free(loop->incoming);
	loop->incoming = scan_question_new(request);
	return loop->incoming ? 0 : -ENOMEM;
}

static bool is_of_incoming(const struct scan_loop *loop, const Rmscan__WorkerRequest *request)
{
	return loop->incoming && loop->incoming->token == request->token;
}

/* Takes the request over. */
static int take(struct scan_loop *loop, Rmscan__WorkerRequest *request)
{
	int r = 0;

	switch (request->call_case) {
	case RMSCAN__WORKER_REQUEST__CALL_BEGIN:
		return begin(loop, request);
	case RMSCAN__WORKER_REQUEST__CALL_TARGETS:
		if (is_of_incoming(loop, request)) {
			return scan_question_add(loop->incoming, request);
		}
		break;
	case RMSCAN__WORKER_REQUEST__CALL_RUN:
		if (is_of_incoming(loop, request)) {
			r = run(loop, TAKE_PTR(loop->incoming));
		}
		break;
	case RMSCAN__WORKER_REQUEST__CALL_POLICY:
		r = begin(loop, request);
		return r < 0 ? r : run(loop, TAKE_PTR(loop->incoming));
	case RMSCAN__WORKER_REQUEST__CALL_CANCEL:
		cancel(loop, request->token);
		break;
	case RMSCAN__WORKER_REQUEST__CALL__NOT_SET:
	case RMSCAN__WORKER_REQUEST__CALL_FILES:
	case RMSCAN__WORKER_REQUEST__CALL_TREE:
	case _RMSCAN__WORKER_REQUEST__CALL__CASE_IS_INT_SIZE:
		r = -EBADMSG; /* the broker asks this worker no such thing */
		break;
	}
	rmscan__worker_request__free_unpacked(request, NULL);
	return r;
}

static int listen_to_broker(struct scan_loop *loop)
{
	Rmscan__WorkerRequest *request;
	int r;

	do {
		r = worker_link_receive(loop->link, &request);
		if (r == 0) {
			r = take(loop, request);
		}
	} while (r == 0);
	return r;
}

int scan_loop_run(struct worker_link *link, const struct scan_loop_options *options)
{
	struct scan_loop loop = {.link = link,
				 .lock = PTHREAD_MUTEX_INITIALIZER,
				 .changed = PTHREAD_COND_INITIALIZER};
	pthread_t runner;
	int r = answerer_new(options, &loop.answerer);

	if (r < 0) {
		return r;
	}
	r = -pthread_create(&runner, NULL, run_questions, &loop);
	if (r < 0) {
		answerer_free(loop.answerer);
		return r;
	}
	r = listen_to_broker(&loop);
	atomic_store(&loop.cancelled, true);
	(void)pthread_mutex_lock(&loop.lock);
	loop.is_ending = true;
	(void)pthread_cond_broadcast(&loop.changed);
	(void)pthread_mutex_unlock(&loop.lock);
	(void)pthread_join(runner, NULL);
	scan_question_free(loop.running);
	scan_question_free(loop.incoming);
	answerer_free(loop.answerer);
	return r;
}
