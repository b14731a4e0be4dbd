/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All functions of a file, looked at one after the other: is it assembly, does it enter the kernel,
 * did cgo make it, and do its name, its compile unit and its files name the same module? The last
 * is asked for every instruction, since a //line may stand in the middle of a function, and for
 * what was inlined. Candidates are gathered first; forged.c drops those that compilers explain.
 */
#include "symbolizer/inspect.h"

#include <stdlib.h>
#include <string.h>

#include "symbolizer/forged.h"
#include "symbolizer/pclntab.h"
#include "symbolizer/rawcall.h"

#define CACHE_SLOTS 4096 /* a power of two */

/* Steps of pc-value tables in all. terraform's 100,000 functions have some 10 million; functions of a
 * hostile file could all share one long table. */
#define MAX_STEPS UINT64_C(400000000)

struct name_slot {
	const char *name;
	int subject;
};

struct file_slot {
	bool used;
	uint32_t cu_offset;
	int32_t fileno;
	const char *file;
	struct mj_testimony testimony;
};

struct pass {
	struct mj_image *image;
	const struct mj_pclntab *tab;
	struct mj_inspection *out;
	struct mj_decoder *decoder;
	struct mj_candidates candidates;
	uint64_t steps;
	int before;         /* whose the last Go function before this one is, by its unit */
	uint8_t wrapper_id; /* funcID of most compiler-made functions */
	unsigned wrapper_lead;
	char package[65537]; /* as long as a name can be, see pclntab.c */
	struct name_slot names[CACHE_SLOTS];
	struct file_slot files[CACHE_SLOTS];
};

/* One function while it is looked at. */
struct subject {
	struct mj_func f;
	int name;      /* whose it is by its name */
	bool has_name; /* its name names a package */
	bool is_asm;
	const char *file;
	struct mj_testimony at; /* of its entry */
	bool heard;             /* what its own code says was looked at */
};

/* Instructions of one file, inlined from one function or none. */
struct run {
	const struct file_slot *file;
	bool file_changes; /* the instruction before is in another one */
	uint64_t pc, end;
};

/* ---- caches --------------------------------------------------------------------------------- */

static size_t
slot_of(uint64_t key)
{
	return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 40) & (CACHE_SLOTS - 1);
}

static bool
subject_of(struct pass *pass, const char *name, int *ret)
{
	struct name_slot *slot = &pass->names[slot_of((uintptr_t)name)];
	if (slot->name != name) {
		if (!mj_modules_subject(&pass->image->modules, name, &slot->subject))
			return false;
		slot->name = name;
	}
	*ret = slot->subject;
	return true;
}

static const struct file_slot *
file_of(struct pass *pass, const struct mj_func *f, int32_t fileno)
{
	uint64_t key = (uint64_t)f->cu_offset << 32 | (uint32_t)fileno;
	struct file_slot *slot = &pass->files[slot_of(key)];
	if (!slot->used || slot->cu_offset != f->cu_offset || slot->fileno != fileno) {
		slot->used = true;
		slot->cu_offset = f->cu_offset;
		slot->fileno = fileno;
		slot->file = mj_pclntab_file(pass->tab, f, fileno);
		mj_witnesses_testify(pass->image->witnesses, f->cu_offset, slot->file,
		                     &slot->testimony);
	}
	return slot;
}

/* ---- candidates ----------------------------------------------------------------------------- */

static bool
has_package(struct pass *pass, const char *name)
{
	return mj_function_package(name, pass->package, sizeof(pass->package));
}

static bool
is_closure(const char *name)
{
	return mj_function_outer_length(name) < strlen(name);
}

/* The compiler names no file in a directory for what it makes, and cgo none for its wrappers. */
static bool
has_dir(const char *file)
{
	return strchr(file, '/') != NULL;
}

static struct mj_candidate
candidate(struct pass *pass, const struct subject *s, uint64_t pc, enum mj_finding_kind kind,
          int subject)
{
	struct mj_candidate c = { .pc = pc, .func_id = s->f.func_id };
	int32_t line;
	c.pub.subject = subject;
	c.pub.kind = kind;
	c.pub.function = s->f.name;
	c.pub.file = s->file;
	c.pub.claimed = MJ_SUBJECT_C;
	if (mj_pclntab_value(pass->tab, &s->f, s->f.pcln, pc, &line) && line > 0)
		c.pub.line = line;
	return c;
}

/* For each module that name, directory or unit names; for std only if nobody else is named. */
static bool
add_for_all(struct pass *pass, const struct subject *s, struct mj_candidate *c)
{
	const int who[] = { s->at.dir, s->has_name ? s->name : MJ_NOBODY, s->at.unit };
	bool any = false;
	for (size_t i = 0; i < MJ_ARRAY_LEN(who); i++) {
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again |= who[k] == who[i];
		if (who[i] < 0 || again)
			continue;
		c->pub.subject = who[i];
		any = true;
		if (!mj_candidates_add(&pass->candidates, c))
			return false;
	}
	c->pub.subject = MJ_SUBJECT_STD;
	return any || mj_candidates_add(&pass->candidates, c);
}

/* ---- machine code --------------------------------------------------------------------------- */

/* cmd/internal/objabi/pkgspecial.go knows runtime packages; of these, those that have system call
 * instructions on Linux in Go 1.16 to 1.27. vdso calls fall back to them in time and runtime. */
static bool
may_enter_kernel(const char *name)
{
	static const char *const packages[] = { "runtime.",
		                                "syscall.",
		                                "internal/runtime/syscall.",
		                                "runtime/internal/syscall.",
		                                "time.",
		                                "internal/runtime/syscall/linux." };
	for (size_t i = 0; i < MJ_ARRAY_LEN(packages); i++)
		if (strncmp(name, packages[i], strlen(packages[i])) == 0)
			return true;
	return false;
}

static bool
look_at_code(struct pass *pass, const struct subject *s)
{
	struct mj_span code;
	uint64_t offset;
	if (!mj_elf_at(&pass->image->elf, s->f.entry, &code))
		return true;
	if (code.len > s->f.end - s->f.entry)
		code.len = s->f.end - s->f.entry;
	const char *insn = mj_find_raw_call(pass->decoder, code, &offset);
	if (!insn)
		return true;
	struct mj_candidate c =
		candidate(pass, s, s->f.entry + offset, MJ_FINDING_SYSCALL, MJ_SUBJECT_STD);
	c.pub.insn = insn;
	bool std = s->name < 0 && s->at.dir < 0 && s->at.unit < 0 && may_enter_kernel(s->f.name);
	/* The assembler takes any name and, with #line, any file. But the linker leaves a package's
	 * functions together, those in assembly behind those in Go. */
	if (std && s->is_asm && pass->before >= 0) {
		c.pub.subject = pass->before;
		return mj_candidates_add(&pass->candidates, &c);
	}
	pass->out->std_syscalls += std;
	return std || add_for_all(pass, s, &c);
}

/* ---- who says what -------------------------------------------------------------------------- */

/* cmd/cgo/out.go. */
static bool
is_cgo_made(const struct subject *s)
{
	static const char *const prefixes[] = { "_Cfunc_", "_C2func_", "_Cmacro_",    "_Cgo_",
		                                "_cgo_",   "_cgoexp_", "_cgoexpwrap_" };
	size_t end = strcspn(s->f.name, "[(");
	const char *slash = memrchr(s->f.name, '/', end);
	const char *base = slash ? slash + 1 : s->f.name;
	const char *dot = strchr(base, '.');
	if (dot)
		base = dot + 1;
	for (size_t i = 0; i < MJ_ARRAY_LEN(prefixes); i++)
		if (strncmp(base, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* The name at the entry against the compile unit; for assembly, each file of which is a unit of its
 * own, against the directory. */
static bool
look_at_name(struct pass *pass, const struct subject *s)
{
	int really = s->is_asm ? s->at.dir : s->at.unit;
	if (!s->has_name || strchr(s->f.name, '[') || really < 0 || really == s->name)
		return true;
	struct mj_candidate c = candidate(pass, s, s->f.entry, MJ_FINDING_LINKNAME, really);
	c.pub.claimed = s->name;
	if (!has_dir(s->file))
		c.doubt = MJ_DOUBT_WRAPPER;
	else if (is_closure(s->f.name) && (s->at.dir == s->name || s->at.dir == MJ_NOBODY))
		c.doubt = MJ_DOUBT_COPY;
	return mj_candidates_add(&pass->candidates, &c);
}

/* Instructions without a position (padding) have the file and the line of the one before, but are
 * inlined from nowhere (cmd/internal/obj/pcln.go, pctofileline and pctoinline). They say nothing.
 * Whether some instruction of the run has a position. */
static bool
has_position(struct pass *pass, const struct subject *s, const struct run *run)
{
	struct mj_steps lines;
	if (run->end - run->pc == 1)
		return false; /* a mark where something was inlined, which the caller may get */
	if (run->file_changes || !mj_pclntab_steps(pass->tab, &s->f, s->f.pcln, &lines))
		return true;
	while (lines.pc < run->end) {
		if (mj_pclntab_step(&lines) != 1)
			return true;
		pass->steps++;
		if (lines.pc >= run->pc && lines.pc < run->end)
			return true;
	}
	return false;
}

/* Instructions of the function's own, in a file. */
static bool
look_at_file(struct pass *pass, const struct subject *s, const struct run *run)
{
	const struct file_slot *slot = run->file;
	const struct mj_testimony *t = &slot->testimony;
	bool generic = strchr(s->f.name, '[');
	int really = generic ? s->name : t->unit;
	bool right = generic ? t->dir == s->name || t->dir == MJ_NOBODY : t->at_home;
	/* Of another module by name and file: look_at_name() sees to it. */
	right |= s->name != t->unit && s->name == t->dir;
	if (really < 0 || !has_dir(slot->file) || right || !has_position(pass, s, run))
		return true;
	struct mj_candidate c = candidate(pass, s, run->pc, MJ_FINDING_LINE, really);
	c.pub.file = slot->file;
	c.pub.claimed = t->dir == MJ_NOBODY || t->dir == really ? MJ_SUBJECT_C : t->dir;
	c.doubt = is_closure(s->f.name) ? MJ_DOUBT_CLOSURE : MJ_DOUBT_NONE;
	return mj_candidates_add(&pass->candidates, &c);
}

/* Instructions of an inlined function. If two modules are named, either may have forged it. */
static bool
look_at_inlined(struct pass *pass, const struct subject *s, const char *name, const struct run *run)
{
	int by_name;
	int by_dir = run->file->testimony.dir;
	if (by_dir == MJ_NOBODY || !has_dir(run->file->file) || !subject_of(pass, name, &by_name))
		return true;
	if (by_dir == by_name || !has_package(pass, name) || !has_position(pass, s, run))
		return true;
	struct mj_candidate c = candidate(pass, s, run->pc, MJ_FINDING_LINE, by_name);
	c.pub.function = name;
	c.pub.file = run->file->file;
	c.pub.claimed = by_dir;
	c.doubt = is_closure(name) ? MJ_DOUBT_CLOSURE : MJ_DOUBT_NONE;
	if (by_name >= 0 && by_dir != s->at.unit)
		return mj_candidates_add(&pass->candidates, &c);
	/* Go 1.16 gives some of a call's own instructions to what it inlines. */
	if (pass->tab->layout == MJ_PCLN_116)
		return true;
	c.pub.kind = MJ_FINDING_LINKNAME;
	c.pub.subject = by_dir;
	c.pub.claimed = by_name;
	return mj_candidates_add(&pass->candidates, &c);
}

/* A function in f, or f itself, as a frame in file. What has a file without a folder is the compiler's, or cgo's. */
static bool
look_for_doubt(struct pass *pass, const struct subject *s, const char *function, const char *file,
               uint64_t pc, bool physical)
{
	struct mj_frame frame = { .function = function, .file = file, .inlined = !physical };
	/* _cgo_panic is runtime/cgo's, which C calls by that name (runtime/cgo/callbacks.go). */
	if (!has_dir(file) || strcmp(function, "_cgo_panic") == 0)
		return true;
	if (!subject_of(pass, function, &frame.subject))
		return false;
	const char *why = mj_witnesses_doubt(pass->image, &s->f, &frame, physical);
	if (!why)
		return true;
	struct mj_candidate c = candidate(pass, s, pc, MJ_FINDING_UNCONFIRMED, frame.subject);
	c.pub.function = function;
	c.pub.file = file;
	c.pub.why = why;
	return mj_candidates_add(&pass->candidates, &c);
}

static bool
look_at_run(struct pass *pass, struct subject *s, const struct run *run, int32_t inlined)
{
	struct mj_inlined call;
	if (inlined < 0) {
		bool first = !s->heard;
		s->heard = true;
		return look_at_file(pass, s, run) &&
		       (!first ||
		        look_for_doubt(pass, s, s->f.name, run->file->file, run->pc, true));
	}
	if (mj_pclntab_inlined_at(pass->tab, &s->f, inlined, &call) != 1)
		return true;
	return look_at_inlined(pass, s, call.name, run) &&
	       (is_closure(call.name) || !has_position(pass, s, run) ||
	        look_for_doubt(pass, s, call.name, run->file->file, run->pc, false));
}

/* Moves on until the table's value at pc is there. False: it ends before. */
static bool
advance(struct pass *pass, struct mj_steps *steps, uint64_t pc)
{
	while (steps->pc <= pc) {
		if (mj_pclntab_step(steps) != 1)
			return false;
		pass->steps++;
	}
	return true;
}

/* The tables of files and of inlined calls side by side. */
static bool
look_at_runs(struct pass *pass, struct subject *s)
{
	struct mj_steps files, calls;
	uint64_t file_end = 0;
	bool inlines = mj_pclntab_steps(pass->tab, &s->f, mj_pclntab_inline_table(&s->f), &calls);
	if (!mj_pclntab_steps(pass->tab, &s->f, s->f.pcfile, &files))
		return true;
	for (uint64_t pc = s->f.entry; pc < s->f.end && advance(pass, &files, pc);) {
		inlines = inlines && advance(pass, &calls, pc);
		struct run run = { .file = file_of(pass, &s->f, files.value),
			           .file_changes = pc == s->f.entry || pc == file_end,
			           .pc = pc };
		file_end = files.pc;
		pc = run.end = inlines && calls.pc < files.pc ? calls.pc : files.pc;
		if (!look_at_run(pass, s, &run, inlines ? calls.value : -1))
			return false;
	}
	return true;
}

/* ---- one function --------------------------------------------------------------------------- */

static bool
is_assembly(const struct pass *pass, const struct subject *s)
{
	if (pass->tab->layout != MJ_PCLN_116)
		return s->f.flag & MJ_FUNC_ASM;
	size_t len = strlen(s->file); /* the flag is younger */
	return len > 2 && strcmp(s->file + len - 2, ".s") == 0;
}

static bool
describe(struct pass *pass, struct subject *s)
{
	int32_t fileno;
	s->file = "";
	s->at = (struct mj_testimony){ .unit = MJ_NOBODY, .dir = MJ_NOBODY, .at_home = true };
	if (mj_pclntab_value(pass->tab, &s->f, s->f.pcfile, s->f.entry, &fileno)) {
		const struct file_slot *slot = file_of(pass, &s->f, fileno);
		s->file = slot->file;
		s->at = slot->testimony;
	}
	s->heard = false;
	s->has_name = has_package(pass, s->f.name);
	s->is_asm = is_assembly(pass, s);
	return subject_of(pass, s->f.name, &s->name);
}

static void
vote_wrapper(struct pass *pass, const struct subject *s)
{
	if (!s->f.func_id || strcmp(s->file, "<autogenerated>") != 0)
		return;
	if (pass->wrapper_lead == 0)
		pass->wrapper_id = s->f.func_id;
	pass->wrapper_lead += pass->wrapper_id == s->f.func_id ? 1U : -1U;
}

static bool
look_at(struct pass *pass, struct subject *s)
{
	if (!describe(pass, s) || !mj_inspection_count(pass->out, s->name))
		return false;
	vote_wrapper(pass, s);
	if (s->is_asm) {
		struct mj_candidate c = candidate(pass, s, s->f.entry, MJ_FINDING_ASSEMBLY, 0);
		if (!add_for_all(pass, s, &c))
			return false;
	} else if (!look_at_runs(pass, s)) {
		return false;
	}
	/* In runtime/cgo, which no program without cgo contains. */
	pass->out->cgo |= strcmp(s->f.name, "crosscall2") == 0;
	if (is_cgo_made(s)) {
		struct mj_candidate c = candidate(pass, s, s->f.entry, MJ_FINDING_CGO, 0);
		if (!add_for_all(pass, s, &c))
			return false;
	}
	if (!look_at_name(pass, s) || !look_at_code(pass, s))
		return false;
	if (!s->is_asm && s->at.unit != MJ_NOBODY && !strchr(s->f.name, '['))
		pass->before = s->at.unit;
	return true;
}

static int
look_at_all(struct pass *pass, struct mj_error *err)
{
	const struct mj_pclntab *tab = pass->tab;
	for (uint64_t i = 0; i < tab->nfunc; i++) {
		struct subject s;
		if (!mj_pclntab_func_at(tab, i, &s.f))
			continue; /* an entry that means nothing; walks do not get past it either */
		if (!look_at(pass, &s))
			return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
		if (pass->steps > MAX_STEPS)
			return mj_error_set(err, MJ_ERR_FORMAT,
			                    "its tables are too long to be a compiler's");
	}
	return 0;
}

/* ---- the result ----------------------------------------------------------------------------- */

static void
describe_file(const struct mj_image *image, struct mj_inspection *out)
{
	static const char *const layouts[] = { "go1.16", "go1.18", "go1.20" };
	static const char *const pclntabs[] = { "section .gopclntab",
		                                "section .data.rel.ro.gopclntab" };
	const struct mj_elf *elf = &image->elf;
	uint64_t vaddr;
	struct mj_span bytes;
	out->dynamic = elf->has_interp;
	out->pie = elf->is_pie;
	out->stripped = !mj_elf_has_section(elf, ".symtab");
	out->dwarf =
		mj_elf_has_section(elf, ".debug_info") || mj_elf_has_section(elf, ".zdebug_info");
	out->build_info = "";
	if (image->info.found)
		out->build_info =
			mj_elf_has_section(elf, ".go.buildinfo") ? "section .go.buildinfo" : "scan";
	out->pclntab = "scan";
	for (size_t i = 0; i < MJ_ARRAY_LEN(pclntabs); i++)
		if (mj_elf_section(elf, pclntabs[i] + strlen("section "), &vaddr, &bytes) &&
		    vaddr == image->tab.vaddr)
			out->pclntab = pclntabs[i];
	out->layout = layouts[image->tab.layout];
	out->moduledata = image->tab.moduledata;
	out->nfunctions = image->tab.nfunc;
}

static int
inspect(struct pass *pass, struct mj_error *err)
{
	struct mj_image *image = pass->image;
	if (mj_witnesses_ready(image, err) < 0 || mj_decoder_create(&pass->decoder, err) < 0 ||
	    look_at_all(pass, err) < 0 ||
	    mj_candidates_resolve(&pass->candidates, image, pass->wrapper_id, err) < 0)
		return -1;
	describe_file(image, pass->out);
	return mj_candidates_hand_out(&pass->candidates, mj_image_module_count(image), pass->out,
	                              err);
}

int
mj_inspect(struct mj_image *image, struct mj_inspection **ret, struct mj_error *err)
{
	if (image->kind != MJ_IMAGE_GO)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED, "%s", image->why);
	struct pass *pass = calloc(1, sizeof(*pass));
	struct mj_inspection *out = calloc(1, sizeof(*out));
	int r = -1;
	if (pass && out) {
		pass->image = image;
		pass->tab = &image->tab;
		pass->out = out;
		pass->before = MJ_NOBODY;
		r = inspect(pass, err);
		mj_candidates_finish(&pass->candidates);
		mj_decoder_destroy(pass->decoder);
	} else {
		mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	}
	free(pass);
	if (r == 0)
		*ret = out;
	else
		mj_inspection_destroy(out);
	return r;
}
