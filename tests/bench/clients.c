/* SPDX-License-Identifier: MIT */
/*
 * Clients are forked, as processes or as one process with threads, so that the benchmark itself
 * holds no connection of any subject.
 *
 * Each connects, calls some times to warm up, says so by a byte in one pipe and blocks in
 * reading another; when all have, the second is closed and all start. They count into memory
 * that is shared with the benchmark and stop at a moment that was fixed before.
 */
#include "tests/bench/clients.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/bench/histogram.h"

#define WARM_UP_PAIRS 20
#define RARE_INTERVAL_NS 5000000u
/* A client that has not ended by then hangs, and is ended by SIGALRM. */
#define HANG_SECONDS 40u

/* What one client counts. */
struct record {
	struct histogram start, end, pair;
	uint64_t stopped_ns;
};

static struct record *records;	  /* shared, of MAX_CLIENTS */
static _Atomic uint64_t *stop_ns; /* shared: when all stop */

/* One measurement, as its clients see it. */
struct group {
	const struct load *load;
	int ready[2]; /* pipe: a byte from each client that is warm */
	int go[2];    /* pipe: closed when all are */
	pid_t pids[MAX_CLIENTS];
	size_t n_pids;
};

struct client {
	const struct group *group;
	struct record *record;
	pthread_t thread;
};

static void make_shared(void)
{
	size_t size = MAX_CLIENTS * sizeof(*records) + sizeof(*stop_ns);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		die_errno("mmap");
	}
	records = memory;
	stop_ns = (void *)(records + MAX_CLIENTS);
}

/* ---- a client ------------------------------------------------------------------------------- */

static void sleep_until(uint64_t ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(ns / 1000000000u),
		.tv_nsec = (long)(ns % 1000000000u),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
	}
}

/* As fast as it goes. */
static void measure_busy(const struct subject *subject, void *client, struct record *record)
{
	uint64_t stop = *stop_ns, t0, t1, t2;

	do {
		t0 = now_ns();
		subject->start(client);
		t1 = now_ns();
		subject->end(client);
		t2 = now_ns();
		histogram_add(&record->start, t1 - t0);
		histogram_add(&record->end, t2 - t1);
		histogram_add(&record->pair, t2 - t0);
	} while (t2 < stop);
	record->stopped_ns = t2;
}

/* One call every 5 ms; a pair is the time in its two calls. */
static void measure_rare(const struct subject *subject, void *client, struct record *record)
{
	uint64_t stop = *stop_ns, next = now_ns(), t0, t1, t2, t3;

	do {
		sleep_until(next += RARE_INTERVAL_NS);
		t0 = now_ns();
		subject->start(client);
		t1 = now_ns();
		sleep_until(next += RARE_INTERVAL_NS);
		t2 = now_ns();
		subject->end(client);
		t3 = now_ns();
		histogram_add(&record->start, t1 - t0);
		histogram_add(&record->end, t3 - t2);
		histogram_add(&record->pair, t1 - t0 + t3 - t2);
	} while (t3 < stop);
	record->stopped_ns = t3;
}

static void *run_client(void *arg)
{
	const struct client *self = arg;
	const struct load *load = self->group->load;
	const struct subject *subject = subject_get(load->subject);
	void *client = subject->open();
	char byte = 0;

	for (int i = 0; i < WARM_UP_PAIRS; i++) {
		subject->start(client);
		subject->end(client);
	}
	if (write(self->group->ready[1], &byte, 1) != 1 ||
	    read(self->group->go[0], &byte, 1) != 0) {
		die_errno("a client could not be started");
	}
	if (load->placement == PLACEMENT_RARE) {
		measure_rare(subject, client, self->record);
	} else {
		measure_busy(subject, client, self->record);
	}
	subject->close(client);
	return NULL;
}

static _Noreturn void run_process(const struct group *group, size_t first, size_t n)
{
	struct client clients[MAX_CLIENTS];

	(void)close(group->go[1]);
	(void)alarm(HANG_SECONDS + (unsigned)group->load->seconds);
	placement_move_client(group->load->placement);
	for (size_t i = 0; i < n; i++) {
		clients[i] = (struct client){.group = group, .record = &records[first + i]};
		if (n == 1) {
			(void)run_client(&clients[i]);
		} else if (pthread_create(&clients[i].thread, NULL, run_client, &clients[i])) {
			die_errno("pthread_create");
		}
	}
	for (size_t i = 0; n > 1 && i < n; i++) {
		(void)pthread_join(clients[i].thread, NULL);
	}
	_exit(0);
}

/* ---- the benchmark's side ------------------------------------------------------------------- */

static void fork_clients(struct group *group)
{
	const struct load *load = group->load;

	group->n_pids = load->threads ? 1 : load->n_clients;
	for (size_t i = 0; i < group->n_pids; i++) {
		group->pids[i] = process_fork();
		if (group->pids[i] == 0) {
			run_process(group, i, load->threads ? load->n_clients : 1);
		}
	}
}

/* A client that fails before it is ready would be waited for in vain. */
static void check_alive(const struct group *group)
{
	for (size_t i = 0; i < group->n_pids; i++) {
		if (waitpid(group->pids[i], NULL, WNOHANG) != 0) {
			die("a client of %s failed", subject_get(group->load->subject)->name);
		}
	}
}

static void wait_ready(const struct group *group)
{
	struct pollfd ready = {.fd = group->ready[0], .events = POLLIN};
	char bytes[MAX_CLIENTS];
	size_t n_ready = 0;
	ssize_t n;

	while (n_ready < group->load->n_clients) {
		if (poll(&ready, 1, 500) <= 0) {
			check_alive(group);
			continue;
		}
		n = read(group->ready[0], bytes, sizeof(bytes));
		if (n <= 0) {
			die("a client of %s failed", subject_get(group->load->subject)->name);
		}
		n_ready += (size_t)n;
	}
}

static struct percentiles percentiles_of(const struct histogram *histogram)
{
	return (struct percentiles){
		.p50 = histogram_find_percentile(histogram, 0.5) / 1000,
		.p99 = histogram_find_percentile(histogram, 0.99) / 1000,
	};
}

static void add_up(unsigned n_clients, uint64_t started_ns, struct numbers *ret_numbers)
{
	static struct record sum; /* large */
	static struct histogram call;
	uint64_t stopped_ns = started_ns + 1;

	memset(&sum, 0, sizeof(sum));
	for (size_t i = 0; i < n_clients; i++) {
		histogram_add_all(&sum.start, &records[i].start);
		histogram_add_all(&sum.end, &records[i].end);
		histogram_add_all(&sum.pair, &records[i].pair);
		if (records[i].stopped_ns > stopped_ns) {
			stopped_ns = records[i].stopped_ns;
		}
	}
	call = sum.start;
	histogram_add_all(&call, &sum.end);
	*ret_numbers = (struct numbers){
		.start = percentiles_of(&sum.start),
		.end = percentiles_of(&sum.end),
		.call = percentiles_of(&call),
		.pair = percentiles_of(&sum.pair),
		.calls_per_s = (double)call.n * 1e9 / (double)(stopped_ns - started_ns),
	};
}

void clients_run(const struct load *load, struct numbers *ret_numbers)
{
	struct group group = {.load = load};
	uint64_t started_ns;

	if (!records) {
		make_shared();
	}
	memset(records, 0, load->n_clients * sizeof(*records));
	if (pipe2(group.ready, O_CLOEXEC) < 0 || pipe2(group.go, O_CLOEXEC) < 0) {
		die_errno("pipe");
	}
	fork_clients(&group);
	(void)close(group.ready[1]);
	wait_ready(&group);
	started_ns = now_ns();
	*stop_ns = started_ns + (uint64_t)(load->seconds * 1e9);
	(void)close(group.go[1]);
	for (size_t i = 0; i < group.n_pids; i++) {
		process_wait(group.pids[i], "a client");
	}
	(void)close(group.ready[0]);
	(void)close(group.go[0]);
	add_up(load->n_clients, started_ns, ret_numbers);
}
