/* SPDX-License-Identifier: Apache-2.0 */
/* The note by which a modjail is known as one, and by which a packed one finds its directory. */
#include "pack/internal.h"

#include <elf.h>
#include <endian.h>
#include <string.h>

/* Laid out as the kernel and binutils want notes (elf(5), "Notes"): this goes into a PT_NOTE segment. */
struct note {
	Elf64_Nhdr head;
	char name[8];
	uint32_t format, packed;
	uint64_t directory, length;
	uint8_t digest[MJ_PACK_DIGEST];
	char version[MJ_PACK_VERSION];
} __attribute__((packed, aligned(4)));

_Static_assert(sizeof(struct note) == sizeof(Elf64_Nhdr) + 8 + PACK_NOTE_SIZE, "no holes");
_Static_assert(sizeof(MJ_VERSION) <= MJ_PACK_VERSION, "the version has room");

__attribute__((section(".note.modjail"), used, aligned(4))) static const struct note own_note = {
	.head = { .n_namesz = 8, .n_descsz = PACK_NOTE_SIZE, .n_type = PACK_NOTE_TYPE },
	.name = PACK_NOTE_NAME,
	.format = MJ_PACK_FORMAT,
	.version = MJ_VERSION,
};

bool
mj_pack_is_packed(void)
{
	/* volatile: `modjail pack` changes it in the file, which no compiler knows of. */
	const volatile struct note *note = &own_note;
	return note->packed != 0;
}

static uint8_t *
put32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

static uint8_t *
put64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

void
pack_note_encode(const struct mj_pack_note *note, uint8_t ret[PACK_NOTE_SIZE])
{
	uint8_t *at = put32(put32(ret, note->format), note->packed);
	at = put64(put64(at, note->directory), note->length);
	memcpy(at, note->digest, MJ_PACK_DIGEST);
	memcpy(at + MJ_PACK_DIGEST, note->version, MJ_PACK_VERSION);
}

bool
pack_note_decode(struct mj_span bytes, struct mj_pack_note *ret)
{
	struct mj_span digest, version;
	if (bytes.len != PACK_NOTE_SIZE || !mj_span_u32(bytes, 0, &ret->format) ||
	    !mj_span_u32(bytes, 4, &ret->packed) || !mj_span_u64(bytes, 8, &ret->directory) ||
	    !mj_span_u64(bytes, 16, &ret->length) ||
	    !mj_span_sub(bytes, 24, MJ_PACK_DIGEST, &digest) ||
	    !mj_span_sub(bytes, 24 + MJ_PACK_DIGEST, MJ_PACK_VERSION, &version))
		return false;
	memcpy(ret->digest, digest.data, MJ_PACK_DIGEST);
	memcpy(ret->version, version.data, MJ_PACK_VERSION);
	return ret->packed <= 1 && ret->version[MJ_PACK_VERSION - 1] == '\0';
}
