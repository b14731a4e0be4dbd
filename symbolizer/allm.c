/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of m's where the runtime's code does not tell where it begins, and which field links it (layout.c): all words of .bss
 * are tried with all offsets at which the field has been. A list holds if each of it is the m of its own g0, and the last
 * one is m0.
 *
 * Lists that hold and are not the one there is: those of idle m's, by another field; one that begins at an m which is older or has ended;
 * one that a module has made up in variables of its own, out of numbers that look like pointers; while there is only m0, every
 * offset's. So nothing is taken for the list, and nothing is settled: a thread's m is looked for in all of them (runtime.c), each
 * time that it is not known, and has to be the only one.
 */
#include "symbolizer/runtime.h"

#include <stdlib.h>

#define MAX_BSS (UINT64_C(256) << 20)
#define BSS_CHUNK ((size_t)1 << 20)
#define MAX_VISITS (2 * MJ_MAX_MS)

/* What m.alllink has been (runtime/runtime2.go, Go 1.16 to 1.27), and what is near. */
static const uint32_t offsets[] = { 352, 344, 336, 328, 360, 320 };

bool
mj_read_m(const struct mj_runtime_layout *layout, const struct mj_memory *memory, uint64_t m,
          uint32_t alllink, struct mj_m_words *ret)
{
	const struct mj_offsets *at = &layout->at;
	const uint32_t fields[] = { at->m_g0, at->m_curg, at->m_gsignal, at->m_procid, alllink };
	uint64_t words[MJ_MAX_OFFSET / 8];
	uint32_t last = 0;
	for (size_t i = 0; i < MJ_ARRAY_LEN(fields); i++)
		last = fields[i] > last ? fields[i] : last;
	if (m % 8 || !mj_read_exact(memory, m, words, last + 8))
		return false;
	ret->g0 = words[at->m_g0 / 8];
	ret->curg = words[at->m_curg / 8];
	ret->procid = words[at->m_procid / 8];
	ret->gsignal = words[at->m_gsignal / 8];
	ret->alllink = words[alllink / 8];
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

/* ---- the scan ------------------------------------------------------------------------------- */

struct scan {
	const struct mj_runtime *runtime;
	const struct mj_runtime_layout *layout;
	const struct mj_memory *memory;
	struct mj_allm_lists *to;
	unsigned visits; /* of m's, in all lists */
};

/* Whether a list of m's begins at m, and ends with m0. */
static bool
leads_to_m0(struct scan *s, uint64_t m, uint32_t alllink)
{
	uint64_t m0 = s->layout->m0 + s->runtime->bias, met = 0;
	struct mj_m_words words;
	for (unsigned length = 1; length < MJ_MAX_MS && s->visits < MAX_VISITS; length++) {
		s->visits++;
		if (m == met || !is_m(s->layout, s->memory, m) ||
		    !mj_read_m(s->layout, s->memory, m, alllink, &words))
			return false;
		if (m == m0)
			return !words.alllink;
		if ((length & (length - 1)) == 0)
			met = m; /* a list that comes here again has no end */
		m = words.alllink;
	}
	return false;
}

static bool
is_listed(const struct mj_allm_lists *lists, uint64_t head, uint32_t alllink)
{
	for (unsigned i = 0; i < lists->count; i++)
		if (lists->found[i].head == head && lists->found[i].alllink == alllink)
			return true;
	return false;
}

static void
try_offset(struct scan *s, uint64_t head, uint32_t alllink)
{
	struct mj_allm_lists *to = s->to;
	if (is_listed(to, head, alllink) || !leads_to_m0(s, head, alllink))
		return;
	if (to->count == MJ_ALLM_LISTS)
		to->overflow = true;
	else
		to->found[to->count++] = (struct mj_allm_list){ head, alllink };
}

static void
try_word(struct scan *s, uint64_t value)
{
	uint32_t first = s->layout->at.m_alllink;
	if (value < 4096 || value % 8 || value >> 47 || !is_m(s->layout, s->memory, value))
		return;
	try_offset(s, value, first);
	for (size_t i = 0; i < MJ_ARRAY_LEN(offsets); i++)
		if (offsets[i] != first)
			try_offset(s, value, offsets[i]);
}

static bool
scan_bss(struct scan *s, uint64_t start, uint64_t end)
{
	if (end <= start || end - start > MAX_BSS)
		return false;
	MJ_AUTO_FREE uint64_t *words = malloc(BSS_CHUNK);
	if (!words)
		return false;
	for (uint64_t at = (start + 7) & ~UINT64_C(7); at + 8 <= end; at += BSS_CHUNK) {
		size_t len = end - at < BSS_CHUNK ? (size_t)(end - at) & ~(size_t)7 : BSS_CHUNK;
		if (!mj_read_exact(s->memory, at, words, len))
			return false;
		for (size_t i = 0; i < len / 8; i++)
			try_word(s, words[i]);
	}
	return true;
}

bool
mj_allm_scan(struct mj_runtime *runtime, const struct mj_memory *memory, struct mj_allm_lists *ret)
{
	const struct mj_pclntab *tab = mj_image_pclntab(runtime->image);
	struct scan s = { runtime, mj_image_runtime_layout(runtime->image), memory, ret, 0 };
	*ret = (struct mj_allm_lists){ 0 };
	if (!scan_bss(&s, tab->bss + runtime->bias, tab->ebss + runtime->bias))
		return false;
	ret->overflow |= s.visits >= MAX_VISITS;
	return ret->count > 0;
}
