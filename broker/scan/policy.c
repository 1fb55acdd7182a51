/* SPDX-License-Identifier: MIT */
/*
 * What policies decide. The last file that matches does, so the rules are gone through from the
 * end; within a file any pattern will do.
 *
 * Changes are seen by the times of directories and files, so that a question costs a stat(2) of
 * each and no reading.
 */
#include "broker/scan/policy.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "broker/scan/policy_package.h"
#include "broker/scan/policy_set.h"
#include "broker/services.h"

#define DPKG_INFO "/var/lib/dpkg/info"

static const char *const default_directories[] = {
	"/etc/rstrtmgr/policy.d",
	"/run/rstrtmgr/policy.d",
	"/usr/local/lib/rstrtmgr/policy.d",
	"/usr/lib/rstrtmgr/policy.d",
	NULL,
};

struct policy {
	const char *const *directories; /* borrowed */
	const char *dpkg_info;		/* borrowed */
	struct policy_set set;
	struct policy_packages *packages;   /* owned: one a rule, read when first needed */
	struct policy_stamp packages_stamp; /* its path is borrowed */
};

static void forget_packages(struct policy *policy)
{
	for (size_t i = 0; policy->packages && i < policy->set.n_rules; i++) {
		policy_packages_done(&policy->packages[i]);
	}
	free(TAKE_PTR(policy->packages));
}

int policy_new(const struct policy_options *options, struct policy **ret_policy)
{
	struct policy *policy = calloc(1, sizeof(*policy));
	int r;

	if (!policy) {
		return -ENOMEM;
	}
	policy->directories = options->directories ? options->directories : default_directories;
	policy->dpkg_info = options->dpkg_info ? options->dpkg_info : DPKG_INFO;
	r = policy_set_read(policy->directories, &policy->set);
	if (r < 0) {
		free(policy);
		return r;
	}
	*ret_policy = policy;
	return 0;
}

struct policy *policy_free(struct policy *policy)
{
	if (policy) {
		forget_packages(policy);
		policy_set_done(&policy->set);
		free(policy);
	}
	return NULL;
}

int policy_refresh(struct policy *policy)
{
	struct policy_set set;
	int r;

	if (policy_set_is_current(&policy->set)) {
		return 0;
	}
	r = policy_set_read(policy->directories, &set);
	if (r < 0) {
		return r;
	}
	forget_packages(policy);
	policy_set_done(&policy->set);
	policy->set = set;
	return 1;
}

const char *const *policy_warnings(const struct policy *policy, size_t *ret_n)
{
	*ret_n = policy->set.n_warnings;
	return (const char *const *)policy->set.warnings;
}

/* ---- packages ---- */

static int read_rule_packages(const struct policy *policy, const struct policy_rule *rule,
			      struct policy_packages *ret_packages)
{
	_cleanup_(freep) const char **globs = calloc(rule->n_patterns, sizeof(*globs));
	size_t n = 0;

	if (!globs) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < rule->n_patterns; i++) {
		if (rule->patterns[i].key == POLICY_PACKAGE) {
			globs[n++] = rule->patterns[i].glob;
		}
	}
	return n ? policy_packages_read(policy->dpkg_info, globs, n, ret_packages) : 0;
}

/* The files of a rule's packages, NULL when there are none or no memory for them. */
static const struct policy_packages *find_packages(struct policy *policy, size_t rule)
{
	struct policy_stamp now = {.path = (char *)policy->dpkg_info};

	if (policy->packages && !policy_stamp_is_current(&policy->packages_stamp)) {
		forget_packages(policy);
	}
	if (!policy->packages) {
		size_t n = policy->set.n_rules;
		int r = 0;

		policy_stamp_take(&now);
		policy->packages = calloc(n, sizeof(*policy->packages));
		policy->packages_stamp = now;
		for (size_t i = 0; policy->packages && r == 0 && i < n; i++) {
			r = read_rule_packages(policy, &policy->set.rules[i], &policy->packages[i]);
		}
		if (r < 0) {
			forget_packages(policy);
		}
	}
	return policy->packages ? &policy->packages[rule] : NULL;
}

/* ---- deciding ---- */

static void decide(const struct policy_rule *rule, const struct policy_pattern *pattern,
		   struct policy_decision *ret_decision)
{
	*ret_decision = (struct policy_decision){
		.file = rule->path,
		.name = rule->name,
		.rule = pattern->text,
		.reason = rule->reason,
		.is_critical = rule->is_critical,
	};
}

/* "system:" or "user:" in front of a pattern asks for the manager. */
static bool matches_unit(const char *glob, const char *unit, bool is_user)
{
	if (strncmp(glob, "user:", 5) == 0) {
		return is_user && fnmatch(glob + 5, unit, 0) == 0;
	}
	if (strncmp(glob, "system:", 7) == 0) {
		return !is_user && fnmatch(glob + 7, unit, 0) == 0;
	}
	return fnmatch(glob, unit, 0) == 0;
}

static bool matches_executable(const char *glob, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (glob[0] == '/') {
		return fnmatch(glob, path, FNM_PATHNAME) == 0;
	}
	return fnmatch(glob, slash ? slash + 1 : path, 0) == 0;
}

static bool matches(struct policy *policy, size_t rule, const struct policy_pattern *pattern,
		    const struct policy_subject *subject)
{
	const struct policy_packages *packages;

	switch (pattern->key) {
	case POLICY_UNIT:
		return subject->unit && *subject->unit &&
		       matches_unit(pattern->glob, subject->unit, subject->is_user);
	case POLICY_EXECUTABLE:
		return subject->executable && *subject->executable &&
		       matches_executable(pattern->glob, subject->executable);
	case POLICY_PACKAGE:
		if (subject->package) {
			return fnmatch(pattern->glob, subject->package, 0) == 0;
		}
		if (!subject->executable || subject->executable[0] != '/') {
			return false;
		}
		packages = find_packages(policy, rule);
		return packages && policy_packages_have(packages, subject->executable);
	case _POLICY_KEY_COUNT:
		break;
	}
	return false;
}

/* Goes on from what was decided before, if that is by a later file. */
static void decide_by(struct policy *policy, const struct policy_subject *subject,
		      struct policy_decision *decision)
{
	for (size_t i = policy->set.n_rules; i-- > 0;) {
		const struct policy_rule *rule = &policy->set.rules[i];

		if (decision->file && strcmp(rule->name, decision->name) <= 0) {
			return;
		}
		for (size_t j = 0; j < rule->n_patterns; j++) {
			if (matches(policy, i, &rule->patterns[j], subject)) {
				decide(rule, &rule->patterns[j], decision);
				return;
			}
		}
	}
}

void policy_decide(struct policy *policy, const struct policy_subject *subject,
		   struct policy_decision *ret_decision)
{
	*ret_decision = (struct policy_decision){0};
	decide_by(policy, subject, ret_decision);
}

void policy_find_name(struct policy *policy, const char *name, struct policy_decision *ret_decision)
{
	struct policy_subject subject = {.executable = name};
	struct service_name unit;

	*ret_decision = (struct policy_decision){0};
	decide_by(policy, &subject, ret_decision);
	if (name[0] == '/') {
		return;
	}
	if (services_parse_name(name, strlen(name), &unit) == 0 && unit.is_possible) {
		subject = (struct policy_subject){.unit = unit.unit};
		if (unit.manager != SERVICES_USER) {
			decide_by(policy, &subject, ret_decision);
		}
		if (unit.manager != SERVICES_SYSTEM) {
			subject.is_user = true;
			decide_by(policy, &subject, ret_decision);
		}
	}
	subject = (struct policy_subject){.package = name};
	decide_by(policy, &subject, ret_decision);
}
