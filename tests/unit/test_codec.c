/* SPDX-License-Identifier: MIT */
/*
 * The codec, by reflection: every request and reply there is makes the round trip, and every byte
 * field of every message is given every bad value. So a field that is added without a check in
 * codec.c fails here.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"
#include "tests/unit/fixture.h"
#include "tests/unit/reflect.h"

#define MAX_CASES 32u

/* Requests and replies alike. */
static const struct side {
	const char *name;
	const ProtobufCMessageDescriptor *descriptor;
} sides[] = {
	{"request", &rm__request__descriptor},
	{"reply", &rm__reply__descriptor},
};

static struct reflect reflect; /* too large for a stack */

static bool is_request(const struct side *side)
{
	return side->descriptor == &rm__request__descriptor;
}

/* Packs into a frame; its payload goes to `ret_payload`, which lives in `buffer`. */
static size_t pack(const struct side *side, const ProtobufCMessage *message,
		   struct frame_buffer *buffer, const uint8_t **ret_payload)
{
	size_t size;

	buffer->size = 0;
	ck_assert_int_eq(is_request(side) ? codec_pack_request((const Rm__Request *)message, buffer)
					  : codec_pack_reply((const Rm__Reply *)message, buffer),
			 0);
	ck_assert_int_eq(frame_next(buffer->data, buffer->size, ret_payload, &size), 1);
	ck_assert_uint_eq(buffer->size, FRAME_HEADER_BYTES + size);
	ck_assert_uint_le(buffer->size, buffer->capacity);
	return size;
}

/* Unpacks a copy of exactly this size and, when it is good, packs it again. */
static int unpack(const struct side *side, const uint8_t *payload, size_t size,
		  struct frame_buffer *again)
{
	uint8_t *copy = malloc(size + !size);
	struct codec_arena arena;
	Rm__Request *request = NULL;
	Rm__Reply *reply = NULL;
	int r;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, payload, size);
	r = is_request(side) ? codec_unpack_request(&arena, copy, size, &request)
			     : codec_unpack_reply(&arena, copy, size, &reply);
	free(copy);
	if (r == 0 && again) {
		const uint8_t *ignored;

		(void)pack(side, request ? &request->base : &reply->base, again, &ignored);
	}
	codec_free_request(&arena, request);
	codec_free_reply(&arena, reply);
	return r;
}

static unsigned int cases_of(const struct side *side, uint32_t ret_tags[MAX_CASES])
{
	unsigned int n = reflect_cases(side->descriptor, ret_tags, MAX_CASES - 1);

	ret_tags[n] = 0; /* none of them */
	return n + 1;
}

START_TEST(test_round_trip)
{
	const struct side *side = &sides[_i % 2];
	struct frame_buffer once = {0};
	struct frame_buffer again = {0};
	uint32_t tags[MAX_CASES];
	unsigned int n = cases_of(side, tags);

	ck_assert_uint_ge(n, 6);
	reflect.fault = _i % 4 < 2 ? REFLECT_GOOD : REFLECT_LARGEST;
	reflect.target = (unsigned int)_i / 4;
	for (unsigned int i = 0; i < n; i++) {
		const ProtobufCMessage *message =
			reflect_build(&reflect, side->descriptor, tags[i]);
		size_t packed_size = protobuf_c_message_get_packed_size(message);
		const uint8_t *payload;
		size_t size;

		/* A byte too small: the codec's bound of a message that is packed without being
		 * measured has to see that, or the byte is written behind the end. */
		frame_buffer_done(&once);
		once.capacity = FRAME_HEADER_BYTES + packed_size - 1;
		once.data = malloc(once.capacity);
		ck_assert_ptr_nonnull(once.data);
		size = pack(side, message, &once, &payload);
		ck_assert_uint_eq(size, packed_size);
		ck_assert_int_eq(unpack(side, payload, size, &again), 0);
		ck_assert_uint_eq(again.size, once.size);
		ck_assert_mem_eq(again.data, once.data, once.size);
	}
	frame_buffer_done(&once);
	frame_buffer_done(&again);
}
END_TEST

/* ---- every byte field, every bad value ---- */

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static char too_long[MAX_DETAIL_BYTES + 1];

static const struct {
	const char *bytes;
	size_t size;
} bad_texts[] = {
	{"a\0b", 3},	     {"\0", 1},		  {"ab\0", 3},
	{"\x80", 1},	     {"ab\xC3", 3},	  {"\xC0\xAF", 2},
	{"\xE0\x80\xAF", 3}, {"\xED\xA0\x80", 3}, {"\xF4\x90\x80\x80", 4},
	{"\xFF\xFE", 2},     {"a\nb", 3},	  {"a\tb", 3},
	{"\x1B[2J", 4},	     {"\x7F", 1},	  {"\xC2\x9B", 2},
	{"\xE2\x80\xAE", 3}, {"\xE2\x81\xA6", 3}, {too_long, sizeof(too_long)},
};

/* Gives each field the fault and wants -EINVAL. Returns how many fields there were. */
static unsigned int refuse_all(const struct side *side, uint32_t tag)
{
	struct frame_buffer buffer = {0};
	unsigned int n;

	(void)reflect_build(&reflect, side->descriptor, tag);
	n = reflect.n_fields;
	for (reflect.at = 0; reflect.at < n; reflect.at++) {
		const ProtobufCMessage *message = reflect_build(&reflect, side->descriptor, tag);
		const uint8_t *payload;
		size_t size = pack(side, message, &buffer, &payload);
		int r = unpack(side, payload, size, NULL);

		if (r != -EINVAL) {
			ck_abort_msg("%s %u, field %s: %d instead of -EINVAL", side->name, tag,
				     reflect.field, r);
		}
	}
	frame_buffer_done(&buffer);
	return n;
}

/* How many fields there are with one of the targets. */
static unsigned int refuse_with_target(unsigned int target)
{
	unsigned int n = 0;

	reflect.target = target;
	for (unsigned int s = 0; s < ARRAY_SIZE(sides); s++) {
		uint32_t tags[MAX_CASES];
		unsigned int n_tags = cases_of(&sides[s], tags);

		for (unsigned int i = 0; i < n_tags; i++) {
			n += refuse_all(&sides[s], tags[i]);
		}
	}
	return n;
}

static unsigned int refuse_everywhere(void)
{
	unsigned int n = refuse_with_target(0);

	for (unsigned int target = 1; target < REFLECT_TARGETS; target++) {
		unsigned int m = refuse_with_target(target);

		n = n < m ? m : n;
	}
	return n;
}

START_TEST(test_bad_text)
{
	memset(too_long, 'a', sizeof(too_long));
	reflect.fault = REFLECT_TEXT;
	reflect.bad = bad_texts[_i].bytes;
	reflect.bad_size = bad_texts[_i].size;
	ck_assert_uint_ge(refuse_everywhere(), 20);
}
END_TEST

/* Request ids and the key of a new session; the longest is longer than its bound in packing. */
START_TEST(test_bad_length)
{
	static const size_t sizes[] = {0, 1, 15, 17, 31, 33, 200, 1000};

	reflect.fault = REFLECT_LENGTH;
	reflect.bad =
		HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED;
	reflect.bad_size = sizes[_i];
	ck_assert_uint_ge(refuse_everywhere(), 5);
}
END_TEST

START_TEST(test_bad_pid)
{
	static const uint32_t pids[] = {0, UINT32_C(0x80000000), UINT32_MAX};

	reflect.fault = REFLECT_PID;
	reflect.bad_pid = pids[_i];
	ck_assert_uint_ge(refuse_everywhere(), 4);
}
END_TEST

START_TEST(test_bad_ref)
{
	reflect.fault = REFLECT_REF;
	reflect.bad_pid = _i ? UINT32_MAX : 0;
	ck_assert_uint_ge(refuse_everywhere(), 4); /* one resource, three filters */
}
END_TEST

/* Names of files may be any bytes but these. */
START_TEST(test_bad_file)
{
	static const size_t sizes[] = {1, 3, 4, 5, MAX_PATH_BYTES};
	static const char *const files[] = {"\0", "/a\0", "/a\0b", "/abc\0"};

	memset(too_long, '/', sizeof(too_long));
	reflect.fault = REFLECT_BYTES;
	reflect.bad = _i < 4 ? files[_i] : too_long;
	reflect.bad_size = sizes[_i];
	ck_assert_uint_ge(refuse_everywhere(), 12);
}
END_TEST

START_TEST(test_relative_path)
{
	static const char *const paths[] = {"a", "./a", "C:\\a"};

	reflect.fault = REFLECT_ROOT;
	reflect.bad = paths[_i];
	reflect.bad_size = strlen(paths[_i]);
	ck_assert_uint_ge(refuse_everywhere(), 5);
}
END_TEST

START_TEST(test_empty)
{
	reflect.fault = REFLECT_EMPTY;
	ck_assert_uint_ge(refuse_everywhere(), 7);
}
END_TEST

/* ---- lone messages ---- */

/* A worker's application, whole, cut and with one bad field. */
START_TEST(test_lone_application)
{
	struct frame_buffer buffer = {0};
	struct codec_arena arena;
	Rm__Application *application = NULL;
	unsigned int n;

	reflect.fault = REFLECT_LARGEST;
	ck_assert_int_eq(codec_pack_application((const Rm__Application *)reflect_build(
							&reflect, &rm__application__descriptor, 0),
						&buffer),
			 0);
	ck_assert_int_eq(codec_unpack_application(&arena, buffer.data, buffer.size, &application),
			 0);
	ck_assert_uint_eq(application->n_processes, 1);
	ck_assert_uint_eq(application->processes[0]->uses[0]->path.len, MAX_PATH_BYTES - 1);
	codec_free_lone(&arena, application);
	ck_assert_int_eq(
		codec_unpack_application(&arena, buffer.data, buffer.size - 1, &application),
		-EBADMSG);
	codec_free_lone(&arena, application);

	reflect.fault = REFLECT_TEXT;
	reflect.bad = "\x1B[2J";
	reflect.bad_size = 4;
	(void)reflect_build(&reflect, &rm__application__descriptor, 0);
	n = reflect.n_fields;
	ck_assert_uint_ge(n, 8);
	for (reflect.at = 0; reflect.at < n; reflect.at++) {
		buffer.size = 0;
		ck_assert_int_eq(
			codec_pack_application((const Rm__Application *)reflect_build(
						       &reflect, &rm__application__descriptor, 0),
					       &buffer),
			0);
		ck_assert_int_eq(
			codec_unpack_application(&arena, buffer.data, buffer.size, &application),
			-EINVAL);
		codec_free_lone(&arena, application);
	}
	frame_buffer_done(&buffer);
}
END_TEST

START_TEST(test_lone_totals)
{
	struct frame_buffer buffer = {0};
	struct codec_arena arena;
	Rm__Inspection *inspection = NULL;
	Rm__KernelState *kernel = NULL;
	Rm__Inspection *from;
	Rm__KernelState state = RM__KERNEL_STATE__INIT;

	reflect.fault = _i ? REFLECT_BYTES : REFLECT_GOOD;
	reflect.bad = "\0";
	reflect.bad_size = 1;
	from = (Rm__Inspection *)reflect_build(&reflect, &rm__inspection__descriptor, 0);
	ck_assert_int_eq(codec_pack_inspection(from, &buffer), 0);
	ck_assert_int_eq(codec_unpack_inspection(&arena, buffer.data, buffer.size, &inspection),
			 _i ? -EINVAL : 0);
	ck_assert_uint_eq(inspection->n_unchecked, 1);
	codec_free_lone(&arena, inspection);
	buffer.size = 0;
	state.running = codec_text(_i ? "6.1\n" : "6.1.0-rc1");
	ck_assert_int_eq(codec_pack_kernel(&state, &buffer), 0);
	ck_assert_int_eq(codec_unpack_kernel(&arena, buffer.data, buffer.size, &kernel),
			 _i ? -EINVAL : 0);
	codec_free_lone(&arena, kernel);
	frame_buffer_done(&buffer);
}
END_TEST

/* It must fit into the envelopes around it. */
START_TEST(test_lone_too_large)
{
	Rm__Application application = RM__APPLICATION__INIT;
	struct frame_buffer buffer = {0};
	char *large = calloc(1, MAX_LONE_BYTES);

	ck_assert_ptr_nonnull(large);
	application.name = codec_bytes(large, MAX_LONE_BYTES);
	ck_assert_int_eq(codec_pack_application(&application, &buffer), -EMSGSIZE);
	ck_assert_uint_eq(buffer.size, 0);
	application.name.len -= 64;
	ck_assert_int_eq(codec_pack_application(&application, &buffer), 0);
	frame_buffer_done(&buffer);
	free(large);
}
END_TEST

/* ---- envelopes ---- */

START_TEST(test_version)
{
	static const uint32_t versions[] = {0, 2, 3, UINT32_MAX};
	struct frame_buffer buffer = {0};
	struct codec_arena arena;
	const uint8_t *payload;
	size_t size;
	Rm__Request request = RM__REQUEST__INIT;
	Rm__Request *unpacked = NULL;
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__Reply *unpacked_reply = NULL;

	request.version = versions[_i];
	request.id = 4711;
	size = pack(&sides[0], &request.base, &buffer, &payload);
	ck_assert_int_eq(codec_unpack_request(&arena, payload, size, &unpacked), -EPROTONOSUPPORT);
	/* There, so that it can be answered. */
	ck_assert_ptr_nonnull(unpacked);
	ck_assert_uint_eq(unpacked->id, 4711);
	codec_free_request(&arena, unpacked);

	reply.version = versions[_i];
	reply.id = 4711;
	size = pack(&sides[1], &reply.base, &buffer, &payload);
	ck_assert_int_eq(codec_unpack_reply(&arena, payload, size, &unpacked_reply),
			 -EPROTONOSUPPORT);
	ck_assert_ptr_nonnull(unpacked_reply);
	codec_free_reply(&arena, unpacked_reply);
	frame_buffer_done(&buffer);
}
END_TEST

START_TEST(test_request_without_id)
{
	static const uint8_t payload[] = {0x08, 1, 0xC2, 1, 0};

	ck_assert_int_eq(unpack(&sides[0], payload, sizeof(payload), NULL), -EINVAL);
}
END_TEST

/* A request of a later protocol's minor change: no error of the codec, dispatch() answers. */
START_TEST(test_unknown_call)
{
	static const uint8_t payload[] = {0x08, 1, 0x10, 5, 0xA2, 6, 2, 'h', 'i'}; /* field 100 */
	struct codec_arena arena;
	Rm__Request *request = NULL;

	ck_assert_int_eq(codec_unpack_request(&arena, payload, sizeof(payload), &request), 0);
	ck_assert_int_eq(request->call_case, RM__REQUEST__CALL__NOT_SET);
	ck_assert_uint_eq(request->id, 5);
	codec_free_request(&arena, request);
}
END_TEST

/* Two calls in one request: the last one counts, the first is freed. */
START_TEST(test_two_calls)
{
	static const uint8_t payload[] = {0x08, 1,  0x10, 5,  0x82, 1,	  18, 0x0A, 16, 0,
					  1,	2,  3,	  4,  5,    6,	  7,  8,    9,	10,
					  11,	12, 13,	  14, 15,   0xC2, 1,  0};
	struct codec_arena arena;
	Rm__Request *request = NULL;

	ck_assert_int_eq(codec_unpack_request(&arena, payload, sizeof(payload), &request), 0);
	ck_assert_int_eq(request->call_case, RM__REQUEST__CALL_GET_STATUS);
	codec_free_request(&arena, request);
}
END_TEST

/* The same sub-message twice is merged by protobuf's rule; it must be checked after that. */
START_TEST(test_merged_call)
{
	static const uint8_t payload[] = {0x08, 1,    0x10, 5, 0x9A, 1, 2,    0x10,
					  7,	0x9A, 1,    4, 0x22, 2, 0x0A, 'x'};

	ck_assert_int_eq(unpack(&sides[0], payload, sizeof(payload), NULL), -EINVAL);
}
END_TEST

START_TEST(test_no_protobuf)
{
	static const struct {
		const char *bytes;
		size_t size;
	} garbage[] = {
		{"\xFF\xFF\xFF\xFF", 4},
		{"\x08", 1},
		{"\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12},
		{"\x08\x01\x10\x05\x82\x01\xFF\xFF\xFF\xFF\x0F", 11},
		{"\x08\x01\x10\x05\x82\x01\x05hi", 9},
		{"\x00\x00", 2},
		{"\x0F\x0F", 2},
		{"GET / HTTP/1.1\r\n\r\n", 18},
	};

	ck_assert_int_lt(
		unpack(&sides[0], (const uint8_t *)garbage[_i].bytes, garbage[_i].size, NULL), 0);
	ck_assert_int_lt(
		unpack(&sides[1], (const uint8_t *)garbage[_i].bytes, garbage[_i].size, NULL), 0);
}
END_TEST

/* An empty payload is a message without a version. */
START_TEST(test_nothing)
{
	ck_assert_int_eq(unpack(&sides[_i], (const uint8_t *)"", 0, NULL), -EPROTONOSUPPORT);
}
END_TEST

/* ---- memory ---- */

/* A frame full of empty list entries, each of which takes far more memory than bytes. */
START_TEST(test_bomb)
{
	static uint8_t payload[MAX_FRAME_BYTES];
	size_t size = 0;
	size_t inner = sizeof(payload) - 16;

	memcpy(payload, "\x08\x01\x92\x01", 4); /* version 1, sessions */
	size = 4;
	for (size_t rest = inner; rest; rest >>= 7) {
		payload[size++] = (uint8_t)((rest & 0x7F) | (rest >> 7 ? 0x80 : 0));
	}
	for (size_t i = 0; i < inner; i += 2) {
		payload[size + i] = 0x0A;
		payload[size + i + 1] = 0;
	}
	ck_assert_int_eq(unpack(&sides[1], payload, size + inner, NULL), -ENOMEM);
}
END_TEST

START_TEST(test_too_large_to_pack)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__AttachSession attach = RM__ATTACH_SESSION__INIT;
	Rm__JoinSession join = RM__JOIN_SESSION__INIT;
	struct frame_buffer buffer = {0};
	uint8_t *large = calloc(1, MAX_FRAME_BYTES + 1);

	ck_assert_ptr_nonnull(large);
	ck_assert_int_eq(frame_buffer_append(&buffer, "before", 6), 0);
	attach.key = codec_bytes(large, MAX_FRAME_BYTES);
	request.call_case = RM__REQUEST__CALL_ATTACH_SESSION;
	request.attach_session = &attach;
	ck_assert_int_eq(codec_pack_request(&request, &buffer), -EMSGSIZE);
	join.key = codec_bytes(large, MAX_FRAME_BYTES);
	request.call_case = RM__REQUEST__CALL_JOIN_SESSION;
	request.join_session = &join;
	ck_assert_int_eq(codec_pack_request(&request, &buffer), -EMSGSIZE);
	ck_assert_uint_eq(buffer.size, 6);
	ck_assert_mem_eq(buffer.data, "before", 6);
	frame_buffer_done(&buffer);
	free(large);
}
END_TEST

/* ---- bounds of lists ---- */

START_TEST(test_list_bounds)
{
	static Rm__SessionInfo *infos[MAX_SESSIONS_ALL + 1];
	static Rm__JoinInfo *joins[MAX_JOINS + 1];
	Rm__Reply *reply;
	struct frame_buffer buffer = {0};
	const uint8_t *payload;
	size_t size;

	reflect.fault = REFLECT_GOOD;
	reply = (Rm__Reply *)reflect_build(&reflect, &rm__reply__descriptor,
					   RM__REPLY__RESULT_SESSIONS);
	for (unsigned int i = 0; i < ARRAY_SIZE(infos); i++) {
		infos[i] = reply->sessions->sessions[0];
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(joins); i++) {
		joins[i] = infos[0]->joins[0];
	}
	reply->sessions->sessions = infos;
	for (unsigned int more = 0; more < 2; more++) {
		reply->sessions->n_sessions = MAX_SESSIONS_ALL + more;
		size = pack(&sides[1], &reply->base, &buffer, &payload);
		ck_assert_int_eq(unpack(&sides[1], payload, size, NULL), more ? -EINVAL : 0);
	}
	reply->sessions->n_sessions = 1;
	infos[0]->joins = joins;
	for (unsigned int more = 0; more < 2; more++) {
		infos[0]->n_joins = infos[0]->joined = MAX_JOINS + more;
		size = pack(&sides[1], &reply->base, &buffer, &payload);
		ck_assert_int_eq(unpack(&sides[1], payload, size, NULL), more ? -EINVAL : 0);
	}
	infos[0]->n_joins = 2;
	infos[0]->joined = 3;
	size = pack(&sides[1], &reply->base, &buffer, &payload);
	ck_assert_int_eq(unpack(&sides[1], payload, size, NULL), -EINVAL);
	infos[0]->owner = NULL;
	infos[0]->joined = 2;
	size = pack(&sides[1], &reply->base, &buffer, &payload);
	ck_assert_int_eq(unpack(&sides[1], payload, size, NULL), -EINVAL);
	frame_buffer_done(&buffer);
}
END_TEST

/* Whether the message unpacks, or what is wrong. */
static int pass(const struct side *side, const ProtobufCMessage *message)
{
	struct frame_buffer buffer = {0};
	const uint8_t *payload;
	size_t size = pack(side, message, &buffer, &payload);
	int r = unpack(side, payload, size, NULL);

	frame_buffer_done(&buffer);
	return r;
}

/* A part of a registration: in entries of all kinds together, in bytes. */
START_TEST(test_part_bounds)
{
	static ProtobufCBinaryData paths[MAX_PART_ENTRIES];
	Rm__Request *request;
	Rm__Register *part;
	size_t n = _i ? MAX_PART_BYTES / (MAX_PATH_BYTES - 1) : MAX_PART_ENTRIES - 3;

	reflect.fault = _i ? REFLECT_LARGEST : REFLECT_GOOD;
	request = (Rm__Request *)reflect_build(&reflect, &rm__request__descriptor,
					       RM__REQUEST__CALL_REGISTER_RESOURCES);
	part = request->register_resources;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		paths[i] = part->files[0];
	}
	if (_i) {
		part->n_trees = 0;
		part->n_services = 0;
	}
	part->files = paths;
	part->n_files = n;
	ck_assert_int_eq(pass(&sides[0], &request->base), 0);
	part->n_files = n + 1;
	ck_assert_int_eq(pass(&sides[0], &request->base), -EINVAL);
}
END_TEST

static void listing_bound(Rm__Reply *reply, size_t *n, uint32_t *total, size_t max)
{
	*total = UINT32_MAX;
	*n = max;
	ck_assert_int_eq(pass(&sides[1], &reply->base), 0);
	*n = max + 1;
	ck_assert_int_eq(pass(&sides[1], &reply->base), -EINVAL);
	*n = 2;
	*total = 2;
	ck_assert_int_eq(pass(&sides[1], &reply->base), 0);
	*total = 1; /* fewer than there are */
	ck_assert_int_eq(pass(&sides[1], &reply->base), -EINVAL);
	*n = 1;
}

#define REPEAT(field, array)                                                                       \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(array); i_++) {                                \
			(array)[i_] = (field)[0];                                                  \
		}                                                                                  \
		(field) = (array);                                                                 \
	} while (0)

START_TEST(test_listing_bounds)
{
	static Rm__Application *applications[MAX_PART_APPLICATIONS + 1];
	static Rm__ApplicationProcess *processes[MAX_LISTED_PROCESSES + 1];
	static Rm__Use *uses[MAX_LISTED_USES + 1];
	static Rm__Unchecked *rows[MAX_LISTED_UNCHECKED + 1];
	Rm__Reply *reply;
	Rm__ApplicationList *list;

	reflect.fault = REFLECT_GOOD;
	reply = (Rm__Reply *)reflect_build(&reflect, &rm__reply__descriptor,
					   RM__REPLY__RESULT_APPLICATIONS);
	list = reply->applications;
	REPEAT(list->applications[0]->processes[0]->uses, uses);
	listing_bound(reply, &list->applications[0]->processes[0]->n_uses,
		      &list->applications[0]->processes[0]->total_uses, MAX_LISTED_USES);
	REPEAT(list->applications[0]->processes, processes);
	listing_bound(reply, &list->applications[0]->n_processes,
		      &list->applications[0]->total_processes, MAX_LISTED_PROCESSES);
	REPEAT(list->applications, applications);
	list->n_applications = MAX_PART_APPLICATIONS;
	ck_assert_int_eq(pass(&sides[1], &reply->base), 0);
	list->n_applications++;
	ck_assert_int_eq(pass(&sides[1], &reply->base), -EINVAL);
	list->n_applications = 1;
	REPEAT(list->inspection->unseen, rows);
	list->inspection->n_unseen = MAX_LISTED_UNCHECKED;
	ck_assert_int_eq(pass(&sides[1], &reply->base), 0);
	list->inspection->n_unseen++;
	ck_assert_int_eq(pass(&sides[1], &reply->base), -EINVAL);
	list->inspection = NULL; /* as in a notification */
	list->kernel = NULL;
	ck_assert_int_eq(pass(&sides[1], &reply->base), 0);
}
END_TEST

/* Loop: what makes no filter. */
START_TEST(test_filter_rules)
{
	Rm__Request *request;
	Rm__Filter *filter;

	reflect.fault = REFLECT_GOOD;
	reflect.target = 1;
	request = (Rm__Request *)reflect_build(&reflect, &rm__request__descriptor,
					       RM__REQUEST__CALL_ADD_FILTER);
	filter = request->add_filter->filter;
	ck_assert_int_eq(pass(&sides[0], &request->base), 0);
	switch (_i) {
	case 0:
		filter->action = 0;
		break;
	case 1:
		filter->action = 3;
		break;
	case 2: /* two targets */
		filter->target->service = codec_text("a.service");
		break;
	case 3: /* none */
		filter->target->process = NULL;
		break;
	case 4:
		filter->target = NULL;
		break;
	default:
		request->add_filter->filter = NULL;
		break;
	}
	ck_assert_int_eq(pass(&sides[0], &request->base), -EINVAL);
}
END_TEST

START_TEST(test_percent)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__Progress progress = RM__PROGRESS__INIT;
	struct frame_buffer buffer = {0};
	const uint8_t *payload;
	size_t size;

	reply.version = PROTOCOL_VERSION;
	reply.result_case = RM__REPLY__RESULT_PROGRESS;
	reply.progress = &progress;
	progress.percent = (uint32_t)_i;
	size = pack(&sides[1], &reply.base, &buffer, &payload);
	ck_assert_int_eq(unpack(&sides[1], payload, size, NULL), _i > 100 ? -EINVAL : 0);
	frame_buffer_done(&buffer);
}
END_TEST

/* ---- hostile bytes ---- */

/* Calls `change` on every message of both sides. */
static void for_each_message(void (*visit)(const struct side *side, const uint8_t *payload,
					   size_t size))
{
	struct frame_buffer buffer = {0};

	reflect.fault = REFLECT_GOOD;
	for (unsigned int s = 0; s < ARRAY_SIZE(sides); s++) {
		uint32_t tags[MAX_CASES];
		unsigned int n = cases_of(&sides[s], tags);

		for (unsigned int i = 0; i < n; i++) {
			const uint8_t *payload;
			size_t size = pack(&sides[s],
					   reflect_build(&reflect, sides[s].descriptor, tags[i]),
					   &buffer, &payload);

			visit(&sides[s], payload, size);
		}
	}
	frame_buffer_done(&buffer);
}

static void truncate_everywhere(const struct side *side, const uint8_t *payload, size_t size)
{
	for (size_t cut = 0; cut < size; cut++) {
		int r = unpack(side, payload, cut, NULL);

		if (r != 0 && r != -EBADMSG && r != -EINVAL && r != -EPROTONOSUPPORT) {
			ck_abort_msg("%s cut to %zu bytes: %d", side->name, cut, r);
		}
	}
}

START_TEST(test_truncated)
{
	for_each_message(truncate_everywhere);
}
END_TEST

/* What is let through can be packed again, and that is let through with the same bytes. */
static void mutate(const struct side *side, const uint8_t *payload, size_t size)
{
	struct random random = {.state = size};
	struct frame_buffer once = {0};
	struct frame_buffer twice = {0};
	uint8_t *changed = malloc(size + 64);

	ck_assert_ptr_nonnull(changed);
	for (unsigned int i = 0; i < 500; i++) {
		size_t n = size;

		memcpy(changed, payload, size);
		for (uint32_t k = 1 + random_below(&random, 4); k > 0; k--) {
			changed[random_below(&random, (uint32_t)n)] = (uint8_t)random_next(&random);
		}
		if (random_below(&random, 4) == 0) {
			n = random_below(&random, 64);
			random_fill(&random, changed + size, n);
			n += size;
		}
		if (unpack(side, changed, n, &once) == 0) {
			int r = unpack(side, once.data + FRAME_HEADER_BYTES,
				       once.size - FRAME_HEADER_BYTES, &twice);

			if (r != 0 || once.size != twice.size ||
			    memcmp(once.data, twice.data, once.size) != 0) {
				ck_abort_msg("%s, mutation %u: not the same again", side->name, i);
			}
		}
	}
	free(changed);
	frame_buffer_done(&once);
	frame_buffer_done(&twice);
}

START_TEST(test_mutated)
{
	for_each_message(mutate);
}
END_TEST

/* ---- texts ---- */

START_TEST(test_copy_text)
{
	static const struct {
		const char *text;
		size_t size;
		const char *copy;
	} rows[] = {
		{"", 8, ""},
		{"abc", 8, "abc"},
		{"abcdefgh", 8, "abcdefg"},
		{"\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4", 8, "\xC3\xA4\xC3\xA4\xC3\xA4"},
		{"abc", 1, ""},
	};
	ProtobufCBinaryData field = codec_text(rows[_i].text);
	char copy[8];

	codec_copy_text(&field, copy, rows[_i].size);
	ck_assert_str_eq(copy, rows[_i].copy);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("codec");
	TCase *tcase = fixture_case(suite, "fields");

	tcase_add_loop_test(tcase, test_round_trip, 0, 4 * REFLECT_TARGETS);
	tcase_add_loop_test(tcase, test_bad_text, 0, ARRAY_SIZE(bad_texts));
	tcase_add_loop_test(tcase, test_bad_length, 0, 8);
	tcase_add_loop_test(tcase, test_bad_pid, 0, 3);
	tcase_add_loop_test(tcase, test_bad_ref, 0, 2);
	tcase_add_loop_test(tcase, test_bad_file, 0, 5);
	tcase_add_loop_test(tcase, test_relative_path, 0, 3);
	tcase_add_test(tcase, test_empty);
	tcase_add_test(tcase, test_lone_application);
	tcase_add_loop_test(tcase, test_lone_totals, 0, 2);
	tcase_add_test(tcase, test_lone_too_large);
	tcase_add_test(tcase, test_list_bounds);
	tcase_add_loop_test(tcase, test_part_bounds, 0, 2);
	tcase_add_test(tcase, test_listing_bounds);
	tcase_add_loop_test(tcase, test_filter_rules, 0, 6);
	tcase_add_loop_test(tcase, test_percent, 99, 103);
	tcase_add_loop_test(tcase, test_copy_text, 0, 5);

	tcase = fixture_case(suite, "envelopes");
	tcase_add_loop_test(tcase, test_version, 0, 4);
	tcase_add_test(tcase, test_request_without_id);
	tcase_add_test(tcase, test_unknown_call);
	tcase_add_test(tcase, test_two_calls);
	tcase_add_test(tcase, test_merged_call);
	tcase_add_loop_test(tcase, test_no_protobuf, 0, 8);
	tcase_add_loop_test(tcase, test_nothing, 0, 2);

	tcase = fixture_case(suite, "hostile");
	tcase_add_test(tcase, test_bomb);
	tcase_add_test(tcase, test_too_large_to_pack);
	tcase_add_test(tcase, test_truncated);
	tcase_add_test(tcase, test_mutated);
	return fixture_run(suite);
}
