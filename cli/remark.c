/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refusals that are no reason to worry: what libc and the race detector read on their own account, and do without. The
 * frames' names are the process's own words, good for a remark, and for nothing else.
 */
#include "cli/cli.h"

#include <string.h>

static const char detector[] =
	"the race detector (go build -race), which reads about its own process";
static const char allocator[] =
	"libc's allocator, which reads about the machine when threads begin and end";

static const struct {
	const char *function;
	bool prefix; /* any that begins so; else this one, of libc */
	const char *who;
} own_reads[] = {
	{ "_ZN11__sanitizer", true, detector }, { "_ZN6__tsan", true, detector },
	{ "__libc_free", false, allocator },    { "free", false, allocator },
	{ "__libc_malloc", false, allocator },  { "malloc", false, allocator },
};

static bool
is_function(const char *text, const char *name, bool prefix)
{
	size_t len = strlen(name);
	return strncmp(text, name, len) == 0 &&
	       (prefix || strncmp(text + len, " in libc.so", 11) == 0);
}

static const char *
who_reads(const struct cli_view *view)
{
	for (size_t i = 0; i < view->nstack; i++)
		for (size_t k = 0; view->frames[i].is_c && k < MJ_ARRAY_LEN(own_reads); k++)
			if (is_function(view->frames[i].function, own_reads[k].function,
			                own_reads[k].prefix))
				return own_reads[k].who;
	return NULL;
}

bool
cli_text_remark(FILE *out, const struct cli_view *view)
{
	if (view->reason == MJ_REASON_C && strcmp(view->capability, "FILES/READ") == 0) {
		const char *who = who_reads(view);
		if (!who)
			return false;
		fprintf(out,
		        "modjail: this looks like %s: it does without, and no module is at fault\n",
		        who);
		return true;
	}
	if (view->reason == MJ_REASON_WALK && view->too_deep) {
		fputs("modjail: others' calls go first; a call from a stack that is less deep is "
		      "answered at once\n",
		      out);
		return true;
	}
	return false;
}
