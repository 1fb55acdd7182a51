/* SPDX-License-Identifier: MIT */
/*
 * Finds the nearest known word to a mistyped one.
 * The distance is the restricted one of Damerau and Levenshtein ("optimal string alignment"),
 * on bytes, with three rows of the usual table; words are short, so they stand on the stack.
 */
#include "client/rmctl/suggest.h"

#include <stdint.h>
#include <string.h>

#define MAX_WORD 31
#define MAX_DISTANCE 2

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
	size_t table[3][MAX_WORD + 1];
	size_t n_a = strlen(a), n_b = strlen(b);

	if (n_a > MAX_WORD || n_b > MAX_WORD) {
		return SIZE_MAX;
	}
	for (size_t j = 0; j <= n_b; j++) {
		table[0][j] = j;
	}
	for (size_t i = 1; i <= n_a; i++) {
		const size_t *two_up = table[(i + 1) % 3], *up = table[(i + 2) % 3];
		size_t *row = table[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			row[j] = smaller(smaller(up[j], row[j - 1]) + 1,
					 up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
				row[j] = smaller(row[j], two_up[j - 2] + 1);
			}
		}
	}
	return table[n_a % 3][n_b];
}

const char *suggest_name(const char *word, const char *const *names, size_t n_names)
{
	size_t length = strlen(word), best = MAX_DISTANCE + 1;
	const char *found = NULL;

	for (size_t i = 0; i < n_names; i++) {
		size_t distance = suggest_distance(word, names[i]);

		if (length > 0 && strncmp(word, names[i], length) == 0) {
			return names[i];
		}
		if (distance < best && 2 * distance < length) {
			best = distance;
			found = names[i];
		}
	}
	return found;
}
