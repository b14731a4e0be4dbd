/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli: main and the subcommands, and all that modjail prints. Names of programs, modules, functions
 * and files come from untrusted programs: whatever goes to a terminal goes through cli_put.
 */
#ifndef MJ_CLI_H
#define MJ_CLI_H

#include <stdio.h>

#include "pack/pack.h"
#include "supervisor/supervisor.h"

/* Exit statuses of modjail's own, as env(1) and docker-run(1) use them. */
#define CLI_EXIT_FAILED 125    /* modjail failed before PROG started */
#define CLI_EXIT_NOT_EXEC 126  /* PROG cannot be executed */
#define CLI_EXIT_NOT_FOUND 127 /* PROG was not found */

/* ---- subcommands ---------------------------------------------------------------------------- */

/** `modjail run`; argv[0] is "modjail run". Returns the exit status. */
int cli_cmd_run(int argc, char **argv);
/** `modjail learn`; argv[0] is "modjail learn". Returns the exit status. */
int cli_cmd_learn(int argc, char **argv);
/** `modjail inspect`; argv[0] is "modjail inspect". Returns the exit status. */
int cli_cmd_inspect(int argc, char **argv);

/** `modjail doctor`; argv[0] is "modjail doctor". Returns the exit status. */
int cli_cmd_doctor(int argc, char **argv);
/** `modjail pack`; argv[0] is "modjail pack". Returns the exit status. */
int cli_cmd_pack(int argc, char **argv);

/** A packed modjail in the jail of its own file becomes the program, and does not return. Returns 0 if it is in no such
 * jail, or an exit status. Comes before everything else that modjail does, since it has the rights of whoever
 * executed it only (packed.c). */
int cli_packed_in_jail(char **argv);
/** main of a packed modjail: runs its program. Returns the exit status. */
int cli_packed_main(int argc, char **argv);

/** How a terminal-bound text is written. */
struct cli_style {
	bool utf8; /* the locale's encoding is UTF-8 */
};

/** `modjail agent`; argv[0] is "modjail agent". Returns the exit status. */
int cli_cmd_agent(int argc, char **argv);
/** `modjail env`; argv[0] is "modjail env". Returns the exit status. */
int cli_cmd_env(int argc, char **argv);

/** `modjail policy`; argv[0] is "modjail policy". Returns the exit status. */
int cli_cmd_policy(int argc, char **argv);

/* ---- options of `modjail run` (options.c) --------------------------------------------------- */

enum cli_stats_format { CLI_STATS_OFF = 0, CLI_STATS_TEXT, CLI_STATS_JSON };

/* Creators of a goroutine that are followed: as many as any program seen has, twice over. */
#define CLI_ANCESTRY 32
#define CLI_ANCESTRY_TEXT "32"
#define CLI_ANCESTRY_MAX 1000
#define CLI_ANCESTRY_MAX_TEXT "1000"

struct cli_options {
	const char *go_mod;      /* NULL: none */
	const char *policy_file; /* modjail.yaml; NULL: none */
	size_t npolicies;
	const char **policies; /* arguments of --policy, in order; the array is owned */
	bool no_policy;
	enum mj_action on_deny; /* MJ_ACTION_DEFAULT: as the policy says */
	unsigned ancestors;     /* 0: off */
	bool verify_walk;
	bool json;
	const char *log_file; /* NULL: stderr */
	bool quiet;
	enum cli_stats_format stats;
	bool summary;
	bool no_wait; /* end with PROG, whatever it leaves behind */
	bool strict;  /* PROG does not start where there is a warning about the policy or PROG */
	char **argv;  /* PROG and its arguments, NULL-terminated; borrowed */
	/* Where the files above are read from: names of parts; NULL: they are files. Borrowed. */
	const struct mj_pack *pack;
	/* Where the texts of those files are kept as they were read; NULL: nowhere. Borrowed. */
	struct cli_texts *keep;
};

/** Policies as they were read, in order of reading. Zero-initialised: none. */
struct cli_texts {
	size_t count;
	struct cli_text {
		enum mj_pack_kind kind;
		char *name; /* owned, as the text is */
		char *text;
		size_t len;
	} list[MJ_PACK_ENTRIES_MAX];
};

/**
 * Parses the command line with argp, which for --help and for what is wrong prints and exits itself
 * (main sets argp_err_exit_status), unless flags are ARGP_SILENT (for tests): then it returns an
 * errno value. cli_options_finish in either case.
 */
int cli_options_parse(int argc, char **argv, unsigned flags, struct cli_options *ret);
void cli_options_finish(struct cli_options *options);

/** Copies those of run's options whose names are in the list to out, up to max with the end; their group becomes
 * group. How many. */
struct argp_option;
size_t cli_options_some(const char *const *names, size_t count, int group, struct argp_option *out,
                        size_t max);

/* ---- policies (load.c) ---------------------------------------------------------------------- */

/** Runs a packed program: its policies come from options->pack, its file is program, a sealed memory file called
 * name; self is the packed file. All borrowed. Finishes options. Returns the exit status. */
int cli_run_packed(struct cli_options *options, int program, int self, const char *name);

/** Reads the policies that the options name. Several errors of one file are written to stderr, and *err says how
 * many. *ret is the caller's. */
int cli_load_policy(const struct cli_options *options, struct cli_style style,
                    struct mj_policy **ret, struct mj_error *err);
/** Reads one modjail.yaml into policy, as cli_read_text; errors as cli_load_policy. */
int cli_read_yaml(struct mj_policy *policy, const struct cli_options *options,
                  enum mj_pack_kind kind, size_t nth, const char *name, struct cli_style style,
                  struct mj_error *err);
/** A policy of one modjail.yaml, and of what the options say of all refusals; errors as cli_load_policy. *ret is the
 * caller's. */
int cli_load_yaml(const struct cli_options *options, enum mj_pack_kind kind, size_t nth,
                  const char *name, struct cli_style style, struct mj_policy **ret,
                  struct mj_error *err);
/** Reads one of the files that the options name: the nth of a kind in options->pack, or, without a pack, name. As
 * mj_read_file. */
int cli_read_text(const struct cli_options *options, enum mj_pack_kind kind, size_t nth,
                  const char *name, size_t max, char **ret, size_t *ret_len, struct mj_error *err);

/* ---- programs that the program executes (programs.c) ------------------------------------------ */

/** What a policy file names under "programs:", and what the files named there name in turn. */
struct cli_programs {
	size_t count;
	struct mj_run_program *list;   /**< for mj_run_args */
	struct cli_policies *policies; /**< owned */
};

/**
 * Loads the policies of the programs that policy names, which was read from options->policy_file. A path of a policy
 * is relative to the folder of the file that names it. All programs hold throughout the jail, whichever file names
 * them and whoever executes them. Fails if a file cannot be loaded, if a program is there that cannot be walked or
 * has another main module than its policy is for, and if two policies are for the same program. Warnings go to
 * reporter. While a program is packed, and when it runs, files are told by their names alone, and programs are not looked
 * at. cli_programs_finish in either case.
 */
int cli_load_programs(const struct mj_policy *policy, const struct cli_options *options,
                      struct cli_style style, const struct mj_reporter *reporter,
                      struct cli_programs *ret, struct mj_error *err);
void cli_programs_finish(struct cli_programs *programs);

/* ---- conditions on arguments (conds.c) -------------------------------------------------------- */

/** A row's conditions in words, "O_RDONLY without O_CREAT"; nothing if there are none. */
void cli_put_conds(FILE *out, const struct mj_table_entry *entry);
/** The same in fresh memory; NULL if there is none. */
char *cli_conds_text(const struct mj_table_entry *entry);
/** Whether a call of which only the arguments in known (bit i for args[i]) are known may fit a row; *ret_surely:
 * whatever the others are. */
bool cli_call_may_fit(const struct mj_call *call, unsigned known,
                      const struct mj_table_entry *entry, bool *ret_surely);
/** As cli_put_args, with "_" for the arguments that are not in known. */
void cli_put_known_args(FILE *out, const struct mj_call *call, unsigned known);
/** Reads arguments as cli_put_args writes them: "AF_INET, SOCK_STREAM"; "_" is one that is not known, and so are
 * those left out at the end. call->nr must be set. -1 and why not. */
int cli_parse_args(const char *text, struct mj_call *call, unsigned *ret_known,
                   struct mj_error *err);

/* ---- `modjail policy` (policy_*.c) ------------------------------------------------------------- */

enum cli_caps_format { CLI_CAPS_TEXT, CLI_CAPS_MARKDOWN, CLI_CAPS_JSON };
/** The table of capabilities. calls: each with the calls that need it (the others always say it).
 * CLI_CAPS_MARKDOWN: docs/capabilities.md. */
void cli_policy_caps(FILE *out, enum cli_caps_format format, bool calls);

/** docs/modjail.schema.json: the JSON Schema of modjail.yaml. -1 and *err, with nothing written, if there is a key
 * of which it says nothing, or no memory. */
int cli_policy_schema(FILE *out, struct mj_error *err);

/** A call that is asked about: known says which arguments are given, bit i for args[i]. */
struct cli_asked {
	struct mj_call call;
	unsigned known;
	bool by_default; /* nothing names the module */
};
enum cli_explained { CLI_EXPLAINED_ALLOWED = 0, CLI_EXPLAINED_REFUSED = 1, CLI_EXPLAINED_BOTH = 2 };
/** Whether a module with this rule may make the call, which the table has, and which line says so. */
enum cli_explained cli_policy_explain(FILE *out, struct cli_style style, const struct mj_rule *rule,
                                      const char *module, const struct cli_asked *asked);

/** "confined", "unconfined", or NULL if a rule's grant is neither, or was written as a list. */
const char *cli_rule_word(const struct mj_rule *rule);
/** One rule and where its words stand. */
void cli_policy_show_rule(FILE *out, struct cli_style style, const char *module,
                          const struct mj_rule *rule);
/** What the filter does with each call. */
int cli_policy_show_plan(FILE *out, const struct mj_grant *everyone, bool json,
                         struct mj_error *err);

/** Opens a Go program to look its modules up; NULL and *err if it is none. */
struct mj_image *cli_open_program(const char *path, const struct mj_policy *policy,
                                  struct mj_error *err);

/** Whether the program has a module of exactly this name; *ret_nearest: the closest one, or NULL, as long as the
 * image lives. */
bool cli_has_module(struct mj_image *image, const char *name, const char **ret_nearest);

/** Where check's findings go, each "FILE:LINE: ..." where there is one. */
struct cli_check {
	void (*warn)(void *ctx, const char *text);
	void *ctx;
};
/** Warnings about the policy by itself and, if program is not NULL, about how it fits the program. 0, or -1 and
 * *err for what is no mere warning. */
int cli_policy_check(const struct mj_policy *policy, const struct cli_options *options,
                     const char *program, struct cli_style style, const struct cli_check *check,
                     struct mj_error *err);

/* What `modjail policy --json` writes (policy_json.c). */
/** {"name":..., "meaning":..., "escape":..., "calls":[{"name":..., "when":...}]} of each */
void cli_json_caps(FILE *out);
/** program: NULL, or the program whose modules are shown, too. */
void cli_json_show(FILE *out, const struct mj_policy *policy, const struct mj_image *program);
/** Texts, in order: {"errors":[...], "warnings":[...]}. */
void cli_json_check(FILE *out, const char *const *errors, size_t nerrors,
                    const char *const *warnings, size_t nwarnings);
/** One list of names of calls for each head, at most 8. */
struct cli_plan_list {
	const char *head, *key;
	size_t count;
	const char **names;
};
void cli_json_plan(FILE *out, const struct cli_plan_list *lists, size_t count);

struct argp_state;
/** What argp's parser of a command with some of run's options does with those that are not its own: its error_t. */
int cli_options_pass(struct cli_options *run, int key, char *arg, struct argp_state *state);

struct argp;
/** The parser itself, for commands with some of the same options; its input is a struct cli_options. */
const struct argp *cli_options_argp(void);
/** As argp_error, with the prefix that all messages of modjail have. */
void cli_options_fail(const struct argp_state *state, const char *fmt, ...) MJ_PRINTF(2, 3);

/* ---- the program (program.c) ---------------------------------------------------------------- */

/**
 * Finds PROG as execvp(3) does: a name with a slash is taken as it is, another one is looked for in
 * path (the value of PATH; NULL: the system's default). Returns 0 and *ret (freed by the caller),
 * or CLI_EXIT_NOT_EXEC or CLI_EXIT_NOT_FOUND and *err.
 */
int cli_find_program(const char *name, const char *path, char **ret, struct mj_error *err);

/**
 * Checks that stacks of the program can be attributed under policy, and warns through reporter
 * about what looks like a mistake. options: what policy was read from and how the program is called, for advice; NULL: not
 * known. Returns 0, or an exit status and *err.
 */
int cli_check_program(const char *path, const struct mj_policy *policy,
                      const struct cli_options *options, const struct mj_reporter *reporter,
                      struct mj_error *err);

/** As cli_check_program, for an open file called name. */
int cli_check_program_fd(int fd, const char *name, const struct mj_policy *policy,
                         const struct cli_options *options, const struct mj_reporter *reporter,
                         struct mj_error *err);

/* ---- programs under which a policy does not do what it looks like (fit.c) ----------------------- */

/** Warns if the program is the go command, or a C program with Go in it, or if the policies deny nothing to any module of
 * it; not of the last if there was a warning that says why (warned). options as for cli_check_program. */
void cli_warn_kind(struct mj_image *image, const char *path, const struct mj_policy *policy,
                   const struct cli_options *options, bool warned,
                   const struct mj_reporter *reporter);

/** Warns if the file behind path would give whoever executes it privileges (file capabilities, set-user-ID,
 * set-group-ID), and, under this modjail, does not: no_new_privs (kernel: fs/exec.c, bprm_fill_uid;
 * security/commoncap.c). packed: if it is packed, where it never does. */
void cli_warn_privileges(const char *path, bool packed, const struct mj_reporter *reporter);

/* ---- --strict (strict.c) ------------------------------------------------------------------------ */

/** Counts warnings on their way. */
struct cli_strict {
	bool on; /* they are errors */
	const struct mj_reporter
		*to;            /* where they go; NULL, only if on: to stderr, --quiet or not */
	struct cli_style style; /* for stderr */
	size_t count;
};
/** A reporter for notices only, as long as strict lives. */
struct mj_reporter cli_strict_reporter(struct cli_strict *strict);
/** -1 and *err if there was a warning, and warnings are errors. */
int cli_strict_end(const struct cli_strict *strict, const char *program, struct mj_error *err);

/* ---- `modjail pack` (pack_list.c) ------------------------------------------------------------ */

/** Writes what is in a packed file, each part compared with its digest. -1 and *err if one differs, or it is no
 * packed file. */
int cli_pack_list(FILE *out, struct cli_style style, bool json, const char *path,
                  struct mj_error *err);

/* ---- which policy a program of the agent gets (agent_policy.c) -------------------------------- */

/**
 * The policy file in folder dir for a program: DIR/paths/PATH.yaml, else DIR/modules/MODULE.yaml. path is its
 * executable's, absolute; module its main module's, or "". *ret (freed by the caller) is NULL if there is neither. Names
 * that could lead out of the folder are never looked for. -1 and *err: it cannot be found out.
 */
int cli_policy_file_for(const char *dir, const char *path, const char *module, char **ret,
                        struct mj_error *err);

/* ---- can a program be preloaded into? (preloadable.c) ----------------------------------------- */

/** What `modjail env` finds out about a program. */
struct cli_preloadable {
	bool works;
	char reason[512];      /* why it does not work */
	const char *instead;   /* what to do then, static */
	char main_module[256]; /* "" if unknown */
};

/**
 * Whether libmodjail_preload.so works for the program behind fd (path is for messages and is executed under that
 * name). Returns 0 and *ret, or -1 and *err if the file cannot be read.
 */
int cli_preloadable(int fd, const char *path, struct cli_preloadable *ret, struct mj_error *err);
/** The path of the dynamic loader that the ELF file behind fd names, into buf; 0: it names none (a static program),
 * -1: the file is damaged. Reads only what it has checked to be there. */
int cli_read_interpreter(int fd, char *buf, size_t size);

/* ---- exit status (status.c) ----------------------------------------------------------------- */

/** What becomes of modjail at the end of the run. */
struct cli_ending {
	int status; /* exit status */
	int signal; /* not 0: die of it, status is for when that fails */
};
struct cli_ending cli_ending_of(const struct mj_run_result *result);

/** Kills this process with ending.signal, if any; returns ending.status if it is still there. */
int cli_end(struct cli_ending ending);

/* ---- putting text where people or programs read it (text.c) --------------------------------- */

/**
 * Writes s with everything escaped that could do more than show up: control characters, invalid
 * UTF-8, characters that change direction or have no width, and all but ASCII if !utf8.
 */
void cli_put(FILE *out, struct cli_style style, const char *s);
/** As cli_put, into fresh memory; NULL if there is none. *width (may be NULL): columns. */
char *cli_escape(struct cli_style style, const char *s, size_t *width);
/** A copy of s in which invalid UTF-8 is U+FFFD, for JSON; NULL if memory runs out. */
char *cli_valid_utf8(const char *s);

/** Writes all of buf to fd, in one write(2) if the kernel takes it. No error and no signal of that
 * write ends or stops the run: what cannot be written is lost. */
void cli_write(int fd, const char *buf, size_t len);

/* ---- `modjail inspect` (inspect_text.c, inspect_json.c) -------------------------------------- */

/** What was found in one file. */
struct cli_inspected {
	const char *path;
	const struct mj_image *image;
	const struct mj_inspection *found;
};

/** Whether code of these findings can get around a jail, or merely bears another's name. */
bool cli_is_held(const struct mj_inspected *module);
/** The path of a subject, "std", or NULL for nobody. */
const char *cli_subject_name(const struct mj_image *image, int subject);
void cli_inspect_text(FILE *out, struct cli_style style, const struct cli_inspected *what);
void cli_inspect_json(FILE *out, const struct cli_inspected *what);

/* ---- arguments of calls (args.c) ------------------------------------------------------------ */

/** Writes the arguments that say something to people, "O_RDONLY|O_CLOEXEC" or "1, SIGTERM";
 * nothing if there are none. Registers only: nothing behind a pointer. */
void cli_put_args(FILE *out, const struct mj_call *call);

/* ---- a refusal as plain data (view.c) ------------------------------------------------------- */

#define CLI_NO_FRAME SIZE_MAX

struct cli_frame {
	char *function; /* for people; owned, not escaped */
	const char *file;
	int line;
	const char *module; /* path, "std" or "c" */
	bool is_std, is_c, inlined;
	size_t ancestor; /* 0: of the stack itself, i: of the i-th goroutine back */
	uint64_t goid;   /* which goroutine that is; 0 if unknown */
};

enum cli_event { CLI_REFUSED, CLI_KILLED, CLI_ALLOWED, CLI_REPEATED };

/** What the renderers need of a refusal: no image, no stack. Nothing in it is escaped yet. */
struct cli_view {
	enum cli_event event;
	struct timespec time;
	pid_t pid, tid;
	struct mj_call call;
	const char *call_name;  /* NULL if the table lacks it */
	const char *capability; /* "" if none */
	const char *errno_name; /* "EPERM"; NULL if the call returned no errno */
	enum mj_reason reason;
	const char *detail;  /* "" if none */
	const char *program; /* "" if unknown */
	const char *module;  /* who is blamed: a path, "std", "c", "unattributed"; NULL: nobody */
	const char *version; /* "" if unknown */
	const struct mj_rule *rule; /* that refuses; NULL if unknown */
	uint64_t count;             /* for CLI_REPEATED: how often in all */
	bool walk_failed;           /* the stack is incomplete... */
	uint64_t why_pc;            /* ...from this address on */
	size_t nframes;
	struct cli_frame *frames; /* logical frames, innermost first; then those of creators */
	size_t nstack;            /* how many of them are the stack's own */
	size_t blamed;            /* index, or CLI_NO_FRAME */
	bool through;             /* the call went through: MJ_ACTION_LOG */
	struct mj_need need;      /* what was decided on */
	const char *main_module;  /* of the program; "" if unknown */
	size_t nmodules;          /* all who have to be allowed it: see struct mj_refusal */
	const char *const *modules;
};

/** Borrows from refusal. repeated: mj_reporter.repeated was told of it. -1: out of memory. */
int cli_view_make(const struct mj_refusal *refusal, bool repeated, struct cli_view *ret);
void cli_view_finish(struct cli_view *view);

/* ---- renderers: one record each ------------------------------------------------------------- */

void cli_text_refusal(FILE *out, struct cli_style style, const struct cli_view *view);
/** What to do about a refusal; nothing if there is nothing to say. */
void cli_text_hint(FILE *out, struct cli_style style, const struct cli_view *view);
void cli_text_notice(FILE *out, struct cli_style style, enum mj_notice_level level,
                     const char *text);
void cli_json_refusal(FILE *out, const struct cli_view *view);
void cli_json_notice(FILE *out, struct timespec time, enum mj_notice_level level, const char *text);
void cli_json_event(FILE *out, struct timespec time, const char *text);

/* ---- --summary (summary.c) ------------------------------------------------------------------ */

/** Calls of one subject that lacked one capability. */
struct cli_tally {
	char *subject;
	const char *capability; /* static, "" if none */
	uint64_t refused, allowed;
};

/** Zero-initialised: nothing was refused. */
struct cli_summary {
	struct cli_tally *tallies;
	size_t count;
	uint64_t refused, allowed;
};

void cli_summary_add(struct cli_summary *summary, const struct cli_view *view);
/** By subject, then capability. */
void cli_summary_sort(struct cli_summary *summary);
/** What to do next, in one clause. Static. */
const char *cli_summary_next(const struct cli_summary *summary);
void cli_summary_text(FILE *out, struct cli_style style, const struct cli_summary *summary);
void cli_summary_json(FILE *out, struct timespec time, const struct cli_summary *summary);
void cli_summary_finish(struct cli_summary *summary);

/* ---- --log-file (log.c) --------------------------------------------------------------------- */

/** Opens a log file for appending; -1 and *err if that cannot be. */
int cli_log_open(const char *path, struct mj_error *err);
/** Before a record: if path names another file than fd by now, or none, makes fd that one. */
void cli_log_follow(int fd, const char *path);

/** peak_kib: the supervisor's peak memory. */
void cli_stats_text(FILE *out, const struct mj_stats *stats, uint64_t peak_kib);
void cli_stats_json(FILE *out, const struct mj_stats *stats, uint64_t peak_kib);
/** VmHWM of this process in KiB; 0 if unknown. */
uint64_t cli_peak_kib(void);

/* ---- the reporter (report.c) ---------------------------------------------------------------- */

/** Where records go, and how. Lives as long as the run. */
struct cli_report {
	int fd;                      /* borrowed */
	const char *path;            /* of fd, to be opened anew after a rotation; NULL: stderr */
	struct cli_summary *summary; /* to be kept; NULL: not asked for */
	bool json, quiet;
	struct cli_style style;
	unsigned hinted; /* reasons that a hint was given for: bit per enum mj_reason */
	/* Of the jail, where there are several (modjail agent): before each line of text, and behind the '{' of each
	 * object. NULL: there is one. */
	const char *label, *json_label;
};

/** Says on stderr, as text, what is wrong. */
void cli_say_error(struct cli_style style, const char *text);

struct mj_reporter cli_report_reporter(struct cli_report *report);
/** Writes the summary, if one was kept, quiet or not. */
void cli_report_summary(const struct cli_report *report);
/** Writes one line about what happens, quiet or not: JSON event "program". */
void cli_report_event(const struct cli_report *report, const char *text);
/** Writes the statistics, quiet or not: they were asked for. */
void cli_report_stats(const struct cli_report *report, enum cli_stats_format format,
                      const struct mj_stats *stats);

#endif
