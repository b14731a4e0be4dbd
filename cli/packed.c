/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packed modjail (docs/PACKING.md) when it is started. Outside of its own jail it runs the program in one. Inside,
 * where the program executed itself by its path, it asks the supervisor for the program and executes it.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SELF "/proc/self/exe"

/* What goes before the program's own arguments when the packed options are parsed. */
static const char usage_name[] = "modjail run";

int
cli_packed_in_jail(char **argv)
{
	long fd = syscall(SYS_seccomp, MJ_ASK_PROGRAM, 0, NULL);
	if (fd < 0)
		return 0;
	syscall(SYS_execveat, (int)fd, "", argv, environ, AT_EMPTY_PATH);
	dprintf(STDERR_FILENO, "modjail: cannot execute the packed program: %s\n", strerror(errno));
	return CLI_EXIT_NOT_EXEC;
}

/* ---- options -------------------------------------------------------------------------------- */

struct words {
	char *text; /* what the first words point into */
	char **list;
	size_t count;
};

/* The packed options, each with a NUL behind it, then "--" and what the program was called with. */
static int
make_words(const struct mj_pack *pack, int argc, char **argv, struct words *ret,
           struct mj_error *err)
{
	const struct mj_pack_entry *entry = mj_pack_find(pack, MJ_PACK_OPTIONS, 0);
	size_t len = 0;
	if (mj_pack_text(pack, entry, &ret->text, &len, err) < 0)
		return -1;
	if (len > 0 && ret->text[len - 1] != '\0')
		return mj_error_set(err, MJ_ERR_FORMAT, "the packed options are damaged");
	size_t count = 0;
	for (size_t i = 0; i < len; i++)
		count += ret->text[i] == '\0';
	ret->list = calloc(count + (size_t)argc + 4, sizeof(*ret->list));
	if (!ret->list)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	ret->list[ret->count++] = (char *)(uintptr_t)usage_name;
	for (size_t at = 0; at < len; at += strlen(ret->text + at) + 1)
		ret->list[ret->count++] = ret->text + at;
	ret->list[ret->count++] = (char *)(uintptr_t) "--";
	/* Linux 5.18 makes an empty argv[0] where there is none (fs/exec.c); older ones do not. */
	ret->list[ret->count++] = argc > 0 ? argv[0] : (char *)(uintptr_t) "";
	for (int i = 1; i < argc; i++)
		ret->list[ret->count++] = argv[i];
	return 0;
}

/* The files that the options would name are in the pack. */
static void
name_policies(const struct mj_pack *pack, struct cli_options *options)
{
	const struct mj_pack_entry *go_mod = mj_pack_find(pack, MJ_PACK_GO_MOD, 0);
	const struct mj_pack_entry *policy = mj_pack_find(pack, MJ_PACK_POLICY, 0);
	options->pack = pack;
	options->go_mod = go_mod ? go_mod->name : NULL;
	options->policy_file = policy ? policy->name : NULL;
	options->no_policy = false;
}

/* ---- start ---------------------------------------------------------------------------------- */

struct packed {
	int self, program;
	struct mj_pack *pack;
	struct words words;
};

static int
open_self(struct packed *packed, struct mj_error *err)
{
	packed->self = open(SELF, O_RDONLY | O_CLOEXEC);
	if (packed->self < 0)
		return mj_error_sys(err, errno,
		                    "cannot read the packed file (/proc must be mounted, and the "
		                    "file readable for whoever starts it)");
	return mj_pack_open(packed->self, "the packed file", &packed->pack, err);
}

static int
start(struct packed *packed, int argc, char **argv, struct mj_error *err)
{
	struct cli_options options;
	if (open_self(packed, err) < 0 ||
	    make_words(packed->pack, argc, argv, &packed->words, err) < 0)
		return -1;
	int r = cli_options_parse((int)packed->words.count, packed->words.list, 0, &options);
	if (r != 0)
		return mj_error_sys(err, r, "cannot parse the packed options");
	name_policies(packed->pack, &options);
	if (mj_pack_program(packed->pack, &packed->program, err) < 0) {
		cli_options_finish(&options);
		return -1;
	}
	return cli_run_packed(&options, packed->program, packed->self,
	                      mj_pack_find(packed->pack, MJ_PACK_PROGRAM, 0)->name);
}

int
cli_packed_main(int argc, char **argv)
{
	struct packed packed = { .self = -1, .program = -1 };
	struct mj_error err = { 0 };
	struct cli_style style = { .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 };
	int r = start(&packed, argc, argv, &err);
	if (r < 0) {
		cli_say_error(style, err.text);
		r = CLI_EXIT_FAILED;
	}
	mj_pack_close(packed.pack);
	mj_close(packed.self);
	mj_close(packed.program);
	free(packed.words.list);
	free(packed.words.text);
	return r;
}
