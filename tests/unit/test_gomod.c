/* SPDX-License-Identifier: Apache-2.0 */
/* Policies in the comments of a go.mod. */
#include <check.h>
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

#define C "// gomodjail:confined"
#define U "// gomodjail:unconfined"

/* want: "path=c" or "path=u" in order, separated by blanks. warnings: how many. */
static const struct {
	const char *text;
	const char *want;
	size_t warnings;
} gomods[] = {
	{ "module m", "", 0 },
	{ "module m\nrequire a v1", "", 0 },
	{ "module m\nrequire a v1 " C "\n", "a=c", 0 },
	{ "module m\nrequire a v1 //gomodjail:confined", "a=c", 0 },
	{ C "\nmodule m\nrequire a v1\n", "a=c", 0 },
	{ "module m " C "\nrequire a v1\n", "a=c", 0 },
	{ "require a v1\nmodule m " C, "a=c", 0 },
	{ "module (\n\tm " C "\n)\nrequire a v1\n", "a=c", 0 },
	{ "module (\n" C "\n\n\tm\n)\nrequire a v1\n", "a=c", 0 },
	{ C "\nmodule (\n\tm\n)\nrequire a v1\n", "", 1 },
	/* inner beats outer */
	{ C "\nmodule m\n" U "\nrequire (\na v1\nb v1 " C "\n)\nrequire c v1", "a=u b=c c=c", 0 },
	{ U "\nmodule m\n" C "\nrequire (\na v1\nb v1 " U "\n)\nrequire c v1", "a=c b=u c=u", 0 },
	/* the line above; blank lines matter at top level only */
	{ "module m\n" C "\nrequire a v1", "a=c", 0 },
	{ "module m\n" C "\n\nrequire a v1", "", 1 },
	{ "module m\n" C "\n \t\r\nrequire a v1", "", 1 },
	{ "module m\n" C "\n// more\nrequire a v1", "a=c", 0 },
	{ "module m\nrequire (\n" C "\n\n\n// more\n\na v1\nb v1\n)", "a=c", 0 },
	{ "module m\n\n" C "\n\nrequire (\na v1\n)", "", 1 },
	{ C "\n\nmodule m\nrequire a v1", "", 1 },
	/* the parentheses are not the block */
	{ "module m\nrequire ( " C "\na v1\n)", "", 1 },
	{ "module m\nrequire (\na v1\n) " C, "", 1 },
	{ "module m\nrequire (\na v1\n" C "\n)", "", 1 },
	{ "module m\n" C "\nrequire ()\nrequire a v1", "", 0 },
	{ "module m\nrequire ( ) " C "\nrequire a v1", "", 1 },
	{ "module m\nrequire a v1\n" C, "", 1 },
	/* several: a line's last counts, a block's first */
	{ "module m\n" C "\nrequire a v1 " U, "a=u", 0 },
	{ "module m\n" C "\n" U "\nrequire a v1", "a=u", 0 },
	{ "module m\n" C "\n" U "\nrequire (\na v1\n)", "a=c", 0 },
	{ C "\n" U "\nmodule m\nrequire a v1", "a=u", 0 },
	{ C "\n// words\nmodule m\nrequire a v1", "a=c", 1 },
	{ C "\nmodule m // words\nrequire a v1", "a=c", 1 },
	{ C "\nmodule m // gomodjail:\nrequire a v1", "a=c", 2 },
	/* fields of a comment */
	{ "module m\nrequire a v1 // indirect; gomodjail:confined", "a=c", 0 },
	{ "module m\nrequire a v1 // indirect // gomodjail:confined", "a=c", 0 },
	{ "module m\nrequire a v1 // indirect //gomodjail:confined", "a=c", 0 },
	{ "module m\nrequire a v1 ////gomodjail:confined", "a=c", 0 },
	{ "module m\nrequire a v1 //////gomodjail:confined", "", 1 },
	{ "module m\nrequire a v1 //\tgomodjail:confined\tx", "a=c", 0 },
	{ "module m\nrequire a v1 //\302\240gomodjail:confined\342\200\203x", "a=c", 0 },
	{ "module m\nrequire a v1 // indirect;gomodjail:confined", "", 1 },
	{ "module m\nrequire a v1 // gomodjail: confined", "", 1 },
	{ "module m\nrequire a v1 // Gomodjail:confined", "", 0 },
	{ "module m\nrequire a v1 " C " gomodjail:unconfined", "a=c", 1 },
	{ "module m\nrequire a v1 // see github.com/x/gomodjail: why", "", 0 },
	/* duplicates: the last counts */
	{ "module m\nrequire a v1 " C "\nrequire a v2 " U, "a=u", 1 },
	{ "module m\nrequire a v1 " C "\nrequire a v2", "", 1 },
	{ "module m\nrequire a v1\nrequire a v2 " C, "a=c", 1 },
	{ "module m\nrequire a v1 " C "\nrequire a v2 " C, "a=c", 0 },
	/* elsewhere */
	{ "module m\nreplace a => ../a " C "\nrequire a v1", "", 1 },
	{ "module m\n" C "\nexclude (\n" C "\na v1 " C "\n)\nrequire a v1", "", 2 },
	{ "module m\nreplace a => ../a // gomodjail:bogus", "", 1 },
	{ "module m\ntoolchain go1.2 " C, "", 1 },
	/* syntax */
	{ "\357\273\277module m\r\nrequire (\r\n\ta v1 " C "\r\n)\r\n", "a=c", 0 },
	{ "module \"m\"\nrequire \"a\" \"v1\" " C, "a=c", 0 },
	{ "module `m`\nrequire `a` v1 " C, "a=c", 0 },
	{ "module \"\\x6d\"\nrequire \"\\141\\u0062\\U00000063\" v1 " C, "abc=c", 0 },
	{ "module m\nrequire a v1//x" C, "a=c", 0 },
	{ "module m\nrequire a v1//gomodjail:confined", "a=c", 0 },
	{ "module m\nrequire\ta\rv1 " C, "a=c", 0 },
	{ "module m\nrequire(\na v1 " C "\n)", "a=c", 0 },
	{ "module m\ngo 1.23\ntoolchain default\ngodebug (\nx=1\n)\nretract [v1, v2] // why\n"
	  "retract (\nv1\n)\nexclude a v1\nreplace a v1 => b v2\nreplace a => ./x\ntool a/b\n"
	  "ignore (\n./x\n)\nrequire a v1 " C,
	  "a=c", 0 },
	{ "module m\n// plain words\ngo 1.23 // more\nrequire a v1 " C, "a=c", 0 },
	{ "module m\nreplace a => \"./\\\"x\" // y\nrequire std v1 " C, "std=c", 0 },
};

static void
describe(const struct mj_policy *policy, char *buf, size_t size)
{
	size_t used = 0;
	buf[0] = '\0';
	for (size_t i = 0; i < mj_policy_count(policy); i++) {
		bool confined = mj_policy_grant_at(policy, i).caps == mj_grant_confined().caps;
		used += (size_t)snprintf(buf + used, size - used, "%s%s=%c", used ? " " : "",
		                         mj_policy_module(policy, i), confined ? 'c' : 'u');
	}
}

START_TEST(gomod_matrix)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(gomods); i++) {
		struct mj_policy *policy = new_policy();
		struct mj_error err = { 0 };
		char got[256];
		ck_assert_msg(mj_policy_read_gomod(policy, "go.mod", gomods[i].text,
		                                   strlen(gomods[i].text), &err) == 0,
		              "%zu: %s", i, err.text);
		describe(policy, got, sizeof(got));
		ck_assert_msg(strcmp(got, gomods[i].want) == 0, "%zu: \"%s\", not \"%s\"", i, got,
		              gomods[i].want);
		ck_assert_msg(mj_policy_warning_count(policy) == gomods[i].warnings, "%zu: %s", i,
		              mj_policy_warning(policy, 0));
		ck_assert_str_eq(mj_policy_main_module(policy), "m");
		mj_policy_destroy(policy);
	}
}
END_TEST

/* Malformed: text, and how the message begins. */
static const struct {
	const char *text;
	const char *message;
} broken[] = {
	{ "", "go.mod: no module line" },
	{ "require a v1\n", "go.mod: no module line" },
	{ "module m\nmodule n\n", "go.mod:2: repeated module line" },
	{ "module m\n\ngo 1.2\ngo 1.3\n", "go.mod:4: repeated go line" },
	{ "module m\n\nfrob x\n", "go.mod:3: unknown directive: frob" },
	{ "module m\n\"require\" a v1\n", "go.mod:2: unknown directive: \"require\"" },
	{ "module m\nfrob (\nx\n)\n", "go.mod:2: unknown block: frob" },
	{ "module m\ngo (\n1.2\n)\n", "go.mod:2: unknown block: go" },
	{ "module m\nrequire x (\n)\n", "go.mod:2: unknown block: require" },
	{ "module m\n)\n", "go.mod:2: unknown directive: )" },
	{ "module m\n(\na\n", "go.mod:2: unknown directive: (" },
	{ "module m\nrequire (\na v1\n", "go.mod:4: block without end, begun in line 2" },
	{ "module m\nrequire (\na v1\n) x\n", "go.mod:4: expected a new line behind \")\": x" },
	{ "module m\nrequire (\na v1 )\n", "go.mod:3: usage: require PATH VERSION" },
	{ "module m\nrequire (\na\n)\n", "go.mod:3: usage: require PATH VERSION" },
	{ "module m\nrequire a\n", "go.mod:2: usage: require PATH VERSION" },
	{ "module m\nrequire ( a v1 )\n", "go.mod:2: usage: require PATH VERSION" },
	{ "module\n", "go.mod:1: usage: module PATH" },
	{ "module a b\n", "go.mod:1: usage: module PATH" },
	{ "module m\nrequire (\nrequire (\na v1\n)\n", "go.mod:3: usage: require PATH VERSION" },
	{ "module m\nreplace a => ( v1\n", "go.mod:2: usage: replace" },
	{ "module m\nreplace a b c\n", "go.mod:2: usage: replace" },
	{ "module m\nreplace a => b c d\n", "go.mod:2: usage: replace" },
	{ "module m\nretract [v1\n", "go.mod:2: usage: retract" },
	{ "module m\ngodebug x\n", "go.mod:2: usage: godebug" },
	{ "module m\n/* x */\n", "go.mod:2: go.mod has // comments only" },
	{ "module m\nrequire a/*x*/ v1\n", "go.mod:2: go.mod has // comments only" },
	{ "module m\nrequire \"a\nv1\n", "go.mod:2: newline in string" },
	{ "module m\nrequire \"a\\\nb\" v1\n", "go.mod:2: newline in string" },
	{ "module m\nrequire \"a", "go.mod:2: string without end" },
	{ "module m\nrequire \"a\\", "go.mod:2: string without end" },
	{ "module m\nrequire `a\n` v1\n", "go.mod:2: newline in string" },
	{ "module m\nrequire \"\\q\" v1\n", "go.mod:2: malformed string \"\\q\"" },
	{ "module m\nrequire \"\\x4\" v1\n", "go.mod:2: malformed string" },
	{ "module m\nrequire \"\\ud800\" v1\n", "go.mod:2: malformed string" },
	{ "module m\nrequire \"\\400\" v1\n", "go.mod:2: malformed string" },
	{ "module m\nrequire \"a\\x00\" v1\n", "go.mod:2: malformed string" },
	{ "module m\nrequire a'b v1\n", "go.mod:2: malformed string a'b" },
	{ "module m\nrequire \"\" v1\n", "go.mod:2: not a module path: \"\"" },
	{ "module m\nrequire main v1\n", "go.mod:2: not a module path: main" },
	{ "module m\nrequire \"a b\" v1\n", "go.mod:2: not a module path" },
	{ "module m\n\001\n", "go.mod:2: unexpected character" },
	{ "module m\nrequire \302\240a v1\n", "go.mod:2: unexpected character" },
	{ "module m\nrequire a\377 v1\n", "go.mod:2: invalid UTF-8" },
	{ "module m\nrequire a\355\240\200 v1\n", "go.mod:2: invalid UTF-8" },
	{ "module m\nrequire a\300\257 v1\n", "go.mod:2: invalid UTF-8" },
	{ "module m\nrequire a v1 // gomodjail:loose\n",
	  "go.mod:2: unknown policy \"loose\"; known: confined, unconfined" },
	{ "module m\nrequire (\n\n// gomodjail:confined;\na v1 " U "\n)\n",
	  "go.mod:4: unknown policy \"confined;\"" },
	{ "// gomodjail:x\nmodule m\n", "go.mod:1: unknown policy \"x\"" },
	{ "module m\n// gomodjail:x\nrequire (\na v1\n)\n", "go.mod:2: unknown policy \"x\"" },
	{ "module m\n" C "\ngo 1.23\n", "go.mod:2: a policy cannot be given at the go line" },
	{ "module m\ngo 1.23 " C "\n", "go.mod:2: a policy cannot be given at the go line" },
	{ "module m\r\n\r\nx\r\n", "go.mod:3: unknown directive: x" },
};

START_TEST(gomod_broken)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(broken); i++) {
		struct mj_policy *policy = new_policy();
		struct mj_error err = { 0 };
		int result = mj_policy_read_gomod(policy, "go.mod", broken[i].text,
		                                  strlen(broken[i].text), &err);
		ck_assert_msg(result == -1, "%zu was accepted", i);
		ck_assert_int_eq(err.code, MJ_ERR_FORMAT);
		ck_assert_msg(strncmp(err.text, broken[i].message, strlen(broken[i].message)) == 0,
		              "%zu: \"%s\", not \"%s\"", i, err.text, broken[i].message);
		ck_assert_uint_eq(mj_policy_count(policy), 0);
		ck_assert_ptr_null(mj_policy_main_module(policy));
		mj_policy_destroy(policy);
	}
}
END_TEST

START_TEST(gomod_limits)
{
	size_t len = MJ_GOMOD_MAX + 1;
	char *text = malloc(len);
	memset(text, '(', len);
	struct mj_policy *policy = new_policy();
	struct mj_error err = { 0 };
	ck_assert_int_eq(mj_policy_read_gomod(policy, "go.mod", text, len, &err), -1);
	ck_assert_int_eq(err.code, MJ_ERR_USAGE);
	ck_assert_int_eq(mj_policy_read_gomod(policy, "go.mod", text, len - 1, &err), -1);
	ck_assert_int_eq(err.code, MJ_ERR_FORMAT);
	/* Embedded NUL bytes end nothing: a word must not pass for its beginning. */
	static const char nul[] = "module m\nrequire a v1 // gomodjail:confined\0x\n";
	ck_assert_int_eq(mj_policy_read_gomod(policy, "go.mod", nul, sizeof(nul) - 1, &err), -1);
	static const char nul2[] = "module m\nrequire a\0b v1\n";
	ck_assert_int_eq(mj_policy_read_gomod(policy, "go.mod", nul2, sizeof(nul2) - 1, &err), -1);
	mj_policy_destroy(policy);
	free(text);
}
END_TEST

START_TEST(gomod_many_warnings)
{
	char text[16384] = "module m\n";
	for (int i = 0; i < 300; i++)
		strcat(text, "// gomodjail:confined\n\n");
	struct mj_policy *policy = new_policy();
	ck_assert_int_eq(mj_policy_read_gomod(policy, "x/go.mod", text, strlen(text), NULL), 0);
	ck_assert_uint_eq(mj_policy_warning_count(policy), 101);
	ck_assert_msg(strncmp(mj_policy_warning(policy, 1), "x/go.mod:4: ", 12) == 0, "%s",
	              mj_policy_warning(policy, 1));
	ck_assert_ptr_null(mj_policy_warning(policy, 101));
	mj_policy_destroy(policy);
}
END_TEST

START_TEST(gomod_origin)
{
	static const char text[] = "module m\n\n" C "\nrequire (\na v1\nb v1 " U "\n)\n";
	struct mj_policy *policy = new_policy();
	ck_assert_int_eq(mj_policy_read_gomod(policy, "go.mod", text, strlen(text), NULL), 0);
	ck_assert_uint_eq(mj_policy_origin(policy, 0).line, 3);
	ck_assert_uint_eq(mj_policy_origin(policy, 1).line, 6);
	ck_assert_str_eq(mj_policy_origin(policy, 1).file, "go.mod");
	mj_policy_destroy(policy);
}
END_TEST

/* ---- the suite ------------------------------------------------------------------------------ */

int
main(void)
{
	Suite *suite = suite_create("gomod");
	TCase *tcase = tcase_create("gomod");
	tcase_add_test(tcase, gomod_matrix);
	tcase_add_test(tcase, gomod_broken);
	tcase_add_test(tcase, gomod_limits);
	tcase_add_test(tcase, gomod_many_warnings);
	tcase_add_test(tcase, gomod_origin);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
