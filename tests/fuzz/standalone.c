/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzzer over files instead of fuzzing: every file of the folders named, each whole, each
 * cut off at several lengths, and each with some bytes changed (always the same ones). For
 * compilers without libFuzzer, and so that corpora run as ordinary tests. Fails if it found no file
 * at all.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/common.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_FILE (64u << 20)
#define VARIANTS 64

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* A copy of exactly size bytes, so that sanitizers see a read of one byte more. */
static void
run_exact(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void
run_variants(uint8_t *data, size_t size)
{
	uint64_t state = size;

	run_exact(data, size);
	for (unsigned i = 0; i < VARIANTS && size; i++) {
		run_exact(data, next_random(&state) % size);
		size_t at = next_random(&state) % size;
		uint8_t old = data[at];
		data[at] = (uint8_t)next_random(&state);
		run_exact(data, size);
		data[at] = old;
	}
}

static int
run_file(const char *path)
{
	MJ_AUTO_FREE char *data = NULL;
	size_t size;
	struct mj_error err;

	if (mj_read_file(path, MAX_FILE, &data, &size, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	run_variants((uint8_t *)data, size);
	return 0;
}

/* Number of files run, or -1. */
static int
run_path(const char *path)
{
	struct stat st;
	struct dirent **names;
	int total = 0;

	if (stat(path, &st)) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path) ? -1 : 1;
	int count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char child[4096];
		snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && total >= 0)
			total = run_file(child) ? -1 : total + 1;
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return total;
}

int
main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int count = run_path(argv[i]);
		if (count < 0)
			return EXIT_FAILURE;
		total += count;
	}
	printf("%d files\n", total);
	return total ? EXIT_SUCCESS : EXIT_FAILURE;
}
