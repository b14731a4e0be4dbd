/* SPDX-License-Identifier: Apache-2.0 */
/* modjail.yaml: what it means, where its errors are, and that no malformed one counts. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

static struct mj_policy *
new_policy(void)
{
	struct mj_policy *policy = NULL;
	ck_assert_int_eq(mj_policy_create(&policy, NULL), 0);
	return policy;
}

static struct mj_policy *
read_good(const char *text)
{
	struct mj_policy *policy = new_policy();
	struct mj_error err = { 0 };
	int r = mj_policy_read_yaml(policy, "m.yaml", text, strlen(text), &err);
	ck_assert_msg(r == 0, "%s\n%s", err.text, text);
	ck_assert_uint_eq(mj_policy_error_count(policy), 0);
	return policy;
}

static bool
may(const struct mj_policy *policy, const char *module, const char *call, uint64_t flags)
{
	struct mj_call c = { .nr = mj_call_number(call), .args = { 0, flags, flags } };
	return mj_grant_allows(&mj_policy_rule(policy, module, false)->grant, mj_call_need(&c));
}

/* ---- meaning --------------------------------------------------------------------------------- */

START_TEST(all_keys)
{
	struct mj_policy *policy =
		read_good("version: 1\n"
	                  "program: github.com/containerd/nerdctl/v2\n"
	                  "default: confined\n"
	                  "unattributed: [NETWORK/UNIX]\n"
	                  "action: kill\n"
	                  "errno: EACCES\n"
	                  "modules:\n"
	                  "  gopkg.in/yaml.v3: confined\n"
	                  "  github.com/fsnotify/fsnotify:\n"
	                  "    allow: [FILES/READ, inotify_init1, inotify_add_watch]\n"
	                  "    errno: 38\n"
	                  "    action: log\n"
	                  "  github.com/spf13/cobra:\n"
	                  "    allow: []\n"
	                  "  \"a.org/b\": FILES\n"
	                  "  main:\n"
	                  "    privileged: true\n"
	                  "    pool: false\n"
	                  "  golang.org/x/sync: {pool: true}\n"
	                  "programs:\n"
	                  "  - path: /usr/local/bin/buildctl\n"
	                  "    policy: buildctl.yaml\n");
	struct mj_origin origin;
	ck_assert_str_eq(mj_policy_program(policy, &origin), "github.com/containerd/nerdctl/v2");
	ck_assert_uint_eq(origin.line, 2);
	ck_assert_uint_eq(mj_policy_count(policy), 6);
	ck_assert_uint_eq(mj_policy_default(policy)->grant.caps, mj_grant_confined().caps);
	ck_assert_uint_eq(mj_policy_unattributed(policy)->grant.caps, MJ_CAP(NETWORK_UNIX));
	ck_assert(may(policy, "github.com/fsnotify/fsnotify", "openat", 0));
	ck_assert(!may(policy, "github.com/fsnotify/fsnotify", "openat", 1));
	ck_assert(may(policy, "github.com/fsnotify/fsnotify", "inotify_init1", 0));
	ck_assert(!may(policy, "github.com/fsnotify/fsnotify", "inotify_init", 0));
	ck_assert(!may(policy, "github.com/spf13/cobra", "stat", 0));
	ck_assert(may(policy, "a.org/b", "openat", 2));
	ck_assert(may(policy, "nobody.org/x", "stat", 0));
	const struct mj_rule *fsnotify =
		mj_policy_rule(policy, "github.com/fsnotify/fsnotify", false);
	int errnum;
	ck_assert_int_eq(mj_policy_action(policy, fsnotify, &errnum), MJ_ACTION_LOG);
	ck_assert_int_eq(errnum, 38);
	ck_assert_int_eq(mj_policy_action(policy, NULL, &errnum), MJ_ACTION_KILL);
	ck_assert_int_eq(errnum, EACCES);
	ck_assert_uint_eq(fsnotify->origin.line, 9);
	ck_assert_uint_eq(fsnotify->nitems, 3);
	ck_assert_str_eq(fsnotify->items[1].word, "inotify_init1");
	ck_assert_uint_eq(fsnotify->items[1].origin.line, 10);
	ck_assert_uint_eq(fsnotify->items[1].origin.column, 25);
	const struct mj_rule *main_rule = mj_policy_rule(policy, "x.org/y", true);
	ck_assert(main_rule->privileged);
	ck_assert(!main_rule->pool);
	const struct mj_rule *sync = mj_policy_rule(policy, "golang.org/x/sync", false);
	ck_assert(sync->pool);
	ck_assert(!sync->privileged);
	ck_assert(!fsnotify->pool);
	ck_assert_uint_eq(main_rule->grant.caps, mj_grant_confined().caps); /* the file's default */
	const struct mj_policy_program *program = mj_policy_program_at(policy, 0);
	ck_assert_str_eq(program->path, "/usr/local/bin/buildctl");
	ck_assert_str_eq(program->policy, "buildctl.yaml");
	ck_assert_ptr_null(mj_policy_program_at(policy, 1));
	mj_policy_destroy(policy);
}
END_TEST

START_TEST(precedence)
{
	static const char mod[] = "module x.org/main\nrequire (\n"
				  "a.org/a v1.0.0 // gomodjail:confined\n"
				  "b.org/b v1.0.0 // gomodjail:confined\n"
				  "c.org/c v1.0.0 // gomodjail:confined\n)\n";
	static const char yaml[] = "version: 1\nmodules:\n  b.org/b: [EXEC]\n  c.org/c: [EXEC]\n"
				   "  main: [EXEC]\n";
	for (int order = 0; order < 2; order++) {
		struct mj_policy *policy = new_policy();
		if (order)
			ck_assert_int_eq(mj_policy_read_yaml(policy, "y", yaml, strlen(yaml), NULL),
			                 0);
		ck_assert_int_eq(mj_policy_read_gomod(policy, "g", mod, strlen(mod), NULL), 0);
		ck_assert_int_eq(
			mj_policy_set_flag(policy, "c.org/c=unconfined,x.org/main=confined", NULL),
			0);
		if (!order)
			ck_assert_int_eq(mj_policy_read_yaml(policy, "y", yaml, strlen(yaml), NULL),
			                 0);
		ck_assert_uint_eq(mj_policy_grant(policy, "a.org/a", false).caps,
		                  mj_grant_confined().caps);
		ck_assert_uint_eq(mj_policy_grant(policy, "b.org/b", false).caps, MJ_CAP(EXEC));
		ck_assert_uint_eq(mj_policy_grant(policy, "c.org/c", false).caps,
		                  mj_grant_unconfined().caps);
		/* By path on the command line beats "main" of the file. */
		ck_assert_uint_eq(mj_policy_grant(policy, "x.org/main", true).caps,
		                  mj_grant_confined().caps);
		ck_assert_uint_eq(mj_policy_grant(policy, "other.org/main", true).caps,
		                  MJ_CAP(EXEC));
		mj_policy_destroy(policy);
	}
}
END_TEST

START_TEST(warnings)
{
	struct mj_policy *policy = read_good(
		"version: 1\nmodules:\n  a.b/c: [FILES, FILES/READ, read, openat, EXEC]\n");
	ck_assert_uint_eq(mj_policy_warning_count(policy), 3);
	ck_assert_str_eq(mj_policy_warning(policy, 0), "m.yaml:3:18: FILES/READ changes nothing: "
	                                               "what stands before it allows that already");
	ck_assert_ptr_nonnull(
		strstr(mj_policy_warning(policy, 1), "m.yaml:3:30: read changes nothing"));
	mj_policy_destroy(policy);
}
END_TEST

/* A grant by name is that call, all of it and nothing else. */
START_TEST(one_line_more)
{
	const char *words[MJ_GRANT_WORDS_MAX];
	size_t n = mj_grant_words(words, MJ_GRANT_WORDS_MAX);
	ck_assert_uint_gt(n, 390);
	for (size_t w = 0; w < n; w++) {
		struct mj_grant grant;
		struct mj_table_entry entry;
		mj_caps caps = 0;
		int nr = mj_call_number(words[w]);
		ck_assert_msg(mj_grant_parse_item(words[w], &grant), "%s", words[w]);
		if (!mj_cap_parse(words[w], &caps) && nr < 0)
			caps = strcmp(words[w], "confined") == 0
			               ? MJ_CAP(FILES_STAT) | MJ_CAP(READ_SYSTEM_STATE)
			               : MJ_CAPS_ALL & ~MJ_CAP(MODIFY_DUMPABLE);
		caps = mj_caps_included(caps);
		for (size_t i = 0; mj_table_entry(i, &entry); i++) {
			mj_caps all = entry.need.all;
			mj_caps any = entry.need.any;
			bool wanted =
				entry.nr == nr || ((all & caps) == all && (!any || (any & caps)));
			ck_assert_msg(mj_grant_allows(&grant, entry.need) == wanted, "%s: %s",
			              words[w], entry.name);
		}
	}
}
END_TEST

/* ---- errors ---------------------------------------------------------------------------------- */

static const struct bad {
	const char *text, *error; /* the first one, behind "m.yaml:" */
} bad[] = {
	{ "", "1:1: a policy file is a mapping that begins with version: 1" },
	{ "~", "1:1: a policy file" },
	{ "x", "1:1: a policy file" },
	{ "- version: 1", "1:1: a policy file" },
	{ "[]", "1:1: a policy file" },
	{ "{}", "1:1: version is missing" },
	{ "modules: {}", "1:1: version is missing" },
	{ "version: 2", "1:10: version must be 1" },
	{ "version: 1.0", "1:10: version must be 1" },
	{ "version: [1]", "1:10: version must be 1" },
	{ "version:", "1:1: version must be 1" },
	{ "version: 1\nversion: 1", "2:1: \"version\" stands here a second time" },
	{ "version: 1\nmodule: {}", "2:1: unknown key \"module\"; did you mean \"modules\"?" },
	{ "version: 1\nzzzzzzzzzz: {}", "2:1: unknown key \"zzzzzzzzzz\"" },
	{ "version: 1\n? [a]\n: b", "2:3: a key must be text, not a list" },
	{ "version: 1\n? {a: b}\n: b", "2:3: a key must be text, not a mapping" },
	{ "version: 1\n~: b", "2:1: a key must be text, not nothing" },
	{ "version: 1\nprogram:", "2:1: program must be text, not nothing" },
	{ "version: 1\nprogram: [a]", "2:10: program must be text, not a list" },
	{ "version: 1\nprogram: a b", "2:10: \"a b\" is not a module path" },
	{ "version: 1\nprogram: \"\"", "2:10: \"\" is not a module path" },
	{ "version: 1\ndefault:", "2:1: a policy is missing" },
	{ "version: 1\ndefault: loose", "2:10: unknown capability or system call \"loose\"" },
	{ "version: 1\ndefault: Confined",
	  "2:10: unknown capability or system call \"Confined\"; did you mean \"confined\"?" },
	{ "version: 1\ndefault: {privileged: true}",
	  "2:11: unknown key of a policy \"privileged\"" },
	{ "version: 1\ndefault: {pool: true}", "2:11: unknown key of a policy \"pool\"" },
	{ "version: 1\ndefault: [[FILES]]", "2:11: what is allowed must be text, not a list" },
	{ "version: 1\ndefault: [{FILES: READ}]",
	  "2:11: what is allowed must be text, not a mapping" },
	{ "version: 1\nunattributed:", "2:1: a policy is missing" },
	{ "version: 1\nunattributed: {privileged: true}", "2:16: unknown key of a policy" },
	{ "version: 1\nunattributed: {pool: true}", "2:16: unknown key of a policy" },
	{ "version: 1\nunattributed: [files]",
	  "2:16: unknown capability or system call \"files\"" },
	{ "version: 1\naction: deny", "2:9: unknown action \"deny\"" },
	{ "version: 1\naction: [log]", "2:9: action must be text, not a list" },
	{ "version: 1\naction:", "2:1: action must be text, not nothing" },
	{ "version: 1\nerrno: 0", "2:8: unknown errno \"0\"" },
	{ "version: 1\nerrno: 4096", "2:8: unknown errno \"4096\"" },
	{ "version: 1\nerrno: -1", "2:8: unknown errno \"-1\"" },
	{ "version: 1\nerrno: eperm", "2:8: unknown errno \"eperm\"" },
	{ "version: 1\nerrno: 99999999999999999999", "2:8: unknown errno" },
	{ "version: 1\nerrno: {}", "2:8: errno must be text, not a mapping" },
	{ "version: 1\nmodules: x", "2:10: modules must be a mapping of module paths, not text" },
	{ "version: 1\nmodules: [a]",
	  "2:10: modules must be a mapping of module paths, not a list" },
	{ "version: 1\nmodules:\n  a.b/c:", "3:3: a policy is missing" },
	{ "version: 1\nmodules:\n  a.b/c: {allow: }", "3:11: allow must be a list" },
	{ "version: 1\nmodules:\n  a.b/c: {allow: {}}", "3:18: allow must be a list" },
	{ "version: 1\nmodules:\n  a.b/c: {allow: [FILES/]}",
	  "3:19: unknown capability or system call \"FILES/\"" },
	{ "version: 1\nmodules:\n  a.b/c: [FILES/RAED]",
	  "3:11: unknown capability or system call \"FILES/RAED\"; did you mean \"FILES/READ\"?" },
	{ "version: 1\nmodules:\n  a.b/c: [opneat]",
	  "3:11: unknown capability or system call \"opneat\"; did you mean \"openat\"?" },
	{ "version: 1\nmodules:\n  a.b/c: [EXEC, EXEC]",
	  "3:17: \"EXEC\" stands here a second time" },
	{ "version: 1\nmodules:\n  a.b/c: [EXEC, ]\n  a.b/c: []",
	  "4:3: module a.b/c stands here a second time; the first is in line 3" },
	{ "version: 1\nmodules:\n  a.b/c: [5]", "3:11: unknown capability or system call \"5\"" },
	{ "version: 1\nmodules:\n  a.b/c: [~]", "3:11: what is allowed must be text, not nothing" },
	{ "version: 1\nmodules:\n  a.b/c: [\"\"]", "3:11: unknown capability or system call \"\"" },
	{ "version: 1\nmodules:\n  a.b/c: {privileged: yes}",
	  "3:23: privileged must be true or false" },
	{ "version: 1\nmodules:\n  a.b/c: {privileged: \"true\"}",
	  "3:23: privileged must be true or false" },
	{ "version: 1\nmodules:\n  a.b/c: {privileged: }",
	  "3:11: privileged must be true or false" },
	{ "version: 1\nmodules:\n  a.b/c: {privileged: [true]}",
	  "3:23: privileged must be true or false" },
	{ "version: 1\nmodules:\n  a.b/c: {pool: yes}", "3:17: pool must be true or false" },
	{ "version: 1\nmodules:\n  a.b/c: {pool: \"true\"}", "3:17: pool must be true or false" },
	{ "version: 1\nmodules:\n  a.b/c: {pool: 1}", "3:17: pool must be true or false" },
	{ "version: 1\nmodules:\n  a.b/c: {pool: }", "3:11: pool must be true or false" },
	{ "version: 1\nmodules:\n  a.b/c: {pool: [true]}", "3:17: pool must be true or false" },
	{ "version: 1\nmodules:\n  a.b/c: {pool: true, pool: true}",
	  "3:23: \"pool\" stands here a second time" },
	{ "version: 1\nmodules:\n  a.b/c: {pol: true}",
	  "3:11: unknown key of a policy \"pol\"; did you mean \"pool\"?" },
	{ "version: 1\nmodules:\n  a.b/c: {deny: [EXEC]}",
	  "3:11: unknown key of a policy \"deny\"" },
	{ "version: 1\nmodules:\n  a.b/c: {alow: [EXEC]}",
	  "3:11: unknown key of a policy \"alow\"; did you mean \"allow\"?" },
	{ "version: 1\nmodules:\n  a.b/c: {errno: EFOO}", "3:18: unknown errno \"EFOO\"" },
	{ "version: 1\nmodules:\n  a.b/c: {action: stop}", "3:19: unknown action \"stop\"" },
	{ "version: 1\nmodules:\n  std: []", "3:3: \"std\" is not a module" },
	{ "version: 1\nmodules:\n  c: []", "3:3: \"c\" is not a module" },
	{ "version: 1\nmodules:\n  unattributed: []", "3:3: \"unattributed\" is not a module" },
	{ "version: 1\nmodules:\n  a b: []", "3:3: \"a b\" is not a module path" },
	{ "version: 1\nmodules:\n  \"\": []", "3:3: \"\" is not a module path" },
	{ "version: 1\nmodules:\n  a.b/c@v1.2.3: []",
	  "3:3: \"a.b/c@v1.2.3\": policies are for all versions" },
	{ "version: 1\nmodules:\n  [a]: []", "3:3: a module must be text, not a list" },
	{ "version: 1\nprograms: x", "2:11: programs must be a list, not text" },
	{ "version: 1\nprograms: {path: /x}", "2:11: programs must be a list, not a mapping" },
	{ "version: 1\nprograms: [x]", "2:12: a program must be a mapping" },
	{ "version: 1\nprograms: [{}]", "2:12: path is missing" },
	{ "version: 1\nprograms: [{path: /x}]", "2:12: policy is missing" },
	{ "version: 1\nprograms: [{policy: x}]", "2:12: path is missing" },
	{ "version: 1\nprograms: [{path: x, policy: y}]", "2:19: path must be absolute" },
	{ "version: 1\nprograms: [{path: [/x], policy: y}]", "2:19: path must be text" },
	{ "version: 1\nprograms: [{path: /x, policy: \"\"}]", "2:31: policy must name a file" },
	{ "version: 1\nprograms: [{path: /x, policy: y, args: z}]",
	  "2:34: unknown key of a program \"args\"" },
	{ "version: 1\nprograms:\n- {path: /x, policy: y}\n- {path: /x, policy: z}",
	  "4:10: program /x stands here a second time" },
	{ "version: &a 1", "1:" },
	{ "version: 1\nmodules: *a", "2:11: aliases are not known here" },
	{ "version: !!int 1", "1:" },
	{ "version: 1\nmodules: !x {}", "2:" },
	{ "version: 1\n---\nversion: 1", "2:1: a second document" },
	{ "version: 1\n<<: {default: confined}", "2:1: unknown key \"<<\"" },
	{ "version: 1\nmodules: {a: {allow: [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}}", "2:" },
	{ "version: 1\n\tmodules: {}", "1:10: " },
	{ "version: 1\nmodules: {", "" },
	{ "version: 1\nmodules: [", "" },
	{ "version: 1\nmodules: \"x", "" },
	{ "version: 1\n modules: {}", "1:10: " },
	{ "version: 1\nmodules:\n  a: b: c", "3:" },
	{ "version: 1\nmodules:\n  \"a\\xff\": []", "3:" },
	{ "version: \x01", "1:10: byte 0x01: not UTF-8 text" },
	{ "version: 1\n# \xff", "2:3: byte 0xff: not UTF-8 text" },
	{ "version: 1\n# \xc0\x80", "2:3: byte 0xc0" },
	{ "version: 1\n# \xed\xa0\x80", "2:3: byte 0xed" },
	{ "version: 1\n# \xf5\x80\x80\x80", "2:3: byte 0xf5" },
	{ "version: 1\n# \xe2\x82", "2:3: byte 0xe2" },
	{ "version: 1\n# \x7f", "2:3: byte 0x7f" },
	{ "%YAML 9\n---\nversion: 1", "1:" },
	{ "version: 1\n@: x", "2:" },
	{ "version: 1\n`: x", "2:" },
};

/* Errors have a place: a first error that begins with the name of the file, a line and a column. */
static bool
has_place(const char *error)
{
	unsigned line, column;
	int end = 0;
	return sscanf(error, "m.yaml:%u:%u: %n", &line, &column, &end) == 2 && end > 0 &&
	       line > 0 && column > 0 && error[end];
}

START_TEST(malformed)
{
	const struct bad *b = &bad[_i];
	struct mj_policy *policy = new_policy();
	struct mj_error err = { 0 };
	ck_assert_msg(mj_policy_read_yaml(policy, "m.yaml", b->text, strlen(b->text), &err) == -1,
	              "%s", b->text);
	ck_assert_int_eq(err.code, MJ_ERR_FORMAT);
	ck_assert_uint_gt(mj_policy_error_count(policy), 0);
	const char *first = mj_policy_error(policy, 0);
	ck_assert_msg(has_place(first) && strncmp(first + 7, b->error, strlen(b->error)) == 0,
	              "%s\n%s\nnot %s", b->text, first, b->error);
	ck_assert_uint_eq(mj_policy_count(policy), 0);
	ck_assert(!mj_policy_says_something(policy));
	mj_policy_destroy(policy);
}
END_TEST

START_TEST(all_errors_at_once)
{
	static const char text[] = "version: 1\nmodules:\n  a.b/c: [FILES/RAED]\n  main:\n"
				   "    errno: EFOO\n    privilegd: true\nprogramm: x\n";
	struct mj_policy *policy = new_policy();
	struct mj_error err = { 0 };
	ck_assert_int_eq(mj_policy_read_yaml(policy, "m.yaml", text, strlen(text), &err), -1);
	ck_assert_uint_eq(mj_policy_error_count(policy), 4);
	unsigned last = 0;
	for (size_t i = 0; i < 4; i++) {
		unsigned line = 0;
		ck_assert_int_eq(sscanf(mj_policy_error(policy, i), "m.yaml:%u:", &line), 1);
		ck_assert_uint_gt(line, last);
		last = line;
	}
	ck_assert_ptr_nonnull(strstr(err.text, "(and 3 more)"));
	/* The next file's errors replace them. */
	ck_assert_int_eq(mj_policy_read_yaml(policy, "m.yaml", "version: 1\n", 11, &err), 0);
	ck_assert_uint_eq(mj_policy_error_count(policy), 0);
	mj_policy_destroy(policy);
}
END_TEST

/* ---- generated ------------------------------------------------------------------------------- */

static const char sound[] = "version: 1\nprogram: x.org/y\ndefault: [FILES, EXEC]\nmodules:\n"
			    "  a.org/a: confined\n  b.org/b:\n    allow: [NETWORK/UNIX, openat]\n"
			    "    action: log\n  main: {privileged: true}\n  c.org/c: {pool: true}\n"
			    "programs:\n  - path: /bin/x\n    policy: y.yaml\n";

/* Words of which a change of one letter makes something that is not known. */
static const char *const words[] = { "version",      "program:", "default",  "FILES",
	                             "EXEC",         "modules",  "confined", "allow",
	                             "NETWORK/UNIX", "openat",   "action",   "log",
	                             "privileged",   "true",     "programs", "path",
	                             "policy",       "pool" };

/* 18 words, each with letters changed, doubled and dropped: several hundred files, all malformed. */
START_TEST(mutated)
{
	const char *word = words[_i];
	const char *at = strstr(sound, word);
	ck_assert_ptr_nonnull(at);
	size_t before = (size_t)(at - sound);
	size_t len = strcspn(word, ":");
	mj_policy_destroy(read_good(sound));
	for (size_t i = 0; i < len; i++) {
		for (int how = 0; how < 3; how++) {
			char text[sizeof(sound) + 2];
			struct mj_policy *policy = new_policy();
			memcpy(text, sound, before + i);
			char *to = text + before + i;
			if (how == 0) {
				*to++ = 'Q';
			} else if (how == 1) {
				*to++ = at[i];
				*to++ = 'q';
			}
			strcpy(to, at + i + 1);
			ck_assert_msg(mj_policy_read_yaml(policy, "m.yaml", text, strlen(text),
			                                  NULL) == -1,
			              "%s", text);
			ck_assert_msg(has_place(mj_policy_error(policy, 0)), "%s",
			              mj_policy_error(policy, 0));
			ck_assert(!mj_policy_says_something(policy));
			mj_policy_destroy(policy);
		}
	}
}
END_TEST

/* Whatever is cut off or overwritten: an error with a place, or a policy. */
START_TEST(damaged)
{
	unsigned seed = 12345;
	for (unsigned n = 0; n < 20000; n++) {
		char text[sizeof(sound)];
		memcpy(text, sound, sizeof(sound));
		size_t len = sizeof(sound) - 1;
		for (unsigned k = 0; k < 1 + n % 4; k++) {
			static const char set[] = "\n :-[]{}#&*!|>'\"%@`,?~\t\\aZ1/";
			seed = seed * 1103515245 + 12345;
			text[(seed >> 8) % len] = set[(seed >> 20) % (sizeof(set) - 1)];
		}
		if (n % 3 == 0)
			len = (seed >> 4) % len;
		struct mj_policy *policy = new_policy();
		int r = mj_policy_read_yaml(policy, "m.yaml", text, len, NULL);
		ck_assert(r == 0 || has_place(mj_policy_error(policy, 0)));
		ck_assert(r == 0 || !mj_policy_says_something(policy));
		mj_policy_destroy(policy);
	}
}
END_TEST

START_TEST(large)
{
	static char text[MJ_YAML_MAX + 2];
	memset(text, '#', sizeof(text) - 1);
	struct mj_policy *policy = new_policy();
	ck_assert_int_eq(mj_policy_read_yaml(policy, "m.yaml", text, sizeof(text) - 1, NULL), -1);
	ck_assert(has_place(mj_policy_error(policy, 0)));
	memset(text, '[', MJ_YAML_MAX);
	ck_assert_int_eq(mj_policy_read_yaml(policy, "m.yaml", text, MJ_YAML_MAX, NULL), -1);
	ck_assert(has_place(mj_policy_error(policy, 0)));
	mj_policy_destroy(policy);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("yaml");
	TCase *tcase = tcase_create("yaml");
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, all_keys);
	tcase_add_test(tcase, precedence);
	tcase_add_test(tcase, warnings);
	tcase_add_test(tcase, one_line_more);
	tcase_add_loop_test(tcase, malformed, 0, MJ_ARRAY_LEN(bad));
	tcase_add_test(tcase, all_errors_at_once);
	tcase_add_loop_test(tcase, mutated, 0, MJ_ARRAY_LEN(words));
	tcase_add_test(tcase, damaged);
	tcase_add_test(tcase, large);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
