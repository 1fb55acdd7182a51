/* SPDX-License-Identifier: MIT */
/*
 * Tells the broker which process this thread is reading. Reading some files of /proc waits for the
 * process's locks, which a process that hangs in a file system may keep for ever. Nothing is told
 * where there is no board.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"

/* The descriptor of the broker's memory. Once, before threads are started. 0 or -errno. */
int reading_board_open(int fd) _warn_unused_;

void reading_begin(pid_t pid, uint64_t start_time);
/* It goes on: what it does next is bounded again. */
void reading_step(void);
void reading_end(void);
