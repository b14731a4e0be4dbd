/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/preload.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void
cleanup_context(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

/* libseccomp returns negative errno values. */
static int
fail(struct mj_error *err, int result, const char *what)
{
	return mj_error_sys(err, -result, "libseccomp: %s", what);
}

static int
add_rule(scmp_filter_ctx ctx, const struct mj_plan_rule *rule, struct mj_error *err)
{
	struct scmp_arg_cmp cmps[MJ_PLAN_CONDS];
	uint32_t action = rule->errnum ? SCMP_ACT_ERRNO((uint32_t)rule->errnum) : SCMP_ACT_ALLOW;
	for (unsigned i = 0; i < rule->nconds; i++) {
		const struct mj_cond *cond = &rule->conds[i];
		cmps[i] = SCMP_CMP64(cond->arg, SCMP_CMP_MASKED_EQ, cond->mask, cond->value);
	}
	/* "exact": libseccomp may not replace the rule by one that it finds equivalent. */
	int result = seccomp_rule_add_exact_array(ctx, action, rule->nr, rule->nconds, cmps);
	if (result == 0)
		return 0;
	const char *name = mj_call_name(rule->nr);
	return mj_error_sys(err, -result, "libseccomp: rule for system call %d (%s)", rule->nr,
	                    name ? name : "unknown");
}

static int
configure(scmp_filter_ctx ctx, const struct mj_plan *plan, struct mj_error *err)
{
	uint32_t foreign = plan->allow_all ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS;
	int result = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, foreign);
	if (result < 0)
		return fail(err, result, "action for foreign architectures");
	/* A binary search instead of a chain; only speed depends on it (facts, section 1). */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < plan->count; i++) {
		if (add_rule(ctx, &plan->rules[i], err) < 0)
			return -1;
	}
	return 0;
}

static int
export_plan(const void *ctx_plan, int fd, struct mj_error *err)
{
	const struct mj_plan *plan = ctx_plan;
	uint32_t otherwise = plan->allow_all ? SCMP_ACT_ALLOW : SCMP_ACT_NOTIFY;
	__attribute__((cleanup(cleanup_context))) scmp_filter_ctx ctx = seccomp_init(otherwise);
	if (!ctx)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED,
		                    "libseccomp: this kernel has no user notification"
		                    " (Linux 5.0 or later is needed)");
	if (configure(ctx, plan, err) < 0)
		return -1;
	int result = seccomp_export_bpf(ctx, fd);
	return result < 0 ? fail(err, result, "export of the filter") : 0;
}

static int
read_program(int fd, struct mj_filter *ret, struct mj_error *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return mj_error_sys(err, errno, "cannot read the filter back");
	MJ_AUTO_FREE char *bytes = NULL;
	size_t len = 0;
	if (mj_read_fd(fd, "the filter", BPF_MAXINSNS * sizeof(struct sock_filter), &bytes, &len,
	               err) < 0)
		return -1;
	if (len == 0 || len % sizeof(struct sock_filter) != 0)
		return mj_error_set(err, MJ_ERR_FORMAT, "libseccomp exported %zu bytes of filter",
		                    len);
	ret->insns = (struct sock_filter *)(void *)bytes;
	ret->count = len / sizeof(struct sock_filter);
	bytes = NULL;
	return 0;
}

/* ---- in a process of its own ---------------------------------------------------------------- */

/* What the process has to say. */
struct verdict {
	bool done;
	int result;
	struct mj_error error;
};

static _Noreturn void
builder(mj_filter_export *export_program, const void *ctx, int fd, struct verdict *verdict)
{
	/* A crash is reported by the parent; a core of it would help nobody. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	verdict->result = export_program(ctx, fd, &verdict->error);
	verdict->done = true;
	_exit(0);
}

static int
explain(const struct verdict *verdict, int status, struct mj_error *err)
{
	if (verdict->done && verdict->result == 0)
		return 0;
	if (verdict->done) {
		if (err)
			*err = verdict->error;
		return -1;
	}
	return mj_error_set(err, MJ_ERR_MEMORY,
	                    "libseccomp failed while it made the filter (%s %d): out of memory?",
	                    WIFSIGNALED(status) ? "signal" : "status",
	                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static int
await(pid_t pid, struct mj_error *err, int *ret_status)
{
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return mj_error_sys(err, errno,
			                    "cannot wait for the process that makes the filter");
	return 0;
}

/* It may crash a process that can be done without. */
static int
export_apart(mj_filter_export *export_program, const void *ctx, int fd, struct mj_error *err)
{
	int status = 0;
	struct verdict *verdict = mmap(NULL, sizeof(*verdict), PROT_READ | PROT_WRITE,
	                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (verdict == MAP_FAILED)
		return mj_error_sys(err, errno, "cannot map memory to make the filter");
	pid_t pid = fork();
	if (pid == 0)
		builder(export_program, ctx, fd, verdict);
	int rc = -1;
	if (pid < 0)
		mj_error_sys(err, errno, "cannot create the process that makes the filter");
	else if (await(pid, err, &status) == 0)
		rc = explain(verdict, status, err);
	munmap(verdict, sizeof(*verdict));
	return rc;
}

/* seccomp_export_bpf_mem came with 2.6 only; a memfd does as well, and reaches across processes. */
int
mj_filter_apart(mj_filter_export *export_program, const void *ctx, struct mj_filter *ret,
                struct mj_error *err)
{
	MJ_AUTO_FD int fd = memfd_create("modjail-filter", MFD_CLOEXEC);
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot create a memory file for the filter");
	if (export_apart(export_program, ctx, fd, err) < 0)
		return -1;
	return read_program(fd, ret, err);
}

int
mj_filter_build(const struct mj_plan *plan, struct mj_filter *ret, struct mj_error *err)
{
	struct mj_filter filter = { 0 };
	if (mj_filter_apart(export_plan, plan, &filter, err) < 0)
		return -1;
	if (mj_filter_verify(plan, &filter, err) < 0) {
		mj_filter_free(&filter);
		return -1;
	}
	*ret = filter;
	return 0;
}

void
mj_filter_free(struct mj_filter *filter)
{
	free(filter->insns);
	*filter = (struct mj_filter){ 0 };
}
