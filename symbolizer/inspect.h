/* SPDX-License-Identifier: Apache-2.0 */
/* What a file says about itself and its modules before it runs: for `modjail inspect`. Part of the
 * public header symbolizer.h. */
#ifndef MJ_SYMBOLIZER_INSPECT_H
#define MJ_SYMBOLIZER_INSPECT_H

#include "common/common.h"

struct mj_image;

/** What is found in a module that a jail should not be taken to hold without a second look. */
enum mj_finding_kind {
	MJ_FINDING_ASSEMBLY, /**< a function in assembly */
	MJ_FINDING_SYSCALL,  /**< one with a system call instruction of its own */
	MJ_FINDING_CGO,      /**< a function that cgo made: the module comes with C code */
	MJ_FINDING_LINKNAME, /**< a function whose name is another module's */
	MJ_FINDING_LINE,     /**< a function whose file is another module's, or nobody's */
	MJ_FINDING_UNCONFIRMED, /**< one of which nothing confirms that it is whose it is by its name: what it
	                         * does is charged to whoever can have written it */
	MJ_FINDING_KINDS,
};

struct mj_finding {
	int subject; /**< whose it is: index of a module, or MJ_SUBJECT_STD */
	enum mj_finding_kind kind;
	const char *function; /**< as in the pclntab */
	const char *file;     /**< "" where unknown */
	int line;             /**< 0 where unknown */
	const char *insn;     /**< of MJ_FINDING_SYSCALL: "SYSCALL", "SYSENTER", "INT 0x80" */
	const char *why;      /**< of UNCONFIRMED */
	int claimed;          /**< of LINKNAME and LINE: whom the name or the file names instead,
	                       * or MJ_SUBJECT_C if that is nobody */
};

/** The findings of one subject, by kind; each array is sorted by name. */
struct mj_inspected {
	uint64_t nfunctions; /**< by name; what was inlined everywhere does not count */
	size_t count[MJ_FINDING_KINDS];
	const struct mj_finding *findings[MJ_FINDING_KINDS];
};

struct mj_inspection {
	bool dynamic, pie, stripped, cgo, dwarf;
	const char *build_info; /**< "section .go.buildinfo", "scan", or "" if there is none */
	const char *pclntab;    /**< "section .gopclntab", ..., or "scan" */
	const char *layout;     /**< the first release that had it: "go1.20" */
	uint64_t moduledata;    /**< its link address */
	uint64_t nfunctions;
	uint64_t
		std_syscalls; /**< functions of std with a system call instruction, where expected */
	bool truncated;       /**< there is more than was kept */
	size_t nmodules;      /**< as mj_image_module_count() */
	struct mj_inspected *modules;
	struct mj_inspected std; /**< its MJ_FINDING_SYSCALL are those in packages that have none */
	struct mj_finding *all;  /**< private: what the above point into */
};

/**
 * Looks at all functions of an image of kind MJ_IMAGE_GO (others: MJ_ERR_UNSUPPORTED). Strings are
 * borrowed from image. Reads the file only. mj_inspection_destroy() frees the result.
 */
int mj_inspect(struct mj_image *image, struct mj_inspection **ret, struct mj_error *err);
void mj_inspection_destroy(struct mj_inspection *inspection); /**< accepts NULL */

/** A closure of which nobody is known to have written it (mj_frame_in_doubt). Borrowed from the image. */
struct mj_stray {
	const char *function, *file;
	int line; /**< 0 where unknown */
};
/** Looks for such closures in an image of kind MJ_IMAGE_GO (others: MJ_ERR_UNSUPPORTED), but for those in the standard library's
 * files; the first max of them are put in ret, *ret_count is how many there are. Seconds, for the largest programs. */
int mj_find_strays(struct mj_image *image, struct mj_stray *ret, size_t max, size_t *ret_count,
                   struct mj_error *err);

#endif
