/* SPDX-License-Identifier: MIT */
/* The keys that a configuration file may have. */
#pragma once

#include <stddef.h>

struct config_key {
	const char *section;
	const char *name;
	/* 0, -EINVAL or -ENOMEM. The field holds the value that was there before. */
	int (*parse)(const char *value, void *ret_field);
	size_t offset; /* of the field in struct config */
	const char *expected;
};

/* Frees a value of NeverStop; NULL is fine. */
void config_free_words(char **words);

extern const struct config_key config_keys[];
extern const size_t config_n_keys;
