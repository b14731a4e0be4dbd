/* SPDX-License-Identifier: Apache-2.0 */
/* Packed files: writing, reading back, and what is refused. The modjail in them is a tiny ELF file with its note. */
#include <check.h>
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pack/internal.h"

struct tiny {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[2];
	Elf64_Nhdr head;
	char name[8];
	uint8_t note[PACK_NOTE_SIZE];
	char code[64];
};

static struct tiny
tiny_modjail(uint16_t machine)
{
	struct mj_pack_note note = { .format = MJ_PACK_FORMAT, .version = "9.9" };
	struct tiny tiny = {
		.ehdr = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
		          .e_type = ET_EXEC,
		          .e_machine = machine,
		          .e_phoff = offsetof(struct tiny, phdrs),
		          .e_phentsize = sizeof(Elf64_Phdr),
		          .e_phnum = 2 },
		.phdrs = { { .p_type = PT_LOAD, .p_filesz = sizeof(struct tiny) },
		           { .p_type = PT_NOTE,
		             .p_offset = offsetof(struct tiny, head),
		             .p_filesz = offsetof(struct tiny, code) - offsetof(struct tiny, head),
		             .p_align = 4 } },
		.head = { 8, PACK_NOTE_SIZE, PACK_NOTE_TYPE },
		.name = PACK_NOTE_NAME,
		.code = "not run",
	};
	pack_note_encode(&note, tiny.note);
	return tiny;
}

static int
file_of(const void *bytes, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	return fd;
}

static struct mj_pack_part
text_part(enum mj_pack_kind kind, const char *name, const char *text)
{
	return (struct mj_pack_part){ .kind = kind,
		                      .name = name,
		                      .fd = -1,
		                      .data = { (const uint8_t *)text, strlen(text) } };
}

/* A packed file with a program of 10000 bytes; the caller's to close. */
static int
packed_file(void)
{
	struct tiny tiny = tiny_modjail(EM_X86_64);
	char program[10000];
	struct mj_error err = { 0 };
	memset(program, 'p', sizeof(program));
	int modjail = file_of(&tiny, sizeof(tiny)), prog = file_of(program, sizeof(program));
	int out = memfd_create("out", MFD_CLOEXEC);
	struct mj_pack_part parts[] = {
		{ .kind = MJ_PACK_MODJAIL, .name = "modjail", .fd = modjail },
		{ .kind = MJ_PACK_PROGRAM, .name = "prog", .fd = prog },
		text_part(MJ_PACK_OPTIONS, "options", "--quiet"),
		text_part(MJ_PACK_POLICY, "m.yaml", "version: 1\n"),
		text_part(MJ_PACK_PROGRAM_POLICY, "sub/a.yaml", "a"),
		text_part(MJ_PACK_PROGRAM_POLICY, "sub/b.yaml", "bb"),
	};
	ck_assert_msg(mj_pack_write(out, parts, MJ_ARRAY_LEN(parts), &err) == 0, "%s", err.text);
	close(modjail);
	close(prog);
	return out;
}

/* Changes one byte. */
static void
flip(int fd, uint64_t at)
{
	uint8_t byte;
	ck_assert_int_eq(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 0x40;
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
}

START_TEST(own_note)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct mj_pack_elf elf;
	struct mj_error err = { 0 };
	ck_assert(!mj_pack_is_packed());
	ck_assert_msg(mj_pack_elf(fd, "self", &elf, &err) == 0, "%s", err.text);
	ck_assert(elf.has_note);
	ck_assert_uint_eq(elf.note.format, MJ_PACK_FORMAT);
	ck_assert_uint_eq(elf.note.packed, 0);
	ck_assert_str_eq(elf.note.version, MJ_VERSION);
	close(fd);
}
END_TEST

START_TEST(there_and_back)
{
	int fd = packed_file();
	struct mj_pack *pack = NULL;
	struct mj_error err = { 0 };
	char *text = NULL;
	size_t len = 0, count = 0;
	ck_assert_msg(mj_pack_open(fd, "f", &pack, &err) == 0, "%s", err.text);
	ck_assert_str_eq(mj_pack_elf_of(pack)->note.version, "9.9");
	for (; mj_pack_at(pack, count); count++)
		ck_assert_msg(mj_pack_verify(pack, mj_pack_at(pack, count), &err) == 0, "%s",
		              err.text);
	ck_assert_uint_eq(count, 7); /* the pieces, too */
	const struct mj_pack_entry *second = mj_pack_find(pack, MJ_PACK_PROGRAM_POLICY, 1);
	ck_assert_str_eq(second->name, "sub/b.yaml");
	ck_assert_ptr_null(mj_pack_find(pack, MJ_PACK_PROGRAM_POLICY, 2));
	ck_assert_ptr_null(mj_pack_find(pack, MJ_PACK_GO_MOD, 0));
	ck_assert_int_eq(mj_pack_text(pack, second, &text, &len, &err), 0);
	ck_assert_uint_eq(len, 2);
	ck_assert_str_eq(text, "bb");
	ck_assert_uint_eq(mj_pack_find(pack, MJ_PACK_PROGRAM, 0)->offset % 4096, 0);
	free(text);
	mj_pack_close(pack);
	close(fd);
}
END_TEST

START_TEST(program_is_sealed)
{
	int fd = packed_file(), program = -1;
	struct mj_pack *pack = NULL;
	struct mj_error err = { 0 };
	char bytes[10001];
	ck_assert_int_eq(mj_pack_open(fd, "f", &pack, &err), 0);
	ck_assert_msg(mj_pack_program(pack, &program, &err) == 0, "%s", err.text);
	ck_assert_int_eq(pread(program, bytes, sizeof(bytes), 0), 10000);
	ck_assert(bytes[0] == 'p' && bytes[9999] == 'p');
	ck_assert_int_lt(pwrite(program, "x", 1, 0), 0);
	ck_assert_int_lt(ftruncate(program, 5), 0);
	ck_assert_ptr_eq(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, program, 0), MAP_FAILED);
	ck_assert_int_eq(fcntl(program, F_GETFD), FD_CLOEXEC);
	close(program);
	mj_pack_close(pack);
	close(fd);
}
END_TEST

/* Every single byte: a change is noticed, or it is in what nobody reads (padding). */
START_TEST(each_byte)
{
	int fd = packed_file();
	off_t size = lseek(fd, 0, SEEK_END);
	unsigned unnoticed = 0;
	for (off_t at = 0; at<size; at += at> 4200 && at < 14000 ? 97 : 1) {
		struct mj_pack *pack = NULL;
		struct mj_error err = { 0 };
		int program = -1;
		flip(fd, (uint64_t)at);
		bool ok = mj_pack_open(fd, "f", &pack, &err) == 0;
		for (size_t i = 0; ok && mj_pack_at(pack, i); i++)
			ok = mj_pack_verify(pack, mj_pack_at(pack, i), &err) == 0;
		ck_assert_msg(ok || (err.code != MJ_OK && err.text[0]), "byte %jd: no words",
		              (intmax_t)at);
		if (ok && (uint64_t)at >= sizeof(struct tiny)) {
			ck_assert_int_eq(mj_pack_program(pack, &program, &err), 0);
			unnoticed++;
			close(program);
		} else {
			ck_assert_msg(!ok, "byte %jd of modjail", (intmax_t)at);
		}
		mj_pack_close(pack);
		flip(fd, (uint64_t)at);
	}
	/* Between modjail and the program, and between texts. */
	ck_assert_uint_lt(unnoticed, 4096);
	close(fd);
}
END_TEST

START_TEST(each_length)
{
	int fd = packed_file();
	off_t size = lseek(fd, 0, SEEK_END);
	for (off_t len = size - 1; len >= 0; len -= len > 14000 || len < 600 ? 1 : 211) {
		struct mj_pack *pack = NULL;
		struct mj_error err = { 0 };
		ck_assert_int_eq(ftruncate(fd, len), 0);
		ck_assert_int_lt(mj_pack_open(fd, "f", &pack, &err), 0);
		ck_assert(err.text[0]);
	}
	close(fd);
}
END_TEST

/* ---- what is not written -------------------------------------------------------------------------- */

static int
try_write(struct tiny *tiny, size_t nparts, struct mj_error *err)
{
	int modjail = file_of(tiny, sizeof(*tiny)), out = memfd_create("out", MFD_CLOEXEC);
	struct mj_pack_part parts[] = {
		{ .kind = MJ_PACK_MODJAIL, .name = "modjail", .fd = modjail },
		text_part(MJ_PACK_PROGRAM, "prog", "program"),
		text_part(MJ_PACK_OPTIONS, "options", ""),
		text_part(MJ_PACK_OPTIONS, "options", ""),
	};
	int r = mj_pack_write(out, parts, nparts, err);
	close(modjail);
	close(out);
	return r;
}

START_TEST(write_refuses)
{
	struct mj_error err = { 0 };
	struct tiny tiny = tiny_modjail(EM_AARCH64);
	ck_assert_int_eq(try_write(&tiny, 3, &err), 0);
	ck_assert_int_lt(try_write(&tiny, 2, &err), 0); /* no options */
	ck_assert_int_lt(try_write(&tiny, 4, &err), 0); /* twice */
	tiny.note[4] = 1;
	ck_assert_int_lt(try_write(&tiny, 3, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "already"));
	tiny = tiny_modjail(EM_X86_64);
	tiny.note[0] = 77;
	ck_assert_int_lt(try_write(&tiny, 3, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "format 77"));
	tiny = tiny_modjail(EM_X86_64);
	tiny.name[0] = 'M';
	ck_assert_int_lt(try_write(&tiny, 3, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "not a modjail"));
}
END_TEST

/* ---- ELF files ------------------------------------------------------------------------------------ */

static int
look(const struct tiny *tiny, struct mj_pack_elf *ret, struct mj_error *err)
{
	int fd = file_of(tiny, sizeof(*tiny));
	int r = mj_pack_elf(fd, "f", ret, err);
	close(fd);
	return r;
}

START_TEST(elf_files)
{
	struct mj_pack_elf elf;
	struct mj_error err = { 0 };
	char buf[32];
	struct tiny tiny = tiny_modjail(EM_AARCH64);
	ck_assert_int_eq(look(&tiny, &elf, &err), 0);
	ck_assert_str_eq(mj_pack_machine(elf.machine, buf), "aarch64");
	ck_assert_str_eq(mj_pack_machine(243, buf), "machine 243");
	ck_assert(!elf.dynamic && elf.has_note);
	ck_assert_uint_eq(elf.note_at, offsetof(struct tiny, note));
	tiny.phdrs[0].p_type = PT_INTERP;
	ck_assert_int_eq(look(&tiny, &elf, &err), 0);
	ck_assert(elf.dynamic);
	tiny.ehdr.e_ident[EI_CLASS] = ELFCLASS32;
	ck_assert_int_lt(look(&tiny, &elf, &err), 0);
	tiny = tiny_modjail(EM_X86_64);
	tiny.ehdr.e_ident[EI_DATA] = ELFDATA2MSB;
	ck_assert_int_lt(look(&tiny, &elf, &err), 0);
	tiny = tiny_modjail(EM_X86_64);
	tiny.ehdr.e_type = ET_REL;
	ck_assert_int_lt(look(&tiny, &elf, &err), 0);
	tiny = tiny_modjail(EM_X86_64);
	tiny.ehdr.e_phoff = UINT64_MAX - 8;
	ck_assert_int_lt(look(&tiny, &elf, &err), 0);
	tiny = tiny_modjail(EM_X86_64);
	tiny.phdrs[1].p_offset = INT64_MAX - 20;
	ck_assert_int_lt(look(&tiny, &elf, &err), 0);
	tiny = tiny_modjail(EM_X86_64);
	tiny.head.n_descsz = PACK_NOTE_SIZE - 1;
	ck_assert_int_lt(look(&tiny, &elf, &err), 0);
	tiny.head.n_namesz = UINT32_MAX;
	ck_assert_int_eq(look(&tiny, &elf, &err), 0);
	ck_assert(!elf.has_note);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pack");
	TCase *tcase = tcase_create("pack");
	tcase_add_test(tcase, own_note);
	tcase_add_test(tcase, there_and_back);
	tcase_add_test(tcase, program_is_sealed);
	tcase_add_test(tcase, each_byte);
	tcase_add_test(tcase, each_length);
	tcase_add_test(tcase, write_refuses);
	tcase_add_test(tcase, elf_files);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
