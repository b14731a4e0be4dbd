/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbolizer: from a program counter and a stack pointer to Go frames and their modules.
 * Reads ELF, build info, pclntab and moduledata (all untrusted, all bounds-checked) and the memory
 * of a stopped thread through a reader that the caller supplies. Knows nothing of policies.
 */
#ifndef MJ_SYMBOLIZER_H
#define MJ_SYMBOLIZER_H

#include "common/common.h"
#include "symbolizer/inspect.h" /* mj_inspect() */

/* ---- images --------------------------------------------------------------------------------- */

/** What an executable file is, as far as modjail can use it. */
enum mj_image_kind {
	MJ_IMAGE_NOT_ELF,   /**< a script, or anything else */
	MJ_IMAGE_FOREIGN,   /**< ELF for another machine, class or byte order */
	MJ_IMAGE_NOT_GO,    /**< ELF of this machine without any trace of Go */
	MJ_IMAGE_GO_OPAQUE, /**< Go (build info or build id), but no usable pclntab or moduledata */
	MJ_IMAGE_GO,        /**< Go, stacks can be walked */
};

/** A module of the program: from build info, or a path that the policy named. */
struct mj_module {
	const char *path;
	const char *version; /**< "v1.2.3", "(devel)", or "" where unknown */
	bool is_main;
	bool in_build_info; /**< false: only the policy names it */
};

/** Subjects that are no module of mj_image_module(). */
enum {
	MJ_SUBJECT_STD = -1, /**< standard library and runtime, and compiler-made functions */
	MJ_SUBJECT_C = -2,   /**< code outside Go's text */
};

/** One logical frame. Inlined calls are frames of their own, innermost first. Strings are
 * borrowed from the image and live as long as it does. */
struct mj_frame {
	const char *function; /**< as in the pclntab, "gopkg.in/yaml%2ev3.Unmarshal", or "" */
	const char *file;     /**< "" where unknown */
	int line;             /**< 0 where unknown */
	int subject;          /**< by its name: index for mj_image_module(), or MJ_SUBJECT_* */
	bool inlined;         /**< inlined into the next frame outwards */
	unsigned
		nsuspects; /**< further modules that its compile unit or its file's directory name */
	const int *suspects; /**< their indices */
	bool doubtful;     /**< the witnesses do not account for it: anybody may have written it */
	const char *doubt; /**< if so, why; else NULL */
	bool stray;        /**< a closure that anybody may have written: see mj_frame_in_doubt() */
};

/**
 * Whether anybody may have written a frame's code, so that nobody knows who acts. inner: the frame that it has called, NULL if it is
 * the innermost. A closure that nobody is known to have written adds nobody where all that it
 * does is to call back into the function that it stands in, as an iterator does with the body of a loop.
 */
bool mj_frame_in_doubt(const struct mj_frame *frame, const struct mj_frame *inner);

/** What part a function of the runtime has in one call on all threads: see mj_stack_broadcast. */
enum mj_broadcast {
	MJ_BROADCAST_NONE = 0,
	MJ_BROADCAST_ASKS, /**< makes the call first, for whoever called it, then has it made by the others */
	MJ_BROADCAST_FOLLOWS, /**< makes it on one of the other threads */
};

/** One physical frame: a code address, with its logical frames. Kept by the image's PC cache. */
struct mj_pc {
	uint64_t pc; /**< address in the file, load bias taken off */
	unsigned nframes;
	const struct mj_frame *frames; /**< innermost first, nframes of them, at least 1 */
	enum mj_broadcast broadcast;   /**< of the physical function */
};

struct mj_image;

/** Identity of a file: the device and inode that hold it, plus size and change time, since an
 * inode can be rewritten between two executions. */
struct mj_image_id {
	uint64_t dev, ino, size;
	int64_t ctime_sec, ctime_nsec;
};

/**
 * Opens the executable behind fd (borrowed; may be closed afterwards) and reads what a walk
 * needs. Succeeds for every readable file: what it is, is mj_image_kind(). extra lists module paths
 * (n_extra, copied) that count as modules next to those of build info. name is for messages.
 * Fails if the file cannot be read or mapped, or memory runs out.
 */
int mj_image_open(int fd, const char *name, const char *const *extra, size_t n_extra,
                  struct mj_image **ret, struct mj_error *err);
void mj_image_destroy(struct mj_image *image); /**< accepts NULL */

/**
 * Makes walks of this image check every frame against the call frame information of the file
 * (.debug_frame, read with libdw); a disagreement ends them with MJ_WHY_DISAGREE. To
 * be called before the first look-up; fd is the image's file (borrowed). *ret_has_cfi: false if the file has none (a stripped Go program):
 * then nothing is checked.
 */
int mj_image_verify_walks(struct mj_image *image, int fd, bool *ret_has_cfi, struct mj_error *err);

/**
 * Asks the debugging information, too, where the file has any, to which package code belongs and how the runtime's
 * structures are laid out. To be called before the first look-up. Reading it takes tens of milliseconds
 * for a large program, and is done when it is needed first.
 */
void mj_image_use_dwarf(struct mj_image *image);

enum mj_image_kind mj_image_kind(const struct mj_image *image);
/** One sentence: why the kind is what it is ("no pclntab found", "32-bit ELF", ...). */
const char *mj_image_why(const struct mj_image *image);
struct mj_image_id mj_image_id(const struct mj_image *image);
/** The releases, 1.16 to 1.27, whose programs are known. */
enum { MJ_GO_OLDEST = 16, MJ_GO_NEWEST = 27 };

/** "go1.26.8", or "" where the program does not say. */
const char *mj_image_go_version(const struct mj_image *image);
/** The main package's import path ("path" line of build info), or "". */
const char *mj_image_main_package(const struct mj_image *image);
/** The main module's path ("mod" line of build info), or "". */
const char *mj_image_main_module(const struct mj_image *image);
/** Whether a program of C starts, and Go's runtime in it is started by a constructor: -buildmode=c-archive (cmd/link, the
 * entry point _rt0_amd64_linux_lib). */
bool mj_image_is_c_program(const struct mj_image *image);
size_t mj_image_module_count(const struct mj_image *image);
const struct mj_module *mj_image_module(const struct mj_image *image, size_t index);
/** What precedes "runtime/proc.go" in the program's file names, "/usr/local/go/src/": *ret_len
 * bytes, borrowed. NULL as long as nothing was looked up. With -trimpath it is empty. */
const char *mj_image_goroot(const struct mj_image *image, size_t *ret_len);
/** Whether a module owns at least one function of the program. */
bool mj_image_module_present(struct mj_image *image, size_t index);

/**
 * The logical frames of one code address (file address, bias taken off). is_return: pc is a return
 * address, so the line and the inlining are those of pc-1 (the call), as in the Go runtime's
 * traceback (runtime/symtab.go, runtime/traceback.go). NULL if pc is not in Go text.
 * Cached; the result lives as long as the image.
 */
const struct mj_pc *mj_image_lookup(struct mj_image *image, uint64_t pc, bool is_return);

/** Unescapes a pclntab function name for people ("yaml%2ev3" → "yaml.v3"); returns buf. */
char *mj_function_display(const char *function, char *buf, size_t len);

/** The package of a pclntab function name, unescaped, into buf; false for names without one. */
bool mj_function_package(const char *function, char *buf, size_t len);

/* ---- live processes ------------------------------------------------------------------------- */

/** Reads len bytes at addr of the process; returns how many bytes were read (fewer at the end of
 * a mapping), 0 or -1 for none. */
typedef ssize_t (*mj_read_memory)(void *ctx, uint64_t addr, void *buf, size_t len);

/** Executable memory of a process. */
struct mj_range {
	uint64_t start, end;
	bool loader; /**< belongs to the dynamic loader (the file mapped at AT_BASE) */
};

/** Fills up to max ranges of executable memory; how many there are, -1 if that cannot be told. */
typedef ssize_t (*mj_read_code_ranges)(void *ctx, struct mj_range *ret, size_t max);

/** A piece of memory that is read together with others. */
struct mj_part {
	uint64_t addr;
	void *buf;
	size_t len;
	size_t got; /**< how much of it was read, from its beginning */
};

/** Reads several pieces at once, in order, until one cannot be read any further. False: nothing was read. */
typedef bool (*mj_read_parts)(void *ctx, struct mj_part *parts, size_t n);

struct mj_memory {
	mj_read_memory read;
	mj_read_code_ranges code_ranges; /**< asked for only before the Go runtime has started */
	void *ctx;
	mj_read_parts read_parts; /**< NULL: there is no such thing */
};

/** The Go runtime of one process (an execution of an image): load bias and where its m's are. */
struct mj_runtime;

/** The load bias of a process that executes image, from AT_PHDR of its auxiliary vector. False if
 * the two cannot belong together. */
bool mj_image_bias(const struct mj_image *image, uint64_t at_phdr, uint64_t *ret);

/** bias: where the image was loaded minus its link address (0 for non-PIE). max_ancestors: the N of
 * GODEBUG=tracebackancestors=N that the process was started with, 0 to leave creators alone. */
int mj_runtime_create(struct mj_image *image, uint64_t bias, unsigned max_ancestors,
                      struct mj_runtime **ret, struct mj_error *err);
void mj_runtime_destroy(struct mj_runtime *runtime); /**< accepts NULL */

/** How a walk ended. Only MJ_WALK_COMPLETE may be decided on; all else is refused. */
enum mj_walk_status {
	MJ_WALK_INCOMPLETE = 0, /**< see why */
	MJ_WALK_COMPLETE,
};

/** Why a walk is not complete; the words are mj_walk_why_text(). */
enum mj_walk_why {
	MJ_WHY_NONE = 0,
	MJ_WHY_NOT_GO_TEXT, /**< a code address outside Go's text that no rule explains */
	MJ_WHY_STACK_UNREADABLE,
	MJ_WHY_BAD_PCSP,   /**< the tables give no frame size for this address */
	MJ_WHY_SPWRITE,    /**< a function that moves SP in a way that is not understood */
	MJ_WHY_NOT_A_CALL, /**< a return address that does not follow a call instruction */
	MJ_WHY_TOO_DEEP,
	MJ_WHY_NO_GOROUTINE, /**< on a system stack, and the goroutine could not be found */
	MJ_WHY_BAD_SP,       /**< SP misaligned, or outside of every stack */
	MJ_WHY_LOOP,         /**< stack switches that do not end */
	MJ_WHY_MEMORY,
	MJ_WHY_DISAGREE,      /**< --verify-walk: pclntab and call frame information disagree */
	MJ_WHY_FRAME_POINTER, /**< the saved frame pointers do not lead from frame to frame */
	MJ_WHY_ASIDE,         /**< it takes long, and was put aside: see mj_walk_paced */
	MJ_WHY_TOO_LONG,      /**< the walker never says so: its caller has waited long enough */
	MJ_WHY_NO_THREADS,    /**< the runtime's list of m's was not found, or could not be read */
	MJ_WHY_UNSURE,        /**< several may be that list, and not all say the same */
	MJ_WHY_COUNT
};
const char *mj_walk_why_text(enum mj_walk_why why);

/** What kind of root a complete walk reached. */
enum mj_root {
	MJ_ROOT_NONE = 0,
	MJ_ROOT_GOROUTINE, /**< runtime.goexit: a goroutine's first frame */
	MJ_ROOT_MAIN,      /**< runtime.main's goroutine */
	MJ_ROOT_START,     /**< runtime.rt0_go: the program's start-up */
	MJ_ROOT_SCHEDULER, /**< runtime.mstart, mcall, morestack: the scheduler, no goroutine */
	MJ_ROOT_SIGNAL,    /**< runtime.sigtramp: a signal handler */
	MJ_ROOT_C,         /**< C code with no Go caller: a thread that C made, a constructor */
	MJ_ROOT_LOADER,    /**< the dynamic loader, before any code of the program ran */
};
const char *mj_root_name(enum mj_root root);

/** What is known of the goroutines that created the one that was walked. */
enum mj_ancestry {
	MJ_ANCESTRY_UNKNOWN = 0, /**< not looked for (--ancestry=off), or not a goroutine */
	MJ_ANCESTRY_COMPLETE,    /**< up to the main goroutine */
	MJ_ANCESTRY_TIMER, /**< up to one that a timer started: who set that is not recorded */
	MJ_ANCESTRY_SHARED, /**< it runs finalizers or cleanups of everybody: creators mean nothing */
	MJ_ANCESTRY_CALLBACK, /**< it, or a creator, runs a std function that was handed to a timer, a
	                            context or a finalizer; by whom is not recorded */
	MJ_ANCESTRY_SERVES, /**< it, or a creator, was started for whoever waits in a queue (servers.c) */
	MJ_ANCESTRY_CUT,     /**< a record, or the chain of them, is as long as its limit */
	MJ_ANCESTRY_MISSING, /**< there should be a record and is none */
	MJ_ANCESTRY_FOREIGN, /**< it, or the oldest creator, is one on which C calls Go, from a thread of C's own */
	MJ_ANCESTRY_UNSURE, /**< several places may be where the runtime keeps it */
};
/** One clause for messages, "its record of creators is cut off". Static. */
const char *mj_ancestry_text(enum mj_ancestry ancestry);

/** A goroutine at the moment when it executed a go statement, newest first. */
struct mj_ancestor {
	uint64_t goid;
	size_t npcs;
	const struct mj_pc **pcs; /**< innermost first */
	/* Where the go statement stands: mj_is_go_statement. */
	size_t go_from, go_to;
	unsigned go_frame;
	/** What is known if neither this one nor older ones are asked: mj_stack_ancestry. */
	enum mj_ancestry until;
};

/** What was read of a stopped thread in advance; private to the walker (symbolizer/snapshot.h). */
struct mj_snapshot {
	bool taken;
	bool predicted; /* the walk's SP is what mj_walk_predict found */
	bool steady;    /* the hint's */
	uint64_t m, g;  /* where the words were read; the lengths are 0 if they could not be */
	size_t m_len, g_len;
	uint64_t base; /* of have bytes of the stack, in mj_stack's bytes */
	size_t have;
	uint64_t mark_sp,
		mark_pc; /* g.syscallsp and g.syscallpc; 0 if not set, or not to be believed */
	uint64_t m_words[64], g_words[64];
};

/** A walked stack; reused from walk to walk so that the hot path does not allocate. */
struct mj_stack {
	enum mj_walk_status status;
	enum mj_walk_why why;
	uint64_t why_pc; /**< the address at which the walk gave up (live address) */
	enum mj_root root;
	size_t npcs;
	const struct mj_pc **pcs; /**< innermost first; owned by the image of the runtime walked */
	/** How many frames the stack has. More than npcs: it is very deep, and of those that repeat in its middle only the
	 * innermost of each address is among pcs (symbolizer/fold.h). */
	size_t depth;
	uint64_t goid; /**< of the goroutine; 0 if it was not looked for */
	enum mj_ancestry ancestry;
	size_t nancestors;
	const struct mj_ancestor *ancestors; /**< valid until the next walk of the same runtime */
	bool handed_over; /**< what it runs was handed over, and by whom is not recorded */
	/** Two complete walks of one runtime with the same walk_id, not 0, ancestry_id and ancestry have the same frames, root
	 * and creators. */
	uint64_t walk_id, ancestry_id;
	/* private to the walker: */
	size_t cap;
	uint8_t *bytes;
	size_t bytes_cap;
	struct mj_fold *fold;
	struct mj_snapshot snapshot;
};

/** What a thread's walks remember for its next one. Zero-initialised; checked before it is used. */
struct mj_thread_hint {
	uint64_t m;
	uint64_t tid; /**< the thread's number as the program sees it; 0: unknown, or a fork */
	uint64_t g;   /**< the goroutine of the last walk that ended at the root of one */
	uint64_t sp;  /**< where that walk began, and how many bytes of the stack it needed */
	size_t used;
	/** So did the walk before, at the same goroutine, and C did not call it: m is the thread's for good, and
	 * runs g whenever g says so (symbolizer/snapshot.c). */
	bool steady;
};

/** Whether a creator's go statement stands in the frame pcs[pc]->frames[frame], or in one that such a frame called to have it
 * executed (sync.WaitGroup.Go). */
bool mj_is_go_statement(const struct mj_ancestor *creator, size_t pc, unsigned frame);

/** stack->ancestry, if only its nancestors newest creators are asked, and of the oldest of those not more than the frame
 * of its go statement. */
enum mj_ancestry mj_stack_ancestry(const struct mj_stack *stack, size_t nancestors);

void mj_stack_init(struct mj_stack *stack);
void mj_stack_finish(struct mj_stack *stack);

/**
 * Walks the stack of a stopped thread from PC and SP into *stack, and looks up the goroutines that
 * created its. hint: the thread's own, or NULL. Never fails otherwise than by stack->status. Not thread-safe for one image: the caller serialises walks of an image.
 */
void mj_walk(struct mj_runtime *runtime, const struct mj_memory *memory,
             struct mj_thread_hint *hint, uint64_t pc, uint64_t sp, struct mj_stack *stack);

/** Asked by a walk, once in MJ_WALK_STRIDE frames or as much work: whether it shall be put aside. */
struct mj_pace {
	bool (*stop)(void *ctx);
	void *ctx;
};
#define MJ_WALK_STRIDE 512

/** A walk that was put aside: its frames so far, and where it goes on. */
struct mj_walk_rest;

/**
 * As mj_walk. With *rest, goes on with the walk that was put aside there, if it began at pc and sp: of the same stopped thread,
 * with the same runtime, which is for the caller to know. *rest is taken over, and set: to NULL, or, if pace says stop, to
 * what is left to do. Then the stack is incomplete, why is MJ_WHY_ASIDE, and the stack has no frames. Other walks may be made
 * meanwhile, with the same struct mj_stack too. pace and rest may both be NULL.
 */
void mj_walk_paced(struct mj_runtime *runtime, const struct mj_memory *memory,
                   struct mj_thread_hint *hint, uint64_t pc, uint64_t sp,
                   const struct mj_pace *pace, struct mj_walk_rest **rest, struct mj_stack *stack);
/** Ends a walk that was put aside, for this reason: the stack gets the frames so far, *rest, which may be NULL already, becomes
 * NULL. */
void mj_walk_give_up(struct mj_walk_rest **rest, enum mj_walk_why why, struct mj_stack *stack);
/** Accepts NULL. */
void mj_walk_rest_free(struct mj_walk_rest *rest);
/** Bytes of memory that it takes. */
size_t mj_walk_rest_size(const struct mj_walk_rest *rest);

/**
 * Where the stopped thread's SP is, from the runtime's record of the system call that its goroutine is in, for the walk
 * from pc that follows at once; what is read here need not be read again by that walk. False: it cannot be told, and the kernel has to be asked. A
 * walk from there that does not go through the frame on record is incomplete. Why it is believed: symbolizer/snapshot.c.
 */
bool mj_walk_predict(struct mj_runtime *runtime, const struct mj_memory *memory,
                     const struct mj_thread_hint *hint, uint64_t pc, struct mj_stack *stack,
                     uint64_t *ret_sp);

/**
 * Whether the system call of a walked stack belongs to one call on all threads (syscall.AllThreadsSyscall): whether the
 * runtime makes it for who asks, or on one of the other threads. NONE where the walk is not complete, and where between the
 * runtime's function and the system call is anything but confirmed code of the standard library. Why: symbolizer/allthreads.c.
 */
enum mj_broadcast mj_stack_broadcast(const struct mj_stack *stack);

/** Forgets what mj_walk_predict has read. To be called before anything is read of another thread, or at another time. */
void mj_walk_forget(struct mj_stack *stack);

/* ---- the standard library's own acts (ownact.c) --------------------------------------------- */

/** A function by which the standard library does something once for the whole program, at places
 * that it chooses itself (ownact.c names the sources). Static. */
struct mj_own_act;

/**
 * The innermost such function of a complete stack, if every frame from the call up to it is
 * confirmed to be the standard library's, inlined ones included, and so is what called it. C code
 * may stand before them only where the function asks libc. Who is further out does not matter, but
 * has to have come in by an exported function, not by //go:linkname. NULL: the call is its callers'.
 */
const struct mj_own_act *mj_own_act(const struct mj_stack *stack);

/** Whether it makes sockets, to see which the kernel has; if not, it only reads. */
bool mj_own_act_probes(const struct mj_own_act *act);

/**
 * Whether path is one that it opens, or looks at, by itself: a path of its own, or one that the
 * environment at the program's start names (len bytes of "NAME=value\0"), so that os.Setenv gains
 * nothing. goroot: mj_image_goroot.
 */
bool mj_own_act_opens(const struct mj_own_act *act, const char *environment, size_t len,
                      const char *goroot, size_t goroot_len, const char *path);

/** All of them, and their functions' names; NULL behind the last index. */
const struct mj_own_act *mj_own_act_at(size_t index, const char **ret_function);

/** Whether what comes of a call of a complete stack is remembered for the whole program, whoever
 * made it: it is made by such a function, or by the standard library within a sync.Once. False for
 * an empty stack. */
bool mj_is_remembered(const struct mj_stack *stack);

/** A part of a file, or of other memory, that a process has mapped. */
struct mj_mapping {
	uint64_t start, end;
	uint64_t offset;   /**< in the file */
	uint64_t dev, ino; /**< which file that is; ino is 0 for none */
	bool exec;
	const char *path; /**< as the kernel names it, "" for none; borrowed */
};

#define MJ_MAX_C_FRAMES 64

/** One frame of C code, for people: untrusted text. */
struct mj_c_frame {
	char text[160]; /**< "qsort in libc.so.6"; without a symbol "C code in libc.so.6" */
};

/**
 * The C frames of a stopped thread from PC and SP outwards, innermost first, up to the Go code that called
 * them: at most max, returned is how many. maps: what the process has mapped, by address. By the tables and
 * symbols that the process itself has in memory: good enough for a message, never for a decision.
 * It ends early, without an error, where those say nothing, or need a register that nobody saved.
 */
size_t mj_c_frames(struct mj_runtime *runtime, const struct mj_memory *memory,
                   const struct mj_mapping *maps, size_t nmaps, uint64_t pc, uint64_t sp,
                   struct mj_c_frame *ret, size_t max);

/** PC-cache statistics of an image, since it was opened. */
struct mj_cache_stats {
	uint64_t hits, misses, entries;
};
struct mj_cache_stats mj_image_cache_stats(const struct mj_image *image);

#endif
