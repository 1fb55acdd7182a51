/* SPDX-License-Identifier: MIT */
/*
 * From Win32 codes to exit codes.
 * Where one code has two meanings, the caller says which: 5 is a socket that is not safe, but
 * also a broker's refusal. 121 counts as no broker: one that does not answer is of no use.
 */
#include "client/rmctl/exit_code.h"

enum exit_code exit_code_from(int code, bool no_broker)
{
	switch (code) {
	case CODE_SUCCESS:
		return EXIT_DONE;
	case CODE_SEM_TIMEOUT:
	case CODE_SERVER_UNAVAILABLE:
		return EXIT_NO_BROKER;
	case CODE_ACCESS_DENIED:
		return no_broker ? EXIT_NO_BROKER : EXIT_ERROR;
	case CODE_FAIL_SHUTDOWN:
		return EXIT_REFUSED;
	case CODE_FAIL_NOACTION_REBOOT:
		return EXIT_REBOOT;
	case CODE_FAIL_RESTART:
		return EXIT_RESTART_FAILED;
	case CODE_CANCELLED:
		return EXIT_CANCELLED;
	default:
		return EXIT_ERROR;
	}
}
