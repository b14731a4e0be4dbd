/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modjail inspect --json`: one object. The fields are an interface: add, do not change.
 *
 *   file            as it was given
 *   go_version      "go1.26.8", or null
 *   main_package    import path, or null
 *   build           {dynamic, pie, stripped, cgo, dwarf: booleans}
 *   tables          where Go's own tables were found: {
 *     build_info      "section .go.buildinfo", "scan", or null if there is none
 *     pclntab         "section .gopclntab", "section .data.rel.ro.gopclntab", or "scan"
 *     layout          the first release with this layout: "go1.16", "go1.18", "go1.20"
 *     moduledata      its link address, "0x..."
 *     functions       how many there are }
 *   modules         main first: [{
 *     path, version   version: null where unknown
 *     main            whether it is the main module
 *     in_build_info   false: guessed from package names, since the program has no list
 *     functions       how many (what was inlined everywhere is not there)
 *     held            whether neither assembly, nor system call instructions, nor cgo was found
 *     findings        {assembly, syscall, cgo, linkname, line: [{
 *       function        as in the program's tables
 *       file, line      null where unknown
 *       instruction     of syscall only: "SYSCALL", "SYSENTER", "INT 0x80"
 *       claimed         of linkname and line only: the module that the name or file names, "std", or
 *                       null if it is nobody's }]} }]
 *   std             {functions, expected_syscalls, findings}: findings.syscall are those in packages
 *                   of the standard library that have none
 *   not_held        paths of the modules that are not held
 *   truncated       whether there were more findings than are kept
 */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>

static const char *const kinds[MJ_FINDING_KINDS] = {
	[MJ_FINDING_ASSEMBLY] = "assembly", [MJ_FINDING_SYSCALL] = "syscall",
	[MJ_FINDING_CGO] = "cgo",           [MJ_FINDING_LINKNAME] = "linkname",
	[MJ_FINDING_LINE] = "line",         [MJ_FINDING_UNCONFIRMED] = "unconfirmed",
};

/* NULL and "" become null; bytes that are not UTF-8, which jansson would refuse, become U+FFFD. */
static json_t *
text(const char *s)
{
	if (!s || !*s)
		return json_null();
	MJ_AUTO_FREE char *valid = cli_valid_utf8(s);
	return valid ? json_string(valid) : json_null();
}

static json_t *
number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *
build(const struct mj_inspection *found)
{
	json_t *object = json_object();
	json_object_set_new(object, "dynamic", json_boolean(found->dynamic));
	json_object_set_new(object, "pie", json_boolean(found->pie));
	json_object_set_new(object, "stripped", json_boolean(found->stripped));
	json_object_set_new(object, "cgo", json_boolean(found->cgo));
	json_object_set_new(object, "dwarf", json_boolean(found->dwarf));
	return object;
}

static json_t *
tables(const struct mj_inspection *found)
{
	json_t *object = json_object();
	char hex[24];
	snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)found->moduledata);
	json_object_set_new(object, "build_info", text(found->build_info));
	json_object_set_new(object, "pclntab", text(found->pclntab));
	json_object_set_new(object, "layout", text(found->layout));
	json_object_set_new(object, "moduledata", json_string(hex));
	json_object_set_new(object, "functions", number(found->nfunctions));
	return object;
}

static json_t *
finding(const struct mj_image *image, const struct mj_finding *f)
{
	json_t *object = json_object();
	json_object_set_new(object, "function", text(f->function));
	json_object_set_new(object, "file", text(f->file));
	json_object_set_new(object, "line", f->line ? json_integer(f->line) : json_null());
	if (f->kind == MJ_FINDING_SYSCALL)
		json_object_set_new(object, "instruction", text(f->insn));
	if (f->kind == MJ_FINDING_UNCONFIRMED)
		json_object_set_new(object, "reason", text(f->why));
	if (f->kind == MJ_FINDING_LINKNAME || f->kind == MJ_FINDING_LINE)
		json_object_set_new(object, "claimed", text(cli_subject_name(image, f->claimed)));
	return object;
}

static json_t *
findings(const struct mj_image *image, const struct mj_inspected *whose)
{
	json_t *object = json_object();
	for (size_t kind = 0; kind < MJ_FINDING_KINDS; kind++) {
		json_t *array = json_array();
		for (size_t i = 0; i < whose->count[kind]; i++)
			json_array_append_new(array, finding(image, &whose->findings[kind][i]));
		json_object_set_new(object, kinds[kind], array);
	}
	return object;
}

static json_t *
module(const struct mj_image *image, const struct mj_module *m, const struct mj_inspected *found)
{
	json_t *object = json_object();
	json_object_set_new(object, "path", text(m->path));
	json_object_set_new(object, "version", text(m->version));
	json_object_set_new(object, "main", json_boolean(m->is_main));
	json_object_set_new(object, "in_build_info", json_boolean(m->in_build_info));
	json_object_set_new(object, "functions", number(found->nfunctions));
	json_object_set_new(object, "held", json_boolean(cli_is_held(found)));
	json_object_set_new(object, "findings", findings(image, found));
	return object;
}

static json_t *
std(const struct mj_image *image, const struct mj_inspection *found)
{
	json_t *object = json_object();
	json_object_set_new(object, "functions", number(found->std.nfunctions));
	json_object_set_new(object, "expected_syscalls", number(found->std_syscalls));
	json_object_set_new(object, "findings", findings(image, &found->std));
	return object;
}

void
cli_inspect_json(FILE *out, const struct cli_inspected *what)
{
	const struct mj_image *image = what->image;
	const struct mj_inspection *found = what->found;
	json_t *object = json_object();
	json_t *modules = json_array();
	json_t *not_held = json_array();
	for (size_t i = 0; i < found->nmodules; i++) {
		const struct mj_module *m = mj_image_module(image, i);
		json_array_append_new(modules, module(image, m, &found->modules[i]));
		if (!cli_is_held(&found->modules[i]))
			json_array_append_new(not_held, text(m->path));
	}
	json_object_set_new(object, "file", text(what->path));
	json_object_set_new(object, "go_version", text(mj_image_go_version(image)));
	json_object_set_new(object, "main_package", text(mj_image_main_package(image)));
	json_object_set_new(object, "build", build(found));
	json_object_set_new(object, "tables", tables(found));
	json_object_set_new(object, "modules", modules);
	json_object_set_new(object, "std", std(image, found));
	json_object_set_new(object, "not_held", not_held);
	json_object_set_new(object, "truncated", json_boolean(found->truncated));
	json_dumpf(object, out, JSON_COMPACT | JSON_ENSURE_ASCII);
	fputc('\n', out);
	json_decref(object);
}
