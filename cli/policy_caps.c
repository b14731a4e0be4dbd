/* SPDX-License-Identifier: Apache-2.0 */
/* `modjail policy caps`: the table, for people and for docs/capabilities.md. */
#include "cli/cli.h"

#include <string.h>

static bool
concerns(const struct mj_table_entry *entry, mj_caps caps)
{
	return ((entry->need.all | entry->need.any) & caps) != 0;
}

/* All calls of which some row has to do with caps; those of the base set for 0. */
static void
put_calls(FILE *out, mj_caps caps, const char *quote)
{
	struct mj_table_entry entry;
	const char *last = "";
	bool first = true;
	for (size_t i = 0; mj_table_entry(i, &entry); i++) {
		bool wanted = caps ? concerns(&entry, caps) : mj_need_is_base(entry.need);
		if (!wanted || strcmp(last, entry.name) == 0)
			continue;
		last = entry.name;
		fprintf(out, "%s%s%s%s", first ? "" : ", ", quote, entry.name, quote);
		first = false;
	}
}

static void
put_markdown(FILE *out)
{
	fputs("# Capabilities\n\n"
	      "Written by `modjail policy caps --markdown`; the tests see to it that it is up to "
	      "date.\n\n"
	      "A name in front of a slash stands for all that begin with it. **!** marks those by "
	      "which a "
	      "module may leave its jail;\nthe reasons are below. A call may need one capability "
	      "or another, "
	      "by its arguments: then it stands with each; `modjail policy caps --calls` says by "
	      "which.\n\n"
	      "| capability | | what it is | system calls that may need it |\n|---|---|---|---|\n",
	      out);
	for (int c = 0; c < MJ_CAP_COUNT; c++) {
		fprintf(out, "| `%s` | %s | %s | ", mj_cap_name(c), mj_cap_escape(c) ? "**!**" : "",
		        mj_cap_meaning(c));
		put_calls(out, UINT64_C(1) << c, "`");
		fputs(" |\n", out);
	}
	fputs("\n## Leaving the jail\n\n", out);
	for (int c = 0; c < MJ_CAP_COUNT; c++)
		if (mj_cap_escape(c))
			fprintf(out, "- `%s`: %s.\n", mj_cap_name(c), mj_cap_escape(c));
	fputs("\n## The base set\n\nWhat every module may always do, by some arguments at "
	      "least:\n\n",
	      out);
	put_calls(out, 0, "`");
	fputs(".\n", out);
}

/* Whether the row is the last of several of its call: then it stands for what is left. */
static bool
is_rest(size_t index, const struct mj_table_entry *entry)
{
	struct mj_table_entry before;
	return !entry->nconds && index > 0 && mj_table_entry(index - 1, &before) &&
	       before.nr == entry->nr;
}

/* "    openat(O_RDONLY without O_CREAT)", and what else it needs. */
static void
put_row(FILE *out, size_t index, const struct mj_table_entry *entry, int cap)
{
	char others[512];
	mj_caps rest = entry->need.all & ~(UINT64_C(1) << cap);
	fprintf(out, "    %s", entry->name);
	if (entry->nconds) {
		fputc('(', out);
		cli_put_conds(out, entry);
		fputc(')', out);
	} else if (is_rest(index, entry)) {
		fputs(" otherwise", out);
	}
	if (rest)
		fprintf(out, ", and %s", mj_caps_format(rest, others, sizeof(others)));
	rest = entry->need.any & ~(UINT64_C(1) << cap);
	if (rest)
		fprintf(out, ", or %s instead", mj_caps_format(rest, others, sizeof(others)));
	fputc('\n', out);
}

static void
put_one(FILE *out, int cap, bool calls)
{
	fprintf(out, "%-29s %s %s\n", mj_cap_name(cap), mj_cap_escape(cap) ? "!" : " ",
	        mj_cap_meaning(cap));
	if (!calls)
		return;
	struct mj_table_entry entry;
	for (size_t i = 0; mj_table_entry(i, &entry); i++)
		if (concerns(&entry, UINT64_C(1) << cap))
			put_row(out, i, &entry, cap);
}

void
cli_policy_caps(FILE *out, enum cli_caps_format format, bool calls)
{
	if (format == CLI_CAPS_MARKDOWN) {
		put_markdown(out);
		return;
	}
	if (format == CLI_CAPS_JSON) {
		cli_json_caps(out);
		return;
	}
	for (int c = 0; c < MJ_CAP_COUNT; c++)
		put_one(out, c, calls);
	fputs("\n! A module that has it may leave its jail:\n", out);
	for (int c = 0; c < MJ_CAP_COUNT; c++)
		if (mj_cap_escape(c))
			fprintf(out, "  %-29s %s\n", mj_cap_name(c), mj_cap_escape(c));
}
