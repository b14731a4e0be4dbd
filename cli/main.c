/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command {
	const char *name;
	const char *full_name; /* its argv[0], for usage messages */
	const char *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run", "modjail run", "run a Go program under the policies of its modules", cli_cmd_run },
	{ "learn", "modjail learn",
	  "write the smallest policy under which a run would have been allowed", cli_cmd_learn },
	{ "inspect", "modjail inspect",
	  "list the modules of a Go program, and which a jail does not hold", cli_cmd_inspect },
	{ "pack", "modjail pack", "make one executable of modjail, a program and its policy",
	  cli_cmd_pack },
	{ "agent", "modjail agent", "supervise programs that others start (LD_PRELOAD)",
	  cli_cmd_agent },
	{ "env", "modjail env", "the environment with which a program comes to an agent",
	  cli_cmd_env },
	{ "policy", "modjail policy", "show, check and explain policies, and list the capabilities",
	  cli_cmd_policy },
	{ "doctor", "modjail doctor", "find out whether modjail run can work here, and why not",
	  cli_cmd_doctor },
};

static void
print_usage(FILE *out)
{
	fputs("Usage: modjail COMMAND [OPTION...]\n"
	      "A jail for the modules of a Go program.\n\n",
	      out);
	for (size_t i = 0; i < MJ_ARRAY_LEN(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "  --help     write this text; modjail COMMAND --help says more about a command\n"
	      "  --version  write the version\n\n"
	      "Start with: modjail run --go-mod=go.mod -- ./prog\n",
	      out);
}

/* Standard output was asked for: that it could not be written is a failure. */
static int
flushed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "modjail: cannot write: %s\n", strerror(errno));
	return CLI_EXIT_FAILED;
}

static int
unknown_command(const char *word)
{
	const char *names[MJ_ARRAY_LEN(commands)];
	for (size_t i = 0; i < MJ_ARRAY_LEN(commands); i++)
		names[i] = commands[i].name;
	const char *near = mj_nearest(word, names, MJ_ARRAY_LEN(names));
	fputs("modjail: unknown command \"", stderr);
	cli_put(stderr, (struct cli_style){ .utf8 = false }, word);
	if (near)
		fprintf(stderr, "\"; did you mean \"%s\"?\n", near);
	else
		fputs("\"; modjail --help lists them\n", stderr);
	return CLI_EXIT_FAILED;
}

/* With 0, 1 or 2 closed, a file of ours would get its number and be taken for standard output.
 * Close-on-exec: PROG finds them as they were. */
static bool
occupy_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
			return false;
	return true;
}

int
main(int argc, char **argv)
{
	bool packed = mj_pack_is_packed();
	int r = packed ? cli_packed_in_jail(argv) : 0;
	if (r != 0 || !occupy_standard_fds())
		return r ? r : CLI_EXIT_FAILED;
	setlocale(LC_CTYPE, "");
	argp_err_exit_status = CLI_EXIT_FAILED;
	if (packed)
		return cli_packed_main(argc, argv);
	if (argc < 2) {
		print_usage(stderr);
		return CLI_EXIT_FAILED;
	}
	const char *word = argv[1];
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
		print_usage(stdout);
		return flushed();
	}
	if (strcmp(word, "--version") == 0) {
		printf("modjail %s\n", MJ_VERSION);
		return flushed();
	}
	for (size_t i = 0; i < MJ_ARRAY_LEN(commands); i++)
		if (strcmp(word, commands[i].name) == 0) {
			MJ_AUTO_FREE char *name = strdup(commands[i].full_name);
			if (name)
				argv[1] = name;
			return commands[i].run(argc - 1, argv + 1);
		}
	return unknown_command(word);
}
