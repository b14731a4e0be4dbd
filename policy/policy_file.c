/* SPDX-License-Identifier: Apache-2.0 */
/* modjail.yaml (docs/POLICY.md): from the tree to rules. All errors of a file are collected; then nothing of it counts. */
#include "policy/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A module's rule, until all of the file has been read. */
struct pending {
	const char *module; /* the tree's */
	struct mj_rule rule;
	struct mj_item *items;
	bool inherits; /* no allowlist of its own: the file's default */
};

struct reader {
	const char *name;
	struct mj_complaints complaints;
	struct mj_warnings warnings;
	struct pending otherwise, nobody;
	bool has_otherwise, has_nobody, has_version;
	size_t count;
	struct pending *modules;
	enum mj_action action;
	int errnum;
	bool std_strict;
	const struct mj_yaml_node *program, *programs;
};

typedef struct mj_yaml_node node;

/* ---- complaints ----------------------------------------------------------------------------- */

#define COMPLAIN(r, at, ...) mj_complain(&(r)->complaints, (at)->line, (at)->column, __VA_ARGS__)

/* For messages: what a node is. */
static const char *
kind_text(const node *n)
{
	if (n->kind == MJ_YAML_SEQUENCE)
		return "a list";
	if (n->kind == MJ_YAML_MAPPING)
		return "a mapping";
	return n->is_null ? "nothing" : "text";
}

static void
unknown(struct reader *r, const node *at, const char *what, const char *const *words, size_t n)
{
	const char *near = mj_nearest(at->text, words, n);
	if (near)
		COMPLAIN(r, at, "unknown %s \"%.100s\"; did you mean \"%s\"?", what, at->text,
		         near);
	else
		COMPLAIN(r, at, "unknown %s \"%.100s\"", what, at->text);
}

static bool
is_text(struct reader *r, const node *n, const char *what)
{
	if (n->kind == MJ_YAML_SCALAR && !n->is_null)
		return true;
	COMPLAIN(r, n, "%s must be text, not %s", what, kind_text(n));
	return false;
}

static struct mj_origin
origin_of(const struct reader *r, const node *n)
{
	return (struct mj_origin){ r->name, n->line, n->column, MJ_SOURCE_FILE };
}

/* ---- mappings ------------------------------------------------------------------------------- */

struct key {
	const char *name;
	void (*read)(struct reader *r, const node *value, void *into);
};

#define MAX_KEYS 16

/* Goes through a mapping; each key once at most, and only those of the list. */
static void
read_mapping(struct reader *r, const node *mapping, const struct key *keys, size_t nkeys,
             const char *what, void *into)
{
	const node *seen[MAX_KEYS] = { 0 };
	const char *names[MAX_KEYS];
	for (size_t i = 0; i < nkeys; i++)
		names[i] = keys[i].name;
	for (const node *key = mapping->first; key && key->next; key = key->next->next) {
		size_t i = 0;
		if (!is_text(r, key, "a key"))
			continue;
		while (i < nkeys && strcmp(keys[i].name, key->text) != 0)
			i++;
		if (i == nkeys) {
			unknown(r, key, what, names, nkeys);
		} else if (seen[i]) {
			COMPLAIN(r, key,
			         "\"%s\" stands here a second time; the first is in line %u",
			         key->text, seen[i]->line);
		} else {
			seen[i] = key;
			keys[i].read(r, key->next, into);
		}
	}
}

/* ---- values --------------------------------------------------------------------------------- */

static void
read_action(struct reader *r, const node *n, enum mj_action *ret)
{
	static const char *const words[] = { "errno", "kill", "log" };
	if (is_text(r, n, "action") && !mj_action_parse(n->text, ret))
		unknown(r, n, "action", words, MJ_ARRAY_LEN(words));
}

const char *
mj_policy_errno_name(int errnum)
{
	return errnum > 0 && errnum <= MJ_POLICY_ERRNO_MAX ? strerrorname_np(errnum) : NULL;
}

static int
errno_by_name(const char *name)
{
	for (int e = 1; e <= MJ_POLICY_ERRNO_MAX; e++) {
		const char *known = mj_policy_errno_name(e);
		if (known && strcmp(known, name) == 0)
			return e;
	}
	return 0;
}

static void
read_errno(struct reader *r, const node *n, int *ret)
{
	if (!is_text(r, n, "errno"))
		return;
	char *end;
	errno = 0;
	long number = strtol(n->text, &end, 10);
	int found = errno_by_name(n->text);
	if (!found && !*end && end != n->text && errno == 0 && number >= 1 &&
	    number <= MJ_POLICY_ERRNO_MAX)
		found = (int)number;
	if (!found)
		COMPLAIN(r, n, "unknown errno \"%.40s\": write a name such as EACCES, or 1 to %d",
		         n->text, MJ_POLICY_ERRNO_MAX);
	*ret = found;
}

static void
read_bool(struct reader *r, const node *n, const char *what, bool *ret)
{
	bool yes = n->kind == MJ_YAML_SCALAR && strcmp(n->text, "true") == 0 && !n->quoted;
	bool no = n->kind == MJ_YAML_SCALAR && strcmp(n->text, "false") == 0 && !n->quoted;
	if (!yes && !no)
		COMPLAIN(r, n, "%s must be true or false", what);
	*ret = yes;
}

/* ---- allowlists ----------------------------------------------------------------------------- */

static bool
add_item(struct reader *r, struct pending *p, const node *n, const struct mj_grant *grant)
{
	struct mj_item *items = reallocarray(p->items, p->rule.nitems + 1, sizeof(*items));
	if (!items) {
		r->complaints.out_of_memory = true;
		return false;
	}
	p->items = items;
	p->rule.items = items;
	items[p->rule.nitems++] = (struct mj_item){ n->text, origin_of(r, n), *grant };
	return true;
}

static void
warn_redundant(struct reader *r, const struct pending *p, const node *n,
               const struct mj_grant *grant)
{
	struct mj_grant base = mj_grant_of(0);
	const char *why = NULL;
	if (mj_grant_covers(&base, grant))
		why = "every module may do that anyway";
	else if (mj_grant_covers(&p->rule.grant, grant))
		why = "what stands before it allows that already";
	if (why && mj_warnings_add(&r->warnings, NULL, "%s:%u:%u: %s changes nothing: %s", r->name,
	                           n->line, n->column, n->text, why) < 0)
		r->complaints.out_of_memory = true;
}

static void
read_word(struct reader *r, const node *n, struct pending *p)
{
	struct mj_grant grant;
	if (!is_text(r, n, "what is allowed"))
		return;
	if (!mj_grant_parse_item(n->text, &grant)) {
		static const size_t max = MJ_GRANT_WORDS_MAX;
		MJ_AUTO_FREE const char **words = calloc(max, sizeof(*words));
		size_t count = words ? mj_grant_words(words, max) : 0;
		unknown(r, n, "capability or system call", words, count);
		return;
	}
	for (size_t i = 0; i < p->rule.nitems; i++) {
		if (strcmp(p->items[i].word, n->text) == 0) {
			COMPLAIN(r, n, "\"%s\" stands here a second time", n->text);
			return;
		}
	}
	warn_redundant(r, p, n, &grant);
	if (add_item(r, p, n, &grant))
		p->rule.grant = mj_grant_union(p->rule.grant, grant);
}

static void
read_allow(struct reader *r, const node *n, void *into)
{
	struct pending *p = into;
	p->inherits = false;
	p->rule.grant = mj_grant_of(0);
	if (n->kind == MJ_YAML_SCALAR && !n->is_null) {
		read_word(r, n, p);
	} else if (n->kind == MJ_YAML_SEQUENCE) {
		for (const node *word = n->first; word; word = word->next)
			read_word(r, word, p);
	} else {
		COMPLAIN(r, n,
		         "allow must be a list of capabilities and system calls, not %s; "
		         "an empty list is []",
		         kind_text(n));
	}
}

static void
read_rule_action(struct reader *r, const node *n, void *into)
{
	read_action(r, n, &((struct pending *)into)->rule.action);
}

static void
read_rule_errno(struct reader *r, const node *n, void *into)
{
	read_errno(r, n, &((struct pending *)into)->rule.errnum);
}

static void
read_rule_privileged(struct reader *r, const node *n, void *into)
{
	read_bool(r, n, "privileged", &((struct pending *)into)->rule.privileged);
}

static void
read_rule_pool(struct reader *r, const node *n, void *into)
{
	read_bool(r, n, "pool", &((struct pending *)into)->rule.pool);
}

/* The last ones for modules only. */
#define KEYS_OF_MODULES 2
static const struct key policy_keys[] = { { "allow", read_allow },
	                                  { "action", read_rule_action },
	                                  { "errno", read_rule_errno },
	                                  { "privileged", read_rule_privileged },
	                                  { "pool", read_rule_pool } };

/* One policy: a word, a list of words, or a mapping. */
static void
read_rule(struct reader *r, const node *n, bool of_module, struct pending *p)
{
	p->rule.origin = origin_of(r, n);
	if (n->kind == MJ_YAML_MAPPING) {
		p->inherits = true;
		read_mapping(r, n, policy_keys,
		             MJ_ARRAY_LEN(policy_keys) - (of_module ? 0 : KEYS_OF_MODULES),
		             "key of a policy", p);
	} else if (n->kind == MJ_YAML_SCALAR && n->is_null) {
		COMPLAIN(r, n,
		         "a policy is missing: confined, unconfined, or a list such as "
		         "[FILES/READ]");
	} else {
		read_allow(r, n, p);
	}
}

/* ---- the file ------------------------------------------------------------------------------- */

static void
read_version(struct reader *r, const node *n, void *into)
{
	(void)into;
	r->has_version = true;
	if (n->kind != MJ_YAML_SCALAR || strcmp(n->text, "1") != 0)
		COMPLAIN(r, n, "version must be 1: this modjail knows no other");
}

static void
read_program(struct reader *r, const node *n, void *into)
{
	(void)into;
	if (!is_text(r, n, "program"))
		return;
	if (!mj_is_module_path(n->text))
		COMPLAIN(r, n, "\"%.200s\" is not a module path", n->text);
	r->program = n;
}

static void
read_default(struct reader *r, const node *n, void *into)
{
	(void)into;
	r->has_otherwise = true;
	read_rule(r, n, false, &r->otherwise);
}

static void
read_unattributed(struct reader *r, const node *n, void *into)
{
	(void)into;
	r->has_nobody = true;
	read_rule(r, n, false, &r->nobody);
}

static void
read_file_action(struct reader *r, const node *n, void *into)
{
	(void)into;
	read_action(r, n, &r->action);
}

static void
read_file_errno(struct reader *r, const node *n, void *into)
{
	(void)into;
	read_errno(r, n, &r->errnum);
}

/* No word for the default: a file that does not say strict says nothing. */
static void
read_std(struct reader *r, const node *n, void *into)
{
	static const char *const words[] = { "strict" };
	(void)into;
	if (!is_text(r, n, "std"))
		return;
	r->std_strict = strcmp(n->text, words[0]) == 0;
	if (!r->std_strict)
		unknown(r, n, "value of std", words, MJ_ARRAY_LEN(words));
}

static bool
check_module(struct reader *r, const node *key)
{
	struct mj_error err = { 0 };
	if (!is_text(r, key, "a module"))
		return false;
	if (strchr(key->text, '@')) {
		COMPLAIN(r, key, "\"%.200s\": policies are for all versions of a module, without @",
		         key->text);
		return false;
	}
	if (mj_check_settable(key->text, &err) < 0) {
		COMPLAIN(r, key, "%.300s", err.text);
		return false;
	}
	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->modules[i].module, key->text) == 0) {
			COMPLAIN(r, key,
			         "module %s stands here a second time; the first is in line %u",
			         key->text, r->modules[i].rule.origin.line);
			return false;
		}
	}
	return true;
}

static void
read_modules(struct reader *r, const node *n, void *into)
{
	(void)into;
	if (n->kind == MJ_YAML_SCALAR && n->is_null)
		return;
	if (n->kind != MJ_YAML_MAPPING) {
		COMPLAIN(r, n, "modules must be a mapping of module paths, not %s", kind_text(n));
		return;
	}
	for (const node *key = n->first; key && key->next; key = key->next->next) {
		struct pending unnamed = { 0 };
		if (!check_module(r, key)) {
			read_rule(r, key->next, true, &unnamed); /* for its own errors */
			free(unnamed.items);
			continue;
		}
		struct pending *modules = reallocarray(r->modules, r->count + 1, sizeof(*modules));
		if (!modules) {
			r->complaints.out_of_memory = true;
			return;
		}
		r->modules = modules;
		modules[r->count] = (struct pending){ .module = key->text };
		read_rule(r, key->next, true, &modules[r->count]);
		modules[r->count].rule.origin = origin_of(r, key);
		r->count++;
	}
}

/* ---- programs ------------------------------------------------------------------------------- */

struct program {
	const node *path, *policy;
};

static void
read_program_path(struct reader *r, const node *n, void *into)
{
	if (is_text(r, n, "path") && *n->text != '/')
		COMPLAIN(r, n, "path must be absolute: \"%.200s\" is not", n->text);
	((struct program *)into)->path = n;
}

static void
read_program_policy(struct reader *r, const node *n, void *into)
{
	if (is_text(r, n, "policy") && !*n->text)
		COMPLAIN(r, n, "policy must name a file");
	((struct program *)into)->policy = n;
}

static const struct key program_keys[] = { { "path", read_program_path },
	                                   { "policy", read_program_policy } };

static struct program
read_one_program(struct reader *r, const node *n)
{
	struct program program = { 0 };
	if (n->kind != MJ_YAML_MAPPING) {
		COMPLAIN(r, n, "a program must be a mapping with path and policy, not %s",
		         kind_text(n));
		return program;
	}
	read_mapping(r, n, program_keys, MJ_ARRAY_LEN(program_keys), "key of a program", &program);
	if (!program.path)
		COMPLAIN(r, n, "path is missing");
	if (!program.policy)
		COMPLAIN(r, n, "policy is missing");
	return program;
}

static bool
is_duplicate(const node *programs, const node *until, const char *path)
{
	for (const node *n = programs->first; n != until; n = n->next) {
		for (const node *key = n->first; key && key->next; key = key->next->next)
			if (key->kind == MJ_YAML_SCALAR && strcmp(key->text, "path") == 0 &&
			    key->next->kind == MJ_YAML_SCALAR && strcmp(key->next->text, path) == 0)
				return true;
	}
	return false;
}

static void
read_programs(struct reader *r, const node *n, void *into)
{
	(void)into;
	if (n->kind == MJ_YAML_SCALAR && n->is_null)
		return;
	if (n->kind != MJ_YAML_SEQUENCE) {
		COMPLAIN(r, n, "programs must be a list, not %s", kind_text(n));
		return;
	}
	r->programs = n;
	for (const node *each = n->first; each; each = each->next) {
		struct program program = read_one_program(r, each);
		if (program.path && program.path->kind == MJ_YAML_SCALAR &&
		    is_duplicate(n, each, program.path->text))
			COMPLAIN(r, program.path, "program %.200s stands here a second time",
			         program.path->text);
	}
}

static const struct key file_keys[] = {
	{ "version", read_version },
	{ "program", read_program },
	{ "default", read_default },
	{ "unattributed", read_unattributed },
	{ "action", read_file_action },
	{ "errno", read_file_errno },
	{ "modules", read_modules },
	{ "programs", read_programs },
	{ "std", read_std },
};

const char *
mj_policy_file_key(enum mj_policy_mapping mapping, size_t index)
{
	static const struct {
		const struct key *keys;
		size_t count;
	} all[] = {
		[MJ_MAPPING_FILE] = { file_keys, MJ_ARRAY_LEN(file_keys) },
		[MJ_MAPPING_POLICY] = { policy_keys, MJ_ARRAY_LEN(policy_keys) - KEYS_OF_MODULES },
		[MJ_MAPPING_MODULE] = { policy_keys, MJ_ARRAY_LEN(policy_keys) },
		[MJ_MAPPING_PROGRAM] = { program_keys, MJ_ARRAY_LEN(program_keys) },
	};
	if ((unsigned)mapping >= MJ_ARRAY_LEN(all) || index >= all[mapping].count)
		return NULL;
	return all[mapping].keys[index].name;
}

static void
read_root(struct reader *r, const node *root)
{
	static const node start = { .kind = MJ_YAML_SCALAR, .line = 1, .column = 1 };
	if (!root || root->kind != MJ_YAML_MAPPING) {
		COMPLAIN(r, root ? root : &start,
		         "a policy file is a mapping that begins with "
		         "version: 1");
		return;
	}
	read_mapping(r, root, file_keys, MJ_ARRAY_LEN(file_keys), "key", NULL);
	if (!r->has_version)
		COMPLAIN(r, root, "version is missing: write version: 1");
}

/* ---- into the policy ------------------------------------------------------------------------ */

static int
apply_programs(struct mj_policy *policy, const struct reader *r, struct mj_error *err)
{
	for (const node *n = r->programs ? r->programs->first : NULL; n; n = n->next) {
		struct mj_policy_program program = { .origin = origin_of(r, n) };
		for (const node *key = n->first; key && key->next; key = key->next->next) {
			if (strcmp(key->text, "path") == 0)
				program.path = key->next->text;
			else
				program.policy = key->next->text;
		}
		if (mj_policy_add_program(policy, &program, err) < 0)
			return -1;
	}
	return 0;
}

static int
apply(struct mj_policy *policy, struct reader *r, struct mj_error *err)
{
	struct mj_grant otherwise = r->has_otherwise && !r->otherwise.inherits
	                                    ? r->otherwise.rule.grant
	                                    : mj_policy_default(policy)->grant;
	if (r->otherwise.inherits)
		r->otherwise.rule.grant = otherwise;
	if (r->nobody.inherits)
		r->nobody.rule.grant = otherwise;
	if (r->has_otherwise && mj_policy_set_default(policy, &r->otherwise.rule, err) < 0)
		return -1;
	for (size_t i = 0; i < r->count; i++) {
		if (r->modules[i].inherits)
			r->modules[i].rule.grant = otherwise;
		if (mj_policy_put(policy, r->modules[i].module, &r->modules[i].rule, err) < 0)
			return -1;
	}
	if (r->has_nobody && mj_policy_set_unattributed(policy, &r->nobody.rule, err) < 0)
		return -1;
	if (r->program &&
	    mj_policy_set_program(policy, r->program->text, origin_of(r, r->program), err) < 0)
		return -1;
	if (r->action != MJ_ACTION_DEFAULT || r->errnum)
		mj_policy_set_action(policy, r->action, r->errnum);
	if (r->std_strict)
		mj_policy_set_std_strict(policy, true);
	if (apply_programs(policy, r, err) < 0 ||
	    mj_policy_take_warnings(policy, &r->warnings, err) < 0)
		return -1;
	return mj_policy_index(policy, err);
}

static int
conclude(struct mj_policy *policy, struct reader *r, struct mj_error *err)
{
	struct mj_warnings errors = { 0 };
	if (mj_complaints_finish(&r->complaints, r->name, &errors, err) < 0) {
		mj_warnings_finish(&errors);
		return -1;
	}
	if (errors.count == 0)
		return apply(policy, r, err);
	if (errors.count == 1)
		mj_error_set(err, MJ_ERR_FORMAT, "%s", errors.texts[0]);
	else
		mj_error_set(err, MJ_ERR_FORMAT, "%s (and %zu more)", errors.texts[0],
		             errors.count - 1);
	mj_policy_take_errors(policy, &errors);
	return -1;
}

int
mj_policy_read_yaml(struct mj_policy *policy, const char *name, const char *text, size_t len,
                    struct mj_error *err)
{
	struct reader r = { .name = name };
	struct mj_warnings none = { 0 };
	struct mj_yaml *yaml;
	const node *root;
	mj_policy_take_errors(policy, &none);
	if (len > MJ_YAML_MAX)
		mj_complain(&r.complaints, 1, 1, "more than %u bytes", MJ_YAML_MAX);
	else
		mj_yaml_parse(text, len, &r.complaints, &yaml, &root);
	if (len <= MJ_YAML_MAX && yaml)
		read_root(&r, root);
	int rc = conclude(policy, &r, err);
	for (size_t i = 0; i < r.count; i++)
		free(r.modules[i].items);
	free(r.modules);
	free(r.otherwise.items);
	free(r.nobody.items);
	mj_warnings_finish(&r.warnings);
	if (len <= MJ_YAML_MAX)
		mj_yaml_free(yaml);
	return rc;
}
