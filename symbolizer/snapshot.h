/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot: what a walk needs of a stopped thread, read in one system call, and where its stack pointer is without
 * asking /proc. The m, the g and the stack are read together at the addresses where the thread's last walk found
 * them; what turns out to lie elsewhere is read again.
 */
#ifndef MJ_SYMBOLIZER_SNAPSHOT_H
#define MJ_SYMBOLIZER_SNAPSHOT_H

#include "symbolizer/runtime.h"

/** Prepares the snapshot of a walk that begins at sp: keeps the one that mj_walk_predict has taken, if there is one, else
 * takes one around sp, if the hint says where. Without one, everything is read when it is needed. */
void mj_snapshot_prepare(struct mj_runtime *runtime, const struct mj_memory *memory,
                         const struct mj_thread_hint *hint, uint64_t sp, struct mj_stack *stack);

/** Whether sp lies on the stack of the goroutine that the hint names, and the thread runs that, as far as this can be told without
 * reading the m (snapshot.c says when). If so, *ret is what mj_runtime_find would say. */
bool mj_snapshot_find(const struct mj_runtime *runtime, const struct mj_snapshot *snapshot,
                      uint64_t sp, struct mj_thread_stack *ret);

/** Ends the use of a snapshot: the thread goes on. */
void mj_snapshot_drop(struct mj_stack *stack);

/** Empties it: nothing was read, and there is no mark. */
void mj_snapshot_clear(struct mj_stack *stack);

/** g.syscallsp of a goroutine, 0 between system calls and calls of C code; false if it cannot be told. */
bool mj_snapshot_syscallsp(const struct mj_runtime *runtime, const struct mj_memory *memory,
                           uint64_t g, uint64_t *ret);

/** Memory whose reads the snapshot answers as far as it can. */
struct mj_snapshot_memory {
	struct mj_memory memory; /**< to be used; ctx points to this structure */
	const struct mj_memory *below;
	const struct mj_snapshot *snapshot;
};
void mj_snapshot_memory_init(struct mj_snapshot_memory *ret, const struct mj_memory *below,
                             const struct mj_snapshot *snapshot);

/** A walk from sp that is not predicted went through the frame that the snapshot's mark stands for: the distance
 * between the two holds for this pc. */
void mj_snapshot_learn(struct mj_runtime *runtime, const struct mj_snapshot *snapshot, uint64_t pc,
                       uint64_t sp);

#endif
