/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WARNINGS 100

int
mj_warnings_add(struct mj_warnings *warnings, struct mj_error *err, const char *fmt, ...)
{
	if (warnings->count > MAX_WARNINGS)
		return 0;
	char **texts = realloc(warnings->texts, (warnings->count + 1) * sizeof(*texts));
	if (!texts)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory for the policy");
	warnings->texts = texts;
	char *text = NULL;
	if (warnings->count == MAX_WARNINGS) {
		text = strdup("more warnings of this kind are left out");
	} else {
		va_list ap;
		va_start(ap, fmt);
		if (vasprintf(&text, fmt, ap) < 0)
			text = NULL;
		va_end(ap);
	}
	if (!text)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory for the policy");
	texts[warnings->count++] = text;
	return 0;
}

void
mj_warnings_finish(struct mj_warnings *warnings)
{
	for (size_t i = 0; i < warnings->count; i++)
		free(warnings->texts[i]);
	free(warnings->texts);
	*warnings = (struct mj_warnings){ 0 };
}
