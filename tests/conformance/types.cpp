// SPDX-License-Identifier: MIT
// The same source as C++.
#include "types.c"
