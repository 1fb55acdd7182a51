/* SPDX-License-Identifier: MIT */
/*
 * The daemon. Start-up: configuration; socket and lock; journal, replayed; then the first
 * connection is accepted and readiness told. What connects before waits in the backlog.
 * The end needs no saving: everything acknowledged is in the journal already.
 */
#include "broker/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <uv.h>

#include "broker/broker.h"
#include "broker/listener.h"
#include "broker/log.h"
#include "broker/privileges.h"
#include "broker/renewal.h"
#include "broker/server.h"
#include "proto/text.h"

struct daemon {
	uv_loop_t loop;
	struct broker broker;
	struct listener listener;
	struct server *server;
	uv_signal_t sigterm;
	uv_signal_t sigint;
	uv_signal_t sighup;
	uv_timer_t renewal; /* ends the loop in a turn of its own */
	bool is_renewing;
};

static void end(struct daemon *daemon)
{
	daemon->broker.renew = NULL;
	server_close(daemon->server);
	broker_close(&daemon->broker);
	uv_close((uv_handle_t *)&daemon->sigterm, NULL);
	uv_close((uv_handle_t *)&daemon->sigint, NULL);
	uv_close((uv_handle_t *)&daemon->sighup, NULL);
	uv_close((uv_handle_t *)&daemon->renewal, NULL);
}

static void on_end_signal(uv_signal_t *signal, int number)
{
	struct daemon *daemon = signal->data;

	log_info("ending signal=%d sessions=%u", number, daemon->broker.sessions.n_sessions);
	(void)sd_notify(0, "STOPPING=1");
	end(daemon);
}

static void on_renewal(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	log_info("this program or a library of it was replaced: the new version takes over "
		 "sessions=%u",
		 daemon->broker.sessions.n_sessions);
	daemon->is_renewing = true;
	end(daemon);
}

static void renew(void *userdata)
{
	struct daemon *daemon = userdata;

	(void)uv_timer_start(&daemon->renewal, on_renewal, 0, 0);
}

static void on_reload_signal(uv_signal_t *signal, int number)
{
	struct daemon *daemon = signal->data;
	struct timespec now;

	(void)number;
	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* this clock always exists */
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
			 (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	broker_reload(&daemon->broker);
	(void)sd_notify(0, "READY=1");
}

static int watch_signal(struct daemon *daemon, uv_signal_t *signal, int number,
			uv_signal_cb on_signal)
{
	int r = uv_signal_init(&daemon->loop, signal);

	if (r < 0) {
		return r;
	}
	signal->data = daemon;
	return uv_signal_start(signal, on_signal, number);
}

static int watch_signals(struct daemon *daemon)
{
	int r = watch_signal(daemon, &daemon->sigterm, SIGTERM, on_end_signal);

	(void)uv_timer_init(&daemon->loop, &daemon->renewal); /* cannot fail */
	daemon->renewal.data = daemon;
	if (r == 0) {
		r = watch_signal(daemon, &daemon->sigint, SIGINT, on_end_signal);
	}
	if (r == 0) {
		r = watch_signal(daemon, &daemon->sighup, SIGHUP, on_reload_signal);
	}
	return r < 0 ? log_errno(LOG_ERR, r, "signals can't be watched") : 0;
}

/* A peer that has gone and a journal that may not grow are told by errno. */
static void ignore_signals(void)
{
	(void)signal(SIGPIPE, SIG_IGN); /* only fails for a bad number */
	(void)signal(SIGXFSZ, SIG_IGN);
}

static int load_config(const struct daemon_options *options, struct config *ret_config)
{
	struct config_error error;
	const char *path = options->config_path;
	int r;

	if (path && !text_is_clean(path, strlen(path))) {
		log_error("the configuration's path has control characters or is not UTF-8");
		return -EINVAL;
	}
	r = config_load(path, !options->is_system, ret_config, &error);

	if (r < 0) {
		log_error("%s", error.text);
	}
	return r;
}

static int open_broker(struct daemon *daemon, const struct daemon_options *options,
		       struct config *config)
{
	char journal_path[PATH_MAX];
	int r;

	(void)snprintf(journal_path, sizeof(journal_path), "%s.journal", daemon->listener.path);
	r = broker_init(&daemon->broker, &daemon->loop, options->is_system, config, journal_path);
	if (r < 0) {
		return r;
	}
	daemon->broker.config_path = options->config_path;
	r = server_new(&daemon->broker, daemon->listener.fd, &daemon->server);
	if (r < 0) {
		return log_errno(LOG_ERR, r, "the socket can't be served");
	}
	daemon->broker.server = daemon->server;
	daemon->broker.renew = renew;
	daemon->broker.renew_data = daemon;
	return 0;
}

static void tell_ready(const struct daemon *daemon)
{
	const struct broker *broker = &daemon->broker;

	log_info("ready version=%s mode=%s socket=%s sessions=%u config=%s", RM_VERSION,
		 broker->is_system ? "system" : "user", daemon->listener.path,
		 broker->sessions.n_sessions, broker->config.path ? broker->config.path : "(none)");
	(void)sd_notifyf(0, "READY=1\nSTATUS=%u sessions restored", broker->sessions.n_sessions);
}

static int run(struct daemon *daemon, const struct daemon_options *options, struct config *config)
{
	int r = watch_signals(daemon);

	if (r < 0) {
		return r;
	}
	r = listener_open(options->socket_path, options->is_system, &daemon->listener);
	if (r < 0) {
		return r;
	}
	r = open_broker(daemon, options, config);
	if (r < 0) {
		return r;
	}
	if (options->is_system) {
		r = privileges_lower(PRIVILEGE(CAP_KILL) | PRIVILEGE(CAP_SYS_PTRACE));
		if (r < 0) {
			return log_errno(LOG_ERR, r, "capabilities can't be lowered");
		}
	}
	tell_ready(daemon);
	(void)uv_run(&daemon->loop, UV_RUN_DEFAULT); /* until nothing is left on it */
	return 0;
}

static void close_handle(uv_handle_t *handle, void *userdata)
{
	(void)userdata;
	if (!uv_is_closing(handle)) {
		uv_close(handle, NULL);
	}
}

/* After a failed start there may still be handles of any part. */
static void close_loop(struct daemon *daemon)
{
	broker_close(&daemon->broker);
	uv_walk(&daemon->loop, close_handle, NULL);
	(void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&daemon->loop); /* nothing is left on it */
}

/* The workers were killed: without us nobody would hear of their end. One that nothing can end
 * is left behind. */
static void reap_workers(void)
{
	static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

	for (int i = 0; i < 100; i++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0) {
			return; /* there are no more */
		}
		if (pid == 0) {
			(void)nanosleep(&pause, NULL);
		}
	}
}

/* Runs the program that has our name now, as we were run. Everything of ours is closed: only a
 * failure comes back. */
static int run_anew(struct daemon *daemon, const struct daemon_options *options)
{
	char path[PATH_MAX];
	int r = renewal_find_program(path, sizeof(path));

	if (r == 0) {
		r = listener_hand_on(&daemon->listener);
	}
	if (r < 0) {
		return log_errno(LOG_ERR, r, "the new version can't be run");
	}
	reap_workers();
	listener_done(&daemon->listener); /* with its lock, which the next one takes */
	(void)execv(path, options->argv);
	return log_errno(LOG_ERR, negative_errno(), "%s: can't be run", path);
}

int daemon_run(const struct daemon_options *options)
{
	struct daemon daemon = {
		.listener = {.fd = -1, .lock_fd = -1},
		.broker = {.processes = {.proc_fd = -1}, .store = {.journal = {.fd = -1}}}};
	struct config config;
	int r;

	if (options->is_system && geteuid() != 0) {
		log_error("--system is for root; a user's broker is started with --user");
		return -EPERM;
	}
	(void)umask(077);
	ignore_signals();
	r = load_config(options, &config);
	if (r < 0) {
		return r;
	}
	r = uv_loop_init(&daemon.loop);
	if (r < 0) {
		config_done(&config);
		return log_errno(LOG_ERR, r, "the event loop can't be made");
	}
	r = run(&daemon, options, &config);
	config_done(&config);
	close_loop(&daemon);
	server_free(daemon.server);
	broker_done(&daemon.broker);
	if (daemon.is_renewing) {
		r = run_anew(&daemon, options);
	}
	listener_done(&daemon.listener);
	log_info("ended");
	return r;
}
