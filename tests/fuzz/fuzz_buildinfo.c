/* SPDX-License-Identifier: Apache-2.0 */
/* Parses the input as build info and asks for the owners of names made of it. */
#include "symbolizer/modules.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mj_buildinfo info;
	struct mj_modules mods;
	int subject;
	if (mj_buildinfo_parse((const char *)data, size, &info, NULL))
		return 0;
	if (mj_modules_init(&mods, &info, NULL, 0, NULL) == 0) {
		MJ_AUTO_FREE char *name = strndup((const char *)data, size);
		char buf[64];
		if (name && mj_modules_subject(&mods, name, &subject) && subject >= 0 &&
		    !mj_modules_get(&mods, (size_t)subject))
			abort();
		if (name)
			mj_function_display(name, buf, sizeof(buf));
		mj_modules_finish(&mods);
	}
	mj_buildinfo_finish(&info);
	return 0;
}
