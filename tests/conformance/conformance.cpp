// SPDX-License-Identifier: MIT
// The same source as C++: what the header gives must compile and behave alike.
#include "conformance.c"
