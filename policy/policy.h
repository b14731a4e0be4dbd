/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: what each module may do. The one table of system calls and capabilities, go.mod
 * directives, the decision and the filter plan. Pure: no I/O, no clock, no global state; the
 * same input gives the same verdict. Knows nothing of ELF, stacks or processes.
 */
#ifndef MJ_POLICY_H
#define MJ_POLICY_H

#include "common/common.h"

/* ---- capabilities --------------------------------------------------------------------------- */

/**
 * The leaves of the capability tree. Names are capslock's where capslock has one; a name with a
 * slash is a child, and granting a parent ("NETWORK") grants all its children.
 */
enum mj_cap {
	MJ_CAP_FILES_READ,
	MJ_CAP_FILES_WRITE,
	MJ_CAP_FILES_STAT,
	MJ_CAP_NETWORK_CONNECT,
	MJ_CAP_NETWORK_LISTEN,
	MJ_CAP_NETWORK_UNIX,
	MJ_CAP_NETWORK_NETLINK,
	MJ_CAP_NETWORK_RAW,
	MJ_CAP_EXEC,
	MJ_CAP_MODIFY_SIGNALS, /**< MODIFY_SYSTEM_STATE/SIGNALS: signals to processes and threads */
	MJ_CAP_MODIFY_CHDIR,   /**< working directory, root, umask */
	MJ_CAP_MODIFY_IDS,     /**< user, group, session and process group ids, capabilities */
	MJ_CAP_MODIFY_LIMITS,  /**< resource limits, priorities, scheduling, locked memory */
	MJ_CAP_MODIFY_FDS,     /**< putting a descriptor over another one's number */
	MJ_CAP_MODIFY_PROCESS, /**< prctl and alike: names, timers, subreaper, ... */
	MJ_CAP_MODIFY_DUMPABLE, /**< becoming unreadable to the supervisor; see mj_grant_unconfined
				 */
	MJ_CAP_READ_SYSTEM_STATE,
	MJ_CAP_OPERATING_SYSTEM,    /**< mounts, namespaces, kernel modules, clocks, reboot, ... */
	MJ_CAP_ARBITRARY_EXECUTION, /**< memory that becomes executable */
	MJ_CAP_SYSTEM_CALLS,        /**< whatever the table does not classify */
	MJ_CAP_COUNT
};

/** A set of capabilities: bit (1 << enum mj_cap). */
typedef uint64_t mj_caps;
#define MJ_CAP(leaf) (UINT64_C(1) << MJ_CAP_##leaf)
#define MJ_CAPS_ALL ((UINT64_C(1) << MJ_CAP_COUNT) - 1)

/** The names of families, "FILES"; NULL behind the last index. Static. */
const char *mj_cap_family(size_t index);

/** The leaf's full name, "FILES/READ"; never NULL for a valid leaf, NULL otherwise. Static. */
const char *mj_cap_name(enum mj_cap cap);

/** What it is, in one line. Static; "" for no leaf. */
const char *mj_cap_meaning(enum mj_cap cap);
/** How a module that has it may leave its jail, in one clause; NULL if it may not. Static. */
const char *mj_cap_escape(enum mj_cap cap);

/** The set that a name stands for: a leaf, or a parent with all its children. False if unknown. */
bool mj_cap_parse(const char *name, mj_caps *ret);

/** The set with what its members include: who may read files may look at their attributes (FILES/STAT), which opening
 * them shows anyway, and without which no library reads a folder. Nothing else includes another one. */
mj_caps mj_caps_included(mj_caps caps);

/** Writes the names of a set, comma separated, parents for complete families; returns buf, always
 * terminated. 512 bytes hold every set; a smaller buffer cuts it off behind a whole name. */
char *mj_caps_format(mj_caps caps, char *buf, size_t len);

/* ---- the table of system calls -------------------------------------------------------------- */

/** A system call as the kernel reports it (struct seccomp_data, linux/seccomp.h). */
struct mj_call {
	int nr;
	uint64_t args[6];
};

/** What a call needs. Allowed for a grant iff (all ⊆ grant) and (any = ∅ or any ∩ grant ≠ ∅). */
struct mj_need {
	mj_caps all;
	mj_caps any;
	bool known;   /**< false: the table lacks this number (then all = SYSTEM_CALLS) */
	unsigned row; /**< 1 + the table's number for this call with such arguments; 0: none */
};

/** Both sets empty: the base set, what every module may always do. */
static inline bool
mj_need_is_base(struct mj_need need)
{
	return !need.all && !need.any;
}

/** Looks the call up by number and register arguments (first matching row of its entry). */
struct mj_need mj_call_need(const struct mj_call *call);

/** The call whose name in a policy allows the need, whatever its capabilities; -1 if there is none. */
int mj_need_call(struct mj_need need);

/** The call's name ("openat"), or NULL if the table lacks it. Static. */
const char *mj_call_name(int nr);

/** The number of a name, or -1. */
int mj_call_number(const char *name);

/** The table's numbers, ascending, for whoever wants to go through all of it. */
size_t mj_call_count(void);
int mj_call_at(size_t index);

/** Which of the six arguments mean something to this call: bit i for args[i]. */
unsigned mj_call_used_args(int nr);

/** One comparison on a register: (args[arg] & mask) == value. */
struct mj_cond {
	unsigned arg;
	uint64_t mask;
	uint64_t value;
};

#define MJ_PLAN_CONDS 3

/** A row of the table: a call, under conditions on its arguments that exclude those of its other rows; the
 * last row of a call has none and stands for everything else. */
struct mj_table_entry {
	int nr;
	const char *name;
	unsigned nconds;
	const struct mj_cond *conds;
	struct mj_need need;
	bool lineage; /**< always notified: the supervisor keeps its books by it */
	bool inert;   /**< by itself no way out of the jail, though its capability is */
};
/** All rows, in order of number; false behind the last index. */
bool mj_table_entry(size_t index, struct mj_table_entry *ret);

/* ---- grants --------------------------------------------------------------------------------- */

/** Rows that the table has room for: a row is one call under some conditions on its arguments. */
#define MJ_ROWS_MAX 1024

/**
 * What a subject may do, on top of the base set. Zero-initialised: nothing. Compiled: besides the
 * capabilities, one bit for each row of the table that the subject may make, by a capability or by
 * the call's own name, so that an intersection loses nothing and a verdict is one bit.
 */
struct mj_grant {
	mj_caps caps;
	uint64_t rows[MJ_ROWS_MAX / 64];
};

/** A grant of capabilities and of those that they include. */
struct mj_grant mj_grant_of(mj_caps caps);
/** Everything whatsoever, MODIFY_SYSTEM_STATE/DUMPABLE too: what restricts nobody. */
struct mj_grant mj_grant_all(void);
/** Of the capabilities by which the grant lets its module leave its jail: the first, from leaf from on, or
 * MJ_CAP_COUNT. Calls granted by name count as all capabilities that they need, or of which they need one, unless
 * they are inert. */
enum mj_cap mj_grant_escape(const struct mj_grant *grant, enum mj_cap from);
/** What one word of a policy gives: "confined", "unconfined", a capability, a capability's parent, or the name of
 * a system call, whatever its arguments. False if it is none of them. */
bool mj_grant_parse_item(const char *word, struct mj_grant *ret);
/** All words that mj_grant_parse_item knows, up to max of them, for suggestions; returns how many. Static. */
size_t mj_grant_words(const char **ret, size_t max);
#define MJ_GRANT_WORDS_MAX 1024

/** Everything except MODIFY_SYSTEM_STATE/DUMPABLE, which would blind an unprivileged supervisor
 * (ptrace access needs a dumpable target: ptrace(2)), so no policy gives it by default. */
struct mj_grant mj_grant_unconfined(void);
/** The base set, FILES/STAT and READ_SYSTEM_STATE. */
struct mj_grant mj_grant_confined(void);
/** Parses "confined" or "unconfined" (gomodjail's two words). False if it is neither. */
bool mj_grant_parse(const char *word, struct mj_grant *ret);
struct mj_grant mj_grant_intersect(struct mj_grant a, struct mj_grant b);
struct mj_grant mj_grant_union(struct mj_grant a, struct mj_grant b);
/** Whether a allows all that b allows. */
bool mj_grant_covers(const struct mj_grant *a, const struct mj_grant *b);
bool mj_grant_allows(const struct mj_grant *grant, struct mj_need need);
/** The first capability of need that grant lacks, for messages; MJ_CAP_COUNT if it allows it. grant may be NULL:
 * nothing. */
enum mj_cap mj_grant_lacks(const struct mj_grant *grant, struct mj_need need);

/* ---- the policy ----------------------------------------------------------------------------- */

/** Who said something: what comes later in this list beats what comes before it. */
enum mj_source { MJ_SOURCE_NONE = 0, MJ_SOURCE_GOMOD, MJ_SOURCE_FILE, MJ_SOURCE_FLAG };

/** Where a rule was written, for messages. file is borrowed by the policy's own copy. */
struct mj_origin {
	const char *
		file; /**< "go.mod", "modjail.yaml", or "--policy" for the command line; NULL: nowhere */
	unsigned line;   /**< from 1; 0 where there are no lines */
	unsigned column; /**< from 1; 0 where there are no columns */
	enum mj_source source;
};

/** What happens to a call that a subject may not make. */
enum mj_action {
	MJ_ACTION_DEFAULT = 0, /**< as the policy says for all, else MJ_ACTION_ERRNO */
	MJ_ACTION_ERRNO,       /**< it returns an error */
	MJ_ACTION_KILL,        /**< the process is killed with SIGKILL */
	MJ_ACTION_LOG,         /**< it goes through, and is reported */
};
/** "errno", "kill", "log"; NULL for MJ_ACTION_DEFAULT. Static. */
const char *mj_action_name(enum mj_action action);
bool mj_action_parse(const char *word, enum mj_action *ret);

/** One word of an allowlist, and where it stands. */
struct mj_item {
	const char *word; /**< "confined", "FILES/READ", "openat" */
	struct mj_origin origin;
	struct mj_grant grant; /**< what it gives by itself */
};

/** What a policy says of one subject. */
struct mj_rule {
	struct mj_grant grant;
	enum mj_action action;
	int errnum; /**< what a refused call returns; 0: as the policy says for all, else EPERM */
	/** Its frame ends the search: who called it is not asked (Java's doPrivileged). */
	bool privileged;
	/** Goroutines that it starts serve whoever hands them work: who made it start them is not asked. */
	bool pool;
	struct mj_origin origin;
	size_t nitems; /**< what grant is the union of; 0 for a grant that was set as such */
	const struct mj_item *items;
};

struct mj_policy;

/** A policy that names nothing: every module unconfined. Destroy with mj_policy_destroy. */
int mj_policy_create(struct mj_policy **ret, struct mj_error *err);
void mj_policy_destroy(struct mj_policy *policy); /**< accepts NULL */

/**
 * Reads go.mod text (text need not be NUL-terminated) and adds a grant for each required module
 * that its comments confine or unconfine; syntax and precedence are gomodjail's: on the module
 * line or the lines above it (default for all), the lines above a require block, a require line or
 * the lines above it; inner beats outer; versions are ignored; a directive may follow "//
 * indirect;". name stands in messages ("go.mod:12: ..."). The module path is kept
 * (mj_policy_main_module). Errors, with nothing changed: syntax, more than MJ_GOMOD_MAX bytes,
 * unknown policy words, a directive at the go line. Directives anywhere else mean nothing to
 * gomodjail, so that they mean nothing here either, but each leaves a warning.
 */
#define MJ_GOMOD_MAX (4u << 20)
int mj_policy_read_gomod(struct mj_policy *policy, const char *name, const char *text, size_t len,
                         struct mj_error *err);

/**
 * Reads modjail.yaml (docs/POLICY.md). name stands in messages. Errors, with nothing changed: more
 * than MJ_YAML_MAX bytes, what is not YAML, and everything that docs/POLICY.md does not define; err gets the
 * first, and mj_policy_error() all of them, in order of line: "modjail.yaml:3:5: ...".
 */
#define MJ_YAML_MAX (1u << 20)
int mj_policy_read_yaml(struct mj_policy *policy, const char *name, const char *text, size_t len,
                        struct mj_error *err);

/** The mappings that a modjail.yaml is made of. */
enum mj_policy_mapping {
	MJ_MAPPING_FILE,    /**< the file itself */
	MJ_MAPPING_POLICY,  /**< a policy, of default and unattributed */
	MJ_MAPPING_MODULE,  /**< a policy of a module */
	MJ_MAPPING_PROGRAM, /**< an entry of programs */
};
/** The keys that such a mapping may have. Static; NULL behind the last index. */
const char *mj_policy_file_key(enum mj_policy_mapping mapping, size_t index);
/** The greatest errno that a policy may name (MAX_ERRNO of include/linux/err.h). */
#define MJ_POLICY_ERRNO_MAX 4095
/** The name by which a policy may call an errno, "EPERM"; NULL if it has none. Static. */
const char *mj_policy_errno_name(int errnum);

/** What was wrong with the modjail.yaml read last. Borrowed; NULL behind the last index. */
size_t mj_policy_error_count(const struct mj_policy *policy);
const char *mj_policy_error(const struct mj_policy *policy, size_t index);

/** Sets one module's rule, replacing an earlier one of the same or of a lower source (a higher one
 * stays). Everything is copied. `main` and `std` are not module paths: "main" names the main
 * module; "std", "c" and "unattributed" are refused. */
int mj_policy_set_rule(struct mj_policy *policy, const char *module, const struct mj_rule *rule,
                       struct mj_error *err);
/** As mj_policy_set_rule, of a grant alone. */
int mj_policy_set(struct mj_policy *policy, const char *module, struct mj_grant grant,
                  struct mj_origin origin, struct mj_error *err);
/** Sets the rule of modules that nothing names. privileged and pool must be false. */
int mj_policy_set_default(struct mj_policy *policy, const struct mj_rule *rule,
                          struct mj_error *err);
/** Sets what a stack without a module may do. privileged and pool must be false. */
int mj_policy_set_unattributed(struct mj_policy *policy, const struct mj_rule *rule,
                               struct mj_error *err);
/** What happens to refused calls where no rule says otherwise. */
void mj_policy_set_action(struct mj_policy *policy, enum mj_action action, int errnum);

/** What happens to all refused calls whatever the rules say; MJ_ACTION_DEFAULT: as they say. */
void mj_policy_override_action(struct mj_policy *policy, enum mj_action action);

/** A program that the jailed one executes, with a policy of its own. */
struct mj_policy_program {
	const char *path;   /**< of the executable file, absolute */
	const char *policy; /**< its modjail.yaml, relative to this one's folder, or absolute */
	struct mj_origin origin;
};
int mj_policy_add_program(struct mj_policy *policy, const struct mj_policy_program *program,
                          struct mj_error *err);
/** Borrowed; NULL behind the last index. */
const struct mj_policy_program *mj_policy_program_at(const struct mj_policy *policy, size_t index);

/** What the user should know about the files read, "go.mod:12: ...", in order of reading.
 * Borrowed; NULL behind the last index. */
size_t mj_policy_warning_count(const struct mj_policy *policy);
const char *mj_policy_warning(const struct mj_policy *policy, size_t index);

/** Parses a command line "MODULE=POLICY", or a comma-separated list of them as gomodjail takes
 * it, and sets it. A list with an error in it sets nothing. */
int mj_policy_set_flag(struct mj_policy *policy, const char *flag, struct mj_error *err);

/** The module that go.mod is for, or NULL. */
const char *mj_policy_main_module(const struct mj_policy *policy);
/** The main module that modjail.yaml says it is for ("program:"), or NULL; *origin where. */
int mj_policy_set_program(struct mj_policy *policy, const char *module, struct mj_origin origin,
                          struct mj_error *err);
const char *mj_policy_program(const struct mj_policy *policy, struct mj_origin *origin);

/** Whether the standard library has no acts of its own: what it does once for the whole program is
 * charged to who made it ("std: strict"). By default false. */
void mj_policy_set_std_strict(struct mj_policy *policy, bool strict);
bool mj_policy_std_strict(const struct mj_policy *policy);

/** Whether anything was said: a rule, a default, what the unattributed may do, or a program with a policy. */
bool mj_policy_says_something(const struct mj_policy *policy);

/** Modules that the policy names, in order of path. Borrowed; NULL behind the last index. */
size_t mj_policy_count(const struct mj_policy *policy);
const char *mj_policy_module(const struct mj_policy *policy, size_t index);
const struct mj_rule *mj_policy_rule_at(const struct mj_policy *policy, size_t index);
struct mj_origin mj_policy_origin(const struct mj_policy *policy, size_t index);
struct mj_grant mj_policy_grant_at(const struct mj_policy *policy, size_t index);

/** The rule of a module path exactly as named, else the default. is_main: also look for "main"; where both are
 * named, the higher source wins, then the path. Never NULL; borrowed until the policy changes. */
const struct mj_rule *mj_policy_rule(const struct mj_policy *policy, const char *module,
                                     bool is_main);
struct mj_grant mj_policy_grant(const struct mj_policy *policy, const char *module, bool is_main);
/** The rule of modules that nothing names. Never NULL. */
const struct mj_rule *mj_policy_default(const struct mj_policy *policy);
/** The rule of stacks without a module: what was set, else the intersection of all grants, the default
 * included, with no origin. Never NULL. */
const struct mj_rule *mj_policy_unattributed(const struct mj_policy *policy);
/** What every subject may do, the unattributed ones too: what need not be notified. */
const struct mj_grant *mj_policy_everyone(const struct mj_policy *policy);
/** A rule's action and errno, with the policy's own in the place of what it leaves open: neither
 * MJ_ACTION_DEFAULT nor 0. rule may be NULL. */
enum mj_action mj_policy_action(const struct mj_policy *policy, const struct mj_rule *rule,
                                int *ret_errnum);

/* ---- the decision --------------------------------------------------------------------------- */

/** What was met on the way from a call outwards: on its stack, then on those of its goroutine's creators. */
struct mj_search {
	bool any;         /**< a module */
	bool named;       /**< a frame whose own name is a module's */
	bool by_pool;     /**< the first of those may be a pool's */
	bool doubtful;    /**< a frame that anybody may have written */
	bool handed_over; /**< a go statement that may be a pool's, and nobody but pools before it */
};

/**
 * Takes in the next frame, of n modules; named and doubtful as for mj_inquiry_frame. starts: a
 * creator's go statement stands in it, or was executed for it. False: the search ends here, for the
 * frame is a pool's: it is named, all its modules are pools, and it is not doubtful. Frames further
 * outwards, and older creators, only happened to make the pool start a goroutine.
 */
bool mj_search_frame(struct mj_search *search, const struct mj_rule *const *rules, size_t n,
                     bool named, bool doubtful, bool starts);
/** Whether nobody else need be asked at the end of a search, if the creators on it are known. If a pool
 * started the goroutine, and only the standard library stands between the call and a pool's frame, then
 * what makes the call may have been handed over to the pool, and nothing says by whom. */
bool mj_search_knows(const struct mj_search *search, bool known);

/**
 * One decision: the frames of a stack are put to it one after the other, innermost first, then those of
 * the creators. Zero-initialised by mj_inquiry_begin. Pure.
 */
struct mj_inquiry {
	const struct mj_policy *policy;
	struct mj_need need;
	bool want_grant;               /**< keep stack_grant: for an execve */
	struct mj_grant stack_grant;   /**< what all that were asked may do */
	const struct mj_rule *last;    /**< asked last: need not be asked again */
	struct mj_search search;       /**< what was met so far */
	const struct mj_rule *refused; /**< who may not, first of all; NULL: nobody yet */
	const struct mj_rule *logged;  /**< who may not, but only logs; the first one */
};

/** How to go on behind a frame. */
enum mj_answer {
	MJ_ANSWER_REFUSED = 0, /**< somebody may not */
	MJ_ANSWER_NEXT,        /**< ask the next frame */
	MJ_ANSWER_ALLOWED,     /**< a privileged module answers for all who called it */
	MJ_ANSWER_SERVED,      /**< a pool started the goroutine: to be ended with mj_inquiry_end */
};

void mj_inquiry_begin(struct mj_inquiry *inquiry, const struct mj_policy *policy,
                      struct mj_need need, bool want_grant);
/**
 * Asks the n modules that one frame belongs to: all must be allowed. *ret_who: index of the one that may not,
 * or that first is only logged. named: its own name is one of the modules', not the standard library's. A frame is
 * privileged iff it is named, all its modules are privileged and may make the call, and it is not doubtful:
 * to forge a name adds a suspect and never takes one away. starts: see mj_search_frame.
 */
enum mj_answer mj_inquiry_frame(struct mj_inquiry *inquiry, const struct mj_rule *const *rules,
                                size_t n, bool named, bool doubtful, bool starts, size_t *ret_who);
/** The end of the stack and of its creators, or where they cannot be known: asks the unattributed unless
 * mj_search_knows who it was. */
enum mj_answer mj_inquiry_end(struct mj_inquiry *inquiry, bool known);

/* ---- the standard library's own acts (ownact.c) --------------------------------------------- */

/** Whether a call does nothing but open for reading, look at, or read as a link one file, by a path
 * from the root or the working directory that argument *ret_path points to: FILES/READ and
 * FILES/STAT, and no flag that creates, truncates or writes. */
bool mj_call_only_reads(const struct mj_call *call, unsigned *ret_path);

/** Whether a call is one of those by which the standard library sees which sockets the kernel has:
 * it makes a TCP or MPTCP socket, or binds one to the struct sockaddr_in6 that argument
 * *ret_address points to (0: none), which has to be an mj_is_probe_address(). */
bool mj_call_only_probes(const struct mj_call *call, unsigned *ret_address);
struct sockaddr_in6;
/** The loopback of IPv6, or that of IPv4 in it, at a port of the kernel's choice
 * (net/ipsock_posix.go, probe). */
bool mj_is_probe_address(const struct sockaddr_in6 *address);

/* ---- the filter plan ------------------------------------------------------------------------ */

/** What the kernel does with a call by itself. Everything that no rule matches is notified. */
struct mj_plan_rule {
	int nr;
	int errnum; /**< 0: allow; else refuse with this errno, without a notification */
	unsigned nconds;
	struct mj_cond conds[MJ_PLAN_CONDS];
};

/** Rules of a system call are disjoint; a call without conditions has one rule only. */
struct mj_plan {
	bool allow_all; /**< no policy at all: allow everything, foreign architectures included */
	size_t count;
	struct mj_plan_rule *rules;
};

/**
 * The plan for what every subject may do (mj_policy_everyone); allow_all if that is everything. Otherwise calls that end the jail's bookkeeping if unseen (execve, execveat; becoming a
 * subreaper, unsharing, CLONE_PARENT, ...) are always notified, and clone3 is refused with ENOSYS,
 * because its flags lie behind a pointer: libc and Go fall back to clone. Free with mj_plan_free.
 */
int mj_plan_make(const struct mj_grant *everyone, struct mj_plan *ret, struct mj_error *err);
void mj_plan_free(struct mj_plan *plan);

#endif
