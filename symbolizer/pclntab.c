/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading Go's pclntab: functions, pc-value tables, files, inline trees. Nothing in it is believed:
 * every offset is checked, every loop has an end. Formats: runtime/symtab.go, runtime/runtime2.go
 * and runtime/symtabinl.go of Go 1.16 to 1.27; moduledata.c finds the tables.
 */
#include "symbolizer/pclntab.h"

#include <string.h>

#define PCDATA_INL_TREE_INDEX 2
#define FUNCDATA_INL_TREE 3
#define NO_OFFSET UINT32_MAX

/* Longest function name or path that counts as one; without a bound a table of unterminated
 * strings would cost its whole length at every look-up. Names of generic code reach a few KiB. */
#define MAX_STRING 65536

/* Steps of one inline table that are checked at open; any of them would show a wrong go:func.*. */
#define MAX_CHECKED_STEPS 4096

/* Steps of one pc-value table. A step is at least one instruction; the largest functions of large
 * programs (generated tables) have some 100,000. */
#define MAX_STEPS (1u << 20)

static const char *
string_at(struct mj_span strings, uint64_t off)
{
	struct mj_span from;
	if (!mj_span_from(strings, off, &from))
		return NULL;
	if (from.len > MAX_STRING)
		from.len = MAX_STRING;
	return mj_span_str(from, 0);
}

/* ---- functions ------------------------------------------------------------------------------ */

bool
mj_pclntab_entry(const struct mj_pclntab *tab, uint64_t index, uint64_t *entry, uint64_t *funcoff)
{
	uint32_t entryoff, off;
	if (tab->layout == MJ_PCLN_116) {
		uint64_t at = tab->vaddr + (uint64_t)(tab->functab.data - tab->data.data);
		if (!mj_span_u64(tab->functab, index * 16, entry))
			return false;
		if (*entry == 0 && !mj_elf_word(tab->elf, at + index * 16, entry))
			return false;
		if (index == tab->nfunc)
			return true;
		return mj_span_u64(tab->functab, index * 16 + 8, funcoff);
	}
	if (!mj_span_u32(tab->functab, index * 8, &entryoff))
		return false;
	*entry = tab->text + entryoff;
	if (index == tab->nfunc)
		return true;
	if (!mj_span_u32(tab->functab, index * 8 + 4, &off))
		return false;
	*funcoff = off;
	return true;
}

bool
mj_pclntab_name_offset(const struct mj_pclntab *tab, uint64_t index, uint32_t *ret)
{
	uint64_t entry, funcoff = 0;
	return index < tab->nfunc && mj_pclntab_entry(tab, index, &entry, &funcoff) &&
	       mj_span_u32(tab->functab, funcoff + (tab->layout == MJ_PCLN_116 ? 8 : 4), ret);
}

/* The _func from its nameOff on; *off moves to what follows nfuncdata. */
static bool
read_func(const struct mj_pclntab *tab, uint64_t *off, struct mj_func *f, uint32_t *name)
{
	/* Behind the entry: u64 up to 1.17, u32 since. */
	uint64_t at = *off + (tab->layout == MJ_PCLN_116 ? 8 : 4);
	uint64_t tail = at + (tab->layout == MJ_PCLN_120 ? 36 : 32);
	uint32_t words[8]; /* nameOff, args, deferreturn, pcsp, pcfile, pcln, npcdata, cuOffset */
	uint8_t bytes[4];  /* funcID, flag, pad, nfuncdata */
	if (!mj_span_copy(tab->functab, at, words, sizeof(words)) ||
	    !mj_span_copy(tab->functab, tail, bytes, sizeof(bytes)))
		return false;
	*name = words[0];
	f->pcsp = words[3];
	f->pcfile = words[4];
	f->pcln = words[5];
	f->npcdata = words[6];
	f->cu_offset = words[7];
	f->func_id = bytes[0];
	f->flag = bytes[1];
	f->nfuncdata = bytes[3];
	*off = tail + 4;
	return true;
}

static bool
read_funcdata(const struct mj_pclntab *tab, uint64_t off, struct mj_func *f)
{
	if (!mj_span_sub(tab->functab, off, (uint64_t)f->npcdata * 4, &f->pcdata))
		return false;
	off += (uint64_t)f->npcdata * 4;
	uint64_t size = 4;
	if (tab->layout == MJ_PCLN_116) {
		/* Pointers at their natural alignment, of the address (funcdata, Go 1.17). */
		uint64_t base = tab->vaddr + (uint64_t)(tab->functab.data - tab->data.data);
		off += (base + off) & 4;
		size = 8;
	}
	return mj_span_sub(tab->functab, off, f->nfuncdata * size, &f->funcdata);
}

bool
mj_pclntab_func_at(const struct mj_pclntab *tab, uint64_t index, struct mj_func *ret)
{
	struct mj_func f = { 0 };
	uint64_t unused = 0;
	uint32_t name;
	if (index >= tab->nfunc || !mj_pclntab_entry(tab, index, &f.entry, &f.funcoff) ||
	    !mj_pclntab_entry(tab, index + 1, &f.end, &unused))
		return false;
	uint64_t off = f.funcoff;
	if (!read_func(tab, &off, &f, &name) || !read_funcdata(tab, off, &f))
		return false;
	f.name = string_at(tab->funcnames, name);
	if (!f.name)
		return false;
	*ret = f;
	return true;
}

bool
mj_pclntab_index(const struct mj_pclntab *tab, uint64_t pc, uint64_t *ret)
{
	uint64_t low = 0, high = tab->nfunc;
	if (pc < tab->minpc || pc >= tab->maxpc)
		return false;
	/* The last one with entry <= pc, as runtime.findfunc; moduledata.c checked the order. */
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		uint64_t entry, unused;
		if (!mj_pclntab_entry(tab, middle, &entry, &unused))
			return false;
		if (entry <= pc)
			low = middle;
		else
			high = middle;
	}
	*ret = low;
	return true;
}

bool
mj_pclntab_func(const struct mj_pclntab *tab, uint64_t pc, struct mj_func *ret)
{
	uint64_t at;
	return mj_pclntab_index(tab, pc, &at) && mj_pclntab_func_at(tab, at, ret) &&
	       ret->entry <= pc && pc < ret->end;
}

/* ---- pc-value tables ------------------------------------------------------------------------ */

bool
mj_pclntab_steps(const struct mj_pclntab *tab, const struct mj_func *f, uint32_t table,
                 struct mj_steps *s)
{
	*s = (struct mj_steps){ .pc = f->entry, .value = -1 };
	return table && mj_span_from(tab->pctab, table, &s->bytes);
}

int
mj_pclntab_step(struct mj_steps *s)
{
	uint64_t uvdelta, pcdelta;
	if (s->count == MAX_STEPS || !mj_span_uvarint(s->bytes, &s->off, &uvdelta))
		return -1;
	if (uvdelta == 0 && s->count)
		return 0;
	s->count++;
	if (!mj_span_uvarint(s->bytes, &s->off, &pcdelta) || uvdelta > UINT32_MAX ||
	    pcdelta > UINT32_MAX)
		return -1;
	/* Zigzag, in the wrapping 32-bit arithmetic of the runtime. */
	uint32_t zigzag = (uint32_t)uvdelta;
	uint32_t delta = zigzag & 1 ? ~(zigzag >> 1) : zigzag >> 1;
	s->value = (int32_t)((uint32_t)s->value + delta);
	s->pc += pcdelta;
	return 1;
}

bool
mj_pclntab_value(const struct mj_pclntab *tab, const struct mj_func *f, uint32_t table, uint64_t pc,
                 int32_t *ret)
{
	struct mj_steps s;
	if (!mj_pclntab_steps(tab, f, table, &s))
		return false;
	while (mj_pclntab_step(&s) == 1) {
		if (pc < s.pc) {
			*ret = s.value;
			return true;
		}
	}
	return false;
}

/* ---- files ---------------------------------------------------------------------------------- */

const char *
mj_pclntab_file(const struct mj_pclntab *tab, const struct mj_func *f, int32_t fileno)
{
	uint32_t off;
	/* The index is 32 bits wide in the runtime (funcfile), and wraps there as well. */
	uint32_t index = f->cu_offset + (uint32_t)fileno;
	if (fileno < 0 || !mj_span_u32(tab->cutab, (uint64_t)index * 4, &off) || off == NO_OFFSET)
		return "";
	const char *name = string_at(tab->filetab, off);
	return name ? name : "";
}

/* ---- inline trees --------------------------------------------------------------------------- */

/* The file bytes of a function's inline tree from its start on. 1: there, 0: none, -1: malformed.
 */
static int
inline_tree(const struct mj_pclntab *tab, const struct mj_func *f, uint64_t gofunc,
            struct mj_span *ret)
{
	uint32_t off;
	uint64_t at;
	if (f->nfuncdata <= FUNCDATA_INL_TREE)
		return 0;
	if (tab->layout == MJ_PCLN_116) {
		uint64_t slot = tab->vaddr + (uint64_t)(f->funcdata.data - tab->data.data) +
		                FUNCDATA_INL_TREE * 8;
		if (!mj_elf_word(tab->elf, slot, &at))
			return -1;
		if (!at)
			return 0;
	} else {
		if (!mj_span_u32(f->funcdata, FUNCDATA_INL_TREE * 4, &off))
			return -1;
		if (off == NO_OFFSET)
			return 0;
		if (!gofunc)
			return -1;
		at = gofunc + off;
	}
	return mj_elf_at(tab->elf, at, ret) ? 1 : -1;
}

/* inlinedCall: 20 bytes with the name at 12 up to Go 1.19, 16 bytes with it at 4 from 1.20. */
static bool
read_inlined(const struct mj_pclntab *tab, const struct mj_func *f, struct mj_span tree, int32_t at,
             struct mj_inlined *ret)
{
	bool wide = tab->layout != MJ_PCLN_120;
	uint64_t off = (uint64_t)at * (wide ? 20 : 16);
	uint32_t name, parent;
	if (!mj_span_u32(tree, off + (wide ? 12 : 4), &name) ||
	    !mj_span_u32(tree, off + (wide ? 16 : 8), &parent))
		return false;
	ret->name = string_at(tab->funcnames, name);
	ret->parent_pc = f->entry + parent;
	return ret->name && parent < f->end - f->entry;
}

uint32_t
mj_pclntab_inline_table(const struct mj_func *f)
{
	uint32_t table;
	return mj_span_u32(f->pcdata, PCDATA_INL_TREE_INDEX * 4, &table) ? table : 0;
}

int
mj_pclntab_inlined_at(const struct mj_pclntab *tab, const struct mj_func *f, int32_t index,
                      struct mj_inlined *ret)
{
	struct mj_span tree;
	int have = inline_tree(tab, f, tab->gofunc, &tree);
	if (have != 1)
		return have;
	return index >= 0 && read_inlined(tab, f, tree, index, ret) ? 1 : -1;
}

int
mj_pclntab_inlined(const struct mj_elf *elf, const struct mj_pclntab *tab, const struct mj_func *f,
                   uint64_t pc, struct mj_inlined *ret)
{
	struct mj_span tree;
	uint32_t table;
	int32_t index;
	(void)elf; /* tab->elf is the same */
	int have = inline_tree(tab, f, tab->gofunc, &tree);
	if (have != 1)
		return have;
	if (f->npcdata <= PCDATA_INL_TREE_INDEX)
		return 0;
	if (!mj_span_u32(f->pcdata, PCDATA_INL_TREE_INDEX * 4, &table))
		return -1;
	if (table == 0)
		return 0;
	if (!mj_pclntab_value(tab, f, table, pc, &index))
		return -1;
	if (index < 0)
		return 0;
	return read_inlined(tab, f, tree, index, ret) ? 1 : -1;
}

int
mj_pclntab_check_inlined(const struct mj_pclntab *tab, const struct mj_func *f, uint64_t gofunc)
{
	struct mj_span tree;
	struct mj_inlined call;
	uint32_t table;
	struct mj_steps s;
	int found = 0;
	int have = inline_tree(tab, f, gofunc, &tree);
	if (have < 0)
		return -1;
	if (!have || !mj_span_u32(f->pcdata, PCDATA_INL_TREE_INDEX * 4, &table) || !table)
		return 0;
	if (!mj_pclntab_steps(tab, f, table, &s))
		return -1;
	for (int got; s.count < MAX_CHECKED_STEPS && (got = mj_pclntab_step(&s)) != 0;) {
		if (got < 0)
			return -1;
		if (s.value < 0)
			continue;
		if (!read_inlined(tab, f, tree, s.value, &call))
			return -1;
		/* A name starts behind the end of another one. */
		if ((const uint8_t *)call.name != tab->funcnames.data && call.name[-1])
			return -1;
		found = 1;
	}
	return found;
}
