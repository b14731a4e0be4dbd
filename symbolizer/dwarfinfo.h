/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What debugging information says, where a program has it: the layout of the runtime's structures, and which
 * package each piece of code was compiled as. Read once, and not kept but for that.
 *
 * Nothing rests on it alone: the layout is checked against the code and on the live process (layout.c, runtime.c), and
 * packages only add suspects (witness.h).
 */
#ifndef MJ_SYMBOLIZER_DWARFINFO_H
#define MJ_SYMBOLIZER_DWARFINFO_H

#include "symbolizer/modules.h"

struct mj_dwarf;

/** Reads it. *ret is never NULL on success: for a program without debugging information, or with a malformed one, it is
 * one that says nothing. May add modules. -1: out of memory. */
int mj_dwarf_create(const struct mj_elf *elf, struct mj_modules *mods, struct mj_dwarf **ret,
                    struct mj_error *err);
void mj_dwarf_destroy(struct mj_dwarf *dwarf); /**< accepts NULL */

/** The module (an index) of the compile unit that holds the link address pc; MJ_SUBJECT_STD if it is the
 * standard library's, or unknown. */
int mj_dwarf_module(const struct mj_dwarf *dwarf, uint64_t pc);

/** Where the runtime's fields lie. False, *ret untouched: not all of them are known, or they make no sense. */
bool mj_dwarf_offsets(const struct mj_dwarf *dwarf, struct mj_offsets *ret);

#endif
