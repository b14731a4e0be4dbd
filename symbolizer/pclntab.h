/* SPDX-License-Identifier: Apache-2.0 */
/* What pclntab.c and moduledata.c share. */
#ifndef MJ_SYMBOLIZER_PCLNTAB_H
#define MJ_SYMBOLIZER_PCLNTAB_H

#include "symbolizer/internal.h"

/** The functab's entry at index, 0 to nfunc; the last has no *funcoff, which stays untouched. */
bool mj_pclntab_entry(const struct mj_pclntab *tab, uint64_t index, uint64_t *entry,
                      uint64_t *funcoff);

/** The index of the last function that begins at or before pc; false if pc is not in the text. */
bool mj_pclntab_index(const struct mj_pclntab *tab, uint64_t pc, uint64_t *ret);

/** The name of function index as an offset into tab->funcnames; cheaper than the function. */
bool mj_pclntab_name_offset(const struct mj_pclntab *tab, uint64_t index, uint32_t *ret);

/** A pc-value table, step by step (runtime.step): value holds up to pc. */
struct mj_steps {
	struct mj_span bytes;
	uint64_t off;
	uint64_t pc;
	int32_t value;
	unsigned count;
};
/** Begins at f's entry; false if f has no such table. */
bool mj_pclntab_steps(const struct mj_pclntab *tab, const struct mj_func *f, uint32_t table,
                      struct mj_steps *s);
/** 1: a value, 0: the end of the table, -1: malformed. */
int mj_pclntab_step(struct mj_steps *s);

/** The pc-value table of indices into f's inline tree; 0 if it has none. */
uint32_t mj_pclntab_inline_table(const struct mj_func *f);
/** Entry index of f's inline tree. 1: found, 0: f has none, -1: malformed. */
int mj_pclntab_inlined_at(const struct mj_pclntab *tab, const struct mj_func *f, int32_t index,
                          struct mj_inlined *ret);

/** Decodes a function's whole inline tree as if go:func.* were at gofunc. 1: it has one that makes
 * sense, 0: it has none, -1: what is there makes no sense. */
int mj_pclntab_check_inlined(const struct mj_pclntab *tab, const struct mj_func *f,
                             uint64_t gofunc);

#endif
