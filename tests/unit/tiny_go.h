/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest file that modjail takes for a Go program: a few functions, one of them inlining
 * another, pclntab, moduledata and build info. For unit tests and as a seed for fuzzers. */
#ifndef MJ_TESTS_TINY_GO_H
#define MJ_TESTS_TINY_GO_H

#include "symbolizer/internal.h"

#include <elf.h>
#include <string.h>

#define TINY_SIZE 0x1000
#define TINY_TEXT 0x200 /* file offsets */
#define TINY_PCLNTAB 0x400
#define TINY_MODULEDATA 0x800
#define TINY_BUILDINFO 0xa60

/* Functions, each of 0x20 bytes, from TINY_TEXT on. Whoever gives others, with tiny_go_of, keeps the
 * first three. */
enum { TINY_RT_MAIN, TINY_GOEXIT, TINY_MAIN, TINY_YAML, TINY_NFUNC };
#define TINY_MAX_NFUNC 6 /* 4 in the layout of 1.16 */

#define FUNCTAB 0x5f0 /* file offsets */
#define INLINE_TREE 0x7e0
#define GOFUNC 0x7d8
#define RELA 0xc00
#define DYNAMIC 0xf80

/* Offsets in pctab. */
enum { PCSP = 1, LINES = 4, FILES = 9, INLINED = 12 };

struct tiny {
	uint8_t *image;
	enum mj_pcln_layout layout;
	bool pie;
	const char *const *names; /* nfunc, and one more: what main.main inlines */
	unsigned nfunc;
	uint64_t base;
	unsigned nrela;
};

static const char *const tiny_names[TINY_NFUNC + 1] = { "runtime.main", "runtime.goexit",
	                                                "main.main", "gopkg.in/yaml%2ev3.Unmarshal",
	                                                "example.com/dep.F" };

static void
put(struct tiny *t, uint64_t off, const void *bytes, size_t len)
{
	memcpy(t->image + off, bytes, len);
}

static void
put32(struct tiny *t, uint64_t off, uint32_t value)
{
	put(t, off, &value, sizeof(value));
}

static void
put64(struct tiny *t, uint64_t off, uint64_t value)
{
	put(t, off, &value, sizeof(value));
}

/* A pointer to a file offset. Call in the order of off: relocations are sorted. */
static void
put_pointer(struct tiny *t, uint64_t off, uint64_t target)
{
	if (!t->pie) {
		put64(t, off, t->base + target);
		return;
	}
	Elf64_Rela rela = { t->base + off, ELF64_R_INFO(0, R_X86_64_RELATIVE),
		            (int64_t)(t->base + target) };
	put(t, RELA + t->nrela++ * sizeof(rela), &rela, sizeof(rela));
}

/* The file offset of a function's record (_func). */
static uint64_t
tiny_record(enum mj_pcln_layout layout, unsigned i)
{
	return layout == MJ_PCLN_116 ? FUNCTAB + 0x60 + i * 0x60 : FUNCTAB + 0x38 + i * 0x48;
}

static void
put_headers(struct tiny *t)
{
	Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
		                           EV_CURRENT },
		              .e_type = t->pie ? ET_DYN : ET_EXEC,
		              .e_machine = EM_X86_64,
		              .e_version = EV_CURRENT,
		              .e_entry = t->base + TINY_TEXT,
		              .e_phoff = 64,
		              .e_ehsize = 64,
		              .e_phentsize = 56,
		              .e_phnum = t->pie ? 4 : 3 };
	uint64_t b = t->base;
	Elf64_Phdr phdrs[4] = {
		{ PT_LOAD, PF_R | PF_X, 0, b, b, 0x400, 0x400, 0x1000 },
		{ PT_LOAD, PF_R, 0x400, b + 0x400, b + 0x400, 0x400, 0x400, 0x1000 },
		{ PT_LOAD, PF_R | PF_W, 0x800, b + 0x800, b + 0x800, 0x800, 0x900, 0x1000 },
		{ PT_DYNAMIC, PF_R, DYNAMIC, b + DYNAMIC, b + DYNAMIC, 64, 64, 8 },
	};
	put(t, 0, &header, sizeof(header));
	put(t, 64, phdrs, sizeof(phdrs));
}

static void
put_pclntab_header(struct tiny *t, const uint32_t name_at[])
{
	static const uint8_t pctab[] = { 0,    18, 0x20, 0, 22, 0x10, 20, 0x10, 0, 2,
		                         0x20, 0,  0,    8, 2,  8,    1,  0x10, 0 };
	static const uint64_t tables[] = { 0x60, 0x160, 0x170, 0x1b0, FUNCTAB - TINY_PCLNTAB };
	static const uint32_t magics[] = { 0xfffffffa, 0xfffffff0, 0xfffffff1 };
	uint64_t at = TINY_PCLNTAB + (t->layout == MJ_PCLN_116 ? 24 : 32);
	put32(t, TINY_PCLNTAB, magics[t->layout]);
	put32(t, TINY_PCLNTAB + 4, 0x08010000);
	put64(t, TINY_PCLNTAB + 8, t->nfunc);
	put64(t, TINY_PCLNTAB + 16, 1);
	for (unsigned i = 0; i < 5; i++)
		put64(t, at + i * 8, tables[i]);
	for (unsigned i = 0; i <= t->nfunc; i++)
		put(t, TINY_PCLNTAB + 0x60 + name_at[i], t->names[i], strlen(t->names[i]) + 1);
	put32(t, TINY_PCLNTAB + 0x160, UINT32_MAX);
	put32(t, TINY_PCLNTAB + 0x164, 0);
	put(t, TINY_PCLNTAB + 0x170, "/src/tiny.go", 13);
	put(t, TINY_PCLNTAB + 0x1b0, pctab, sizeof(pctab));
}

static void
put_function(struct tiny *t, unsigned i, uint32_t name)
{
	uint64_t at = tiny_record(t->layout, i);
	bool old = t->layout == MJ_PCLN_116;
	if (old)
		put_pointer(t, at, TINY_TEXT + i * 0x20);
	else
		put32(t, at, i * 0x20);
	at += old ? 8 : 4;
	put32(t, at, name);
	put32(t, at + 12, PCSP);
	put32(t, at + 16, FILES);
	put32(t, at + 20, LINES);
	put32(t, at + 24, 3);
	put32(t, at + 28, 1);
	at += t->layout == MJ_PCLN_120 ? 36 : 32;
	t->image[at + 1] = i == TINY_GOEXIT ? MJ_FUNC_TOPFRAME : 0;
	t->image[at + 3] = 4;
	bool inlines = i == TINY_MAIN;
	put32(t, at + 12, inlines ? INLINED : 0);
	at += 16;
	if (old) {
		at = (at + 7) & ~UINT64_C(7);
		if (inlines)
			put_pointer(t, at + 24, INLINE_TREE);
		return;
	}
	for (unsigned k = 0; k < 3; k++)
		put32(t, at + k * 4, UINT32_MAX);
	put32(t, at + 12, inlines ? INLINE_TREE - GOFUNC : UINT32_MAX);
}

static void
put_functab(struct tiny *t, const uint32_t name_at[])
{
	for (unsigned i = 0; i <= t->nfunc; i++) {
		uint32_t record = (uint32_t)(tiny_record(t->layout, i) - FUNCTAB);
		if (t->layout == MJ_PCLN_116) {
			put_pointer(t, FUNCTAB + i * 16, TINY_TEXT + i * 0x20);
			put64(t, FUNCTAB + i * 16 + 8, i < t->nfunc ? record : 0);
		} else {
			put32(t, FUNCTAB + i * 8, i * 0x20);
			if (i < t->nfunc)
				put32(t, FUNCTAB + i * 8 + 4, record);
		}
	}
	for (unsigned i = 0; i < t->nfunc; i++)
		put_function(t, i, name_at[i]);
	bool wide = t->layout != MJ_PCLN_120;
	put32(t, INLINE_TREE + (wide ? 12 : 4), name_at[t->nfunc]);
	put32(t, INLINE_TREE + (wide ? 16 : 8), 4);
}

static void
put_moduledata(struct tiny *t)
{
	static const unsigned gofunc[] = { 0, 304, 320 };
	uint64_t end = TINY_TEXT + t->nfunc * 0x20;
	put_pointer(t, TINY_MODULEDATA, TINY_PCLNTAB);
	put_pointer(t, TINY_MODULEDATA + 8, TINY_PCLNTAB + 0x60);
	put_pointer(t, TINY_MODULEDATA + 128, FUNCTAB);
	put64(t, TINY_MODULEDATA + 136, t->nfunc + 1);
	put_pointer(t, TINY_MODULEDATA + 160, TINY_TEXT);
	put_pointer(t, TINY_MODULEDATA + 168, end);
	put_pointer(t, TINY_MODULEDATA + 176, TINY_TEXT);
	put_pointer(t, TINY_MODULEDATA + 184, end);
	put_pointer(t, TINY_MODULEDATA + 224, 0x1000);
	put_pointer(t, TINY_MODULEDATA + 232, 0x1100);
	if (gofunc[t->layout])
		put_pointer(t, TINY_MODULEDATA + gofunc[t->layout], GOFUNC);
}

static void
put_buildinfo(struct tiny *t)
{
	static const char text[] = "0123456789abcdef"
				   "path\texample.com/tiny/cmd\n"
				   "mod\texample.com/tiny\t(devel)\t\n"
				   "dep\tgopkg.in/yaml.v3\tv3.0.1\th1:x\n"
				   "dep\texample.com/dep\tv1.0.0\n"
				   "=>\t./dep\t(devel)\t\n"
				   "build\t-compiler=gc\n"
				   "fedcba9876543210";
	uint64_t at = TINY_BUILDINFO;
	bool old = t->layout == MJ_PCLN_116;
	put(t, at, "\xff Go buildinf:", 14);
	t->image[at + 14] = 8;
	t->image[at + 15] = old ? 0 : 2;
	if (old) {
		put_pointer(t, at + 16, at + 0x20);
		put_pointer(t, at + 24, at + 0x30);
		put_pointer(t, at + 0x20, at + 0x40);
		put64(t, at + 0x28, 8);
		put_pointer(t, at + 0x30, at + 0x48);
		put64(t, at + 0x38, sizeof(text) - 1);
		put(t, at + 0x40, "go1.16.7", 8);
		put(t, at + 0x48, text, sizeof(text) - 1);
		return;
	}
	put(t, at + 32, "\x08go1.26.8", 9);
	t->image[at + 41] = (uint8_t)((sizeof(text) - 1) & 0x7f) | 0x80;
	t->image[at + 42] = (uint8_t)((sizeof(text) - 1) >> 7);
	put(t, at + 43, text, sizeof(text) - 1);
}

/** Writes the image. pie: link addresses from 0, pointers in relocations only. Returns the link
 * address of file offset 0. */
static uint64_t
tiny_go_of(uint8_t image[TINY_SIZE], enum mj_pcln_layout layout, bool pie, const char *const *names,
           unsigned nfunc)
{
	struct tiny t = { image, layout, pie, names, nfunc, pie ? 0 : 0x400000, 0 };
	uint32_t name_at[TINY_MAX_NFUNC + 1];
	uint32_t at = 0;
	for (unsigned i = 0; i <= nfunc; i++) {
		name_at[i] = at;
		at += (uint32_t)strlen(names[i]) + 1;
	}
	memset(image, 0, TINY_SIZE);
	put_headers(&t);
	memset(image + TINY_TEXT, 0x90, nfunc * 0x20);
	put_pclntab_header(&t, name_at);
	put_functab(&t, name_at);
	put_moduledata(&t);
	put_buildinfo(&t);
	const uint64_t dynamic[] = { DT_RELA,      t.base + RELA,
		                     DT_RELASZ,    t.nrela * sizeof(Elf64_Rela),
		                     DT_RELACOUNT, t.nrela,
		                     DT_NULL,      0 };
	if (pie)
		put(&t, DYNAMIC, dynamic, sizeof(dynamic));
	return t.base;
}

/** As tiny_go_of, with the functions of tiny_names. */
static inline uint64_t
tiny_go(uint8_t image[TINY_SIZE], enum mj_pcln_layout layout, bool pie)
{
	return tiny_go_of(image, layout, pie, tiny_names, TINY_NFUNC);
}

#endif
