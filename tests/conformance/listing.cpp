// SPDX-License-Identifier: MIT
// The same in C++.
#include "tests/conformance/listing.c"
