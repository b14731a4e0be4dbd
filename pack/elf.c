/* SPDX-License-Identifier: Apache-2.0 */
/* As much of ELF as packing needs (elf(5)): of which machine a file is, whether it needs shared libraries, and
 * the note of a modjail. For any 64-bit little-endian machine, not only this one. */
#include "pack/internal.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PHDRS_MAX 256
#define NOTES_MAX 65536u

const char *
mj_pack_machine(uint16_t machine, char buf[32])
{
	switch (machine) {
	case EM_X86_64:
		return "x86-64";
	case EM_AARCH64:
		return "aarch64";
	default:
		snprintf(buf, 32, "machine %u", machine);
		return buf;
	}
}

/* An ELF header that is what it should be; *ret_phdrs and *ret_count from it. */
static int
read_header(int fd, const char *name, uint16_t *ret_machine, uint64_t *ret_phdrs, size_t *ret_count,
            struct mj_error *err)
{
	uint8_t bytes[sizeof(Elf64_Ehdr)];
	Elf64_Ehdr ehdr;
	if (pack_read(fd, name, bytes, sizeof(bytes), 0, NULL) < 0 ||
	    memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return mj_error_set(err, MJ_ERR_FORMAT, "%s is not an executable file (not ELF)",
		                    name);
	memcpy(&ehdr, bytes, sizeof(ehdr));
	if (bytes[EI_CLASS] != ELFCLASS64 || bytes[EI_DATA] != ELFDATA2LSB)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED,
		                    "%s is not for a 64-bit little-endian machine", name);
	if (ehdr.e_type != ET_EXEC && ehdr.e_type != ET_DYN)
		return mj_error_set(err, MJ_ERR_FORMAT, "%s is an ELF file, but no program", name);
	if (ehdr.e_phentsize != sizeof(Elf64_Phdr) || ehdr.e_phnum == 0 || ehdr.e_phnum > PHDRS_MAX)
		return mj_error_set(err, MJ_ERR_FORMAT, "%s: damaged ELF header", name);
	*ret_machine = ehdr.e_machine;
	*ret_phdrs = ehdr.e_phoff;
	*ret_count = ehdr.e_phnum;
	return 0;
}

/* Looks for modjail's note in one segment. False: it is damaged. */
static bool
find_note(struct mj_span notes, uint64_t at, uint64_t align, struct mj_pack_elf *ret)
{
	uint64_t off = 0;
	uint32_t namesz, descsz, type;
	uint64_t mask = align == 8 ? 7 : 3;
	while (mj_span_u32(notes, off, &namesz) && mj_span_u32(notes, off + 4, &descsz) &&
	       mj_span_u32(notes, off + 8, &type)) {
		struct mj_span name, desc;
		uint64_t desc_at = off + 12 + ((namesz + mask) & ~mask);
		if (!mj_span_sub(notes, off + 12, namesz, &name) ||
		    !mj_span_sub(notes, desc_at, descsz, &desc))
			return true; /* somebody else's, and not ours to judge */
		if (type == PACK_NOTE_TYPE && name.len == sizeof(PACK_NOTE_NAME) &&
		    memcmp(name.data, PACK_NOTE_NAME, sizeof(PACK_NOTE_NAME)) == 0) {
			if (ret->has_note || !pack_note_decode(desc, &ret->note))
				return false;
			ret->has_note = true;
			ret->note_at = at + desc_at;
		}
		off = desc_at + ((descsz + mask) & ~mask);
	}
	return true;
}

static int
read_notes(int fd, const char *name, const Elf64_Phdr *phdr, struct mj_pack_elf *ret,
           struct mj_error *err)
{
	if (phdr->p_filesz > NOTES_MAX)
		return 0;
	MJ_AUTO_FREE uint8_t *bytes = malloc(phdr->p_filesz + 1);
	if (!bytes)
		return mj_error_set(err, MJ_ERR_MEMORY, "%s: out of memory", name);
	if (pack_read(fd, name, bytes, phdr->p_filesz, phdr->p_offset, err) < 0)
		return -1;
	struct mj_span notes = { bytes, phdr->p_filesz };
	if (!find_note(notes, phdr->p_offset, phdr->p_align, ret))
		return mj_error_set(err, MJ_ERR_FORMAT, "%s: damaged modjail note", name);
	return 0;
}

int
mj_pack_elf(int fd, const char *name, struct mj_pack_elf *ret, struct mj_error *err)
{
	struct mj_pack_elf elf = { 0 };
	Elf64_Phdr phdrs[PHDRS_MAX];
	uint64_t at = 0;
	size_t count = 0;
	if (read_header(fd, name, &elf.machine, &at, &count, err) < 0 ||
	    pack_read(fd, name, phdrs, count * sizeof(*phdrs), at, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (phdrs[i].p_type == PT_INTERP)
			elf.dynamic = true;
		if (phdrs[i].p_type == PT_NOTE && read_notes(fd, name, &phdrs[i], &elf, err) < 0)
			return -1;
	}
	*ret = elf;
	return 0;
}
