/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that enter the kernel, in code of a file. */
#ifndef MJ_SYMBOLIZER_RAWCALL_H
#define MJ_SYMBOLIZER_RAWCALL_H

#include "common/common.h"

struct mj_decoder;

/** A disassembler for x86-64. */
int mj_decoder_create(struct mj_decoder **ret, struct mj_error *err);
void mj_decoder_destroy(struct mj_decoder *decoder); /**< accepts NULL */

/**
 * The first SYSCALL, SYSENTER or INT 0x80 among the instructions of one function, whose bytes are
 * code. Returns its name and *ret_offset, or NULL if there is none.
 */
const char *mj_find_raw_call(struct mj_decoder *decoder, struct mj_span code, uint64_t *ret_offset);

#endif
