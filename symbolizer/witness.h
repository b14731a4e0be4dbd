/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose code is it, besides what its name says? A closure of an inlined function is named after the
 * caller, //go:linkname gives any name, //line any file. So more witnesses are asked:
 *  - the compile unit: the linker makes one a package (cmd/link/internal/ld/pcln.go, compilation
 *    units' file tables), and no directive moves a function to another one. It counts for every module that
 *    one of its functions names. Two units of the same package mean that one's names are all forged;
 *  - the directory of the source file, which counts for every module that plain functions in it name (closures do
 *    not: they are named after whoever their function was inlined into).
 *  - the module cache's MODULE@VERSION in the name of the source file;
 *  - of closures, what their name, or the code that makes them, says of where they come from (closure.c);
 *  - the debugging information, where there is one: the package that the unit was compiled as, whatever its functions are
 *    called. It knows nothing of code that was inlined.
 * A frame belongs to every module that one of them names: forging adds suspects, never removes one.
 */
#ifndef MJ_SYMBOLIZER_WITNESS_H
#define MJ_SYMBOLIZER_WITNESS_H

#include "symbolizer/dwarfinfo.h"
#include "symbolizer/modules.h"

struct mj_witnesses;

/** Goes through all functions of the image once, and sets its witnesses, if it has none yet. */
int mj_witnesses_ready(struct mj_image *image, struct mj_error *err);
void mj_witnesses_destroy(struct mj_witnesses *witnesses); /**< accepts NULL */

/** Whether a file is in a directory of the standard library's sources, as far as its name says. */
bool mj_witnesses_in_goroot(const struct mj_witnesses *witnesses, const char *file);
/** As mj_image_goroot. */
const char *mj_witnesses_goroot(const struct mj_witnesses *witnesses, size_t *ret_len);

#define MJ_MAX_SUSPECTS 8 /**< that one witness names */
#define MJ_MAX_CHARGED 32 /**< that one frame belongs to, besides its subject */

/**
 * Modules (indices, at most MJ_MAX_CHARGED) other than its subject that frame, of code in function f, belongs to. The image has its
 * witnesses. dwarf: NULL if it is not to be asked. physical: the
 * frame's function is f, not one inlined into it. Returns how many; -1 if there are
 * more than fit, which nothing can be said about, or memory runs out. Sets the frame's doubtful and stray, too.
 */
int mj_witnesses_ask(struct mj_image *image, const struct mj_dwarf *dwarf, const struct mj_func *f,
                     struct mj_frame *frame, bool physical, int *ret);

/** Why nothing confirms that a frame's code is what its name says, as mj_witnesses_ask() would find; NULL: something does. Strays
 * are none of them. */
const char *mj_witnesses_doubt(struct mj_image *image, const struct mj_func *f,
                               const struct mj_frame *frame, bool physical);

#define MJ_NOBODY (-3) /**< next to MJ_SUBJECT_* */

/** What compile unit and directory say by majority, for mj_inspect; mj_witnesses_ask is stricter. */
struct mj_testimony {
	int unit;     /**< whom most of the unit's functions name; MJ_NOBODY if unknown */
	int dir;      /**< whom most functions of the file's directory name; MJ_NOBODY if unknown */
	bool at_home; /**< the directory is where sources of the unit's module are */
};
void mj_witnesses_testify(const struct mj_witnesses *witnesses, uint32_t cu_offset,
                          const char *file, struct mj_testimony *ret);

#endif
