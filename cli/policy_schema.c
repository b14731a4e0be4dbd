/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modjail policy schema`: modjail.yaml as a JSON Schema, for editors. Draft 7, which the YAML language servers
 * read. Keys, words, actions and errnos are those that the reader of the file knows (policy/policy_file.c); a key
 * of which nothing is said here is an error, not a gap in the schema. What a schema cannot say (duplicate keys, how
 * a number was written, anchors) modjail says all the same.
 */
#include "cli/cli.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

/* The characters of mj_is_module_path (policy/policy.c), all of them and without @: ASCII that is visible, but
 * for quotes, backslash, comma and equals sign. */
#define PATH_PATTERN "^[!#-&(-+\\-.-<>-\\[\\]-_a-~]+$"
#define MODULE_PATTERN "^[!#-&(-+\\-.-<>?A-\\[\\]-_a-~]+$"
/* 1 to MJ_POLICY_ERRNO_MAX in quotation marks, as strtol(3) reads it. */
#define NUMBER_PATTERN                                                                             \
	"^[ \\t\\n\\v\\f\\r]*\\+?0*([1-9][0-9]{0,2}|[1-3][0-9]{3}|40[0-8][0-9]|409[0-5])$"
static_assert(MJ_POLICY_ERRNO_MAX == 4095, "NUMBER_PATTERN says something else");

/* {"KEY": "TEXT"} */
static json_t *
with_text(const char *key, const char *text)
{
	json_t *object = json_object();
	json_object_set_new(object, key, json_string(text));
	return object;
}

static json_t *
reference(const char *definition)
{
	json_t *object = json_object();
	json_object_set_new(object, "$ref", json_sprintf("#/definitions/%s", definition));
	return object;
}

static json_t *
typed(const char *type)
{
	return with_text("type", type);
}

/* {"anyOf": [A, B]}; both are taken over. */
static json_t *
either(json_t *a, json_t *b)
{
	json_t *object = json_object();
	json_t *list = json_array();
	json_array_append_new(list, a);
	json_array_append_new(list, b);
	json_object_set_new(object, "anyOf", list);
	return object;
}

/* A value that need not look like text: 5 is the text "5" to modjail, a number to YAML. */
static json_t *
plain_text(void)
{
	json_t *object = json_object();
	json_object_set_new(object, "type", json_pack("[sss]", "string", "number", "boolean"));
	return object;
}

/* ---- values ---------------------------------------------------------------------------------- */

static json_t *
constant(const char *word, const char *description)
{
	json_t *object = with_text("const", word);
	json_object_set_new(object, "description", json_string(description));
	return object;
}

/* "open files for writing. Leaves the jail: ..." */
static json_t *
capability(enum mj_cap cap)
{
	json_t *object = with_text("const", mj_cap_name(cap));
	const char *escape = mj_cap_escape(cap);
	json_object_set_new(object, "description",
	                    json_sprintf("%s%s%s", mj_cap_meaning(cap),
	                                 escape ? "; may lead out of the jail: " : "",
	                                 escape ? escape : ""));
	return object;
}

/* One word of an allowlist. */
static json_t *
word_schema(void)
{
	json_t *list = json_array();
	json_t *calls = json_array();
	json_t *object = json_object();
	const char *family;
	json_array_append_new(list, constant("confined", "FILES/STAT and READ_SYSTEM_STATE"));
	json_array_append_new(
		list, constant("unconfined", "everything but MODIFY_SYSTEM_STATE/DUMPABLE"));
	for (size_t i = 0; (family = mj_cap_family(i)); i++)
		json_array_append_new(list, constant(family, "all capabilities of this family"));
	for (int c = 0; c < MJ_CAP_COUNT; c++)
		json_array_append_new(list, capability(c));
	for (size_t i = 0; i < mj_call_count(); i++)
		json_array_append_new(calls, json_string(mj_call_name(mj_call_at(i))));
	json_object_set_new(object, "description",
	                    json_string("a system call, whatever its arguments"));
	json_object_set_new(object, "enum", calls);
	json_array_append_new(list, object);
	object = with_text("description", "A capability, a family of them, or a system call");
	json_object_set_new(object, "anyOf", list);
	return object;
}

static json_t *
allow_schema(void)
{
	json_t *list = typed("array");
	json_object_set_new(list, "items", reference("word"));
	json_object_set_new(list, "uniqueItems", json_true());
	return either(reference("word"), list);
}

static json_t *
action_schema(void)
{
	static const char *const texts[] = {
		[MJ_ACTION_ERRNO] = "it fails with errno",
		[MJ_ACTION_KILL] = "its process is killed",
		[MJ_ACTION_LOG] = "it goes through, and is reported",
	};
	json_t *list = json_array();
	for (unsigned a = MJ_ACTION_ERRNO; a < MJ_ARRAY_LEN(texts); a++)
		json_array_append_new(list, constant(mj_action_name(a), texts[a]));
	json_t *object = json_object();
	json_object_set_new(object, "anyOf", list);
	return object;
}

static json_t *
errno_schema(void)
{
	json_t *names = json_array();
	json_t *list = json_array();
	for (int e = 1; e <= MJ_POLICY_ERRNO_MAX; e++)
		if (mj_policy_errno_name(e))
			json_array_append_new(names, json_string(mj_policy_errno_name(e)));
	json_t *number = typed("integer");
	json_t *text = typed("string");
	json_t *object = json_object();
	json_object_set_new(number, "minimum", json_integer(1));
	json_object_set_new(number, "maximum", json_integer(MJ_POLICY_ERRNO_MAX));
	json_object_set_new(text, "pattern", json_string(NUMBER_PATTERN));
	json_object_set_new(object, "enum", names);
	json_array_append_new(list, object);
	json_array_append_new(list, number);
	json_array_append_new(list, text);
	object = json_object();
	json_object_set_new(object, "anyOf", list);
	return object;
}

/* A word, a list, or a mapping as definitions/NAME. */
static json_t *
policy_schema(const char *name)
{
	return either(reference("allow"), reference(name));
}

static json_t *
common_policy(void)
{
	return policy_schema("policy");
}

static json_t *
boolean_schema(void)
{
	return typed("boolean");
}

static json_t *
std_schema(void)
{
	return json_pack("{s:[s]}", "enum", "strict");
}

static json_t *
version_schema(void)
{
	return json_pack("{s:[is]}", "enum", 1, "1");
}

static json_t *
program_schema(void)
{
	json_t *object = plain_text();
	json_object_set_new(object, "pattern", json_string(PATH_PATTERN));
	return object;
}

static json_t *
modules_schema(void)
{
	json_t *names = with_text("pattern", MODULE_PATTERN);
	json_t *object = json_object();
	json_object_set_new(names, "not",
	                    json_pack("{s:[sss]}", "enum", "std", "c", "unattributed"));
	json_object_set_new(object, "type", json_pack("[ss]", "object", "null"));
	json_object_set_new(object, "propertyNames", names);
	json_object_set_new(object, "additionalProperties", policy_schema("modulePolicy"));
	return object;
}

static json_t *
programs_schema(void)
{
	json_t *object = json_object();
	json_object_set_new(object, "type", json_pack("[ss]", "array", "null"));
	json_object_set_new(object, "items", reference("program"));
	json_object_set_new(object, "uniqueItems", json_true());
	return object;
}

static json_t *
path_schema(void)
{
	json_t *object = typed("string");
	json_object_set_new(object, "pattern", json_string("^/"));
	return object;
}

static json_t *
policy_file_schema(void)
{
	json_t *object = plain_text();
	json_object_set_new(object, "minLength", json_integer(1));
	return object;
}

static json_t *
allow_reference(void)
{
	return reference("allow");
}

static json_t *
action_reference(void)
{
	return reference("action");
}

static json_t *
errno_reference(void)
{
	return reference("errno");
}

/* ---- keys ------------------------------------------------------------------------------------ */

static const struct key {
	const char *name;
	unsigned mappings; /* bit per enum mj_policy_mapping */
	bool required;
	json_t *(*schema)(void);
	const char *description;
} keys[] = {
#define IN(mapping) (1u << MJ_MAPPING_##mapping)
#define POLICIES (IN(POLICY) | IN(MODULE))
	{ "version", IN(FILE), true, version_schema, "Always 1" },
	{ "program", IN(FILE), false, program_schema,
	  "The path of the main module that this is for; another program is an error" },
	{ "default", IN(FILE), false, common_policy,
	  "The policy of modules that nothing names; without it: unconfined" },
	{ "unattributed", IN(FILE), false, common_policy,
	  "The policy of calls that no module can be charged with; without it: what every module "
	  "may do" },
	{ "modules", IN(FILE), false, modules_schema,
	  "Policies by module path, without versions; main is the main module" },
	{ "programs", IN(FILE), false, programs_schema,
	  "Go programs that this one executes, with policies of their own" },
	{ "action", IN(FILE) | POLICIES, false, action_reference,
	  "What happens to a refused call; without it: errno" },
	{ "errno", IN(FILE) | POLICIES, false, errno_reference,
	  "What a refused call fails with, by name or number; without it: EPERM" },
	{ "std", IN(FILE), false, std_schema,
	  "strict: what the standard library does once for the whole program is charged to who "
	  "made it do that" },
	{ "allow", POLICIES, false, allow_reference,
	  "What it may do besides the base set; without it: what default says" },
	{ "privileged", IN(MODULE), false, boolean_schema,
	  "Whether a frame of this module answers for whoever called it" },
	{ "pool", IN(MODULE), false, boolean_schema,
	  "Whether goroutines that this module starts serve whoever hands them work" },
	{ "path", IN(PROGRAM), true, path_schema, "The absolute path of the executable file" },
	{ "policy", IN(PROGRAM), true, policy_file_schema,
	  "Its policy file, relative to the folder of this one, or absolute" },
};

static const struct key *
find_key(enum mj_policy_mapping mapping, const char *name)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(keys); i++)
		if ((keys[i].mappings >> mapping & 1) && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* Adds what a mapping may hold to *into. */
static int
put_mapping(json_t *into, enum mj_policy_mapping mapping, struct mj_error *err)
{
	json_t *properties = json_object();
	json_t *required = json_array();
	const char *name;
	int rc = 0;
	for (size_t i = 0; rc == 0 && (name = mj_policy_file_key(mapping, i)); i++) {
		const struct key *key = find_key(mapping, name);
		if (!key) {
			rc = mj_error_set(err, MJ_ERR_UNSUPPORTED, "the schema lacks key \"%s\"",
			                  name);
			break;
		}
		json_t *schema = key->schema();
		json_object_set_new(schema, "description", json_string(key->description));
		json_object_set_new(properties, name, schema);
		if (key->required)
			json_array_append_new(required, json_string(name));
	}
	json_object_set_new(into, "type", json_string("object"));
	if (json_array_size(required))
		json_object_set(into, "required", required);
	json_object_set_new(into, "additionalProperties", json_false());
	json_object_set_new(into, "properties", properties);
	json_decref(required);
	return rc;
}

static int
put_definitions(json_t *into, struct mj_error *err)
{
	static const struct {
		const char *name;
		enum mj_policy_mapping mapping;
	} mappings[] = { { "policy", MJ_MAPPING_POLICY },
		         { "modulePolicy", MJ_MAPPING_MODULE },
		         { "program", MJ_MAPPING_PROGRAM } };
	json_object_set_new(into, "word", word_schema());
	json_object_set_new(into, "allow", allow_schema());
	json_object_set_new(into, "action", action_schema());
	json_object_set_new(into, "errno", errno_schema());
	for (size_t i = 0; i < MJ_ARRAY_LEN(mappings); i++) {
		json_t *object = json_object();
		json_object_set_new(into, mappings[i].name, object);
		if (put_mapping(object, mappings[i].mapping, err) < 0)
			return -1;
	}
	return 0;
}

int
cli_policy_schema(FILE *out, struct mj_error *err)
{
	json_t *schema = with_text("$schema", "http://json-schema.org/draft-07/schema#");
	json_t *definitions = json_object();
	int rc;
	json_object_set_new(schema, "$comment",
	                    json_string("Written by `modjail policy schema`; the tests see to it "
	                                "that it is up to date."));
	json_object_set_new(schema, "title", json_string("modjail.yaml"));
	json_object_set_new(schema, "description",
	                    json_string("What each module of a Go program may do"));
	rc = put_mapping(schema, MJ_MAPPING_FILE, err);
	json_object_set_new(schema, "definitions", definitions);
	if (rc == 0)
		rc = put_definitions(definitions, err);
	if (rc == 0 && json_dumpf(schema, out, JSON_INDENT(2)) < 0)
		rc = mj_error_set(err, MJ_ERR_MEMORY, "out of memory for the schema");
	if (rc == 0)
		fputc('\n', out);
	json_decref(schema);
	return rc;
}
