/* SPDX-License-Identifier: Apache-2.0 */
/* An executable file, mapped and understood as far as it can be. */
#include "symbolizer/image.h"
#include "symbolizer/pclntab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define OLDEST_GO 116

/* ---- opening -------------------------------------------------------------------------------- */

static int
map_file(struct mj_image *image, int fd, const char *name, struct mj_error *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return mj_error_sys(err, errno, "cannot stat %s", name);
	if (!S_ISREG(st.st_mode))
		return mj_error_set(err, MJ_ERR_USAGE, "%s is not a regular file", name);
	image->id = (struct mj_image_id){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.ctime_sec = st.st_ctim.tv_sec,
		.ctime_nsec = st.st_ctim.tv_nsec,
	};
	if (st.st_size == 0)
		return 0; /* cannot be mapped, and is not ELF */
	void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return mj_error_sys(err, errno, "cannot map %s", name);
	image->file = (struct mj_span){ at, (size_t)st.st_size };
	return 0;
}

/* "go1.26.8" → 126. Development versions begin with "devel". */
static unsigned
parse_minor(const char *version)
{
	unsigned minor = 0;
	if (!version || strncmp(version, "go1.", 4) != 0)
		return 0;
	for (const char *p = version + 4; *p >= '0' && *p <= '9' && minor < 100; p++)
		minor = minor * 10 + (unsigned)(*p - '0');
	return minor && minor < 100 ? 100 + minor : 0;
}

/* Where the version is not known, that of the header: from Go 1.26 on it has no textStart any more
 * (cmd/link/internal/ld/pcln.go). Else the oldest that it can be, whose rules are the strictest. */
static unsigned
rules_of_names(const struct mj_image *image)
{
	uint64_t text_start;
	if (image->go_minor || image->kind != MJ_IMAGE_GO)
		return image->go_minor;
	if (image->tab.layout != MJ_PCLN_120)
		return 118;
	return mj_span_u64(image->tab.data, 24, &text_start) && text_start == 0 ? 126 : 120;
}

/* By functions that every program has. No module can define them a second time: the linker refuses
 * duplicates. */
static bool
find_runtime_units(struct mj_image *image)
{
	static const char *const names[] = { "runtime.main", "runtime.goexit" };
	for (size_t i = 0; i < MJ_ARRAY_LEN(names); i++) {
		struct mj_func f;
		if (!mj_image_function(image, names[i], 0, &f))
			return false;
		image->runtime_units[i] = f.cu_offset;
	}
	return true;
}

/* upx puts its mark behind the program headers (upx, src/stub/src/include/linux.h, l_info). */
static bool
is_upx(struct mj_span file)
{
	return file.len && memmem(file.data, file.len < 4096 ? file.len : 4096, "UPX!", 4);
}

/* Its own form of export data (gcc, go/go-backend.c). */
static bool
is_gccgo(const struct mj_image *image)
{
	return mj_elf_has_section(&image->elf, ".go_export");
}

/* What the file is, where that says more than what lacks in it. */
static void
explain_lack(struct mj_image *image)
{
	if (is_upx(image->file))
		image->why = "packed by upx, which upx -d undoes";
	else if (is_gccgo(image))
		image->why = "built by gccgo, which makes no such tables";
	else if (image->go_minor && image->go_minor < OLDEST_GO)
		image->why = "built by a Go before 1.16";
}

static void
find_kind(struct mj_image *image)
{
	bool traces = image->info.found || image->elf.has_go_note;
	if (mj_pclntab_find(&image->elf, &image->tab, &image->why)) {
		image->kind = MJ_IMAGE_GO;
		if (find_runtime_units(image)) {
			image->why = "Go program";
			return;
		}
		traces = true;
		image->why = "pclntab without runtime.main or runtime.goexit";
		image->tab = (struct mj_pclntab){ 0 };
	}
	traces = traces || is_gccgo(image);
	image->kind = traces ? MJ_IMAGE_GO_OPAQUE : MJ_IMAGE_NOT_GO;
	if (!traces)
		image->why = "no build info, build id or pclntab of Go";
	explain_lack(image);
}

static int
understand(struct mj_image *image, const char *const *extra, size_t n_extra, struct mj_error *err)
{
	if (mj_elf_parse(image->file, &image->elf, &image->kind, &image->why)) {
		image->elf.mapped = true;
		if (mj_buildinfo_read(&image->elf, &image->info, err))
			return -1;
		image->go_minor = parse_minor(image->info.version);
		find_kind(image);
		image->names_minor = rules_of_names(image);
	}
	return mj_modules_init(&image->modules, &image->info, extra, n_extra, err);
}

int
mj_image_open(int fd, const char *name, const char *const *extra, size_t n_extra,
              struct mj_image **ret, struct mj_error *err)
{
	struct mj_image *image = calloc(1, sizeof(*image));
	if (!image)
		return mj_error_set(err, MJ_ERR_MEMORY, "%s: out of memory", name);
	if (map_file(image, fd, name, err)) {
		mj_image_destroy(image);
		return -1;
	}
	if (understand(image, extra, n_extra, err)) {
		mj_image_destroy(image);
		return mj_error_wrap(err, "%s", name);
	}
	mj_elf_let_go(&image->elf);
	*ret = image;
	return 0;
}

int
mj_image_verify_walks(struct mj_image *image, int fd, bool *ret_has_cfi, struct mj_error *err)
{
	if (!image->cfi && mj_cfi_create(fd, image->file.len, &image->cfi, err) < 0)
		return -1;
	*ret_has_cfi = image->cfi != NULL;
	return 0;
}

void
mj_image_destroy(struct mj_image *image)
{
	if (!image)
		return;
	mj_pc_cache_finish(&image->cache);
	mj_witnesses_destroy(image->witnesses);
	mj_dwarf_destroy(image->dwarf);
	mj_cfi_destroy(image->cfi);
	mj_modules_finish(&image->modules);
	mj_buildinfo_finish(&image->info);
	if (image->file.len)
		munmap((void *)(uintptr_t)image->file.data, image->file.len);
	free(image);
}

/* ---- accessors ------------------------------------------------------------------------------ */

enum mj_image_kind
mj_image_kind(const struct mj_image *image)
{
	return image->kind;
}

const char *
mj_image_why(const struct mj_image *image)
{
	return image->why;
}

struct mj_image_id
mj_image_id(const struct mj_image *image)
{
	return image->id;
}

const char *
mj_image_go_version(const struct mj_image *image)
{
	return image->info.version ? image->info.version : "";
}

unsigned
mj_image_go_minor(const struct mj_image *image)
{
	return image->go_minor;
}

const char *
mj_image_main_package(const struct mj_image *image)
{
	return image->info.path ? image->info.path : "";
}

const char *
mj_image_main_module(const struct mj_image *image)
{
	for (size_t i = 0; i < image->info.nmods; i++)
		if (image->info.mods[i].is_main)
			return image->info.mods[i].path;
	return "";
}

bool
mj_image_is_c_program(const struct mj_image *image)
{
	struct mj_func f;
	return image->kind == MJ_IMAGE_GO && !mj_pclntab_func(&image->tab, image->elf.entry, &f) &&
	       mj_image_function(image, "_rt0_amd64_linux_lib", 0, &f);
}

const char *
mj_image_goroot(const struct mj_image *image, size_t *ret_len)
{
	*ret_len = 0;
	return image->witnesses ? mj_witnesses_goroot(image->witnesses, ret_len) : NULL;
}

size_t
mj_image_module_count(const struct mj_image *image)
{
	return image->modules.count;
}

const struct mj_module *
mj_image_module(const struct mj_image *image, size_t index)
{
	return mj_modules_get(&image->modules, index);
}

bool
mj_image_module_present(struct mj_image *image, size_t index)
{
	return mj_modules_present(&image->modules, image->tab.funcnames, index);
}

const struct mj_elf *
mj_image_elf(const struct mj_image *image)
{
	return &image->elf;
}

const struct mj_pclntab *
mj_image_pclntab(const struct mj_image *image)
{
	return &image->tab;
}

struct mj_runtime_layout *
mj_image_runtime_layout(struct mj_image *image)
{
	return &image->layout;
}

void
mj_image_use_dwarf(struct mj_image *image)
{
	image->thorough = true;
}

bool
mj_image_is_thorough(const struct mj_image *image)
{
	return image->thorough;
}

const struct mj_dwarf *
mj_image_dwarf(struct mj_image *image)
{
	if (!image->dwarf && mj_dwarf_create(&image->elf, &image->modules, &image->dwarf, NULL) < 0)
		return NULL;
	return image->dwarf;
}

struct mj_cache_stats
mj_image_cache_stats(const struct mj_image *image)
{
	return image->cache.stats;
}

/* ---- functions by name ---------------------------------------------------------------------- */

/* Where exactly this name stands; the linker writes each name once (cmd/link, pcln.go). */
static bool
name_offset(struct mj_span names, const char *name, uint64_t *ret)
{
	size_t len = strlen(name) + 1;
	for (uint64_t from = 0; from < names.len;) {
		const uint8_t *hit = memmem(names.data + from, names.len - from, name, len);
		if (!hit)
			return false;
		from = (uint64_t)(hit - names.data);
		if (from == 0 || hit[-1] == 0) {
			*ret = from;
			return true;
		}
		from++;
	}
	return false;
}

bool
mj_image_function(const struct mj_image *image, const char *name, unsigned n, struct mj_func *ret)
{
	const struct mj_pclntab *tab = &image->tab;
	uint64_t wanted;
	uint32_t at;
	if (image->kind != MJ_IMAGE_GO || !name_offset(tab->funcnames, name, &wanted))
		return false;
	for (uint64_t i = 0; i < tab->nfunc; i++)
		if (mj_pclntab_name_offset(tab, i, &at) && at == wanted && n-- == 0)
			return mj_pclntab_func_at(tab, i, ret);
	return false;
}
