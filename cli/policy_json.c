/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modjail policy --json`: one object. The fields are an interface: add, do not change.
 *
 * caps:
 *   capabilities    [{name, meaning, escape: how a module may leave its jail by it, or null,
 *                   calls: [{name, when: conditions in words, or null, all, any: what else is needed}]}]
 * show:
 *   modules         [{module, version: null without a program, ...rule}], in order of path
 *   default         {...rule}: of every other module
 *   unattributed    {...rule}: of a stack without a module
 *   rule:           {word: "confined", "unconfined" or null, items: [{word, file, line, column}],
 *                   capabilities: [names], privileged, pool, action, errno: null if not set, file, line, column}
 *                   file, line, column: null where it is written nowhere, or has none
 * show --plan:
 *   free, by_arguments, notified, refused: names of system calls
 * check:
 *   errors, warnings: texts
 */
#include "cli/cli.h"

#include <jansson.h>
#include <string.h>

/* NULL and "" become null; bytes that are not UTF-8, which jansson would refuse, become U+FFFD. */
static json_t *
text(const char *s)
{
	if (!s || !*s)
		return json_null();
	MJ_AUTO_FREE char *valid = cli_valid_utf8(s);
	return valid ? json_string(valid) : json_null();
}

static void
finish(FILE *out, json_t *object)
{
	json_dumpf(object, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(object);
}

static json_t *
cap_names(mj_caps caps)
{
	json_t *list = json_array();
	for (int c = 0; c < MJ_CAP_COUNT; c++)
		if (caps >> c & 1)
			json_array_append_new(list, text(mj_cap_name(c)));
	return list;
}

/* ---- caps ------------------------------------------------------------------------------------- */

static json_t *
row(const struct mj_table_entry *entry, mj_caps cap)
{
	MJ_AUTO_FREE char *when = cli_conds_text(entry);
	json_t *object = json_object();
	json_object_set_new(object, "name", text(entry->name));
	json_object_set_new(object, "when", text(when));
	json_object_set_new(object, "all", cap_names(entry->need.all & ~cap));
	json_object_set_new(object, "any", cap_names(entry->need.any & ~cap));
	return object;
}

static json_t *
capability(int c)
{
	struct mj_table_entry entry;
	json_t *object = json_object();
	json_t *calls = json_array();
	mj_caps cap = UINT64_C(1) << c;
	for (size_t i = 0; mj_table_entry(i, &entry); i++)
		if ((entry.need.all | entry.need.any) & cap)
			json_array_append_new(calls, row(&entry, cap));
	json_object_set_new(object, "name", text(mj_cap_name(c)));
	json_object_set_new(object, "meaning", text(mj_cap_meaning(c)));
	json_object_set_new(object, "escape", text(mj_cap_escape(c)));
	json_object_set_new(object, "calls", calls);
	return object;
}

void
cli_json_caps(FILE *out)
{
	json_t *object = json_object();
	json_t *list = json_array();
	for (int c = 0; c < MJ_CAP_COUNT; c++)
		json_array_append_new(list, capability(c));
	json_object_set_new(object, "capabilities", list);
	finish(out, object);
}

/* ---- show ------------------------------------------------------------------------------------- */

static void
set_origin(json_t *object, struct mj_origin origin)
{
	json_object_set_new(object, "file", text(origin.file));
	json_object_set_new(object, "line", origin.line ? json_integer(origin.line) : json_null());
	json_object_set_new(object, "column",
	                    origin.column ? json_integer(origin.column) : json_null());
}

static json_t *
rule_object(const struct mj_rule *rule)
{
	json_t *object = json_object();
	json_t *items = json_array();
	for (size_t i = 0; i < rule->nitems; i++) {
		json_t *item = json_object();
		json_object_set_new(item, "word", text(rule->items[i].word));
		set_origin(item, rule->items[i].origin);
		json_array_append_new(items, item);
	}
	json_object_set_new(object, "word", text(cli_rule_word(rule)));
	json_object_set_new(object, "items", items);
	json_object_set_new(object, "capabilities", cap_names(rule->grant.caps));
	json_object_set_new(object, "privileged", json_boolean(rule->privileged));
	json_object_set_new(object, "pool", json_boolean(rule->pool));
	json_object_set_new(object, "action", text(mj_action_name(rule->action)));
	json_object_set_new(object, "errno",
	                    rule->errnum ? text(strerrorname_np(rule->errnum)) : json_null());
	set_origin(object, rule->origin);
	return object;
}

static void
append_module(json_t *list, const char *path, const char *version, const struct mj_rule *rule)
{
	json_t *object = rule_object(rule);
	json_object_set_new(object, "module", text(path));
	json_object_set_new(object, "version", text(version));
	json_array_append_new(list, object);
}

void
cli_json_show(FILE *out, const struct mj_policy *policy, const struct mj_image *program)
{
	json_t *object = json_object();
	json_t *list = json_array();
	for (size_t i = 0; !program && i < mj_policy_count(policy); i++)
		append_module(list, mj_policy_module(policy, i), NULL,
		              mj_policy_rule_at(policy, i));
	for (size_t i = 0; program && i < mj_image_module_count(program); i++) {
		const struct mj_module *m = mj_image_module(program, i);
		if (m->in_build_info)
			append_module(list, m->path, m->version,
			              mj_policy_rule(policy, m->path, m->is_main));
	}
	json_object_set_new(object, "modules", list);
	json_object_set_new(object, "default", rule_object(mj_policy_default(policy)));
	json_object_set_new(object, "unattributed", rule_object(mj_policy_unattributed(policy)));
	json_object_set_new(object, "std", text(mj_policy_std_strict(policy) ? "strict" : NULL));
	finish(out, object);
}

/* ---- lists of texts --------------------------------------------------------------------------- */

static json_t *
texts(const char *const *list, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, text(list[i]));
	return array;
}

void
cli_json_plan(FILE *out, const struct cli_plan_list *lists, size_t count)
{
	json_t *object = json_object();
	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, lists[i].key, texts(lists[i].names, lists[i].count));
	finish(out, object);
}

void
cli_json_check(FILE *out, const char *const *errors, size_t nerrors, const char *const *warnings,
               size_t nwarnings)
{
	json_t *object = json_object();
	json_object_set_new(object, "errors", texts(errors, nerrors));
	json_object_set_new(object, "warnings", texts(warnings, nwarnings));
	finish(out, object);
}
