/* SPDX-License-Identifier: MIT */
/* Whether an unpacked message is valid: sizes, counts, texts (A74). For codec.c alone. */
#pragma once

#include <stdbool.h>

#include "proto/rm.pb-c.h"

bool codec_check_request(const Rm__Request *request);
bool codec_check_reply(const Rm__Reply *reply);

/* What a broker's worker sends alone. */
bool codec_check_application(const Rm__Application *application);
bool codec_check_inspection(const Rm__Inspection *inspection);
bool codec_check_kernel(const Rm__KernelState *kernel);
