/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the seeds of fuzz_image: one tiny program for each pclntab layout, PIE and not.
 *     cc -D_GNU_SOURCE -I. tests/fuzz/make_seeds.c -o make_seeds && ./make_seeds
 * tests/fuzz/corpus/image */
#include "tests/unit/tiny_go.h"

#include <stdio.h>

int
main(int argc, char **argv)
{
	static const char *const names[] = { "go116", "go118", "go120" };
	for (int i = 0; argc == 2 && i < 6; i++) {
		uint8_t image[TINY_SIZE];
		char path[4096];
		tiny_go(image, (enum mj_pcln_layout)(i / 2), i % 2);
		snprintf(path, sizeof(path), "%s/%s%s", argv[1], names[i / 2], i % 2 ? "-pie" : "");
		FILE *out = fopen(path, "we");
		if (!out || fwrite(image, sizeof(image), 1, out) != 1 || fclose(out)) {
			perror(path);
			return 1;
		}
	}
	return argc == 2 ? 0 : 2;
}
