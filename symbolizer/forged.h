/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as they are gathered, and which of them compilers explain. */
#ifndef MJ_SYMBOLIZER_FORGED_H
#define MJ_SYMBOLIZER_FORGED_H

#include "symbolizer/image.h"
#include "symbolizer/inspect.h"

/** What might explain a finding. */
enum mj_doubt {
	MJ_DOUBT_NONE,
	MJ_DOUBT_WRAPPER, /**< made by the compiler in whichever package needs it */
	MJ_DOUBT_CLOSURE, /**< of a function that was inlined: named after where, not what it is */
	MJ_DOUBT_COPY,    /**< the same, named after what it is, in the unit where it was inlined */
};

struct mj_candidate {
	struct mj_finding pub;
	uint64_t pc;
	enum mj_doubt doubt;
	uint8_t func_id;
};

struct mj_candidates {
	struct mj_candidate *list;
	size_t count, cap;
	bool truncated;
};

/** False: out of memory. Beyond a million it only sets truncated. */
bool mj_candidates_add(struct mj_candidates *c, const struct mj_candidate *candidate);
void mj_candidates_finish(struct mj_candidates *c);

/** Counts a function for its module; false: out of memory. */
bool mj_inspection_count(struct mj_inspection *out, int subject);
/** Sorts the findings, drops repetitions and hands them out to the nmodules modules. */
int mj_candidates_hand_out(const struct mj_candidates *from, size_t nmodules,
                           struct mj_inspection *out, struct mj_error *err);

/** Drops candidates that are explained. wrapper_id: funcID of what the compiler makes. */
int mj_candidates_resolve(struct mj_candidates *c, struct mj_image *image, uint8_t wrapper_id,
                          struct mj_error *err);

#endif
