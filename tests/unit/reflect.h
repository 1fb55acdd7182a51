/* SPDX-License-Identifier: MIT */
/* Messages of the wire filled in by their descriptors, so that a field which is added later is
 * in every test of the codec. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/rm.pb-c.h"

/* What one field of the message is to get instead of its good value. */
enum reflect_fault {
	REFLECT_GOOD,	 /* the smallest good values */
	REFLECT_LARGEST, /* the largest good values */
	REFLECT_TEXT,	 /* a bad text */
	REFLECT_LENGTH,	 /* a byte field of fixed length with another one */
	REFLECT_PID,	 /* a pid that is none */
	REFLECT_REF,	 /* one that no caller may name */
	REFLECT_BYTES,	 /* a name of a file that cannot be one */
	REFLECT_ROOT,	 /* one that does not begin at the root, where it must */
	REFLECT_EMPTY,	 /* nothing where something must be */
};

/* A filter has exactly one target. */
#define REFLECT_TARGETS 3u

struct reflect {
	enum reflect_fault fault;
	unsigned int at;     /* which of the fields that can have this fault */
	unsigned int target; /* which of the REFLECT_TARGETS a filter has */
	const void *bad;     /* of faults in bytes */
	size_t bad_size;
	uint32_t bad_pid;
	unsigned int n_fields; /* afterwards: how many such fields there are */
	const char *field;     /* afterwards: the name of the one that got it */
	_Alignas(16) uint8_t memory[65536];
	size_t used;
};

/* The tags of a message's oneof, e.g. of all calls. Returns how many. */
unsigned int reflect_cases(const ProtobufCMessageDescriptor *descriptor, uint32_t *ret_tags,
			   unsigned int size);

/* Builds a request or reply whose oneof has the field `tag`. It lives in `reflect`. */
ProtobufCMessage *reflect_build(struct reflect *reflect,
				const ProtobufCMessageDescriptor *descriptor, uint32_t tag);
