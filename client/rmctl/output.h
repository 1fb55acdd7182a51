/* SPDX-License-Identifier: MIT */
/* rmctl's stdout: whether it works, and whether it wants colours. */
#pragma once

#include <stdbool.h>

#include "client/rmctl/exit_code.h"
#include "client/rmctl/options.h"

/*
 * Fills the places of descriptors 0 to 2 that the caller left closed, so that the library's
 * socket cannot become stdout. What is written there fails, as it would have.
 */
void output_secure_descriptors(void);

/* Whether texts that are not ASCII can be shown. True after setlocale() in a UTF-8 locale. */
bool output_is_utf8(void);

/* --color, NO_COLOR (https://no-color.org) and the terminal, in this order. */
bool output_has_colors(const struct options *options);

/* Writes out what is buffered. Returns EXIT_DONE, or EXIT_ERROR after a message. */
enum exit_code output_flush(void);
