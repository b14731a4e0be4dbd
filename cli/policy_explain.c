/* SPDX-License-Identifier: Apache-2.0 */
/* `modjail policy explain` and `show`: what the policies come to, and which line says so. */
#include "cli/cli.h"

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

enum cli_explained
cli_policy_explain(FILE *out, struct cli_style style, const struct mj_rule *rule,
                   const char *module, int nr)
{
	struct mj_table_entry entry;
	size_t yes = 0;
	size_t no = 0;
	for (size_t i = 0; mj_table_entry(i, &entry); i++) {
		if (entry.nr != nr)
			continue;
		bool allowed = mj_grant_allows(&rule->grant, entry.need);
		yes += allowed;
		no += !allowed;
	}
	cli_put(out, style, module);
	fprintf(out, ": %s %s\n", mj_call_name(nr),
	        !no    ? "is allowed"
	        : !yes ? "is refused"
	               : "is allowed or refused by its arguments; the first line that fits counts");
	for (size_t i = 0; mj_table_entry(i, &entry); i++)
		if (entry.nr == nr)
			explain_row(out, style, rule, &entry);
	return !no ? CLI_EXPLAINED_ALLOWED : !yes ? CLI_EXPLAINED_REFUSED : CLI_EXPLAINED_BOTH;
}

/* ---- show ------------------------------------------------------------------------------------ */

static void
put_words(FILE *out, struct cli_style style, const struct mj_rule *rule)
{
	char caps[512];
	struct mj_grant unconfined = mj_grant_unconfined();
	struct mj_grant confined = mj_grant_confined();
	if (rule->nitems || rule->origin.source == MJ_SOURCE_FILE) {
		fputc('[', out);
		for (size_t i = 0; i < rule->nitems; i++) {
			fputs(i ? ", " : "", out);
			cli_put(out, style, rule->items[i].word);
		}
		fputc(']', out);
	} else if (!memcmp(&rule->grant, &unconfined, sizeof(unconfined))) {
		fputs("unconfined", out);
	} else if (!memcmp(&rule->grant, &confined, sizeof(confined))) {
		fputs("confined", out);
	} else {
		fprintf(out, "[%s]", mj_caps_format(rule->grant.caps, caps, sizeof(caps)));
	}
	if (rule->privileged)
		fputs(" privileged", out);
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

static void
put_plan_list(FILE *out, const char *head, const bool *in, const bool *also, bool want_also)
{
	fprintf(out, "%s:", head);
	for (size_t i = 0; i < mj_call_count(); i++)
		if (in[i] && also[i] == want_also)
			fprintf(out, " %s", mj_call_name(mj_call_at(i)));
	fputc('\n', out);
}

int
cli_policy_show_plan(FILE *out, const struct mj_grant *everyone, struct mj_error *err)
{
	struct mj_plan plan;
	bool free_of[1024] = { 0 };
	bool partly[1024] = { 0 };
	bool refused[1024] = { 0 };
	bool notified[1024] = { 0 };
	if (mj_plan_make(everyone, &plan, err) < 0)
		return -1;
	for (size_t i = 0; i < mj_call_count() && i < MJ_ARRAY_LEN(free_of); i++) {
		for (size_t r = 0; r < plan.count; r++) {
			const struct mj_plan_rule *rule = &plan.rules[r];
			if (rule->nr != mj_call_at(i))
				continue;
			refused[i] |= rule->errnum != 0;
			free_of[i] |= rule->nconds == 0 && !rule->errnum;
			partly[i] |= rule->nconds > 0;
		}
		free_of[i] |= plan.allow_all;
		notified[i] = !free_of[i] && !refused[i];
	}
	put_plan_list(out, "free, the supervisor does not see them", free_of, partly, false);
	put_plan_list(out, "by arguments, free or notified", notified, partly, true);
	put_plan_list(out, "always notified", notified, partly, false);
	put_plan_list(out, "refused at once with ENOSYS, so that callers use clone", refused,
	              partly, false);
	mj_plan_free(&plan);
	return 0;
}
