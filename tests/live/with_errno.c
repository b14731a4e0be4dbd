/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program with system calls that fail: with_errno RULE... -- PROGRAM ARG...
 * RULE is CALL:ERRNO, or CALL:ARGUMENT:MASK:VALUE:ERRNO for those with (argument & mask) == value; ERRNO is a name,
 * or KILL. The filter stays for all that the program starts, has no listener, and sets no no_new_privs where that
 * is not needed.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t
parse_action(const char *name)
{
	if (strcmp(name, "KILL") == 0)
		return SCMP_ACT_KILL_PROCESS;
	for (int e = 1; e < 256; e++) {
		const char *known = strerrorname_np(e);
		if (known && strcmp(known, name) == 0)
			return SCMP_ACT_ERRNO((uint32_t)e);
	}
	fprintf(stderr, "with_errno: unknown errno %s\n", name);
	exit(99);
}

static int
add_rule(scmp_filter_ctx ctx, char *rule)
{
	char *fields[5];
	size_t n = 0;
	for (char *field = strsep(&rule, ":"); field && n < 5; field = strsep(&rule, ":"))
		fields[n++] = field;
	if (n != 2 && n != 5)
		return -EINVAL;
	int nr = seccomp_syscall_resolve_name(fields[0]);
	uint32_t action = parse_action(fields[n - 1]);
	if (nr < 0)
		return -ENOENT;
	if (n == 2)
		return seccomp_rule_add(ctx, action, nr, 0);
	return seccomp_rule_add(ctx, action, nr, 1,
	                        SCMP_CMP64((unsigned)strtoul(fields[1], NULL, 0),
	                                   SCMP_CMP_MASKED_EQ, strtoull(fields[2], NULL, 0),
	                                   strtoull(fields[3], NULL, 0)));
}

int
main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int i = 1, r = ctx ? seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, geteuid() != 0) : -ENOMEM;
	for (; r == 0 && i < argc && strcmp(argv[i], "--") != 0; i++)
		r = add_rule(ctx, argv[i]);
	if (r == 0)
		r = seccomp_load(ctx);
	if (r < 0 || i + 1 >= argc) {
		fprintf(stderr, "with_errno: %s: %s\n", argv[i < argc ? i : 0], strerror(-r));
		return 99;
	}
	execv(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 99;
}
