/* SPDX-License-Identifier: MIT */
/* The word that somebody probably meant. Pure. */
#pragma once

#include <stddef.h>

/*
 * The one of `names` that `word` begins, or that is at most two changed, missing, added or
 * swapped letters away from it (and less than half of the word). NULL when there is none.
 */
const char *suggest_name(const char *word, const char *const *names, size_t n_names);

/* How many letters must be changed, added, removed or swapped with their neighbour to make one
 * word of the other. A word that is too long to be a slip of the pen is SIZE_MAX away. */
size_t suggest_distance(const char *a, const char *b);
