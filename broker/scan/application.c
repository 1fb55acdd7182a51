/* SPDX-License-Identifier: MIT */
/*
 * The rules, in their order. Types follow A54 as A55 narrows it: as long as a program has not
 * registered with us nobody can ask it, so a window or a terminal makes it RmUnknownApp, which
 * Windows' callers know as "only by force".
 *
 * One sort of program is left that A55 lets us end without force: it catches SIGTERM and has
 * neither a window nor a controlling terminal. RmUnknownApp would be wrong for it ("can only be
 * closed by a forced shutdown"), and it is no console program (A59: those are never ended
 * without force). So it is RmOtherWindow: no window of its own, and closed normally.
 *
 * A fact that is unknown never makes a program easier to stop.
 */
#include "broker/scan/application.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/text.h"

#define SIGTERM_BIT (UINT64_C(1) << (SIGTERM - 1))

#define NOT_REGISTERED "it has not registered for restart"

/* Desktop shells, as units of a user's manager. The text of A54 tests them after services, where
 * none would be left over; they are the special case of them. */
static const char *const shell_units[] = {
	"org.gnome.Shell@*.service", "plasma-plasmashell.service", "xfce4-panel.service",
	"xfdesktop.service",	     "mate-panel.service",	   "cinnamon.service",
	"lxqt-panel.service",	     "cosmic-panel.service",
};

static const char *const shell_desktop_ids[] = {
	"org.kde.plasmashell",
	"org.gnome.Shell",
	"xfce4-panel",
	"lxqt-panel",
};

const char *application_way_name(enum application_way way)
{
	static const char *const names[_WAY_COUNT] = {
		[WAY_NEVER] = "never",
		[WAY_FORCE] = "force",
		[WAY_SIGTERM] = "sigterm",
		[WAY_MANAGER] = "manager",
	};

	return names[way];
}

unsigned int application_order(enum application_type type)
{
	switch (type) {
	case APPLICATION_MAIN_WINDOW:
	case APPLICATION_OTHER_WINDOW:
		return 0;
	case APPLICATION_CONSOLE:
		return 1;
	case APPLICATION_SERVICE:
		return 2;
	case APPLICATION_EXPLORER:
		return 3;
	case APPLICATION_UNKNOWN:
		return 4;
	case APPLICATION_CRITICAL:
		break;
	}
	return 5;
}

void application_context_init(struct application_context *context, int proc_fd, bool is_system)
{
	struct stat st;
	struct statx root;

	*context = (struct application_context){.is_system = is_system, .own_uid = geteuid()};
	if (fstatat(proc_fd, "self/ns/mnt", &st, 0) == 0 &&
	    statx(proc_fd, "self/root", AT_STATX_DONT_SYNC, STATX_INO, &root) == 0) {
		context->mount_namespace = st.st_ino;
		context->root_device = (uint64_t)root.stx_dev_major << 32 | root.stx_dev_minor;
		context->root_inode = root.stx_ino;
	}
}

/* What the rules have in hand. */
struct judgement {
	const struct application_context *context;
	const struct process_facts *facts;
	const struct machine_view *view;
	struct application *application;
	bool is_service; /* of a .service that is no desktop program's */
};

/* The first rule that holds is the one that is told. */
_printf_(2, 3) static void say(struct judgement *judgement, const char *format, ...)
{
	struct application *application = judgement->application;
	char text[APPLICATION_WHY_BYTES];
	va_list arguments;

	if (*application->why) {
		return;
	}
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)text_clean(text, strlen(text), application->why, sizeof(application->why));
}

static bool knows(const struct judgement *judgement, uint32_t facts)
{
	return process_facts_know(judgement->facts, facts);
}

static bool has(const struct judgement *judgement, uint32_t properties)
{
	return judgement->view && (judgement->view->is & properties);
}

/* ---- containers ---- */

static void find_container(const struct application_context *context,
			   const struct process_facts *facts, struct application *application)
{
	const struct cgroup_facts *cgroup = &facts->cgroup;

	if (process_facts_know(facts, FACT_CGROUP) && cgroup->container) {
		application->container = cgroup->container;
		(void)text_clean(cgroup->container_name, strlen(cgroup->container_name),
				 application->container_name, sizeof(application->container_name));
		return;
	}
	/* Services have a mount namespace for their PrivateTmp= or RootImage=, desktop programs
	 * for their sandbox: they are what their unit says. */
	if (!process_facts_know(facts, FACT_CGROUP | FACT_NAMESPACES | FACT_ROOT) ||
	    !context->mount_namespace || *cgroup->service || cgroup->is_app_scope ||
	    facts->mount_namespace == context->mount_namespace ||
	    (facts->root_device == context->root_device &&
	     facts->root_inode == context->root_inode)) {
		return;
	}
	application->container = CONTAINER_NAMESPACE;
	(void)snprintf(application->container_name, sizeof(application->container_name),
		       "mnt:[%llu]", (unsigned long long)facts->mount_namespace);
}

/* ---- reasons ---- */

static void set_critical(struct judgement *judgement)
{
	judgement->application->reasons |=
		judgement->is_service ? REASON_CRITICAL_SERVICE : REASON_CRITICAL_PROCESS;
}

static void judge_self(struct judgement *judgement, enum self_relation relation)
{
	static const char *const texts[_SELF_RELATION_COUNT] = {
		[SELF_PRIMARY] = "it is the installer itself",
		[SELF_JOINED] = "it is an installer that joined the session",
		[SELF_ANCESTOR] = "the installer runs under it",
		[SELF_TERMINAL] = "it holds the terminal of the installer",
	};

	if (relation != SELF_NONE) {
		judgement->application->reasons |=
			relation == SELF_PRIMARY ? REASON_SELF : REASON_CRITICAL_PROCESS;
		say(judgement, "%s", texts[relation]);
	}
}

/* Whether it belongs to another user's login, and not to the machine. */
static bool is_in_login(const struct process_facts *facts)
{
	const struct cgroup_facts *cgroup = &facts->cgroup;

	if (process_facts_know(facts, FACT_CGROUP) &&
	    (cgroup->is_user || *cgroup->login_session || *cgroup->service)) {
		return cgroup->is_user || *cgroup->login_session;
	}
	return process_facts_know(facts, FACT_AUDIT_SESSION) &&
	       facts->audit_session != NO_AUDIT_SESSION;
}

static void judge_owner(struct judgement *judgement)
{
	const struct process_facts *facts = judgement->facts;
	uid_t own = judgement->context->own_uid;
	bool is_foreign =
		knows(judgement, FACT_STATUS) && facts->uid != own && facts->real_uid != own;

	if (knows(judgement, FACT_SIGNAL) && !facts->may_signal) {
		judgement->application->reasons |= REASON_DENIED;
		say(judgement, "not permitted to signal it");
	} else if (is_foreign && !judgement->context->is_system) {
		judgement->application->reasons |= REASON_DENIED;
		say(judgement, "it belongs to another user (uid %u)", facts->real_uid);
	}
	if (is_foreign && judgement->context->is_system && is_in_login(facts)) {
		judgement->application->reasons |= REASON_SESSION;
	}
}

/* ---- critical by property ---- */

static const char *manager_text(const struct judgement *judgement)
{
	if (judgement->facts->pid == 1) {
		return "it is PID 1";
	}
	if (!knows(judgement, FACT_CGROUP) || !judgement->facts->cgroup.is_manager) {
		return NULL;
	}
	return judgement->facts->cgroup.is_user ? "it is a user's service manager"
						: "it is the system's service manager";
}

/* Units of the system's manager, which nobody but root can name. */
static const char *unit_text(const struct judgement *judgement)
{
	static const struct {
		const char *unit;
		const char *text;
	} units[] = {
		{"systemd-logind.service", "it is logind"},
		{"elogind.service", "it is logind"},
		{"polkit.service", "it is polkit"},
		{"dbus.service", "it is the message bus"},
		{"dbus-broker.service", "it is the message bus"},
	};
	const struct cgroup_facts *cgroup = &judgement->facts->cgroup;

	if (!knows(judgement, FACT_CGROUP)) {
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		/* The buses of users have the same name. */
		if (strcmp(cgroup->service, units[i].unit) == 0 &&
		    (!cgroup->is_user || strncmp(units[i].unit, "dbus", 4) == 0)) {
			return units[i].text;
		}
	}
	return NULL;
}

static bool is_storage_daemon(const struct judgement *judgement)
{
	/* systemd leaves those alone at shutdown, when they are root's. */
	return process_facts_argv0(judgement->facts)[0] == '@' && knows(judgement, FACT_STATUS) &&
	       judgement->facts->real_uid == 0;
}

static void judge_process(struct judgement *judgement)
{
	const struct process_facts *facts = judgement->facts;
	const char *text = manager_text(judgement);
	int pty;

	text = text ? text : unit_text(judgement);
	if (text) {
		set_critical(judgement);
		say(judgement, "%s", text);
	}
	if (is_storage_daemon(judgement)) {
		set_critical(judgement);
		say(judgement, "it is a storage daemon (its argv[0] begins with @)");
	}
	if (knows(judgement, FACT_STATUS) && facts->tracer) {
		set_critical(judgement);
		say(judgement, "it is traced by process %d", facts->tracer);
	}
	if (facts->session == facts->pid && process_facts_has_terminal(facts, &pty)) {
		set_critical(judgement);
		say(judgement,
		    pty >= 0 ? "it leads the session of terminal pts/%d"
			     : "it leads the session of a terminal",
		    pty);
	}
	if (fnmatch("wineserver*", process_facts_name(facts), 0) == 0) {
		set_critical(judgement);
		say(judgement, "it is a wineserver: Windows programs depend on it");
	}
}

static void judge_machine(struct judgement *judgement)
{
	static const struct {
		uint32_t property;
		const char *text;
	} rules[] = {
		{MACHINE_DISPLAY_SERVER, "it is a display server"},
		{MACHINE_BUS, "it is a message bus"},
		{MACHINE_KEY_AGENT, "it is a key agent"},
		{MACHINE_FUSE_SERVER, "it serves a mounted file system (FUSE)"},
	};
	const struct machine_view *view = judgement->view;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (has(judgement, rules[i].property)) {
			set_critical(judgement);
			say(judgement, "%s", rules[i].text);
		}
	}
	if (has(judgement, MACHINE_BLOCK_DEVICE)) {
		set_critical(judgement);
		say(judgement, "it holds the block device %s", view->device);
	}
	if (has(judgement, MACHINE_LIVE_PTY)) {
		set_critical(judgement);
		say(judgement, "it holds the terminal pts/%d, which is in use", view->live_pty);
	} else if (has(judgement, MACHINE_PTY_MASTER) && (view->unknown & MACHINE_LIVE_PTY)) {
		set_critical(judgement);
		say(judgement, "it holds a terminal, and whether that is in use is not known");
	}
	if (has(judgement, MACHINE_PACKAGE_LOCK)) {
		set_critical(judgement);
		say(judgement, "it holds the package manager's lock %s", view->lock);
	}
}

static void judge_policy(struct judgement *judgement, const struct policy_decision *policy)
{
	if (!policy || !policy->file) {
		return;
	}
	judgement->application->policy_file = policy->file;
	if (policy->is_critical) {
		set_critical(judgement);
		say(judgement, "policy %s: %s", policy->name, policy->reason);
	}
}

static void judge_container(struct judgement *judgement)
{
	if (judgement->application->container) {
		judgement->application->reasons |= REASON_CRITICAL_PROCESS;
		say(judgement, "in container %s", judgement->application->container_name);
	}
}

/* ---- types ---- */

static bool is_shell(const struct judgement *judgement)
{
	const struct cgroup_facts *cgroup = &judgement->facts->cgroup;

	if (!knows(judgement, FACT_CGROUP) || !cgroup->is_user) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(shell_units); i++) {
		if (fnmatch(shell_units[i], cgroup->service, 0) == 0) {
			return true;
		}
	}
	for (size_t i = 0; cgroup->is_app_service && i < ARRAY_SIZE(shell_desktop_ids); i++) {
		if (strcmp(shell_desktop_ids[i], cgroup->desktop_id) == 0) {
			return true;
		}
	}
	return false;
}

static void set_type(struct judgement *judgement, enum application_type type,
		     enum application_way way)
{
	judgement->application->type = type;
	judgement->application->way = way;
}

static void judge_unit(struct judgement *judgement)
{
	bool is_shell_unit = is_shell(judgement);

	set_type(judgement, is_shell_unit ? APPLICATION_EXPLORER : APPLICATION_SERVICE,
		 WAY_MANAGER);
	judgement->application->is_restartable = true;
	judgement->application->why_not_restartable = "";
	say(judgement, "it belongs to the %s service %s",
	    judgement->facts->cgroup.is_user ? "user" : "system", judgement->facts->cgroup.service);
}

/* A program that no manager knows (A55). */
static void judge_program(struct judgement *judgement)
{
	const struct process_facts *facts = judgement->facts;
	const char *obstacle = NULL;
	int pty;

	set_type(judgement, APPLICATION_UNKNOWN, WAY_FORCE);
	if (has(judgement, MACHINE_DISPLAY_CLIENT)) {
		obstacle = "it has a connection to the display";
	} else if (process_facts_has_terminal(facts, &pty)) {
		obstacle = "it has a terminal";
	} else if (!judgement->view || (judgement->view->unknown & MACHINE_DISPLAY_CLIENT)) {
		obstacle = "whether it has a window is not known";
	} else if (!knows(judgement, FACT_STATUS)) {
		obstacle = "what it does on SIGTERM is not known";
	} else if (!(facts->signals_caught & SIGTERM_BIT)) {
		obstacle = "it does not catch SIGTERM";
	} else if (knows(judgement, FACT_CGROUP) && facts->cgroup.sandbox) {
		obstacle = facts->cgroup.sandbox == SANDBOX_FLATPAK ? "it is a flatpak program"
								    : "it is a snap program";
	}
	if (obstacle) {
		say(judgement, "cannot be asked: %s", obstacle);
		return;
	}
	set_type(judgement, APPLICATION_OTHER_WINDOW, WAY_SIGTERM);
	say(judgement, "it catches SIGTERM and has neither window nor terminal");
}

void application_classify(const struct application_context *context,
			  const struct application_input *input,
			  struct application *ret_application)
{
	const struct process_facts *facts = input->facts;
	const uint32_t critical =
		REASON_DENIED | REASON_CRITICAL_PROCESS | REASON_CRITICAL_SERVICE | REASON_SELF;
	struct application application = {
		.ts_session = input->ts_session,
		.why_not_restartable = NOT_REGISTERED,
		.policy_file = "",
	};
	struct judgement judgement = {
		.context = context,
		.facts = facts,
		.view = input->view,
		.application = &application,
		.is_service = process_facts_know(facts, FACT_CGROUP) && *facts->cgroup.service &&
			      !facts->cgroup.is_app_service,
	};

	find_container(context, facts, &application);
	judge_self(&judgement, input->self);
	judge_container(&judgement);
	judge_process(&judgement);
	judge_machine(&judgement);
	judge_policy(&judgement, input->policy);
	judge_owner(&judgement);
	if (application.reasons & critical) {
		set_type(&judgement, APPLICATION_CRITICAL, WAY_NEVER);
		application.why_not_restartable = "it is not stopped";
	} else if (judgement.is_service || is_shell(&judgement)) {
		judge_unit(&judgement);
	} else {
		judge_program(&judgement);
	}
	*ret_application = application;
}

void application_merge(struct application *into, const struct application *other)
{
	uint32_t reasons = into->reasons | other->reasons;
	/* The entry is listed under `into`, and stopped as its most careful part allows. */
	bool is_worse = other->type == APPLICATION_CRITICAL ? into->type != APPLICATION_CRITICAL
							    : other->way < into->way;

	if (is_worse) {
		uint32_t ts_session = into->ts_session;

		*into = *other;
		into->ts_session = ts_session;
	}
	into->reasons = reasons;
}

void application_format_key(const struct process_facts *facts,
			    const struct application *application, bool is_one_scope,
			    char ret_key[APPLICATION_KEY_BYTES])
{
	const struct cgroup_facts *cgroup = &facts->cgroup;
	bool is_known = process_facts_know(facts, FACT_CGROUP);
	char manager[32] = "system";

	if (is_known && cgroup->is_user) {
		(void)snprintf(manager, sizeof(manager), "user-%u", cgroup->manager_uid);
	}
	if (application->container) {
		(void)snprintf(ret_key, APPLICATION_KEY_BYTES, "container:%s:%s",
			       container_kind_name(application->container),
			       application->container_name);
	} else if (is_known && *cgroup->service) {
		(void)snprintf(ret_key, APPLICATION_KEY_BYTES, "%s:%s", manager, cgroup->service);
	} else if (is_known && cgroup->is_app_scope && is_one_scope) {
		(void)snprintf(ret_key, APPLICATION_KEY_BYTES, "%s:%s", manager, cgroup->scope);
	} else {
		(void)snprintf(ret_key, APPLICATION_KEY_BYTES, "process:%d:%llu", facts->pid,
			       (unsigned long long)facts->start_time);
	}
}
