/* SPDX-License-Identifier: MIT */
/*
 * A word with a slash is an executable, another one the name of a unit or of a user: both, where
 * it can be both. User names are those of /etc/passwd: a directory service must not be waited for.
 */
#include "broker/scan/never_stop.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "broker/services.h"
#include "proto/text.h"

static void fclosep(FILE **file)
{
	if (*file) {
		(void)fclose(*file);
	}
}

static bool find_uid(const char *name, uid_t *ret_uid)
{
	_cleanup_(fclosep) FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry;

	while (file && (entry = fgetpwent(file))) {
		if (strcmp(entry->pw_name, name) == 0) {
			*ret_uid = entry->pw_uid;
			return true;
		}
	}
	return false;
}

static bool is_unit(const char *word, const struct cgroup_facts *cgroup)
{
	struct service_name name;

	return services_parse_name(word, strlen(word), &name) == 0 &&
	       ((cgroup->service[0] &&
		 services_name_matches(&name, cgroup->service, cgroup->is_user)) ||
		(cgroup->scope[0] && services_name_matches(&name, cgroup->scope, cgroup->is_user)));
}

static bool means(const char *word, const struct entry *entry)
{
	bool is_path = strchr(word, '/') != NULL;
	uid_t uid = 0;
	bool is_user = !is_path && find_uid(word, &uid);

	for (size_t i = 0; i < entry->n_members; i++) {
		const struct process_facts *facts = entry->members[i]->facts;

		if (is_path ? facts->exe && strcmp(facts->exe, word) == 0
			    : is_unit(word, &facts->cgroup) || (is_user && facts->uid == uid)) {
			return true;
		}
	}
	return false;
}

const char *never_stop_find(const struct entries_context *context, const struct entry *entry,
			    char *ret_word, size_t size)
{
	const Rmscan__ScanBegin *begin = context->begin;

	for (size_t i = 0; i < begin->n_never_stop; i++) {
		char word[MAX_PATH_BYTES];
		const ProtobufCBinaryData *field = &begin->never_stop[i];

		if (field->len < sizeof(word) && !memchr(field->data, '\0', field->len)) {
			memcpy(word, field->data, field->len);
			word[field->len] = '\0';
			if (means(word, entry)) {
				(void)text_clean(word, field->len, ret_word, size);
				return ret_word;
			}
		}
	}
	return NULL;
}
