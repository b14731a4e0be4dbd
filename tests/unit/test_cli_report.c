/* SPDX-License-Identifier: Apache-2.0 */
/* cli: how refused calls are shown, as text and as JSON. */
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
render(const struct mj_refusal *refusal, enum mj_action action, struct cli_style style, bool json)
{
	struct cli_view view;
	struct mj_refusal acted = *refusal;
	acted.action = action;
	ck_assert_int_eq(cli_view_make(&acted, false, &view), 0);
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

/* C code is one frame of the stack, in whose place stands what is known of it. */
START_TEST(test_c_frames)
{
	static const struct mj_frame c_code = { .function = "",
		                                .file = "",
		                                .subject = MJ_SUBJECT_C };
	static const struct mj_pc c_pc = { 0, 1, &c_code };
	const struct mj_pc *all[] = { &c_pc, pc_list[0], pc_list[1], pc_list[2], pc_list[3] };
	struct mj_stack with_c = stack;
	struct mj_c_frame frames[] = { { "syscall in libc.so.6" }, { "ev\033il in libfoo.so.1" } };
	struct mj_refusal refusal = open_refusal();
	with_c.pcs = all;
	with_c.npcs++;
	refusal.stack = &with_c;
	refusal.blamed_pc++;
	MJ_AUTO_FREE char *unknown = render(&refusal, MJ_ACTION_ERRNO, utf8, true);
	ck_assert_ptr_nonnull(strstr(unknown, "\"(C code)\""));
	refusal.c_frames = frames;
	refusal.nc_frames = MJ_ARRAY_LEN(frames);
	MJ_AUTO_FREE char *json = render(&refusal, MJ_ACTION_ERRNO, utf8, true);
	ck_assert_ptr_null(strstr(json, "(C code)"));
	ck_assert_ptr_nonnull(strstr(json, "\"function\":\"syscall in libc.so.6\""));
	ck_assert_ptr_null(strchr(json, '\033'));
	MJ_AUTO_FREE char *text = render(&refusal, MJ_ACTION_ERRNO, utf8, false);
	ck_assert_ptr_nonnull(strstr(text, "il in libfoo.so.1"));
	ck_assert_ptr_null(strchr(text, '\033'));
}
END_TEST

START_TEST(test_text_refusal)
{
	struct mj_refusal refusal = open_refusal();
	MJ_AUTO_FREE char *text = render(&refusal, MJ_ACTION_ERRNO, utf8, false);
	ck_assert_str_eq(text, "modjail: refused openat(O_RDONLY|O_CLOEXEC) (FILES/READ) for "
	                       "example.com/poisoned v1.2.3: its policy does not allow it\n"
	                       "    os.Open                   /go/src/os/file.go:370\n"
	                       "  → example.com/poisoned.Add  poisoned.go:31\n"
	                       "    main.main                 main.go:12\n");
	MJ_AUTO_FREE char *plain = render(&refusal, MJ_ACTION_ERRNO, ascii, false);
	assert_contains(plain, "\n  > example.com/poisoned.Add  poisoned.go:31\n");
	for (const char *p = plain; *p; p++)
		ck_assert_msg((unsigned char)*p < 0x80, "not ASCII: %s", plain);
}
END_TEST

START_TEST(test_text_events)
{
	struct mj_refusal refusal = open_refusal();
	MJ_AUTO_FREE char *killed = render(&refusal, MJ_ACTION_KILL, utf8, false);
	assert_contains(killed, "modjail: killed process 10 at openat(");
	MJ_AUTO_FREE char *allowed = render(&refusal, MJ_ACTION_LOG, utf8, false);
	assert_contains(allowed, "modjail: let through openat(");

	struct cli_view view;
	refusal.stack = NULL;
	refusal.count = 41;
	ck_assert_int_eq(cli_view_make(&refusal, true, &view), 0);
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
	MJ_AUTO_FREE char *text = render(&refusal, MJ_ACTION_ERRNO, utf8, false);
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
	/* Of a very deep stack the frames that repeat are not there, but counted. */
	deep_stack.depth = 1000020;
	MJ_AUTO_FREE char *folded = render(&refusal, MJ_ACTION_ERRNO, utf8, false);
	assert_contains(folded, "    (… 1000010 more)\n");
	MJ_AUTO_FREE char *json = render(&refusal, MJ_ACTION_ERRNO, utf8, true);
	assert_contains(json, "\"frames_omitted\":1000000");
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
	MJ_AUTO_FREE char *text = render(&refusal, MJ_ACTION_ERRNO, ascii, false);
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
		{ MJ_REASON_PROGRAM, " for /bin/app: its own policy does not fit it: DETAIL\n" },
	};
	struct mj_stack incomplete = stack;
	incomplete.status = MJ_WALK_INCOMPLETE;
	incomplete.why_pc = 0xabc;
	refusal.detail = "DETAIL";
	for (size_t i = 0; i < MJ_ARRAY_LEN(cases); i++) {
		refusal.reason = cases[i].reason;
		refusal.stack = cases[i].reason == MJ_REASON_WALK ? &incomplete : &stack;
		MJ_AUTO_FREE char *text = render(&refusal, MJ_ACTION_ERRNO, utf8, false);
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
	MJ_AUTO_FREE char *text = render(&refusal, MJ_ACTION_ERRNO, utf8, false);
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
	MJ_AUTO_FREE char *text = render(&refusal, MJ_ACTION_ERRNO, utf8, false);
	ck_assert_ptr_null(strpbrk(text, "\x1b\x07\r"));
	assert_contains(text, "for evil\\x1b[2J v\\x0d1: ");
	assert_contains(text, "  → evil\\x1b]0;title\\x07.F  e\\x0avil.go:1\n");
	MJ_AUTO_FREE char *json = render(&refusal, MJ_ACTION_ERRNO, utf8, true);
	ck_assert_ptr_null(strpbrk(json, "\x1b\x07\r"));
	image.count = 3;
}
END_TEST

/* Who reads, by its frames; NULL: nothing is said. */
static char *
remark(enum mj_reason reason, const char *capability, const char *const *functions, bool is_c)
{
	struct cli_frame frames[2] = { 0 };
	struct cli_view view = { .reason = reason, .capability = capability, .frames = frames };
	for (; functions[view.nframes]; view.nframes++)
		frames[view.nframes] =
			(struct cli_frame){ .function = (char *)(uintptr_t)functions[view.nframes],
			                    .is_c = is_c };
	view.nstack = view.nframes;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool said = cli_text_remark(out, &view);
	fclose(out);
	ck_assert(said == (len > 0));
	if (said)
		return text;
	free(text);
	return NULL;
}

START_TEST(test_remark)
{
	static const char *const detector[] = { "_ZN11__sanitizer13internal_openEPKcij", NULL };
	static const char *const libc[] = { "C code in libc.so.6", "__libc_free in libc.so.6",
		                            NULL };
	static const char *const others[] = { "free in libfoo.so.1", "freedom in libc.so.6", NULL };
	MJ_AUTO_FREE char *first = remark(MJ_REASON_C, "FILES/READ", detector, true);
	ck_assert_str_eq(first,
	                 "modjail: this looks like the race detector (go build -race), which "
	                 "reads about its own process: it does without, and no module is at "
	                 "fault\n");
	MJ_AUTO_FREE char *second = remark(MJ_REASON_C, "FILES/READ", libc, true);
	assert_contains(second, "libc's allocator");
	/* Another call, another reason, other code, and Go code that is called so. */
	ck_assert_ptr_null(remark(MJ_REASON_C, "FILES/WRITE", libc, true));
	ck_assert_ptr_null(remark(MJ_REASON_POLICY, "FILES/READ", libc, true));
	ck_assert_ptr_null(remark(MJ_REASON_C, "FILES/READ", others, true));
	ck_assert_ptr_null(remark(MJ_REASON_C, "FILES/READ", libc, false));
}
END_TEST

START_TEST(test_hint)
{
	struct mj_refusal refusal = open_refusal();
	struct cli_view view;
	ck_assert_int_eq(cli_view_make(&refusal, false, &view), 0);
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
	MJ_AUTO_FREE char *line = render(&refusal, MJ_ACTION_ERRNO, utf8, true);
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

START_TEST(test_json_needs)
{
	static const char *const modules[] = { "example.com/poisoned", "unattributed" };
	struct mj_refusal refusal = open_refusal();
	refusal.need = mj_call_need(&refusal.call);
	refusal.modules = modules;
	refusal.nmodules = 2;
	MJ_AUTO_FREE char *line = render(&refusal, MJ_ACTION_ERRNO, utf8, true);
	assert_contains(line,
	                "\"needs\":{\"all\":[\"FILES/READ\"],\"any\":[]},\"call\":\"openat\"");
	assert_contains(line, "\"modules\":[\"example.com/poisoned\",\"unattributed\"]");
	assert_contains(line, "\"main_module\":\"example.com/app\"");
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
	MJ_AUTO_FREE char *line = render(&refusal, MJ_ACTION_LOG, utf8, true);
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
/* ---- the suite ------------------------------------------------------------------------------ */

int
main(void)
{
	Suite *s = suite_create("cli_report");
	TCase *report = tcase_create("report");
	tcase_add_test(report, test_args);
	tcase_add_test(report, test_text_refusal);
	tcase_add_test(report, test_c_frames);
	tcase_add_test(report, test_text_events);
	tcase_add_test(report, test_text_deep_stack);
	tcase_add_test(report, test_text_long_path);
	tcase_add_test(report, test_text_other_reasons);
	tcase_add_test(report, test_text_leaves_out_what_says_nothing);
	tcase_add_test(report, test_text_escapes_names);
	tcase_add_test(report, test_remark);
	tcase_add_test(report, test_hint);
	tcase_add_test(report, test_json_refusal);
	tcase_add_test(report, test_json_needs);
	tcase_add_test(report, test_json_odd_input);
	tcase_add_test(report, test_json_keeps_ends_of_deep_stacks);
	tcase_add_test(report, test_reporter);
	suite_add_tcase(s, report);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
