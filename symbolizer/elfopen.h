/* SPDX-License-Identifier: Apache-2.0 */
/* How this folder opens an ELF file with libelf. */
#ifndef MJ_SYMBOLIZER_ELFOPEN_H
#define MJ_SYMBOLIZER_ELFOPEN_H

#include <libelf.h>

#include "common/common.h"

/** libelf's view of a mapped file, at least an ELF header long, which must outlive it; elf_end() it.
 * NULL: libelf does not take it. */
Elf *mj_elf_open(struct mj_span file);

#endif
