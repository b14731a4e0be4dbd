/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preload: all code that runs in the jailed process before its program does. It turns a filter
 * plan into BPF (in the supervisor, with libseccomp), starts the program under it and hands the
 * listener over without any call that could itself be notified.
 */
#ifndef MJ_PRELOAD_H
#define MJ_PRELOAD_H

#include <linux/filter.h>
#include <signal.h>

#include "common/common.h"
#include "policy/policy.h"
#include "preload/godebug.h" /* GODEBUG of the program */
#include "preload/install.h" /* the filter's system calls */
#include "preload/wire.h"    /* messages of libmodjail_preload.so */

/** A finished BPF program, ready for seccomp(2). */
struct mj_filter {
	struct sock_filter *insns;
	size_t count;
};

/** Writes a filter program, as seccomp_export_bpf does, to fd. 0, or -1 and *err. */
typedef int mj_filter_export(const void *ctx, int fd, struct mj_error *err);
/** Runs what asks libseccomp for a program in a process of its own, which is waited for, and reads the program: out of
 * memory, libseccomp 2.5.4 frees twice or follows NULL, or leaves rules out and reports success. Free with
 * mj_filter_free. */
int mj_filter_apart(mj_filter_export *export_program, const void *ctx, struct mj_filter *ret,
                    struct mj_error *err);
/** Builds the program of a plan: rules as given, everything else USER_NOTIF, foreign
 * architectures KILL_PROCESS (unless plan->allow_all). libseccomp does it in a process of its own, which
 * is waited for, and the result is verified. Free with mj_filter_free. */
int mj_filter_build(const struct mj_plan *plan, struct mj_filter *ret, struct mj_error *err);
/** Runs the program over the calls at which the plan's rules begin and end, and over all numbers up to 1023 without
 * one. 0 if it says of each what the plan says; else -1 and MJ_ERR_FORMAT. */
int mj_filter_verify(const struct mj_plan *plan, const struct mj_filter *filter,
                     struct mj_error *err);
void mj_filter_free(struct mj_filter *filter);

#define MJ_PID_TEXT 12 /**< bytes of a process number in digits, with a NUL */

/** How to start the program. All pointers are borrowed until mj_spawn returns. */
struct mj_spawn_args {
	const char *path; /**< the file to execute; no PATH search */
	char *const *argv;
	char *const *envp;
	const struct mj_filter *filter;
	const sigset_t *sigmask;    /**< the mask that the program starts with */
	const sigset_t *sigignored; /**< signals that the program starts with ignored */
	bool no_new_privs;          /**< required unless CAP_SYS_ADMIN is held (seccomp(2)) */
	bool have_nofile;           /**< restore RLIMIT_NOFILE to the soft limit below */
	uint64_t nofile_soft;
	bool by_fd; /**< execute the open file fd instead; path is for messages */
	int fd;
	/** Where the program's number is written as it executes, MJ_PID_TEXT bytes each: in strings of envp. In the
	 * child's own copy of this memory. */
	char *const *pid_slots;
	size_t npid_slots;
};

/** A program that waits in its execve, or runs. */
struct mj_spawned {
	pid_t pid;
	int listener;  /**< owned by the caller, O_CLOEXEC; the jailed side holds no copy */
	bool killable; /**< the kernel took WAIT_KILLABLE_RECV (5.19) */
	void *shared;  /**< private: the page shared with the child until mj_spawn_finish */
};

/**
 * Starts the program: clone(CLONE_FILES), PDEATHSIG, no_new_privs, filter with NEW_LISTENER, and
 * execve as the only call after it. Returns as soon as the listener is there; the execve is usually
 * still waiting in a notification by then, which the caller must answer with CONTINUE.
 */
int mj_spawn(const struct mj_spawn_args *args, struct mj_spawned *ret, struct mj_error *err);

/** 0, or the errno with which the child's execve failed (valid once the child has exited). */
int mj_spawn_exec_errno(const struct mj_spawned *spawned);
void mj_spawn_finish(struct mj_spawned *spawned); /**< unmaps; does not close the listener */

#endif
