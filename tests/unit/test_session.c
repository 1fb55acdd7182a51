/* SPDX-License-Identifier: MIT */
/*
 * The session table, with processes made by hand: limits (A8), keys that exist already (A2),
 * numbers, and lists that stay whole.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/session.h"
#include "proto/status.h"
#include "tests/unit/fixture.h"

/* Processes that have gone already: whatever is taken off them, nobody closes their handles. */
static struct process owners[10];
static struct session_table table;

static void set_up(void)
{
	session_table_init(&table, DEFAULT_MAX_SESSIONS);
	for (unsigned int i = 0; i < ARRAY_SIZE(owners); i++) {
		owners[i] = (struct process){.id = {.pid = (pid_t)(100 + i)}, .is_gone = true};
		(void)snprintf(owners[i].name, sizeof(owners[i].name), "owner%u", i);
		(void)strcpy(owners[i].login, i < 8 ? "session 1" : "session 2");
	}
}

static void tear_down(void)
{
	session_table_done(&table);
	for (unsigned int i = 0; i < ARRAY_SIZE(owners); i++) {
		ck_assert_uint_eq(owners[i].n_sessions, 0);
		ck_assert_uint_eq(owners[i].n_joins, 0);
		ck_assert_ptr_null(owners[i].sessions);
		ck_assert_ptr_null(owners[i].joins);
	}
}

static struct session_key key_of(uint32_t number)
{
	struct session_key key = {{0}};

	memcpy(key.bytes + 4, &number, sizeof(number));
	return key;
}

static struct session *add(struct process *owner)
{
	struct session_key key = key_of(table.next_session_id);
	struct session *session;

	ck_assert_int_eq(session_new(table.next_session_id, &key, owner, &session), 0);
	memcpy(session->request_id, &session->id, sizeof(session->id));
	session_add(&table, session);
	return session;
}

static struct join *add_join(struct session *session, struct process *process)
{
	struct join *join;

	ck_assert_int_eq(join_new(session, table.next_join_id, process, &join), 0);
	memcpy(join->request_id, &join->id, sizeof(join->id));
	join_add(&table, join);
	return join;
}

static int may_start(const struct process *owner)
{
	const char *reason = NULL;
	int r = session_may_start(&table, owner, &reason);

	ck_assert_int_eq(r == 0, reason == NULL);
	return r;
}

/* ---- limits ---- */

/* The login session counts, not the process. */
START_TEST(test_limit_of_a_login)
{
	for (unsigned int i = 0; i < DEFAULT_MAX_SESSIONS; i++) {
		ck_assert_int_eq(may_start(&owners[i % 8]), 0);
		(void)add(&owners[i % 8]);
	}
	for (unsigned int i = 0; i < 8; i++) {
		ck_assert_int_eq(may_start(&owners[i]), STATUS_MAX_SESSIONS_REACHED);
	}
	ck_assert_int_eq(may_start(&owners[8]), 0);
	session_remove(&table, session_find(&table, 1));
	ck_assert_int_eq(may_start(&owners[0]), 0);
}
END_TEST

START_TEST(test_limit_is_configured)
{
	table.max_per_login = 2;
	(void)add(&owners[0]);
	(void)add(&owners[1]);
	ck_assert_int_eq(may_start(&owners[0]), STATUS_MAX_SESSIONS_REACHED);
	ck_assert_int_eq(may_start(&owners[9]), 0);
	table.max_per_login = 3;
	ck_assert_int_eq(may_start(&owners[0]), 0);
	table.max_per_login = 1; /* fewer than there are */
	ck_assert_int_eq(may_start(&owners[0]), STATUS_MAX_SESSIONS_REACHED);
}
END_TEST

START_TEST(test_limit_of_all)
{
	table.max_per_login = MAX_SESSIONS_ALL;
	for (unsigned int i = 0; i < MAX_SESSIONS_ALL - SESSIONS_KEPT_FOR_NEW; i++) {
		(void)add(&owners[0]);
	}
	ck_assert_int_eq(may_start(&owners[0]), STATUS_MAX_SESSIONS_REACHED);
	for (unsigned int i = 1; i <= SESSIONS_KEPT_FOR_NEW; i++) {
		ck_assert_int_eq(may_start(&owners[i]), 0);
		(void)add(&owners[i]);
		ck_assert_int_eq(may_start(&owners[i]), STATUS_MAX_SESSIONS_REACHED);
	}
	ck_assert_int_eq(may_start(&owners[9]), STATUS_MAX_SESSIONS_REACHED);
}
END_TEST

START_TEST(test_limit_of_joins)
{
	struct session *session = add(&owners[0]);
	struct join *join = NULL;

	for (unsigned int i = 0; i < MAX_JOINS; i++) {
		(void)add_join(session, &owners[i % 10]);
	}
	ck_assert_int_eq(join_new(session, 1000, &owners[0], &join), STATUS_MAX_SESSIONS_REACHED);
	ck_assert_ptr_null(join);
	join_remove(&table, session->joins);
	ck_assert_int_eq(join_new(session, 1000, &owners[0], &join), 0);
	free(join);
}
END_TEST

START_TEST(test_holders)
{
	char text[256];
	char small[16];

	(void)add(&owners[1]);
	(void)add(&owners[2]);
	(void)add(&owners[2]);
	(void)add(&owners[8]);
	session_describe_holders(&table, "session 1", text, sizeof(text));
	ck_assert_str_eq(text, "owner2[102]: 2, owner1[101]: 1");
	session_describe_holders(&table, NULL, text, sizeof(text));
	ck_assert_str_eq(text, "owner2[102]: 2, owner1[101]: 1, owner8[108]: 1");
	session_describe_holders(&table, "session 3", text, sizeof(text));
	ck_assert_str_eq(text, "");
	session_describe_holders(&table, NULL, small, sizeof(small));
	ck_assert_str_eq(small, "owner2[102]: 2,");
}
END_TEST

/* ---- lookup ---- */

START_TEST(test_find)
{
	struct session *first = add(&owners[0]);
	struct session *second = add(&owners[0]);
	struct session_key key = key_of(2);
	struct session_key other = key_of(3);
	uint8_t request_id[REQUEST_ID_BYTES] = {2};

	ck_assert_ptr_eq(session_find(&table, 1), first);
	ck_assert_ptr_eq(session_find(&table, 2), second);
	ck_assert_ptr_null(session_find(&table, 0));
	ck_assert_ptr_null(session_find(&table, 3));
	ck_assert_ptr_eq(session_find_by_key(&table, &key), second);
	ck_assert_ptr_null(session_find_by_key(&table, &other));
	ck_assert_int_eq(session_check_key(&table, &key), STATUS_ALREADY_EXISTS);
	ck_assert_int_eq(session_check_key(&table, &other), 0);
	ck_assert_ptr_eq(session_find_started(&owners[0], request_id), second);
	ck_assert_ptr_null(session_find_started(&owners[1], request_id));
	request_id[15] = 1;
	ck_assert_ptr_null(session_find_started(&owners[0], request_id));
	session_remove(&table, second);
	ck_assert_int_eq(session_check_key(&table, &key), 0);
}
END_TEST

START_TEST(test_find_join)
{
	struct session *session = add(&owners[0]);
	struct session *other = add(&owners[0]);
	struct join *first = add_join(session, &owners[1]);
	struct join *second = add_join(other, &owners[1]);
	uint8_t request_id[REQUEST_ID_BYTES] = {2};

	ck_assert_ptr_eq(join_find(session, 1), first);
	ck_assert_ptr_null(join_find(session, 2));
	ck_assert_ptr_eq(join_find(other, 2), second);
	ck_assert_ptr_eq(join_find_made(&owners[1], request_id), second);
	ck_assert_ptr_null(join_find_made(&owners[0], request_id));
	session_remove(&table, other);
	ck_assert_ptr_null(join_find_made(&owners[1], request_id));
	ck_assert_uint_eq(table.n_joins, 1);
	ck_assert_uint_eq(owners[1].n_joins, 1);
}
END_TEST

/* Numbers go up, also over those that were read back. */
START_TEST(test_numbers)
{
	struct session_key key = key_of(900);
	struct session *session;

	ck_assert_int_eq(session_new(900, &key, &owners[0], &session), 0);
	session_add(&table, session);
	ck_assert_uint_eq(table.next_session_id, 901);
	ck_assert_uint_eq(add(&owners[0])->id, 901);
	session_remove(&table, session_find(&table, 901));
	ck_assert_uint_eq(add(&owners[0])->id, 902);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tcase = fixture_case(suite, "table");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_limit_of_a_login);
	tcase_add_test(tcase, test_limit_is_configured);
	tcase_add_test(tcase, test_limit_of_all);
	tcase_add_test(tcase, test_limit_of_joins);
	tcase_add_test(tcase, test_holders);
	tcase_add_test(tcase, test_find);
	tcase_add_test(tcase, test_find_join);
	tcase_add_test(tcase, test_numbers);
	return fixture_run(suite);
}
