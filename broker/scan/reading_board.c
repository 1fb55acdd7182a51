/* SPDX-License-Identifier: MIT */
/*
 * The worker's end of the board. A thread takes the next free slot when it first reads, and keeps
 * it: threads here live as long as the process. Only its own thread writes a slot.
 */
#include "broker/scan/reading_board.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

#include "broker/scan/pool.h"
#include "broker/scan/types.h"

_Static_assert(N_READING_SLOTS == MAX_SCAN_THREADS + 1, "a slot for each thread");

static struct reading_board *board; /* never unmapped */
static atomic_uint n_taken;
static _Thread_local struct reading_slot *own_slot;

int reading_board_open(int fd)
{
	void *place = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (place == MAP_FAILED) {
		return negative_errno();
	}
	board = place;
	return 0;
}

static struct reading_slot *find_slot(void)
{
	if (board && !own_slot && atomic_load(&n_taken) < N_READING_SLOTS) {
		unsigned int n = atomic_fetch_add(&n_taken, 1);

		own_slot = n < N_READING_SLOTS ? &board->slots[n] : NULL;
	}
	return own_slot;
}

void reading_step(void)
{
	if (own_slot) {
		(void)atomic_fetch_add_explicit(&own_slot->sequence, 1, memory_order_relaxed);
	}
}

void reading_begin(pid_t pid, uint64_t start_time)
{
	struct reading_slot *slot = find_slot();

	if (slot) {
		atomic_store_explicit(&slot->pid, 0, memory_order_relaxed);
		reading_step();
		atomic_store_explicit(&slot->start_time, start_time, memory_order_relaxed);
		atomic_store_explicit(&slot->pid, (uint64_t)pid, memory_order_release);
	}
}

void reading_end(void)
{
	if (own_slot) {
		atomic_store_explicit(&own_slot->pid, 0, memory_order_release);
	}
}
