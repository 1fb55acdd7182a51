/* SPDX-License-Identifier: MIT */
/*
 * A policy file, read by inih, which gets its lines from here as the configuration's do: so the
 * place of a mistake is known. A file is all right or left out: half of one would be a rule
 * that nobody wrote.
 */
#include "broker/scan/policy_file.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "broker/ini_lines.h"
#include "broker/services.h"
#include "proto/text.h"

struct reader {
	struct policy_rule *rule;
	struct ini_lines lines;
	bool has_critical;
	bool is_out_of_memory;
	bool is_wrong;
	bool is_section; /* the header is wrong, not the line */
	char word[128];
	char why[256];
};

static const char *const key_names[_POLICY_KEY_COUNT] = {
	[POLICY_UNIT] = "Unit",
	[POLICY_EXECUTABLE] = "Executable",
	[POLICY_PACKAGE] = "Package",
};

static int refuse(struct reader *reader, const char *word, const char *why)
{
	reader->is_wrong = true;
	(void)snprintf(reader->word, sizeof(reader->word), "%s", word);
	(void)snprintf(reader->why, sizeof(reader->why), "%s", why);
	return 0; /* inih: stop here */
}

static int add_pattern(struct policy_rule *rule, enum policy_key key, const char *glob)
{
	struct policy_pattern *grown =
		reallocarray(rule->patterns, rule->n_patterns + 1, sizeof(*grown));
	/* "getty@*" is a service, as everywhere where a unit's suffix is left out. */
	bool needs_suffix = key == POLICY_UNIT && !*services_unit_suffix(glob);
	char *text;

	if (!grown) {
		return -ENOMEM;
	}
	rule->patterns = grown;
	if (asprintf(&text, "%s=%s%s", key_names[key], glob, needs_suffix ? ".service" : "") < 0) {
		return -ENOMEM;
	}
	grown[rule->n_patterns++] =
		(struct policy_pattern){key, text, text + strlen(key_names[key]) + 1};
	return 0;
}

static void forget_patterns(struct policy_rule *rule, enum policy_key key)
{
	size_t kept = 0;

	for (size_t i = 0; i < rule->n_patterns; i++) {
		if (rule->patterns[i].key == key) {
			free(rule->patterns[i].text);
		} else {
			rule->patterns[kept++] = rule->patterns[i];
		}
	}
	rule->n_patterns = kept;
}

/* Words between blanks are added; an empty value takes those before it back. */
static int parse_patterns(struct reader *reader, enum policy_key key, const char *value)
{
	char copy[INI_MAX_LINE_BYTES + 1];
	char *rest = copy;
	char *word;

	(void)snprintf(copy, sizeof(copy), "%s", value);
	if (!*value) {
		forget_patterns(reader->rule, key);
	}
	while ((word = strsep(&rest, " \t"))) {
		if (*word && add_pattern(reader->rule, key, word) < 0) {
			reader->is_out_of_memory = true;
			return 0;
		}
	}
	return 1;
}

static int parse_critical(struct reader *reader, const char *value)
{
	static const char *const words[] = {"no", "false", "off", "0", "yes", "true", "on", "1"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(value, words[i]) == 0) {
			reader->rule->is_critical = i >= ARRAY_SIZE(words) / 2;
			reader->has_critical = true;
			return 1;
		}
	}
	return refuse(reader, *value ? value : "Critical",
		      "this value is not possible; expected yes or no");
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;

	if (strcmp(section, "Match") == 0) {
		for (enum policy_key key = 0; key < _POLICY_KEY_COUNT; key++) {
			if (strcmp(name, key_names[key]) == 0) {
				return parse_patterns(reader, key, value);
			}
		}
		return refuse(reader, name,
			      "this key is unknown; expected Unit, Executable, Package");
	}
	if (strcmp(section, "Policy") == 0) {
		if (strcmp(name, "Critical") == 0) {
			return parse_critical(reader, value);
		}
		if (strcmp(name, "Reason") == 0) {
			(void)text_clean(value, strlen(value), reader->rule->reason,
					 sizeof(reader->rule->reason));
			return 1;
		}
		return refuse(reader, name, "this key is unknown; expected Critical, Reason");
	}
	reader->is_section = true;
	return refuse(reader, section, "this section is unknown; expected Match, Policy");
}

/* inih's reader of lines. */
static char *next_line(char *ret_line, int size, void *stream)
{
	struct reader *reader = stream;
	bool has_ended = reader->is_wrong || reader->is_out_of_memory;
	char *line = has_ended ? NULL : ini_lines_next(&reader->lines, ret_line, size);

	if (!has_ended && reader->lines.is_too_long) {
		(void)refuse(reader, "", "this line is too long; expected at most 199 bytes");
	}
	return line;
}

/* The column of a word in a line, from 1: of a value it is the last place where it stands. */
static unsigned int find_column(const char *text, unsigned int line, const char *word)
{
	const char *start = text;
	const char *end;
	const char *found = NULL;

	while (line > 1 && (start = strchr(start, '\n'))) {
		start++;
		line--;
	}
	if (!start) {
		return 1;
	}
	end = strchrnul(start, '\n');
	for (const char *at = start; *word && at && at < end; at++) {
		at = strstr(at, word);
		if (!at || at >= end) {
			break;
		}
		found = at;
	}
	if (!found) {
		found = start + strspn(start, " \t");
	}
	return (unsigned int)(found - start) + 1;
}

static int describe(const struct reader *reader, unsigned int line, const char *word,
		    const char *why, char ret_error[POLICY_ERROR_BYTES])
{
	char text[POLICY_ERROR_BYTES];

	(void)snprintf(text, sizeof(text), "%.300s:%u:%u: %s", reader->rule->path, line,
		       find_column(reader->lines.text, line, word), why);
	(void)text_clean(text, strlen(text), ret_error, POLICY_ERROR_BYTES);
	return -EINVAL;
}

/* `line` is the first that inih could not read, or 0. */
static int describe_line(const struct reader *reader, unsigned int line,
			 char ret_error[POLICY_ERROR_BYTES])
{
	if (!reader->is_wrong || (line && line < reader->lines.line)) {
		return describe(reader, line, "", "this line is neither a [Section] nor Key=value",
				ret_error);
	}
	line = reader->is_section && reader->lines.section_line ? reader->lines.section_line
								: reader->lines.line;
	return describe(reader, line, reader->word, reader->why, ret_error);
}

int policy_file_parse(struct policy_rule *rule, const char *text, size_t size,
		      char ret_error[POLICY_ERROR_BYTES])
{
	struct reader reader = {.rule = rule, .lines = {.text = text, .rest = text}};
	unsigned int n_lines = 1;
	int r;

	if (strlen(text) != size) { /* inih would end there */
		for (const char *at = text; (at = strchr(at, '\n')); at++) {
			n_lines++;
		}
		return describe(&reader, n_lines, "", "a NUL byte; expected text", ret_error);
	}
	r = ini_parse_stream(next_line, &reader, on_pair, &reader);
	if (r < 0 || reader.is_out_of_memory) {
		return -ENOMEM;
	}
	if (r > 0 || reader.is_wrong) {
		return describe_line(&reader, (unsigned int)r, ret_error);
	}
	if (rule->n_patterns == 0) {
		return describe(&reader, 1, "",
				"the file matches nothing; expected Unit, Executable or Package in "
				"[Match]",
				ret_error);
	}
	if (!reader.has_critical) {
		return describe(&reader, 1, "",
				"the file says nothing; expected Critical in [Policy]", ret_error);
	}
	return 0;
}

void policy_rule_done(struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->n_patterns; i++) {
		free(rule->patterns[i].text);
	}
	free(TAKE_PTR(rule->patterns));
	free(TAKE_PTR(rule->path));
	rule->n_patterns = 0;
}
