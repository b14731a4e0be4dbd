/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists where a Go program's standard library enters the kernel: entrances PROGRAM. A line for each SYSCALL of its functions,
 * "FUNCTION+OFFSET HOW": walked, popped (its return address stands right below SP), or why a walk that begins
 * there is not complete. The same decisions as walk.c's, for a thread that waits there.
 */
#include "symbolizer/image.h"
#include "symbolizer/rawcall.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *
how(const struct mj_pc_entry *entry)
{
	if (!entry)
		return "not-go-text";
	if (entry->flag & MJ_FUNC_TOPFRAME)
		return "topframe";
	if ((entry->flag & MJ_FUNC_SPWRITE) && entry->special != MJ_FN_CGOCALLBACK &&
	    entry->special != MJ_FN_ASMCGOCALL && entry->special != MJ_FN_SYSTEMSTACK_SWITCH)
		return "spwrite";
	if (entry->popped)
		return "popped";
	return entry->pcsp_ok && entry->spdelta % 8 == 0 ? "walked" : "bad-pcsp";
}

/* All SYSCALLs of one function. */
static void
list(struct mj_image *image, struct mj_decoder *decoder, const struct mj_func *f)
{
	struct mj_span code;
	uint64_t from = f->entry, offset;
	while (from < f->end && mj_elf_at(mj_image_elf(image), from, &code) &&
	       mj_span_sub(code, 0, f->end - from < code.len ? f->end - from : code.len, &code) &&
	       mj_find_raw_call(decoder, code, &offset)) {
		uint64_t pc = from + offset + 2;
		const struct mj_pc_entry *entry = mj_image_pc(image, pc, false);
		int subject = entry ? entry->pub.frames[entry->pub.nframes - 1].subject : 0;
		if (subject == MJ_SUBJECT_STD)
			printf("%s+%#llx %s\n", f->name, (unsigned long long)(pc - f->entry),
			       how(entry));
		from = pc;
	}
}

int
main(int argc, char **argv)
{
	struct mj_error err = { 0 };
	struct mj_image *image;
	struct mj_decoder *decoder;
	struct mj_func f;
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0 || mj_image_open(fd, argv[1], NULL, 0, &image, &err) < 0 ||
	    mj_decoder_create(&decoder, &err) < 0) {
		fprintf(stderr, "entrances: %s: %s\n", argc > 1 ? argv[1] : "no program", err.text);
		return 1;
	}
	const struct mj_pclntab *tab = mj_image_pclntab(image);
	for (uint64_t i = 0; i < tab->nfunc; i++)
		if (mj_pclntab_func_at(tab, i, &f))
			list(image, decoder, &f);
	mj_decoder_destroy(decoder);
	mj_image_destroy(image);
	close(fd);
	return 0;
}
