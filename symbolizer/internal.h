/* SPDX-License-Identifier: Apache-2.0 */
/* symbolizer's own: what its files share. Not for other folders. */
#ifndef MJ_SYMBOLIZER_INTERNAL_H
#define MJ_SYMBOLIZER_INTERNAL_H

#include "symbolizer/symbolizer.h"

/* ---- ELF (elf.c): program headers and sections of one mapped file --------------------------- */

struct mj_segment {
	uint64_t vaddr, memsz, offset, filesz;
	uint32_t flags; /* PF_R | PF_W | PF_X */
};

#define MJ_MAX_SEGMENTS 64

struct mj_elf {
	struct mj_span file;
	bool mapped;        /* file is a mapping of its own, of a file: see mj_elf_let_go */
	unsigned nsegments; /* PT_LOAD only, in file order */
	struct mj_segment segments[MJ_MAX_SEGMENTS];
	bool is_pie;             /* ET_DYN */
	uint64_t entry;          /* e_entry */
	uint64_t phdr_vaddr;     /* where AT_PHDR of an unbiased process would point */
	bool has_interp;         /* PT_INTERP: dynamically linked */
	uint64_t dynamic_vaddr;  /* PT_DYNAMIC, 0 if none */
	bool has_go_note;        /* PT_NOTE with Go's build id */
	struct mj_span relative; /* R_X86_64_RELATIVE relocations: Elf64_Rela, sorted by linkers */
};

/** Fills *elf from a mapped file. False: not ELF64 little-endian x86-64, *why says what it is. */
bool mj_elf_parse(struct mj_span file, struct mj_elf *elf, enum mj_image_kind *kind,
                  const char **why);
/** Gives back the memory of the file's mapping, of which a scan touches more than walks need; what is needed is there again
 * when it is touched. Nothing, if file is no mapping. */
void mj_elf_let_go(const struct mj_elf *elf);
/** A section's bytes by name; false if there is none, or it does not lie in the file. */
bool mj_elf_section(const struct mj_elf *elf, const char *name, uint64_t *vaddr,
                    struct mj_span *ret);
/** Whether there is a section of this name, with bytes in the file or without. */
bool mj_elf_has_section(const struct mj_elf *elf, const char *name);
/** File bytes at a link address, from there to the end of what its segment has in the file. */
bool mj_elf_at(const struct mj_elf *elf, uint64_t vaddr, struct mj_span *ret);
/** The pointer-sized word at a link address as the loaded program sees it, bias aside: where the
 * file has 0, the addend of the word's RELATIVE relocation, if it has one. */
bool mj_elf_word(const struct mj_elf *elf, uint64_t vaddr, uint64_t *ret);
/** The segment that holds vaddr (memsz counts), or NULL. */
const struct mj_segment *mj_elf_segment(const struct mj_elf *elf, uint64_t vaddr);

/* ---- build info (buildinfo.c) --------------------------------------------------------------- */

struct mj_buildinfo {
	bool found;
	char *version; /* "go1.26.8" */
	char *path;    /* "path" line */
	size_t nmods;
	struct mj_buildmod {
		char *path, *version;
		bool is_main;
	} * mods;
};

/** Finds and parses Go's build info; found=false and success if the file has none. */
int mj_buildinfo_read(const struct mj_elf *elf, struct mj_buildinfo *ret, struct mj_error *err);
/** Parses the text block (lines path/mod/dep/=>/build) alone; for tests and fuzzers. */
int mj_buildinfo_parse(const char *text, size_t len, struct mj_buildinfo *ret,
                       struct mj_error *err);
void mj_buildinfo_finish(struct mj_buildinfo *info);

/* ---- pclntab and moduledata (pclntab.c) ----------------------------------------------------- */

enum mj_pcln_layout { MJ_PCLN_116, MJ_PCLN_118, MJ_PCLN_120 };

struct mj_pclntab {
	const struct mj_elf
		*elf; /* borrowed: 1.16/17 PIEs keep relocated pointers in the functab */
	enum mj_pcln_layout layout;
	uint64_t vaddr;      /* of the header */
	struct mj_span data; /* from the header to the end of its segment's file bytes */
	uint64_t nfunc, nfiles;
	struct mj_span funcnames, cutab, filetab, pctab, functab;
	/* from moduledata: */
	uint64_t text, etext, minpc, maxpc;
	uint64_t noptrdata, enoptrdata, data_start, edata, bss, ebss, noptrbss, enoptrbss;
	uint64_t gofunc;     /* link address of go:func.*, 0 before 1.18 */
	uint64_t moduledata; /* its link address */
	bool has_inline;     /* an inline tree can be read */
};

/** Finds pclntab (section or scan) and moduledata and checks both. False: *why says what lacks. */
bool mj_pclntab_find(const struct mj_elf *elf, struct mj_pclntab *ret, const char **why);

struct mj_func {
	uint64_t entry, end; /* link addresses, [entry, end) */
	uint64_t funcoff;    /* offset of the _func in functab */
	const char *name;
	uint32_t pcsp, pcfile, pcln, npcdata, cu_offset;
	uint8_t func_id, flag, nfuncdata;
	struct mj_span pcdata;   /* npcdata u32 */
	struct mj_span funcdata; /* nfuncdata u32, or aligned u64 up to 1.17 */
};

#define MJ_FUNC_TOPFRAME 1
#define MJ_FUNC_SPWRITE 2
#define MJ_FUNC_ASM 4

bool mj_pclntab_func(const struct mj_pclntab *tab, uint64_t pc, struct mj_func *ret);
bool mj_pclntab_func_at(const struct mj_pclntab *tab, uint64_t index, struct mj_func *ret);
/** A pc-value table: the value at pc in f; false if the table is malformed or lacks pc. */
bool mj_pclntab_value(const struct mj_pclntab *tab, const struct mj_func *f, uint32_t table,
                      uint64_t pc, int32_t *ret);
/** File name by the function's compile unit and pcfile value; "" if unknown. */
const char *mj_pclntab_file(const struct mj_pclntab *tab, const struct mj_func *f, int32_t fileno);

/** One step of the inline tree at pc: the innermost inlined function there. parent_pc is where the
 * call stands in the enclosing function. 1: found, 0: pc is not inlined, -1: malformed. */
struct mj_inlined {
	const char *name;
	uint64_t parent_pc;
};
int mj_pclntab_inlined(const struct mj_elf *elf, const struct mj_pclntab *tab,
                       const struct mj_func *f, uint64_t pc, struct mj_inlined *ret);

/* ---- names (names.c) ------------------------------------------------------------------------ */

/** As mj_function_package, but also for names that look compiler-made: a module whose path begins
 * with "type..eq." could otherwise hide behind them. False also where buf is too small. */
bool mj_function_plain_package(const char *function, char *buf, size_t len);
/** The length of a name without what the compiler adds for closures (".func1.2", "-range1"). */
size_t mj_function_outer_length(const char *function);

/* ---- the image ------------------------------------------------------------------------------ */

/** Functions that a walk treats specially, by name (funcIDs are renumbered between releases). */
enum mj_special {
	MJ_FN_ORDINARY = 0,
	MJ_FN_GOEXIT,      /* runtime.goexit: root of a goroutine */
	MJ_FN_MAIN,        /* runtime.main */
	MJ_FN_RT0_GO,      /* runtime.rt0_go */
	MJ_FN_MSTART,      /* runtime.mstart, runtime.mstart0/1 where it is the top frame */
	MJ_FN_MCALL,       /* runtime.mcall */
	MJ_FN_MORESTACK,   /* runtime.morestack */
	MJ_FN_SYSTEMSTACK, /* runtime.systemstack */
	MJ_FN_SYSTEMSTACK_SWITCH,
	MJ_FN_ASMCGOCALL,  /* runtime.asmcgocall, runtime.asmcgocall_no_g */
	MJ_FN_CGOCALLBACK, /* runtime.cgocallback */
	MJ_FN_SIGTRAMP,    /* runtime.sigtramp, runtime.cgoSigtramp */
	MJ_FN_SIGPANIC, /* runtime.sigpanic, sigpanic0: frames that the kernel's signal injected */
	MJ_FN_ASYNCPREEMPT, /* runtime.asyncPreempt, debugCallV1/2 */
	MJ_FN_SHARED_RUNNER, /* runtime.runfinq, runFinalizers, runCleanups: run what anybody registered */
};

/** A cached code address, with what a walk needs of it. pub must stay first. */
struct mj_pc_entry {
	struct mj_pc pub;
	bool is_return;
	bool follows_call; /* the bytes before pc decode as the end of a CALL */
	bool pcsp_ok;
	bool foreign;    /* C code that Go's linker has put among Go's, without tables */
	bool disagrees;  /* walks are verified, and the CFI has another frame, or none, here */
	int32_t spdelta; /* pcsp value at pc: bytes between SP and the return address */
	bool popped;     /* spdelta is -8: the return address stands right below SP, see walk.c */
	bool saves_fp;   /* the word below the return address is the caller's frame pointer */
	bool loses_fp;   /* what it calls may be called with another frame pointer than its own */
	uint8_t flag;    /* MJ_FUNC_* */
	enum mj_special special;
	uint64_t func_entry; /* link address of the physical function */
};

struct mj_image; /* image.c; files of this folder use the accessors below */

/** As mj_image_lookup, with the walker's part. NULL if pc is not in Go text. Where the tables are
 * malformed, the cache is full or memory runs out, an entry with pcsp_ok false and one unknown
 * frame, which lasts until the next call. */
const struct mj_pc_entry *mj_image_pc(struct mj_image *image, uint64_t pc, bool is_return);
const struct mj_elf *mj_image_elf(const struct mj_image *image);
const struct mj_pclntab *mj_image_pclntab(const struct mj_image *image);
/** Entry and end of the n-th (from 0) function with exactly this name; false if there is none. */
bool mj_image_function(const struct mj_image *image, const char *name, unsigned n,
                       struct mj_func *ret);
/** "go1.26.8" → 126; 0 if unknown or a development version. */
unsigned mj_image_go_minor(const struct mj_image *image);
/** Offsets of fields of runtime.m and runtime.g (runtime/runtime2.go). */
struct mj_offsets {
	uint32_t m_g0, m_procid, m_gsignal, m_curg, m_alllink;
	uint32_t g_stack_lo, g_stack_hi, g_m, g_sched_sp, g_sched_pc, g_goid, g_gopc, g_ancestors;
};
#define MJ_MAX_OFFSET 512 /* that is believed; today's largest is 352 */
/** Whether all are aligned and small enough to be true, and no two the same. */
bool mj_offsets_valid(const struct mj_offsets *offsets);
/** Those of a release ("minor" as in mj_image_go_minor), of the newest known one if it is not known; m_procid,
 * m_gsignal and m_curg are left 0: the code tells. */
void mj_offsets_of_release(unsigned minor, struct mj_offsets *ret);

/** Where the list of m's begins (a link address), and which field of an m leads to the next. */
struct mj_allm {
	uint64_t allm;
	uint32_t alllink;
};

/** Found once per image, kept for its next process: see layout.c and runtime.c. Link addresses; 0: not yet. */
struct mj_runtime_layout {
	bool tried;
	bool from_dwarf;      /* the offsets are the debugging information's, not the table's */
	bool racecall_sought; /* it was looked for... */
	uint64_t racecall, racecall_end; /* ...and lies here; both 0: there is none */
	bool guessed; /* they are another release's: nothing that no check supports is built on them */
	uint64_t m0, g0;      /* runtime.m0, runtime.g0 */
	struct mj_allm code;  /* what the runtime's code says, allm 0: nothing */
	bool code_settled;    /* and it is so in a live process */
	bool g_known;         /* of a g: goid, gopc and ancestors were found in a live process */
	uint32_t g_syscallsp; /* likewise; 0: not yet */
	struct mj_offsets at;
};
/** Finds m0, g0 and the offsets, when it is called first. False: the program's code is not what is expected. */
bool mj_layout_ready(struct mj_image *image);

struct mj_runtime_layout *mj_image_runtime_layout(struct mj_image *image);
/** Whether mj_image_use_dwarf was called. */
bool mj_image_is_thorough(const struct mj_image *image);
struct mj_dwarf;
/** What the image's debugging information says, read when it is asked for first. NULL: out of memory. */
const struct mj_dwarf *mj_image_dwarf(struct mj_image *image);

#endif
