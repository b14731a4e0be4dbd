/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/godebug.h"

#include <stdio.h>
#include <string.h>

#define NAME "GODEBUG="
#define KEY "tracebackancestors="

size_t
mj_godebug_size(const char *old)
{
	return strlen(NAME) + strlen(old) + strlen(KEY) + 32;
}

/* Appends the settings of an old value to out, but for ours: an outer modjail's, or the user's. */
static void
keep_settings(char *out, const char *old)
{
	while (*old) {
		size_t len = strcspn(old, ",");
		if (len && strncmp(old, KEY, strlen(KEY)) != 0) {
			strncat(out, old, len);
			strcat(out, ",");
		}
		old += len;
		old += *old == ',';
	}
}

void
mj_godebug_write(char *buf, size_t size, const char *old, unsigned ancestors)
{
	strcpy(buf, NAME);
	keep_settings(buf, old);
	/* Last, for later settings override earlier ones (runtime/runtime1.go, parsegodebug). */
	size_t used = strlen(buf);
	snprintf(buf + used, size - used, KEY "%u", ancestors);
}
