/* SPDX-License-Identifier: Apache-2.0 */
/* cli: what was needed, as words of a policy, and words put into files that people wrote. */
#include "tests/unit/cli_fakes.h"

#include "cli/learn.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- helpers -------------------------------------------------------------------------------- */

static struct mj_call
call_of(const char *name)
{
	struct mj_call call = { .nr = mj_call_number(name) };
	ck_assert_msg(call.nr >= 0, "no call %s", name);
	if (strcmp(name, "socket") == 0)
		call.args[0] = AF_INET, call.args[1] = SOCK_STREAM;
	return call;
}

static void
learn_call(struct learn *learn, const char *module, struct mj_call call)
{
	struct mj_error err = { 0 };
	struct cli_view view = {
		.event = CLI_ALLOWED,
		.call = call,
		.call_name = mj_call_name(call.nr),
		.program = "/bin/app",
		.main_module = "example.com/app",
		.need = mj_call_need(&call),
		.nmodules = 1,
		.modules = &module,
		.count = 1,
	};
	ck_assert_msg(learn_view(learn, &view, &err) == 0, "%s", err.text);
}

/* "MODULE CALL CALL; MODULE CALL" */
static struct learn
learnt(const char *what)
{
	struct learn learn = { 0 };
	MJ_AUTO_FREE char *copy = strdup(what);
	char *rest = copy;
	for (char *part = strsep(&rest, ";"); part; part = strsep(&rest, ";")) {
		char *words = part + strspn(part, " ");
		const char *module = strsep(&words, " ");
		for (char *name = strsep(&words, " "); name; name = strsep(&words, " "))
			learn_call(&learn, module, call_of(name));
	}
	free(learn_sort(&learn));
	return learn;
}

static char *
merged(const char *text, const char *what, struct mj_error *err)
{
	struct learn learn = learnt(what);
	char *ret = NULL;
	size_t len = 0;
	int r = learn_merge(&learn, "modjail.yaml", text, strlen(text), &ret, &len, err);
	ck_assert((r == 0) == (ret != NULL));
	/* Once more: nothing is left to be added. */
	if (ret) {
		char *again = NULL;
		ck_assert_int_eq(learn_merge(&learn, "modjail.yaml", ret, len, &again, &len, err),
		                 0);
		ck_assert_str_eq(again, ret);
		free(again);
	}
	learn_free(&learn);
	return ret;
}

static void
assert_merge(const char *text, const char *what, const char *expected)
{
	struct mj_error err = { 0 };
	MJ_AUTO_FREE char *got = merged(text, what, &err);
	ck_assert_msg(got != NULL, "%s\nfor:\n%s", err.text, text);
	/* The evidence is the business of another test. */
	for (char *note = got; (note = strstr(note, "  # 1 call: "));) {
		size_t len = strcspn(note, "\r\n");
		memmove(note, note + len, strlen(note + len) + 1);
	}
	ck_assert_str_eq(got, expected);
}

static void
assert_refused(const char *text, const char *what, const char *why)
{
	struct mj_error err = { 0 };
	MJ_AUTO_FREE char *got = merged(text, what, &err);
	ck_assert_msg(!got, "merged:\n%s", got);
	assert_contains(err.text, why);
}

#define HEAD "version: 1\ndefault: []\nunattributed: []\n"

/* ---- lists ---------------------------------------------------------------------------------- */

START_TEST(test_block)
{
	assert_merge(HEAD "modules:\n  a.b/c:\n    - FILES/READ\n", "a.b/c execve",
	             HEAD "modules:\n  a.b/c:\n    - FILES/READ\n    - EXEC\n");
	/* Comments, blank lines, dashes that are not indented, and deeply indented ones. */
	assert_merge(HEAD
	             "modules:\n  a.b/c:\n  - FILES/READ # why\n  # not EXEC!\n\n  d: confined\n",
	             "a.b/c execve",
	             HEAD "modules:\n  a.b/c:\n  - FILES/READ # why\n  - EXEC\n  # not EXEC!\n\n  "
	                  "d: confined\n");
	assert_merge(HEAD "modules:\n     a.b/c:\n          -   'FILES/READ'\n", "a.b/c execve",
	             HEAD
	             "modules:\n     a.b/c:\n          -   'FILES/READ'\n          -   EXEC\n");
	assert_merge(
		HEAD "modules:\n  a.b/c:\n    privileged: true\n    allow:\n      - FILES/READ\n"
		     "    action: kill # so\n",
		"a.b/c execve inotify_init1",
		HEAD "modules:\n  a.b/c:\n    privileged: true\n    allow:\n      - FILES/READ\n"
		     "      - EXEC\n      - inotify_init1\n    action: kill # so\n");
}
END_TEST

START_TEST(test_line_ends)
{
	assert_merge("version: 1\r\ndefault: []\r\nunattributed: []\r\nmodules:\r\n  a.b/c:\r\n    "
	             "- FILES/READ # é\r\n",
	             "a.b/c execve",
	             "version: 1\r\ndefault: []\r\nunattributed: []\r\nmodules:\r\n  a.b/c:\r\n    "
	             "- FILES/READ # é\r\n    - EXEC\r\n");
	assert_merge(HEAD "modules:\n  a.b/c:\n    - FILES/READ", "a.b/c execve",
	             HEAD "modules:\n  a.b/c:\n    - FILES/READ\n    - EXEC");
	assert_merge(HEAD "modules:\n  a.b/c: confined", "d.e/f execve; d.e/g execve",
	             HEAD
	             "modules:\n  a.b/c: confined\n  d.e/f:\n    - EXEC\n  d.e/g:\n    - EXEC\n");
	assert_merge("# é ü 中\n" HEAD "modules: {a.b/c: [FILES/READ]} # 中\n", "a.b/c execve",
	             "# é ü 中\n" HEAD "modules: {a.b/c: [FILES/READ, EXEC]} # 中\n");
}
END_TEST

START_TEST(test_flow)
{
	assert_merge(HEAD "modules:\n  a.b/c: [FILES/READ]  # why\n", "a.b/c execve",
	             HEAD "modules:\n  a.b/c: [FILES/READ, EXEC]  # why\n");
	assert_merge(HEAD "modules:\n  a.b/c: [ FILES/READ , \"FILES/STAT\" , ]\n", "a.b/c execve",
	             HEAD "modules:\n  a.b/c: [ FILES/READ , \"FILES/STAT\", EXEC , ]\n");
	assert_merge(HEAD "modules:\n  a.b/c: []\n", "a.b/c execve inotify_init1",
	             HEAD "modules:\n  a.b/c: [EXEC, inotify_init1]\n");
	assert_merge(
		HEAD "modules:\n  a.b/c: [\n    FILES/READ, # one\n    FILES/STAT # two\n    ]\n",
		"a.b/c execve",
		HEAD
		"modules:\n  a.b/c: [\n    FILES/READ, # one\n    FILES/STAT, EXEC # two\n    ]\n");
	assert_merge(HEAD "modules: { \"a.b/c\": {allow: [], privileged: true} }\n", "a.b/c execve",
	             HEAD "modules: { \"a.b/c\": {allow: [EXEC], privileged: true} }\n");
	assert_merge(HEAD "modules: { \"a.b/c\": {pool: true, allow: []} }\n", "a.b/c execve",
	             HEAD "modules: { \"a.b/c\": {pool: true, allow: [EXEC]} }\n");
}
END_TEST

START_TEST(test_words)
{
	assert_merge(HEAD "modules:\n  a.b/c: confined # yes\n", "a.b/c execve",
	             HEAD "modules:\n  a.b/c: [confined, EXEC] # yes\n");
	assert_merge(HEAD "modules:\n  'a.b/c': \"confined\"\n", "a.b/c execve",
	             HEAD "modules:\n  'a.b/c': [\"confined\", EXEC]\n");
	assert_merge(HEAD "modules:\n  a.b/c:\n    allow: confined\n", "a.b/c execve",
	             HEAD "modules:\n  a.b/c:\n    allow: [confined, EXEC]\n");
}
END_TEST

/* ---- what the file does not name ------------------------------------------------------------ */

START_TEST(test_new_modules)
{
	assert_merge(HEAD "modules:\n    a.b/c: confined\n# the end\n", "d.e/f execve",
	             HEAD "modules:\n    a.b/c: confined\n    d.e/f:\n      - EXEC\n# the end\n");
	assert_merge(HEAD, "d.e/f execve; d.e/g execve",
	             HEAD "modules:\n  d.e/f:\n    - EXEC\n  d.e/g:\n    - EXEC\n");
	assert_merge(HEAD "modules: {}\n", "d.e/f execve; d.e/g execve",
	             HEAD "modules: {\"d.e/f\": [EXEC], \"d.e/g\": [EXEC]}\n");
	assert_merge(HEAD "modules: {a.b/c: confined}\n", "d.e/f execve; d.e/g execve",
	             HEAD "modules: {a.b/c: confined, \"d.e/f\": [EXEC], \"d.e/g\": [EXEC]}\n");
	assert_merge(
		"version: 1\nmodules:\n  a.b/c: confined\ndefault: [] # none\nunattributed: []\n",
		"d.e/f execve",
		"version: 1\nmodules:\n  a.b/c: confined\n  d.e/f:\n    - EXEC\ndefault: [] # "
		"none\nunattributed: []\n");
	/* It keeps what it may as one that is not named. */
	assert_merge("version: 1\ndefault: confined\nunattributed: []\n", "d.e/f execve stat",
	             "version: 1\ndefault: confined\nunattributed: []\nmodules:\n  d.e/f:\n    - "
	             "confined\n    - EXEC\n");
	/* The main module goes by either name. */
	assert_merge(HEAD "modules:\n  main: []\n", "example.com/app execve",
	             HEAD "modules:\n  main: [EXEC]\n");
}
END_TEST

START_TEST(test_unattributed)
{
	assert_merge("version: 1\ndefault: []\nunattributed:\n- EXEC\n", "unattributed stat",
	             "version: 1\ndefault: []\nunattributed:\n- EXEC\n- FILES/STAT\n");
	assert_merge(HEAD, "unattributed stat",
	             "version: 1\ndefault: []\nunattributed: [FILES/STAT]\n");
	/* What every module may, and more. */
	assert_merge("version: 1 # one\ndefault: [EXEC, inotify_init1]\n", "unattributed stat",
	             "version: 1 # one\nunattributed: [EXEC, inotify_init1, FILES/STAT]\ndefault: "
	             "[EXEC, inotify_init1]\n");
	/* Nobody is confined: nothing is lacking. */
	assert_merge("version: 1\nmodules: {}\n", "a.b/c execve; unattributed stat",
	             "version: 1\nmodules: {}\n");
}
END_TEST

START_TEST(test_refused)
{
	assert_refused("version: 1\nprogram: example.com/other\ndefault: []\n", "a.b/c execve",
	               "is for the program example.com/other");
	assert_refused("{version: 1, default: []}\n", "a.b/c execve", "layout");
	assert_refused("version: 1\ndefault: [NONSENSE]\n", "a.b/c execve", "NONSENSE");
	assert_refused("", "a.b/c execve", "");
}
END_TEST

/* ---- the fewest words ----------------------------------------------------------------------- */

static void
assert_words(const char *calls, const char *expected)
{
	MJ_AUTO_FREE char *what = NULL;
	ck_assert_int_gt(asprintf(&what, "a.b/c %s", calls), 0);
	struct learn learn = learnt(what);
	struct mj_grant nothing = mj_grant_of(0);
	struct learn_word *words = NULL;
	char got[256] = "";
	ssize_t count = learn_words(&learn.subjects[0], &nothing, &words);
	for (ssize_t i = 0; i < count; i++) {
		strcat(got, i ? " " : "");
		strcat(got, words[i].word);
	}
	ck_assert_str_eq(got, expected);
	free(words);
	learn_free(&learn);
}

START_TEST(test_fewest)
{
	assert_words("execve stat", "EXEC FILES/STAT");
	assert_words("open_by_handle_at mount inotify_init1 inotify_init1",
	             "inotify_init1 mount open_by_handle_at");
	assert_words("socket", "NETWORK/CONNECT");
	assert_words("socket bind listen", "NETWORK/LISTEN");
	assert_words("socket connect bind", "NETWORK/CONNECT NETWORK/LISTEN");
	assert_words("connect listen", "NETWORK/UNIX");
}
END_TEST

START_TEST(test_hostile_names)
{
	static const char *const names[] = {
		"a\nb: unconfined", "std", "c", "a #b", "\"", "", "a//b", "\xff"
	};
	struct learn learn = { 0 };
	for (size_t i = 0; i < MJ_ARRAY_LEN(names); i++)
		learn_call(&learn, names[i], call_of("stat"));
	learn_call(&learn, "true", call_of("stat"));
	MJ_AUTO_FREE char *unnamed = learn_sort(&learn);
	ck_assert_ptr_nonnull(unnamed);
	RENDERED(text, learn_write(out, &learn));
	assert_contains(text, "modules:\n  \"true\":\n    - FILES/STAT  # 1 call: stat() by ");
	ck_assert_ptr_null(strstr(text, "unconfined"));
	learn_free(&learn);
}
END_TEST

START_TEST(test_evidence_is_a_comment)
{
	struct learn learn = { 0 };
	struct mj_error err = { 0 };
	struct mj_call call = call_of("stat");
	const char *module = "a.b/c";
	char function[] = "f\ndefault: unconfined\r\x85\xe2\x80\xa8x";
	struct cli_frame frame = {
		.function = function, .file = "/x/\n.go", .line = 3, .module = module
	};
	struct cli_view view = { .event = CLI_ALLOWED,
		                 .call = call,
		                 .call_name = "stat",
		                 .program = "",
		                 .main_module = "a\nb",
		                 .nframes = 1,
		                 .frames = &frame,
		                 .need = mj_call_need(&call),
		                 .nmodules = 1,
		                 .modules = &module,
		                 .count = 7 };
	ck_assert_int_eq(learn_view(&learn, &view, &err), 0);
	RENDERED(text, learn_write(out, &learn));
	assert_contains(text, "# 7 calls, first: stat() by f\\x0adefault: unconfined\\x0d");
	ck_assert_ptr_null(strstr(text, "program:"));
	struct mj_policy *policy = NULL;
	ck_assert_int_eq(mj_policy_create(&policy, NULL), 0);
	ck_assert_msg(mj_policy_read_yaml(policy, "x", text, strlen(text), &err) == 0, "%s",
	              err.text);
	ck_assert(learn_is_allowed(&learn, policy));
	mj_policy_destroy(policy);
	learn_free(&learn);
}
END_TEST

/* ---- records -------------------------------------------------------------------------------- */

/* Reads one text as a file of records. */
static int
read_text(const char *text, struct learn *ret, struct mj_error *err)
{
	char path[] = "/tmp/modjail-learn.XXXXXX";
	MJ_AUTO_FD int fd = mkostemp(path, O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	*ret = (struct learn){ 0 };
	int r = learn_read(ret, path, err);
	unlink(path);
	return r;
}

START_TEST(test_records)
{
	static const char head[] =
		"{\"event\":\"allowed\",\"syscall\":\"openat\",\"nr\":257,"
		"\"args\":[\"0x0\",\"0x0\",\"0x0\"],\"main_module\":\"a.b/app\",";
	static const struct {
		const char *rest, *wrong;
	} lines[] = {
		{ "\"call\":\"openat\",\"needs\":{\"all\":[\"FILES/READ\"],\"any\":[]},"
		  "\"modules\":[\"a.b/c\"],\"count\":1}\n\n{\"stats\":{}}\n",
		  NULL },
		{ "\"needs\":{\"all\":[\"NOTHING\"],\"any\":[]},\"modules\":[],\"count\":1}\n",
		  ":1: a record without \"needs\"" },
		{ "\"needs\":{\"all\":[],\"any\":[]},\"modules\":[7],\"count\":1}\n",
		  ":1: a record without \"modules\"" },
		{ "\"modules\":[]}\n", ":1: a record without \"count\"" },
		{ "\"count\":1", ":1: not a JSON object" },
		{ "\"count\":1}\n[]", ":1: " },
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(lines); i++) {
		struct learn learn;
		struct mj_error err = { 0 };
		MJ_AUTO_FREE char *text = NULL;
		ck_assert_int_gt(asprintf(&text, "%s%s", head, lines[i].rest), 0);
		ck_assert_int_eq(read_text(text, &learn, &err), lines[i].wrong ? -1 : 0);
		if (lines[i].wrong)
			assert_contains(err.text, lines[i].wrong);
		else
			ck_assert_str_eq(learn.subjects[0].name, "a.b/c");
		learn_free(&learn);
	}
}
END_TEST

START_TEST(test_rotation)
{
	char path[] = "/tmp/modjail-log.XXXXXX";
	char old[64];
	struct stat st;
	struct mj_error err;
	close(mkostemp(path, O_CLOEXEC));
	snprintf(old, sizeof(old), "%s.1", path);
	int fd = cli_log_open(path, &err);
	ck_assert_int_eq(write(fd, "one\n", 4), 4);
	cli_log_follow(fd, path);
	ck_assert_int_eq(rename(path, old), 0);
	cli_log_follow(fd, path);
	ck_assert_int_eq(write(fd, "three\n", 6), 6);
	ck_assert(stat(path, &st) == 0 && st.st_size == 6);
	ck_assert(stat(old, &st) == 0 && st.st_size == 4);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	unlink(path);
	unlink(old);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_learn");
	TCase *cases = tcase_create("cli_learn");
	tcase_add_test(cases, test_block);
	tcase_add_test(cases, test_line_ends);
	tcase_add_test(cases, test_flow);
	tcase_add_test(cases, test_words);
	tcase_add_test(cases, test_new_modules);
	tcase_add_test(cases, test_unattributed);
	tcase_add_test(cases, test_refused);
	tcase_add_test(cases, test_fewest);
	tcase_add_test(cases, test_hostile_names);
	tcase_add_test(cases, test_evidence_is_a_comment);
	tcase_add_test(cases, test_records);
	tcase_add_test(cases, test_rotation);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
