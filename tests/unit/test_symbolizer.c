/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of symbolizer that read files. Live walks are in tests/golden. */
#include "symbolizer/modules.h"
#include "tests/unit/tiny_go.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- helpers -------------------------------------------------------------------------------- */

static struct mj_image *
open_bytes(const uint8_t *bytes, size_t len, const char *const *extra, size_t n_extra)
{
	struct mj_image *image = NULL;
	struct mj_error err = { 0 };
	MJ_AUTO_FD int fd = memfd_create("tiny", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, len, 0), (ssize_t)len);
	int got = mj_image_open(fd, "tiny", extra, n_extra, &image, &err);
	ck_assert_msg(got == 0, "%s", err.text);
	return image;
}

static void
check_package(const char *function, const char *package)
{
	char buf[256] = "";
	bool got = mj_function_package(function, buf, sizeof(buf));
	if (!package)
		ck_assert_msg(!got, "%s has package %s", function, buf);
	else
		ck_assert_msg(got && !strcmp(buf, package), "%s: %s", function, buf);
}

/* ---- names ---------------------------------------------------------------------------------- */

START_TEST(test_packages)
{
	check_package("main.main", "main");
	check_package("main.main.func1", "main");
	check_package("main.glob..func1", "main");
	check_package("main.(*T).m-fm", "main");
	check_package("net/http.(*Transport).dialConn", "net/http");
	check_package("net/http.(*Server).Serve.gowrap3", "net/http");
	check_package("gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml.v3");
	check_package("gopkg.in/yaml%2ev3.(*T).m-fm", "gopkg.in/yaml.v3");
	check_package("example.com/a.b/c.F", "example.com/a.b/c");
	check_package("example.com/p.F[go.shape.int]", "example.com/p");
	check_package("example.com/p.F[...]", "example.com/p");
	check_package("example.com/p.F[github.com/x/y.T].func1", "example.com/p");
	check_package("example.com/p.(*S[github.com/x/y.T]).m", "example.com/p");
	check_package("github.com/docker/cli/vendor/github.com/spf13/cobra.(*Command).Execute",
		      "github.com/spf13/cobra");
	check_package("a.b/vendor/c.d/vendor/e.f/g.H", "e.f/g");
	check_package("vendor/golang.org/x/net/http2/hpack.Encode",
		      "vendor/golang.org/x/net/http2/hpack");
	check_package("go.uber.org/zap.New", "go.uber.org/zap");
	check_package("go/ast.Walk", "go/ast");
	check_package("example.com/p%25q.F", "example.com/p%q");
}
END_TEST

START_TEST(test_neutral)
{
	static const char *const names[] = {
		"type:.eq.example.com/p.T",
		"type..eq.example.com/p.T",
		"type..hash.[2]interface {}",
		"go:struct { io.Reader }.Read",
		"go.struct { io.Reader }.Read",
		"go.(*struct { sync.Mutex }).Lock",
		"struct { a/b.C }.Method",
		"go:buildid",
		"go.buildid",
		"_cgoexp_0123456789ab_F",
		"_cgo_77133bf98b3a_Cfunc_free",
		"x_cgo_init",
		"memeqbody",
		"",
		".",
		"/",
		"[",
		"(*T).m",
		"example.com/p",
		"a/%00b.F",
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(names); i++)
		check_package(names[i], NULL);
}
END_TEST

START_TEST(test_package_buffer)
{
	char buf[5];
	ck_assert(mj_function_package("main.x", buf, sizeof(buf)));
	ck_assert(!mj_function_package("mains.x", buf, sizeof(buf)));
	ck_assert(!mj_function_package("main.x", buf, 0));
}
END_TEST

START_TEST(test_display)
{
	char buf[64];
	ck_assert_str_eq(mj_function_display("gopkg.in/yaml%2ev3.F", buf, sizeof(buf)),
			 "gopkg.in/yaml.v3.F");
	ck_assert_str_eq(mj_function_display("p.F[go.shape.[]int,x].func1", buf, sizeof(buf)),
			 "p.F[...].func1");
	ck_assert_str_eq(mj_function_display("p.F[", buf, sizeof(buf)), "p.F[");
	ck_assert_str_eq(mj_function_display("p%2", buf, sizeof(buf)), "p%2");
	ck_assert_str_eq(mj_function_display("abcdef", buf, 4), "abc");
	ck_assert_str_eq(mj_function_display("a[b]c", buf, 4), "a[.");
}
END_TEST

/* ---- build info ----------------------------------------------------------------------------- */

START_TEST(test_buildinfo_text)
{
	static const char text[] = "path\texample.com/m/cmd\nmod\texample.com/m\t(devel)\t\n"
				   "dep\ta.b/c\tv1.0.0\th1:x\ndep\ta.b/d\tv1.1.0\n"
				   "=>\tz.y/d\tv2.0.0\th1:y\ndep\ta.b/e\tv1.2.0\n"
				   "=>\t../e\t(devel)\t\ndep\tbare\ndep\nbuild\t-x=y\t\n=>";
	struct mj_buildinfo info;
	ck_assert_int_eq(mj_buildinfo_parse(text, sizeof(text) - 1, &info, NULL), 0);
	ck_assert(info.found);
	ck_assert_str_eq(info.path, "example.com/m/cmd");
	ck_assert_uint_eq(info.nmods, 5);
	ck_assert(info.mods[0].is_main && !info.mods[1].is_main);
	ck_assert_str_eq(info.mods[0].path, "example.com/m");
	ck_assert_str_eq(info.mods[1].version, "v1.0.0");
	ck_assert_str_eq(info.mods[2].path, "a.b/d");
	ck_assert_str_eq(info.mods[2].version, "v2.0.0");
	ck_assert_str_eq(info.mods[3].version, "v1.2.0");
	ck_assert_str_eq(info.mods[4].path, "bare");
	ck_assert_str_eq(info.mods[4].version, "");
	mj_buildinfo_finish(&info);
}
END_TEST

START_TEST(test_buildinfo_empty)
{
	struct mj_buildinfo info;
	ck_assert_int_eq(mj_buildinfo_parse("", 0, &info, NULL), 0);
	ck_assert_uint_eq(info.nmods, 0);
	mj_buildinfo_finish(&info);
	ck_assert_int_eq(mj_buildinfo_parse("=>\tx\tv1\n\n\t\t\n", 13, &info, NULL), 0);
	ck_assert_uint_eq(info.nmods, 0);
	mj_buildinfo_finish(&info);
}
END_TEST

/* ---- pc-value tables ------------------------------------------------------------------------ */

START_TEST(test_pcvalue)
{
	/* At 1: 5 for 4 bytes, 3 for 300 bytes. At 7: no progress. At 10: cut off. */
	static const uint8_t bytes[] = { 0, 12, 4, 3, 0xac, 2, 0, 2, 0, 0, 12, 0x80 };
	struct mj_pclntab tab = { .pctab = { bytes, sizeof(bytes) } };
	struct mj_func f = { .entry = 0x1000, .end = 0x2000 };
	int32_t value = 77;
	ck_assert(mj_pclntab_value(&tab, &f, 1, 0x1000, &value) && value == 5);
	ck_assert(mj_pclntab_value(&tab, &f, 1, 0x1003, &value) && value == 5);
	ck_assert(mj_pclntab_value(&tab, &f, 1, 0x1004, &value) && value == 3);
	ck_assert(mj_pclntab_value(&tab, &f, 1, 0x1004 + 299, &value) && value == 3);
	value = 77;
	ck_assert(!mj_pclntab_value(&tab, &f, 1, 0x1004 + 300, &value));
	ck_assert(!mj_pclntab_value(&tab, &f, 0, 0x1000, &value)); /* no table */
	ck_assert(!mj_pclntab_value(&tab, &f, 7, 0x1000, &value));
	ck_assert(!mj_pclntab_value(&tab, &f, 10, 0x1000, &value));
	ck_assert(!mj_pclntab_value(&tab, &f, sizeof(bytes), 0x1000, &value));
	ck_assert(!mj_pclntab_value(&tab, &f, UINT32_MAX, 0x1000, &value));
	ck_assert_int_eq(value, 77);
}
END_TEST

START_TEST(test_pcvalue_endless)
{
	/* Value changes that never move the pc: must end, and soon. */
	size_t len = 8u << 20;
	uint8_t *bytes = malloc(len);
	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = i & 1 ? 2 : 0;
	struct mj_pclntab tab = { .pctab = { bytes, len } };
	struct mj_func f = { .entry = 0x1000, .end = 0x2000 };
	int32_t value;
	ck_assert(!mj_pclntab_value(&tab, &f, 1, 0x1000, &value));
	free(bytes);
}
END_TEST

/* ---- the tiny program ----------------------------------------------------------------------- */

static void
check_tiny_frames(struct mj_image *image, uint64_t text)
{
	uint64_t main_at = text + TINY_MAIN * 0x20;
	const struct mj_pc *pc = mj_image_lookup(image, main_at + 9, false);
	ck_assert_ptr_nonnull(pc);
	ck_assert_uint_eq(pc->nframes, 2);
	ck_assert_str_eq(pc->frames[0].function, "example.com/dep.F");
	ck_assert(pc->frames[0].inlined && !pc->frames[1].inlined);
	ck_assert_int_eq(pc->frames[0].line, 10);
	ck_assert_str_eq(pc->frames[0].file, "/src/tiny.go");
	ck_assert_str_eq(mj_image_module(image, (size_t)pc->frames[0].subject)->path,
			 "example.com/dep");
	ck_assert_str_eq(pc->frames[1].function, "main.main");
	ck_assert(mj_image_module(image, (size_t)pc->frames[1].subject)->is_main);
	/* Behind a call: inlining and line are the call's. */
	ck_assert_uint_eq(mj_image_lookup(image, main_at + 16, true)->nframes, 2);
	pc = mj_image_lookup(image, main_at + 16, false);
	ck_assert_uint_eq(pc->nframes, 1);
	ck_assert_int_eq(pc->frames[0].line, 20);
	ck_assert_ptr_eq(pc, mj_image_lookup(image, main_at + 16, false));
	pc = mj_image_lookup(image, text + TINY_YAML * 0x20, false);
	const struct mj_module *yaml = mj_image_module(image, (size_t)pc->frames[0].subject);
	ck_assert_str_eq(yaml->path, "gopkg.in/yaml.v3");
	ck_assert_str_eq(yaml->version, "v3.0.1");
	/* The end of text: no function there, but a call may end there. */
	uint64_t end = text + TINY_NFUNC * 0x20;
	ck_assert_ptr_null(mj_image_lookup(image, end, false));
	pc = mj_image_lookup(image, end, true);
	ck_assert_str_eq(pc->frames[0].function, "gopkg.in/yaml%2ev3.Unmarshal");
	ck_assert(mj_image_pc(image, end, true)->pcsp_ok);
	ck_assert_ptr_null(mj_image_lookup(image, text - 1, false));
	ck_assert_ptr_null(mj_image_lookup(image, 0, true));
}

START_TEST(test_tiny)
{
	static const char *const versions[] = { "go1.16.7", "go1.26.8", "go1.26.8" };
	static const char *const extra[] = { "example.com/policy", "example.com/dep" };
	uint8_t bytes[TINY_SIZE];
	enum mj_pcln_layout layout = (enum mj_pcln_layout)(_i / 2);
	uint64_t base = tiny_go(bytes, layout, _i % 2);
	struct mj_image *image = open_bytes(bytes, sizeof(bytes), extra, 2);
	ck_assert_msg(mj_image_kind(image) == MJ_IMAGE_GO, "%s", mj_image_why(image));
	ck_assert_str_eq(mj_image_go_version(image), versions[layout]);
	ck_assert_uint_eq(mj_image_go_minor(image), layout == MJ_PCLN_116 ? 116 : 126);
	ck_assert_str_eq(mj_image_main_package(image), "example.com/tiny/cmd");
	ck_assert_str_eq(mj_image_main_module(image), "example.com/tiny");
	ck_assert_uint_eq(mj_image_module_count(image), 4);
	ck_assert(!mj_image_module(image, 3)->in_build_info);
	ck_assert(mj_image_module_present(image, 0));
	ck_assert(mj_image_module_present(image, 2)); /* inlined everywhere */
	ck_assert(!mj_image_module_present(image, 3));
	ck_assert(!mj_image_module_present(image, 99));
	ck_assert_uint_eq(mj_image_pclntab(image)->bss, base + 0x1000);
	check_tiny_frames(image, base + TINY_TEXT);
	mj_image_destroy(image);
}
END_TEST

START_TEST(test_tiny_special)
{
	uint8_t bytes[TINY_SIZE];
	uint64_t base = tiny_go(bytes, (enum mj_pcln_layout)_i, false);
	struct mj_image *image = open_bytes(bytes, sizeof(bytes), NULL, 0);
	struct mj_func f;
	uint64_t goexit = base + TINY_TEXT + TINY_GOEXIT * 0x20;
	ck_assert(mj_image_function(image, "runtime.goexit", 0, &f));
	ck_assert_uint_eq(f.entry, goexit);
	ck_assert(!mj_image_function(image, "runtime.goexit", 1, &f));
	ck_assert(!mj_image_function(image, "goexit", 0, &f));
	const struct mj_pc_entry *entry = mj_image_pc(image, goexit + 1, true);
	ck_assert_int_eq(entry->special, MJ_FN_GOEXIT);
	ck_assert(entry->flag & MJ_FUNC_TOPFRAME);
	ck_assert(entry->pcsp_ok && entry->spdelta == 8);
	ck_assert_int_eq(entry->pub.frames[0].subject, MJ_SUBJECT_STD);
	mj_image_destroy(image);
}
END_TEST

START_TEST(test_follows_call)
{
	static const struct {
		const char *code;
		unsigned len;
		bool call;
	} cases[] = {
		{ "\xe8\x00\x00\x00\x00", 5, true },         /* call rel32 */
		{ "\xff\xd0", 2, true },                     /* call rax */
		{ "\x41\xff\xd4", 3, true },                 /* call r12 */
		{ "\xff\x12", 2, true },                     /* call [rdx] */
		{ "\xff\x14\x24", 3, true },                 /* call [rsp] */
		{ "\xff\x50\x18", 3, true },                 /* call [rax+0x18] */
		{ "\xff\x54\x24\x08", 4, true },             /* call [rsp+8] */
		{ "\xff\x15\x01\x02\x03\x04", 6, true },     /* call [rip+...] */
		{ "\xff\x90\x01\x02\x03\x04", 6, true },     /* call [rax+disp32] */
		{ "\xff\x94\x24\x01\x02\x03\x04", 7, true }, /* call [rsp+disp32] */
		{ "\xff\x14\x25\x01\x02\x03\x04", 7, true }, /* call [disp32] */
		{ "\xff\xe0", 2, false },                    /* jmp rax */
		{ "\xe9\x00\x00\x00\x00", 5, false },        /* jmp rel32 */
		{ "\xff\x14", 2, false },                    /* cut before its SIB */
		{ "\x0f\x05", 2, false },                    /* syscall */
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(cases); i++) {
		uint8_t bytes[TINY_SIZE];
		uint64_t base = tiny_go(bytes, MJ_PCLN_120, false);
		uint64_t pc = TINY_TEXT + TINY_YAML * 0x20 + 0x10;
		memcpy(bytes + pc - cases[i].len, cases[i].code, cases[i].len);
		struct mj_image *image = open_bytes(bytes, sizeof(bytes), NULL, 0);
		ck_assert_msg(mj_image_pc(image, base + pc, true)->follows_call == cases[i].call,
			      "case %zu", i);
		mj_image_destroy(image);
	}
}
END_TEST

/* ---- hostile files -------------------------------------------------------------------------- */

/* Asks everything that can be asked. */
static void
use_image(struct mj_image *image)
{
	const struct mj_pclntab *tab = mj_image_pclntab(image);
	for (uint64_t i = 0; i < tab->nfunc && i < 64; i++) {
		struct mj_func f;
		if (!mj_pclntab_func_at(tab, i, &f))
			continue;
		mj_image_lookup(image, f.entry, false);
		mj_image_pc(image, f.entry + 9, false);
		mj_image_lookup(image, f.end, true);
	}
	mj_image_module_present(image, 0);
}

START_TEST(test_truncated)
{
	uint8_t bytes[TINY_SIZE];
	tiny_go(bytes, (enum mj_pcln_layout)(_i / 2), _i % 2);
	for (size_t len = 0; len < sizeof(bytes); len += len < 0x100 ? 1 : 13) {
		struct mj_image *image = open_bytes(bytes, len, NULL, 0);
		use_image(image);
		mj_image_destroy(image);
	}
}
END_TEST

START_TEST(test_mutated)
{
	static const uint64_t values[] = { 0,          1,          0x7f,      0xff,
					   0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX,
					   0x400000,   0x400ff8,   0x1000 };
	srandom((unsigned)_i);
	for (unsigned round = 0; round < 2000; round++) {
		uint8_t bytes[TINY_SIZE];
		tiny_go(bytes, (enum mj_pcln_layout)(_i / 2), _i % 2);
		for (long n = random() % 3; n >= 0; n--) {
			size_t off = (size_t)random() % (sizeof(bytes) - 8);
			size_t len = (size_t)1 << random() % 4;
			uint64_t value = values[(size_t)random() % MJ_ARRAY_LEN(values)];
			memcpy(bytes + off, &value, len);
		}
		struct mj_image *image = open_bytes(bytes, sizeof(bytes), NULL, 0);
		use_image(image);
		mj_image_destroy(image);
	}
}
END_TEST

START_TEST(test_planted_moduledata)
{
	uint8_t bytes[TINY_SIZE];
	tiny_go(bytes, MJ_PCLN_120, false);
	memcpy(bytes + 0xc00, bytes + TINY_MODULEDATA, 0x200);
	struct mj_image *image = open_bytes(bytes, sizeof(bytes), NULL, 0);
	ck_assert_int_eq(mj_image_kind(image), MJ_IMAGE_GO_OPAQUE);
	ck_assert_ptr_nonnull(strstr(mj_image_why(image), "more than one"));
	ck_assert_ptr_null(mj_image_lookup(image, 0x400200, false));
	mj_image_destroy(image);
}
END_TEST

START_TEST(test_kinds)
{
	static const uint8_t elf32[64] = "\x7f"
					 "ELF\1\1\1";
	uint8_t bytes[TINY_SIZE];
	struct mj_image *image = open_bytes((const uint8_t *)"#!/bin/sh\n", 10, NULL, 0);
	ck_assert_int_eq(mj_image_kind(image), MJ_IMAGE_NOT_ELF);
	ck_assert_str_eq(mj_image_why(image), "a script");
	mj_image_destroy(image);
	image = open_bytes(elf32, sizeof(elf32), NULL, 0);
	ck_assert_int_eq(mj_image_kind(image), MJ_IMAGE_FOREIGN);
	ck_assert_str_eq(mj_image_why(image), "32-bit ELF");
	mj_image_destroy(image);
	tiny_go(bytes, MJ_PCLN_120, false);
	bytes[18] = 183; /* EM_AARCH64 */
	image = open_bytes(bytes, sizeof(bytes), NULL, 0);
	ck_assert_int_eq(mj_image_kind(image), MJ_IMAGE_FOREIGN);
	mj_image_destroy(image);
	tiny_go(bytes, MJ_PCLN_120, false);
	bytes[TINY_PCLNTAB] = 0;
	image = open_bytes(bytes, sizeof(bytes), NULL, 0);
	ck_assert_int_eq(mj_image_kind(image), MJ_IMAGE_GO_OPAQUE);
	mj_image_destroy(image);
	bytes[TINY_BUILDINFO] = 0;
	image = open_bytes(bytes, sizeof(bytes), NULL, 0);
	ck_assert_int_eq(mj_image_kind(image), MJ_IMAGE_NOT_GO);
	mj_image_destroy(image);
}
END_TEST

START_TEST(test_absurd_sections)
{
	/* e_shnum 0: the count stands in the first section header, and could be anything. */
	uint8_t bytes[TINY_SIZE];
	uint64_t where = 0xf00, count = UINT64_C(1) << 28;
	tiny_go(bytes, MJ_PCLN_120, false);
	memcpy(bytes + 40, &where, sizeof(where));
	memcpy(bytes + 0xf00 + 32, &count, sizeof(count));
	MJ_AUTO_FD int fd = memfd_create("sparse", MFD_CLOEXEC);
	ck_assert_int_eq(pwrite(fd, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
	ck_assert_int_eq(ftruncate(fd, INT64_C(32) << 30), 0);
	struct mj_image *image = NULL;
	ck_assert_int_eq(mj_image_open(fd, "sparse", NULL, 0, &image, NULL), 0);
	ck_assert_int_eq(mj_image_kind(image), MJ_IMAGE_GO);
	mj_image_destroy(image);
}
END_TEST

START_TEST(test_open_errors)
{
	struct mj_image *image = NULL;
	struct mj_error err = { 0 };
	ck_assert_int_eq(mj_image_open(-1, "none", NULL, 0, &image, &err), -1);
	ck_assert_int_eq(err.code, MJ_ERR_SYSTEM);
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(mj_image_open(fds[0], "pipe", NULL, 0, &image, &err), -1);
	ck_assert_int_eq(err.code, MJ_ERR_USAGE);
	close(fds[0]);
	close(fds[1]);
	ck_assert_ptr_null(image);
	mj_image_destroy(NULL);
}
END_TEST

/* ---- ownership ------------------------------------------------------------------------------ */

static void
check_owner(struct mj_modules *mods, const char *function, const char *module)
{
	int subject = -9;
	ck_assert(mj_modules_subject(mods, function, &subject));
	if (!module)
		ck_assert_msg(subject == MJ_SUBJECT_STD, "%s: %d", function, subject);
	else
		ck_assert_msg(subject >= 0 &&
				      !strcmp(mj_modules_get(mods, (size_t)subject)->path, module),
			      "%s: %d", function, subject);
}

START_TEST(test_owner_listed)
{
	static const char text[] =
		"path\tcommand-line-arguments\nmod\tvictim\t(devel)\n"
		"dep\ta.b/c\tv1\ndep\ta.b/c/d\tv1\ndep\ttype..eq.evil.com/m\tv1\n";
	static const char *const extra[] = { "x.y/z", "a.b/c" };
	struct mj_buildinfo info;
	struct mj_modules mods;
	ck_assert_int_eq(mj_buildinfo_parse(text, sizeof(text) - 1, &info, NULL), 0);
	ck_assert_int_eq(mj_modules_init(&mods, &info, extra, 2, NULL), 0);
	ck_assert_uint_eq(mods.count, 5);
	check_owner(&mods, "main.main", "victim");
	check_owner(&mods, "main_test.TestX", "victim");
	check_owner(&mods, "victim/parse.F", "victim");
	check_owner(&mods, "victim_test.TestX", "victim");
	check_owner(&mods, "victims.F", NULL);
	check_owner(&mods, "a.b/c.F", "a.b/c");
	check_owner(&mods, "a.b/c/d.F", "a.b/c/d");
	check_owner(&mods, "a.b/c/dd.F", "a.b/c");
	check_owner(&mods, "a.b/cc.F", "a.b/cc");
	check_owner(&mods, "x.y/z/w.F", "x.y/z");
	check_owner(&mods, "github.com/u/r/p.F", "github.com/u/r");
	check_owner(&mods, "net/http.Get", NULL);
	check_owner(&mods, "vendor/golang.org/x/net/idna.F", NULL);
	check_owner(&mods, "unheard/of.F", NULL);
	check_owner(&mods, "type:.eq.a.b/c.T", NULL);
	check_owner(&mods, "type..eq.a.b/c.T", NULL);
	check_owner(&mods, "type..eq.evil.com/m.F", "type..eq.evil.com/m");
	check_owner(&mods, "memeqbody", NULL);
	mj_modules_finish(&mods);
	mj_buildinfo_finish(&info);
}
END_TEST

START_TEST(test_owner_gopath)
{
	static const char text[] = "path\tgithub.com/restic/restic/cmd/restic\n";
	struct mj_buildinfo info;
	struct mj_modules mods;
	ck_assert_int_eq(mj_buildinfo_parse(text, sizeof(text) - 1, &info, NULL), 0);
	ck_assert_int_eq(mj_modules_init(&mods, &info, NULL, 0, NULL), 0);
	ck_assert(mj_modules_get(&mods, 0)->is_main);
	check_owner(&mods, "main.main", "github.com/restic/restic");
	check_owner(&mods, "github.com/restic/restic/internal/ui.F", "github.com/restic/restic");
	check_owner(&mods, "github.com/urfave/cli/v2.F", "github.com/urfave/cli/v2");
	check_owner(&mods, "github.com/urfave/cli/v2/x.F", "github.com/urfave/cli/v2");
	check_owner(&mods, "github.com/urfave/cli/v2x.F", "github.com/urfave/cli");
	check_owner(&mods, "golang.org/x/net/http2.F", "golang.org/x/net");
	check_owner(&mods, "google.golang.org/grpc/codes.F", "google.golang.org/grpc");
	check_owner(&mods, "gopkg.in/yaml%2ev3.F", "gopkg.in/yaml.v3");
	check_owner(&mods, "gopkg.in/square/go-jose%2ev2.F", "gopkg.in/square/go-jose.v2");
	check_owner(&mods, "bazil.org/fuse/fs.F", "bazil.org/fuse/fs");
	check_owner(&mods, "unheard/of.F", "unheard/of");
	check_owner(&mods, "net/http.Get", NULL);
	check_owner(&mods, "weak.Make", NULL);
	check_owner(&mods, "archive/tar.F", NULL);
	check_owner(&mods, "vendor/golang.org/x/net/idna.F", NULL);
	mj_modules_finish(&mods);
	mj_buildinfo_finish(&info);
}
END_TEST

START_TEST(test_owner_nothing)
{
	struct mj_buildinfo info = { 0 };
	struct mj_modules mods;
	ck_assert_int_eq(mj_modules_init(&mods, &info, NULL, 0, NULL), 0);
	check_owner(&mods, "main.main", "main");
	check_owner(&mods, "runtime.main", NULL);
	mj_modules_finish(&mods);
}
END_TEST

START_TEST(test_owner_long_name)
{
	/* Longer than any buffer: must not end up as std. */
	char name[4096] = "github.com/u/r/";
	size_t len = strlen(name);
	memset(name + len, 'x', 3000);
	memcpy(name + len + 3000, ".F", 3);
	struct mj_buildinfo info = { 0 };
	struct mj_modules mods;
	ck_assert_int_eq(mj_modules_init(&mods, &info, NULL, 0, NULL), 0);
	check_owner(&mods, name, "github.com/u/r");
	mj_modules_finish(&mods);
}
END_TEST

/* ---- the suite
 * ------------------------------------------------------------------------------------------------
 */

static void
add_file_cases(Suite *suite)
{
	TCase *files = tcase_create("files");
	tcase_set_timeout(files, 120);
	tcase_add_loop_test(files, test_tiny, 0, 6);
	tcase_add_loop_test(files, test_tiny_special, 0, 3);
	tcase_add_test(files, test_follows_call);
	tcase_add_loop_test(files, test_truncated, 0, 6);
	tcase_add_loop_test(files, test_mutated, 0, 6);
	tcase_add_test(files, test_planted_moduledata);
	tcase_add_test(files, test_kinds);
	tcase_add_test(files, test_absurd_sections);
	tcase_add_test(files, test_open_errors);
	suite_add_tcase(suite, files);
}

int
main(void)
{
	Suite *suite = suite_create("symbolizer");
	TCase *text = tcase_create("text");
	tcase_add_test(text, test_packages);
	tcase_add_test(text, test_neutral);
	tcase_add_test(text, test_package_buffer);
	tcase_add_test(text, test_display);
	tcase_add_test(text, test_buildinfo_text);
	tcase_add_test(text, test_buildinfo_empty);
	tcase_add_test(text, test_pcvalue);
	tcase_add_test(text, test_pcvalue_endless);
	tcase_add_test(text, test_owner_listed);
	tcase_add_test(text, test_owner_gopath);
	tcase_add_test(text, test_owner_nothing);
	tcase_add_test(text, test_owner_long_name);
	suite_add_tcase(suite, text);
	add_file_cases(suite);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
