/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies that differ in one line differ in exactly the calls of that line: for every word that a policy may
 * have, over all rows of the table, against a computation that uses nothing of grant.c. And what the kernel that
 * runs knows, the table knows.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/policy.h"

#define MODULE "example.com/one"
#define OTHER "example.com/other"

/* ---- what a line should give, by names alone --------------------------------------------------- */

/* Words of a policy, and what they come to. */
struct words {
	size_t count;
	const char *list[4];
};

static mj_caps
caps_of_word(const char *word)
{
	mj_caps caps = 0;
	size_t len = strlen(word);
	if (strcmp(word, "unconfined") == 0)
		return MJ_CAPS_ALL & ~MJ_CAP(MODIFY_DUMPABLE);
	if (strcmp(word, "confined") == 0)
		return MJ_CAP(FILES_STAT) | MJ_CAP(READ_SYSTEM_STATE);
	for (int c = 0; c < MJ_CAP_COUNT; c++) {
		const char *name = mj_cap_name(c);
		if (strncmp(name, word, len) == 0 && (name[len] == '\0' || name[len] == '/'))
			caps |= UINT64_C(1) << c;
	}
	return caps;
}

static bool
should_allow(const struct words *words, const struct mj_table_entry *entry)
{
	mj_caps caps = 0;
	for (size_t i = 0; i < words->count; i++) {
		if (strcmp(words->list[i], entry->name) == 0)
			return true;
		caps |= caps_of_word(words->list[i]);
	}
	if (caps & MJ_CAP(FILES_READ)) /* what is included, as docs/POLICY.md says */
		caps |= MJ_CAP(FILES_STAT);
	if ((entry->need.all & caps) != entry->need.all)
		return false;
	return entry->need.any == 0 || (entry->need.any & caps) != 0;
}

/* ---- the policy of some words ------------------------------------------------------------------- */

static struct mj_policy *
policy_of(const struct words *words)
{
	char text[1024];
	struct mj_policy *policy = NULL;
	struct mj_error err = { 0 };
	int n = snprintf(text, sizeof(text),
	                 "version: 1\nmodules:\n  " OTHER ": [FILES/READ, inotify_init1]\n"
	                 "  " MODULE ":\n    allow:%s\n",
	                 words->count ? "" : " []");
	for (size_t i = 0; i < words->count; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "      - %s\n", words->list[i]);
	ck_assert_int_eq(mj_policy_create(&policy, NULL), 0);
	ck_assert_msg(mj_policy_read_yaml(policy, "p.yaml", text, (size_t)n, &err) == 0, "%s: %s",
	              text, err.text);
	return policy;
}

/* A call that fits a row, whose other bits are set if they may be. */
static struct mj_call
call_of(const struct mj_table_entry *entry)
{
	struct mj_call call = { .nr = entry->nr };
	for (unsigned i = 0; i < entry->nconds; i++) {
		const struct mj_cond *c = &entry->conds[i];
		call.args[c->arg] = c->value;
	}
	return call;
}

static void
compare_all_rows(const struct words *words, const struct mj_policy *policy)
{
	const struct mj_rule *rule = mj_policy_rule(policy, MODULE, false);
	struct mj_table_entry entry;
	for (size_t i = 0; mj_table_entry(i, &entry); i++) {
		bool wanted = should_allow(words, &entry);
		ck_assert_msg(mj_grant_allows(&rule->grant, entry.need) == wanted,
		              "%s with %zu words, the last %s: row %zu should be %d", entry.name,
		              words->count, words->count ? words->list[words->count - 1] : "", i,
		              wanted);
		if (!entry.nconds)
			continue;
		/* The same by a call as the kernel reports it. */
		struct mj_call call = call_of(&entry);
		struct mj_need need = mj_call_need(&call);
		ck_assert_uint_eq(need.row, entry.need.row);
		ck_assert(mj_grant_allows(&rule->grant, need) == wanted);
	}
}

/* ---- what the filter makes of it ---------------------------------------------------------------- */

static bool
row_is_free(const struct mj_plan *plan, const struct mj_table_entry *entry)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct mj_plan_rule *rule = &plan->rules[i];
		if (rule->nr != entry->nr || rule->errnum)
			continue;
		if (rule->nconds == 0)
			return true;
		if (rule->nconds == entry->nconds &&
		    memcmp(rule->conds, entry->conds, rule->nconds * sizeof(*rule->conds)) == 0)
			return true;
	}
	return plan->allow_all;
}

/* A plan of a grant lets no row through that the grant does not allow, nor one that must be seen. */
static void
compare_plan(const struct words *words)
{
	struct mj_plan plan;
	struct mj_table_entry entry;
	struct mj_policy *policy = policy_of(words);
	const struct mj_rule *rule = mj_policy_rule(policy, MODULE, false);
	ck_assert_int_eq(mj_plan_make(&rule->grant, &plan, NULL), 0);
	for (size_t i = 0; mj_table_entry(i, &entry); i++) {
		bool free_row = row_is_free(&plan, &entry);
		bool may = should_allow(words, &entry) && !entry.lineage;
		ck_assert_msg(!free_row || may, "%s passes the filter (%s)", entry.name,
		              words->list[words->count - 1]);
		/* The last row of several cannot be said to the filter by itself: notified. */
		if (may && entry.nconds)
			ck_assert_msg(free_row, "%s is notified (%s)", entry.name,
			              words->list[words->count - 1]);
	}
	mj_plan_free(&plan);
	mj_policy_destroy(policy);
}

/* ---- the tests ---------------------------------------------------------------------------------- */

/* Lines that stand in front of the one that differs: each interacts with it differently. */
static const struct words bases[] = {
	{ 0, { NULL } },
	{ 1, { "confined" } },
	{ 2, { "FILES/READ", "SYSTEM_CALLS" } },
	{ 2, { "NETWORK/LISTEN", "openat" } },
};

static size_t
all_words(const char *words[MJ_GRANT_WORDS_MAX])
{
	size_t count = mj_grant_words(words, MJ_GRANT_WORDS_MAX);
	ck_assert_uint_gt(count, mj_call_count() + MJ_CAP_COUNT);
	ck_assert_uint_lt(count, MJ_GRANT_WORDS_MAX);
	return count;
}

/* A word that stands there twice is an error of its own. */
static bool
stands_in(const struct words *words, const char *word)
{
	for (size_t i = 0; i < words->count; i++)
		if (strcmp(words->list[i], word) == 0)
			return true;
	return false;
}

START_TEST(one_line_more)
{
	const char *list[MJ_GRANT_WORDS_MAX];
	size_t count = all_words(list);
	struct words words = bases[_i];
	struct mj_policy *without = policy_of(&words);
	compare_all_rows(&words, without);
	struct mj_grant before = mj_policy_rule(without, MODULE, false)->grant;
	struct mj_grant other = mj_policy_rule(without, OTHER, false)->grant;
	words.count++;
	for (size_t i = 0; i < count; i++) {
		if (stands_in(&bases[_i], list[i]))
			continue;
		words.list[words.count - 1] = list[i];
		struct mj_policy *with = policy_of(&words);
		const struct mj_rule *rule = mj_policy_rule(with, MODULE, false);
		compare_all_rows(&words, with);
		ck_assert(mj_grant_covers(&rule->grant, &before));
		/* The other module, and those that nothing names, are as they were. */
		ck_assert(memcmp(&mj_policy_rule(with, OTHER, false)->grant, &other,
		                 sizeof(other)) == 0);
		ck_assert(mj_policy_default(with)->grant.caps == mj_grant_unconfined().caps);
		mj_policy_destroy(with);
	}
	mj_policy_destroy(without);
}
END_TEST

/* The comparison above can tell: each word gives something that no policy without it has, or the base set. */
START_TEST(each_line_gives_something)
{
	const char *list[MJ_GRANT_WORDS_MAX];
	size_t count = all_words(list);
	struct mj_table_entry entry;
	struct mj_grant none = mj_grant_of(0);
	size_t changed = 0;
	for (size_t i = 0; i < count; i++) {
		struct mj_grant grant;
		bool base_only = true;
		ck_assert(mj_grant_parse_item(list[i], &grant));
		for (size_t r = 0; mj_table_entry(r, &entry); r++)
			if (strcmp(entry.name, list[i]) == 0)
				base_only = base_only && mj_need_is_base(entry.need);
		bool is_call = mj_call_number(list[i]) >= 0;
		bool same = mj_grant_covers(&none, &grant);
		ck_assert_msg(same == (is_call && base_only), "%s", list[i]);
		changed += !same;
	}
	ck_assert_uint_gt(changed, 150);
}
END_TEST

START_TEST(plans_of_one_line)
{
	const char *list[MJ_GRANT_WORDS_MAX];
	size_t count = all_words(list);
	for (size_t i = 0; i < count; i++) {
		struct words words = { 1, { list[i] } };
		compare_plan(&words);
	}
}
END_TEST

/* What is not restricted costs nothing: a policy that denies the network and executing notifies no file call. */
START_TEST(files_are_free)
{
	struct mj_policy *policy = NULL;
	struct mj_plan plan;
	struct mj_table_entry entry;
	mj_caps files = MJ_CAP(FILES_READ) | MJ_CAP(FILES_WRITE) | MJ_CAP(FILES_STAT);
	mj_caps network = 0;
	size_t seen = 0;
	ck_assert(mj_cap_parse("NETWORK", &network));
	struct mj_grant grant = mj_grant_of(mj_grant_unconfined().caps & ~(network | MJ_CAP(EXEC)));
	ck_assert_int_eq(mj_policy_create(&policy, NULL), 0);
	ck_assert_int_eq(mj_policy_set(policy, MODULE, grant,
	                               (struct mj_origin){ .source = MJ_SOURCE_FILE }, NULL),
	                 0);
	ck_assert_int_eq(mj_plan_make(mj_policy_everyone(policy), &plan, NULL), 0);
	ck_assert(!plan.allow_all);
	for (size_t i = 0; mj_table_entry(i, &entry); i++) {
		if ((entry.need.all | entry.need.any) & files) {
			seen++;
			ck_assert_msg(row_is_free(&plan, &entry), "%s is notified", entry.name);
		}
		if ((entry.need.all | entry.need.any) & (network | MJ_CAP(EXEC)))
			ck_assert_msg(!row_is_free(&plan, &entry), "%s is not notified",
			              entry.name);
	}
	ck_assert_uint_gt(seen, 50);
	mj_plan_free(&plan);
	mj_policy_destroy(policy);
}
END_TEST

/* ---- ways out ----------------------------------------------------------------------------------- */

START_TEST(escapes_of_names)
{
	struct mj_grant grant;
	ck_assert(mj_grant_parse_item("truncate", &grant));
	ck_assert_int_eq(mj_grant_escape(&grant, 0), MJ_CAP_FILES_WRITE);
	ck_assert_int_eq(mj_grant_escape(&grant, MJ_CAP_FILES_WRITE + 1), MJ_CAP_COUNT);
	/* By name, connect reaches whatever sockets of the program there are. */
	ck_assert(mj_grant_parse_item("connect", &grant));
	ck_assert_int_eq(mj_grant_escape(&grant, 0), MJ_CAP_NETWORK_UNIX);
	/* By the capability, only those that it can make. */
	ck_assert(mj_grant_parse_item("NETWORK/CONNECT", &grant));
	ck_assert_int_eq(mj_grant_escape(&grant, 0), MJ_CAP_COUNT);
	ck_assert(mj_grant_parse_item("confined", &grant));
	ck_assert_int_eq(mj_grant_escape(&grant, 0), MJ_CAP_COUNT);
	ck_assert(mj_grant_parse_item("getpid", &grant));
	ck_assert_int_eq(mj_grant_escape(&grant, 0), MJ_CAP_COUNT);
}
END_TEST

/* A reason that names calls must name calls of its own capability. */
START_TEST(reasons_are_true)
{
	static const char *const calls[] = {
		"ptrace", "process_vm_writev", "io_uring_setup", "bpf",   "finit_module",
		"mount",  "kexec_load",        "execve",         "setns", "pidfd_getfd",
	};
	struct mj_table_entry entry;
	size_t seen = 0;
	for (int c = 0; c < MJ_CAP_COUNT; c++) {
		const char *reason = mj_cap_escape(c);
		ck_assert_uint_gt(strlen(mj_cap_meaning(c)), 0);
		for (size_t i = 0; reason && i < MJ_ARRAY_LEN(calls); i++) {
			if (!strstr(reason, calls[i]))
				continue;
			bool concerned = false;
			for (size_t r = 0; mj_table_entry(r, &entry); r++)
				concerned |= strcmp(entry.name, calls[i]) == 0 &&
				             ((entry.need.all | entry.need.any) >> c & 1);
			ck_assert_msg(concerned, "%s is not by %s", calls[i], mj_cap_name(c));
			seen++;
		}
	}
	ck_assert_uint_gt(seen, 3);
	ck_assert_ptr_null(mj_cap_escape(MJ_CAP_COUNT));
}
END_TEST

/* ---- the kernel that runs ------------------------------------------------------------------------- */

/* Whether the kernel has a call of this number: everything wrong about it, in a process of its own. */
static int
kernel_has(int nr)
{
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		long r = syscall(nr, -1L, -1L, -1L, -1L, -1L, -1L);
		_exit(r == -1 && errno == ENOSYS ? 0 : 1);
	}
	int status = 0;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1; /* killed by somebody's filter */
}

/* Numbers that the table lacks: the kernel must lack them, too. No privileges needed, unlike tracefs and
 * kallsyms. 512 and on are those of x32. */
START_TEST(kernel_has_nothing_more)
{
	int control = kernel_has(SYS_getpid);
	if (control != 1) { /* a filter around the tests hides what the kernel has */
		printf("# getpid does not work here: the kernel cannot be asked\n");
		return;
	}
	for (int nr = 0; nr < 512; nr++) {
		if (mj_call_name(nr))
			continue;
		ck_assert_msg(kernel_has(nr) != 1,
		              "the kernel has a system call %d, which policy/table.def lacks", nr);
	}
}
END_TEST

/* Entry points that are not x86-64's: of 16- and 32-bit programs, of other machines, or under another name. */
static bool
is_foreign(const char *name)
{
	static const char *const names[] = {
		"fadvise64_64",
		"fstatfs64",
		"gethostname",
		"ipc",
		"llseek",
		"mmap_pgoff",
		"newfstat",
		"newlstat",
		"newstat",
		"newuname",
		"ni_syscall",
		"nice",
		"oldumount",
		"olduname",
		"pciconfig_iobase",
		"pciconfig_read",
		"pciconfig_write",
		"recv",
		"rtas",
		"s390_ipc",
		"s390_pci_mmio_read",
		"s390_pci_mmio_write",
		"send",
		"sendfile64",
		"sgetmask",
		"signal",
		"sigpending",
		"sigprocmask",
		"sigsuspend",
		"socketcall",
		"spu_create",
		"spu_run",
		"ssetmask",
		"statfs64",
		"stime",
		"subpage_prot",
		"sync_file_range2",
		"umount",
		"vm86",
		"vm86old",
		"waitpid",
	};
	size_t len = strlen(name);
	if (strncmp(name, "ia32_", 5) == 0 || strncmp(name, "old_", 4) == 0)
		return true;
	if (len > 2 && (strcmp(name + len - 2, "16") == 0 || strcmp(name + len - 2, "32") == 0))
		return true;
	for (size_t i = 0; i < MJ_ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* By name: /proc/kallsyms has names for everybody, if not addresses, where it is there at all. */
START_TEST(kernel_symbols_are_known)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512];
	char name[128];
	size_t seen = 0;
	if (!file) {
		printf("# /proc/kallsyms: %s; only numbers were compared\n", strerror(errno));
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		/* Not the compiler's parts of functions, setitimer.cold. */
		if (sscanf(line, "%*s %*s __x64_sys_%127s", name) != 1 || strchr(name, '.') ||
		    is_foreign(name))
			continue;
		seen++;
		ck_assert_msg(mj_call_number(name) >= 0,
		              "the kernel has %s, which policy/table.def lacks", name);
	}
	fclose(file);
	if (seen < 300)
		printf("# /proc/kallsyms names %zu system calls only\n", seen);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lines");
	TCase *tcase = tcase_create("lines");
	tcase_set_timeout(tcase, 100);
	tcase_add_loop_test(tcase, one_line_more, 0, (int)MJ_ARRAY_LEN(bases));
	tcase_add_test(tcase, each_line_gives_something);
	tcase_add_test(tcase, plans_of_one_line);
	tcase_add_test(tcase, files_are_free);
	tcase_add_test(tcase, escapes_of_names);
	tcase_add_test(tcase, reasons_are_true);
	tcase_add_test(tcase, kernel_has_nothing_more);
	tcase_add_test(tcase, kernel_symbols_are_known);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
