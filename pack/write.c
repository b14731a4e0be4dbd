/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/internal.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

struct writer {
	int out;
	uint64_t at;
	size_t count;
	struct mj_pack_entry entries[MJ_PACK_ENTRIES_MAX];
};

static int
pad(struct writer *w, unsigned align, struct mj_error *err)
{
	static const uint8_t zeros[PAGE];
	size_t n = (size_t)(-w->at & (align - 1));
	if (pack_put(w->out, zeros, n, err) < 0)
		return -1;
	w->at += n;
	return 0;
}

static int
put_part(struct writer *w, const struct mj_pack_part *part, struct mj_error *err)
{
	struct mj_pack_entry *entry = &w->entries[w->count];
	struct sha256_ctx hash;
	struct stat st;
	if (strlen(part->name) >= PACK_NAME_MAX)
		return mj_error_set(err, MJ_ERR_USAGE, "the name %.40s... is too long", part->name);
	if (pad(w, part->kind == MJ_PACK_PROGRAM ? PAGE : 8, err) < 0)
		return -1;
	*entry = (struct mj_pack_entry){
		.kind = part->kind, .name = part->name, .offset = w->at, .length = part->data.len
	};
	sha256_init(&hash);
	if (part->fd >= 0) {
		if (fstat(part->fd, &st) < 0)
			return mj_error_sys(err, errno, "cannot read %s", part->name);
		entry->length = (uint64_t)st.st_size;
		if (pack_pass(part->fd, part->name, 0, entry->length, &hash, w->out, err) < 0)
			return -1;
	} else {
		sha256_update(&hash, part->data.len, part->data.data);
		if (pack_put(w->out, part->data.data, part->data.len, err) < 0)
			return -1;
	}
	sha256_digest(&hash, MJ_PACK_DIGEST, entry->digest);
	w->at += entry->length;
	w->count++;
	return 0;
}

/* The pieces of what was written as the program. Opposite of put_part: reads out. */
static int
put_pieces(struct writer *w, struct mj_error *err)
{
	const struct mj_pack_entry *program = &w->entries[w->count - 1];
	uint64_t count = pack_pieces(program->length);
	if (program->length > (uint64_t)MJ_PACK_TEXT_MAX / MJ_PACK_DIGEST * PACK_PIECE)
		return mj_error_set(err, MJ_ERR_USAGE, "%s is too large", program->name);
	MJ_AUTO_FREE uint8_t *digests = calloc(count + 1, MJ_PACK_DIGEST);
	if (!digests)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	for (uint64_t i = 0; i < count; i++) {
		struct sha256_ctx hash;
		sha256_init(&hash);
		if (pack_pass(w->out, "what was written", program->offset + i * PACK_PIECE,
		              pack_piece_length(program->length, i), &hash, -1, err) < 0)
			return -1;
		sha256_digest(&hash, MJ_PACK_DIGEST, digests + i * MJ_PACK_DIGEST);
	}
	struct mj_pack_part part = { .kind = MJ_PACK_PIECES,
		                     .name = "sha256 of each MiB",
		                     .fd = -1,
		                     .data = { digests, count * MJ_PACK_DIGEST } };
	return put_part(w, &part, err);
}

/* ---- the directory -------------------------------------------------------------------------- */

static size_t
encode_entry(uint8_t *at, const struct mj_pack_entry *entry)
{
	size_t name_len = strlen(entry->name) + 1;
	uint32_t words[2] = { htole32((uint32_t)entry->kind), htole32((uint32_t)name_len) };
	uint64_t where[2] = { htole64(entry->offset), htole64(entry->length) };
	memcpy(at, words, sizeof(words));
	memcpy(at + 8, where, sizeof(where));
	memcpy(at + 24, entry->digest, MJ_PACK_DIGEST);
	memcpy(at + PACK_ENTRY, entry->name, name_len);
	return PACK_ENTRY + name_len + pack_padding(name_len);
}

/* In fresh memory; NULL if there is none. */
static uint8_t *
encode_directory(const struct writer *w, size_t *ret_len)
{
	size_t len = PACK_HEAD;
	for (size_t i = 0; i < w->count; i++)
		len += PACK_ENTRY + strlen(w->entries[i].name) + 1 + 8;
	uint8_t *bytes = calloc(1, len);
	uint32_t count = htole32((uint32_t)w->count);
	if (!bytes)
		return NULL;
	memcpy(bytes, PACK_MAGIC, sizeof(PACK_MAGIC));
	memcpy(bytes + 8, &count, sizeof(count));
	len = PACK_HEAD;
	for (size_t i = 0; i < w->count; i++)
		len += encode_entry(bytes + len, &w->entries[i]);
	*ret_len = len;
	return bytes;
}

/* The note goes last: until then the file is a modjail that is not packed. */
static int
put_note(const struct writer *w, const struct mj_pack_elf *elf, struct mj_span directory,
         struct mj_error *err)
{
	struct mj_pack_note note = elf->note;
	struct sha256_ctx hash;
	uint8_t bytes[PACK_NOTE_SIZE];
	note.packed = 1;
	note.directory = w->at;
	note.length = directory.len;
	sha256_init(&hash);
	sha256_update(&hash, directory.len, directory.data);
	sha256_digest(&hash, MJ_PACK_DIGEST, note.digest);
	pack_note_encode(&note, bytes);
	ssize_t n = pwrite(w->out, bytes, sizeof(bytes), (off_t)elf->note_at);
	if (n != (ssize_t)sizeof(bytes))
		return mj_error_sys(err, n < 0 ? errno : EIO, "cannot write the packed file");
	return 0;
}

/* ---- the file ------------------------------------------------------------------------------- */

static int
check_modjail(const struct mj_pack_part *part, struct mj_pack_elf *ret, struct mj_error *err)
{
	if (part->kind != MJ_PACK_MODJAIL || part->fd < 0)
		return mj_error_set(err, MJ_ERR_USAGE, "a packed file begins with modjail");
	if (mj_pack_elf(part->fd, part->name, ret, err) < 0)
		return -1;
	if (!ret->has_note)
		return mj_error_set(err, MJ_ERR_USAGE, "%s is not a modjail that can be packed",
		                    part->name);
	if (ret->note.packed)
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "%s has a program packed into it already: name a modjail "
		                    "without one",
		                    part->name);
	if (ret->note.format != MJ_PACK_FORMAT)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED,
		                    "%s (modjail %s) reads packed files of format %u; this modjail "
		                    "writes format %u",
		                    part->name, ret->note.version, ret->note.format,
		                    MJ_PACK_FORMAT);
	return 0;
}

int
mj_pack_write(int out, const struct mj_pack_part *parts, size_t count, struct mj_error *err)
{
	struct mj_pack_elf elf;
	MJ_AUTO_FREE struct writer *w = calloc(1, sizeof(*w));
	MJ_AUTO_FREE uint8_t *bytes = NULL;
	size_t len = 0;
	if (!w)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (count == 0 || count >= MJ_PACK_ENTRIES_MAX)
		return mj_error_set(err, MJ_ERR_USAGE, "%zu parts cannot be packed", count);
	if (check_modjail(&parts[0], &elf, err) < 0)
		return -1;
	w->out = out;
	for (size_t i = 0; i < count; i++)
		if (put_part(w, &parts[i], err) < 0 ||
		    (parts[i].kind == MJ_PACK_PROGRAM && put_pieces(w, err) < 0))
			return -1;
	bytes = encode_directory(w, &len);
	if (!bytes)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (pad(w, 8, err) < 0 || pack_put(out, bytes, len, err) < 0)
		return -1;
	struct mj_span directory = { bytes, len };
	/* What cannot be read back is not written. */
	struct mj_pack_directory *check = malloc(sizeof(*check));
	int r = check ? mj_pack_parse(directory, w->at, check, err)
	              : mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	free(check);
	return r < 0 ? -1 : put_note(w, &elf, directory, err);
}
