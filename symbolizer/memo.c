/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/memo.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 65536

void
mj_memo_note(struct mj_memo_log *log, uint64_t sp, uint64_t addr, uint64_t value)
{
	if (log->count >= MJ_MEMO_READS || addr < sp) {
		log->count = MJ_MEMO_READS + 1;
		return;
	}
	/* Code and stacks of goroutines are far apart. Were they not, the comparison would be as exact. */
	bool relative = value - sp < NEAR;
	log->reads[log->count++] =
		(struct mj_memo_read){ addr - sp, relative ? value - sp : value, relative };
}

static size_t
slot_of(uint64_t pc, uint64_t depth)
{
	return (pc * 31 + depth) * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (MJ_MEMOS - 1);
}

static bool
reads_same(const struct mj_memo_log *log, uint64_t sp, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < log->count; i++) {
		const struct mj_memo_read *read = &log->reads[i];
		uint64_t word;
		if (read->offset > len || len - read->offset < sizeof(word))
			return false;
		memcpy(&word, bytes + read->offset, sizeof(word));
		if (word != (read->relative ? read->value + sp : read->value))
			return false;
	}
	return true;
}

const struct mj_memo *
mj_memo_find(const struct mj_runtime *runtime, uint64_t pc, uint64_t depth, uint64_t sp,
             const uint8_t *bytes, size_t len)
{
	const struct mj_memo *memo = runtime->memos[slot_of(pc, depth)];
	if (!memo || memo->pc != pc || memo->depth != depth ||
	    !reads_same(&memo->log, sp, bytes, len))
		return NULL;
	return memo;
}

uint64_t
mj_memo_keep(struct mj_runtime *runtime, const struct mj_memo *head, const struct mj_pc *const *pcs,
             const struct mj_memo_log *log)
{
	struct mj_memo **slot = &runtime->memos[slot_of(head->pc, head->depth)];
	if (log->count > MJ_MEMO_READS || head->npcs > MJ_MEMO_PCS)
		return 0;
	if (!*slot && !(*slot = malloc(sizeof(**slot))))
		return 0;
	struct mj_memo *memo = *slot;
	memcpy(memo, head, offsetof(struct mj_memo, pcs));
	memo->id = ++runtime->last_memo;
	memcpy(memo->pcs, pcs, head->npcs * sizeof(memo->pcs[0]));
	memo->log.count = log->count;
	memcpy(memo->log.reads, log->reads, log->count * sizeof(log->reads[0]));
	return memo->id;
}

void
mj_memos_free(struct mj_runtime *runtime)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(runtime->memos); i++)
		free(runtime->memos[i]);
}
