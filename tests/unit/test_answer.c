/* SPDX-License-Identifier: MIT */
/*
 * A listing's answer put together from parts, with every allocation failing once: the linker puts
 * wrappers in front of the allocator. What is wanted is -ENOMEM and, from the sanitizer, no leak;
 * and that paths which come often are kept once.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
#include "tests/unit/fixture.h"
#include "tests/unit/reflect.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *pointer, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *pointer, size_t n, size_t size);

static unsigned int countdown; /* the allocation that fails, from 1; 0: none */

static bool fails(void)
{
	return countdown && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *pointer, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(pointer, n, size);
}

static struct reflect reflect; /* too large for a stack */
static Rm__Application *many[MAX_PART_APPLICATIONS];

/* A part with as many entries as one may have, all alike. */
static Rm__Reply *make_part(void)
{
	Rm__Reply *reply;

	reflect.fault = REFLECT_LARGEST; /* so that an entry fills a chunk */
	reply = (Rm__Reply *)reflect_build(&reflect, &rm__reply__descriptor,
					   RM__REPLY__RESULT_APPLICATIONS);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = reply->applications->applications[0];
	}
	reply->applications->applications = many;
	reply->applications->n_applications = ARRAY_SIZE(many);
	reply->applications->n_needed = 2 * ARRAY_SIZE(many);
	return reply;
}

/* One part and the end. 0 or -errno. */
static int put_together(const Rm__Reply *part, struct answer **ret_answer)
{
	struct answer *answer = answer_new(UINT32_MAX);
	int r;

	if (!answer) {
		return -ENOMEM;
	}
	r = answer->gather.on_part(&answer->gather, part);
	if (r == 0) {
		r = answer_finish(answer, part->applications);
	}
	if (r < 0) {
		answer_free(answer);
	} else {
		*ret_answer = answer;
	}
	return r;
}

START_TEST(test_no_memory)
{
	const Rm__Reply *part = make_part();
	struct answer *answer = NULL;
	unsigned int n = 0;
	int r;

	do {
		countdown = ++n;
		r = put_together(part, &answer);
		if (r != -ENOMEM && r != 0) {
			ck_abort_msg("allocation %u: %d", n, r);
		}
	} while (r < 0);
	countdown = 0;
	ck_assert_uint_gt(n, 6);
	ck_assert_uint_eq(answer->list.n_applications, 2 * ARRAY_SIZE(many));
	answer_free(answer);
	answer_free(NULL);
}
END_TEST

START_TEST(test_shared_texts)
{
	struct answer *answer = NULL;
	const struct rm_application *applications;

	ck_assert_int_eq(put_together(make_part(), &answer), 0);
	applications = answer->list.applications;
	for (size_t i = 1; i < answer->list.n_applications; i++) {
		ck_assert_ptr_eq(applications[i].executable, applications[0].executable);
		ck_assert_ptr_eq(applications[i].processes[0].uses[0].path,
				 applications[0].processes[0].uses[0].path);
	}
	answer_free(answer);
}
END_TEST

/* What was kept is void when all comes anew; the answer is as good as a new one. */
START_TEST(test_again)
{
	struct answer *answer = answer_new(200);
	const Rm__Reply *part = make_part();

	ck_assert_ptr_nonnull(answer);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(answer->gather.on_part(&answer->gather, part), 0);
		ck_assert_uint_eq(answer->list.n_applications, ARRAY_SIZE(many));
		answer->gather.on_again(&answer->gather);
		ck_assert_uint_eq(answer->list.n_applications, 0);
		ck_assert_uint_eq(answer->arena.total, 0);
	}
	ck_assert_int_eq(answer->gather.on_part(&answer->gather, part), 0);
	ck_assert_int_eq(answer_finish(answer, part->applications), 0);
	ck_assert_str_eq(answer->list.applications[0].executable,
			 answer->list.applications[127].executable);
	answer_free(answer);
}
END_TEST

/* More than were asked for are not taken, however they come. */
START_TEST(test_too_many)
{
	struct answer *answer = answer_new(100);
	const Rm__Reply *part = make_part();

	ck_assert_ptr_nonnull(answer);
	ck_assert_int_eq(answer->gather.on_part(&answer->gather, part), 0);
	ck_assert_int_eq(answer->gather.on_part(&answer->gather, part), -EPROTO);
	ck_assert_uint_eq(answer->list.n_applications, 64);
	answer_free(answer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("answer");
	TCase *tcase = fixture_case(suite, "answer");

	tcase_add_test(tcase, test_no_memory);
	tcase_add_test(tcase, test_shared_texts);
	tcase_add_test(tcase, test_again);
	tcase_add_test(tcase, test_too_many);
	return fixture_run(suite);
}
