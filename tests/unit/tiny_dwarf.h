/* SPDX-License-Identifier: Apache-2.0 */
/* The least debugging information that modjail makes use of, put behind a program of tiny_go.h: two compile units, of
 * package runtime with its structures and of gopkg.in/yaml.v3. For unit tests and as a seed for fuzzers. */
#ifndef MJ_TESTS_TINY_DWARF_H
#define MJ_TESTS_TINY_DWARF_H

#include "tests/unit/tiny_go.h"

#include <dwarf.h>

#define TINY_DWARF_SIZE 0x800 /* at TINY_SIZE */
#define TINY_ABBREV TINY_SIZE /* file offsets */
#define TINY_INFO (TINY_SIZE + 0x80)
#define TINY_STRINGS (TINY_SIZE + 0x600)
#define TINY_SECTIONS (TINY_SIZE + 0x680)

/* Codes of abbreviations. */
enum { UNIT = 1, STRUCT, MEMBER, TYPED, TYPEDEF };

struct tiny_dwarf {
	uint8_t *at, *unit;
	uint32_t stack, gobuf; /* types, as offsets in their unit */
};

static inline void
dw_put(struct tiny_dwarf *d, const void *bytes, size_t len)
{
	memcpy(d->at, bytes, len);
	d->at += len;
}

static inline void
dw_u8(struct tiny_dwarf *d, unsigned value)
{
	*d->at++ = (uint8_t)value;
}

static inline void
dw_named(struct tiny_dwarf *d, unsigned code, const char *name)
{
	dw_u8(d, code);
	dw_put(d, name, strlen(name) + 1);
}

static inline void
dw_uleb(struct tiny_dwarf *d, uint32_t value)
{
	for (; value > 127; value >>= 7)
		dw_u8(d, (value & 127) | 128);
	dw_u8(d, value);
}

static inline void
dw_member(struct tiny_dwarf *d, const char *name, uint32_t offset, uint32_t type)
{
	dw_named(d, type ? TYPED : MEMBER, name);
	dw_uleb(d, offset);
	if (type)
		dw_put(d, &type, sizeof(type));
}

static inline void
dw_unit_begin(struct tiny_dwarf *d, const char *package, uint64_t low, uint64_t high)
{
	static const uint8_t header[] = { 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8 };
	d->unit = d->at;
	dw_put(d, header, sizeof(header));
	dw_named(d, UNIT, package);
	dw_u8(d, DW_LANG_Go);
	dw_put(d, &low, sizeof(low));
	dw_put(d, &high, sizeof(high));
}

static inline void
dw_unit_end(struct tiny_dwarf *d)
{
	dw_u8(d, 0);
	uint32_t len = (uint32_t)(d->at - d->unit) - 4;
	memcpy(d->unit, &len, sizeof(len));
}

/* A structure of two words, and another name for it: the offset of that. */
static inline uint32_t
dw_pair(struct tiny_dwarf *d, const char *name, const char *one, uint32_t at_one, const char *other,
        uint32_t at_other)
{
	uint32_t at = (uint32_t)(d->at - d->unit);
	dw_named(d, STRUCT, name);
	dw_member(d, one, at_one, 0);
	dw_member(d, other, at_other, 0);
	dw_u8(d, 0);
	uint32_t ret = (uint32_t)(d->at - d->unit);
	dw_named(d, TYPEDEF, name);
	dw_put(d, &at, sizeof(at));
	return ret;
}

static inline void
dw_runtime(struct tiny_dwarf *d, const struct mj_offsets *o)
{
	d->stack = dw_pair(d, "runtime.stack", "lo", 0, "hi", o->g_stack_hi - o->g_stack_lo);
	d->gobuf = dw_pair(d, "runtime.gobuf", "sp", 0, "pc", o->g_sched_pc - o->g_sched_sp);
	dw_named(d, STRUCT, "runtime.g");
	dw_member(d, "stack", o->g_stack_lo, d->stack);
	dw_member(d, "m", o->g_m, 0);
	dw_member(d, "sched", o->g_sched_sp, d->gobuf);
	dw_member(d, "goid", o->g_goid, 0);
	dw_member(d, "gopc", o->g_gopc, 0);
	dw_member(d, "ancestors", o->g_ancestors, 0);
	dw_u8(d, 0);
	dw_named(d, STRUCT, "runtime.m");
	dw_member(d, "g0", o->m_g0, 0);
	dw_member(d, "procid", o->m_procid, 0);
	dw_member(d, "gsignal", o->m_gsignal, 0);
	dw_member(d, "curg", o->m_curg, 0);
	dw_member(d, "alllink", o->m_alllink, 0);
	dw_u8(d, 0);
}

static inline void
dw_sections(uint8_t *file, size_t info_len)
{
	static const char names[] = "\0.debug_abbrev\0.debug_info\0.strings";
	Elf64_Ehdr header;
	const Elf64_Shdr sections[4] = {
		{ 0 },
		{ .sh_name = 1,
		  .sh_type = SHT_PROGBITS,
		  .sh_offset = TINY_ABBREV,
		  .sh_size = 0x80 },
		{ .sh_name = 15,
		  .sh_type = SHT_PROGBITS,
		  .sh_offset = TINY_INFO,
		  .sh_size = info_len },
		{ .sh_name = 27,
		  .sh_type = SHT_STRTAB,
		  .sh_offset = TINY_STRINGS,
		  .sh_size = sizeof(names) },
	};
	memcpy(&header, file, sizeof(header));
	header.e_shoff = TINY_SECTIONS;
	header.e_shentsize = sizeof(Elf64_Shdr);
	header.e_shnum = 4;
	header.e_shstrndx = 3;
	memcpy(file, &header, sizeof(header));
	memcpy(file + TINY_STRINGS, names, sizeof(names));
	memcpy(file + TINY_SECTIONS, sections, sizeof(sections));
}

/** Adds it to a program of TINY_SIZE bytes, behind which are TINY_DWARF_SIZE more. Says of the runtime's structures what
 * offsets says, and that the code of [low, high) is of gopkg.in/yaml.v3. */
static inline void
tiny_dwarf(uint8_t *file, const struct mj_offsets *offsets, uint64_t low, uint64_t high)
{
	static const uint8_t abbrev[] = {
		UNIT,
		DW_TAG_compile_unit,
		1,
		DW_AT_name,
		DW_FORM_string,
		DW_AT_language,
		DW_FORM_data1,
		DW_AT_low_pc,
		DW_FORM_addr,
		DW_AT_high_pc,
		DW_FORM_addr,
		0,
		0,
		STRUCT,
		DW_TAG_structure_type,
		1,
		DW_AT_name,
		DW_FORM_string,
		0,
		0,
		MEMBER,
		DW_TAG_member,
		0,
		DW_AT_name,
		DW_FORM_string,
		DW_AT_data_member_location,
		DW_FORM_udata,
		0,
		0,
		TYPED,
		DW_TAG_member,
		0,
		DW_AT_name,
		DW_FORM_string,
		DW_AT_data_member_location,
		DW_FORM_udata,
		DW_AT_type,
		DW_FORM_ref4,
		0,
		0,
		TYPEDEF,
		DW_TAG_typedef,
		0,
		DW_AT_name,
		DW_FORM_string,
		DW_AT_type,
		DW_FORM_ref4,
		0,
		0,
		0,
	};
	struct tiny_dwarf d = { .at = file + TINY_INFO };
	memset(file + TINY_SIZE, 0, TINY_DWARF_SIZE);
	memcpy(file + TINY_ABBREV, abbrev, sizeof(abbrev));
	dw_unit_begin(&d, "runtime", 0, 0);
	dw_runtime(&d, offsets);
	dw_unit_end(&d);
	dw_unit_begin(&d, "gopkg.in/yaml.v3", low, high);
	dw_unit_end(&d);
	dw_sections(file, (size_t)(d.at - (file + TINY_INFO)));
}

#endif
