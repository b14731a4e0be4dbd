/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The notification loop: receive, find out who and where, decide, reply, record.
 *
 * Races, and why they are none:
 * - The caller dies, or its call is interrupted, at any point: its notification's id, which is
 *   never used again, becomes invalid, and SEND fails with ENOENT. Whatever was read meanwhile, from a
 *   thread that took over the number, decides nothing.
 * - CONTINUE makes the kernel read the call's memory again. Nothing here decides on memory behind
 *   a pointer (but for ownact.c, which says why it may): registers cannot change while the thread
 *   waits, and its stack only by unsafe code of its own process (SECURITY.md).
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define JOIN_SECONDS 5
#define RETURN_NS 2000000 /* what the notifier may take to see that nobody is left */

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

static bool
still_valid(const struct supervisor *sup, uint64_t id)
{
	return ioctl(sup->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* Calls by which a process can come to have children that it did not make, or to hide whose they
 * are. From then on parents are not trusted any more (process.c, inherit). */
static bool
bends_lineage(const struct mj_call *call)
{
	switch (call->nr) {
	case SYS_prctl:
		return (uint32_t)call->args[0] == PR_SET_CHILD_SUBREAPER;
	case SYS_clone:
		return (call->args[0] & (CLONE_PARENT | CLONE_NEWPID)) != 0;
	case SYS_clone3:
	case SYS_unshare:
	case SYS_setns:
		return true;
	default:
		return false;
	}
}

static bool
is_exec(const struct mj_call *call)
{
	return call->nr == SYS_execve || call->nr == SYS_execveat;
}

static void
deny(struct sup_verdict *v, const struct mj_call *call, const char *why)
{
	memset(v, 0, sizeof(*v));
	v->need = mj_call_need(call);
	v->subject = MJ_SUBJECT_STD;
	v->capability = mj_grant_lacks(NULL, v->need);
	v->reason = MJ_REASON_UNREADABLE;
	v->detail = why;
}

/* The short way, for calls that are allowed, which most are: of a thread that is known, and whose SP can be told
 * from its memory. False: no verdict. */
static bool
judge_predicted(struct supervisor *sup, const struct seccomp_notif *req, const struct mj_call *call,
                struct sup_verdict *v, struct sup_process **ret_process)
{
	struct sup_where where;
	struct sup_thread *thread = sup_thread_find(sup, (pid_t)req->pid);
	mj_walk_forget(&sup->stack); /* of the call before */
	if (!thread ||
	    !sup_predict(sup, thread, call, req->data.instruction_pointer, &where, ret_process))
		return false;
	sup_decide(sup, *ret_process, thread, call, &where, v);
	mj_walk_forget(&sup->stack);
	if (!v->allow || v->logged)
		return false;
	if (sup->stats) {
		sup->stats->thread_hits++;
		sup->stats->thread_predicted++;
	}
	return true;
}

/* Who makes the call, and may it? *ret_process may stay NULL. */
static void
judge(struct supervisor *sup, const struct seccomp_notif *req, const struct mj_call *call,
      struct sup_verdict *v, struct sup_process **ret_process)
{
	const char *why = "modjail is out of memory";
	struct sup_where where;
	pid_t tid = (pid_t)req->pid;
	*ret_process = NULL;
	if (tid <= 0) {
		deny(v, call, "the thread is in a PID namespace that modjail cannot see");
		return;
	}
	if (judge_predicted(sup, req, call, v, ret_process))
		return;
	*ret_process = NULL;
	struct sup_thread *thread = sup_thread_get(sup, tid, &where, &why);
	if (!thread) {
		deny(v, call, why);
		return;
	}
	if (where.nr != call->nr || where.pc != req->data.instruction_pointer) {
		deny(v, call, "the thread is not where its call says it is");
		return;
	}
	struct sup_process *process = sup_process_get(sup, thread);
	if (!process) {
		deny(v, call, "the process has ended, or modjail is out of memory");
		return;
	}
	*ret_process = process;
	sup_decide(sup, process, thread, call, &where, v);
}

/* Descriptors are kept to be fast. If there are none left for what is needed now, they are given back, and
 * the call is judged once more. */
static void
judge_with_fds(struct supervisor *sup, const struct seccomp_notif *req, const struct mj_call *call,
               struct sup_verdict *v, struct sup_process **ret_process)
{
	judge(sup, req, call, v, ret_process);
	if (!sup->out_of_fds)
		return;
	sup_reclaim(sup);
	judge(sup, req, call, v, ret_process);
	sup->out_of_fds = false;
}

/* What an allowed call changes in the records, once the caller has its answer: before its next one. */
static void
note_allowed(struct supervisor *sup, const struct seccomp_notif *req, const struct mj_call *call,
             struct sup_process *process, const struct sup_verdict *v)
{
	if (bends_lineage(call))
		sup->lineage_exact = false;
	if (process && !v->stub && is_exec(call)) {
		sup_executors_exec(sup, process, v);
		sup_process_exec(process, (pid_t)req->pid, v->stack_grant);
	}
}

/* What a process executes just before its execve is answered. As long as the caller waits, no other thread has
 * executed anything either: that would have killed the caller first (fs/exec.c, de_thread). */
static bool
remember(struct supervisor *sup, const struct seccomp_notif *req, struct sup_process *process)
{
	struct sup_identity identity;
	if (process->kind == SUP_STUB || process->kind == SUP_UNKNOWN)
		return true;
	if (!sup_process_identity(sup, process, &identity))
		return false;
	if (still_valid(sup, req->id))
		process->identity = identity;
	return true;
}

/* False: the caller has gone, or its call was interrupted and comes again (ENOENT). */
static bool
reply(struct supervisor *sup, struct seccomp_notif_resp *resp)
{
	if (ioctl(sup->listener, SECCOMP_IOCTL_NOTIF_SEND, resp) == 0)
		return true;
	if (sup->stats)
		sup->stats->gone++;
	return false;
}

/* What is done about a refusal, or a call that is only logged: the command line's word, else that of the rule
 * that refuses. */
static enum mj_action
action_of(const struct supervisor *sup, const struct sup_process *process,
          const struct sup_verdict *v, int *ret_errnum)
{
	const struct mj_policy *policy = sup->args->policy;
	if (process && process->image && process->image->policy)
		policy = process->image->policy;
	enum mj_action action = mj_policy_action(policy, v->rule, ret_errnum);
	if (v->logged)
		return MJ_ACTION_LOG;
	return sup->args->on_deny != MJ_ACTION_DEFAULT ? sup->args->on_deny : action;
}

static void
let_through(struct seccomp_notif_resp *resp)
{
	resp->error = 0;
	resp->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
}

/* Makes the answer to a refusal; what the caller gets. */
static int
punish(struct supervisor *sup, const struct seccomp_notif *req, const struct sup_process *process,
       enum mj_action action, int errnum, struct seccomp_notif_resp *resp)
{
	switch (action) {
	case MJ_ACTION_LOG:
		let_through(resp);
		return 0;
	case MJ_ACTION_KILL:
		/* A waiting thread keeps its process's number from being used again. */
		if (process && still_valid(sup, req->id))
			kill(process->tgid, SIGKILL);
		break;
	case MJ_ACTION_DEFAULT:
	case MJ_ACTION_ERRNO:
	default:
		break;
	}
	resp->error = -errnum;
	return errnum;
}

/* The answer goes out before the record: a terminal or a pipe that nobody reads must not hold up the
 * program. A caller that went away while it was read was refused nothing, and is not reported. */
static void
handle(struct supervisor *sup, const struct seccomp_notif *req)
{
	struct seccomp_notif_resp resp = { .id = req->id, .error = -EPERM };
	struct mj_call call = { .nr = req->data.nr };
	struct sup_process *process;
	struct sup_verdict v;
	enum mj_action action = MJ_ACTION_DEFAULT;
	int errnum = 0;
	memcpy(call.args, req->data.args, sizeof(call.args));
	if (sup_packed_is_question(&call)) {
		resp.error = -EINVAL; /* as the kernel answers */
		if (!sup_packed_hand_over(sup, req))
			reply(sup, &resp);
		return;
	}
	judge_with_fds(sup, req, &call, &v, &process);
	if (process && is_exec(&call) && !remember(sup, req, process) && v.allow)
		deny(&v, &call, "modjail may not read its memory");
	if (v.allow && !v.logged) {
		let_through(&resp);
	} else {
		action = action_of(sup, process, &v, &errnum);
		errnum = punish(sup, req, process, action, errnum, &resp);
	}
	if (resp.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		sup_packed_readlink(sup, req, &call, process, &resp);
	if (!reply(sup, &resp) && action != MJ_ACTION_KILL)
		return;
	if (resp.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		note_allowed(sup, req, &call, process, &v);
	if (action != MJ_ACTION_DEFAULT)
		sup_report(sup, req, &call, process, &v, action, errnum);
	if (!v.stub)
		sup_stats_call(sup->stats, call.nr, v.allow);
}

static uint64_t
now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* RECV has no timeout and, before 6.11, does not return when the last user of the filter ends: the
 * main thread sees POLLHUP then and cancels this one. Nothing is held while RECV waits. */
static int
receive(int listener, struct seccomp_notif *req)
{
	int old;
	memset(req, 0, sizeof(*req)); /* the kernel insists (seccomp_unotify(2)) */
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	int rc = ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, req);
	int errnum = errno;
	/* The type, too: a cancellation that was on its way when RECV returned looks at nothing else (glibc 2.36,
	 * nptl/pthread_cancel.c, sigcancel_handler), and would end this thread with malloc's locks. */
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	errno = errnum;
	return rc;
}

static bool
nobody_left(int listener)
{
	struct pollfd pfd = { .fd = listener };
	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP);
}

bool
sup_notify_end(pthread_t notifier, bool empty)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	/* Since 6.11 RECV returns when nobody is left. */
	struct timespec soon = { until.tv_sec + (until.tv_nsec + RETURN_NS) / 1000000000,
		                 (until.tv_nsec + RETURN_NS) % 1000000000 };
	if (empty && pthread_timedjoin_np(notifier, NULL, &soon) == 0)
		return true;
	until.tv_sec += JOIN_SECONDS;
	pthread_cancel(notifier); /* no effect on a thread that has returned */
	return pthread_timedjoin_np(notifier, NULL, &until) == 0;
}

void *
sup_notify_loop(void *arg)
{
	struct supervisor *sup = arg;
	struct seccomp_notif req;
	int old;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	/* Since 6.6: the reply runs the caller on this CPU at once. Without it, slower but right. */
	(void)ioctl(sup->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
	            SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	for (;;) {
		if (receive(sup->listener, &req) < 0) {
			if (errno == ENOENT && nobody_left(sup->listener))
				return NULL;
			if (errno == ENOENT || errno == EINTR)
				continue;
			sup_notice(sup, MJ_NOTICE_ERROR,
			           "cannot receive notifications: %s; the program is killed",
			           strerror(errno));
			kill(sup->child, SIGKILL);
			return NULL;
		}
		if (sup->stats) {
			uint64_t start = now();
			handle(sup, &req);
			sup_stats_latency(sup->stats, now() - start);
		} else {
			handle(sup, &req);
		}
	}
}
