/* SPDX-License-Identifier: MIT */
/*
 * rmctl as scripts use it: exit codes, JSON as docs/rmctl-json.md promises it, and that a key is
 * told to nobody but who started the session.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/programs.h"
#include "tests/support/testing.h"

#define KEY_BYTES (RM_KEY_DIGITS + 1)

/* ---- JSON ---- */

static struct json_object *parse(const char *text)
{
	struct json_object *object = json_tokener_parse(text);

	ck_assert_msg(object != NULL, "no JSON: '%s'", text);
	return object;
}

/* The member at a path of names and indices, e.g. "sessions.0.owner.pid". */
static struct json_object *member(struct json_object *object, const char *path)
{
	char copy[128];
	char *rest = copy;
	char *name;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	while ((name = strsep(&rest, "."))) {
		if (json_object_is_type(object, json_type_array)) {
			object = json_object_array_get_idx(object, (size_t)atoi(name));
		} else {
			ck_assert_msg(json_object_object_get_ex(object, name, &object),
				      "%s: there is no %s", path, name);
		}
	}
	return object;
}

static int64_t number(struct json_object *object, const char *path)
{
	struct json_object *found = member(object, path);

	ck_assert_msg(json_object_is_type(found, json_type_int), "%s is no number", path);
	return json_object_get_int64(found);
}

static const char *text(struct json_object *object, const char *path)
{
	struct json_object *found = member(object, path);

	ck_assert_msg(json_object_is_type(found, json_type_string), "%s is no text", path);
	return json_object_get_string(found);
}

/* The output of a run that must have ended with 0 and said nothing on stderr. */
static struct json_object *take_json(struct program_output output)
{
	struct json_object *object;

	ck_assert_str_eq(output.err, "");
	ck_assert_int_eq(output.code, 0);
	object = parse(output.out);
	program_output_done(&output);
	return object;
}

static void expect_code(struct program_output output, int code, const char *error)
{
	ck_assert_msg(output.code == code, "ended with %d, not %d: %s%s", output.code, code,
		      output.out, output.err);
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(output.err, error) != NULL, "wanted '%s', got: %s", error, output.err);
	if (code != 0) {
		ck_assert_str_eq(output.out, "");
	}
	program_output_done(&output);
}

/* Starts a session owned by this process. */
static uint32_t start(char ret_key[KEY_BYTES])
{
	struct json_object *started = take_json(rmctl_run("start", "--json", NULL));
	uint32_t id = (uint32_t)number(started, "id");

	(void)snprintf(ret_key, KEY_BYTES, "%s", text(started, "key"));
	ck_assert_uint_eq(strspn(ret_key, "0123456789abcdef"), RM_KEY_DIGITS);
	ck_assert_int_eq(json_object_put(started), 1);
	return id;
}

static const char *decimal(uint32_t value)
{
	static char texts[2][16];
	static unsigned int next;
	char *buffer = texts[next++ % 2];

	(void)snprintf(buffer, sizeof(texts[0]), "%" PRIu32, value);
	return buffer;
}

/* ---- exit codes ---- */

START_TEST(test_no_broker)
{
	static const char *const verbs[] = {"status", "sessions", "start", "watch"};
	struct program_output output = rmctl_run(verbs[_i], NULL);

	ck_assert_int_lt(output.ms, testing_scale_ms(1000));
	ck_assert_ptr_nonnull(strstr(output.err, "looked at"));
	ck_assert_ptr_nonnull(strstr(output.err, fixture.socket));
	expect_code(output, 3, "start one with `rmbrokerd --user --socket");
}
END_TEST

/* Loop: the socket of a broker that has died; one that does not answer. */
START_TEST(test_broker_of_no_use)
{
	struct program_output output;

	ck_assert_int_eq(unsetenv("RSTRTMGR_TIMEOUT_MS"), 0); /* it has a deadline of its own */
	broker_start();
	if (_i) {
		broker_signal(SIGSTOP);
	} else {
		broker_kill();
	}
	output = rmctl_run("status", NULL);
	if (_i) {
		broker_signal(SIGCONT);
	}
	ck_assert_int_lt(output.ms, testing_scale_ms(1000) + (testing_is_slow() ? 0 : 100));
	expect_code(output, 3, "ERROR_SEM_TIMEOUT");
}
END_TEST

START_TEST(test_unsafe_socket)
{
	broker_start();
	ck_assert_int_eq(chmod(fixture.directory, 0755), 0);
	expect_code(rmctl_run("status", NULL), 3, "it must be closed to others");
	ck_assert_int_eq(chmod(fixture.directory, 0700), 0);
}
END_TEST

static const struct {
	const char *arguments[4];
	const char *error;
} wrong[] = {
	{{NULL}, "no verb"},
	{{"stauts"}, "did you mean 'status'?"},
	{{"frobnicate"}, "there is no verb 'frobnicate'"},
	{{"--frobnicate"}, "unrecognized option"},
	{{"status", "--owner=1"}, "unrecognized option"},
	{{"status", "now"}, "takes no more than 0 arguments"},
	{{"start", "--owner=0"}, "is not a number from 1"},
	{{"start", "--owner=self"}, "is not a number from 1"},
	{{"show"}, "show needs ID"},
	{{"show", "one"}, "is not the number of a session"},
	{{"show", "1", "2"}, "takes no more than 1 arguments"},
	{{"end"}, "end needs ID"},
	{{"end", "1", "--session=2"}, "name two sessions"},
	{{"join"}, "join needs KEY"},
	{{"watch", "--count=none"}, "is not a number from 1"},
	{{"status", "--color=blue"}, "is none of auto, always, never"},
};

START_TEST(test_usage)
{
	const char *const *arguments = wrong[_i].arguments;

	expect_code(rmctl_run(arguments[0], arguments[1], arguments[2], arguments[3], NULL), 1,
		    wrong[_i].error);
}
END_TEST

START_TEST(test_help)
{
	struct program_output output = rmctl_run("--help", NULL);

	ck_assert_ptr_nonnull(strstr(output.out, "Usage: rmctl"));
	expect_code(output, 0, "");
	output = rmctl_run("start", "--help", NULL);
	ck_assert_ptr_nonnull(strstr(output.out, "--owner"));
	expect_code(output, 0, "");
	output = rmctl_run("--version", NULL);
	ck_assert_ptr_nonnull(strstr(output.out, "rmctl "));
	expect_code(output, 0, "");
}
END_TEST

START_TEST(test_refusals)
{
	char key[KEY_BYTES];

	fixture_set_config("[Limits]\nMaxSessions=1\n");
	broker_start();
	(void)start(key);
	expect_code(rmctl_run("start", NULL), 8, "ERROR_MAX_SESSIONS_REACHED");
	expect_code(rmctl_run("show", "4711", NULL), 8, "session 4711");
	expect_code(rmctl_run("end", "4711", NULL), 8, "ERROR_INVALID_HANDLE");
	expect_code(rmctl_run("join", "abc", NULL), 8, "ERROR_SESSION_CREDENTIAL_CONFLICT");
	expect_code(rmctl_run("start", "--owner=2147483647", NULL), 8, "as the owner");
}
END_TEST

/* ---- what it prints ---- */

START_TEST(test_status)
{
	char key[KEY_BYTES];
	struct json_object *status;
	struct program_output output;

	broker_start();
	(void)start(key);
	status = take_json(rmctl_run("status", "--json", NULL));
	ck_assert_str_eq(text(status, "broker.mode"), "user");
	ck_assert_str_ne(text(status, "broker.version"), "");
	ck_assert_int_eq(number(status, "broker.pid"), fixture.pid);
	ck_assert_int_ge(number(status, "broker.uptime_ms"), 0);
	ck_assert_int_eq(number(status, "broker.sessions"), 1);
	ck_assert_int_eq(number(status, "broker.joins"), 0);
	ck_assert_int_eq(number(status, "broker.processes"), 2);
	ck_assert_int_eq(number(status, "broker.connections"), 1);
	ck_assert_int_ge(number(status, "broker.calls"), 2);
	ck_assert_int_eq(number(status, "broker.restored"), 0);
	ck_assert_int_eq(number(status, "broker.limits.sessions_per_login"), 64);
	ck_assert_int_eq(number(status, "broker.limits.sessions"), 512);
	ck_assert_int_eq(number(status, "broker.limits.joins_per_session"), 256);
	ck_assert_int_gt(number(status, "broker.limits.connections"), 0);
	ck_assert_str_eq(text(status, "broker.journal.path"), fixture_path("b.sock.journal"));
	ck_assert_int_gt(number(status, "broker.journal.bytes"), 0);
	ck_assert_int_gt(number(status, "broker.journal.reserved"), 0);
	ck_assert_str_eq(text(status, "broker.config"), fixture.config);
	ck_assert_int_eq(json_object_put(status), 1);
	broker_restart();
	status = take_json(rmctl_run("status", "--json", NULL));
	ck_assert_int_eq(number(status, "broker.restored"), 1);
	ck_assert_int_eq(json_object_put(status), 1);
	output = rmctl_run("status", NULL);
	ck_assert_ptr_nonnull(strstr(output.out, fixture_path("b.sock.journal")));
	ck_assert_ptr_null(strchr(output.out, '\033')); /* no terminal, no colours */
	expect_code(output, 0, "");
}
END_TEST

static void check_sessions(uint32_t id, const char *key)
{
	struct json_object *list = take_json(rmctl_run("sessions", "--json", NULL));
	struct json_object *none;

	ck_assert_uint_eq(json_object_array_length(member(list, "sessions")), 1);
	ck_assert_int_eq(number(list, "sessions.0.id"), id);
	ck_assert_str_eq(text(list, "sessions.0.state"), "open");
	ck_assert_int_eq(number(list, "sessions.0.owner.pid"), getpid());
	ck_assert_int_eq(number(list, "sessions.0.owner.uid"), geteuid());
	ck_assert_int_gt(number(list, "sessions.0.owner.start_time"), 0);
	ck_assert_str_ne(text(list, "sessions.0.owner.name"), "");
	ck_assert_str_ne(text(list, "sessions.0.login"), "");
	ck_assert_int_ge(number(list, "sessions.0.age_ms"), 0);
	ck_assert_int_eq(number(list, "sessions.0.joined"), 1);
	ck_assert_uint_eq(strlen(text(list, "sessions.0.key_prefix")), 4);
	ck_assert_mem_eq(text(list, "sessions.0.key_prefix"), key, 4);
	ck_assert_uint_eq(strlen(text(list, "sessions.0.started")),
			  strlen("2026-11-24T15:26:37.123Z"));
	ck_assert(!json_object_object_get_ex(member(list, "sessions.0"), "joins", &none));
	ck_assert_int_eq(json_object_put(list), 1);
}

static void check_show(uint32_t id)
{
	struct json_object *list = take_json(rmctl_run("show", decimal(id), "--json", NULL));

	ck_assert_int_eq(number(list, "sessions.0.id"), id);
	ck_assert_uint_eq(json_object_array_length(member(list, "sessions.0.joins")), 1);
	ck_assert_int_gt(number(list, "sessions.0.joins.0.id"), 0);
	ck_assert_int_eq(number(list, "sessions.0.joins.0.pid"), getpid());
	ck_assert_int_eq(number(list, "sessions.0.joins.0.uid"), geteuid());
	ck_assert_str_ne(text(list, "sessions.0.joins.0.name"), "");
	ck_assert_str_ne(text(list, "sessions.0.joins.0.joined"), "");
	ck_assert_int_eq(json_object_put(list), 1);
}

START_TEST(test_life_of_a_session)
{
	char key[KEY_BYTES];
	struct json_object *object;
	uint32_t id;

	broker_start();
	object = take_json(rmctl_run("sessions", "--json", NULL));
	ck_assert_uint_eq(json_object_array_length(member(object, "sessions")), 0);
	ck_assert_int_eq(json_object_put(object), 1);
	id = start(key);
	object = take_json(rmctl_run("join", key, "--json", NULL));
	ck_assert_int_eq(number(object, "id"), id);
	ck_assert_int_eq(json_object_put(object), 1);
	check_sessions(id, key);
	check_show(id);
	object = take_json(rmctl_run("end", decimal(id), "--json", NULL));
	ck_assert_int_eq(number(object, "id"), id);
	ck_assert_int_eq(json_object_put(object), 1);
	expect_code(rmctl_run("end", decimal(id), NULL), 8, "ERROR_INVALID_HANDLE");
}
END_TEST

/* RM_SESSION and RM_SESSION_KEY stand for what was started. */
START_TEST(test_environment)
{
	char key[KEY_BYTES];
	uint32_t id;

	broker_start();
	id = start(key);
	ck_assert_int_eq(setenv("RM_SESSION", decimal(id), 1), 0);
	ck_assert_int_eq(setenv("RM_SESSION_KEY", key, 1), 0);
	expect_code(rmctl_run("join", NULL), 0, "");
	expect_code(rmctl_run("show", NULL), 0, "");
	key[0] = key[0] == '0' ? '1' : '0';
	ck_assert_int_eq(setenv("RM_SESSION_KEY", key, 1), 0);
	expect_code(rmctl_run("end", NULL), 8, "ERROR_SESSION_CREDENTIAL_CONFLICT");
	key[0] = key[0] == '0' ? '1' : '0';
	ck_assert_int_eq(unsetenv("RM_SESSION_KEY"), 0);
	expect_code(rmctl_run("end", NULL), 0, "");
}
END_TEST

START_TEST(test_end_as_primary)
{
	char key[KEY_BYTES];
	uint32_t id;

	broker_start();
	id = start(key);
	ck_assert_int_eq(setenv("RM_SESSION", decimal(id), 1), 0);
	ck_assert_int_eq(setenv("RM_SESSION_KEY", key, 1), 0);
	expect_code(rmctl_run("end", NULL), 0, "");
	ck_assert(!log_has("by an administrator"));
}
END_TEST

START_TEST(test_key_is_secret)
{
	const char *const verbs[][3] = {{"sessions", NULL, NULL},
					{"sessions", "--json", NULL},
					{"show", "1", NULL},
					{"show", "1", "--json"},
					{"watch", "--history", "--count=3"},
					{"status", "--json", NULL}};
	_cleanup_(freep) char *log = NULL;
	const char *const debug[] = {"--user", "--socket", fixture.socket, "--log",
				     "debug",  "--config", fixture.config, NULL};
	const struct launch launch = {.arguments = debug};
	char key[KEY_BYTES];

	broker_start_as(&launch);
	ck_assert_uint_eq(start(key), 1);
	expect_code(rmctl_run("join", key, NULL), 0, "");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		struct program_output output =
			rmctl_run(verbs[i][0], verbs[i][1], verbs[i][2], NULL);

		ck_assert_int_eq(output.code, 0);
		ck_assert_str_ne(output.out, "");
		ck_assert_ptr_null(strstr(output.out, key));
		ck_assert_ptr_null(strstr(output.out, key + 5)); /* nor most of it */
		program_output_done(&output);
	}
	log = log_read();
	ck_assert_ptr_nonnull(strstr(log, "debug: session started"));
	ck_assert_ptr_null(strstr(log, key + 4));
}
END_TEST

START_TEST(test_watch)
{
	static const char *const kinds[] = {"broker-started", "started", "joined", "ended"};
	struct program_output output;
	char *rest;
	char key[KEY_BYTES];
	uint32_t id;

	broker_start();
	id = start(key);
	expect_code(rmctl_run("join", key, NULL), 0, "");
	expect_code(rmctl_run("end", decimal(id), NULL), 0, "");
	output = rmctl_run("watch", "--history", "--count=4", "--json", NULL);
	ck_assert_int_eq(output.code, 0);
	rest = output.out;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct json_object *event = parse(strsep(&rest, "\n"));

		ck_assert_int_eq(number(event, "number"), (int64_t)i + 1);
		ck_assert_str_eq(text(event, "kind"), kinds[i]);
		ck_assert_int_eq(number(event, "session"), i ? id : 0);
		ck_assert_int_eq(number(event, "pid"), i ? getpid() : fixture.pid);
		ck_assert_str_ne(text(event, "name"), "");
		ck_assert_str_ne(text(event, "time"), "");
		(void)text(event, "detail");
		ck_assert_int_eq(json_object_put(event), 1);
	}
	ck_assert_str_eq(rest, "");
	program_output_done(&output);
}
END_TEST

/* A key that nobody has read is of no use: the session is ended again. */
static int start_to_a_full_disk(void *arg)
{
	(void)arg;
	if (!freopen("/dev/full", "w", stdout)) {
		return 99;
	}
	(void)execl(testing_rmctl(), "rmctl", "start", (char *)NULL);
	return 98;
}

START_TEST(test_start_that_is_not_told)
{
	struct rm_session_infos *infos;

	broker_start();
	ck_assert_int_eq(testing_in_child(start_to_a_full_disk, NULL, 10000), 8);
	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	ck_assert_uint_eq(infos->n_sessions, 0);
	rm_session_infos_free(infos);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_no_broker, .n_loops = 4},
		{.test = test_broker_of_no_use, .n_loops = 2},
		{.test = test_unsafe_socket},
		{.test = test_usage, .n_loops = ARRAY_SIZE(wrong)},
		{.test = test_help},
		{.test = test_refusals},
		{.test = test_status},
		{.test = test_life_of_a_session},
		{.test = test_environment},
		{.test = test_end_as_primary},
		{.test = test_key_is_secret},
		{.test = test_watch},
		{.test = test_start_that_is_not_told},
	};

	return testing_run("rmctl", cases, ARRAY_SIZE(cases));
}
