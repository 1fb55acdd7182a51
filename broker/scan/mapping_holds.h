/* SPDX-License-Identifier: MIT */
/* The holds of one process that are mappings. */
#pragma once

#include "broker/scan/reader.h"
#include "proto/base.h"

/* Adds them to the list of `links`. 0, -ENOMEM, -ECANCELED; what else goes wrong is told in `links`.
 * `ret_fd`, the maps file, stays open for a second look, -1: there is none. */
int mapping_holds_read(const struct reader *reader, struct link_reader *links, int *ret_fd)
	_warn_unused_;
