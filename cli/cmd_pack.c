/* SPDX-License-Identifier: Apache-2.0 */
/* `modjail pack` (docs/PACKING.md): checks policy and program as `modjail run` does, and writes the packed file. */
#include "cli/cli.h"

#include <argp.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __x86_64__
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#else
#error "which EM_ constant stands for this machine?"
#endif

#define SELF "/proc/self/exe"
#define OPTIONS_MAX 40

enum { KEY_OUTPUT = 'o', KEY_MODJAIL = 0x200, KEY_LIST, KEY_JSON };

struct pack_options {
	struct cli_options run; /* argv: NULL */
	const char *program, *output, *modjail;
	bool list, json;
};

static const struct argp_option own_options[] = {
	{ "output", KEY_OUTPUT, "FILE", 0,
	  "Write FILE instead of PROG.modjail in the working directory", 1 },
	{ "modjail", KEY_MODJAIL, "FILE", 0,
	  "Pack this modjail, built with -Dstatic=true, instead of the running one: for a program "
	  "for another machine, say",
	  1 },
	{ "list", KEY_LIST, NULL, 0,
	  "Write what is in a packed file, and whether it is intact, instead of packing", 1 },
	{ "json", KEY_JSON, NULL, 0, "With --list: write one JSON object", 1 },
};

static const char doc[] =
	"Make one executable of a static modjail, a Go program and its policy. Run, it runs the "
	"program jailed, with the arguments given, as \"modjail run\" with these options would. It "
	"needs no installed modjail."
	"\v"
	"The policy is checked now. The policies of programs that a policy file names are packed, "
	"too; "
	"the programs themselves are not.\n\n"
	"Exit status: 0, or 125 if nothing was packed, or --list found damage.\n\n"
	"Examples:\n"
	"  modjail pack --go-mod=go.mod ./prog\n"
	"  modjail pack --policy-file=modjail.yaml --on-deny=kill -o /usr/local/bin/prog ./prog\n"
	"  modjail pack --list prog.modjail";

/* ---- options -------------------------------------------------------------------------------- */

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct pack_options *options = state->input;
	switch (key) {
	case KEY_OUTPUT:
		options->output = arg;
		return 0;
	case KEY_MODJAIL:
		options->modjail = arg;
		return 0;
	case KEY_LIST:
		options->list = true;
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->program)
			cli_options_fail(state, "one program at a time; its arguments are given "
			                        "when the packed file is run");
		options->program = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->program)
			cli_options_fail(state, "no program was given");
		if (options->json && !options->list)
			cli_options_fail(state, "--json is for --list");
		return 0;
	default:
		break;
	}
	return cli_options_pass(&options->run, key, arg, state);
}

static int
parse_options(int argc, char **argv, struct pack_options *ret)
{
	struct argp_option table[OPTIONS_MAX] = { 0 };
	size_t count = MJ_ARRAY_LEN(own_options);
	memcpy(table, own_options, sizeof(own_options));
	const struct argp_option *theirs = cli_options_argp()->options;
	for (; theirs->name || theirs->key || theirs->doc; theirs++) {
		/* A packed program without a policy would be a program. */
		bool fits = !theirs->name || strcmp(theirs->name, "no-policy") != 0;
		if (fits && count + 1 < OPTIONS_MAX) {
			table[count] = *theirs;
			if (table[count].group > 0)
				table[count].group++;
			count++;
		}
	}
	const struct argp argp = {
		.options = table,
		.parser = parse,
		.args_doc = "PROG\n--list FILE",
		.doc = doc,
	};
	*ret = (struct pack_options){ .run.ancestors = CLI_ANCESTRY };
	return argp_parse(&argp, argc, argv, 0, NULL, ret);
}

static void
put_option(FILE *out, const char *name, const char *value)
{
	fprintf(out, "--%s%s%s", name, value ? "=" : "", value ? value : "");
	fputc('\0', out);
}

/* The options of the run, as words with a NUL behind each. Files of policies are parts of their own. */
static int
encode_options(const struct cli_options *options, char **ret, size_t *ret_len, struct mj_error *err)
{
	char ancestors[16];
	FILE *out = open_memstream(ret, ret_len);
	if (!out)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < options->npolicies; i++)
		put_option(out, "policy", options->policies[i]);
	if (options->on_deny != MJ_ACTION_DEFAULT)
		put_option(out, "on-deny", mj_action_name(options->on_deny));
	snprintf(ancestors, sizeof(ancestors), "%u", options->ancestors);
	if (options->ancestors != CLI_ANCESTRY)
		put_option(out, "ancestry", options->ancestors ? ancestors : "off");
	if (options->verify_walk)
		put_option(out, "verify-walk", NULL);
	if (options->json)
		put_option(out, "log-format", "json");
	if (options->log_file)
		put_option(out, "log-file", options->log_file);
	if (options->quiet)
		put_option(out, "quiet", NULL);
	if (options->summary)
		put_option(out, "summary", NULL);
	if (options->stats != CLI_STATS_OFF)
		put_option(out, "stats", options->stats == CLI_STATS_JSON ? "json" : "text");
	if (fclose(out) != 0)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	return 0;
}

/* ---- what is packed ------------------------------------------------------------------------- */

struct pack {
	struct pack_options options;
	struct cli_style style;
	struct mj_policy *policy;
	struct cli_programs programs;
	int program, modjail;
	size_t count;
	struct mj_pack_part parts[MJ_PACK_ENTRIES_MAX];
	char *words; /* the options */
	struct cli_texts texts;
	char *output;
	struct cli_strict strict;
};

static const char *
base(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static struct mj_pack_part *
add_part(struct pack *pack, enum mj_pack_kind kind, const char *name, int fd)
{
	struct mj_pack_part *part = &pack->parts[pack->count++];
	*part = (struct mj_pack_part){ .kind = kind, .name = name, .fd = fd };
	return part;
}

static void
free_text(struct cli_text *text)
{
	free(text->name);
	free(text->text);
}

static struct mj_span
span_of(const char *text, size_t len)
{
	return (struct mj_span){ (const uint8_t *)text, len };
}

/* What a policy is called in the pack: not by where it was, for that it makes no difference. */
static const char *
policy_name(const struct cli_text *text, const char *policy_file)
{
	const char *slash = policy_file ? strrchr(policy_file, '/') : NULL;
	size_t folder = slash ? (size_t)(slash - policy_file) + 1 : 0;
	if (text->kind != MJ_PACK_PROGRAM_POLICY)
		return base(text->name);
	return strncmp(text->name, policy_file, folder) == 0 ? text->name + folder : text->name;
}

/* Policies as check_policy read them, in the same order: a file is read once, for it may be a pipe, or change. */
static int
add_policies(struct pack *pack, struct mj_error *err)
{
	for (size_t i = 0; i < pack->texts.count; i++) {
		const struct cli_text *text = &pack->texts.list[i];
		const char *name = policy_name(text, pack->options.run.policy_file);
		if (pack->count == MJ_PACK_ENTRIES_MAX)
			return mj_error_set(err, MJ_ERR_USAGE, "too many policies to pack");
		add_part(pack, text->kind, name, -1)->data = span_of(text->text, text->len);
	}
	return 0;
}

static int
add_parts(struct pack *pack, struct mj_error *err)
{
	size_t len = 0;
	add_part(pack, MJ_PACK_MODJAIL, "modjail", pack->modjail);
	add_part(pack, MJ_PACK_PROGRAM, base(pack->options.program), pack->program);
	if (encode_options(&pack->options.run, &pack->words, &len, err) < 0)
		return -1;
	add_part(pack, MJ_PACK_OPTIONS, "options", -1)->data = span_of(pack->words, len);
	return add_policies(pack, err);
}

/* ---- checks --------------------------------------------------------------------------------- */

static void
warn(void *ctx, enum mj_notice_level level, const char *text)
{
	const struct pack *pack = ctx;
	if (level == MJ_NOTICE_ERROR || !pack->options.run.quiet)
		cli_text_notice(stderr, pack->style, level, text);
}

/* What is written is read again: the warnings have been said. */
static void
ignore(void *ctx, enum mj_notice_level level, const char *text)
{
	(void)ctx, (void)level, (void)text;
}

static int
check_policy(struct pack *pack, struct mj_error *err)
{
	struct cli_options *run = &pack->options.run;
	const struct mj_reporter reporter = cli_strict_reporter(&pack->strict);
	run->keep = &pack->texts;
	if (cli_load_policy(run, pack->style, &pack->policy, err) < 0 ||
	    cli_load_programs(pack->policy, run, pack->style, &reporter, &pack->programs, err) < 0)
		return -1;
	if (!mj_policy_says_something(pack->policy))
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "no policy to pack: use --go-mod=FILE with \"// "
		                    "gomodjail:confined\" behind a required module, "
		                    "--policy-file=FILE, or --policy=MODULE=confined");
	for (size_t i = 0; i < mj_policy_warning_count(pack->policy); i++)
		reporter.notice(reporter.ctx, MJ_NOTICE_WARNING,
		                mj_policy_warning(pack->policy, i));
	return 0;
}

static int
open_file(const char *path, int *ret, struct mj_error *err)
{
	struct stat st;
	*ret = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*ret < 0 || fstat(*ret, &st) < 0)
		return mj_error_sys(err, errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return mj_error_set(err, MJ_ERR_USAGE, "%s is not a file", path);
	return 0;
}

static int
check_modjail(const struct pack *pack, const struct mj_pack_elf *modjail,
              const struct mj_pack_elf *program, struct mj_error *err)
{
	char one[32], two[32];
	const char *name = pack->options.modjail ? pack->options.modjail : "this modjail";
	if (!modjail->has_note || modjail->note.packed)
		return mj_error_set(err, MJ_ERR_USAGE, "%s is %s: name a modjail as it was built",
		                    name, modjail->has_note ? "a packed program" : "no modjail");
	if (modjail->machine != program->machine)
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "%s is for %s, but %s is for %s: name a static modjail for %s "
		                    "with --modjail=FILE",
		                    name, mj_pack_machine(modjail->machine, one),
		                    pack->options.program, mj_pack_machine(program->machine, two),
		                    mj_pack_machine(program->machine, two));
	if (modjail->dynamic)
		return mj_error_set(
			err, MJ_ERR_USAGE,
			"%s needs shared libraries, which a packed program must not: name "
			"a modjail that was built with \"meson setup -Dstatic=true\" with "
			"--modjail=FILE",
			name);
	return 0;
}

static int
check_files(struct pack *pack, struct mj_error *err)
{
	const char *modjail_path = pack->options.modjail ? pack->options.modjail : SELF;
	struct mj_pack_elf program, modjail;
	if (open_file(pack->options.program, &pack->program, err) < 0 ||
	    open_file(modjail_path, &pack->modjail, err) < 0 ||
	    mj_pack_elf(pack->program, pack->options.program, &program, err) < 0 ||
	    mj_pack_elf(pack->modjail, modjail_path, &modjail, err) < 0)
		return -1;
	if (program.has_note)
		return mj_error_set(err, MJ_ERR_USAGE, "%s is %s: give the Go program itself",
		                    pack->options.program,
		                    program.note.packed ? "packed already" : "a modjail");
	if (check_modjail(pack, &modjail, &program, err) < 0)
		return -1;
	const struct mj_reporter reporter = cli_strict_reporter(&pack->strict);
	cli_warn_privileges(pack->options.program, true, &reporter);
	if (program.machine != OWN_MACHINE)
		reporter.notice(reporter.ctx, MJ_NOTICE_WARNING,
		                "the program is for another machine: whether the policy fits its "
		                "modules is checked when it is run");
	else if (cli_check_program_fd(pack->program, pack->options.program, pack->policy,
	                              &pack->options.run, &reporter, err) != 0)
		return -1;
	return cli_strict_end(&pack->strict, pack->options.program, err);
}

/* ---- the file ------------------------------------------------------------------------------- */

static int
name_output(struct pack *pack, struct mj_error *err)
{
	bool gomodjail = strcmp(program_invocation_short_name, "gomodjail") == 0;
	struct stat out, in[2];
	int r = pack->options.output ? asprintf(&pack->output, "%s", pack->options.output)
	                             : asprintf(&pack->output, "%s.%s", base(pack->options.program),
	                                        gomodjail ? "gomodjail" : "modjail");
	if (r < 0) {
		pack->output = NULL;
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	}
	if (stat(pack->output, &out) < 0)
		return 0;
	if (!S_ISREG(out.st_mode))
		return mj_error_set(err, MJ_ERR_USAGE, "%s is there and not a file", pack->output);
	for (int i = 0; i < 2; i++)
		if (fstat(i ? pack->modjail : pack->program, &in[i]) == 0 &&
		    in[i].st_dev == out.st_dev && in[i].st_ino == out.st_ino)
			return mj_error_set(err, MJ_ERR_USAGE,
			                    "%s is what is to be packed: name another file with -o",
			                    pack->output);
	return 0;
}

/* What counts is what can be loaded from the file. */
static int
check_written(const struct pack *pack, int fd, struct mj_error *err)
{
	struct cli_options run = pack->options.run;
	struct mj_pack *packed = NULL;
	struct mj_policy *policy = NULL;
	struct cli_programs programs = { 0 };
	const struct mj_reporter nobody = { .notice = ignore };
	if (mj_pack_open(fd, pack->output, &packed, err) < 0)
		return -1;
	run.pack = packed;
	run.keep = NULL;
	int r = cli_load_policy(&run, pack->style, &policy, err);
	if (r == 0)
		r = cli_load_programs(policy, &run, pack->style, &nobody, &programs, err);
	cli_programs_finish(&programs);
	mj_policy_destroy(policy);
	mj_pack_close(packed);
	return r;
}

/* Written beside the output and renamed: there is never half of a packed file under its name. */
static int
write_file(struct pack *pack, struct mj_error *err)
{
	MJ_AUTO_FREE char *temporary = NULL;
	if (asprintf(&temporary, "%s.XXXXXX", pack->output) < 0) {
		temporary = NULL;
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	}
	MJ_AUTO_FD int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot write %s", pack->output);
	mode_t mask = umask(0);
	umask(mask);
	int r = mj_pack_write(fd, pack->parts, pack->count, err);
	if (r == 0)
		r = check_written(pack, fd, err);
	if (r == 0 && fchmod(fd, 0777 & ~mask) < 0)
		r = mj_error_sys(err, errno, "cannot make %s executable", pack->output);
	if (r == 0 && rename(temporary, pack->output) < 0)
		r = mj_error_sys(err, errno, "cannot write %s", pack->output);
	if (r < 0)
		unlink(temporary);
	return r;
}

static int
do_pack(struct pack *pack, struct mj_error *err)
{
	const struct mj_reporter warnings = { .notice = warn, .ctx = pack };
	pack->strict = (struct cli_strict){ .on = pack->options.run.strict, .to = &warnings };
	if (pack->options.list)
		return cli_pack_list(stdout, pack->style, pack->options.json, pack->options.program,
		                     err);
	if (check_policy(pack, err) < 0 || check_files(pack, err) < 0 ||
	    name_output(pack, err) < 0 || add_parts(pack, err) < 0)
		return -1;
	return write_file(pack, err);
}

int
cli_cmd_pack(int argc, char **argv)
{
	struct pack pack = { .program = -1, .modjail = -1 };
	struct mj_error err = { 0 };
	pack.style.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	int r = parse_options(argc, argv, &pack.options);
	if (r != 0)
		mj_error_sys(&err, r, "cannot parse the command line");
	else
		r = do_pack(&pack, &err);
	if (r != 0)
		cli_say_error(pack.style, err.text);
	for (size_t i = 0; i < pack.texts.count; i++)
		free_text(&pack.texts.list[i]);
	free(pack.words);
	free(pack.output);
	mj_close(pack.program);
	mj_close(pack.modjail);
	cli_programs_finish(&pack.programs);
	mj_policy_destroy(pack.policy);
	cli_options_finish(&pack.options.run);
	return r == 0 ? 0 : CLI_EXIT_FAILED;
}
