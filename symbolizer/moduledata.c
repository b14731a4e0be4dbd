/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding Go's pclntab and the moduledata that belongs to it. A module could plant copies of
 * either in its data, so two pairs that both make sense are as bad as none.
 */
#include "symbolizer/pclntab.h"

#include <elf.h>
#include <string.h>

/* runtime.moduledata, Go 1.16 to 1.27: these words have not moved. */
#define MD_FUNCNAMETAB 8
#define MD_FTAB 128
#define MD_FTAB_LEN 136
#define MD_MINPC 160
#define MD_MAXPC 168
#define MD_TEXT 176
#define MD_NOPTRDATA 192
/* gofunc is at 304 (1.18), 320 (1.20) or 344 (1.27): somewhere among these words. */
#define MD_GOFUNC_FIRST 256
#define MD_GOFUNC_LAST 512

#define MAGIC_116 UINT32_C(0xfffffffa)
#define MAGIC_118 UINT32_C(0xfffffff0)
#define MAGIC_120 UINT32_C(0xfffffff1)
/* Bytes 4 to 7 of the header: two of padding, instruction size 1, pointer size 8. */
#define HEADER_TAIL UINT32_C(0x08010000)

/* How many inline trees have to make sense, and how many functions to ask for them. */
#define TREES_WANTED 64
#define TREES_TRIED 16384

/* Headers, and moduledata of one header, that are looked into. Honest files have one or two; each
 * costs a pass over data or functab, so a file made of them would take for ever. */
#define MAX_CANDIDATES 16

/* The tables of the smallest program are larger by far. */
#define LEAST_READ_ONLY 65536

struct finder {
	const struct mj_elf *elf;
	struct mj_pclntab tab; /* the first pair found */
	uint64_t moduledata;   /* its address, 0: none yet */
	unsigned checked;      /* how often something looked like a moduledata */
	bool ambiguous;
	const char *why;
};

/* ---- the header ----------------------------------------------------------------------------- */

static bool
read_layout(struct mj_span data, struct mj_pclntab *tab)
{
	uint32_t magic, tail;
	if (!mj_span_u32(data, 0, &magic) || !mj_span_u32(data, 4, &tail) || tail != HEADER_TAIL)
		return false;
	if (magic == MAGIC_116)
		tab->layout = MJ_PCLN_116;
	else if (magic == MAGIC_118)
		tab->layout = MJ_PCLN_118;
	else if (magic == MAGIC_120)
		tab->layout = MJ_PCLN_120;
	else
		return false;
	return true;
}

/* Table i of the five reaches to where the next one begins, the last to the end of the data. */
static bool
read_tables(struct mj_span data, struct mj_pclntab *tab)
{
	struct mj_span *const tables[] = { &tab->funcnames, &tab->cutab, &tab->filetab, &tab->pctab,
		                           &tab->functab };
	uint64_t at = tab->layout == MJ_PCLN_116 ? 24 : 32;
	for (unsigned i = 0; i < MJ_ARRAY_LEN(tables); i++) {
		uint64_t off, next = data.len;
		if (!mj_span_u64(data, at + i * 8, &off) ||
		    (i + 1 < MJ_ARRAY_LEN(tables) && !mj_span_u64(data, at + i * 8 + 8, &next)) ||
		    off < at + MJ_ARRAY_LEN(tables) * 8 || off > next ||
		    !mj_span_sub(data, off, next - off, tables[i]))
			return false;
	}
	return true;
}

static bool
read_header(const struct mj_elf *elf, uint64_t vaddr, struct mj_pclntab *ret)
{
	struct mj_pclntab tab = { .elf = elf, .vaddr = vaddr };
	uint64_t entry_size;
	if (!mj_elf_at(elf, vaddr, &tab.data) || !read_layout(tab.data, &tab) ||
	    !mj_span_u64(tab.data, 8, &tab.nfunc) || !mj_span_u64(tab.data, 16, &tab.nfiles) ||
	    !read_tables(tab.data, &tab))
		return false;
	entry_size = tab.layout == MJ_PCLN_116 ? 16 : 8;
	if (!tab.nfunc || tab.nfunc >= tab.functab.len / entry_size)
		return false;
	*ret = tab;
	return true;
}

/* Why what stands at vaddr is no header: garble writes another magic number, and so may a newer Go. */
static const char *
why_no_header(const struct mj_elf *elf, uint64_t vaddr)
{
	struct mj_pclntab tab = { .layout = MJ_PCLN_120 };
	uint32_t tail, magic;
	bool looks_like_one = mj_elf_at(elf, vaddr, &tab.data) && mj_span_u32(tab.data, 4, &tail) &&
	                      tail == HEADER_TAIL && mj_span_u32(tab.data, 0, &magic) && magic &&
	                      read_tables(tab.data, &tab);
	return looks_like_one && !read_layout(tab.data, &tab)
	               ? "its pclntab has a magic number that is not known: it was obfuscated, by "
	                 "garble say, or made by a newer Go"
	               : NULL;
}

/* ---- moduledata ----------------------------------------------------------------------------- */

/* The runtime makes the same check of the order at every start (moduledataverify1). */
static bool
check_functab(const struct mj_pclntab *tab)
{
	uint64_t before = 0, funcoff = 0;
	for (uint64_t i = 0; i <= tab->nfunc; i++) {
		uint64_t entry;
		if (!mj_pclntab_entry(tab, i, &entry, &funcoff) || entry < before ||
		    funcoff >= tab->functab.len)
			return false;
		before = entry;
	}
	return true;
}

static bool
read_ranges(const struct mj_elf *elf, uint64_t md, struct mj_pclntab *tab)
{
	uint64_t *const words[] = { &tab->noptrdata, &tab->enoptrdata, &tab->data_start,
		                    &tab->edata,     &tab->bss,        &tab->ebss,
		                    &tab->noptrbss,  &tab->enoptrbss };
	if (!mj_elf_word(elf, md + MD_MINPC, &tab->minpc) ||
	    !mj_elf_word(elf, md + MD_MAXPC, &tab->maxpc) ||
	    !mj_elf_word(elf, md + MD_TEXT, &tab->text) ||
	    !mj_elf_word(elf, md + MD_TEXT + 8, &tab->etext))
		return false;
	for (unsigned i = 0; i < MJ_ARRAY_LEN(words); i++)
		if (!mj_elf_word(elf, md + MD_NOPTRDATA + i * 8, words[i]))
			return false;
	return true;
}

static bool
check_text(const struct mj_elf *elf, const struct mj_pclntab *tab)
{
	uint64_t first, last, unused;
	const struct mj_segment *s = mj_elf_segment(elf, tab->text);
	return s && (s->flags & PF_X) && tab->minpc < tab->maxpc && tab->text <= tab->minpc &&
	       tab->maxpc - s->vaddr <= s->memsz && tab->maxpc > s->vaddr &&
	       mj_pclntab_entry(tab, 0, &first, &unused) && first == tab->minpc &&
	       mj_pclntab_entry(tab, tab->nfunc, &last, &unused) && last == tab->maxpc;
}

/* Whether the word at md is the first of the moduledata of tab. */
static void
try_moduledata(struct finder *f, const struct mj_pclntab *header, uint64_t md)
{
	struct mj_pclntab tab = *header;
	uint64_t word;
	uint64_t names = tab.vaddr + (uint64_t)(tab.funcnames.data - tab.data.data);
	uint64_t functab = tab.vaddr + (uint64_t)(tab.functab.data - tab.data.data);
	if (!mj_elf_word(f->elf, md + MD_FUNCNAMETAB, &word) || word != names ||
	    !mj_elf_word(f->elf, md + MD_FTAB, &word) || word != functab ||
	    !mj_elf_word(f->elf, md + MD_FTAB_LEN, &word) || word != tab.nfunc + 1)
		return;
	f->why = "moduledata does not agree with pclntab";
	f->ambiguous = f->ambiguous || ++f->checked > MAX_CANDIDATES;
	if (f->ambiguous || !read_ranges(f->elf, md, &tab) || !check_text(f->elf, &tab) ||
	    !check_functab(&tab))
		return;
	f->ambiguous = f->ambiguous || (f->moduledata && f->moduledata != md);
	if (f->moduledata)
		return;
	f->moduledata = md;
	f->tab = tab;
	f->tab.moduledata = md;
}

/* For the scans, which are over megabytes; the loop has checked off. */
static inline uint64_t
word_at(struct mj_span bytes, uint64_t off)
{
	uint64_t word;
	memcpy(&word, bytes.data + off, sizeof(word));
	return word;
}

static void
search_moduledata(struct finder *f, const struct mj_pclntab *header)
{
	struct mj_span bytes;
	f->why = f->moduledata ? f->why : "no moduledata found";
	for (unsigned i = 0; i < f->elf->nsegments; i++) {
		const struct mj_segment *s = &f->elf->segments[i];
		if (!(s->flags & PF_W) || !mj_elf_at(f->elf, s->vaddr, &bytes))
			continue;
		for (uint64_t off = -s->vaddr & 7; off + 8 <= bytes.len; off += 8)
			if (word_at(bytes, off) == header->vaddr)
				try_moduledata(f, header, s->vaddr + off);
	}
	/* Linkers other than Go's leave the words of a PIE to the relocations. */
	uint64_t where, addend;
	for (uint64_t off = 0; mj_span_u64(f->elf->relative, off, &where) &&
	                       mj_span_u64(f->elf->relative, off + 16, &addend);
	     off += sizeof(Elf64_Rela))
		if (addend == header->vaddr)
			try_moduledata(f, header, where);
}

/* ---- gofunc --------------------------------------------------------------------------------- */

/* Picks functions from all over the table; neighbours are of one package. */
static unsigned
pick_functions(const struct mj_pclntab *tab, struct mj_func *ret)
{
	uint64_t tries = tab->nfunc < TREES_TRIED ? tab->nfunc : TREES_TRIED;
	uint64_t stride = tab->nfunc / tries;
	unsigned n = 0;
	for (uint64_t i = 0; i < tries && n < TREES_WANTED; i++) {
		/* Without go:func.* a tree is malformed, which tells that there is one. */
		if (mj_pclntab_func_at(tab, i * stride, &ret[n]) &&
		    mj_pclntab_check_inlined(tab, &ret[n], 0) != 0)
			n++;
	}
	return n;
}

static bool
gofunc_fits(const struct mj_pclntab *tab, const struct mj_func *functions, unsigned n,
            uint64_t gofunc)
{
	int found = 0;
	for (unsigned i = 0; i < n; i++) {
		int got = mj_pclntab_check_inlined(tab, &functions[i], gofunc);
		if (got < 0)
			return false;
		found |= got;
	}
	return found || !n;
}

static void
find_gofunc(struct finder *f)
{
	struct mj_pclntab *tab = &f->tab;
	struct mj_func functions[TREES_WANTED];
	unsigned n = pick_functions(tab, functions);
	if (tab->layout == MJ_PCLN_116 || !n) {
		/* Pointers in each function, or a program without inlining (-gcflags=all=-l). */
		tab->has_inline = gofunc_fits(tab, functions, n, 0);
		return;
	}
	for (uint64_t off = MD_GOFUNC_FIRST; off <= MD_GOFUNC_LAST && !tab->has_inline; off += 8) {
		uint64_t word;
		if (!mj_elf_word(f->elf, f->moduledata + off, &word))
			return;
		if (word && gofunc_fits(tab, functions, n, word)) {
			tab->gofunc = word;
			tab->has_inline = true;
		}
	}
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void
try_header(struct finder *f, uint64_t vaddr)
{
	struct mj_pclntab header;
	if (read_header(f->elf, vaddr, &header))
		search_moduledata(f, &header);
}

static bool
has_section(struct finder *f)
{
	static const char *const names[] = { ".gopclntab", ".data.rel.ro.gopclntab" };
	uint64_t vaddr;
	struct mj_span bytes;
	for (unsigned i = 0; i < MJ_ARRAY_LEN(names); i++) {
		if (mj_elf_section(f->elf, names[i], &vaddr, &bytes)) {
			const char *why = why_no_header(f->elf, vaddr);
			f->why = why ? why : "malformed pclntab";
			try_header(f, vaddr);
			return f->moduledata;
		}
	}
	return false;
}

/* Whether two words in a row could be the first two of a moduledata: a header, and the table of names, which the linker
 * puts right behind it (cmd/link, pcln.go, generatePCHeader). */
static inline bool
may_begin_moduledata(uint64_t header, uint64_t names)
{
	return names - header - 1 < 4095 && header % 8 == 0;
}

static void
try_pointer(struct finder *f, uint64_t vaddr, uint64_t where)
{
	struct mj_pclntab header;
	const struct mj_segment *s = mj_elf_segment(f->elf, vaddr);
	if (s && (s->flags & PF_X) && read_header(f->elf, vaddr, &header))
		try_moduledata(f, &header, where);
}

static void
scan_headers(struct finder *f)
{
	struct mj_span bytes;
	unsigned tried = 0;
	for (unsigned i = 0; i < f->elf->nsegments; i++) {
		const struct mj_segment *s = &f->elf->segments[i];
		if ((s->flags & PF_X) || !mj_elf_at(f->elf, s->vaddr, &bytes))
			continue;
		for (uint64_t off = -s->vaddr & 7; off + 8 <= bytes.len; off += 8) {
			struct mj_pclntab header;
			if (word_at(bytes, off) >> 32 != HEADER_TAIL)
				continue;
			if (!read_header(f->elf, s->vaddr + off, &header)) {
				const char *why = why_no_header(f->elf, s->vaddr + off);
				f->why = why ? why : f->why;
				continue;
			}
			if (++tried > MAX_CANDIDATES) {
				f->ambiguous = true;
				return;
			}
			search_moduledata(f, &header);
		}
	}
}

/* Whether read-only data has no segment for itself: a linker that has put code apart has made one. */
static bool
has_tables_in_code(const struct mj_elf *elf)
{
	for (unsigned i = 0; i < elf->nsegments; i++) {
		const struct mj_segment *s = &elf->segments[i];
		if (!(s->flags & (PF_W | PF_X)) && s->filesz >= LEAST_READ_ONLY)
			return false;
	}
	return true;
}

/*
 * Some linkers put tables and code into one segment (gold; ld with -z noseparate-code). Code is too large to be searched for
 * headers; but no header is of use without a moduledata, whose first words point to it. Even if there is a pair by now: it
 * could be planted, and the real one be in code.
 */
static void
search_code(struct finder *f)
{
	struct mj_span bytes;
	for (unsigned i = 0; i < f->elf->nsegments; i++) {
		const struct mj_segment *s = &f->elf->segments[i];
		if (!(s->flags & PF_W) || !mj_elf_at(f->elf, s->vaddr, &bytes))
			continue;
		for (uint64_t off = -s->vaddr & 7; off + 16 <= bytes.len; off += 8) {
			uint64_t word = word_at(bytes, off);
			if (may_begin_moduledata(word, word_at(bytes, off + 8)))
				try_pointer(f, word, s->vaddr + off);
		}
	}
	const struct mj_span rela = f->elf->relative;
	const uint64_t size = sizeof(Elf64_Rela);
	for (uint64_t off = 0; off + 2 * size <= rela.len; off += size) {
		uint64_t addend = word_at(rela, off + 16);
		if (may_begin_moduledata(addend, word_at(rela, off + size + 16)))
			try_pointer(f, addend, word_at(rela, off));
	}
}

bool
mj_pclntab_find(const struct mj_elf *elf, struct mj_pclntab *ret, const char **why)
{
	struct finder f = { .elf = elf, .why = "no pclntab found" };
	if (!has_section(&f)) {
		scan_headers(&f);
		if (has_tables_in_code(elf))
			search_code(&f);
	}
	if (f.ambiguous)
		f.why = "more than one pclntab with a moduledata";
	else if (f.moduledata)
		find_gofunc(&f);
	if (f.moduledata && !f.ambiguous && !f.tab.has_inline)
		f.why = "the inline trees cannot be read";
	if (!f.moduledata || f.ambiguous || !f.tab.has_inline) {
		*why = f.why;
		return false;
	}
	*ret = f.tab;
	return true;
}
