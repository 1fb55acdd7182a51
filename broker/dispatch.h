/* SPDX-License-Identifier: MIT */
/* From a request to its handler, and from what the handler returns to a reply. */
#pragma once

#include "broker/call.h"

/* Serves the request of `call`, whose state is CALL_IDLE: on return it has been replied to, or
 * it is deferred. The request is not needed afterwards. */
void dispatch(struct call *call, const Rm__Request *request);
