/* SPDX-License-Identifier: MIT */
/* The demonstration's shared library, which is replaced while programs use it. */
#include "greeting.h"

const char *greeting(void)
{
	return "greeting, version " GREETING_VERSION;
}
