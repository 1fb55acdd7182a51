/* SPDX-License-Identifier: MIT */
/* The last part of a registration on its way: its files are looked up, then it is committed in
 * small steps, then its call is answered. */
#pragma once

#include "broker/call.h"
#include "broker/registration.h"
#include "proto/base.h"

struct broker;

/* Takes the whole registration over and defers the call. -ENOMEM: the registration is freed. */
int registering_start(struct call *call, struct registration *registration) _warn_unused_;

/* At the broker's end. */
void registering_close_all(struct broker *broker);
