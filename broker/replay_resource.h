/* SPDX-License-Identifier: MIT */
/* What records leave of a session's resources and filters: pure. */
#pragma once

#include <stdint.h>

#include "broker/filter.h"
#include "broker/record.pb-c.h"
#include "broker/resource.h"
#include "proto/base.h"

struct replayed_resources {
	struct resource_set *set;    /* owned; NULL: none */
	struct resource_set *staged; /* owned: slices whose last one has not come */
	uint64_t number;	     /* of the registration that they are of */
	uint32_t next_slice;
	struct filter_list filters;
};

void replayed_resources_done(struct replayed_resources *resources);

/* All: 0; -EBADMSG: the record makes no sense; -ENOMEM. */
int replay_resources(struct replayed_resources *resources, const Rmrecord__Resources *record)
	_warn_unused_;
int replay_seen(struct replayed_resources *resources, const Rmrecord__FilesSeen *record)
	_warn_unused_;
int replay_filter_set(struct replayed_resources *resources, const Rmrecord__FilterSet *record)
	_warn_unused_;
int replay_filter_removed(struct replayed_resources *resources,
			  const Rmrecord__FilterRemoved *record) _warn_unused_;
