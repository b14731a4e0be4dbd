/* SPDX-License-Identifier: Apache-2.0 */
#include "common/common.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
mj_error_set(struct mj_error *err, enum mj_code code, const char *fmt, ...)
{
	if (!err)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	err->code = code;
	err->sys_errno = 0;
	return -1;
}

int
mj_error_sys(struct mj_error *err, int errnum, const char *fmt, ...)
{
	if (!err)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	size_t used = strlen(err->text);
	char reason[128];
	/* The GNU strerror_r: it may return a string of its own instead of filling the buffer. */
	snprintf(err->text + used, sizeof(err->text) - used, ": %s",
	         strerror_r(errnum, reason, sizeof(reason)));
	err->code = MJ_ERR_SYSTEM;
	err->sys_errno = errnum;
	return -1;
}

int
mj_error_wrap(struct mj_error *err, const char *fmt, ...)
{
	if (!err)
		return -1;
	char inner[sizeof(err->text)];
	memcpy(inner, err->text, sizeof(inner));
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	size_t used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner);
	return -1;
}
