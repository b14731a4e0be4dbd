/* SPDX-License-Identifier: Apache-2.0 */
/* Which register arguments say something, and their names: for reports (args.c), and for the conditions of the
 * table and what people ask about (conds.c). */
#ifndef MJ_CLI_ARGS_H
#define MJ_CLI_ARGS_H

#include "cli/cli.h"

/** What an argument means. */
enum cli_kind {
	CLI_KIND_NONE = 0, /**< nothing that has a name */
	CLI_KIND_OPEN_FLAGS,
	CLI_KIND_DOMAIN,
	CLI_KIND_TYPE,
	CLI_KIND_PROT,
	CLI_KIND_CLONE,
	CLI_KIND_SIGNAL,
	CLI_KIND_NUMBER,
	CLI_KIND_FD,
	CLI_KIND_IOCTL,
	CLI_KIND_FCNTL,
	CLI_KIND_MSG,
	CLI_KIND_PRCTL,
	CLI_KIND_SECCOMP,
	CLI_KIND_PTRACE,
	CLI_KIND_COUNT
};

struct cli_arg {
	unsigned index;
	enum cli_kind kind;
};

/** The arguments of a call that say something, in the order in which they are written. *ret is static. */
size_t cli_args_of(int nr, const struct cli_arg **ret);

struct cli_name {
	uint64_t value;
	const char *name;
};

/** The names of a kind; none for numbers and signals. bits: flags, of which several can be set. */
struct cli_names {
	const struct cli_name *list;
	size_t count;
	bool bits;
};
struct cli_names cli_names_of(enum cli_kind kind);

/** Writes one argument in words. */
void cli_put_arg(FILE *out, uint64_t value, enum cli_kind kind);
/** Writes the names of the bits set and the rest in hex, joined by '|', also before the first one unless first.
 * Returns whether anything was written. */
bool cli_put_bits(FILE *out, uint64_t value, struct cli_names names, bool first);

#endif
