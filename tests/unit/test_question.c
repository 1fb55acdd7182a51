/* SPDX-License-Identifier: MIT */
/*
 * A question put together from its messages, those that do not fit together refused; and the table
 * of registered paths.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/scan/path_table.h"
#include "broker/scan/question.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "tests/unit/fixture.h"

/* ---- questions ---- */

/* As if it had come through the socket: memory is protobuf-c's. */
static Rmscan__WorkerRequest *copy(const Rmscan__WorkerRequest *request)
{
	size_t size = rmscan__worker_request__get_packed_size(request);
	uint8_t *packed = malloc(size + 1);
	Rmscan__WorkerRequest *unpacked;

	ck_assert_ptr_nonnull(packed);
	(void)rmscan__worker_request__pack(request, packed);
	unpacked = rmscan__worker_request__unpack(NULL, size, packed);
	ck_assert_ptr_nonnull(unpacked);
	free(packed);
	return unpacked;
}

static struct scan_question *begin(void)
{
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__ScanBegin message = RMSCAN__SCAN_BEGIN__INIT;
	struct scan_question *question;

	request.token = 17;
	request.call_case = RMSCAN__WORKER_REQUEST__CALL_BEGIN;
	request.begin = &message;
	question = scan_question_new(copy(&request));
	ck_assert_ptr_nonnull(question);
	ck_assert_uint_eq(question->token, 17);
	return question;
}

static void add(struct scan_question *question, Rmscan__ScanTargets *message)
{
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;

	request.call_case = RMSCAN__WORKER_REQUEST__CALL_TARGETS;
	request.targets = message;
	ck_assert_int_eq(scan_question_add(question, copy(&request)), 0);
}

/* Texts with their NULs, "|" standing for it. */
static ProtobufCBinaryData texts(const char *text)
{
	static char places[8][64];
	static unsigned int next;
	char *at = places[next++ % ARRAY_SIZE(places)];
	size_t n = strlen(text);

	ck_assert_uint_lt(n, sizeof(places[0]));
	for (size_t i = 0; i < n; i++) {
		at[i] = text[i] == '|' ? '\0' : text[i];
	}
	return codec_bytes(at, n);
}

static void add_paths(struct scan_question *question, const char *paths, const char *real_paths)
{
	Rmscan__ScanTargets message = RMSCAN__SCAN_TARGETS__INIT;

	message.paths = texts(paths);
	message.real_paths = texts(real_paths);
	add(question, &message);
}

static void add_numbers(struct scan_question *question, const void *targets, size_t n_bytes,
			const void *trees, size_t n_tree_bytes)
{
	Rmscan__ScanTargets message = RMSCAN__SCAN_TARGETS__INIT;

	message.targets = codec_bytes(targets, n_bytes);
	message.trees = codec_bytes(trees, n_tree_bytes);
	add(question, &message);
}

/* Builds it and takes it apart again; what it says. */
static int build(struct scan_question *question)
{
	struct question_targets targets;
	int r = question_targets_build(question, &targets);

	if (r == 0) {
		question_targets_done(&targets);
	}
	ck_assert_ptr_null(targets.paths);
	ck_assert_ptr_null(targets.targets);
	ck_assert_uint_eq(targets.n_filters, 0);
	scan_question_free(question);
	return r;
}

START_TEST(test_empty)
{
	struct scan_question *question = begin();
	struct question_targets targets;

	ck_assert_int_eq(question_targets_build(question, &targets), 0);
	ck_assert_uint_eq(targets.match.n_paths, 0);
	ck_assert_uint_eq(targets.match.n_targets, 0);
	ck_assert_ptr_nonnull(targets.match.is_tree);
	question_targets_done(&targets);
	scan_question_free(question);
	scan_question_free(NULL);
}
END_TEST

/* Paths are numbered over all messages; targets may name those of an earlier or a later one. */
START_TEST(test_several_messages)
{
	const struct scan_target first[] = {{.path = 2, .flags = TARGET_CURRENT},
					    {.path = 0, .flags = TARGET_VERIFY}};
	const struct scan_target second = {.file = {.inode = 5}, .path = 1};
	const uint32_t tree = 1;
	struct scan_question *question = begin();
	struct question_targets targets;

	add_numbers(question, first, sizeof(first), NULL, 0);
	add_paths(question, "/a|/b|", "|/real/b|");
	add_numbers(question, &second, sizeof(second), &tree, sizeof(tree));
	add_paths(question, "/c|", "");
	ck_assert_int_eq(question_targets_build(question, &targets), 0);
	ck_assert_uint_eq(targets.match.n_paths, 3);
	ck_assert_str_eq(targets.match.paths[0], "/a");
	ck_assert_str_eq(targets.match.paths[1], "/b");
	ck_assert_str_eq(targets.match.paths[2], "/c");
	ck_assert_ptr_null(targets.match.real_paths[0]);
	ck_assert_str_eq(targets.match.real_paths[1], "/real/b");
	ck_assert_ptr_null(targets.match.real_paths[2]);
	ck_assert_int_eq(targets.match.is_tree[0], 0);
	ck_assert_int_eq(targets.match.is_tree[1], 1);
	ck_assert_uint_eq(targets.match.n_targets, 3);
	ck_assert_uint_eq(targets.match.targets[0].path, 2);
	ck_assert_uint_eq(targets.match.targets[1].flags, TARGET_VERIFY);
	ck_assert_uint_eq(targets.match.targets[2].file.inode, 5);
	question_targets_done(&targets);
	scan_question_free(question);
}
END_TEST

/* What is no file comes along with them, in order. */
START_TEST(test_others)
{
	Rmscan__ScanTargets message = RMSCAN__SCAN_TARGETS__INIT;
	Rmscan__Identity identity = RMSCAN__IDENTITY__INIT;
	Rmscan__Identity *identities[] = {&identity, &identity};
	Rmscan__FilterRule rule = RMSCAN__FILTER_RULE__INIT;
	Rmscan__FilterRule *rules[] = {&rule};
	ProtobufCBinaryData services[] = {codec_text("a.service"), codec_text("")};
	struct scan_question *question = begin();
	struct question_targets targets;

	identity.pid = 4711;
	rule.action = 2;
	message.n_processes = 2;
	message.processes = identities;
	message.n_filters = 1;
	message.filters = rules;
	add(question, &message);
	message.n_processes = 1;
	identity.pid = 4712;
	message.n_services = 2;
	message.services = services;
	add(question, &message);
	ck_assert_int_eq(question_targets_build(question, &targets), 0);
	ck_assert_uint_eq(targets.n_processes, 3);
	ck_assert_uint_eq(targets.processes[1]->pid, 4711);
	ck_assert_uint_eq(targets.processes[2]->pid, 4712);
	ck_assert_uint_eq(targets.n_services, 2);
	ck_assert_uint_eq(targets.services[0]->len, strlen("a.service"));
	ck_assert_uint_eq(targets.n_filters, 2);
	ck_assert_uint_eq(targets.filters[0]->action, 2);
	question_targets_done(&targets);
	scan_question_free(question);
}
END_TEST

static const struct {
	const char *paths;
	const char *real_paths;
	int r;
} path_rows[] = {
	{"/a|/b|", "", 0},
	{"/a|/b|", "||", 0},
	{"||", "", 0}, /* empty ones are texts, too */
	{"/a|/b", "", -EBADMSG},
	{"/a|/b|", "/x|", -EBADMSG},
	{"/a|", "/x|/y|", -EBADMSG},
	{"/a|", "/x", -EBADMSG},
	{"/a|/b|", "/x|/y", -EBADMSG},
	{"", "/x|", -EBADMSG},
};

START_TEST(test_final_paths)
{
	static const struct {
		const char *final_paths;
		int r;
	} rows[] = {{"|/final|", 0}, {"", 0}, {"/final|", -EBADMSG}, {"|/final", -EBADMSG}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		Rmscan__ScanTargets message = RMSCAN__SCAN_TARGETS__INIT;
		struct scan_question *question = begin();
		struct question_targets targets;
		int r;

		message.paths = texts("/a|/b|");
		message.final_paths = texts(rows[i].final_paths);
		add(question, &message);
		r = question_targets_build(question, &targets);
		ck_assert_int_eq(r, rows[i].r);
		if (r == 0) {
			ck_assert_ptr_null(targets.match.final_paths[0]);
			ck_assert_pstr_eq(targets.match.final_paths[1],
					  rows[i].final_paths[0] ? "/final" : NULL);
			question_targets_done(&targets);
		}
		scan_question_free(question);
	}
}
END_TEST

START_TEST(test_paths_that_do_not_fit)
{
	for (size_t i = 0; i < ARRAY_SIZE(path_rows); i++) {
		struct scan_question *question = begin();

		add_paths(question, path_rows[i].paths, path_rows[i].real_paths);
		ck_assert_int_eq(build(question), path_rows[i].r);
	}
}
END_TEST

START_TEST(test_numbers_that_do_not_fit)
{
	const struct scan_target targets[] = {{.path = 0}, {.path = 1}};
	const struct scan_target none = {.path = UINT32_MAX};
	const uint32_t trees[] = {0, 1, UINT32_MAX};
	static const struct {
		size_t n_targets_bytes;
		size_t n_tree_bytes;
		int r;
	} rows[] = {
		{sizeof(struct scan_target), 4, 0},
		{2 * sizeof(struct scan_target), 0, -EBADMSG}, /* there is but one path */
		{sizeof(struct scan_target) - 1, 0, -EBADMSG},
		{sizeof(struct scan_target) + 1, 0, -EBADMSG},
		{1, 0, -EBADMSG},
		{0, 8, -EBADMSG},
		{0, 3, -EBADMSG},
		{0, 12, -EBADMSG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct scan_question *question = begin();

		add_paths(question, "/a|", "");
		add_numbers(question, targets, rows[i].n_targets_bytes, trees,
			    rows[i].n_tree_bytes);
		ck_assert_int_eq(build(question), rows[i].r);
	}
	for (int i = 0; i < 2; i++) {
		struct scan_question *question = begin();

		add_numbers(question, i ? &none : targets, sizeof(none), NULL, 0);
		ck_assert_int_eq(build(question), -EBADMSG); /* there is no path at all */
	}
}
END_TEST

/* More than two sessions could ever have. */
START_TEST(test_too_many_paths)
{
	const size_t n = MAX_FRAME_BYTES / 2;
	uint8_t *nuls = calloc(n, 1);
	Rmscan__ScanTargets message = RMSCAN__SCAN_TARGETS__INIT;

	ck_assert_ptr_nonnull(nuls);
	message.paths = codec_bytes(nuls, n);
	for (size_t rounds = 2 * MAX_RESOURCES / n; rounds <= 2 * MAX_RESOURCES / n + 1; rounds++) {
		struct scan_question *question = begin();

		for (size_t i = 0; i < rounds; i++) {
			add(question, &message);
		}
		ck_assert_int_eq(build(question), rounds * n > 2 * MAX_RESOURCES ? -EBADMSG : 0);
	}
	free(nuls);
}
END_TEST

/* ---- the table of paths ---- */

struct found {
	uint32_t paths[8];
	size_t n;
};

static void on_found(uint32_t path, void *userdata)
{
	struct found *found = userdata;

	ck_assert_uint_lt(found->n, ARRAY_SIZE(found->paths));
	found->paths[found->n++] = path;
}

static struct found find(const struct path_table *table, const char *text)
{
	struct found found = {.n = 0};

	path_table_find(table, text, on_found, &found);
	return found;
}

static const char *const table_paths[] = {"/a/file", "/link/lib", "/tree/", "/tree/sub",
					  "/a/file", "/",	  "/same",  ""};
static const char *const table_real_paths[] = {NULL, "/usr/lib/lib", "/real/tree", NULL,
					       NULL, NULL,	     "/same",	   NULL};

START_TEST(test_find_paths)
{
	const uint8_t is_tree[ARRAY_SIZE(table_paths)] = {0, 0, 1, 1};
	const struct match_targets targets = {.n_paths = ARRAY_SIZE(table_paths),
					      .paths = table_paths,
					      .real_paths = table_real_paths,
					      .is_tree = is_tree};
	struct path_table table;
	struct found found;

	ck_assert_int_eq(path_table_init(&table, &targets), 0);
	found = find(&table, "/a/file");
	ck_assert_uint_eq(found.n, 2); /* registered twice, as it were */
	ck_assert_uint_eq(found.paths[0] + found.paths[1], 4);
	found = find(&table, "/link/lib");
	ck_assert_uint_eq(found.n, 1);
	ck_assert_uint_eq(found.paths[0], 1);
	found = find(&table, "/usr/lib/lib");
	ck_assert_uint_eq(found.n, 1);
	ck_assert_uint_eq(found.paths[0], 1);
	ck_assert_uint_eq(find(&table, "/same").n, 1);
	ck_assert_uint_eq(find(&table, "").n, 1);
	ck_assert_uint_eq(find(&table, "/").n, 1);
	ck_assert_uint_eq(find(&table, "/tree/").n, 0);
	ck_assert_uint_eq(find(&table, "/a").n, 0);
	ck_assert_uint_eq(find(&table, "/a/file2").n, 0);
	path_table_done(&table);
}
END_TEST

START_TEST(test_find_trees)
{
	static const struct {
		const char *text;
		uint32_t tree;
	} rows[] = {
		{"/tree", 2},
		{"/tree/x", 2},
		{"/tree/sub/x", 2}, /* the first one */
		{"/real/tree/x/y", 2},
		{"/real/tree", 2},
		{"/real/treetop", UINT32_MAX},
		{"/trees/x", UINT32_MAX},
		{"/tr", UINT32_MAX},
		{"/", UINT32_MAX},
		{"", UINT32_MAX},
		{"tree/x", UINT32_MAX},
	};
	uint8_t is_tree[ARRAY_SIZE(table_paths)] = {0, 0, 1, 1};
	const struct match_targets targets = {.n_paths = ARRAY_SIZE(table_paths),
					      .paths = table_paths,
					      .real_paths = table_real_paths,
					      .is_tree = is_tree};
	struct path_table table;

	ck_assert_int_eq(path_table_init(&table, &targets), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_msg(path_table_find_tree(&table, rows[i].text) == rows[i].tree, "'%s'",
			      rows[i].text);
	}
	path_table_done(&table);

	is_tree[5] = 1; /* all of the machine */
	ck_assert_int_eq(path_table_init(&table, &targets), 0);
	ck_assert_uint_eq(path_table_find_tree(&table, "/"), 5);
	ck_assert_uint_eq(path_table_find_tree(&table, "/etc"), 5);
	ck_assert_uint_eq(path_table_find_tree(&table, "/tree/x"), 2);
	ck_assert_uint_eq(path_table_find_tree(&table, "pipe:[5]"), UINT32_MAX);
	path_table_done(&table);
}
END_TEST

START_TEST(test_many_paths)
{
	enum {
		N = 20000
	};
	static char texts_[N][16];
	static const char *list[N];
	const struct match_targets targets = {.n_paths = N, .paths = list};
	struct path_table table;

	for (uint32_t i = 0; i < N; i++) {
		(void)snprintf(texts_[i], sizeof(texts_[i]), "/f%u", i);
		list[i] = texts_[i];
	}
	ck_assert_int_eq(path_table_init(&table, &targets), 0);
	for (uint32_t i = 0; i < N; i++) {
		struct found found = find(&table, texts_[i]);

		ck_assert_uint_eq(found.n, 1);
		ck_assert_uint_eq(found.paths[0], i);
	}
	ck_assert_uint_eq(find(&table, "/f20000").n, 0);
	ck_assert_uint_eq(path_table_find_tree(&table, "/f1"), UINT32_MAX);
	path_table_done(&table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("questions");
	TCase *tcase = fixture_case(suite, "questions");

	tcase_add_test(tcase, test_empty);
	tcase_add_test(tcase, test_several_messages);
	tcase_add_test(tcase, test_others);
	tcase_add_test(tcase, test_final_paths);
	tcase_add_test(tcase, test_paths_that_do_not_fit);
	tcase_add_test(tcase, test_numbers_that_do_not_fit);
	tcase_add_test(tcase, test_too_many_paths);
	tcase_add_test(tcase, test_find_paths);
	tcase_add_test(tcase, test_find_trees);
	tcase_add_test(tcase, test_many_paths);
	return fixture_run(suite);
}
