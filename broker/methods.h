/* SPDX-License-Identifier: MIT */
/*
 * One function a request. Each returns 0 after it has replied or deferred; a positive Win32
 * code, explained by call_explain(), or -errno: dispatch() then replies.
 */
#pragma once

#include "broker/call.h"

struct session;

/* For the methods: the session with this id, borrowed. 0, or 6, explained. */
int method_find_session(struct call *call, uint32_t id, struct session **ret_session);

/* 353 a limit (A8) · 160 no such owner · 5 not an owner to give it to · 183 the key exists. */
int method_start_session(struct call *call);
/* 1219 not a key · 353 too many joins · 160, 5 as above. */
int method_join_session(struct call *call);
/* 6 no such session · 1219 not the key, or not of the owner's family. */
int method_attach_session(struct call *call);
/* 6 no such session or join · 1219 the caller is not its primary / not the join's process. */
int method_end_session(struct call *call);

int method_list_sessions(struct call *call);
/* 6 no such session. */
int method_show_session(struct call *call);
/* 6 no such session. */
int method_close_session(struct call *call);
int method_watch_events(struct call *call);
int method_get_status(struct call *call);
