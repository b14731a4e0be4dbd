// SPDX-License-Identifier: Apache-2.0

package confc

/*
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

// As glibc keeps it while setresgid is made on all threads (nptl/nptl_setxid.c).
struct command {
	int nr;
	long id[3];
	_Atomic int count;
	int error;
};

// From a stack that looks like that of glibc's handler: above SP is what the kernel says of the signal.
static int
call(const long *id)
{
	volatile long forged[128];
	for (int i = 0; i < 128; i += 2) {
		forged[i] = 33;         // si_signo
		forged[i + 1] = 0xfffffffa; // si_code: SI_TKILL
	}
	return syscall(SYS_setresgid, id[0], id[1], id[2]) ? errno : forged[0] - 33;
}

struct follower {
	struct command *command;
	int error;
};

static void *
follow(void *arg)
{
	struct follower *follower = arg;
	usleep(20000);
	follower->error = call(follower->command->id);
	follower->command->count = 0;
	syscall(SYS_futex, &follower->command->count, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
	return 0;
}

static int
confc_pretend(int gid)
{
	struct command command = { SYS_setresgid, { 0xffffffff, gid, 0xffffffff }, 1, -1 };
	struct follower follower = { &command, -1 };
	pthread_t thread;
	if (pthread_create(&thread, 0, follow, &follower))
		return -1;
	while (command.count)
		syscall(SYS_futex, &command.count, FUTEX_WAIT_PRIVATE, 1, 0, 0, 0);
	pthread_join(thread, 0);
	return follower.error;
}

static _Atomic int stopped, made, tried;

static void *
intrude(void *arg)
{
	long id[3] = { 0xffffffff, (long)arg, 0xffffffff };
	while (!stopped) {
		tried++;
		made += call(id) == 0;
	}
	return arg;
}

static int
confc_intrude(long gid)
{
	pthread_t thread;
	return pthread_create(&thread, 0, intrude, (void *)gid);
}

static int
confc_stop(int *ret_tried)
{
	stopped = 1;
	*ret_tried = tried;
	return made;
}
*/
import "C"

import "syscall"

// Pretend sets the group of a thread that C makes, while its own thread waits just as one does for which glibc sets
// it on all threads.
func Pretend(gid int) syscall.Errno { return syscall.Errno(C.confc_pretend(C.int(gid))) }

// Intrude sets the group of a thread that C makes, again and again, until the function that it returns is called, which
// says how often it was done, and how often tried.
func Intrude(gid int) func() (int, int) {
	C.confc_intrude(C.long(gid))
	return func() (int, int) {
		var tries C.int
		made := C.confc_stop(&tries)
		return int(made), int(tries)
	}
}
