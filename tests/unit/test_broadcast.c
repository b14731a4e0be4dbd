/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are made on all threads for one of them: who asks, who follows, and who only looks so. glibc's part is read
 * from this very process. */
#include "supervisor/internal.h"
#include "symbolizer/image.h"

#include <check.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- stacks --------------------------------------------------------------------------------- */

static const struct mj_frame std = { .function = "syscall.X",
	                             .file = "",
	                             .subject = MJ_SUBJECT_STD };

static enum mj_broadcast
part_of(const struct mj_pc *const *pcs, size_t n, enum mj_walk_status status)
{
	struct mj_stack stack = { .status = status, .root = MJ_ROOT_MAIN, .npcs = n };
	stack.pcs = calloc(n + 1, sizeof(stack.pcs[0]));
	memcpy(stack.pcs, pcs, n * sizeof(pcs[0]));
	enum mj_broadcast part = mj_stack_broadcast(&stack);
	free(stack.pcs);
	return part;
}

START_TEST(test_stacks)
{
	const struct mj_frame module = { .subject = 0 }, c = { .subject = MJ_SUBJECT_C };
	const struct mj_frame doubtful = { .subject = MJ_SUBJECT_STD, .doubtful = true };
	const struct mj_frame suspect = { .subject = MJ_SUBJECT_STD, .nsuspects = 1 };
	const struct mj_frame *const others[] = { &module, &c, &doubtful, &suspect };
	const struct mj_pc plain = { .nframes = 1, .frames = &std };
	const struct mj_pc asks = { 0, 1, &std, MJ_BROADCAST_ASKS };
	const struct mj_pc follows = { 0, 1, &std, MJ_BROADCAST_FOLLOWS };
	const struct mj_pc *ask[] = { &plain, &plain, &asks, &follows };
	const struct mj_pc *follow[] = { &follows, &asks };
	ck_assert_int_eq(part_of(ask, 4, MJ_WALK_COMPLETE), MJ_BROADCAST_ASKS);
	ck_assert_int_eq(part_of(follow, 2, MJ_WALK_COMPLETE), MJ_BROADCAST_FOLLOWS);
	ck_assert_int_eq(part_of(follow, 2, MJ_WALK_INCOMPLETE), MJ_BROADCAST_NONE);
	ck_assert_int_eq(part_of(ask, 2, MJ_WALK_COMPLETE), MJ_BROADCAST_NONE);
	ck_assert_int_eq(part_of(ask, 0, MJ_WALK_COMPLETE), MJ_BROADCAST_NONE);
	struct mj_stack elsewhere = { .status = MJ_WALK_COMPLETE, .root = MJ_ROOT_SCHEDULER };
	elsewhere.npcs = 3;
	elsewhere.pcs = ask;
	ck_assert_int_eq(mj_stack_broadcast(&elsewhere), MJ_BROADCAST_NONE);
	/* Between it and the call is only confirmed code of the standard library. */
	for (size_t i = 0; i < MJ_ARRAY_LEN(others); i++) {
		const struct mj_pc between = { .nframes = 1, .frames = others[i] };
		const struct mj_pc *pcs[] = { &plain, &between, &asks };
		ck_assert_int_eq(part_of(pcs, 3, MJ_WALK_COMPLETE), MJ_BROADCAST_NONE);
	}
	/* A function of a deep stack is not what makes the call. */
	const struct mj_pc *deep[64];
	for (size_t i = 0; i < MJ_ARRAY_LEN(deep); i++)
		deep[i] = i < 63 ? &plain : &asks;
	ck_assert_int_eq(part_of(deep, 64, MJ_WALK_COMPLETE), MJ_BROADCAST_NONE);
}
END_TEST

START_TEST(test_functions)
{
	struct mj_image *image = calloc(1, sizeof(*image));
	image->runtime_units[0] = 7;
	image->runtime_units[1] = 9;
	const struct {
		const char *name;
		enum mj_broadcast part;
	} functions[] = {
		{ "syscall.runtime_doAllThreadsSyscall", MJ_BROADCAST_ASKS },
		{ "runtime.runPerThreadSyscall", MJ_BROADCAST_FOLLOWS },
		{ "runtime.mDoFixup", MJ_BROADCAST_FOLLOWS },
		{ "runtime.mDoFixupAndOSYield", MJ_BROADCAST_NONE },
		{ "syscall.AllThreadsSyscall", MJ_BROADCAST_NONE },
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(functions); i++) {
		struct mj_func f = { .name = functions[i].name, .cu_offset = 7 };
		ck_assert_int_eq(mj_broadcast_of(image, &f), functions[i].part);
		/* Of that name elsewhere: somebody else's. */
		f.cu_offset = 8;
		ck_assert_int_eq(mj_broadcast_of(image, &f), MJ_BROADCAST_NONE);
	}
	free(image);
}
END_TEST

/* ---- the runtime's -------------------------------------------------------------------------- */

struct world {
	struct supervisor sup;
	struct sup_process process;
	struct sup_thread threads[4]; /* numbers 100 to 103 */
};

static struct world *
make_world(void)
{
	struct world *w = calloc(1, sizeof(*w));
	w->process.tgid = 100;
	for (int i = 0; i < 4; i++) {
		struct sup_thread *thread = &w->threads[i];
		thread->tid = 100 + i;
		thread->tgid = 100;
		HASH_ADD(hh, w->sup.threads, tid, sizeof(thread->tid), thread);
	}
	return w;
}

static void
free_world(struct world *w)
{
	HASH_CLEAR(hh, w->sup.threads);
	free(w);
}

/* The thread follows with this call; whether it is let through as its asker was. */
static bool
follow(struct world *w, int thread, const struct mj_call *call)
{
	bool covered = sup_broadcast_covers(&w->process, &w->threads[thread], call);
	sup_broadcast_note(&w->sup, &w->process, 100 + thread, call,
	                   covered ? MJ_BROADCAST_FOLLOWS : MJ_BROADCAST_NONE);
	return covered;
}

static void
ask(struct world *w, int thread, const struct mj_call *call, enum mj_broadcast part)
{
	sup_broadcast_note(&w->sup, &w->process, 100 + thread, call, part);
}

START_TEST(test_broadcast)
{
	struct world *w = make_world();
	const struct mj_call call = { SYS_setuid, { 5 } }, other = { SYS_setuid, { 6 } };
	const struct mj_call gid = { SYS_setgid, { 5 } }, signal = { SYS_tgkill, { 100, 101, 33 } };
	ck_assert(!follow(w, 1, &call)); /* nobody asked */
	ask(w, 0, &call, MJ_BROADCAST_ASKS);
	ck_assert(!follow(w, 1, &other));
	ck_assert(!follow(w, 1, &gid));
	ck_assert(!follow(w, 0, &call)); /* he has made it */
	ask(w, 0, &call, MJ_BROADCAST_ASKS);
	ask(w, 0, &signal, MJ_BROADCAST_NONE);
	ck_assert(follow(w, 1, &call));
	ck_assert(!follow(w, 1, &call));    /* once */
	ask(w, 3, &gid, MJ_BROADCAST_NONE); /* somebody else's call ends nothing */
	ck_assert(follow(w, 2, &call));
	ask(w, 0, &gid, MJ_BROADCAST_NONE); /* his own does */
	ck_assert(!follow(w, 3, &call));
	ask(w, 1, &other, MJ_BROADCAST_ASKS);
	ck_assert(!follow(w, 2, &call));
	ck_assert(follow(w, 2, &other));
	ck_assert(follow(w, 0, &other));
	ask(w, 1, &other, MJ_BROADCAST_NONE); /* was refused */
	ck_assert(!follow(w, 3, &other));
	free_world(w);
}
END_TEST

START_TEST(test_unused_arguments)
{
	struct world *w = make_world();
	const struct mj_call call = { SYS_setuid, { 5, 1, 2 } }, left = { SYS_setuid, { 5, 8, 9 } };
	const struct mj_call unknown = { 100000, { 5, 1 } }, unlike = { 100000, { 5, 2 } };
	ask(w, 0, &call, MJ_BROADCAST_ASKS);
	ck_assert(follow(w, 1, &left));
	ask(w, 0, &unknown, MJ_BROADCAST_ASKS);
	ck_assert(!follow(w, 1, &unlike));
	ck_assert(follow(w, 1, &unknown));
	free_world(w);
}
END_TEST

START_TEST(test_own_signal)
{
	ck_assert(sup_is_own_signal(100, &(struct mj_call){ SYS_tgkill, { 100, 101, 9 } }));
	ck_assert(!sup_is_own_signal(100, &(struct mj_call){ SYS_tgkill, { 101, 101, 9 } }));
	ck_assert(!sup_is_own_signal(100, &(struct mj_call){ SYS_kill, { 100, 9 } }));
}
END_TEST

/* ---- glibc's -------------------------------------------------------------------------------- */

static struct sup_process *
this_process(void)
{
	static struct sup_watch watch;
	struct sup_process *process = calloc(1, sizeof(*process));
	process->tgid = getpid();
	process->watch = &watch;
	process->mem_fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(process->mem_fd, 0);
	return process;
}

static void
drop_process(struct sup_process *process)
{
	close(process->mem_fd);
	free(process);
}

START_TEST(test_command)
{
	struct sup_process *process = this_process();
	struct sup_setxid found = { 0 };
	struct mj_call call = { SYS_setresgid, { 1, 2, 3 } };
	_Alignas(16) uint64_t stack[256] = { 0 };
	uint64_t sp = (uint64_t)(uintptr_t)stack;
	ck_assert(!sup_setxid_command(process, &call, sp, &found));
	const uint64_t command[] = { SYS_setresgid, 1, 2, 3, UINT64_C(1) << 32 | 7 };
	memcpy(stack + 20, command, sizeof(command));
	ck_assert(sup_setxid_command(process, &call, sp, &found));
	ck_assert_uint_eq(found.futex, sp + 24 * 8);
	ck_assert_int_eq(found.error, 1);
	ck_assert(!sup_setxid_command(process, &call, sp + 4, &found));
	ck_assert(!sup_setxid_command(process, &call, sp + 21 * 8, &found)); /* below SP */
	call.args[2] = 4;
	ck_assert(!sup_setxid_command(process, &call, sp, &found));
	call.args[2] = 3;
	call.nr = SYS_setresuid;
	ck_assert(!sup_setxid_command(process, &call, sp, &found));
	call.nr = SYS_setresgid;
	memset(stack, 0, sizeof(stack));
	memcpy(stack + 200, command, sizeof(command)); /* too far from SP */
	ck_assert(!sup_setxid_command(process, &call, sp, &found));
	ck_assert(!sup_setxid_command(process, &call, 8, &found)); /* nothing is there */
	drop_process(process);
}
END_TEST

START_TEST(test_handler)
{
	struct sup_process *process = this_process();
	_Alignas(16) uint64_t stack[256] = { 0 };
	uint64_t sp = (uint64_t)(uintptr_t)stack;
	siginfo_t info = { .si_signo = 33, .si_code = SI_TKILL };
	ck_assert(!sup_in_setxid_handler(process, sp));
	memcpy(stack + 5 + 39, &info, sizeof(info)); /* five words below the return address */
	ck_assert(sup_in_setxid_handler(process, sp));
	info.si_code = SI_USER;
	memcpy(stack + 5 + 39, &info, sizeof(info));
	ck_assert(!sup_in_setxid_handler(process, sp));
	ck_assert(!sup_in_setxid_handler(process, 8));
	drop_process(process);
}
END_TEST

/* As struct xid_command; a thread waits for count to become 0. */
struct command {
	int nr;
	long id[3];
	_Atomic int count;
	int error;
};

struct waiter {
	bool elsewhere; /* the structure is not on its stack */
	struct command *command;
	_Atomic int ready;
};

static struct command shared;

static void *
waits(void *arg)
{
	struct waiter *waiter = arg;
	struct command own = { SYS_setgid, { 5, 0, 0 }, 1, -1 };
	shared = own;
	waiter->command = waiter->elsewhere ? &shared : &own;
	if (waiter->elsewhere)
		memset(&own, 0, sizeof(own));
	waiter->ready = 1;
	while (waiter->command->count)
		syscall(SYS_futex, &waiter->command->count, FUTEX_WAIT_PRIVATE, 1, 0, 0, 0);
	return NULL;
}

/* Whether somebody is found to ask for the call while a thread waits; if so, it is that thread. */
static bool
finds(bool elsewhere, const struct mj_call *call)
{
	struct supervisor sup = { 0 };
	struct sup_process *process = this_process();
	struct waiter waiter = { .elsewhere = elsewhere };
	struct sup_where where = { 0 };
	struct sup_setxid setxid;
	struct sup_thread *found = NULL;
	pthread_t thread;
	ck_assert_int_eq(pthread_create(&thread, NULL, waits, &waiter), 0);
	while (!waiter.ready)
		sched_yield();
	for (int i = 0; i < 100 && !found; i++) { /* until it sleeps */
		usleep(1000);
		found = sup_setxid_asker(&sup, process, call, (pid_t)syscall(SYS_gettid), &where,
		                         &setxid);
	}
	if (found) {
		ck_assert_int_eq(found->tgid, getpid());
		ck_assert_int_ne(found->tid, getpid());
		ck_assert_int_eq(where.nr, SYS_futex);
		ck_assert_int_eq(setxid.error, -1);
		ck_assert_int_eq(process->broadcast.asker, found->tid);
	}
	bool any = found;
	waiter.command->count = 0;
	syscall(SYS_futex, &waiter.command->count, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
	pthread_join(thread, NULL);
	sup_threads_free(&sup);
	drop_process(process);
	return any;
}

START_TEST(test_asker)
{
	ck_assert(finds(false, &(struct mj_call){ SYS_setgid, { 5 } }));
	ck_assert(!finds(false, &(struct mj_call){ SYS_setgid, { 6 } }));
	ck_assert(!finds(false, &(struct mj_call){ SYS_setuid, { 5 } }));
	ck_assert(!finds(true, &(struct mj_call){ SYS_setgid, { 5 } }));
}
END_TEST

START_TEST(test_setxid_calls)
{
	ck_assert(sup_is_setxid(&(struct mj_call){ .nr = SYS_setgroups }));
	ck_assert(!sup_is_setxid(&(struct mj_call){ .nr = SYS_setfsuid }));
}
END_TEST

/* ---- ids ------------------------------------------------------------------------------------ */

START_TEST(test_ids)
{
	struct sup_ids ids;
	ck_assert(sup_read_ids(getpid(), &ids));
	ck_assert_uint_eq(ids.uid[0], getuid());
	ck_assert_uint_eq(ids.uid[1], geteuid());
	ck_assert_uint_eq(ids.gid[0], getgid());
	ck_assert_uint_eq(ids.gid[3], getegid());
	ck_assert(!sup_read_ids(0x7ffffffe, &ids));
}
END_TEST

START_TEST(test_stays_readable)
{
	uint64_t uid = geteuid(), gid = getegid(), all = UINT32_MAX;
	bool may = sup_may_trace_all();
	const struct mj_call same[] = {
		{ SYS_setuid, { uid } },          { SYS_setgid, { gid } },
		{ SYS_setreuid, { 1, all } },     { SYS_setresgid, { 1, all, 2 } },
		{ SYS_setgroups, { 0 } },         { SYS_setresuid, { all, uid, all } },
		{ SYS_setpriority, { 0, 0, 1 } },
	};
	const struct mj_call changes[] = {
		{ SYS_setuid, { uid + 1 } },          { SYS_setgid, { gid + 1 } },
		{ SYS_setreuid, { all, uid + 1 } },   { SYS_setregid, { all, gid + 1 } },
		{ SYS_setresuid, { 0, uid + 1, 0 } }, { SYS_setresgid, { 0, gid + 1, 0 } },
		{ SYS_setfsuid, { uid + 1 } },        { SYS_setfsgid, { gid + 1 } },
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(same); i++)
		ck_assert_msg(sup_stays_readable(getpid(), &same[i]), "%zu", i);
	for (size_t i = 0; i < MJ_ARRAY_LEN(changes); i++)
		ck_assert_msg(sup_stays_readable(getpid(), &changes[i]) == may, "%zu", i);
}
END_TEST

int
main(void)
{
	const TTest *const all[] = {
		test_stacks,       test_functions, test_broadcast,      test_unused_arguments,
		test_own_signal,   test_command,   test_handler,        test_asker,
		test_setxid_calls, test_ids,       test_stays_readable,
	};
	Suite *suite = suite_create("broadcast");
	TCase *tcase = tcase_create("broadcast");
	for (size_t i = 0; i < MJ_ARRAY_LEN(all); i++)
		tcase_add_test(tcase, all[i]);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
