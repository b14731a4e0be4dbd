/* SPDX-License-Identifier: Apache-2.0 */
/* Whose code it is, as far as names of closures, folders and type arguments tell: the parts that need no program. */
#include "symbolizer/hearing.h"

#include <check.h>
#include <stdlib.h>

#include "symbolizer/modules.h"

/* ---- closures that nobody is known to have written ------------------------------------------------- */

static const struct {
	const char *stray, *inner;
	bool inner_is_doubtful, doubt;
} calls[] = {
	/* Calls the body of the loop, a closure of the function that it stands in. */
	{ "example.com/a.Visit.Sorted[go.shape.int].func1", "example.com/a.Visit-range1", false,
	  false },
	{ "main.main.Lines.func2", "main.main.func1", false, false },
	{ "main.main.func1.Lines.1", "main.main.func1.2", false, false },
	/* Makes a call itself, or has somebody else make it. */
	{ "main.main.Lines.func2", NULL, false, true },
	{ "main.main.Lines.func2", "os.Remove", false, true },
	{ "main.main.Lines.func2", "main.helper", false, true },
	{ "main.main.Lines.func2", "main.helper.func1", false, true },
	{ "main.main.Lines.func2", "main.mainly.func1", false, true },
	{ "main.mainly.Lines.func2", "main.main.func1", false, true },
	{ "main.main.Lines.func2", "os.Remove.func1", false, true },
	{ "main.main.Lines.func2", "main.main", false, true },
	/* What it calls may be anybody's itself. */
	{ "main.main.Lines.func2", "main.main.func1", true, true },
};

START_TEST(test_stray)
{
	struct mj_frame inner = { .function = calls[_i].inner, .file = "" };
	struct mj_frame frame = { .function = calls[_i].stray, .file = "", .stray = true };
	inner.stray = calls[_i].inner_is_doubtful;
	ck_assert_int_eq(mj_frame_in_doubt(&frame, inner.function ? &inner : NULL),
	                 calls[_i].doubt);
	inner.stray = false;
	inner.doubtful = calls[_i].inner_is_doubtful;
	ck_assert_int_eq(mj_frame_in_doubt(&frame, inner.function ? &inner : NULL),
	                 calls[_i].doubt);
	/* One that is known is not in doubt, and one in doubt is, whatever it calls. */
	frame.stray = false;
	ck_assert(!mj_frame_in_doubt(&frame, inner.function ? &inner : NULL));
	frame.doubtful = true;
	ck_assert(mj_frame_in_doubt(&frame, inner.function ? &inner : NULL));
}
END_TEST

/* ---- names ------------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	bool has;
} arguments[] = {
	{ "slices.Sort[go.shape.int]", true },
	{ "slices.Sort[...]", true },
	{ "a.F[go.shape.", false },
	{ "a.F]x[", false },
	{ "a.F", false },
	{ "a.(*T[go.shape.int]).M.func1", true },
};

START_TEST(test_type_arguments)
{
	ck_assert_int_eq(mj_has_type_arguments(arguments[_i].name), arguments[_i].has);
}
END_TEST

/* ---- folders ---------------------------------------------------------------------------------------- */

static char text[] = "path\texample.com/app\nmod\texample.com/app\t(devel)\n"
		     "dep\tgithub.com/BurntSushi/toml\tv1.6.0\n"
		     "dep\texample.com/plain/v2\tv2.0.0\n";

static const struct {
	const char *file, *module; /* NULL: nobody's */
} files[] = {
	{ "/root/go/pkg/mod/github.com/!burnt!sushi/toml@v1.6.0/internal/tz.go",
	  "github.com/BurntSushi/toml" },
	{ "github.com/BurntSushi/toml@v1.6.0/decode.go", "github.com/BurntSushi/toml" },
	{ "/home/a@b/go/pkg/mod/example.com/plain/v2@v2.0.0/x.go", "example.com/plain/v2" },
	{ "/root/go/pkg/mod/github.com/burntsushi/toml@v1.6.0/decode.go", NULL },
	{ "/root/go/pkg/mod/example.com/other@v1.0.0/x.go", NULL },
	{ "/src/github.com/BurntSushi/toml/decode.go", NULL },
	{ "@v1.6.0/decode.go", NULL },
	{ "", NULL },
};

START_TEST(test_module_of_file)
{
	struct mj_buildinfo info;
	struct mj_modules mods;
	ck_assert_int_eq(mj_buildinfo_parse(text, sizeof(text) - 1, &info, NULL), 0);
	ck_assert_int_eq(mj_modules_init(&mods, &info, NULL, 0, NULL), 0);
	int module = mj_modules_of_file(&mods, files[_i].file);
	if (files[_i].module)
		ck_assert_str_eq(mj_modules_get(&mods, (size_t)module)->path, files[_i].module);
	else
		ck_assert_int_eq(module, MJ_SUBJECT_STD);
	mj_modules_finish(&mods);
	mj_buildinfo_finish(&info);
}
END_TEST

static const struct {
	const char *root, *folder, *below;
	bool is;
} folders[] = {
	{ "/src/trusted", "/src/trusted/work", "/work", true },
	{ NULL, "/elsewhere/work", "/work", true },
	{ NULL, "/src/evil", "/work", false },
	{ "/src/trusted", "/src/trusted", "", true },
	{ "/src/trusted", "/src/evil", "", false },
	{ NULL, "/src/evil", "", true }, /* nothing is known of the module's folder */
	{ NULL, "k", "/work", false },
};

START_TEST(test_folder)
{
	struct root root = { folders[_i].root, folders[_i].root ? strlen(folders[_i].root) : 0, 1 };
	ck_assert_int_eq(mj_is_folder_of(&root, folders[_i].folder, strlen(folders[_i].folder),
	                                 folders[_i].below),
	                 folders[_i].is);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("closure");
	TCase *tcase = tcase_create("closure");
	tcase_add_loop_test(tcase, test_stray, 0, MJ_ARRAY_LEN(calls));
	tcase_add_loop_test(tcase, test_type_arguments, 0, MJ_ARRAY_LEN(arguments));
	tcase_add_loop_test(tcase, test_module_of_file, 0, MJ_ARRAY_LEN(files));
	tcase_add_loop_test(tcase, test_folder, 0, MJ_ARRAY_LEN(folders));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
