/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that put a process under a filter. Async-signal-safe; part of libmodjail_preload.so, too. */
#ifndef MJ_INSTALL_H
#define MJ_INSTALL_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * Installs a filter for the calling thread with NEW_LISTENER, and WAIT_KILLABLE_RECV (Linux 5.19) where the kernel
 * takes it. Returns the listener, which is O_CLOEXEC (kernel/seccomp.c, init_listener), or -1 and errno.
 */
int mj_filter_install(struct sock_filter *insns, size_t count, bool *ret_killable);

/** What an errno of mj_filter_install means, if it has a special meaning; else NULL. Static. */
const char *mj_filter_install_why(int errnum);

/** Whether CAP_SYS_ADMIN is in force, which makes no_new_privs unnecessary (seccomp(2)): programs may then
 * execute set-user-ID ones as they do without modjail. */
bool mj_has_sys_admin(void);

#endif
