/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler names a closure after the function that it is compiled in (cmd/compile/internal/ir/func.go, closureName):
 *  - up to Go 1.20 "Outer.func1", whatever was inlined into Outer;
 *  - from 1.21 to 1.26 "Outer.Inlined.Innermost.func1", with all calls that were inlined on the way to it (go.dev/issue/60324), under
 *    the names that they have in their source. Outer's inline tree has the same calls, and says which package each is of;
 *  - from 1.27 on "Innermost.func1" in the name of its package, but in Outer's unit.
 * Directives name functions that are declared; a closure in a unit whose functions are honest has the name that the
 * compiler gave it. So from 1.21 to 1.26 the name leads to the author. Up to 1.20 it is the code of Outer that tells: where a closure that holds
 * variables is made, its address is taken by an instruction that belongs to whoever was inlined there. One that holds
 * none is a constant, which the compiler may load anywhere: then it may be anybody's who was inlined into Outer.
 * In 1.27 such code, in the unit, tells a closure from a function that only has such a name.
 */
#include "symbolizer/closure.h"

#include <string.h>

#include "symbolizer/pclntab.h"

#define MAX_DEPTH 256
/* Inlined calls that are looked at for one closure; tsgo's largest function has some 20,000. */
#define MAX_CALLS 400000
#define MAX_CODE (UINT64_C(64) << 20)
#define MAX_FUNCTIONS 200000 /* the largest packages have some 10,000 */
#define MAX_NESTING 32

struct search {
	struct mj_image *image;
	const struct mj_pclntab *tab;
	struct mj_authors *ret;
	unsigned calls;        /* looked at so far */
	unsigned functions;    /* likewise */
	uint64_t code;         /* bytes, likewise */
	struct mj_func parent; /* the best that was met; parent_len 0: none */
	size_t parent_len;
	bool failed; /* out of memory */
};

/* Inlined calls at one address, the outermost first. */
struct chain {
	unsigned count;
	const char *names[MAX_DEPTH];
};

/* ---- names ---------------------------------------------------------------------------------- */

/* What the compiler calls a function within its package. */
static const char *
base_of(const char *name)
{
	size_t end = strcspn(name, "[(");
	const char *slash = memrchr(name, '/', end);
	const char *from = slash ? slash + 1 : name;
	const char *dot = memchr(from, '.', end - (size_t)(from - name));
	return dot ? dot + 1 : name;
}

/* Whether what follows the first len bytes of a closure's name is a part of its own. */
static bool
is_boundary(const char *name, size_t len)
{
	return name[len] == '.' || name[len] == '-';
}

static bool
is_closure(const char *name)
{
	return mj_function_outer_length(name) < strlen(name);
}

/* "pkg.init" and "pkg.glob.": closures in variables of the package are initialised there. */
static bool
is_package_level(const char *name, size_t len)
{
	const char *base = base_of(name);
	size_t left = len - (size_t)(base - name);
	return (size_t)(base - name) <= len && ((left == 4 && memcmp(base, "init", 4) == 0) ||
	                                        (left == 5 && memcmp(base, "glob.", 5) == 0));
}

static void
add_author(struct search *s, const char *name)
{
	struct mj_authors *ret = s->ret;
	int subject;
	if (!mj_modules_subject(&s->image->modules, name, &subject)) {
		s->failed = true;
		return;
	}
	if (subject < 0)
		return;
	for (unsigned i = 0; i < ret->count && i < MJ_MAX_SUSPECTS; i++)
		if (ret->modules[i] == subject)
			return;
	if (ret->count < MJ_MAX_SUSPECTS)
		ret->modules[ret->count] = subject;
	if (ret->count <= MJ_MAX_SUSPECTS)
		ret->count++;
}

/* ---- inline trees --------------------------------------------------------------------------- */

/* What is inlined at pc. False: malformed, or too much. */
static bool
read_chain(struct search *s, const struct mj_func *f, uint64_t pc, struct chain *ret)
{
	struct mj_inlined call;
	int got;
	ret->count = 0;
	while ((got = mj_pclntab_inlined(&s->image->elf, s->tab, f, pc, &call)) == 1) {
		if (ret->count == MAX_DEPTH || ++s->calls > MAX_CALLS)
			return false;
		ret->names[ret->count++] = call.name;
		pc = call.parent_pc;
	}
	for (unsigned i = 0; i < ret->count / 2; i++) {
		const char *name = ret->names[i];
		ret->names[i] = ret->names[ret->count - 1 - i];
		ret->names[ret->count - 1 - i] = name;
	}
	return got == 0;
}

/* Calls visit for each inlined call of f, with all that it is inlined into; until it returns true, or the
 * tree ends. False: malformed, or too much. */
static bool
for_each_chain(struct search *s, const struct mj_func *f,
               bool (*visit)(struct search *s, const struct chain *chain, void *arg), void *arg)
{
	struct mj_steps steps;
	struct chain chain;
	uint64_t from = f->entry;
	int32_t last = -1;
	int got;
	if (!mj_pclntab_steps(s->tab, f, mj_pclntab_inline_table(f), &steps))
		return true;
	while ((got = mj_pclntab_step(&steps)) == 1) {
		if (steps.value >= 0 && steps.value != last) {
			if (!read_chain(s, f, from, &chain))
				return false;
			if (visit(s, &chain, arg))
				return true;
		}
		last = steps.value;
		from = steps.pc;
	}
	return got == 0;
}

struct path {
	const struct mj_func *in; /* in whose tree it is looked for */
	const char *name;         /* of a closure */
	bool found;
};

/* Whether text, names joined by dots and then the compiler's numbers, leads along the chain from call number from on; *ret
 * is the last one. numbers: where the first of these can be. */
static bool
leads_along(const struct chain *chain, unsigned from, const char *text, const char *numbers,
            unsigned *ret)
{
	for (unsigned i = from; i < chain->count; i++) {
		const char *base = base_of(chain->names[i]);
		size_t len = strlen(base);
		if (strncmp(text, base, len) != 0 || !is_boundary(text, len))
			return false;
		text += len;
		*ret = i;
		if (text >= numbers)
			return true;
		if (*text++ != '.')
			return false;
	}
	return false;
}

/* Whether the closure's name begins with a function's, and goes on with what is inlined into that. */
static bool
goes_on(const struct chain *chain, unsigned from, const struct path *path, const char *function,
        unsigned *ret)
{
	size_t len = strlen(function);
	return strncmp(path->name, function, len) == 0 && path->name[len] == '.' &&
	       leads_along(chain, from, path->name + len + 1,
	                   path->name + mj_function_outer_length(path->name), ret);
}

static bool
follows(struct search *s, const struct chain *chain, void *arg)
{
	struct path *path = arg;
	unsigned last = 0;
	path->found = goes_on(chain, 0, path, path->in->name, &last);
	/* What was inlined into a closure keeps that one's name where the closure is inlined itself. */
	for (unsigned i = 0; i < chain->count && !path->found; i++)
		path->found = goes_on(chain, i + 1, path, chain->names[i], &last);
	if (path->found)
		add_author(s, chain->names[last]);
	return path->found;
}

/* Follows what a closure's name says of calls that were inlined into f. */
static bool
follow(struct search *s, const struct mj_func *f, const char *name)
{
	struct path path = { f, name, false };
	if (!for_each_chain(s, f, follows, &path))
		return false;
	s->ret->explained |= path.found;
	return true;
}

static bool
add_innermost(struct search *s, const struct chain *chain, void *unused)
{
	(void)unused;
	if (chain->count)
		add_author(s, chain->names[chain->count - 1]);
	return s->failed;
}

/* All whose code is inlined into f. */
static bool
add_all_inlined(struct search *s, const struct mj_func *f)
{
	return for_each_chain(s, f, add_innermost, NULL);
}

/* ---- functions of one unit ------------------------------------------------------------------ */

/* The linker leaves functions of a unit together (cmd/link/internal/ld/lib.go: text in order of libraries). Calls look for
 * each other one of f's. */
static bool
for_each_of_unit(struct search *s, const struct mj_func *f,
                 bool (*look)(struct search *s, const struct mj_func *f, const struct mj_func *g))
{
	uint64_t at;
	struct mj_func g;
	if (!mj_pclntab_index(s->tab, f->entry, &at))
		return false;
	for (uint64_t i = at; i-- > 0;) {
		if (!mj_pclntab_func_at(s->tab, i, &g) || g.cu_offset != f->cu_offset)
			break;
		if (++s->functions > MAX_FUNCTIONS || !look(s, f, &g))
			return false;
	}
	for (uint64_t i = at + 1; i < s->tab->nfunc; i++) {
		if (!mj_pclntab_func_at(s->tab, i, &g) || g.cu_offset != f->cu_offset)
			break;
		if (++s->functions > MAX_FUNCTIONS || !look(s, f, &g))
			return false;
	}
	return true;
}

/* ---- the code that makes a closure ---------------------------------------------------------- */

/* Whether the instruction that has its opcode at off takes the address of target: on x86-64 Go does so with
 * LEAQ sym(SB), relative to the next instruction. */
static bool
takes_address(struct mj_span code, uint64_t entry, uint64_t off, uint64_t target)
{
	int32_t disp;
	return code.data[off] == 0x8d && off + 1 < code.len &&
	       (code.data[off + 1] & 0xc7) == 0x05 && mj_span_i32(code, off + 2, &disp) &&
	       entry + off + 6 + (uint64_t)(int64_t)disp == target;
}

/* Adds those to whom the instructions of g belong that take f's address: they put it into a closure with variables. *ret_found:
 * there are some. One without variables is a constant, which may be loaded by whoever uses it. */
static bool
add_makers(struct search *s, const struct mj_func *f, const struct mj_func *g, bool *ret_found)
{
	struct mj_span code;
	if (!mj_elf_at(&s->image->elf, g->entry, &code))
		return true;
	if (code.len > g->end - g->entry)
		code.len = g->end - g->entry;
	s->code += code.len;
	if (s->code > MAX_CODE)
		return false;
	for (uint64_t off = 0; off < code.len; off++) {
		struct chain chain;
		if (!takes_address(code, g->entry, off, f->entry))
			continue;
		if (!read_chain(s, g, g->entry + off, &chain))
			return false;
		*ret_found = true;
		/* Whom a closure that was inlined comes from its name does not say. */
		if (chain.count && is_closure(chain.names[chain.count - 1]) &&
		    s->image->names_minor < MJ_CLOSURES_NAME_AUTHORS && !add_all_inlined(s, g))
			return false;
		add_author(s, chain.count ? chain.names[chain.count - 1] : g->name);
	}
	return true;
}

/* ---- one closure ---------------------------------------------------------------------------- */

static bool
look_at_maker(struct search *s, const struct mj_func *f, const struct mj_func *g)
{
	return add_makers(s, f, g, &s->ret->by_maker);
}

/* Whether a closure is, by its name, in function g, or in what was inlined into g. */
static bool
is_in(const char *closure, const struct mj_func *g)
{
	size_t len = strlen(g->name);
	return strncmp(closure, g->name, len) == 0 && is_boundary(closure, len);
}

/* Looks for the function that a closure stands in itself: the one with the longest name, since that may be a closure. */
static bool
look_for_parent(struct search *s, const struct mj_func *f, const struct mj_func *g)
{
	size_t len = strlen(g->name);
	if (is_in(f->name, g) && len >= mj_function_outer_length(f->name) && len > s->parent_len) {
		s->parent = *g;
		s->parent_len = len;
	}
	return true;
}

/* Follows what of the closure's name stands behind g's, through what is inlined into g. */
static bool
look_at_path(struct search *s, const struct mj_func *f, const struct mj_func *g)
{
	return s->ret->explained || !is_in(f->name, g) || follow(s, g, f->name);
}

/* Goes from a closure to the one that it is in, and so on, until one is in a function. */
static bool
explain(struct search *s, struct mj_func f)
{
	bool sure = true;
	for (unsigned i = 0; i < MAX_NESTING && is_closure(f.name); i++) {
		s->parent_len = 0;
		if (!for_each_of_unit(s, &f, look_for_parent))
			return false;
		if (!s->parent_len) {
			s->ret->explained =
				s->image->names_minor >= MJ_CLOSURES_NAME_CALLS &&
				is_package_level(f.name, mj_function_outer_length(f.name));
			return s->image->names_minor < MJ_CLOSURES_NAME_CALLS ||
			       for_each_of_unit(s, &f, look_at_path);
		}
		bool made = s->image->names_minor >= MJ_CLOSURES_NAME_CALLS;
		if (!made && !add_makers(s, &f, &s->parent, &made))
			return false;
		if (!made && !add_all_inlined(s, &s->parent))
			return false;
		sure &= made;
		f = s->parent;
	}
	s->ret->explained = sure && !is_closure(f.name);
	return true;
}

static bool
explain_by_makers(struct search *s, const struct mj_func *f)
{
	if (!for_each_of_unit(s, f, look_at_maker))
		return false;
	s->ret->explained = s->ret->by_maker;
	return true;
}

/* One that was inlined into f. */
static bool
explain_inlined(struct search *s, const struct mj_func *f, const char *name)
{
	if (s->image->names_minor < MJ_CLOSURES_NAME_CALLS)
		return add_all_inlined(s, f);
	size_t outer = mj_function_outer_length(name), len = strlen(f->name);
	if (len == outer && memcmp(name, f->name, len) == 0) {
		s->ret->explained = true;
		return true;
	}
	/* Two of one function: "go func() { ... }()" is one in the wrapper that the compiler makes of it. */
	if (is_closure(f->name) && mj_function_outer_length(f->name) == outer &&
	    memcmp(name, f->name, outer) == 0)
		return explain(s, *f);
	/* One in a closure is of whom that one is. */
	if (is_in(name, f) && len > outer)
		return explain(s, *f);
	return follow(s, f, name);
}

bool
mj_closure_authors(struct mj_image *image, const struct mj_func *f, const char *name, bool physical,
                   struct mj_authors *ret)
{
	struct search s = { .image = image, .tab = &image->tab, .ret = ret };
	bool ok = true;
	*ret = (struct mj_authors){ 0 };
	if (image->names_minor < MJ_CLOSURES_NAME_AUTHORS)
		ok = physical ? explain(&s, *f) : explain_inlined(&s, f, name);
	else if (physical)
		ok = explain_by_makers(&s, f);
	/* Else its name is its author's. Where not all was looked at, it may be anybody. */
	if (!ok)
		*ret = (struct mj_authors){ .count = MJ_MAX_SUSPECTS + 1 };
	return !s.failed;
}

bool
mj_frame_in_doubt(const struct mj_frame *frame, const struct mj_frame *inner)
{
	if (frame->doubtful || !frame->stray)
		return frame->doubtful;
	if (!inner || inner->stray || inner->doubtful || !is_closure(inner->function))
		return true;
	size_t outer = mj_function_outer_length(inner->function);
	return strncmp(frame->function, inner->function, outer) != 0 ||
	       !is_boundary(frame->function, outer);
}
