/* SPDX-License-Identifier: MIT */
/*
 * Torture: client processes start, join and end at full speed while the broker is killed at
 * random moments. After each round the clients rest, and the broker must have exactly what it
 * acknowledged: nothing lost, nothing twice, nothing left over. No client may see an error.
 *
 * RM_TORTURE_ROUNDS and RM_TORTURE_SEED choose; both are printed. What clients hold stands in
 * memory shared with the parent, each entry written after its acknowledgement.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"

#define N_CLIENTS 8
#define MAX_HELD 7 /* of each client; together under the limit of 64 */
#define MAX_JOINED 10
#define REST_MS 60000

/* One session that is open to be joined by all. */
struct held {
	atomic_uint id; /* 0: none */
	char key[RM_KEY_DIGITS + 1];
};

struct client {
	pid_t pid;
	struct held sessions[MAX_HELD];
	atomic_uint joined[MAX_JOINED]; /* ids of sessions, 0: none */
	atomic_uint n_calls;
	atomic_int error;    /* the first code that should not have been */
	atomic_uint resting; /* the round it rests after, 0: it works */
	struct rm_session *own[MAX_HELD];
	struct rm_session *joins[MAX_JOINED];
};

struct shared {
	atomic_uint rest; /* clients rest after this round, 0: they work */
	atomic_bool is_over;
	struct client clients[N_CLIENTS];
};

static struct shared *shared;

/* xorshift64*: the same everywhere for the same seed. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static unsigned int random_below(uint64_t *state, unsigned int n)
{
	return (unsigned int)(next_random(state) >> 33) % n;
}

static unsigned long read_number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

static void nap(unsigned int us)
{
	const struct timespec pause = {.tv_nsec = (long)us * 1000};

	(void)nanosleep(&pause, NULL); /* how long exactly does not matter */
}

/* ---- a client ---- */

static void count(struct client *client, int code, int tolerated)
{
	int none = 0;

	client->n_calls++;
	if (code != 0 && code != tolerated) {
		(void)atomic_compare_exchange_strong(&client->error, &none, code);
	}
}

static void start_or_end(struct client *client, unsigned int i)
{
	struct held *held = &client->sessions[i];
	int code;

	if (client->own[i]) {
		/* A joiner who reads the key now comes too late: 1219 is its right answer. */
		code = rm_session_end(client->own[i]);
		client->own[i] = NULL;
		held->id = 0;
	} else {
		code = rm_session_start(-1, &client->own[i]);
		if (code == 0) {
			memcpy(held->key, rm_session_key(client->own[i]), sizeof(held->key));
			held->id = rm_session_id(client->own[i]);
		}
	}
	count(client, code, 0);
}

static void join_or_leave(struct client *client, unsigned int i, uint64_t *random)
{
	const struct client *other = &shared->clients[random_below(random, N_CLIENTS)];
	const struct held *held = &other->sessions[random_below(random, MAX_HELD)];
	char key[RM_KEY_DIGITS + 1];
	int code;

	if (client->joins[i]) {
		code = rm_session_end(client->joins[i]);
		client->joins[i] = NULL;
		client->joined[i] = 0;
		count(client, code, 0);
	} else if (held->id) {
		memcpy(key, held->key, sizeof(key)); /* may be torn: then it is a wrong key */
		key[RM_KEY_DIGITS] = '\0';
		code = rm_session_join(key, -1, &client->joins[i]);
		if (code == 0) {
			client->joined[i] = rm_session_id(client->joins[i]);
		}
		count(client, code, 1219);
	}
}

static void end_all(struct client *client)
{
	for (unsigned int i = 0; i < MAX_JOINED; i++) {
		if (client->joins[i]) {
			count(client, rm_session_end(client->joins[i]), 0);
		}
	}
	for (unsigned int i = 0; i < MAX_HELD; i++) {
		if (client->own[i]) {
			count(client, rm_session_end(client->own[i]), 0);
		}
	}
}

static void run_client(struct client *client, uint64_t random)
{
	while (!shared->is_over) {
		if (shared->rest) {
			client->resting = shared->rest;
			nap(200);
			continue;
		}
		client->resting = 0;
		if (random_below(&random, 3)) {
			start_or_end(client, random_below(&random, MAX_HELD));
		} else {
			join_or_leave(client, random_below(&random, MAX_JOINED), &random);
		}
	}
	end_all(client);
	_exit(0);
}

static void start_clients(uint64_t *random)
{
	for (size_t i = 0; i < N_CLIENTS; i++) {
		struct client *client = &shared->clients[i];
		uint64_t seed = next_random(random) | 1;

		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			run_client(client, seed);
		}
		client->pid = pid;
	}
}

/* ---- the parent ---- */

/* Kills the broker after a while; now and then the next one too, while it starts. */
static void kill_broker(uint64_t *random)
{
	nap(random_below(random, 20000));
	broker_kill();
	broker_spawn();
	while (random_below(random, 4) == 0) {
		nap(random_below(random, 4000));
		broker_kill();
		broker_spawn();
	}
	broker_wait_ready();
	nap(random_below(random, 5000));
}

static bool all_rest(void *round)
{
	for (size_t i = 0; i < N_CLIENTS; i++) {
		if (shared->clients[i].resting != *(unsigned int *)round) {
			return false;
		}
	}
	return true;
}

static unsigned int count_acknowledged(uint32_t session)
{
	unsigned int n = 0;

	for (size_t i = 0; i < N_CLIENTS; i++) {
		for (size_t j = 0; j < MAX_HELD; j++) {
			n += shared->clients[i].sessions[j].id == session;
		}
	}
	return n;
}

static unsigned int count_joined(uint32_t session)
{
	unsigned int n = 0;

	for (size_t i = 0; i < N_CLIENTS; i++) {
		for (size_t j = 0; j < MAX_JOINED; j++) {
			n += shared->clients[i].joined[j] == session;
		}
	}
	return n;
}

static void check_no_errors(void)
{
	for (size_t i = 0; i < N_CLIENTS; i++) {
		ck_assert_msg(shared->clients[i].error == 0, "client %zu got %s", i,
			      rm_code_name(shared->clients[i].error));
	}
}

static void check_sessions(unsigned int round)
{
	struct rm_session_infos *infos;
	size_t n_held = (size_t)MAX_HELD * N_CLIENTS - count_acknowledged(0);

	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	ck_assert_msg(infos->n_sessions == n_held, "round %u: %zu sessions, %zu acknowledged",
		      round, infos->n_sessions, n_held);
	for (size_t i = 0; i < infos->n_sessions; i++) {
		const struct rm_session_info *info = &infos->sessions[i];

		ck_assert_msg(count_acknowledged(info->id) == 1,
			      "round %u: session %" PRIu32 " was acknowledged %u times", round,
			      info->id, count_acknowledged(info->id));
		ck_assert_msg(count_joined(info->id) == info->n_joined,
			      "round %u: session %" PRIu32 " has %" PRIu32
			      " joins, %u acknowledged",
			      round, info->id, info->n_joined, count_joined(info->id));
	}
	rm_session_infos_free(infos);
}

static void run_round(unsigned int round, uint64_t *random)
{
	shared->rest = 0;
	kill_broker(random);
	shared->rest = round;
	ck_assert_msg(testing_wait(all_rest, &round, REST_MS), "round %u: a client is stuck",
		      round);
	check_no_errors();
	check_sessions(round);
}

static void end_clients(void)
{
	unsigned int n_calls = 0;

	shared->is_over = true;
	for (size_t i = 0; i < N_CLIENTS; i++) {
		struct client *client = &shared->clients[i];

		ck_assert_int_eq(testing_wait_child(client->pid, 30000), 0);
		n_calls += client->n_calls;
	}
	(void)fprintf(stderr, "# torture: %u calls\n", n_calls);
}

START_TEST(test_torture)
{
	unsigned long n_rounds = read_number("RM_TORTURE_ROUNDS", testing_is_slow() ? 3 : 10);
	uint64_t seed = read_number("RM_TORTURE_SEED", (unsigned long)testing_now_ms());
	uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	struct rm_session_infos *infos;

	(void)fprintf(stderr, "# torture: RM_TORTURE_ROUNDS=%lu RM_TORTURE_SEED=%" PRIu64 "\n",
		      n_rounds, seed);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	broker_start();
	start_clients(&random);
	for (unsigned int round = 1; round <= n_rounds; round++) {
		run_round(round, &random);
	}
	end_clients();
	check_no_errors();
	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	ck_assert_uint_eq(infos->n_sessions, 0);
	rm_session_infos_free(infos);
	ck_assert_int_eq(munmap(shared, sizeof(*shared)), 0);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {{.test = test_torture, .timeout_s = 1200}};

	return testing_run("torture", cases, ARRAY_SIZE(cases));
}
