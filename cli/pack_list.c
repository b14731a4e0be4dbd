/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modjail pack --list`. With --json one object; the fields are an interface: add, do not change.
 *   file, format, modjail: its version, machine,
 *   parts   [{kind, name, offset, length, sha256, intact}]
 *   options [texts]; null if they are damaged
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct listing {
	const char *path;
	struct mj_pack *pack;
	bool intact[MJ_PACK_ENTRIES_MAX];
	char *options; /* NULL: damaged */
	size_t options_len;
};

static void
hex(const uint8_t digest[MJ_PACK_DIGEST], char ret[2 * MJ_PACK_DIGEST + 1])
{
	for (size_t i = 0; i < MJ_PACK_DIGEST; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static bool
next_option(const struct listing *l, size_t *at, const char **ret)
{
	if (!l->options || *at >= l->options_len)
		return false;
	*ret = l->options + *at;
	*at += strlen(*ret) + 1;
	return true;
}

static void
write_text(FILE *out, struct cli_style style, const struct listing *l)
{
	const struct mj_pack_elf *elf = mj_pack_elf_of(l->pack);
	const struct mj_pack_entry *entry;
	const char *option;
	char buf[32], digest[2 * MJ_PACK_DIGEST + 1];
	cli_put(out, style, l->path);
	fputs(": packed with modjail ", out);
	cli_put(out, style, elf->note.version);
	fprintf(out, " for %s, format %u\n", mj_pack_machine(elf->machine, buf), elf->note.format);
	for (size_t i = 0; (entry = mj_pack_at(l->pack, i)); i++) {
		hex(entry->digest, digest);
		fprintf(out, "  %-19s %10" PRIu64 " bytes  sha256:%s  ",
		        mj_pack_kind_name(entry->kind), entry->length, digest);
		cli_put(out, style, entry->name);
		fputs(l->intact[i] ? "\n" : "  DAMAGED\n", out);
	}
	for (size_t at = 0; next_option(l, &at, &option);) {
		fputs("  option              ", out);
		cli_put(out, style, option);
		fputc('\n', out);
	}
}

/* A value of an object; what is not UTF-8 becomes U+FFFD. */
static void
set_text(json_t *object, const char *key, const char *text)
{
	MJ_AUTO_FREE char *valid = cli_valid_utf8(text);
	json_object_set_new(object, key, valid ? json_string(valid) : json_null());
}

static json_t *
parts_of(const struct listing *l)
{
	const struct mj_pack_entry *entry;
	char digest[2 * MJ_PACK_DIGEST + 1];
	json_t *parts = json_array();
	for (size_t i = 0; (entry = mj_pack_at(l->pack, i)); i++) {
		json_t *part = json_object();
		hex(entry->digest, digest);
		set_text(part, "kind", mj_pack_kind_name(entry->kind));
		set_text(part, "name", entry->name);
		json_object_set_new(part, "offset", json_integer((json_int_t)entry->offset));
		json_object_set_new(part, "length", json_integer((json_int_t)entry->length));
		set_text(part, "sha256", digest);
		json_object_set_new(part, "intact", json_boolean(l->intact[i]));
		json_array_append_new(parts, part);
	}
	return parts;
}

static void
write_json(FILE *out, const struct listing *l)
{
	const struct mj_pack_elf *elf = mj_pack_elf_of(l->pack);
	const char *option;
	char buf[32];
	json_t *object = json_object(), *options = l->options ? json_array() : json_null();
	set_text(object, "file", l->path);
	json_object_set_new(object, "format", json_integer(elf->note.format));
	set_text(object, "modjail", elf->note.version);
	set_text(object, "machine", mj_pack_machine(elf->machine, buf));
	json_object_set_new(object, "parts", parts_of(l));
	for (size_t at = 0; next_option(l, &at, &option);) {
		MJ_AUTO_FREE char *valid = cli_valid_utf8(option);
		json_array_append_new(options, valid ? json_string(valid) : json_null());
	}
	json_object_set_new(object, "options", options);
	json_dumpf(object, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(object);
}

static bool
check_parts(struct listing *l, struct mj_error *err)
{
	const struct mj_pack_entry *entry;
	bool all = true;
	for (size_t i = 0; (entry = mj_pack_at(l->pack, i)); i++) {
		l->intact[i] = mj_pack_verify(l->pack, entry, all ? err : NULL) == 0;
		all = all && l->intact[i];
	}
	entry = mj_pack_find(l->pack, MJ_PACK_OPTIONS, 0);
	mj_pack_text(l->pack, entry, &l->options, &l->options_len, NULL);
	return all;
}

int
cli_pack_list(FILE *out, struct cli_style style, bool json, const char *path, struct mj_error *err)
{
	struct listing l = { .path = path };
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot read %s", path);
	if (mj_pack_open(fd, path, &l.pack, err) < 0)
		return -1;
	bool intact = check_parts(&l, err);
	if (json)
		write_json(out, &l);
	else
		write_text(out, style, &l);
	free(l.options);
	mj_pack_close(l.pack);
	if (fflush(out) != 0 || ferror(out))
		return mj_error_sys(err, errno, "cannot write");
	return intact ? 0 : -1;
}
