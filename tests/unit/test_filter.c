/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built BPF program, interpreted, against the table: whatever the kernel allows by itself must
 * be something that nobody is denied, and what it need not be asked about must not be notified.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "policy/table.h"
#include "preload/preload.h"

#define X32_BIT 0x40000000

/* ---- classic BPF, as much of it as seccomp takes (kernel/seccomp.c, seccomp_check_filter) --- */

static uint32_t
load_word(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;
	if (offset > sizeof(*data) - sizeof(word) || offset % 4 != 0)
		ck_abort_msg("load at %u", offset);
	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static bool
jumps(uint16_t code, uint32_t a, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	case BPF_JSET:
		return a & k;
	default:
		ck_abort_msg("jump %#x", code);
	}
}

static uint32_t
run_bpf(const struct mj_filter *filter, const struct seccomp_data *data)
{
	uint32_t a = 0;
	for (size_t pc = 0; pc < filter->count; pc++) {
		const struct sock_filter *insn = &filter->insns[pc];
		if (insn->code == (BPF_LD | BPF_W | BPF_ABS))
			a = load_word(data, insn->k);
		else if (insn->code == (BPF_ALU | BPF_AND | BPF_K))
			a &= insn->k;
		else if (insn->code == (BPF_JMP | BPF_JA))
			pc += insn->k;
		else if (insn->code == (BPF_RET | BPF_K))
			return insn->k;
		else if (BPF_CLASS(insn->code) == BPF_JMP && BPF_SRC(insn->code) == BPF_K)
			pc += jumps(insn->code, a, insn->k) ? insn->jt : insn->jf;
		else
			ck_abort_msg("instruction %#x at %zu", insn->code, pc);
	}
	ck_abort_msg("ran off the end");
}

static uint32_t
verdict(const struct mj_filter *filter, const struct mj_call *call)
{
	struct seccomp_data data = { .nr = call->nr, .arch = AUDIT_ARCH_X86_64 };
	memcpy(data.args, call->args, sizeof(data.args));
	return run_bpf(filter, &data);
}

static struct mj_filter
build(mj_caps denied)
{
	struct mj_error err = { 0 };
	struct mj_plan plan;
	struct mj_filter filter;
	struct mj_grant everyone = mj_grant_of(MJ_CAPS_ALL & ~denied);
	ck_assert_msg(mj_plan_make(&everyone, &plan, &err) == 0, "%s", err.text);
	ck_assert_msg(mj_filter_build(&plan, &filter, &err) == 0, "%s", err.text);
	ck_assert_uint_le(filter.count, BPF_MAXINSNS);
	mj_plan_free(&plan);
	return filter;
}

/* ---- pseudo-random calls -------------------------------------------------------------------- */

static uint64_t random_state = 88172645463325252u;

static uint64_t
next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Values near what the rows compare with: exact, one bit off, garbage outside of the mask. */
static void
randomize_args(const struct mj_table_call *entry, uint64_t *args)
{
	for (int i = 0; i < 6; i++) {
		uint64_t r = next_random();
		args[i] = r % 3 == 0 ? next_random() : r % 3 == 1 ? r >> 60 : 0;
	}
	const struct mj_row *row = &entry->rows[next_random() % entry->nrows];
	for (unsigned i = 0; i < row->nconds; i++) {
		const struct mj_cond *cond = &row->conds[i];
		uint64_t outside = next_random() & next_random() & ~cond->mask;
		args[cond->arg] = cond->value | (next_random() % 2 ? outside : 0);
		if (next_random() % 4 == 0)
			args[cond->arg] ^= UINT64_C(1) << next_random() % 64;
	}
}

/* What the filter should say, from the table alone, row by row. */
static uint32_t
expected(const struct mj_table_call *entry, const uint64_t *args, mj_caps denied)
{
	if (!denied) /* nobody is watched */
		return SECCOMP_RET_ALLOW;
	if (strcmp(entry->name, "clone3") == 0)
		return SECCOMP_RET_ERRNO | ENOSYS;
	bool matched_free = false;
	bool all_free = true;
	bool matched = false;
	for (size_t i = 0; i < entry->nrows; i++) {
		const struct mj_row *row = &entry->rows[i];
		bool ok = !row->lineage && !(row->all & denied) &&
		          (!row->any || (row->any & ~denied));
		bool hit = true;
		for (unsigned c = 0; c < row->nconds; c++)
			hit = hit &&
			      (args[row->conds[c].arg] & row->conds[c].mask) == row->conds[c].value;
		all_free = all_free && ok;
		if (hit && !matched)
			matched_free = ok && row->nconds > 0;
		matched = matched || hit;
	}
	return all_free || matched_free ? SECCOMP_RET_ALLOW : SECCOMP_RET_USER_NOTIF;
}

/* A grant that lacks exactly what is denied must allow what the filter lets through. */
static void
check_call(const struct mj_filter *filter, const struct mj_table_call *entry, mj_caps denied)
{
	struct mj_call call = { .nr = entry->nr };
	randomize_args(entry, call.args);
	uint32_t got = verdict(filter, &call);
	uint32_t want = expected(entry, call.args, denied);
	struct mj_grant rest = mj_grant_of(MJ_CAPS_ALL & ~denied);
	if (got != want)
		ck_abort_msg("%s(%#lx, %#lx, %#lx, %#lx) denied %#lx: %#x, not %#x", entry->name,
		             call.args[0], call.args[1], call.args[2], call.args[3], denied, got,
		             want);
	if (got == SECCOMP_RET_ALLOW && !mj_grant_allows(&rest, mj_call_need(&call)))
		ck_abort_msg("%s allowed, but somebody is denied it", entry->name);
}

static void
check_denied(mj_caps denied, int rounds)
{
	denied = MJ_CAPS_ALL & ~mj_caps_included(MJ_CAPS_ALL & ~denied);
	struct mj_filter filter = build(denied);
	for (size_t i = 0; i < mj_call_count(); i++) {
		const struct mj_table_call *entry = mj_table_at(i);
		int n = entry->nrows > 1 ? rounds * (int)entry->nrows : 2;
		for (int round = 0; round < n; round++)
			check_call(&filter, entry, denied);
	}
	mj_filter_free(&filter);
}

START_TEST(agrees_with_table_single)
{
	for (int cap = 0; cap < MJ_CAP_COUNT; cap++) {
		check_denied(UINT64_C(1) << cap, 20);
		check_denied(MJ_CAPS_ALL & ~(UINT64_C(1) << cap), 20);
	}
}
END_TEST

START_TEST(agrees_with_table_random)
{
	for (int i = 0; i < 20; i++) {
		mj_caps denied = next_random() & MJ_CAPS_ALL;
		check_denied(denied ? denied : 1, 20);
	}
	check_denied(MJ_CAPS_ALL, 200);
	check_denied(MJ_CAPS_ALL & ~mj_grant_confined().caps, 200);
}
END_TEST

/* ---- by hand, independent of the table ------------------------------------------------------ */

#define CONFINED (MJ_CAPS_ALL & ~mj_grant_confined().caps)
#define ALLOW SECCOMP_RET_ALLOW
#define NOTIFY SECCOMP_RET_USER_NOTIF
#define HIGH UINT64_C(0x100000000)

static const struct {
	const char *name;
	uint64_t args[6];
	uint32_t want;
} by_hand[] = {
	{ "read", { 3, 4, 5 }, ALLOW },
	{ "futex", { 1, 2, 3, 4, 5, 6 }, ALLOW },
	{ "openat", { 0, 0, O_RDONLY }, NOTIFY },
	{ "openat", { 0, 0, O_PATH }, ALLOW },
	{ "openat", { 0, 0, O_PATH | O_RDWR | O_CREAT }, ALLOW },
	{ "openat", { 0, 0, HIGH *O_PATH }, NOTIFY },
	{ "open", { 0, O_PATH }, ALLOW },
	{ "open", { 0, O_RDWR }, NOTIFY },
	{ "execve", { 0 }, NOTIFY },
	{ "execveat", { 0 }, NOTIFY },
	{ "clone3", { 0 }, SECCOMP_RET_ERRNO | ENOSYS },
	{ "clone", { 0x50f00 }, ALLOW },             /* Go's newosproc */
	{ "clone", { 0x3d0f00 }, ALLOW },            /* pthread_create */
	{ "clone", { 0x1200000 | SIGCHLD }, ALLOW }, /* glibc's fork */
	{ "clone", { 0x4100 | SIGCHLD }, ALLOW },    /* vfork, posix_spawn, Go */
	{ "clone", { 0x5100 | SIGCHLD }, ALLOW },    /* Go, with CLONE_PIDFD */
	{ "clone", { CLONE_FILES | SIGCHLD }, NOTIFY },
	{ "clone", { CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD }, NOTIFY },
	{ "clone", { CLONE_PARENT | SIGCHLD }, NOTIFY },
	{ "clone", { 0x50f00 | CLONE_PTRACE }, NOTIFY },
	{ "clone", { 0x50f00 | CLONE_PARENT }, NOTIFY },
	{ "clone", { CLONE_NEWUSER | SIGCHLD }, NOTIFY },
	{ "clone", { CLONE_NEWPID | CLONE_THREAD }, NOTIFY },
	{ "clone", { HIGH * CLONE_NEWPID | SIGCHLD }, ALLOW }, /* the kernel drops that half */
	{ "vfork", { 0 }, ALLOW },
	{ "unshare", { 0 }, NOTIFY },
	{ "setns", { 0 }, NOTIFY },
	{ "mmap", { 0, 4096, 3, 0x22, ~0u, 0 }, ALLOW },
	{ "mmap", { 0, 4096, 7, 0x22, ~0u, 0 }, NOTIFY },
	{ "mprotect", { 0, 4096, 5 }, NOTIFY },
	{ "pkey_mprotect", { 0, 4096, 1, 0 }, ALLOW },
	{ "tgkill", { 1, 1, SIGURG }, ALLOW },
	{ "tgkill", { 1, 1, SIGURG | HIGH }, ALLOW },
	{ "tgkill", { 1, 1, SIGKILL }, NOTIFY },
	{ "tkill", { 1, 0 }, ALLOW },
	{ "kill", { 1, 0 }, ALLOW }, /* READ_SYSTEM_STATE */
	{ "kill", { 1, SIGTERM }, NOTIFY },
	{ "fcntl", { 0, F_GETFL }, ALLOW },
	{ "fcntl", { 0, F_DUPFD_CLOEXEC, 3 }, ALLOW },
	{ "fcntl", { 0, F_OFD_SETLK, 3 }, ALLOW },
	{ "fcntl", { 0, F_SETOWN, 1 }, NOTIFY },
	{ "fcntl", { 0, F_SETSIG, 1 }, NOTIFY },
	{ "fcntl", { 0, F_NOTIFY, 1 }, NOTIFY },
	{ "fcntl", { 0, F_SETLEASE, 1 }, NOTIFY },
	{ "ioctl", { 0, 0x5401 }, ALLOW },  /* TCGETS */
	{ "ioctl", { 0, 0x5413 }, ALLOW },  /* TIOCGWINSZ */
	{ "ioctl", { 0, 0x5412 }, NOTIFY }, /* TIOCSTI */
	{ "ioctl", { 0, 0x5412 | HIGH }, NOTIFY },
	{ "ioctl", { 0, 0x541c }, NOTIFY }, /* TIOCLINUX */
	{ "prctl", { PR_SET_NAME }, ALLOW },
	{ "prctl", { PR_SET_DUMPABLE, 1 }, ALLOW },
	{ "prctl", { PR_SET_DUMPABLE, 0 }, NOTIFY },
	{ "prctl", { PR_SET_DUMPABLE | HIGH, 0 }, NOTIFY },
	{ "prctl", { PR_SET_CHILD_SUBREAPER, 1 }, NOTIFY },
	{ "prctl", { PR_SET_SECCOMP, 2 }, NOTIFY },
	{ "prctl", { PR_SET_PTRACER, -1ul }, NOTIFY },
	{ "prctl", { PR_SET_MM, PR_SET_MM_EXE_FILE }, NOTIFY },
	{ "prlimit64", { 0, 7, 0, 1 }, ALLOW },
	{ "prlimit64", { 0, 7, HIGH, 1 }, NOTIFY },
	{ "socket", { AF_UNIX, SOCK_STREAM, 0 }, NOTIFY },
	{ "socketpair", { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC }, ALLOW },
	{ "socketpair", { AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC }, NOTIFY },
	{ "sendto", { 3, 0, 0, MSG_NOSIGNAL }, ALLOW },
	{ "sendto", { 3, 0, 0, MSG_FASTOPEN }, NOTIFY },
	{ "sendmsg", { 3, 0, MSG_FASTOPEN }, NOTIFY },
	{ "sendmsg", { 3, 0, 0 }, ALLOW },
	{ "connect", { 3 }, NOTIFY },
	{ "dup2", { 3, 4 }, NOTIFY },
	{ "dup", { 3 }, ALLOW },
	{ "chdir", { 0 }, NOTIFY },
	{ "seccomp", { 0 }, NOTIFY },
	{ "io_uring_setup", { 0 }, NOTIFY },
	{ "memfd_create", { 0 }, NOTIFY },
	{ "exit_group", { 0 }, ALLOW },
	{ "restart_syscall", { 0 }, ALLOW },
	{ "rt_sigreturn", { 0 }, ALLOW },
	{ "pidfd_open", { 0 }, ALLOW },
	{ "cachestat", { 0 }, ALLOW },     /* 451: libseccomp 2.5 does not know it */
	{ "fchmodat2", { 0 }, NOTIFY },    /* 452 */
	{ "futex_wake", { 0 }, ALLOW },    /* 454 */
	{ "statmount", { 0 }, ALLOW },     /* 457: READ_SYSTEM_STATE */
	{ "file_getattr", { 0 }, ALLOW },  /* 468: FILES/STAT */
	{ "file_setattr", { 0 }, NOTIFY }, /* 469 */
	{ "uretprobe", { 0 }, NOTIFY },    /* 335 */
};

START_TEST(confined_by_hand)
{
	struct mj_filter filter = build(CONFINED);
	for (size_t i = 0; i < MJ_ARRAY_LEN(by_hand); i++) {
		struct mj_call call = { .nr = mj_call_number(by_hand[i].name) };
		memcpy(call.args, by_hand[i].args, sizeof(call.args));
		ck_assert_msg(call.nr >= 0, "%s", by_hand[i].name);
		uint32_t got = verdict(&filter, &call);
		ck_assert_msg(got == by_hand[i].want, "%zu: %s: %#x, not %#x", i, by_hand[i].name,
		              got, by_hand[i].want);
	}
	mj_filter_free(&filter);
}
END_TEST

START_TEST(unknown_numbers)
{
	struct mj_filter filter = build(CONFINED);
	static const int numbers[] = { 337, 400, 423, 470, 512, 547, 1000, X32_BIT - 1, -1 };
	for (size_t i = 0; i < MJ_ARRAY_LEN(numbers); i++) {
		struct mj_call call = { .nr = numbers[i] };
		ck_assert_uint_eq(verdict(&filter, &call), NOTIFY);
	}
	mj_filter_free(&filter);
}
END_TEST

START_TEST(foreign_architectures)
{
	static const uint32_t arches[] = { AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0, ~0u };
	struct mj_filter filter = build(MJ_CAP(MODIFY_DUMPABLE));
	for (int nr = 0; nr < 600; nr++) {
		struct seccomp_data data = { .nr = nr };
		for (size_t i = 0; i < MJ_ARRAY_LEN(arches); i++) {
			data.arch = arches[i];
			ck_assert_uint_eq(run_bpf(&filter, &data), SECCOMP_RET_KILL_PROCESS);
		}
		/* x32 has the same arch and its own bit in the number. */
		struct mj_call x32 = { .nr = nr | X32_BIT };
		ck_assert_uint_eq(verdict(&filter, &x32), SECCOMP_RET_KILL_PROCESS);
		x32.nr = (int)((unsigned)nr | 0x80000000u);
		ck_assert_uint_eq(verdict(&filter, &x32), SECCOMP_RET_KILL_PROCESS);
	}
	mj_filter_free(&filter);
}
END_TEST

START_TEST(no_policy)
{
	struct mj_filter filter = build(0);
	struct seccomp_data data = { .arch = AUDIT_ARCH_I386 };
	ck_assert_uint_eq(run_bpf(&filter, &data), ALLOW);
	for (int nr = -1; nr < 600; nr++) {
		struct mj_call call = { .nr = nr };
		ck_assert_uint_eq(verdict(&filter, &call), ALLOW);
		call.nr = nr | X32_BIT;
		ck_assert_uint_eq(verdict(&filter, &call), ALLOW);
	}
	mj_filter_free(&filter);
}
END_TEST

START_TEST(bad_plan)
{
	struct mj_error err = { 0 };
	struct mj_filter filter = { 0 };
	struct mj_plan_rule rule = { .nr = 1, .nconds = 1, .conds = { { .arg = 6 } } };
	struct mj_plan plan = { .count = 1, .rules = &rule };
	ck_assert_int_eq(mj_filter_build(&plan, &filter, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "write"));
	ck_assert_ptr_null(filter.insns);
	mj_filter_free(&filter);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("filter");
	TCase *tcase = tcase_create("filter");
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, agrees_with_table_single);
	tcase_add_test(tcase, agrees_with_table_random);
	tcase_add_test(tcase, confined_by_hand);
	tcase_add_test(tcase, unknown_numbers);
	tcase_add_test(tcase, foreign_architectures);
	tcase_add_test(tcase, no_policy);
	tcase_add_test(tcase, bad_plan);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
