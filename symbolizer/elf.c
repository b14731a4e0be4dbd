/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF headers of an untrusted file. libelf reads them (it checks offsets and counts against the
 * size of the image and never writes to one opened for reading); the bytes they lead to are handed
 * out as spans that were checked here.
 */
#include "symbolizer/elfopen.h"
#include "symbolizer/internal.h"

#include <elf.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/mman.h>

/* What a program header or section count may be before the file counts as nonsense. Linkers write
 * a few dozen; the kernel refuses programs with more than 64 KiB of program headers. */
#define MAX_PHDRS 1024
#define MAX_SECTIONS 65536

static void
cleanup_elf(Elf **elf)
{
	elf_end(*elf);
}

#define AUTO_ELF __attribute__((cleanup(cleanup_elf)))

/* With e_shnum 0 the first section header holds the count, and libelf 0.188 allocates 200 bytes for
 * each that the file could hold: 9 GB for a sparse file of 2 GiB. No program has that many, so such
 * a file is cut before its section headers. */
static size_t
trusted_length(struct mj_span file)
{
	Elf64_Ehdr header;
	memcpy(&header, file.data, sizeof(header));
	bool counted = header.e_shnum == 0 && header.e_shoff != 0;
	return counted && header.e_shoff < file.len ? header.e_shoff : file.len;
}

/* Only for what check_ident has let pass. */
Elf *
mj_elf_open(struct mj_span file)
{
	size_t len = trusted_length(file);
	if (elf_version(EV_CURRENT) == EV_NONE)
		return NULL;
	/* elf_memory lacks the const, not the promise. */
	return elf_memory((char *)(uintptr_t)file.data, len);
}

static bool
check_ident(struct mj_span file, enum mj_image_kind *kind, const char **why)
{
	*kind = MJ_IMAGE_NOT_ELF;
	if (file.len < EI_NIDENT || memcmp(file.data, ELFMAG, SELFMAG) != 0) {
		*why = file.len >= 2 && !memcmp(file.data, "#!", 2) ? "a script"
		                                                    : "not an ELF file";
		return false;
	}
	*kind = MJ_IMAGE_FOREIGN;
	if (file.data[EI_CLASS] != ELFCLASS64)
		*why = "32-bit ELF";
	else if (file.data[EI_DATA] != ELFDATA2LSB)
		*why = "big-endian ELF";
	else if (file.len < sizeof(Elf64_Ehdr))
		*why = "truncated ELF header";
	else
		return true;
	return false;
}

static bool
check_header(const GElf_Ehdr *header, enum mj_image_kind *kind, const char **why)
{
	*kind = MJ_IMAGE_FOREIGN;
	if (header->e_machine != EM_X86_64) {
		*why = "ELF for another machine";
		return false;
	}
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
		*why = "ELF, but not an executable";
		return false;
	}
	return true;
}

/* Go's build id note: name "Go\0\0", type 4 (cmd/internal/buildid/note.go). */
static bool
is_go_note(struct mj_span file, const GElf_Phdr *phdr)
{
	static const uint8_t name[4] = { 'G', 'o', 0, 0 };
	struct mj_span notes;
	if (!mj_span_sub(file, phdr->p_offset, phdr->p_filesz, &notes))
		return false;
	uint64_t off = 0;
	for (unsigned i = 0; i < 64; i++) {
		uint32_t namesz, descsz, type;
		struct mj_span text;
		if (!mj_span_u32(notes, off, &namesz) || !mj_span_u32(notes, off + 4, &descsz) ||
		    !mj_span_u32(notes, off + 8, &type))
			return false;
		if (type == 4 && namesz == sizeof(name) &&
		    mj_span_sub(notes, off + 12, namesz, &text) &&
		    !memcmp(text.data, name, sizeof(name)))
			return true;
		off += 12 + (((uint64_t)namesz + 3) & ~UINT64_C(3)) +
		       (((uint64_t)descsz + 3) & ~UINT64_C(3));
	}
	return false;
}

static bool
take_phdr(struct mj_elf *elf, const GElf_Phdr *phdr)
{
	switch (phdr->p_type) {
	case PT_LOAD:
		if (elf->nsegments == MJ_MAX_SEGMENTS || phdr->p_filesz > phdr->p_memsz ||
		    phdr->p_vaddr + phdr->p_memsz < phdr->p_vaddr)
			return false; /* the kernel refuses the last two as well (binfmt_elf.c) */
		elf->segments[elf->nsegments++] =
			(struct mj_segment){ phdr->p_vaddr, phdr->p_memsz, phdr->p_offset,
			                     phdr->p_filesz, phdr->p_flags };
		break;
	case PT_INTERP:
		elf->has_interp = true;
		break;
	case PT_DYNAMIC:
		elf->dynamic_vaddr = phdr->p_vaddr;
		break;
	case PT_NOTE:
		elf->has_go_note = elf->has_go_note || is_go_note(elf->file, phdr);
		break;
	default:
		break;
	}
	return true;
}

/* AT_PHDR as the kernel computes it since 5.18 (fs/binfmt_elf.c, load_elf_binary). */
static uint64_t
find_phdr_vaddr(const struct mj_elf *elf, uint64_t phoff)
{
	for (unsigned i = 0; i < elf->nsegments; i++) {
		const struct mj_segment *s = &elf->segments[i];
		if (phoff >= s->offset && phoff - s->offset < s->filesz)
			return s->vaddr + (phoff - s->offset);
	}
	return 0;
}

/* DT_RELACOUNT says how many of DT_RELA's entries are RELATIVE; linkers put them first and sort
 * them by address (-z combreloc). Without it all are looked at. */
static void
find_relative(struct mj_elf *elf)
{
	struct mj_span dynamic, rela;
	uint64_t table = 0, size = 0, count = UINT64_MAX;
	if (!elf->dynamic_vaddr || !mj_elf_at(elf, elf->dynamic_vaddr, &dynamic))
		return;
	for (unsigned i = 0; i < 256; i++) {
		uint64_t tag, value;
		if (!mj_span_u64(dynamic, i * 16, &tag) ||
		    !mj_span_u64(dynamic, i * 16 + 8, &value) || tag == DT_NULL)
			break;
		if (tag == DT_RELA)
			table = value;
		else if (tag == DT_RELASZ)
			size = value;
		else if (tag == DT_RELACOUNT)
			count = value;
	}
	if (count > size / sizeof(Elf64_Rela))
		count = size / sizeof(Elf64_Rela);
	if (mj_elf_at(elf, table, &rela))
		mj_span_sub(rela, 0, count * sizeof(Elf64_Rela), &elf->relative);
}

bool
mj_elf_parse(struct mj_span file, struct mj_elf *elf, enum mj_image_kind *kind, const char **why)
{
	*elf = (struct mj_elf){ .file = file };
	if (!check_ident(file, kind, why))
		return false;
	AUTO_ELF Elf *handle = mj_elf_open(file);
	GElf_Ehdr header;
	size_t count;
	*why = "malformed ELF headers";
	if (!handle || !gelf_getehdr(handle, &header) || elf_getphdrnum(handle, &count) ||
	    count > MAX_PHDRS)
		return false;
	if (!check_header(&header, kind, why))
		return false;
	*why = "malformed ELF program headers";
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr phdr;
		if (!gelf_getphdr(handle, (int)i, &phdr) || !take_phdr(elf, &phdr))
			return false;
	}
	elf->is_pie = header.e_type == ET_DYN;
	elf->entry = header.e_entry;
	elf->phdr_vaddr = find_phdr_vaddr(elf, header.e_phoff);
	find_relative(elf);
	return true;
}

static bool
find_section(const struct mj_elf *elf, const char *name, GElf_Shdr *ret)
{
	AUTO_ELF Elf *handle = mj_elf_open(elf->file);
	size_t names;
	if (!handle || elf_getshdrstrndx(handle, &names))
		return false;
	Elf_Scn *section = NULL;
	for (unsigned i = 0; i < MAX_SECTIONS; i++) {
		section = elf_nextscn(handle, section);
		if (!section)
			return false;
		if (!gelf_getshdr(section, ret))
			continue;
		const char *found = elf_strptr(handle, names, ret->sh_name);
		if (found && strcmp(found, name) == 0)
			return true;
	}
	return false;
}

bool
mj_elf_has_section(const struct mj_elf *elf, const char *name)
{
	GElf_Shdr header;
	return find_section(elf, name, &header);
}

bool
mj_elf_section(const struct mj_elf *elf, const char *name, uint64_t *vaddr, struct mj_span *ret)
{
	GElf_Shdr header;
	if (!find_section(elf, name, &header) || header.sh_type == SHT_NOBITS ||
	    (header.sh_flags & SHF_COMPRESSED) ||
	    !mj_span_sub(elf->file, header.sh_offset, header.sh_size, ret))
		return false;
	*vaddr = header.sh_addr;
	return true;
}

const struct mj_segment *
mj_elf_segment(const struct mj_elf *elf, uint64_t vaddr)
{
	/* From the last one: the kernel maps a later segment over an earlier one. */
	for (unsigned i = elf->nsegments; i-- > 0;) {
		const struct mj_segment *s = &elf->segments[i];
		if (vaddr >= s->vaddr && vaddr - s->vaddr < s->memsz)
			return s;
	}
	return NULL;
}

bool
mj_elf_at(const struct mj_elf *elf, uint64_t vaddr, struct mj_span *ret)
{
	const struct mj_segment *s = mj_elf_segment(elf, vaddr);
	struct mj_span bytes;
	if (!s || s->offset > elf->file.len)
		return false;
	/* A file cut short still has the first part of its segment. */
	uint64_t have = elf->file.len - s->offset;
	if (!mj_span_sub(elf->file, s->offset, s->filesz < have ? s->filesz : have, &bytes))
		return false;
	return mj_span_from(bytes, vaddr - s->vaddr, ret);
}

/* Binary search; on a table that is not sorted it misses, which is safe. */
static bool
find_addend(struct mj_span relative, uint64_t vaddr, uint64_t *ret)
{
	uint64_t low = 0, high = relative.len / sizeof(Elf64_Rela);
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		uint64_t off = middle * sizeof(Elf64_Rela);
		uint64_t where, info;
		if (!mj_span_u64(relative, off, &where))
			return false;
		if (where == vaddr)
			return mj_span_u64(relative, off + 8, &info) &&
			       ELF64_R_TYPE(info) == R_X86_64_RELATIVE &&
			       mj_span_u64(relative, off + 16, ret);
		if (where < vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool
mj_elf_word(const struct mj_elf *elf, uint64_t vaddr, uint64_t *ret)
{
	struct mj_span bytes;
	uint64_t word;
	if (!mj_elf_at(elf, vaddr, &bytes) || !mj_span_u64(bytes, 0, &word))
		return false;
	if (word == 0 && elf->relative.len)
		find_addend(elf->relative, vaddr, &word);
	*ret = word;
	return true;
}

void
mj_elf_let_go(const struct mj_elf *elf)
{
	if (elf->mapped)
		madvise((void *)(uintptr_t)elf->file.data, elf->file.len, MADV_DONTNEED);
}
