/* SPDX-License-Identifier: Apache-2.0 */
/* symbolizer's parts that need no file: names, build info as text, pc-value tables, ownership. */
#include "symbolizer/modules.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---------------------------------------------------------------------------------- */

static void
check_package(const char *function, const char *package)
{
	char buf[256] = "";
	bool got = mj_function_package(function, buf, sizeof(buf));
	if (!package)
		ck_assert_msg(!got, "%s has package %s", function, buf);
	else
		ck_assert_msg(got && !strcmp(buf, package), "%s: %s", function, buf);
}

START_TEST(test_packages)
{
	check_package("main.main", "main");
	check_package("main.main.func1", "main");
	check_package("main.glob..func1", "main");
	check_package("main.(*T).m-fm", "main");
	check_package("net/http.(*Transport).dialConn", "net/http");
	check_package("net/http.(*Server).Serve.gowrap3", "net/http");
	check_package("gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml.v3");
	check_package("gopkg.in/yaml%2ev3.(*T).m-fm", "gopkg.in/yaml.v3");
	check_package("example.com/a.b/c.F", "example.com/a.b/c");
	check_package("example.com/p.F[go.shape.int]", "example.com/p");
	check_package("example.com/p.F[...]", "example.com/p");
	check_package("example.com/p.F[github.com/x/y.T].func1", "example.com/p");
	check_package("example.com/p.(*S[github.com/x/y.T]).m", "example.com/p");
	check_package("github.com/docker/cli/vendor/github.com/spf13/cobra.(*Command).Execute",
	              "github.com/spf13/cobra");
	check_package("a.b/vendor/c.d/vendor/e.f/g.H", "e.f/g");
	check_package("vendor/golang.org/x/net/http2/hpack.Encode",
	              "vendor/golang.org/x/net/http2/hpack");
	check_package("go.uber.org/zap.New", "go.uber.org/zap");
	check_package("go/ast.Walk", "go/ast");
	check_package("example.com/p%25q.F", "example.com/p%q");
}
END_TEST

START_TEST(test_neutral)
{
	static const char *const names[] = {
		"type:.eq.example.com/p.T",
		"type..eq.example.com/p.T",
		"type..hash.[2]interface {}",
		"go:struct { io.Reader }.Read",
		"go.struct { io.Reader }.Read",
		"go.(*struct { sync.Mutex }).Lock",
		"struct { a/b.C }.Method",
		"go:buildid",
		"go.buildid",
		"_cgoexp_0123456789ab_F",
		"_cgo_77133bf98b3a_Cfunc_free",
		"x_cgo_init",
		"memeqbody",
		"",
		".",
		"/",
		"[",
		"(*T).m",
		"example.com/p",
		"a/%00b.F",
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(names); i++)
		check_package(names[i], NULL);
}
END_TEST

START_TEST(test_package_buffer)
{
	char buf[5];
	ck_assert(mj_function_package("main.x", buf, sizeof(buf)));
	ck_assert(!mj_function_package("mains.x", buf, sizeof(buf)));
	ck_assert(!mj_function_package("main.x", buf, 0));
}
END_TEST

START_TEST(test_display)
{
	char buf[64];
	ck_assert_str_eq(mj_function_display("gopkg.in/yaml%2ev3.F", buf, sizeof(buf)),
	                 "gopkg.in/yaml.v3.F");
	ck_assert_str_eq(mj_function_display("p.F[go.shape.[]int,x].func1", buf, sizeof(buf)),
	                 "p.F[...].func1");
	ck_assert_str_eq(mj_function_display("p.F[", buf, sizeof(buf)), "p.F[");
	ck_assert_str_eq(mj_function_display("p%2", buf, sizeof(buf)), "p%2");
	ck_assert_str_eq(mj_function_display("abcdef", buf, 4), "abc");
	ck_assert_str_eq(mj_function_display("a[b]c", buf, 4), "a[.");
}
END_TEST

/* ---- build info ----------------------------------------------------------------------------- */

START_TEST(test_buildinfo_text)
{
	static const char text[] = "path\texample.com/m/cmd\nmod\texample.com/m\t(devel)\t\n"
				   "dep\ta.b/c\tv1.0.0\th1:x\ndep\ta.b/d\tv1.1.0\n"
				   "=>\tz.y/d\tv2.0.0\th1:y\ndep\ta.b/e\tv1.2.0\n"
				   "=>\t../e\t(devel)\t\ndep\tbare\ndep\nbuild\t-x=y\t\n=>";
	struct mj_buildinfo info;
	ck_assert_int_eq(mj_buildinfo_parse(text, sizeof(text) - 1, &info, NULL), 0);
	ck_assert(info.found);
	ck_assert_str_eq(info.path, "example.com/m/cmd");
	ck_assert_uint_eq(info.nmods, 5);
	ck_assert(info.mods[0].is_main && !info.mods[1].is_main);
	ck_assert_str_eq(info.mods[0].path, "example.com/m");
	ck_assert_str_eq(info.mods[1].version, "v1.0.0");
	ck_assert_str_eq(info.mods[2].path, "a.b/d");
	ck_assert_str_eq(info.mods[2].version, "v2.0.0");
	ck_assert_str_eq(info.mods[3].version, "v1.2.0");
	ck_assert_str_eq(info.mods[4].path, "bare");
	ck_assert_str_eq(info.mods[4].version, "");
	mj_buildinfo_finish(&info);
}
END_TEST

START_TEST(test_buildinfo_empty)
{
	struct mj_buildinfo info;
	ck_assert_int_eq(mj_buildinfo_parse("", 0, &info, NULL), 0);
	ck_assert_uint_eq(info.nmods, 0);
	mj_buildinfo_finish(&info);
	ck_assert_int_eq(mj_buildinfo_parse("=>\tx\tv1\n\n\t\t\n", 13, &info, NULL), 0);
	ck_assert_uint_eq(info.nmods, 0);
	mj_buildinfo_finish(&info);
}
END_TEST

/* ---- pc-value tables ------------------------------------------------------------------------ */

START_TEST(test_pcvalue)
{
	/* At 1: 5 for 4 bytes, 3 for 300 bytes. At 7: no progress. At 10: cut off. */
	static const uint8_t bytes[] = { 0, 12, 4, 3, 0xac, 2, 0, 2, 0, 0, 12, 0x80 };
	struct mj_pclntab tab = { .pctab = { bytes, sizeof(bytes) } };
	struct mj_func f = { .entry = 0x1000, .end = 0x2000 };
	int32_t value = 77;
	ck_assert(mj_pclntab_value(&tab, &f, 1, 0x1000, &value) && value == 5);
	ck_assert(mj_pclntab_value(&tab, &f, 1, 0x1003, &value) && value == 5);
	ck_assert(mj_pclntab_value(&tab, &f, 1, 0x1004, &value) && value == 3);
	ck_assert(mj_pclntab_value(&tab, &f, 1, 0x1004 + 299, &value) && value == 3);
	value = 77;
	ck_assert(!mj_pclntab_value(&tab, &f, 1, 0x1004 + 300, &value));
	ck_assert(!mj_pclntab_value(&tab, &f, 0, 0x1000, &value)); /* no table */
	ck_assert(!mj_pclntab_value(&tab, &f, 7, 0x1000, &value));
	ck_assert(!mj_pclntab_value(&tab, &f, 10, 0x1000, &value));
	ck_assert(!mj_pclntab_value(&tab, &f, sizeof(bytes), 0x1000, &value));
	ck_assert(!mj_pclntab_value(&tab, &f, UINT32_MAX, 0x1000, &value));
	ck_assert_int_eq(value, 77);
}
END_TEST

START_TEST(test_pcvalue_endless)
{
	/* Value changes that never move the pc: must end, and soon. */
	size_t len = 8u << 20;
	uint8_t *bytes = malloc(len);
	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = i & 1 ? 2 : 0;
	struct mj_pclntab tab = { .pctab = { bytes, len } };
	struct mj_func f = { .entry = 0x1000, .end = 0x2000 };
	int32_t value;
	ck_assert(!mj_pclntab_value(&tab, &f, 1, 0x1000, &value));
	free(bytes);
}
END_TEST

/* ---- ownership ------------------------------------------------------------------------------ */

static void
check_owner(struct mj_modules *mods, const char *function, const char *module)
{
	int subject = -9;
	ck_assert(mj_modules_subject(mods, function, &subject));
	if (!module)
		ck_assert_msg(subject == MJ_SUBJECT_STD, "%s: %d", function, subject);
	else
		ck_assert_msg(subject >= 0 &&
		                      !strcmp(mj_modules_get(mods, (size_t)subject)->path, module),
		              "%s: %d", function, subject);
}

START_TEST(test_owner_listed)
{
	static const char text[] =
		"path\tcommand-line-arguments\nmod\tvictim\t(devel)\n"
		"dep\ta.b/c\tv1\ndep\ta.b/c/d\tv1\ndep\ttype..eq.evil.com/m\tv1\n";
	static const char *const extra[] = { "x.y/z", "a.b/c" };
	struct mj_buildinfo info;
	struct mj_modules mods;
	ck_assert_int_eq(mj_buildinfo_parse(text, sizeof(text) - 1, &info, NULL), 0);
	ck_assert_int_eq(mj_modules_init(&mods, &info, extra, 2, NULL), 0);
	ck_assert_uint_eq(mods.count, 5);
	check_owner(&mods, "main.main", "victim");
	check_owner(&mods, "main_test.TestX", "victim");
	check_owner(&mods, "victim/parse.F", "victim");
	check_owner(&mods, "victim_test.TestX", "victim");
	check_owner(&mods, "victims.F", NULL);
	check_owner(&mods, "a.b/c.F", "a.b/c");
	check_owner(&mods, "a.b/c/d.F", "a.b/c/d");
	check_owner(&mods, "a.b/c/dd.F", "a.b/c");
	check_owner(&mods, "a.b/cc.F", "a.b/cc");
	check_owner(&mods, "x.y/z/w.F", "x.y/z");
	check_owner(&mods, "github.com/u/r/p.F", "github.com/u/r");
	check_owner(&mods, "net/http.Get", NULL);
	check_owner(&mods, "vendor/golang.org/x/net/idna.F", NULL);
	check_owner(&mods, "unheard/of.F", NULL);
	check_owner(&mods, "type:.eq.a.b/c.T", NULL);
	check_owner(&mods, "type..eq.a.b/c.T", NULL);
	check_owner(&mods, "type..eq.evil.com/m.F", "type..eq.evil.com/m");
	check_owner(&mods, "memeqbody", NULL);
	mj_modules_finish(&mods);
	mj_buildinfo_finish(&info);
}
END_TEST

START_TEST(test_owner_gopath)
{
	static const char text[] = "path\tgithub.com/restic/restic/cmd/restic\n";
	struct mj_buildinfo info;
	struct mj_modules mods;
	ck_assert_int_eq(mj_buildinfo_parse(text, sizeof(text) - 1, &info, NULL), 0);
	ck_assert_int_eq(mj_modules_init(&mods, &info, NULL, 0, NULL), 0);
	ck_assert(mj_modules_get(&mods, 0)->is_main);
	check_owner(&mods, "main.main", "github.com/restic/restic");
	check_owner(&mods, "github.com/restic/restic/internal/ui.F", "github.com/restic/restic");
	check_owner(&mods, "github.com/urfave/cli/v2.F", "github.com/urfave/cli/v2");
	check_owner(&mods, "github.com/urfave/cli/v2/x.F", "github.com/urfave/cli/v2");
	check_owner(&mods, "github.com/urfave/cli/v2x.F", "github.com/urfave/cli");
	check_owner(&mods, "golang.org/x/net/http2.F", "golang.org/x/net");
	check_owner(&mods, "google.golang.org/grpc/codes.F", "google.golang.org/grpc");
	check_owner(&mods, "gopkg.in/yaml%2ev3.F", "gopkg.in/yaml.v3");
	check_owner(&mods, "gopkg.in/square/go-jose%2ev2.F", "gopkg.in/square/go-jose.v2");
	check_owner(&mods, "bazil.org/fuse/fs.F", "bazil.org/fuse/fs");
	check_owner(&mods, "unheard/of.F", "unheard/of");
	check_owner(&mods, "net/http.Get", NULL);
	check_owner(&mods, "weak.Make", NULL);
	check_owner(&mods, "archive/tar.F", NULL);
	check_owner(&mods, "vendor/golang.org/x/net/idna.F", NULL);
	mj_modules_finish(&mods);
	mj_buildinfo_finish(&info);
}
END_TEST

START_TEST(test_owner_nothing)
{
	struct mj_buildinfo info = { 0 };
	struct mj_modules mods;
	ck_assert_int_eq(mj_modules_init(&mods, &info, NULL, 0, NULL), 0);
	check_owner(&mods, "main.main", "main");
	check_owner(&mods, "runtime.main", NULL);
	mj_modules_finish(&mods);
}
END_TEST

START_TEST(test_owner_long_name)
{
	/* Longer than any buffer: must not end up as std. */
	char name[4096] = "github.com/u/r/";
	size_t len = strlen(name);
	memset(name + len, 'x', 3000);
	memcpy(name + len + 3000, ".F", 3);
	struct mj_buildinfo info = { 0 };
	struct mj_modules mods;
	ck_assert_int_eq(mj_modules_init(&mods, &info, NULL, 0, NULL), 0);
	check_owner(&mods, name, "github.com/u/r");
	mj_modules_finish(&mods);
}
END_TEST

/* ---- the suite ------------------------------------------------------------------------------ */

int
main(void)
{
	Suite *suite = suite_create("names");
	TCase *text = tcase_create("text");
	tcase_add_test(text, test_packages);
	tcase_add_test(text, test_neutral);
	tcase_add_test(text, test_package_buffer);
	tcase_add_test(text, test_display);
	tcase_add_test(text, test_buildinfo_text);
	tcase_add_test(text, test_buildinfo_empty);
	tcase_add_test(text, test_pcvalue);
	tcase_add_test(text, test_pcvalue_endless);
	tcase_add_test(text, test_owner_listed);
	tcase_add_test(text, test_owner_gopath);
	tcase_add_test(text, test_owner_nothing);
	tcase_add_test(text, test_owner_long_name);
	suite_add_tcase(suite, text);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
