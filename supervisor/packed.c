/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is special about the jail of a packed program (struct mj_run_packed). Nothing here allows a call that would be
 * refused otherwise:
 * - readlink is decided on as ever. If it goes through, and asks for the program's own /proc/self/exe, the
 *   answer comes from here instead of from the kernel. Another thread that changes the path meanwhile learns what
 *   the kernel says: the name of a memory file, which leads nowhere.
 * - MJ_ASK_PROGRAM gives a process that has executed the packed file, so that modjail's own code runs in it, a
 *   descriptor of the program, which the packed file contains anyway. Executing it is an execveat like any other.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SELF "/proc/self/exe"

#ifndef SYS_readlink /* not on every machine */
#define SYS_readlink SYS_readlinkat
#endif

/* The calls that the supervisor has to see; in no program are there many of them. */
static bool
is_special(int nr)
{
	return nr == SYS_readlink || nr == SYS_readlinkat || nr == SYS_seccomp;
}

void
sup_packed_notify(struct mj_grant *everyone)
{
	struct mj_table_entry entry;
	struct mj_grant without = { 0 }; /* no capability, which would stand for all of its calls */
	for (size_t i = 0; mj_table_entry(i, &entry); i++) {
		unsigned bit = entry.need.row - 1;
		if (bit < MJ_ROWS_MAX && !is_special(entry.nr) &&
		    mj_grant_allows(everyone, entry.need))
			without.rows[bit / 64] |= UINT64_C(1) << (bit % 64);
	}
	*everyone = without;
}

bool
sup_packed_is_free(const struct supervisor *sup, const struct mj_call *call, struct mj_need need)
{
	return sup->args->packed && is_special(call->nr) && mj_grant_allows(&sup->everyone, need);
}

static bool
is_file(const struct mj_image_id *id, int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && id->dev == st.st_dev && id->ino == st.st_ino;
}

bool
sup_packed_is_program(const struct supervisor *sup, const struct stat *st)
{
	struct mj_image_id id = { .dev = st->st_dev, .ino = st->st_ino };
	return sup->args->packed && is_file(&id, sup->args->packed->program);
}

/* ---- the program, for who executed the packed file ------------------------------------------ */

bool
sup_packed_is_question(const struct mj_call *call)
{
	return call->nr == SYS_seccomp && (uint32_t)call->args[0] == MJ_ASK_PROGRAM;
}

static bool
runs_packed_file(struct supervisor *sup, pid_t tid)
{
	const char *why;
	struct sup_where where;
	if (!sup->args->packed || tid <= 0)
		return false;
	struct sup_thread *thread = sup_thread_get(sup, tid, &where, &why);
	struct sup_process *process = thread ? sup_process_get(sup, thread) : NULL;
	return process && process->kind == SUP_CEILING && !process->forked && process->image &&
	       is_file(&process->image->id, sup->args->packed->self);
}

bool
sup_packed_hand_over(struct supervisor *sup, const struct seccomp_notif *req)
{
	bool runs = runs_packed_file(sup, (pid_t)req->pid);
	if (!runs && sup->out_of_fds) {
		sup_reclaim(sup);
		runs = runs_packed_file(sup, (pid_t)req->pid);
		sup->out_of_fds = false;
	}
	if (!runs)
		return false;
	/* With the id, so that nobody else can get it (seccomp_unotify(2)); answers the call as well. */
	struct seccomp_notif_addfd addfd = { .id = req->id,
		                             .flags = SECCOMP_ADDFD_FLAG_SEND,
		                             .srcfd = (__u32)sup->args->packed->program,
		                             .newfd_flags = O_CLOEXEC };
	return ioctl(sup->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) >= 0;
}

/* ---- /proc/self/exe ------------------------------------------------------------------------- */

struct link {
	uint64_t path, buf;
	int32_t size;
};

static bool
is_readlink(const struct mj_call *call, struct link *ret)
{
	if (call->nr != SYS_readlink && call->nr != SYS_readlinkat)
		return false;
	const uint64_t *args = call->nr == SYS_readlinkat ? call->args + 1 : call->args;
	*ret = (struct link){ args[0], args[1], (int32_t)args[2] };
	return ret->size > 0;
}

/* "/proc/self/exe", or the same by the process's number. */
static bool
names_itself(const struct sup_process *process, uint64_t path)
{
	char asked[64], own[64];
	ssize_t n =
		path <= INT64_MAX ? pread(process->mem_fd, asked, sizeof(asked), (off_t)path) : -1;
	if (n <= 0 || !memchr(asked, '\0', (size_t)n))
		return false;
	snprintf(own, sizeof(own), "/proc/%d/exe", process->tgid);
	return strcmp(asked, SELF) == 0 || strcmp(asked, own) == 0 ||
	       strcmp(asked, "/proc/thread-self/exe") == 0;
}

void
sup_packed_readlink(struct supervisor *sup, const struct seccomp_notif *req,
                    const struct mj_call *call, const struct sup_process *process,
                    struct seccomp_notif_resp *resp)
{
	char path[PATH_MAX];
	struct link link;
	if (!sup->args->packed || !process || process->mem_fd < 0 || !process->image ||
	    !is_readlink(call, &link) ||
	    !is_file(&process->image->id, sup->args->packed->program) ||
	    !names_itself(process, link.path))
		return;
	/* modjail itself runs the packed file. Asked for each time: the file may be moved. */
	ssize_t len = readlink(SELF, path, sizeof(path));
	if (len <= 0)
		return;
	if (len > link.size)
		len = link.size;
	struct iovec from = { path, (size_t)len };
	struct iovec to = { (void *)(uintptr_t)link.buf, (size_t)len };
	/* The thread waits, so that its number cannot belong to anybody else, unless it was killed since: for that, all
	 * numbers would have to be used up between this line and the next. */
	if (ioctl(sup->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &req->id) < 0)
		return;
	ssize_t n = process_vm_writev((pid_t)req->pid, &from, 1, &to, 1, 0);
	resp->flags = 0;
	resp->error = n == len ? 0 : -EFAULT;
	resp->val = n == len ? len : 0;
}
