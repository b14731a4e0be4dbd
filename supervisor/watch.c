/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process can make a read of its memory wait for as long as it likes: a page that a FUSE file system or, for
 * process_vm_readv only, userfaultfd has
 * to provide comes when whoever answers for it feels like it, and no signal but a fatal one ends the wait
 * (mm/gup.c, faultin_page: FAULT_FLAG_INTERRUPTIBLE only on request, which access_remote_vm does not make). The
 * thread that answers notifications hangs meanwhile, and with it everybody in the jail: refused nothing, allowed nothing.
 *
 * So the main thread looks once a second whether that thread is still in the same read. After LIMIT of these looks the
 * process is killed, which ends the wait if it was the one who should have answered; after twice as many modjail
 * gives up. Looks are counted, not seconds, so that time in which modjail itself was stopped does not count.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#define LIMIT 10

static void
begin(struct sup_watch *watch, pid_t tgid)
{
	atomic_store_explicit(&watch->tgid, tgid, memory_order_relaxed);
	atomic_fetch_add_explicit(&watch->serial, 1, memory_order_release); /* odd: in a read */
}

static void
end(struct sup_watch *watch)
{
	atomic_fetch_add_explicit(&watch->serial, 1, memory_order_release);
}

ssize_t
sup_watch_pread(struct sup_watch *watch, pid_t tgid, int fd, void *buf, size_t len, off_t at)
{
	if (!watch)
		return pread(fd, buf, len, at);
	begin(watch, tgid);
	ssize_t n = pread(fd, buf, len, at);
	int errnum = errno;
	end(watch);
	errno = errnum;
	return n;
}

ssize_t
sup_watch_readv(struct sup_watch *watch, pid_t tgid, pid_t tid, const struct iovec *local,
                const struct iovec *remote, size_t count)
{
	begin(watch, tgid);
	ssize_t n = process_vm_readv(tid, local, count, remote, count, 0);
	int errnum = errno;
	end(watch);
	errno = errnum;
	return n;
}

bool
sup_watch_look(struct supervisor *sup)
{
	struct sup_watch *watch = &sup->watch;
	unsigned serial = atomic_load_explicit(&watch->serial, memory_order_acquire);
	pid_t tgid = atomic_load_explicit(&watch->tgid, memory_order_relaxed);
	if (serial % 2 == 0 || serial != watch->seen) {
		watch->seen = serial;
		watch->looks = 0;
		return true;
	}
	watch->looks++;
	if (watch->looks == LIMIT) {
		sup_notice(sup, MJ_NOTICE_ERROR,
		           "process %d has kept modjail waiting for its memory for %d seconds "
		           "(userfaultfd or a FUSE file that does not answer): it is killed",
		           tgid, LIMIT);
		/* It waits for the answer to a notification, or is the parent of one that does: its number is
		 * its own while the serial stands. */
		kill(tgid, SIGKILL);
	}
	return watch->looks < 2 * LIMIT;
}
