/* SPDX-License-Identifier: Apache-2.0 */
#include "common/common.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "spans are read as little-endian");

static bool
fits(struct mj_span s, uint64_t off, uint64_t len)
{
	return off <= s.len && len <= s.len - off;
}

bool
mj_span_sub(struct mj_span s, uint64_t off, uint64_t len, struct mj_span *ret)
{
	if (!fits(s, off, len))
		return false;
	*ret = (struct mj_span){ s.data + off, len };
	return true;
}

bool
mj_span_from(struct mj_span s, uint64_t off, struct mj_span *ret)
{
	if (off > s.len)
		return false;
	*ret = (struct mj_span){ s.data + off, s.len - off };
	return true;
}

static bool
take(struct mj_span s, uint64_t off, void *ret, size_t len)
{
	if (!fits(s, off, len))
		return false;
	memcpy(ret, s.data + off, len);
	return true;
}

bool
mj_span_u8(struct mj_span s, uint64_t off, uint8_t *ret)
{
	return take(s, off, ret, sizeof(*ret));
}

bool
mj_span_u32(struct mj_span s, uint64_t off, uint32_t *ret)
{
	return take(s, off, ret, sizeof(*ret));
}

bool
mj_span_i32(struct mj_span s, uint64_t off, int32_t *ret)
{
	return take(s, off, ret, sizeof(*ret));
}

bool
mj_span_u64(struct mj_span s, uint64_t off, uint64_t *ret)
{
	return take(s, off, ret, sizeof(*ret));
}

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
