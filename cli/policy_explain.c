/* SPDX-License-Identifier: Apache-2.0 */
/* `modjail policy explain` and `show`: what the policies come to, and which line says so. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* ---- where it is written --------------------------------------------------------------------- */

static void
put_origin(FILE *out, struct cli_style style, struct mj_origin origin)
{
	if (!origin.file) {
		fputs("nowhere: the default", out);
		return;
	}
	cli_put(out, style, origin.file);
	if (origin.line)
		fprintf(out, ":%u", origin.line);
	if (origin.column)
		fprintf(out, ":%u", origin.column);
}

/* The word of an allowlist that allows it by itself; NULL if there is none. */
static const struct mj_item *
find_item(const struct mj_rule *rule, struct mj_need need)
{
	for (size_t i = 0; i < rule->nitems; i++)
		if (mj_grant_allows(&rule->items[i].grant, need))
			return &rule->items[i];
	return NULL;
}

static void
put_reason(FILE *out, struct cli_style style, const struct mj_rule *rule, struct mj_need need)
{
	if (mj_need_is_base(need)) {
		fputs("the base set", out);
		return;
	}
	const struct mj_item *item = find_item(rule, need);
	put_origin(out, style, item ? item->origin : rule->origin);
	if (item) {
		fputs(" (", out);
		cli_put(out, style, item->word);
		fputc(')', out);
	}
}

/* ---- explain --------------------------------------------------------------------------------- */

static void
explain_row(FILE *out, struct cli_style style, const struct mj_rule *rule,
            const struct mj_table_entry *entry)
{
	char caps[512];
	mj_caps needed = entry->need.all ? entry->need.all : entry->need.any;
	bool allowed = mj_grant_allows(&rule->grant, entry->need);
	fprintf(out, "  %s", allowed ? "allowed" : "refused");
	if (needed)
		fprintf(out, ", needs %s%s", entry->need.all ? "" : "one of ",
		        mj_caps_format(needed, caps, sizeof(caps)));
	if (entry->nconds) {
		fputs(", if ", out);
		cli_put_conds(out, entry);
	}
	fputs(": ", out);
	put_reason(out, style, rule, entry->need);
	fputc('\n', out);
}

/* The rows that the call may fit: calls f for each, until one that it fits whatever is not known. */
static void
each_row(const struct cli_asked *asked, void (*f)(void *ctx, const struct mj_table_entry *entry),
         void *ctx)
{
	struct mj_table_entry entry;
	bool surely = false;
	for (size_t i = 0; !surely && mj_table_entry(i, &entry); i++)
		if (entry.nr == asked->call.nr &&
		    cli_call_may_fit(&asked->call, asked->known, &entry, &surely))
			f(ctx, &entry);
		else
			surely = false;
}

struct explanation {
	FILE *out;
	struct cli_style style;
	const struct mj_rule *rule;
	size_t yes, no;
};

static void
count_row(void *ctx, const struct mj_table_entry *entry)
{
	struct explanation *e = ctx;
	bool allowed = mj_grant_allows(&e->rule->grant, entry->need);
	e->yes += allowed;
	e->no += !allowed;
}

static void
put_row(void *ctx, const struct mj_table_entry *entry)
{
	const struct explanation *e = ctx;
	explain_row(e->out, e->style, e->rule, entry);
}

enum cli_explained
cli_policy_explain(FILE *out, struct cli_style style, const struct mj_rule *rule,
                   const char *module, const struct cli_asked *asked)
{
	struct explanation e = { out, style, rule, 0, 0 };
	each_row(asked, count_row, &e);
	cli_put(out, style, module);
	fprintf(out, "%s: %s", asked->by_default ? " (nothing names it: the default)" : "",
	        mj_call_name(asked->call.nr));
	if (asked->known) {
		fputc('(', out);
		cli_put_known_args(out, &asked->call, asked->known);
		fputc(')', out);
	}
	fprintf(out, " %s\n",
	        !e.no    ? "is allowed"
	        : !e.yes ? "is refused"
	                 : "is allowed or refused by its arguments; the first line that fits "
	                   "counts");
	each_row(asked, put_row, &e);
	return !e.no ? CLI_EXPLAINED_ALLOWED : !e.yes ? CLI_EXPLAINED_REFUSED : CLI_EXPLAINED_BOTH;
}

/* ---- show ------------------------------------------------------------------------------------ */

const char *
cli_rule_word(const struct mj_rule *rule)
{
	struct mj_grant unconfined = mj_grant_unconfined();
	struct mj_grant confined = mj_grant_confined();
	if (rule->nitems || rule->origin.source == MJ_SOURCE_FILE)
		return NULL;
	if (memcmp(&rule->grant, &unconfined, sizeof(unconfined)) == 0)
		return "unconfined";
	return memcmp(&rule->grant, &confined, sizeof(confined)) == 0 ? "confined" : NULL;
}

static void
put_words(FILE *out, struct cli_style style, const struct mj_rule *rule)
{
	char caps[512];
	if (rule->nitems || rule->origin.source == MJ_SOURCE_FILE) {
		fputc('[', out);
		for (size_t i = 0; i < rule->nitems; i++) {
			fputs(i ? ", " : "", out);
			cli_put(out, style, rule->items[i].word);
		}
		fputc(']', out);
	} else if (cli_rule_word(rule)) {
		fputs(cli_rule_word(rule), out);
	} else {
		fprintf(out, "[%s]", mj_caps_format(rule->grant.caps, caps, sizeof(caps)));
	}
	if (rule->privileged)
		fputs(" privileged", out);
	if (rule->pool)
		fputs(" pool", out);
	if (rule->action != MJ_ACTION_DEFAULT)
		fprintf(out, " action=%s", mj_action_name(rule->action));
	if (rule->errnum)
		fprintf(out, " errno=%s", strerrorname_np(rule->errnum));
}

void
cli_policy_show_rule(FILE *out, struct cli_style style, const char *module,
                     const struct mj_rule *rule)
{
	cli_put(out, style, module);
	fputs(": ", out);
	put_words(out, style, rule);
	fputs("  # ", out);
	put_origin(out, style, rule->origin);
	fputc('\n', out);
	for (size_t i = 0; i < rule->nitems; i++) {
		if (rule->items[i].origin.line == rule->origin.line)
			continue;
		fputs("    ", out);
		cli_put(out, style, rule->items[i].word);
		fputs("  # ", out);
		put_origin(out, style, rule->items[i].origin);
		fputc('\n', out);
	}
}

enum { PLAN_FREE, PLAN_BY_ARGUMENTS, PLAN_NOTIFIED, PLAN_REFUSED, PLAN_LISTS };

/* In which of the lists a call belongs. */
static int
plan_list_of(const struct mj_plan *plan, int nr)
{
	if (plan->allow_all)
		return PLAN_FREE;
	for (size_t i = 0; i < plan->count; i++) {
		const struct mj_plan_rule *rule = &plan->rules[i];
		if (rule->nr == nr)
			return rule->errnum   ? PLAN_REFUSED
			       : rule->nconds ? PLAN_BY_ARGUMENTS
			                      : PLAN_FREE;
	}
	return PLAN_NOTIFIED;
}

static void
put_plan(FILE *out, const struct cli_plan_list *lists)
{
	for (size_t i = 0; i < PLAN_LISTS; i++) {
		fprintf(out, "%s:", lists[i].head);
		for (size_t j = 0; j < lists[i].count; j++)
			fprintf(out, " %s", lists[i].names[j]);
		fputc('\n', out);
	}
}

int
cli_policy_show_plan(FILE *out, const struct mj_grant *everyone, bool json, struct mj_error *err)
{
	struct cli_plan_list lists[PLAN_LISTS] = {
		[PLAN_FREE] = { .head = "free, the supervisor does not see them", .key = "free" },
		[PLAN_BY_ARGUMENTS] = { .head = "by arguments, free or notified",
		                        .key = "by_arguments" },
		[PLAN_NOTIFIED] = { .head = "always notified", .key = "notified" },
		[PLAN_REFUSED] = { .head = "refused at once with ENOSYS, so that callers use clone",
		                   .key = "refused" },
	};
	struct mj_plan plan;
	size_t count = mj_call_count();
	MJ_AUTO_FREE const char **names = calloc(PLAN_LISTS * count, sizeof(*names));
	if (!names)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (mj_plan_make(everyone, &plan, err) < 0)
		return -1;
	for (size_t i = 0; i < PLAN_LISTS; i++)
		lists[i].names = names + i * count;
	for (size_t i = 0; i < count; i++) {
		struct cli_plan_list *list = &lists[plan_list_of(&plan, mj_call_at(i))];
		list->names[list->count++] = mj_call_name(mj_call_at(i));
	}
	if (json)
		cli_json_plan(out, lists, PLAN_LISTS);
	else
		put_plan(out, lists);
	mj_plan_free(&plan);
	return 0;
}
