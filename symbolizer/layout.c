/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the runtime keeps what a walk needs: the link addresses of m0 and g0, and the offsets of fields.
 *
 * m0's address and the offset of m.curg are read from the code of runtime.rt0_go and runtime.systemstack
 * (runtime/asm_amd64.s, Go 1.16 to 1.27), which strip cannot take away:
 *     LEAQ runtime·m0(SB), AX; MOVQ CX, m_g0(AX); MOVQ AX, g_m(CX)
 *     CMPQ AX, m_curg(BX)
 * runtime.allm and the offset of m.alllink, which changed within minor releases (1.23.12, 1.24.6), are read from two compiled
 * functions of the runtime (runtime/proc.go, Go 1.16 to 1.27), which have to agree:
 *     mcommoninit: mp.alllink = allm; atomicstorep(unsafe.Pointer(&allm), unsafe.Pointer(mp))
 *     mexit: for pprev := &allm; *pprev != nil; pprev = &(*pprev).alllink
 * Where they are compiled otherwise (without optimisation, say), the live process tells (allm.c).
 * The other offsets are those of a table of releases; gfields.c checks some of them. If the release is not in it, or debugging
 * information is to be used anyway (mj_image_use_dwarf), they are the debugging information's, if there is one that
 * this code does not contradict.
 */
#include "symbolizer/dwarfinfo.h"

#include <string.h>

#define NEWEST_KNOWN (100 + MJ_GO_NEWEST)
/* m.gsignal lies 112 bytes before m.curg: g0, morebuf, divmod/_, procid, gsignal, goSigStack,
 * sigmask, tls[6], mstartfn, curg (runtime2.go; the fields between have kept their sizes). */
#define M_CURG_TO_GSIGNAL 112
#define M_CURG_TO_PROCID 120
#define MAX_CODE 32768

/* ---- offsets -------------------------------------------------------------------------------- */

/* Of count offsets in one structure. */
static bool
are_valid(const uint32_t *offsets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (offsets[i] % 8 || offsets[i] >= MJ_MAX_OFFSET)
			return false;
		for (size_t j = 0; j < i; j++)
			if (offsets[i] == offsets[j])
				return false;
	}
	return true;
}

bool
mj_offsets_valid(const struct mj_offsets *o)
{
	const uint32_t m[] = { o->m_g0, o->m_procid, o->m_gsignal, o->m_curg, o->m_alllink };
	const uint32_t g[] = { o->g_stack_lo, o->g_stack_hi, o->g_m,    o->g_sched_sp,
		               o->g_sched_pc, o->g_goid,     o->g_gopc, o->g_ancestors };
	return are_valid(m, MJ_ARRAY_LEN(m)) && are_valid(g, MJ_ARRAY_LEN(g));
}

static uint32_t
alllink_of_release(unsigned minor)
{
	if (minor >= 126)
		return 352;
	if (minor >= 125)
		return 344;
	if (minor >= 122)
		return 328;
	return minor >= 118 ? 336 : 344;
}

static uint32_t
gopc_of_release(unsigned minor)
{
	if (minor >= 126 || minor == 123 || minor == 124)
		return 288;
	return minor >= 117 && minor <= 120 ? 296 : 280;
}

void
mj_offsets_of_release(unsigned minor, struct mj_offsets *ret)
{
	if (minor == 0 || minor > NEWEST_KNOWN)
		minor = NEWEST_KNOWN;
	*ret = (struct mj_offsets){
		.m_alllink = alllink_of_release(minor),
		.g_stack_lo = 0,
		.g_stack_hi = 8,
		.g_m = 48,
		.g_sched_sp = 56,
		.g_sched_pc = 64,
		.g_goid = minor == 123 || minor == 124 ? 160 : 152,
		.g_gopc = gopc_of_release(minor),
	};
	ret->g_ancestors = ret->g_gopc + 8;
}

/* ---- what the code says --------------------------------------------------------------------- */

/* The code bytes of a function, as far as the file has them. */
static bool
function_code(struct mj_image *image, const char *name, unsigned n, struct mj_func *f,
              struct mj_span *ret)
{
	struct mj_span code;
	if (!mj_image_function(image, name, n, f) || f->end <= f->entry ||
	    !mj_elf_at(mj_image_elf(image), f->entry, &code))
		return false;
	uint64_t len = f->end - f->entry;
	return mj_span_sub(code, 0, len < code.len ? len : code.len, ret);
}

static const uint8_t *
find_bytes(struct mj_span code, const void *pattern, size_t len)
{
	return code.len < len ? NULL : memmem(code.data, code.len, pattern, len);
}

/* lea reg,[rip+disp32] that ends at off: the address it computes. */
static bool
lea_target(struct mj_span code, uint64_t entry, uint64_t off, uint8_t modrm, uint64_t *ret)
{
	int32_t disp;
	if (off < 7 || code.data[off - 7] != 0x48 || code.data[off - 6] != 0x8d ||
	    code.data[off - 5] != modrm || !mj_span_i32(code, off - 4, &disp))
		return false;
	*ret = entry + off + (uint64_t)(int64_t)disp;
	return true;
}

/* The last lea rcx,[rip+disp32] that ends at or before off: g0's address, loaded to be stored in m0. */
static bool
find_g0(struct mj_span code, uint64_t entry, uint64_t off, uint64_t *ret)
{
	for (unsigned back = 0; back < 32 && off >= back; back++)
		if (lea_target(code, entry, off - back, 0x0d, ret))
			return true;
	return false;
}

static bool
find_m0(struct mj_image *image, struct mj_runtime_layout *layout)
{
	const uint8_t stores[] = { 0x48, 0x89, 0x08, 0x48, 0x89, 0x41, (uint8_t)layout->at.g_m };
	struct mj_func f;
	struct mj_span code;
	if (layout->at.m_g0 != 0 || layout->at.g_m > INT8_MAX)
		return false;
	for (unsigned n = 0; function_code(image, "runtime.rt0_go", n, &f, &code); n++) {
		const uint8_t *at = find_bytes(code, stores, sizeof(stores));
		uint64_t off = at ? (uint64_t)(at - code.data) : 0;
		if (at && lea_target(code, f.entry, off, 0x05, &layout->m0) &&
		    find_g0(code, f.entry, off - 7, &layout->g0))
			return true;
	}
	return false;
}

/* The offset of m.curg, 0 if the code does not tell. */
static uint32_t
find_curg(struct mj_image *image)
{
	static const uint8_t cmp_rax[] = { 0x48, 0x3b, 0x83 }; /* cmp rax,[rbx+disp32] */
	struct mj_func f;
	struct mj_span code;
	uint32_t curg;
	for (unsigned n = 0; function_code(image, "runtime.systemstack", n, &f, &code); n++) {
		const uint8_t *at = find_bytes(code, cmp_rax, sizeof(cmp_rax));
		if (at && mj_span_u32(code, (uint64_t)(at - code.data) + 3, &curg) &&
		    curg > M_CURG_TO_PROCID && curg < MJ_MAX_OFFSET && curg % 8 == 0)
			return curg;
	}
	return 0;
}

/* Where an instruction of seven bytes at off, with a 32-bit displacement from the next one, points to. */
static uint64_t
rip_target(struct mj_span code, uint64_t entry, uint64_t off)
{
	int32_t disp;
	return mj_span_i32(code, off + 3, &disp) ? entry + off + 7 + (uint64_t)(int64_t)disp : 0;
}

/* REX.W opcode ModRM, none of the registers r8 to r15. */
static bool
is_op(struct mj_span code, uint64_t off, uint8_t opcode, uint8_t mod, uint8_t *ret_reg,
      uint8_t *ret_rm)
{
	if (off + 3 > code.len || code.data[off] != 0x48 || code.data[off + 1] != opcode ||
	    code.data[off + 2] >> 6 != mod)
		return false;
	*ret_reg = code.data[off + 2] >> 3 & 7;
	*ret_rm = code.data[off + 2] & 7;
	return true;
}

enum { OP_STORE = 0x89, OP_LOAD = 0x8b, OP_LEA = 0x8d, OP_XCHG = 0x87 };
#define RM_RIP 5 /* with mod 0 */
/* Twice the longest way from one instruction to the next that belongs to it. */
#define ALLM_NEAR 112

/* LEAQ allm(SB), P; XCHGQ M, (P); some way before it MOVQ allm(SB), L and MOVQ L, alllink(M). */
static bool
allm_of_mcommoninit(struct mj_span code, uint64_t entry, struct mj_allm *ret)
{
	uint8_t p, rip, link, at, reg, rm;
	for (uint64_t x = 7; x < code.len; x++) {
		if (!is_op(code, x, OP_XCHG, 0, &reg, &rm) ||
		    !is_op(code, x - 7, OP_LEA, 0, &p, &rip) || rip != RM_RIP || p != rm)
			continue;
		uint64_t allm = rip_target(code, entry, x - 7);
		bool loaded = false;
		for (uint64_t i = x > ALLM_NEAR ? x - ALLM_NEAR : 0; i < x; i++) {
			if (is_op(code, i, OP_LOAD, 0, &at, &rip) && rip == RM_RIP &&
			    rip_target(code, entry, i) == allm) {
				loaded = true;
				link = at;
			} else if (loaded && is_op(code, i, OP_STORE, 2, &at, &rm) && at == link &&
			           mj_span_u32(code, i + 3, &ret->alllink)) {
				ret->allm = allm;
				return true;
			}
		}
	}
	return false;
}

/* LEAQ allm(SB), P; JMP over the next; LEAQ alllink(M), P; MOVQ (P), M. */
static bool
allm_of_mexit(struct mj_span code, uint64_t entry, struct mj_allm *ret)
{
	uint8_t p, m, reg, rm;
	for (uint64_t x = 9; x < code.len; x++) {
		if (code.data[x - 2] != 0xeb || code.data[x - 1] != 7 ||
		    !is_op(code, x, OP_LEA, 2, &p, &m) ||
		    !is_op(code, x + 7, OP_LOAD, 0, &reg, &rm) || reg != m || rm != p)
			continue;
		for (uint64_t i = x - 9; i + ALLM_NEAR > x; i--) {
			if (is_op(code, i, OP_LEA, 0, &reg, &rm) && rm == RM_RIP && reg == p) {
				ret->allm = rip_target(code, entry, i);
				return mj_span_u32(code, x + 3, &ret->alllink);
			}
			if (i == 0)
				break;
		}
	}
	return false;
}

/* Of a function that is as long as these are, two kilobytes at most, or some times that. */
static bool
short_code(struct mj_image *image, const char *name, struct mj_func *f, struct mj_span *ret)
{
	return function_code(image, name, 0, f, ret) && ret->len <= MAX_CODE;
}

/* Where both functions say the same. */
static bool
find_allm(struct mj_image *image, struct mj_allm *ret)
{
	const struct mj_pclntab *tab = mj_image_pclntab(image);
	struct mj_func f;
	struct mj_span code;
	struct mj_allm one = { 0 }, other = { 0 };
	if (!short_code(image, "runtime.mcommoninit", &f, &code) ||
	    !allm_of_mcommoninit(code, f.entry, &one) ||
	    !short_code(image, "runtime.mexit", &f, &code) ||
	    !allm_of_mexit(code, f.entry, &other) || one.allm != other.allm ||
	    one.alllink != other.alllink)
		return false;
	if (one.allm % 8 || one.allm < tab->bss || one.allm >= tab->ebss || one.alllink % 8 ||
	    one.alllink >= MJ_MAX_OFFSET)
		return false;
	*ret = one;
	return true;
}

/* ---- both together -------------------------------------------------------------------------- */

/* What debugging information says, unless the code says otherwise. */
static bool
take_dwarf(struct mj_image *image, struct mj_runtime_layout *layout, uint32_t curg)
{
	const struct mj_dwarf *dwarf = mj_image_dwarf(image);
	if (!dwarf || !mj_dwarf_offsets(dwarf, &layout->at) ||
	    (curg && layout->at.m_curg != curg) ||
	    (layout->code.allm && layout->at.m_alllink != layout->code.alllink) ||
	    !find_m0(image, layout))
		return false;
	layout->from_dwarf = true;
	return true;
}

/* The table is right for the releases that it knows, and costs nothing. */
static bool
wants_dwarf(const struct mj_image *image)
{
	unsigned minor = mj_image_go_minor(image);
	return mj_image_is_thorough(image) || minor == 0 || minor > NEWEST_KNOWN;
}

static bool
take_table(struct mj_image *image, struct mj_runtime_layout *layout, uint32_t curg)
{
	unsigned minor = mj_image_go_minor(image);
	struct mj_offsets *at = &layout->at;
	mj_offsets_of_release(minor, at);
	if (!curg)
		return false;
	at->m_procid = curg - M_CURG_TO_PROCID;
	at->m_gsignal = curg - M_CURG_TO_GSIGNAL;
	at->m_curg = curg;
	if (layout->code.allm)
		at->m_alllink = layout->code.alllink;
	layout->guessed = minor == 0 || minor > NEWEST_KNOWN;
	return mj_offsets_valid(at) && find_m0(image, layout);
}

bool
mj_layout_ready(struct mj_image *image)
{
	struct mj_runtime_layout *layout = mj_image_runtime_layout(image);
	if (!layout->tried) {
		uint32_t curg = find_curg(image);
		layout->tried = true;
		if (!find_allm(image, &layout->code))
			layout->code = (struct mj_allm){ 0 };
		if (!(wants_dwarf(image) && take_dwarf(image, layout, curg)) &&
		    !take_table(image, layout, curg))
			layout->m0 = 0;
	}
	return layout->m0 != 0;
}
