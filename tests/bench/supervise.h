/* SPDX-License-Identifier: MIT */
/*
 * How a benchmark runs: the first process only supervises. It makes the run directory, forks the
 * one that measures, and removes the directory when that one and all it started are gone, also
 * after ctrl-C.
 */
#pragma once

/* Returns what main() is to return. */
int supervise(void (*measure)(const void *options), const void *options);
