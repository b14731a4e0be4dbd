/* SPDX-License-Identifier: Apache-2.0 */
/* cli: conditions in words, arguments that people write, `modjail policy` and hints with the rule's line. */
#include "tests/unit/cli_fakes.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* ---- conditions --------------------------------------------------------------------------------- */

/* Arguments whose values have no names that people know. */
static bool
is_plain_number(const struct mj_table_entry *entry, unsigned arg)
{
	static const char *const whole[] = { "prlimit64", "personality", "syslog", "getpgid",
		                             "getsid" };
	for (size_t i = 0; i < MJ_ARRAY_LEN(whole); i++)
		if (strcmp(entry->name, whole[i]) == 0)
			return true;
	return (entry->nr == SYS_socket && arg == 2) || (entry->nr == SYS_prctl && arg == 1);
}

/* Every row of the table can be told to people. */
START_TEST(conditions_have_names)
{
	struct mj_table_entry entry;
	size_t seen = 0;
	for (size_t i = 0; mj_table_entry(i, &entry); i++) {
		MJ_AUTO_FREE char *text = cli_conds_text(&entry);
		ck_assert_ptr_nonnull(text);
		ck_assert_msg((*text == '\0') == (entry.nconds == 0), "%s: %s", entry.name, text);
		bool plain = false;
		for (unsigned j = 0; j < entry.nconds; j++)
			plain |= is_plain_number(&entry, entry.conds[j].arg);
		ck_assert_msg(plain || !strstr(text, "argument"), "%s: %s", entry.name, text);
		ck_assert_msg(plain || !strstr(text, "0x"), "%s: %s", entry.name, text);
		seen += entry.nconds > 0;
	}
	ck_assert_uint_gt(seen, 100);
}
END_TEST

static char *
conds_of(const char *name, uint64_t a, uint64_t b, uint64_t c)
{
	struct mj_table_entry entry;
	struct mj_call call = { .nr = mj_call_number(name), .args = { a, b, c } };
	struct mj_need need = mj_call_need(&call);
	ck_assert(mj_table_entry(need.row - 1, &entry));
	return cli_conds_text(&entry);
}

static void
assert_conds(char *got, const char *wanted)
{
	ck_assert_str_eq(got, wanted);
	free(got);
}

START_TEST(conditions_in_words)
{
	assert_conds(conds_of("openat", 0, 0, O_RDONLY),
	             "O_RDONLY without O_CREAT|O_TRUNC|__O_TMPFILE|O_PATH");
	assert_conds(conds_of("openat", 0, 0, O_PATH), "with O_PATH");
	assert_conds(conds_of("openat", 0, 0, O_RDWR), "");
	assert_conds(conds_of("socket", AF_INET6, SOCK_DGRAM, 0),
	             "AF_INET or AF_INET6, SOCK_DGRAM");
	assert_conds(conds_of("mmap", 0, 0, 1), "without PROT_EXEC");
	assert_conds(conds_of("kill", 1, 0, 0), "signal 0");
	assert_conds(conds_of("tgkill", 1, 1, SIGURG), "SIGURG");
	assert_conds(conds_of("sendmsg", 3, 0, 0), "without MSG_FASTOPEN");
}
END_TEST

/* ---- arguments that people write ------------------------------------------------------------------ */

static struct cli_asked
ask(const char *call, const char *args)
{
	struct cli_asked asked = { .call.nr = mj_call_number(call) };
	struct mj_error err = { 0 };
	ck_assert_msg(cli_parse_args(args, &asked.call, &asked.known, &err) == 0, "%s", err.text);
	return asked;
}

START_TEST(arguments_are_parsed)
{
	struct cli_asked asked = ask("openat", "O_WRONLY|O_CREAT");
	ck_assert_uint_eq(asked.known, 1U << 2);
	ck_assert_uint_eq(asked.call.args[2], O_WRONLY | O_CREAT);
	asked = ask("socket", "_, SOCK_STREAM|SOCK_CLOEXEC");
	ck_assert_uint_eq(asked.known, 1U << 1);
	ck_assert_uint_eq(asked.call.args[1], SOCK_STREAM | SOCK_CLOEXEC);
	asked = ask("kill", "-1, SIGTERM");
	ck_assert_uint_eq(asked.known, 3);
	ck_assert_int_eq((int)asked.call.args[0], -1);
	ck_assert_uint_eq(asked.call.args[1], SIGTERM);
	/* A descriptor in front need not be written. */
	asked = ask("ioctl", "TCGETS");
	ck_assert_uint_eq(asked.known, 2);
	asked = ask("ioctl", "fd 0, 0x5412");
	ck_assert_uint_eq(asked.known, 3);
	ck_assert_uint_eq(asked.call.args[1], 0x5412);
	ck_assert_uint_eq(ask("getpid", "").known, 0);
}
END_TEST

/* What a report writes can be asked about. */
START_TEST(reports_are_parsed)
{
	static const struct mj_call calls[] = {
		{ SYS_openat, { 0, 0, O_RDWR | O_CREAT | O_TMPFILE | 1U << 30 } },
		{ SYS_socket, { AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0 } },
		{ SYS_socket, { 77, 9, 0 } },
		{ SYS_tgkill, { 5, 6, SIGKILL } },
		{ SYS_mmap, { 0, 0, 7 } },
		{ SYS_mmap, { 0, 0, 0 } },
		{ SYS_clone, { 0x4111 } },
		{ SYS_ioctl, { 3, 0x5412 } },
		{ SYS_ioctl, { 3, 0xabcdef } },
		{ SYS_fcntl, { 3, F_SETOWN } },
		{ SYS_prctl, { 4 } },
		{ SYS_dup3, { 3, 1 } },
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(calls); i++) {
		RENDERED(text, cli_put_args(out, &calls[i]));
		struct cli_asked asked = ask(mj_call_name(calls[i].nr), text);
		RENDERED(again, cli_put_known_args(out, &asked.call, asked.known));
		ck_assert_str_eq(again, text);
		ck_assert_uint_eq(mj_call_need(&asked.call).row, mj_call_need(&calls[i]).row);
	}
}
END_TEST

START_TEST(arguments_that_are_wrong)
{
	static const struct {
		const char *call, *args, *why;
	} wrong[] = {
		{ "openat", "O_WRNLY", "did you mean \"O_WRONLY\"" },
		{ "openat", "O_RDONLY, 3", "knows 1 argument of openat" },
		{ "openat", "", NULL },
		{ "getpid", "1", "knows 0 arguments" },
		{ "socket", "AF_UNIX|", "\"\" is no value" },
		{ "kill", "1, SIGNOTHING", "no value" },
		{ "kill", "1, SIGTERM, 2", "knows 2 arguments" },
		{ "mmap", "PROT_READ|99999999999999999999", "no value" },
		{ "ioctl", "0x12 34", "no value" },
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(wrong); i++) {
		struct mj_call call = { .nr = mj_call_number(wrong[i].call) };
		struct mj_error err = { 0 };
		unsigned known;
		int r = cli_parse_args(wrong[i].args, &call, &known, &err);
		ck_assert_int_eq(r, wrong[i].why ? -1 : 0);
		if (wrong[i].why)
			assert_contains(err.text, wrong[i].why);
	}
}
END_TEST

/* ---- explain -------------------------------------------------------------------------------------- */

static struct mj_policy *
read_policy(const char *text)
{
	struct mj_policy *policy = NULL;
	struct mj_error err = { 0 };
	ck_assert_int_eq(mj_policy_create(&policy, NULL), 0);
	ck_assert_msg(mj_policy_read_yaml(policy, "p.yaml", text, strlen(text), &err) == 0, "%s",
	              err.text);
	return policy;
}

static void
assert_explained(const struct mj_policy *policy, const char *call, const char *args,
                 enum cli_explained wanted, const char *part)
{
	struct cli_asked asked = ask(call, args);
	const struct mj_rule *rule = mj_policy_rule(policy, "a.b/c", false);
	enum cli_explained got = CLI_EXPLAINED_BOTH;
	RENDERED(text, got = cli_policy_explain(out, utf8, rule, "a.b/c", &asked));
	ck_assert_msg(got == wanted, "%s %s: %d\n%s", call, args, got, text);
	assert_contains(text, part);
}

START_TEST(explanations)
{
	struct mj_policy *policy = read_policy("version: 1\nmodules:\n"
	                                       "  a.b/c: [FILES/READ, inotify_init1]\n");
	assert_explained(policy, "openat", "O_RDONLY", CLI_EXPLAINED_ALLOWED,
	                 "p.yaml:3:11 (FILES/READ)");
	assert_explained(policy, "openat", "O_RDWR", CLI_EXPLAINED_REFUSED,
	                 "FILES/READ,FILES/WRITE");
	assert_explained(policy, "openat", "", CLI_EXPLAINED_BOTH, "by its arguments");
	assert_explained(policy, "inotify_init1", "", CLI_EXPLAINED_ALLOWED, "(inotify_init1)");
	assert_explained(policy, "getpid", "", CLI_EXPLAINED_ALLOWED, "the base set");
	assert_explained(policy, "execve", "", CLI_EXPLAINED_REFUSED, "needs EXEC: p.yaml:3:3");
	assert_explained(policy, "socket", "AF_UNIX", CLI_EXPLAINED_REFUSED, "NETWORK/UNIX");
	/* What is not given leaves it open, what is given decides as far as it goes. */
	assert_explained(policy, "kill", "5", CLI_EXPLAINED_REFUSED, "MODIFY_SYSTEM_STATE/SIGNALS");
	assert_explained(policy, "tgkill", "1, 2", CLI_EXPLAINED_BOTH, "tgkill(1, 2, _)");
	assert_explained(policy, "tgkill", "_, _, SIGURG", CLI_EXPLAINED_ALLOWED,
	                 "tgkill(_, _, SIGURG)");
	mj_policy_destroy(policy);
}
END_TEST

/* ---- check ---------------------------------------------------------------------------------------- */

struct found {
	size_t count;
	char all[8192];
};

static void
on_warning(void *ctx, const char *text)
{
	struct found *found = ctx;
	found->count++;
	size_t len = strlen(found->all);
	snprintf(found->all + len, sizeof(found->all) - len, "%s\n", text);
}

static const struct cli_options options; /* none */

static struct found
check_policy(const char *yaml, const char *program)
{
	struct found found = { 0 };
	struct cli_check check = { on_warning, &found };
	struct mj_policy *policy = read_policy(yaml);
	struct mj_error err = { 0 };
	ck_assert_msg(cli_policy_check(policy, &options, program, utf8, &check, &err) == 0, "%s",
	              err.text);
	mj_policy_destroy(policy);
	return found;
}

START_TEST(check_finds_escapes)
{
	struct found found = check_policy("version: 1\nmodules:\n  a.b/c: unconfined\n"
	                                  "  a.b/d: [confined, FILES/READ]\n",
	                                  NULL);
	ck_assert_str_eq(found.all, "");
	found = check_policy("version: 1\ndefault: [EXEC]\nunattributed: [truncate]\n"
	                     "modules:\n  a.b/d:\n    allow: [FILES/READ, FILES/WRITE]\n",
	                     NULL);
	ck_assert_uint_eq(found.count, 3);
	assert_contains(found.all, "p.yaml:2:11: a module that nothing names may do EXEC: ");
	assert_contains(found.all, "p.yaml:6:25: a.b/d may do FILES/WRITE: ");
	assert_contains(found.all,
	                "p.yaml:3:16: a stack without a module may do FILES/WRITE (by truncate)");
}
END_TEST

START_TEST(check_finds_pools)
{
	struct found found = check_policy("version: 1\nmodules:\n  a.b/c: {pool: false}\n"
	                                  "  a.b/d: {pool: true}\n",
	                                  NULL);
	ck_assert_uint_eq(found.count, 1);
	assert_contains(found.all, "p.yaml:4:3: a.b/d is a pool: ");
	found = check_policy("version: 1\nprogram: x.y/z\nmodules:\n  main: {pool: true}\n"
	                     "  x.y/z: {pool: true}\n  x.y/z/pool: {pool: true}\n",
	                     NULL);
	ck_assert_uint_eq(found.count, 5);
	assert_contains(found.all, "p.yaml:4:3: main is a pool: its own jobs");
	assert_contains(found.all, "p.yaml:5:3: x.y/z is a pool: its own jobs");
	ck_assert_ptr_null(strstr(found.all, "x.y/z/pool is a pool: its own jobs"));
}
END_TEST

START_TEST(check_compares_with_the_program)
{
	/* The faked program: example.com/app, example.com/poisoned, gopkg.in/yaml.v3. */
	struct found found =
		check_policy("version: 1\nmodules:\n  gopkg.in/yaml.v2: confined\n", "/dev/null");
	assert_contains(found.all,
	                "contains no module gopkg.in/yaml.v2, which p.yaml:3 names; did you "
	                "mean gopkg.in/yaml.v3?");
	assert_contains(found.all,
	                "no policy names example.com/poisoned, so that it is unconfined");
	ck_assert_ptr_null(strstr(found.all, "no policy names example.com/app"));
	found = check_policy("version: 1\ndefault: confined\n", "/dev/null");
	ck_assert_str_eq(found.all, "");
	struct mj_error err = { 0 };
	struct cli_check check = { on_warning, &found };
	struct mj_policy *policy =
		read_policy("version: 1\nprogram: example.com/else\ndefault: confined\n");
	ck_assert_int_eq(cli_policy_check(policy, &options, "/dev/null", utf8, &check, &err), -1);
	assert_contains(err.text, "p.yaml:2: this policy is for program example.com/else");
	mj_policy_destroy(policy);
}
END_TEST

/* ---- JSON ----------------------------------------------------------------------------------------- */

static json_t *
loaded(const char *text)
{
	json_error_t error;
	json_t *object = json_loads(text, 0, &error);
	ck_assert_msg(object != NULL, "%s in:\n%s", error.text, text);
	return object;
}

START_TEST(json)
{
	RENDERED(caps, cli_policy_caps(out, CLI_CAPS_JSON, false));
	json_t *object = loaded(caps);
	ck_assert_uint_eq(json_array_size(json_object_get(object, "capabilities")), MJ_CAP_COUNT);
	json_decref(object);
	struct mj_policy *policy =
		read_policy("version: 1\nmodules:\n  a.b/c: [FILES/READ, EXEC]\n");
	RENDERED(show, cli_json_show(out, policy, NULL));
	object = loaded(show);
	json_t *module = json_array_get(json_object_get(object, "modules"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(module, "module")), "a.b/c");
	json_t *item = json_array_get(json_object_get(module, "items"), 1);
	ck_assert_str_eq(json_string_value(json_object_get(item, "word")), "EXEC");
	ck_assert_int_eq(json_integer_value(json_object_get(item, "column")), 23);
	json_decref(object);
	RENDERED(plan, cli_policy_show_plan(out, mj_policy_everyone(policy), true, NULL));
	object = loaded(plan);
	size_t calls = 0;
	const char *key;
	json_t *list;
	json_object_foreach(object, key, list) calls += json_array_size(list);
	ck_assert_uint_eq(calls, mj_call_count());
	json_decref(object);
	mj_policy_destroy(policy);
	const char *bad = "\xff\"\x1b";
	RENDERED(check, cli_json_check(out, &bad, 1, NULL, 0));
	json_decref(loaded(check));
}
END_TEST

/* ---- hints ---------------------------------------------------------------------------------------- */

static char *
hint(const struct mj_rule *rule, const char *call, uint64_t arg, const char *module)
{
	struct cli_view view = {
		.reason = MJ_REASON_POLICY,
		.module = module,
		.rule = rule,
		.call = { .nr = mj_call_number(call), .args = { 0, 0, arg } },
		.capability = "",
	};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	cli_text_hint(out, utf8, &view);
	fclose(out);
	return text;
}

/* The suggested line is read again, and allows the call. */
static void
assert_line_helps(const char *text, const char *call, uint64_t arg)
{
	char yaml[512];
	const char *line = strstr(text, "under modules: ");
	ck_assert_ptr_nonnull(line);
	line += strlen("under modules: ");
	snprintf(yaml, sizeof(yaml), "version: 1\nmodules:\n  %.*s\n", (int)strcspn(line, "\n"),
	         line);
	struct mj_policy *policy = read_policy(yaml);
	struct mj_call made = { .nr = mj_call_number(call), .args = { 0, 0, arg } };
	ck_assert(mj_grant_allows(&mj_policy_rule(policy, "a.b/c", false)->grant,
	                          mj_call_need(&made)));
	mj_policy_destroy(policy);
}

START_TEST(hints_name_the_line)
{
	struct mj_policy *policy = read_policy("version: 1\nmodules:\n  a.b/c: [inotify_init1]\n");
	const struct mj_rule *rule = mj_policy_rule(policy, "a.b/c", false);
	MJ_AUTO_FREE char *file = hint(rule, "openat", O_RDWR, "a.b/c");
	ck_assert_str_eq(
		file,
		"modjail: its policy is at p.yaml:3; to allow it: in that file, under modules: "
		"\"a.b/c\": [inotify_init1, FILES/READ, FILES/WRITE]\n"
		"modjail: FILES/WRITE may lead out of the jail: it may write "
		"/proc/self/mem, and so any code of the program\n");
	assert_line_helps(file, "openat", O_RDWR);
	MJ_AUTO_FREE char *either = hint(rule, "connect", 0, "a.b/c");
	assert_contains(either, "[inotify_init1, NETWORK/CONNECT]\n");
	assert_line_helps(either, "connect", 0);
	struct mj_rule gomod = { .grant = mj_grant_confined(),
		                 .origin = { "go.mod", 7, 0, MJ_SOURCE_GOMOD } };
	MJ_AUTO_FREE char *mod = hint(&gomod, "openat", O_RDONLY, "a.b/c");
	ck_assert_str_eq(
		mod, "modjail: its policy is at go.mod:7; to allow it: in a --policy-file, under "
		     "modules: \"a.b/c\": [confined, FILES/READ]\n");
	assert_line_helps(mod, "openat", O_RDONLY);
	gomod.origin = (struct mj_origin){ "--policy", 0, 0, MJ_SOURCE_FLAG };
	MJ_AUTO_FREE char *flag = hint(&gomod, "openat", O_RDONLY, "a.b/c");
	ck_assert_str_eq(flag, "modjail: to allow it: --policy=a.b/c=unconfined\n");
	MJ_AUTO_FREE char *evil = hint(rule, "openat", O_RDONLY, "a\": [EXEC]\nb");
	ck_assert_str_eq(evil, "");
	mj_policy_destroy(policy);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_policy");
	TCase *tcase = tcase_create("cli_policy");
	tcase_add_test(tcase, conditions_have_names);
	tcase_add_test(tcase, conditions_in_words);
	tcase_add_test(tcase, arguments_are_parsed);
	tcase_add_test(tcase, reports_are_parsed);
	tcase_add_test(tcase, arguments_that_are_wrong);
	tcase_add_test(tcase, explanations);
	tcase_add_test(tcase, check_finds_escapes);
	tcase_add_test(tcase, check_finds_pools);
	tcase_add_test(tcase, check_compares_with_the_program);
	tcase_add_test(tcase, json);
	tcase_add_test(tcase, hints_name_the_line);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
