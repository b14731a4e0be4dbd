/* SPDX-License-Identifier: Apache-2.0 */
/* `modjail inspect` for people: the file, a line for each module, examples, what it means. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EXAMPLES 3
#define MAX_PATH_COLUMNS 60

static const char *const kinds[MJ_FINDING_KINDS] = {
	[MJ_FINDING_ASSEMBLY] = "assembly",
	[MJ_FINDING_SYSCALL] = "raw system calls",
	[MJ_FINDING_CGO] = "cgo",
	[MJ_FINDING_LINKNAME] = "others' names",
	[MJ_FINDING_LINE] = "others' files",
	[MJ_FINDING_UNCONFIRMED] = "unconfirmed",
};

bool
cli_is_held(const struct mj_inspected *module)
{
	return !module->count[MJ_FINDING_ASSEMBLY] && !module->count[MJ_FINDING_SYSCALL] &&
	       !module->count[MJ_FINDING_CGO];
}

const char *
cli_subject_name(const struct mj_image *image, int subject)
{
	if (subject == MJ_SUBJECT_STD)
		return "std";
	const struct mj_module *module =
		subject >= 0 ? mj_image_module(image, (size_t)subject) : NULL;
	return module ? module->path : NULL;
}

/* ---- the file ------------------------------------------------------------------------------- */

static void
row(FILE *out, struct cli_style style, const char *label, const char *value)
{
	fprintf(out, "  %-13s", label);
	cli_put(out, style, value);
	fputc('\n', out);
}

static void
put_file(FILE *out, struct cli_style style, const struct cli_inspected *what)
{
	const struct mj_inspection *found = what->found;
	const char *version = mj_image_go_version(what->image);
	const char *package = mj_image_main_package(what->image);
	cli_put(out, style, what->path);
	fputc('\n', out);
	row(out, style, "Go", *version ? version : "unknown version");
	row(out, style, "main package", *package ? package : "unknown");
	fprintf(out, "  %-13s%s, %s, %s, %s, %s DWARF\n", "build",
	        found->dynamic ? "dynamic" : "static", found->pie ? "PIE" : "not PIE",
	        found->stripped ? "stripped" : "not stripped", found->cgo ? "cgo" : "no cgo",
	        found->dwarf ? "with" : "no");
	row(out, style, "build info", *found->build_info ? found->build_info : "none");
	fprintf(out, "  %-13s%s, layout of %s\n", "pclntab", found->pclntab, found->layout);
	fprintf(out, "  %-13sat 0x%" PRIx64 "\n", "moduledata", found->moduledata);
	fprintf(out, "  %-13s%" PRIu64 "\n", "functions", found->nfunctions);
}

/* ---- modules -------------------------------------------------------------------------------- */

static size_t
total(const struct mj_inspected *module)
{
	size_t n = 0;
	for (size_t kind = 0; kind < MJ_FINDING_KINDS; kind++)
		n += module->count[kind];
	return n;
}

static void
put_verdict(FILE *out, const struct mj_inspected *module)
{
	const char *comma = "";
	if (!total(module))
		fputs("clean", out);
	for (size_t kind = 0; kind < MJ_FINDING_KINDS; kind++) {
		if (!module->count[kind])
			continue;
		fprintf(out, "%s%s (%zu)", comma, kinds[kind], module->count[kind]);
		comma = ", ";
	}
	fputc('\n', out);
}

static void
put_example(FILE *out, struct cli_style style, const struct mj_image *image,
            const struct mj_finding *finding)
{
	char name[512];
	const char *claimed = cli_subject_name(image, finding->claimed);
	fprintf(out, "%20s", "");
	cli_put(out, style, mj_function_display(finding->function, name, sizeof(name)));
	if (finding->insn)
		fprintf(out, ": %s", finding->insn);
	if (*finding->file) {
		fputs(" at ", out);
		cli_put(out, style, finding->file);
		if (finding->line)
			fprintf(out, ":%d", finding->line);
	}
	if (finding->why)
		fprintf(out, " (%s)", finding->why);
	if (claimed) {
		fputs(" (as if of ", out);
		cli_put(out, style, claimed);
		fputc(')', out);
	}
	fputc('\n', out);
}

static void
put_examples(FILE *out, struct cli_style style, const struct mj_image *image,
             const struct mj_inspected *module)
{
	for (size_t kind = 0; kind < MJ_FINDING_KINDS; kind++) {
		size_t n = module->count[kind];
		if (!n)
			continue;
		fprintf(out, "%16s%s:\n", "", kinds[kind]);
		for (size_t i = 0; i < n && i < MAX_EXAMPLES; i++)
			put_example(out, style, image, &module->findings[kind][i]);
		if (n > MAX_EXAMPLES)
			fprintf(out, "%20sand %zu more\n", "", n - MAX_EXAMPLES);
	}
}

static void
put_padded(FILE *out, struct cli_style style, const char *text, size_t columns)
{
	size_t width = 0;
	MJ_AUTO_FREE char *shown = cli_escape(style, text, &width);
	fputs(shown ? shown : "", out);
	fprintf(out, "%*s", (int)(width < columns ? columns - width : 0) + 2, "");
}

/* The widest path and version, within reason. */
static void
measure(const struct mj_image *image, size_t *paths, size_t *versions)
{
	*paths = *versions = strlen("version");
	for (size_t i = 0; i < mj_image_module_count(image); i++) {
		const struct mj_module *module = mj_image_module(image, i);
		size_t path = strlen(module->path), version = strlen(module->version);
		if (path > *paths && path <= MAX_PATH_COLUMNS)
			*paths = path;
		if (version > *versions && version <= MAX_PATH_COLUMNS)
			*versions = version;
	}
}

static void
put_modules(FILE *out, struct cli_style style, const struct cli_inspected *what)
{
	const struct mj_image *image = what->image;
	size_t paths, versions;
	measure(image, &paths, &versions);
	fprintf(out, "\n  functions  %-*s  %-*s  findings\n", (int)paths, "module", (int)versions,
	        "version");
	for (size_t i = 0; i < what->found->nmodules; i++) {
		const struct mj_module *module = mj_image_module(image, i);
		const struct mj_inspected *found = &what->found->modules[i];
		fprintf(out, "  %9" PRIu64 "  ", found->nfunctions);
		put_padded(out, style, module->path, paths);
		put_padded(out, style, module->version, versions);
		put_verdict(out, found);
		put_examples(out, style, image, found);
	}
}

/* Assembly and cgo of the standard library are what they should be; system call instructions are
 * told apart by package. */
static void
put_std(FILE *out, struct cli_style style, const struct cli_inspected *what)
{
	struct mj_inspected std = what->found->std;
	fprintf(out, "  %9" PRIu64 "  std: ", std.nfunctions);
	fprintf(out, "%zu in assembly, %zu made by cgo, %" PRIu64 " with system call instructions",
	        std.count[MJ_FINDING_ASSEMBLY], std.count[MJ_FINDING_CGO],
	        what->found->std_syscalls);
	std.count[MJ_FINDING_ASSEMBLY] = std.count[MJ_FINDING_CGO] = 0;
	fputs(total(&std) ? "; unexpected:\n" : ", as they should be\n", out);
	put_examples(out, style, what->image, &std);
}

/* ---- what it means -------------------------------------------------------------------------- */

static size_t
put_list(FILE *out, struct cli_style style, const struct cli_inspected *what, const char *title,
         bool (*belongs)(const struct mj_inspected *module))
{
	size_t n = 0;
	for (size_t i = 0; i < what->found->nmodules; i++) {
		if (!belongs(&what->found->modules[i]))
			continue;
		if (n++ == 0)
			fprintf(out, "\n%s\n", title);
		fputs("  ", out);
		cli_put(out, style, mj_image_module(what->image, i)->path);
		fputc('\n', out);
	}
	return n;
}

static bool
is_not_held(const struct mj_inspected *module)
{
	return !cli_is_held(module);
}

static bool
is_forged(const struct mj_inspected *module)
{
	return module->count[MJ_FINDING_LINKNAME] || module->count[MJ_FINDING_LINE];
}

static bool
is_unconfirmed(const struct mj_inspected *module)
{
	return module->count[MJ_FINDING_UNCONFIRMED];
}

void
cli_inspect_text(FILE *out, struct cli_style style, const struct cli_inspected *what)
{
	put_file(out, style, what);
	put_modules(out, style, what);
	put_std(out, style, what);
	size_t not_held = put_list(out, style, what,
	                           "A jail does not hold these: assembly and cgo share the address "
	                           "space, and can write a "
	                           "stack that\nnever was (SECURITY.md, \"Out of reach\"). They "
	                           "deserve a second look before "
	                           "they are confined.",
	                           is_not_held);
	size_t forged = put_list(out, style, what,
	                         "These bear names or files of others. Their calls are charged to "
	                         "them all the same, and to "
	                         "those others\n(docs/ATTRIBUTION.md); but ask why they do it.",
	                         is_forged);
	not_held += put_list(
		out, style, what,
		"Of functions in these nothing confirms that they are whose they are by "
		"their names. Anybody may have\nwritten them: what they do is allowed only if "
		"every module may do it (docs/ATTRIBUTION.md).",
		is_unconfirmed);
	fprintf(out,
	        "\n%sode that uses package unsafe is not held either, and cannot be told from a "
	        "program: see the source.\n",
	        not_held || forged ? "C"
	                           : "A jail holds all modules, as far as can be seen. But c");
	if (what->found->truncated)
		fputs("There were more findings than modjail keeps.\n", out);
}
