/* SPDX-License-Identifier: Apache-2.0 */
/* What debugging information says, and what it is worth: of programs that are built here (tests/programs), of one made by
 * hand, and of damaged ones. */
#include "symbolizer/image.h"
#include "tests/unit/tiny_dwarf.h"

#include <check.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_FILE (64u << 20)
#define MUTATIONS 400

/* ---- helpers -------------------------------------------------------------------------------- */

static struct mj_image *
open_bytes(const uint8_t *bytes, size_t len)
{
	struct mj_image *image = NULL;
	struct mj_error err = { 0 };
	MJ_AUTO_FD int fd = memfd_create("program", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, len, 0), (ssize_t)len);
	int got = mj_image_open(fd, "program", NULL, 0, &image, &err);
	ck_assert_msg(got == 0, "%s", err.text);
	return image;
}

struct file {
	char *data;
	size_t len;
	struct mj_image *image;
};

static struct file
open_file(const char *path)
{
	struct file file = { 0 };
	struct mj_error err = { 0 };
	ck_assert_msg(mj_read_file(path, MAX_FILE, &file.data, &file.len, &err) == 0, "%s",
	              err.text);
	file.image = open_bytes((uint8_t *)file.data, file.len);
	return file;
}

static void
close_file(struct file *file)
{
	mj_image_destroy(file->image);
	free(file->data);
}

/* Calls check for each program of a variant, of every Go. */
static void
each(const char *variant, void (*check)(const char *path))
{
	char pattern[4096];
	glob_t found;
	const char *programs = getenv("PROGS");
	ck_assert_msg(programs, "PROGS is not set");
	snprintf(pattern, sizeof(pattern), "%s/go*/%s/golden", programs, variant);
	ck_assert_msg(glob(pattern, 0, NULL, &found) == 0,
	              "no %s: make them with tests/programs/build.sh GO %s", pattern, programs);
	for (size_t i = 0; i < found.gl_pathc; i++)
		check(found.gl_pathv[i]);
	globfree(&found);
}

static void
check_offsets(const struct mj_offsets *got, const struct mj_offsets *want)
{
	ck_assert_mem_eq(got, want, sizeof(*got));
}

/* ---- programs as they are built --------------------------------------------------------------- */

/* The layout that a program without debugging information gets. */
static struct mj_offsets
table_of(unsigned minor, uint32_t curg)
{
	struct mj_offsets table;
	mj_offsets_of_release(minor, &table);
	table.m_curg = curg;
	table.m_procid = curg - 120;
	table.m_gsignal = curg - 112;
	return table;
}

static void
check_same_as_table(const char *path)
{
	struct file file = open_file(path);
	struct mj_offsets dwarf;
	ck_assert_msg(mj_dwarf_offsets(mj_image_dwarf(file.image), &dwarf), "%s", path);
	struct mj_offsets table = table_of(mj_image_go_minor(file.image), dwarf.m_curg);
	check_offsets(&dwarf, &table);
	mj_image_use_dwarf(file.image);
	ck_assert(mj_layout_ready(file.image));
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(file.image);
	ck_assert(layout->from_dwarf && !layout->guessed);
	check_offsets(&layout->at, &dwarf);
	close_file(&file);
}

START_TEST(test_same_as_table)
{
	each("default", check_same_as_table);
	each("pie", check_same_as_table);
	each("trimpath", check_same_as_table);
	each("plaindwarf", check_same_as_table);
}
END_TEST

static void
check_stripped(const char *path)
{
	struct file file = open_file(path);
	struct mj_offsets unused;
	ck_assert(!mj_dwarf_offsets(mj_image_dwarf(file.image), &unused));
	ck_assert(mj_layout_ready(file.image));
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(file.image);
	ck_assert(!layout->from_dwarf && !layout->guessed);
	ck_assert(layout->code.allm != 0);
	struct mj_offsets table = table_of(mj_image_go_minor(file.image), layout->at.m_curg);
	check_offsets(&layout->at, &table);
	close_file(&file);
}

START_TEST(test_stripped)
{
	each("stripped", check_stripped);
}
END_TEST

/* The compile units of honest programs say what their functions' names say. */
static void
check_units(const char *path)
{
	struct file file = open_file(path);
	const struct mj_dwarf *dwarf = mj_image_dwarf(file.image);
	const struct mj_pclntab *tab = mj_image_pclntab(file.image);
	unsigned modules = 0;
	for (uint64_t i = 0; i < tab->nfunc; i++) {
		struct mj_func f;
		int subject;
		if (!mj_pclntab_func_at(tab, i, &f) || strchr(f.name, '[') ||
		    mj_function_outer_length(f.name) < strlen(f.name))
			continue;
		ck_assert(mj_modules_subject(&file.image->modules, f.name, &subject));
		int got = mj_dwarf_module(dwarf, f.entry);
		modules += got >= 0;
		ck_assert_msg(subject < 0 || subject == got, "%s: %s is of %d, not %d", path,
		              f.name, got, subject);
	}
	ck_assert_uint_ge(modules, 10);
	close_file(&file);
}

START_TEST(test_units)
{
	each("default", check_units);
	each("pie", check_units);
	each("cgo", check_units);
	each("plaindwarf", check_units);
}
END_TEST

/* ---- other releases ------------------------------------------------------------------------- */

/* The same program, said to be of another release. */
static struct mj_image *
open_as(struct file *file, const char *release)
{
	char version[64];
	snprintf(version, sizeof(version), "%s", mj_image_go_version(file->image));
	size_t len = strlen(version);
	uint64_t vaddr;
	struct mj_span info;
	ck_assert_uint_ge(len, 6);
	ck_assert(mj_elf_section(mj_image_elf(file->image), ".go.buildinfo", &vaddr, &info));
	size_t from = (size_t)(info.data - mj_image_elf(file->image)->file.data);
	uint8_t *at = memmem(file->data + from, info.len, version, len);
	ck_assert_ptr_nonnull(at);
	memcpy(at, release, strlen(release));
	return open_bytes((uint8_t *)file->data, file->len);
}

static void
check_unknown_with_dwarf(const char *path)
{
	struct file file = open_file(path);
	struct mj_offsets dwarf;
	ck_assert(mj_dwarf_offsets(mj_image_dwarf(file.image), &dwarf));
	/* One that does not exist, and one whose layout is neither that of 1.19 nor that of 1.26. */
	static const char *const releases[] = { "go1.99", "go1.24" };
	for (size_t i = 0; i < MJ_ARRAY_LEN(releases); i++) {
		struct file again = open_file(path);
		struct mj_image *image = open_as(&again, releases[i]);
		ck_assert_uint_eq(mj_image_go_minor(image), i ? 124 : 199);
		if (i)
			mj_image_use_dwarf(image);
		ck_assert(mj_layout_ready(image));
		const struct mj_runtime_layout *layout = mj_image_runtime_layout(image);
		ck_assert(layout->from_dwarf && !layout->guessed);
		check_offsets(&layout->at, &dwarf);
		mj_image_destroy(image);
		close_file(&again);
	}
	close_file(&file);
}

static void
check_unknown_stripped(const char *path)
{
	struct file file = open_file(path);
	unsigned minor = mj_image_go_minor(file.image);
	struct mj_image *image = open_as(&file, "go1.99");
	ck_assert(mj_layout_ready(image));
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(image);
	ck_assert(!layout->from_dwarf && layout->guessed);
	struct mj_offsets newest = table_of(127, layout->at.m_curg);
	newest.m_alllink = table_of(minor, 0).m_alllink; /* the code tells */
	check_offsets(&layout->at, &newest);
	mj_image_destroy(image);
	close_file(&file);
}

START_TEST(test_unknown_release)
{
	each("default", check_unknown_with_dwarf);
	each("stripped", check_unknown_stripped);
}
END_TEST

/* ---- a program made by hand ----------------------------------------------------------------- */

#define LOW UINT64_C(0x400200)

static const struct mj_offsets odd = { 0, 72, 80, 200, 400, 0, 8, 48, 64, 72, 168, 320, 336 };

static struct mj_image *
open_tiny(const struct mj_offsets *offsets, uint64_t low, uint64_t high)
{
	uint8_t bytes[TINY_SIZE + TINY_DWARF_SIZE];
	tiny_go(bytes, MJ_PCLN_120, false);
	tiny_dwarf(bytes, offsets, low, high);
	return open_bytes(bytes, sizeof(bytes));
}

START_TEST(test_tiny)
{
	struct mj_offsets got;
	struct mj_image *image = open_tiny(&odd, LOW, LOW + 0x20);
	ck_assert(mj_dwarf_offsets(mj_image_dwarf(image), &got));
	check_offsets(&got, &odd);
	mj_image_destroy(image);
}
END_TEST

START_TEST(test_nonsense)
{
	static const struct mj_offsets wrong[] = {
		{ 0, 72, 80, 200, 200, 0, 8, 48, 64, 72, 168, 320, 336 }, /* two the same */
		{ 0, 72, 80, 201, 400, 0, 8, 48, 64, 72, 168, 320, 336 }, /* not aligned */
		{ 0, 72, 80, 200, 400, 0, 8, 48, 64, 72, 168, 320, 512 }, /* too far */
		{ 0, 72, 80, 200, 1u << 31, 0, 8, 48, 64, 72, 168, 320, 336 },
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(wrong); i++) {
		struct mj_offsets got;
		struct mj_image *image = open_tiny(&wrong[i], LOW, LOW + 0x20);
		ck_assert(!mj_dwarf_offsets(mj_image_dwarf(image), &got));
		mj_image_destroy(image);
	}
}
END_TEST

/* A unit's package is a suspect for the code that it holds, and for no other. */
START_TEST(test_suspect)
{
	uint64_t at = LOW + TINY_MAIN * 0x20;
	struct mj_image *image = open_tiny(&odd, at, at + 0x20);
	const struct mj_pc *pc = mj_image_lookup(image, at + 16, false);
	ck_assert_ptr_nonnull(pc);
	ck_assert_str_eq(pc->frames[0].function, "main.main");
	bool found = false;
	for (unsigned i = 0; i < pc->frames[0].nsuspects; i++)
		found = found ||
		        !strcmp(mj_image_module(image, (size_t)pc->frames[0].suspects[i])->path,
		                "gopkg.in/yaml.v3");
	ck_assert(found);
	const struct mj_dwarf *dwarf = mj_image_dwarf(image);
	ck_assert_int_eq(mj_dwarf_module(dwarf, at - 1), MJ_SUBJECT_STD);
	ck_assert_int_ge(mj_dwarf_module(dwarf, at), 0);
	ck_assert_int_ge(mj_dwarf_module(dwarf, at + 0x1f), 0);
	ck_assert_int_eq(mj_dwarf_module(dwarf, at + 0x20), MJ_SUBJECT_STD);
	mj_image_destroy(image);
}
END_TEST

/* ---- damage --------------------------------------------------------------------------------- */

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* That it ends, and that what it says could be true, is all that can be asked of it. */
static void
read_damaged(uint8_t *bytes, size_t len)
{
	struct mj_elf elf = { .file = { bytes, len } };
	struct mj_buildinfo none = { 0 };
	struct mj_modules mods;
	struct mj_dwarf *dwarf;
	struct mj_offsets got;
	ck_assert_int_eq(mj_modules_init(&mods, &none, NULL, 0, NULL), 0);
	ck_assert_int_eq(mj_dwarf_create(&elf, &mods, &dwarf, NULL), 0);
	if (mj_dwarf_offsets(dwarf, &got))
		ck_assert(mj_offsets_valid(&got));
	for (uint64_t pc = 0x400000; pc < 0x600000; pc += 0x10000)
		ck_assert_int_lt(mj_dwarf_module(dwarf, pc), (int)mods.count);
	mj_dwarf_destroy(dwarf);
	mj_modules_finish(&mods);
}

/* Changes up to 8 bytes of a section, or only of its first 512, and puts them back. */
static void
damage(const struct file *file, const char *name, unsigned n)
{
	uint64_t vaddr, state = 1;
	struct mj_span section;
	if (!mj_elf_section(mj_image_elf(file->image), name, &vaddr, &section) || !section.len)
		return;
	size_t from = (size_t)(section.data - mj_image_elf(file->image)->file.data);
	for (unsigned i = 0; i < n; i++) {
		size_t span = i % 2 && section.len > 512 ? 512 : section.len;
		uint8_t old[8];
		size_t at[8];
		unsigned count = 1 + i % 8;
		for (unsigned k = 0; k < count; k++) {
			at[k] = from + next_random(&state) % span;
			old[k] = (uint8_t)file->data[at[k]];
			file->data[at[k]] = (char)(i % 3 ? next_random(&state) : 0xff);
		}
		read_damaged((uint8_t *)file->data, file->len);
		for (unsigned k = count; k-- > 0;)
			file->data[at[k]] = (char)old[k];
	}
}

static void
check_damaged(const char *path)
{
	struct file file = open_file(path);
	ck_assert(mj_elf_has_section(mj_image_elf(file.image), ".debug_info"));
	damage(&file, ".debug_info", MUTATIONS);
	damage(&file, ".debug_abbrev", MUTATIONS);
	damage(&file, ".debug_rnglists", MUTATIONS / 8);
	damage(&file, ".debug_ranges", MUTATIONS / 8);
	damage(&file, ".debug_addr", MUTATIONS / 8);
	close_file(&file);
}

START_TEST(test_damaged)
{
	each("plaindwarf", check_damaged);
}
END_TEST

/* Compressed: the bytes do not decompress, or to more than anybody has memory for. */
static void
check_compressed(const char *path)
{
	static const uint64_t sizes[] = { UINT64_MAX, UINT64_C(1) << 40, UINT64_C(200) << 20, 1,
		                          0 };
	struct file file = open_file(path);
	const Elf64_Ehdr *header = (const void *)file.data;
	for (unsigned i = 0; i < header->e_shnum; i++) {
		Elf64_Shdr section;
		Elf64_Chdr chdr;
		memcpy(&section, file.data + header->e_shoff + i * sizeof(section),
		       sizeof(section));
		if (!(section.sh_flags & SHF_COMPRESSED))
			continue;
		char *at = file.data + section.sh_offset;
		memcpy(&chdr, at, sizeof(chdr));
		for (size_t k = 0; k < MJ_ARRAY_LEN(sizes); k++) {
			Elf64_Chdr wrong = chdr;
			wrong.ch_size = sizes[k];
			memcpy(at, &wrong, sizeof(wrong));
			read_damaged((uint8_t *)file.data, file.len);
		}
		memcpy(at, &chdr, sizeof(chdr));
		at[sizeof(chdr) + section.sh_size / 2] ^= 0x55;
		read_damaged((uint8_t *)file.data, file.len);
		at[sizeof(chdr) + section.sh_size / 2] ^= 0x55;
	}
	for (size_t len = file.len; len > 4096; len = len * 7 / 8)
		read_damaged((uint8_t *)file.data, len);
	close_file(&file);
}

START_TEST(test_compressed)
{
	each("default", check_compressed);
}
END_TEST

START_TEST(test_no_elf)
{
	uint8_t bytes[128] = "text";
	read_damaged(NULL, 0);
	read_damaged(bytes, 1);
	read_damaged(bytes, sizeof(bytes));
}
END_TEST

/* ---- the suite ------------------------------------------------------------------------------ */

int
main(void)
{
	const TTest *const tests[] = {
		test_same_as_table, test_stripped, test_units,   test_unknown_release, test_tiny,
		test_nonsense,      test_suspect,  test_damaged, test_compressed,      test_no_elf,
	};
	Suite *suite = suite_create("dwarf");
	TCase *all = tcase_create("dwarf");
	tcase_set_timeout(all, 240); /* sanitizers are slow; what hangs is ended */
	for (size_t i = 0; i < MJ_ARRAY_LEN(tests); i++)
		tcase_add_test(all, tests[i]);
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
