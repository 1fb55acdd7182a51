/* SPDX-License-Identifier: MIT */
/* Two messages compared field by field, by their descriptors. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "proto/frame.h"

/* Whether all known fields are equal, and as many unknown ones were kept. */
bool message_equal(const ProtobufCMessage *a, const ProtobufCMessage *b);

/* Requires that the buffer holds exactly one frame, as large as the message says, and returns
 * its payload. */
const uint8_t *message_payload(const ProtobufCMessage *message, const struct frame_buffer *buffer,
			       size_t *ret_size);
