/* SPDX-License-Identifier: MIT */
/* Messages looked at field by field, by their descriptors. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "proto/frame.h"

/* Whether all known fields are equal, and as many unknown ones were kept. */
bool message_equal(const ProtobufCMessage *a, const ProtobufCMessage *b);

/* Whether it can be unpacked once it is packed: protobuf-c takes an unknown field's number 0 when
 * it is written in two bytes, and writes it in one, which it does not take. */
bool message_is_readable(const ProtobufCMessage *message);

/* Requires that the buffer holds exactly one frame, as large as the message says, and returns
 * its payload. */
const uint8_t *message_payload(const ProtobufCMessage *message, const struct frame_buffer *buffer,
			       size_t *ret_size);
