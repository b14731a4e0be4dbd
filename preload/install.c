/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/install.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

int
mj_filter_install(struct sock_filter *insns, size_t count, bool *ret_killable)
{
	struct sock_fprog prog = { .len = (unsigned short)count, .filter = insns };
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	                  flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &prog);
	*ret_killable = fd >= 0;
	if (fd < 0 && errno == EINVAL)
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	return (int)fd;
}

const char *
mj_filter_install_why(int errnum)
{
	switch (errnum) {
	case EBUSY:
		return "cannot install the seccomp filter: another supervisor (modjail, a "
		       "container "
		       "runtime) already holds a listener on this process; the kernel allows one";
	case EINVAL:
	case ENOSYS:
		return "this kernel has no seccomp user notification (Linux 5.0 or later with "
		       "CONFIG_SECCOMP_FILTER is needed; gVisor has none)";
	default:
		return NULL;
	}
}

bool
mj_has_sys_admin(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return (data[0].effective >> CAP_SYS_ADMIN) & 1;
}
