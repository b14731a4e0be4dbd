/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A library does not exit: out of memory, the element is left out of the table. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->added = false)
/* uthash's default has fall-throughs that clang warns about. */
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

struct entry {
	UT_hash_handle hh;
	struct mj_rule rule; /* its items are owned */
	bool added;
	char module[];
};

/* Strings of files, kept for the rules that refer to them. */
struct kept {
	struct kept *next;
	char text[];
};

struct mj_policy {
	struct entry *entries; /* by module path */
	struct entry **sorted; /* the same in order of path */
	size_t count;
	struct mj_rule otherwise; /* of modules that nothing names */
	struct mj_rule nobody;    /* of stacks without a module: what was set... */
	struct mj_rule floor;     /* ...or else what every module may do */
	struct mj_grant everyone; /* what every subject may do */
	enum mj_action override;
	struct mj_rule action; /* its action and errno alone */
	bool std_strict;
	struct mj_policy_program *programs;
	size_t nprograms;
	struct kept *kept;
	char *main_module;
	const char *program; /* kept */
	struct mj_origin program_origin;
	struct mj_warnings warnings, errors;
};

static int
out_of_memory(struct mj_error *err)
{
	return mj_error_set(err, MJ_ERR_MEMORY, "out of memory for the policy");
}

/* ---- making and ending one ------------------------------------------------------------------ */

int
mj_policy_create(struct mj_policy **ret, struct mj_error *err)
{
	struct mj_policy *policy = calloc(1, sizeof(*policy));
	if (!policy)
		return out_of_memory(err);
	policy->otherwise.grant = mj_grant_unconfined();
	if (mj_policy_index(policy, err) < 0) {
		free(policy);
		return -1;
	}
	*ret = policy;
	return 0;
}

static void
free_items(struct mj_rule *rule)
{
	free((void *)(uintptr_t)rule->items); /* items is const for those who read the rule */
	rule->items = NULL;
	rule->nitems = 0;
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
		free_items(&entry->rule);
		free(entry);
	}
	free_items(&policy->otherwise);
	free_items(&policy->nobody);
	while (policy->kept) {
		struct kept *kept = policy->kept;
		policy->kept = kept->next;
		free(kept);
	}
	mj_warnings_finish(&policy->warnings);
	mj_warnings_finish(&policy->errors);
	free(policy->programs);
	free(policy->sorted);
	free(policy->main_module);
	free(policy);
}

/* The policy's own copy of a string. */
static const char *
keep(struct mj_policy *policy, const char *text)
{
	for (struct kept *kept = policy->kept; kept; kept = kept->next) {
		if (strcmp(kept->text, text) == 0)
			return kept->text;
	}
	size_t size = strlen(text) + 1;
	struct kept *kept = malloc(sizeof(*kept) + size);
	if (!kept)
		return NULL;
	memcpy(kept->text, text, size);
	kept->next = policy->kept;
	policy->kept = kept;
	return kept->text;
}

static int
keep_origin(struct mj_policy *policy, struct mj_origin *origin, struct mj_error *err)
{
	if (!origin->file)
		return 0;
	origin->file = keep(policy, origin->file);
	return origin->file ? 0 : out_of_memory(err);
}

/* ---- rules ---------------------------------------------------------------------------------- */

/* Makes *to a copy of from that the policy owns. Nothing is changed if it fails. */
static int
copy_rule(struct mj_policy *policy, struct mj_rule *to, const struct mj_rule *from,
          struct mj_error *err)
{
	struct mj_rule rule = *from;
	MJ_AUTO_FREE struct mj_item *items = calloc(rule.nitems + 1, sizeof(*items));
	if (!items)
		return out_of_memory(err);
	if (keep_origin(policy, &rule.origin, err) < 0)
		return -1;
	for (size_t i = 0; i < rule.nitems; i++) {
		items[i] = from->items[i];
		items[i].word = keep(policy, items[i].word);
		if (!items[i].word)
			return out_of_memory(err);
		if (keep_origin(policy, &items[i].origin, err) < 0)
			return -1;
	}
	free_items(to);
	rule.items = items;
	items = NULL;
	*to = rule;
	return 0;
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
mj_policy_put(struct mj_policy *policy, const char *module, const struct mj_rule *rule,
              struct mj_error *err)
{
	struct entry *entry = find(policy, module);
	if (entry && entry->rule.origin.source > rule->origin.source)
		return 0;
	bool fresh = !entry;
	if (fresh)
		entry = add_entry(policy, module);
	if (!entry)
		return out_of_memory(err);
	if (copy_rule(policy, &entry->rule, rule, err) == 0)
		return 0;
	if (fresh) {
		HASH_DEL(policy->entries, entry);
		free(entry);
	}
	return -1;
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
	struct mj_grant floor = policy->otherwise.grant;
	size_t i = 0;
	for (struct entry *entry = policy->entries; entry; entry = entry->hh.next) {
		floor = mj_grant_intersect(floor, entry->rule.grant);
		sorted[i++] = entry;
	}
	qsort(sorted, count, sizeof(*sorted), compare_entries);
	free(policy->sorted);
	policy->sorted = sorted;
	policy->count = count;
	policy->floor = (struct mj_rule){ .grant = floor };
	policy->everyone = mj_grant_intersect(floor, mj_policy_unattributed(policy)->grant);
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

int
mj_check_settable(const char *module, struct mj_error *err)
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
mj_policy_set_rule(struct mj_policy *policy, const char *module, const struct mj_rule *rule,
                   struct mj_error *err)
{
	if (mj_check_settable(module, err) < 0 || mj_policy_put(policy, module, rule, err) < 0)
		return -1;
	return mj_policy_index(policy, err);
}

int
mj_policy_set(struct mj_policy *policy, const char *module, struct mj_grant grant,
              struct mj_origin origin, struct mj_error *err)
{
	struct mj_rule rule = { .grant = grant, .origin = origin };
	return mj_policy_set_rule(policy, module, &rule, err);
}

static int
set_subject(struct mj_policy *policy, struct mj_rule *to, const struct mj_rule *rule,
            struct mj_error *err)
{
	if (rule->privileged)
		return mj_error_set(err, MJ_ERR_USAGE, "only a module can be privileged");
	if (rule->pool)
		return mj_error_set(err, MJ_ERR_USAGE, "only a module can be a pool");
	if (to->origin.source > rule->origin.source)
		return 0;
	if (copy_rule(policy, to, rule, err) < 0)
		return -1;
	return mj_policy_index(policy, err);
}

int
mj_policy_set_default(struct mj_policy *policy, const struct mj_rule *rule, struct mj_error *err)
{
	return set_subject(policy, &policy->otherwise, rule, err);
}

int
mj_policy_set_unattributed(struct mj_policy *policy, const struct mj_rule *rule,
                           struct mj_error *err)
{
	return set_subject(policy, &policy->nobody, rule, err);
}

/* ---- what is said of all --------------------------------------------------------------------- */

void
mj_policy_set_action(struct mj_policy *policy, enum mj_action action, int errnum)
{
	policy->action.action = action;
	policy->action.errnum = errnum;
}

void
mj_policy_override_action(struct mj_policy *policy, enum mj_action action)
{
	policy->override = action;
}

enum mj_action
mj_policy_action(const struct mj_policy *policy, const struct mj_rule *rule, int *ret_errnum)
{
	enum mj_action action = rule ? rule->action : MJ_ACTION_DEFAULT;
	int errnum = rule ? rule->errnum : 0;
	if (policy->override != MJ_ACTION_DEFAULT)
		action = policy->override;
	if (action == MJ_ACTION_DEFAULT)
		action = policy->action.action;
	if (errnum == 0)
		errnum = policy->action.errnum;
	*ret_errnum = errnum ? errnum : EPERM;
	return action == MJ_ACTION_DEFAULT ? MJ_ACTION_ERRNO : action;
}

void
mj_policy_set_std_strict(struct mj_policy *policy, bool strict)
{
	policy->std_strict = strict;
}

bool
mj_policy_std_strict(const struct mj_policy *policy)
{
	return policy->std_strict;
}

int
mj_policy_add_program(struct mj_policy *policy, const struct mj_policy_program *program,
                      struct mj_error *err)
{
	struct mj_policy_program *programs =
		realloc(policy->programs, (policy->nprograms + 1) * sizeof(*programs));
	if (!programs)
		return out_of_memory(err);
	policy->programs = programs;
	struct mj_policy_program *added = &programs[policy->nprograms];
	*added = *program;
	added->path = keep(policy, program->path);
	added->policy = keep(policy, program->policy);
	if (!added->path || !added->policy)
		return out_of_memory(err);
	if (keep_origin(policy, &added->origin, err) < 0)
		return -1;
	policy->nprograms++;
	return 0;
}

const struct mj_policy_program *
mj_policy_program_at(const struct mj_policy *policy, size_t index)
{
	return index < policy->nprograms ? &policy->programs[index] : NULL;
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

int
mj_policy_set_program(struct mj_policy *policy, const char *module, struct mj_origin origin,
                      struct mj_error *err)
{
	const char *kept = keep(policy, module);
	if (!kept)
		return out_of_memory(err);
	if (keep_origin(policy, &origin, err) < 0)
		return -1;
	policy->program = kept;
	policy->program_origin = origin;
	return 0;
}

const char *
mj_policy_program(const struct mj_policy *policy, struct mj_origin *origin)
{
	if (policy->program && origin)
		*origin = policy->program_origin;
	return policy->program;
}

bool
mj_policy_says_something(const struct mj_policy *policy)
{
	return policy->count || policy->otherwise.origin.source || policy->nobody.origin.source ||
	       policy->nprograms;
}

/* ---- asking --------------------------------------------------------------------------------- */

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

const struct mj_rule *
mj_policy_rule_at(const struct mj_policy *policy, size_t index)
{
	return index < policy->count ? &policy->sorted[index]->rule : NULL;
}

struct mj_origin
mj_policy_origin(const struct mj_policy *policy, size_t index)
{
	const struct mj_rule *rule = mj_policy_rule_at(policy, index);
	return rule ? rule->origin : (struct mj_origin){ 0 };
}

struct mj_grant
mj_policy_grant_at(const struct mj_policy *policy, size_t index)
{
	const struct mj_rule *rule = mj_policy_rule_at(policy, index);
	return rule ? rule->grant : (struct mj_grant){ 0 };
}

const struct mj_rule *
mj_policy_rule(const struct mj_policy *policy, const char *module, bool is_main)
{
	const struct entry *entry = find(policy, module);
	const struct entry *by_role = is_main ? find(policy, "main") : NULL;
	if (by_role && (!entry || by_role->rule.origin.source > entry->rule.origin.source))
		entry = by_role;
	return entry ? &entry->rule : &policy->otherwise;
}

struct mj_grant
mj_policy_grant(const struct mj_policy *policy, const char *module, bool is_main)
{
	return mj_policy_rule(policy, module, is_main)->grant;
}

const struct mj_rule *
mj_policy_default(const struct mj_policy *policy)
{
	return &policy->otherwise;
}

const struct mj_rule *
mj_policy_unattributed(const struct mj_policy *policy)
{
	return policy->nobody.origin.source ? &policy->nobody : &policy->floor;
}

const struct mj_grant *
mj_policy_everyone(const struct mj_policy *policy)
{
	return &policy->everyone;
}

/* ---- warnings and errors -------------------------------------------------------------------- */

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

void
mj_policy_take_errors(struct mj_policy *policy, struct mj_warnings *errors)
{
	mj_warnings_finish(&policy->errors);
	policy->errors = *errors;
	*errors = (struct mj_warnings){ 0 };
}

static const char *
text_at(const struct mj_warnings *list, size_t index)
{
	return index < list->count ? list->texts[index] : NULL;
}

size_t
mj_policy_warning_count(const struct mj_policy *policy)
{
	return policy->warnings.count;
}

const char *
mj_policy_warning(const struct mj_policy *policy, size_t index)
{
	return text_at(&policy->warnings, index);
}

size_t
mj_policy_error_count(const struct mj_policy *policy)
{
	return policy->errors.count;
}

const char *
mj_policy_error(const struct mj_policy *policy, size_t index)
{
	return text_at(&policy->errors, index);
}
