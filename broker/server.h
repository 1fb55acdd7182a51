/* SPDX-License-Identifier: MIT */
/* Accepts connections and keeps them: limits, half frames that take too long, the end. */
#pragma once

#include <stdbool.h>

#include "broker/broker.h"
#include "proto/base.h"

struct connection;
struct process;
struct server;

/* Serves the listening socket `fd`, which stays the caller's and outlives the server. */
int server_new(struct broker *broker, int fd, struct server **ret_server) _warn_unused_;
/* Starts to close everything; free after the loop has nothing left. */
void server_close(struct server *server);
void server_free(struct server *server);

unsigned int server_count_connections(const struct server *server);
unsigned int server_max_connections(const struct server *server);

/* Closes all connections of a process that has gone. */
void server_drop_process(struct server *server, const struct process *process);

/* For connection.c. The connection is closed and about to be freed. */
void server_forget_connection(struct server *server, struct connection *connection);
/* Whether the connection has half a frame: the first such moment starts its time. */
void server_settle_half(struct server *server, struct connection *connection, bool is_half);
