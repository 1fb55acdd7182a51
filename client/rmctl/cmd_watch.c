/* SPDX-License-Identifier: MIT */
/*
 * The verb watch: one line for each event, until told to stop.
 *
 * With --follow it outlives the broker. A stream that was opened again begins with what the
 * broker still holds, because a new broker has told of what it restored before anybody could
 * listen; what was printed already is left out.
 * It also ends when nobody reads its output any more, and not only at the next event.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "client/rmctl/commands.h"
#include "client/rmctl/output.h"
#include "client/rmctl/print_json.h"
#include "client/rmctl/print_table.h"
#include "client/rmctl/report.h"
#include "client/rstrtmgr.h"

/* Between two tries to find a broker. */
#define RETRY_MS 200

struct watcher {
	const struct options *options;
	struct rm_watch *watch; /* owned */
	bool colors;
	bool again;	      /* the stream is not the first one */
	uint64_t last_number; /* of the events printed; 0: none yet */
	uint64_t last_time_us;
	uint64_t next_number; /* that the stream should go on with; 0: any */
	uint32_t n_printed;
	bool told; /* that the broker is away, and nothing has come since */
};

static void watcher_done(struct watcher *watcher)
{
	rm_watch_close(watcher->watch);
}

static bool is_away(int r)
{
	return r == CODE_SERVER_UNAVAILABLE || r == CODE_SEM_TIMEOUT;
}

static void tell_once(struct watcher *watcher, const char *message)
{
	if (!watcher->told) {
		report_notice("%s", message);
	}
	watcher->told = true;
}

static void pause_before_retry(void)
{
	const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};

	(void)nanosleep(&pause, NULL); /* cut short is fine too */
}

/* Opens a stream; with --follow as soon as there is a broker. */
static enum exit_code open_stream(struct watcher *watcher)
{
	bool history = watcher->options->history || watcher->again;
	int r;

	while ((r = rm_watch_open(history, &watcher->watch))) {
		if (!watcher->options->follow || !is_away(r)) {
			return report_failure(r, NULL);
		}
		tell_once(watcher, "no broker is running; waiting for one");
		pause_before_retry();
	}
	return EXIT_DONE;
}

/* The broker went away: the end, or the next stream. */
static enum exit_code reopen_stream(struct watcher *watcher)
{
	rm_watch_close(watcher->watch);
	watcher->watch = NULL;
	watcher->again = true;
	watcher->next_number = 0;
	if (!watcher->options->follow) {
		report_notice("the broker went away; --follow waits until it is back");
		return EXIT_NO_BROKER;
	}
	tell_once(watcher, "the broker went away; waiting for it");
	pause_before_retry(); /* one that is just ending may still accept */
	return open_stream(watcher);
}

/* Numbers begin anew with a broker; its events are younger than those of the one before. */
static bool is_printed(const struct watcher *watcher, const struct rm_event *event)
{
	return event->number <= watcher->last_number && event->time_us <= watcher->last_time_us;
}

static enum exit_code print_event(struct watcher *watcher, const struct rm_event *event)
{
	if (is_printed(watcher, event)) {
		return EXIT_DONE;
	}
	if (watcher->next_number && event->number > watcher->next_number) {
		report_notice("events were lost, because they came too fast: %" PRIu64,
			      event->number - watcher->next_number);
	}
	watcher->last_number = event->number;
	watcher->next_number = event->number + 1;
	watcher->last_time_us = event->time_us;
	watcher->n_printed++;
	watcher->told = false;
	if (watcher->options->json) {
		print_json_event(event);
	} else {
		print_table_event(event, watcher->colors);
	}
	return output_flush();
}

/* Waits for an event, or for the reader of our output to leave, which SIGPIPE answers. */
static void wait_for_event(const struct watcher *watcher)
{
	struct pollfd fds[] = {
		{.fd = rm_watch_fd(watcher->watch), .events = POLLIN},
		{.fd = STDOUT_FILENO, .events = 0},
	};

	if (poll(fds, ARRAY_SIZE(fds), -1) > 0 && (fds[1].revents & (POLLERR | POLLHUP))) {
		(void)raise(SIGPIPE);
		exit(report_errno(EPIPE, "cannot write to stdout"));
	}
}

static enum exit_code watch_events(struct watcher *watcher)
{
	enum exit_code code = open_stream(watcher);
	struct rm_event event;

	while (code == EXIT_DONE) {
		int r = rm_watch_next(watcher->watch, 0, &event);

		if (r == CODE_SUCCESS) {
			code = print_event(watcher, &event);
		} else if (r == CODE_SEM_TIMEOUT) {
			wait_for_event(watcher);
		} else if (r == CODE_SERVER_UNAVAILABLE) {
			code = reopen_stream(watcher);
		} else {
			code = report_failure(r, NULL);
		}
		if (watcher->options->count && watcher->n_printed == watcher->options->count) {
			break;
		}
	}
	return code;
}

enum exit_code cmd_watch(const struct options *options)
{
	_cleanup_(watcher_done) struct watcher watcher = {
		.options = options,
		.colors = output_has_colors(options),
	};

	return watch_events(&watcher);
}
