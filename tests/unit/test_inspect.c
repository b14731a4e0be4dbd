/* SPDX-License-Identifier: Apache-2.0 */
/* What mj_inspect finds in a program made here. Names, files and cgo: tests/live/inspect.sh. */
#include "symbolizer/rawcall.h"
#include "tests/unit/tiny_go.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- system call instructions --------------------------------------------------------------- */

#define BYTES(text)                                                                                \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}

static const struct {
	struct mj_span code;
	const char *insn; /* NULL: none */
	uint64_t offset;
} codes[] = {
	{ BYTES(""), NULL, 0 },
	{ BYTES("\x0f"), NULL, 0 },
	{ BYTES("\x0f\x05"), "SYSCALL", 0 },
	{ BYTES("\x90\x0f\x34"), "SYSENTER", 1 },
	{ BYTES("\x31\xc0\xcd\x80\xc3"), "INT 0x80", 2 },
	{ BYTES("\xcd\x03"), NULL, 0 },
	{ BYTES("\xb8\x0f\x05\x00\x00\xc3"), NULL, 0 },                 /* mov eax, 0x50f */
	{ BYTES("\xb8\xcd\x80\x00\x00\x0f\x05"), "SYSCALL", 5 },        /* mov eax, 0x80cd */
	{ BYTES("\x48\xb8\x0f\x05\x0f\x05\x0f\x05\x0f\x05"), NULL, 0 }, /* mov rax, imm64 */
	{ BYTES("\x06\x0f\x05"), "SYSCALL", 1 },                        /* behind what is no code */
};

START_TEST(test_raw_calls)
{
	struct mj_decoder *decoder = NULL;
	uint64_t offset = 0;
	ck_assert_int_eq(mj_decoder_create(&decoder, NULL), 0);
	const char *insn = mj_find_raw_call(decoder, codes[_i].code, &offset);
	if (codes[_i].insn) {
		ck_assert_ptr_nonnull(insn);
		ck_assert_str_eq(insn, codes[_i].insn);
		ck_assert_uint_eq(offset, codes[_i].offset);
	} else {
		ck_assert_ptr_null(insn);
	}
	mj_decoder_destroy(decoder);
}
END_TEST

/* ---- names of closures ---------------------------------------------------------------------- */

static const struct {
	const char *name, *outer;
} closures[] = {
	{ "main.main", "main.main" },
	{ "main.main.func1", "main.main" },
	{ "main.main.func1.2.gowrap3", "main.main" },
	{ "a/b.F-range1", "a/b.F" },
	{ "a/b.F.func2-range1", "a/b.F" },
	{ "a/b.(*T).M.deferwrap1", "a/b.(*T).M" },
	{ "a/b.init.0", "a/b.init.0" },
	{ "a/b.init.0.func1", "a/b.init.0" },
	{ "a/b.init.func1", "a/b.init" },
	{ "a/b.F.Inlined[...].func1", "a/b.F.Inlined[...]" },
	{ "a/b.func1x", "a/b.func1x" },
	{ "a/1", "a/1" },
	{ "", "" },
	{ "1", "1" },
};

START_TEST(test_closures)
{
	ck_assert_uint_eq(mj_function_outer_length(closures[_i].name), strlen(closures[_i].outer));
}
END_TEST

/* ---- a whole program ------------------------------------------------------------------------ */

static struct mj_image *
open_bytes(const uint8_t *bytes, size_t len)
{
	struct mj_image *image = NULL;
	MJ_AUTO_FD int fd = memfd_create("tiny", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, len, 0), (ssize_t)len);
	ck_assert_int_eq(mj_image_open(fd, "tiny", NULL, 0, &image, NULL), 0);
	return image;
}

static int
module_index(const struct mj_image *image, const char *path)
{
	for (size_t i = 0; i < mj_image_module_count(image); i++)
		if (strcmp(mj_image_module(image, i)->path, path) == 0)
			return (int)i;
	ck_abort_msg("no module %s", path);
	return -1;
}

START_TEST(test_program)
{
	static const char *const layouts[] = { "go1.16", "go1.18", "go1.20" };
	uint8_t bytes[TINY_SIZE];
	enum mj_pcln_layout layout = (enum mj_pcln_layout)(_i / 2);
	struct mj_inspection *found = NULL;
	tiny_go(bytes, layout, _i % 2);
	memcpy(bytes + TINY_TEXT + TINY_YAML * 0x20 + 3, "\x0f\x05", 2);
	memcpy(bytes + TINY_TEXT + TINY_MAIN * 0x20 + 3, "\xb8\x0f\x05\x0f\x05", 5);
	memcpy(bytes + TINY_TEXT + TINY_GOEXIT * 0x20 + 3, "\x0f\x05", 2);
	struct mj_image *image = open_bytes(bytes, sizeof(bytes));
	ck_assert_int_eq(mj_inspect(image, &found, NULL), 0);
	const struct mj_inspected *yaml = &found->modules[module_index(image, "gopkg.in/yaml.v3")];
	ck_assert_uint_eq(yaml->nfunctions, 1);
	ck_assert_uint_eq(yaml->count[MJ_FINDING_SYSCALL], 1);
	ck_assert_str_eq(yaml->findings[MJ_FINDING_SYSCALL]->insn, "SYSCALL");
	ck_assert_str_eq(yaml->findings[MJ_FINDING_SYSCALL]->function,
	                 "gopkg.in/yaml%2ev3.Unmarshal");
	const struct mj_inspected *first = &found->modules[0];
	ck_assert_uint_eq(first->nfunctions, 1);
	ck_assert_uint_eq(first->count[MJ_FINDING_SYSCALL], 0);
	ck_assert_uint_eq(found->std.nfunctions, 2);
	ck_assert_uint_eq(found->nfunctions, TINY_NFUNC);
	ck_assert_str_eq(found->layout, layouts[layout]);
	ck_assert_str_eq(found->pclntab, "scan");
	ck_assert_str_eq(found->build_info, "scan");
	ck_assert(found->pie == _i % 2);
	mj_inspection_destroy(found);
	mj_image_destroy(image);
}
END_TEST

START_TEST(test_not_go)
{
	struct mj_inspection *found = NULL;
	struct mj_error err = { 0 };
	struct mj_image *image = open_bytes((const uint8_t *)"#!/bin/sh\n", 10);
	ck_assert_int_eq(mj_inspect(image, &found, &err), -1);
	ck_assert_int_eq(err.code, MJ_ERR_UNSUPPORTED);
	ck_assert_ptr_null(found);
	mj_image_destroy(image);
}
END_TEST

/* Every byte of the file, damaged: the result does not matter, only that there is one. */
START_TEST(test_damage)
{
	uint8_t bytes[TINY_SIZE];
	for (size_t i = 0; i < TINY_SIZE; i++) {
		struct mj_inspection *found = NULL;
		tiny_go(bytes, (enum mj_pcln_layout)_i, false);
		bytes[i] ^= 0xff;
		struct mj_image *image = open_bytes(bytes, sizeof(bytes));
		mj_inspect(image, &found, NULL);
		mj_inspection_destroy(found);
		mj_image_destroy(image);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("inspect");
	TCase *tcase = tcase_create("inspect");
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_raw_calls, 0, MJ_ARRAY_LEN(codes));
	tcase_add_loop_test(tcase, test_closures, 0, MJ_ARRAY_LEN(closures));
	tcase_add_loop_test(tcase, test_program, 0, 6);
	tcase_add_test(tcase, test_not_go);
	tcase_add_loop_test(tcase, test_damage, 0, 3);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
