/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the seeds of fuzz_image: one tiny program for each pclntab layout, PIE and not, and one with debugging
 * information.
 *     cc -D_GNU_SOURCE -I. tests/fuzz/make_seeds.c -o make_seeds && ./make_seeds
 * tests/fuzz/corpus/image */
#include "tests/unit/tiny_dwarf.h"

#include <stdio.h>

static bool
write_seed(const char *folder, const char *name, const uint8_t *image, size_t len)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *out = fopen(path, "we");
	if (!out || fwrite(image, len, 1, out) != 1 || fclose(out)) {
		perror(path);
		return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	static const char *const names[] = { "go116",     "go116-pie", "go118",
		                             "go118-pie", "go120",     "go120-pie" };
	static const struct mj_offsets offsets = { 0,  64, 72, 184, 352, 0,  8,
		                                   48, 56, 64, 152, 288, 296 };
	uint8_t image[TINY_SIZE + TINY_DWARF_SIZE];
	if (argc != 2)
		return 2;
	for (int i = 0; i < 6; i++) {
		tiny_go(image, (enum mj_pcln_layout)(i / 2), i % 2);
		if (!write_seed(argv[1], names[i], image, TINY_SIZE))
			return 1;
	}
	uint64_t text = tiny_go(image, MJ_PCLN_120, false) + TINY_TEXT;
	tiny_dwarf(image, &offsets, text, text + 0x40);
	return write_seed(argv[1], "go120-dwarf", image, sizeof(image)) ? 0 : 1;
}
