/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Not every function whose name, unit and directory disagree was forged. The compiler makes method
 * wrappers in any package that needs them, and names closures of inlined functions after the
 * function that they were inlined into:
 *  - up to Go 1.20 "caller.func1", which looks like a closure of the caller's own;
 *  - from Go 1.21 "caller.Inlined.func1" (go.dev/issue/60324), so that one can ask whether the
 *    package of the file has a function Inlined;
 *  - from Go 1.27 "Inlined.func1", as where it comes from, but in the unit of the caller.
 */
#include "symbolizer/forged.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "symbolizer/closure.h"

#define GO_NAMES_INLINED 121
#define GO_KEEPS_NAMES 127

/* ---- which functions there are -------------------------------------------------------------- */

/* A function that is asked for: its name behind the package, type arguments left out, and whose. */
struct wanted {
	struct wanted *next; /* same name, other subject */
	const char *name;
	size_t len;
	int subject;
	bool found;
	UT_hash_handle hh;
};

struct wants {
	struct wanted *by_name;
};

static struct wanted *
find_name(const struct wants *wants, const char *name, size_t len)
{
	struct wanted *found;
	HASH_FIND(hh, wants->by_name, name, len, found);
	return found;
}

static bool
want(struct wants *wants, const char *name, size_t len, int subject)
{
	struct wanted *same = find_name(wants, name, len);
	for (struct wanted *w = same; w; w = w->next)
		if (w->subject == subject)
			return true;
	struct wanted *made = calloc(1, sizeof(*made));
	if (!made)
		return false;
	*made = (struct wanted){ .name = name, .len = len, .subject = subject };
	if (same) {
		made->next = same->next;
		same->next = made;
		return true;
	}
	HASH_ADD_KEYPTR(hh, wants->by_name, made->name, len, made);
	if (mj_hash_added(made))
		return true;
	free(made);
	return false;
}

static bool
is_found(const struct wants *wants, const char *name, size_t len, int subject)
{
	for (const struct wanted *w = find_name(wants, name, len); w; w = w->next)
		if (w->subject == subject)
			return w->found;
	return false;
}

static void
finish_wants(struct wants *wants)
{
	struct wanted *w, *next_name;
	HASH_ITER (hh, wants->by_name, w, next_name) {
		HASH_DEL(wants->by_name, w);
		while (w) {
			struct wanted *next = w->next;
			free(w);
			w = next;
		}
	}
}

/* Where the package of a name ends: behind its dot. */
static const char *
behind_package(const char *name)
{
	size_t end = strcspn(name, "[(");
	const char *slash = memrchr(name, '/', end);
	const char *from = slash ? slash + 1 : name;
	const char *dot = memchr(from, '.', end - (size_t)(from - name));
	return dot ? dot + 1 : NULL;
}

/* The length without type arguments; 0 if something follows them, as in names of closures. */
static size_t
plain_length(const char *base)
{
	size_t len = strcspn(base, "[");
	return !base[len] || base[strlen(base) - 1] == ']' ? len : 0;
}

/* All names, those of functions that were inlined everywhere among them. */
static bool
look_for_wanted(struct wants *wants, struct mj_image *image)
{
	struct mj_span names = image->tab.funcnames;
	for (uint64_t off = 0; off < names.len;) {
		const char *name = mj_span_str(names, off);
		if (!name)
			return true;
		const char *base = behind_package(name);
		size_t len = base ? plain_length(base) : 0;
		struct wanted *w = len ? find_name(wants, base, len) : NULL;
		int subject;
		if (w && !mj_modules_subject(&image->modules, name, &subject))
			return false;
		for (; w; w = w->next)
			w->found |= w->subject == subject;
		off += strlen(name) + 1;
	}
	return true;
}

/* ---- closures ------------------------------------------------------------------------------- */

/* The start of the component that ends at end ("Outer.Inlined[go.shape.int].(*T)..."): behind a
 * dot that is not between brackets. */
static size_t
component(const char *name, size_t end)
{
	int depth = 0;
	while (end && (depth > 0 || name[end - 1] != '.')) {
		end--;
		depth += name[end] == ']' || name[end] == ')';
		depth -= name[end] == '[' || name[end] == '(';
	}
	return end;
}

struct part {
	const char *name;
	size_t len;
};

static struct part
part_of(const char *name, size_t from, size_t end)
{
	size_t len = strcspn(name + from, "[");
	return (struct part){ name + from, len < end - from ? len : end - from };
}

/* The function that a closure was inlined with is the last component of what precedes its number,
 * or the last two (a method). The first component is the function that it was inlined into. */
static unsigned
inlined_parts(const char *name, struct part ret[])
{
	size_t end = mj_function_outer_length(name);
	size_t from = component(name, end);
	const char *base = behind_package(name);
	size_t outer = base ? (size_t)(base - name) : 0;
	if (!base || from <= outer)
		return 0;
	ret[0] = part_of(name, from, end);
	size_t type = component(name, from - 1);
	if (type <= outer)
		return 1;
	ret[1] = part_of(name, type, end);
	return 2;
}

static struct part
whole_part(const char *name)
{
	const char *base = behind_package(name);
	size_t from = base ? (size_t)(base - name) : 0;
	size_t end = mj_function_outer_length(name);
	struct part part = end > from ? part_of(name, from, end) : (struct part){ name, 0 };
	/* Something follows type arguments: this is no function's name. */
	if (part.len < end - from && name[end - 1] != ']')
		part.len = 0;
	return part;
}

/* Where a function was inlined so that nothing is left of it, its name is nowhere. */
static bool
is_closure_of_inlined(const struct mj_finding *finding, const struct wants *wants, unsigned minor)
{
	struct part parts[2];
	struct part whole = whole_part(finding->function);
	unsigned n = inlined_parts(finding->function, parts);
	bool own = false;
	/* A copy, of a package of which nothing but copies is left. */
	if (n == 0 && finding->claimed == MJ_SUBJECT_C && minor >= GO_KEEPS_NAMES)
		return true;
	if (n == 0 || is_found(wants, whole.name, whole.len, finding->subject))
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (is_found(wants, parts[i].name, parts[i].len, finding->claimed))
			return true;
		own |= is_found(wants, parts[i].name, parts[i].len, finding->subject);
	}
	return !own || finding->claimed == MJ_SUBJECT_C;
}

/* Whether a closure stands in the function that it is named after, whatever file its code is from: some of it was inlined. */
static bool
is_own_closure(const struct mj_candidate *c, struct mj_image *image)
{
	struct mj_func f;
	struct mj_authors authors;
	return mj_pclntab_func(&image->tab, c->pc, &f) && strcmp(f.name, c->pub.function) == 0 &&
	       mj_closure_authors(image, &f, f.name, true, &authors) && authors.explained &&
	       authors.count == 0;
}

static bool
is_explained(const struct mj_candidate *c, const struct wants *wants, struct mj_image *image,
             uint8_t wrapper_id)
{
	unsigned minor = image->go_minor ? image->go_minor : UINT_MAX;
	switch (c->doubt) {
	case MJ_DOUBT_WRAPPER: /* Go 1.16 does not mark all */
		return c->func_id == wrapper_id || image->tab.layout == MJ_PCLN_116;
	case MJ_DOUBT_CLOSURE:
		return minor < GO_NAMES_INLINED || is_closure_of_inlined(&c->pub, wants, minor) ||
		       is_own_closure(c, image);
	case MJ_DOUBT_COPY: /* those of method values always were in the unit of their user */
		return minor >= GO_KEEPS_NAMES || strstr(c->pub.function, "-fm.");
	default:
		return false;
	}
}

static bool
want_all(struct wants *wants, const struct mj_candidates *c)
{
	bool any = false;
	for (size_t i = 0; i < c->count; i++) {
		const struct mj_finding *finding = &c->list[i].pub;
		if (c->list[i].doubt != MJ_DOUBT_CLOSURE)
			continue;
		struct part parts[3];
		unsigned n = inlined_parts(finding->function, parts);
		parts[n++] = whole_part(finding->function);
		while (n-- > 0) {
			any |= want(wants, parts[n].name, parts[n].len, finding->claimed);
			any |= want(wants, parts[n].name, parts[n].len, finding->subject);
		}
	}
	return any;
}

int
mj_candidates_resolve(struct mj_candidates *c, struct mj_image *image, uint8_t wrapper_id,
                      struct mj_error *err)
{
	struct wants wants = { 0 };
	size_t kept = 0;
	if (want_all(&wants, c) && !look_for_wanted(&wants, image)) {
		finish_wants(&wants);
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	}
	for (size_t i = 0; i < c->count; i++)
		if (!is_explained(&c->list[i], &wants, image, wrapper_id))
			c->list[kept++] = c->list[i];
	c->count = kept;
	finish_wants(&wants);
	return 0;
}
