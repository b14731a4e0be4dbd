/* SPDX-License-Identifier: Apache-2.0 */
#include "common/common.h"

#include <string.h>

const char *
mj_span_str(struct mj_span s, uint64_t off)
{
	if (off >= s.len || !memchr(s.data + off, 0, s.len - off))
		return NULL;
	return (const char *)s.data + off;
}

bool
mj_span_uvarint(struct mj_span s, uint64_t *off, uint64_t *ret)
{
	uint64_t value = 0;
	uint64_t at = *off;
	if (at < s.len && s.data[at] < 0x80) {
		*ret = s.data[at];
		*off = at + 1;
		return true;
	}
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte;
		if (!mj_span_u8(s, at++, &byte))
			return false;
		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*off = at;
			*ret = value;
			return true;
		}
	}
	return false;
}
