/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the input as an executable and looks up addresses in what it claims to hold. */
#include "symbolizer/internal.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_up(struct mj_image *image, uint64_t pc)
{
	for (int is_return = 0; is_return < 2; is_return++) {
		const struct mj_pc *found = mj_image_lookup(image, pc, is_return);
		for (unsigned i = 0; found && i < found->nframes; i++) {
			const struct mj_frame *frame = &found->frames[i];
			if (frame->subject < MJ_SUBJECT_C ||
			    (frame->subject >= 0 &&
			     !mj_image_module(image, (size_t)frame->subject)))
				abort();
		}
	}
}

static void
use(struct mj_image *image)
{
	const struct mj_pclntab *tab = mj_image_pclntab(image);
	struct mj_func f;
	for (uint64_t i = 0; i < tab->nfunc && i < 64; i++) {
		if (!mj_pclntab_func_at(tab, i, &f))
			continue;
		look_up(image, f.entry);
		look_up(image, f.entry + 9);
		look_up(image, f.end);
	}
	mj_image_function(image, "runtime.asmcgocall", 1, &f);
	mj_image_module_present(image, 0);
	mj_layout_ready(image);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mj_image *image;
	MJ_AUTO_FD int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	if (mj_image_open(fd, "fuzz", NULL, 0, &image, NULL))
		return 0;
	use(image);
	mj_image_destroy(image);
	return 0;
}
