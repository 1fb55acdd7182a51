/* SPDX-License-Identifier: MIT */
/*
 * The library's only lock, on a page that the kernel wipes in a forked child
 * (MADV_WIPEONFORK). The child finds zeroes there: an unlocked mutex, whoever held it in the
 * parent, and the epoch 0, which tells it to begin anew. So there is no getpid(2) in a call, no
 * handler at fork and no constructor.
 *
 * Everything else that is static (handles, connections) lies in ordinary memory, so that leak
 * checkers see it, and is reset under this lock.
 */
#include "client/state.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "client/handle.h"
#include "client/pool.h"

#define PAGE_BYTES 4096u

struct state {
	pthread_mutex_t lock; /* all zero is PTHREAD_MUTEX_INITIALIZER */
	_Atomic uint64_t epoch;
	_Atomic bool had_answer;
	uint64_t id[2];	   /* of the last request: random at first, then counted up */
	_Atomic pid_t pid; /* only where the kernel can't wipe the page, else 0 */
};

static _Atomic(struct state *) page; /* made once, never freed */
static _Atomic uint64_t last_epoch;  /* goes on counting in children */

static int make_page(void)
{
	struct state *fresh =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct state *none = NULL;

	if (fresh == MAP_FAILED) {
		return -ENOMEM;
	}
	if (madvise(fresh, PAGE_BYTES, MADV_WIPEONFORK) < 0) {
		fresh->pid = getpid();
	}
	if (!atomic_compare_exchange_strong(&page, &none, fresh)) {
		(void)munmap(fresh, PAGE_BYTES); /* another thread was first */
	}
	return 0;
}

/* Kernels (and emulators) without MADV_WIPEONFORK: wipe it ourselves, at the cost of a getpid(2)
 * in each call. The child has one thread when it gets here first. */
static void wipe_if_forked(struct state *state)
{
	if (state->pid && state->pid != getpid()) {
		memset(state, 0, sizeof(*state));
		state->pid = getpid();
	}
}

/* The first lock of this process. */
static int begin(struct state *state)
{
	if (getrandom(state->id, sizeof(state->id), 0) < 0) {
		return -ENOMEM; /* no kernel that has pidfds refuses this */
	}
	handle_reset();
	pool_reset();
	state->epoch = ++last_epoch;
	return 0;
}

int state_lock(void)
{
	struct state *state = page;
	int r = 0;

	if (!state) {
		r = make_page();
		if (r < 0) {
			return r;
		}
		state = page;
	}
	wipe_if_forked(state);
	(void)pthread_mutex_lock(&state->lock); /* cannot fail: a normal mutex */
	if (!state->epoch) {
		r = begin(state);
	}
	if (r < 0) {
		state_unlock();
	}
	return r;
}

void state_unlock(void)
{
	(void)pthread_mutex_unlock(&((struct state *)page)->lock);
}

uint64_t state_epoch(void)
{
	struct state *state = page;

	if (!state) {
		return 0;
	}
	wipe_if_forked(state);
	return state->epoch;
}

int state_make_request_id(uint8_t ret_id[REQUEST_ID_BYTES])
{
	struct state *state;
	int r = state_lock();

	if (r < 0) {
		return r;
	}
	state = page;
	state->id[1]++;
	memcpy(ret_id, state->id, REQUEST_ID_BYTES);
	state_unlock();
	return 0;
}

bool state_had_answer(void)
{
	struct state *state = page;

	return state && state->had_answer;
}

void state_set_had_answer(void)
{
	struct state *state = page;

	if (!state->had_answer) {
		state->had_answer = true;
	}
}
