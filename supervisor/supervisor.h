/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor: receives notifications, finds out on whose behalf each call is made, decides, replies
 * and reports. Joins policy/ and symbolizer/, which never see each other.
 */
#ifndef MJ_SUPERVISOR_H
#define MJ_SUPERVISOR_H

#include <time.h>

#include "policy/policy.h"
#include "preload/preload.h"
#include "supervisor/agent.h" /* programs that others start */
#include "symbolizer/symbolizer.h"

/** Why a call was refused. */
enum mj_reason {
	MJ_REASON_POLICY,       /**< a module on the stack may not do it */
	MJ_REASON_UNATTRIBUTED, /**< no module on the stack, and not every module may do it */
	MJ_REASON_C,            /**< C code without a Go caller, and not every module may do it */
	MJ_REASON_CEILING,      /**< the module that executed this program may not do it */
	MJ_REASON_WALK,         /**< the stack could not be walked to its end */
	MJ_REASON_UNREADABLE,   /**< the thread, its memory or its program could not be read */
	MJ_REASON_OPAQUE,       /**< a Go program whose tables modjail cannot read */
	MJ_REASON_PROGRAM,      /**< a program whose own policy (mj_run_program) does not fit it */
};
const char *mj_reason_name(enum mj_reason reason); /**< "policy", "unattributed", ... */

/** A refused call. All pointers are borrowed for the duration of the callback. */
struct mj_refusal {
	struct timespec time; /**< CLOCK_REALTIME */
	pid_t pid, tid;
	struct mj_call call;
	uint64_t ip;
	enum mj_reason reason;
	const char
		*detail; /**< one clause in words: why a walk is incomplete, what is unreadable */
	enum mj_cap capability; /**< the first one lacking */
	struct mj_need need; /**< what was decided on: not always what the call alone would need */
	/** Everybody who has to be allowed it: module paths and "unattributed", innermost first, then who
	 * executed the program. None where no policy could allow it. */
	const char *const *modules;
	size_t nmodules;
	enum mj_action action; /**< what was done: never MJ_ACTION_DEFAULT */
	int errnum; /**< what the caller got; 0 if the call went through (MJ_ACTION_LOG) */
	const struct mj_rule *rule;   /**< that refuses; NULL if none does */
	const struct mj_image *image; /**< for module indices; NULL if the program is unknown */
	const struct mj_stack *stack; /**< NULL if there was no walk; may be incomplete */
	int subject;                  /**< the blamed module (mj_image_module), or MJ_SUBJECT_* */
	size_t blamed_pc;             /**< index into pcs of the blamed frame... */
	size_t blamed_frame;    /**< ...and into that mj_pc's frames; only for MJ_REASON_POLICY */
	size_t blamed_ancestor; /**< 0: pcs of the stack itself; i: those of stack->ancestors[i - 1] */
	size_t nc_frames; /**< what is known of the C code that the stack begins with, 0: nothing */
	const struct mj_c_frame *c_frames; /**< innermost first */
	const char *program;               /**< path of the program as far as known, "" otherwise */
	uint64_t count; /**< 1 at first; at the end of the run, how often it was in all */
};

enum mj_notice_level { MJ_NOTICE_WARNING, MJ_NOTICE_ERROR };

/** How modjail tells its user things. Called from supervisor threads, never concurrently. */
struct mj_reporter {
	void (*refusal)(void *ctx, const struct mj_refusal *refusal);
	/** At the end, for each refusal that was repeated: the same, count filled in, no stack. */
	void (*repeated)(void *ctx, const struct mj_refusal *refusal);
	void (*notice)(void *ctx, enum mj_notice_level level, const char *text);
	void *ctx;
};

#define MJ_LATENCY_BUCKETS 1024

/** What --stats prints. */
struct mj_stats {
	uint64_t notifications, allowed, refused, gone; /**< gone: the caller vanished meanwhile */
	uint64_t walks_complete;
	uint64_t walks_incomplete[MJ_WHY_COUNT];
	uint64_t roots[MJ_ROOT_LOADER + 1];
	uint64_t ceiling_decisions; /**< decided without a walk: not the Go program */
	uint64_t pc_hits, pc_misses, pc_entries;
	uint64_t thread_hits, thread_misses;
	uint64_t thread_predicted; /**< calls for which /proc was not asked where the thread is */
	uint64_t processes, images;
	uint64_t latency[MJ_LATENCY_BUCKETS]; /**< see mj_stats_percentile */
	uint64_t by_call_count;
	struct mj_call_stats {
		int nr;
		uint64_t allowed, refused;
	} by_call[512]; /**< by_call_count used; one per number seen, ascending */
};

/** Latency percentile (0 to 100) in microseconds from RECV's return to SEND's return. */
double mj_stats_percentile(const struct mj_stats *stats, double percent);

/**
 * A program that jailed ones execute, whose stacks are walked under a policy of its own. It may do what that
 * policy and its ceiling both allow. It is the file behind path, as modjail sees it when the file is first
 * executed: by whatever name the jailed process calls it, and wherever in its mount namespace. Processes of a
 * file that cannot be walked, or whose main module is not the one that the policy says it is for, are
 * refused everything.
 */
struct mj_run_program {
	const char *path; /**< absolute */
	const struct mj_policy *policy;
};

/**
 * A program that is not a file by itself, but part of the file that modjail itself was started from. In its jail:
 * - readlink(2) of the program's own /proc/self/exe gives the packed file's path, which Go's os.Executable returns
 *   (os/executable_procfs.go): whoever executes that, now or later, here or elsewhere, starts it jailed;
 * - a process that executes the packed file gets the program from the supervisor by asking for it
 *   (MJ_ASK_PROGRAM), and is jailed here: there can be no second supervisor in a jail (kernel/seccomp.c,
 *   has_duplicate_listener).
 */
struct mj_run_packed {
	int program; /**< sealed memory file: executed in the place of path, which is for messages */
	int self;    /**< the packed file */
};

/** seccomp(MJ_ASK_PROGRAM): an operation that the kernel does not know (EINVAL). In the jail of a packed
 * program, a process that executed the packed file gets a descriptor of the program, close-on-exec. */
#define MJ_ASK_PROGRAM 0x6d6a6153u

/** One run of one program. All pointers borrowed until mj_run returns. */
struct mj_run_args {
	const struct mj_policy *policy; /**< NULL: --no-policy */
	/** Programs with policies of their own; all others run under what executed them alone. */
	const struct mj_run_program *programs;
	size_t nprograms;
	enum mj_action on_deny; /**< for all refusals; MJ_ACTION_DEFAULT: as the policy says */
	const char *path;       /**< file to execute */
	const struct mj_run_packed *packed; /**< NULL: path is executed */
	char *const *argv;
	char *const *envp;  /**< GODEBUG is amended for ancestors */
	unsigned ancestors; /**< creators of goroutines to follow (--ancestry=N), 0: none */
	struct mj_reporter reporter;
	bool verify_walk; /**< check walks against CFI, where the program has it (--verify-walk) */
	bool want_stats;  /**< also measure time per notification */
	bool no_wait;     /**< end with the program, not with the last process that it started */
	/** For a policy that allows nothing and logs (mj_policy_set_action): also report calls that executed
	 * programs make, which nothing but their ceiling could refuse. */
	bool learn;
	/** mj_run confines the calling process for good (SECURITY.md, "The supervisor itself"). What the caller does
	 * in callbacks or afterwards is allowed only if it is announced here. */
	bool reopens_log;  /**< the reporter opens files for appending (--log-file) */
	bool writes_files; /**< the caller writes new files and renames them afterwards */
	bool release_stdio; /**< once the program runs, let go of standard input and output, and of what else was
	                       inherited above 2, so that its pipes close when it closes them */
	/** The descriptor that the reporter writes to. A process of its own keeps it too, and calls the reporter's notice there
	 * if modjail is killed; 0: nobody says so then. */
	int report_fd;
};

/** How the program ended. */
struct mj_run_result {
	bool exec_failed;
	int exec_errno;
	int wait_status;        /**< as from waitpid(2), of the program itself */
	struct mj_stats *stats; /**< NULL unless want_stats; free() it */
};

/**
 * Starts the program, supervises it and everything that it starts until the last of them ends.
 * Blocks all signals of the calling thread meanwhile and passes them on to the program. Fails if the
 * program could not be started at all; then nothing of it ran.
 */
int mj_run(const struct mj_run_args *args, struct mj_run_result *ret, struct mj_error *err);

#endif
