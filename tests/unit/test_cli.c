/* SPDX-License-Identifier: Apache-2.0 */
/* cli: parsing, escaping, statistics, exit status, PATH. Records: test_cli_report.c. */
#include "tests/unit/cli_fakes.h"

#include <argp.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- helpers -------------------------------------------------------------------------------- */

static void
assert_escaped(struct cli_style style, const char *in, const char *expected)
{
	size_t width = 0;
	MJ_AUTO_FREE char *got = cli_escape(style, in, &width);
	ck_assert_str_eq(got, expected);
}

static int
parse(struct cli_options *options, const char *const *words)
{
	static char *argv[16];
	int argc = 0;
	char name[] = "modjail run";
	argv[argc++] = name;
	for (; *words; words++)
		argv[argc++] = (char *)(uintptr_t)*words;
	argv[argc] = NULL;
	return cli_options_parse(argc, argv, ARGP_SILENT, options);
}
#define PARSE(options, ...) parse(options, (const char *const[]){ __VA_ARGS__, NULL })

static void
assert_bad(const char *const *words)
{
	struct cli_options options;
	ck_assert_int_ne(parse(&options, words), 0);
	cli_options_finish(&options);
}
#define ASSERT_BAD(...) assert_bad((const char *const[]){ __VA_ARGS__, NULL })

/* ---- options -------------------------------------------------------------------------------- */

START_TEST(test_options)
{
	struct cli_options o;
	ck_assert_int_eq(PARSE(&o, "--go-mod=go.mod", "--policy=a/b=confined", "--on-deny=kill",
	                       "--log-format=json", "--log-file", "log", "--quiet", "--stats=json",
	                       "--strict", "--", "prog", "-x"),
	                 0);
	ck_assert_str_eq(o.go_mod, "go.mod");
	ck_assert_uint_eq(o.npolicies, 1);
	ck_assert_str_eq(o.policies[0], "a/b=confined");
	ck_assert_int_eq(o.on_deny, MJ_ACTION_KILL);
	ck_assert(o.json && o.quiet && o.strict && !o.no_policy);
	ck_assert_str_eq(o.log_file, "log");
	ck_assert_int_eq(o.stats, CLI_STATS_JSON);
	ck_assert_str_eq(o.argv[0], "prog");
	ck_assert_str_eq(o.argv[1], "-x");
	ck_assert_ptr_null(o.argv[2]);
	cli_options_finish(&o);
}
END_TEST

START_TEST(test_options_end_at_prog)
{
	struct cli_options o;
	ck_assert_int_eq(PARSE(&o, "--stats", "prog", "--quiet", "--", "--go-mod=x"), 0);
	ck_assert_int_eq(o.stats, CLI_STATS_TEXT);
	ck_assert(!o.quiet && !o.go_mod);
	ck_assert_str_eq(o.argv[0], "prog");
	ck_assert_str_eq(o.argv[1], "--quiet");
	ck_assert_str_eq(o.argv[2], "--");
	ck_assert_str_eq(o.argv[3], "--go-mod=x");
	cli_options_finish(&o);

	ck_assert_int_eq(PARSE(&o, "--", "--prog", "--quiet"), 0);
	ck_assert_str_eq(o.argv[0], "--prog");
	ck_assert_str_eq(o.argv[1], "--quiet");
	cli_options_finish(&o);
}
END_TEST

START_TEST(test_options_policies)
{
	struct cli_options o;
	ck_assert_int_eq(PARSE(&o, "--policy=a=confined,b=unconfined", "--policy", "c=confined",
	                       "--debug", "prog"),
	                 0);
	ck_assert_uint_eq(o.npolicies, 2);
	ck_assert_str_eq(o.policies[0], "a=confined,b=unconfined");
	ck_assert_str_eq(o.policies[1], "c=confined");
	cli_options_finish(&o);
}
END_TEST

START_TEST(test_options_bad)
{
	ASSERT_BAD("--nonsense", "prog");
	ASSERT_BAD("--on-deny=maybe", "prog");
	ASSERT_BAD("--on-deny=", "prog");
	ASSERT_BAD("--on-deny=errn", "prog");
	ASSERT_BAD("--on-deny=errno|kill", "prog");
	ASSERT_BAD("--log-format=xml", "prog");
	ASSERT_BAD("--stats=xml", "prog");
	ASSERT_BAD("--go-mod=go.mod");
	ASSERT_BAD("--go-mod=go.mod", "--");
}
END_TEST
/* ---- text ----------------------------------------------------------------------------------- */

START_TEST(test_escape)
{
	assert_escaped(utf8, "os.(*File).Read", "os.(*File).Read");
	assert_escaped(utf8, "a\x1b[31mred\n\t\x7f", "a\\x1b[31mred\\x0a\\x09\\x7f");
	assert_escaped(utf8, "back\\slash", "back\\\\slash");
	assert_escaped(utf8, "\xc2\xb7", "\xc2\xb7");
	assert_escaped(ascii, "\xc2\xb7", "\\u{b7}");
	assert_escaped(utf8, "\xc2\x9b", "\\u{9b}");             /* C1: CSI */
	assert_escaped(utf8, "\xe2\x80\xae", "\\u{202e}");       /* right-to-left override */
	assert_escaped(utf8, "\xf3\xa0\x81\x81", "\\u{e0041}");  /* tag */
	assert_escaped(utf8, "\xff\xc3", "\\xff\\xc3");          /* invalid, cut off */
	assert_escaped(utf8, "\xc0\xaf", "\\xc0\\xaf");          /* overlong */
	assert_escaped(utf8, "\xe0\x80\xaf", "\\xe0\\x80\\xaf"); /* overlong */
	assert_escaped(utf8, "\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
	assert_escaped(utf8, "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	assert_escaped(utf8, "\xe4\xb8\xad", "\xe4\xb8\xad");
}
END_TEST

START_TEST(test_valid_utf8)
{
	MJ_AUTO_FREE char *fine = cli_valid_utf8("a\xc2\xb7\x1b");
	ck_assert_str_eq(fine, "a\xc2\xb7\x1b");
	MJ_AUTO_FREE char *fixed = cli_valid_utf8("a\xff"
	                                          "b\xe2\x82");
	ck_assert_str_eq(fixed, "a\xef\xbf\xbd"
	                        "b\xef\xbf\xbd\xef\xbf\xbd");
}
END_TEST

START_TEST(test_write_to_closed_pipe)
{
	int fds[2];
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	cli_write(fds[1], "x", 1); /* neither dies of SIGPIPE now... */
	sigset_t pending;
	sigpending(&pending);
	ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0); /* ...nor later */
	close(fds[1]);
}
END_TEST

START_TEST(test_nearest)
{
	static const char *const words[] = { "run", "inspect", "gopkg.in/yaml.v3" };
	ck_assert_str_eq(mj_nearest("rnu", words, 3), "run");
	ck_assert_str_eq(mj_nearest("inspekt", words, 3), "inspect");
	ck_assert_str_eq(mj_nearest("yaml.v3", words, 3), "gopkg.in/yaml.v3");
	ck_assert_str_eq(mj_nearest("gopkg.in/yaml.v2", words, 3), "gopkg.in/yaml.v3");
	ck_assert_ptr_null(mj_nearest("container", words, 3));
	ck_assert_ptr_null(mj_nearest("", words, 3));
}
END_TEST
/* ---- statistics ----------------------------------------------------------------------------- */

START_TEST(test_stats)
{
	struct mj_stats *stats = calloc(1, sizeof(*stats));
	stats->notifications = 12;
	stats->allowed = 10;
	stats->refused = 2;
	stats->walks_complete = 9;
	stats->walks_incomplete[MJ_WHY_BAD_SP] = 3;
	stats->roots[MJ_ROOT_GOROUTINE] = 9;
	stats->by_call_count = 1;
	stats->by_call[0] = (struct mj_call_stats){ SYS_openat, 10, 2 };
	RENDERED(text, cli_stats_text(out, stats, 2048));
	assert_contains(text, "12 calls checked: 10 allowed, 2 refused");
	assert_contains(text, "openat");
	assert_contains(text, "3: BAD SP");
	assert_contains(text, "goroutine 9");
	assert_contains(text, "median 12.5 us");
	assert_contains(text, "2.0 MiB");

	RENDERED(line, cli_stats_json(out, stats, 2048));
	json_t *o = json_loads(line, 0, NULL);
	json_t *s = json_object_get(o, "stats");
	ck_assert_int_eq(json_integer_value(json_object_get(s, "refused")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(s, "peak_memory_kib")), 2048);
	json_decref(o);

	memset(stats, 0, sizeof(*stats)); /* nothing happened: no division by it, no NaN */
	RENDERED(empty, cli_stats_json(out, stats, 0));
	o = json_loads(empty, 0, NULL);
	ck_assert_ptr_nonnull(o);
	json_decref(o);
	RENDERED(empty_text, cli_stats_text(out, stats, 0));
	ck_assert_ptr_null(strstr(empty_text, "nan"));
	free(stats);
	ck_assert_uint_gt(cli_peak_kib(), 0);
}
END_TEST
/* ---- exit status ---------------------------------------------------------------------------- */

START_TEST(test_ending)
{
	struct mj_run_result result = { .wait_status = 7 << 8 };
	ck_assert_int_eq(cli_ending_of(&result).status, 7);
	ck_assert_int_eq(cli_ending_of(&result).signal, 0);
	result.wait_status = SIGTERM;
	ck_assert_int_eq(cli_ending_of(&result).status, 128 + SIGTERM);
	ck_assert_int_eq(cli_ending_of(&result).signal, SIGTERM);
	result.wait_status = SIGSEGV | 0x80; /* with a core */
	ck_assert_int_eq(cli_ending_of(&result).signal, SIGSEGV);
	result = (struct mj_run_result){ .exec_failed = true, .exec_errno = ENOENT };
	ck_assert_int_eq(cli_ending_of(&result).status, CLI_EXIT_NOT_FOUND);
	result.exec_errno = EACCES;
	ck_assert_int_eq(cli_ending_of(&result).status, CLI_EXIT_NOT_EXEC);
}
END_TEST

/* How a child ends that calls cli_end with the signal ignored and blocked. */
static int
end_of_child(struct cli_ending ending)
{
	pid_t pid = fork();
	if (pid == 0) {
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		if (ending.signal != SIGKILL && ending.signal != 0)
			signal(ending.signal, SIG_IGN);
		_exit(cli_end(ending));
	}
	int status = 0;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

START_TEST(test_end)
{
	static const int signals[] = { SIGTERM, SIGKILL, SIGSEGV, SIGPIPE, SIGINT, SIGABRT };
	for (size_t i = 0; i < MJ_ARRAY_LEN(signals); i++) {
		int status = end_of_child((struct cli_ending){ 128 + signals[i], signals[i] });
		ck_assert(WIFSIGNALED(status));
		ck_assert_int_eq(WTERMSIG(status), signals[i]);
		ck_assert(!WCOREDUMP(status));
	}
	int status = end_of_child((struct cli_ending){ 42, 0 });
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 42);
}
END_TEST
/* ---- the program ---------------------------------------------------------------------------- */

static char dir[] = "/tmp/modjail-test-cli-XXXXXX";

static void
make_file(const char *name, const char *text, mode_t mode)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void
make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	char sub[128];
	snprintf(sub, sizeof(sub), "%s/first", dir);
	ck_assert_int_eq(mkdir(sub, 0700), 0);
	snprintf(sub, sizeof(sub), "%s/first/isdir", dir);
	ck_assert_int_eq(mkdir(sub, 0700), 0);
	make_file("first/locked", "x", 0600);
	make_file("prog", "#!/bin/sh\n", 0700);
	make_file("locked", "x", 0700);
}

static void
remove_dir(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

static void
assert_found(const char *name, const char *path, int status, const char *end)
{
	MJ_AUTO_FREE char *found = NULL;
	struct mj_error err = { 0 };
	ck_assert_int_eq(cli_find_program(name, path, &found, &err), status);
	if (status != 0) {
		ck_assert_ptr_null(found);
		assert_contains(err.text, end);
		return;
	}
	ck_assert_ptr_nonnull(found);
	size_t len = strlen(found);
	ck_assert(len >= strlen(end));
	ck_assert_str_eq(found + len - strlen(end), end);
}

START_TEST(test_find_program)
{
	char path[256];
	char full[128];
	snprintf(path, sizeof(path), "/nonexistent:%s/first:%s", dir, dir);
	assert_found("prog", path, 0, "/prog");
	assert_found("locked", path, 0, "/locked"); /* the one that cannot be executed is skipped */
	assert_found("absent", path, CLI_EXIT_NOT_FOUND, "absent was not found in PATH");
	assert_found("isdir", path, CLI_EXIT_NOT_EXEC, "cannot execute isdir: Permission denied");
	assert_found("", path, CLI_EXIT_NOT_FOUND, "No such file");
	snprintf(full, sizeof(full), "%s/first/locked", dir);
	assert_found(full, path, CLI_EXIT_NOT_EXEC, "Permission denied");
	snprintf(full, sizeof(full), "%s/first", dir);
	assert_found(full, path, CLI_EXIT_NOT_EXEC, "Is a directory");
	snprintf(full, sizeof(full), "%s/prog/x", dir);
	assert_found(full, path, CLI_EXIT_NOT_FOUND, "Not a directory");
	snprintf(full, sizeof(full), "%s/prog", dir);
	assert_found(full, "", 0, full);
	assert_found("sh", NULL, 0, "/bin/sh");
	ck_assert_int_eq(chdir(dir), 0);
	assert_found("prog", "/nonexistent:", 0, "./prog"); /* an empty element: here */
	assert_found("prog", "", 0, "./prog");
	assert_found("prog", "/nonexistent", CLI_EXIT_NOT_FOUND, "the one in this directory");
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

/* Collects notices. */
static void
collect(void *ctx, enum mj_notice_level level, const char *text)
{
	ck_assert_int_eq(level, MJ_NOTICE_WARNING);
	char *all = ctx;
	strncat(all, text, 4000 - strlen(all));
	strncat(all, "\n", 4000 - strlen(all));
}

static const struct cli_options *asked; /* what check passes on */

/* Checks dir/prog as the fake image, with a policy of one flag; returns the status. */
static int
check(const char *flag, const char *go_mod, char *notices, struct mj_error *err)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/prog", dir);
	struct mj_policy *policy = NULL;
	ck_assert_int_eq(mj_policy_create(&policy, NULL), 0);
	if (go_mod)
		ck_assert_int_eq(
			mj_policy_read_gomod(policy, "go.mod", go_mod, strlen(go_mod), err), 0);
	if (flag)
		ck_assert_int_eq(mj_policy_set_flag(policy, flag, err), 0);
	struct mj_reporter reporter = { .notice = collect, .ctx = notices };
	notices[0] = '\0';
	int r = cli_check_program(path, policy, asked, &reporter, err);
	mj_policy_destroy(policy);
	return r;
}

START_TEST(test_check_kind)
{
	static const struct {
		enum mj_image_kind kind;
		const char *part;
	} cases[] = {
		{ MJ_IMAGE_NOT_ELF, "is a script (#!/bin/sh)" },
		{ MJ_IMAGE_FOREIGN, "GOARCH=amd64" },
		{ MJ_IMAGE_NOT_GO, "--no-policy" },
		{ MJ_IMAGE_GO_OPAQUE, "function tables" },
	};
	char notices[4096];
	struct mj_error err = { 0 };
	const char *flag = "gopkg.in/yaml.v3=confined";
	for (size_t i = 0; i < MJ_ARRAY_LEN(cases); i++) {
		image.kind = cases[i].kind;
		ck_assert_int_eq(check(flag, NULL, notices, &err), CLI_EXIT_NOT_EXEC);
		assert_contains(err.text, cases[i].part);
	}
	image.kind = MJ_IMAGE_GO;
	ck_assert_int_eq(check(flag, NULL, notices, &err), 0);
	ck_assert_str_eq(notices, "");
}
END_TEST

START_TEST(test_check_warnings)
{
	char notices[4096];
	struct mj_error err = { 0 };
	ck_assert_int_eq(check("gopkg.in/yaml.v2=confined", NULL, notices, &err), 0);
	assert_contains(notices, "contains no module gopkg.in/yaml.v2");
	assert_contains(notices, "did you mean gopkg.in/yaml.v3?");
	ck_assert_int_eq(check("gopkg.in/yaml.v3=unconfined", NULL, notices, &err), 0);
	assert_contains(notices, "nothing will be refused");
	ck_assert_int_eq(check("main=confined", NULL, notices, &err), 0);
	ck_assert_str_eq(notices, "");
	ck_assert_int_eq(check(NULL,
	                       "module example.com/other\n"
	                       "require example.com/absent v1.0.0 // gomodjail:confined\n",
	                       notices, &err),
	                 0);
	assert_contains(notices, "for module example.com/other, but the main module of");
	ck_assert_ptr_null(strstr(notices, "contains no module"));
	ck_assert_ptr_null(strstr(notices, "none of the modules"));
	ck_assert_int_eq(check(NULL,
	                       "module example.com/app\n"
	                       "require example.com/absent v1.0.0 // gomodjail:confined\n",
	                       notices, &err),
	                 0);
	assert_contains(notices, "contains none of the modules that the policies confine");
}
END_TEST

/* The go command is called with these words; a go.mod confines a module that it does not have. */
static void
check_go(const char *const *words, const struct cli_options *options, const char *part)
{
	static const char go_mod[] = "module example.com/mine\n"
				     "require example.com/absent v1.0.0 // gomodjail:confined\n";
	char *argv[8] = { NULL };
	char notices[4096];
	struct mj_error err = { 0 };
	struct cli_options o = *options;
	for (size_t i = 0; words[i]; i++)
		argv[i] = (char *)(uintptr_t)words[i];
	o.argv = argv;
	asked = &o;
	ck_assert_int_eq(check(NULL, go_mod, notices, &err), 0);
	assert_contains(notices, "is the go command");
	assert_contains(notices, part);
	ck_assert_ptr_null(strstr(notices, "none of the modules"));
	asked = NULL;
}
#define CHECK_GO(options, part, ...)                                                               \
	check_go((const char *const[]){ __VA_ARGS__, NULL }, options, part)

START_TEST(test_check_go)
{
	static const char *const packages[] = { "cmd/go", "golang.org/dl/go1.25.3" };
	const char *policies[] = { "a/b=confined", "a b=confined" };
	const struct cli_options gomod = { .go_mod = "go.mod" };
	const struct cli_options far = { .go_mod = "/src/go.mod",
		                         .policy_file = "x y.yaml",
		                         .npolicies = 2,
		                         .policies = policies };
	const struct cli_options none = { 0 };
	image.main_module = "";
	image.count = 0;
	for (size_t i = 0; i < MJ_ARRAY_LEN(packages); i++) {
		image.main_package = packages[i];
		CHECK_GO(&gomod,
		         "write instead: go run -exec \"modjail run --go-mod=$PWD/go.mod --\" .\n",
		         "go", "run", ".");
	}
	CHECK_GO(&gomod,
	         "write instead: /opt/go/bin/go test -exec \"modjail run --go-mod=$PWD/go.mod --\" "
	         "./...\n",
	         "/opt/go/bin/go", "test", "./...");
	CHECK_GO(&gomod, "go run -C dir -exec \"modjail run --go-mod=$PWD/go.mod --\" . ...\n",
	         "go", "run", "-C", "dir", ".", "it's");
	CHECK_GO(&far,
	         "go test -exec \"modjail run --go-mod=/src/go.mod --policy-file=$PWD/FILE "
	         "--policy=a/b=confined --\"\n",
	         "go", "test");
	CHECK_GO(&none, "-exec \"modjail learn --merge -o $PWD/modjail.yaml --\" .", "go", "run",
	         ".");
	CHECK_GO(&gomod, "//go:generate lines", "go", "generate");
	CHECK_GO(&gomod, "go tool -n", "go", "tool", "stringer");
	CHECK_GO(&gomod, "build the program with it", "go", "build");
	CHECK_GO(&gomod, "build the program with it", "go");
	CHECK_GO(&gomod, "build the program with it", NULL);
}
END_TEST

/* A policy for the go command itself. */
START_TEST(test_check_go_meant)
{
	char notices[4096];
	struct mj_error err = { 0 };
	image.main_module = "";
	image.main_package = "cmd/go";
	ck_assert_int_eq(check("gopkg.in/yaml.v3=confined", NULL, notices, &err), 0);
	ck_assert_str_eq(notices, "");
	ck_assert_int_eq(check(NULL,
	                       "module cmd\n"
	                       "require example.com/absent v1.0.0 // gomodjail:confined\n",
	                       notices, &err),
	                 0);
	ck_assert_ptr_null(strstr(notices, "go command"));
}
END_TEST

START_TEST(test_check_c_program)
{
	char notices[4096];
	struct mj_error err = { 0 };
	image.is_c_program = true;
	ck_assert_int_eq(check("gopkg.in/yaml.v3=confined", NULL, notices, &err), 0);
	assert_contains(notices, "is a C program with Go in it");
}
END_TEST

/* ---- --strict -------------------------------------------------------------------------------- */

static void
keep_level(void *ctx, enum mj_notice_level level, const char *text)
{
	char *all = ctx;
	strcat(strcat(all, level == MJ_NOTICE_WARNING ? "warning " : "error "), text);
}

START_TEST(test_strict)
{
	char said[64] = "";
	struct mj_error err = { 0 };
	const struct mj_reporter to = { .notice = keep_level, .ctx = said };
	struct cli_strict strict = { .on = _i, .to = &to };
	const struct mj_reporter reporter = cli_strict_reporter(&strict);
	ck_assert_int_eq(cli_strict_end(&strict, "prog", &err), 0);
	reporter.notice(reporter.ctx, MJ_NOTICE_ERROR, "A ");
	ck_assert_int_eq(cli_strict_end(&strict, "prog", &err), 0);
	reporter.notice(reporter.ctx, MJ_NOTICE_WARNING, "B");
	ck_assert_int_eq(cli_strict_end(&strict, "prog", &err), _i ? -1 : 0);
	ck_assert_str_eq(said, _i ? "error A error B" : "error A warning B");
	if (_i)
		assert_contains(err.text, "--strict: prog is not started");
}
END_TEST

/* ---- privileges ------------------------------------------------------------------------------ */

static const char *
privileges(mode_t mode, uid_t owner, bool packed)
{
	static char notices[4096];
	char path[128];
	snprintf(path, sizeof(path), "%s/prog", dir);
	ck_assert_int_eq(chown(path, owner, getegid()), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
	notices[0] = '\0';
	const struct mj_reporter reporter = { .notice = collect, .ctx = notices };
	cli_warn_privileges(path, packed, &reporter);
	return notices;
}

START_TEST(test_privileges)
{
	ck_assert_str_eq(privileges(0755, geteuid(), false), "");
	ck_assert_str_eq(privileges(04755, geteuid(), false), ""); /* nothing that the user lacks */
	ck_assert_str_eq(privileges(0755, geteuid(), true), "");
	if (geteuid() != 0)
		return; /* nobody else may give a file away */
	assert_contains(privileges(04755, 65534, false), "is set-user-ID, which has no effect");
	assert_contains(privileges(04755, 65534, true), "does not get into the packed file");
	has_sys_admin = true;
	ck_assert_str_eq(privileges(04755, 65534, false), "");
	assert_contains(privileges(04755, 65534, true), "does not get into the packed file");
}
END_TEST

/* ---- the suite ------------------------------------------------------------------------------ */

int
main(void)
{
	Suite *s = suite_create("cli");
	TCase *plain = tcase_create("plain");
	tcase_add_test(plain, test_options);
	tcase_add_test(plain, test_options_end_at_prog);
	tcase_add_test(plain, test_options_policies);
	tcase_add_test(plain, test_options_bad);
	tcase_add_test(plain, test_escape);
	tcase_add_test(plain, test_valid_utf8);
	tcase_add_test(plain, test_write_to_closed_pipe);
	tcase_add_test(plain, test_nearest);
	tcase_add_test(plain, test_stats);
	tcase_add_test(plain, test_ending);
	tcase_add_test(plain, test_end);
	suite_add_tcase(s, plain);
	TCase *program = tcase_create("program");
	tcase_add_checked_fixture(program, make_dir, remove_dir);
	tcase_add_test(program, test_find_program);
	tcase_add_test(program, test_check_kind);
	tcase_add_test(program, test_check_warnings);
	tcase_add_test(program, test_check_go);
	tcase_add_test(program, test_check_go_meant);
	tcase_add_test(program, test_check_c_program);
	tcase_add_test(program, test_privileges);
	tcase_add_loop_test(plain, test_strict, 0, 2);
	suite_add_tcase(s, program);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
