/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share. Each is one function over bytes; what must hold is required. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* An assert() that NDEBUG leaves in. */
#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			(void)fprintf(stderr, "%s:%d: %s: does not hold: %s\n", __FILE__,          \
				      __LINE__, __func__, #condition);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The name is libFuzzer's. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
