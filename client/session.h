/* SPDX-License-Identifier: MIT */
/* The native face's session, for the library's own files. */
#pragma once

#include <stdint.h>

#pragma GCC visibility push(default) /* what is declared there is exported */
#include "client/rstrtmgr.h"
#pragma GCC visibility pop
#include "client/transport.h"
#include "proto/base.h"
#include "proto/limits.h"

struct rm_session {
	uint64_t epoch; /* of the process that made it: a forked child's differs */
	uint32_t id;
	uint32_t join; /* 0: it is the primary's */
	char key[SESSION_KEY_DIGITS + 1];
	bool is_attached; /* acts by its key */
};

/* Whether it was made by this process and not by one that forked it: 0, 160 for NULL, or 6. */
int session_check(const struct rm_session *session) _warn_unused_;
/* What the broker is to hear: the key of an attached session, else nothing. Borrowed. */
ProtobufCBinaryData session_key_field(const struct rm_session *session);

/* Makes a call and turns everything that can go wrong into the Win32 code that the caller of
 * the face is owed. `ret_reply` is to be freed by transport_reply_done() in any case. */
int session_call(Rm__Request *request, struct transport_reply *ret_reply) _warn_unused_;
/* The same with transport_call_with(). */
int session_call_with(Rm__Request *request, const struct deadline *deadline,
		      struct transport_gather *gather, struct transport_reply *ret_reply)
	_warn_unused_;
