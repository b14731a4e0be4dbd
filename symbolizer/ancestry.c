/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who created a goroutine. With GODEBUG=tracebackancestors=N the runtime keeps, for each goroutine, the
 * stacks of up to N creators as they were at their go statements (runtime/proc.go, saveAncestors):
 *     g.ancestors -> []ancestorInfo{ pcs []uintptr, goid uint64, gopc uintptr }
 * Such a record never changes, so it is read once per goroutine.
 *
 * Where the fields of g lie depends on the release (layout.c, gfields.c); that the place is right is checked on every
 * goroutine that is met: g.gopc must be the return address of a call of runtime.newproc or newcoro.
 */
#include "symbolizer/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

#define MAX_CACHED 8192
#define MAX_CACHED_PCS ((size_t)128 * 1024) /* of all of them: 1 MB */
#define MAX_PCS 128
#define MAIN_GOID 1

/* struct ancestorInfo (runtime/runtime2.go) */
struct raw_ancestor {
	uint64_t pcs, npcs, cap_pcs;
	uint64_t goid, gopc;
};

/* How a goroutine came to be, by where it was created. */
enum creation {
	NOT_CREATED, /* not behind a call that creates goroutines: not a g, or not where it was looked for */
	BY_ASSEMBLY, /* by runtime.rt0_go: the main goroutine */
	BY_GO,       /* by a go statement, or iter.Pull: whoever executed that set it off */
	BY_TIMER, /* to run what time.AfterFunc was given; from a system stack, without a record */
	/* To run what context.AfterFunc, or http.Server.RegisterOnShutdown, was given; the record is that of who cancelled,
	 * or shut down. */
	BY_CALLER_BACK,
};

struct cached {
	uint64_t goid;
	uint64_t record; /* g.ancestors: the address of the slice */
	uint64_t serial; /* not 0, and never used again */
	enum creation creation;
	enum mj_ancestry ancestry;
	size_t count;
	struct mj_ancestor *ancestors;
	const struct mj_pc **pcs; /* of all of them, npcs */
	size_t npcs;
	UT_hash_handle hh;
};

struct mj_ancestry_cache {
	struct cached *by_goid;
	size_t npcs;
	uint64_t last_serial;
};

/* What is read of a g. */
struct goroutine {
	uint64_t goid, gopc, record;
};

static const char *const texts[] = {
	[MJ_ANCESTRY_UNKNOWN] = "it was not looked up who created its goroutine",
	[MJ_ANCESTRY_COMPLETE] = "its goroutine goes back to the main goroutine",
	[MJ_ANCESTRY_TIMER] = "a timer started its goroutine",
	[MJ_ANCESTRY_SHARED] = "its goroutine runs the finalizers and cleanups of all modules",
	[MJ_ANCESTRY_CALLBACK] =
		"nobody recorded who handed over a function that its goroutine goes back to",
	[MJ_ANCESTRY_SERVES] =
		"its goroutine connects for whoever waits for it, and who that is is not recorded",
	[MJ_ANCESTRY_CUT] = "the record of who created its goroutine is cut off",
	[MJ_ANCESTRY_UNSURE] =
		"several fields of its goroutine may be the record of who created it",
	[MJ_ANCESTRY_MISSING] = "there is no record of who created its goroutine",
	[MJ_ANCESTRY_FOREIGN] = "C code that no Go code called set its goroutine off",
};

const char *
mj_ancestry_text(enum mj_ancestry ancestry)
{
	return (unsigned)ancestry < MJ_ARRAY_LEN(texts) ? texts[ancestry] : "unknown";
}

enum mj_ancestry
mj_stack_ancestry(const struct mj_stack *stack, size_t nancestors)
{
	if (nancestors == 0 || nancestors > stack->nancestors || stack->handed_over)
		return stack->ancestry;
	return stack->ancestors[nancestors - 1].until;
}

/* ---- the cache ------------------------------------------------------------------------------ */

static void
free_cached(struct cached *entry)
{
	free(entry->ancestors);
	free(entry->pcs);
	free(entry);
}

static void
empty(struct mj_ancestry_cache *cache)
{
	struct cached *entry, *next;
	HASH_ITER (hh, cache->by_goid, entry, next) {
		HASH_DEL(cache->by_goid, entry);
		free_cached(entry);
	}
	cache->npcs = 0;
}

void
mj_ancestry_cache_destroy(struct mj_ancestry_cache *cache)
{
	if (!cache)
		return;
	empty(cache);
	free(cache);
}

/* ---- fields of g ---------------------------------------------------------------------------- */

/* How many PCs the runtime keeps of a creator: tracebackInnerFrames since 1.21, _TracebackMaxFrames
 * before (runtime/traceback.go). */
static size_t
pcs_limit(struct mj_image *image)
{
	unsigned minor = mj_image_go_minor(image);
	return minor != 0 && minor < 121 ? 100 : 50;
}

static bool
is_creator(const char *function)
{
	return strcmp(function, "runtime.newproc") == 0 || strcmp(function, "runtime.newcoro") == 0;
}

static enum creation
creation_at(struct mj_runtime *runtime, uint64_t gopc)
{
	uint64_t pc = gopc - runtime->bias;
	struct mj_span code;
	int32_t rel;
	const struct mj_pc_entry *entry = mj_image_pc(runtime->image, pc, true);
	if (!entry || !entry->pub.nframes || pc < 5 ||
	    !mj_elf_at(mj_image_elf(runtime->image), pc - 5, &code) || code.len < 5 ||
	    code.data[0] != 0xe8 || !mj_span_i32(code, 1, &rel))
		return NOT_CREATED;
	uint64_t target = pc + (uint64_t)(int64_t)rel;
	struct mj_func creator;
	if (!mj_pclntab_func(mj_image_pclntab(runtime->image), target, &creator) ||
	    creator.entry != target || !is_creator(creator.name))
		return NOT_CREATED;
	const char *function = entry->pub.frames[entry->pub.nframes - 1].function;
	/* From 1.17 on assembly calls a wrapper of newproc, and that is the caller on record. */
	if (entry->special == MJ_FN_RT0_GO || is_creator(function))
		return BY_ASSEMBLY;
	if (strcmp(function, "time.goFunc") == 0)
		return BY_TIMER;
	if (strncmp(function, "context.(*afterFuncCtx).", 24) == 0 ||
	    strcmp(function, "net/http.(*Server).Shutdown") == 0)
		return BY_CALLER_BACK;
	return BY_GO;
}

bool
mj_runtime_creates_at(struct mj_runtime *runtime, uint64_t pc)
{
	return pc >= 4096 && creation_at(runtime, pc) != NOT_CREATED;
}

static bool
read_g(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t g,
       struct goroutine *ret)
{
	const struct mj_offsets *at = &mj_image_runtime_layout(runtime->image)->at;
	uint64_t words[MJ_MAX_OFFSET / 8];
	if (!mj_layout_ready(runtime->image))
		return false;
	uint32_t last = at->g_gopc > at->g_goid ? at->g_gopc : at->g_goid;
	last = at->g_ancestors > last ? at->g_ancestors : last;
	if (!mj_read_exact(memory, g, words, last + 8))
		return false;
	ret->goid = words[at->g_goid / 8];
	ret->gopc = words[at->g_gopc / 8];
	ret->record = words[at->g_ancestors / 8];
	return true;
}

/* ---- records -------------------------------------------------------------------------------- */

static bool
read_raw(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t record,
         struct raw_ancestor **ret, size_t *ret_count)
{
	uint64_t slice[2]; /* data, len */
	if (!mj_read_exact(memory, record, slice, sizeof(slice)) || slice[1] == 0 ||
	    slice[1] > runtime->max_ancestors)
		return false;
	struct raw_ancestor *raw = calloc(slice[1], sizeof(*raw));
	if (!raw || !mj_read_exact(memory, slice[0], raw, slice[1] * sizeof(*raw))) {
		free(raw);
		return false;
	}
	*ret = raw;
	*ret_count = slice[1];
	return true;
}

/* The code addresses of one creator, looked up. False: they cannot be read or are no Go code. */
static bool
read_pcs(struct mj_runtime *runtime, const struct mj_memory *memory, const struct raw_ancestor *raw,
         const struct mj_pc **ret)
{
	uint64_t pcs[MAX_PCS];
	if (raw->npcs == 0 || raw->npcs > MAX_PCS ||
	    !mj_read_exact(memory, raw->pcs, pcs, raw->npcs * sizeof(pcs[0])))
		return false;
	for (size_t i = 0; i < raw->npcs; i++) {
		/* The first is where newproc left the stack: up to 1.20 systemstack_switch's first
		 * instruction. All others are behind the call, or made to look so (tracebackPCs). */
		ret[i] = mj_image_lookup(runtime->image, pcs[i] - runtime->bias, i > 0);
		if (!ret[i])
			return false;
	}
	return true;
}

/* Whether the function that a timer, a context or a finalizer was given is a module's: the outermost one
 * that is not the runtime's. If it is not, whoever gave it is unknown, even if it calls a module's code
 * in turn. */
static bool
starts_in_module(const struct mj_pc *const *pcs, size_t npcs)
{
	for (size_t i = npcs; i-- > 0;) {
		for (unsigned f = pcs[i]->nframes; f-- > 0;) {
			const struct mj_frame *frame = &pcs[i]->frames[f];
			if (frame->subject >= 0 || frame->nsuspects)
				return true;
			if (strncmp(frame->function, "runtime.", 8) != 0)
				return false;
		}
	}
	return false;
}

/* Whether the creator was running finalizers or cleanups: then its own creators mean nothing. */
static bool
is_shared_runner(struct mj_runtime *runtime, const struct mj_ancestor *ancestor)
{
	for (size_t i = 0; i < ancestor->npcs; i++) {
		/* Looked up already, by read_pcs with the same arguments. */
		const struct mj_pc_entry *entry =
			mj_image_pc(runtime->image, ancestor->pcs[i]->pc, i > 0);
		if (entry && entry->special == MJ_FN_SHARED_RUNNER)
			return true;
	}
	return false;
}

/* The goroutines on which C's own threads call Go are made without a go statement (runtime/proc.go, oneNewExtraM). */
static enum mj_ancestry
missing(uint64_t gopc)
{
	return gopc ? MJ_ANCESTRY_MISSING : MJ_ANCESTRY_FOREIGN;
}

/* How the chain ends: what its oldest goroutine is. */
static enum mj_ancestry
chain_end(struct mj_runtime *runtime, const struct raw_ancestor *oldest, size_t count)
{
	enum creation creation = creation_at(runtime, oldest->gopc);
	if (oldest->goid == MAIN_GOID && creation == BY_ASSEMBLY)
		return MJ_ANCESTRY_COMPLETE;
	if (creation == BY_TIMER)
		return MJ_ANCESTRY_TIMER;
	return count >= runtime->max_ancestors ? MJ_ANCESTRY_CUT : missing(oldest->gopc);
}

static bool
fill(struct mj_runtime *runtime, const struct mj_memory *memory, const struct raw_ancestor *raw,
     size_t count, uint64_t first_gopc, struct cached *entry)
{
	size_t limit = pcs_limit(runtime->image), total = 0;
	enum mj_ancestry known = MJ_ANCESTRY_COMPLETE; /* of those so far */
	for (size_t i = 0; i < count; i++) {
		if (raw[i].npcs > MAX_PCS)
			return false;
		total += raw[i].npcs;
	}
	entry->ancestors = calloc(count, sizeof(*entry->ancestors));
	entry->pcs = calloc(total + 1, sizeof(struct mj_pc *));
	entry->npcs = total;
	if (!entry->ancestors || !entry->pcs)
		return false;
	const struct mj_pc **at = entry->pcs;
	for (size_t i = 0; i < count; i++) {
		struct mj_ancestor *ancestor = &entry->ancestors[i];
		if (!read_pcs(runtime, memory, &raw[i], at))
			return false;
		*ancestor = (struct mj_ancestor){
			.goid = raw[i].goid, .npcs = raw[i].npcs, .pcs = at, .until = known
		};
		uint64_t gopc = i ? raw[i - 1].gopc : first_gopc;
		mj_find_go_statement(ancestor, gopc - runtime->bias);
		at += raw[i].npcs;
		enum creation creation = creation_at(runtime, raw[i].gopc);
		bool callback = creation == BY_TIMER || creation == BY_CALLER_BACK ||
		                is_shared_runner(runtime, ancestor);
		if (callback && !starts_in_module(ancestor->pcs, ancestor->npcs))
			known = MJ_ANCESTRY_CALLBACK;
		else if (raw[i].npcs >= limit)
			known = MJ_ANCESTRY_CUT;
		else if (mj_serves_others(ancestor))
			known = MJ_ANCESTRY_SERVES;
	}
	entry->ancestry =
		known != MJ_ANCESTRY_COMPLETE ? known : chain_end(runtime, &raw[count - 1], count);
	entry->count = count;
	return true;
}

static struct cached *
read_record(struct mj_runtime *runtime, const struct mj_memory *memory, const struct goroutine *g)
{
	struct cached *entry = calloc(1, sizeof(*entry));
	struct raw_ancestor *raw = NULL;
	size_t count = 0;
	if (!entry)
		return NULL;
	entry->goid = g->goid;
	entry->record = g->record;
	entry->ancestry = missing(g->gopc);
	entry->creation = creation_at(runtime, g->gopc);
	if (entry->creation == NOT_CREATED)
		return entry;
	if (!g->record) {
		if (entry->creation == BY_TIMER)
			entry->ancestry = MJ_ANCESTRY_TIMER;
		return entry;
	}
	if (!read_raw(runtime, memory, g->record, &raw, &count) ||
	    !fill(runtime, memory, raw, count, g->gopc, entry)) {
		entry->ancestry = MJ_ANCESTRY_MISSING;
		entry->count = 0;
	}
	free(raw);
	return entry;
}

static struct cached *
look_up(struct mj_runtime *runtime, const struct mj_memory *memory, const struct goroutine *g)
{
	struct mj_ancestry_cache *cache = runtime->ancestry;
	struct cached *entry;
	if (!cache && !(cache = runtime->ancestry = calloc(1, sizeof(*cache))))
		return NULL;
	HASH_FIND(hh, cache->by_goid, &g->goid, sizeof(g->goid), entry);
	/* That it is a goroutine's number cannot be checked, and addresses are used again. */
	bool guessed = mj_image_runtime_layout(runtime->image)->guessed;
	if (entry && entry->record == g->record && !guessed)
		return entry;
	if (entry) {
		HASH_DEL(cache->by_goid, entry);
		cache->npcs -= entry->npcs;
		free_cached(entry);
	}
	if (HASH_COUNT(cache->by_goid) >= MAX_CACHED || cache->npcs > MAX_CACHED_PCS)
		empty(cache);
	entry = read_record(runtime, memory, g);
	if (!entry)
		return NULL;
	entry->serial = ++cache->last_serial;
	HASH_ADD(hh, cache->by_goid, goid, sizeof(entry->goid), entry);
	if (mj_hash_added(entry)) {
		cache->npcs += entry->npcs;
		return entry;
	}
	free_cached(entry);
	return NULL;
}

void
mj_runtime_ancestry(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t g,
                    bool shared_runner, struct mj_stack *stack)
{
	struct goroutine read;
	if (runtime->max_ancestors == 0)
		return;
	stack->ancestry = MJ_ANCESTRY_MISSING;
	if (!mj_gfields_ready(runtime, memory, g)) {
		stack->ancestry = MJ_ANCESTRY_UNSURE;
		return;
	}
	if (!read_g(runtime, memory, g, &read))
		return;
	stack->goid = read.goid;
	bool known = starts_in_module(stack->pcs, stack->npcs);
	if (shared_runner) {
		/* Created by whoever registered first; it runs what others registered too. */
		stack->ancestry = known ? MJ_ANCESTRY_SHARED : MJ_ANCESTRY_CALLBACK;
		return;
	}
	const struct cached *entry = look_up(runtime, memory, &read);
	if (!entry)
		return;
	stack->ancestry = entry->ancestry;
	stack->ancestry_id = entry->serial;
	stack->handed_over =
		(entry->creation == BY_CALLER_BACK || entry->creation == BY_TIMER) && !known;
	if (stack->handed_over)
		stack->ancestry = MJ_ANCESTRY_CALLBACK;
	stack->nancestors = entry->count;
	stack->ancestors = entry->ancestors;
}
