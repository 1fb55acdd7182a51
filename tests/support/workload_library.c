/* SPDX-License-Identifier: MIT */
/* A shared library to be loaded by victims. */

__attribute__((__visibility__("default"))) int workload_library_answer(void);

int workload_library_answer(void)
{
	return 42;
}
