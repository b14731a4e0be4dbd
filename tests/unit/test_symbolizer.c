/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of symbolizer that read files, on a program made here. See also test_names.c; live
 * walks are in tests/golden. */
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

/* As gold links: tables behind the code, in its segment, and none for read-only data alone. */
static void
join_segments(uint8_t *bytes)
{
	Elf64_Phdr phdrs[2];
	memcpy(phdrs, bytes + 64, sizeof(phdrs));
	phdrs[0].p_filesz = phdrs[0].p_memsz = 0x800;
	phdrs[1].p_type = PT_NULL;
	memcpy(bytes + 64, phdrs, sizeof(phdrs));
}

START_TEST(test_tables_in_code)
{
	uint8_t bytes[TINY_SIZE];
	uint64_t base = tiny_go(bytes, (enum mj_pcln_layout)(_i / 2), _i % 2);
	join_segments(bytes);
	struct mj_image *image = open_bytes(bytes, sizeof(bytes), NULL, 0);
	ck_assert_msg(mj_image_kind(image) == MJ_IMAGE_GO, "%s", mj_image_why(image));
	check_tiny_frames(image, base + TINY_TEXT);
	mj_image_destroy(image);
}
END_TEST

/* A second pair in data, which is whole, does not pass for the program's. */
START_TEST(test_planted_in_data)
{
	enum { FAKE = 0x1000, FAKE_MODULEDATA = 0x1400, MORE = 0x1800 };
	const uint64_t words[][2] = { { 0, FAKE },
		                      { 8, FAKE + 0x60 },
		                      { 128, FAKE + FUNCTAB - TINY_PCLNTAB } };
	uint8_t bytes[MORE] = { 0 };
	uint64_t base = tiny_go(bytes, MJ_PCLN_120, false);
	for (int joined = 0; joined <= 1; joined++) {
		Elf64_Phdr data;
		memcpy(&data, bytes + 64 + 2 * sizeof(data), sizeof(data));
		data.p_filesz = data.p_memsz = MORE - 0x800;
		memcpy(bytes + 64 + 2 * sizeof(data), &data, sizeof(data));
		memcpy(bytes + FAKE, bytes + TINY_PCLNTAB, 0x400);
		memcpy(bytes + FAKE_MODULEDATA, bytes + TINY_MODULEDATA, 0x200);
		for (size_t i = 0; i < MJ_ARRAY_LEN(words); i++) {
			uint64_t word = base + words[i][1];
			memcpy(bytes + FAKE_MODULEDATA + words[i][0], &word, sizeof(word));
		}
		if (joined)
			join_segments(bytes);
		struct mj_image *image = open_bytes(bytes, sizeof(bytes), NULL, 0);
		ck_assert_int_eq(mj_image_kind(image), MJ_IMAGE_GO_OPAQUE);
		ck_assert_ptr_nonnull(strstr(mj_image_why(image), "more than one"));
		mj_image_destroy(image);
	}
}
END_TEST

static void
check_why(const uint8_t *bytes, size_t len, enum mj_image_kind kind, const char *part)
{
	struct mj_image *image = open_bytes(bytes, len, NULL, 0);
	ck_assert_int_eq(mj_image_kind(image), kind);
	ck_assert_msg(strstr(mj_image_why(image), part) != NULL, "%s", mj_image_why(image));
	mj_image_destroy(image);
}

START_TEST(test_why_opaque)
{
	uint8_t bytes[TINY_SIZE];
	tiny_go(bytes, MJ_PCLN_120, false);
	memset(bytes + TINY_PCLNTAB, 0, 4);
	check_why(bytes, sizeof(bytes), MJ_IMAGE_GO_OPAQUE, "no pclntab found");
	memset(bytes + TINY_PCLNTAB, 0x17, 4);
	check_why(bytes, sizeof(bytes), MJ_IMAGE_GO_OPAQUE, "obfuscated, by garble say");
	memcpy(bytes + 0x100, "UPX!", 4);
	check_why(bytes, sizeof(bytes), MJ_IMAGE_GO_OPAQUE, "upx -d");
	memset(bytes + TINY_BUILDINFO, 0, 16);
	check_why(bytes, sizeof(bytes), MJ_IMAGE_NOT_GO, "upx -d");
	tiny_go(bytes, MJ_PCLN_116, false);
	memset(bytes + TINY_PCLNTAB, 0, 4);
	memcpy(bytes + TINY_BUILDINFO + 0x40, "go1.15.7", 8);
	check_why(bytes, sizeof(bytes), MJ_IMAGE_GO_OPAQUE, "before 1.16");
	/* The mark alone makes no program a packed one. */
	tiny_go(bytes, MJ_PCLN_120, false);
	memcpy(bytes + 0x1f0, "UPX!", 4);
	check_why(bytes, sizeof(bytes), MJ_IMAGE_GO, "Go program");
}
END_TEST

START_TEST(test_c_program)
{
	static const char *const names[TINY_NFUNC + 1] = { "runtime.main", "runtime.goexit",
		                                           "main.main", "_rt0_amd64_linux_lib",
		                                           "example.com/dep.F" };
	for (int i = 0; i < 3; i++) {
		uint8_t bytes[TINY_SIZE];
		uint64_t base =
			tiny_go_of(bytes, MJ_PCLN_120, false, i ? names : tiny_names, TINY_NFUNC);
		uint64_t entry = base + (i == 2 ? TINY_TEXT : TINY_TEXT - 0x10);
		memcpy(bytes + 24, &entry, sizeof(entry));
		struct mj_image *image = open_bytes(bytes, sizeof(bytes), NULL, 0);
		ck_assert(mj_image_is_c_program(image) == (i == 1));
		mj_image_destroy(image);
	}
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
	tcase_add_loop_test(files, test_tables_in_code, 0, 6);
	tcase_add_test(files, test_planted_in_data);
	tcase_add_test(files, test_why_opaque);
	tcase_add_test(files, test_c_program);
	tcase_add_test(files, test_kinds);
	tcase_add_test(files, test_absurd_sections);
	tcase_add_test(files, test_open_errors);
	suite_add_tcase(suite, files);
}

int
main(void)
{
	Suite *suite = suite_create("symbolizer");
	add_file_cases(suite);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
