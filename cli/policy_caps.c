/* SPDX-License-Identifier: Apache-2.0 */
/* `modjail policy caps`: the table, for people and for docs/capabilities.md. */
#include "cli/cli.h"

#include <inttypes.h>
#include <string.h>

void
cli_put_conds(FILE *out, const struct mj_table_entry *entry)
{
	for (unsigned i = 0; i < entry->nconds; i++) {
		const struct mj_cond *c = &entry->conds[i];
		fputs(i ? " and " : "", out);
		if (c->mask == UINT64_MAX || c->mask == UINT32_MAX)
			fprintf(out, "argument %u is 0x%" PRIx64, c->arg + 1, c->value);
		else
			fprintf(out, "argument %u & 0x%" PRIx64 " is 0x%" PRIx64, c->arg + 1,
			        c->mask, c->value);
	}
}

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
	      "by its arguments: then it stands with each.\n\n"
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

static void
put_one(FILE *out, int cap, bool calls)
{
	fprintf(out, "%-29s %s %s\n", mj_cap_name(cap), mj_cap_escape(cap) ? "!" : " ",
	        mj_cap_meaning(cap));
	if (!calls)
		return;
	struct mj_table_entry entry;
	for (size_t i = 0; mj_table_entry(i, &entry); i++) {
		if (!concerns(&entry, UINT64_C(1) << cap))
			continue;
		fprintf(out, "    %s", entry.name);
		if (entry.nconds) {
			fputs(" if ", out);
			cli_put_conds(out, &entry);
		}
		fputc('\n', out);
	}
}

void
cli_policy_caps(FILE *out, bool calls, bool markdown)
{
	if (markdown) {
		put_markdown(out);
		return;
	}
	for (int c = 0; c < MJ_CAP_COUNT; c++)
		put_one(out, c, calls);
	fputs("\n! A module that has it may leave its jail:\n", out);
	for (int c = 0; c < MJ_CAP_COUNT; c++)
		if (mj_cap_escape(c))
			fprintf(out, "  %-29s %s\n", mj_cap_name(c), mj_cap_escape(c));
}
