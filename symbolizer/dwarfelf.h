/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The debugging sections of a program, put into a small ELF file of their own for libdw. libdw decompresses every
 * section that it finds as soon as it is given a file; line tables and variable locations, which nobody needs here, are
 * most of them. It also means that libdw sees nothing but what was checked here.
 */
#ifndef MJ_SYMBOLIZER_DWARFELF_H
#define MJ_SYMBOLIZER_DWARFELF_H

#include "symbolizer/internal.h"

/**
 * Makes the small file. Success with *ret empty (NULL, 0): the program has no debugging information, or one that is
 * malformed or larger than anything that a toolchain makes. Owned by the caller, who frees it; it may be written to.
 */
int mj_dwarf_sections(const struct mj_elf *elf, uint8_t **ret, size_t *ret_len,
                      struct mj_error *err);

#endif
