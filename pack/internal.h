/* SPDX-License-Identifier: Apache-2.0 */
/* pack's own: what its files share. Not for other folders. */
#ifndef MJ_PACK_INTERNAL_H
#define MJ_PACK_INTERNAL_H

#include <nettle/sha2.h>

#include "pack/pack.h"

_Static_assert(MJ_PACK_DIGEST == SHA256_DIGEST_SIZE, "digests are SHA-256");

/* The note's contents as they are in the file: format, packed, directory, length, digest, version. */
#define PACK_NOTE_NAME "modjail"
#define PACK_NOTE_TYPE 1
#define PACK_NOTE_SIZE (4 + 4 + 8 + 8 + MJ_PACK_DIGEST + MJ_PACK_VERSION)

/* The directory: this, the number of entries, and 32 bits that are 0; then each entry: kind, length of its name,
 * offset, length, digest, the name with its NUL, and zeros up to a multiple of 8 bytes. */
#define PACK_MAGIC "MJPACK1"
#define PACK_HEAD 16
#define PACK_ENTRY (4 + 4 + 8 + 8 + MJ_PACK_DIGEST)
#define PACK_NAME_MAX 4096u

/** Zeros up to the next multiple of 8. */
static inline size_t
pack_padding(uint64_t size)
{
	return (size_t)(-size & 7);
}

#define PACK_PIECE (UINT64_C(1) << 20)

/** Into how many pieces a program is divided. */
static inline uint64_t
pack_pieces(uint64_t length)
{
	return length / PACK_PIECE + (length % PACK_PIECE != 0);
}

/** The length of one of them, which exists. */
static inline size_t
pack_piece_length(uint64_t length, uint64_t piece)
{
	uint64_t rest = length - piece * PACK_PIECE;
	return (size_t)(rest < PACK_PIECE ? rest : PACK_PIECE);
}

/** pread(2) until len bytes are there. -1 and *err for a file that ends before, too. */
int pack_read(int fd, const char *name, void *buf, size_t len, uint64_t offset,
              struct mj_error *err);
/** Feeds a part of a file to hash, and writes it to out if that is >= 0. */
int pack_pass(int fd, const char *name, uint64_t offset, uint64_t len, struct sha256_ctx *hash,
              int out, struct mj_error *err);
/** write(2) until all of it is out. */
int pack_put(int out, const void *buf, size_t len, struct mj_error *err);

/** The note's contents as bytes, and back. */
void pack_note_encode(const struct mj_pack_note *note, uint8_t ret[PACK_NOTE_SIZE]);
bool pack_note_decode(struct mj_span bytes, struct mj_pack_note *ret);

#endif
