/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of supervisor/ that need no jail: environment, statistics, and the parsers of /proc, which
 * read this very process, whose names and mappings are as hostile as a program can make them. */
#include "supervisor/internal.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_PROCESS 0x7ffffffe /* beyond the largest pid_max */

/* ---- the environment ------------------------------------------------------------------------ */

static char *
word(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* The environment made of up to three variables, with ten ancestors. */
static struct sup_environ
make_environ(const char *a, const char *b, const char *c)
{
	static char *envp[4];
	struct sup_environ made = { 0 };
	envp[0] = word(a), envp[1] = word(b), envp[2] = word(c), envp[3] = NULL;
	ck_assert_int_eq(sup_environ_make(envp, 10, &made), 0);
	return made;
}

static void
check_godebug(const char *old, const char *wanted)
{
	struct sup_environ made = make_environ(old, NULL, NULL);
	ck_assert_str_eq(made.envp[0], wanted);
	ck_assert_ptr_null(made.envp[1]);
	sup_environ_finish(&made);
}

START_TEST(test_godebug)
{
	static const char *const same[] = {
		"GODEBUG=",
		"GODEBUG=,",
		"GODEBUG=,,,",
		"GODEBUG=tracebackancestors=0",
		"GODEBUG=tracebackancestors=1,tracebackancestors=2",
		"GODEBUG=,tracebackancestors=,",
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(same); i++)
		check_godebug(same[i], "GODEBUG=tracebackancestors=10");
	check_godebug("GODEBUG=http2client=0", "GODEBUG=http2client=0,tracebackancestors=10");
	check_godebug("GODEBUG=a=1,,b=2,", "GODEBUG=a=1,b=2,tracebackancestors=10");
	check_godebug("GODEBUG=a=1,tracebackancestors=3,b=2",
	              "GODEBUG=a=1,b=2,tracebackancestors=10");
	check_godebug("GODEBUG=xtracebackancestors=3",
	              "GODEBUG=xtracebackancestors=3,tracebackancestors=10");
	check_godebug("GODEBUG=tracebackancestors",
	              "GODEBUG=tracebackancestors,tracebackancestors=10");
}
END_TEST

START_TEST(test_environ)
{
	struct sup_environ made = make_environ("A=1", "GODEBUGX=a", "NONE");
	ck_assert_str_eq(made.envp[0], "A=1");
	ck_assert_str_eq(made.envp[1], "GODEBUGX=a");
	ck_assert_str_eq(made.envp[2], "NONE");
	ck_assert_str_eq(made.envp[3], "GODEBUG=tracebackancestors=10");
	ck_assert_ptr_null(made.envp[4]);
	sup_environ_finish(&made);
	ck_assert_ptr_null(made.envp);
	made = make_environ(NULL, NULL, NULL);
	ck_assert_str_eq(made.envp[0], "GODEBUG=tracebackancestors=10");
	ck_assert_ptr_null(made.envp[1]);
	sup_environ_finish(&made);
}
END_TEST

/* Of several, one is left: Go's runtime and os.Getenv both take the first. */
START_TEST(test_environ_twice)
{
	struct sup_environ made = make_environ("GODEBUG=a=1", "B=2", "GODEBUG=c=3");
	ck_assert_str_eq(made.envp[0], "B=2");
	ck_assert_str_eq(made.envp[1], "GODEBUG=a=1,tracebackancestors=10");
	ck_assert_ptr_null(made.envp[2]);
	sup_environ_finish(&made);
}
END_TEST

static const char *
find(const struct sup_environ *made, const char *name)
{
	for (char **entry = made->envp; *entry; entry++)
		if (strncmp(*entry, name, strlen(name)) == 0)
			return *entry + strlen(name);
	return NULL;
}

/* What names this process by its number is meant for the program; what names another one is not. */
START_TEST(test_environ_pids)
{
	char ours[64], watched[64];
	snprintf(ours, sizeof(ours), "LISTEN_PID=%d", getpid());
	snprintf(watched, sizeof(watched), "WATCHDOG_PID=%d", getpid());
	struct sup_environ made = make_environ(ours, watched, "LISTEN_PIDFDID=7");
	ck_assert_uint_eq(made.npids, 2);
	for (size_t i = 0; i < made.npids; i++) {
		strcpy(made.pid_slots[i], "2147483647"); /* the longest */
		made.pid_slots[i][MJ_PID_TEXT - 1] = '\0';
	}
	ck_assert_str_eq(find(&made, "LISTEN_PID="), "2147483647");
	ck_assert_str_eq(find(&made, "WATCHDOG_PID="), "2147483647");
	ck_assert_ptr_null(find(&made, "LISTEN_PIDFDID="));
	ck_assert_str_eq(find(&made, "GODEBUG="), "tracebackancestors=10");
	sup_environ_finish(&made);
	static const char *const others[] = { "LISTEN_PID=1", "LISTEN_PID=", "LISTEN_PID=x",
		                              "XLISTEN_PID=1", "LISTEN_PIDS=1" };
	for (size_t i = 0; i < MJ_ARRAY_LEN(others); i++) {
		made = make_environ(others[i], "LISTEN_PIDFDID=7", NULL);
		ck_assert_uint_eq(made.npids, 0);
		ck_assert_str_eq(made.envp[0], others[i]);
		ck_assert_str_eq(made.envp[1], "LISTEN_PIDFDID=7");
		sup_environ_finish(&made);
	}
}
END_TEST

/* Without ancestors nothing but that is another one's. */
START_TEST(test_environ_no_ancestors)
{
	char *envp[] = { word("GODEBUG=a=1"), word("GODEBUG=b=2"), NULL };
	struct sup_environ made = { 0 };
	ck_assert_int_eq(sup_environ_make(envp, 0, &made), 0);
	ck_assert_str_eq(made.envp[0], "GODEBUG=a=1");
	ck_assert_str_eq(made.envp[1], "GODEBUG=b=2");
	ck_assert_ptr_null(made.envp[2]);
	sup_environ_finish(&made);
}
END_TEST

START_TEST(test_environ_long)
{
	enum { SETTINGS = 20000 };
	char *old = malloc(SETTINGS * 4 + 16);
	strcpy(old, "GODEBUG=");
	char *at = old + strlen(old);
	for (int i = 0; i < SETTINGS; i++)
		at = stpcpy(at, "a=b,");
	struct sup_environ made = make_environ(old, NULL, NULL);
	ck_assert_uint_eq(strlen(made.godebug), strlen(old) + strlen("tracebackancestors=10"));
	ck_assert_str_eq(made.godebug + strlen(old), "tracebackancestors=10");
	sup_environ_finish(&made);
	free(old);
}
END_TEST

/* ---- statistics ----------------------------------------------------------------------------- */

static struct mj_stats *
new_stats(void)
{
	struct mj_stats *stats = calloc(1, sizeof(*stats));
	ck_assert_ptr_nonnull(stats);
	return stats;
}

/* A percentile is within a sixteenth of the truth: half of that, since buckets answer with their middle. */
static void
check_near(double got_us, double wanted_ns)
{
	double error = got_us * 1000 - wanted_ns;
	ck_assert_msg((error < 0 ? -error : error) <= wanted_ns / 32 + 0.001, "%g us, not %g ns",
	              got_us, wanted_ns);
}

START_TEST(test_latency_magnitudes)
{
	for (uint64_t ns = 1; ns < UINT64_C(1) << 60; ns += ns / 3 + 1) {
		struct mj_stats *stats = new_stats();
		sup_stats_latency(stats, ns);
		check_near(mj_stats_percentile(stats, 50), (double)ns);
		check_near(mj_stats_percentile(stats, 0), (double)ns);
		check_near(mj_stats_percentile(stats, 100), (double)ns);
		free(stats);
	}
}
END_TEST

START_TEST(test_latency_percentiles)
{
	struct mj_stats *stats = new_stats();
	ck_assert(mj_stats_percentile(stats, 50) == 0); /* of nothing */
	for (uint64_t ns = 1; ns <= 1000; ns++)
		sup_stats_latency(stats, ns * 1000);
	check_near(mj_stats_percentile(stats, 50), 500e3);
	check_near(mj_stats_percentile(stats, 90), 900e3);
	check_near(mj_stats_percentile(stats, 99), 990e3);
	double last = 0;
	for (int percent = 0; percent <= 100; percent++) {
		double now = mj_stats_percentile(stats, percent);
		ck_assert(now >= last);
		last = now;
	}
	sup_stats_latency(stats, 0);
	sup_stats_latency(stats, UINT64_MAX);
	ck_assert(mj_stats_percentile(stats, 0) == 0);
	check_near(mj_stats_percentile(stats, 100), 0x1p64);
	free(stats);
}
END_TEST

START_TEST(test_calls)
{
	struct mj_stats *stats = new_stats();
	for (int round = 0; round < 3; round++)
		for (int nr = 599; nr >= 0; nr--) /* more numbers than there is room for */
			sup_stats_call(stats, (nr * 7) % 600, round == 0);
	ck_assert_uint_eq(stats->notifications, 1800);
	ck_assert_uint_eq(stats->allowed, 600);
	ck_assert_uint_eq(stats->refused, 1200);
	ck_assert_uint_eq(stats->by_call_count, MJ_ARRAY_LEN(stats->by_call));
	for (uint64_t i = 0; i < stats->by_call_count; i++) {
		ck_assert_int_gt(stats->by_call[i].nr, i ? stats->by_call[i - 1].nr : -1);
		ck_assert_uint_eq(stats->by_call[i].allowed, 1);
		ck_assert_uint_eq(stats->by_call[i].refused, 2);
	}
	free(stats);
	sup_stats_call(NULL, 1, true);
	sup_stats_walk(NULL, NULL);
}
END_TEST

START_TEST(test_walks)
{
	struct mj_stats *stats = new_stats();
	struct mj_stack stack = { .status = MJ_WALK_COMPLETE, .root = MJ_ROOT_LOADER };
	sup_stats_walk(stats, &stack);
	stack = (struct mj_stack){ .why = MJ_WHY_COUNT - 1 };
	sup_stats_walk(stats, &stack);
	ck_assert_uint_eq(stats->walks_complete, 1);
	ck_assert_uint_eq(stats->roots[MJ_ROOT_LOADER], 1);
	ck_assert_uint_eq(stats->walks_incomplete[MJ_WHY_COUNT - 1], 1);
	free(stats);
}
END_TEST

/* ---- /proc/PID/status and stat -------------------------------------------------------------- */

static const char *const hostile_names[] = {
	"plain",
	") S 1 2 3 4 5",
	"a) Z 0",
	"\nTgid:\t1\nPPi",
	"x\nPPid:\t7\n",
	")",
	"))))))))))))))) ",
	"\n\n\n\n\n\n\n\n",
	"\\nTgid:\t9",
	" ",
	"\377\200\t\r",
	"",
};

START_TEST(test_hostile_names)
{
	struct sup_status status = { 0 };
	uint64_t started = 0, again = 0;
	ck_assert(sup_read_start_time(getpid(), &started));
	ck_assert_uint_gt(started, 0);
	for (size_t i = 0; i < MJ_ARRAY_LEN(hostile_names); i++) {
		ck_assert_int_eq(prctl(PR_SET_NAME, hostile_names[i]), 0);
		ck_assert(sup_read_status(getpid(), &status));
		ck_assert_msg(status.tgid == getpid(), "%s", hostile_names[i]);
		ck_assert_msg(status.ppid == getppid(), "%s", hostile_names[i]);
		ck_assert(sup_read_start_time(getpid(), &again));
		ck_assert_msg(again == started, "%s", hostile_names[i]);
	}
}
END_TEST

/* Start times grow, in ticks, and are what proc_pid_stat(5) calls field 22: not any other of its numbers. */
START_TEST(test_start_time)
{
	uint64_t ours = 0, child = 0;
	char text[64];
	usleep(30000);
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	ck_assert(sup_read_start_time(getpid(), &ours));
	ck_assert(sup_read_start_time(pid, &child));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_uint_gt(child, ours);
	ck_assert_uint_lt(child - ours, 100 * (uint64_t)sysconf(_SC_CLK_TCK));
	ck_assert(!sup_read_start_time(pid, &child)); /* it has been reaped */
	int fd = open("/proc/uptime", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	ck_assert((double)ours / (double)sysconf(_SC_CLK_TCK) <= strtod(text, NULL) + 1);
}
END_TEST

static void *
thread_main(void *arg)
{
	struct sup_status *status = arg;
	prctl(PR_SET_NAME, "t) R\nTgid:\t1");
	if (!sup_read_status((pid_t)syscall(SYS_gettid), status) || syscall(SYS_gettid) == getpid())
		status->tgid = -1;
	return NULL;
}

START_TEST(test_thread_status)
{
	struct sup_status status = { 0 };
	pthread_t thread;
	ck_assert_int_eq(pthread_create(&thread, NULL, thread_main, &status), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(status.tgid, getpid());
	ck_assert_int_eq(status.ppid, getppid());
}
END_TEST

START_TEST(test_nobody)
{
	static const pid_t pids[] = { NO_PROCESS, 0, -1 };
	for (size_t i = 0; i < MJ_ARRAY_LEN(pids); i++) {
		struct sup_status status;
		struct sup_auxv auxv;
		struct mj_range range;
		uint64_t started;
		ck_assert(!sup_read_status(pids[i], &status));
		ck_assert(!sup_read_start_time(pids[i], &started));
		ck_assert(!sup_read_auxv(pids[i], &auxv));
		ck_assert_int_eq(sup_read_ranges(pids[i], 0, &range, 1), -1);
	}
}
END_TEST

/* ---- /proc/PID/auxv and maps ---------------------------------------------------------------- */

START_TEST(test_auxv)
{
	struct sup_auxv auxv;
	ck_assert(sup_read_auxv(getpid(), &auxv));
	ck_assert_uint_eq(auxv.phdr, getauxval(AT_PHDR));
	ck_assert_uint_eq(auxv.base, getauxval(AT_BASE));
	ck_assert_uint_eq(auxv.random, getauxval(AT_RANDOM));
}
END_TEST

#define MAX_RANGES 256

static const struct mj_range *
range_of(const struct mj_range *ranges, ssize_t n, uint64_t addr)
{
	for (ssize_t i = 0; i < n; i++)
		if (addr >= ranges[i].start && addr < ranges[i].end)
			return &ranges[i];
	return NULL;
}

START_TEST(test_ranges)
{
	struct mj_range ranges[MAX_RANGES];
	uint64_t base = getauxval(AT_BASE);
	ssize_t n = sup_read_ranges(getpid(), base, ranges, MAX_RANGES);
	ck_assert_int_gt(n, 2);
	const struct mj_range *ours = range_of(ranges, n, (uint64_t)(uintptr_t)word);
	const struct mj_range *libc = range_of(ranges, n, (uint64_t)(uintptr_t)&strtod);
	ck_assert(ours && !ours->loader && libc && !libc->loader);
	ck_assert_ptr_null(range_of(ranges, n, (uint64_t)(uintptr_t)&ranges)); /* the stack */
	unsigned loaders = 0;
	for (ssize_t i = 0; i < n; i++)
		loaders += ranges[i].loader;
	ck_assert_uint_eq(loaders, base ? 1 : 0);
	/* A base that is nobody's makes nothing the loader's. */
	n = sup_read_ranges(getpid(), base + 1, ranges, MAX_RANGES);
	for (ssize_t i = 0; i < n; i++)
		ck_assert(!ranges[i].loader);
	/* Some of the ranges would be a lie. */
	ck_assert_int_eq(sup_read_ranges(getpid(), base, ranges, (size_t)n - 1), -1);
	ck_assert_int_eq(sup_read_ranges(getpid(), base, ranges, (size_t)n), n);
}
END_TEST

/* A file whose name looks like a line of maps. */
START_TEST(test_hostile_mapping)
{
	static const char name[] = "x\n700000000000-700000001000 r-xp 00000000 00:00 0";
	struct mj_range ranges[MAX_RANGES];
	char dir[] = "/tmp/modjail-test-XXXXXX";
	char path[128];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0700);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	void *map = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	close(fd);
	unlink(path);
	rmdir(dir);
	if (map == MAP_FAILED) /* /tmp is mounted noexec */
		map = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	ssize_t n = sup_read_ranges(getpid(), 0, ranges, MAX_RANGES);
	ck_assert_int_gt(n, 0);
	ck_assert_ptr_nonnull(range_of(ranges, n, (uint64_t)(uintptr_t)map));
	ck_assert_ptr_null(range_of(ranges, n, UINT64_C(0x700000000000)));
}
END_TEST

/* ---- /proc/TID/syscall ---------------------------------------------------------------------- */

/* A child that waits in a system call with known arguments. */
static pid_t
start_sleeper(void)
{
	int fds[2];
	char byte;
	ck_assert_int_eq(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, ") S 1");
		ck_assert_int_eq(write(fds[1], "x", 1), 1);
		for (;;)
			syscall(SYS_ppoll, 0x1234567890, 0, 0, 0, 0xfedcba9876543210, 6);
	}
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	close(fds[1]);
	return pid;
}

START_TEST(test_where)
{
	struct supervisor sup = { 0 };
	struct sup_where where = { 0 };
	const char *why = NULL;
	pid_t pid = start_sleeper();
	struct sup_thread *thread = NULL;
	for (int i = 0; i < 1000 && where.nr != SYS_ppoll; i++) { /* until it is in its call */
		usleep(1000);
		thread = sup_thread_get(&sup, pid, &where, &why);
		ck_assert_msg(thread != NULL, "%s", why);
	}
	ck_assert_int_eq(where.nr, SYS_ppoll);
	ck_assert_uint_eq(where.args[0], 0x1234567890);
	ck_assert_uint_eq(where.args[4], 0xfedcba9876543210);
	ck_assert_uint_ne(where.pc, 0);
	ck_assert_uint_ne(where.sp, 0);
	ck_assert_int_eq(thread->tid, pid);
	ck_assert_int_eq(thread->tgid, pid);
	ck_assert_ptr_eq(sup_thread_get(&sup, pid, &where, &why), thread);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* The record is bound to the task: a number that is free, or somebody else's, is not believed. */
	ck_assert_ptr_null(sup_thread_get(&sup, pid, &where, &why));
	ck_assert_str_eq(why, "the thread has ended");
	ck_assert_ptr_null(sup.threads);
	sup_threads_free(&sup);
}
END_TEST

START_TEST(test_no_descriptors)
{
	struct supervisor sup = { 0 };
	struct sup_where where;
	const char *why = NULL;
	pid_t pid = start_sleeper();
	int lowest = dup(0);
	close(lowest);
	struct rlimit old;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	struct rlimit none_left = { (rlim_t)lowest, old.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none_left), 0);
	ck_assert_ptr_null(sup_thread_get(&sup, pid, &where, &why));
	ck_assert_str_eq(why, "modjail has no file descriptors left");
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0); /* sanitizers open files at the end */
	ck_assert_ptr_nonnull(sup_thread_get(&sup, pid, &where, &why));
	sup_threads_free(&sup);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

/* ---- names ---------------------------------------------------------------------------------- */

/* ---- the jail of a packed program ------------------------------------------------------------ */

START_TEST(test_packed_notify)
{
	const struct mj_grant grants[] = { mj_grant_of(0), mj_grant_confined(),
		                           mj_grant_unconfined(), mj_grant_all() };
	for (size_t g = 0; g < MJ_ARRAY_LEN(grants); g++) {
		struct mj_grant everyone = grants[g];
		struct mj_table_entry entry;
		sup_packed_notify(&everyone);
		for (size_t i = 0; mj_table_entry(i, &entry); i++) {
			bool seen = entry.nr == SYS_readlink || entry.nr == SYS_readlinkat ||
			            entry.nr == SYS_seccomp;
			bool before = mj_grant_allows(&grants[g], entry.need);
			ck_assert_msg(mj_grant_allows(&everyone, entry.need) == (before && !seen),
			              "grant %zu, %s", g, entry.name);
		}
	}
}
END_TEST

START_TEST(test_packed_only)
{
	/* Without a packed program nothing is special. */
	struct mj_run_args args = { 0 };
	struct supervisor sup = { .args = &args, .listener = -1, .everyone = mj_grant_all() };
	struct mj_call link = { .nr = SYS_readlink }, ask = { SYS_seccomp, { MJ_ASK_PROGRAM } };
	struct seccomp_notif req = { .pid = (uint32_t)getpid() };
	struct seccomp_notif_resp resp = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	struct stat st;
	ck_assert_int_eq(stat("/proc/self/exe", &st), 0);
	ck_assert(!sup_packed_is_free(&sup, &link, mj_call_need(&link)));
	ck_assert(!sup_packed_is_program(&sup, &st));
	ck_assert(!sup_packed_hand_over(&sup, &req));
	sup_packed_readlink(&sup, &req, &link, NULL, &resp);
	ck_assert_uint_eq(resp.flags, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
	ck_assert(sup_packed_is_question(&ask));
	ask.args[0]++;
	ck_assert(!sup_packed_is_question(&ask) && !sup_packed_is_question(&link));
}
END_TEST

START_TEST(test_reason_names)
{
	for (int i = 0; i <= MJ_REASON_PROGRAM; i++) {
		const char *name = mj_reason_name((enum mj_reason)i);
		ck_assert_msg(name && *name, "reason %d has no name", i);
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(name, mj_reason_name((enum mj_reason)j));
	}
}
END_TEST

/* ---- the suite ------------------------------------------------------------------------------ */

static void
add(Suite *suite, const char *name, const TTest *const *tests, size_t n)
{
	TCase *tcase = tcase_create(name);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
}

int
main(void)
{
	const TTest *const environment[] = { test_godebug,
		                             test_environ,
		                             test_environ_twice,
		                             test_environ_pids,
		                             test_environ_no_ancestors,
		                             test_environ_long };
	const TTest *const stats[] = {
		test_latency_magnitudes, test_latency_percentiles, test_calls,      test_walks,
		test_reason_names,       test_packed_notify,       test_packed_only
	};
	const TTest *const procfs[] = {
		test_hostile_names,   test_start_time, test_thread_status,
		test_nobody,          test_auxv,       test_ranges,
		test_hostile_mapping, test_where,      test_no_descriptors
	};
	Suite *suite = suite_create("supervisor");
	add(suite, "environment", environment, MJ_ARRAY_LEN(environment));
	add(suite, "stats", stats, MJ_ARRAY_LEN(stats));
	add(suite, "procfs", procfs, MJ_ARRAY_LEN(procfs));
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
