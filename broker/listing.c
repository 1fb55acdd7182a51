/* SPDX-License-Identifier: MIT */
/*
 * A listing goes through its steps in order, each asynchronous: look the files up, walk the
 * trees, ask the scan worker, ask for leases of files without a holder, send. Whatever goes wrong
 * or takes it away (the client has gone, the session ends, a cancel) ends in listing_end().
 * Memory is freed when its timer is closed.
 */
#include "broker/listing.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "broker/broker.h"
#include "broker/list_answer.h"
#include "broker/list_targets.h"
#include "broker/list_walk.h"
#include "broker/log.h"
#include "broker/lookup.h"
#include "broker/scanner.h"
#include "broker/snapshot.h"
#include "proto/limits.h"
#include "proto/status.h"

#define SCAN_TIMEOUT_MS 20000u
/* How often a client hears that it goes on. */
#define PROGRESS_MS 1000u
/* Questions that may be lost in processes that hang: each time a worker finds out about as many as
 * it has threads. */
#define MAX_INTERRUPTIONS 8u
/* Whatever goes wrong, nobody waits longer: in ticks of progress. */
#define MAX_TICKS 300u

struct listing {
	struct broker *broker;	 /* borrowed */
	struct session *session; /* borrowed; NULL: about what is stale */
	struct call *call;	 /* borrowed: deferred */
	struct listing_options options;
	struct list_targets *targets; /* owned */
	struct lookup lookup;
	struct list_walk walk;
	struct question question; /* the scan */
	bool has_asked_again;	  /* the scan, after its worker died */
	unsigned int n_interruptions;
	struct list_answer *answer; /* owned */
	bool is_again;		    /* it is the answer before (A65) */
	uint32_t *idle;		    /* owned: files without a holder, for the lease probe */
	size_t n_idle;
	size_t n_sent; /* entries */
	unsigned int n_ticks;
	bool is_ended; /* its memory is about to go */
	uv_timer_t timer;
	struct listing *prev;
	struct listing *next;
};

static struct listing *of_lookup(struct lookup *lookup)
{
	return container_of(lookup, struct listing, lookup);
}

static struct listing *of_question(struct question *question)
{
	return container_of(question, struct listing, question);
}

static void on_closed(uv_handle_t *handle)
{
	struct listing *listing = handle->data;

	list_targets_free(listing->targets);
	list_answer_free(listing->answer);
	free(listing->idle);
	free(listing);
}

/* Takes it off everything. The call has its reply already, or is gone. */
static void listing_end(struct listing *listing)
{
	listing->is_ended = true;
	lookup_cancel(&listing->lookup);
	list_walk_cancel(&listing->walk);
	scanner_drop(&listing->question);
	DL_DELETE(listing->broker->listings, listing);
	broker_settle(listing->broker);
	uv_close((uv_handle_t *)&listing->timer, on_closed);
}

static void fail_text(struct listing *listing, uint32_t status, const char *detail)
{
	call_fail(listing->call, status, detail);
	listing_end(listing);
}

static void fail(struct listing *listing, int error)
{
	if (error == -ETIMEDOUT) {
		fail_text(listing, STATUS_SEM_TIMEOUT, "looking at the processes took too long");
		return;
	}
	(void)log_errno(LOG_WARNING, error, "a listing failed session=%u pid=%d",
			listing->session ? listing->session->id : 0, listing->call->peer->id.pid);
	fail_text(listing, status_from_errno(error),
		  error == -EPIPE ? "the worker that looks at processes has died"
				  : strerror(-error));
}

/* ---- the end: sending ---- */

/* The size probe's answer is kept; the peer may be gone with its connection after the reply. */
static void finish(struct listing *listing)
{
	struct process_id peer = listing->call->peer->id;

	log_debug("listed session=%u pid=%d entries=%u again=%s",
		  listing->session ? listing->session->id : 0, peer.pid, listing->answer->n_entries,
		  listing->is_again ? "yes" : "no");
	list_answer_send_totals(listing->answer, listing->call);
	if (listing->session && listing->answer->n_entries > listing->options.capacity) {
		snapshot_keep(listing->broker, listing->session, &peer, TAKE_PTR(listing->answer));
	}
	listing_end(listing);
}

static void on_send(uv_timer_t *timer);

/* One part a turn of the loop, however fast the client is. */
static void plan_send(struct listing *listing)
{
	(void)uv_timer_start(&listing->timer, on_send, 0, 0);
}

static void on_send(uv_timer_t *timer)
{
	struct listing *listing = timer->data;
	const struct call_sink *sink = listing->call->sink;
	int r = list_answer_send_part(listing->answer, listing->call, &listing->n_sent,
				      listing->options.capacity);

	if (listing->is_ended) {
		return; /* the connection went while that was sent */
	}
	if (r < 0) {
		fail(listing, r);
	} else if (r == 0) {
		finish(listing);
	} else if (sink->is_clear(sink)) {
		plan_send(listing);
	}
	/* Else on_call_clear() goes on, when the client has taken that. */
}

/* ---- step 4: is somebody there who could not be seen? ---- */

static const char *get_idle_path(const struct lookup *lookup, size_t i)
{
	const struct listing *listing = container_of(lookup, struct listing, lookup);

	return list_targets_path(listing->targets, listing->idle[i]);
}

static void on_lease(struct lookup *lookup, size_t i, const struct file_identity *identity,
		     const struct found_texts *texts)
{
	struct listing *listing = of_lookup(lookup);

	(void)texts;
	if (identity->flags & FILE_LEASE_BUSY) {
		list_answer_add_unseen(listing->answer,
				       list_targets_path(listing->targets, listing->idle[i]));
	}
}

static void on_leases_done(struct lookup *lookup, int error)
{
	(void)error; /* then nothing more is known about them */
	plan_send(of_lookup(lookup));
}

static void probe_leases(struct listing *listing)
{
	if (!listing_wants_leases(&listing->options) || listing->n_idle == 0) {
		plan_send(listing);
		return;
	}
	listing->lookup = (struct lookup){
		.n_paths = listing->n_idle,
		.with_lease = true,
		.get_path = get_idle_path,
		.on_found = on_lease,
		.on_done = on_leases_done,
	};
	lookup_start(&listing->lookup, &listing->broker->scanner);
}

/* Those of them that a lease may be asked for. */
static void take_idle(struct listing *listing, const ProtobufCBinaryData *paths)
{
	if (list_targets_find_probes(listing->targets, paths, &listing->idle, &listing->n_idle)) {
		list_answer_add_note(listing->answer, "so many files have no user that nobody was "
						      "asked for users that can't be seen");
	}
}

/* ---- step 3: the scan ---- */

static void on_scan_turn(struct question *question)
{
	struct listing *listing = of_question(question);
	int r = list_targets_send(listing->targets, question);

	if (r < 0) {
		fail(listing, r);
	}
}

static void on_scan_reply(struct question *question, const Rmscan__WorkerReply *reply)
{
	struct listing *listing = of_question(question);
	int r = -EPROTO;

	if (reply->result_case == RMSCAN__WORKER_REPLY__RESULT_PART) {
		r = list_answer_add(listing->answer, reply->part);
	} else if (reply->result_case == RMSCAN__WORKER_REPLY__RESULT_DONE) {
		r = list_answer_finish(listing->answer, reply->done);
		if (r == 0) {
			listing->broker->is_stale |= reply->done->broker_is_stale;
			take_idle(listing, &reply->done->idle_paths);
			scanner_finish(question);
			probe_leases(listing);
			return;
		}
	}
	if (r < 0) {
		fail(listing, r);
	}
}

static void start_scan(struct listing *listing);

/* A worker that died takes the answer with it, not the question: another one is asked, once. */
static void on_scan_failed(struct question *question, int error)
{
	struct listing *listing = of_question(question);

	if (error == -EPIPE && question->is_interrupted &&
	    listing->n_interruptions < MAX_INTERRUPTIONS) {
		listing->n_interruptions++;
	} else if (error == -EPIPE && !listing->has_asked_again) {
		listing->has_asked_again = true;
	} else {
		fail(listing, error);
		return;
	}
	list_targets_rewind(listing->targets);
	list_answer_forget(listing->answer);
	start_scan(listing);
}

static void start_scan(struct listing *listing)
{
	listing->question = (struct question){
		.lane = LANE_SCAN,
		.timeout_ms = SCAN_TIMEOUT_MS,
		.on_turn = on_scan_turn,
		.on_reply = on_scan_reply,
		.on_failed = on_scan_failed,
	};
	scanner_add(&listing->broker->scanner, &listing->question);
}

/* ---- step 2: trees ---- */

static void on_walked(struct list_walk *walk, int error)
{
	struct listing *listing = container_of(walk, struct listing, walk);

	if (error < 0) {
		fail(listing, error);
	} else {
		start_scan(listing);
	}
}

static void walk_trees(struct listing *listing)
{
	listing->walk = (struct list_walk){
		.targets = listing->targets, .answer = listing->answer, .on_done = on_walked};
	list_walk_start(&listing->walk, &listing->broker->scanner);
}

/* ---- step 1: who are the files now? ---- */

static const char *get_path(const struct lookup *lookup, size_t i)
{
	const struct listing *listing = container_of(lookup, struct listing, lookup);

	return list_targets_path(listing->targets, (uint32_t)i);
}

static void on_found(struct lookup *lookup, size_t i, const struct file_identity *identity,
		     const struct found_texts *texts)
{
	struct listing *listing = of_lookup(lookup);

	if (identity->kind == FILE_UNCHECKED &&
	    list_targets_is_file(listing->targets, (uint32_t)i)) {
		list_answer_add_unchecked(listing->answer, get_path(lookup, i), identity->error);
	}
	list_targets_found(listing->targets, (uint32_t)i, identity, texts);
}

static void on_lookup_done(struct lookup *lookup, int error)
{
	struct listing *listing = of_lookup(lookup);
	const char *directory;

	if (error == 0) {
		error = list_targets_complete(listing->targets);
	}
	if (error < 0) {
		fail(listing, error);
		return;
	}
	directory = list_targets_directory(listing->targets);
	if (directory && listing->options.refuse_directories) {
		call_explain_text(listing->call, "%s is a directory: register the files in it",
				  directory);
		fail_text(listing, STATUS_ACCESS_DENIED, listing->broker->detail);
		return;
	}
	walk_trees(listing);
}

static void start_lookup(struct listing *listing)
{
	listing->lookup = (struct lookup){
		.n_paths = list_targets_count(listing->targets),
		.with_real_paths = true,
		.get_path = get_path,
		.on_found = on_found,
		.on_done = on_lookup_done,
	};
	if (listing->lookup.n_paths) {
		lookup_start(&listing->lookup, &listing->broker->scanner);
	} else {
		start_scan(listing);
	}
}

/* ---- its life ---- */

static void on_call_gone(struct call *call, void *deferred)
{
	(void)call;
	listing_end(deferred);
}

static void on_call_clear(struct call *call, void *deferred)
{
	struct listing *listing = deferred;

	(void)call;
	if (listing->n_sent) {
		plan_send(listing);
	}
}

static void on_progress(uv_timer_t *timer)
{
	struct listing *listing = timer->data;
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__Progress progress = RM__PROGRESS__INIT;

	if (++listing->n_ticks == MAX_TICKS) {
		fail(listing, -ETIMEDOUT);
		return;
	}
	reply.result_case = RM__REPLY__RESULT_PROGRESS;
	reply.progress = &progress;
	call_notify(listing->call, &reply);
}

static void listing_freep(struct listing **listing)
{
	if (*listing) {
		list_targets_free((*listing)->targets);
		list_answer_free((*listing)->answer);
		free(*listing);
	}
}

/* Without an answer yet, or with the one that is to be sent again. */
static int listing_new(struct call *call, struct session *session,
		       const struct listing_options *options, struct list_answer *owned_answer,
		       struct listing **ret_listing)
{
	_cleanup_(listing_freep) struct listing *listing = calloc(1, sizeof(*listing));
	bool is_kept = owned_answer != NULL;
	int r;

	if (!listing) {
		list_answer_free(owned_answer);
		return -ENOMEM;
	}
	listing->broker = call->broker;
	listing->session = session;
	listing->call = call;
	listing->options = *options;
	listing->is_again = is_kept;
	listing->answer = is_kept ? owned_answer : list_answer_new(options->with_uses);
	if (!listing->answer) {
		return -ENOMEM;
	}
	if (!is_kept) {
		r = list_targets_new(call->broker, session, options, &listing->targets);
		if (r < 0) {
			return r;
		}
		listing->answer->n_files = list_targets_count_files(listing->targets);
	}
	*ret_listing = TAKE_PTR(listing);
	return 0;
}

/* The fetch after a size probe has the same answer (A65). */
static struct list_answer *take_kept(struct call *call, const struct session *session,
				     const struct listing_options *options)
{
	struct list_answer *kept =
		session ? snapshot_take(call->broker, session, call->peer) : NULL;

	if (kept && (options->anew || kept->n_entries > options->capacity ||
		     kept->with_uses != options->with_uses)) {
		list_answer_free(kept);
		return NULL;
	}
	return kept;
}

int listing_start(struct call *call, struct session *session, const struct listing_options *options)
{
	struct broker *broker = call->broker;
	struct list_answer *kept = take_kept(call, session, options);
	struct listing *listing;
	int r = listing_new(call, session, options, kept, &listing);

	if (r < 0) {
		return r;
	}
	(void)uv_timer_init(broker->loop, &listing->timer); /* cannot fail */
	listing->timer.data = listing;
	DL_APPEND(broker->listings, listing);
	call_defer(call, on_call_gone, on_call_clear, listing);
	if (kept) {
		plan_send(listing);
	} else {
		(void)uv_timer_start(&listing->timer, on_progress, PROGRESS_MS, PROGRESS_MS);
		start_lookup(listing);
	}
	return 0;
}

bool listing_cancel(struct broker *broker, const struct session *session, uint32_t status)
{
	struct listing *listing;
	struct listing *next;
	bool has_one = false;

	DL_FOREACH_SAFE(broker->listings, listing, next) {
		if (listing->session == session) {
			fail_text(listing, status, "the listing was cancelled");
			has_one = true;
		}
	}
	return has_one;
}

void listing_close_all(struct broker *broker)
{
	struct listing *listing;
	struct listing *next;

	DL_FOREACH_SAFE(broker->listings, listing, next) {
		listing_end(listing);
	}
	snapshot_drop_all(broker);
}
