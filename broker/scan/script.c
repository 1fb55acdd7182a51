/* SPDX-License-Identifier: MIT */
/*
 * Scripts by argv. For each family of interpreters there is a list of what its options take, so
 * that the first argument that is no option, nor belongs to one, is the script. Wrong guesses
 * only fail to match a registered path.
 */
#include "broker/scan/script.h"

#include <errno.h>
#include <string.h>

enum interpreter_flag {
	IS_SHELL = 1 << 0,     /* "-" ends the options; "-oe NAME" takes the next argument, too */
	BY_OPTION = 1 << 1,    /* a script is only what an option names; else it is program text */
	BY_SUBCOMMAND = 1 << 2 /* the first argument is a command, then come options */
};

struct interpreter {
	const char *name; /* a version may follow: a digit and what it likes */
	/* Letters of options: */
	const char *takes;     /* an argument, the rest of the word or else the next one */
	const char *attached;  /* an argument that is the rest of the word, if there is one */
	const char *no_script; /* code, or standard input, instead of a script */
	const char *is_script; /* their argument is the script */
	/* Whole words with a space behind each: */
	const char *word_takes; /* the next argument belongs to it */
	const char *word_no_script;
	const char *word_is_script; /* the next argument is the script, or what follows "=" */
	unsigned int flags;
};

static const struct interpreter interpreters[] = {
	{.name = "sh", .takes = "oO", .no_script = "cs", .flags = IS_SHELL},
	{.name = "dash", .takes = "o", .no_script = "cs", .flags = IS_SHELL},
	{.name = "ash", .takes = "o", .no_script = "cs", .flags = IS_SHELL},
	{.name = "bash",
	 .takes = "oO",
	 .no_script = "cs",
	 .word_takes = "--rcfile --init-file ",
	 .word_no_script = "--version --help ",
	 .flags = IS_SHELL},
	{.name = "rbash", .takes = "oO", .no_script = "cs", .flags = IS_SHELL},
	{.name = "ksh", .takes = "oR", .no_script = "cs", .flags = IS_SHELL},
	{.name = "mksh", .takes = "oT", .no_script = "cs", .flags = IS_SHELL},
	{.name = "yash", .takes = "o", .no_script = "cs", .flags = IS_SHELL},
	{.name = "zsh",
	 .takes = "o",
	 .no_script = "cs",
	 .word_takes = "--emulate ",
	 .flags = IS_SHELL},
	{.name = "csh", .no_script = "cst"},
	{.name = "tcsh", .no_script = "cst"},
	{.name = "fish",
	 .takes = "Cdfo",
	 .attached = "D",
	 .no_script = "c",
	 .word_takes = "--init-command --debug --debug-output --features --profile ",
	 .word_no_script = "--command --version "},
	{.name = "python",
	 .takes = "WXQ",
	 .no_script = "cm",
	 .word_takes = "--check-hash-based-pycs "},
	{.name = "pypy", .takes = "WXQ", .no_script = "cm"},
	{.name = "perl", .takes = "I", .attached = "MmDCFidxV", .no_script = "eE"},
	{.name = "ruby",
	 .takes = "CIrE",
	 .attached = "FTxWKi",
	 .no_script = "e",
	 .word_takes = "--encoding --external-encoding --internal-encoding "},
	{.name = "php", .takes = "cdztg", .no_script = "rRBES", .is_script = "fF"},
	{.name = "node",
	 .takes = "rC",
	 .no_script = "ep",
	 .word_takes = "--require --import --loader --experimental-loader --conditions --title ",
	 .word_no_script = "--eval --print --version --help "},
	{.name = "nodejs",
	 .takes = "rC",
	 .no_script = "ep",
	 .word_takes = "--require --import --loader --experimental-loader --conditions --title ",
	 .word_no_script = "--eval --print --version --help "},
	{.name = "deno",
	 .takes = "Lc",
	 .word_takes = "--config --import-map --cert --location --seed ",
	 .flags = BY_SUBCOMMAND},
	{.name = "gjs", .takes = "IC", .no_script = "c", .word_takes = "--include-path "},
	{.name = "gjs-console", .takes = "IC", .no_script = "c", .word_takes = "--include-path "},
	{.name = "lua", .takes = "le"},
	{.name = "luajit", .takes = "lej", .attached = "O"},
	{.name = "tclsh", .word_takes = "-encoding "},
	{.name = "wish",
	 .word_takes = "-encoding -colormap -display -geometry -name -use -visual "},
	{.name = "expect", .takes = "c", .no_script = "", .is_script = "fb"},
	{.name = "guile",
	 .takes = "LCxle",
	 .no_script = "c",
	 .is_script = "s",
	 .word_takes = "-ds "},
	{.name = "awk", .takes = "vF", .is_script = "f", .flags = BY_OPTION},
	{.name = "mawk", .takes = "vFW", .is_script = "f", .flags = BY_OPTION},
	{.name = "gawk",
	 .takes = "vFil",
	 .is_script = "fE",
	 .word_is_script = "--file --exec ",
	 .flags = BY_OPTION},
	{.name = "sed",
	 .takes = "le",
	 .attached = "i",
	 .is_script = "f",
	 .word_is_script = "--file ",
	 .flags = BY_OPTION},
	{.name = "R", .is_script = "f", .word_is_script = "--file ", .flags = BY_OPTION},
	{.name = "Rscript", .no_script = "e"},
	{.name = "pwsh",
	 .word_takes = "-ExecutionPolicy -ep -WorkingDirectory -wd -Version -InputFormat "
		       "-OutputFormat -ConfigurationName ",
	 .word_no_script = "-Command -c -EncodedCommand -e -ec ",
	 .word_is_script = "-File -f "},
};

/* What the letters of options mean is said for the interpreter, NULL being none. */
static bool has_letter(const char *letters, char letter)
{
	return letters && strchr(letters, letter);
}

/* Whether the first `n` bytes of `word` are one of the words. */
static bool has_word(const char *words, const char *word, size_t n)
{
	const char *at = words;

	while (at && (at = strchr(at, '-'))) {
		size_t length = strcspn(at, " ");

		if (length == n && memcmp(at, word, n) == 0) {
			return true;
		}
		at += length;
	}
	return false;
}

/* "3.11", "5.36-x86_64-linux-gnu", "-2.1.0-beta3". */
static bool is_version(const char *text)
{
	const char *digit = text + (text[0] == '-');

	return !*text || (*digit >= '0' && *digit <= '9');
}

static const struct interpreter *find_interpreter(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++) {
		size_t n = strlen(interpreters[i].name);

		if (strncmp(name, interpreters[i].name, n) == 0 && is_version(name + n)) {
			return &interpreters[i];
		}
	}
	return NULL;
}

/* One program under many names: which one it is stands in argv. */
static bool is_multiple(const char *name)
{
	return strcmp(name, "busybox") == 0 || strcmp(name, "toybox") == 0;
}

bool script_is_interpreter(const char *name)
{
	return is_multiple(name) || find_interpreter(name) != NULL;
}

/* The argument behind `at`, or NULL. One without its NUL was cut and is none. */
static const char *next_argument(const char *at, const char *end)
{
	const char *next = at + strlen(at) + 1;

	return next < end && memchr(next, '\0', (size_t)(end - next)) ? next : NULL;
}

enum option_kind {
	OPTION_PLAIN,
	OPTION_TAKES_NEXT,
	OPTION_NO_SCRIPT,
	OPTION_SCRIPT_IS_NEXT,
	OPTION_SCRIPT_ATTACHED,
};

/* Options that stand together ("-lc") are looked at one by one. */
static enum option_kind classify_letters(const struct interpreter *interpreter, const char *option,
					 const char **ret_attached)
{
	bool takes_next = false;

	for (const char *letter = option + 1; *letter; letter++) {
		if (has_letter(interpreter->no_script, *letter)) {
			return OPTION_NO_SCRIPT;
		}
		if (has_letter(interpreter->is_script, *letter)) {
			*ret_attached = letter + 1;
			return letter[1] ? OPTION_SCRIPT_ATTACHED : OPTION_SCRIPT_IS_NEXT;
		}
		if (has_letter(interpreter->attached, *letter)) {
			return OPTION_PLAIN;
		}
		if (has_letter(interpreter->takes, *letter)) {
			takes_next = interpreter->flags & IS_SHELL || !letter[1];
			if (!(interpreter->flags & IS_SHELL)) {
				break;
			}
		}
	}
	return takes_next ? OPTION_TAKES_NEXT : OPTION_PLAIN;
}

static enum option_kind classify(const struct interpreter *interpreter, const char *option,
				 const char **ret_attached)
{
	size_t n = strcspn(option, "=");

	if (has_word(interpreter->word_no_script, option, n)) {
		return OPTION_NO_SCRIPT;
	}
	if (has_word(interpreter->word_is_script, option, n)) {
		*ret_attached = option + n + 1;
		return option[n] ? OPTION_SCRIPT_ATTACHED : OPTION_SCRIPT_IS_NEXT;
	}
	if (has_word(interpreter->word_takes, option, n)) {
		return option[n] ? OPTION_PLAIN : OPTION_TAKES_NEXT;
	}
	return option[1] == '-' ? OPTION_PLAIN
				: classify_letters(interpreter, option, ret_attached);
}

/* The first argument behind the interpreter's name, and which interpreter it is. */
static const char *find_start(const char *name, const char *argv, const char *end,
			      const struct interpreter **ret_interpreter)
{
	const char *base;

	if (!memchr(argv, '\0', (size_t)(end - argv))) {
		return NULL;
	}
	if (is_multiple(name)) {
		base = strrchr(argv, '/') ? strrchr(argv, '/') + 1 : argv;
		if (is_multiple(base)) {
			argv = next_argument(argv, end);
		}
		name = !argv ? "" : strrchr(argv, '/') ? strrchr(argv, '/') + 1 : argv;
		name += *name == '-'; /* of a login shell */
	}
	*ret_interpreter = find_interpreter(name);
	return *ret_interpreter ? next_argument(argv, end) : NULL;
}

static const char *not_empty(const char *text)
{
	return text && *text ? text : NULL;
}

/* The argument at which the options end. NULL: there is none, or no script. */
static const char *find_operand(const struct interpreter *interpreter, const char *at,
				const char *end)
{
	bool by_option = interpreter->flags & BY_OPTION;

	for (; at; at = next_argument(at, end)) {
		const char *attached = "";

		if (strcmp(at, "--") == 0 ||
		    (interpreter->flags & IS_SHELL && strcmp(at, "-") == 0)) {
			return by_option ? NULL : next_argument(at, end);
		}
		if (at[0] != '-' && !(interpreter->flags & IS_SHELL && at[0] == '+' && at[1])) {
			return by_option ? NULL : at;
		}
		if (!at[1]) {
			return NULL; /* "-": from standard input */
		}
		switch (classify(interpreter, at, &attached)) {
		case OPTION_NO_SCRIPT:
			return NULL;
		case OPTION_SCRIPT_ATTACHED:
			return attached;
		case OPTION_SCRIPT_IS_NEXT:
			return next_argument(at, end);
		case OPTION_TAKES_NEXT:
			at = next_argument(at, end);
			if (!at) {
				return NULL;
			}
			break;
		case OPTION_PLAIN:
			break;
		}
	}
	return NULL;
}

const char *script_find(const char *name, const char *argv, size_t size)
{
	const struct interpreter *interpreter = NULL;
	const char *at = size ? find_start(name, argv, argv + size, &interpreter) : NULL;

	if (at && interpreter->flags & BY_SUBCOMMAND) {
		at = next_argument(at, argv + size);
	}
	return at ? not_empty(find_operand(interpreter, at, argv + size)) : NULL;
}

/* Appends one component; "." is nothing, ".." takes the last one away. */
static int add_component(char *path, size_t *used, size_t size, const char *component, size_t n)
{
	if (n == 0 || (n == 1 && component[0] == '.')) {
		return 0;
	}
	if (n == 2 && component[0] == '.' && component[1] == '.') {
		while (*used && path[*used - 1] != '/') {
			(*used)--;
		}
		*used -= *used > 0;
		return 0;
	}
	if (*used + n + 2 > size) {
		return -ENAMETOOLONG;
	}
	path[(*used)++] = '/';
	memcpy(path + *used, component, n);
	*used += n;
	return 0;
}

static int add_components(char *path, size_t *used, size_t size, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "/");
		int r = add_component(path, used, size, text, n);

		if (r < 0) {
			return r;
		}
		text += n + (text[n] == '/');
	}
	return 0;
}

int script_resolve(const char *directory, const char *script, char *ret_path, size_t size)
{
	size_t used = 0;
	int r = script[0] == '/' ? 0 : add_components(ret_path, &used, size, directory);

	if (r == 0) {
		r = add_components(ret_path, &used, size, script);
	}
	if (r < 0) {
		return r;
	}
	if (used == 0) {
		ret_path[used++] = '/';
	}
	ret_path[used] = '\0';
	return 0;
}
