/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of wire.h. Part of libmodjail_preload.so, too: nothing but memory is touched, nothing allocated. */
#include "preload/wire.h"

#include <string.h>

static const char magic[8] = "modjail";

_Static_assert(sizeof(struct sock_filter) == 8, "the kernel's instruction has eight bytes");

static void
put_u32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static uint32_t
get_u32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

/* "modjail" and the version; the type; the length of what follows. */
static uint8_t *
put_header(uint8_t *buf, size_t size, enum mj_wire_type type, size_t payload)
{
	if (size < MJ_WIRE_HEADER || payload > size - MJ_WIRE_HEADER)
		return NULL;
	memcpy(buf, magic, sizeof(magic) - 1);
	buf[7] = MJ_WIRE_VERSION;
	put_u32(buf + 8, (uint32_t)type);
	put_u32(buf + 12, (uint32_t)payload);
	return buf + MJ_WIRE_HEADER;
}

enum mj_wire_type
mj_wire_type_of(const uint8_t *buf, size_t len)
{
	if (len < MJ_WIRE_HEADER || len > MJ_WIRE_MAX ||
	    memcmp(buf, magic, sizeof(magic) - 1) != 0 || buf[7] != MJ_WIRE_VERSION ||
	    get_u32(buf + 12) != len - MJ_WIRE_HEADER)
		return 0;
	uint32_t type = get_u32(buf + 8);
	return type >= MJ_WIRE_WELCOME && type <= MJ_WIRE_FAILED ? (enum mj_wire_type)type : 0;
}

/* The payload of a message of this type; NULL if it is none, or of less than least bytes. */
static const uint8_t *
get_payload(const uint8_t *buf, size_t len, enum mj_wire_type type, size_t least, size_t *ret)
{
	if (mj_wire_type_of(buf, len) != type || len - MJ_WIRE_HEADER < least)
		return NULL;
	*ret = len - MJ_WIRE_HEADER;
	return buf + MJ_WIRE_HEADER;
}

size_t
mj_wire_put_welcome(uint8_t *buf, size_t size)
{
	return put_header(buf, size, MJ_WIRE_WELCOME, 0) ? MJ_WIRE_HEADER : 0;
}

size_t
mj_wire_put_hello(uint8_t *buf, size_t size, uint32_t flags)
{
	uint8_t *at = put_header(buf, size, MJ_WIRE_HELLO, 4);
	if (!at || (flags & ~MJ_WIRE_SUBREAPER))
		return 0;
	put_u32(at, flags);
	return MJ_WIRE_HEADER + 4;
}

bool
mj_wire_get_hello(const uint8_t *buf, size_t len, uint32_t *ret_flags)
{
	size_t payload = 0;
	const uint8_t *at = get_payload(buf, len, MJ_WIRE_HELLO, 4, &payload);
	if (!at || payload != 4 || (get_u32(at) & ~MJ_WIRE_SUBREAPER))
		return false;
	*ret_flags = get_u32(at);
	return true;
}

size_t
mj_wire_put_filter(uint8_t *buf, size_t size, uint32_t ancestors, const struct sock_filter *insns,
                   size_t count)
{
	if (count == 0 || count > BPF_MAXINSNS || ancestors > MJ_WIRE_ANCESTORS_MAX)
		return 0;
	size_t bytes = count * sizeof(*insns);
	uint8_t *at = put_header(buf, size, MJ_WIRE_FILTER, 8 + bytes);
	if (!at)
		return 0;
	put_u32(at, ancestors);
	put_u32(at + 4, (uint32_t)count);
	memcpy(at + 8, insns, bytes);
	return MJ_WIRE_HEADER + 8 + bytes;
}

bool
mj_wire_get_filter(const uint8_t *buf, size_t len, struct sock_filter *insns, size_t max,
                   size_t *ret_count, uint32_t *ret_ancestors)
{
	size_t payload = 0;
	const uint8_t *at = get_payload(buf, len, MJ_WIRE_FILTER, 8, &payload);
	if (!at)
		return false;
	uint32_t ancestors = get_u32(at);
	size_t count = get_u32(at + 4);
	if (ancestors > MJ_WIRE_ANCESTORS_MAX || count == 0 || count > BPF_MAXINSNS ||
	    count > max || payload != 8 + count * sizeof(*insns))
		return false;
	memcpy(insns, at + 8, count * sizeof(*insns));
	*ret_count = count;
	*ret_ancestors = ancestors;
	return true;
}

size_t
mj_wire_put_refuse(uint8_t *buf, size_t size, const char *text)
{
	size_t len = strnlen(text, MJ_WIRE_TEXT_MAX);
	uint8_t *at = len ? put_header(buf, size, MJ_WIRE_REFUSE, len) : NULL;
	if (!at)
		return 0;
	memcpy(at, text, len);
	return MJ_WIRE_HEADER + len;
}

bool
mj_wire_get_refuse(const uint8_t *buf, size_t len, char *text)
{
	size_t payload = 0;
	const uint8_t *at = get_payload(buf, len, MJ_WIRE_REFUSE, 1, &payload);
	if (!at || payload > MJ_WIRE_TEXT_MAX)
		return false;
	for (size_t i = 0; i < payload; i++)
		text[i] = at[i] < 0x20 || at[i] == 0x7f ? '?' : (char)at[i];
	text[payload] = '\0';
	return true;
}

size_t
mj_wire_put_failed(uint8_t *buf, size_t size, uint32_t step, uint32_t errnum)
{
	uint8_t *at = put_header(buf, size, MJ_WIRE_FAILED, 8);
	if (!at || step < MJ_WIRE_STEP_PAGE || step > MJ_WIRE_STEP_FILTER)
		return 0;
	put_u32(at, step);
	put_u32(at + 4, errnum);
	return MJ_WIRE_HEADER + 8;
}

bool
mj_wire_get_failed(const uint8_t *buf, size_t len, uint32_t *ret_step, uint32_t *ret_errnum)
{
	size_t payload = 0;
	const uint8_t *at = get_payload(buf, len, MJ_WIRE_FAILED, 8, &payload);
	if (!at || payload != 8)
		return false;
	uint32_t step = get_u32(at);
	if (step < MJ_WIRE_STEP_PAGE || step > MJ_WIRE_STEP_FILTER)
		return false;
	*ret_step = step;
	*ret_errnum = get_u32(at + 4);
	return true;
}
