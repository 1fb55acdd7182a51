/* SPDX-License-Identifier: MIT */
/* Tables for people. Out of memory ends the program: half of a table would be taken for a whole. */
#pragma once

#include <libsmartcols/libsmartcols.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"

#define TABLE_BOLD "\033[1m"
#define TABLE_PLAIN "\033[0m"

struct table_column {
	const char *name;
	int flags;   /* SCOLS_FL_* */
	double part; /* of a narrow terminal's width that a column keeps when it is cut; 0: none */
};

/* Ends the program unless `worked`. */
void table_check(bool worked);

/* Never NULL. Free with scols_unref_table(), or table_unrefp(). */
struct libscols_table *table_new(const struct table_column *columns, size_t n_columns, bool colors);

struct libscols_line *table_line(struct libscols_table *table);

/* Fills a cell. Texts must be clean and paths escaped; here they are made fit for the locale. */
void table_set(struct libscols_line *line, size_t column, const char *format, ...) _printf_(3, 4);

/* The user's name, or the number when the uid has none. */
void table_set_user(struct libscols_line *line, size_t column, uint32_t uid);

void table_print(struct libscols_table *table);

/* Not of a table: one line with a name and a value. */
void table_field(const char *name, bool colors, const char *format, ...) _printf_(3, 4);

static inline void table_unrefp(struct libscols_table **table)
{
	scols_unref_table(*table);
}
