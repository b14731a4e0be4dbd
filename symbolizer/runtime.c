/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the runtime's m's in a live process, in stripped binaries too.
 *
 * m0's link address and the offsets of fields are layout.c's. runtime.allm is the word of .bss from which a chain of
 * m's, linked by m.alllink and each the m of its own g0, leads to m0. Everything that is found is checked on the live
 * process before it is believed: *m = g0 and g0.m = m.
 */
#include "symbolizer/memo.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENOUGH_SCANS 4 /* that gave the same allm */
#define MAX_MS 65536
#define ASSUMED_G0 (64 * 1024)
#define MAX_BSS (UINT64_C(256) << 20)
#define BSS_CHUNK ((size_t)1 << 20)
#define MAX_BYTES (MJ_MAX_OFFSET + 16) /* of an m or a g that are read */
#define ALLM_CANDIDATES 16

bool
mj_image_bias(const struct mj_image *image, uint64_t at_phdr, uint64_t *ret)
{
	const struct mj_elf *elf = mj_image_elf(image);
	if (!elf->phdr_vaddr || at_phdr < elf->phdr_vaddr)
		return false;
	uint64_t bias = at_phdr - elf->phdr_vaddr;
	if (bias % 4096 || (!elf->is_pie && bias))
		return false;
	*ret = bias;
	return true;
}

int
mj_runtime_create(struct mj_image *image, uint64_t bias, unsigned max_ancestors,
                  struct mj_runtime **ret, struct mj_error *err)
{
	struct mj_runtime *runtime = calloc(1, sizeof(*runtime));
	if (!runtime)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	runtime->image = image;
	runtime->bias = bias;
	runtime->max_ancestors = max_ancestors;
	*ret = runtime;
	return 0;
}

void
mj_runtime_destroy(struct mj_runtime *runtime)
{
	if (!runtime)
		return;
	mj_ancestry_cache_destroy(runtime->ancestry);
	mj_memos_free(runtime);
	free(runtime);
}

bool
mj_read_exact(const struct mj_memory *memory, uint64_t addr, void *buf, size_t len)
{
	return addr && memory->read(memory->ctx, addr, buf, len) == (ssize_t)len;
}

bool
mj_read_u64(const struct mj_memory *memory, uint64_t addr, uint64_t *ret)
{
	return mj_read_exact(memory, addr, ret, sizeof(*ret));
}

int
mj_runtime_started(struct mj_runtime *runtime, const struct mj_memory *memory)
{
	if (!mj_layout_ready(runtime->image))
		return -1;
	uint64_t g0;
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	if (!mj_read_u64(memory, layout->m0 + runtime->bias + layout->at.m_g0, &g0))
		return -1;
	return g0 != 0;
}

/* rt0_go makes its own SP the top of g0's stack and then calls _cgo_init, so that call's return
 * address lies right below (runtime/asm_amd64.s). */
bool
mj_runtime_in_cgo_init(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp)
{
	uint64_t top, pc;
	if (!mj_layout_ready(runtime->image))
		return false;
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	uint64_t g0 = layout->g0 + runtime->bias;
	if (!mj_read_u64(memory, g0 + layout->at.g_stack_hi, &top) || top < 4096 || sp >= top ||
	    !mj_read_u64(memory, top - 8, &pc))
		return false;
	const struct mj_pc_entry *entry = mj_image_pc(runtime->image, pc - runtime->bias, true);
	return entry && entry->special == MJ_FN_RT0_GO && entry->follows_call;
}

/* ---- m's ------------------------------------------------------------------------------------ */

struct m_words {
	uint64_t g0, curg, gsignal, procid, alllink;
};

static uint32_t
larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static bool
read_m(const struct mj_runtime_layout *layout, const struct mj_memory *memory, uint64_t m,
       struct m_words *ret)
{
	const struct mj_offsets *at = &layout->at;
	uint64_t words[MAX_BYTES / 8];
	uint32_t last =
		larger(larger(at->m_curg, at->m_alllink), larger(at->m_procid, at->m_gsignal));
	if (m % 8 || !mj_read_exact(memory, m, words, larger(last, at->m_g0) + 8))
		return false;
	ret->g0 = words[at->m_g0 / 8];
	ret->curg = words[at->m_curg / 8];
	ret->procid = words[at->m_procid / 8];
	ret->gsignal = words[at->m_gsignal / 8];
	ret->alllink = words[at->m_alllink / 8];
	return true;
}

/* An m is an m if its g0 points back to it. */
static bool
is_m(const struct mj_runtime_layout *layout, const struct mj_memory *memory, uint64_t m)
{
	uint64_t g0, back;
	return m && m % 8 == 0 && mj_read_u64(memory, m + layout->at.m_g0, &g0) && g0 &&
	       g0 % 8 == 0 && mj_read_u64(memory, g0 + layout->at.g_m, &back) && back == m;
}

/* Length of the chain from m to m0, 0 if it does not end there. */
static unsigned
chain_length(const struct mj_runtime_layout *layout, const struct mj_memory *memory, uint64_t m,
             uint64_t m0)
{
	unsigned length = 1;
	while (m != m0) {
		struct m_words words;
		if (length++ >= MAX_MS || !is_m(layout, memory, m) ||
		    !read_m(layout, memory, m, &words))
			return 0;
		m = words.alllink;
	}
	struct m_words last;
	if (!is_m(layout, memory, m0) || !read_m(layout, memory, m0, &last) || last.alllink)
		return 0;
	return length;
}

struct allm_search {
	const struct mj_runtime_layout *layout;
	const struct mj_memory *memory;
	uint64_t m0;
	unsigned best;
	unsigned count;
	uint64_t found[ALLM_CANDIDATES]; /* live addresses of words with the best chain */
};

static void
consider(struct allm_search *search, uint64_t where, uint64_t value)
{
	if (value < 4096 || value % 8 || value >> 47)
		return;
	unsigned length = chain_length(search->layout, search->memory, value, search->m0);
	if (length == 0 || length < search->best)
		return;
	if (length > search->best) {
		search->best = length;
		search->count = 0;
	}
	if (search->count < ALLM_CANDIDATES)
		search->found[search->count] = where;
	search->count++;
}

static bool
scan_bss(struct allm_search *search, uint64_t start, uint64_t end)
{
	if (end <= start || end - start > MAX_BSS)
		return false;
	MJ_AUTO_FREE uint64_t *words = malloc(BSS_CHUNK);
	if (!words)
		return false;
	for (uint64_t at = (start + 7) & ~UINT64_C(7); at + 8 <= end; at += BSS_CHUNK) {
		size_t len = end - at < BSS_CHUNK ? (size_t)(end - at) & ~(size_t)7 : BSS_CHUNK;
		if (!mj_read_exact(search->memory, at, words, len))
			return false;
		for (size_t i = 0; i < len / 8; i++)
			consider(search, at + i * 8, words[i]);
	}
	return true;
}

/* Looks for allm. While only m0 exists, or the newest m is idle too, several words may lead to the same
 * chain. One that stands alone is kept, until it turns out not to be allm (see mj_runtime_find): the scan is
 * not atomic, and an m that is being made has no g0 yet and ends its chain early. */
static bool
scan_for_allm(struct mj_runtime *runtime, const struct mj_memory *memory,
              struct allm_search *search)
{
	struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	const struct mj_pclntab *tab = mj_image_pclntab(runtime->image);
	*search = (struct allm_search){ .layout = layout,
		                        .memory = memory,
		                        .m0 = layout->m0 + runtime->bias };
	if (!scan_bss(search, tab->bss + runtime->bias, tab->ebss + runtime->bias) ||
	    search->count == 0)
		return false;
	uint64_t found = search->found[0] - runtime->bias;
	if (search->count == 1 && search->best > 1) {
		layout->allm_scans = found == layout->last_allm ? layout->allm_scans + 1 : 1;
		layout->allm = layout->last_allm = found;
	}
	return true;
}

/* ---- stacks --------------------------------------------------------------------------------- */

/* Whether g, a goroutine of m, has sp on its stack. */
static bool
g_holds(const struct mj_runtime_layout *layout, const struct mj_memory *memory, uint64_t g,
        uint64_t m, uint64_t sp, uint64_t *lo, uint64_t *hi)
{
	const struct mj_offsets *at = &layout->at;
	uint64_t words[MAX_BYTES / 8];
	uint32_t last = larger(at->g_m, larger(at->g_stack_lo, at->g_stack_hi));
	if (!g || g % 8 || !mj_read_exact(memory, g, words, last + 8) || words[at->g_m / 8] != m)
		return false;
	*lo = words[at->g_stack_lo / 8];
	*hi = words[at->g_stack_hi / 8];
	/* musl cannot tell runtime/cgo how large the main thread's stack is, and 0 would take in all
	 * memory below: then what rt0_go itself assumes (runtime/asm_amd64.s). */
	if (*lo == 0 && *hi > ASSUMED_G0)
		*lo = *hi - ASSUMED_G0;
	return *lo && sp >= *lo && sp < *hi;
}

static bool
m_holds(const struct mj_runtime_layout *layout, const struct mj_memory *memory, uint64_t m,
        const struct m_words *words, uint64_t sp, struct mj_thread_stack *ret)
{
	const uint64_t gs[] = { words->curg, words->g0, words->gsignal };
	static const enum mj_stack_kind kinds[] = { MJ_ON_CURG, MJ_ON_G0, MJ_ON_GSIGNAL };
	for (size_t i = 0; i < MJ_ARRAY_LEN(gs); i++) {
		uint64_t lo, hi;
		if (!g_holds(layout, memory, gs[i], m, sp, &lo, &hi))
			continue;
		*ret = (struct mj_thread_stack){ kinds[i], m, words->curg, lo, hi };
		return true;
	}
	return false;
}

bool
mj_runtime_starting(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp)
{
	if (!mj_layout_ready(runtime->image))
		return false;
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	uint64_t m0 = layout->m0 + runtime->bias, lo, hi;
	struct m_words words;
	/* rt0_go's SP is the top itself, one past the last word of the stack. */
	return read_m(layout, memory, m0, &words) && !words.curg &&
	       g_holds(layout, memory, words.g0, m0, sp - 8, &lo, &hi);
}

/* An m without a thread of its own (between two callbacks of C threads) keeps the bounds of a stack that may
 * be another thread's by now, so the thread must be the m's. m.procid is 0 until the m has started. */
static bool
is_of_thread(const struct m_words *words, const struct mj_thread_hint *hint)
{
	return !hint || !hint->tid || !words->procid || words->procid == hint->tid;
}

/* What stood at a hinted address may be an m no longer; its g's point back to it only if it is. */
static bool
hint_holds(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp,
           const struct mj_thread_hint *hint, struct mj_thread_stack *ret)
{
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	struct m_words words;
	return hint && hint->m && read_m(layout, memory, hint->m, &words) &&
	       is_of_thread(&words, hint) && m_holds(layout, memory, hint->m, &words, sp, ret);
}

static struct mj_known_m *
known_m(struct mj_runtime *runtime, uint64_t tid)
{
	return &runtime->known_ms[tid & (MJ_KNOWN_MS - 1)];
}

/* The thread's m as far as it is known without the list: the first thread's always is, and others' are that were met when
 * somebody else's was looked for. */
static bool
guess_holds(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp,
            struct mj_thread_hint *hint, struct mj_thread_stack *ret)
{
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	if (!hint || !hint->tid)
		return false;
	const struct mj_known_m *known = known_m(runtime, hint->tid);
	const uint64_t ms[] = { known->tid == hint->tid ? known->m : 0,
		                layout->m0 + runtime->bias };
	for (size_t i = 0; i < MJ_ARRAY_LEN(ms); i++) {
		struct mj_thread_hint guess = { .m = ms[i], .tid = hint->tid };
		if (hint_holds(runtime, memory, sp, &guess, ret)) {
			hint->m = ms[i];
			return true;
		}
	}
	return false;
}

/* Goes through the list of m's from its newest. One without a g0 is being made (runtime/proc.go, allocm puts
 * it on the list first) and has no stack yet. */
static enum mj_find
search_list(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t m, uint64_t sp,
            struct mj_thread_hint *hint, struct mj_thread_stack *ret)
{
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	for (unsigned i = 0; i < MAX_MS && m; i++) {
		struct m_words words;
		if (!read_m(layout, memory, m, &words))
			return MJ_FIND_ERROR;
		if (words.procid)
			*known_m(runtime, words.procid) = (struct mj_known_m){ words.procid, m };
		if (is_of_thread(&words, hint) && m_holds(layout, memory, m, &words, sp, ret)) {
			if (hint)
				hint->m = m;
			return MJ_FIND_OK;
		}
		m = words.alllink;
	}
	return m ? MJ_FIND_ERROR : MJ_FIND_NONE;
}

/* From each word that may be allm. */
static enum mj_find
search_lists(struct mj_runtime *runtime, const struct mj_memory *memory,
             const struct allm_search *search, uint64_t sp, struct mj_thread_hint *hint,
             struct mj_thread_stack *ret)
{
	enum mj_find result = MJ_FIND_ERROR;
	for (unsigned i = 0; i < search->count && i < ALLM_CANDIDATES; i++) {
		uint64_t m;
		if (!mj_read_u64(memory, search->found[i], &m))
			continue;
		enum mj_find found = search_list(runtime, memory, m, sp, hint, ret);
		if (found == MJ_FIND_OK)
			return found;
		if (found == MJ_FIND_NONE)
			result = found;
	}
	return result;
}

enum mj_find
mj_runtime_find(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp,
                struct mj_thread_hint *hint, struct mj_thread_stack *ret)
{
	enum mj_find found = MJ_FIND_ERROR;
	uint64_t m;
	if (!mj_layout_ready(runtime->image))
		return MJ_FIND_ERROR;
	struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	if (hint_holds(runtime, memory, sp, hint, ret))
		return MJ_FIND_OK;
	if (guess_holds(runtime, memory, sp, hint, ret))
		return MJ_FIND_OK;
	if (layout->allm && mj_read_u64(memory, layout->allm + runtime->bias, &m)) {
		found = search_list(runtime, memory, m, sp, hint, ret);
		if (found == MJ_FIND_OK ||
		    (found == MJ_FIND_NONE && layout->allm_scans >= ENOUGH_SCANS))
			return found;
	}
	/* Not where it was expected: perhaps what was taken for allm is not. */
	for (unsigned i = 0; i < ENOUGH_SCANS && found != MJ_FIND_OK; i++) {
		struct allm_search search;
		layout->allm = 0;
		if (i > 0)
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
		if (scan_for_allm(runtime, memory, &search))
			found = search_lists(runtime, memory, &search, sp, hint, ret);
	}
	return found;
}

bool
mj_runtime_sched(const struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t g,
                 uint64_t *ret_pc, uint64_t *ret_sp)
{
	const struct mj_offsets *at = &mj_image_runtime_layout(runtime->image)->at;
	uint64_t words[MAX_BYTES / 8];
	uint32_t last = larger(at->g_sched_sp, at->g_sched_pc);
	if (!g || g % 8 || !mj_read_exact(memory, g, words, last + 8))
		return false;
	*ret_sp = words[at->g_sched_sp / 8];
	*ret_pc = words[at->g_sched_pc / 8];
	return true;
}
