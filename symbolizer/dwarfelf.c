/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/dwarfelf.h"
#include "symbolizer/elfopen.h"

#include <elf.h>
#include <endian.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

/* In the file, and decompressed, of all sections together. Of the docker CLI (43 MB) that is 4 MB and 17 MB. */
#define MAX_BYTES (UINT64_C(128) << 20)
#define MAX_DECOMPRESSED (UINT64_C(256) << 20)
#define MAX_SECTIONS 65536
#define ALIGNMENT 16

/* Behind ".debug_" or, as Go compressed them up to 1.18, ".zdebug_". Of strings Go has none; other tools move names
 * there. */
static const char *const wanted[] = { "info", "abbrev",   "addr",       "ranges",
	                              "str",  "rnglists", "str_offsets" };
#define NWANTED MJ_ARRAY_LEN(wanted)

struct section {
	char name[24]; /* with the dot; empty: not found */
	uint64_t flags;
	struct mj_span bytes;
};

static void
cleanup_elf(Elf **elf)
{
	elf_end(*elf);
}

/* Which of the wanted ones a section is, NWANTED if none. */
static size_t
which(const char *name)
{
	size_t prefix = strncmp(name, ".zdebug_", 8) == 0 ? 8 : 7;
	if (prefix == 7 && strncmp(name, ".debug_", 7) != 0)
		return NWANTED;
	size_t i = 0;
	while (i < NWANTED && strcmp(name + prefix, wanted[i]) != 0)
		i++;
	return i;
}

/* Bytes that a section has when it is decompressed. False: its header is malformed. */
static bool
full_size(const struct section *section, uint64_t *ret)
{
	const struct mj_span bytes = section->bytes;
	*ret = bytes.len;
	if (section->flags & SHF_COMPRESSED)
		return mj_span_u64(bytes, offsetof(Elf64_Chdr, ch_size), ret);
	/* "ZLIB" and the size, big-endian */
	if (section->name[1] != 'z')
		return true;
	if (bytes.len < 12 || memcmp(bytes.data, "ZLIB", 4) != 0 || !mj_span_u64(bytes, 4, ret))
		return false;
	*ret = be64toh(*ret);
	return true;
}

static void
take(const struct mj_elf *elf, const char *name, const GElf_Shdr *header, struct section *sections)
{
	size_t i = which(name);
	struct mj_span bytes;
	if (i == NWANTED || sections[i].name[0] || header->sh_type == SHT_NOBITS ||
	    !mj_span_sub(elf->file, header->sh_offset, header->sh_size, &bytes))
		return;
	memcpy(sections[i].name, name, strlen(name) + 1);
	sections[i].flags = header->sh_flags & SHF_COMPRESSED;
	sections[i].bytes = bytes;
}

/* False: there is nothing that could be used. */
static bool
find_sections(const struct mj_elf *elf, struct section *sections)
{
	__attribute__((cleanup(cleanup_elf))) Elf *handle = NULL;
	size_t names;
	if (elf->file.len < sizeof(Elf64_Ehdr))
		return false; /* nothing that mj_elf_parse took for ELF */
	handle = mj_elf_open(elf->file);
	if (!handle || elf_getshdrstrndx(handle, &names))
		return false;
	Elf_Scn *at = NULL;
	for (unsigned i = 0; i < MAX_SECTIONS && (at = elf_nextscn(handle, at)); i++) {
		GElf_Shdr header;
		const char *name = gelf_getshdr(at, &header)
		                           ? elf_strptr(handle, names, header.sh_name)
		                           : NULL;
		if (name)
			take(elf, name, &header, sections);
	}
	return sections[0].name[0] && sections[1].name[0];
}

/* Whether all of it is of a sensible size; the file's size is *ret then. */
static bool
check_sizes(const struct section *sections, size_t *ret)
{
	uint64_t file = 0, full = 0;
	for (size_t i = 0; i < NWANTED; i++) {
		uint64_t size;
		if (!sections[i].name[0])
			continue;
		if (!full_size(&sections[i], &size) || size > MAX_DECOMPRESSED ||
		    sections[i].bytes.len > MAX_BYTES)
			return false;
		file += sections[i].bytes.len + ALIGNMENT;
		full += size;
	}
	*ret = (size_t)file;
	return file <= MAX_BYTES && full <= MAX_DECOMPRESSED;
}

/* Headers first: the file's, and those of no section, of the wanted ones and of the names. */
struct layout {
	Elf64_Ehdr header;
	Elf64_Shdr sections[NWANTED + 2];
	char names[NWANTED][sizeof(((struct section *)0)->name)];
};

static void
describe(struct layout *file)
{
	*file = (struct layout){
		.header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
		                         ELFDATA2LSB, EV_CURRENT },
		            .e_type = ET_EXEC,
		            .e_machine = EM_X86_64,
		            .e_version = EV_CURRENT,
		            .e_shoff = offsetof(struct layout, sections),
		            .e_ehsize = sizeof(Elf64_Ehdr),
		            .e_shentsize = sizeof(Elf64_Shdr),
		            .e_shnum = NWANTED + 2,
		            .e_shstrndx = NWANTED + 1 },
	};
	file->sections[NWANTED + 1] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
		                                    .sh_offset = offsetof(struct layout, names),
		                                    .sh_size = sizeof(file->names),
		                                    .sh_addralign = 1 };
}

static void
assemble(const struct section *sections, uint8_t *buf)
{
	struct layout file;
	size_t at = (sizeof(file) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	describe(&file);
	for (size_t i = 0; i < NWANTED; i++) {
		const struct section *s = &sections[i];
		if (!s->name[0])
			continue;
		memcpy(file.names[i], s->name, sizeof(s->name));
		memcpy(buf + at, s->bytes.data, s->bytes.len);
		file.sections[i + 1] = (Elf64_Shdr){ .sh_name = (uint32_t)(i * sizeof(s->name)),
			                             .sh_type = SHT_PROGBITS,
			                             .sh_flags = s->flags,
			                             .sh_offset = at,
			                             .sh_size = s->bytes.len,
			                             .sh_addralign = s->flags ? 8 : 1 };
		at = (at + s->bytes.len + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	}
	memcpy(buf, &file, sizeof(file));
}

int
mj_dwarf_sections(const struct mj_elf *elf, uint8_t **ret, size_t *ret_len, struct mj_error *err)
{
	struct section sections[NWANTED] = { 0 };
	size_t len;
	*ret = NULL;
	*ret_len = 0;
	if (!find_sections(elf, sections) || !check_sizes(sections, &len))
		return 0;
	len += sizeof(struct layout) + ALIGNMENT;
	uint8_t *buf = calloc(1, len);
	if (!buf)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	assemble(sections, buf);
	*ret = buf;
	*ret_len = len;
	return 0;
}
