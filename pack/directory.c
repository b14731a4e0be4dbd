/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of a packed file, from bytes. */
#include "pack/internal.h"

#include <string.h>

const char *
mj_pack_kind_name(enum mj_pack_kind kind)
{
	switch (kind) {
	case MJ_PACK_MODJAIL:
		return "modjail";
	case MJ_PACK_PROGRAM:
		return "program";
	case MJ_PACK_OPTIONS:
		return "options";
	case MJ_PACK_GO_MOD:
		return "go.mod";
	case MJ_PACK_POLICY:
		return "policy";
	case MJ_PACK_PROGRAM_POLICY:
		return "policy of a program";
	case MJ_PACK_PIECES:
		return "pieces";
	case MJ_PACK_KIND_END:
	default:
		return NULL;
	}
}

/* One entry at *off, which moves behind it. */
static bool
parse_entry(struct mj_span bytes, uint64_t *off, struct mj_pack_entry *ret)
{
	uint32_t kind, name_len;
	struct mj_span digest, name;
	if (!mj_span_u32(bytes, *off, &kind) || !mj_span_u32(bytes, *off + 4, &name_len) ||
	    !mj_span_u64(bytes, *off + 8, &ret->offset) ||
	    !mj_span_u64(bytes, *off + 16, &ret->length) ||
	    !mj_span_sub(bytes, *off + 24, MJ_PACK_DIGEST, &digest) || name_len == 0 ||
	    name_len > PACK_NAME_MAX || !mj_span_sub(bytes, *off + PACK_ENTRY, name_len, &name))
		return false;
	ret->kind = (enum mj_pack_kind)kind;
	memcpy(ret->digest, digest.data, MJ_PACK_DIGEST);
	ret->name = (const char *)name.data;
	*off += PACK_ENTRY + name_len + pack_padding(name_len);
	return kind > 0 && kind < MJ_PACK_KIND_END && *off <= bytes.len &&
	       memchr(name.data, '\0', name_len) == name.data + name_len - 1;
}

/* Each part once, but for policies of programs; modjail first, and a program. */
static bool
is_complete(const struct mj_pack_directory *directory)
{
	size_t seen[MJ_PACK_KIND_END] = { 0 };
	uint64_t program = 0, pieces = 0;
	for (size_t i = 0; i < directory->count; i++) {
		enum mj_pack_kind kind = directory->entries[i].kind;
		seen[kind]++;
		if (kind == MJ_PACK_PROGRAM)
			program = directory->entries[i].length;
		if (kind == MJ_PACK_PIECES)
			pieces = directory->entries[i].length;
		if (kind != MJ_PACK_PROGRAM_POLICY && seen[kind] > 1)
			return false;
	}
	return directory->count > 0 && directory->entries[0].kind == MJ_PACK_MODJAIL &&
	       directory->entries[0].offset == 0 && seen[MJ_PACK_PROGRAM] == 1 &&
	       seen[MJ_PACK_OPTIONS] == 1 && seen[MJ_PACK_PIECES] == 1 &&
	       pieces == pack_pieces(program) * MJ_PACK_DIGEST;
}

int
mj_pack_parse(struct mj_span bytes, uint64_t offset, struct mj_pack_directory *ret,
              struct mj_error *err)
{
	uint32_t count, reserved;
	uint64_t off = PACK_HEAD, end = 0;
	const char *magic = mj_span_str(bytes, 0);
	ret->count = 0;
	if (!magic || strcmp(magic, PACK_MAGIC) != 0 || !mj_span_u32(bytes, 8, &count) ||
	    !mj_span_u32(bytes, 12, &reserved) || reserved != 0 || count > MJ_PACK_ENTRIES_MAX)
		return mj_error_set(err, MJ_ERR_FORMAT, "damaged directory");
	for (uint32_t i = 0; i < count; i++) {
		struct mj_pack_entry *entry = &ret->entries[i];
		if (!parse_entry(bytes, &off, entry) || entry->offset < end ||
		    entry->offset > offset || entry->length > offset - entry->offset)
			return mj_error_set(err, MJ_ERR_FORMAT, "damaged directory (entry %u)", i);
		end = entry->offset + entry->length;
		ret->count = i + 1;
	}
	if (off != bytes.len || !is_complete(ret))
		return mj_error_set(err, MJ_ERR_FORMAT, "damaged directory");
	return 0;
}
