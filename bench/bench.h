/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench: what the two programs that modjail is measured against have in common. They use none of
 * modjail's code, so that a mistake there cannot hide in the yardstick.
 */
#ifndef MJ_BENCH_H
#define MJ_BENCH_H

#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

/** The call that programs/calls makes: cheap (EBADF at once), and not in modjail's base set. */
#define BENCH_NR SYS_inotify_add_watch

/** A child with the filter installed that waits for bench_release before it executes. */
struct bench_child {
	pid_t pid;
	int listener; /**< number in the child's table, if the action is USER_NOTIF */
	int sock;
};

/** Forks, installs a filter that answers BENCH_NR with action and allows the rest. Dies if it
 * cannot. */
struct bench_child bench_start(uint32_t action, unsigned flags, char *const *argv);

/** Lets the child execute its program. */
void bench_release(struct bench_child *child);

/** Ends this process the way status (from waitpid) says that the program ended. */
_Noreturn void bench_exit_as(int status);

/** Prints what and strerror(errno); exits with 125. */
_Noreturn void bench_die(const char *what);

#endif
