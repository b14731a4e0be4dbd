/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp: filters, listeners, and each answer to a notification. */
#include "doctor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define OUTER_PROFILE                                                                              \
	"a filter around this process (a container's seccomp profile) may refuse it: let it "      \
	"allow "                                                                                   \
	"seccomp(2), or run modjail outside"

void
dr_kernel(struct mj_examined *ret)
{
	struct utsname name;
	unsigned major = 0, minor = 0;
	if (uname(&name) < 0) {
		dr_failed(ret, errno, "uname");
		return;
	}
	dr_seen(ret, "%.32s %.64s, %.32s", name.sysname, name.release, name.machine);
	if (strcmp(name.machine, "x86_64") != 0) {
		dr_follows(ret, "modjail knows the system calls and the stacks of x86-64 only");
		return;
	}
	/* For what it says, not for what it does: what it does is examined below. */
	if (sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major < 5 || (major == 5 && minor < 9))) {
		ret->health = MJ_HEALTH_DEGRADED;
		dr_follows(ret, "Linux 5.9 is the oldest that modjail is meant for");
		dr_remedy(ret, "use Linux 5.19 or later");
		return;
	}
	ret->health = MJ_HEALTH_OK;
}

void
dr_no_new_privs(struct mj_examined *ret)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
		dr_seen(ret, "can be set");
		ret->health = MJ_HEALTH_OK;
		return;
	}
	dr_failed(ret, errno, "cannot be set");
	if (dr_has_capability(CAP_SYS_ADMIN)) {
		ret->health = MJ_HEALTH_DEGRADED;
		dr_follows(ret, "filters can be installed with CAP_SYS_ADMIN only");
	} else {
		dr_follows(ret, "without CAP_SYS_ADMIN no filter can be installed");
		dr_remedy(ret, OUTER_PROFILE);
	}
}

void
dr_filter(struct mj_examined *ret)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { .len = 1, .filter = &allow };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0) {
		dr_seen(ret, "a filter can be installed");
		ret->health = MJ_HEALTH_OK;
		return;
	}
	dr_failed(ret, errno, "no filter can be installed");
	if (errno == EINVAL || errno == ENOSYS)
		dr_remedy(ret, "use a kernel with CONFIG_SECCOMP_FILTER; or %s", OUTER_PROFILE);
	else
		dr_remedy(ret, OUTER_PROFILE);
}

void
dr_notification(struct mj_examined *ret)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;
	struct seccomp_notif_sizes sizes = { 0 };
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0) {
		dr_failed(ret, errno, "the kernel does not offer SECCOMP_RET_USER_NOTIF");
		dr_follows(ret, "there is no way to ask modjail about a call");
		dr_remedy(ret, "use Linux 5.9 or later (gVisor has no user notification); or %s",
		          OUTER_PROFILE);
		return;
	}
	if (sizes.seccomp_notif > sizeof(struct seccomp_notif) ||
	    sizes.seccomp_notif_resp > sizeof(struct seccomp_notif_resp)) {
		dr_seen(ret, "the kernel's notifications have %u bytes, those known here %zu",
		        sizes.seccomp_notif, sizeof(struct seccomp_notif));
		dr_remedy(ret, "use a modjail built with newer kernel headers");
		return;
	}
	dr_seen(ret, "offered, notifications of %u bytes", sizes.seccomp_notif);
	ret->health = MJ_HEALTH_OK;
}

/* Why there is no listener. */
static void
explain_no_listener(struct mj_examined *ret, int errnum)
{
	dr_failed(ret, errnum, "no listener");
	if (errnum == EBUSY) {
		dr_follows(
			ret,
			"another supervisor (modjail, a container runtime with a listener) holds "
			"the one that the kernel allows a process and its children");
		dr_remedy(ret,
		          "run modjail outside of that jail or container, or give the container a "
		          "seccomp profile without SCMP_ACT_NOTIFY");
	} else if (errnum == EINVAL) {
		dr_remedy(ret, "use Linux 5.9 or later (gVisor has no listeners)");
	} else {
		dr_remedy(ret, OUTER_PROFILE);
	}
}

void
dr_listener(struct mj_examined *ret)
{
	int fd = dr_install_listener(0);
	if (fd < 0) {
		explain_no_listener(ret, errno);
		return;
	}
	int flags = fcntl(fd, F_GETFD);
	if (flags < 0 || !(flags & FD_CLOEXEC)) {
		dr_seen(ret, "the listener is not close-on-exec");
		dr_follows(ret, "the jail would keep a copy of it");
		return;
	}
	dr_seen(ret, "a filter with a listener can be installed");
	ret->health = MJ_HEALTH_OK;
}

/* ---- answers ----------------------------------------------------------------------------------- */

static void
probe_continue(struct dr_subject *subject, struct mj_examined *ret)
{
	if (dr_subject_answer(subject, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE) < 0) {
		dr_failed(ret, errno, "the kernel does not take SECCOMP_USER_NOTIF_FLAG_CONTINUE");
		dr_remedy(ret, "use Linux 5.5 or later");
		return;
	}
	/* No process has this number, and the real call says so. */
	int64_t result = dr_subject_result(subject);
	if (result != -ESRCH) {
		dr_seen(ret, "the call that should have gone on returned %lld", (long long)result);
		return;
	}
	dr_seen(ret, "an allowed call is made by the kernel");
	ret->health = MJ_HEALTH_OK;
}

void
dr_continue(struct mj_examined *ret)
{
	dr_with_subject(ret, probe_continue);
}

static void
probe_refuse(struct dr_subject *subject, struct mj_examined *ret)
{
	if (ioctl(subject->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &subject->request.id) < 0) {
		dr_failed(ret, errno, "SECCOMP_IOCTL_NOTIF_ID_VALID");
		return;
	}
	if (dr_subject_answer(subject, -EXDEV, 0) < 0) {
		dr_failed(ret, errno, "SECCOMP_IOCTL_NOTIF_SEND");
		return;
	}
	int64_t result = dr_subject_result(subject);
	if (result != -EXDEV) {
		dr_seen(ret, "a call that was refused with EXDEV returned %lld", (long long)result);
		return;
	}
	dr_seen(ret, "a refused call is not made, and returns the error");
	ret->health = MJ_HEALTH_OK;
}

void
dr_refuse(struct mj_examined *ret)
{
	dr_with_subject(ret, probe_refuse);
}

void
dr_killable(struct mj_examined *ret)
{
	int fd = dr_install_listener(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	if (fd >= 0) {
		dr_seen(ret, "offered");
		ret->health = MJ_HEALTH_OK;
		return;
	}
	if (errno != EINVAL) {
		explain_no_listener(ret, errno);
		return;
	}
	ret->health = MJ_HEALTH_DEGRADED;
	dr_failed(ret, errno, "not offered");
	dr_follows(ret,
	           "signals, Go's own for preemption among them, interrupt and repeat notified "
	           "calls: slower, but still decided");
	dr_remedy(ret, "use Linux 5.19 or later");
}

void
dr_sync(struct mj_examined *ret)
{
	int fd = dr_install_listener(0);
	if (fd < 0) {
		explain_no_listener(ret, errno);
		return;
	}
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0) {
		dr_seen(ret, "offered");
		ret->health = MJ_HEALTH_OK;
		return;
	}
	ret->health = MJ_HEALTH_DEGRADED;
	dr_failed(ret, errno, "not offered");
	dr_follows(ret,
	           "a notified call takes several times as long, unless program and modjail are "
	           "pinned to one CPU (taskset)");
	dr_remedy(ret, "use Linux 6.6 or later");
}

static void
probe_addfd(struct dr_subject *subject, struct mj_examined *ret)
{
	struct seccomp_notif_addfd addfd = { .id = subject->request.id,
		                             .srcfd = (uint32_t)subject->listener,
		                             .newfd_flags = O_CLOEXEC };
	if (ioctl(subject->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) >= 0) {
		dr_seen(ret, "a descriptor can be put into a waiting process");
		ret->health = MJ_HEALTH_OK;
	} else {
		ret->health = MJ_HEALTH_DEGRADED;
		dr_failed(ret, errno, "no descriptor can be put into a waiting process");
		dr_follows(ret, "modjail can still allow and refuse calls; it cannot make one in "
		                "the caller's "
		                "place that returns a descriptor");
		dr_remedy(ret, "use Linux 5.9 or later");
	}
}

void
dr_addfd(struct mj_examined *ret)
{
	dr_with_subject(ret, probe_addfd);
}
