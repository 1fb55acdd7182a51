/* SPDX-License-Identifier: MIT */
/* Session keys: 128 random bits, shown as 32 lowercase hex digits. Never logged. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/limits.h"

struct session_key {
	uint8_t bytes[SESSION_KEY_BYTES];
};

/* Where keys come from. The broker's source is the kernel's random numbers; tests inject one
 * that repeats itself (A2). */
struct key_source {
	/* Fills `ret_key`. 0 or -errno. */
	int (*next)(struct key_source *source, struct session_key *ret_key);
	size_t left; /* keys in the pool */
	struct session_key pool[32];
};

/* getrandom(2), 32 keys at a time; each is wiped from the pool as it is handed out. */
void key_source_init(struct key_source *source);

/* A new key. 0 or -errno. */
int session_key_generate(struct key_source *source, struct session_key *ret_key) _warn_unused_;

/* Compared in constant time: how long it takes tells nothing about the keys. */
bool session_key_equal(const struct session_key *a, const struct session_key *b);

/* 32 lowercase digits and a NUL. */
void session_key_format(const struct session_key *key, char ret_text[SESSION_KEY_DIGITS + 1]);

/* Hex of either case. false: not 32 hex digits. */
bool session_key_parse(const void *text, size_t size, struct session_key *ret_key);
