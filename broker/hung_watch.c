/* SPDX-License-Identifier: MIT */
/*
 * Looks are counted, not time: on a machine that is so busy that nobody gets on, this process
 * looks more seldom as well. Only what did not change at all from look to look counts, so what is
 * read while it is written does no harm; and the worst that a worker can say is whom to leave out.
 */
#include "broker/hung_watch.h"

#include <limits.h>
#include <string.h>

/* More than two seconds. */
#define HUNG_LOOKS 5u
#define SKIP_MS 30000u

void hung_watch_restart(struct hung_watch *watch)
{
	memset(watch->seen, 0, sizeof(watch->seen));
}

static bool add(struct hung_watch *watch, const struct skipped_process *process, uint64_t now)
{
	for (size_t i = 0; i < watch->n_processes; i++) {
		const struct skipped_process *known = &watch->processes[i].process;

		if (known->pid == process->pid && known->start_time == process->start_time) {
			return false;
		}
	}
	if (watch->n_processes == MAX_SKIPPED_PROCESSES) {
		return false;
	}
	watch->processes[watch->n_processes++] =
		(struct hung_process){.process = *process, .until = now + SKIP_MS};
	return true;
}

/* Whether this thread is where it was at all the last looks. */
static bool is_stuck(struct hung_watch *watch, struct reading_board *board, size_t i)
{
	struct reading_slot *slot = &board->slots[i];
	uint64_t pid = atomic_load_explicit(&slot->pid, memory_order_acquire);
	uint64_t start_time = atomic_load_explicit(&slot->start_time, memory_order_relaxed);
	uint64_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);

	if (pid == 0 || pid > INT_MAX || pid != watch->seen[i].pid ||
	    start_time != watch->seen[i].start_time || sequence != watch->seen[i].sequence) {
		watch->seen[i].n_looks = 0;
	}
	watch->seen[i].pid = pid;
	watch->seen[i].start_time = start_time;
	watch->seen[i].sequence = sequence;
	watch->seen[i].n_looks++;
	return pid && pid <= INT_MAX && watch->seen[i].n_looks >= HUNG_LOOKS;
}

bool hung_watch_look(struct hung_watch *watch, struct reading_board *board, uint64_t now)
{
	bool is_new = false;

	for (size_t i = 0; i < N_READING_SLOTS; i++) {
		if (is_stuck(watch, board, i)) {
			struct skipped_process process = {
				.pid = (pid_t)watch->seen[i].pid,
				.start_time = watch->seen[i].start_time,
			};

			is_new |= add(watch, &process, now);
		}
	}
	return is_new;
}

bool hung_watch_expire(struct hung_watch *watch, uint64_t now)
{
	size_t n = 0;
	bool has_any;

	for (size_t i = 0; i < watch->n_processes; i++) {
		if (watch->processes[i].until > now) {
			watch->processes[n++] = watch->processes[i];
		}
	}
	has_any = n != watch->n_processes;
	watch->n_processes = n;
	return has_any;
}
