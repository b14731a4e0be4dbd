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

/** The leaf's full name, "FILES/READ"; never NULL for a valid leaf, NULL otherwise. Static. */
const char *mj_cap_name(enum mj_cap cap);

/** The set that a name stands for: a leaf, or a parent with all its children. False if unknown. */
bool mj_cap_parse(const char *name, mj_caps *ret);

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
	bool known; /**< false: the table lacks this number (then all = SYSTEM_CALLS) */
};

/** Both sets empty: the base set, what every module may always do. */
static inline bool
mj_need_is_base(struct mj_need need)
{
	return !need.all && !need.any;
}

/** Looks the call up by number and register arguments (first matching row of its entry). */
struct mj_need mj_call_need(const struct mj_call *call);

/** The call's name ("openat"), or NULL if the table lacks it. Static. */
const char *mj_call_name(int nr);

/** The number of a name, or -1. */
int mj_call_number(const char *name);

/** The table's numbers, ascending, for whoever wants to go through all of it. */
size_t mj_call_count(void);
int mj_call_at(size_t index);

/** Which of the six arguments mean something to this call: bit i for args[i]. */
unsigned mj_call_used_args(int nr);

/* ---- grants --------------------------------------------------------------------------------- */

/** What a subject may do, on top of the base set. Zero-initialised: nothing. */
struct mj_grant {
	mj_caps caps;
};

/** Everything except MODIFY_SYSTEM_STATE/DUMPABLE, which would blind an unprivileged supervisor
 * (ptrace access needs a dumpable target: ptrace(2)), so no policy gives it by default. */
struct mj_grant mj_grant_unconfined(void);
/** The base set, FILES/STAT and READ_SYSTEM_STATE. */
struct mj_grant mj_grant_confined(void);
/** Parses "confined" or "unconfined" (gomodjail's two words). False if it is neither. */
bool mj_grant_parse(const char *word, struct mj_grant *ret);
struct mj_grant mj_grant_intersect(struct mj_grant a, struct mj_grant b);
bool mj_grant_allows(struct mj_grant grant, struct mj_need need);
/** The first capability of need that grant lacks, for messages; MJ_CAP_COUNT if it allows it. */
enum mj_cap mj_grant_lacks(struct mj_grant grant, struct mj_need need);

/* ---- the policy ----------------------------------------------------------------------------- */

/** Where a rule was written, for messages. file is borrowed by the policy's own copy. */
struct mj_origin {
	const char *file; /**< "go.mod", or "--policy" for the command line */
	unsigned line;    /**< from 1; 0 where there are no lines */
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

/** Sets one module's grant, replacing an earlier one. module is copied. `main` and `std` are not
 * module paths: "main" names the main module; "std", "c" and "unattributed" are refused. */
int mj_policy_set(struct mj_policy *policy, const char *module, struct mj_grant grant,
                  struct mj_origin origin, struct mj_error *err);

/** What the user should know about the go.mod files read, "go.mod:12: ...", in order of reading.
 * Borrowed; NULL behind the last index. */
size_t mj_policy_warning_count(const struct mj_policy *policy);
const char *mj_policy_warning(const struct mj_policy *policy, size_t index);

/** Parses a command line "MODULE=POLICY", or a comma-separated list of them as gomodjail takes
 * it, and sets it. A list with an error in it sets nothing. */
int mj_policy_set_flag(struct mj_policy *policy, const char *flag, struct mj_error *err);

/** The module that go.mod is for, or NULL. */
const char *mj_policy_main_module(const struct mj_policy *policy);

/** Modules that the policy names, in order of path. Borrowed; NULL behind the last index. */
size_t mj_policy_count(const struct mj_policy *policy);
const char *mj_policy_module(const struct mj_policy *policy, size_t index);
struct mj_origin mj_policy_origin(const struct mj_policy *policy, size_t index);
struct mj_grant mj_policy_grant_at(const struct mj_policy *policy, size_t index);

/** The grant of a module path exactly as named, else the default. is_main: also look for "main". */
struct mj_grant mj_policy_grant(const struct mj_policy *policy, const char *module, bool is_main);
/** What a stack with no module may do: the intersection of all grants, the default included. */
struct mj_grant mj_policy_unattributed(const struct mj_policy *policy);
/** C code with no Go caller: as unattributed. */
struct mj_grant mj_policy_c(const struct mj_policy *policy);
/** What some subject is denied: the capabilities that must be notified. Never empty: nobody has
 * MODIFY_SYSTEM_STATE/DUMPABLE by default. */
mj_caps mj_policy_denied(const struct mj_policy *policy);

/* ---- the filter plan ------------------------------------------------------------------------ */

/** One comparison on a register: (args[arg] & mask) == value. */
struct mj_cond {
	unsigned arg;
	uint64_t mask;
	uint64_t value;
};

#define MJ_PLAN_CONDS 3

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
 * The plan for a set of capabilities that somebody is denied (mj_policy_denied); allow_all if it
 * is empty. Otherwise calls that end the jail's bookkeeping if unseen (execve, execveat; becoming a
 * subreaper, unsharing, CLONE_PARENT, ...) are always notified, and clone3 is refused with ENOSYS,
 * because its flags lie behind a pointer: libc and Go fall back to clone. Free with mj_plan_free.
 */
int mj_plan_make(mj_caps denied, struct mj_plan *ret, struct mj_error *err);
void mj_plan_free(struct mj_plan *plan);

#endif
