/* SPDX-License-Identifier: Apache-2.0 */
/* Which policy a program of the agent gets, labels of its records, and which programs can be preloaded into. */
#include "tests/unit/cli_fakes.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the policy of a program ------------------------------------------------------------------ */

static char dir[64];

static void
make_file(const char *name)
{
	char path[512], part[512];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *at = path + strlen(dir) + 1; (at = strchr(at, '/')); at++) {
		snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
		mkdir(part, 0700);
	}
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void
make_dir(void)
{
	strcpy(dir, "/tmp/modjail-policies.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	make_file("modules/example.com/app.yaml");
	make_file("paths/usr/bin/app.yaml");
	make_file("outside.yaml");
	make_file("modules/outside.yaml");
}

static void
remove_dir(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* The name found, without the folder's; "" for none. */
static const char *
found(const char *path, const char *module)
{
	static char name[512];
	char *file = NULL;
	struct mj_error err = { 0 };
	ck_assert_int_eq(cli_policy_file_for(dir, path, module, &file, &err), 0);
	snprintf(name, sizeof(name), "%s", file ? file + strlen(dir) + 1 : "");
	free(file);
	return name;
}

START_TEST(policy_files)
{
	ck_assert_str_eq(found("/usr/bin/app", "example.com/app"), "paths/usr/bin/app.yaml");
	ck_assert_str_eq(found("/usr/bin/other", "example.com/app"),
	                 "modules/example.com/app.yaml");
	ck_assert_str_eq(found("/usr/bin/other", "example.com/other"), "");
	ck_assert_str_eq(found("/usr/bin/app/x", "example.com/app/x"), "");
	ck_assert_str_eq(found("/usr/bin/other", ""), "");
}
END_TEST

/* Names are the program's to choose: none leads out of its folder. */
START_TEST(policy_files_inside)
{
	ck_assert_str_eq(found("/x", "outside"), "modules/outside.yaml");
	ck_assert_str_eq(found("/x", "../outside"), "");
	ck_assert_str_eq(found("/x", "example.com/../../outside"), "");
	ck_assert_str_eq(found("/x", "example.com/./app"), "");
	ck_assert_str_eq(found("/x", "example.com//app"), "");
	ck_assert_str_eq(found("/x", "/example.com/app"), "");
	ck_assert_str_eq(found("/x", "example.com/app/.."), "");
	ck_assert_str_eq(found("/../outside", ""), "");
	ck_assert_str_eq(found("/usr/../usr/bin/app", ""), "");
	ck_assert_str_eq(found("usr/bin/app", ""), "");
	ck_assert_str_eq(found("", "example.com/app\n"), "");
}
END_TEST

/* ---- labels ---------------------------------------------------------------------------------- */

/* What a notice looks like in the log. */
static void
check_notice(bool json, const char *first, const char *rest)
{
	char text[512] = "";
	int fd = memfd_create("log", MFD_CLOEXEC);
	struct cli_report report = {
		.fd = fd, .json = json, .label = "[7 app] ", .json_label = "\"jail\":7"
	};
	struct mj_reporter reporter = cli_report_reporter(&report);
	reporter.notice(reporter.ctx, MJ_NOTICE_ERROR, "words");
	ck_assert_int_gt(pread(fd, text, sizeof(text) - 1, 0), 0);
	ck_assert_msg(strncmp(text, first, strlen(first)) == 0, "%s", text);
	assert_contains(text, rest);
	close(fd);
}

START_TEST(labels)
{
	check_notice(false, "[7 app] modjail: words\n", "words\n");
	check_notice(true, "{\"jail\":7,\"time\":", "\"text\":\"words\"}\n");
}
END_TEST

/* ---- dynamic loaders ------------------------------------------------------------------------- */

struct elf {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	char loader[32];
};

static struct elf
make_elf(void)
{
	struct elf elf = {
		.header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
		            .e_phoff = offsetof(struct elf, segments),
		            .e_phentsize = sizeof(Elf64_Phdr),
		            .e_phnum = 2 },
		.segments = { { .p_type = PT_LOAD },
		              { .p_type = PT_INTERP,
		                .p_offset = offsetof(struct elf, loader),
		                .p_filesz = sizeof("/lib/ld.so") } },
		.loader = "/lib/ld.so",
	};
	return elf;
}

static int
interpreter(const struct elf *elf, size_t len, char *buf, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	ck_assert_int_eq(write(fd, elf, len), (ssize_t)len);
	int r = cli_read_interpreter(fd, buf, size);
	close(fd);
	return r;
}

START_TEST(interpreters)
{
	char buf[64];
	struct elf elf = make_elf();
	ck_assert_int_eq(interpreter(&elf, sizeof(elf), buf, sizeof(buf)), 1);
	ck_assert_str_eq(buf, "/lib/ld.so");
	ck_assert_int_eq(interpreter(&elf, sizeof(elf), buf, 5), -1);
	elf.segments[1].p_type = PT_NOTE;
	ck_assert_int_eq(interpreter(&elf, sizeof(elf), buf, sizeof(buf)), 0);
}
END_TEST

START_TEST(interpreters_damaged)
{
	char buf[64];
	struct elf elf = make_elf();
	size_t needed = offsetof(struct elf, loader) + sizeof("/lib/ld.so");
	for (size_t len = 0; len < needed; len++)
		ck_assert_int_eq(interpreter(&elf, len, buf, sizeof(buf)), -1);
	const struct {
		uint64_t off, size;
	} wrong[] = { { UINT64_MAX, 11 }, { UINT64_MAX - 8, 11 }, { 0, UINT64_MAX }, { 0, 0 },
		      { 0, 1 },           { INT64_MAX, 11 },      { 1, 11 } };
	for (size_t i = 0; i < MJ_ARRAY_LEN(wrong); i++) {
		elf.segments[1].p_offset = wrong[i].off;
		elf.segments[1].p_filesz = wrong[i].size;
		ck_assert_int_eq(interpreter(&elf, sizeof(elf), buf, sizeof(buf)), -1);
	}
	elf = make_elf();
	elf.header.e_phoff = UINT64_MAX;
	ck_assert_int_eq(interpreter(&elf, sizeof(elf), buf, sizeof(buf)), -1);
	elf = make_elf();
	elf.header.e_phnum = UINT16_MAX;
	ck_assert_int_eq(interpreter(&elf, sizeof(elf), buf, sizeof(buf)), -1);
	elf = make_elf();
	elf.header.e_phentsize = 1;
	ck_assert_int_eq(interpreter(&elf, sizeof(elf), buf, sizeof(buf)), -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_agent");
	TCase *policies = tcase_create("policies");
	tcase_add_checked_fixture(policies, make_dir, remove_dir);
	tcase_add_test(policies, policy_files);
	tcase_add_test(policies, policy_files_inside);
	suite_add_tcase(suite, policies);
	TCase *rest = tcase_create("rest");
	tcase_add_test(rest, labels);
	tcase_add_test(rest, interpreters);
	tcase_add_test(rest, interpreters_damaged);
	suite_add_tcase(suite, rest);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
