/* SPDX-License-Identifier: MIT */
/* A program that is linked with the library. */
#include <stdio.h>
#include <unistd.h>

#include "greeting.h"

int main(void)
{
	(void)puts(greeting());
	(void)fflush(stdout);
	return pause();
}
