/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the dynamic loader at work from C code that calls into it. Before the program starts, the
 * loader opens and maps libraries with no Go frame anywhere; that is the program's start-up. A
 * constructor or a preloaded library that does the same is C code that somebody must answer for.
 *
 * Whoever called into the loader has left a return address on the stack. So every word of the
 * stack is looked at: if one of them points behind a call instruction in executable memory that
 * is not the loader's, other code may be active, and the answer is no. The test errs only in that
 * direction.
 */
#include "symbolizer/runtime.h"

#include <stdlib.h>
#include <string.h>

#define MAX_RANGES 512
#define MAX_START_STACK ((size_t)1 << 20)

static const struct mj_range *
range_of(const struct mj_range *ranges, size_t n, uint64_t addr)
{
	for (size_t i = 0; i < n; i++)
		if (addr >= ranges[i].start && addr < ranges[i].end)
			return &ranges[i];
	return NULL;
}

/* Whether some CALL could end right before addr. Reads up to seven bytes of the live process. */
static bool
may_follow_call(const struct mj_memory *memory, const struct mj_range *range, uint64_t addr)
{
	uint8_t code[7];
	size_t len = addr - range->start < sizeof(code) ? addr - range->start : sizeof(code);
	if (len < 2)
		return false;
	if (memory->read(memory->ctx, addr - len, code, len) != (ssize_t)len)
		return true;
	if (len >= 5 && code[len - 5] == 0xe8)
		return true;
	for (size_t size = 2; size <= len; size++) /* FF /2 in any of its lengths */
		if (code[len - size] == 0xff && ((code[len - size + 1] >> 3) & 7) == 2)
			return true;
	return false;
}

/* Reads the stack from sp to the end of its mapping; 0 if it is larger than expected. */
static size_t
read_stack(const struct mj_memory *memory, uint64_t sp, uint8_t *buf)
{
	size_t have = 0;
	while (have < MAX_START_STACK) {
		size_t want = MAX_START_STACK - have < 65536 ? MAX_START_STACK - have : 65536;
		ssize_t n = memory->read(memory->ctx, sp + have, buf + have, want);
		if (n <= 0)
			return have;
		have += (size_t)n;
	}
	return 0;
}

static bool
scan(const struct mj_memory *memory, const struct mj_range *ranges, size_t n, const uint8_t *stack,
     size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t word;
		memcpy(&word, stack + i, sizeof(word));
		const struct mj_range *range = range_of(ranges, n, word);
		if (range && !range->loader && may_follow_call(memory, range, word))
			return false;
	}
	return true;
}

bool
mj_loader_only(const struct mj_memory *memory, uint64_t pc, uint64_t sp)
{
	struct mj_range ranges[MAX_RANGES];
	if (!memory->code_ranges || sp % 8)
		return false;
	ssize_t n = memory->code_ranges(memory->ctx, ranges, MAX_RANGES);
	if (n <= 0 || n > MAX_RANGES)
		return false;
	const struct mj_range *at = range_of(ranges, (size_t)n, pc);
	if (!at || !at->loader)
		return false;
	MJ_AUTO_FREE uint8_t *stack = malloc(MAX_START_STACK);
	if (!stack)
		return false;
	size_t len = read_stack(memory, sp, stack);
	return len && scan(memory, ranges, (size_t)n, stack, len);
}
