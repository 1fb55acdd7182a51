/* SPDX-License-Identifier: MIT */
#pragma once

const char *greeting(void);
