/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a code address, worked out once and kept. Results are handed out by pointer and
 * live as long as the image, so nothing is ever evicted; beyond MAX_ENTRIES (more call sites than
 * any real program has on its stacks) new addresses are refused, which the walk turns into "deny".
 */
#include "symbolizer/image.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024
#define MAX_ENTRIES (1u << 20)
#define CHUNK 65536
#define MAX_INLINE_DEPTH 256

/* ---- memory --------------------------------------------------------------------------------- */

struct mj_arena_chunk {
	struct mj_arena_chunk *next;
	size_t used;
	_Alignas(16) uint8_t bytes[CHUNK];
};

static void *
arena_take(struct mj_pc_cache *cache, size_t len)
{
	struct mj_arena_chunk *chunk = cache->chunks;
	len = (len + 15) & ~(size_t)15;
	if (!chunk || len > CHUNK - chunk->used) {
		chunk = malloc(sizeof(*chunk));
		if (!chunk)
			return NULL;
		chunk->next = cache->chunks;
		chunk->used = 0;
		cache->chunks = chunk;
	}
	void *at = chunk->bytes + chunk->used;
	chunk->used += len;
	return at;
}

void
mj_pc_cache_finish(struct mj_pc_cache *cache)
{
	while (cache->chunks) {
		struct mj_arena_chunk *next = cache->chunks->next;
		free(cache->chunks);
		cache->chunks = next;
	}
	free(cache->slots);
	*cache = (struct mj_pc_cache){ 0 };
}

/* The slot that holds the key, or the empty one where it belongs. Needs at least one empty slot. */
static struct mj_pc_entry **
find_slot(struct mj_pc_entry **slots, size_t nslots, uint64_t pc, bool is_return)
{
	/* Fibonacci hashing; the high bits are the good ones. */
	uint64_t hash = (pc * 2 + is_return) * UINT64_C(0x9e3779b97f4a7c15);
	for (size_t i = (size_t)(hash >> 32) & (nslots - 1);; i = (i + 1) & (nslots - 1))
		if (!slots[i] || (slots[i]->pub.pc == pc && slots[i]->is_return == is_return))
			return &slots[i];
}

/* Keeps the table at most half full. */
static bool
make_room(struct mj_pc_cache *cache)
{
	if (cache->stats.entries >= MAX_ENTRIES)
		return false;
	if (cache->stats.entries * 2 < cache->nslots)
		return true;
	size_t nslots = cache->nslots ? cache->nslots * 2 : FIRST_SLOTS;
	struct mj_pc_entry **slots = calloc(nslots, sizeof(struct mj_pc_entry *));
	if (!slots)
		return false;
	for (size_t i = 0; i < cache->nslots; i++) {
		struct mj_pc_entry *entry = cache->slots[i];
		if (entry)
			*find_slot(slots, nslots, entry->pub.pc, entry->is_return) = entry;
	}
	free(cache->slots);
	cache->slots = slots;
	cache->nslots = nslots;
	return true;
}

/* ---- what the walk needs -------------------------------------------------------------------- */

/* The length of an FF /2 (CALL r/m64) that begins at code, 0 if it is none. Prefixes may precede.
 */
static unsigned
indirect_call_length(struct mj_span code)
{
	uint8_t opcode, modrm, sib;
	if (!mj_span_u8(code, 0, &opcode) || !mj_span_u8(code, 1, &modrm) || opcode != 0xff ||
	    (modrm >> 3 & 7) != 2)
		return 0;
	unsigned mod = modrm >> 6;
	bool has_sib = mod != 3 && (modrm & 7) == 4;
	unsigned len = has_sib ? 3 : 2;
	if (mod == 1)
		return len + 1;
	if (mod == 2 || (mod == 0 && (modrm & 7) == 5))
		return len + 4;
	if (mod == 0 && has_sib)
		return !mj_span_u8(code, 2, &sib) ? 0 : (sib & 7) == 5 ? len + 4 : len;
	return len;
}

/* Whether a CALL ends right before pc: E8 rel32, or FF /2 in one of its lengths. */
static bool
follows_call(const struct mj_elf *elf, uint64_t pc)
{
	static const unsigned lengths[] = { 5, 2, 3, 4, 6, 7 };
	for (size_t i = 0; i < MJ_ARRAY_LEN(lengths); i++) {
		struct mj_span code;
		unsigned len = lengths[i];
		if (pc < len || !mj_elf_at(elf, pc - len, &code) ||
		    !mj_span_sub(code, 0, len, &code))
			continue;
		if (len == 5 ? code.data[0] == 0xe8 : indirect_call_length(code) == len)
			return true;
	}
	return false;
}

/* Behind "runtime.". */
static const struct {
	const char *name;
	enum mj_special special;
	bool anywhere; /* in a unit of its own, and defined by every release */
} special_names[] = {
	{ "goexit", MJ_FN_GOEXIT, false },
	{ "main", MJ_FN_MAIN, false },
	{ "rt0_go", MJ_FN_RT0_GO, false },
	{ "mstart", MJ_FN_MSTART, false },
	{ "mcall", MJ_FN_MCALL, false },
	{ "morestack", MJ_FN_MORESTACK, false },
	{ "systemstack", MJ_FN_SYSTEMSTACK, false },
	{ "systemstack_switch", MJ_FN_SYSTEMSTACK_SWITCH, false },
	{ "asmcgocall", MJ_FN_ASMCGOCALL, false },
	{ "asmcgocall_no_g", MJ_FN_ASMCGOCALL, false },
	{ "cgocallback", MJ_FN_CGOCALLBACK, false },
	{ "sigtramp", MJ_FN_SIGTRAMP, true },
	{ "cgoSigtramp", MJ_FN_SIGTRAMP, true },
	{ "sigpanic", MJ_FN_SIGPANIC, false },
	{ "sigpanic0", MJ_FN_SIGPANIC, false },
	{ "asyncPreempt", MJ_FN_ASYNCPREEMPT, true },
	{ "debugCallV1", MJ_FN_ASYNCPREEMPT, false },
	{ "debugCallV2", MJ_FN_ASYNCPREEMPT, false },
	{ "runfinq", MJ_FN_SHARED_RUNNER, false },
	{ "runFinalizers", MJ_FN_SHARED_RUNNER, false },
	{ "runCleanups", MJ_FN_SHARED_RUNNER, false },
};

/* By name, but only in the runtime's own compile units: a module may give a function a name that
 * this release's runtime does not use (//go:linkname), to pass it off as the end of the stack. Of
 * names that the runtime defines the linker refuses a second definition. */
static enum mj_special
find_special(const struct mj_image *image, const struct mj_func *f)
{
	static const char prefix[] = "runtime.";
	if (strncmp(f->name, prefix, sizeof(prefix) - 1) != 0)
		return MJ_FN_ORDINARY;
	bool own =
		f->cu_offset == image->runtime_units[0] || f->cu_offset == image->runtime_units[1];
	for (size_t i = 0; i < MJ_ARRAY_LEN(special_names); i++)
		if (!strcmp(f->name + sizeof(prefix) - 1, special_names[i].name))
			return own || special_names[i].anywhere ? special_names[i].special
			                                        : MJ_FN_ORDINARY;
	return MJ_FN_ORDINARY;
}

/* Go 1.16 has no flags and goes by the same functions (runtime/traceback.go, topofstack). */
static uint8_t
find_flags(const struct mj_image *image, const struct mj_func *f, enum mj_special special)
{
	uint8_t flag = f->flag;
	if (image->tab.layout != MJ_PCLN_116)
		return flag;
	switch (special) {
	case MJ_FN_GOEXIT:
	case MJ_FN_MSTART:
	case MJ_FN_MCALL:
	case MJ_FN_MORESTACK:
	case MJ_FN_RT0_GO:
		return flag | MJ_FUNC_TOPFRAME;
	case MJ_FN_SYSTEMSTACK:
	case MJ_FN_ASMCGOCALL:
	case MJ_FN_CGOCALLBACK:
		return flag | MJ_FUNC_SPWRITE;
	default:
		return flag;
	}
}

/* ---- logical frames ------------------------------------------------------------------------- */

/* The one place that says to whom a frame belongs: to whom its name says, and to all whom the other
 * witnesses name. False: that cannot be said. */
static bool
find_subjects(struct mj_image *image, const struct mj_func *f, struct mj_frame *frame)
{
	int suspects[MJ_MAX_CHARGED];
	if (!mj_modules_subject(&image->modules, frame->function, &frame->subject))
		return false;
	if (mj_witnesses_ready(image, NULL) < 0)
		return false;
	const struct mj_dwarf *dwarf = image->thorough ? mj_image_dwarf(image) : NULL;
	if (image->thorough && !dwarf)
		return false;
	int n = mj_witnesses_ask(image, dwarf, f, frame, !frame->inlined, suspects);
	if (n <= 0)
		return n == 0;
	int *kept = arena_take(&image->cache, (size_t)n * sizeof(*kept));
	if (!kept)
		return false;
	memcpy(kept, suspects, (size_t)n * sizeof(*kept));
	frame->suspects = kept;
	frame->nsuspects = (unsigned)n;
	return true;
}

static bool
fill_frame(struct mj_image *image, const struct mj_func *f, uint64_t pc, struct mj_frame *frame)
{
	int32_t file, line;
	frame->file = "";
	if (mj_pclntab_value(&image->tab, f, f->pcfile, pc, &file))
		frame->file = mj_pclntab_file(&image->tab, f, file);
	if (mj_pclntab_value(&image->tab, f, f->pcln, pc, &line) && line > 0)
		frame->line = line;
	return find_subjects(image, f, frame);
}

/* Expands pc into frames, innermost first; the steps are runtime/symtabinl.go's inlineUnwinder. The
 * number of frames, 0 if the tables are malformed or memory ran out. */
static unsigned
expand(struct mj_image *image, const struct mj_func *f, uint64_t pc, struct mj_frame *frames)
{
	for (unsigned n = 0; n < MAX_INLINE_DEPTH; n++) {
		struct mj_inlined call = { 0 };
		int got = mj_pclntab_inlined(&image->elf, &image->tab, f, pc, &call);
		if (got < 0)
			return 0;
		frames[n] =
			(struct mj_frame){ .function = got ? call.name : f->name, .inlined = got };
		if (!fill_frame(image, f, pc, &frames[n]))
			return 0;
		if (!got)
			return n + 1;
		pc = call.parent_pc;
	}
	return 0;
}

/*
 * Whether the thread waits in syscall.rawVforkSyscall's system call. That keeps its return address in a register meanwhile, because
 * a child that shares the stack will overwrite it (syscall/asm_linux_amd64.s, Go 1.16 to 1.27):
 *     POPQ R12; SYSCALL; PUSHQ R12
 * No other code counts: what pops its return address elsewhere may have written to where it stood.
 */
static bool
pops_return(const struct mj_image *image, const struct mj_func *f, uint64_t pc, int32_t spdelta)
{
	static const uint8_t pop_syscall[] = { 0x41, 0x5c, 0x0f, 0x05 };
	struct mj_span code;
	return spdelta == -8 && pc >= f->entry + sizeof(pop_syscall) &&
	       strcmp(f->name, "syscall.rawVforkSyscall") == 0 &&
	       mj_elf_at(&image->elf, pc - sizeof(pop_syscall), &code) &&
	       code.len >= sizeof(pop_syscall) &&
	       memcmp(code.data, pop_syscall, sizeof(pop_syscall)) == 0;
}

/* Both walkers go by tables alone: from PC and SP to the caller's. So two whole walks agree exactly if the
 * tables agree at each address on them, which is found out once per address. */
static bool
cfi_agrees(const struct mj_image *image, uint64_t pc, const struct mj_pc_entry *entry)
{
	int64_t cfa, ra;
	return mj_cfi_frame(image->cfi, pc, &cfa, &ra) && cfa == (int64_t)entry->spdelta + 8 &&
	       ra == entry->spdelta;
}

/* Go's linker, where it links C objects itself (a module's .syso, the race detector), lists their functions with nothing but
 * a name (cmd/link/internal/ld/pcln.go, emitPcln: emptyPcln). The assembler and the compiler always give the frame size. */
static bool
is_foreign(const struct mj_func *f)
{
	return !f->pcsp && !f->pcfile && !f->pcln && !f->npcdata && !f->nfuncdata;
}

static struct mj_pc_entry *
make_foreign(struct mj_image *image, uint64_t pc, bool is_return, const struct mj_func *f)
{
	struct mj_pc_entry *entry = arena_take(&image->cache, sizeof(*entry));
	struct mj_frame *frame = arena_take(&image->cache, sizeof(*frame));
	if (!entry || !frame)
		return NULL;
	*frame = (struct mj_frame){ .function = f->name, .file = "", .subject = MJ_SUBJECT_C };
	*entry = (struct mj_pc_entry){
		.pub = { .pc = pc, .nframes = 1, .frames = frame },
		.is_return = is_return,
		.foreign = true,
		.spdelta = -1,
		.func_entry = f->entry,
	};
	return entry;
}

static struct mj_pc_entry *
make_entry(struct mj_image *image, uint64_t pc, bool is_return, const struct mj_func *f)
{
	struct mj_frame frames[MAX_INLINE_DEPTH];
	if (is_foreign(f))
		return make_foreign(image, pc, is_return, f);
	unsigned n = expand(image, f, pc - is_return, frames);
	if (!n)
		return NULL;
	struct mj_pc_entry *entry = arena_take(&image->cache, sizeof(*entry));
	struct mj_frame *kept = arena_take(&image->cache, n * sizeof(*kept));
	if (!entry || !kept)
		return NULL;
	memcpy(kept, frames, n * sizeof(*kept));
	*entry = (struct mj_pc_entry){
		.pub = { .pc = pc,
		         .nframes = n,
		         .frames = kept,
		         .broadcast = mj_broadcast_of(image, f) },
		.is_return = is_return,
		.follows_call = follows_call(&image->elf, pc),
		.special = find_special(image, f),
		.spdelta = -1,
		.func_entry = f->entry,
	};
	entry->flag = find_flags(image, f, entry->special);
	/* At pc itself, as the runtime (funcspdelta), unless the call was the function's last
	 * instruction and pc is another function's. */
	uint64_t at = pc < f->end ? pc : pc - 1;
	bool has_pcsp = mj_pclntab_value(&image->tab, f, f->pcsp, at, &entry->spdelta);
	entry->popped = has_pcsp && !is_return && pops_return(image, f, pc, entry->spdelta);
	entry->pcsp_ok = has_pcsp && (entry->spdelta >= 0 || entry->popped);
	mj_frame_pointer(image, f, at, entry);
	entry->disagrees = image->cfi && !cfi_agrees(image, at, entry);
	return entry;
}

/* Ends a walk with "bad pcsp". Not kept: it says nothing of other addresses. */
static const struct mj_pc_entry *
bad_entry(struct mj_pc_cache *cache, uint64_t pc)
{
	static const struct mj_frame unknown = { .function = "",
		                                 .file = "",
		                                 .subject = MJ_SUBJECT_C };
	cache->bad = (struct mj_pc_entry){
		.pub = { .pc = pc, .nframes = 1, .frames = &unknown },
		.follows_call = true,
		.spdelta = -1,
	};
	return &cache->bad;
}

/* ---- look-up -------------------------------------------------------------------------------- */

const struct mj_pc_entry *
mj_image_pc(struct mj_image *image, uint64_t pc, bool is_return)
{
	struct mj_pc_cache *cache = &image->cache;
	struct mj_func f;
	if (cache->nslots) {
		struct mj_pc_entry *hit = *find_slot(cache->slots, cache->nslots, pc, is_return);
		if (hit) {
			cache->stats.hits++;
			return hit;
		}
	}
	cache->stats.misses++;
	/* A return address may lie behind its function, whose last instruction was the call. */
	uint64_t at = pc - is_return;
	if (image->kind != MJ_IMAGE_GO || at < image->tab.minpc || at >= image->tab.maxpc)
		return NULL;
	struct mj_pc_entry *entry = NULL;
	if (make_room(cache) && mj_pclntab_func(&image->tab, at, &f))
		entry = make_entry(image, pc, is_return, &f);
	if (!entry)
		return bad_entry(cache, pc);
	*find_slot(cache->slots, cache->nslots, pc, is_return) = entry;
	cache->stats.entries++;
	return entry;
}

const struct mj_pc *
mj_image_lookup(struct mj_image *image, uint64_t pc, bool is_return)
{
	const struct mj_pc_entry *entry = mj_image_pc(image, pc, is_return);
	return entry && entry != &image->cache.bad ? &entry->pub : NULL;
}
