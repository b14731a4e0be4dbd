/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_NOT_INSPECTABLE 1

struct options {
	bool json;
	const char *path;
};

enum { KEY_JSON = 'j' + 0x100, KEY_HELP = 'h' };

static const struct argp_option option_table[] = {
	{ "json", KEY_JSON, NULL, 0, "Write one JSON object, with all functions that were found",
	  0 },
	{ NULL, KEY_HELP, NULL, OPTION_HIDDEN, NULL, 0 },
	{ 0 },
};

static const char doc[] =
	"List the modules of a Go program, and those that a jail does not hold."
	"\v"
	"For each module: assembly; system call instructions of its own; cgo; functions that bear "
	"the name of another module (//go:linkname) or a file that is not the module's (//line). "
	"The program is read, not run. What uses package unsafe cannot be seen in a program: the "
	"source shows it.\n\n"
	"Exit status: 0 if the program could be inspected, whatever was found; 1 if it could not; "
	"125 if the command line is wrong.";

static void
fail(const struct argp_state *state, const char *message)
{
	fprintf(state->err_stream, "modjail: %s\n", message);
	argp_state_help(state, state->err_stream, ARGP_HELP_STD_ERR);
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	switch (key) {
	case KEY_JSON:
		options->json = true;
		return 0;
	case KEY_HELP:
		argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP);
		return 0;
	case ARGP_KEY_ARG:
		if (options->path)
			fail(state, "one program at a time");
		options->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->path)
			fail(state, "no program was given");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Why the file is nothing to inspect. */
static int
refuse(const char *path, const struct mj_image *image, struct mj_error *err)
{
	const char *why = mj_image_why(image);
	switch (mj_image_kind(image)) {
	case MJ_IMAGE_NOT_ELF:
		return mj_error_set(err, MJ_ERR_UNSUPPORTED, "%s is not a program (%s)", path, why);
	case MJ_IMAGE_FOREIGN:
		return mj_error_set(err, MJ_ERR_UNSUPPORTED, "%s is not a 64-bit x86 program (%s)",
		                    path, why);
	case MJ_IMAGE_NOT_GO:
		return mj_error_set(err, MJ_ERR_UNSUPPORTED, "%s is not a Go program (%s)", path,
		                    why);
	default:
		return mj_error_set(err, MJ_ERR_UNSUPPORTED,
		                    "%s is a Go program whose function tables cannot be read (%s), "
		                    "so modjail cannot run it with policies either",
		                    path, why);
	}
}

static int
write_out(const struct options *options, struct cli_style style, const struct cli_inspected *what,
          struct mj_error *err)
{
	if (options->json)
		cli_inspect_json(stdout, what);
	else
		cli_inspect_text(stdout, style, what);
	if (fflush(stdout) != 0 || ferror(stdout))
		return mj_error_sys(err, errno, "cannot write");
	return 0;
}

static int
inspect(const struct options *options, struct cli_style style, struct mj_error *err)
{
	const char *path = options->path;
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct mj_image *image = NULL;
	struct mj_inspection *found = NULL;
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot read %s", path);
	if (mj_image_open(fd, path, NULL, 0, &image, err) < 0)
		return -1;
	int r = 0;
	if (mj_image_kind(image) != MJ_IMAGE_GO)
		r = refuse(path, image, err);
	else if (mj_inspect(image, &found, err) < 0)
		r = mj_error_wrap(err, "%s", path);
	if (r == 0) {
		struct cli_inspected what = { path, image, found };
		r = write_out(options, style, &what, err);
	}
	mj_inspection_destroy(found);
	mj_image_destroy(image);
	return r;
}

int
cli_cmd_inspect(int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "PROG",
		.doc = doc,
	};
	struct cli_style style = { .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 };
	struct options options = { 0 };
	struct mj_error err = { 0 };
	if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0)
		return CLI_EXIT_FAILED;
	if (inspect(&options, style, &err) == 0)
		return 0;
	fputs("modjail: ", stderr);
	cli_put(stderr, style, err.text);
	fputc('\n', stderr);
	return EXIT_NOT_INSPECTABLE;
}
