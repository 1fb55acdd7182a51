/* SPDX-License-Identifier: MIT */
/*
 * Which script an interpreter runs, by argv: every family with its options, argv that was cut, and
 * argv that nobody would write. What is found lies inside of argv and ends there.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/scan/script.h"
#include "tests/unit/fixture.h"

/* In `argv` "|" stands for the NUL behind each argument. */
struct row {
	const char *name;
	const char *argv;
	const char *script; /* NULL: none */
};

static const struct row rows[] = {
	/* shells */
	{"dash", "sh|/x/s|a|", "/x/s"},
	{"dash", "sh|-e|s|", "s"},
	{"dash", "sh|-ex|-u|s|-c|", "s"},
	{"dash", "sh|-c|s|", NULL},
	{"dash", "sh|-ec|s|", NULL},
	{"dash", "sh|-s|s|", NULL},
	{"dash", "sh|-o|errexit|s|", "s"},
	{"dash", "sh|-eo|pipefail|s|", "s"},
	{"bash", "bash|-oe|pipefail|s|", "s"},
	{"bash", "bash|+O|extglob|+x|s|", "s"},
	{"bash", "bash|--norc|--rcfile|r|s|", "s"},
	{"bash", "bash|--init-file|r|-i|s|", "s"},
	{"bash", "bash|--rcfile=r|s|", "s"},
	{"bash", "bash|--|s|t|", "s"},
	{"bash", "bash|--|-s|", "-s"},
	{"bash", "bash|-|s|", "s"},
	{"bash", "bash|--version|s|", NULL},
	{"bash", "-bash|", NULL},
	{"bash", "bash|-l|", NULL},
	{"bash", "bash|-lic|s|", NULL},
	{"rbash", "rbash|s|", "s"},
	{"ksh93", "ksh|-R|db|s|", "s"},
	{"mksh", "mksh|-T|tty|s|", "s"},
	{"zsh-5.9", "zsh|-f|--emulate|sh|s|", "s"},
	{"zsh", "zsh|-fc|s|", NULL},
	{"tcsh", "tcsh|-f|s|", "s"},
	{"csh", "csh|-fc|s|", NULL},
	{"fish", "fish|-N|-C|set x|s|", "s"},
	{"fish", "fish|--init-command|set x|s|", "s"},
	{"fish", "fish|--command=s|t|", NULL},
	{"ash", "ash|s|", "s"},
	{"busybox", "ash|s|", "s"},
	{"busybox", "-sh|s|", "s"},
	{"busybox", "/bin/busybox|sh|-e|s|", "s"},
	{"busybox", "busybox|cat|s|", NULL},
	{"busybox", "busybox|", NULL},
	{"busybox", "awk|-f|s|x|", "s"},
	{"toybox", "toybox|sh|s|", "s"},
	/* python */
	{"python3", "python3|s.py|", "s.py"},
	{"python3.11", "python3|-u|-Es|s.py|", "s.py"},
	{"python3.13t", "python3|s.py|", "s.py"},
	{"python2.7", "python|-Q|new|s.py|", "s.py"},
	{"python3.11", "python3|-c|s|", NULL},
	{"python3.11", "python3|-m|http.server|s|", NULL},
	{"python3.11", "python3|-mhttp.server|s|", NULL},
	{"python3.11", "python3|-W|ignore|-X|dev|s|", "s"},
	{"python3.11", "python3|-Wignore|-Xdev|s|", "s"},
	{"python3.11", "python3|-uW|ignore|s|", "s"},
	{"python3.11", "python3|--check-hash-based-pycs|always|s|", "s"},
	{"python3.11", "python3|-|s|", NULL},
	{"pypy3-c", "pypy3|s|", "s"},
	/* perl, ruby */
	{"perl", "perl|-w|s.pl|", "s.pl"},
	{"perl5.36-x86_64-linux-gnu", "perl|s.pl|", "s.pl"},
	{"perl", "perl|-MFile::Temp|-Mstrict|s|", "s"},
	{"perl", "perl|-I|lib|s|", "s"},
	{"perl", "perl|-Ilib|-i.save|-l012|s|", "s"},
	{"perl", "perl|-e|s|t|", NULL},
	{"perl", "perl|-lne|s|", NULL},
	{"perl", "perl|-0777|-l|s|", "s"},
	{"perl", "perl|-ne|s|", NULL},
	{"perl", "perl|-E|s|", NULL},
	{"ruby3.1", "ruby|-w|-I|lib|-r|json|s.rb|", "s.rb"},
	{"ruby3.1", "ruby|-W|s.rb|", "s.rb"},
	{"ruby3.1", "ruby|-W2|-Ilib|-rset|s.rb|", "s.rb"},
	{"ruby3.1", "ruby|-e|s|", NULL},
	{"ruby3.1", "ruby|--encoding|utf-8|--yjit|s.rb|", "s.rb"},
	/* php */
	{"php8.2", "php|s.php|a|", "s.php"},
	{"php8.2", "php|-d|x=1|-c|ini|s.php|", "s.php"},
	{"php8.2", "php|-f|s.php|--|a|", "s.php"},
	{"php8.2", "php|-fs.php|", "s.php"},
	{"php8.2", "php|-r|s|", NULL},
	{"php8.2", "php|-S|0:80|s.php|", NULL},
	/* javascript */
	{"node", "node|s.js|", "s.js"},
	{"nodejs", "node|-r|m|--require|n|s.js|", "s.js"},
	{"node", "node|--inspect|--title=x|--title|y|s.js|", "s.js"},
	{"node", "node|-e|s|", NULL},
	{"node", "node|-pe|s|", NULL},
	{"node", "node|--eval|s|", NULL},
	{"node", "node|--print=s|t|", NULL},
	{"deno", "deno|run|-A|--config|c|s.ts|", "s.ts"},
	{"deno", "deno|", NULL},
	{"gjs-console", "gjs|-I|d|s.js|", "s.js"},
	{"gjs", "gjs|-c|s|", NULL},
	/* lua, tcl, guile */
	{"lua5.4", "lua|-e|x=1|-l|m|s.lua|", "s.lua"},
	{"lua5.4", "lua|-W|-i|s.lua|", "s.lua"},
	{"lua5.4", "lua|-|", NULL},
	{"luajit-2.1.0-beta3", "luajit|-O3|-joff|s.lua|", "s.lua"},
	{"luajit", "luajit|-j|off|-lm|s.lua|", "s.lua"},
	{"tclsh8.6", "tclsh|s.tcl|", "s.tcl"},
	{"tclsh8.6", "tclsh|-encoding|utf-8|s.tcl|", "s.tcl"},
	{"wish8.6", "wish|-display|:0|s.tcl|", "s.tcl"},
	{"expect", "expect|-d|-c|set x 1|s.exp|", "s.exp"},
	{"expect", "expect|-f|s.exp|a|", "s.exp"},
	{"expect", "expect|-b|s.exp|", "s.exp"},
	{"guile", "guile|-L|d|-e|main|-s|s.scm|", "s.scm"},
	{"guile", "guile|-c|s|", NULL},
	{"guile-3.0", "guile|-x|.sls|s.scm|", "s.scm"},
	/* a script is only what an option names */
	{"awk", "awk|-F:|-v|x=1|-f|s.awk|data|", "s.awk"},
	{"mawk", "mawk|{print}|s|", NULL},
	{"mawk", "mawk|-W|exec|s|", NULL},
	{"gawk", "gawk|-fs.awk|", "s.awk"},
	{"gawk-5.2.1", "gawk|--file=s.awk|x|", "s.awk"},
	{"gawk", "gawk|--file|s.awk|", "s.awk"},
	{"gawk", "gawk|-E|s.awk|", "s.awk"},
	{"gawk", "gawk|--|s|", NULL},
	{"sed", "sed|-n|-f|s.sed|x|", "s.sed"},
	{"sed", "sed|-i.bak|-e|p|-f|s.sed|x|", "s.sed"},
	{"sed", "sed|s/a/b/|x|", NULL},
	{"R", "R|--no-echo|--no-restore|--file=s.R|--args|a|", "s.R"},
	{"R", "R|-f|s.R|", "s.R"},
	{"R", "R|--vanilla|", NULL},
	{"Rscript", "Rscript|--vanilla|s.R|", "s.R"},
	{"Rscript", "Rscript|-e|1|", NULL},
	{"pwsh", "pwsh|-NoProfile|-ExecutionPolicy|Bypass|-File|s.ps1|a|", "s.ps1"},
	{"pwsh", "pwsh|-NoLogo|s.ps1|", "s.ps1"},
	{"pwsh", "pwsh|-Command|s|", NULL},
	/* who runs no scripts */
	{"cat", "cat|s|", NULL},
	{"shred", "shred|s|", NULL},
	{"pythonista", "pythonista|s|", NULL},
	{"bashful", "bashful|s|", NULL},
	{"", "|s|", NULL},
	/* cut, empty, odd */
	{"python3", "python3|s.p", NULL},
	{"python3", "python3|-u|s.p", NULL},
	{"python3", "python3|-W|s.py", NULL},
	{"python3", "python3|s.py|more", "s.py"},
	{"python3", "python3", NULL},
	{"python3", "python3|", NULL},
	{"python3", "python3||s.py|", NULL},
	{"python3", "|s.py|", "s.py"},
	{"python3", "||||", NULL},
	{"python3", "", NULL},
	{"python3", "python3|-W|", NULL},
	{"python3", "python3|--|", NULL},
	{"python3", "python3|--||", NULL},
	{"bash", "bash|-o|", NULL},
	{"gawk", "gawk|-f|", NULL},
	{"gawk", "gawk|--file=|x|", NULL},
	{"gawk", "gawk|-f||", NULL},
	{"python3", "python3|---|s|", "s"},
	{"python3", "python3|-\xff|\xfe\n|", "\xfe\n"},
};

/* In memory of its own size, so that a sanitizer sees who reads behind it. */
static char *make_argv(const char *text, size_t *ret_size)
{
	size_t size = strlen(text);
	char *argv = malloc(size + !size);

	ck_assert_ptr_nonnull(argv);
	for (size_t i = 0; i < size; i++) {
		argv[i] = text[i] == '|' ? '\0' : text[i];
	}
	*ret_size = size;
	return argv;
}

START_TEST(test_families)
{
	const struct row *row = &rows[_i];
	size_t size;
	char *argv = make_argv(row->argv, &size);
	const char *script = script_find(row->name, argv, size);

	if (row->script) {
		ck_assert_msg(script && strcmp(script, row->script) == 0,
			      "%s: '%s' instead of '%s'", row->argv, script ? script : "(none)",
			      row->script);
	} else {
		ck_assert_msg(!script, "%s: '%s' instead of none", row->argv, script);
	}
	free(argv);
}
END_TEST

static const struct {
	const char *name;
	bool is;
} names[] = {
	{"sh", true},	      {"dash", true},	   {"python3.11", true},  {"python3.13t", true},
	{"perl5.36.0", true}, {"busybox", true},   {"lua5.4", true},	  {"luajit-2.1", true},
	{"node", true},	      {"nodejs", true},	   {"php-fpm8.2", false}, {"shutdown", false},
	{"awk", true},	      {"sedutil", false},  {"nodemon", false},	  {"R", true},
	{"Rscript", true},    {"rsync", false},	   {"", false},		  {"-", false},
	{"sh ", false},	      {"python3\n", true}, {"wishlist", false},	  {"tclsh8.6", true},
};

START_TEST(test_names)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert_msg(script_is_interpreter(names[i].name) == names[i].is, "%s",
			      names[i].name);
	}
}
END_TEST

static const struct {
	const char *directory;
	const char *script;
	const char *path;
} paths[] = {
	{"/srv", "s", "/srv/s"},
	{"/", "s", "/s"},
	{"/srv/a", "./s", "/srv/a/s"},
	{"/srv/a", "../s", "/srv/s"},
	{"/srv/a", "../../../s", "/s"},
	{"/srv/a", "b//c/./d/../s", "/srv/a/b/c/s"},
	{"/srv", "/x/s", "/x/s"},
	{"/srv", "//x///s/", "/x/s"},
	{"/srv", "/", "/"},
	{"/srv", "..", "/"},
	{"/srv", "...", "/srv/..."},
	{"/srv", ".", "/srv"},
	{"/srv (deleted)", "s", "/srv (deleted)/s"},
	{"(unreachable)/srv", "s", "/(unreachable)/srv/s"},
	{"/srv", "\n\xff", "/srv/\n\xff"},
};

START_TEST(test_resolve)
{
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		ck_assert_int_eq(
			script_resolve(paths[i].directory, paths[i].script, path, sizeof(path)), 0);
		ck_assert_str_eq(path, paths[i].path);
	}
}
END_TEST

/* Each size that does not suffice says so, and nothing is written behind it. */
START_TEST(test_resolve_sizes)
{
	for (size_t size = 2; size <= 16; size++) {
		char *path = malloc(size);

		ck_assert_ptr_nonnull(path);
		if (size < sizeof("/srv/name")) {
			ck_assert_int_eq(script_resolve("/srv", "name", path, size), -ENAMETOOLONG);
		} else {
			ck_assert_int_eq(script_resolve("/srv", "name", path, size), 0);
			ck_assert_str_eq(path, "/srv/name");
		}
		free(path);
	}
}
END_TEST

/* Whatever stands in argv: the answer is a whole, non-empty argument of it, or none. */
START_TEST(test_random)
{
	static const char *const words[] = {"-",  "--", "-c", "-f", "-o", "--file=", "+",
					    "+o", "x",	"",   "-W", "-e", "-xf",     "/a/b"};
	static const char *const interpreters[] = {"bash",    "python3", "perl", "gawk", "pwsh",
						   "busybox", "deno",	 "R",	 "lua"};
	struct random random = {.state = 7};

	for (unsigned int n = 0; n < 20000; n++) {
		char text[128] = "";
		size_t size = 0;
		char *argv;
		const char *script;

		for (uint32_t w = random_below(&random, 8); w; w--) {
			const char *word = words[random_below(&random, ARRAY_SIZE(words))];

			memcpy(text + size, word, strlen(word) + 1);
			size += strlen(word) + 1;
		}
		size -= size ? random_below(&random, 2) : 0; /* without its last NUL */
		argv = malloc(size + !size);
		ck_assert_ptr_nonnull(argv);
		memcpy(argv, text, size);
		script = script_find(interpreters[n % ARRAY_SIZE(interpreters)], argv, size);
		if (script) {
			ck_assert_int_eq(script > argv, true);
			ck_assert_int_eq(script + strlen(script) < argv + size, true);
			ck_assert_int_ne(*script, '\0');
		}
		free(argv);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scripts");
	TCase *tcase = fixture_case(suite, "scripts");

	tcase_add_loop_test(tcase, test_families, 0, ARRAY_SIZE(rows));
	tcase_add_test(tcase, test_names);
	tcase_add_test(tcase, test_resolve);
	tcase_add_test(tcase, test_resolve_sizes);
	tcase_add_test(tcase, test_random);
	return fixture_run(suite);
}
