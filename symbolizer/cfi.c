/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/cfi.h"
#include "symbolizer/elfopen.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* DWARF register numbers of x86-64 (System V ABI, AMD64 supplement, figure 3.36). */
#define REG_RSP 7
#define REG_RA 16

struct mj_cfi {
	struct mj_span
		file; /* a mapping of our own: libelf writes to it when it decompresses sections */
	Elf *elf;
	Dwarf *dwarf;
	Dwarf_CFI *debug_frame; /* owned by dwarf */
};

void
mj_cfi_destroy(struct mj_cfi *cfi)
{
	if (!cfi)
		return;
	if (cfi->dwarf)
		dwarf_end(cfi->dwarf);
	if (cfi->elf)
		elf_end(cfi->elf);
	if (cfi->file.data)
		munmap((void *)(uintptr_t)cfi->file.data, cfi->file.len);
	free(cfi);
}

int
mj_cfi_create(int fd, size_t len, struct mj_cfi **ret, struct mj_error *err)
{
	struct mj_cfi *cfi = calloc(1, sizeof(*cfi));
	if (!cfi)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		free(cfi);
		return mj_error_sys(err, errno, "cannot map the program's file");
	}
	cfi->file = (struct mj_span){ map, len };
	cfi->elf = mj_elf_open(cfi->file);
	if (cfi->elf) {
		cfi->dwarf = dwarf_begin_elf(cfi->elf, DWARF_C_READ, NULL);
		if (cfi->dwarf)
			cfi->debug_frame = dwarf_getcfi(cfi->dwarf);
	}
	if (!cfi->debug_frame) {
		mj_cfi_destroy(cfi);
		cfi = NULL;
	}
	*ret = cfi;
	return 0;
}

/* Evaluates an expression relative to SP: SP counts as 0, the frame address as cfa. Only what such tables
 * consist of; anything else is not understood. */
static bool
relative_to_sp(const Dwarf_Op *ops, size_t nops, int64_t cfa, int64_t *ret)
{
	int64_t value = 0;
	for (size_t i = 0; i < nops; i++) {
		const Dwarf_Op *op = &ops[i];
		if (i == 0 && op->atom == DW_OP_breg0 + REG_RSP)
			value = (int64_t)op->number;
		else if (i == 0 && op->atom == DW_OP_bregx && op->number == REG_RSP)
			value = (int64_t)op->number2;
		else if (i == 0 && op->atom == DW_OP_call_frame_cfa)
			value = cfa;
		else if (i > 0 && op->atom == DW_OP_plus_uconst)
			value += (int64_t)op->number;
		else
			return false;
	}
	*ret = value;
	return nops > 0;
}

static bool
frame_of(const Dwarf_CFI *table, uint64_t pc, int64_t *ret_cfa, int64_t *ret_ra)
{
	Dwarf_Frame *frame = NULL;
	Dwarf_Op memory[3];
	Dwarf_Op *ops;
	size_t nops;
	/* libdw keeps parsed entries in the table, but changes nothing else. */
	if (!table || dwarf_cfi_addrframe((Dwarf_CFI *)(uintptr_t)table, pc, &frame) != 0)
		return false;
	bool ok = dwarf_frame_info(frame, NULL, NULL, NULL) == REG_RA &&
	          dwarf_frame_cfa(frame, &ops, &nops) == 0 &&
	          relative_to_sp(ops, nops, 0, ret_cfa) &&
	          dwarf_frame_register(frame, REG_RA, memory, &ops, &nops) == 0 &&
	          relative_to_sp(ops, nops, *ret_cfa, ret_ra);
	free(frame);
	return ok;
}

bool
mj_cfi_frame(const struct mj_cfi *cfi, uint64_t pc, int64_t *ret_cfa, int64_t *ret_ra)
{
	return frame_of(cfi->debug_frame, pc, ret_cfa, ret_ra);
}
