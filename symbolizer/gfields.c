/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where fields of g lie that releases have moved, found in a live goroutine: at each offset at which a field might be its
 * own check is made, and only where one alone passes it is it believed, for all processes of the image. Until then the
 * table's (or the debugging information's) are used, which are checked as well: a wrong g.gopc leads to no creator.
 *
 *     goid: a number that is too small for an address, behind atomicstatus, which says that the goroutine runs, is in a system
 *           call or waits (2 to 4), perhaps scanned (4096), and stackLock, 0. What precedes and follows these fields is
 *           param, schedlink and waitsince: NULL, addresses and times.
 *     gopc: the return address of a call of runtime.newproc or newcoro; ancestors behind it
 *     syscallsp: an address on the goroutine's stack, before that of Go code behind a call (syscallpc)
 *
 * (runtime/runtime2.go, Go 1.16 to 1.27.) No module's data is among these words.
 */
#include "symbolizer/runtime.h"

#define GOID_FIRST 136
#define GOID_LAST 184
#define GOPC_FIRST 256
#define GOPC_LAST 320
#define LARGEST_GOID                                                                               \
	(UINT64_C(1) << 38) /* the heap lies above, but for one program in 256 from 1.26 on */

static bool
is_goid(const uint64_t *words, uint32_t at)
{
	uint64_t status = words[at / 8 - 1] & ~UINT64_C(0x1000), goid = words[at / 8];
	return status >= 2 && status <= 4 && goid > 0 && goid < LARGEST_GOID;
}

/* Which of the offsets passes, 0 if none does; false: several do. */
static bool
only_goid(const uint64_t *words, uint32_t *ret)
{
	*ret = 0;
	for (uint32_t at = GOID_FIRST; at <= GOID_LAST; at += 8) {
		if (!is_goid(words, at))
			continue;
		if (*ret)
			return false;
		*ret = at;
	}
	return true;
}

static bool
only_gopc(struct mj_runtime *runtime, const uint64_t *words, uint32_t *ret)
{
	*ret = 0;
	for (uint32_t at = GOPC_FIRST; at <= GOPC_LAST; at += 8) {
		if (!mj_runtime_creates_at(runtime, words[at / 8]))
			continue;
		if (*ret)
			return false;
		*ret = at;
	}
	return true;
}

bool
mj_gfields_ready(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t g)
{
	struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	uint64_t words[GOPC_LAST / 8 + 1];
	uint32_t goid, gopc;
	if (layout->g_known || g % 8 || !mj_read_exact(memory, g, words, sizeof(words)))
		return true;
	if (!only_goid(words, &goid) || !only_gopc(runtime, words, &gopc))
		return false;
	if (!goid || !gopc)
		return true; /* not a goroutine that tells: one for calls from C, say */
	struct mj_offsets at = layout->at;
	at.g_goid = goid;
	at.g_gopc = gopc;
	at.g_ancestors = gopc + 8;
	if (!mj_offsets_valid(&at))
		return false;
	layout->at = at;
	layout->g_known = true;
	return true;
}

uint32_t
mj_gfields_syscallsp(struct mj_runtime *runtime, const uint64_t *words, size_t len)
{
	/* They follow g.sched, a gobuf at 56 of seven words, of six from 1.25 on, where "ret" is gone. */
	static const uint32_t candidates[] = { 104, 112 };
	struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	const struct mj_offsets *at = &layout->at;
	uint32_t found = 0;
	if (layout->g_syscallsp)
		return layout->g_syscallsp;
	for (size_t i = 0; i < MJ_ARRAY_LEN(candidates); i++) {
		uint32_t where = candidates[i];
		if (where + 16 > len)
			return 0;
		uint64_t sp = words[where / 8], pc = words[where / 8 + 1];
		if (sp % 8 || sp <= words[at->g_stack_lo / 8] || sp >= words[at->g_stack_hi / 8])
			continue;
		const struct mj_pc_entry *entry =
			mj_image_pc(runtime->image, pc - runtime->bias, true);
		if (!entry || !entry->follows_call)
			continue;
		if (found)
			return 0;
		found = where;
	}
	layout->g_syscallsp = found;
	return found;
}
