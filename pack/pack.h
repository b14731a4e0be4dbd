/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack: packed files, which `modjail pack` writes. A packed file is a static modjail with a program, its policy
 * and the options of the run behind it:
 *
 *     modjail          an ELF file as it was built, but for one note (below)
 *     contents         the program, page aligned; go.mod; modjail.yaml; ...
 *     directory        what stands where, and its SHA-256
 *
 * modjail carries an ELF note "modjail" that says where the directory is and what its SHA-256 is; in a
 * modjail that is not packed it says that there is none. So what is appended to a packed file changes nothing, and
 * what is cut off or changed in it is noticed. All numbers are little-endian, whatever the machine.
 * Files are untrusted: every offset is checked before it is used.
 */
#ifndef MJ_PACK_H
#define MJ_PACK_H

#include "common/common.h"

#define MJ_PACK_FORMAT 1
#define MJ_PACK_DIGEST 32 /* bytes of a SHA-256 */
/* Entries of a directory: the parts that are there once, and 64 policies of executed programs. */
#define MJ_PACK_ENTRIES_MAX 128
#define MJ_PACK_DIRECTORY_MAX (1u << 20)
/* Most of one text. */
#define MJ_PACK_TEXT_MAX (4u << 20)
#define MJ_PACK_VERSION 24 /* bytes for a version, with its NUL */

enum mj_pack_kind {
	MJ_PACK_MODJAIL =
		1,       /**< the first bytes of the file; digest: before its note was changed */
	MJ_PACK_PROGRAM, /**< once; name: what the program's file was called, without folders */
	MJ_PACK_OPTIONS, /**< options of `modjail run`, each with a NUL behind it */
	MJ_PACK_GO_MOD,  /**< name: for messages */
	MJ_PACK_POLICY,  /**< a modjail.yaml; name: for messages */
	MJ_PACK_PROGRAM_POLICY, /**< of the policy's "programs", in their order; name: as written there */
	MJ_PACK_PIECES,         /**< SHA-256 of each MiB of the program, by which starts check it */
	MJ_PACK_KIND_END,
};

/** "program", "go.mod", ...; NULL if there is no such kind. Static. */
const char *mj_pack_kind_name(enum mj_pack_kind kind);

/** One part of a packed file. name is the pack's. */
struct mj_pack_entry {
	enum mj_pack_kind kind;
	const char *name;
	uint64_t offset, length;
	uint8_t digest[MJ_PACK_DIGEST];
};

/* ---- ELF files ------------------------------------------------------------------------------ */

/** What the note says (note.c). */
struct mj_pack_note {
	uint32_t format;
	uint32_t packed; /**< 0 or 1 */
	uint64_t directory, length;
	uint8_t digest[MJ_PACK_DIGEST]; /**< of the directory */
	char version[MJ_PACK_VERSION];  /**< of modjail */
};

/** What is to be known of an ELF file. */
struct mj_pack_elf {
	uint16_t machine; /**< EM_* (elf.h) */
	bool dynamic;     /**< it names an interpreter: it needs shared libraries */
	bool has_note;    /**< it is a modjail, packed or not */
	uint64_t note_at; /**< where in the file the note's contents are; only if has_note */
	struct mj_pack_note note;
};

/** Looks at an ELF file, which is read with pread. name is for messages. Fails for everything but 64-bit
 * little-endian executables, and for a damaged note. */
int mj_pack_elf(int fd, const char *name, struct mj_pack_elf *ret, struct mj_error *err);

/** "x86-64", "aarch64", or "machine 243" in buf. */
const char *mj_pack_machine(uint16_t machine, char buf[32]);

/** Whether this process runs a modjail that is packed, by the note in its own memory. Asks nobody. */
bool mj_pack_is_packed(void);

/* ---- reading -------------------------------------------------------------------------------- */

struct mj_pack;

/** Opens a packed file, which fd stays open for as long as the pack lives; name is for messages. MJ_ERR_NOT_FOUND
 * if it is no packed file, MJ_ERR_FORMAT if it is a damaged one. The directory is compared with its digest, the
 * rest is when it is read. */
int mj_pack_open(int fd, const char *name, struct mj_pack **ret, struct mj_error *err);
void mj_pack_close(struct mj_pack *pack); /**< accepts NULL; leaves fd open */

const struct mj_pack_elf *mj_pack_elf_of(const struct mj_pack *pack);
/** Borrowed; NULL behind the last index. */
const struct mj_pack_entry *mj_pack_at(const struct mj_pack *pack, size_t index);
/** The entry of a kind, counted from 0; NULL if there are not so many. */
const struct mj_pack_entry *mj_pack_find(const struct mj_pack *pack, enum mj_pack_kind kind,
                                         size_t nth);

/** Reads a text, with one NUL behind it (not counted), into fresh memory, and compares it with its digest. */
int mj_pack_text(const struct mj_pack *pack, const struct mj_pack_entry *entry, char **ret,
                 size_t *ret_len, struct mj_error *err);

/** The program in a memory file that nobody can change any more (memfd_create(2), F_SEAL_WRITE), compared with the
 * digests of its pieces after it was sealed. On up to four CPUs, by threads that have ended when this returns. *ret
 * is the caller's, O_CLOEXEC. */
int mj_pack_program(const struct mj_pack *pack, int *ret, struct mj_error *err);

/** Compares an entry, of any kind, with its digest. -1 and MJ_ERR_FORMAT if they differ. */
int mj_pack_verify(const struct mj_pack *pack, const struct mj_pack_entry *entry,
                   struct mj_error *err);

/* ---- writing -------------------------------------------------------------------------------- */

/** One part to be packed: the whole of a file, or bytes. */
struct mj_pack_part {
	enum mj_pack_kind kind;
	const char *name;
	int fd; /**< -1: data */
	struct mj_span data;
};

/** Writes a packed file to out, an empty file open for reading and writing: the modjail of parts[0], whose note is
 * changed, then the others, and the pieces of the program. The same parts make the same bytes. */
int mj_pack_write(int out, const struct mj_pack_part *parts, size_t count, struct mj_error *err);

/* ---- for tests and fuzzers ------------------------------------------------------------------ */

/** A directory as bytes, which stands at offset in a file. Its entries point into it. */
struct mj_pack_directory {
	size_t count;
	struct mj_pack_entry entries[MJ_PACK_ENTRIES_MAX];
};

/** Reads a directory. Fails for everything that mj_pack_write would not have written: parts that overlap, reach
 * beyond the directory's own offset, are of no known kind, or are missing. */
int mj_pack_parse(struct mj_span bytes, uint64_t offset, struct mj_pack_directory *ret,
                  struct mj_error *err);

#endif
