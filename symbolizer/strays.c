/* SPDX-License-Identifier: Apache-2.0 */
/* Closures of which nobody is known to have written them, in a whole file: see mj_frame_in_doubt. */
#include <string.h>

#include "symbolizer/image.h"
#include "symbolizer/pclntab.h"

struct pass {
	struct mj_image *image;
	struct mj_stray *ret;
	size_t max, count;
	const char *last; /* the one that was counted last: its code stands in pieces */
};

static bool
is_closure(const char *name)
{
	return mj_function_outer_length(name) < strlen(name);
}

/* False: out of memory. */
static bool
look_at(struct pass *pass, const struct mj_func *f, const char *name, uint64_t pc, bool physical)
{
	int suspects[MJ_MAX_CHARGED];
	struct mj_frame frame = { .function = name, .file = "", .inlined = !physical };
	int32_t file, line;
	if (!is_closure(name) || name == pass->last)
		return true;
	if (mj_pclntab_value(&pass->image->tab, f, f->pcfile, pc, &file))
		frame.file = mj_pclntab_file(&pass->image->tab, f, file);
	/* What the standard library's do is to call back. */
	if (mj_witnesses_in_goroot(pass->image->witnesses, frame.file))
		return true;
	if (mj_pclntab_value(&pass->image->tab, f, f->pcln, pc, &line) && line > 0)
		frame.line = line;
	if (!mj_modules_subject(&pass->image->modules, name, &frame.subject))
		return false;
	mj_witnesses_ask(pass->image, NULL, f, &frame, physical, suspects);
	if (!frame.stray)
		return true;
	pass->last = name;
	if (pass->count < pass->max)
		pass->ret[pass->count] = (struct mj_stray){ name, frame.file, frame.line };
	pass->count++;
	return true;
}

static bool
look_at_inlined(struct pass *pass, const struct mj_func *f)
{
	struct mj_steps steps;
	struct mj_inlined call;
	uint64_t from = f->entry;
	if (!mj_pclntab_steps(&pass->image->tab, f, mj_pclntab_inline_table(f), &steps))
		return true;
	while (mj_pclntab_step(&steps) == 1) {
		if (steps.value >= 0 &&
		    mj_pclntab_inlined_at(&pass->image->tab, f, steps.value, &call) == 1 &&
		    !look_at(pass, f, call.name, from, false))
			return false;
		from = steps.pc;
	}
	return true;
}

int
mj_find_strays(struct mj_image *image, struct mj_stray *ret, size_t max, size_t *ret_count,
               struct mj_error *err)
{
	struct pass pass = { .image = image, .ret = ret, .max = max };
	if (image->kind != MJ_IMAGE_GO)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED, "%s", image->why);
	if (mj_witnesses_ready(image, err) < 0)
		return -1;
	for (uint64_t i = 0; i < image->tab.nfunc; i++) {
		struct mj_func f;
		if (mj_pclntab_func_at(&image->tab, i, &f) &&
		    (!look_at(&pass, &f, f.name, f.entry, true) || !look_at_inlined(&pass, &f)))
			return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	}
	*ret_count = pass.count;
	return 0;
}
