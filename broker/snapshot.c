/* SPDX-License-Identifier: MIT */
/*
 * Kept answers. A pidfd of each listed process tells at the fetch, in one poll(2), whether one
 * has exited. A session has one at most; a timer ends it, so no descriptors stay.
 */
#include "broker/snapshot.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utlist.h>

#include "broker/broker.h"
#include "proto/limits.h"
#include "proto/procfs.h"

/* More are asked anew: their descriptors would cost more than the scan. */
#define MAX_WATCHED 96u

struct snapshot {
	struct broker *broker;	       /* borrowed */
	const struct session *session; /* borrowed: dropped with it */
	struct process_id peer;
	struct list_answer *answer; /* owned */
	uint64_t taken_ms;	    /* uv_now() */
	struct pollfd watched[MAX_WATCHED];
	unsigned int n_watched;
	bool is_broken; /* one has exited already */
	uv_timer_t timer;
	struct snapshot *prev;
	struct snapshot *next;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void snapshot_free(struct snapshot *snapshot)
{
	DL_DELETE(snapshot->broker->snapshots, snapshot);
	for (unsigned int i = 0; i < snapshot->n_watched; i++) {
		(void)close(snapshot->watched[i].fd);
	}
	list_answer_free(snapshot->answer);
	uv_close((uv_handle_t *)&snapshot->timer, on_closed);
}

static void watch(pid_t pid, uint64_t start_time, void *userdata)
{
	struct snapshot *snapshot = userdata;
	struct procfs_stat stat;
	int fd;

	if (snapshot->is_broken || snapshot->n_watched == MAX_WATCHED) {
		snapshot->is_broken = true;
		return;
	}
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0) {
		snapshot->is_broken = true;
		return;
	}
	snapshot->watched[snapshot->n_watched++] = (struct pollfd){.fd = fd, .events = POLLIN};
	if (procfs_read_stat(snapshot->broker->processes.proc_fd, pid, &stat) < 0 ||
	    stat.start_time != start_time) {
		snapshot->is_broken = true;
	}
}

static struct snapshot *find(const struct broker *broker, const struct session *session)
{
	struct snapshot *snapshot;

	DL_FOREACH(broker->snapshots, snapshot) {
		if (snapshot->session == session) {
			return snapshot;
		}
	}
	return NULL;
}

static void on_old(uv_timer_t *timer)
{
	snapshot_free(timer->data);
}

void snapshot_keep(struct broker *broker, const struct session *session,
		   const struct process_id *peer, struct list_answer *owned_answer)
{
	struct snapshot *snapshot;

	snapshot_drop(broker, session);
	snapshot =
		owned_answer->n_applications <= MAX_WATCHED ? calloc(1, sizeof(*snapshot)) : NULL;
	if (!snapshot) {
		list_answer_free(owned_answer);
		return;
	}
	snapshot->session = session;
	snapshot->peer = *peer;
	snapshot->answer = owned_answer;
	snapshot->taken_ms = uv_now(broker->loop);
	snapshot->broker = broker;
	if (!list_answer_for_processes(owned_answer, watch, snapshot)) {
		snapshot->is_broken = true;
	}
	(void)uv_timer_init(broker->loop, &snapshot->timer); /* cannot fail */
	snapshot->timer.data = snapshot;
	DL_APPEND(broker->snapshots, snapshot);
	(void)uv_timer_start(&snapshot->timer, on_old, SNAPSHOT_REUSE_MS + 1, 0);
}

static bool is_true(const struct broker *broker, struct snapshot *snapshot,
		    const struct process *peer)
{
	return !snapshot->is_broken && process_id_equal(&snapshot->peer, &peer->id) &&
	       uv_now(broker->loop) - snapshot->taken_ms <= SNAPSHOT_REUSE_MS &&
	       poll(snapshot->watched, snapshot->n_watched, 0) == 0;
}

struct list_answer *snapshot_take(struct broker *broker, const struct session *session,
				  const struct process *peer)
{
	struct snapshot *snapshot = find(broker, session);
	struct list_answer *answer = NULL;

	if (snapshot && is_true(broker, snapshot, peer)) {
		answer = TAKE_PTR(snapshot->answer);
	}
	snapshot_drop(broker, session);
	return answer;
}

void snapshot_drop(struct broker *broker, const struct session *session)
{
	struct snapshot *snapshot = find(broker, session);

	if (snapshot) {
		snapshot_free(snapshot);
	}
}

void snapshot_drop_all(struct broker *broker)
{
	while (broker->snapshots) {
		snapshot_free(broker->snapshots);
	}
}
