/* SPDX-License-Identifier: Apache-2.0 */
/* Findings, from a list of candidates to those of each module. */
#include "symbolizer/forged.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CANDIDATES (1u << 20)

bool
mj_candidates_add(struct mj_candidates *c, const struct mj_candidate *candidate)
{
	if (c->count == MAX_CANDIDATES) {
		c->truncated = true;
		return true;
	}
	if (c->count == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct mj_candidate *bigger = realloc(c->list, cap * sizeof(*bigger));
		if (!bigger)
			return false;
		c->list = bigger;
		c->cap = cap;
	}
	c->list[c->count++] = *candidate;
	return true;
}

void
mj_candidates_finish(struct mj_candidates *c)
{
	free(c->list);
	*c = (struct mj_candidates){ 0 };
}

/* ---- the result ----------------------------------------------------------------------------- */

static bool
make_room(struct mj_inspection *out, size_t nmodules)
{
	if (nmodules <= out->nmodules)
		return true;
	struct mj_inspected *bigger = realloc(out->modules, nmodules * sizeof(*bigger));
	if (!bigger)
		return false;
	memset(bigger + out->nmodules, 0, (nmodules - out->nmodules) * sizeof(*bigger));
	out->modules = bigger;
	out->nmodules = nmodules;
	return true;
}

bool
mj_inspection_count(struct mj_inspection *out, int subject)
{
	if (subject < 0) {
		out->std.nfunctions++;
		return true;
	}
	size_t index = (size_t)subject;
	if (index >= out->nmodules && !make_room(out, (index + 1) * 2))
		return false;
	out->modules[index].nfunctions++;
	return true;
}

static int
compare(const void *a, const void *b)
{
	const struct mj_finding *x = a, *y = b;
	if (x->subject != y->subject)
		return x->subject < y->subject ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	int by_name = strcmp(x->function, y->function);
	if (by_name)
		return by_name;
	int by_file = strcmp(x->file, y->file);
	return by_file ? by_file : (x->line > y->line) - (x->line < y->line);
}

static bool
is_same(const struct mj_finding *x, const struct mj_finding *y)
{
	return x->subject == y->subject && x->kind == y->kind &&
	       strcmp(x->function, y->function) == 0 && strcmp(x->file, y->file) == 0;
}

/* Sorts the findings, drops repetitions and hands them out to their modules. */
int
mj_candidates_hand_out(const struct mj_candidates *from, size_t nmodules, struct mj_inspection *out,
                       struct mj_error *err)
{
	size_t n = 0;
	out->all = calloc(from->count + 1, sizeof(*out->all));
	if (!out->all || !make_room(out, nmodules))
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	out->nmodules = nmodules;
	for (size_t i = 0; i < from->count; i++)
		out->all[i] = from->list[i].pub;
	qsort(out->all, from->count, sizeof(*out->all), compare);
	for (size_t i = 0; i < from->count; i++)
		if (n == 0 || !is_same(&out->all[n - 1], &out->all[i]))
			out->all[n++] = out->all[i];
	for (size_t i = 0; i < n; i++) {
		const struct mj_finding *finding = &out->all[i];
		struct mj_inspected *whose =
			finding->subject < 0 ? &out->std : &out->modules[finding->subject];
		if (whose->count[finding->kind]++ == 0)
			whose->findings[finding->kind] = finding;
	}
	out->truncated = from->truncated;
	return 0;
}

void
mj_inspection_destroy(struct mj_inspection *inspection)
{
	if (!inspection)
		return;
	free(inspection->modules);
	free(inspection->all);
	free(inspection);
}
