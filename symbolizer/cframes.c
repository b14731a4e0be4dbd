/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C frames, for messages: from PC and SP by the .eh_frame tables of the files that a process has
 * mapped, as they stand in its memory (Linux Standard Base Core, "Exception Frames"; DWARF 4, section 6.4). No
 * file is opened, so that none can be exchanged, cut short under a mapping or be slow to open.
 *
 * All of it is the process's own to write, and nothing is decided by it: whatever is not understood ends the walk.
 * Every loop is bounded, every read is checked. The code is not libdw's because that trusts what it parses more
 * than what comes from a hostile process deserves.
 */
#include "symbolizer/image.h"
#include "symbolizer/runtime.h"

#include <dwarf.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TABLE_ENTRIES (1u << 22) /* functions of one file */
#define MAX_CIE 1024
#define MAX_FDE 16384
#define MAX_PHDRS 64
#define MAX_DYNAMIC 256
#define MAX_SYMBOLS (1u << 18) /* looked at in one walk */
#define SYMBOLS_READ 1024      /* at a time */
#define MAX_REMEMBERED 8
#define NREGS 17
#define REG_RSP 7 /* DWARF numbers (System V ABI, AMD64 supplement, figure 3.36) */
#define REG_RA 16

struct c_walk {
	struct mj_image *image;
	uint64_t bias;
	const struct mj_memory *memory;
	const struct mj_mapping *maps;
	size_t nmaps;
	uint64_t regs[NREGS]; /* REG_RA is the PC */
	uint32_t known;       /* bit per register */
	unsigned symbols;     /* looked at so far */
};

/* A mapped ELF file. Addresses are live. */
struct module {
	const char *path;
	uint64_t base, bias;
	uint64_t eh_frame_hdr, dynamic; /* 0: none */
};

/* ---- modules -------------------------------------------------------------------------------- */

static bool
read_phdrs(const struct c_walk *w, struct module *m)
{
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[MAX_PHDRS];
	bool has_bias = false;
	if (!mj_read_exact(w->memory, m->base, &ehdr, sizeof(ehdr)) ||
	    memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0 || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_phentsize != sizeof(phdrs[0]) || ehdr.e_phnum > MAX_PHDRS ||
	    !mj_read_exact(w->memory, m->base + ehdr.e_phoff, phdrs,
	                   ehdr.e_phnum * sizeof(phdrs[0])))
		return false;
	for (unsigned i = 0; i < ehdr.e_phnum; i++) {
		if (phdrs[i].p_type == PT_LOAD && !has_bias) {
			has_bias = true;
			m->bias = m->base - (phdrs[i].p_vaddr - phdrs[i].p_offset);
		} else if (phdrs[i].p_type == PT_GNU_EH_FRAME) {
			m->eh_frame_hdr = phdrs[i].p_vaddr;
		} else if (phdrs[i].p_type == PT_DYNAMIC) {
			m->dynamic = phdrs[i].p_vaddr;
		}
	}
	m->eh_frame_hdr += m->eh_frame_hdr ? m->bias : 0;
	m->dynamic += m->dynamic ? m->bias : 0;
	return has_bias;
}

/* The module whose code pc is. Its header is where the same file is mapped from its beginning. */
static bool
find_module(const struct c_walk *w, uint64_t pc, struct module *ret)
{
	size_t i = 0;
	while (i < w->nmaps && !(pc >= w->maps[i].start && pc < w->maps[i].end))
		i++;
	if (i == w->nmaps || !w->maps[i].exec || !w->maps[i].ino)
		return false;
	const struct mj_mapping *code = &w->maps[i];
	do {
		const struct mj_mapping *map = &w->maps[i];
		if (map->ino == code->ino && map->dev == code->dev && map->offset == 0) {
			*ret = (struct module){ .path = code->path, .base = map->start };
			return read_phdrs(w, ret);
		}
	} while (i-- > 0);
	return false;
}

/* ---- names ---------------------------------------------------------------------------------- */

static bool
covers(const Elf64_Sym *sym, uint64_t addr)
{
	unsigned type = ELF64_ST_TYPE(sym->st_info);
	return (type == STT_FUNC || type == STT_GNU_IFUNC) && sym->st_shndx != SHN_UNDEF &&
	       addr >= sym->st_value && addr - sym->st_value < sym->st_size;
}

/* In .symtab of the program's own file, which has static functions too. */
static bool
name_in_program(const struct c_walk *w, uint64_t addr, char *buf, size_t len)
{
	struct mj_span symbols, strings;
	uint64_t vaddr;
	Elf64_Sym sym;
	if (!mj_elf_section(&w->image->elf, ".symtab", &vaddr, &symbols) ||
	    !mj_elf_section(&w->image->elf, ".strtab", &vaddr, &strings))
		return false;
	for (size_t at = 0; at + sizeof(sym) <= symbols.len; at += sizeof(sym)) {
		memcpy(&sym, symbols.data + at, sizeof(sym));
		if (!covers(&sym, addr))
			continue;
		const char *name = mj_span_str(strings, sym.st_name);
		snprintf(buf, len, "%s", name ? name : "");
		return *buf != '\0';
	}
	return false;
}

struct dynamic {
	uint64_t symtab, strtab, strsz; /* live addresses */
};

static bool
read_dynamic(const struct c_walk *w, const struct module *m, struct dynamic *ret)
{
	*ret = (struct dynamic){ 0 };
	for (unsigned i = 0; m->dynamic && i < MAX_DYNAMIC; i++) {
		Elf64_Dyn dyn;
		if (!mj_read_exact(w->memory, m->dynamic + i * sizeof(dyn), &dyn, sizeof(dyn)) ||
		    dyn.d_tag == DT_NULL)
			break;
		/* glibc's loader relocates these in place, musl's does not. */
		uint64_t addr = dyn.d_un.d_ptr + (dyn.d_un.d_ptr < m->base ? m->bias : 0);
		if (dyn.d_tag == DT_SYMTAB)
			ret->symtab = addr;
		else if (dyn.d_tag == DT_STRTAB)
			ret->strtab = addr;
		else if (dyn.d_tag == DT_STRSZ)
			ret->strsz = dyn.d_un.d_val;
	}
	return ret->symtab && ret->strtab;
}

static bool
read_name(const struct c_walk *w, const struct dynamic *d, uint32_t off, char *buf, size_t len)
{
	if (off >= d->strsz)
		return false;
	ssize_t n = w->memory->read(w->memory->ctx, d->strtab + off, buf, len - 1);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	return *buf != '\0';
}

/* In .dynsym. Nothing says how long that is; linkers put .dynstr behind it, and what may lie in
 * between does not look like a function that covers the address. */
static bool
name_in_dynsym(struct c_walk *w, const struct module *m, uint64_t addr, char *buf, size_t len)
{
	struct dynamic d;
	if (!read_dynamic(w, m, &d) || d.strtab < d.symtab)
		return false;
	uint64_t count = (d.strtab - d.symtab) / sizeof(Elf64_Sym);
	MJ_AUTO_FREE Elf64_Sym *syms = malloc(SYMBOLS_READ * sizeof(*syms));
	for (uint64_t i = 0; syms && i < count && w->symbols < MAX_SYMBOLS; i += SYMBOLS_READ) {
		size_t n = count - i < SYMBOLS_READ ? (size_t)(count - i) : SYMBOLS_READ;
		if (!mj_read_exact(w->memory, d.symtab + i * sizeof(*syms), syms,
		                   n * sizeof(*syms)))
			return false;
		w->symbols += (unsigned)n;
		for (size_t k = 0; k < n; k++)
			if (covers(&syms[k], addr))
				return read_name(w, &d, syms[k].st_name, buf, len);
	}
	return false;
}

static void
name_frame(struct c_walk *w, const struct module *m, uint64_t pc, struct mj_c_frame *ret)
{
	char name[sizeof(ret->text) / 2];
	const char *slash = strrchr(m->path, '/');
	uint64_t addr = pc - m->bias;
	bool found = (m->bias == w->bias && mj_elf_segment(&w->image->elf, addr) &&
	              name_in_program(w, addr, name, sizeof(name))) ||
	             name_in_dynsym(w, m, addr, name, sizeof(name));
	snprintf(ret->text, sizeof(ret->text), "%s in %.*s", found ? name : "C code",
	         (int)(sizeof(ret->text) / 2 - 8), slash ? slash + 1 : m->path);
}

/* ---- tables --------------------------------------------------------------------------------- */

/* Bytes that were read from a live address. */
struct table {
	uint8_t bytes[MAX_FDE];
	struct mj_span span;
	uint64_t addr; /* of bytes[0] */
	uint64_t off;
};

static bool
get_u8(struct table *t, uint8_t *ret)
{
	return mj_span_u8(t->span, t->off, ret) && ++t->off;
}

static bool
get_sleb(struct table *t, int64_t *ret)
{
	uint64_t value = 0;
	uint8_t byte;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (!get_u8(t, &byte))
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if ((byte & 0x40) && shift < 57)
			value |= ~UINT64_C(0) << (shift + 7);
		*ret = (int64_t)value;
		return true;
	}
	return false;
}

static bool
get_uleb(struct table *t, uint64_t *ret)
{
	return mj_span_uvarint(t->span, &t->off, ret);
}

/* A pointer in one of the encodings that x86-64's compilers use. */
static bool
get_encoded(struct table *t, uint8_t encoding, uint64_t *ret)
{
	uint64_t at = t->addr + t->off, value;
	int32_t s32;
	uint32_t u32;
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		if (!mj_span_u64(t->span, t->off, &value))
			return false;
		t->off += 8;
		break;
	case DW_EH_PE_sdata4:
		if (!mj_span_i32(t->span, t->off, &s32))
			return false;
		value = (uint64_t)(int64_t)s32;
		t->off += 4;
		break;
	case DW_EH_PE_udata4:
		if (!mj_span_u32(t->span, t->off, &u32))
			return false;
		value = u32;
		t->off += 4;
		break;
	default:
		return false;
	}
	*ret = (encoding & 0x70) == DW_EH_PE_pcrel ? value + at : value;
	return true;
}

/* Reads a CIE or FDE, without its length, which it begins with. */
static bool
read_record(const struct c_walk *w, uint64_t addr, size_t max, struct table *ret)
{
	uint32_t len;
	if (!mj_read_exact(w->memory, addr, &len, sizeof(len)) || len < 8 || len > max ||
	    !mj_read_exact(w->memory, addr + 4, ret->bytes, len))
		return false;
	ret->span = (struct mj_span){ ret->bytes, len };
	ret->addr = addr + 4;
	ret->off = 0;
	return true;
}

/* The FDE for pc, by the binary search table of .eh_frame_hdr in the one form that linkers write. */
static bool
find_fde(const struct c_walk *w, const struct module *m, uint64_t pc, uint64_t *ret)
{
	static const uint8_t form[] = { 1, DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_EH_PE_udata4,
		                        DW_EH_PE_datarel | DW_EH_PE_sdata4 };
	uint8_t head[12];
	uint32_t count;
	int32_t entry[2];
	if (!m->eh_frame_hdr || !mj_read_exact(w->memory, m->eh_frame_hdr, head, sizeof(head)) ||
	    memcmp(head, form, sizeof(form)) != 0)
		return false;
	memcpy(&count, head + 8, sizeof(count));
	if (count > MAX_TABLE_ENTRIES)
		return false;
	int64_t wanted = (int64_t)(pc - m->eh_frame_hdr);
	bool found = false;
	for (uint32_t low = 0, high = count; low < high;) {
		uint32_t middle = low + (high - low) / 2;
		if (!mj_read_exact(w->memory, m->eh_frame_hdr + 12 + (uint64_t)middle * 8, entry,
		                   sizeof(entry)))
			return false;
		if (entry[0] > wanted) {
			high = middle;
			continue;
		}
		low = middle + 1;
		*ret = m->eh_frame_hdr + (uint64_t)(int64_t)entry[1];
		found = true;
	}
	return found;
}

/* ---- rules ---------------------------------------------------------------------------------- */

enum rule_kind { RULE_SAME, RULE_SAVED, RULE_UNKNOWN };

struct rules {
	bool has_cfa;
	uint64_t cfa_reg;
	int64_t cfa_off;
	uint8_t kind[NREGS]; /* enum rule_kind */
	int64_t off[NREGS];  /* RULE_SAVED: from the CFA */
};

struct program {
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding;      /* of pointers in the FDE */
	bool has_augmentation; /* its data come with their length */
	uint64_t loc, pc; /* as far as the rules have been followed, and how far they shall be */
	struct rules rules, initial;
	struct rules remembered[MAX_REMEMBERED];
	unsigned nremembered;
};

static void
set_rule(struct rules *rules, uint64_t reg, enum rule_kind kind, int64_t off)
{
	if (reg >= NREGS)
		return;
	rules->kind[reg] = (uint8_t)kind;
	rules->off[reg] = off;
}

static bool
skip_block(struct table *t)
{
	uint64_t len;
	if (!get_uleb(t, &len) || len > t->span.len - t->off)
		return false;
	t->off += len;
	return true;
}

static bool
define_cfa(struct table *t, struct program *p, uint8_t op)
{
	struct rules *r = &p->rules;
	uint64_t reg = r->cfa_reg, off = (uint64_t)r->cfa_off;
	int64_t factored;
	bool ok;
	switch (op) {
	case DW_CFA_def_cfa:
		ok = get_uleb(t, &reg) && get_uleb(t, &off);
		r->has_cfa = true;
		break;
	case DW_CFA_def_cfa_register:
		ok = get_uleb(t, &reg);
		break;
	case DW_CFA_def_cfa_offset:
		ok = get_uleb(t, &off);
		break;
	case DW_CFA_def_cfa_sf:
		ok = get_uleb(t, &reg) && get_sleb(t, &factored);
		off = ok ? (uint64_t)factored * (uint64_t)p->data_align : 0;
		r->has_cfa = true;
		break;
	case DW_CFA_def_cfa_offset_sf:
		ok = get_sleb(t, &factored);
		off = ok ? (uint64_t)factored * (uint64_t)p->data_align : 0;
		break;
	default: /* DW_CFA_def_cfa_expression: the PLT's, and those of signal handlers' frames */
		r->has_cfa = false;
		return skip_block(t);
	}
	r->cfa_reg = reg;
	r->cfa_off = (int64_t)off;
	return ok;
}

static bool
define_register(struct table *t, struct program *p, uint8_t op)
{
	struct rules *r = &p->rules;
	uint64_t reg, value;
	int64_t factored;
	if (!get_uleb(t, &reg))
		return false;
	switch (op) {
	case DW_CFA_offset_extended:
		if (!get_uleb(t, &value))
			return false;
		set_rule(r, reg, RULE_SAVED, (int64_t)(value * (uint64_t)p->data_align));
		return true;
	case DW_CFA_offset_extended_sf:
		if (!get_sleb(t, &factored))
			return false;
		set_rule(r, reg, RULE_SAVED,
		         (int64_t)((uint64_t)factored * (uint64_t)p->data_align));
		return true;
	case DW_CFA_restore_extended:
		if (reg < NREGS)
			set_rule(r, reg, p->initial.kind[reg], p->initial.off[reg]);
		return true;
	case DW_CFA_same_value:
		set_rule(r, reg, RULE_SAME, 0);
		return true;
	case DW_CFA_undefined:
		set_rule(r, reg, RULE_UNKNOWN, 0);
		return true;
	case DW_CFA_register:
	case DW_CFA_val_offset:
		set_rule(r, reg, RULE_UNKNOWN, 0);
		return get_uleb(t, &value);
	case DW_CFA_val_offset_sf:
		set_rule(r, reg, RULE_UNKNOWN, 0);
		return get_sleb(t, &factored);
	default: /* DW_CFA_expression, DW_CFA_val_expression */
		set_rule(r, reg, RULE_UNKNOWN, 0);
		return skip_block(t);
	}
}

static bool
advance(struct table *t, struct program *p, uint8_t op)
{
	uint8_t u8;
	uint32_t u32;
	uint64_t delta;
	if (op == DW_CFA_advance_loc1) {
		if (!get_u8(t, &u8))
			return false;
		delta = u8;
	} else if (op == DW_CFA_advance_loc2) {
		uint8_t high;
		if (!get_u8(t, &u8) || !get_u8(t, &high))
			return false;
		delta = (uint64_t)high << 8 | u8;
	} else {
		if (!mj_span_u32(t->span, t->off, &u32))
			return false;
		t->off += 4;
		delta = u32;
	}
	p->loc += delta * p->code_align;
	return true;
}

static bool
run_primary(struct table *t, struct program *p, uint8_t op)
{
	uint64_t value;
	uint8_t reg = op & 0x3f;
	switch (op & 0xc0) {
	case DW_CFA_advance_loc:
		p->loc += reg * p->code_align;
		return true;
	case DW_CFA_offset:
		if (!get_uleb(t, &value))
			return false;
		set_rule(&p->rules, reg, RULE_SAVED, (int64_t)(value * (uint64_t)p->data_align));
		return true;
	default: /* DW_CFA_restore */
		if (reg < NREGS)
			set_rule(&p->rules, reg, p->initial.kind[reg], p->initial.off[reg]);
		return true;
	}
}

static bool
run_one(struct table *t, struct program *p, uint8_t op)
{
	uint64_t value;
	if (op & 0xc0)
		return run_primary(t, p, op);
	switch (op) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_advance_loc1:
	case DW_CFA_advance_loc2:
	case DW_CFA_advance_loc4:
		return advance(t, p, op);
	case DW_CFA_remember_state:
		if (p->nremembered == MAX_REMEMBERED)
			return false;
		p->remembered[p->nremembered++] = p->rules;
		return true;
	case DW_CFA_restore_state:
		if (!p->nremembered)
			return false;
		p->rules = p->remembered[--p->nremembered];
		return true;
	case DW_CFA_def_cfa:
	case DW_CFA_def_cfa_register:
	case DW_CFA_def_cfa_offset:
	case DW_CFA_def_cfa_sf:
	case DW_CFA_def_cfa_offset_sf:
	case DW_CFA_def_cfa_expression:
		return define_cfa(t, p, op);
	case DW_CFA_GNU_args_size:
		return get_uleb(t, &value);
	case DW_CFA_offset_extended:
	case DW_CFA_offset_extended_sf:
	case DW_CFA_restore_extended:
	case DW_CFA_same_value:
	case DW_CFA_undefined:
	case DW_CFA_register:
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
	case DW_CFA_expression:
	case DW_CFA_val_expression:
		return define_register(t, p, op);
	default:
		return false;
	}
}

/* To the end, or to the rules of p->pc. */
static bool
run_rules(struct table *t, struct program *p)
{
	while (t->off < t->span.len && p->loc <= p->pc) {
		struct rules before = p->rules;
		uint64_t loc = p->loc;
		uint8_t op;
		if (!get_u8(t, &op) || !run_one(t, p, op))
			return false;
		if (p->loc != loc && p->loc > p->pc)
			p->rules = before;
	}
	return true;
}

/* ---- one function's rules ------------------------------------------------------------------- */

static bool
read_augmentation(struct table *t, const char *letters, struct program *p)
{
	uint64_t skipped;
	uint8_t encoding;
	if (*letters != 'z')
		return *letters == '\0';
	p->has_augmentation = true;
	uint64_t len;
	if (!get_uleb(t, &len) || len > t->span.len - t->off)
		return false;
	uint64_t end = t->off + len;
	while (*++letters) {
		if (*letters == 'S' || *letters == 'B')
			continue;
		if (!get_u8(t, &encoding))
			return false;
		if (*letters == 'R')
			p->encoding = encoding;
		else if (*letters == 'P' && !get_encoded(t, encoding, &skipped))
			return false;
		else if (*letters != 'L' && *letters != 'P')
			return false;
	}
	t->off = end;
	return true;
}

static bool
read_cie(struct table *t, struct program *p)
{
	uint32_t id;
	uint8_t version, ra8 = 0;
	uint64_t ra = 0;
	if (!mj_span_u32(t->span, 0, &id) || id != 0)
		return false;
	t->off = 4;
	if (!get_u8(t, &version) || (version != 1 && version != 3))
		return false;
	const char *letters = mj_span_str(t->span, t->off);
	if (!letters)
		return false;
	t->off += strlen(letters) + 1;
	if (!get_uleb(t, &p->code_align) || !get_sleb(t, &p->data_align) ||
	    !(version == 1 ? get_u8(t, &ra8) : get_uleb(t, &ra)) || (ra8 | ra) != REG_RA)
		return false;
	p->loc = 0;
	if (!read_augmentation(t, letters, p) || !run_rules(t, p))
		return false;
	p->initial = p->rules;
	return true;
}

static bool
read_rules(const struct c_walk *w, const struct module *m, uint64_t pc, struct table *t,
           struct program *p)
{
	uint64_t fde = 0, start, size;
	uint32_t back;
	if (!find_fde(w, m, pc, &fde) || !mj_read_exact(w->memory, fde + 4, &back, sizeof(back)) ||
	    back == 0 || !read_record(w, fde + 4 - back, MAX_CIE, t))
		return false;
	*p = (struct program){ .pc = UINT64_MAX };
	if (!read_cie(t, p) || !read_record(w, fde, MAX_FDE, t))
		return false;
	t->off = 4;
	if (!get_encoded(t, p->encoding, &start) || !get_encoded(t, p->encoding & 0x0f, &size) ||
	    pc < start || pc - start >= size || (p->has_augmentation && !skip_block(t)))
		return false;
	p->loc = start;
	p->pc = pc;
	p->nremembered = 0;
	return run_rules(t, p);
}

/* ---- the walk ------------------------------------------------------------------------------- */

/* Registers of the caller. Those that were not saved anywhere are as known as they were. */
static bool
apply(struct c_walk *w, const struct rules *rules)
{
	uint64_t regs[NREGS];
	uint32_t known = 0;
	if (!rules->has_cfa || rules->cfa_reg >= NREGS || !(w->known >> rules->cfa_reg & 1))
		return false;
	uint64_t cfa = w->regs[rules->cfa_reg] + (uint64_t)rules->cfa_off;
	if (cfa <= w->regs[REG_RSP] || rules->kind[REG_RA] != RULE_SAVED)
		return false;
	memcpy(regs, w->regs, sizeof(regs));
	for (unsigned i = 0; i < NREGS; i++) {
		bool ok = rules->kind[i] == RULE_SAME && (w->known >> i & 1);
		if (rules->kind[i] == RULE_SAVED)
			ok = mj_read_u64(w->memory, cfa + (uint64_t)rules->off[i], &regs[i]);
		known |= (uint32_t)ok << i;
	}
	regs[REG_RSP] = cfa;
	memcpy(w->regs, regs, sizeof(regs));
	w->known = known | 1u << REG_RSP;
	return known >> REG_RA & 1;
}

size_t
mj_c_frames(struct mj_runtime *runtime, const struct mj_memory *memory,
            const struct mj_mapping *maps, size_t nmaps, uint64_t pc, uint64_t sp,
            struct mj_c_frame *ret, size_t max)
{
	struct c_walk w = { .image = runtime->image,
		            .bias = runtime->bias,
		            .memory = memory,
		            .maps = maps,
		            .nmaps = nmaps,
		            .known = 1u << REG_RSP | 1u << REG_RA };
	MJ_AUTO_FREE struct table *table = malloc(sizeof(*table));
	MJ_AUTO_FREE struct program *program = malloc(sizeof(*program));
	size_t n = 0;
	w.regs[REG_RSP] = sp;
	w.regs[REG_RA] = pc;
	while (table && program && n < max) {
		/* A return address may be the next function's: the call is before it. */
		uint64_t at = w.regs[REG_RA] - (n > 0);
		struct module m;
		if (mj_image_lookup(w.image, at - w.bias, false) || !find_module(&w, at, &m))
			break;
		name_frame(&w, &m, at, &ret[n++]);
		if (!read_rules(&w, &m, at, table, program) || !apply(&w, &program->rules))
			break;
	}
	return n;
}
