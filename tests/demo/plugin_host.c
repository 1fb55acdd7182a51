/* SPDX-License-Identifier: MIT */
/* A program that loads the library as a plug-in. */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	void *plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	const char *(*greet)(void) = NULL;

	if (plugin) {
		*(void **)&greet = dlsym(plugin, "greeting");
	}
	if (!greet) {
		(void)fputs("usage: plugin_host LIBRARY\n", stderr);
		return 1;
	}
	(void)puts(greet());
	(void)fflush(stdout);
	return pause();
}
