/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/fold.h"

#include <stdlib.h>

#define FIRST_SLOTS 128

struct mj_fold {
	/* Those that are on the stack's list. */
	const struct mj_pc **slots; /* open addressing, a power of two of them, at most half full */
	size_t nslots, used;
	/* The last frames, of which it is not known yet whether they stay the last. */
	size_t count; /* that were ever put there */
	const struct mj_pc *last[MJ_FOLD_LAST];
};

void
mj_fold_free(struct mj_fold *fold)
{
	if (!fold)
		return;
	free(fold->slots);
	free(fold);
}

size_t
mj_fold_size(const struct mj_fold *fold)
{
	return fold ? sizeof(*fold) + fold->nslots * sizeof(fold->slots[0]) : 0;
}

bool
mj_stack_append(struct mj_stack *stack, const struct mj_pc *pc)
{
	if (stack->npcs == stack->cap) {
		size_t cap = stack->cap ? stack->cap * 2 : 256;
		const struct mj_pc **pcs = realloc(stack->pcs, cap * sizeof(*pcs));
		if (!pcs)
			return false;
		stack->pcs = pcs;
		stack->cap = cap;
	}
	stack->pcs[stack->npcs++] = pc;
	return true;
}

/* By pointer: there is one entry for each code address. */
static const struct mj_pc **
find_slot(const struct mj_pc **slots, size_t nslots, const struct mj_pc *pc)
{
	uint64_t hash = (uint64_t)(uintptr_t)pc * UINT64_C(0x9e3779b97f4a7c15);
	for (size_t i = (size_t)(hash >> 32) & (nslots - 1);; i = (i + 1) & (nslots - 1))
		if (!slots[i] || slots[i] == pc)
			return &slots[i];
}

static bool
make_room(struct mj_fold *fold)
{
	if (fold->used * 2 < fold->nslots)
		return true;
	size_t nslots = fold->nslots ? fold->nslots * 2 : FIRST_SLOTS;
	const struct mj_pc **slots = calloc(nslots, sizeof(const struct mj_pc *));
	if (!slots)
		return false;
	for (size_t i = 0; i < fold->nslots; i++)
		if (fold->slots[i])
			*find_slot(slots, nslots, fold->slots[i]) = fold->slots[i];
	free(fold->slots);
	fold->slots = slots;
	fold->nslots = nslots;
	return true;
}

/* 1: it was not there yet, 0: it was, -1: out of memory. */
static int
add(struct mj_fold *fold, const struct mj_pc *pc)
{
	if (!make_room(fold))
		return -1;
	const struct mj_pc **slot = find_slot(fold->slots, fold->nslots, pc);
	if (*slot)
		return 0;
	*slot = pc;
	fold->used++;
	return 1;
}

static bool
begin(struct mj_stack *stack)
{
	struct mj_fold *fold = stack->fold = calloc(1, sizeof(*fold));
	if (!fold)
		return false;
	for (size_t i = 0; i < stack->npcs; i++)
		if (add(fold, stack->pcs[i]) < 0)
			return false;
	return true;
}

bool
mj_fold_push(struct mj_stack *stack, const struct mj_pc *pc)
{
	if (!stack->fold && !begin(stack))
		return false;
	struct mj_fold *fold = stack->fold;
	const struct mj_pc **place = &fold->last[fold->count++ % MJ_FOLD_LAST];
	const struct mj_pc *leaves = *place;
	*place = pc;
	if (!leaves)
		return true;
	int added = add(fold, leaves);
	return added == 0 || (added > 0 && mj_stack_append(stack, leaves));
}

bool
mj_fold_end(struct mj_stack *stack)
{
	struct mj_fold *fold = stack->fold;
	if (!fold)
		return true;
	stack->fold = NULL;
	bool ok = true;
	for (size_t i = 0; i < MJ_FOLD_LAST && ok; i++) {
		const struct mj_pc *pc = fold->last[(fold->count + i) % MJ_FOLD_LAST];
		ok = !pc || mj_stack_append(stack, pc);
	}
	mj_fold_free(fold);
	return ok;
}
