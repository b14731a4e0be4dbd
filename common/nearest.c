/* SPDX-License-Identifier: Apache-2.0 */
#include "common/common.h"

#include <string.h>

#define LONGEST 200

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;
	return ab < c ? ab : c;
}

/* Levenshtein's distance; both are shorter than LONGEST. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[LONGEST + 1];
	size_t len = strlen(b);
	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			row[j] = min3(row[j] + 1, row[j - 1] + 1, change);
		}
	}
	return row[len];
}

/* "yaml.v3" for "gopkg.in/yaml.v3". */
static bool
is_last_element(const char *word, const char *candidate)
{
	size_t len = strlen(word);
	size_t total = strlen(candidate);
	return len && total > len && candidate[total - len - 1] == '/' &&
	       strcmp(candidate + total - len, word) == 0;
}

const char *
mj_nearest(const char *word, const char *const *candidates, size_t count)
{
	size_t len = strlen(word);
	if (len >= LONGEST)
		return NULL;
	size_t best = (len < 6 ? 2 : len / 3) + 1;
	if (best > 5)
		best = 5;
	const char *nearest = NULL;
	for (size_t i = 0; i < count; i++) {
		if (is_last_element(word, candidates[i]))
			return candidates[i];
		if (strlen(candidates[i]) >= LONGEST)
			continue;
		size_t d = distance(word, candidates[i]);
		if (d < best) {
			best = d;
			nearest = candidates[i];
		}
	}
	return nearest;
}
