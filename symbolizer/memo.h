/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo: walks that were made before. A walk is a function of PC, of the words of the stack that it reads, and of where the
 * goroutine's stack ends. Where the same words stand at the same places, its result is the same, and comparing them is all
 * there is to do. Which words: those that the walk has read, return addresses and saved frame pointers.
 */
#ifndef MJ_SYMBOLIZER_MEMO_H
#define MJ_SYMBOLIZER_MEMO_H

#include "symbolizer/runtime.h"

#define MJ_MEMO_READS 96
#define MJ_MEMO_PCS 64

/** The words that a walk has read. More than there is room for: count is MJ_MEMO_READS + 1, and nothing is kept. */
struct mj_memo_log {
	size_t count;
	struct mj_memo_read {
		uint64_t offset; /* from the SP at which the walk began */
		uint64_t value;  /* less that SP, if it is an address not far above it */
		bool relative;
	} reads[MJ_MEMO_READS];
};

/** A walk that ended at goexit, without a change of stacks. */
struct mj_memo {
	uint64_t id; /* not 0; never used again in this runtime */
	uint64_t pc, depth;
	uint64_t end;     /* SP at goexit, from the SP at which it began */
	uint64_t mark_pc; /* of the frame of the mark, 0 if it was not met... */
	uint64_t mark_at; /* ...and its SP, likewise */
	bool saw_main, saw_shared, called_back;
	size_t npcs;
	const struct mj_pc *pcs[MJ_MEMO_PCS];
	struct mj_memo_log log;
};

/** Notes a word that a walk from sp has read at addr. */
void mj_memo_note(struct mj_memo_log *log, uint64_t sp, uint64_t addr, uint64_t value);

/** The walk that begins at pc, depth bytes below the top of its goroutine's stack, whose words are those in bytes
 * (len of them, the first stands at sp); NULL if there is none. */
const struct mj_memo *mj_memo_find(const struct mj_runtime *runtime, uint64_t pc, uint64_t depth,
                                   uint64_t sp, const uint8_t *bytes, size_t len);

/** Keeps a walk; it replaces one with the same hash. Its id, 0 if it is not kept. */
uint64_t mj_memo_keep(struct mj_runtime *runtime, const struct mj_memo *head,
                      const struct mj_pc *const *pcs, const struct mj_memo_log *log);

void mj_memos_free(struct mj_runtime *runtime);

#endif
