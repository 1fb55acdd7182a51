/* SPDX-License-Identifier: MIT */
/* Durations, times and sizes as text. Pure; each text fits into FORMAT_SIZE bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FORMAT_SIZE 64

/* For people, two units at most: "850ms", "12s", "3m 5s", "2h 14m", "5d 1h". */
void format_age(uint64_t us, char *ret_text, size_t size);

/* RFC 3339 in UTC with milliseconds: "2026-11-24T15:26:37.123Z". */
void format_time_utc(uint64_t us, char *ret_text, size_t size);

/* For people, in the local time zone: "2026-11-24 15:26:37". */
void format_time_local(uint64_t us, char *ret_text, size_t size);

/* "512 bytes", "12.0 KiB", "1.5 MiB". */
void format_bytes(uint64_t bytes, char *ret_text, size_t size);
