/* SPDX-License-Identifier: MIT */
/*
 * Registering. Nothing of it is visible or durable before commit_step() says so, so whenever the
 * client goes or the session ends in the middle it is simply dropped. Idle callbacks drive the
 * steps: between two of them the loop serves everybody else.
 */
#include "broker/registering.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "broker/broker.h"
#include "broker/commit.h"
#include "broker/log.h"
#include "broker/lookup.h"
#include "broker/snapshot.h"
#include "proto/status.h"

struct registering {
	struct broker *broker;		   /* borrowed */
	struct call *call;		   /* borrowed: deferred */
	struct registration *registration; /* owned */
	struct lookup lookup;
	uv_idle_t idle;
	struct registering *prev;
	struct registering *next;
};

static struct registering *of_lookup(struct lookup *lookup)
{
	return container_of(lookup, struct registering, lookup);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* Its call has been answered, or is gone. */
static void registering_end(struct registering *registering)
{
	lookup_cancel(&registering->lookup);
	registration_free(TAKE_PTR(registering->registration));
	DL_DELETE(registering->broker->registerings, registering);
	broker_settle(registering->broker);
	uv_close((uv_handle_t *)&registering->idle, on_closed);
}

static void fail(struct registering *registering, int r, const char *reason)
{
	struct call *call = registering->call;

	if (r < 0) {
		(void)log_errno(LOG_WARNING, r, "a registration failed pid=%d name=%s",
				call->peer->id.pid, call->peer->name);
		reason = strerror(-r);
	}
	call_fail(call, r < 0 ? status_from_errno(r) : (uint32_t)r, reason);
	registering_end(registering);
}

static void tell_registered(struct registering *registering, const struct session *session)
{
	const struct process *peer = registering->call->peer;
	char detail[64];

	(void)snprintf(detail, sizeof(detail),
		       "files %" PRIu32 " processes %" PRIu32 " services %" PRIu32,
		       resource_count(session->resources, RESOURCE_FILE),
		       resource_count(session->resources, RESOURCE_PROCESS),
		       resource_count(session->resources, RESOURCE_SERVICE));
	event_log_add(&registering->broker->events, EVENT_SESSION_REGISTERED, session->id,
		      (uint32_t)peer->id.pid, peer->name, detail);
	log_debug("registered session=%u pid=%d now=%s", session->id, peer->id.pid, detail);
}

static void on_step(uv_idle_t *idle)
{
	struct registering *registering = idle->data;
	struct registration *registration = registering->registration;
	const struct session *session = registration->session;
	const char *reason = NULL;
	bool is_done = false;
	int r = commit_step(&registering->broker->store, registration, &is_done, &reason);

	if (r) {
		fail(registering, r, reason ? reason : "the session has ended");
	} else if (is_done) {
		snapshot_drop(registering->broker, session);
		tell_registered(registering, session);
		call_fail(registering->call, STATUS_SUCCESS, NULL);
		registering_end(registering);
	}
}

static const char *get_path(const struct lookup *lookup, size_t i)
{
	const struct registering *registering = container_of(lookup, struct registering, lookup);

	return registration_file_path(registering->registration, (uint32_t)i);
}

static void on_found(struct lookup *lookup, size_t i, const struct file_identity *identity,
		     const struct found_texts *texts)
{
	(void)texts;
	registration_set_identity(of_lookup(lookup)->registration, (uint32_t)i, identity);
}

/* Without a worker the paths are registered all the same: they are looked up at each listing. */
static void on_lookup_done(struct lookup *lookup, int error)
{
	struct registering *registering = of_lookup(lookup);

	if (error < 0) {
		(void)log_errno(LOG_WARNING, error,
				"files are registered without being looked at pid=%d",
				registering->call->peer->id.pid);
	}
	(void)uv_idle_start(&registering->idle, on_step); /* cannot fail */
}

static void on_call_gone(struct call *call, void *deferred)
{
	(void)call;
	registering_end(deferred);
}

static void on_call_clear(struct call *call, void *deferred)
{
	(void)call;
	(void)deferred;
}

int registering_start(struct call *call, struct registration *registration)
{
	struct broker *broker = call->broker;
	struct registering *registering = calloc(1, sizeof(*registering));

	if (!registering) {
		registration_free(registration);
		return -ENOMEM;
	}
	registering->broker = broker;
	registering->call = call;
	registering->registration = registration;
	registering->lookup = (struct lookup){
		.n_paths = registration_count_files(registration),
		.get_path = get_path,
		.on_found = on_found,
		.on_done = on_lookup_done,
	};
	(void)uv_idle_init(broker->loop, &registering->idle); /* cannot fail */
	registering->idle.data = registering;
	DL_APPEND(broker->registerings, registering);
	call_defer(call, on_call_gone, on_call_clear, registering);
	if (registering->lookup.n_paths) {
		lookup_start(&registering->lookup, &broker->scanner);
	} else {
		on_lookup_done(&registering->lookup, 0);
	}
	return 0;
}

void registering_close_all(struct broker *broker)
{
	struct registering *registering;
	struct registering *next;

	DL_FOREACH_SAFE(broker->registerings, registering, next) {
		registering_end(registering);
	}
}
