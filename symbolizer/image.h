/* SPDX-License-Identifier: Apache-2.0 */
/* struct mj_image, for image.c and pccache.c. */
#ifndef MJ_SYMBOLIZER_IMAGE_H
#define MJ_SYMBOLIZER_IMAGE_H

#include "symbolizer/cfi.h"
#include "symbolizer/dwarfinfo.h"
#include "symbolizer/modules.h"
#include "symbolizer/witness.h"

struct mj_arena_chunk;

struct mj_pc_cache {
	struct mj_pc_entry **slots; /* open addressing, a power of two of them */
	size_t nslots;
	struct mj_arena_chunk *chunks; /* of entries and frames, newest first */
	struct mj_cache_stats stats;
	struct mj_pc_entry bad; /* for addresses in Go text about which nothing can be said */
};

struct mj_image {
	struct mj_span file; /* the mapping */
	struct mj_image_id id;
	enum mj_image_kind kind;
	const char *why;
	struct mj_elf elf;
	struct mj_pclntab tab;
	struct mj_buildinfo info;
	struct mj_modules modules;
	struct mj_cfi *cfi;             /* NULL: walks are not verified */
	struct mj_witnesses *witnesses; /* made when the first code address is looked up */
	bool thorough;                  /* debugging information is a witness, too */
	struct mj_dwarf *dwarf;         /* so is this, or when a process is looked at */
	struct mj_pc_cache cache;
	struct mj_runtime_layout layout;
	unsigned go_minor;
	unsigned names_minor; /* by whose rules functions are named: go_minor, or an older one */
	/* Compile units of package runtime: its Go code, and asm_amd64.s. */
	uint32_t runtime_units[2];
};

void mj_pc_cache_finish(struct mj_pc_cache *cache);

/** Fills saves_fp and loses_fp of an entry for address pc of function f; all else must be there already
 * (frame_pointer.c). */
void mj_frame_pointer(const struct mj_image *image, const struct mj_func *f, uint64_t pc,
                      struct mj_pc_entry *entry);

#endif
