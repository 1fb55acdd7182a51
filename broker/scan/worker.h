/* SPDX-License-Identifier: MIT */
/* The main function of the broker's worker processes. */
#pragma once

/* `rmbrokerd --worker KIND [--threads N] [--text-maps] [--system]
 * [--skip PID:START]...`, with a socket as descriptor 3, and for a scan the reading board as 4. The broker alone starts it. Returns the exit code. */
int worker_main(int argc, char **argv);
