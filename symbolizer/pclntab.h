/* SPDX-License-Identifier: Apache-2.0 */
/* What pclntab.c and moduledata.c share. */
#ifndef MJ_SYMBOLIZER_PCLNTAB_H
#define MJ_SYMBOLIZER_PCLNTAB_H

#include "symbolizer/internal.h"

/** The functab's entry at index, 0 to nfunc; the last has no *funcoff, which stays untouched. */
bool mj_pclntab_entry(const struct mj_pclntab *tab, uint64_t index, uint64_t *entry,
                      uint64_t *funcoff);

/** The name of function index as an offset into tab->funcnames; cheaper than the function. */
bool mj_pclntab_name_offset(const struct mj_pclntab *tab, uint64_t index, uint32_t *ret);

/** Decodes a function's whole inline tree as if go:func.* were at gofunc. 1: it has one that makes
 * sense, 0: it has none, -1: what is there makes no sense. */
int mj_pclntab_check_inlined(const struct mj_pclntab *tab, const struct mj_func *f,
                             uint64_t gofunc);

#endif
