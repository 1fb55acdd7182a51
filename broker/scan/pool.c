/* SPDX-License-Identifier: MIT */
/*
 * A pool of threads over a list of work. The list is a counter: whoever is free takes the next
 * chunk. The lock only guards the beginning and the end of a run; a run that one chunk holds is
 * done by the caller alone, without waking anybody.
 */
#include "broker/scan/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

struct scan_pool {
	pthread_mutex_t lock;
	pthread_cond_t begin;
	pthread_cond_t end;
	unsigned int n_helpers;
	pthread_t helpers[MAX_SCAN_THREADS - 1];
	/* Under the lock. */
	unsigned long n_runs;
	unsigned int n_working; /* helpers that are in the present run */
	bool is_closing;
	/* Of the present run; written before it begins. */
	scan_pool_fn work;
	void *userdata;
	size_t n_items;
	size_t chunk;
	atomic_size_t next;
};

static void work_on(struct scan_pool *pool)
{
	for (;;) {
		size_t begin =
			atomic_fetch_add_explicit(&pool->next, pool->chunk, memory_order_relaxed);
		size_t end;

		if (begin >= pool->n_items) {
			return;
		}
		end = pool->n_items - begin > pool->chunk ? begin + pool->chunk : pool->n_items;
		pool->work(pool->userdata, begin, end);
	}
}

static void *helper_main(void *userdata)
{
	struct scan_pool *pool = userdata;
	unsigned long n_seen = 0;

	(void)pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!pool->is_closing && pool->n_runs == n_seen) {
			(void)pthread_cond_wait(&pool->begin, &pool->lock);
		}
		if (pool->is_closing) {
			break;
		}
		n_seen = pool->n_runs;
		(void)pthread_mutex_unlock(&pool->lock);
		work_on(pool);
		(void)pthread_mutex_lock(&pool->lock);
		if (--pool->n_working == 0) {
			(void)pthread_cond_signal(&pool->end);
		}
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static unsigned int count_cpus(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0) {
		return MAX_SCAN_THREADS; /* more CPUs than the set has room for */
	}
	return (unsigned int)CPU_COUNT(&cpus);
}

static void start_helpers(struct scan_pool *pool, unsigned int n_helpers)
{
	sigset_t all;
	sigset_t before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	while (pool->n_helpers < n_helpers &&
	       pthread_create(&pool->helpers[pool->n_helpers], NULL, helper_main, pool) == 0) {
		pool->n_helpers++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int scan_pool_new(unsigned int n_threads, struct scan_pool **ret_pool)
{
	struct scan_pool *pool = calloc(1, sizeof(*pool));

	if (!pool) {
		return -ENOMEM;
	}
	(void)pthread_mutex_init(&pool->lock, NULL); /* without attributes these can't fail */
	(void)pthread_cond_init(&pool->begin, NULL);
	(void)pthread_cond_init(&pool->end, NULL);
	n_threads = n_threads ? n_threads : count_cpus();
	n_threads = n_threads > MAX_SCAN_THREADS ? MAX_SCAN_THREADS : n_threads;
	start_helpers(pool, n_threads - 1);
	*ret_pool = pool;
	return 0;
}

struct scan_pool *scan_pool_free(struct scan_pool *pool)
{
	if (!pool) {
		return NULL;
	}
	(void)pthread_mutex_lock(&pool->lock);
	pool->is_closing = true;
	(void)pthread_cond_broadcast(&pool->begin);
	(void)pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->n_helpers; i++) {
		(void)pthread_join(pool->helpers[i], NULL);
	}
	(void)pthread_cond_destroy(&pool->end);
	(void)pthread_cond_destroy(&pool->begin);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
	return NULL;
}

unsigned int scan_pool_n_threads(const struct scan_pool *pool)
{
	return pool->n_helpers + 1;
}

void scan_pool_run(struct scan_pool *pool, size_t n_items, size_t chunk, scan_pool_fn work,
		   void *userdata)
{
	if (n_items == 0) {
		return;
	}
	if (n_items <= chunk || pool->n_helpers == 0) {
		work(userdata, 0, n_items);
		return;
	}
	(void)pthread_mutex_lock(&pool->lock);
	pool->work = work;
	pool->userdata = userdata;
	pool->n_items = n_items;
	pool->chunk = chunk;
	atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
	pool->n_working = pool->n_helpers;
	pool->n_runs++;
	(void)pthread_cond_broadcast(&pool->begin);
	(void)pthread_mutex_unlock(&pool->lock);
	work_on(pool);
	(void)pthread_mutex_lock(&pool->lock);
	while (pool->n_working) {
		(void)pthread_cond_wait(&pool->end, &pool->lock);
	}
	(void)pthread_mutex_unlock(&pool->lock);
}
