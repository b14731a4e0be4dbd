/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a Go stack from PC and SP alone: cfa = SP + pcsp(PC) + 8, return address at cfa - 8
 * (runtime/traceback.go, unwinder.next). No registers are needed, so no ptrace.
 *
 * A walk is complete only if it ends at a root that it knows. Everything else, however likely it
 * is to be harmless, is incomplete, and the caller refuses.
 */
#include "symbolizer/fold.h"
#include "symbolizer/image.h"
#include "symbolizer/memo.h"
#include "symbolizer/snapshot.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_READ 4096
#define MAX_READ 65536 /* at a time, and kept: deeper stacks are gone through piece by piece */
/* Go's own limit for a goroutine's stack is 1 GB (runtime/proc.go, main), unless the program sets a higher one. */
#define MAX_STACK_BYTES (UINT64_C(16) << 30)
#define MISS_FRAMES 16 /* how many frames' time it takes to look up an address for the first time */
#define MAX_SWITCHES 64
#define GOEXIT_ROOM 256
#define MSTART_ROOM 256

struct walk {
	struct mj_runtime *runtime;
	struct mj_image *image;
	const struct mj_memory *memory; /* over.memory */
	struct mj_snapshot_memory over;
	struct mj_thread_hint *hint;
	struct mj_stack *stack;
	uint64_t bias;
	uint64_t
		mark_func; /* link address of the function in which the snapshot's mark lies, 0: none */
	bool marked;       /* the mark's frame was met */
	uint64_t pc, sp;  /* live addresses */
	uint64_t began;   /* SP at which the walk of the present stack began */
	uint64_t base;    /* live address of stack->bytes[0] */
	size_t have;      /* valid bytes in stack->bytes */
	size_t next_read; /* how much to read, when nothing is there */
	unsigned switches;
	bool is_return;             /* pc is a return address */
	bool injected;              /* pc was not pushed by a call (sigpanic and alike) */
	bool saw_main;              /* the frame before was runtime.main */
	bool saw_shared;            /* the frame before runs finalizers or cleanups */
	bool called_back;           /* by C, somewhere on this stack */
	bool has_fp;                /* fp is what the frames so far say of the next one */
	uint64_t fp;                /* the frame pointer that the last frame with one saved */
	const struct mj_pace *pace; /* NULL: to the end */
	int64_t stride;             /* frames until it is asked */
	bool noted;                 /* its reads go to log */
	uint64_t first_pc, first_sp;
	uint64_t goroutine; /* at whose root the walk has ended, 0: at none */
	bool done;
	struct mj_memo_log *log;
};

/* ---- results -------------------------------------------------------------------------------- */

static const char *const why_texts[MJ_WHY_COUNT] = {
	[MJ_WHY_NONE] = "complete",
	[MJ_WHY_NOT_GO_TEXT] = "a code address is outside the program's Go text",
	[MJ_WHY_STACK_UNREADABLE] = "the stack's memory could not be read",
	[MJ_WHY_BAD_PCSP] = "the program's tables give no frame size for a code address",
	[MJ_WHY_SPWRITE] = "a function moves the stack pointer in a way that cannot be followed",
	[MJ_WHY_NOT_A_CALL] = "a return address does not follow a call instruction",
	[MJ_WHY_TOO_DEEP] = "the stack is too deep",
	[MJ_WHY_ASIDE] = "the stack is too deep to be walked at once",
	[MJ_WHY_TOO_LONG] = "the stack is too deep to be walked within 10 s",
	[MJ_WHY_NO_GOROUTINE] = "the goroutine behind a system stack could not be found",
	[MJ_WHY_NO_THREADS] = "the Go runtime's list of threads could not be found",
	[MJ_WHY_UNSURE] = "several places may be the Go runtime's list of threads, and they differ",
	[MJ_WHY_BAD_SP] = "the stack pointer is not a valid one",
	[MJ_WHY_LOOP] = "the stack switches back and forth without an end",
	[MJ_WHY_DISAGREE] = "the program's two kinds of unwind tables disagree",
	[MJ_WHY_FRAME_POINTER] = "the saved frame pointers tell of another stack",
	[MJ_WHY_MEMORY] = "modjail is out of memory",
};

const char *
mj_walk_why_text(enum mj_walk_why why)
{
	return (unsigned)why < MJ_WHY_COUNT ? why_texts[why] : "unknown";
}

static const char *const root_names[] = {
	[MJ_ROOT_NONE] = "none",   [MJ_ROOT_GOROUTINE] = "goroutine", [MJ_ROOT_MAIN] = "main",
	[MJ_ROOT_START] = "start", [MJ_ROOT_SCHEDULER] = "scheduler", [MJ_ROOT_SIGNAL] = "signal",
	[MJ_ROOT_C] = "c",         [MJ_ROOT_LOADER] = "loader",
};

const char *
mj_root_name(enum mj_root root)
{
	return (unsigned)root < MJ_ARRAY_LEN(root_names) ? root_names[root] : "unknown";
}

void
mj_stack_init(struct mj_stack *stack)
{
	memset(stack, 0, sizeof(*stack));
}

void
mj_stack_finish(struct mj_stack *stack)
{
	free(stack->pcs);
	free(stack->bytes);
	mj_fold_free(stack->fold);
	mj_stack_init(stack);
}

static void
give_up(struct walk *w, enum mj_walk_why why)
{
	w->stack->status = MJ_WALK_INCOMPLETE;
	w->stack->why = why;
	w->stack->why_pc = w->pc;
	w->stack->root = MJ_ROOT_NONE;
	w->done = true;
}

static void
arrive(struct walk *w, enum mj_root root)
{
	w->stack->status = MJ_WALK_COMPLETE;
	w->stack->root = root;
	w->done = true;
}

static bool
push(struct walk *w, const struct mj_pc *pc)
{
	struct mj_stack *stack = w->stack;
	stack->depth++;
	if (stack->npcs < MJ_FOLD_AFTER ? mj_stack_append(stack, pc) : mj_fold_push(stack, pc))
		return true;
	give_up(w, MJ_WHY_MEMORY);
	return false;
}

/* Stands for everything outside Go's text; which Go frames called it is what counts. */
static const struct mj_frame c_frame = { .function = "", .file = "", .subject = MJ_SUBJECT_C };
static const struct mj_pc c_pc = { 0, 1, &c_frame, MJ_BROADCAST_NONE };

/* ---- stack memory --------------------------------------------------------------------------- */

static bool
grow(struct walk *w, size_t want)
{
	struct mj_stack *stack = w->stack;
	if (want <= stack->bytes_cap)
		return true;
	size_t cap = stack->bytes_cap ? stack->bytes_cap : FIRST_READ;
	while (cap < want)
		cap *= 2;
	uint8_t *bytes = realloc(stack->bytes, cap);
	if (!bytes)
		return false;
	stack->bytes = bytes;
	stack->bytes_cap = cap;
	return true;
}

/* Lets go of what lies below addr, which the walk has behind it. */
static void
slide(struct walk *w, uint64_t addr)
{
	w->base = addr;
	w->have = 0;
}

/* Reads the stack up to and including [addr, addr+8). Reads double in size up to MAX_READ, so that a deep stack
 * costs few of them, and a shallow one a single page. */
static bool
extend(struct walk *w, uint64_t addr)
{
	if (addr - w->base + 8 > MAX_READ)
		slide(w, addr);
	while (addr - w->base + 8 > w->have) {
		size_t want = w->have ? w->have * 2 : w->next_read;
		while (want < addr - w->base + 8)
			want *= 2;
		want = want < MAX_READ ? want : MAX_READ;
		if (!grow(w, want)) {
			give_up(w, MJ_WHY_MEMORY);
			return false;
		}
		ssize_t n = w->memory->read(w->memory->ctx, w->base + w->have,
		                            w->stack->bytes + w->have, want - w->have);
		if (n < 8) {
			give_up(w, MJ_WHY_STACK_UNREADABLE);
			return false;
		}
		w->have += (size_t)n & ~(size_t)7;
		w->next_read = want;
	}
	return true;
}

static bool
read_word(struct walk *w, uint64_t addr, uint64_t *ret)
{
	if (addr < w->base || addr % 8 || addr < w->began) {
		give_up(w, MJ_WHY_BAD_SP);
		return false;
	}
	if (addr - w->began > MAX_STACK_BYTES) {
		give_up(w, MJ_WHY_TOO_DEEP);
		return false;
	}
	if (addr - w->base + 8 > w->have && !extend(w, addr))
		return false;
	memcpy(ret, w->stack->bytes + (addr - w->base), sizeof(*ret));
	if (w->noted)
		mj_memo_note(w->log, w->first_sp, addr, *ret);
	return true;
}

static void
start_at(struct walk *w, uint64_t pc, uint64_t sp)
{
	w->pc = pc;
	w->sp = w->base = w->began = sp;
	w->have = 0;
	w->next_read = FIRST_READ;
	w->is_return = false;
	w->noted = false;
	w->has_fp =
		false; /* the collector may move the goroutine's stack meanwhile (frame_pointer.c) */
	if (sp % 8 || sp < 4096)
		give_up(w, MJ_WHY_BAD_SP);
}

/* After mj_runtime_find has not found what was looked for. */
static void
give_up_finding(struct walk *w, enum mj_find found)
{
	give_up(w, found == MJ_FIND_UNSURE  ? MJ_WHY_UNSURE
	           : found == MJ_FIND_ERROR ? MJ_WHY_NO_THREADS
	                                    : MJ_WHY_NO_GOROUTINE);
}

/* ---- stack switches ------------------------------------------------------------------------- */

/*
 * From a system stack to the goroutine that left for it: runtime.systemstack and
 * runtime.asmcgocall save where they left in g.sched, with a PC inside systemstack_switch, whose frame
 * is made to look like theirs (runtime/asm_amd64.s, gosave_systemstack_switch; before 1.17 asmcgocall
 * saves a PC of its own).
 */
static void
switch_to_goroutine(struct walk *w)
{
	struct mj_thread_stack at;
	uint64_t pc, sp;
	if (w->switches++ >= MAX_SWITCHES) {
		give_up(w, MJ_WHY_LOOP);
		return;
	}
	enum mj_find found = mj_runtime_find(w->runtime, w->memory, w->sp, w->hint, &at);
	if (found != MJ_FIND_OK) {
		give_up_finding(w, found);
		return;
	}
	if (at.kind != MJ_ON_G0 || !mj_runtime_sched(w->runtime, w->memory, at.curg, &pc, &sp)) {
		give_up(w, MJ_WHY_NO_GOROUTINE);
		return;
	}
	const struct mj_pc_entry *entry = mj_image_pc(w->image, pc - w->bias, false);
	if (!entry ||
	    (entry->special != MJ_FN_SYSTEMSTACK_SWITCH && entry->special != MJ_FN_ASMCGOCALL)) {
		give_up(w, MJ_WHY_NO_GOROUTINE);
		return;
	}
	start_at(w, pc, sp);
}

/*
 * Whether the goroutine of an m has not run at all: then it is one that waits for a call from C, and the thread is on its way
 * there (runtime.needm asks C for the bounds of its stack; Go 1.22). Such a goroutine's g.sched is as oneNewExtraM made it, with a PC
 * in goexit, until somebody leaves its stack (runtime/proc.go).
 */
static bool
is_unused(struct walk *w, uint64_t g)
{
	uint64_t pc, sp;
	if (!mj_runtime_sched(w->runtime, w->memory, g, &pc, &sp))
		return false;
	const struct mj_pc_entry *entry = mj_image_pc(w->image, pc - w->bias, false);
	return entry && entry->special == MJ_FN_GOEXIT;
}

/* Where runtime.racecall calls the race detector, on the system stack; looked for once. */
static bool
find_racecall(struct mj_image *image, struct mj_runtime_layout *layout)
{
	struct mj_func f;
	if (!layout->racecall_sought && mj_image_function(image, "racecall", 0, &f)) {
		layout->racecall = f.entry;
		layout->racecall_end = f.end;
	}
	layout->racecall_sought = true;
	return layout->racecall != 0;
}

/*
 * Whether the thread is on m's system stack because of the race detector. It is called from anywhere on a goroutine, and
 * runtime.racecall keeps the goroutine's SP in a register, not in g.sched, which tells of an earlier time
 * (runtime/race_amd64.s; Go 1.16 to 1.27). It begins at the top of the system stack, so its return address stands there.
 * That may be left over from an earlier call, below asmcgocall, which leaves room there up to Go 1.20 at least; but then
 * runtime.cgocall has called entersyscall, between which and exitsyscall no race detector is called.
 */
static bool
in_race_detector(struct walk *w, const struct mj_thread_stack *on)
{
	struct mj_runtime_layout *layout = mj_image_runtime_layout(w->image);
	uint64_t syscallsp, g0, pc, sp, ret;
	if (!find_racecall(w->image, layout) ||
	    !mj_snapshot_syscallsp(w->runtime, w->memory, on->curg, &syscallsp) || syscallsp ||
	    !mj_read_u64(w->memory, on->m + layout->at.m_g0, &g0) ||
	    !mj_runtime_sched(w->runtime, w->memory, g0, &pc, &sp) ||
	    !mj_read_u64(w->memory, (sp & ~UINT64_C(15)) - 8, &ret))
		return false;
	ret -= w->bias;
	return ret > layout->racecall && ret < layout->racecall_end;
}

/* The thread is in code that is not Go's: C, the loader, or something that nobody knows. */
static void
leave_foreign_code(struct walk *w, const struct mj_pc *foreign)
{
	int started = mj_runtime_started(w->runtime, w->memory);
	struct mj_thread_stack at;
	if (started < 0) {
		give_up(w, MJ_WHY_NO_GOROUTINE);
		return;
	}
	if (!push(w, foreign))
		return;
	if (!started) {
		if (mj_runtime_in_cgo_init(w->runtime, w->memory, w->sp))
			arrive(w, MJ_ROOT_START);
		else if (mj_loader_only(w->memory, w->pc, w->sp))
			arrive(w, MJ_ROOT_LOADER);
		else
			arrive(w, MJ_ROOT_C);
		return;
	}
	enum mj_find found = mj_runtime_find(w->runtime, w->memory, w->sp, w->hint, &at);
	switch (found) {
	case MJ_FIND_OK:
		if (at.kind == MJ_ON_CURG)
			give_up(w, MJ_WHY_NOT_GO_TEXT);
		else if (at.kind == MJ_ON_G0 && at.curg && !is_unused(w, at.curg) &&
		         !in_race_detector(w, &at))
			switch_to_goroutine(w);
		else
			arrive(w, MJ_ROOT_C);
		return;
	case MJ_FIND_NONE:
		arrive(w, MJ_ROOT_C);
		return;
	case MJ_FIND_ERROR:
	case MJ_FIND_UNSURE:
	default:
		give_up_finding(w, found);
	}
}

/*
 * At a root on a system stack. Such a root says that nobody but the runtime is at work, so it counts only on
 * the stack of that kind of an m of the runtime: not on one that somebody has made up.
 */
static void
arrive_on(struct walk *w, enum mj_stack_kind kind, enum mj_root root)
{
	struct mj_thread_stack at;
	enum mj_find found = mj_runtime_find(w->runtime, w->memory, w->sp, w->hint, &at);
	if (found != MJ_FIND_OK)
		give_up_finding(w, found);
	else if (at.kind != kind)
		give_up(w, MJ_WHY_BAD_SP);
	else
		arrive(w, root);
}

/*
 * At runtime.mstart, on the system stack that the walk began on. On stacks that come from C, it stands above what the
 * runtime takes for the top: the address of a variable of mstart0's (runtime/proc.go; mstart's own up to Go 1.16).
 */
static void
arrive_at_mstart(struct walk *w)
{
	struct mj_thread_stack at;
	enum mj_find found = mj_runtime_find(w->runtime, w->memory, w->began, w->hint, &at);
	if (found != MJ_FIND_OK)
		give_up_finding(w, found);
	else if (at.kind != MJ_ON_G0 || w->sp < w->began ||
	         (w->sp >= at.hi && w->sp - at.hi > MSTART_ROOM))
		give_up(w, MJ_WHY_BAD_SP);
	else
		arrive(w, MJ_ROOT_SCHEDULER);
}

static enum mj_find
find_goroutine(struct walk *w, struct mj_thread_stack *ret)
{
	if (mj_snapshot_find(w->runtime, &w->stack->snapshot, w->sp, ret))
		return MJ_FIND_OK;
	return mj_runtime_find(w->runtime, w->memory, w->sp, w->hint, ret);
}

/*
 * At runtime.goexit. A goroutine starts with its address right below the top of its stack
 * (runtime/proc.go, newproc1: at most a few words of room), so that it is the end only if it stands there, on
 * the stack of the goroutine that this thread runs: not on one that somebody has made up.
 */
static void
arrive_at_goexit(struct walk *w)
{
	struct mj_thread_stack at;
	enum mj_find found = find_goroutine(w, &at);
	switch (found) {
	case MJ_FIND_OK:
		break;
	case MJ_FIND_NONE:
		give_up(w, MJ_WHY_BAD_SP);
		return;
	case MJ_FIND_ERROR:
	case MJ_FIND_UNSURE:
	default:
		give_up_finding(w, found);
		return;
	}
	if (at.kind != MJ_ON_CURG || at.hi - w->sp > GOEXIT_ROOM) {
		give_up(w, MJ_WHY_BAD_SP);
		return;
	}
	if (!mj_fold_end(w->stack)) { /* whose outermost frames are asked for now */
		give_up(w, MJ_WHY_MEMORY);
		return;
	}
	arrive(w, w->saw_main ? MJ_ROOT_MAIN : MJ_ROOT_GOROUTINE);
	w->goroutine = at.curg;
	if (!w->saw_main)
		mj_runtime_ancestry(w->runtime, w->memory, at.curg, w->saw_shared, w->stack);
}

/* ---- one frame ------------------------------------------------------------------------------ */

/* Whether the walk ends at this function. The names, next to TOPFRAME, because Go 1.16 has no such
 * flag; mcall and morestack because nothing returns through them (runtime/asm_amd64.s). */
static bool
at_root(struct walk *w, const struct mj_pc_entry *entry)
{
	switch (entry->special) {
	case MJ_FN_GOEXIT:
		arrive_at_goexit(w);
		return true;
	case MJ_FN_RT0_GO:
		/* On m0's g0 stack, and only before m0 runs its first goroutine. */
		if (mj_runtime_starting(w->runtime, w->memory, w->sp))
			arrive(w, MJ_ROOT_START);
		else
			give_up(w, MJ_WHY_BAD_SP);
		return true;
	case MJ_FN_MSTART:
		arrive_at_mstart(w);
		return true;
	case MJ_FN_MCALL:
	case MJ_FN_MORESTACK:
		arrive_on(w, MJ_ON_G0, MJ_ROOT_SCHEDULER);
		return true;
	case MJ_FN_SIGTRAMP:
		arrive_on(w, MJ_ON_GSIGNAL, MJ_ROOT_SIGNAL);
		return true;
	default:
		return false;
	}
}

static bool
may_write_sp(const struct mj_pc_entry *entry)
{
	return entry->special == MJ_FN_CGOCALLBACK || entry->special == MJ_FN_ASMCGOCALL ||
	       entry->special == MJ_FN_SYSTEMSTACK_SWITCH;
}

/*
 * The second chain through the stack: each frame that has saved a frame pointer (at: its return
 * address; the word below it) saved the address of that very word of the next such frame outwards.
 * Where no such thing can be said, nothing is compared; frame_pointer.c says where that is.
 */
static bool
follow_frame_pointer(struct walk *w, const struct mj_pc_entry *entry, uint64_t at)
{
	if (entry->loses_fp || w->injected)
		w->has_fp = false;
	if (!entry->saves_fp || w->injected)
		return true;
	if (w->has_fp && w->fp != at - 8) {
		give_up(w, MJ_WHY_FRAME_POINTER);
		return false;
	}
	w->has_fp = true;
	return read_word(w, at - 8, &w->fp);
}

/*
 * Where the instruction before a system call has popped the return address (see mj_pc_entry), it still stands right below SP:
 * nobody has written there since. What could is the kernel, which puts the frame of a signal's handler below
 * the 128 bytes under SP that the ABI leaves to the function (Linux, arch/x86/kernel/signal.c, get_sigframe), if not on
 * another stack, and here signals are blocked (runtime/proc.go, syscall_runtime_BeforeFork); and the child, which shares the
 * stack, and whose first instruction pushes the same word there, after this call has been decided.
 */
static uint64_t
below_sp(struct walk *w)
{
	uint64_t at = w->sp - 8;
	w->noted = false; /* a memo has room for what lies above SP alone */
	if (at < w->base) {
		w->base = at;
		w->have = 0;
	}
	if (at < w->began)
		w->began = at;
	return at;
}

/* The next frame outwards: its PC and SP, from this one's size. */
static void
step_out(struct walk *w, const struct mj_pc_entry *entry)
{
	uint64_t ret;
	if (!entry->pcsp_ok || (entry->spdelta < 0 && !entry->popped) || entry->spdelta % 8) {
		give_up(w, MJ_WHY_BAD_PCSP);
		return;
	}
	if (entry->disagrees) {
		give_up(w, MJ_WHY_DISAGREE);
		return;
	}
	uint64_t at = entry->popped ? below_sp(w) : w->sp + (uint64_t)entry->spdelta;
	if (!follow_frame_pointer(w, entry, at) || !read_word(w, at, &ret))
		return;
	w->injected = entry->special == MJ_FN_SIGPANIC || entry->special == MJ_FN_ASYNCPREEMPT ||
	              entry->special == MJ_FN_CGOCALLBACK;
	w->saw_main = entry->special == MJ_FN_MAIN;
	w->saw_shared = entry->special == MJ_FN_SHARED_RUNNER;
	w->called_back |= entry->special == MJ_FN_CGOCALLBACK;
	w->pc = ret;
	w->sp = at + 8;
	w->is_return = true;
}

static void
visit(struct walk *w)
{
	/* After sigpanic the PC is the faulting instruction itself, not the one behind a call
	 * (runtime/traceback.go: "frame.pc is probably not a safe point"). */
	bool after_call = w->is_return && !w->injected;
	const struct mj_pc_entry *entry = mj_image_pc(w->image, w->pc - w->bias, after_call);
	if (!entry || entry->foreign) {
		if (w->stack->npcs == 0)
			leave_foreign_code(w, entry ? &entry->pub : &c_pc);
		else
			give_up(w, MJ_WHY_NOT_GO_TEXT);
		return;
	}
	/* goexit's address is put there by newproc, not by a call (runtime/proc.go, newproc1). */
	if (after_call && !entry->follows_call && entry->special != MJ_FN_GOEXIT) {
		give_up(w, MJ_WHY_NOT_A_CALL);
		return;
	}
	w->marked |= w->sp == w->stack->snapshot.mark_sp && entry->func_entry == w->mark_func;
	if (!push(w, &entry->pub) || at_root(w, entry))
		return;
	if (entry->special == MJ_FN_SYSTEMSTACK) {
		switch_to_goroutine(w);
		return;
	}
	if (entry->flag & MJ_FUNC_TOPFRAME) {
		give_up(w, MJ_WHY_NOT_GO_TEXT); /* a root that has no name here is not trusted */
		return;
	}
	if ((entry->flag & MJ_FUNC_SPWRITE) && !may_write_sp(entry)) {
		give_up(w, MJ_WHY_SPWRITE);
		return;
	}
	step_out(w, entry);
}

/* Begins with what was read in advance. */
static void
use_snapshot(struct walk *w, const struct mj_memory *memory)
{
	struct mj_snapshot *snap = &w->stack->snapshot;
	mj_snapshot_prepare(w->runtime, memory, w->hint, w->sp, w->stack);
	mj_snapshot_memory_init(&w->over, memory, snap);
	w->memory = &w->over.memory;
	if (!snap->taken)
		return;
	if (w->sp >= snap->base && w->sp - snap->base < snap->have) {
		w->base = snap->base;
		w->have = snap->have;
	}
	const struct mj_pc_entry *mark =
		snap->mark_sp ? mj_image_pc(w->image, snap->mark_pc - w->bias, true) : NULL;
	w->mark_func = mark ? mark->func_entry : 0;
}

/* From SP to the top of the goroutine's stack, 0 if that is not known. */
static uint64_t
depth_of(const struct walk *w)
{
	const struct mj_snapshot *snap = &w->stack->snapshot;
	const struct mj_offsets *at = &mj_image_runtime_layout(w->image)->at;
	if (!snap->taken || !snap->g_len || w->first_sp % 8 || w->first_sp < snap->base)
		return 0;
	uint64_t top = snap->g_words[at->g_stack_hi / 8];
	return top > w->first_sp ? top - w->first_sp : 0;
}

/* Does a walk that was made before once more. The end is looked at as ever: which goroutine that is, and who created
 * it, are not the stack's to say. */
static bool
repeat(struct walk *w, uint64_t depth)
{
	struct mj_stack *stack = w->stack;
	if (!depth || w->sp - w->base > w->have)
		return false;
	const struct mj_memo *memo =
		mj_memo_find(w->runtime, w->pc, depth, w->sp, stack->bytes + (w->sp - w->base),
	                     w->have - (w->sp - w->base));
	if (!memo || stack->cap < memo->npcs)
		return false;
	memcpy(stack->pcs, memo->pcs, memo->npcs * sizeof(memo->pcs[0]));
	stack->npcs = stack->depth = memo->npcs;
	w->marked = memo->mark_pc && memo->mark_pc == stack->snapshot.mark_pc &&
	            w->sp + memo->mark_at == stack->snapshot.mark_sp;
	w->saw_main = memo->saw_main;
	w->saw_shared = memo->saw_shared;
	w->called_back = memo->called_back;
	w->sp += memo->end;
	stack->walk_id = memo->id;
	arrive_at_goexit(w);
	return true;
}

static void
keep(struct walk *w, uint64_t depth)
{
	const struct mj_snapshot *snap = &w->stack->snapshot;
	struct mj_memo head = {
		.pc = w->first_pc,
		.depth = depth,
		.end = w->sp - w->first_sp,
		.mark_pc = w->marked ? snap->mark_pc : 0,
		.mark_at = w->marked ? snap->mark_sp - w->first_sp : 0,
		.saw_main = w->saw_main,
		.saw_shared = w->saw_shared,
		.called_back = w->called_back,
		.npcs = w->stack->npcs,
	};
	if (w->noted && depth)
		w->stack->walk_id = mj_memo_keep(w->runtime, &head, w->stack->pcs, w->log);
}

/* What the thread's next walk can begin with. */
static void
remember(struct walk *w)
{
	const struct mj_snapshot *snap = &w->stack->snapshot;
	if (!w->hint || w->switches)
		return;
	w->hint->steady = w->hint->g == w->goroutine && !w->called_back;
	w->hint->g = w->goroutine;
	w->hint->sp = w->first_sp;
	w->hint->used = w->sp - w->first_sp;
	if (w->marked && !snap->predicted)
		mj_snapshot_learn(w->runtime, snap, w->first_pc, w->first_sp);
}

/* ---- walks that take long ------------------------------------------------------------------- */

struct mj_walk_rest {
	struct walk w;
	/* Of the stack. */
	const struct mj_pc **pcs;
	size_t npcs, depth, cap;
	struct mj_fold *fold;
};

void
mj_walk_rest_free(struct mj_walk_rest *rest)
{
	if (!rest)
		return;
	free(rest->pcs);
	mj_fold_free(rest->fold);
	free(rest);
}

size_t
mj_walk_rest_size(const struct mj_walk_rest *rest)
{
	return sizeof(*rest) + rest->cap * sizeof(rest->pcs[0]) + mj_fold_size(rest->fold);
}

static void
put_aside(struct walk *w, struct mj_walk_rest **ret)
{
	struct mj_stack *stack = w->stack;
	struct mj_walk_rest *rest = malloc(sizeof(*rest));
	if (!rest) {
		give_up(w, MJ_WHY_MEMORY);
		return;
	}
	*rest = (struct mj_walk_rest){ *w,           stack->pcs, stack->npcs,
		                       stack->depth, stack->cap, stack->fold };
	stack->pcs = NULL;
	stack->fold = NULL;
	stack->npcs = stack->depth = stack->cap = 0;
	stack->why = MJ_WHY_ASIDE;
	*ret = rest;
}

/* Goes on where another call has left off. Nothing that was read then is used again, but for the frames. */
static void
take_up(struct walk *w, struct mj_walk_rest *rest)
{
	struct walk begun = *w;
	struct mj_stack *stack = w->stack;
	*w = rest->w;
	w->memory = begun.memory;
	w->hint = begun.hint;
	w->stack = stack;
	w->pace = begun.pace;
	w->stride = begun.stride;
	w->log = NULL;
	w->noted = false;
	slide(w, w->sp);
	w->next_read = FIRST_READ;
	mj_snapshot_clear(stack);
	free(stack->pcs);
	stack->pcs = rest->pcs;
	stack->npcs = rest->npcs;
	stack->depth = rest->depth;
	stack->cap = rest->cap;
	stack->fold = rest->fold;
	free(rest);
}

/* False: it is to be put aside. */
static bool
visit_all(struct walk *w)
{
	const uint64_t *misses = &w->image->cache.stats.misses;
	while (!w->done) {
		uint64_t before = *misses;
		visit(w);
		w->stride -= (int64_t)(1 + MISS_FRAMES * (*misses - before));
		if (w->stride > 0 || w->done)
			continue;
		if (w->pace && w->pace->stop(w->pace->ctx))
			return false;
		w->stride = MJ_WALK_STRIDE;
	}
	return true;
}

/* ---- the walk ------------------------------------------------------------------------------- */

static void
finish(struct walk *w)
{
	struct mj_stack *stack = w->stack;
	if (!mj_fold_end(stack))
		give_up(w, MJ_WHY_MEMORY);
	if (stack->snapshot.predicted && stack->status == MJ_WALK_COMPLETE && !w->marked)
		give_up(w, MJ_WHY_BAD_SP);
	if (stack->status == MJ_WALK_COMPLETE && w->goroutine)
		remember(w);
}

static void
walk(struct walk *w, struct mj_walk_rest **rest)
{
	struct mj_stack *stack = w->stack;
	uint64_t depth = depth_of(w);
	if (!repeat(w, depth)) {
		w->noted = depth != 0;
		if (!visit_all(w)) {
			put_aside(w, rest);
			return;
		}
		if (stack->status == MJ_WALK_COMPLETE && w->goroutine)
			keep(w, depth);
	}
	finish(w);
}

void
mj_walk_forget(struct mj_stack *stack)
{
	mj_snapshot_drop(stack);
}

static void
clear_stack(struct mj_stack *stack)
{
	stack->status = MJ_WALK_INCOMPLETE;
	stack->why = MJ_WHY_NONE;
	stack->why_pc = 0;
	stack->root = MJ_ROOT_NONE;
	stack->npcs = stack->depth = 0;
	mj_fold_free(stack->fold);
	stack->fold = NULL;
	stack->goid = 0;
	stack->ancestry = MJ_ANCESTRY_UNKNOWN;
	stack->nancestors = 0;
	stack->ancestors = NULL;
	stack->handed_over = false;
	stack->walk_id = stack->ancestry_id = 0;
}

void
mj_walk_paced(struct mj_runtime *runtime, const struct mj_memory *memory,
              struct mj_thread_hint *hint, uint64_t pc, uint64_t sp, const struct mj_pace *pace,
              struct mj_walk_rest **rest, struct mj_stack *stack)
{
	struct mj_walk_rest *begun = rest ? *rest : NULL;
	struct mj_memo_log log;
	struct walk w = {
		.runtime = runtime,
		.image = runtime->image,
		.bias = runtime->bias,
		.memory = memory,
		.hint = hint,
		.stack = stack,
		.pace = pace,
		.stride = MJ_WALK_STRIDE,
		.first_pc = pc,
		.first_sp = sp,
		.log = &log,
	};
	log.count = 0; /* its words are not cleared: they are many */
	clear_stack(stack);
	if (rest)
		*rest = NULL;
	if (begun && (begun->w.first_pc != pc || begun->w.first_sp != sp)) {
		mj_walk_rest_free(begun);
		begun = NULL;
	}
	if (begun) {
		take_up(&w, begun);
		if (visit_all(&w))
			finish(&w);
		else
			put_aside(&w, rest);
	} else {
		start_at(&w, pc, sp);
		if (!w.done) {
			use_snapshot(&w, memory);
			walk(&w, rest);
		}
	}
	mj_snapshot_drop(stack);
}

void
mj_walk(struct mj_runtime *runtime, const struct mj_memory *memory, struct mj_thread_hint *hint,
        uint64_t pc, uint64_t sp, struct mj_stack *stack)
{
	mj_walk_paced(runtime, memory, hint, pc, sp, NULL, NULL, stack);
}

void
mj_walk_give_up(struct mj_walk_rest **rest, enum mj_walk_why why, struct mj_stack *stack)
{
	struct walk w = { .stack = stack };
	clear_stack(stack);
	if (*rest)
		take_up(&w, *rest);
	*rest = NULL;
	give_up(&w, why);
	if (!mj_fold_end(stack))
		give_up(&w, MJ_WHY_MEMORY);
	mj_snapshot_drop(stack);
}
