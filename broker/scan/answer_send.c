/* SPDX-License-Identifier: MIT */
/*
 * Answers are bounded: when uses would make one too large they are left out, then all but what
 * RmGetList tells, then whole entries, and the numbers tell. What could not be inspected is counted
 * here, in every answer (A73).
 */
#include "broker/scan/answer_send.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/scan/entry_pack.h"
#include "broker/scan/kernel_state.h"
#include "proto/clock.h"
#include "proto/codec.h"
#include "proto/limits.h"

#define PART_BYTES (256u * 1024u)

struct part {
	struct frame_buffer bytes;   /* packed entries, one behind the other */
	struct frame_buffer scratch; /* the one that is being packed */
	ProtobufCBinaryData applications[MAX_PART_APPLICATIONS];
	size_t ends[MAX_PART_APPLICATIONS];
	size_t n;
};

static void part_done(struct part *part)
{
	frame_buffer_done(&part->bytes);
	frame_buffer_done(&part->scratch);
}

static int send_part(struct worker_link *link, uint64_t token, struct part *part)
{
	Rmscan__WorkerReply reply = RMSCAN__WORKER_REPLY__INIT;
	Rmscan__ScanPart message = RMSCAN__SCAN_PART__INIT;
	size_t at = 0;
	int r;

	if (part->n == 0) {
		return 0;
	}
	for (size_t i = 0; i < part->n; i++) {
		part->applications[i] = (ProtobufCBinaryData){.len = part->ends[i] - at,
							      .data = part->bytes.data + at};
		at = part->ends[i];
	}
	message.applications = part->applications;
	message.n_applications = part->n;
	reply.token = token;
	reply.result_case = RMSCAN__WORKER_REPLY__RESULT_PART;
	reply.part = &message;
	r = worker_link_send(link, &reply);
	part->n = 0;
	part->bytes.size = 0;
	return r;
}

/* With its uses if they fit into a message. */
static int pack_entry(struct part *part, const struct entry *entry,
		      const struct entry_pack_options *options)
{
	struct entry_pack_options shorter = *options;
	int r;

	part->scratch.size = 0;
	r = entry_pack(entry, options, &part->scratch);
	if (r == -EMSGSIZE) {
		shorter.with_uses = false;
		r = entry_pack(entry, &shorter, &part->scratch);
	}
	return r;
}

static bool is_full(const struct part *part)
{
	return part->n == MAX_PART_APPLICATIONS ||
	       (part->n && part->bytes.size + part->scratch.size > PART_BYTES);
}

/* What was packed, behind the others. */
static int add_packed(struct part *part)
{
	int r = frame_buffer_append(&part->bytes, part->scratch.data, part->scratch.size);

	if (r == 0) {
		part->ends[part->n++] = part->bytes.size;
	}
	return r;
}

static int send_entries(struct worker_link *link, const struct answer_parts *parts)
{
	_cleanup_(part_done) struct part part = {0};
	struct entry_pack_options options = {
		.places = parts->places,
		.paths = parts->targets->paths,
		.with_uses = parts->begin->with_uses,
	};
	size_t bytes = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < parts->entries->n_entries; i++) {
		r = pack_entry(&part, &parts->entries->entries[i], &options);
		bytes += part.scratch.size;
		if (bytes > MAX_ANSWER_BYTES_BRIEF) {
			break; /* from here on they are only counted */
		}
		if (r == 0 && is_full(&part)) {
			r = send_part(link, parts->token, &part);
		}
		if (r == 0) {
			r = add_packed(&part);
		}
		options.is_brief = bytes >= MAX_ANSWER_BYTES;
		options.with_uses = parts->begin->with_uses && !options.is_brief;
	}
	return r < 0 ? r : send_part(link, parts->token, &part);
}

/* ---- the totals ---- */

#define MAX_SORTS 5u

struct inspection {
	Rm__Inspection message;
	Rm__Unchecked sorts[MAX_SORTS];
	Rm__Unchecked *sort_list[MAX_SORTS];
	Rm__Unchecked unseen[MAX_LISTED_UNCHECKED];
	Rm__Unchecked *unseen_list[MAX_LISTED_UNCHECKED];
	char users[MAX_LISTED_UNCHECKED][64];
};

static void add_sort(struct inspection *inspection, const char *why, uint32_t count)
{
	size_t n = inspection->message.n_unchecked;

	if (count && n < MAX_SORTS) {
		rm__unchecked__init(&inspection->sorts[n]);
		inspection->sorts[n].why = codec_text(why);
		inspection->sorts[n].count = count;
		inspection->sort_list[n] = &inspection->sorts[n];
		inspection->message.n_unchecked++;
	}
}

static void count_processes(const struct answer_parts *parts, struct inspection *inspection)
{
	size_t n;
	const struct index_process *processes = scan_index_processes(parts->index, &n);
	uint32_t n_denied = 0;
	uint32_t n_incomplete = 0;
	uint32_t n_hung = 0;

	for (size_t i = 0; i < n; i++) {
		if (processes[i].flags & INDEX_DENIED) {
			n_denied++;
		} else if (processes[i].flags & INDEX_SKIPPED) {
			n_hung++;
		} else if (processes[i].flags & INDEX_INCOMPLETE) {
			n_incomplete++;
		}
	}
	add_sort(inspection, "not permitted: another user's process, or a protected one", n_denied);
	add_sort(inspection, "it could not be read as a whole", n_incomplete);
	add_sort(inspection, "it does not answer: it hangs in a file system", n_hung);
	add_sort(inspection,
		 "it maps a file that may be a registered one; without CAP_CHECKPOINT_RESTORE "
		 "that can't be told on this file system",
		 parts->hits->n_unconfirmed);
	/* Process 1 is always there: without it others' processes are hidden from us (hidepid=2). */
	if (access("/proc/1/stat", F_OK) < 0) {
		add_sort(inspection, "/proc hides other users' processes from the broker", 1);
		n_denied++;
	}
	inspection->message.n_processes = parts->counts.n_processes;
	inspection->message.n_not_inspected =
		n_denied + n_incomplete + n_hung + parts->hits->n_unconfirmed;
	inspection->message.n_reread = parts->counts.n_reread;
	inspection->message.unchecked = inspection->sort_list;
}

/* Files that the kernel itself uses: no process holds them. */
static void find_kernel_users(const struct answer_parts *parts, struct inspection *inspection)
{
	Rm__Inspection *message = &inspection->message;

	message->unseen = inspection->unseen_list;
	for (size_t i = 0; i < parts->targets->n_paths; i++) {
		size_t n = message->n_unseen;
		char device[32];

		if (n == MAX_LISTED_UNCHECKED) {
			return;
		}
		if (!machine_find_kernel_user(parts->machine, parts->targets->paths[i], device,
					      sizeof(device))) {
			continue;
		}
		(void)snprintf(inspection->users[n], sizeof(inspection->users[n]),
			       "the kernel uses it: %s", device);
		rm__unchecked__init(&inspection->unseen[n]);
		inspection->unseen[n].path = codec_text(parts->targets->paths[i]);
		inspection->unseen[n].why = codec_text(inspection->users[n]);
		inspection->unseen[n].count = 1;
		inspection->unseen_list[n] = &inspection->unseen[n];
		message->n_unseen++;
	}
}

static int pack_inspection(const struct answer_parts *parts, struct frame_buffer *buffer)
{
	_cleanup_(freep) struct inspection *inspection = calloc(1, sizeof(*inspection));

	if (!inspection) {
		return -ENOMEM;
	}
	rm__inspection__init(&inspection->message);
	count_processes(parts, inspection);
	find_kernel_users(parts, inspection);
	inspection->message.took_us = clock_monotonic_us() - parts->started_us;
	return codec_pack_inspection(&inspection->message, buffer);
}

static int pack_kernel(struct frame_buffer *buffer)
{
	Rm__KernelState message = RM__KERNEL_STATE__INIT;
	struct kernel_state state;

	kernel_state_read("/boot", &state);
	message.running = codec_text(state.running);
	message.installed = codec_text(state.installed);
	message.is_stale = state.is_stale;
	return codec_pack_kernel(&message, buffer);
}

/* Which paths nobody holds. */
static uint32_t *find_idle(const struct answer_parts *parts, size_t *ret_n)
{
	size_t n_paths = parts->targets->n_paths;
	_cleanup_(freep) uint8_t *is_held = calloc(n_paths + 1, 1);
	uint32_t *idle = calloc(n_paths + 1, sizeof(*idle));

	*ret_n = 0;
	if (!is_held || !idle) {
		free(idle);
		return NULL;
	}
	for (size_t i = 0; i < parts->hits->n_hits; i++) {
		const struct hit *hit = &parts->hits->hits[i];

		for (size_t k = 0; k < hit->n_uses; k++) {
			if (hit->uses[k].path != USE_NO_PATH) {
				is_held[hit->uses[k].path] = 1;
			}
		}
	}
	for (size_t i = 0; i < n_paths; i++) {
		if (!is_held[i] && !parts->targets->is_tree[i]) {
			idle[(*ret_n)++] = (uint32_t)i;
		}
	}
	return idle;
}

static void buffers_done(struct frame_buffer *buffer)
{
	frame_buffer_done(buffer);
}

static int send_totals(struct worker_link *link, const struct answer_parts *parts)
{
	_cleanup_(buffers_done) struct frame_buffer inspection = {0};
	_cleanup_(buffers_done) struct frame_buffer kernel = {0};
	_cleanup_(freep) uint32_t *idle = NULL;
	Rmscan__WorkerReply reply = RMSCAN__WORKER_REPLY__INIT;
	Rmscan__ScanDone done = RMSCAN__SCAN_DONE__INIT;
	size_t n_idle = 0;
	int r = pack_inspection(parts, &inspection);

	if (r == 0 && parts->begin->is_stale_question) {
		r = pack_kernel(&kernel);
	}
	if (r < 0) {
		return worker_link_fail(link, parts->token, -r);
	}
	if (parts->begin->with_idle) {
		idle = find_idle(parts, &n_idle);
	}
	done.n_entries = (uint32_t)parts->entries->n_entries;
	done.reasons = parts->entries->reasons;
	done.broker_is_stale = parts->entries->broker_is_stale;
	done.inspection = codec_bytes(inspection.data, inspection.size);
	done.kernel = codec_bytes(kernel.data, kernel.size);
	/* So many that they fill the frame are not probed in any case, but counted. */
	if (n_idle > MAX_FRAME_BYTES / 2 / sizeof(*idle)) {
		n_idle = MAX_FRAME_BYTES / 2 / sizeof(*idle);
	}
	done.idle_paths = codec_bytes(idle, n_idle * sizeof(*idle));
	reply.token = parts->token;
	reply.result_case = RMSCAN__WORKER_REPLY__RESULT_DONE;
	reply.done = &done;
	return worker_link_send(link, &reply);
}

int answer_send(struct worker_link *link, const struct answer_parts *parts)
{
	int r = send_entries(link, parts);

	if (r == -ENOMEM || r == -EMSGSIZE) {
		return worker_link_fail(link, parts->token, -r);
	}
	return r < 0 ? r : send_totals(link, parts);
}
