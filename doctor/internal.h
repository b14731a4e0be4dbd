/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of doctor/ share. */
#ifndef MJ_DOCTOR_INTERNAL_H
#define MJ_DOCTOR_INTERNAL_H

#include <linux/seccomp.h>

#include "doctor/doctor.h"

/* Newer than the headers of Debian 12. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

/** Runs in a child of its own; fills what mj_doctor_examine has not. */
typedef void probe_fn(struct mj_examined *ret);

/** Each sets one text of a finding, cut off at its end. */
void dr_seen(struct mj_examined *ret, const char *fmt, ...) MJ_PRINTF(2, 3);
void dr_follows(struct mj_examined *ret, const char *fmt, ...) MJ_PRINTF(2, 3);
void dr_remedy(struct mj_examined *ret, const char *fmt, ...) MJ_PRINTF(2, 3);
/** Seen: "what: strerror(errnum)". */
void dr_failed(struct mj_examined *ret, int errnum, const char *what);

/** Whether the process has a capability (CAP_SYS_ADMIN, ...) in its effective set. */
bool dr_has_capability(int capability);

/** A number in a file of /proc/sys; false if it cannot be read, errno set. */
bool dr_read_number(const char *path, long *ret);
/** The beginning of a file as text; its length, or -1 and errno. */
ssize_t dr_read_text(const char *path, char *buf, size_t size);
/** A field of a text such as /proc/self/status, "Seccomp:"; false if it is not there. */
bool dr_field(const char *text, const char *key, long *ret);

/* ---- a process that waits in a notification (subject.c) -------------------------------------- */

/** A child under a filter with a listener, which calls getpgid with DR_ARGUMENT and tells what came of it. */
struct dr_subject {
	pid_t pid;
	bool ended;
	int listener;
	struct seccomp_notif request; /**< received, not answered yet */
	struct dr_shared *shared;
};

#define DR_ARGUMENT UINT64_C(0x6d6f646a61696c) /* of the notified call */
#define DR_SECRET UINT64_C(0x0123456789abcdef) /* in the subject's memory */

/** Installs a filter of one notified call in this process: the listener, or -1 and errno. flags: besides
 * NEW_LISTENER. */
int dr_install_listener(unsigned long flags);

/** Starts one, waits until it is notified, calls probe, and ends it. If there is none to be had, that is the finding. */
void dr_with_subject(struct mj_examined *ret,
                     void (*probe)(struct dr_subject *, struct mj_examined *));
/** Answers: error 0 and SECCOMP_USER_NOTIF_FLAG_CONTINUE, or a negative errno. -1 and errno. */
int dr_subject_answer(const struct dr_subject *subject, int error, uint32_t flags);
/** Waits until it has ended; what its call returned, errno negative; INT64_MIN if it ended without. */
int64_t dr_subject_result(struct dr_subject *subject);
/** Where DR_SECRET lies in it. */
uint64_t dr_subject_secret(const struct dr_subject *subject);

/* ---- the probes ------------------------------------------------------------------------------ */

/* kernel.c */
probe_fn dr_kernel, dr_filter, dr_no_new_privs, dr_notification, dr_listener, dr_continue,
	dr_refuse, dr_killable, dr_sync, dr_addfd;
/* access.c */
probe_fn dr_proc_syscall, dr_proc_mem, dr_proc_files, dr_vm_readv, dr_pidfd_open, dr_pidfd_getfd,
	dr_start;
/* surroundings.c */
probe_fn dr_proc, dr_yama, dr_capabilities, dr_namespaces, dr_container, dr_landlock, dr_memfd,
	dr_userns, dr_nofile, dr_godebug, dr_go;

#endif
