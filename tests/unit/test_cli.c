/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli: parsing, escaping, rendering, exit status, PATH. What it needs of symbolizer/ and
 * supervisor/ is faked below, so that stacks and programs are made by hand; policy/ is the real
 * one.
 */
#include "cli/cli.h"

#include <argp.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/seccomp.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- fakes ---------------------------------------------------------------------------------- */

struct mj_image {
	enum mj_image_kind kind;
	const char *main_module;
	size_t count;
	struct mj_module modules[4];
};

static struct mj_image image = {
	.kind = MJ_IMAGE_GO,
	.main_module = "example.com/app",
	.count = 3,
	.modules = {
		{ "example.com/app", "(devel)", true, true },
		{ "example.com/poisoned", "v1.2.3", false, true },
		{ "gopkg.in/yaml.v3", "v3.0.1", false, true },
	},
};

int
mj_image_open(int fd, const char *name, const char *const *extra, size_t n_extra,
              struct mj_image **ret, struct mj_error *err)
{
	(void)fd, (void)name, (void)extra, (void)n_extra, (void)err;
	*ret = &image;
	return 0;
}

void
mj_image_destroy(struct mj_image *unused)
{
	(void)unused;
}

enum mj_image_kind
mj_image_kind(const struct mj_image *i)
{
	return i->kind;
}

const char *
mj_image_why(const struct mj_image *i)
{
	(void)i;
	return "WHY";
}

const char *
mj_image_main_module(const struct mj_image *i)
{
	return i->main_module;
}

size_t
mj_image_module_count(const struct mj_image *i)
{
	return i->count;
}

const struct mj_module *
mj_image_module(const struct mj_image *i, size_t index)
{
	return &i->modules[index];
}

bool
mj_image_module_present(struct mj_image *i, size_t index)
{
	return i->modules[index].in_build_info;
}

char *
mj_function_display(const char *function, char *buf, size_t len)
{
	snprintf(buf, len, "%s", function);
	return buf;
}

const char *
mj_walk_why_text(enum mj_walk_why why)
{
	return why == MJ_WHY_BAD_SP ? "BAD SP" : "OTHER";
}

const char *
mj_root_name(enum mj_root root)
{
	return root == MJ_ROOT_GOROUTINE ? "goroutine" : "other";
}

const char *
mj_reason_name(enum mj_reason reason)
{
	static const char *const names[] = { "policy", "unattributed", "c",     "ceiling",
		                             "walk",   "unreadable",   "opaque" };
	return names[reason];
}

double
mj_stats_percentile(const struct mj_stats *stats, double percent)
{
	return stats->notifications ? percent / 4 : NAN;
}

/* ---- helpers -------------------------------------------------------------------------------- */

static const struct cli_style utf8 = { .utf8 = true };
static const struct cli_style ascii = { .utf8 = false };

/* What a renderer writes, in a variable that frees itself. */
#define RENDERED(var, call)                                                                        \
	MJ_AUTO_FREE char *var = NULL;                                                             \
	do {                                                                                       \
		size_t len_ = 0;                                                                   \
		FILE *out = open_memstream(&var, &len_);                                           \
		ck_assert_ptr_nonnull(out);                                                        \
		call;                                                                              \
		fclose(out);                                                                       \
	} while (0)

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

/* os.Open ← poisoned.Add ← main.main, with the wrappers of os.Open; one logical frame a pc but for
 * the second. */
static const struct mj_frame frames_syscall[] = {
	{ "syscall.Syscall6", "/go/src/syscall/syscall_linux.go", 91, MJ_SUBJECT_STD, false },
};
static const struct mj_frame frames_open[] = {
	{ "os.OpenFile", "/go/src/os/file.go", 390, MJ_SUBJECT_STD, true },
	{ "os.Open", "/go/src/os/file.go", 370, MJ_SUBJECT_STD, true },
	{ "example.com/poisoned.Add", "poisoned.go", 31, 1, false },
};
static const struct mj_frame frames_main[] = {
	{ "main.main", "main.go", 12, 0, false },
};
static const struct mj_frame frames_root[] = {
	{ "runtime.main", "/go/src/runtime/proc.go", 283, MJ_SUBJECT_STD, false },
};
static const struct mj_pc pcs[] = {
	{ 1, 1, frames_syscall },
	{ 2, 3, frames_open },
	{ 3, 1, frames_main },
	{ 4, 1, frames_root },
};
static const struct mj_pc *pc_list[] = { &pcs[0], &pcs[1], &pcs[2], &pcs[3] };
static const struct mj_stack stack = {
	.status = MJ_WALK_COMPLETE,
	.root = MJ_ROOT_MAIN,
	.npcs = 4,
	.pcs = pc_list,
};

static struct mj_refusal
open_refusal(void)
{
	return (struct mj_refusal){
		.time = { .tv_sec = 1700000000, .tv_nsec = 1234567 },
		.pid = 10,
		.tid = 11,
		.call = { .nr = SYS_openat, .args = { (uint64_t)AT_FDCWD, 0xc000, O_CLOEXEC, 0 } },
		.reason = MJ_REASON_POLICY,
		.capability = MJ_CAP_FILES_READ,
		.errnum = EPERM,
		.image = &image,
		.stack = &stack,
		.subject = 1,
		.blamed_pc = 1,
		.blamed_frame = 2,
		.program = "/bin/app",
		.count = 1,
	};
}

/* The rendering of one record; freed by the caller. */
static char *
render(const struct mj_refusal *refusal, enum mj_on_deny on_deny, struct cli_style style, bool json)
{
	struct cli_view view;
	ck_assert_int_eq(cli_view_make(refusal, on_deny, false, &view), 0);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (json)
		cli_json_refusal(out, &view);
	else
		cli_text_refusal(out, style, &view);
	fclose(out);
	cli_view_finish(&view);
	return text;
}

static void
assert_contains(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

/* ---- options -------------------------------------------------------------------------------- */

START_TEST(test_options)
{
	struct cli_options o;
	ck_assert_int_eq(PARSE(&o, "--go-mod=go.mod", "--policy=a/b=confined", "--on-deny=kill",
	                       "--log-format=json", "--log-file", "log", "--quiet", "--stats=json",
	                       "--", "prog", "-x"),
	                 0);
	ck_assert_str_eq(o.go_mod, "go.mod");
	ck_assert_uint_eq(o.npolicies, 1);
	ck_assert_str_eq(o.policies[0], "a/b=confined");
	ck_assert_int_eq(o.on_deny, MJ_ON_DENY_KILL);
	ck_assert(o.json && o.quiet && !o.no_policy);
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
	ck_assert_str_eq(cli_nearest("rnu", words, 3), "run");
	ck_assert_str_eq(cli_nearest("inspekt", words, 3), "inspect");
	ck_assert_str_eq(cli_nearest("yaml.v3", words, 3), "gopkg.in/yaml.v3");
	ck_assert_str_eq(cli_nearest("gopkg.in/yaml.v2", words, 3), "gopkg.in/yaml.v3");
	ck_assert_ptr_null(cli_nearest("container", words, 3));
	ck_assert_ptr_null(cli_nearest("", words, 3));
}
END_TEST

/* ---- arguments ------------------------------------------------------------------------------ */

static void
assert_args(struct mj_call call, const char *expected)
{
	RENDERED(text, cli_put_args(out, &call));
	ck_assert_str_eq(text, expected);
}

START_TEST(test_args)
{
	assert_args((struct mj_call){ SYS_openat, { 0, 0, O_RDONLY | O_CLOEXEC } },
	            "O_RDONLY|O_CLOEXEC");
	assert_args((struct mj_call){ SYS_openat, { 0, 0, O_RDWR | O_SYNC | O_CREAT | 1U << 30 } },
	            "O_RDWR|O_CREAT|O_SYNC|0x40000000");
	assert_args((struct mj_call){ SYS_openat, { 0, 0, O_WRONLY | O_TMPFILE } },
	            "O_WRONLY|O_TMPFILE");
	assert_args((struct mj_call){ SYS_socket, { AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0 } },
	            "AF_INET6, SOCK_STREAM|SOCK_CLOEXEC");
	assert_args((struct mj_call){ SYS_socket, { 77, 9, 0 } }, "77, 9");
	assert_args((struct mj_call){ SYS_kill, { (uint64_t)-1, SIGTERM } }, "-1, SIGTERM");
	assert_args((struct mj_call){ SYS_tgkill, { 5, 6, 99 } }, "5, 6, 99");
	assert_args((struct mj_call){ SYS_kill, { 5, 0 } }, "5, 0");
	assert_args((struct mj_call){ SYS_mmap, { 0, 4096, 7 } }, "PROT_READ|PROT_WRITE|PROT_EXEC");
	assert_args((struct mj_call){ SYS_clone, { 0x4111 } }, "CLONE_VM|CLONE_VFORK|SIGCHLD");
	assert_args((struct mj_call){ SYS_connect, { 3, 0xc000, 16 } }, "");
	assert_args((struct mj_call){ 4000, { 1, 2, 3 } }, "");
}
END_TEST

/* ---- records -------------------------------------------------------------------------------- */

START_TEST(test_text_refusal)
{
	struct mj_refusal refusal = open_refusal();
	MJ_AUTO_FREE char *text = render(&refusal, MJ_ON_DENY_ERRNO, utf8, false);
	ck_assert_str_eq(text, "modjail: refused openat(O_RDONLY|O_CLOEXEC) (FILES/READ) for "
	                       "example.com/poisoned v1.2.3: its policy does not allow it\n"
	                       "    os.Open                   /go/src/os/file.go:370\n"
	                       "  → example.com/poisoned.Add  poisoned.go:31\n"
	                       "    main.main                 main.go:12\n");
	MJ_AUTO_FREE char *plain = render(&refusal, MJ_ON_DENY_ERRNO, ascii, false);
	assert_contains(plain, "\n  > example.com/poisoned.Add  poisoned.go:31\n");
	for (const char *p = plain; *p; p++)
		ck_assert_msg((unsigned char)*p < 0x80, "not ASCII: %s", plain);
}
END_TEST

START_TEST(test_text_events)
{
	struct mj_refusal refusal = open_refusal();
	MJ_AUTO_FREE char *killed = render(&refusal, MJ_ON_DENY_KILL, utf8, false);
	assert_contains(killed, "modjail: killed process 10 at openat(");
	MJ_AUTO_FREE char *allowed = render(&refusal, MJ_ON_DENY_LOG, utf8, false);
	assert_contains(allowed, "modjail: let through openat(");

	struct cli_view view;
	refusal.stack = NULL;
	refusal.count = 41;
	ck_assert_int_eq(cli_view_make(&refusal, MJ_ON_DENY_ERRNO, true, &view), 0);
	RENDERED(repeated, cli_text_refusal(out, utf8, &view));
	cli_view_finish(&view);
	assert_contains(repeated, "modjail: 41 times in all: openat(");
	ck_assert_ptr_eq(strchr(repeated, '\n'), repeated + strlen(repeated) - 1);
}
END_TEST

START_TEST(test_text_deep_stack)
{
	/* std, 5 allowed modules' frames, the blamed one, 9 callers with std between them. */
	struct mj_frame frames[20];
	struct mj_pc deep[20];
	const struct mj_pc *list[20];
	for (size_t i = 0; i < 20; i++) {
		bool std = i == 0 || i == 10;
		frames[i] = (struct mj_frame){ std ? "os.Open" : "m.F", "f.go", (int)i + 1,
			                       std ? MJ_SUBJECT_STD : 2, false };
		deep[i] = (struct mj_pc){ i, 1, &frames[i] };
		list[i] = &deep[i];
	}
	struct mj_stack deep_stack = { .status = MJ_WALK_COMPLETE, .npcs = 20, .pcs = list };
	struct mj_refusal refusal = open_refusal();
	refusal.stack = &deep_stack;
	refusal.blamed_pc = 6;
	refusal.blamed_frame = 0;
	MJ_AUTO_FREE char *text = render(&refusal, MJ_ON_DENY_ERRNO, utf8, false);
	ck_assert_str_eq(strchr(text, '\n'), "\n"
	                                     "    os.Open  f.go:1\n"
	                                     "    m.F      f.go:4\n"
	                                     "    m.F      f.go:5\n"
	                                     "    m.F      f.go:6\n"
	                                     "  → m.F      f.go:7\n"
	                                     "    m.F      f.go:8\n"
	                                     "    m.F      f.go:9\n"
	                                     "    m.F      f.go:10\n"
	                                     "    m.F      f.go:12\n"
	                                     "    (… 10 more)\n");
}
END_TEST

START_TEST(test_text_long_path)
{
	static const struct mj_frame frames[] = {
		{ "example.com/poisoned.Add",
		  "/home/somebody/a/rather/long/way/down/go/pkg/mod/example.com/poisoned@v1.2.3/"
		  "internal/x.go",
		  123, 1, false },
	};
	static const struct mj_pc pc = { 1, 1, frames };
	const struct mj_pc *list[] = { &pc };
	struct mj_stack one = { .status = MJ_WALK_COMPLETE, .npcs = 1, .pcs = list };
	struct mj_refusal refusal = open_refusal();
	refusal.stack = &one;
	refusal.blamed_pc = 0;
	refusal.blamed_frame = 0;
	MJ_AUTO_FREE char *text = render(&refusal, MJ_ON_DENY_ERRNO, ascii, false);
	const char *frame = strchr(text, '\n') + 1;
	assert_contains(frame, ".../");
	assert_contains(frame, "example.com/poisoned@v1.2.3/internal/x.go:123\n");
	ck_assert_uint_le(strlen(frame), 101);
}
END_TEST

START_TEST(test_text_other_reasons)
{
	struct mj_refusal refusal = open_refusal();
	static const struct {
		enum mj_reason reason;
		const char *part;
	} cases[] = {
		{ MJ_REASON_UNATTRIBUTED,
		  "(FILES/READ): it is not known which module set it off, " },
		{ MJ_REASON_C, " for C code that no Go code called: " },
		{ MJ_REASON_CEILING, " for /bin/app: the module that executed it may not do it" },
		{ MJ_REASON_WALK,
		  ": its stack could not be walked to the end: DETAIL (at pc 0xabc, "
		  "after runtime.main)\n" },
		{ MJ_REASON_UNREADABLE, " for /bin/app: the process could not be read: DETAIL\n" },
		{ MJ_REASON_OPAQUE,
		  " for /bin/app: its Go function tables cannot be read: DETAIL\n" },
	};
	struct mj_stack incomplete = stack;
	incomplete.status = MJ_WALK_INCOMPLETE;
	incomplete.why_pc = 0xabc;
	refusal.detail = "DETAIL";
	for (size_t i = 0; i < MJ_ARRAY_LEN(cases); i++) {
		refusal.reason = cases[i].reason;
		refusal.stack = cases[i].reason == MJ_REASON_WALK ? &incomplete : &stack;
		MJ_AUTO_FREE char *text = render(&refusal, MJ_ON_DENY_ERRNO, utf8, false);
		assert_contains(text, cases[i].part);
		ck_assert_ptr_null(strstr(text, "→"));
	}
}
END_TEST

START_TEST(test_text_leaves_out_what_says_nothing)
{
	static const struct mj_frame unknown[] = { { "", "", 0, MJ_SUBJECT_C, false } };
	static const struct mj_pc pc = { 1, 1, unknown };
	const struct mj_pc *list[] = { &pc };
	struct mj_stack one = { .status = MJ_WALK_COMPLETE, .npcs = 1, .pcs = list };
	struct mj_refusal refusal = open_refusal();
	refusal.reason = MJ_REASON_C;
	refusal.detail = "C code without a Go caller";
	refusal.stack = &one;
	MJ_AUTO_FREE char *text = render(&refusal, MJ_ON_DENY_ERRNO, utf8, false);
	ck_assert_ptr_null(strstr(text, refusal.detail)); /* the reason says it already */
	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
}
END_TEST

START_TEST(test_text_escapes_names)
{
	static const struct mj_frame frames[] = {
		{ "evil\x1b]0;title\x07.F", "e\nvil.go", 1, 3, false },
	};
	static const struct mj_pc pc = { 1, 1, frames };
	const struct mj_pc *list[] = { &pc };
	struct mj_stack one = { .status = MJ_WALK_COMPLETE, .npcs = 1, .pcs = list };
	image.modules[3] = (struct mj_module){ "evil\x1b[2J", "v\r1", false, true };
	image.count = 4;
	struct mj_refusal refusal = open_refusal();
	refusal.stack = &one;
	refusal.subject = 3;
	refusal.blamed_pc = refusal.blamed_frame = 0;
	MJ_AUTO_FREE char *text = render(&refusal, MJ_ON_DENY_ERRNO, utf8, false);
	ck_assert_ptr_null(strpbrk(text, "\x1b\x07\r"));
	assert_contains(text, "for evil\\x1b[2J v\\x0d1: ");
	assert_contains(text, "  → evil\\x1b]0;title\\x07.F  e\\x0avil.go:1\n");
	MJ_AUTO_FREE char *json = render(&refusal, MJ_ON_DENY_ERRNO, utf8, true);
	ck_assert_ptr_null(strpbrk(json, "\x1b\x07\r"));
	image.count = 3;
}
END_TEST

START_TEST(test_hint)
{
	struct mj_refusal refusal = open_refusal();
	struct cli_view view;
	ck_assert_int_eq(cli_view_make(&refusal, MJ_ON_DENY_ERRNO, false, &view), 0);
	RENDERED(hint, cli_text_hint(out, utf8, &view));
	ck_assert_str_eq(hint, "modjail: to allow it: --policy=example.com/poisoned=unconfined\n");
	view.module = "x;rm -rf $HOME"; /* a line to paste must not carry this */
	RENDERED(none, cli_text_hint(out, utf8, &view));
	ck_assert_str_eq(none, "");
	cli_view_finish(&view);
}
END_TEST

START_TEST(test_json_refusal)
{
	struct mj_refusal refusal = open_refusal();
	MJ_AUTO_FREE char *line = render(&refusal, MJ_ON_DENY_ERRNO, utf8, true);
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
	json_t *o = json_loads(line, 0, NULL);
	ck_assert_ptr_nonnull(o);
#define STRING(key) json_string_value(json_object_get(o, key))
	ck_assert_str_eq(STRING("time"), "2023-11-14T22:13:20.001234Z");
	ck_assert_str_eq(STRING("event"), "refusal");
	ck_assert_str_eq(STRING("syscall"), "openat");
	ck_assert_str_eq(STRING("errno"), "EPERM");
	ck_assert_str_eq(STRING("capability"), "FILES/READ");
	ck_assert_str_eq(STRING("module"), "example.com/poisoned");
	ck_assert_str_eq(STRING("version"), "v1.2.3");
	ck_assert_str_eq(STRING("reason"), "policy");
	ck_assert_int_eq(json_integer_value(json_object_get(o, "tid")), 11);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "count")), 1);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(o, "args"), 2)),
	                 "0x80000");
	json_t *frames = json_object_get(o, "frames");
	ck_assert_uint_eq(json_array_size(frames), 6);
	for (size_t i = 0; i < 6; i++)
		ck_assert(json_is_true(json_object_get(json_array_get(frames, i), "blamed")) ==
		          (i == 3));
	json_t *open = json_array_get(frames, 2);
	ck_assert_str_eq(json_string_value(json_object_get(open, "module")), "std");
	ck_assert(json_is_true(json_object_get(open, "inlined")));
#undef STRING
	json_decref(o);
}
END_TEST

START_TEST(test_json_odd_input)
{
	struct mj_refusal refusal = open_refusal();
	refusal.call.nr = 4000; /* not in the table */
	refusal.errnum = 0;
	refusal.stack = NULL;
	refusal.image = NULL;
	refusal.reason = MJ_REASON_UNREADABLE;
	refusal.capability = MJ_CAP_COUNT;
	refusal.detail = "a\xff\x1b";
	MJ_AUTO_FREE char *line = render(&refusal, MJ_ON_DENY_LOG, utf8, true);
	json_t *o = json_loads(line, 0, NULL);
	ck_assert_ptr_nonnull(o);
	ck_assert_str_eq(json_string_value(json_object_get(o, "event")), "allowed");
	ck_assert(json_is_null(json_object_get(o, "syscall")));
	ck_assert(json_is_null(json_object_get(o, "errno")));
	ck_assert(json_is_null(json_object_get(o, "capability")));
	ck_assert(json_is_null(json_object_get(o, "module")));
	ck_assert_uint_eq(json_array_size(json_object_get(o, "args")), 6);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "frames")), 0);
	ck_assert_str_eq(json_string_value(json_object_get(o, "detail")), "a\xef\xbf\xbd\x1b");
	json_decref(o);
}
END_TEST

START_TEST(test_json_keeps_ends_of_deep_stacks)
{
	enum { DEEP = 5000 };
	struct cli_frame *frames = calloc(DEEP, sizeof(*frames));
	char name[] = "m.F";
	for (size_t i = 0; i < DEEP; i++)
		frames[i] = (struct cli_frame){ .function = name, .file = "", .module = "m" };
	struct cli_view view = { .capability = "",
		                 .detail = "",
		                 .program = "",
		                 .version = "",
		                 .nframes = DEEP,
		                 .nstack = DEEP,
		                 .frames = frames,
		                 .blamed = 2500 };
	RENDERED(line, cli_json_refusal(out, &view));
	json_t *o = json_loads(line, 0, NULL);
	ck_assert_ptr_nonnull(o);
	json_t *kept = json_object_get(o, "frames");
	ck_assert_uint_eq(json_array_size(kept), 401);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "frames_omitted")), DEEP - 401);
	ck_assert(json_is_true(json_object_get(json_array_get(kept, 200), "blamed")));
	json_decref(o);
	free(frames);
}
END_TEST

/* ---- the reporter --------------------------------------------------------------------------- */

/* Reads what is in the pipe, NUL-terminated. */
static const char *
drain(int fd, char *buf, size_t len)
{
	ssize_t n = read(fd, buf, len - 1);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

START_TEST(test_reporter)
{
	int fds[2];
	char buf[8192];
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	struct cli_report report = { .fd = fds[1], .style = { .utf8 = true } };
	struct mj_reporter reporter = cli_report_reporter(&report);
	struct mj_refusal refusal = open_refusal();
	reporter.refusal(reporter.ctx, &refusal);
	assert_contains(drain(fds[0], buf, sizeof(buf)), "to allow it: ");
	reporter.refusal(reporter.ctx, &refusal);
	drain(fds[0], buf, sizeof(buf));
	assert_contains(buf, "refused openat");
	ck_assert_ptr_null(strstr(buf, "to allow it: ")); /* said once */
	reporter.notice(reporter.ctx, MJ_NOTICE_WARNING, "care\x1b\n");
	ck_assert_str_eq(drain(fds[0], buf, sizeof(buf)), "modjail: warning: care\\x1b\\x0a\n");

	report.quiet = true;
	reporter.refusal(reporter.ctx, &refusal);
	reporter.repeated(reporter.ctx, &refusal);
	reporter.notice(reporter.ctx, MJ_NOTICE_WARNING, "care");
	ck_assert_str_eq(drain(fds[0], buf, sizeof(buf)), "");
	reporter.notice(reporter.ctx, MJ_NOTICE_ERROR, "lost");
	ck_assert_str_eq(drain(fds[0], buf, sizeof(buf)), "modjail: lost\n");

	report.json = true;
	reporter.notice(reporter.ctx, MJ_NOTICE_ERROR, "lost");
	assert_contains(drain(fds[0], buf, sizeof(buf)),
	                "\"level\":\"error\",\"text\":\"lost\"}\n");
	close(fds[0]);
	close(fds[1]);
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
	int r = cli_check_program(path, policy, &reporter, err);
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
}
END_TEST

/* ---- main ----------------------------------------------------------------------------------- */

static Suite *
suite(void)
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
	tcase_add_test(plain, test_args);
	tcase_add_test(plain, test_text_refusal);
	tcase_add_test(plain, test_text_events);
	tcase_add_test(plain, test_text_deep_stack);
	tcase_add_test(plain, test_text_long_path);
	tcase_add_test(plain, test_text_other_reasons);
	tcase_add_test(plain, test_text_leaves_out_what_says_nothing);
	tcase_add_test(plain, test_text_escapes_names);
	tcase_add_test(plain, test_hint);
	tcase_add_test(plain, test_json_refusal);
	tcase_add_test(plain, test_json_odd_input);
	tcase_add_test(plain, test_json_keeps_ends_of_deep_stacks);
	tcase_add_test(plain, test_reporter);
	tcase_add_test(plain, test_stats);
	tcase_add_test(plain, test_ending);
	tcase_add_test(plain, test_end);
	suite_add_tcase(s, plain);
	TCase *program = tcase_create("program");
	tcase_add_checked_fixture(program, make_dir, remove_dir);
	tcase_add_test(program, test_find_program);
	tcase_add_test(program, test_check_kind);
	tcase_add_test(program, test_check_warnings);
	suite_add_tcase(s, program);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
