/* SPDX-License-Identifier: Apache-2.0 */
/* Call frame information, read with libdw: the second walker. */
#ifndef MJ_SYMBOLIZER_CFI_H
#define MJ_SYMBOLIZER_CFI_H

#include "common/common.h"

struct mj_cfi;

/** Opens the CFI of the ELF file behind fd (borrowed), len bytes long.
 * *ret is NULL and 0 is returned if the file has none. It is .debug_frame alone that has Go code; .eh_frame, which
 * strip leaves in programs with cgo, has only the C code. */
int mj_cfi_create(int fd, size_t len, struct mj_cfi **ret, struct mj_error *err);
void mj_cfi_destroy(struct mj_cfi *cfi); /**< accepts NULL */

/**
 * The frame at link address pc, if it can be told from SP alone: the canonical frame address is at
 * SP + *ret_cfa, the return address is stored at SP + *ret_ra. False if there is no information, or it needs
 * other registers.
 */
bool mj_cfi_frame(const struct mj_cfi *cfi, uint64_t pc, int64_t *ret_cfa, int64_t *ret_ra);

#endif
