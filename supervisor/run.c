/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run: filter, program, the thread that answers notifications, and the main loop, which passes
 * signals on, follows job control, and waits until the program and everything it started has ended.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SWEEP_THREADS_MIN 64

struct run {
	struct supervisor sup;
	struct mj_filter filter;
	struct mj_spawned spawned;
	struct sup_sentinel sentinel;
	struct sup_environ environment;
	struct sup_inherited inherited;
	sigset_t old_mask, ignored;
	struct rlimit old_nofile;
	bool nofile_raised;
	int signal_fd;
	int null_fd;  /* opened while that is allowed; see release_stdio */
	int stub_mem; /* the child's memory before it executes; ends when it does */
	pthread_t notifier;
	bool program_ended, jail_empty, told_to_end;
	struct timespec looked;
	bool lost; /* the notifier hangs in a read that nothing ends */
	int wait_status;
};

/* ---- getting ready -------------------------------------------------------------------------- */

static void
take_signals(struct run *run)
{
	sigset_t all;
	sigemptyset(&run->ignored);
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		struct sigaction sa;
		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			sigaddset(&run->ignored, sig);
	}
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &run->old_mask);
	/* An ignored SIGCHLD would make the kernel reap the program behind our back. A signal that is
	 * ignored is not queued even while it is blocked, so none stays ignored here. */
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		if (sigismember(&run->ignored, sig) == 1)
			sigaction(sig, &dfl, NULL);
}

/* A descriptor is kept for every thread that was notified. The program gets its own limit back. */
static void
raise_nofile(struct run *run)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &run->old_nofile) < 0)
		return;
	limit = run->old_nofile;
	limit.rlim_cur = limit.rlim_max;
	run->nofile_raised = setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int
sup_make_filter(struct supervisor *sup, struct mj_filter *ret, struct mj_error *err)
{
	const struct mj_run_args *args = sup->args;
	struct mj_plan plan = { .allow_all = true };
	if (args->policy) {
		/* One filter for all that is executed. */
		struct mj_grant everyone = *mj_policy_everyone(args->policy);
		for (size_t i = 0; i < args->nprograms; i++)
			everyone = mj_grant_intersect(
				everyone, *mj_policy_everyone(args->programs[i].policy));
		sup->everyone = everyone;
		if (args->packed)
			sup_packed_notify(&everyone);
		if (mj_plan_make(&everyone, &plan, err) < 0)
			return -1;
	}
	int rc = mj_filter_build(&plan, ret, err);
	mj_plan_free(&plan);
	return rc;
}

/* Nothing of the program has run: its execve still waits for an answer. */
static int
give_up_child(struct run *run)
{
	kill(run->spawned.pid, SIGKILL);
	waitpid(run->spawned.pid, NULL, 0);
	return -1;
}

static int
start_program(struct run *run, struct mj_error *err)
{
	const struct mj_run_args *args = run->sup.args;
	if (sup_environ_make(args->envp, args->policy ? args->ancestors : 0, &run->environment) < 0)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	struct mj_spawn_args spawn = {
		.path = args->path,
		.by_fd = args->packed,
		.fd = args->packed ? args->packed->program : -1,
		.argv = args->argv,
		.envp = run->environment.envp,
		.pid_slots = run->environment.pid_slots,
		.npid_slots = run->environment.npids,
		.filter = &run->filter,
		.sigmask = &run->old_mask,
		.sigignored = &run->ignored,
		.no_new_privs = !mj_has_sys_admin(),
		.have_nofile = run->nofile_raised,
		.nofile_soft = run->old_nofile.rlim_cur,
	};
	if (mj_spawn(&spawn, &run->spawned, err) < 0)
		return -1;
	run->sup.listener = run->spawned.listener;
	run->sup.child = run->spawned.pid;
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/mem", run->spawned.pid);
	run->stub_mem = open(path, O_RDONLY | O_CLOEXEC);
	if (args->policy && sup_check_child(run->spawned.pid, err) < 0)
		return give_up_child(run);
	if (!run->spawned.killable && args->policy)
		sup_notice(&run->sup, MJ_NOTICE_WARNING,
		           "this kernel lacks SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19): "
		           "signals can interrupt and repeat notified calls, and the program is "
		           "slower");
	return 0;
}

/* Confined before anything that the program wrote is read, which the notifier is the first to do. */
static int
start_notifier(struct run *run, struct mj_error *err)
{
	const struct sup_confinement confinement = {
		.program = run->spawned.pid,
		.reopens_log = run->sup.args->reopens_log,
		.writes_files = run->sup.args->writes_files,
		.packed = run->sup.args->packed != NULL,
	};
	if (sup_confine(&confinement, err) < 0)
		return -1;
	int rc = pthread_create(&run->notifier, NULL, sup_notify_loop, &run->sup);
	return rc == 0 ? 0 : mj_error_sys(err, rc, "cannot create a thread");
}

static int
prepare(struct run *run, struct mj_error *err)
{
	if (sup_check_place(err) < 0)
		return -1;
	if (sup_inherited_find(&run->inherited) < 0)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	take_signals(run);
	raise_nofile(run);
	if (sup_make_filter(&run->sup, &run->filter, err) < 0)
		return -1;
	sigset_t all;
	sigfillset(&all);
	run->signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return mj_error_sys(err, errno, "cannot create a signalfd");
	run->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (sup_sentinel_start(run->sup.args, &run->sentinel, err) < 0 ||
	    start_program(run, err) < 0)
		return -1;
	if (start_notifier(run, err) < 0)
		return give_up_child(run);
	return 0;
}

/* ---- the main loop -------------------------------------------------------------------------- */

/* The child shares our table of descriptors until its execve, so they are left alone until then: its
 * memory from before ends there. */
static bool
has_executed(struct run *run)
{
	char byte;
	if (run->stub_mem < 0)
		return false;
	return pread(run->stub_mem, &byte, 1, (off_t)(uintptr_t)run->sup.args->path) <= 0;
}

static void
release_stdio(struct run *run)
{
	mj_close(run->stub_mem);
	run->stub_mem = -1;
	if (!run->sup.args->release_stdio)
		return;
	sup_inherited_close(&run->inherited);
	if (run->null_fd < 0)
		return;
	for (int fd = 0; fd <= 1; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			dup3(run->null_fd, fd, O_CLOEXEC);
}

static void
reap(struct run *run)
{
	siginfo_t info = { 0 };
	int flags = WEXITED | WSTOPPED | WNOHANG;
	while (!run->program_ended && waitid(P_PID, (id_t)run->spawned.pid, &info, flags) == 0 &&
	       info.si_pid) {
		if (info.si_code == CLD_STOPPED) {
			sup_stop_self(info.si_status);
		} else if (info.si_code == CLD_EXITED) {
			run->wait_status = (info.si_status & 0xff) << 8;
			run->program_ended = true;
		} else {
			run->wait_status = info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
			run->program_ended = true;
		}
		info.si_pid = 0;
	}
}

/* Not what whoever started modjail has ignored, as nohup does. */
static bool
ends_us(const struct run *run, int sig)
{
	return (sig == SIGINT || sig == SIGTERM || sig == SIGHUP || sig == SIGQUIT) &&
	       sigismember(&run->ignored, sig) != 1;
}

static void
read_signals(struct run *run)
{
	struct signalfd_siginfo info;
	while (read(run->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(run);
		if (info.ssi_signo == SIGCHLD && info.ssi_code > 0)
			continue; /* a child's; one that somebody sent is the program's */
		if (!run->program_ended)
			sup_signal_forward(&run->sentinel, run->spawned.pid, &info);
		else if (ends_us(run, (int)info.ssi_signo))
			run->told_to_end = true;
	}
}

/* The next look at the other thread is due; meanwhile, whether the program executes. Without a policy nobody is
 * notified, and there is nothing to look at. */
static int
time_to_wait(const struct run *run, bool executed, unsigned round)
{
	if (!executed)
		return round < 20 ? 1 : 50;
	return run->sup.args->policy ? SUP_WATCH_MS : -1;
}

static bool
is_look_due(struct run *run)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t passed = (int64_t)(now.tv_sec - run->looked.tv_sec) * 1000 +
	                 (now.tv_nsec - run->looked.tv_nsec) / 1000000;
	if (passed < SUP_WATCH_MS)
		return false;
	run->looked = now;
	return true;
}

/* Ends with the last process of the jail, not with the first; or when told to, after the program. */
static void
supervise(struct run *run)
{
	bool executed = false;
	unsigned rounds = 0;
	while (!run->jail_empty && !run->told_to_end && !run->lost &&
	       !(run->program_ended && run->sup.args->no_wait)) {
		struct pollfd fds[] = {
			{ .fd = run->signal_fd, .events = POLLIN },
			{ .fd = run->sup.listener }, /* POLLHUP only */
		};
		int timeout = time_to_wait(run, executed, rounds++);
		int n = poll(fds, MJ_ARRAY_LEN(fds), timeout);
		if (n < 0 && errno != EINTR)
			break;
		if (is_look_due(run))
			run->lost = !sup_watch_look(&run->sup);
		if (fds[0].revents)
			read_signals(run);
		if (fds[1].revents & (POLLHUP | POLLERR | POLLNVAL))
			run->jail_empty = true;
		if (!executed && (run->program_ended || has_executed(run))) {
			executed = true;
			release_stdio(run);
		}
	}
}

static void
await_program(struct run *run)
{
	siginfo_t info = { 0 };
	while (!run->program_ended) {
		/* The jail is empty, so the program has ended; only its status is missing. */
		if (waitid(P_PID, (id_t)run->spawned.pid, &info, WEXITED | WNOWAIT) < 0 &&
		    errno != EINTR)
			break;
		reap(run);
	}
}

static void
end_notifier(struct run *run)
{
	run->lost |= !sup_notify_end(run->notifier, run->jail_empty && !run->lost);
}

/* Before 6.11 a filter has its last user until that is reaped (kernel/exit.c, release_task). */
static void
look_for_others(struct run *run)
{
	struct pollfd pfd = { .fd = run->sup.listener };
	if (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP))
		run->jail_empty = true;
}

static void
say_what_is_left(struct run *run)
{
	look_for_others(run);
	if (run->lost)
		sup_notice(
			&run->sup, MJ_NOTICE_ERROR,
			"a process's memory cannot be read to this moment: modjail gives up, and "
			"kills the program");
	else if (!run->jail_empty)
		sup_notice(&run->sup, MJ_NOTICE_WARNING,
		           "%s while processes that the program started still run: "
		           "their supervised system calls fail from now on (ENOSYS)",
		           run->told_to_end ? "ended by a signal" : "--no-wait: modjail ends");
}

static void
finish(struct run *run)
{
	end_notifier(run);
	if (run->lost && !run->program_ended)
		kill(run->spawned.pid, SIGKILL);
	await_program(run);
	say_what_is_left(run);
	if (!run->lost)
		sup_report_repeats(&run->sup);
}

void
sup_fill_stats(struct supervisor *sup)
{
	struct mj_stats *stats = sup->stats;
	struct sup_image *image, *next;
	if (!stats)
		return;
	HASH_ITER (hh, sup->images, image, next) {
		if (!image->image)
			continue;
		struct mj_cache_stats cache = mj_image_cache_stats(image->image);
		stats->pc_hits += cache.hits;
		stats->pc_misses += cache.misses;
		stats->pc_entries += cache.entries;
	}
}

/* The parts that a run has without a program of its own, too (session.c). */
int
sup_init(struct supervisor *sup, const struct mj_run_args *args, struct mj_error *err)
{
	*sup = (struct supervisor){
		.args = args,
		.listener = -1,
		.lineage_exact = true,
		.sweep_threads_at = SWEEP_THREADS_MIN,
		.floor = mj_grant_all(),
		.unseen = mj_grant_all(),
	};
	pthread_mutex_init(&sup->report_lock, NULL);
	mj_stack_init(&sup->stack);
	if (args->want_stats && !(sup->stats = calloc(1, sizeof(*sup->stats))))
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	return 0;
}

void
sup_finish(struct supervisor *sup)
{
	sup_processes_free(sup);
	sup_threads_free(sup);
	sup_images_free(sup);
	mj_stack_finish(&sup->stack);
	mj_close(sup->listener);
	pthread_mutex_destroy(&sup->report_lock);
}

/* What came after the program's end has nobody to go to. Let through now, it would kill modjail, and with it the
 * program's status: timeout(1) sends its signal twice, to the process and to its group. */
static void
drop_signals(void)
{
	sigset_t all;
	sigfillset(&all);
	while (sigtimedwait(&all, NULL, &(struct timespec){ 0 }) > 0)
		;
}

static void
clean_up(struct run *run)
{
	sup_sentinel_stop(&run->sentinel);
	sup_finish(&run->sup);
	sup_environ_finish(&run->environment);
	sup_inherited_finish(&run->inherited);
	mj_filter_free(&run->filter);
	mj_spawn_finish(&run->spawned);
	mj_close(run->signal_fd);
	mj_close(run->null_fd);
	mj_close(run->stub_mem);
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		struct sigaction ign = { .sa_handler = SIG_IGN };
		if (sigismember(&run->ignored, sig) == 1)
			sigaction(sig, &ign, NULL);
	}
	if (run->program_ended)
		drop_signals();
	pthread_sigmask(SIG_SETMASK, &run->old_mask, NULL);
}

/* What a lost thread may still use stays, but for the listener: it answers nobody any more. */
static void
abandon(struct run *run)
{
	if (run->null_fd < 0 || dup3(run->null_fd, run->sup.listener, O_CLOEXEC) < 0)
		mj_close(run->sup.listener);
	sup_sentinel_stop(&run->sentinel);
	drop_signals();
	pthread_sigmask(SIG_SETMASK, &run->old_mask, NULL);
}

static void
make_result(struct run *run, struct mj_run_result *ret)
{
	ret->exec_errno = mj_spawn_exec_errno(&run->spawned);
	ret->exec_failed = ret->exec_errno != 0;
	ret->wait_status = run->wait_status;
	if (run->lost)
		return; /* it may be counting */
	sup_fill_stats(&run->sup);
	ret->stats = run->sup.stats;
	run->sup.stats = NULL;
}

static int
make_run(const struct mj_run_args *args, struct run **ret, struct mj_error *err)
{
	struct run *run = calloc(1, sizeof(*run));
	if (!run)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (sup_init(&run->sup, args, err) < 0) {
		sup_finish(&run->sup);
		free(run);
		return -1;
	}
	run->signal_fd = run->null_fd = run->stub_mem = run->sentinel.fd = -1;
	sigemptyset(&run->ignored);
	pthread_sigmask(SIG_SETMASK, NULL, &run->old_mask);
	*ret = run;
	return 0;
}

int
mj_run(const struct mj_run_args *args, struct mj_run_result *ret, struct mj_error *err)
{
	struct run *run = NULL;
	memset(ret, 0, sizeof(*ret));
	if (make_run(args, &run, err) < 0)
		return -1;
	int rc = prepare(run, err);
	if (rc == 0) {
		supervise(run);
		finish(run);
		make_result(run, ret);
	}
	if (run->lost) {
		abandon(run); /* and run with it: the thread has it */
		return rc;
	}
	clean_up(run);
	free(run->sup.stats);
	free(run);
	return rc;
}
