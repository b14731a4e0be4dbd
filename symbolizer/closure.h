/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose code is a closure? It is compiled with the function that it is in, and where that is inlined, with whatever
 * that is inlined into: in the unit, and under the name, of somebody else. The tables say where it comes from all the
 * same; closure.c says how, release by release.
 */
#ifndef MJ_SYMBOLIZER_CLOSURE_H
#define MJ_SYMBOLIZER_CLOSURE_H

#include "symbolizer/image.h"

/** Releases from which on a closure's name has the calls that were inlined, and only its author's package. */
#define MJ_CLOSURES_NAME_CALLS 121
#define MJ_CLOSURES_NAME_AUTHORS 127

/** Who wrote a closure, as far as its name, and the function that makes it, tell. */
struct mj_authors {
	/** Known, so that nobody else can have written it: one of modules, or else whoever's unit it is in. */
	bool explained;
	/** By the code that makes it: then the unit that it is in is only where it was inlined (from Go 1.27 on). */
	bool by_maker;
	/** MJ_MAX_SUSPECTS + 1: more than are told apart, or the tables are malformed or too long. */
	unsigned count;
	int modules[MJ_MAX_SUSPECTS];
};

/** name: of a closure; physical: f itself, else inlined into f. False: out of memory. */
bool mj_closure_authors(struct mj_image *image, const struct mj_func *f, const char *name,
                        bool physical, struct mj_authors *ret);

#endif
