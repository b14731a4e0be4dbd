/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's build info, as debug/buildinfo reads it: where the program says how it was built and of
 * which modules. Sources: debug/buildinfo/buildinfo.go of Go 1.17 (pointers), 1.19 and 1.26.
 */
#include "symbolizer/internal.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\xff Go buildinf:"
#define MAGIC_LEN 14
#define HEADER_LEN 32
#define FLAG_BIG_ENDIAN 1
#define FLAG_INLINE 2

/* The largest honest module lists are below 100 KiB. */
#define MAX_MODINFO (8u << 20)
#define MAX_MODULES 65536
#define MAX_VERSION 256

void
mj_buildinfo_finish(struct mj_buildinfo *info)
{
	free(info->version);
	free(info->path);
	for (size_t i = 0; i < info->nmods; i++) {
		free(info->mods[i].path);
		free(info->mods[i].version);
	}
	free(info->mods);
	*info = (struct mj_buildinfo){ 0 };
}

static int
no_memory(struct mj_error *err)
{
	return mj_error_set(err, MJ_ERR_MEMORY, "build info: out of memory");
}

static int
set_string(char **slot, struct mj_span text, struct mj_error *err)
{
	char *copy = strndup((const char *)text.data, text.len);
	if (!copy)
		return no_memory(err);
	free(*slot);
	*slot = copy;
	return 0;
}

/* ---- the text block ------------------------------------------------------------------------- */

/* Takes what precedes sep, or everything, off the front of *text. */
static struct mj_span
cut(struct mj_span *text, char sep)
{
	const uint8_t *end = text->len ? memchr(text->data, sep, text->len) : NULL;
	struct mj_span head = { text->data, end ? (size_t)(end - text->data) : text->len };
	size_t used = end ? head.len + 1 : head.len;
	*text = (struct mj_span){ text->data + used, text->len - used };
	return head;
}

static bool
is(struct mj_span text, const char *word)
{
	return text.len == strlen(word) && (!text.len || !memcmp(text.data, word, text.len));
}

static int
add_module(struct mj_buildinfo *info, struct mj_span path, struct mj_span version, bool is_main,
           struct mj_error *err)
{
	if (!path.len || info->nmods == MAX_MODULES)
		return 0;
	/* Grows at powers of two. */
	if ((info->nmods & (info->nmods - 1)) == 0) {
		size_t cap = info->nmods ? info->nmods * 2 : 1;
		struct mj_buildmod *bigger = realloc(info->mods, cap * sizeof(*bigger));
		if (!bigger)
			return no_memory(err);
		info->mods = bigger;
	}
	struct mj_buildmod *mod = &info->mods[info->nmods++];
	*mod = (struct mj_buildmod){ .is_main = is_main };
	if (set_string(&mod->path, path, err))
		return -1;
	return set_string(&mod->version, version, err);
}

/* "=>" names what the module of the line before was replaced with. Packages keep the path that
 * they are imported by; the version is the replacement's, unless that is a directory. */
static int
replace(struct mj_buildinfo *info, struct mj_span version, struct mj_error *err)
{
	if (!info->nmods || !version.len || is(version, "(devel)"))
		return 0;
	return set_string(&info->mods[info->nmods - 1].version, version, err);
}

static int
parse_line(struct mj_buildinfo *info, struct mj_span line, struct mj_error *err)
{
	struct mj_span key = cut(&line, '\t');
	struct mj_span path = cut(&line, '\t');
	struct mj_span version = cut(&line, '\t');
	if (is(key, "path"))
		return info->path ? 0 : set_string(&info->path, path, err);
	if (is(key, "mod") || is(key, "dep"))
		return add_module(info, path, version, is(key, "mod"), err);
	if (is(key, "=>"))
		return replace(info, version, err);
	return 0; /* "build" lines, and whatever a later Go adds */
}

int
mj_buildinfo_parse(const char *text, size_t len, struct mj_buildinfo *ret, struct mj_error *err)
{
	struct mj_buildinfo info = { .found = true };
	struct mj_span rest = { (const uint8_t *)text, len };
	while (rest.len) {
		struct mj_span line = cut(&rest, '\n');
		if (line.len && line.data[line.len - 1] == '\r')
			line.len--;
		if (parse_line(&info, line, err)) {
			mj_buildinfo_finish(&info);
			return -1;
		}
	}
	*ret = info;
	return 0;
}

/* ---- where it is ---------------------------------------------------------------------------- */

static bool
has_magic(struct mj_span at)
{
	return at.len >= HEADER_LEN && !memcmp(at.data, MAGIC, MAGIC_LEN);
}

static bool
scan(struct mj_span bytes, uint64_t vaddr, struct mj_span *ret)
{
	struct mj_span rest = bytes;
	for (;;) {
		const uint8_t *hit = memmem(rest.data, rest.len, MAGIC, MAGIC_LEN);
		if (!hit)
			return false;
		uint64_t off = (uint64_t)(hit - bytes.data);
		mj_span_from(bytes, off, &rest);
		if (((vaddr + off) & 15) == 0 && has_magic(rest)) {
			*ret = rest;
			return true;
		}
		mj_span_from(rest, 1, &rest);
	}
}

static bool
find(const struct mj_elf *elf, struct mj_span *ret)
{
	uint64_t vaddr;
	struct mj_span bytes;
	if (mj_elf_section(elf, ".go.buildinfo", &vaddr, &bytes) && scan(bytes, vaddr, ret))
		return true;
	/* It lies in data, as it once held pointers; so only what is writable is searched. */
	for (unsigned i = 0; i < elf->nsegments; i++) {
		const struct mj_segment *s = &elf->segments[i];
		if ((s->flags & (PF_W | PF_X)) == PF_W && mj_elf_at(elf, s->vaddr, &bytes) &&
		    scan(bytes, s->vaddr, ret))
			return true;
	}
	return false;
}

/* ---- the two formats ------------------------------------------------------------------------ */

static bool
inline_string(struct mj_span at, uint64_t *off, struct mj_span *ret)
{
	uint64_t len;
	if (!mj_span_uvarint(at, off, &len) || !mj_span_sub(at, *off, len, ret))
		return false;
	*off += len;
	return true;
}

/* A Go string {pointer, length} behind a pointer. */
static bool
pointed_string(const struct mj_elf *elf, uint64_t header, struct mj_span *ret)
{
	uint64_t pointer, len;
	struct mj_span bytes;
	return mj_elf_word(elf, header, &pointer) && mj_elf_word(elf, header + 8, &len) &&
	       mj_elf_at(elf, pointer, &bytes) && mj_span_sub(bytes, 0, len, ret);
}

/* The address of what at shows; at came out of one of the file's segments. */
static bool
address_of(const struct mj_elf *elf, struct mj_span at, uint64_t *ret)
{
	uint64_t offset = (uint64_t)(at.data - elf->file.data);
	for (unsigned i = 0; i < elf->nsegments; i++) {
		const struct mj_segment *s = &elf->segments[i];
		if (offset >= s->offset && offset - s->offset < s->filesz) {
			*ret = s->vaddr + (offset - s->offset);
			return true;
		}
	}
	return false;
}

static void
read_strings(const struct mj_elf *elf, struct mj_span at, struct mj_span *version,
             struct mj_span *modinfo)
{
	uint64_t off = HEADER_LEN;
	uint64_t base, pointer;
	if (at.data[15] & FLAG_INLINE) {
		if (inline_string(at, &off, version))
			inline_string(at, &off, modinfo);
		return;
	}
	/* Up to Go 1.17: pointers to strings. This machine is little-endian with 8-byte pointers.
	 */
	if (at.data[14] != 8 || (at.data[15] & FLAG_BIG_ENDIAN) || !address_of(elf, at, &base))
		return;
	if (mj_elf_word(elf, base + 16, &pointer))
		pointed_string(elf, pointer, version);
	if (mj_elf_word(elf, base + 24, &pointer))
		pointed_string(elf, pointer, modinfo);
}

int
mj_buildinfo_read(const struct mj_elf *elf, struct mj_buildinfo *ret, struct mj_error *err)
{
	struct mj_span at;
	struct mj_span version = { 0 };
	struct mj_span modinfo = { 0 };
	*ret = (struct mj_buildinfo){ 0 };
	if (!find(elf, &at))
		return 0;
	read_strings(elf, at, &version, &modinfo);
	/* The text stands between two 16-byte marks (cmd/go/internal/modload/build.go). */
	if (modinfo.len < 33 || modinfo.len > MAX_MODINFO || modinfo.data[modinfo.len - 17] != '\n')
		modinfo = (struct mj_span){ 0 };
	else
		mj_span_sub(modinfo, 16, modinfo.len - 32, &modinfo);
	struct mj_buildinfo info = { 0 };
	if (mj_buildinfo_parse((const char *)modinfo.data, modinfo.len, &info, err))
		return -1;
	if (version.len && version.len <= MAX_VERSION && set_string(&info.version, version, err)) {
		mj_buildinfo_finish(&info);
		return -1;
	}
	*ret = info;
	return 0;
}
