/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold: the code addresses of a very deep stack, in bounded memory. A recursion repeats a few addresses as often as it is
 * deep. The first MJ_FOLD_AFTER frames are kept as they are, and so are the last MJ_FOLD_LAST; of those in between, each
 * address that has not been met yet. What is kept stands in the stack's order, and each address of the stack where it
 * was met first, innermost: whoever asks all frames, until one of them ends the search, comes to the same end.
 */
#ifndef MJ_SYMBOLIZER_FOLD_H
#define MJ_SYMBOLIZER_FOLD_H

#include "symbolizer/symbolizer.h"

#define MJ_FOLD_AFTER 512
#define MJ_FOLD_LAST 128

struct mj_fold;

/** Adds a frame to the end of a stack of MJ_FOLD_AFTER frames or more. False: out of memory. */
bool mj_fold_push(struct mj_stack *stack, const struct mj_pc *pc);
/** Puts the last frames into their places, when the stack has come to its end. False: out of memory. */
bool mj_fold_end(struct mj_stack *stack);
/** Bytes of memory that it takes; 0 for NULL. */
size_t mj_fold_size(const struct mj_fold *fold);
/** Accepts NULL. */
void mj_fold_free(struct mj_fold *fold);
/** Adds a frame as it is. False: out of memory. */
bool mj_stack_append(struct mj_stack *stack, const struct mj_pc *pc);

#endif
