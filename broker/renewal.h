/* SPDX-License-Identifier: MIT */
/* A broker whose own files were replaced runs the new version in its place (A23). */
#pragma once

#include <stddef.h>

#include "proto/base.h"

/*
 * The program to run: what has this program's name now, if it can be run and nobody else could
 * have put it there, else this very one again. 0 or -errno.
 */
int renewal_find_program(char *ret_path, size_t size) _warn_unused_;
