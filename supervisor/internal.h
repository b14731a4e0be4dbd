/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor's own: what its files share. Not for other folders. */
#ifndef MJ_SUPERVISOR_INTERNAL_H
#define MJ_SUPERVISOR_INTERNAL_H

#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "common/hash.h"

#include "supervisor/supervisor.h"

/* ---- names of subjects (charged.c) ---------------------------------------------------------- */

/** Modules that one frame can belong to and be asked: its name's and those of its witnesses. */
#define SUP_SUBJECTS_MAX 40

/** A set of subjects: module paths and "unattributed", borrowed from images, which stay as long as the
 * run. Shared, and not changed once made; NULL stands for the empty set. */
struct sup_names {
	unsigned refs;
	size_t count;
	const char *names[];
};

/* ---- images (images.c) ---------------------------------------------------------------------- */

/** An executable file that some jailed process runs, or ran. */
struct sup_image {
	struct mj_image_id id;
	bool walked;                 /* the jailed program itself: its stacks are walked */
	struct mj_image *image;      /* NULL unless walked */
	char *path;                  /* for messages */
	bool executed;               /* here, as far as seen; otherwise floor means nothing */
	struct mj_grant floor;       /* intersection of the ceilings it was ever executed under */
	struct sup_names *executors; /* all who ever executed it */
	const struct mj_policy *policy; /* of its modules; only if walked */
	const struct mj_rule **rules;   /* by module index, as far as looked up */
	size_t nrules;
	/* Named under programs:, and why its policy cannot be applied: everything is refused. "": it can. */
	char misfit[320];
	UT_hash_handle hh;
};

/** A stack of which it is known that it may do what a call needs: see sup_decide. */
struct sup_known {
	uint64_t walk_id, ancestry_id; /* walk_id 0: empty */
	enum mj_ancestry ancestry;
	struct mj_need need;
};

/* ---- processes (process.c) ------------------------------------------------------------------ */

enum sup_kind {
	SUP_UNKNOWN = 0, /* could not be read: every call is refused */
	SUP_STUB,        /* modjail's own child, not yet in the program */
	SUP_WALKED,      /* the jailed Go program */
	SUP_CEILING,     /* anything else: runs under its ceiling, without walks */
};

struct sup_auxv {
	uint64_t phdr, base, random, vdso, execfn, entry;
};

/**
 * What tells an execution of a process from the next one: where the kernel has put things, and 16 bytes that it makes
 * anew for each (AT_RANDOM in getauxval(3)). A program may change those: Go, from 1.22, clears them when it has started
 * (runtime/rand.go, randinit). Hence they are read once more before an execution.
 */
struct sup_identity {
	struct sup_auxv auxv;
	uint8_t random[16];
};

/** What /proc/PID/environ said of one execution, read when it is needed first. text: len bytes,
 * owned; NULL if it could not be read. */
struct sup_environment {
	bool tried;
	char *text;
	size_t len;
};

/** A call that the Go runtime makes on all threads of a process for one of them, and what is known of those that glibc makes
 * (allthreads.c). */
struct sup_broadcast {
	uint64_t serial; /* 0: there is none */
	pid_t tid;       /* for whom the runtime makes it; it was let through */
	struct mj_call call;
	pid_t asker; /* for whom glibc made the last one; 0: nobody yet */
};

/** A jailed process between two executions. */
struct sup_process {
	pid_t tgid;
	/* To notice a number that was used again: /proc/PID itself, which is bound to the process; and its start
	 * (/proc/PID/stat field 22), which two processes within 10 ms share. */
	int proc_fd;
	uint64_t start_time;
	struct sup_watch *watch; /* the supervisor's */
	enum sup_kind kind;
	int mem_fd; /* /proc/PID/mem: bound to the memory it had when opened */
	pid_t notifier; /* the thread whose call is decided on: reads of several pieces go by its number */
	bool no_parts; /* process_vm_readv does not work here */
	struct sup_image *image;
	struct mj_runtime *runtime;
	uint64_t runtime_serial; /* of this run's runtimes, never used again */
	uint64_t at_base;
	struct sup_identity identity; /* of what it executes */
	struct mj_grant ceiling;
	bool forked;       /* has not executed anything itself yet */
	bool exec_pending; /* an execve was allowed; whether it succeeded is not known */
	pid_t exec_tid;    /* the thread that makes it */
	struct mj_grant pending_ceiling;
	/* Who was on the stacks that executed this program: they are why the ceiling is what it is. */
	struct sup_names *executors;
	struct sup_names *pending_executors;
	const char *unreadable;     /* why kind is SUP_UNKNOWN */
	struct sup_known known[32]; /* of runtime; a collision replaces */
	struct sup_environment environment;
	struct sup_broadcast broadcast;
	UT_hash_handle hh;
};

/* ---- threads (thread.c) --------------------------------------------------------------------- */

struct sup_thread {
	pid_t tid, tgid;
	int syscall_fd; /* /proc/TID/syscall: bound to the task, ESRCH once that has ended */
	int alive_fd;   /* /proc/TID/oom_score_adj: likewise, and cheap; -1 until it is needed */
	struct mj_thread_hint hint;
	bool fresh; /* was met just now: its process may have taken over a number */
	/* Serial of the last broadcast that it followed. */
	uint64_t served;
	UT_hash_handle hh;
};

/** What /proc/TID/syscall says of a thread that waits in a system call. */
struct sup_where {
	int64_t nr;
	uint64_t args[6];
	uint64_t sp, pc;
	/* Not of the thread that is notified of, but of another one of its process. */
	bool other;
};

/* ---- the supervisor ------------------------------------------------------------------------- */

struct sup_repeat; /* report.c */

/** A call that is not answered yet, for what it is to be decided by cannot be seen at this moment. */
struct sup_postponed {
	struct seccomp_notif req;
	uint64_t since; /* CLOCK_MONOTONIC, ns */
};
#define SUP_POSTPONED_MAX 64

/** What the thread that answers is reading, for the main thread to see (watch.c). */
struct sup_watch {
	_Atomic unsigned serial; /* odd while it reads */
	_Atomic pid_t tgid;      /* whose memory */
	/* The main thread's own. */
	unsigned seen, looks;
};

/** A call whose stack takes long to walk, and which waits for its turn. */
struct sup_deep_call {
	struct sup_deep_call *next;
	struct seccomp_notif req;
	uint64_t since;            /* when it was put aside first */
	struct mj_walk_rest *rest; /* NULL: to be begun anew */
	size_t bytes;              /* that rest takes */
	uint64_t runtime_serial;   /* whose stack rest is about */
};

/** All of them; see deep.c. Empty when zero-initialised. */
struct sup_deep {
	struct sup_deep_call *first, *last;
	size_t count, bytes;
	/* Of the call that is judged: NULL if it was received just now. */
	struct sup_deep_call *current;
	struct mj_walk_rest *rest;
	uint64_t runtime_serial;
	unsigned strides; /* of its walk, so far */
	uint64_t began;   /* its turn */
	bool contended;   /* others wait meanwhile */
	uint64_t clock, seen;
	uint64_t served; /* when another call was answered last */
	bool others;     /* there was one since the last that was put aside */
	uint64_t due;    /* from when on it is their turn even if others wait */
};

struct supervisor {
	const struct mj_run_args *args;
	int listener;
	pid_t child;        /* the program's first process */
	bool child_met;     /* there is, or was, a record of it */
	bool lineage_exact; /* no process was allowed to adopt others' children */
	bool out_of_fds;    /* some open failed for want of descriptors; see sup_reclaim */
	struct sup_process *processes;
	struct sup_thread *threads;
	struct sup_image *images;
	struct sup_image *program; /* what the first process executed */
	struct mj_grant everyone;  /* what all policies of the run give everybody */
	struct sup_watch watch;
	struct mj_grant floor; /* intersection of the ceilings under which anything was executed */
	/* Intersection of the ceilings of executions that may have happened and were not seen to. */
	struct mj_grant unseen;
	unsigned sweep_at;         /* number of records at which dead ones are looked for */
	unsigned sweep_threads_at; /* likewise, of threads */
	struct mj_stack stack;
	struct sup_deep deep;
	uint64_t last_runtime_serial;
	char detail[320];                            /* words of the verdict that is being made */
	struct mj_c_frame c_frames[MJ_MAX_C_FRAMES]; /* likewise, nc_frames of them */
	size_t nc_frames;
	struct sup_repeat *repeats;
	unsigned nrepeats;
	bool blind_noted;
	pthread_mutex_t report_lock;
	struct mj_stats *stats;
	uint64_t last_broadcast; /* serial */
	size_t npostponed;
	uint64_t retry_at; /* when these are decided on again */
	struct sup_postponed postponed[SUP_POSTPONED_MAX];
};

/** A verdict with what a report needs. */
struct sup_verdict {
	bool allow;
	bool logged; /* allowed, but rule refuses, and its action is to log */
	bool stub;   /* modjail's own call: no record */
	/* The standard library's own: allowed, and its stack is not charged. */
	bool own_act;
	bool aside; /* none yet: its stack takes long, and the walk was put aside */
	enum mj_reason reason;
	const char *detail;
	const struct mj_rule *rule; /* that refuses; NULL: nobody's */
	struct mj_need need;
	enum mj_cap capability;
	int subject;
	size_t blamed_pc, blamed_frame;
	size_t blamed_ancestor; /* 0: the stack itself, else 1 + index of the creator */
	bool have_stack;
	struct mj_grant stack_grant; /* intersection over the stack, for ceilings */
	enum mj_broadcast broadcast; /* of the stack that was walked */
	int errnum;                  /* what a refusal has to be, 0: what the policy says */
	bool early; /* refused for what may show a little later: to be put off, if that is possible */
};

/* images.c */
/** The record of a file that process tgid executes; NULL and *why if it cannot be opened. parent: of what it
 * was forked, if that is known and it has not executed anything itself; else NULL. */
struct sup_image *sup_image_of(struct supervisor *sup, pid_t tgid, struct sup_image *parent,
                               const char **why);
/** The rule of one of the image's modules; one that allows nothing if memory runs out. */
const struct mj_rule *sup_image_rule(struct sup_image *image, int module);
void sup_images_free(struct supervisor *sup);

/* process.c */
/** The record of the process that thread belongs to, brought up to date; NULL if it has ended or memory
 * ran out. */
struct sup_process *sup_process_get(struct supervisor *sup, struct sup_thread *thread);
/** Gives back all descriptors that are kept for speed only. */
void sup_reclaim(struct supervisor *sup);
/** open(2) with O_CLOEXEC that notes when descriptors have run out. */
int sup_open(struct supervisor *sup, const char *path, int flags);
/** Reads that belong to a process, for walks. ctx is a struct sup_process. */
ssize_t sup_process_read(void *process, uint64_t addr, void *buf, size_t len);
ssize_t sup_process_ranges(void *process, struct mj_range *ret, size_t max);
/** What the process executes at this moment; false if that cannot be read. */
bool sup_process_identity(struct supervisor *sup, const struct sup_process *process,
                          struct sup_identity *ret);
/** Several pieces at once, of the memory of the thread process->notifier. */
bool sup_process_read_parts(void *process, struct mj_part *parts, size_t n);
/** The record of a process as it is, NULL if there is none: not brought up to date. */
struct sup_process *sup_process_find(struct supervisor *sup, pid_t tgid);
/** An execve of the process by thread tid was allowed on a stack that may do grant. */
void sup_process_exec(struct sup_process *process, pid_t tid, struct mj_grant grant);
/** Drops the records of processes and threads that have ended, if there are many. */
void sup_sweep(struct supervisor *sup);
/** Makes the record of the first process of a jail that it has put itself into: it executes its program already.
 * NULL, or why that cannot be supervised. */
const char *sup_process_attach(struct supervisor *sup, pid_t tgid);
void sup_processes_free(struct supervisor *sup);

/* procfs.c: bounded parsers of /proc files, which do not allocate */
/** fd, if it is open and of a proc file system; else closes it and returns -1 with errno, EBADMSG if something else
 * was mounted over the file that it was to be. */
int sup_procfs_only(int fd);
struct sup_status {
	pid_t tgid, ppid;
	pid_t ns_tid; /* the thread's number in its own PID namespace; 0 if unknown */
};
bool sup_read_status(pid_t tid, struct sup_status *ret);
/** Of a thread: real, effective, saved, and for files. */
struct sup_ids {
	uint32_t uid[4], gid[4];
};
bool sup_read_ids(pid_t tid, struct sup_ids *ret);
/** Whether modjail has CAP_SYS_PTRACE in its own user namespace. */
bool sup_may_trace_all(void);
bool sup_read_start_time(pid_t pid, uint64_t *ret);
bool sup_read_auxv(pid_t pid, struct sup_auxv *ret);
/** Whether each execution by the process gets addresses of its own (personality(2), randomize_va_space in proc_sys_kernel(5));
 * false, too, if that cannot be read. */
bool sup_is_randomised(pid_t pid);
/** Executable ranges of a process; those of the file mapped at at_base are the loader's. */
ssize_t sup_read_ranges(pid_t pid, uint64_t at_base, struct mj_range *ret, size_t max);

/** All that a process has mapped; *ret_text holds the names and is freed by the caller, as *ret is.
 * How many; 0 if that cannot be told, or memory runs out. */
size_t sup_read_mappings(pid_t pid, struct mj_mapping **ret, char **ret_text);

/* thread.c */
/** The record of a thread that may have ended and passed its number on; NULL if there is none. */
struct sup_thread *sup_thread_find(struct supervisor *sup, pid_t tid);
/** /proc/TID/oom_score_adj: cheap to read, and only while the task exists. -1: not to be had. */
int sup_alive_open(pid_t tid);
/** Whether the task behind it still exists. */
bool sup_alive(int fd);
/** Whether the thread still exists. */
bool sup_thread_alive(struct sup_thread *thread);
/** Where a thread waits at this moment, without a record of it: 0, or the errno; EAGAIN if it runs. */
int sup_thread_peek(pid_t tid, struct sup_where *ret);
/** The record of a thread, and where it waits. NULL with *why if it cannot be read. */
struct sup_thread *sup_thread_get(struct supervisor *sup, pid_t tid, struct sup_where *where,
                                  const char **why);
void sup_thread_drop(struct supervisor *sup, struct sup_thread *thread);
void sup_threads_free(struct supervisor *sup);

/* decide.c */
/** Where a known thread of a known process waits, as far as that can be told without asking /proc; *ret_process is the
 * process. A verdict on it that is not a plain "allow" is to be made anew. */
bool sup_predict(struct supervisor *sup, struct sup_thread *thread, const struct mj_call *call,
                 uint64_t pc, struct sup_where *ret, struct sup_process **ret_process);
void sup_decide(struct supervisor *sup, struct sup_process *process, struct sup_thread *thread,
                const struct mj_call *call, const struct sup_where *where, struct sup_verdict *ret);
/** Whether a complete stack and its creators, of which ancestry is known, say on whose behalf the call is made; if
 * not, the unattributed are asked. any: there is a module among them. */
bool sup_is_known(const struct mj_stack *stack, enum mj_ancestry ancestry, bool any);
/** Who is asked for one frame. */
struct sup_asked {
	size_t n;
	const struct mj_rule *rules[SUP_SUBJECTS_MAX];
	int who[SUP_SUBJECTS_MAX];
	bool named, doubtful; /* as for mj_inquiry_frame */
};
/** inner: the frame that this one has called, NULL for none. */
void sup_frame_ask(struct sup_image *image, const struct mj_frame *frame,
                   const struct mj_frame *inner, struct sup_asked *ret);

/* ownact.c */
/** Given a verdict on a complete stack that is not a plain "allow": makes it one, if the call is
 * the standard library's own act; if a refusal is one that the standard library remembers, says
 * so. */
void sup_own_act(struct supervisor *sup, struct sup_process *process, const struct mj_call *call,
                 struct sup_verdict *v);
/** Before what the process executes changes, or it ends. */
void sup_environment_forget(struct sup_environment *environment);

/* allthreads.c */
/** Whether a call is a signal from a process, by the number that modjail knows it by, to itself. */
bool sup_is_own_signal(pid_t tgid, const struct mj_call *call);
/** Whether a call of a thread that follows (enum mj_broadcast) is the one that was let through for another thread, and this
 * one has not been let make it yet. */
bool sup_broadcast_covers(const struct sup_process *process, const struct sup_thread *thread,
                          const struct mj_call *call);
/** After each answer to a thread of the process: part is its stack's if the call was let through, else NONE. */
void sup_broadcast_note(struct supervisor *sup, struct sup_process *process, pid_t tid,
                        const struct mj_call *call, enum mj_broadcast part);
/** glibc's record of a call on all threads, as it stands on the stack of the thread that asks for it. */
struct sup_setxid {
	uint64_t futex; /* address of the word that it waits for */
	int error; /* -1: no thread has made the call; 0: success; else the errno of those that have */
};
/** Whether a call is one of those that glibc makes on all threads. */
bool sup_is_setxid(const struct mj_call *call);
/** The record for this call right above sp, on a stack of the process. False: there is none. */
bool sup_setxid_command(struct sup_process *process, const struct mj_call *call, uint64_t sp,
                        struct sup_setxid *ret);
/** Whether a stack of the process is that of glibc's handler of the signal that sets such calls off. */
bool sup_in_setxid_handler(struct sup_process *process, uint64_t sp);
/** The thread of the process for which glibc makes this call on all others, and where it waits. NULL: there is none at this moment. */
struct sup_thread *sup_setxid_asker(struct supervisor *sup, struct sup_process *process,
                                    const struct mj_call *call, pid_t caller,
                                    struct sup_where *where, struct sup_setxid *ret);
/** Whether modjail can still read a process of which thread tid has made this call. True, too, where that cannot be told. */
bool sup_stays_readable(pid_t tid, const struct mj_call *call);

/* deep.c */
/** Walks the stack of a thread that waits into sup->stack: of the call that is judged. False: it is to be put aside, with
 * sup_deep_keep or sup_walk_forget. */
bool sup_walk(struct supervisor *sup, struct sup_process *process, const struct mj_memory *memory,
              struct mj_thread_hint *hint, const struct sup_where *where);
/** Forgets a walk that is not to be gone on with. */
void sup_walk_forget(struct supervisor *sup);
/** Puts the call aside that is judged. False: out of memory. */
bool sup_deep_keep(struct supervisor *sup, const struct seccomp_notif *req);
/** If some were put aside: whether it is their turn, not that of a call that waits to be received. If not, one does. */
bool sup_deep_turn(struct supervisor *sup);
/** The call that is to be judged next, until sup_deep_leave, unless it is put aside once more. */
const struct seccomp_notif *sup_deep_take(struct supervisor *sup);
void sup_deep_leave(struct supervisor *sup);
/** The call that is judged was answered. */
void sup_deep_served(struct supervisor *sup);
void sup_deep_free(struct supervisor *sup);

/* charged.c */
struct sup_names *sup_names_ref(struct sup_names *names);
void sup_names_unref(struct sup_names *names);
/** Everybody who has to be allowed the call that v is about: of sup->stack, if v has one, and who executed
 * the program. Empty where no policy could allow it. The caller's to unref. */
struct sup_names *sup_charged(struct supervisor *sup, const struct sup_process *process,
                              const struct sup_verdict *v);
/** An execve is allowed by v, before sup_process_exec: who executes. */
void sup_executors_exec(struct supervisor *sup, struct sup_process *process,
                        const struct sup_verdict *v);
/** The execution has happened, and process->image is the new one. */
void sup_executors_done(struct supervisor *sup, struct sup_process *process);
/** A process met for the first time is a fork of parent, or of nobody known. */
void sup_executors_inherit(struct supervisor *sup, struct sup_process *process,
                           const struct sup_process *parent);
void sup_executors_drop(struct sup_process *process);

/* notify.c */
/** Receives and answers until nobody is left in the jail. A thread's main function. */
void *sup_notify_loop(void *supervisor);
/** Ends that thread, which decides first what it has begun to decide. empty: nobody is left in the jail. False: it hangs in
 * a read of somebody's memory, and still may use everything of the supervisor's. */
bool sup_notify_end(pthread_t notifier, bool empty);

/* packed.c: the jail of a packed program (struct mj_run_packed); in another one none of it does anything */
/** Takes the calls that the supervisor has to see out of what need not be notified. */
void sup_packed_notify(struct mj_grant *everyone);
/** Whether a call is MJ_ASK_PROGRAM, which is no system call of anybody's. */
bool sup_packed_is_question(const struct mj_call *call);
/** Whether a file is the packed program, which has no name of its own. */
bool sup_packed_is_program(const struct supervisor *sup, const struct stat *st);
/** Whether a call is notified only for sup_packed_readlink: whoever makes it may. */
bool sup_packed_is_free(const struct supervisor *sup, const struct mj_call *call,
                        struct mj_need need);
/** Answers MJ_ASK_PROGRAM with a descriptor. False: it is not answered. */
bool sup_packed_hand_over(struct supervisor *sup, const struct seccomp_notif *req);
/** Changes resp, which lets a call through, to the answer if the call asks for the program's own path. */
void sup_packed_readlink(struct supervisor *sup, const struct seccomp_notif *req,
                         const struct mj_call *call, const struct sup_process *process,
                         struct seccomp_notif_resp *resp);

/* report.c */
void sup_report(struct supervisor *sup, const struct seccomp_notif *req, const struct mj_call *call,
                const struct sup_process *process, const struct sup_verdict *verdict,
                enum mj_action action, int errnum);
/** Whether this refusal would be reported in full, not only counted. */
bool sup_report_is_new(struct supervisor *sup, const struct mj_call *call,
                       const struct sup_process *process, const struct sup_verdict *verdict);
void sup_report_repeats(struct supervisor *sup);
void sup_notice(struct supervisor *sup, enum mj_notice_level level, const char *fmt, ...)
	MJ_PRINTF(3, 4);

/* stats.c: all accept stats == NULL */
void sup_stats_call(struct mj_stats *stats, int nr, bool allowed);
void sup_stats_walk(struct mj_stats *stats, const struct mj_stack *stack);
void sup_stats_latency(struct mj_stats *stats, uint64_t nanoseconds);

/* confine.c */

/** What the supervisor itself may still do once it is confined, besides what every run needs. */
struct sup_confinement {
	pid_t program;     /* gets any signal; all others may only be killed */
	bool reopens_log;  /* open files for appending (--log-file, when it was rotated) */
	bool writes_files; /* write new files and put them in place of others (modjail learn) */
	bool packed;       /* answer readlink, and hand the program over (packed.c) */
};

/**
 * Confines this process for good: a seccomp filter with no_new_privs, fewer capabilities, not
 * dumpable. For the calling thread and those that it makes later, so to be called before there are
 * others, and once all processes that are to be without the filter exist. -1: not, or not wholly
 * confined; then nothing untrusted may be read.
 */
int sup_confine(const struct sup_confinement *args, struct mj_error *err);
/** Of the calling process, which has no other threads: for one that needs none. */
void sup_drop_all_capabilities(void);

/* environ.c */

#define SUP_PID_NAMES 3

/** An environment whose strings are the caller's, but for GODEBUG and numbers of this process. */
struct sup_environ {
	char **envp;
	char *godebug;
	size_t npids;
	char *pid_texts
		[SUP_PID_NAMES]; /* "NAME=", owned, with room for MJ_PID_TEXT bytes behind... */
	char *pid_slots[SUP_PID_NAMES]; /* ...here */
};

/**
 * A copy of envp in which GODEBUG asks for N ancestors (0: it stays as it is); other settings are kept. Where a service
 * manager has told this process by its number that something is meant for it (LISTEN_PID, WATCHDOG_PID,
 * SYSTEMD_EXEC_PID: sd_listen_fds(3), sd_watchdog_enabled(3), systemd.exec(5)), there is a slot for that of the program, for which
 * it is meant. LISTEN_PIDFDID, the same once more (systemd 259), is left out then. -1: no memory.
 */
int sup_environ_make(char *const *envp, unsigned ancestors, struct sup_environ *ret);
void sup_environ_finish(struct sup_environ *environment);

/* inherited.c */

/** Descriptors above 2 that whoever started this process has left open for what it executes. Zero-initialised: none. */
struct sup_inherited {
	int *fds;
	size_t count;
};
/** Before anything else is opened that an execve would leave open. -1: no memory. Without /proc there are none. */
int sup_inherited_find(struct sup_inherited *ret);
/** Once the program has them: whoever waits for the last copy of a pipe or socket to be closed waits for the program. */
void sup_inherited_close(struct sup_inherited *inherited);
void sup_inherited_finish(struct sup_inherited *inherited);

/* place.c */
/** 0, or -1 and what is missing here: a /proc of this PID namespace, libgcc_s. */
int sup_check_place(struct mj_error *err);
/** 0, or -1 and why modjail may not look at a child of its own that has not executed anything. */
int sup_check_child(pid_t pid, struct mj_error *err);

/* watch.c */
/** pread(2) of a process's memory, watched (unless watch is NULL). */
ssize_t sup_watch_pread(struct sup_watch *watch, pid_t tgid, int fd, void *buf, size_t len,
                        off_t at);
/** process_vm_readv(2) of the memory of thread tid of process tgid, count pieces, watched. */
ssize_t sup_watch_readv(struct sup_watch *watch, pid_t tgid, pid_t tid, const struct iovec *local,
                        const struct iovec *remote, size_t count);
#define SUP_WATCH_MS 1000
/** Every SUP_WATCH_MS, in the main thread. False: the other thread is lost in a read. */
bool sup_watch_look(struct supervisor *sup);

/* run.c */
/** The filter of a run: what its policies deny nobody passes. mj_filter_free. */
int sup_make_filter(struct supervisor *sup, struct mj_filter *ret, struct mj_error *err);
/** A supervisor without a listener and processes; args are borrowed. sup_finish in either case; stats, if args want
 * them, are the caller's. */
int sup_init(struct supervisor *sup, const struct mj_run_args *args, struct mj_error *err);
void sup_finish(struct supervisor *sup);
/** Adds what the images counted to sup->stats, if there are any. */
void sup_fill_stats(struct supervisor *sup);

/* session.c */
/** A descriptor, O_CLOEXEC, of the process that connected at the other end of fd, as which SO_PEERCRED gives pid; -1 and
 * errno. Before Linux 6.5 (SO_PEERPIDFD) the number could belong to another process by now: what that one would
 * have to send, it does not. */
int sup_peer_pidfd(int fd, pid_t pid);

/* signals.c */

/** A process that shows which signals its process group was sent, and says so if modjail is killed. */
struct sup_sentinel {
	pid_t pid;
	int fd; /* to tell it which signals to take */
};

int sup_sentinel_start(const struct mj_run_args *args, struct sup_sentinel *ret,
                       struct mj_error *err);
void sup_sentinel_stop(struct sup_sentinel *sentinel);

struct signalfd_siginfo;
/** Passes one signal on to the program, if it did not get it by itself. */
void sup_signal_forward(struct sup_sentinel *sentinel, pid_t program,
                        const struct signalfd_siginfo *info);
/** Stops modjail as the program was stopped, so that the shell sees it. Returns when continued. */
void sup_stop_self(int sig);

#endif
