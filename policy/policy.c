/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A library does not exit: out of memory, the element is left out of the table. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->added = false)
/* uthash's default has fall-throughs that clang warns about. */
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

#define MAX_WARNINGS 100

struct entry {
	UT_hash_handle hh;
	struct mj_grant grant;
	struct mj_origin origin;
	bool added;
	char module[];
};

/* Names of files, kept for the origins that refer to them. */
struct file_name {
	struct file_name *next;
	char text[];
};

struct mj_policy {
	struct entry *entries; /* by module path */
	struct entry **sorted; /* the same in order of path */
	size_t count;
	struct mj_grant floor; /* what every subject may do */
	struct mj_grant otherwise;
	struct file_name *files;
	char *main_module;
	struct mj_warnings warnings;
};

static int
out_of_memory(struct mj_error *err)
{
	return mj_error_set(err, MJ_ERR_MEMORY, "out of memory for the policy");
}

int
mj_policy_create(struct mj_policy **ret, struct mj_error *err)
{
	struct mj_policy *policy = calloc(1, sizeof(*policy));
	if (!policy)
		return out_of_memory(err);
	policy->otherwise = mj_grant_unconfined();
	policy->floor = policy->otherwise;
	*ret = policy;
	return 0;
}

void
mj_policy_destroy(struct mj_policy *policy)
{
	if (!policy)
		return;
	struct entry *entry;
	struct entry *next;
	HASH_ITER (hh, policy->entries, entry, next) {
		HASH_DEL(policy->entries, entry);
		free(entry);
	}
	while (policy->files) {
		struct file_name *file = policy->files;
		policy->files = file->next;
		free(file);
	}
	mj_warnings_finish(&policy->warnings);
	free(policy->sorted);
	free(policy->main_module);
	free(policy);
}

/* The policy's own copy of a file name. */
static const char *
keep_file_name(struct mj_policy *policy, const char *name)
{
	for (struct file_name *file = policy->files; file; file = file->next) {
		if (strcmp(file->text, name) == 0)
			return file->text;
	}
	size_t size = strlen(name) + 1;
	struct file_name *file = malloc(sizeof(*file) + size);
	if (!file)
		return NULL;
	memcpy(file->text, name, size);
	file->next = policy->files;
	policy->files = file;
	return file->text;
}

static struct entry *
find(const struct mj_policy *policy, const char *module)
{
	struct entry *entry = NULL;
	HASH_FIND_STR(policy->entries, module, entry);
	return entry;
}

static struct entry *
add_entry(struct mj_policy *policy, const char *module)
{
	size_t len = strlen(module);
	struct entry *entry = calloc(1, sizeof(*entry) + len + 1);
	if (!entry)
		return NULL;
	memcpy(entry->module, module, len);
	entry->added = true;
	HASH_ADD_KEYPTR(hh, policy->entries, entry->module, len, entry);
	if (!entry->added) {
		free(entry);
		return NULL;
	}
	return entry;
}

int
mj_policy_put(struct mj_policy *policy, const char *module, struct mj_grant grant,
              struct mj_origin origin, struct mj_error *err)
{
	const char *file = keep_file_name(policy, origin.file ? origin.file : "");
	if (!file)
		return out_of_memory(err);
	struct entry *entry = find(policy, module);
	if (!entry)
		entry = add_entry(policy, module);
	if (!entry)
		return out_of_memory(err);
	entry->grant = grant;
	entry->origin = (struct mj_origin){ .file = file, .line = origin.line };
	return 0;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *const *left = a;
	const struct entry *const *right = b;
	return strcmp((*left)->module, (*right)->module);
}

int
mj_policy_index(struct mj_policy *policy, struct mj_error *err)
{
	size_t count = HASH_COUNT(policy->entries);
	struct entry **sorted = calloc(count + 1, sizeof(struct entry *));
	if (!sorted)
		return out_of_memory(err);
	policy->floor = policy->otherwise;
	size_t i = 0;
	for (struct entry *entry = policy->entries; entry; entry = entry->hh.next) {
		policy->floor = mj_grant_intersect(policy->floor, entry->grant);
		sorted[i++] = entry;
	}
	qsort(sorted, count, sizeof(*sorted), compare_entries);
	free(policy->sorted);
	policy->sorted = sorted;
	policy->count = count;
	return 0;
}

bool
mj_is_module_path(const char *module)
{
	if (!*module)
		return false;
	for (const char *c = module; *c; c++) {
		if (*c <= ' ' || *c >= 0x7f || strchr("\"'`\\,=", *c))
			return false;
	}
	return true;
}

static int
check_settable(const char *module, struct mj_error *err)
{
	static const char *const reserved[] = { "std", "c", "unattributed" };
	for (size_t i = 0; i < MJ_ARRAY_LEN(reserved); i++) {
		if (strcmp(module, reserved[i]) == 0)
			return mj_error_set(
				err, MJ_ERR_USAGE,
				"\"%s\" is not a module and cannot have a policy of its own",
				module);
	}
	if (!mj_is_module_path(module))
		return mj_error_set(err, MJ_ERR_USAGE, "\"%s\" is not a module path", module);
	return 0;
}

int
mj_policy_set(struct mj_policy *policy, const char *module, struct mj_grant grant,
              struct mj_origin origin, struct mj_error *err)
{
	if (check_settable(module, err) < 0 ||
	    mj_policy_put(policy, module, grant, origin, err) < 0)
		return -1;
	return mj_policy_index(policy, err);
}

/* One "MODULE=POLICY"; item is cut apart in place. */
static int
parse_item(char *item, struct mj_grant *ret, struct mj_error *err)
{
	char *equals = strchr(item, '=');
	if (!equals)
		return mj_error_set(err, MJ_ERR_USAGE, "\"%s\" is not MODULE=POLICY", item);
	*equals = '\0';
	if (check_settable(item, err) < 0)
		return -1;
	if (!mj_grant_parse(equals + 1, ret))
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "unknown policy \"%s\" for %s; known: confined, unconfined",
		                    equals + 1, item);
	return 0;
}

/* Goes through the list; sets what it says only if policy is not NULL. */
static int
walk_flag(struct mj_policy *policy, const char *flag, struct mj_error *err)
{
	MJ_AUTO_FREE char *copy = strdup(flag);
	if (!copy)
		return out_of_memory(err);
	char *rest = copy;
	for (char *item = strsep(&rest, ","); item; item = strsep(&rest, ",")) {
		struct mj_grant grant;
		struct mj_origin origin = { .file = "--policy" };
		if (parse_item(item, &grant, err) < 0)
			return -1;
		if (policy && mj_policy_put(policy, item, grant, origin, err) < 0)
			return -1;
	}
	return policy ? mj_policy_index(policy, err) : 0;
}

int
mj_policy_set_flag(struct mj_policy *policy, const char *flag, struct mj_error *err)
{
	if (walk_flag(NULL, flag, err) < 0)
		return -1;
	return walk_flag(policy, flag, err);
}

const char *
mj_policy_main_module(const struct mj_policy *policy)
{
	return policy->main_module;
}

void
mj_policy_set_main_module(struct mj_policy *policy, char *module)
{
	free(policy->main_module);
	policy->main_module = module;
}

size_t
mj_policy_count(const struct mj_policy *policy)
{
	return policy->count;
}

const char *
mj_policy_module(const struct mj_policy *policy, size_t index)
{
	return index < policy->count ? policy->sorted[index]->module : NULL;
}

struct mj_origin
mj_policy_origin(const struct mj_policy *policy, size_t index)
{
	return index < policy->count ? policy->sorted[index]->origin : (struct mj_origin){ 0 };
}

struct mj_grant
mj_policy_grant_at(const struct mj_policy *policy, size_t index)
{
	return index < policy->count ? policy->sorted[index]->grant : (struct mj_grant){ 0 };
}

struct mj_grant
mj_policy_grant(const struct mj_policy *policy, const char *module, bool is_main)
{
	const struct entry *entry = find(policy, module);
	if (!entry && is_main)
		entry = find(policy, "main");
	return entry ? entry->grant : policy->otherwise;
}

struct mj_grant
mj_policy_unattributed(const struct mj_policy *policy)
{
	return policy->floor;
}

struct mj_grant
mj_policy_c(const struct mj_policy *policy)
{
	return policy->floor;
}

mj_caps
mj_policy_denied(const struct mj_policy *policy)
{
	return MJ_CAPS_ALL & ~policy->floor.caps;
}

int
mj_warnings_add(struct mj_warnings *warnings, struct mj_error *err, const char *fmt, ...)
{
	if (warnings->count > MAX_WARNINGS)
		return 0;
	char **texts = realloc(warnings->texts, (warnings->count + 1) * sizeof(*texts));
	if (!texts)
		return out_of_memory(err);
	warnings->texts = texts;
	char *text = NULL;
	if (warnings->count == MAX_WARNINGS) {
		text = strdup("more warnings of this kind are left out");
	} else {
		va_list ap;
		va_start(ap, fmt);
		if (vasprintf(&text, fmt, ap) < 0)
			text = NULL;
		va_end(ap);
	}
	if (!text)
		return out_of_memory(err);
	texts[warnings->count++] = text;
	return 0;
}

void
mj_warnings_finish(struct mj_warnings *warnings)
{
	for (size_t i = 0; i < warnings->count; i++)
		free(warnings->texts[i]);
	free(warnings->texts);
	*warnings = (struct mj_warnings){ 0 };
}

int
mj_policy_take_warnings(struct mj_policy *policy, struct mj_warnings *warnings,
                        struct mj_error *err)
{
	for (size_t i = 0; i < warnings->count; i++) {
		if (mj_warnings_add(&policy->warnings, err, "%s", warnings->texts[i]) < 0)
			return -1;
	}
	mj_warnings_finish(warnings);
	return 0;
}

size_t
mj_policy_warning_count(const struct mj_policy *policy)
{
	return policy->warnings.count;
}

const char *
mj_policy_warning(const struct mj_policy *policy, size_t index)
{
	return index < policy->warnings.count ? policy->warnings.texts[index] : NULL;
}
